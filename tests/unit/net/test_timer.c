/* The wheel, on a clock turned by hand: a millisecond is one turn of the loop. */
#include <stdlib.h>
#include <criterion/criterion.h>
#include <event2/event.h>
#include "clock.h"
#include "corsd/net/timer.h"

enum { START = 123456789, TICK = 16, TURN = 2048 * TICK };

struct probe {
    struct timer timer;
    uint64_t fired_at; /* ms since the test began; 0: not yet */
    unsigned times;
    struct probe *stops, *sets; /* what it does to others when it fires */
    uint64_t again_ms;          /* sets itself again, `again` times */
    unsigned again;
};

static struct timers *timers;
static struct event_base *base;

static void on_fire(struct timer *timer)
{
    struct probe *probe = (struct probe *)timer;
    cr_assert_not(timer_waits(timer), "who fires waits no more");
    probe->fired_at = hand.ms - START;
    probe->times++;
    if (probe->stops)
        timer_stop(&probe->stops->timer);
    if (probe->sets)
        timer_set(timers, &probe->sets->timer, probe->again_ms);
    if (probe->again) {
        probe->again--;
        timer_set(timers, timer, probe->again_ms);
    }
}

static void begin(void)
{
    clock_turn(START);
    base = event_base_new();
    cr_assert_not_null(base);
    timers = timers_create(base);
    cr_assert_not_null(timers);
}

static void end(void)
{
    timers_destroy(timers);
    event_base_free(base);
}

/* Until `ms` since the beginning, `step` at a time. */
static void pass_until(uint64_t ms, uint64_t step)
{
    while (hand.ms < START + ms) {
        clock_turn(hand.ms + step);
        event_base_loop(base, EVLOOP_NONBLOCK);
    }
}

#define PROBE {.timer.fire = on_fire}

Test(timer, fires_when_it_is_due)
{
    static const uint64_t rows[] = {0,    1,    4,     15,    16,    17,    31,    32,     100,
                                    999,  1000, 10000, 32000, 32752, 32753, 32768, 32769,  33000,
                                    40000, 65536, 70000, 100000};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (uint64_t phase = 0; phase < TICK; phase += 5) {
            struct probe probe = PROBE;
            begin();
            pass_until(phase, 1);
            timer_set(timers, &probe.timer, rows[i]);
            cr_expect(timer_waits(&probe.timer));
            pass_until(phase + rows[i] + 200, 1);
            cr_expect_eq(probe.times, 1);
            cr_expect_geq(probe.fired_at, phase + rows[i], "%lu: never early: %lu",
                          (unsigned long)rows[i], (unsigned long)(probe.fired_at - phase));
            cr_expect_leq(probe.fired_at, phase + rows[i] + 2 * TICK, "%lu: late: %lu",
                          (unsigned long)rows[i], (unsigned long)(probe.fired_at - phase));
            end();
        }
}

Test(timer, fires_in_order)
{
    static const uint64_t ms[] = {500, 100, 40000, 300, 0, 35000, 100, 32768};
    struct probe probes[8] = {PROBE, PROBE, PROBE, PROBE, PROBE, PROBE, PROBE, PROBE};
    begin();
    for (int i = 0; i < 8; i++)
        timer_set(timers, &probes[i].timer, ms[i]);
    pass_until(41000, 1);
    for (int i = 0; i < 8; i++) {
        cr_expect_eq(probes[i].times, 1, "%d", i);
        for (int j = 0; j < 8; j++)
            cr_expect(ms[i] + 2 * TICK >= ms[j] || probes[i].fired_at < probes[j].fired_at, "%d %d",
                      i, j);
    }
    end();
}

