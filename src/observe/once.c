/* A ring of hashes and a bucket of tokens. */
#include "corsd/observe/once.h"
#include "corsd/base/hash.h"

/* The end of a text is mixed in: "ab", "c" is not "a", "bc". */
static uint64_t mix(uint64_t hash, struct str text)
{
    return hash_byte(hash_add(hash, text), '\xff');
}

static void refill(struct once *once, uint64_t now_ms)
{
    if (!once->filled_ms) {
        once->left = ONCE_BURST;
        once->filled_ms = now_ms;
    }
    uint64_t seconds = (now_ms - once->filled_ms) / 1000;
    if (!seconds)
        return;
    once->filled_ms += seconds * 1000;
    once->left = seconds > ONCE_BURST - once->left ? ONCE_BURST : once->left + (unsigned)seconds;
}

bool once_is_news(struct once *once, struct str a, struct str b, uint64_t now_ms)
{
    uint64_t hash = mix(mix(HASH_START, a), b) | 1;
    for (unsigned i = 0; i < ONCE_REMEMBERED; i++)
        if (once->told[i] == hash)
            return false;
    refill(once, now_ms);
    if (!once->left) {
        once->silenced++;
        return false; /* not remembered: it is told when there is room again */
    }
    once->left--;
    once->told[once->next++ % ONCE_REMEMBERED] = hash;
    return true;
}
