/* Borrowed first, owned only when bytes must wait for the next event. */
#include "inbox.h"
#include <errno.h>
#include <stdlib.h>

enum { FIRST = 1024 };

void inbox_finish(struct inbox *inbox)
{
    if (inbox->cap)
        free(inbox->p);
    *inbox = (struct inbox){0};
}

void inbox_take(struct inbox *inbox, size_t n)
{
    inbox->at += (uint32_t)n;
    if (inbox->at == inbox->n)
        inbox_finish(inbox);
}

bool inbox_settle(struct inbox *inbox)
{
    struct str left = inbox_str(inbox);
    if (inbox->cap || !inbox->p)
        return true;
    char *own = malloc(left.n < FIRST ? FIRST : left.n);
    if (!own)
        return false;
    memcpy(own, left.p, left.n);
    *inbox = (struct inbox){.p = own, .n = (uint32_t)left.n};
    inbox->cap = (uint32_t)(left.n < FIRST ? FIRST : left.n);
    return true;
}

/* Room behind what waits: what was taken before it is given up first. */
static bool make_room(struct inbox *inbox, size_t max)
{
    if (inbox->at) {
        memmove(inbox->p, inbox->p + inbox->at, inbox->n - inbox->at);
        inbox->n -= inbox->at;
        inbox->at = 0;
    }
    if (inbox->n < inbox->cap)
        return true;
    size_t cap = (size_t)inbox->cap * 2 < max ? (size_t)inbox->cap * 2 : max;
    char *grown = cap > inbox->cap ? realloc(inbox->p, cap) : NULL;
    if (!grown)
        return false;
    inbox->p = grown;
    inbox->cap = (uint32_t)cap;
    return true;
}

ssize_t inbox_read(struct inbox *inbox, struct stream *stream, struct scratch *scratch, size_t max)
{
    ssize_t n;
    if (!stream->readable && !stream->ended)
        return -EAGAIN;
    if (!inbox->p) {
        n = stream_read(stream, scratch->p, max < scratch->size ? max : scratch->size);
        if (n > 0)
            *inbox = (struct inbox){.p = scratch->p, .n = (uint32_t)n};
        return n;
    }
    if (inbox->n - inbox->at >= max)
        return -ENOBUFS;
    if (!inbox_settle(inbox) || !make_room(inbox, max))
        return -ENOMEM;
    n = stream_read(stream, inbox->p + inbox->n, inbox->cap - inbox->n);
    if (n > 0)
        inbox->n += (uint32_t)n;
    return n;
}
