/* The thread that keeps the fleet: it resolves the names of servers and checks their health. It
 * starts with the first plan that needs it. */
#pragma once
#include "corsd/observe/log.h"
#include "corsd/plan/plan.h"

struct fleet;
struct keeper;

/* NULL out of memory. Log and fleet outlive it. No thread runs yet. */
MUST_USE struct keeper *keeper_create(const struct log *log, struct fleet *fleet);
/* From the main thread: keep what this plan needs from now on. False where the thread cannot be
 * started. */
MUST_USE bool keeper_take_plan(struct keeper *keeper, struct plan *plan);
/* Waits for the thread, frees all. */
void keeper_destroy(struct keeper *keeper);
