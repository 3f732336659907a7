/* Which server a request goes to: smooth weighted round robin, or the fewest requests under way,
 * among those that are in; one that is due is tried first, and one that is out only for want of
 * others. */
#include "corsd/net/timer.h"
#include "upstream.h"

struct search {
    uint64_t now_ms;
    int64_t total;        /* of the weights of those that are in */
    struct server *best;
    uint64_t best_requests, best_weight;
    struct server *longest_out;
    bool full;            /* one that is in has no connection left */
    bool up;              /* active checks hold one up */
};

static bool has_room(const struct server *server)
{
    return server->n_idle || !member_is_full(server->member);
}

/* Fewer requests for its weight; where that is equal, what it is owed decides. */
static bool is_less_busy(const struct search *search, uint64_t requests, uint64_t weight,
                         const struct server *server)
{
    uint64_t a = (requests + 1) * search->best_weight, b = (search->best_requests + 1) * weight;
    return a < b || (a == b && server->lead > search->best->lead);
}

static void consider(struct search *search, const struct upstream *upstream, struct server *server)
{
    uint64_t weight =
        (uint64_t)server->weight * member_ramp(upstream->group, server->member, search->now_ms);
    uint64_t requests = 0;
    search->total += (int64_t)weight;
    server->lead += (int64_t)weight;
    bool better = !search->best || server->lead > search->best->lead;
    if (upstream->balance == BALANCE_LEAST_CONNECTIONS) {
        requests = __atomic_load_n(&server->member->requests, __ATOMIC_RELAXED);
        better = !search->best || is_less_busy(search, requests, weight, server);
    }
    if (!better)
        return;
    search->best = server;
    search->best_requests = requests;
    search->best_weight = weight;
}

static uint64_t out_order(const struct server *server)
{
    return __atomic_load_n(&server->member->out_order, __ATOMIC_RELAXED);
}

/* Looks at one; true: it is due, and this request is the one that tries it. */
static bool look_at(struct search *search, const struct upstream *upstream, struct server *server)
{
    enum standing standing = member_standing(server->member, search->now_ms);
    search->up |= standing != MEMBER_DOWN;
    if (standing == MEMBER_DOWN)
        return false;
    if (!has_room(server)) {
        search->full |= standing == MEMBER_IN;
        return false;
    }
    if (standing == MEMBER_IN) {
        consider(search, upstream, server);
        return false;
    }
    if (!search->longest_out || out_order(server) < out_order(search->longest_out))
        search->longest_out = server;
    return standing == MEMBER_DUE && member_claim(upstream->group, server->member, search->now_ms);
}

/* All are out: the one out longest, and another one the next time. */
static struct server *last_resort(struct upstream *upstream, const struct search *search,
                                  struct server *spare)
{
    if (spare)
        return spare;
    if (search->longest_out)
        member_try(upstream->group, search->longest_out->member);
    return search->longest_out;
}

static struct server *only_one(struct server *server, uint64_t tried, struct server *spare,
                               enum http_cause *cause)
{
    bool again = tried >> server->member->bit & 1;
    *cause = CAUSE_NONE;
    if (again && server != spare)
        return NULL;
    if (__atomic_load_n(&server->member->down, __ATOMIC_RELAXED))
        *cause = CAUSE_UPSTREAM_DOWN;
    else if (!has_room(server))
        *cause = CAUSE_UPSTREAM_BUSY;
    return *cause ? NULL : server;
}

struct server *upstream_choose(struct upstream *upstream, uint64_t tried, struct server *spare,
                               enum http_cause *cause)
{
    struct search search = {.now_ms = timer_now_ms()};
    if (upstream->n_servers == 1)
        return only_one(upstream->servers[0], tried, spare, cause);
    for (size_t i = 0; i < upstream->n_servers; i++) {
        struct server *server = upstream->servers[i];
        if (tried >> server->member->bit & 1)
            search.up = true;
        else if (look_at(&search, upstream, server))
            return server;
    }
    if (search.best) {
        search.best->lead -= search.total;
        return search.best;
    }
    struct server *server = search.full ? NULL : last_resort(upstream, &search, spare);
    *cause = search.full            ? CAUSE_UPSTREAM_BUSY
             : !upstream->n_servers ? CAUSE_UPSTREAM_NO_ADDRESS
             : !search.up           ? CAUSE_UPSTREAM_DOWN
                                    : CAUSE_NONE;
    return server;
}
