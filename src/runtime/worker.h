/* A loop a thread, and what the main thread may tell it. */
#pragma once
#include "corsd/plan/plan.h"
#include "corsd/proxy/loop.h"

struct worker;

/* A worker with its own event base, not yet running; NULL: out of memory or descriptors. */
struct worker *worker_create(const struct log *log, struct crowd *crowd, struct fleet *fleet,
                             struct plan *plan);
/* Before worker_start: sockets to accept from; see loop_listen for whose they are then. */
MUST_USE bool worker_listen(struct worker *worker, int fd, enum listener_share share,
                            struct listener_ways ways);
MUST_USE bool worker_start(struct worker *worker, unsigned number);

/* From the main thread, while it runs; each returns at once. */
void worker_take_plan(struct worker *worker, struct plan *plan); /* takes a reference of its own */
void worker_unready(struct worker *worker); /* health_path turns 503 */
void worker_drain(struct worker *worker);
/* The other workers are deaf: what they shared with this one may close. */
void worker_drain_last(struct worker *worker);
bool worker_is_deaf(const struct worker *worker); /* its listeners are of no use to it any more */
bool worker_has_ended(const struct worker *worker);

/* Waits for the thread, frees all. */
void worker_destroy(struct worker *worker);
