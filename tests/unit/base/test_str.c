#include <criterion/criterion.h>
#include "corsd/base/str.h"

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))

static const struct {
    const char *name, *text;
    bool want;
    uint64_t value;
} number_rows[] = {
    {"nothing", "", false},
    {"zero", "0", true, 0},
    {"leading zeros", "007", true, 7},
    {"the largest", "18446744073709551615", true, UINT64_MAX},
    {"one more", "18446744073709551616", false},
    {"ten times more", "99999999999999999999", false},
    {"a sign", "+1", false},
    {"a minus", "-1", false},
    {"a space before", " 1", false},
    {"a space behind", "1 ", false},
    {"hexadecimal", "0x1", false},
    {"a list", "5, 5", false},
    {"a digit of another script", "\xd9\xa1", false},
};

Test(str, to_u64)
{
    for (size_t i = 0; i < COUNT(number_rows); i++) {
        uint64_t value = 42;
        cr_expect_eq(str_to_u64(str_of(number_rows[i].text), &value), number_rows[i].want, "%s",
                     number_rows[i].name);
        cr_expect_eq(value, number_rows[i].want ? number_rows[i].value : 42, "%s",
                     number_rows[i].name);
    }
}

static const struct {
    const char *name, *text, *want;
} trim_rows[] = {
    {"nothing", "", ""},
    {"nothing to do", "a b", "a b"},
    {"both ends", " \ta\t ", "a"},
    {"only blanks", " \t ", ""},
    {"no other white space", "\va\n", "\va\n"},
};

Test(str, trim)
{
    for (size_t i = 0; i < COUNT(trim_rows); i++)
        cr_expect(str_eq(str_trim(str_of(trim_rows[i].text)), str_of(trim_rows[i].want)), "%s",
                  trim_rows[i].name);
}

static const struct {
    const char *name, *text, *first, *second, *rest;
} cut_rows[] = {
    {"nothing", "", "", "", ""},
    {"no separator", "abc", "abc", "", ""},
    {"one", "a,b", "a", "b", ""},
    {"more", "a,b,c,d", "a", "b", "c,d"},
    {"empty parts", ",,", "", "", ""},
    {"at the end", "a,", "a", "", ""},
};

Test(str, cut)
{
    for (size_t i = 0; i < COUNT(cut_rows); i++) {
        struct str rest = str_of(cut_rows[i].text);
        cr_expect(str_eq(str_cut(&rest, ','), str_of(cut_rows[i].first)), "%s", cut_rows[i].name);
        cr_expect(str_eq(str_cut(&rest, ','), str_of(cut_rows[i].second)), "%s", cut_rows[i].name);
        cr_expect(str_eq(rest, str_of(cut_rows[i].rest)), "%s", cut_rows[i].name);
    }
}

Test(str, parts)
{
    struct str text = STR("hello"), none = {NULL, 0};
    cr_expect(str_eq(str_from(text, 2), STR("llo")));
    cr_expect(str_eq(str_from(text, 5), STR("")));
    cr_expect(str_eq(str_from(text, 99), STR("")));
    cr_expect(str_eq(str_head(text, 2), STR("he")));
    cr_expect(str_eq(str_head(text, 99), text));
    cr_expect(str_eq(none, STR("")), "a NULL of length 0 is empty");
    cr_expect(str_eq(str_of(NULL), none));
    cr_expect_eq(str_find(text, 'l'), 2);
    cr_expect_eq(str_rfind(text, 'l'), 3);
    cr_expect_eq(str_find(text, 'x'), text.n);
    cr_expect_eq(str_rfind(text, 'x'), text.n);
    cr_expect_eq(str_find(none, 'x'), 0);
    cr_expect_eq(str_rfind(none, 'x'), 0);
    cr_expect_eq(str_trim(none).n, 0);
    cr_expect(str_starts(text, none) && str_starts(text, text) && str_starts(none, none));
    cr_expect(str_ends(text, none) && str_ends(text, STR("llo")) && str_ends(none, none));
    cr_expect_not(str_starts(STR("he"), text));
    cr_expect_not(str_ends(STR("lo"), text));
}

static const struct {
    const char *name, *a, *b;
    bool want;
} nocase_rows[] = {
    {"the same", "Host", "Host", true},
    {"another case", "hOsT", "Host", true},
    {"another length", "Host", "Hosts", false},
    {"not by bit 5: @ and `", "@", "`", false},
    {"not by bit 5: [ and {", "[", "{", false},
    {"only ASCII: \xc3\x89 and \xc3\xa9", "\xc3\x89", "\xc3\xa9", false},
    {"nothing", "", "", true},
};

Test(str, eq_nocase)
{
    for (size_t i = 0; i < COUNT(nocase_rows); i++)
        cr_expect_eq(str_eq_nocase(str_of(nocase_rows[i].a), str_of(nocase_rows[i].b)),
                     nocase_rows[i].want, "%s", nocase_rows[i].name);
}

Test(str, letters_and_digits_are_those_of_ascii)
{
    for (int c = -128; c < 128; c++) {
        bool upper = c >= 'A' && c <= 'Z', lower = c >= 'a' && c <= 'z',
             digit = c >= '0' && c <= '9';
        int hex = digit                     ? c - '0'
                  : c >= 'a' && c <= 'f'    ? c - 'a' + 10
                  : c >= 'A' && c <= 'F'    ? c - 'A' + 10
                                         : -1;
        cr_expect_eq(ascii_lower((char)c), upper ? c + 32 : c, "%d", c);
        cr_expect_eq(ascii_is_digit((char)c), digit, "%d", c);
        cr_expect_eq(ascii_is_alpha((char)c), upper || lower, "%d", c);
        cr_expect_eq(ascii_hex((char)c), hex, "%d", c);
    }
}
