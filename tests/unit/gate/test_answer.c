/* What corsd says itself: DESIGN §2 rules 2, 3, 5, 8 and 10; §3. Rows compare all lines but for
 * their order, and the body. */
#include <criterion/criterion.h>
#include "corsd/gate/answer.h"
#include "fixture.h"

#define A "|Origin: https://a.example"
#define B "|Origin: https://b.example"
#define ASKS(method) "|Access-Control-Request-Method: " method
#define ALLOW_A "Access-Control-Allow-Origin: https://a.example|"
#define ALLOW_ANY "Access-Control-Allow-Origin: *|"
#define VARY "Vary: Origin|"
#define ASKED "Access-Control-Request-Method, Access-Control-Request-Headers|"
#define DATE "Date: now|"
#define TEXT DATE "Cache-Control: no-store|Content-Type: text/plain; charset=utf-8|"

static const char house[] =
    "listen: 127.0.0.1:1\n"
    "upstreams:\n"
    "  u: {url: 'http://127.0.0.1:3000'}\n"
    "policies:\n"
    "  app: {allow_origins: ['https://a.example'], allow_methods: [GET, PUT], max_age: 1h,\n"
    "        allow_headers: [X-A], expose_headers: [X-B]}\n"
    "  any: {allow_origins: ['*'], preflight_status: 200, allow_methods: ['*']}\n"
    "  cred: {allow_origins: ['https://a.example'], allow_credentials: true,\n"
    "         preflight_status: 202, allow_methods: ['*'], allow_headers: ['*'],\n"
    "         expose_headers: ['*']}\n"
    "routes:\n"
    "  - {path: /, upstream: u, cors: app}\n"
    "  - {path: /any, upstream: u, cors: any}\n"
    "  - {path: /cred, upstream: u, cors: cred}\n"
    "  - {path: /off, upstream: u, cors: off}\n"
    "limits: {body_size: 10}\n"
    "cors: app\n";

