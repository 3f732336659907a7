/* host + path → route. Immutable after it was built; any thread.
 * The most specific host (exact, then the longest wildcard, then any), then the longest path. */
#pragma once
#include "corsd/plan/plan.h"

struct route_table;
MUST_USE struct route_table *route_table_create(const struct route *routes, size_t n);
void route_table_destroy(struct route_table *table);
/* host in normal form (empty: none was sent, matches only routes without host); path in normal
 * form. NULL where no route matches. No allocation; cost grows with the path's segments, not with
 * the number of routes. */
const struct route *route_find(const struct route_table *table, struct str host, struct str path);
/* The same for a path in lower case (READ_FOLDED, READ_ALL): the routes' letters count in lower
 * case too. */
const struct route *route_find_folded(const struct route_table *table, struct str host,
                                      struct str path);
/* Whether every path of this host leads to the same route, or every path to none: then no spelling
 * matters. */
bool route_is_plain(const struct route_table *table, struct str host);
