/* Bytes that came from a socket and wait to be understood. While one event is handled they may lie
 * in the loop's scratch, borrowed; inbox_settle() takes what is left into memory of its own. */
#pragma once
#include "corsd/net/stream.h"

struct inbox { /* zeroed: empty */
    char *p;          /* NULL where nothing waits */
    uint32_t at, n;   /* bytes at..n wait */
    uint32_t cap;     /* of our own memory; 0: none, or borrowed */
};

/* A loop's space for reading: one a side, since both may be read within one event. */
struct scratch {
    char *p;
    size_t size;
};

static inline struct str inbox_str(const struct inbox *inbox)
{
    return (struct str){inbox->p ? inbox->p + inbox->at : NULL, inbox->n - inbox->at};
}
static inline bool inbox_is_empty(const struct inbox *inbox)
{
    return inbox->at == inbox->n;
}
/* Takes the first n waiting bytes out. */
void inbox_take(struct inbox *inbox, size_t n);
/* Reads once: into the scratch where nothing waits, else behind what waits, up to `max` in all.
 * As stream_read; -ENOMEM; -ENOBUFS where max is reached. */
ssize_t inbox_read(struct inbox *inbox, struct stream *stream, struct scratch *scratch, size_t max);
/* To be called before the scratch is used for anything else. False out of memory. */
MUST_USE bool inbox_settle(struct inbox *inbox);
void inbox_finish(struct inbox *inbox);
