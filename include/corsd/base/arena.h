/* Memory that is freed all at once: an exchange's, a plan's. One owner, one thread while it grows.
 */
#pragma once
#include "corsd/base/str.h"

struct arena_block;
struct arena {
    struct arena_block *last; /* NULL until the first allocation that did not fit `first` */
    char *at, *end;           /* free space of the current block */
    char *first;              /* the owner's own first piece, or NULL */
    size_t first_size;
};

/* The arena starts in `first` (which stays the owner's), and goes on to the heap. */
void arena_init(struct arena *arena, void *first, size_t first_size);
void arena_finish(struct arena *arena);
/* As new: blocks freed, the first piece used again. */
void arena_reset(struct arena *arena);
/* Aligned for any type, not cleared; NULL out of memory. */
MUST_USE void *arena_alloc(struct arena *arena, size_t size);
/* The same, cleared. */
MUST_USE void *arena_zalloc(struct arena *arena, size_t size);
/* Copies text and ends it with a NUL that does not count; p is NULL out of memory. */
MUST_USE struct str arena_copy(struct arena *arena, struct str text);
MUST_USE struct str arena_lower(struct arena *arena, struct str text); /* ASCII letters small */
