/* A clock that a test turns by hand: clock_gettime of this program, and of the libraries in it.
 * Include it in one file of the program. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static struct {
    uint64_t ms;
    bool set; /* else the clock is the machine's */
} hand;

int clock_gettime(clockid_t id, struct timespec *out)
{
    if (!hand.set || (id != CLOCK_MONOTONIC && id != CLOCK_MONOTONIC_COARSE))
        return (int)syscall(SYS_clock_gettime, id, out);
    out->tv_sec = (time_t)(hand.ms / 1000);
    out->tv_nsec = (long)(hand.ms % 1000) * 1000000;
    return 0;
}

static inline void clock_turn(uint64_t ms)
{
    hand.ms = ms;
    hand.set = true;
}
