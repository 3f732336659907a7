/* Heads that the guard let pass, as views: RFC 9112 §3, §4, §5; DESIGN §3. */
#include <stdio.h>
#include <criterion/criterion.h>
#include "corsd/http/message.h"

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))
#define H "Host: a\r\n\r\n"
enum { CAP = 16 };

static const struct {
    const char *name, *bytes;
    enum http_cause want;
    enum http_method id;
    const char *method, *target;
    uint8_t minor;
} request_rows[] = {
    {"GET", "GET / HTTP/1.1\r\n" H, 0, METHOD_GET, "GET", "/", 1},
    {"HEAD", "HEAD / HTTP/1.1\r\n" H, 0, METHOD_HEAD, "HEAD", "/", 1},
    {"POST", "POST /a?b HTTP/1.1\r\n" H, 0, METHOD_POST, "POST", "/a?b", 1},
    {"PUT", "PUT / HTTP/1.1\r\n" H, 0, METHOD_PUT, "PUT", "/", 1},
    {"DELETE", "DELETE / HTTP/1.1\r\n" H, 0, METHOD_DELETE, "DELETE", "/", 1},
    {"PATCH", "PATCH / HTTP/1.1\r\n" H, 0, METHOD_PATCH, "PATCH", "/", 1},
    {"OPTIONS", "OPTIONS * HTTP/1.1\r\n" H, 0, METHOD_OPTIONS, "OPTIONS", "*", 1},
    {"CONNECT", "CONNECT a:443 HTTP/1.1\r\n" H, 0, METHOD_CONNECT, "CONNECT", "a:443", 1},
    {"TRACE", "TRACE / HTTP/1.1\r\n" H, 0, METHOD_TRACE, "TRACE", "/", 1},
    {"HTTP/1.0", "GET / HTTP/1.0\r\n\r\n", 0, METHOD_GET, "GET", "/", 0},
    {"a method llhttp knows and we do not name", "PROPFIND / HTTP/1.1\r\n" H, 0, METHOD_OTHER,
     "PROPFIND", "/", 1},
    {"one that llhttp takes for RTSP", "DESCRIBE / HTTP/1.1\r\n" H, 0, METHOD_OTHER, "DESCRIBE",
     "/", 1},
    {"SOURCE", "SOURCE / HTTP/1.1\r\n" H, 0, METHOD_OTHER, "SOURCE", "/", 1},
    {"QUERY", "QUERY / HTTP/1.1\r\n" H, 0, METHOD_OTHER, "QUERY", "/", 1},
    {"a method nobody knows", "FROBNICATE /x HTTP/1.1\r\n" H, 0, METHOD_OTHER, "FROBNICATE", "/x",
     1},
    {"methods are case-sensitive", "get / HTTP/1.1\r\n" H, 0, METHOD_OTHER, "get", "/", 1},
    {"Patch", "Patch / HTTP/1.1\r\n" H, 0, METHOD_OTHER, "Patch", "/", 1},
    {"connect in lower case", "connect / HTTP/1.1\r\n" H, 0, METHOD_OTHER, "connect", "/", 1},
    {"the start of a known one", "GE / HTTP/1.1\r\n" H, 0, METHOD_OTHER, "GE", "/", 1},
    {"more than a known one", "GETS / HTTP/1.1\r\n" H, 0, METHOD_OTHER, "GETS", "/", 1},
    {"every token byte", "!#$%&'*+-.^_`|~09aZ / HTTP/1.1\r\n" H, 0, METHOD_OTHER,
     "!#$%&'*+-.^_`|~09aZ", "/", 1},
    {"PRI of HTTP/1.1 is a method", "PRI * HTTP/1.1\r\n" H, 0, METHOD_OTHER, "PRI", "*", 1},
    {"an absolute form", "GET http://a.example/x?y HTTP/1.1\r\n" H, 0, METHOD_GET, "GET",
     "http://a.example/x?y", 1},

    {"HTTP/2's preface", "PRI * HTTP/2.0\r\n\r\n", CAUSE_HTTP2_PREFACE},
    {"HTTP/2.0", "GET / HTTP/2.0\r\n" H, CAUSE_BAD_VERSION},
    {"HTTP/1.2", "GET / HTTP/1.2\r\n" H, CAUSE_BAD_VERSION},
    {"HTTP/1.2 of an unknown method", "FOO / HTTP/1.2\r\n" H, CAUSE_BAD_VERSION},
    {"HTTP/2.0 of an unknown method", "FOO / HTTP/2.0\r\n" H, CAUSE_BAD_VERSION},
    {"HTTP/0.9", "GET / HTTP/0.9\r\n" H, CAUSE_BAD_VERSION},
    {"HTTP/3.0", "GET / HTTP/3.0\r\n" H, CAUSE_BAD_VERSION},
    {"HTTP/1.1 with more digits", "GET / HTTP/1.10\r\n" H, CAUSE_BAD_START_LINE},
    {"HTTP/11", "GET / HTTP/11\r\n" H, CAUSE_BAD_START_LINE},
    {"a version in lower case", "GET / http/1.1\r\n" H, CAUSE_BAD_START_LINE},
    {"no version", "GET /\r\n\r\n", CAUSE_BAD_START_LINE},
    {"another protocol", "GET / RTSP/1.0\r\n" H, CAUSE_BAD_START_LINE},
    {"a comma for the dot", "GET / HTTP/1,1\r\n" H, CAUSE_BAD_VERSION},
    {"a method alone", "GET\r\n\r\n", CAUSE_BAD_START_LINE},
    {"no target", "GET HTTP/1.1\r\n" H, CAUSE_BAD_START_LINE},
    {"two spaces before the target", "GET  / HTTP/1.1\r\n" H, CAUSE_BAD_START_LINE},
    {"two spaces before the version", "GET /  HTTP/1.1\r\n" H, CAUSE_BAD_START_LINE},
    {"a space in the target", "GET /a b HTTP/1.1\r\n" H, CAUSE_BAD_START_LINE},
    {"a space behind the version", "GET / HTTP/1.1 \r\n" H, CAUSE_BAD_START_LINE},
    {"a space in the method", "GE T / HTTP/1.1\r\n" H, CAUSE_BAD_START_LINE},
    {"a method that is no token", "GE(T / HTTP/1.1\r\n" H, CAUSE_BAD_START_LINE},
    {"a colon in the method", "GET: / HTTP/1.1\r\n" H, CAUSE_BAD_START_LINE},
    {"HTAB for a space", "GET\t/ HTTP/1.1\r\n" H, CAUSE_BAD_START_LINE},
    {"HTAB before the version", "GET /\tHTTP/1.1\r\n" H, CAUSE_BAD_START_LINE},
    {"a letter for a length", "POST / HTTP/1.1\r\nContent-Length: 5x\r\n" H, CAUSE_BAD_LENGTH},
    {"a signed length", "POST / HTTP/1.1\r\nContent-Length: +5\r\n" H, CAUSE_BAD_LENGTH},
    {"a length beyond 64 bits", "POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n" H,
     CAUSE_BAD_LENGTH},
    {"two lengths", "POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 5\r\n" H,
     CAUSE_BAD_LENGTH},
    {"length and coding",
     "POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n" H,
     CAUSE_LENGTH_AND_CODING},
    {"coding and length",
     "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n" H,
     CAUSE_LENGTH_AND_CODING},
};

