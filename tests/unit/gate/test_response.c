/* The backend's head as the client gets it: DESIGN §2 rules 4–9 and 17, §3 "Framing",
 * "Hop-by-hop", "Streaming", "Upgrade", "Bad backends". Rows compare all lines but for their order.
 */
#include <criterion/criterion.h>
#include "corsd/gate/response.h"
#include "fixture.h"

#define A "|Origin: https://a.example"
#define B "|Origin: https://b.example"
#define ALLOW_A "Access-Control-Allow-Origin: https://a.example|"
#define ALLOW_ANY "Access-Control-Allow-Origin: *|"
#define VARY "Vary: Origin|"
#define VIA "Via: 1.1 corsd|"
#define GET_OFF "GET /off HTTP/1.1|Host: x"
#define GET_10 "GET /off HTTP/1.0"
#define KEEP_10 "GET /off HTTP/1.0|Connection: keep-alive"
#define CHUNKS "Transfer-Encoding: chunked|"
#define WEBSOCKET "|Connection: Upgrade|Upgrade: websocket"

static const char house[] =
    "listen: 127.0.0.1:1\n"
    "upstreams:\n"
    "  u: {url: 'http://127.0.0.1:3000'}\n"
    "policies:\n"
    "  app: {allow_origins: ['https://a.example'], allow_methods: [GET, PUT], max_age: 1h,\n"
    "        expose_headers: [X-A]}\n"
    "  any: {allow_origins: ['*']}\n"
    "  mix: [{allow_origins: ['https://a.example'], allow_credentials: true},\n"
    "        {allow_origins: ['*']}]\n"
    "  cred: {allow_origins: ['https://a.example'], allow_credentials: true,\n"
    "         expose_headers: ['*']}\n"
    "routes:\n"
    "  - {path: /, upstream: u, cors: app}\n"
    "  - {path: /any, upstream: u, cors: any}\n"
    "  - {path: /mix, upstream: u, cors: mix}\n"
    "  - {path: /cred, upstream: u, cors: cred}\n"
    "  - {path: /off, upstream: u, cors: off}\n";