static const struct {
    const char *name, *request;
    const char *want, *body;
} rows[] = {
    /* preflights */
    {"2: a preflight", "OPTIONS / HTTP/1.1|Host: x" A ASKS("PUT"),
     "HTTP/1.1 204 No Content|" DATE ALLOW_A "Access-Control-Allow-Methods: GET, PUT|"
     "Access-Control-Allow-Headers: X-A|Access-Control-Max-Age: 3600|Vary: Origin, " ASKED, ""},
    {"2: the whole lists where a method is off them", "OPTIONS / HTTP/1.1|Host: x" A ASKS("PATCH"),
     "HTTP/1.1 204 No Content|" DATE ALLOW_A "Access-Control-Allow-Methods: GET, PUT|"
     "Access-Control-Allow-Headers: X-A|Access-Control-Max-Age: 3600|Vary: Origin, " ASKED, ""},
    {"2: status 200 has a length", "OPTIONS /any HTTP/1.1|Host: x" B ASKS("PUT"),
     "HTTP/1.1 200 OK|" DATE ALLOW_ANY "Access-Control-Allow-Methods: *|Vary: " ASKED
     "Content-Length: 0|", ""},
    {"6: with credentials what was asked for", "OPTIONS /cred HTTP/1.1|Host: x" A ASKS("PATCH")
     "|Access-Control-Request-Headers: x-z,(,authorization",
     "HTTP/1.1 202 Accepted|" DATE ALLOW_A "Access-Control-Allow-Credentials: true|"
     "Access-Control-Allow-Methods: PATCH|Access-Control-Allow-Headers: x-z|Vary: Origin, " ASKED
     "Content-Length: 0|", ""},
    {"the client closes", "OPTIONS / HTTP/1.1|Host: x|Connection: close" A ASKS("PUT"),
     "HTTP/1.1 204 No Content|" DATE ALLOW_A "Access-Control-Allow-Methods: GET, PUT|"
     "Access-Control-Allow-Headers: X-A|Access-Control-Max-Age: 3600|Vary: Origin, " ASKED
     "Connection: close|", ""},

    /* refusals */
    {"3: an origin off the list", "OPTIONS / HTTP/1.1|Host: x" B ASKS("PUT"),
     "HTTP/1.1 403 Forbidden|" TEXT "Content-Length: 57|Vary: Origin, " ASKED,
     "corsd: the origin is not on the list: https://b.example\n"},
    {"3: null", "OPTIONS / HTTP/1.1|Host: x|Origin: null" ASKS("PUT"),
     "HTTP/1.1 403 Forbidden|" TEXT "Content-Length: 54|Vary: Origin, " ASKED,
     "corsd: the origin is null, which is not on the list\n"},
    {"14: a websocket", "GET / HTTP/1.1|Host: x|Connection: upgrade|Upgrade: websocket" B,
     "HTTP/1.1 403 Forbidden|" TEXT "Content-Length: 57|" VARY,
     "corsd: the origin is not on the list: https://b.example\n"},

    /* rule 10: errors */
    {"10: readable where allowed", "GET /%4 HTTP/1.1|Host: x" A,
     "HTTP/1.1 400 Bad Request|" TEXT "Content-Length: 39|Connection: close|" ALLOW_A
     "Access-Control-Expose-Headers: X-B|" VARY, "corsd: the request target is malformed\n"},
    {"10: not off the list", "GET /%4 HTTP/1.1|Host: x" B,
     "HTTP/1.1 400 Bad Request|" TEXT "Content-Length: 39|Connection: close|" VARY,
     "corsd: the request target is malformed\n"},
    {"10: nor without an Origin", "GET /%4 HTTP/1.1|Host: x",
     "HTTP/1.1 400 Bad Request|" TEXT "Content-Length: 39|Connection: close|" VARY,
     "corsd: the request target is malformed\n"},
    {"10: by the route's policy", "POST /cred HTTP/1.1|Host: x|Content-Length: 11" A,
     "HTTP/1.1 413 Content Too Large|" TEXT "Content-Length: 39|" ALLOW_A
     "Access-Control-Allow-Credentials: true|Access-Control-Expose-Headers: Date|" VARY,
     "corsd: the request's body is too large\n"},
    {"10: a star for everyone", "POST /any HTTP/1.1|Host: x|Content-Length: 11",
     "HTTP/1.1 413 Content Too Large|" TEXT "Content-Length: 39|" ALLOW_ANY,
     "corsd: the request's body is too large\n"},
    {"10: nothing where CORS is off", "POST /off HTTP/1.1|Host: x|Content-Length: 11" A,
     "HTTP/1.1 413 Content Too Large|" TEXT "Content-Length: 39|",
     "corsd: the request's body is too large\n"},
    {"no head at all", "hello", "HTTP/1.1 400 Bad Request|" TEXT "Content-Length: 39|"
     "Connection: close|" VARY, "corsd: the request line is malformed\n"},
    {"8: a preflight's error varies on what was asked",
     "OPTIONS /%4 HTTP/1.1|Host: x" A ASKS("PUT"),
     "HTTP/1.1 400 Bad Request|" TEXT "Content-Length: 39|Connection: close|" ALLOW_A
     "Access-Control-Expose-Headers: X-B|Vary: Origin, " ASKED,
     "corsd: the request target is malformed\n"},
    {"HEAD has no body", "HEAD /%4 HTTP/1.1|Host: x",
     "HTTP/1.1 400 Bad Request|" TEXT "Content-Length: 39|Connection: close|" VARY, ""},
    {"405 says what is allowed", "TRACE / HTTP/1.1|Host: x",
     "HTTP/1.1 405 Method Not Allowed|" TEXT "Content-Length: 35|" VARY
     "Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS|", "corsd: this method is not proxied\n"},
    {"HTTP/1.0", "GET /%4 HTTP/1.0", "HTTP/1.1 400 Bad Request|" TEXT "Content-Length: 39|"
     "Connection: close|" VARY, "corsd: the request target is malformed\n"},
    {"HTTP/1.0 keep-alive", "POST /off HTTP/1.0|Connection: keep-alive|Content-Length: 11",
     "HTTP/1.1 413 Content Too Large|" TEXT "Content-Length: 39|Connection: keep-alive|",
     "corsd: the request's body is too large\n"},
    {"Max-Forwards: 0", "OPTIONS / HTTP/1.1|Host: x|Max-Forwards: 0" A,
     "HTTP/1.1 200 OK|" TEXT "Content-Length: 13|" ALLOW_A "Access-Control-Expose-Headers: X-B|"
     VARY "Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS|", "corsd: ready\n"},
};

/* Content-Length is checked against the body that came, so rows need not count. */
static void without_length(const char *head, char *out, size_t size)
{
    const char *length = strstr(head, "Content-Length: "),
               *end = strchr(length ? length : "|", '|');
    bool counts = length && length[16] != '0';
    snprintf(out, size, "%.*s%s", (int)(counts ? length - head : (long)strlen(head)), head,
             counts ? end + 1 : "");
}

