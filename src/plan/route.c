/* Finds a request's route: one hash look-up for each host pattern that may hold, then one for each
 * segment of the path, as deep as that host's routes go. */
#include "corsd/plan/route.h"
#include <stdlib.h>
#include "corsd/base/hash.h"

struct host { /* one host pattern and what is below it */
    struct str name;         /* "api.example.com", ".example.com" for a wildcard, "" for any */
    const struct route *root; /* its route "/", or NULL */
    size_t n_routes;
    size_t deepest;          /* segments of its longest path */
};

struct entry { /* of a hash table; open addressing, never more than half full */
    uint64_t hash;
    const struct route *route; /* NULL: free */
    const struct host *host;
};

struct route_table {
    struct host *hosts; /* a hash table too; a free place has no routes */
    struct host any;
    size_t n_named;       /* hosts in the hash table */
    struct entry *exact;  /* host and path → route */
    struct entry *folded; /* the same with the path in lower case */
    size_t mask;          /* of all three */
};

/* --- building --------------------------------------------------------------------------------- */

static struct str host_name(const struct route *route)
{
    return str_starts(route->host, STR("*.")) ? str_from(route->host, 1) : route->host;
}

static struct host *host_place(struct route_table *table, struct str name)
{
    if (!name.n)
        return &table->any;
    size_t at = hash_slot(hash_add(HASH_START, name), table->mask);
    while (table->hosts[at].n_routes && !str_eq(table->hosts[at].name, name))
        at = (at + 1) & table->mask;
    return &table->hosts[at];
}

static size_t segments(struct str path)
{
    size_t n = 0;
    if (path.n == 1)
        return 0;
    for (size_t i = 0; i < path.n; i++)
        n += path.p[i] == '/';
    return n;
}

/* A host's number begins the hash of its paths, so that equal paths of two hosts differ. */
static uint64_t hash_of_host(const struct route_table *table, const struct host *host)
{
    uint64_t number = host == &table->any ? 0 : (uint64_t)(host - table->hosts) + 1;
    return (HASH_START ^ number) * UINT64_C(0x9e3779b97f4a7c15);
}

static bool path_eq(struct str path, struct str of_route, bool folded)
{
    return folded ? str_eq_nocase(path, of_route) : str_eq(path, of_route);
}

static void insert(struct route_table *table, struct entry *entries, const struct host *host,
                   const struct route *route, bool folded)
{
    uint64_t hash = hash_of_host(table, host);
    for (size_t i = 0; i < route->path.n; i++)
        hash = hash_byte(hash, folded ? ascii_lower(route->path.p[i]) : route->path.p[i]);
    size_t at = hash_slot(hash, table->mask);
    while (entries[at].route)
        at = (at + 1) & table->mask;
    entries[at] = (struct entry){hash, route, host};
}

struct route_table *route_table_create(const struct route *routes, size_t n)
{
    struct route_table *table = calloc(1, sizeof *table);
    size_t size = 2;
    while (size < 2 * n)
        size *= 2;
    if (!table)
        return NULL;
    table->mask = size - 1;
    table->hosts = calloc(size, sizeof *table->hosts);
    table->exact = calloc(size, sizeof *table->exact);
    table->folded = calloc(size, sizeof *table->folded);
    if (!table->hosts || !table->exact || !table->folded) {
        route_table_destroy(table);
        return NULL;
    }
    for (size_t i = 0; i < n; i++) {
        struct host *host = host_place(table, host_name(&routes[i]));
        size_t depth = segments(routes[i].path);
        table->n_named += host != &table->any && !host->n_routes;
        host->name = host_name(&routes[i]);
        host->n_routes++;
        if (depth > host->deepest)
            host->deepest = depth;
        if (!depth)
            host->root = &routes[i];
        else {
            insert(table, table->exact, host, &routes[i], false);
            insert(table, table->folded, host, &routes[i], true);
        }
    }
    return table;
}

void route_table_destroy(struct route_table *table)
{
    if (!table)
        return;
    free(table->hosts);
    free(table->exact);
    free(table->folded);
    free(table);
}

/* --- looking up ------------------------------------------------------------------------------- */

static const struct host *host_find(const struct route_table *table, struct str name)
{
    size_t at = hash_slot(hash_add(HASH_START, name), table->mask);
    for (; table->hosts[at].n_routes; at = (at + 1) & table->mask)
        if (str_eq(table->hosts[at].name, name))
            return &table->hosts[at];
    return NULL;
}

/* The patterns that a host matches, the most specific first; *rest starts as the host and is
 * shortened label by label. NULL when all were given. */
struct walk {
    struct str rest;
    bool exact_done, any_done;
};

static const struct host *next_host(const struct route_table *table, struct walk *walk)
{
    const struct host *host;
    if (!table->n_named)
        walk->rest.n = 0;
    if (!walk->exact_done) {
        walk->exact_done = true;
        /* A name that starts with a dot would be read as a wildcard's. */
        if (walk->rest.n && walk->rest.p[0] != '.' && (host = host_find(table, walk->rest)))
            return host;
    }
    while (walk->rest.n) {
        size_t dot = str_find(str_from(walk->rest, 1), '.') + 1;
        walk->rest = str_from(walk->rest, dot);
        if (walk->rest.n && (host = host_find(table, walk->rest)))
            return host;
    }
    if (walk->any_done || !table->any.n_routes)
        return NULL;
    walk->any_done = true;
    return &table->any;
}

static const struct route *entry_find(const struct route_table *table, const struct entry *entries,
                                      const struct host *host, uint64_t hash, struct str path,
                                      bool folded)
{
    for (size_t at = hash_slot(hash, table->mask); entries[at].route; at = (at + 1) & table->mask)
        if (entries[at].hash == hash && entries[at].host == host &&
            path_eq(path, entries[at].route->path, folded))
            return entries[at].route;
    return NULL;
}

static const struct route *find_below(const struct route_table *table, const struct host *host,
                                      struct str path, bool folded)
{
    const struct entry *entries = folded ? table->folded : table->exact;
    const struct route *best = host->root;
    uint64_t hash = hash_of_host(table, host);
    size_t depth = 0;
    for (size_t i = 0; i < path.n && depth < host->deepest; i++) {
        hash = hash_byte(hash, path.p[i]);
        if (i + 1 < path.n && path.p[i + 1] != '/')
            continue;
        const struct route *route =
            entry_find(table, entries, host, hash, str_head(path, i + 1), folded);
        best = route ? route : best;
        depth++;
    }
    return best;
}

static const struct route *find(const struct route_table *table, struct str host, struct str path,
                                bool folded)
{
    struct walk walk = {.rest = host};
    const struct host *below;
    while ((below = next_host(table, &walk))) {
        const struct route *route = find_below(table, below, path, folded);
        if (route)
            return route;
    }
    return NULL;
}

const struct route *route_find(const struct route_table *table, struct str host, struct str path)
{
    return find(table, host, path, false);
}

const struct route *route_find_folded(const struct route_table *table, struct str host,
                                      struct str path)
{
    return find(table, host, path, true);
}

bool route_is_plain(const struct route_table *table, struct str host)
{
    struct walk walk = {.rest = host};
    const struct host *below = next_host(table, &walk);
    return !below || (below->root && below->n_routes == 1);
}
