/* Bump allocation in blocks that double up to a bound. */
#include "corsd/base/arena.h"
#include <stdalign.h>
#include <stdlib.h>

enum { BLOCK_MIN = 1024, BLOCK_MAX = 64 * 1024 };

struct arena_block {
    struct arena_block *before;
    size_t size;
    alignas(max_align_t) char bytes[];
};

void arena_init(struct arena *arena, void *first, size_t first_size)
{
    *arena = (struct arena){.first = first, .first_size = first_size};
    arena_reset(arena);
}

void arena_finish(struct arena *arena)
{
    while (arena->last) {
        struct arena_block *block = arena->last;
        arena->last = block->before;
        free(block);
    }
    arena->at = arena->end = NULL;
}

void arena_reset(struct arena *arena)
{
    arena_finish(arena);
    arena->at = arena->first;
    arena->end = arena->first ? arena->first + arena->first_size : NULL;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    const size_t align = alignof(max_align_t);
    if (size > SIZE_MAX / 2)
        return NULL;
    size_t pad = arena->at ? (size_t)(-(uintptr_t)arena->at & (align - 1)) : 0;
    if (arena->at && size + pad <= (size_t)(arena->end - arena->at)) {
        char *p = arena->at + pad;
        arena->at = p + size;
        return p;
    }
    size_t want = arena->last ? arena->last->size * 2 : BLOCK_MIN;
    if (want > BLOCK_MAX)
        want = BLOCK_MAX;
    if (want < size)
        want = size;
    struct arena_block *block = malloc(sizeof *block + want);
    if (!block)
        return NULL;
    block->before = arena->last;
    block->size = want;
    arena->last = block;
    arena->at = block->bytes + size;
    arena->end = block->bytes + want;
    return block->bytes;
}

void *arena_zalloc(struct arena *arena, size_t size)
{
    void *p = arena_alloc(arena, size);
    if (p)
        memset(p, 0, size);
    return p;
}

struct str arena_copy(struct arena *arena, struct str text)
{
    char *p = arena_alloc(arena, text.n + 1);
    if (!p)
        return (struct str){NULL, 0};
    if (text.n)
        memcpy(p, text.p, text.n);
    p[text.n] = 0;
    return (struct str){p, text.n};
}

struct str arena_lower(struct arena *arena, struct str text)
{
    char *p = arena_alloc(arena, text.n + 1);
    for (size_t i = 0; p && i < text.n; i++)
        p[i] = ascii_lower(text.p[i]);
    return (struct str){p, p ? text.n : 0};
}
