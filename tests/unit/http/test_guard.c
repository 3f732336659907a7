/* DESIGN §3 "Guard first": each fault, and the same verdict however the bytes are cut. */
#include <stdio.h>
#include <stdlib.h>
#include <criterion/criterion.h>
#include "corsd/http/guard.h"

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))
#define GET "GET / HTTP/1.1\r\n"
#define EMPTY8 "\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n"
#define X10 "xxxxxxxxxx"

#define REQ GUARD_REQUEST
#define RES GUARD_RESPONSE
#define TRL GUARD_TRAILERS
#define MORE GUARD_MORE
#define WHOLE GUARD_WHOLE
#define FAULT GUARD_FAULT
static const struct guard_limits wide = {.bytes = 32768, .fields = 100};

static const struct {
    const char *name;
    enum guard_part part;
    struct str bytes;
    enum guard_result want;
    enum http_cause cause; /* FAULT only */
    size_t start;          /* WHOLE only; where the head ends is `bytes.n - behind` */
    size_t behind;
} rows[] = {
    /* whole */
    {"no field", REQ, STR_INIT(GET "\r\n"), WHOLE},
    {"fields", REQ, STR_INIT(GET "Host: a\r\nX: 1\r\n\r\n"), WHOLE},
    {"an empty value", REQ, STR_INIT(GET "X:\r\n\r\n"), WHOLE},
    {"a value of blanks", REQ, STR_INIT(GET "X: \t \r\n\r\n"), WHOLE},
    {"HTAB inside a value", REQ, STR_INIT(GET "X: a\tb\r\n\r\n"), WHOLE},
    {"bytes past ASCII in a value", REQ, STR_INIT(GET "X: \x80\xff\xc3\xa9\r\n\r\n"), WHOLE},
    {"a value with colons", REQ, STR_INIT(GET "X: a:b: c\r\n\r\n"), WHOLE},
    {"every kind of name byte", REQ,
     STR_INIT(GET "!#$%&'*+-.^_`|~09azAZ: 1\r\n\r\n"), WHOLE},
    {"a body behind", REQ, STR_INIT("POST / HTTP/1.1\r\n\r\nbody\n\0\r"), WHOLE, 0, 0, 7},
    {"a second head behind", REQ, STR_INIT(GET "\r\nGET / HTTP/1.1\r\n\r\n"), WHOLE, 0, 0, 18},
    {"an empty line before", REQ, STR_INIT("\r\n" GET "\r\n"), WHOLE, 0, 2},
    {"eight empty lines before", REQ, STR_INIT(EMPTY8 GET "\r\n"), WHOLE, 0, 16},
    {"a response", RES, STR_INIT("HTTP/1.1 200 OK\r\nA: b\r\n\r\n"), WHOLE},
    {"no reason, no space", RES, STR_INIT("HTTP/1.1 200\r\n\r\n"), WHOLE},
    {"bytes past ASCII in a reason", RES, STR_INIT("HTTP/1.1 200 \xc3\xa9\xff\r\n\r\n"), WHOLE},
    {"HTAB in a reason", RES, STR_INIT("HTTP/1.1 200 a\tb\r\n\r\n"), WHOLE},
    {"no trailers", TRL, STR_INIT("\r\n"), WHOLE},
    {"trailers", TRL, STR_INIT("A: b\r\nC: d\r\n\r\n"), WHOLE},
    {"trailers and more", TRL, STR_INIT("A: b\r\n\r\nHTTP/1.1 200 OK\r\n"), WHOLE, 0, 0, 17},

    /* more to come */
    {"nothing yet", REQ, STR_INIT(""), MORE},
    {"an empty line yet", REQ, STR_INIT("\r\n"), MORE},
    {"eight empty lines yet", REQ, STR_INIT(EMPTY8), MORE},
    {"half an empty line", REQ, STR_INIT("\r"), MORE},
    {"half a method", REQ, STR_INIT("GE"), MORE},
    {"a request line", REQ, STR_INIT(GET), MORE},
    {"a CR", REQ, STR_INIT("GET / HTTP/1.1\r"), MORE},
    {"half a name", REQ, STR_INIT(GET "Ho"), MORE},
    {"half a value", REQ, STR_INIT(GET "Host: a"), MORE},
    {"half the last line", REQ, STR_INIT(GET "Host: a\r\n\r"), MORE},
    {"half a version", RES, STR_INIT("HTT"), MORE},
    {"a status line", RES, STR_INIT("HTTP/1.1 200 OK\r\n"), MORE},
    {"no trailers yet", TRL, STR_INIT("\r"), MORE},

    /* line ends */
    {"LF after the request line", REQ, STR_INIT("GET / HTTP/1.1\nHost: a\r\n\r\n"), FAULT,
     CAUSE_BAD_LINE_END},
    {"LF after the target", REQ, STR_INIT("GET /\n HTTP/1.1\r\n\r\n"), FAULT, CAUSE_BAD_LINE_END},
    {"LF after a value", REQ, STR_INIT(GET "Host: a\nX: b\r\n\r\n"), FAULT, CAUSE_BAD_LINE_END},
    {"LF in a name", REQ, STR_INIT(GET "Ho\nst: a\r\n\r\n"), FAULT, CAUSE_BAD_LINE_END},
    {"LF LF at the end", REQ, STR_INIT(GET "Host: a\r\n\n"), FAULT, CAUSE_BAD_LINE_END},
    {"LF alone as the empty line", REQ, STR_INIT(GET "\n"), FAULT, CAUSE_BAD_LINE_END},
    {"LF before the request line", REQ, STR_INIT("\n" GET "\r\n"), FAULT, CAUSE_BAD_LINE_END},
    {"CR alone in the request line", REQ, STR_INIT("GET /\r HTTP/1.1\r\n\r\n"), FAULT,
     CAUSE_BAD_LINE_END},
    {"CR alone in a value", REQ, STR_INIT(GET "X: a\rb\r\n\r\n"), FAULT, CAUSE_BAD_LINE_END},
    {"CR CR LF", REQ, STR_INIT(GET "X: a\r\r\n\r\n"), FAULT, CAUSE_BAD_LINE_END},
    {"CR alone as the empty line", REQ, STR_INIT(GET "\rX"), FAULT, CAUSE_BAD_LINE_END},
    {"CR alone before the request line", REQ, STR_INIT("\rGET / HTTP/1.1\r\n\r\n"), FAULT,
     CAUSE_BAD_LINE_END},
    {"CR alone in a name", REQ, STR_INIT(GET "X\rY: a\r\n\r\n"), FAULT, CAUSE_BAD_FIELD_NAME},
    {"LF in a response", RES, STR_INIT("HTTP/1.1 200 OK\nA: b\n\n"), FAULT, CAUSE_BAD_LINE_END},
    {"LF in trailers", TRL, STR_INIT("A: b\n\n"), FAULT, CAUSE_BAD_LINE_END},
    {"LF LF where trailers end", TRL, STR_INIT("\n"), FAULT, CAUSE_BAD_LINE_END},

    /* the start line */
    {"nine empty lines before", REQ, STR_INIT(EMPTY8 "\r\n" GET "\r\n"), FAULT,
     CAUSE_BAD_START_LINE},
    {"a blank before", REQ, STR_INIT(" " GET "\r\n"), FAULT, CAUSE_BAD_START_LINE},
    {"a NUL byte", REQ, STR_INIT("GET /\0 HTTP/1.1\r\n\r\n"), FAULT, CAUSE_BAD_START_LINE},
    {"DEL", REQ, STR_INIT("GET /\x7f HTTP/1.1\r\n\r\n"), FAULT, CAUSE_BAD_START_LINE},
    {"a control byte", REQ, STR_INIT("GET /\x01 HTTP/1.1\r\n\r\n"), FAULT, CAUSE_BAD_START_LINE},
    {"VT", REQ, STR_INIT("GET\v/ HTTP/1.1\r\n\r\n"), FAULT, CAUSE_BAD_START_LINE},
    {"bytes past ASCII", REQ, STR_INIT("GET /\xc3\xa9 HTTP/1.1\r\n\r\n"), FAULT,
     CAUSE_BAD_START_LINE},
    {"a byte past ASCII first", REQ, STR_INIT("\xef\xbb\xbf" GET "\r\n"), FAULT,
     CAUSE_BAD_START_LINE},
    {"TLS", REQ, STR_INIT("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"), FAULT,
     CAUSE_TLS_ON_PLAIN},
    {"TLS, one byte", REQ, STR_INIT("\x16"), FAULT, CAUSE_TLS_ON_PLAIN},
    {"TLS from a backend", RES, STR_INIT("\x15\x03\x03"), FAULT, CAUSE_BAD_START_LINE},
    {"an empty line before a response", RES, STR_INIT("\r\nHTTP/1.1 200 OK\r\n\r\n"), FAULT,
     CAUSE_BAD_START_LINE},
    {"another protocol's response", RES, STR_INIT("ICY 200 OK\r\n\r\n"), FAULT,
     CAUSE_BAD_START_LINE},
    {"HTTP/2's response", RES, STR_INIT("HTTP/2 200\r\n\r\n"), FAULT, CAUSE_BAD_START_LINE},
    {"a line that begins well", RES, STR_INIT("HTTP1.1 200 OK\r\n"), FAULT, CAUSE_BAD_START_LINE},
    {"a lower-case response", RES, STR_INIT("http/1.1 200 OK\r\n\r\n"), FAULT,
     CAUSE_BAD_START_LINE},
    {"SSH", RES, STR_INIT("SSH-2.0-OpenSSH\r\n"), FAULT, CAUSE_BAD_START_LINE},
    {"a NUL byte in a reason", RES, STR_INIT("HTTP/1.1 200 \0\r\n\r\n"), FAULT,
     CAUSE_BAD_START_LINE},

    /* names */
    {"a blank before the colon", REQ, STR_INIT(GET "Host : a\r\n\r\n"), FAULT,
     CAUSE_BAD_FIELD_NAME},
    {"HTAB before the colon", REQ, STR_INIT(GET "Host\t: a\r\n\r\n"), FAULT, CAUSE_BAD_FIELD_NAME},
    {"no colon", REQ, STR_INIT(GET "Host\r\n\r\n"), FAULT, CAUSE_BAD_FIELD_NAME},
    {"no name", REQ, STR_INIT(GET ": a\r\n\r\n"), FAULT, CAUSE_BAD_FIELD_NAME},
    {"a NUL byte in a name", REQ, STR_INIT(GET "Ho\0st: a\r\n\r\n"), FAULT, CAUSE_BAD_FIELD_NAME},
    {"a byte past ASCII in a name", REQ, STR_INIT(GET "H\xf6st: a\r\n\r\n"), FAULT,
     CAUSE_BAD_FIELD_NAME},
    {"a slash in a name", REQ, STR_INIT(GET "a/b: c\r\n\r\n"), FAULT, CAUSE_BAD_FIELD_NAME},
    {"a quote in a name", REQ, STR_INIT(GET "\"a\": c\r\n\r\n"), FAULT, CAUSE_BAD_FIELD_NAME},
    {"no name in a response", RES, STR_INIT("HTTP/1.1 200 OK\r\n: a\r\n\r\n"), FAULT,
     CAUSE_BAD_FIELD_NAME},

    /* folded lines */
    {"folded by a blank", REQ, STR_INIT(GET "X: a\r\n b\r\n\r\n"), FAULT, CAUSE_FOLDED_LINE},
    {"folded by HTAB", REQ, STR_INIT(GET "X: a\r\n\tb\r\n\r\n"), FAULT, CAUSE_FOLDED_LINE},
    {"a blank before the first name", REQ, STR_INIT(GET " Host: a\r\n\r\n"), FAULT,
     CAUSE_FOLDED_LINE},
    {"folded to nothing", REQ, STR_INIT(GET "X: a\r\n \r\n\r\n"), FAULT, CAUSE_FOLDED_LINE},
    {"folded in a response", RES, STR_INIT("HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n"), FAULT,
     CAUSE_FOLDED_LINE},
    {"folded in trailers", TRL, STR_INIT(" A: b\r\n\r\n"), FAULT, CAUSE_FOLDED_LINE},

    /* values */
    {"a NUL byte in a value", REQ, STR_INIT(GET "X: a\0b\r\n\r\n"), FAULT, CAUSE_BAD_FIELD_VALUE},
    {"a NUL byte at a value's end", REQ, STR_INIT(GET "X: a\0\r\n\r\n"), FAULT,
     CAUSE_BAD_FIELD_VALUE},
    {"a control byte in a value", REQ, STR_INIT(GET "X: a\x01\r\n\r\n"), FAULT,
     CAUSE_BAD_FIELD_VALUE},
    {"ESC in a value", REQ, STR_INIT(GET "X: \x1b[31m\r\n\r\n"), FAULT, CAUSE_BAD_FIELD_VALUE},
    {"VT before a value", REQ, STR_INIT(GET "Content-Length:\v5\r\n\r\n"), FAULT,
     CAUSE_BAD_FIELD_VALUE},
    {"FF behind a value", REQ, STR_INIT(GET "Content-Length: 5\f\r\n\r\n"), FAULT,
     CAUSE_BAD_FIELD_VALUE},
    {"DEL in a value", REQ, STR_INIT(GET "X: \x7f\r\n\r\n"), FAULT, CAUSE_BAD_FIELD_VALUE},
    {"a NUL byte in a trailer", TRL, STR_INIT("X: \0\r\n\r\n"), FAULT, CAUSE_BAD_FIELD_VALUE},
};

