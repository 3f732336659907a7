/* Bytes that grow up to a maximum given at birth. One owner, one thread. */
#pragma once
#include "corsd/base/str.h"

struct buf {
    char *p;    /* NULL until something was put in */
    size_t n;   /* bytes used */
    size_t cap; /* bytes allocated */
    size_t max; /* never grows past this */
    bool failed; /* something did not fit, or memory ran out; what is in stays */
};

#define BUF_INIT(maximum) ((struct buf){.max = (maximum)})

/* Frees the bytes; a zeroed or finished buf is fine. The maximum stays. */
void buf_finish(struct buf *buf);
/* Room for n more bytes at buf->p + buf->n. False (and failed) beyond max or out of memory. */
MUST_USE bool buf_reserve(struct buf *buf, size_t n);
/* Each appends, or sets failed and appends nothing. printf needs room for a NUL, which does not
 * count. */
bool buf_add(struct buf *buf, struct str bytes);
bool buf_add_char(struct buf *buf, char c);
bool buf_add_u64(struct buf *buf, uint64_t value);
bool buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Drops the first n bytes. */
void buf_drop(struct buf *buf, size_t n);

/* Empties it for its next use; the memory stays. */
static inline void buf_clear(struct buf *buf)
{
    buf->n = 0;
    buf->failed = false;
}

static inline struct str buf_str(const struct buf *buf)
{
    return (struct str){buf->p, buf->n};
}
