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

/* What all loops of a process share: counts that limits are about. Any thread. */
struct crowd *crowd_create(void);
void crowd_destroy(struct crowd *crowd);

/* NULL out of memory. The base, the log and the crowd outlive the loop; the plan gets a reference.
 */
MUST_USE struct loop *loop_create(struct event_base *base, const struct log *log,
                                  struct crowd *crowd, struct plan *plan, const uint64_t seed[2]);
/* Ends every connection and frees all. */
void loop_destroy(struct loop *loop);
/* New exchanges use this plan from now on; pools of unchanged upstreams live on. False out of
 * memory: the old plan stays. */
MUST_USE bool loop_take_plan(struct loop *loop, struct plan *plan);
/* Accepts on this socket (non-blocking, listening); the socket stays the caller's. */
MUST_USE bool loop_listen(struct loop *loop, int fd, bool tls);
/* health_path says from now on that others should be asked. */
void loop_unready(struct loop *loop);
/* Stops accepting, ends idle connections, lets the others finish. */
void loop_drain(struct loop *loop);
/* Open exchanges and tunnels. */
size_t loop_busy(const struct loop *loop);
size_t loop_clients(const struct loop *loop);
/* Counters are written by this loop's thread alone; others read them with relaxed loads. */
const struct counters *loop_counters(const struct loop *loop);
