/* Comparing and cutting borrowed runs of bytes. */
#include "corsd/base/str.h"

bool str_eq_nocase(struct str a, struct str b)
{
    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++)
        if (ascii_lower(a.p[i]) != ascii_lower(b.p[i]))
            return false;
    return true;
}

bool str_starts(struct str text, struct str prefix)
{
    return text.n >= prefix.n && str_eq(str_head(text, prefix.n), prefix);
}

bool str_ends(struct str text, struct str suffix)
{
    return text.n >= suffix.n && str_eq(str_from(text, text.n - suffix.n), suffix);
}

size_t str_find(struct str text, char c)
{
    const char *at = text.n ? memchr(text.p, c, text.n) : NULL;
    return at ? (size_t)(at - text.p) : text.n;
}

size_t str_rfind(struct str text, char c)
{
    const char *at = text.n ? memrchr(text.p, c, text.n) : NULL;
    return at ? (size_t)(at - text.p) : text.n;
}

struct str str_trim(struct str text)
{
    while (text.n && (*text.p == ' ' || *text.p == '\t'))
        text = str_from(text, 1);
    while (text.n && (text.p[text.n - 1] == ' ' || text.p[text.n - 1] == '\t'))
        text.n--;
    return text;
}

bool str_to_u64(struct str text, uint64_t *out)
{
    uint64_t value = 0;
    if (!text.n)
        return false;
    for (size_t i = 0; i < text.n; i++) {
        if (!ascii_is_digit(text.p[i]) || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(text.p[i] - '0'), &value))
            return false;
    }
    *out = value;
    return true;
}

struct str str_cut(struct str *rest, char at)
{
    size_t end = str_find(*rest, at);
    struct str part = str_head(*rest, end);
    *rest = str_from(*rest, end + 1);
    return part;
}