static const struct {
    const char *name, *request, *response, *want;
} rows[] = {
    /* what passes and what goes */
    {"a response", GET_OFF, "HTTP/1.1 200 OK|Content-Length: 5|ETag: \"a\"|Set-Cookie: a=b|Date: d|"
     "Server: s", "HTTP/1.1 200 OK|Content-Length: 5|ETag: \"a\"|Set-Cookie: a=b|Date: d|Server: s|"
     VIA},
    {"an odd spelling stays", GET_OFF, "HTTP/1.1 200 OK|content-LENGTH: 5|eTAG:a|A:\tb\t|C:",
     "HTTP/1.1 200 OK|content-LENGTH: 5|eTAG:a|A:\tb\t|C:|" VIA},
    {"a length has one spelling", GET_OFF, "HTTP/1.1 200 OK|Content-Length: 005|A: b",
     "HTTP/1.1 200 OK|Content-Length: 5|A: b|" VIA},
    {"a length has no blanks around it", GET_OFF, "HTTP/1.1 200 OK|Content-Length:\t 5 |A: b",
     "HTTP/1.1 200 OK|Content-Length: 5|A: b|" VIA},
    {"that of a 304 too", GET_OFF, "HTTP/1.1 304 N|Content-Length: 007",
     "HTTP/1.1 304 N|Content-Length: 7|" VIA},
    {"that of a 204 goes", GET_OFF, "HTTP/1.1 204 N|Content-Length: 007", "HTTP/1.1 204 N|" VIA},
    {"the reason stays", GET_OFF, "HTTP/1.1 418 I'm  \xe9 teapot|Content-Length: 0",
     "HTTP/1.1 418 I'm  \xe9 teapot|Content-Length: 0|" VIA},
    {"HTTP/1.0 becomes HTTP/1.1", GET_OFF, "HTTP/1.0 200 OK|Content-Length: 5",
     "HTTP/1.1 200 OK|Content-Length: 5|" VIA},
    {"hop-by-hop fields go", GET_OFF, "HTTP/1.1 200 OK|Content-Length: 5|Connection: keep-alive|"
     "Keep-Alive: timeout=5|Proxy-Connection: a|Proxy-Authenticate: b|Upgrade: h2c|TE: trailers|"
     "Proxy-Authentication-Info: c", "HTTP/1.1 200 OK|Content-Length: 5|" VIA},
    {"so do those that Connection names", GET_OFF, "HTTP/1.1 200 OK|Content-Length: 5|A: 1|B: 2|"
     "Connection: a|Connection: x, B", "HTTP/1.1 200 OK|Content-Length: 5|" VIA},
    {"what cannot be named away", GET_OFF, "HTTP/1.1 200 OK|Content-Length: 5|Content-Type: t|"
     "Set-Cookie: a=b|Location: /|Vary: a|Via: 1.0 z|"
     "Connection: content-length, content-type, set-cookie, location, vary, via",
     "HTTP/1.1 200 OK|Content-Length: 5|Content-Type: t|Set-Cookie: a=b|Location: /|Vary: a|"
     "Via: 1.0 z|" VIA},
    {"a backend's close is its own", GET_OFF, "HTTP/1.1 200 OK|Content-Length: 5|Connection: close",
     "HTTP/1.1 200 OK|Content-Length: 5|" VIA},
    {"a client's close is told back", "GET /off HTTP/1.1|Host: x|Connection: close",
     "HTTP/1.1 200 OK|Content-Length: 5", "HTTP/1.1 200 OK|Content-Length: 5|Connection: close|"
     VIA},

    /* framing for this client */
    {"chunked", GET_OFF, "HTTP/1.1 200 OK|transfer-encoding: Chunked",
     "HTTP/1.1 200 OK|" CHUNKS VIA},
    {"until close becomes chunked", GET_OFF, "HTTP/1.1 200 OK", "HTTP/1.1 200 OK|" CHUNKS VIA},
    {"until close of HTTP/1.0 too", GET_OFF, "HTTP/1.0 200 OK|Connection: close",
     "HTTP/1.1 200 OK|" CHUNKS VIA},
    {"no length but 0", GET_OFF, "HTTP/1.1 200 OK|Content-Length: 0",
     "HTTP/1.1 200 OK|Content-Length: 0|" VIA},
    {"1.0: a length", GET_10, "HTTP/1.1 200 OK|Content-Length: 5",
     "HTTP/1.1 200 OK|Content-Length: 5|Connection: close|" VIA},
    {"1.0: chunked becomes until close", GET_10, "HTTP/1.1 200 OK|Transfer-Encoding: chunked",
     "HTTP/1.1 200 OK|Connection: close|" VIA},
    {"1.0: until close", GET_10, "HTTP/1.1 200 OK", "HTTP/1.1 200 OK|Connection: close|" VIA},
    {"1.0 keep-alive: a length", KEEP_10, "HTTP/1.1 200 OK|Content-Length: 5",
     "HTTP/1.1 200 OK|Content-Length: 5|Connection: keep-alive|" VIA},
    {"1.0 keep-alive: chunked", KEEP_10, "HTTP/1.1 200 OK|Transfer-Encoding: chunked",
     "HTTP/1.1 200 OK|Connection: close|" VIA},
    {"1.0 keep-alive: 304", KEEP_10, "HTTP/1.1 304 X", "HTTP/1.1 304 X|Connection: keep-alive|"
     VIA},

    /* answers without a body, whatever they say */
    {"HEAD: the length of what a GET would get", "HEAD /off HTTP/1.1|Host: x",
     "HTTP/1.1 200 OK|Content-Length: 500", "HTTP/1.1 200 OK|Content-Length: 500|" VIA},
    {"HEAD: chunked", "HEAD /off HTTP/1.1|Host: x", "HTTP/1.1 200 OK|Transfer-Encoding: chunked",
     "HTTP/1.1 200 OK|" CHUNKS VIA},
    {"HEAD: neither", "HEAD /off HTTP/1.1|Host: x", "HTTP/1.1 200 OK", "HTTP/1.1 200 OK|" VIA},
    {"HEAD of HTTP/1.0: chunked", "HEAD /off HTTP/1.0",
     "HTTP/1.1 200 OK|Transfer-Encoding: chunked",
     "HTTP/1.1 200 OK|Connection: close|" VIA},
    {"204", GET_OFF, "HTTP/1.1 204 X", "HTTP/1.1 204 X|" VIA},
    {"204 with a length", GET_OFF, "HTTP/1.1 204 X|Content-Length: 5", "HTTP/1.1 204 X|" VIA},
    {"204 with length 0", GET_OFF, "HTTP/1.1 204 X|Content-Length: 0", "HTTP/1.1 204 X|" VIA},
    {"204, chunked", GET_OFF, "HTTP/1.1 204 X|Transfer-Encoding: chunked", "HTTP/1.1 204 X|" VIA},
    {"204 to a HEAD, chunked", "HEAD /off HTTP/1.1|Host: x",
     "HTTP/1.1 204 X|Transfer-Encoding: chunked", "HTTP/1.1 204 X|" VIA},
    {"304 with a length", GET_OFF, "HTTP/1.1 304 X|Content-Length: 5|ETag: a",
     "HTTP/1.1 304 X|Content-Length: 5|ETag: a|" VIA},
    {"304, chunked", GET_OFF, "HTTP/1.1 304 X|Transfer-Encoding: chunked", "HTTP/1.1 304 X|" VIA},
    {"304 to a HEAD, chunked", "HEAD /off HTTP/1.1|Host: x",
     "HTTP/1.1 304 X|Transfer-Encoding: chunked", "HTTP/1.1 304 X|" VIA},

    /* 1xx and 101 */
    {"100", "POST /off HTTP/1.1|Host: x", "HTTP/1.1 100 Continue", "HTTP/1.1 100 Continue|" VIA},
    {"103", GET_OFF, "HTTP/1.1 103 Early Hints|Link: a|Content-Length: 5|Connection: close",
     "HTTP/1.1 103 Early Hints|Link: a|" VIA},
    {"103 of a route with a policy", "GET / HTTP/1.1|Host: x" A, "HTTP/1.1 103 Early Hints|Link: a|"
     "Access-Control-Allow-Origin: *", "HTTP/1.1 103 Early Hints|Link: a|" VIA},
    {"101", GET_OFF WEBSOCKET, "HTTP/1.1 101 Switching Protocols|Upgrade: WebSocket|"
     "Connection: Upgrade|Sec-WebSocket-Accept: a|Content-Length: 5",
     "HTTP/1.1 101 Switching Protocols|Upgrade: websocket|Connection: Upgrade|"
     "Sec-WebSocket-Accept: a|" VIA},
    {"an answer to a handshake that is no 101", GET_OFF WEBSOCKET,
     "HTTP/1.1 401 X|Content-Length: 0", "HTTP/1.1 401 X|Content-Length: 0|" VIA},

    /* rule 4: what an actual response gets */
    {"4: allowed", "GET / HTTP/1.1|Host: x" A, "HTTP/1.1 200 OK|Content-Length: 0",
     "HTTP/1.1 200 OK|Content-Length: 0|" ALLOW_A "Access-Control-Expose-Headers: X-A|" VARY VIA},
    {"4: errors too", "GET / HTTP/1.1|Host: x" A, "HTTP/1.1 500 X|Content-Length: 0",
     "HTTP/1.1 500 X|Content-Length: 0|" ALLOW_A "Access-Control-Expose-Headers: X-A|" VARY VIA},
    {"4: off the list", "GET / HTTP/1.1|Host: x" B, "HTTP/1.1 200 OK|Content-Length: 0",
     "HTTP/1.1 200 OK|Content-Length: 0|" VARY VIA},
    {"4: an OPTIONS that is no preflight", "OPTIONS / HTTP/1.1|Host: x" A,
     "HTTP/1.1 200 OK|Content-Length: 0",
     "HTTP/1.1 200 OK|Content-Length: 0|" ALLOW_A "Access-Control-Expose-Headers: X-A|" VARY VIA},
    {"12: two origins", "GET / HTTP/1.1|Host: x" A A, "HTTP/1.1 200 OK|Content-Length: 0",
     "HTTP/1.1 200 OK|Content-Length: 0|" VARY VIA},
    {"5: star, no Origin", "GET /any HTTP/1.1|Host: x", "HTTP/1.1 200 OK|Content-Length: 0",
     "HTTP/1.1 200 OK|Content-Length: 0|" ALLOW_ANY VIA},
    {"5: star, any Origin", "GET /any HTTP/1.1|Host: x|Origin: nonsense",
     "HTTP/1.1 200 OK|Content-Length: 0", "HTTP/1.1 200 OK|Content-Length: 0|" ALLOW_ANY VIA},
    {"5: star among others", "GET /mix HTTP/1.1|Host: x" B, "HTTP/1.1 200 OK|Content-Length: 0",
     "HTTP/1.1 200 OK|Content-Length: 0|" ALLOW_ANY VARY VIA},
    {"5: others among stars", "GET /mix HTTP/1.1|Host: x" A, "HTTP/1.1 200 OK|Content-Length: 0",
     "HTTP/1.1 200 OK|Content-Length: 0|" ALLOW_A "Access-Control-Allow-Credentials: true|" VARY
     VIA},
    {"6: exposed names are the response's own", "GET /cred HTTP/1.1|Host: x" A,
     "HTTP/1.1 200 OK|Content-Length: 0|X-B: 1|Set-Cookie: a=b|X-B: 2|ETag: a|Connection: X-C|"
     "X-C: 3|Content-Type: t",
     "HTTP/1.1 200 OK|Content-Length: 0|X-B: 1|X-B: 2|Set-Cookie: a=b|ETag: a|Content-Type: t|"
     ALLOW_A "Access-Control-Allow-Credentials: true|Access-Control-Expose-Headers: X-B, ETag|"
     VARY VIA},

    /* rule 8 */
    {"8: no Origin, Vary all the same", "GET / HTTP/1.1|Host: x",
     "HTTP/1.1 200 OK|Content-Length: 0", "HTTP/1.1 200 OK|Content-Length: 0|" VARY VIA},
    {"8: merged", "GET / HTTP/1.1|Host: x", "HTTP/1.1 200 OK|Content-Length: 0|Vary: Accept|"
     "vary: Cookie", "HTTP/1.1 200 OK|Content-Length: 0|Vary: Accept, Cookie, Origin|" VIA},
    {"8: never twice", "GET / HTTP/1.1|Host: x", "HTTP/1.1 200 OK|Content-Length: 0|"
     "Vary: Accept, ORIGIN", "HTTP/1.1 200 OK|Content-Length: 0|Vary: Accept, ORIGIN|" VIA},
    {"8: star stays", "GET / HTTP/1.1|Host: x", "HTTP/1.1 200 OK|Content-Length: 0|Vary: *",
     "HTTP/1.1 200 OK|Content-Length: 0|Vary: *|" VIA},
    {"8: star alone needs none", "GET /any HTTP/1.1|Host: x",
     "HTTP/1.1 200 OK|Content-Length: 0|Vary: Accept",
     "HTTP/1.1 200 OK|Content-Length: 0|Vary: Accept|" ALLOW_ANY VIA},
    {"8: a 304", "GET / HTTP/1.1|Host: x" A, "HTTP/1.1 304 X",
     "HTTP/1.1 304 X|" ALLOW_A "Access-Control-Expose-Headers: X-A|" VARY VIA},

    /* rule 9 */
    {"9: every one goes, in any casing and number", "GET / HTTP/1.1|Host: x" A,
     "HTTP/1.1 200 OK|Content-Length: 0|Access-Control-Allow-Origin: *|"
     "access-control-allow-ORIGIN: https://evil.example|Access-Control-Allow-Methods: a|"
     "ACCESS-CONTROL-MAX-AGE: 5|Access-Control-Allow-Credentials: true|"
     "Access-Control-Expose-Headers: b|Access-Control-Allow-Private-Network: true|"
     "Access-Control-Unheard-Of: c",
     "HTTP/1.1 200 OK|Content-Length: 0|" ALLOW_A "Access-Control-Expose-Headers: X-A|" VARY VIA},
    {"9: for an origin off the list too", "GET / HTTP/1.1|Host: x" B,
     "HTTP/1.1 200 OK|Content-Length: 0|Access-Control-Allow-Origin: *",
     "HTTP/1.1 200 OK|Content-Length: 0|" VARY VIA},
    {"9: and without an Origin", "GET / HTTP/1.1|Host: x",
     "HTTP/1.1 200 OK|Content-Length: 0|Access-Control-Allow-Origin: *",
     "HTTP/1.1 200 OK|Content-Length: 0|" VARY VIA},
    {"off: nothing about CORS is touched", GET_OFF A, "HTTP/1.1 200 OK|Content-Length: 0|"
     "Access-Control-Allow-Origin: *|Access-Control-Allow-Methods: a|Vary: b",
     "HTTP/1.1 200 OK|Content-Length: 0|Access-Control-Allow-Origin: *|"
     "Access-Control-Allow-Methods: a|Vary: b|" VIA},
};

