/* The JSON reader: what it takes, what it refuses, and that it is bounded. */
#include "corsd/base/json_reader.h"
#include "rows.h"

static const struct {
    const char *name, *text;
    bool fine;
} whole_rows[] = {
    {"an object", "{\"a\": [1, -2.5e3, true, null, \"x\"], \"b\": {}}", true},
    {"empty ones", "[[], {}, \"\"]", true},
    {"blanks everywhere", " [ 1 ,\n2\t] ", true},
    {"a comma too many", "[1,]", false},
    {"no comma", "[1 2]", false},
    {"no colon", "{\"a\" 1}", false},
    {"a key that is no text", "{1: 2}", false},
    {"open at the end", "[1", false},
    {"a text without end", "[\"a]", false},
    {"a line break in a text", "[\"a\nb\"]", false},
    {"nothing", "", false},
    {"a word that is none", "[yes]", false},
};

Test(json_reader, skip)
{
    for (size_t i = 0; i < sizeof whole_rows / sizeof *whole_rows; i++) {
        struct json_reader in = {.rest = str_of(whole_rows[i].text)};
        cr_expect_eq(json_skip(&in), whole_rows[i].fine, "%s", whole_rows[i].name);
        cr_expect_eq(in.failed, !whole_rows[i].fine, "%s", whole_rows[i].name);
    }
}

static const struct {
    const char *name, *text, *want; /* want NULL: refused */
} text_rows[] = {
    {"plain", "\"abc\"", "abc"},
    {"escapes", "\"\\\"\\\\\\/\\n\\t\"", "\"\\/\n\t"},
    {"four digits", "\"\\u00e9\\u20AC\"", "é€"},
    {"a pair", "\"\\ud83d\\ude00\"", "😀"},
    {"half a pair", "\"\\ud83dx\"", "\xef\xbf\xbdx"},
    {"three digits", "\"\\u00e\"", NULL},
    {"an escape that is none", "\"\\x41\"", NULL},
    {"a number", "1", NULL},
};

Test(json_reader, texts)
{
    for (size_t i = 0; i < sizeof text_rows / sizeof *text_rows; i++) {
        struct arena arena;
        struct str text = {0};
        arena_init(&arena, NULL, 0);
        struct json_reader in = {.rest = str_of(text_rows[i].text), .arena = &arena};
        cr_expect_eq(json_read_text(&in, &text), text_rows[i].want != NULL, "%s",
                     text_rows[i].name);
        if (text_rows[i].want)
            cr_expect(str_eq(text, str_of(text_rows[i].want)), "%s", text_rows[i].name);
        arena_finish(&arena);
    }
}

Test(json_reader, depth_is_bounded)
{
    char text[2 * JSON_READER_DEPTH + 2];
    memset(text, '[', sizeof text);
    struct json_reader in = {.rest = {text, sizeof text}};
    cr_expect(!json_skip(&in) && in.failed);
}
