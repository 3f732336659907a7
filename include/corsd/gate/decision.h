/* What was decided and why, as a header for the person who debugs (decision_header: true). */
#pragma once
#include "corsd/gate/request.h"

/* "Corsd-Decision: kind=…; result=…; reason=…; policy=…; rule=…; route=…". Nothing where the plan
 * does not want it. */
void gate_decision_line(struct buf *out, const struct gate *gate, const struct decision *decision);