static void expect_head(struct bench *bench, const char *want, const char *name)
{
    char got[HEAD_MAX], wanted[HEAD_MAX];
    struct buf out = BUF_INIT(HEAD_MAX);
    gate_response(&out, &bench->gate, &bench->decision, &bench->response_head, &bench->response);
    sorted(want, strlen(want), wanted, sizeof wanted);
    cr_assert(head_text(buf_str(&out), got, sizeof got), "%s: no head: %.*s", name,
              STR_ARG(buf_str(&out)));
    cr_expect_str_eq(got, wanted, "%s:\n got %s\nwant %s", name, got, wanted);
    buf_finish(&out);
}

Test(response, heads)
{
    struct bench bench;
    bench_begin(&bench, house);
    for (size_t i = 0; i < COUNT(rows); i++) {
        bench_request(&bench, rows[i].request);
        enum http_cause cause = bench_response(&bench, rows[i].response);
        cr_expect_eq(cause, CAUSE_NONE, "%s: %s", rows[i].name, http_causes[cause].word.p);
        if (!cause)
            expect_head(&bench, rows[i].want, rows[i].name);
    }
    bench_end(&bench);
}

/* --- keep and report ---------------------------------------------------------------------------
 */

static const struct {
    const char *name;
    bool keep, report;
    const char *request, *response, *want;
} trait_rows[] = {
    {"keep: the backend's own stay, ours are left out", true, false, "GET / HTTP/1.1|Host: x" A,
     "HTTP/1.1 200 OK|Content-Length: 0|Access-Control-Allow-Origin: https://c.example|"
     "Access-Control-Max-Age: 5",
     "HTTP/1.1 200 OK|Content-Length: 0|Access-Control-Allow-Origin: https://c.example|"
     "Access-Control-Max-Age: 5|" VARY VIA},
    {"keep: without its Allow-Origin as replace", true, false, "GET / HTTP/1.1|Host: x" A,
     "HTTP/1.1 200 OK|Content-Length: 0|Access-Control-Max-Age: 5",
     "HTTP/1.1 200 OK|Content-Length: 0|" ALLOW_A "Access-Control-Expose-Headers: X-A|" VARY VIA},
    {"17: report touches nothing", false, true, "GET / HTTP/1.1|Host: x" A,
     "HTTP/1.1 200 OK|Content-Length: 0|Access-Control-Allow-Origin: *|Vary: a",
     "HTTP/1.1 200 OK|Content-Length: 0|Access-Control-Allow-Origin: *|Vary: a|" VIA},
    {"17: and adds nothing", false, true, "GET / HTTP/1.1|Host: x" A,
     "HTTP/1.1 200 OK|Content-Length: 0", "HTTP/1.1 200 OK|Content-Length: 0|" VIA},
    {"17: a star neither", false, true, "GET /any HTTP/1.1|Host: x" A,
     "HTTP/1.1 200 OK|Content-Length: 0", "HTTP/1.1 200 OK|Content-Length: 0|" VIA},
};

