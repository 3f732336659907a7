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
    struct conn *next, **before; /* in the pool, or in loop->leaving */
    uint64_t idle_since_ms, born_ms;
    uint64_t pooled_turn, taken_turn; /* of the loop; taken_turn 0: fresh, or pooled in that turn */
    bool connecting, used;      /* used: had an exchange before this one */
    bool unasked;               /* the server spoke, or ended, before it was asked */
    bool pooled, leaving;       /* leaving: our side has ended, the server's is waited for */
};

/* A pooled connection, idle under `fresh_ms` (0: whatever its age), or NULL. */
struct conn *conn_take(struct server *server, uint64_t fresh_ms);
/* A new one, connecting. NULL: *error says why (negative errno); -EBUSY: max_connections. */
struct conn *conn_open(struct server *server, int *error);
/* Back into the pool, or closed where it cannot be used again. hint_s: the server's Keep-Alive,
 * UINT64_MAX: none. */
void conn_give_back(struct conn *conn, uint64_t hint_s);
/* Where connections are counted (max_connections), the server is waited for a moment, so that it
 * never sees one more than it may have. */
void conn_close(struct conn *conn);
void conn_end(struct conn *conn); /* at once */
void conn_abort(struct conn *conn); /* by a reset: the kernel keeps nothing of what was written */
