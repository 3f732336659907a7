/* What corsd says itself: preflights, refusals, errors. Appends a whole response to a buf.
 * Source: DESIGN §2 rules 2, 3, 10; RFC 9110 §15. */
#pragma once
#include "corsd/gate/request.h"

/* The answer of a DECISION_ANSWER, or of an exchange that failed later with `cause` (then
 * decision->cause is set to it by the caller). `close`: the connection ends after it. */
void gate_answer(struct buf *out, const struct gate *gate, const struct decision *decision,
                 bool close);
/* The answer's status. */
unsigned gate_answer_status(const struct decision *decision);