Test(response, traits)
{
    struct bench bench;
    bench_begin(&bench, house);
    for (size_t i = 0; i < COUNT(trait_rows); i++) {
        for (size_t j = 0; j < bench.plan->n_policies; j++) {
            struct policy_traits *traits = &bench.plan->policies[j]->traits;
            traits->upstream_headers =
                trait_rows[i].keep ? UPSTREAM_HEADERS_KEEP : UPSTREAM_HEADERS_REPLACE;
            traits->mode = trait_rows[i].report ? MODE_REPORT : MODE_ENFORCE;
        }
        bench_request(&bench, trait_rows[i].request);
        cr_assert_eq(bench_response(&bench, trait_rows[i].response), CAUSE_NONE);
        expect_head(&bench, trait_rows[i].want, trait_rows[i].name);
    }
    bench.plan->via = false;
    bench_request(&bench, GET_OFF);
    cr_assert_eq(bench_response(&bench, "HTTP/1.1 204 X|Via: 1.0 a"), CAUSE_NONE);
    expect_head(&bench, "HTTP/1.1 204 X|Via: 1.0 a", "no Via");
    bench_end(&bench);
}

Test(response, attributes_are_given_to_cookies)
{
    struct bench bench;
    bench_begin(&bench, house);
    for (size_t i = 0; i < bench.plan->n_policies; i++) {
        bench.plan->policies[i]->traits.same_site = SAME_SITE_NONE;
        bench.plan->policies[i]->traits.cookies_secure = true;
    }
    bench_request(&bench, "GET /any HTTP/1.1|Host: x");
    cr_assert_eq(bench_response(&bench, "HTTP/1.1 204 X|Set-Cookie: a=b; samesite=Lax; Path=/|"
                                        "X: y|set-cookie: c"),
                 CAUSE_NONE);
    expect_head(&bench,
                "HTTP/1.1 204 X|Set-Cookie: a=b; Path=/; SameSite=None; Secure|X: y|"
                "Set-Cookie: c; SameSite=None; Secure|" ALLOW_ANY VIA,
                "cookies");
    bench_end(&bench);
}

