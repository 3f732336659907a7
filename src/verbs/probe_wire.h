/* One HTTP/1.1 exchange a connection, for `corsd probe`: blocking, within a deadline, and nothing
 * read that was not bounded before. Main thread only. */
#pragma once
#include "corsd/base/address.h"
#include "corsd/base/arena.h"

enum { PROBE_DEADLINE_MS = 10000, PROBE_HEAD_MAX = 64 * 1024 };
struct probe_wire {
    struct address address;
};

/* A probe_sender: ctx is a struct probe_wire. */
bool probe_wire_send(void *ctx, struct str request, struct arena *arena, struct str *answer);
