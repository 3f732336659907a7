/* The life of a plan: made empty, filled by config/, sealed, shared, and freed with its last
 * reference. */
#include "corsd/plan/plan.h"
#include <assert.h>
#include <stdlib.h>
#include "corsd/plan/route.h"

struct plan *plan_create(void)
{
    struct plan *plan = calloc(1, sizeof *plan);
    if (!plan)
        return NULL;
    arena_init(&plan->arena, NULL, 0);
    plan->refs = 1;
    return plan;
}

bool plan_seal(struct plan *plan)
{
    assert(!plan->table);
    plan->table = route_table_create(plan->routes, plan->n_routes);
    return plan->table != NULL;
}

struct plan *plan_ref(struct plan *plan)
{
    int before = __atomic_fetch_add(&plan->refs, 1, __ATOMIC_RELAXED);
    assert(before > 0);
    (void)before;
    return plan;
}

void plan_unref(struct plan *plan)
{
    if (!plan || __atomic_sub_fetch(&plan->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    route_table_destroy(plan->table);
    for (size_t i = 0; i < plan->n_policies; i++)
        policy_destroy(plan->policies[i]);
    for (size_t i = 0; i < plan->n_listeners; i++)
        tls_server_unref(plan->listeners[i].tls);
    for (size_t i = 0; i < plan->n_upstreams; i++)
        tls_client_unref(plan->upstreams[i].tls);
    arena_finish(&plan->arena);
    free(plan);
}

bool plan_trusts(const struct plan *plan, const struct sockaddr *peer)
{
    if (peer->sa_family == AF_UNIX)
        return plan->trust_unix;
    for (size_t i = 0; i < plan->n_trusted; i++)
        if (cidr_has(&plan->trusted[i], peer))
            return true;
    return false;
}