static size_t length_in(const char *head)
{
    const char *length = strstr(head, "|Content-Length: ");
    return length ? strtoul(length + 17, NULL, 10) : 0;
}

static void expect_answer(struct bench *bench, bool close, const char *want, const char *body,
                          const char *name)
{
    char text[HEAD_MAX], got[HEAD_MAX], wanted[HEAD_MAX], shortened[HEAD_MAX];
    struct buf out = BUF_INIT(HEAD_MAX);
    gate_answer(&out, &bench->gate, &bench->decision, close);
    cr_expect_not(out.failed);
    cr_assert(head_text(buf_str(&out), text, sizeof text), "%s: no head", name);
    const char *end = memmem(out.p, out.n, "\r\n\r\n", 4);
    struct str rest = str_from(buf_str(&out), (size_t)(end + 4 - out.p));
    cr_expect(str_eq(rest, str_of(body)), "%s: %.*s", name, STR_ARG(rest));
    if (bench->decision.method != METHOD_HEAD && bench->decision.own != OWN_PREFLIGHT)
        cr_expect_eq(length_in(text), rest.n, "%s", name);
    without_length(text, got, sizeof got);
    without_length(want, shortened, sizeof shortened);
    sorted(shortened, strlen(shortened), wanted, sizeof wanted);
    cr_expect_str_eq(got, wanted, "%s:\n got %s\nwant %s", name, got, wanted);
    buf_finish(&out);
}

Test(answer, rows)
{
    struct bench bench;
    bench_begin(&bench, house);
    for (size_t i = 0; i < COUNT(rows); i++) {
        bench_request(&bench, rows[i].request);
        cr_assert_eq(bench.decision.kind, DECISION_ANSWER, "%s", rows[i].name);
        expect_answer(&bench, !bench.decision.keep_alive, rows[i].want, rows[i].body, rows[i].name);
    }
    bench_end(&bench);
}

/* Every cause that has a status, as it befalls an exchange that was forwarded. */
Test(answer, every_cause)
{
    struct bench bench;
    bench_begin(&bench, house);
    for (int cause = 1; cause < CAUSE_COUNT; cause++) {
        const struct http_cause_row *row = &http_causes[cause];
        char want[768], body[512];
        if (!row->status || cause == CAUSE_CORS_REFUSED)
            continue;
        bench_request(&bench, "GET /cred HTTP/1.1|Host: x" A);
        bench.decision.kind = DECISION_ANSWER;
        bench.decision.own = OWN_ERROR;
        bench.decision.cause = (enum http_cause)cause;
        snprintf(body, sizeof body, "corsd: %s\n", row->prose.p);
        snprintf(
            want, sizeof want,
            "HTTP/1.1 %u %s|" TEXT ALLOW_A
            "Access-Control-Allow-Credentials: true|Content-Length: 1|" VARY
            "Access-Control-Expose-Headers: Date%s%s|%s%s%s",
            row->status, http_reason_phrase(row->status).p,
            cause == CAUSE_METHOD_REFUSED ? ", Allow" : "",
            row->status == 503 ? ", Retry-After" : "", row->status == 503 ? "Retry-After: 1|" : "",
            cause == CAUSE_METHOD_REFUSED ? "Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS|"
                                          : "",
            "Connection: close|");
        expect_answer(&bench, true, want, body, row->word.p);
        cr_expect_eq(gate_answer_status(&bench.decision), row->status);
    }
    bench_end(&bench);
}

/* The body says what was refused as far as there is room, and never what lay in memory before. */
static void expect_cut(struct bench *bench, const char *head, const char *whole)
{
    struct buf out = BUF_INIT(HEAD_MAX);
    bench_request(bench, head);
    gate_answer(&out, &bench->gate, &bench->decision, false);
    const char *end = memmem(out.p, out.n, "\r\n\r\n", 4);
    cr_assert_not_null(end);
    struct str body = str_from(buf_str(&out), (size_t)(end + 4 - out.p));
    cr_assert(body.n && body.p[body.n - 1] == '\n', "one line");
    body.n--;
    cr_expect(str_starts(str_of(whole), body), "%.*s", STR_ARG(body));
    cr_expect(body.n == strlen(whole) || body.n > 256, "%zu of %zu", body.n, strlen(whole));
    buf_finish(&out);
}

