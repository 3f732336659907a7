/* Sentences with blanks for what differs from fetch to fetch. */
#pragma once
#include "corsd/browser/fetch.h"

/* Appends the text. %v: the value to blame, %o: the origin sent, %u: the URL asked, %s: the
 * status. */
void blanks_fill(struct buf *out, const char *text, const struct fetch *fetch);