/* --- what the head means for both connections ---------------------------------------------------
 */

static const struct {
    const char *name, *request, *response;
    enum http_cause cause;
    enum response_kind kind;
    enum body_kind body, sent_as;
    bool server_keep_alive, close;
} read_rows[] = {
    {"a length", GET_OFF, "HTTP/1.1 200 OK|Content-Length: 5", 0, RESPONSE_FINAL, BODY_LENGTH,
     BODY_LENGTH, true, false},
    {"chunked", GET_OFF, "HTTP/1.1 200 OK|Transfer-Encoding: chunked", 0, RESPONSE_FINAL,
     BODY_CHUNKED, BODY_CHUNKED, true, false},
    {"until close", GET_OFF, "HTTP/1.1 200 OK", 0, RESPONSE_FINAL, BODY_UNTIL_CLOSE, BODY_CHUNKED,
     false, false},
    {"no body", GET_OFF, "HTTP/1.1 204 X", 0, RESPONSE_FINAL, BODY_NONE, BODY_NONE, true, false},
    {"HEAD", "HEAD /off HTTP/1.1|Host: x", "HTTP/1.1 200 OK|Content-Length: 5", 0, RESPONSE_FINAL,
     BODY_NONE, BODY_NONE, true, false},
    {"the backend closes", GET_OFF, "HTTP/1.1 200 OK|Content-Length: 5|Connection: a, Close", 0,
     RESPONSE_FINAL, BODY_LENGTH, BODY_LENGTH, false, false},
    {"a backend of HTTP/1.0", GET_OFF, "HTTP/1.0 200 OK|Content-Length: 5", 0, RESPONSE_FINAL,
     BODY_LENGTH, BODY_LENGTH, false, false},
    {"a backend of HTTP/1.0 that stays", GET_OFF,
     "HTTP/1.0 200 OK|Content-Length: 5|Connection: keep-alive", 0, RESPONSE_FINAL, BODY_LENGTH,
     BODY_LENGTH, true, false},
    {"the client closes", "GET /off HTTP/1.1|Host: x|Connection: close",
     "HTTP/1.1 200 OK|Content-Length: 5", 0, RESPONSE_FINAL, BODY_LENGTH, BODY_LENGTH, true, true},
    {"1.0: a length", GET_10, "HTTP/1.1 200 OK|Content-Length: 5", 0, RESPONSE_FINAL, BODY_LENGTH,
     BODY_LENGTH, true, true},
    {"1.0: chunked", GET_10, "HTTP/1.1 200 OK|Transfer-Encoding: chunked", 0, RESPONSE_FINAL,
     BODY_CHUNKED, BODY_UNTIL_CLOSE, true, true},
    {"1.0 keep-alive: chunked", KEEP_10, "HTTP/1.1 200 OK|Transfer-Encoding: chunked", 0,
     RESPONSE_FINAL, BODY_CHUNKED, BODY_UNTIL_CLOSE, true, true},
    {"1.0 keep-alive: a length", KEEP_10, "HTTP/1.1 200 OK|Content-Length: 5", 0, RESPONSE_FINAL,
     BODY_LENGTH, BODY_LENGTH, true, false},
    {"100", GET_OFF, "HTTP/1.1 100 X", 0, RESPONSE_INTERIM, BODY_NONE, BODY_NONE, true, false},
    {"103", GET_OFF, "HTTP/1.1 103 X", 0, RESPONSE_INTERIM, BODY_NONE, BODY_NONE, true, false},
    {"101 that was asked for", GET_OFF WEBSOCKET, "HTTP/1.1 101 X|Upgrade: websocket", 0,
     RESPONSE_SWITCH, BODY_NONE, BODY_NONE, false, false},

    {"101 unasked", GET_OFF, "HTTP/1.1 101 X|Upgrade: websocket", CAUSE_UPSTREAM_BAD_UPGRADE},
    {"101 to something else", GET_OFF WEBSOCKET, "HTTP/1.1 101 X|Upgrade: h2c",
     CAUSE_UPSTREAM_BAD_UPGRADE},
    {"101 to nothing", GET_OFF WEBSOCKET, "HTTP/1.1 101 X", CAUSE_UPSTREAM_BAD_UPGRADE},
    {"101 to two things", GET_OFF WEBSOCKET, "HTTP/1.1 101 X|Upgrade: websocket, h2c",
     CAUSE_UPSTREAM_BAD_UPGRADE},
    {"101 to two things, in two lines", GET_OFF WEBSOCKET,
     "HTTP/1.1 101 X|Upgrade: websocket|Upgrade: h2c", CAUSE_UPSTREAM_BAD_UPGRADE},
    {"101 of HTTP/1.0", GET_OFF WEBSOCKET, "HTTP/1.0 101 X|Upgrade: websocket",
     CAUSE_UPSTREAM_BAD_UPGRADE},
    {"both framings", GET_OFF, "HTTP/1.1 200 OK|Content-Length: 5|Transfer-Encoding: chunked",
     CAUSE_UPSTREAM_BAD_FRAMING},
    {"two lengths", GET_OFF, "HTTP/1.1 200 OK|Content-Length: 5|Content-Length: 5",
     CAUSE_UPSTREAM_BAD_FRAMING},
    {"an unknown coding", GET_OFF, "HTTP/1.1 200 OK|Transfer-Encoding: gzip",
     CAUSE_UPSTREAM_BAD_FRAMING},
    {"chunked of HTTP/1.0", GET_OFF, "HTTP/1.0 200 OK|Transfer-Encoding: chunked",
     CAUSE_UPSTREAM_BAD_FRAMING},
    {"no number", GET_OFF, "HTTP/1.1 200 OK|Content-Length: five", CAUSE_UPSTREAM_BAD_FRAMING},
    {"no HTTP", GET_OFF, "ICY 200 OK", CAUSE_UPSTREAM_BAD_HEAD},
    {"a later version", GET_OFF, "HTTP/1.2 200 OK", CAUSE_UPSTREAM_BAD_HEAD},
    {"no status", GET_OFF, "HTTP/1.1 OK", CAUSE_UPSTREAM_BAD_HEAD},
    {"a bad name", GET_OFF, "HTTP/1.1 200 OK|a b: c", CAUSE_UPSTREAM_BAD_HEAD},
};

