/* Deadlines of one loop: a wheel of 16 ms slots whose entries move lazily, so that pushing a
 * deadline back, which every exchange does, is one store. One thread. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct event_base;
struct timers;

struct timer {
    struct timer *next, **before; /* before: NULL while it waits for nothing */
    uint32_t due, queued;         /* ticks: when it is meant to fire, and its slot's time */
    void (*fire)(struct timer *); /* called once; may set it again */
};

/* NULL out of memory. The base outlives the timers. */
struct timers *timers_create(struct event_base *base);
void timers_destroy(struct timers *timers);
/* Fires in ms from now, at most two ticks late and never early; replaces what was set before. */
void timer_set(struct timers *timers, struct timer *timer, uint64_t ms);
/* The same at a time of timer_now_ms(). For deadlines that stand: set anew ever so often they are
 * not put off, as they would be by what rounding adds to `ms` counted from each now. */
void timer_set_at(struct timers *timers, struct timer *timer, uint64_t at_ms);
void timer_stop(struct timer *timer);
static inline bool timer_waits(const struct timer *timer)
{
    return timer->before != NULL;
}
/* Milliseconds of a clock that only goes forward; coarse (4 ms) and cheap. */
uint64_t timer_now_ms(void);
