/* A borrowed run of bytes: pointer and length, not terminated, owned by whoever made it.
 * Pure: no allocation, any thread. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define MUST_USE __attribute__((warn_unused_result))

struct str {
    const char *p; /* may be NULL where n is 0 */
    size_t n;
};

#define STR(literal) ((struct str){"" literal, sizeof(literal) - 1})
#define STR_INIT(literal)               \
    {                                   \
        "" literal, sizeof(literal) - 1 \
    }                                /* for static tables */
#define STR_ARG(s) (int)(s).n, (s).p /* for "%.*s" */

static inline struct str str_of(const char *text)
{
    return (struct str){text, text ? strlen(text) : 0};
}

static inline bool str_eq(struct str a, struct str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* ASCII lower case, whatever the locale. */
static inline char ascii_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static inline bool ascii_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static inline bool ascii_is_alpha(char c)
{
    return ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z';
}

/* The value of a hexadecimal digit, or -1. */
static inline int ascii_hex(char c)
{
    if (ascii_is_digit(c))
        return c - '0';
    c = ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* text from byte `from` on; empty where from is at or past the end. */
static inline struct str str_from(struct str text, size_t from)
{
    return from < text.n ? (struct str){text.p + from, text.n - from} : (struct str){text.p, 0};
}

/* The first `n` bytes of text, or all of it. */
static inline struct str str_head(struct str text, size_t n)
{
    return (struct str){text.p, n < text.n ? n : text.n};
}

/* Equal without regard to ASCII case. */
bool str_eq_nocase(struct str a, struct str b);
bool str_starts(struct str text, struct str prefix);
bool str_ends(struct str text, struct str suffix);
/* Position of the first c, or text.n. */
size_t str_find(struct str text, char c);
/* Position of the last c, or text.n. */
size_t str_rfind(struct str text, char c);
/* Without SP and HTAB at both ends. */
struct str str_trim(struct str text);
/* Decimal digits only, all of text, at least one, no overflow. *out on true only. */
MUST_USE bool str_to_u64(struct str text, uint64_t *out);
/* Cuts the part before the first `at` off *rest (and the separator); all of it where there is none.
 */
struct str str_cut(struct str *rest, char at);