Test(response, read)
{
    struct bench bench;
    bench_begin(&bench, house);
    for (size_t i = 0; i < COUNT(read_rows); i++) {
        bench_request(&bench, read_rows[i].request);
        enum http_cause cause = bench_response(&bench, read_rows[i].response);
        const struct response *response = &bench.response;
        cr_expect_eq(cause, read_rows[i].cause, "%s: %s", read_rows[i].name,
                     http_causes[cause].word.p);
        if (cause)
            continue;
        cr_expect_eq(response->kind, read_rows[i].kind, "%s", read_rows[i].name);
        cr_expect_eq(response->body.kind, read_rows[i].body, "%s", read_rows[i].name);
        cr_expect_eq(response->sent_as, read_rows[i].sent_as, "%s", read_rows[i].name);
        cr_expect_eq(response->server_keep_alive, read_rows[i].server_keep_alive, "%s",
                     read_rows[i].name);
        cr_expect_eq(response->close, read_rows[i].close, "%s", read_rows[i].name);
    }
    bench_end(&bench);
}

static const struct {
    const char *lines;
    uint64_t keep_alive_s;
    bool event_stream;
} hint_rows[] = {
    {"", UINT64_MAX, false},
    {"|Keep-Alive: timeout=0", 0, false},
    {"|Keep-Alive: timeout=5, max=100", 5, false},
    {"|Keep-Alive: max=100, Timeout = 60", 60, false},
    {"|Keep-Alive: timeout=x", UINT64_MAX, false},
    {"|Keep-Alive: timeouts=5", UINT64_MAX, false},
    {"|Content-Type: text/event-stream", UINT64_MAX, true},
    {"|Content-Type: Text/Event-Stream ; charset=utf-8", UINT64_MAX, true},
    {"|Content-Type: text/event-streams", UINT64_MAX, false},
    {"|Content-Type: text/plain", UINT64_MAX, false},
};

