/* The admin listener's side of HTTP: one connection's bytes in, answers out, with deadlines and
 * bounds. It knows no paths. One thread; not made for speed. */
#pragma once
#include "corsd/base/buf.h"
#include "corsd/http/message.h"

struct dialogue;
struct event_base;

struct reply { /* what an answer is made of */
    unsigned status;
    const char *type; /* its Content-Type */
    struct buf body;  /* emptied by the dialogue */
};

struct dialogue_host { /* whoever has dialogues */
    struct event_base *base;
    /* Answers a request that is fine as HTTP goes. */
    void (*answer)(struct dialogue_host *host, const struct head *request, struct str path,
                   struct reply *reply);
    void (*on_end)(struct dialogue_host *host); /* a dialogue is over and freed */
    struct dialogue *first;
    size_t n;
};

/* Takes over a connected socket (non-blocking). False out of memory: it is closed. */
bool dialogue_begin(struct dialogue_host *host, int fd);
void dialogue_end_all(struct dialogue_host *host);
