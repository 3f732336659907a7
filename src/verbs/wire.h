/* One HTTP/1.1 exchange a connection, for verbs that ask a server: blocking, within a deadline, and
 * nothing read that was not bounded before. Main thread only. */
#pragma once
#include "corsd/base/address.h"
#include "corsd/base/arena.h"

enum { WIRE_HEAD_MAX = 64 * 1024 };
struct wire_target {
    struct address address;
    unsigned patience_ms; /* for all of it */
};

/* Whether somebody listens there: 0, or an errno. */
int wire_reach(const struct wire_target *target);
/* A probe_sender: ctx is a struct wire_target; *answer is the head of the final answer. */
bool wire_ask(void *ctx, struct str request, struct arena *arena, struct str *answer);
