/* "Did you mean": the word nearest to one that was mistyped. Pure. */
#pragma once
#include "corsd/base/str.h"

/* How much a typo has to change (insert, delete, replace, swap neighbours), without regard to case,
 * `-` and `_`; at most `limit` + 1. */
unsigned typo_distance(struct str a, struct str b, unsigned limit);
/* How far a word may be from another to be taken for it. */
unsigned typo_limit(struct str word);
