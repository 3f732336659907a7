/* One event loop's share of the proxy: its clients, exchanges, pools, buffers and counters. All of
 * it belongs to one thread; what crosses threads says so. */
#pragma once
#include "corsd/base/address.h"
#include "corsd/observe/counters.h"
#include "corsd/observe/log.h"

struct event_base;
struct listen_socket;
struct loop;
struct plan;
struct crowd;
struct fleet;
struct bell;

/* What all loops of a process share: counts that limits are about. Any thread. */
struct crowd *crowd_create(void);
void crowd_destroy(struct crowd *crowd);
/* The one descriptor kept in reserve is given up, for what must work when there are no more: a
 * reload, an accept of the admin listener; and kept again, at once or when one is free. In
 * pairs. */
void crowd_lend_reserve(struct crowd *crowd);
void crowd_keep_reserve(struct crowd *crowd);

/* NULL out of memory. The base, the log, the crowd, the fleet and the bell (which has loop_refresh
 * called in the loop's thread) outlive the loop; the plan gets a reference. */
MUST_USE struct loop *loop_create(struct event_base *base, const struct log *log,
                                  struct crowd *crowd, struct fleet *fleet, struct bell *bell,
                                  struct plan *plan, const uint64_t seed[2]);
/* Where whoever runs the base counts its turns, so that a loop can tell what one wait found. */
uint64_t *loop_turns(struct loop *loop);
/* Ends every connection and frees all. */
void loop_destroy(struct loop *loop);
/* New exchanges use this plan from now on; pools of unchanged upstreams live on. False out of
 * memory: the old plan stays. */
MUST_USE bool loop_take_plan(struct loop *loop, struct plan *plan);
/* A bell rang: something of the fleet may have changed. */
void loop_refresh(struct loop *loop);
/* A socket, and by which of the plan's listeners it is served. */
struct listen_item {
    struct listen_socket *socket;
    size_t spec;
};
/* From now on the loop accepts from exactly these, as the plan says. Sockets it accepted from
 * before are kept where they are among them; the others are shut, emptied and let go, so that
 * nobody who has connected is lost. Takes references of its own. False where one could not be
 * added. */
MUST_USE bool loop_listen(struct loop *loop, const struct listen_item *items, size_t n,
                          struct plan *plan);
/* health_path says from now on that others should be asked. */
void loop_unready(struct loop *loop);
/* Lets its sockets go (see loop_listen), ends idle connections, lets the others finish. */
void loop_drain(struct loop *loop);
/* After a drain: nothing listens, no client is connected, and no connection to a server is left
 * that another loop waits for. */
bool loop_is_done(const struct loop *loop);
/* Counters are written by this loop's thread alone; others read them with relaxed loads. */
const struct counters *loop_counters(const struct loop *loop);
