/* One loop's connections to a server: made, pooled newest first, taken again. */
#pragma once
#include "upstream.h"

struct conn { /* to a server */
    struct stream stream;
    struct timer timer;         /* of an idle one; while connecting the client's timer counts */
    struct inbox inbox;
    struct guard guard;         /* of the response head that comes in */
    struct retired retired;
    struct server *server;
    struct exchange *exchange;  /* NULL: idle, in the pool */
    struct conn *next, **before; /* in the pool */
    uint64_t idle_since_ms, born_ms;
    bool connecting, used;      /* used: had an exchange before this one */
};

/* A pooled connection, idle under `fresh_ms` (0: whatever its age), or NULL. */
struct conn *conn_take(struct server *server, uint64_t fresh_ms);
/* A new one, connecting. NULL: *error says why (negative errno). */
struct conn *conn_open(struct server *server, int *error);
/* Back into the pool, or closed where it cannot be used again. hint_s: the server's Keep-Alive. */
void conn_give_back(struct conn *conn, uint64_t hint_s);
void conn_close(struct conn *conn);
