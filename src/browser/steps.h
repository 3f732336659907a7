/* The checks of one answer, as fetch.c asks them in the standard's order. */
#pragma once
#include "corsd/browser/fetch.h"

/* Notes a step; where it failed, the fetch ends with `block`. Returns passed. */
bool step_note(struct fetch *fetch, const char *name, const char *section, bool passed,
               enum block block, const char *format, ...) __attribute__((format(printf, 6, 7)));
void fetch_end(struct fetch *fetch, enum block block);
/* Fetch, "CORS check". */
bool check_origin(struct fetch *fetch, const struct answer *answer);
/* Fetch, "CORS-preflight fetch", step 7, behind the CORS check. */
bool check_preflight(struct fetch *fetch, const struct answer *answer);
/* Which of the answer's headers the page may read. */
void note_readable(struct fetch *fetch, const struct answer *answer);
