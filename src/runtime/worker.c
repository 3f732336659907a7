/* A thread that runs one loop, and the mailbox through which the main thread tells it what to do.
 */
#include "worker.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include "corsd/base/owner.h"
#include "corsd/proxy/fleet.h"
#include "thread.h"

enum { ORDER_DRAIN = 1, ORDER_UNREADY = 2, ORDER_DRAIN_LAST = 4, CHECK_MS = 20 };

struct worker {
    struct thread *thread;
    struct fleet *fleet; /* has the bell; NULL: not yet */
    struct bell bell;
    struct loop *loop;
    struct event check;
    /* The mailbox: written by the main thread, emptied by the worker. */
    pthread_mutex_t lock;
    struct plan *plan; /* the next one, with a reference; NULL: none */
    unsigned orders;
    int deaf; /* atomic */
};

static void check_drained(struct worker *worker)
{
    static const struct timeval soon = {0, CHECK_MS * 1000};
    if (loop_clients(worker->loop) || loop_listens(worker->loop))
        event_add(&worker->check, &soon);
    else
        thread_leave(worker->thread);
}

static void on_check(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    check_drained(arg);
}

static void read_mail(void *arg)
{
    struct worker *worker = arg;
    pthread_mutex_lock(&worker->lock);
    struct plan *plan = worker->plan;
    unsigned orders = worker->orders;
    worker->plan = NULL;
    worker->orders = 0;
    pthread_mutex_unlock(&worker->lock);
    if (plan) {
        bool taken = loop_take_plan(worker->loop, plan);
        (void)taken; /* out of memory: the old plan goes on */
        plan_unref(plan);
    }
    loop_refresh(worker->loop);
    if (orders & ORDER_UNREADY)
        loop_unready(worker->loop);
    if (orders & ORDER_DRAIN) {
        loop_drain(worker->loop);
        __atomic_store_n(&worker->deaf, 1, __ATOMIC_RELEASE);
        check_drained(worker);
    }
    if (orders & ORDER_DRAIN_LAST)
        loop_drain_last(worker->loop);
}

static void ring(struct bell *bell)
{
    thread_ring(OWNER_OF(bell, struct worker, bell)->thread);
}

struct worker *worker_create(const struct log *log, struct crowd *crowd, struct fleet *fleet,
                             struct plan *plan)
{
    uint64_t seed[2] = {1, 2};
    struct worker *worker = calloc(1, sizeof *worker);
    if (!worker)
        return NULL;
    pthread_mutex_init(&worker->lock, NULL);
    ssize_t n = getrandom(seed, sizeof seed, 0);
    (void)n; /* a worse seed makes worse ids, no more */
    worker->thread = thread_create(read_mail, worker);
    if (worker->thread)
        worker->loop = loop_create(thread_base(worker->thread), log, crowd, fleet, plan, seed);
    if (!worker->loop) {
        worker_destroy(worker);
        return NULL;
    }
    worker->bell.ring = ring;
    worker->fleet = fleet;
    fleet_add_bell(fleet, &worker->bell);
    thread_count_turns(worker->thread, loop_turns(worker->loop));
    event_assign(&worker->check, thread_base(worker->thread), -1, 0, on_check, worker);
    return worker;
}

bool worker_listen(struct worker *worker, int fd, enum listener_share share,
                   struct listener_ways ways)
{
    return loop_listen(worker->loop, fd, share, ways);
}

bool worker_start(struct worker *worker, unsigned number)
{
    char name[16];
    snprintf(name, sizeof name, "corsd-%u", number % 1000);
    return thread_start(worker->thread, name);
}

static void order(struct worker *worker, unsigned orders, struct plan *plan)
{
    pthread_mutex_lock(&worker->lock);
    worker->orders |= orders;
    struct plan *unread = NULL;
    if (plan) {
        unread = worker->plan;
        worker->plan = plan_ref(plan);
    }
    pthread_mutex_unlock(&worker->lock);
    plan_unref(unread);
    thread_ring(worker->thread);
}

void worker_take_plan(struct worker *worker, struct plan *plan)
{
    order(worker, 0, plan);
}

void worker_unready(struct worker *worker)
{
    order(worker, ORDER_UNREADY, NULL);
}

void worker_drain(struct worker *worker)
{
    order(worker, ORDER_DRAIN, NULL);
}

void worker_drain_last(struct worker *worker)
{
    order(worker, ORDER_DRAIN_LAST, NULL);
}

bool worker_is_deaf(const struct worker *worker)
{
    return __atomic_load_n(&worker->deaf, __ATOMIC_ACQUIRE);
}

bool worker_has_ended(const struct worker *worker)
{
    return thread_has_ended(worker->thread);
}

void worker_destroy(struct worker *worker)
{
    if (!worker)
        return;
    thread_stop(worker->thread);
    if (worker->fleet)
        fleet_remove_bell(worker->fleet, &worker->bell);
    loop_destroy(worker->loop);
    plan_unref(worker->plan);
    if (event_initialized(&worker->check))
        event_del(&worker->check);
    thread_destroy(worker->thread);
    pthread_mutex_destroy(&worker->lock);
    free(worker);
}