static enum http_cause parse(struct head *head, struct field *fields, const char *bytes,
                             bool is_response)
{
    *head = (struct head){.fields = fields, .cap = CAP};
    return is_response ? message_parse_response(head, str_of(bytes))
                       : message_parse_request(head, str_of(bytes));
}

Test(message, requests)
{
    for (size_t i = 0; i < COUNT(request_rows); i++) {
        struct field fields[CAP];
        struct head head;
        enum http_cause cause = parse(&head, fields, request_rows[i].bytes, false);
        cr_expect_eq(cause, request_rows[i].want, "%s: %s", request_rows[i].name,
                     http_causes[cause].word.p);
        if (cause || request_rows[i].want)
            continue;
        cr_expect_eq(head.method_id, request_rows[i].id, "%s", request_rows[i].name);
        cr_expect(str_eq(head.method, str_of(request_rows[i].method)), "%s", request_rows[i].name);
        cr_expect(str_eq(head.target, str_of(request_rows[i].target)), "%s", request_rows[i].name);
        cr_expect_eq(head.minor, request_rows[i].minor, "%s", request_rows[i].name);
        cr_expect_eq(head.status, 0);
    }
}

static const struct {
    const char *name, *bytes;
    enum http_cause want;
    unsigned status;
    const char *reason;
    uint8_t minor;
} response_rows[] = {
    {"200", "HTTP/1.1 200 OK\r\n\r\n", 0, 200, "OK", 1},
    {"HTTP/1.0", "HTTP/1.0 200 OK\r\n\r\n", 0, 200, "OK", 0},
    {"an empty reason", "HTTP/1.1 204 \r\n\r\n", 0, 204, "", 1},
    {"no reason and no space", "HTTP/1.1 204\r\n\r\n", 0, 204, "", 1},
    {"a reason of words", "HTTP/1.1 404 Not  Found!\r\n\r\n", 0, 404, "Not  Found!", 1},
    {"a reason past ASCII", "HTTP/1.1 200 d\xe9j\xe0\r\n\r\n", 0, 200, "d\xe9j\xe0", 1},
    {"101", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n", 0, 101,
     "Switching Protocols", 1},
    {"103", "HTTP/1.1 103 Early Hints\r\n\r\n", 0, 103, "Early Hints", 1},
    {"a status nobody registered", "HTTP/1.1 599 X\r\n\r\n", 0, 599, "X", 1},

    {"two digits", "HTTP/1.1 20 OK\r\n\r\n", CAUSE_BAD_START_LINE},
    {"four digits", "HTTP/1.1 2000 OK\r\n\r\n", CAUSE_BAD_START_LINE},
    {"below 100", "HTTP/1.1 099 X\r\n\r\n", CAUSE_BAD_START_LINE},
    {"no digits", "HTTP/1.1 2x0 OK\r\n\r\n", CAUSE_BAD_START_LINE},
    {"a sign", "HTTP/1.1 +20 OK\r\n\r\n", CAUSE_BAD_START_LINE},
    {"no status", "HTTP/1.1\r\n\r\n", CAUSE_BAD_START_LINE},
    {"two spaces", "HTTP/1.1  200 OK\r\n\r\n", CAUSE_BAD_START_LINE},
    {"HTTP/1.2", "HTTP/1.2 200 OK\r\n\r\n", CAUSE_BAD_VERSION},
    {"HTTP/2.0", "HTTP/2.0 200 OK\r\n\r\n", CAUSE_BAD_VERSION},
    {"HTTP/2", "HTTP/2 200 OK\r\n\r\n", CAUSE_BAD_START_LINE},
    {"lower case", "http/1.1 200 OK\r\n\r\n", CAUSE_BAD_START_LINE},
    {"two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
     CAUSE_BAD_LENGTH},
    {"length and coding",
     "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
     CAUSE_LENGTH_AND_CODING},
};

