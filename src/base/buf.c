/* Growing by doubling, so that appending n bytes costs O(n) whatever the pieces. */
#include "corsd/base/buf.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { FIRST = 256 };

void buf_finish(struct buf *buf)
{
    free(buf->p);
    *buf = (struct buf){.max = buf->max};
}

bool buf_reserve(struct buf *buf, size_t n)
{
    if (n <= buf->cap - buf->n)
        return true;
    if (n > buf->max || buf->n > buf->max - n) {
        buf->failed = true;
        return false;
    }
    size_t cap = buf->cap ? buf->cap : FIRST;
    while (cap < buf->n + n)
        cap *= 2;
    if (cap > buf->max)
        cap = buf->max;
    char *p = realloc(buf->p, cap);
    if (!p) {
        buf->failed = true;
        return false;
    }
    buf->p = p;
    buf->cap = cap;
    return true;
}

bool buf_add(struct buf *buf, struct str bytes)
{
    if (!bytes.n)
        return true;
    if (!buf_reserve(buf, bytes.n))
        return false;
    memcpy(buf->p + buf->n, bytes.p, bytes.n);
    buf->n += bytes.n;
    return true;
}

bool buf_add_char(struct buf *buf, char c)
{
    return buf_add(buf, (struct str){&c, 1});
}

bool buf_add_u64(struct buf *buf, uint64_t value)
{
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    return buf_add(buf, (struct str){digits + at, sizeof digits - at});
}

bool buf_printf(struct buf *buf, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (n < 0 || !buf_reserve(buf, (size_t)n + 1)) {
        buf->failed = true;
        return false;
    }
    va_start(args, format);
    vsnprintf(buf->p + buf->n, (size_t)n + 1, format, args);
    va_end(args);
    buf->n += (size_t)n;
    return true;
}

void buf_drop(struct buf *buf, size_t n)
{
    if (n < buf->n)
        memmove(buf->p, buf->p + n, buf->n - n);
    buf->n = n < buf->n ? buf->n - n : 0;
}
