/* A mailbox for plans, and a bell that the fleet rings too. */
#include "keeper_thread.h"
#include <pthread.h>
#include <stdlib.h>
#include "corsd/base/owner.h"
#include "corsd/proxy/checks.h"
#include "corsd/proxy/fleet.h"
#include "corsd/proxy/lookups.h"
#include "thread.h"

struct keeper {
    const struct log *log;
    struct fleet *fleet;
    struct thread *thread; /* NULL: nothing has needed it yet */
    struct lookups *lookups;
    struct checks *checks;
    struct bell bell;
    pthread_mutex_t lock;
    struct plan *plan; /* the next one, with a reference; NULL: none */
};

static bool is_needed(const struct plan *plan)
{
    for (size_t i = 0; i < plan->n_upstreams; i++)
        if (plan->upstreams[i].has_names || plan->upstreams[i].health.path.n)
            return true;
    return false;
}

static void read_mail(void *arg)
{
    struct keeper *keeper = arg;
    pthread_mutex_lock(&keeper->lock);
    struct plan *plan = keeper->plan;
    keeper->plan = NULL;
    pthread_mutex_unlock(&keeper->lock);
    if (plan && !lookups_take_plan(keeper->lookups, plan))
        log_line(keeper->log, LOG_ERROR, "out of memory: not every name is resolved");
    if (plan && !checks_take_plan(keeper->checks, plan))
        log_line(keeper->log, LOG_ERROR, "out of memory: not every server is checked");
    plan_unref(plan);
    checks_refresh(keeper->checks);
}

static void ring(struct bell *bell)
{
    thread_ring(OWNER_OF(bell, struct keeper, bell)->thread);
}

static void stop(struct keeper *keeper)
{
    if (!keeper->thread)
        return;
    fleet_remove_bell(keeper->fleet, &keeper->bell);
    thread_stop(keeper->thread);
    checks_destroy(keeper->checks);
    lookups_destroy(keeper->lookups);
    thread_destroy(keeper->thread);
    keeper->thread = NULL;
    keeper->checks = NULL;
    keeper->lookups = NULL;
}

static bool start(struct keeper *keeper)
{
    keeper->thread = thread_create(read_mail, keeper);
    if (!keeper->thread)
        return false;
    fleet_add_bell(keeper->fleet, &keeper->bell);
    keeper->checks = checks_create(thread_base(keeper->thread), keeper->fleet);
    keeper->lookups = lookups_create(thread_base(keeper->thread), keeper->log, keeper->fleet);
    if (!keeper->checks || !keeper->lookups || !thread_start(keeper->thread, "corsd-keeper")) {
        stop(keeper);
        return false;
    }
    return true;
}

bool keeper_take_plan(struct keeper *keeper, struct plan *plan)
{
    if (!keeper->thread && !is_needed(plan))
        return true;
    if (!keeper->thread && !start(keeper))
        return false;
    pthread_mutex_lock(&keeper->lock);
    struct plan *unread = keeper->plan;
    keeper->plan = plan_ref(plan);
    pthread_mutex_unlock(&keeper->lock);
    plan_unref(unread);
    thread_ring(keeper->thread);
    return true;
}

struct keeper *keeper_create(const struct log *log, struct fleet *fleet)
{
    struct keeper *keeper = calloc(1, sizeof *keeper);
    if (!keeper)
        return NULL;
    *keeper = (struct keeper){.log = log, .fleet = fleet, .bell.ring = ring};
    pthread_mutex_init(&keeper->lock, NULL);
    return keeper;
}

void keeper_destroy(struct keeper *keeper)
{
    if (!keeper)
        return;
    stop(keeper);
    plan_unref(keeper->plan);
    pthread_mutex_destroy(&keeper->lock);
    free(keeper);
}
