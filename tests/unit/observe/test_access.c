/* Access lines: one a request, and no byte in them that breaks a line, a field or JSON. */
#include <criterion/criterion.h>
#include "corsd/observe/access.h"

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))

static const struct access_record full = {
    .time = {1700000000, 123456789},
    .request_id = STR_INIT("id"),
    .trace_id = STR_INIT("4bf9"),
    .client = STR_INIT("192.0.2.7"),
    .method = STR_INIT("GET"),
    .host = STR_INIT("a.example"),
    .path = STR_INIT("/a?b"),
    .protocol = STR_INIT("HTTP/1.1"),
    .status = 200,
    .bytes_in = 1,
    .bytes_out = UINT64_MAX,
    .duration_us = 1234567,
    .route = STR_INIT("/"),
    .upstream = STR_INIT("u"),
    .server = STR_INIT("http://127.0.0.1:1"),
    .upstream_status = 201,
    .upstream_us = 7,
    .origin = STR_INIT("https://a.example"),
    .policy = STR_INIT("app"),
    .cors_kind = STR_INIT("actual"),
    .cors_result = STR_INIT("allowed"),
    .cors_reason = STR_INIT("allowed"),
    .close_reason = STR_INIT("ok"),
};

Test(access, text)
{
    struct buf out = BUF_INIT(4096);
    access_text(&out, &full);
    cr_expect(str_eq(buf_str(&out),
                     STR("2023-11-14T22:13:20.123Z request_id=id trace_id=4bf9 client=192.0.2.7 "
                         "method=GET host=a.example path=/a?b protocol=HTTP/1.1 status=200 "
                         "bytes_in=1 bytes_out=18446744073709551615 duration=1.234567 route=/ "
                         "upstream=u server=http://127.0.0.1:1 upstream_status=201 "
                         "upstream_time=0.000007 origin=https://a.example policy=app "
                         "cors_kind=actual cors_result=allowed cors_reason=allowed close=ok\n")),
              "%.*s", STR_ARG(buf_str(&out)));
    buf_finish(&out);
}

Test(access, json)
{
    struct buf out = BUF_INIT(4096);
    access_json(&out, &full);
    cr_expect(str_eq(buf_str(&out),
                     STR("{\"time\":\"2023-11-14T22:13:20.123Z\",\"request_id\":\"id\","
                         "\"trace_id\":\"4bf9\",\"client\":\"192.0.2.7\",\"method\":\"GET\","
                         "\"host\":\"a.example\",\"path\":\"/a?b\",\"protocol\":\"HTTP/1.1\","
                         "\"status\":200,\"bytes_in\":1,\"bytes_out\":18446744073709551615,"
                         "\"duration\":1.234567,\"route\":\"/\",\"upstream\":\"u\","
                         "\"server\":\"http://127.0.0.1:1\",\"upstream_status\":201,"
                         "\"upstream_time\":0.000007,\"origin\":\"https://a.example\","
                         "\"policy\":\"app\",\"cors_kind\":\"actual\",\"cors_result\":\"allowed\","
                         "\"cors_reason\":\"allowed\",\"close\":\"ok\"}\n")),
              "%.*s", STR_ARG(buf_str(&out)));
    buf_finish(&out);
}

static const struct {
    const char *name;
    struct str path;
    const char *text, *json;
} rows[] = {
    {"nothing", {NULL, 0}, " path=- ", "\"path\":null,"},
    {"a blank", STR_INIT("/a b"), " path=\"/a b\" ", "\"path\":\"/a b\","},
    {"a quote", STR_INIT("/\""), " path=\"/\\\"\" ", "\"path\":\"/\\\"\","},
    {"a backslash", STR_INIT("/\\"), " path=\"/\\\\\" ", "\"path\":\"/\\\\\","},
    {"an equals sign", STR_INIT("/a=b"), " path=\"/a=b\" ", "\"path\":\"/a=b\","},
    {"a line end", STR_INIT("/\r\n"), " path=\"/\\x0d\\x0a\" ", "\"path\":\"/\\u000d\\u000a\","},
    {"what a terminal obeys", STR_INIT("\x1b[0m"), " path=\"\\x1b[0m\" ",
     "\"path\":\"\\u001b[0m\","},
    {"past ASCII", STR_INIT("\xc3\xa9"), " path=\"\\xc3\\xa9\" ", "\"path\":\"\xc3\xa9\","},
    {"no UTF-8", STR_INIT("\xff"), " path=\"\\xff\" ", "\"path\":\"\\ufffd\","},
    {"a NUL byte", STR_INIT("a\0b"), " path=\"a\\x00b\" ", "\"path\":\"a\\u0000b\","},
};

static bool holds(const struct buf *out, const char *part)
{
    return memmem(out->p, out->n, part, strlen(part)) != NULL;
}

Test(access, bytes_that_break)
{
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct buf text = BUF_INIT(4096), json = BUF_INIT(4096);
        struct access_record record = {.path = rows[i].path};
        access_text(&text, &record);
        access_json(&json, &record);
        cr_expect(holds(&text, rows[i].text), "%s: %.*s", rows[i].name, STR_ARG(buf_str(&text)));
        cr_expect(holds(&json, rows[i].json), "%s: %.*s", rows[i].name, STR_ARG(buf_str(&json)));
        cr_expect_eq(memchr(text.p, '\n', text.n), text.p + text.n - 1, "%s", rows[i].name);
        cr_expect_eq(memchr(json.p, '\n', json.n), json.p + json.n - 1, "%s", rows[i].name);
        buf_finish(&text);
        buf_finish(&json);
    }
}
