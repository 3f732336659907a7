/* The head is whole, and holds nothing we refuse: asked before any parser sees a byte. Keeps its
 * place between calls, so that a head that comes byte by byte costs no more than one that comes
 * whole. Pure, no allocation. Source: RFC 9112 §2.2, §5; DESIGN §3 "Guard first". */
#pragma once
#include "corsd/http/cause.h"

enum guard_part { GUARD_REQUEST, GUARD_RESPONSE, GUARD_TRAILERS };
enum guard_result { GUARD_MORE, GUARD_WHOLE, GUARD_FAULT };

struct guard {
    uint8_t part;        /* enum guard_part */
    uint8_t state;       /* where in a line the next byte stands */
    uint8_t empty_lines; /* skipped before a request line, at most 8 */
    uint8_t cause;       /* enum http_cause, after GUARD_FAULT */
    uint32_t fields;     /* header lines begun */
    size_t start;        /* where the start line begins, behind skipped empty lines */
    size_t at;           /* bytes looked at; after GUARD_WHOLE: the head's length with its end */
};

struct guard_limits {
    size_t bytes;    /* of the head from its start line on */
    uint32_t fields; /* header lines */
};

void guard_init(struct guard *guard, enum guard_part part);
/* bytes: all that has come since the head's first byte; the same bytes as before, and more. */
enum guard_result guard_scan(struct guard *guard, struct str bytes,
                             const struct guard_limits *limits);
/* After GUARD_FAULT: a line ended by LF alone (and not by a CR that no LF follows). */
bool guard_found_bare_lf(const struct guard *guard);
/* False while nothing but empty lines came: they are no head's. */
bool guard_has_begun(const struct guard *guard);
