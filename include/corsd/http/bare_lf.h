/* Heads of legacy servers that end lines by LF alone (accept_bare_lf), made into what the guard
 * takes. Pure. */
#pragma once
#include "corsd/base/buf.h"

/* Whether the head's empty line is among the bytes; *end: the head's length with it. *from keeps
 * the place between calls, 0 at first. */
MUST_USE bool bare_lf_find_end(struct str bytes, size_t *from, size_t *end);
/* Appends the head with each lone LF as CRLF. */
void bare_lf_repair(struct buf *out, struct str head);
