/* News is told once, and nothing too often. */
#include <stdio.h>
#include <criterion/criterion.h>
#include "corsd/observe/once.h"

static bool tell(struct once *once, unsigned number, uint64_t now_ms)
{
    char text[32];
    snprintf(text, sizeof text, "%u", number);
    return once_is_news(once, str_of(text), STR("policy"), now_ms);
}

Test(once, the_same_thing_is_told_once)
{
    struct once once = {0};
    cr_expect(once_is_news(&once, STR("a"), STR("b"), 1));
    cr_expect_not(once_is_news(&once, STR("a"), STR("b"), 2));
    cr_expect_not(once_is_news(&once, STR("a"), STR("b"), 1000000));
    cr_expect(once_is_news(&once, STR("a"), STR("c"), 2));
    cr_expect(once_is_news(&once, STR("ab"), STR(""), 2), "where one ends and the other begins");
    cr_expect(once_is_news(&once, STR(""), STR("ab"), 2));
}

Test(once, a_burst_and_then_one_a_second)
{
    struct once once = {0};
    unsigned told = 0;
    for (unsigned i = 0; i < 100; i++)
        told += tell(&once, i, 5000);
    cr_expect_eq(told, ONCE_BURST);
    cr_expect_eq(once.silenced, 100 - ONCE_BURST);
    for (unsigned i = 0; i < 100; i++)
        told += tell(&once, 100 + i, 5000 + 100 * (uint64_t)i); /* ten seconds */
    cr_expect_eq(told, ONCE_BURST + 9);
}

Test(once, what_was_not_told_is_told_when_there_is_room)
{
    struct once once = {0};
    for (unsigned i = 0; i < ONCE_BURST; i++)
        cr_assert(tell(&once, i, 1));
    cr_expect_not(tell(&once, 99, 1));
    cr_expect(tell(&once, 99, 1002));
    cr_expect_not(tell(&once, 99, 9000));
}

Test(once, rest_fills_no_more_than_the_burst)
{
    struct once once = {0};
    unsigned told = tell(&once, 0, 1);
    for (unsigned i = 1; i < 100; i++)
        told += tell(&once, i, UINT64_C(1) << 40);
    cr_expect_eq(told, 1 + ONCE_BURST);
}

Test(once, the_oldest_is_forgotten_first)
{
    struct once once = {0};
    for (unsigned i = 0; i <= ONCE_REMEMBERED; i++)
        cr_assert(tell(&once, i, 1 + 1000 * (uint64_t)i));
    cr_expect_not(tell(&once, 1, 10000000));
    cr_expect(tell(&once, 0, 10000000));
}
