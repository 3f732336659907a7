/* From addresses that the resolver tells of to rosters that the loops take. */
#include "corsd/proxy/lookups.h"
#include <stdlib.h>
#include "corsd/net/resolver.h"
#include "corsd/plan/plan.h"
#include "corsd/proxy/fleet.h"

struct lookup { /* of an upstream that has names */
    struct lookup *next;
    const struct log *log;
    const struct upstream_spec *spec; /* of the plan in force */
    struct group *group;              /* with a reference */
    struct watch **watches;           /* by server; NULL: it has an address of its own */
};

struct lookups {
    const struct log *log;
    struct fleet *fleet;
    struct resolver *resolver;
    struct plan *plan; /* in force, with a reference; NULL: none yet */
    struct lookup *list;
};

static const struct address *addresses_of(const struct lookup *lookup, size_t server, size_t *n)
{
    *n = 1;
    return lookup->watches[server] ? resolver_addresses(lookup->watches[server], n)
                                   : &lookup->spec->servers[server].address;
}

static struct member_spec member_of(const struct server_spec *server, const struct address *address)
{
    struct member_spec member = {
        .address = *address,
        .authority = server->authority,
        .host = server->host,
        .weight = server->weight,
        .tls = server->tls,
    };
    if (!server->has_address)
        address_set_port(&member.address, server->port);
    return member;
}

/* While nothing is known the roster stays as it is: empty for a new group, the last one else. */
static void publish(void *ctx)
{
    const struct lookup *lookup = ctx;
    const struct upstream_spec *spec = lookup->spec;
    size_t total = 0, at = 0, n;
    for (size_t i = 0; i < spec->n_servers; i++) {
        addresses_of(lookup, i, &n);
        total += n;
    }
    if (!total)
        return;
    struct member_spec *members = malloc(total * sizeof *members);
    for (size_t i = 0; members && i < spec->n_servers; i++) {
        const struct address *addresses = addresses_of(lookup, i, &n);
        for (size_t k = 0; k < n; k++)
            members[at++] = member_of(&spec->servers[i], &addresses[k]);
    }
    if (!members || !group_publish(lookup->group, members, total))
        log_line(lookup->log, LOG_ERROR, "out of memory: upstream %.*s keeps its old addresses",
                 STR_ARG(spec->name));
    free(members);
}

static void lookup_destroy(struct lookup *lookup)
{
    for (size_t i = 0; lookup->watches && i < lookup->spec->n_servers; i++)
        resolver_unwatch(lookup->watches[i]);
    group_unref(lookup->group);
    free(lookup->watches);
    free(lookup);
}

static struct lookup *lookup_create(struct lookups *lookups, const struct upstream_spec *spec)
{
    struct lookup *lookup = calloc(1, sizeof *lookup);
    if (!lookup)
        return NULL;
    *lookup = (struct lookup){
        .log = lookups->log,
        .spec = spec,
        .group = fleet_group(lookups->fleet, spec),
        .watches = calloc(spec->n_servers, sizeof(struct watch *)),
    };
    bool ok = lookup->group && lookup->watches;
    for (size_t i = 0; ok && i < spec->n_servers; i++)
        if (!spec->servers[i].has_address)
            ok = (lookup->watches[i] = resolver_watch(lookups->resolver, spec->servers[i].lookup,
                                                      publish, lookup)) != NULL;
    if (!ok) {
        lookup_destroy(lookup);
        return NULL;
    }
    publish(lookup);
    return lookup;
}

static void destroy_list(struct lookup *list)
{
    while (list) {
        struct lookup *lookup = list;
        list = lookup->next;
        lookup_destroy(lookup);
    }
}

struct lookups *lookups_create(struct event_base *base, const struct log *log, struct fleet *fleet)
{
    static const struct resolver_files files = {"/etc/resolv.conf", "/etc/hosts"};
    struct lookups *lookups = calloc(1, sizeof *lookups);
    if (!lookups)
        return NULL;
    *lookups = (struct lookups){
        .log = log, .fleet = fleet, .resolver = resolver_create(base, log, &files)};
    if (!lookups->resolver) {
        free(lookups);
        return NULL;
    }
    return lookups;
}

bool lookups_take_plan(struct lookups *lookups, struct plan *plan)
{
    struct lookup *fresh = NULL;
    resolver_use(lookups->resolver, &plan->resolver, plan->has_resolver);
    for (size_t i = 0; i < plan->n_upstreams; i++) {
        if (!plan->upstreams[i].has_names)
            continue;
        struct lookup *lookup = lookup_create(lookups, &plan->upstreams[i]);
        if (!lookup) {
            destroy_list(fresh);
            return false;
        }
        lookup->next = fresh;
        fresh = lookup;
    }
    destroy_list(lookups->list); /* only now: a name that stays is not forgotten between */
    lookups->list = fresh;
    plan_unref(lookups->plan);
    lookups->plan = plan_ref(plan);
    return true;
}

void lookups_destroy(struct lookups *lookups)
{
    if (!lookups)
        return;
    destroy_list(lookups->list);
    resolver_destroy(lookups->resolver);
    plan_unref(lookups->plan);
    free(lookups);
}
