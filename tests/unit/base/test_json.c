#include <criterion/criterion.h>
#include "corsd/base/json.h"

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))

static const struct {
    const char *name;
    struct str value;
    const char *want;
} string_rows[] = {
    {"plain", STR_INIT("abc"), "\"abc\""},
    {"empty", {NULL, 0}, "\"\""},
    {"quote and backslash", STR_INIT("a\"b\\c"), "\"a\\\"b\\\\c\""},
    {"control bytes", STR_INIT("\n\t\x01\x1f"), "\"\\u000a\\u0009\\u0001\\u001f\""},
    {"a NUL byte", STR_INIT("a\0b"), "\"a\\u0000b\""},
    {"DEL", STR_INIT("\x7f"), "\"\\u007f\""},
    {"two bytes", STR_INIT("\xc3\xa9"), "\"\xc3\xa9\""},
    {"three bytes", STR_INIT("\xe2\x82\xac"), "\"\xe2\x82\xac\""},
    {"four bytes", STR_INIT("\xf0\x9f\x8e\x89"), "\"\xf0\x9f\x8e\x89\""},
    {"the last code point", STR_INIT("\xf4\x8f\xbf\xbf"), "\"\xf4\x8f\xbf\xbf\""},
    {"beyond it", STR_INIT("\xf4\x90\x80\x80"), "\"\\ufffd\\ufffd\\ufffd\\ufffd\""},
    {"a lone continuation byte", STR_INIT("\x80"), "\"\\ufffd\""},
    {"cut short", STR_INIT("\xe2\x82"), "\"\\ufffd\\ufffd\""},
    {"cut short by a letter", STR_INIT("\xe2\x82x"), "\"\\ufffd\\ufffdx\""},
    {"overlong, two bytes", STR_INIT("\xc0\xaf"), "\"\\ufffd\\ufffd\""},
    {"overlong, three bytes", STR_INIT("\xe0\x80\xaf"), "\"\\ufffd\\ufffd\\ufffd\""},
    {"overlong, four bytes", STR_INIT("\xf0\x80\x80\xaf"), "\"\\ufffd\\ufffd\\ufffd\\ufffd\""},
    {"a surrogate", STR_INIT("\xed\xa0\x80"), "\"\\ufffd\\ufffd\\ufffd\""},
    {"the last before surrogates", STR_INIT("\xed\x9f\xbf"), "\"\xed\x9f\xbf\""},
    {"no UTF-8 at all", STR_INIT("\xff\xfe"), "\"\\ufffd\\ufffd\""},
};

Test(json, strings)
{
    for (size_t i = 0; i < COUNT(string_rows); i++) {
        struct buf out = BUF_INIT(1000);
        struct json json = {.out = &out};
        json_str(&json, string_rows[i].value);
        cr_expect(str_eq(buf_str(&out), str_of(string_rows[i].want)), "%s: %.*s",
                  string_rows[i].name, STR_ARG(buf_str(&out)));
        buf_finish(&out);
    }
}

static void write_document(struct json *json)
{
    json_open(json, '{');
    json_member(json, "a", STR("1"));
    json_key(json, STR("list"));
    json_open(json, '[');
    json_u64(json, UINT64_MAX);
    json_bool(json, true);
    json_bool(json, false);
    json_null(json);
    json_open(json, '{');
    json_close(json, '}');
    json_open(json, '[');
    json_close(json, ']');
    json_close(json, ']');
    json_key(json, STR("raw\n"));
    json_raw(json, STR("1.5"));
    json_close(json, '}');
}

Test(json, commas_and_nesting)
{
    struct buf out = BUF_INIT(1000);
    struct json json = {.out = &out};
    write_document(&json);
    cr_expect(str_eq(buf_str(&out),
                     STR("{\"a\":\"1\",\"list\":[18446744073709551615,true,false,null,{},[]],"
                         "\"raw\\u000a\":1.5}")),
              "%.*s", STR_ARG(buf_str(&out)));
    buf_finish(&out);
}

Test(json, pretty)
{
    struct buf out = BUF_INIT(1000);
    struct json json = {.out = &out, .pretty = true};
    write_document(&json);
    cr_expect(str_eq(buf_str(&out),
                     STR("{\n  \"a\": \"1\",\n  \"list\": [\n    18446744073709551615,\n    true,\n"
                         "    false,\n    null,\n    {},\n    []\n  ],\n  \"raw\\u000a\": 1.5\n}")),
              "%.*s", STR_ARG(buf_str(&out)));
    buf_finish(&out);
}

Test(json, as_deep_as_it_says)
{
    struct buf out = BUF_INIT(1000);
    struct json json = {.out = &out};
    for (int i = 0; i < JSON_DEPTH; i++)
        json_open(&json, '[');
    json_u64(&json, 1);
    json_u64(&json, 2);
    for (int i = 0; i < JSON_DEPTH; i++)
        json_close(&json, ']');
    cr_expect_eq(json.depth, 0);
    cr_expect_eq(out.n, 2 * JSON_DEPTH + 3);
    buf_finish(&out);
}

Test(json, tells_of_trouble)
{
    struct buf out = BUF_INIT(4);
    struct json json = {.out = &out};
    json_str(&json, STR("too long"));
    cr_expect(out.failed);
    buf_finish(&out);
}
