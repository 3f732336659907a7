/* A single wheel: what lies beyond its turn waits in the last slot and is queued again. */
#include "corsd/net/timer.h"
#include <stdlib.h>
#include <time.h>
#include <event2/event.h>
#include <event2/event_struct.h>

enum { TICK_MS = 16, SLOTS = 2048 }; /* one turn: 32 s */

struct timers {
    struct event event;
    struct timer *slots[SLOTS];
    uint64_t used[SLOTS / 64]; /* bit: the slot has, or had, an entry */
    uint32_t now;              /* the last tick whose slot was emptied */
    uint32_t armed;            /* the tick `event` waits for, where it waits */
    bool waits;
};

uint64_t timer_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static uint32_t tick_now(void)
{
    return (uint32_t)(timer_now_ms() / TICK_MS);
}

/* Ticks wrap after two years: compared by their distance. */
static bool is_before(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b) < 0;
}

static void arm(struct timers *timers, uint32_t tick)
{
    uint32_t now = tick_now();
    uint64_t ms = is_before(now, tick) ? (uint64_t)(tick - now) * TICK_MS : 1;
    struct timeval wait = {.tv_sec = (time_t)(ms / 1000),
                           .tv_usec = (suseconds_t)(ms % 1000) * 1000};
    timers->armed = tick;
    timers->waits = event_add(&timers->event, &wait) == 0;
}

static void queue(struct timers *timers, struct timer *timer)
{
    uint32_t slot = timer->due;
    if (!is_before(slot, timers->now + SLOTS))
        slot = timers->now + SLOTS - 1;
    if (!is_before(timers->now, slot))
        slot = timers->now + 1;
    timer->queued = slot;
    struct timer **head = &timers->slots[slot % SLOTS];
    timer->next = *head;
    timer->before = head;
    if (timer->next)
        timer->next->before = &timer->next;
    *head = timer;
    timers->used[slot % SLOTS / 64] |= UINT64_C(1) << slot % 64;
    if (!timers->waits || is_before(slot, timers->armed))
        arm(timers, slot);
}

static void unlink_timer(struct timer *timer)
{
    *timer->before = timer->next;
    if (timer->next)
        timer->next->before = timer->before;
    timer->before = NULL;
}

static void set(struct timers *timers, struct timer *timer, uint32_t now, uint64_t ticks)
{
    timer->due = now + (ticks < INT32_MAX ? (uint32_t)ticks : INT32_MAX);
    if (timer->before && !is_before(timer->due, timer->queued))
        return;
    if (timer->before)
        unlink_timer(timer);
    else if (!timers->waits)
        timers->now = now; /* nothing waits: the wheel may have stood still for long */
    queue(timers, timer);
}

void timer_set(struct timers *timers, struct timer *timer, uint64_t ms)
{
    /* One tick for what is left of this one, one to round up. */
    set(timers, timer, tick_now(), ms / TICK_MS + 2);
}

void timer_set_at(struct timers *timers, struct timer *timer, uint64_t at_ms)
{
    uint64_t now = timer_now_ms() / TICK_MS, due = at_ms / TICK_MS + 1;
    set(timers, timer, (uint32_t)now, due > now ? due - now : 0);
}

void timer_stop(struct timer *timer)
{
    if (timer->before)
        unlink_timer(timer);
}

/* The first slot in use after `now`; `now` itself where all are empty. */
static uint32_t next_used(const struct timers *timers)
{
    for (uint32_t step = 1; step <= SLOTS;) {
        uint32_t slot = (timers->now + step) % SLOTS;
        uint64_t bits = timers->used[slot / 64] >> slot % 64;
        if (bits)
            return timers->now + step + (uint32_t)__builtin_ctzll(bits);
        step += 64 - slot % 64;
    }
    return timers->now;
}

static void empty_slot(struct timers *timers, uint32_t tick)
{
    struct timer *list = timers->slots[tick % SLOTS];
    timers->slots[tick % SLOTS] = NULL;
    timers->used[tick % SLOTS / 64] &= ~(UINT64_C(1) << tick % 64);
    if (list)
        list->before = &list; /* a timer that fires may stop its neighbours */
    while (list) {
        struct timer *timer = list;
        unlink_timer(timer);
        if (is_before(tick, timer->due))
            queue(timers, timer); /* pushed back since it was queued */
        else
            timer->fire(timer);
    }
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    struct timers *timers = arg;
    uint32_t now = tick_now();
    (void)fd;
    (void)what;
    timers->waits = true; /* until the end: what is queued meanwhile need not arm */
    timers->armed = timers->now;
    for (;;) {
        uint32_t tick = next_used(timers);
        if (tick == timers->now || is_before(now, tick))
            break;
        timers->now = tick;
        timers->armed = tick;
        empty_slot(timers, tick);
    }
    if (is_before(timers->now, now))
        timers->now = now;
    uint32_t next = next_used(timers);
    timers->waits = false;
    if (next != timers->now)
        arm(timers, next);
}

struct timers *timers_create(struct event_base *base)
{
    struct timers *timers = calloc(1, sizeof *timers);
    if (!timers)
        return NULL;
    event_assign(&timers->event, base, -1, 0, on_tick, timers);
    timers->now = tick_now();
    return timers;
}

void timers_destroy(struct timers *timers)
{
    if (!timers)
        return;
    event_del(&timers->event);
    free(timers);
}
