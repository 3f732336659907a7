/* What was written → a plan: names found, addresses read, policies and routes compiled. */
#pragma once
#include "corsd/config/written.h"

struct plan;
/* Fills the plan, whose arena the reading allocates from. Reports every fault; false where memory
 * ran out. */
MUST_USE bool compile_plan(struct reading *reading, const struct written *written,
                           struct plan *plan);
