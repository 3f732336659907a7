/* An upstream as one loop sees it: its servers now, kept in step with the group that all share. */
#pragma once
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
};

struct upstream {
    struct loop *loop;
    struct group *group; /* with a reference */
    struct tls_client *tls; /* of https:// servers; NULL where there are none; a reference */
    uint64_t fingerprint, idle_timeout_ms, max_age_ms, max_idle;
    uint64_t generation; /* of the roster that `servers` follows */
    struct server **servers;
    size_t n_servers;
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
/* One use more, of the upstream too; and one less. */
struct server *server_use(struct server *server);
void server_drop(struct server *server);
/* May its connections be pooled? */
static inline bool server_is_current(const struct server *server)
{
    return server->current && server->upstream->current;
}
