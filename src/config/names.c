/* A hash table that never grows. */
#include "corsd/config/names.h"
#include <assert.h>
#include "corsd/base/hash.h"
#include "corsd/config/nearest.h"

enum { COMPARED_MAX = 1000 }; /* words looked at for "did you mean" */

static struct name *slot(const struct names *names, struct str word)
{
    size_t at = hash_slot(hash_add(HASH_START, word), names->size - 1);
    while (names->slots[at].word.p && !str_eq(names->slots[at].word, word))
        at = (at + 1) & (names->size - 1);
    return &names->slots[at];
}

bool names_init(struct reading *reading, struct names *names, size_t max)
{
    names->n = 0;
    names->size = 2;
    while (names->size < 2 * max)
        names->size *= 2;
    names->slots = arena_zalloc(&reading->scratch, names->size * sizeof *names->slots);
    if (!names->slots)
        reading->out_of_memory = true;
    return names->slots != NULL;
}

bool names_add(struct names *names, struct str word, void *what)
{
    struct name *at = slot(names, word);
    if (at->word.p)
        return false;
    assert(2 * names->n < names->size && word.p);
    *at = (struct name){word, what};
    names->n++;
    return true;
}

bool names_has(const struct names *names, struct str word)
{
    return slot(names, word)->word.p != NULL;
}

void *names_find(const struct names *names, struct str word)
{
    const struct name *at = slot(names, word);
    return at->word.p ? at->what : NULL;
}

struct str names_near(const struct names *names, struct str word)
{
    struct str best = {0};
    unsigned limit = typo_limit(word);
    size_t compared = 0;
    for (size_t i = 0; i < names->size && compared < COMPARED_MAX; i++) {
        if (!names->slots[i].word.p)
            continue;
        compared++;
        unsigned distance = typo_distance(word, names->slots[i].word, limit);
        if (distance > limit || (best.p && distance == limit))
            continue;
        best = names->slots[i].word;
        limit = distance;
    }
    return best;
}