struct outcome {
    enum guard_result result;
    enum http_cause cause;
    size_t start, at;
    uint32_t fields;
};

static struct outcome outcome_of(const struct guard *guard, enum guard_result result)
{
    struct outcome out = {.result = result};
    if (result == GUARD_FAULT)
        out.cause = (enum http_cause)guard->cause;
    if (result == GUARD_WHOLE)
        out = (struct outcome){result, CAUSE_NONE, guard->start, guard->at, guard->fields};
    return out;
}

/* The bytes come `step` at a time, each time in memory of exactly their size, so that a sanitizer
 * sees a byte too much. */
static struct outcome scan(enum guard_part part, struct str bytes, size_t step,
                           const struct guard_limits *limits)
{
    struct guard guard;
    enum guard_result result = GUARD_MORE;
    guard_init(&guard, part);
    for (size_t n = 0; result == GUARD_MORE && n <= bytes.n; n += step) {
        size_t come = n + step < bytes.n ? n + step : bytes.n;
        char *exact = malloc(come ? come : 1);
        cr_assert_not_null(exact);
        memcpy(exact, bytes.p, come);
        result = guard_scan(&guard, (struct str){exact, come}, limits);
        free(exact);
    }
    return outcome_of(&guard, result);
}

static bool same(struct outcome a, struct outcome b)
{
    return a.result == b.result && a.cause == b.cause && a.start == b.start && a.at == b.at &&
           a.fields == b.fields;
}

