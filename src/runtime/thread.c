/* A pthread around event_base_loop(), woken by an eventfd. */
#include "thread.h"
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include "corsd/net/timer.h"

struct thread {
    struct event_base *base;
    struct event bell;
    int bell_fd;
    void (*on_bell)(void *owner);
    void *owner;
    pthread_t thread;
    uint64_t *turns, uncounted; /* turns: the owner's, or the field beside it */
    bool started;
    /* Atomic, of any thread. */
    bool stops, ended;
    uint64_t asked_ms; /* when a sign of life was asked for; 0: it was given */
};

static void on_bell(evutil_socket_t fd, short what, void *arg)
{
    struct thread *thread = arg;
    uint64_t rings;
    (void)what;
    ssize_t n = read(fd, &rings, sizeof rings);
    (void)n;
    __atomic_store_n(&thread->asked_ms, 0, __ATOMIC_RELEASE);
    thread->on_bell(thread->owner);
    if (__atomic_load_n(&thread->stops, __ATOMIC_ACQUIRE))
        thread_leave(thread);
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

struct thread *thread_create(void (*bell)(void *owner), void *owner)
{
    struct thread *thread = calloc(1, sizeof *thread);
    if (!thread)
        return NULL;
    thread->on_bell = bell;
    thread->owner = owner;
    thread->turns = &thread->uncounted;
    thread->base = create_base();
    thread->bell_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (!thread->base || thread->bell_fd < 0 ||
        event_assign(&thread->bell, thread->base, thread->bell_fd, EV_READ | EV_PERSIST, on_bell,
                     thread) < 0 ||
        event_add(&thread->bell, NULL) < 0) {
        thread_destroy(thread);
        return NULL;
    }
    return thread;
}

struct event_base *thread_base(struct thread *thread)
{
    return thread->base;
}

void thread_count_turns(struct thread *thread, uint64_t *turns)
{
    thread->turns = turns;
}

static void *run(void *arg)
{
    struct thread *thread = arg;
    do
        ++*thread->turns;
    while (event_base_loop(thread->base, EVLOOP_ONCE) == 0 && !event_base_got_break(thread->base));
    __atomic_store_n(&thread->ended, true, __ATOMIC_RELEASE);
    return NULL;
}

bool thread_start(struct thread *thread, const char *name)
{
    thread->started = pthread_create(&thread->thread, NULL, run, thread) == 0;
    if (thread->started)
        pthread_setname_np(thread->thread, name);
    return thread->started;
}

void thread_ring(struct thread *thread)
{
    uint64_t one = 1;
    ssize_t n = write(thread->bell_fd, &one, sizeof one);
    (void)n; /* it can only fail when it rings already */
}

uint64_t thread_ask(struct thread *thread)
{
    uint64_t now = timer_now_ms(), since = 0;
    if (__atomic_compare_exchange_n(&thread->asked_ms, &since, now, false, __ATOMIC_ACQ_REL,
                                    __ATOMIC_ACQUIRE)) {
        thread_ring(thread);
        return 0;
    }
    return now > since ? now - since : 0;
}

bool thread_has_ended(const struct thread *thread)
{
    return __atomic_load_n(&thread->ended, __ATOMIC_ACQUIRE);
}

void thread_leave(struct thread *thread)
{
    event_base_loopbreak(thread->base);
}

void thread_stop(struct thread *thread)
{
    if (!thread || !thread->started)
        return;
    __atomic_store_n(&thread->stops, true, __ATOMIC_RELEASE);
    thread_ring(thread);
    pthread_join(thread->thread, NULL);
    thread->started = false;
}

void thread_destroy(struct thread *thread)
{
    if (!thread)
        return;
    thread_stop(thread);
    if (thread->base) {
        if (event_initialized(&thread->bell))
            event_del(&thread->bell);
        event_base_free(thread->base);
    }
    if (thread->bell_fd >= 0)
        close(thread->bell_fd);
    free(thread);
}
