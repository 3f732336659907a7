/* What one worker counted: plain numbers only it writes. Others read them when they sum up, and may
 * see a number a moment old; each is read and written whole. */
#pragma once
#include <stdint.h>

enum { COUNTED_CAUSES = 96, COUNTED_KINDS = 4, COUNTED_REASONS = 32 };

struct counters {
    uint64_t connections, connections_open;
    uint64_t exchanges;
    uint64_t own_answers, forwarded, tunnels;
    uint64_t upstream_connections, upstream_reused, retries;
    uint64_t failovers, queued, queue_refused, queue_expired;
    uint64_t bytes_in, bytes_out;
    uint64_t causes[COUNTED_CAUSES];
    uint64_t cors[COUNTED_KINDS][COUNTED_REASONS];
};

static inline void count(uint64_t *counter)
{
    __atomic_store_n(counter, *counter + 1, __ATOMIC_RELAXED);
}
static inline void count_down(uint64_t *counter)
{
    __atomic_store_n(counter, *counter - 1, __ATOMIC_RELAXED);
}
static inline void count_add(uint64_t *counter, uint64_t n)
{
    __atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);
}
