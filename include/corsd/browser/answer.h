/* What a server answered, as the browser's CORS checks look at it: a status and header fields.
 * Pure. Source: Fetch, "get a header value", "extract header list values". */
#pragma once
#include "corsd/base/arena.h"
#include "corsd/http/fields.h"

struct answer {
    unsigned status; /* 0: none came */
    const struct field *fields;
    size_t n;
};

/* All values of the name joined by ", "; false where there is none. p is NULL out of memory. */
MUST_USE bool answer_value(const struct answer *answer, struct arena *arena, struct str name,
                           struct str *out);
size_t answer_count(const struct answer *answer, struct str name);
bool answer_is_redirect(const struct answer *answer); /* 301, 302, 303, 307, 308 */
bool answer_is_ok(const struct answer *answer);       /* 200 to 299 */

/* Walks a list of tokens as the CORS headers hold them: empty items are skipped. False at the end,
 * and at an item that is no token: then *bad is that item. */
bool token_next(struct str *rest, struct str *item, struct str *bad);
/* Whether the list is made of tokens only; else *bad is the first that is none. */
bool tokens_are_valid(struct str list, struct str *bad);
/* Whether the list names it. nocase: names of headers. */
bool tokens_have(struct str list, struct str name, bool nocase);
