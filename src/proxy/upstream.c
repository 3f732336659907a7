/* The list of servers follows the roster; what has left it lives on while somebody uses it. */
#include "upstream.h"
#include <stdlib.h>
#include "queue.h"

/* --- servers ---------------------------------------------------------------------------------- */

static struct server *server_create(struct upstream *upstream, struct member *member)
{
    struct server *server = calloc(1, sizeof *server);
    if (!server)
        return NULL;
    *server = (struct server){.upstream = upstream, .member = member_ref(member), .uses = 1};
    return server;
}

static void server_release(struct server *server)
{
    if (--server->uses)
        return;
    member_unref(server->member);
    tls_session_forget(&server->session);
    free(server);
}

struct server *server_use(struct server *server)
{
    server->uses++;
    server->upstream->uses++;
    return server;
}

void server_drop(struct server *server)
{
    struct upstream *upstream = server->upstream;
    server_release(server);
    upstream_drop(upstream);
}

static void close_idle(struct server *server)
{
    while (server->idle)
        conn_close(server->idle);
}

/* --- the list --------------------------------------------------------------------------------- */

static struct server *server_of(const struct upstream *upstream, const struct member *member)
{
    for (size_t i = 0; i < upstream->n_servers; i++)
        if (upstream->servers[i]->member == member)
            return upstream->servers[i];
    return NULL;
}

static void release_list(struct server **list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        server_release(list[i]);
    free(list);
}

/* A list for the roster, each entry with a use of its own; NULL out of memory. */
static struct server **create_list(struct upstream *upstream, const struct roster *roster)
{
    struct server **list = calloc(roster->n + 1, sizeof *list);
    for (size_t i = 0; list && i < roster->n; i++) {
        list[i] = server_of(upstream, roster->seats[i].member);
        if (list[i])
            list[i]->uses++;
        else if (!(list[i] = server_create(upstream, roster->seats[i].member))) {
            release_list(list, i);
            return NULL;
        }
    }
    return list;
}

/* Each loop begins its round elsewhere, lest all of them go to the same server at once. */
static void turn_round(struct upstream *upstream)
{
    enum http_cause cause;
    uint64_t total = 0;
    for (size_t i = 0; i < upstream->n_servers; i++)
        total += upstream->servers[i]->weight;
    for (uint64_t n = total ? upstream->loop->number % total : 0; n; n--)
        upstream_choose(upstream, 0, NULL, &cause);
}

static void use_list(struct upstream *upstream, struct server **list, const struct roster *roster)
{
    struct server **old = upstream->servers;
    size_t n_old = upstream->n_servers;
    for (size_t i = 0; i < n_old; i++)
        old[i]->current = false;
    for (size_t i = 0; i < roster->n; i++) {
        list[i]->current = true;
        list[i]->weight = roster->seats[i].weight;
    }
    upstream->servers = list;
    upstream->n_servers = roster->n;
    upstream->generation = roster->generation;
    for (size_t i = 0; i < n_old; i++)
        if (!old[i]->current)
            close_idle(old[i]);
    if (!n_old)
        turn_round(upstream);
    release_list(old, n_old);
}

void upstream_refresh(struct upstream *upstream)
{
    if (upstream->generation == group_generation(upstream->group))
        return;
    struct roster *roster = group_roster(upstream->group);
    struct server **list = create_list(upstream, roster);
    if (list)
        use_list(upstream, list, roster);
    roster_unref(roster);
}

/* --- birth and end ---------------------------------------------------------------------------- */

struct upstream *upstream_create(struct loop *loop, const struct upstream_spec *spec)
{
    struct upstream *upstream = calloc(1, sizeof *upstream);
    if (!upstream)
        return NULL;
    *upstream = (struct upstream){
        .loop = loop,
        .group = fleet_group(loop->fleet, spec),
        .tls = tls_client_ref(spec->tls),
        .fingerprint = spec->fingerprint,
        .idle_timeout_ms = spec->idle_timeout_ms,
        .max_age_ms = spec->max_age_ms,
        .max_idle = spec->max_idle,
        .balance = spec->balance,
        .line.bell = loop->bell,
        .uses = 1,
        .current = true,
    };
    TAILQ_INIT(&upstream->queue);
    if (upstream->group && spec->max_connections) {
        group_add_line(upstream->group, &upstream->line);
        upstream->limited = true;
    }
    if (upstream->group)
        upstream_refresh(upstream);
    if (!upstream->servers) {
        upstream_drop(upstream);
        return NULL;
    }
    return upstream;
}

void upstream_drop(struct upstream *upstream)
{
    if (--upstream->uses)
        return;
    release_list(upstream->servers, upstream->n_servers);
    if (upstream->limited)
        group_remove_line(upstream->group, &upstream->line);
    group_unref(upstream->group);
    tls_client_unref(upstream->tls);
    free(upstream);
}

void upstream_retire(struct upstream *upstream)
{
    upstream->current = false;
    for (size_t i = 0; i < upstream->n_servers; i++)
        close_idle(upstream->servers[i]);
}

void upstream_share(struct upstream *upstream)
{
    for (size_t i = 0; upstream->limited && i < upstream->n_servers; i++)
        close_idle(upstream->servers[i]);
}

void upstream_freed(struct upstream *upstream)
{
    if (upstream->limited)
        queue_wake(upstream);
}

void upstream_ring(struct upstream *upstream)
{
    upstream_refresh(upstream);
    if (upstream->limited)
        queue_look(upstream);
}
