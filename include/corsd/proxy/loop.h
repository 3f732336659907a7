/* One event loop's share of the proxy: its clients, exchanges, pools, buffers and counters. All of
 * it belongs to one thread; what crosses threads says so. */
#pragma once
#include "corsd/base/address.h"
#include "corsd/observe/counters.h"
#include "corsd/observe/log.h"

struct event_base;
struct loop;
struct plan;
struct crowd;
struct fleet;

/* What all loops of a process share: counts that limits are about. Any thread. */
struct crowd *crowd_create(void);
void crowd_destroy(struct crowd *crowd);

/* NULL out of memory. The base, the log, the crowd and the fleet outlive the loop; the plan gets a
 * reference. */
MUST_USE struct loop *loop_create(struct event_base *base, const struct log *log,
                                  struct crowd *crowd, struct fleet *fleet, struct plan *plan,
                                  const uint64_t seed[2]);
/* Where whoever runs the base counts its turns, so that a loop can tell what one wait found. */
uint64_t *loop_turns(struct loop *loop);
/* Ends every connection and frees all. */
void loop_destroy(struct loop *loop);
/* New exchanges use this plan from now on; pools of unchanged upstreams live on. False out of
 * memory: the old plan stays. */
MUST_USE bool loop_take_plan(struct loop *loop, struct plan *plan);
/* A bell rang: something of the fleet may have changed. */
void loop_refresh(struct loop *loop);
/* Whose a listening socket is: a drain accepts what is queued and closes with nothing between, so
 * that no connection is lost. Where loops share one, the last goes on until the others are deaf. */
enum listener_share { LISTENER_OWN, LISTENER_SHARED, LISTENER_SHARED_LAST };
/* How its connections begin: the PROXY header comes before TLS where both are. */
struct listener_ways {
    bool tls, proxy_protocol;
};
/* Accepts on this socket (non-blocking, listening), which is the loop's unless LISTENER_SHARED. */
MUST_USE bool loop_listen(struct loop *loop, int fd, enum listener_share share,
                          struct listener_ways ways);
/* health_path says from now on that others should be asked. */
void loop_unready(struct loop *loop);
/* Stops accepting, ends idle connections, lets the others finish. */
void loop_drain(struct loop *loop);
/* The other loops are deaf: what is LISTENER_SHARED_LAST is emptied and closed too. */
void loop_drain_last(struct loop *loop);
bool loop_listens(const struct loop *loop);
/* Open connections of clients. */
size_t loop_clients(const struct loop *loop);
/* Counters are written by this loop's thread alone; others read them with relaxed loads. */
const struct counters *loop_counters(const struct loop *loop);
