/* Active health checks: each server of an upstream that has `health` is asked for a path again and
 * again, and what it answers decides whether it is up. One thread: the base's. */
#pragma once
#include "corsd/observe/log.h"

struct checks;
struct event_base;
struct fleet;
struct plan;

/* NULL out of memory. Base and fleet outlive it. */
MUST_USE struct checks *checks_create(struct event_base *base, struct fleet *fleet);
/* Checks what this plan says from now on; what means the same as before goes on undisturbed. False
 * out of memory: the old checks go on. */
MUST_USE bool checks_take_plan(struct checks *checks, const struct plan *plan);
/* A bell rang: rosters may have changed. */
void checks_refresh(struct checks *checks);
void checks_destroy(struct checks *checks);
