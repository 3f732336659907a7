/* Says whether something is news: the same thing is told once, and nothing too often. One thread.
 */
#pragma once
#include "corsd/base/str.h"

enum { ONCE_REMEMBERED = 256, ONCE_BURST = 20 };

struct once { /* zeroed: nothing was told */
    uint64_t told[ONCE_REMEMBERED]; /* hashes; the oldest is forgotten first */
    unsigned next;
    unsigned left;      /* tellings left of the burst; one comes back each second */
    uint64_t filled_ms; /* when `left` was last topped up; 0: never */
    uint64_t silenced;  /* news that was not told, since the last that was */
};

/* True: tell it. now_ms: any clock that goes forward, not 0. */
bool once_is_news(struct once *once, struct str a, struct str b, uint64_t now_ms);