Test(guard, rows)
{
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct outcome got = scan(rows[i].part, rows[i].bytes, rows[i].bytes.n + 1, &wide);
        cr_expect_eq(got.result, rows[i].want, "%s: %d", rows[i].name, got.result);
        cr_expect_eq(got.cause, rows[i].cause, "%s: %s", rows[i].name,
                     http_causes[got.cause].word.p);
        if (got.result == GUARD_WHOLE) {
            cr_expect_eq(got.start, rows[i].start, "%s: start %zu", rows[i].name, got.start);
            cr_expect_eq(got.at, rows[i].bytes.n - rows[i].behind, "%s: at %zu", rows[i].name,
                         got.at);
        }
        for (size_t step = 1; step < 8; step++)
            cr_expect(same(scan(rows[i].part, rows[i].bytes, step, &wide), got),
                      "%s, %zu at a time", rows[i].name, step);
    }
}

/* Each byte, in each place of a head. */
Test(guard, every_byte_everywhere)
{
    static const struct {
        const char *before, *behind;
        const char *allowed; /* beside letters and digits */
        bool past_ascii;
        enum guard_part part;
    } places[] = {
        {"GET /", " HTTP/1.1\r\n\r\n", "!#$%&'*+-.^_`|~\"(),/:;<=>?@[\\]{} \t", false, REQ},
        {"HTTP/1.1 200 ", "\r\n\r\n", "!#$%&'*+-.^_`|~\"(),/:;<=>?@[\\]{} \t", true, RES},
        {GET "X", "X: 1\r\n\r\n", "!#$%&'*+-.^_`|~:", false, REQ},
        {GET "X: a", "b\r\n\r\n", "!#$%&'*+-.^_`|~\"(),/:;<=>?@[\\]{} \t", true, REQ},
        {"X: a", "b\r\n\r\n", "!#$%&'*+-.^_`|~\"(),/:;<=>?@[\\]{} \t", true, TRL},
    };
    for (size_t i = 0; i < COUNT(places); i++)
        for (int c = 0; c < 256; c++) {
            char text[128];
            int n = snprintf(text, sizeof text, "%sZ%s", places[i].before, places[i].behind);
            text[strlen(places[i].before)] = (char)c;
            bool allowed = ascii_is_alpha((char)c) || ascii_is_digit((char)c) ||
                           (c >= 0x80 && places[i].past_ascii) ||
                           (c && c < 0x80 && strchr(places[i].allowed, c));
            struct outcome got =
                scan(places[i].part, (struct str){text, (size_t)n}, sizeof text, &wide);
            cr_expect_eq(got.result, allowed ? GUARD_WHOLE : GUARD_FAULT, "place %zu byte %02x", i,
                         (unsigned)c);
        }
}

