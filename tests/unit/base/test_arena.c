#include <stdalign.h>
#include <criterion/criterion.h>
#include "corsd/base/arena.h"

static bool is_aligned(const void *p)
{
    return (uintptr_t)p % alignof(max_align_t) == 0;
}

static bool lies_in(const void *p, const void *first, size_t size)
{
    return (const char *)p >= (const char *)first && (const char *)p < (const char *)first + size;
}

Test(arena, begins_in_the_owners_piece)
{
    char first[256];
    struct arena arena;
    arena_init(&arena, first + 1, sizeof first - 1); /* not aligned */
    void *a = arena_alloc(&arena, 100), *b = arena_alloc(&arena, 60);
    cr_expect(lies_in(a, first, sizeof first) && lies_in(b, first, sizeof first));
    cr_expect(is_aligned(a) && is_aligned(b));
    cr_expect_geq((char *)b - (char *)a, 100);
    void *c = arena_alloc(&arena, 200);
    cr_expect_not(lies_in(c, first, sizeof first), "what does not fit goes to the heap");
    cr_expect(is_aligned(c));
    arena_reset(&arena);
    cr_expect_eq(arena_alloc(&arena, 100), a, "as new");
    arena_finish(&arena);
    arena_finish(&arena);
}

Test(arena, begins_without_one)
{
    struct arena arena;
    arena_init(&arena, NULL, 0);
    cr_expect_not_null(arena_alloc(&arena, 1));
    cr_expect_not_null(arena_alloc(&arena, 0));
    arena_reset(&arena);
    cr_expect_not_null(arena_alloc(&arena, 1 << 20), "a block larger than the largest");
    cr_expect_not_null(arena_alloc(&arena, 1));
    arena_finish(&arena);
}

Test(arena, keeps_pieces_apart)
{
    enum { PIECES = 400 };
    char first[100];
    char *pieces[PIECES];
    struct arena arena;
    arena_init(&arena, first, sizeof first);
    for (size_t i = 0; i < PIECES; i++) {
        size_t size = 1 + i * 37 % 3000;
        cr_assert_not_null(pieces[i] = arena_zalloc(&arena, size));
        cr_assert(is_aligned(pieces[i]));
        for (size_t j = 0; j < size; j++)
            cr_assert_eq(pieces[i][j], 0);
        memset(pieces[i], (int)(i % 255) + 1, size);
    }
    for (size_t i = 0; i < PIECES; i++)
        for (size_t j = 0; j < 1 + i * 37 % 3000; j++)
            cr_assert_eq((unsigned char)pieces[i][j], i % 255 + 1);
    arena_finish(&arena);
}

Test(arena, copies_end_in_a_nul)
{
    struct arena arena;
    arena_init(&arena, NULL, 0);
    struct str copy = arena_copy(&arena, STR("text")), none = arena_copy(&arena, (struct str){0});
    cr_expect(str_eq(copy, STR("text")));
    cr_expect_eq(copy.p[4], 0);
    cr_expect_not_null(none.p, "an empty text is no failure");
    cr_expect_eq(none.p[0], 0);
    arena_finish(&arena);
}

Test(arena, refuses_absurd_sizes)
{
    struct arena arena;
    arena_init(&arena, NULL, 0);
    cr_expect_null(arena_alloc(&arena, SIZE_MAX));
    cr_expect_null(arena_alloc(&arena, SIZE_MAX - 8));
    cr_expect_null(arena_zalloc(&arena, SIZE_MAX / 2 + 1));
    arena_finish(&arena);
}