Test(timer, pushed_back_again_and_again)
{
    struct probe probe = PROBE;
    begin();
    for (uint64_t now = 0; now < 50000; now += 500) {
        timer_set(timers, &probe.timer, 1000);
        pass_until(now + 500, 20);
        cr_assert_eq(probe.times, 0, "at %lu", (unsigned long)now);
    }
    pass_until(51000, 1);
    cr_expect_eq(probe.times, 1);
    cr_expect_geq(probe.fired_at, 50500);
    cr_expect_leq(probe.fired_at, 50500 + 3 * TICK);
    end();
}

Test(timer, a_time_that_stands_is_not_put_off)
{
    for (uint64_t phase = 0; phase < TICK; phase++) {
        struct probe probe = PROBE;
        begin();
        pass_until(phase, 1);
        uint64_t at = timer_now_ms() + 1000;
        for (uint64_t ms = phase; !probe.times && ms < phase + 2000; ms++) {
            timer_set_at(timers, &probe.timer, at); /* something happens every ms */
            pass_until(ms + 1, 1);
        }
        timer_stop(&probe.timer);
        cr_expect_eq(probe.times, 1);
        cr_expect_geq(probe.fired_at, phase + 1000, "never early");
        cr_expect_leq(probe.fired_at, phase + 1000 + 2 * TICK, "late: %lu",
                      (unsigned long)(probe.fired_at - phase - 1000));
        end();
    }
}

Test(timer, a_time_that_has_passed)
{
    struct probe probe = PROBE;
    begin();
    pass_until(500, 1);
    timer_set_at(timers, &probe.timer, timer_now_ms() - 100);
    pass_until(500 + 2 * TICK, 1);
    cr_expect_eq(probe.times, 1);
    end();
}

Test(timer, brought_forward)
{
    struct probe probe = PROBE, other = PROBE;
    begin();
    timer_set(timers, &other.timer, 20000);
    timer_set(timers, &probe.timer, 60000);
    pass_until(100, 10);
    timer_set(timers, &probe.timer, 50);
    pass_until(200, 1);
    cr_expect_eq(probe.times, 1);
    cr_expect_eq(other.times, 0);
    pass_until(61000, 10);
    cr_expect_eq(probe.times, 1, "what was set before is replaced");
    cr_expect_eq(other.times, 1);
    end();
}

Test(timer, stopped)
{
    struct probe probe = PROBE, other = PROBE;
    begin();
    timer_stop(&probe.timer);
    timer_set(timers, &probe.timer, 100);
    timer_set(timers, &other.timer, 100);
    timer_stop(&probe.timer);
    cr_expect_not(timer_waits(&probe.timer));
    timer_stop(&probe.timer);
    pass_until(1000, 1);
    cr_expect_eq(probe.times, 0);
    cr_expect_eq(other.times, 1);
    timer_set(timers, &probe.timer, 100);
    pass_until(2000, 1);
    cr_expect_eq(probe.times, 1, "and set again");
    end();
}

Test(timer, sets_itself_when_it_fires)
{
    struct probe probe = {.timer.fire = on_fire, .again = 3, .again_ms = 1000};
    begin();
    timer_set(timers, &probe.timer, 1000);
    pass_until(3900, 1);
    cr_expect_eq(probe.times, 3);
    pass_until(10000, 1);
    cr_expect_eq(probe.times, 4);
    end();
}

Test(timer, sets_itself_for_now_and_the_loop_goes_on)
{
    struct probe probe = {.timer.fire = on_fire, .again = 1000000, .again_ms = 0};
    begin();
    timer_set(timers, &probe.timer, 0);
    pass_until(1600, 1);
    cr_expect_leq(probe.times, 101, "at most once a tick: %u", probe.times);
    cr_expect_geq(probe.times, 30);
    timer_stop(&probe.timer);
    end();
}

/* Neighbours in one slot: whoever fires first stops the other, whichever that is. */
Test(timer, stops_a_neighbour_when_it_fires)
{
    struct probe a = PROBE, b = PROBE, c = PROBE;
    begin();
    a.stops = &b;
    b.stops = &a;
    timer_set(timers, &a.timer, 100);
    timer_set(timers, &c.timer, 100);
    timer_set(timers, &b.timer, 100);
    pass_until(1000, 1);
    cr_expect_eq(a.times + b.times, 1);
    cr_expect_eq(c.times, 1);
    end();
}

