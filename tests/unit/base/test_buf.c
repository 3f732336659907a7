#include <criterion/criterion.h>
#include "corsd/base/buf.h"

Test(buf, is_empty_and_finished_at_birth)
{
    struct buf buf = BUF_INIT(10);
    cr_expect_eq(buf_str(&buf).n, 0);
    buf_drop(&buf, 3);
    buf_finish(&buf);
    buf_finish(&buf);
    cr_expect_eq(buf.max, 10, "the maximum stays");
    cr_expect(buf_add(&buf, STR("again")));
    buf_finish(&buf);
}

Test(buf, holds_its_maximum_and_not_a_byte_more)
{
    struct buf buf = BUF_INIT(10);
    cr_expect(buf_add(&buf, STR("01234567")));
    cr_expect_not(buf_add(&buf, STR("abc")), "11 bytes");
    cr_expect(buf.failed);
    cr_expect(str_eq(buf_str(&buf), STR("01234567")), "what is in stays, nothing in part");
    cr_expect(buf_add(&buf, STR("89")), "what fits is taken after a failure");
    cr_expect(str_eq(buf_str(&buf), STR("0123456789")));
    cr_expect(buf.failed, "and the failure is remembered");
    cr_expect_not(buf_add_char(&buf, 'x'));
    cr_expect(buf_add(&buf, (struct str){NULL, 0}), "nothing always fits");
    buf_finish(&buf);
    cr_expect_not(buf.failed, "a finished one is new");
}

Test(buf, refuses_absurd_sizes)
{
    struct buf buf = BUF_INIT(100);
    cr_expect(buf_add(&buf, STR("x")));
    cr_expect_not(buf_reserve(&buf, SIZE_MAX));
    cr_expect_not(buf_reserve(&buf, SIZE_MAX - 1));
    cr_expect_not(buf_reserve(&buf, 100));
    cr_expect(buf_reserve(&buf, 99));
    cr_expect(buf_reserve(&buf, 0));
    cr_expect_leq(buf.cap, 100);
    buf_finish(&buf);
}

Test(buf, grows_by_any_pieces)
{
    for (size_t piece = 1; piece < 600; piece += 97) {
        struct buf buf = BUF_INIT(1 << 16);
        char bytes[600];
        for (size_t i = 0; i < sizeof bytes; i++)
            bytes[i] = (char)('a' + i % 26);
        for (size_t total = 0; total + piece <= buf.max; total += piece)
            cr_assert(buf_add(&buf, (struct str){bytes, piece}));
        for (size_t i = 0; i < buf.n; i++)
            cr_assert_eq(buf.p[i], bytes[i % piece]);
        buf_finish(&buf);
    }
}

Test(buf, numbers_and_formats)
{
    struct buf buf = BUF_INIT(1000);
    buf_add_u64(&buf, 0);
    buf_add_char(&buf, ' ');
    buf_add_u64(&buf, UINT64_MAX);
    cr_expect(buf_printf(&buf, " %s=%d", "a", -5));
    cr_expect(str_eq(buf_str(&buf), STR("0 18446744073709551615 a=-5")));
    buf_finish(&buf);
}

Test(buf, printf_is_all_or_nothing)
{
    struct buf buf = BUF_INIT(8);
    cr_expect(buf_printf(&buf, "%s", "12345"));
    cr_expect_not(buf_printf(&buf, "%s", "6789"));
    cr_expect(buf.failed);
    cr_expect(str_eq(buf_str(&buf), STR("12345")));
    buf_finish(&buf);
}

Test(buf, printf_needs_room_for_a_nul)
{
    struct buf buf = BUF_INIT(6);
    cr_expect(buf_printf(&buf, "%s", "12345"));
    cr_expect_not(buf_printf(&buf, "%s", "6"));
    cr_expect(str_eq(buf_str(&buf), STR("12345")));
    cr_expect(buf_add_char(&buf, '6'));
    buf_finish(&buf);
}

Test(buf, drop)
{
    struct buf buf = BUF_INIT(100);
    buf_add(&buf, STR("hello"));
    buf_drop(&buf, 2);
    cr_expect(str_eq(buf_str(&buf), STR("llo")));
    buf_drop(&buf, 0);
    cr_expect_eq(buf.n, 3);
    buf_drop(&buf, 99);
    cr_expect_eq(buf.n, 0);
    buf_finish(&buf);
}