/* Whatever was found, it is the backend's fault. */
Test(response, faults)
{
    for (int cause = 1; cause < CAUSE_UPSTREAM_REFUSED; cause++) {
        enum http_cause fault = gate_response_fault((enum http_cause)cause);
        cr_expect_eq(http_causes[fault].status, 502, "%s", http_causes[cause].word.p);
        cr_expect(str_starts(http_causes[fault].word, STR("upstream_")));
    }
    cr_expect_eq(gate_response_fault(CAUSE_NONE), CAUSE_NONE);
    cr_expect_eq(gate_response_fault(CAUSE_TOO_MANY_FIELDS), CAUSE_UPSTREAM_HEAD_TOO_LARGE);
    cr_expect_eq(gate_response_fault(CAUSE_HEAD_TOO_LARGE), CAUSE_UPSTREAM_HEAD_TOO_LARGE);
}

Test(response, hints)
{
    struct bench bench;
    bench_begin(&bench, house);
    for (size_t i = 0; i < COUNT(hint_rows); i++) {
        char head[256];
        bench_request(&bench, GET_OFF);
        snprintf(head, sizeof head, "HTTP/1.1 200 OK|Content-Length: 5%s", hint_rows[i].lines);
        cr_assert_eq(bench_response(&bench, head), CAUSE_NONE);
        cr_expect_eq(bench.response.keep_alive_s, hint_rows[i].keep_alive_s, "%s",
                     hint_rows[i].lines);
        cr_expect_eq(bench.response.event_stream, hint_rows[i].event_stream, "%s",
                     hint_rows[i].lines);
    }
    bench_end(&bench);
}
