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
#include "corsd/proxy/listener.h"
#include "thread.h"

enum { ORDER_DRAIN = 1, ORDER_UNREADY = 2, CHECK_MS = 20 };

struct letter { /* a plan and where it listens, with references */
    struct letter *next;
    struct plan *plan;
    size_t n;
    struct listen_item items[];
};

struct worker {
    struct thread *thread;
    struct fleet *fleet; /* has the bell; NULL: not yet */
    struct bell bell;
    struct loop *loop;
    struct event check;
    /* The mailbox: written by the main thread, emptied by the worker. */
    pthread_mutex_t lock;
    struct letter *letters, **last; /* unread; each is read, so that each socket is emptied */
    unsigned orders;
};

/* --- letters ---------------------------------------------------------------------------------- */

static struct letter *letter_create(struct plan *plan, const struct listen_item *items, size_t n)
{
    struct letter *letter = malloc(sizeof *letter + n * sizeof *items);
    if (!letter)
        return NULL;
    *letter = (struct letter){.plan = plan_ref(plan), .n = n};
    for (size_t i = 0; i < n; i++)
        letter->items[i] = (struct listen_item){listen_socket_ref(items[i].socket), items[i].spec};
    return letter;
}

static void letter_destroy(struct letter *letter)
{
    for (size_t i = 0; i < letter->n; i++)
        listen_socket_unref(letter->items[i].socket);
    plan_unref(letter->plan);
    free(letter);
}

/* Out of memory the old plan goes on, and its listeners with it. */
static void obey(struct worker *worker, struct letter *letter)
{
    if (loop_take_plan(worker->loop, letter->plan)) {
        bool all = loop_listen(worker->loop, letter->items, letter->n, letter->plan);
        (void)all; /* it has said which are missing */
    }
    letter_destroy(letter);
}

/* --- in the thread ---------------------------------------------------------------------------- */

static void check_drained(struct worker *worker)
{
    static const struct timeval soon = {0, CHECK_MS * 1000};
    if (!loop_is_done(worker->loop))
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
    struct letter *letters = worker->letters;
    unsigned orders = worker->orders;
    worker->letters = NULL;
    worker->last = &worker->letters;
    worker->orders = 0;
    pthread_mutex_unlock(&worker->lock);
    while (letters) {
        struct letter *letter = letters;
        letters = letter->next;
        obey(worker, letter);
    }
    loop_refresh(worker->loop);
    if (orders & ORDER_UNREADY)
        loop_unready(worker->loop);
    if (orders & ORDER_DRAIN) {
        loop_drain(worker->loop);
        check_drained(worker);
    }
}

static void ring(struct bell *bell)
{
    thread_ring(OWNER_OF(bell, struct worker, bell)->thread);
}

/* --- in the main thread ----------------------------------------------------------------------- */

struct worker *worker_create(const struct log *log, struct crowd *crowd, struct fleet *fleet,
                             struct plan *plan)
{
    uint64_t seed[2] = {1, 2};
    struct worker *worker = calloc(1, sizeof *worker);
    if (!worker)
        return NULL;
    pthread_mutex_init(&worker->lock, NULL);
    worker->last = &worker->letters;
    ssize_t n = getrandom(seed, sizeof seed, 0);
    (void)n; /* a worse seed makes worse ids, no more */
    worker->thread = thread_create(read_mail, worker);
    if (worker->thread)
        worker->loop =
            loop_create(thread_base(worker->thread), log, crowd, fleet, &worker->bell, plan, seed);
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

bool worker_start(struct worker *worker, unsigned number)
{
    char name[16];
    snprintf(name, sizeof name, "corsd-%u", number % 1000);
    return thread_start(worker->thread, name);
}

static void order(struct worker *worker, unsigned orders, struct letter *letter)
{
    pthread_mutex_lock(&worker->lock);
    worker->orders |= orders;
    if (letter) {
        *worker->last = letter;
        worker->last = &letter->next;
    }
    pthread_mutex_unlock(&worker->lock);
    thread_ring(worker->thread);
}

bool worker_take_plan(struct worker *worker, struct plan *plan, const struct listen_item *items,
                      size_t n)
{
    struct letter *letter = letter_create(plan, items, n);
    if (letter)
        order(worker, 0, letter);
    return letter;
}

void worker_unready(struct worker *worker)
{
    order(worker, ORDER_UNREADY, NULL);
}

void worker_drain(struct worker *worker)
{
    order(worker, ORDER_DRAIN, NULL);
}

uint64_t workers_owe_ms(struct worker *const *workers, unsigned n)
{
    uint64_t longest = 0;
    for (unsigned i = 0; i < n; i++) {
        uint64_t owed = worker_has_ended(workers[i]) ? 0 : thread_ask(workers[i]->thread);
        longest = owed > longest ? owed : longest;
    }
    return longest;
}

const struct counters *worker_counters(const struct worker *worker)
{
    return loop_counters(worker->loop);
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
    while (worker->letters) {
        struct letter *letter = worker->letters;
        worker->letters = letter->next;
        letter_destroy(letter);
    }
    if (event_initialized(&worker->check))
        event_del(&worker->check);
    thread_destroy(worker->thread);
    pthread_mutex_destroy(&worker->lock);
    free(worker);
}
