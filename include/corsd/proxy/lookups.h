/* Names of servers kept resolved: each upstream that has any gets a roster of all addresses that
 * they have now. One thread: the base's. */
#pragma once
#include "corsd/observe/log.h"

struct event_base;
struct fleet;
struct lookups;
struct plan;

/* NULL out of memory. Base, log and fleet outlive it. */
MUST_USE struct lookups *lookups_create(struct event_base *base, const struct log *log,
                                        struct fleet *fleet);
/* Resolves what this plan names from now on, and lets go of what it does not; names that stay keep
 * their addresses. Takes a reference. False out of memory: the old names go on. */
MUST_USE bool lookups_take_plan(struct lookups *lookups, struct plan *plan);
void lookups_destroy(struct lookups *lookups);