/* Values are looked at sixteen bytes at once: a bad one, or HTAB, at each place of each length. */
Test(guard, values_of_every_length)
{
    for (size_t n = 1; n < 70; n++)
        for (size_t at = 0; at < n; at++)
            for (int good = 0; good < 2; good++) {
                char text[128] = GET "X:";
                size_t before = strlen(text);
                memset(text + before, 'v', n);
                text[before + at] = good ? '\t' : '\x1f';
                memcpy(text + before + n, "\r\n\r\n", 5);
                struct outcome got = scan(REQ, str_of(text), sizeof text, &wide);
                cr_assert_eq(got.result, good ? WHOLE : FAULT, "%zu of %zu", at, n);
                cr_assert_eq(got.cause, good ? CAUSE_NONE : CAUSE_BAD_FIELD_VALUE);
            }
}

static const struct {
    const char *name;
    enum guard_part part;
    size_t bytes;
    uint32_t fields;
    struct str text;
    enum guard_result want;
    enum http_cause cause;
} limit_rows[] = {
    {"as many bytes as allowed", REQ, 18, 9, STR_INIT(GET "\r\n"), WHOLE},
    {"a byte more", REQ, 17, 9, STR_INIT(GET "\r\n"), FAULT, CAUSE_HEAD_TOO_LARGE},
    {"empty lines before do not count", REQ, 18, 9, STR_INIT("\r\n\r\n" GET "\r\n"), WHOLE},
    {"nor what stands behind", REQ, 18, 9, STR_INIT(GET "\r\n" X10 X10), WHOLE},
    {"as many bytes, unfinished", REQ, 26, 9, STR_INIT(GET "X: " X10), FAULT,
     CAUSE_HEAD_TOO_LARGE},
    {"a long target", REQ, 20, 9, STR_INIT("GET /" X10 X10), FAULT, CAUSE_TARGET_TOO_LONG},
    {"a long target that has just fitted", REQ, 25, 9, STR_INIT("GET /" X10 X10), MORE},
    {"a long method", REQ, 20, 9, STR_INIT(X10 X10 X10), FAULT, CAUSE_TARGET_TOO_LONG},
    {"a bad byte beyond the limit is not seen", REQ, 20, 9, STR_INIT("GET /" X10 X10 "\n"), FAULT,
     CAUSE_TARGET_TOO_LONG},
    {"a bad byte before the limit is", REQ, 20, 9, STR_INIT("GET /\n" X10 X10 X10), FAULT,
     CAUSE_BAD_LINE_END},
    {"a long name", REQ, 30, 9, STR_INIT(GET X10 X10 X10), FAULT, CAUSE_HEAD_TOO_LARGE},
    {"a long reason", RES, 20, 9, STR_INIT("HTTP/1.1 200 " X10 X10), FAULT,
     CAUSE_HEAD_TOO_LARGE},
    {"long trailers", TRL, 20, 9, STR_INIT("A: " X10 X10 "\r\n\r\n"), FAULT, CAUSE_HEAD_TOO_LARGE},
    {"as many fields as allowed", REQ, 999, 3, STR_INIT(GET "A: 1\r\nB:\r\nC: 3\r\n\r\n"), WHOLE},
    {"a field more", REQ, 999, 2, STR_INIT(GET "A: 1\r\nB:\r\nC: 3\r\n\r\n"), FAULT,
     CAUSE_TOO_MANY_FIELDS},
    {"refused as it begins", REQ, 999, 2, STR_INIT(GET "A: 1\r\nB:\r\nC"), FAULT,
     CAUSE_TOO_MANY_FIELDS},
    {"no field allowed, none there", REQ, 999, 0, STR_INIT(GET "\r\n"), WHOLE},
    {"trailer fields", TRL, 999, 1, STR_INIT("A: 1\r\nB: 2\r\n\r\n"), FAULT,
     CAUSE_TOO_MANY_FIELDS},
};

