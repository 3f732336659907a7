/* The header edits of a route: what it names goes, what it sets comes instead. Source: DESIGN §1
 * request_headers, response_headers. */
#pragma once
#include "corsd/http/message.h"
#include "corsd/plan/plan.h"

/* Drops the fields that the edits set or remove, twins (`_` read as `-`) included. */
void gate_edit(const struct header_edits *edits, struct head *head);
