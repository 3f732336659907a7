/* Words → pointers, while a configuration is compiled. The words stay the caller's. */
#pragma once
#include "corsd/config/reading.h"

struct name {
    struct str word; /* p NULL: free */
    void *what;
};
struct names {
    struct name *slots; /* in the reading's scratch memory */
    size_t size, n;     /* size is a power of two */
};

/* Room for `max` words; false out of memory. */
MUST_USE bool names_init(struct reading *reading, struct names *names, size_t max);
/* False where the word is there already; nothing is changed then. */
bool names_add(struct names *names, struct str word, void *what);
bool names_has(const struct names *names, struct str word);
void *names_find(const struct names *names, struct str word); /* NULL: none */
/* The word nearest to a mistyped one; empty where none is near. */
struct str names_near(const struct names *names, struct str word);
