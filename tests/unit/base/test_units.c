#include <criterion/criterion.h>
#include "corsd/base/units.h"

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))
enum { DAY_MS = 86400000 };

static const struct {
    const char *name, *text;
    enum unit_fault want;
    uint64_t ms;
} duration_rows[] = {
    {"milliseconds", "500ms", UNIT_OK, 500},
    {"seconds", "10s", UNIT_OK, 10000},
    {"minutes", "2m", UNIT_OK, 120000},
    {"hours", "2h", UNIT_OK, 7200000},
    {"days", "1d", UNIT_OK, DAY_MS},
    {"a bare number is seconds", "7200", UNIT_OK, 7200000},
    {"nothing", "0", UNIT_OK, 0},
    {"nothing, with a unit", "0ms", UNIT_OK, 0},
    {"leading zeros", "010s", UNIT_OK, 10000},
    {"ten years", "3650d", UNIT_OK, UINT64_C(3650) * DAY_MS},
    {"more than ten years", "3651d", UNIT_TOO_LARGE},
    {"more than ten years, bare", "315360001", UNIT_TOO_LARGE},
    {"beyond 64 bits", "99999999999999999999s", UNIT_TOO_LARGE},
    {"beyond 64 bits once multiplied", "18446744073709551615d", UNIT_TOO_LARGE},
    {"empty", "", UNIT_EMPTY},
    {"no number", "ms", UNIT_NOT_A_NUMBER},
    {"negative", "-1s", UNIT_NOT_A_NUMBER},
    {"a blank before", " 1s", UNIT_NOT_A_NUMBER},
    {"a fraction", "1.5s", UNIT_UNKNOWN},
    {"a blank between", "10 s", UNIT_UNKNOWN},
    {"a blank behind", "10s ", UNIT_UNKNOWN},
    {"two in one", "1h30m", UNIT_UNKNOWN},
    {"a size", "10k", UNIT_UNKNOWN},
    {"weeks", "1w", UNIT_UNKNOWN},
};

Test(units, duration)
{
    for (size_t i = 0; i < COUNT(duration_rows); i++) {
        uint64_t ms = 77;
        cr_expect_eq(duration_parse(str_of(duration_rows[i].text), &ms), duration_rows[i].want,
                     "%s", duration_rows[i].name);
        cr_expect_eq(ms, duration_rows[i].want == UNIT_OK ? duration_rows[i].ms : 77, "%s",
                     duration_rows[i].name);
    }
}

static const struct {
    const char *name, *text;
    enum unit_fault want;
    uint64_t bytes;
} size_rows[] = {
    {"bytes", "512", UNIT_OK, 512},
    {"k", "32k", UNIT_OK, 32768},
    {"K", "32K", UNIT_OK, 32768},
    {"m", "10m", UNIT_OK, 10 << 20},
    {"g", "1g", UNIT_OK, 1 << 30},
    {"G", "2G", UNIT_OK, UINT64_C(2) << 30},
    {"nothing", "0", UNIT_OK, 0},
    {"the largest", "9223372036854775807", UNIT_OK, INT64_MAX},
    {"one more", "9223372036854775808", UNIT_TOO_LARGE},
    {"too many g", "8589934592g", UNIT_TOO_LARGE},
    {"beyond 64 bits", "18446744073709551616", UNIT_TOO_LARGE},
    {"empty", "", UNIT_EMPTY},
    {"no number", "k", UNIT_NOT_A_NUMBER},
    {"negative", "-1", UNIT_NOT_A_NUMBER},
    {"a fraction", "1.5m", UNIT_UNKNOWN},
    {"kb", "1kb", UNIT_UNKNOWN},
    {"kib", "1KiB", UNIT_UNKNOWN},
    {"a duration", "10s", UNIT_UNKNOWN},
};

Test(units, size)
{
    for (size_t i = 0; i < COUNT(size_rows); i++) {
        uint64_t bytes = 77;
        cr_expect_eq(size_parse(str_of(size_rows[i].text), &bytes), size_rows[i].want, "%s",
                     size_rows[i].name);
        cr_expect_eq(bytes, size_rows[i].want == UNIT_OK ? size_rows[i].bytes : 77, "%s",
                     size_rows[i].name);
    }
}

static const struct {
    uint64_t value;
    const char *duration, *size;
} text_rows[] = {
    {0, "0", "0"},
    {1, "1ms", "1"},
    {1000, "1s", "1000"},
    {1024, "1024ms", "1k"},
    {1500, "1500ms", "1500"},
    {60000, "1m", "60000"},
    {90000, "90s", "90000"},
    {1 << 20, "1048576ms", "1m"},
    {3600000, "1h", "3600000"},
    {DAY_MS, "1d", "84375k"},
    {1 << 30, "1073741824ms", "1g"},
    {UINT64_C(3) << 29, "1610612736ms", "1536m"},
};

Test(units, text_is_the_shortest_spelling)
{
    char text[UNIT_TEXT];
    for (size_t i = 0; i < COUNT(text_rows); i++) {
        cr_expect_str_eq(duration_text(text_rows[i].value, text), text_rows[i].duration);
        cr_expect_str_eq(size_text(text_rows[i].value, text), text_rows[i].size);
    }
}

Test(units, text_reads_back_as_the_same_value)
{
    char text[UNIT_TEXT];
    for (uint64_t value = 0; value < UINT64_C(3650) * DAY_MS; value = value * 3 / 2 + 1) {
        uint64_t back;
        cr_expect_eq(duration_parse(str_of(duration_text(value, text)), &back), UNIT_OK);
        cr_expect_eq(back, value, "%s", text);
        cr_expect_eq(size_parse(str_of(size_text(value, text)), &back), UNIT_OK);
        cr_expect_eq(back, value, "%s", text);
    }
}