Test(timer, pushes_a_neighbour_back_when_it_fires)
{
    struct probe a = PROBE, b = PROBE;
    begin();
    a.sets = &b;
    b.sets = &a;
    a.again_ms = b.again_ms = 500;
    timer_set(timers, &a.timer, 100);
    timer_set(timers, &b.timer, 100);
    pass_until(550, 1);
    cr_expect_eq(a.times + b.times, 1);
    pass_until(700, 1);
    cr_expect_eq(a.times + b.times, 2);
    timer_stop(&a.timer);
    timer_stop(&b.timer);
    end();
}

Test(timer, a_loop_that_was_held_up_fires_all_that_is_due)
{
    struct probe probes[4] = {PROBE, PROBE, PROBE, PROBE};
    static const uint64_t ms[] = {50, 5000, 40000, 90000};
    begin();
    for (int i = 0; i < 4; i++)
        timer_set(timers, &probes[i].timer, ms[i]);
    pass_until(80000, 80000); /* longer than two turns of the wheel */
    event_base_loop(base, EVLOOP_NONBLOCK);
    pass_until(80100, 1);
    for (int i = 0; i < 3; i++)
        cr_expect_eq(probes[i].times, 1, "%d", i);
    cr_expect_eq(probes[3].times, 0, "what is not due waits");
    pass_until(90100, 1);
    cr_expect_eq(probes[3].times, 1);
    end();
}

Test(timer, after_a_long_rest)
{
    struct probe probe = PROBE;
    begin();
    pass_until(1000000, 100000);
    timer_set(timers, &probe.timer, 40);
    pass_until(1000100, 1);
    cr_expect_eq(probe.times, 1);
    cr_expect_geq(probe.fired_at, 1000040);
    end();
}

Test(timer, very_long_deadlines)
{
    struct probe years = PROBE, soon = PROBE;
    begin();
    timer_set(timers, &years.timer, UINT64_MAX);
    timer_set(timers, &soon.timer, 100000);
    pass_until(99000, 50);
    cr_expect_eq(soon.times, 0);
    pass_until(101000, 10);
    cr_expect_eq(soon.times, 1);
    cr_expect_eq(years.times, 0);
    cr_expect(timer_waits(&years.timer));
    timer_stop(&years.timer);
    end();
}

/* Many at random, against the plainest model: each has one due time, or none. */
Test(timer, does_what_a_plain_list_does)
{
    enum { N = 300 };
    static struct probe probes[N];
    static uint64_t due[N]; /* since the beginning; 0: none */
    uint64_t state = 88172645463325252u;
    begin();
    for (size_t i = 0; i < N; i++)
        probes[i].timer.fire = on_fire;
    for (uint64_t now = 1; now < 120000; now += 7) {
        pass_until(now, 7);
        now = hand.ms - START;
        for (size_t i = 0; i < N; i++) {
            if (!probes[i].times) {
                cr_assert(!due[i] || now < due[i] + 4 * TICK, "%zu is overdue", i);
                continue;
            }
            cr_assert(due[i] && probes[i].fired_at >= due[i], "%zu fired early or unasked", i);
            probes[i].times = 0;
            due[i] = 0;
        }
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        struct probe *probe = &probes[state % N];
        size_t i = (size_t)(probe - probes);
        uint64_t ms = (state >> 20) % ((state >> 40) & 1 ? 200 : 50000);
        if ((state >> 50) % 4) {
            timer_set(timers, &probe->timer, ms);
            due[i] = now + ms;
        } else {
            timer_stop(&probe->timer);
            due[i] = 0;
        }
        cr_assert_eq(timer_waits(&probe->timer), due[i] != 0);
    }
    end();
}
