/* A loop a thread, and what the main thread may tell it. */
#pragma once
#include "corsd/plan/plan.h"
#include "corsd/proxy/loop.h"

struct worker;

/* A worker with its own event base, not yet running; NULL: out of memory or descriptors. */
struct worker *worker_create(const struct log *log, struct crowd *crowd, struct fleet *fleet,
                             struct plan *plan);
MUST_USE bool worker_start(struct worker *worker, unsigned number);

/* From the main thread, while it runs; each returns at once. */
/* The plan and where it listens, as loop_take_plan and loop_listen. Takes references of its own.
 * False out of memory. Before worker_start too. */
MUST_USE bool worker_take_plan(struct worker *worker, struct plan *plan,
                               const struct listen_item *items, size_t n);
void worker_unready(struct worker *worker); /* health_path turns 503 */
void worker_drain(struct worker *worker);
/* Asks each for a sign of life; since how many ms the longest one is owed, as thread_ask. */
uint64_t workers_owe_ms(struct worker *const *workers, unsigned n);
/* Numbers that its thread writes: relaxed loads. */
const struct counters *worker_counters(const struct worker *worker);
bool worker_has_ended(const struct worker *worker);

/* Waits for the thread, frees all. */
void worker_destroy(struct worker *worker);
