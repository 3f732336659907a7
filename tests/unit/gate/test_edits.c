/* Headers set and removed: DESIGN §1 request_headers, response_headers, origin. */
#include <criterion/criterion.h>
#include "corsd/gate/edits.h"
#include "fixture.h"

static const char house[] =
    "listen: 127.0.0.1:1\n"
    "forwarded: off\n"
    "via: false\n"
    "upstreams:\n"
    "  u: {url: 'http://127.0.0.1:3000'}\n"
    "  silent: {url: 'http://127.0.0.1:3000', origin: remove}\n"
    "  masked: {url: 'http://127.0.0.1:3000', origin: 'https://inner.example'}\n"
    "routes:\n"
    "  - path: /\n"
    "    upstream: u\n"
    "    request_headers: {set: {X-Api-Key: secret, X-Empty: ''},\n"
    "                      remove: [X-Debug, authorization]}\n"
    "    response_headers: {set: {X-Frame-Options: DENY},\n"
    "                       remove: [Server, Set-Cookie, Location]}\n"
    "  - {path: /silent, upstream: silent, cors: off}\n"
    "  - {path: /masked, upstream: masked, cors: off}\n"
    "cors: {allow_origins: ['https://a.example'], allow_credentials: true,\n"
    "       expose_headers: ['*']}\n";

#define ID "X-Request-Id: *|"
#define SET "X-Api-Key: secret|X-Empty: |"
#define ORIGIN "|Origin: https://a.example"
#define ASKS "|Access-Control-Request-Method: PUT|Access-Control-Request-Headers: a"

static const struct {
    const char *name, *head, *want;
} request_rows[] = {
    {"set and removed", "GET / HTTP/1.1|Host: x|X-Debug: 1|Accept: a|Authorization: b|x-debug: 2",
     "GET / HTTP/1.1|Host: x|Accept: a|" ID SET},
    {"what came is replaced", "GET / HTTP/1.1|Host: x|x-api-key: 1|X-API-KEY: 2",
     "GET / HTTP/1.1|Host: x|" ID SET},
    {"twins too", "GET / HTTP/1.1|Host: x|X_Api_Key: 1|x-api_key: 2|X_Debug: 3",
     "GET / HTTP/1.1|Host: x|" ID SET},
    {"longer and shorter ones stay", "GET / HTTP/1.1|Host: x|X-Api-Keys: 1|X-Api: 2|X-Deb: 3",
     "GET / HTTP/1.1|Host: x|X-Api-Keys: 1|X-Api: 2|X-Deb: 3|" ID SET},
    {"origin: remove", "OPTIONS /silent HTTP/1.1|Host: x" ORIGIN ASKS
     "|Access-Control-Request-Private-Network: true|A: b",
     "OPTIONS /silent HTTP/1.1|Host: x|A: b|" ID},
    {"origin: a value", "OPTIONS /masked HTTP/1.1|Host: x" ORIGIN ASKS,
     "OPTIONS /masked HTTP/1.1|Host: x|Origin: https://inner.example" ASKS "|" ID},
    {"origin: a value for two", "GET /masked HTTP/1.1|Host: x" ORIGIN ORIGIN,
     "GET /masked HTTP/1.1|Host: x|Origin: https://inner.example|" ID},
    {"origin: a value where none came", "GET /masked HTTP/1.1|Host: x",
     "GET /masked HTTP/1.1|Host: x|" ID},
};

static void expect(struct str head, const char *want, const char *name)
{
    char text[HEAD_MAX], wanted[HEAD_MAX];
    cr_assert(head_text(head, text, sizeof text), "%s", name);
    sorted(want, strlen(want), wanted, sizeof wanted);
    cr_expect_str_eq(text, wanted, "%s: %s", name, text);
}

Test(edits, requests)
{
    struct bench bench;
    bench_begin(&bench, house);
    for (size_t i = 0; i < COUNT(request_rows); i++) {
        struct buf out = BUF_INIT(HEAD_MAX);
        bench_request(&bench, request_rows[i].head);
        cr_assert_eq(bench.decision.kind, DECISION_FORWARD, "%s", request_rows[i].name);
        gate_forward(&out, &bench.gate, &bench.peer, &bench.head, &bench.decision, STR("u"), NULL);
        expect(buf_str(&out), request_rows[i].want, request_rows[i].name);
        buf_finish(&out);
    }
    bench_end(&bench);
}

#define CORS \
    "Access-Control-Allow-Origin: https://a.example|Access-Control-Allow-Credentials: true|"
#define OK "HTTP/1.1 200 OK|Content-Length: 0|"

static const struct {
    const char *name, *lines, *want;
} response_rows[] = {
    {"set and removed", "Server: a|ETag: b|x-frame-options: c|Set-Cookie: d=e|Location: /x",
     OK "ETag: b|X-Frame-Options: DENY|Vary: Origin|" CORS
     "Access-Control-Expose-Headers: ETag, x-frame-options|"},
};

Test(edits, responses)
{
    struct bench bench;
    bench_begin(&bench, house);
    for (size_t i = 0; i < COUNT(response_rows); i++) {
        char head[512];
        struct buf out = BUF_INIT(HEAD_MAX);
        bench_request(&bench, "GET / HTTP/1.1|Host: x" ORIGIN);
        snprintf(head, sizeof head, OK "%s", response_rows[i].lines);
        cr_assert_eq(bench_response(&bench, head), CAUSE_NONE);
        size_t n = bench.response_head.n;
        gate_response(&out, &bench.gate, &bench.decision, &bench.response_head, &bench.response);
        cr_expect_eq(bench.response_head.n, n);
        expect(buf_str(&out), response_rows[i].want, response_rows[i].name);
        buf_finish(&out);
    }
    bench_end(&bench);
}

/* What a head may not hold, its trailers may not bring back. */
Test(edits, trailers)
{
    struct bench bench;
    struct field fields[3];
    struct head head = {.fields = fields, .cap = 3};
    struct str bytes = head_bytes("X-Frame-Options: a|server: b|X-Sum: c");
    bench_begin(&bench, house);
    cr_assert_eq(message_parse_trailers(&head, bytes), CAUSE_NONE);
    gate_trailers(&head, bench.plan->routes[0].response_edits);
    cr_expect(fields[0].dropped && fields[1].dropped && !fields[2].dropped);
    bench_end(&bench);
    free((char *)(uintptr_t)bytes.p);
}
