/* What the access log and the counters say of an exchange: collected while its head is there. */
#pragma once
#include "exchange.h"

/* A refusal that is news goes to the log, with the line of YAML that would allow it (DESIGN §6). */
void record_verdict(struct exchange *ex, const struct head *head);
/* Notes when it began, and who asks, where the plan wants access lines. */
void record_start(struct exchange *ex);
void record_head(struct exchange *ex, const struct head *head, const struct peer *peer);
/* The server is turned to; its response's head is there. */
void record_asked(struct exchange *ex);
void record_responded(struct exchange *ex);
/* The plan is about to be let go: names that are its own are copied. */
void record_keep(struct exchange *ex);
void record_end(struct exchange *ex);
/* Writes the access lines that wait. */
void record_flush(struct loop *loop);