Test(guard, limits)
{
    for (size_t i = 0; i < COUNT(limit_rows); i++) {
        struct guard_limits limits = {limit_rows[i].bytes, limit_rows[i].fields};
        for (size_t step = limit_rows[i].text.n; step; step--) {
            struct outcome got = scan(limit_rows[i].part, limit_rows[i].text, step, &limits);
            cr_expect_eq(got.result, limit_rows[i].want, "%s, %zu at a time", limit_rows[i].name,
                         step);
            cr_expect_eq(got.cause, limit_rows[i].cause, "%s, %zu at a time: %s",
                         limit_rows[i].name, step, http_causes[got.cause].word.p);
        }
    }
}

/* What accept_bare_lf would help against, and what it would not. */
Test(guard, bare_lf_is_told_from_bare_cr)
{
    static const struct {
        const char *bytes;
        bool bare_lf;
    } ends[] = {
        {"HTTP/1.1 200 OK\nA: b\n\n", true},
        {"HTTP/1.1 200 OK\r\nA: b\n\r\n", true},
        {"HTTP/1.1 200 OK\r\nA: b\r\n\n", true},
        {"HTTP/1.1 200 OK\rA: b\r\n\r\n", false},
        {"HTTP/1.1 200 OK\r\nA: b\rC: d\r\n\r\n", false},
        {"HTTP/1.1 200 OK\r\nA: b\r\n\rC", false},
        {"HTTP/1.1 200 OK\r\nA : b\r\n\r\n", false},
    };
    for (size_t i = 0; i < COUNT(ends); i++) {
        struct guard guard;
        guard_init(&guard, RES);
        cr_expect_eq(guard_scan(&guard, str_of(ends[i].bytes), &wide), FAULT, "%zu", i);
        cr_expect_eq(guard_found_bare_lf(&guard), ends[i].bare_lf, "%zu", i);
    }
}

Test(guard, empty_lines_begin_no_head)
{
    struct guard guard;
    guard_init(&guard, REQ);
    cr_expect_not(guard_has_begun(&guard));
    cr_expect_eq(guard_scan(&guard, STR("\r\n\r\n"), &wide), MORE);
    cr_expect_not(guard_has_begun(&guard));
    cr_expect_eq(guard_scan(&guard, STR("\r\n\r\nG"), &wide), MORE);
    cr_expect(guard_has_begun(&guard));
}
