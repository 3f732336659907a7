/* A thread that runs one loop, woken by an eventfd when its mailbox has something. */
#include "worker.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include "corsd/net/timer.h"

enum { ORDER_DRAIN = 1, ORDER_STOP = 2, ORDER_UNREADY = 4, ORDER_DRAIN_LAST = 8, CHECK_MS = 20 };

struct worker {
    struct event_base *base;
    struct loop *loop;
    struct event wake, check;
    int wake_fd;
    pthread_t thread;
    bool started;
    unsigned number;
    /* The mailbox: written by the main thread, emptied by the worker. */
    pthread_mutex_t lock;
    struct plan *plan; /* the next one, with a reference; NULL: none */
    unsigned orders;
    int deaf, ended; /* atomic */
};

static void ring(struct worker *worker)
{
    uint64_t one = 1;
    ssize_t n = write(worker->wake_fd, &one, sizeof one);
    (void)n; /* it can only fail when it rings already */
}

static void check_drained(struct worker *worker)
{
    static const struct timeval soon = {0, CHECK_MS * 1000};
    if (loop_clients(worker->loop) || loop_listens(worker->loop))
        event_add(&worker->check, &soon);
    else
        event_base_loopbreak(worker->base);
}

static void on_check(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    check_drained(arg);
}

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
    struct worker *worker = arg;
    uint64_t rings;
    (void)what;
    ssize_t n = read(fd, &rings, sizeof rings);
    (void)n;
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
    if (orders & ORDER_UNREADY)
        loop_unready(worker->loop);
    if (orders & ORDER_STOP)
        event_base_loopbreak(worker->base);
    else if (orders & ORDER_DRAIN) {
        loop_drain(worker->loop);
        __atomic_store_n(&worker->deaf, 1, __ATOMIC_RELEASE);
        check_drained(worker);
    }
    if (orders & ORDER_DRAIN_LAST)
        loop_drain_last(worker->loop);
}

static struct event_base *create_base(void)
{
    struct event_config *config = event_config_new();
    if (!config)
        return NULL;
    event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
    struct event_base *base = event_base_new_with_config(config);
    event_config_free(config);
    return base;
}

struct worker *worker_create(const struct log *log, struct crowd *crowd, struct plan *plan)
{
    uint64_t seed[2] = {1, 2};
    struct worker *worker = calloc(1, sizeof *worker);
    if (!worker)
        return NULL;
    pthread_mutex_init(&worker->lock, NULL);
    ssize_t n = getrandom(seed, sizeof seed, 0);
    (void)n; /* a worse seed makes worse ids, no more */
    worker->base = create_base();
    worker->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (worker->base)
        worker->loop = loop_create(worker->base, log, crowd, plan, seed);
    if (!worker->loop || worker->wake_fd < 0 ||
        event_assign(&worker->wake, worker->base, worker->wake_fd, EV_READ | EV_PERSIST, on_wake,
                     worker) < 0 ||
        event_add(&worker->wake, NULL) < 0) {
        worker_destroy(worker);
        return NULL;
    }
    event_assign(&worker->check, worker->base, -1, 0, on_check, worker);
    return worker;
}

bool worker_listen(struct worker *worker, int fd, enum listener_share share, bool tls)
{
    return loop_listen(worker->loop, fd, share, tls);
}

static void *run(void *arg)
{
    struct worker *worker = arg;
    event_base_dispatch(worker->base);
    __atomic_store_n(&worker->ended, 1, __ATOMIC_RELEASE);
    return NULL;
}

bool worker_start(struct worker *worker, unsigned number)
{
    char name[16];
    worker->number = number;
    worker->started = pthread_create(&worker->thread, NULL, run, worker) == 0;
    snprintf(name, sizeof name, "corsd-%u", number % 1000);
    if (worker->started)
        pthread_setname_np(worker->thread, name);
    return worker->started;
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
    if (unread)
        plan_unref(unread);
    ring(worker);
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

void worker_stop(struct worker *worker)
{
    order(worker, ORDER_STOP, NULL);
}

bool worker_is_deaf(const struct worker *worker)
{
    return __atomic_load_n(&worker->deaf, __ATOMIC_ACQUIRE);
}

bool worker_has_ended(const struct worker *worker)
{
    return __atomic_load_n(&worker->ended, __ATOMIC_ACQUIRE);
}

void worker_destroy(struct worker *worker)
{
    if (!worker)
        return;
    if (worker->started) {
        worker_stop(worker);
        pthread_join(worker->thread, NULL);
    }
    loop_destroy(worker->loop);
    if (worker->plan)
        plan_unref(worker->plan);
    if (worker->base) {
        if (event_initialized(&worker->wake))
            event_del(&worker->wake);
        if (event_initialized(&worker->check))
            event_del(&worker->check);
        event_base_free(worker->base);
    }
    if (worker->wake_fd >= 0)
        close(worker->wake_fd);
    pthread_mutex_destroy(&worker->lock);
    free(worker);
}