Test(answer, a_long_word_is_cut)
{
    static char head[8192], whole[8192], word[3000];
    struct bench bench;
    bench_begin(&bench, house);
    for (size_t i = 0; i < bench.plan->n_policies; i++)
        bench.plan->policies[i]->traits.enforce_methods = true;
    for (size_t n = 1; n < sizeof word; n += 37) {
        memset(word, 'x', n);
        snprintf(head, sizeof head, "%s / HTTP/1.1|Host: x" A, word);
        snprintf(whole, sizeof whole, "corsd: the method is not on the list: %s", word);
        expect_cut(&bench, head, whole);
        snprintf(head, sizeof head, "OPTIONS / HTTP/1.1|Host: x|Origin: tauri://%s" ASKS("PUT"),
                 word);
        snprintf(whole, sizeof whole, "corsd: the origin is not on the list: tauri://%s", word);
        bench_request(&bench, head);
        if (bench.decision.verdict.reason == REASON_ORIGIN_OFF_LIST)
            expect_cut(&bench, head, whole);
    }
    bench_end(&bench);
}

Test(answer, the_method_that_is_missing_is_named)
{
    struct bench bench;
    bench_begin(&bench, house);
    for (size_t i = 0; i < bench.plan->n_policies; i++)
        bench.plan->policies[i]->traits.enforce_methods = true;
    bench_request(&bench, "PATCH / HTTP/1.1|Host: x" A);
    expect_answer(&bench, false,
                  "HTTP/1.1 403 Forbidden|" TEXT "Content-Length: 1|" ALLOW_A
                  "Access-Control-Expose-Headers: X-B|" VARY,
                  "corsd: the method is not on the list: PATCH\n", "enforce_methods");
    bench_end(&bench);
}

Test(answer, in_report_mode_errors_are_plain)
{
    struct bench bench;
    bench_begin(&bench, house);
    for (size_t i = 0; i < bench.plan->n_policies; i++)
        bench.plan->policies[i]->traits.mode = MODE_REPORT;
    bench_request(&bench, "GET /%4 HTTP/1.1|Host: x" A);
    expect_answer(&bench, true,
                  "HTTP/1.1 400 Bad Request|" TEXT "Content-Length: 1|Connection: close|",
                  "corsd: the request target is malformed\n", "17: own errors included");
    bench_end(&bench);
}

static const struct {
    const char *name, *request;
    bool draining;
    const char *want, *body;
} health_rows[] = {
    {"ready", "GET /.well-known/corsd HTTP/1.1|Host: any.example", false,
     "HTTP/1.1 200 OK|" TEXT "Content-Length: 1|" VARY, "corsd: ready\n"},
    {"draining", "GET /.well-known/corsd HTTP/1.1|Host: any.example", true,
     "HTTP/1.1 503 Service Unavailable|" TEXT "Content-Length: 1|Retry-After: 1|" VARY,
     "corsd: the proxy is shutting down\n"},
    {"HEAD", "HEAD /.well-known/corsd HTTP/1.1|Host: any.example", false,
     "HTTP/1.1 200 OK|" TEXT "Content-Length: 1|" VARY, ""},
    {"by another spelling", "GET /.well-known/x/../%63orsd/?a HTTP/1.1|Host: any.example", false,
     "HTTP/1.1 200 OK|" TEXT "Content-Length: 1|" VARY, "corsd: ready\n"},
    {"never proxied", "POST /.well-known/corsd HTTP/1.1|Host: any.example", false,
     "HTTP/1.1 405 Method Not Allowed|" TEXT "Content-Length: 1|" VARY
     "Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS|", "corsd: this method is not proxied\n"},
};

Test(answer, health)
{
    struct bench bench;
    bench_begin(&bench, house);
    bench.plan->health_path = STR("/.well-known/corsd");
    for (size_t i = 0; i < COUNT(health_rows); i++) {
        bench.gate.draining = health_rows[i].draining;
        bench_request(&bench, health_rows[i].request);
        cr_assert_eq(bench.decision.kind, DECISION_ANSWER, "%s", health_rows[i].name);
        expect_answer(&bench, false, health_rows[i].want, health_rows[i].body, health_rows[i].name);
    }
    bench_request(&bench, "GET /.well-known/corsds HTTP/1.1|Host: x");
    cr_expect_eq(bench.decision.kind, DECISION_FORWARD, "no other path");
    bench_end(&bench);
}
