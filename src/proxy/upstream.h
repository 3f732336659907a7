/* An upstream as one loop sees it: its servers now, kept in step with the group that all share. */
#pragma once
#include "corsd/http/cause.h"
#include "corsd/proxy/fleet.h"
#include "corsd/tls/context.h"
#include "loop_state.h"

struct conn;

struct server { /* one of an upstream's */
    struct upstream *upstream;
    struct member *member; /* what all loops share of it; with a reference */
    struct conn *idle;     /* newest first */
    size_t n_idle;
    size_t uses;           /* the upstream's list, each conn, each exchange */
    bool current;          /* in the upstream's list */
    unsigned weight;
    struct tls_session session; /* the last one with it */
    int64_t lead;          /* what it is owed, in shares of the round */
};

struct upstream {
    struct loop *loop;
    struct group *group; /* with a reference */
    struct tls_client *tls; /* of https:// servers; NULL where there are none; a reference */
    uint64_t fingerprint, idle_timeout_ms, max_age_ms, max_idle;
    uint64_t generation; /* of the roster that `servers` follows */
    struct server **servers;
    size_t n_servers;
    enum balance balance;
    bool limited;        /* max_connections: what follows is in use */
    struct line line;
    TAILQ_HEAD(, exchange) queue; /* those that wait for a connection, longest first */
    size_t uses;         /* the loop's table, each conn, each exchange */
    bool current;        /* in the loop's table: its connections may be pooled */
};

struct upstream_spec;
/* With one use, the caller's; NULL out of memory. */
struct upstream *upstream_create(struct loop *loop, const struct upstream_spec *spec);
void upstream_drop(struct upstream *upstream);
/* Takes it out of use: idle connections end, running ones are not pooled any more. */
void upstream_retire(struct upstream *upstream);
/* Follows the group's roster where that is another one. Pools of servers that are gone end. */
void upstream_refresh(struct upstream *upstream);
/* Before a drain: connections that others may wait for are not kept. */
void upstream_share(struct upstream *upstream);
/* The bell rang. */
void upstream_ring(struct upstream *upstream);
/* A server for a request that tried those of `tried` (their members' bits) already, and on `spare`
 * lost a stale connection: that one is better than one that is out (NULL: none). NULL: *cause says
 * why, CAUSE_NONE where all were tried, CAUSE_UPSTREAM_BUSY where waiting may help. */
struct server *upstream_choose(struct upstream *upstream, uint64_t tried, struct server *spare,
                               enum http_cause *cause);
/* One use more, of the upstream too; and one less. */
struct server *server_use(struct server *server);
void server_drop(struct server *server);
/* May its connections be pooled? */
static inline bool server_is_current(const struct server *server)
{
    return server->current && server->upstream->current;
}
/* A connection to one of its servers came free. */
void upstream_freed(struct upstream *upstream);