Test(message, responses)
{
    for (size_t i = 0; i < COUNT(response_rows); i++) {
        struct field fields[CAP];
        struct head head;
        enum http_cause cause = parse(&head, fields, response_rows[i].bytes, true);
        cr_expect_eq(cause, response_rows[i].want, "%s: %s", response_rows[i].name,
                     http_causes[cause].word.p);
        if (cause || response_rows[i].want)
            continue;
        cr_expect_eq(head.status, response_rows[i].status, "%s", response_rows[i].name);
        cr_expect(str_eq(head.reason, str_of(response_rows[i].reason)), "%s",
                  response_rows[i].name);
        cr_expect_eq(head.minor, response_rows[i].minor, "%s", response_rows[i].name);
    }
}

static const struct {
    const char *name, *lines, *want; /* "name=value|name=value" */
} field_rows[] = {
    {"none", "", ""},
    {"one", "Host: a\r\n", "Host=a"},
    {"no blank", "Host:a\r\n", "Host=a"},
    {"blanks on both sides", "Host: \t a \t \r\n", "Host=a"},
    {"blanks inside stay", "X: a  b\tc\r\n", "X=a  b\tc"},
    {"an empty value", "X:\r\nY: 1\r\n", "X=|Y=1"},
    {"blanks alone", "X: \t \r\nY: 1\r\n", "X=|Y=1"},
    {"empty as the last", "Y: 1\r\nX:\r\n", "Y=1|X="},
    {"names as they came", "hOsT: a\r\nx_y: 1\r\n", "hOsT=a|x_y=1"},
    {"several of a name", "Via: a\r\nX: 1\r\nvia: b\r\n", "Via=a|X=1|via=b"},
    {"bytes past ASCII", "X: \xff\x80\r\n", "X=\xff\x80"},
    {"what llhttp reads more into",
     "Connection: close, keep-alive, upgrade\r\nUpgrade: h2c\r\nProxy-Connection: x\r\n"
     "Content-Length: 7\r\n",
     "Connection=close, keep-alive, upgrade|Upgrade=h2c|Proxy-Connection=x|Content-Length=7"},
    {"an empty Connection", "Connection:\r\nX: 1\r\n", "Connection=|X=1"},
    {"an odd Connection", "Connection: ,, keep-alive ,\r\n", "Connection=,, keep-alive ,"},
    {"blanks behind a length", "Content-Length: 7  \r\n", "Content-Length=7"},
    {"HTAB before a length", "Content-Length:\t7\r\n", "Content-Length=7"},
    {"a chunked coding", "Transfer-Encoding: chunked \r\n", "Transfer-Encoding=chunked"},
    {"a chunked coding in capitals", "TRANSFER-ENCODING: CHUNKED\r\n", "TRANSFER-ENCODING=CHUNKED"},
};

static void write_fields(const struct head *head, char *out, size_t size)
{
    int n = 0;
    out[0] = 0;
    for (size_t i = 0; i < head->n; i++)
        n += snprintf(out + n, size - (size_t)n, "%s%.*s=%.*s", i ? "|" : "",
                      STR_ARG(head->fields[i].name), STR_ARG(head->fields[i].value));
}

