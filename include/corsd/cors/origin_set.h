/* Patterns of origins, each with the number of its rule → the first rule that matches an origin, in
 * one look-up: 100,000 exact origins cost what one costs, and wildcards cost by the shape of the
 * origin, not by their number. Filled, sealed, then immutable and shared by all threads. One owner.
 */
#pragma once
#include "corsd/base/str.h"

struct origin_set;
struct pattern;
struct public_suffixes;

enum { ORIGIN_SET_NO_RULE = UINT16_MAX };

/* `suffixes` (may be NULL) keeps wildcards within one registrable domain; it is kept by reference.
 * NULL out of memory. */
MUST_USE struct origin_set *origin_set_create(const struct public_suffixes *suffixes);
void origin_set_destroy(struct origin_set *set);

enum origin_set_added {
    ORIGIN_SET_ADDED,
    ORIGIN_SET_TWICE, /* it was there: the earlier one stays */
    ORIGIN_SET_NO_MEMORY,
};
/* Rules come in order: `rule` is never below that of an earlier call. `unbounded` lets a wildcard
 * reach across registrable domains. Of PATTERN_ANY_ORIGIN nothing is added. For one found twice
 * *earlier is the first one's rule. */
enum origin_set_added origin_set_add(struct origin_set *set, const struct pattern *pattern,
                                     uint16_t rule, bool unbounded, uint16_t *earlier);
/* Ends the adding and makes look-ups possible. False out of memory. */
MUST_USE bool origin_set_seal(struct origin_set *set);
/* Whether some origin leads to this rule: one of its patterns is not covered by an earlier rule's.
 * A pattern covered by several together counts as not covered. */
bool origin_set_reaches(const struct origin_set *set, uint16_t rule);
/* The first rule that matches, "null" included, or ORIGIN_SET_NO_RULE. No allocation. */
uint16_t origin_set_find(const struct origin_set *set, struct str origin);
/* Patterns in it, each counted once. */
size_t origin_set_count(const struct origin_set *set);
