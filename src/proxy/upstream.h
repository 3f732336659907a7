/* One loop's connections to an upstream: made, pooled newest first, taken again. */
#pragma once
#include "loop_state.h"

struct conn { /* to a server */
    struct stream stream;
    struct timer timer;         /* of an idle one; while connecting the client's timer counts */
    struct inbox inbox;
    struct guard guard;         /* of the response head that comes in */
    struct retired retired;
    struct upstream *upstream;
    struct exchange *exchange;  /* NULL: idle, in the pool */
    struct conn *next, **before; /* in the pool */
    uint64_t idle_since_ms, born_ms;
    bool connecting, used;      /* used: had an exchange before this one */
};

struct upstream {
    struct loop *loop;
    struct address address;
    uint64_t fingerprint, idle_timeout_ms, max_age_ms, max_idle;
    struct conn *idle; /* newest first */
    size_t n_idle;
    size_t uses;       /* the loop's table, each conn, each exchange */
    bool current;      /* in the loop's table: its connections may be pooled */
};

struct upstream_spec;
/* With one use, the caller's; NULL out of memory. */
struct upstream *upstream_create(struct loop *loop, const struct upstream_spec *spec);
void upstream_drop(struct upstream *upstream);
/* Takes it out of use: idle connections end, running ones are not pooled any more. */
void upstream_retire(struct upstream *upstream);

/* A pooled connection, idle under `fresh_ms` (0: whatever its age), or NULL. */
struct conn *conn_take(struct upstream *upstream, uint64_t fresh_ms);
/* A new one, connecting. NULL: *error says why (negative errno). */
struct conn *conn_open(struct upstream *upstream, int *error);
/* Back into the pool, or closed where it cannot be used again. hint_s: the server's Keep-Alive. */
void conn_give_back(struct conn *conn, uint64_t hint_s);
void conn_close(struct conn *conn);