static void expect_fields(const struct head *head, const char *bytes, size_t row)
{
    char got[512];
    write_fields(head, got, sizeof got);
    cr_expect_str_eq(got, field_rows[row].want, "%s", field_rows[row].name);
    size_t lines = strlen(field_rows[row].lines), before = strlen(bytes) - lines - 2;
    cr_expect_eq(head->fields_start, bytes + before, "%s", field_rows[row].name);
    cr_expect_eq(head->fields_end, bytes + before + lines, "%s", field_rows[row].name);
}

Test(message, fields)
{
    for (size_t i = 0; i < COUNT(field_rows); i++) {
        struct field fields[CAP];
        struct head head;
        char bytes[512];
        snprintf(bytes, sizeof bytes, "GET / HTTP/1.1\r\n%s\r\n", field_rows[i].lines);
        cr_expect_eq(parse(&head, fields, bytes, false), CAUSE_NONE, "%s", field_rows[i].name);
        expect_fields(&head, bytes, i);
        snprintf(bytes, sizeof bytes, "UNHEARD /x HTTP/1.0\r\n%s\r\n", field_rows[i].lines);
        cr_expect_eq(parse(&head, fields, bytes, false), CAUSE_NONE, "%s", field_rows[i].name);
        expect_fields(&head, bytes, i);
        snprintf(bytes, sizeof bytes, "HTTP/1.1 200 OK\r\n%s\r\n", field_rows[i].lines);
        cr_expect_eq(parse(&head, fields, bytes, true), CAUSE_NONE, "%s", field_rows[i].name);
        expect_fields(&head, bytes, i);
        snprintf(bytes, sizeof bytes, "%s\r\n", field_rows[i].lines);
        head = (struct head){.fields = fields, .cap = CAP};
        cr_expect_eq(message_parse_trailers(&head, str_of(bytes)), CAUSE_NONE, "%s",
                     field_rows[i].name);
        expect_fields(&head, bytes, i);
    }
}

Test(message, looks_fields_up)
{
    struct field fields[CAP];
    struct head head;
    cr_assert_eq(parse(&head, fields,
                       "GET / HTTP/1.1\r\nVia: 1.1 a, 1.1 b\r\nX-Other: 1\r\nVIA: 1.0 c\r\n"
                       "Y-Other: 2\r\nHost: h\r\nConnection: a\r\nconnection: Upgrade , b\r\n\r\n",
                       false),
                 CAUSE_NONE);
    cr_expect(head_has(&head, FIELD_VIA) && head_has(&head, FIELD_HOST));
    cr_expect_not(head_has(&head, FIELD_ORIGIN));
    cr_expect_null(head_field(&head, FIELD_ORIGIN));
    cr_expect_eq(head_value(&head, FIELD_ORIGIN).n, 0);
    cr_expect_eq(head_field(&head, FIELD_VIA), &fields[0]);
    cr_expect_eq(head_next(&head, &fields[0]), &fields[2]);
    cr_expect_null(head_next(&head, &fields[2]));
    cr_expect_eq(head_count(&head, FIELD_VIA), 2);
    cr_expect_eq(head_count(&head, FIELD_HOST), 1);
    cr_expect_eq(head_count(&head, FIELD_ORIGIN), 0);
    cr_expect(str_eq(head_value(&head, FIELD_HOST), STR("h")));
    cr_expect(head_list_has(&head, FIELD_CONNECTION, STR("upgrade")), "in any line and case");
    cr_expect(head_list_has(&head, FIELD_CONNECTION, STR("A")));
    cr_expect_not(head_list_has(&head, FIELD_CONNECTION, STR("up")));
}

Test(message, more_fields_than_there_is_room_for)
{
    struct field fields[2];
    struct head head = {.fields = fields, .cap = 2};
    cr_expect_eq(message_parse_request(&head, STR("GET / HTTP/1.1\r\nA: 1\r\nB: 2\r\n\r\n")),
                 CAUSE_NONE);
    cr_expect_neq(
        message_parse_request(&head, STR("GET / HTTP/1.1\r\nA: 1\r\nB: 2\r\nC: 3\r\n\r\n")),
        CAUSE_NONE);
}

static const struct {
    enum http_method method;
    bool want;
} idempotent_rows[] = {
    {METHOD_GET, true},   {METHOD_HEAD, true},     {METHOD_PUT, true},    {METHOD_DELETE, true},
    {METHOD_TRACE, true}, {METHOD_OPTIONS, true},  {METHOD_POST, false},  {METHOD_PATCH, false},
    {METHOD_OTHER, false}, {METHOD_CONNECT, false},
};

Test(message, idempotent_methods)
{
    for (size_t i = 0; i < COUNT(idempotent_rows); i++)
        cr_expect_eq(http_method_is_idempotent(idempotent_rows[i].method), idempotent_rows[i].want,
                     "%zu", i);
}
