/* Heads and decisions, without a socket: DESIGN §2 rules 1–3, 5, 10, 12–16, §3 "Host", "Framing",
 * "Upgrade", "Limits". */
#include <criterion/criterion.h>
#include "corsd/gate/request.h"
#include "fixture.h"

#define A "|Origin: https://a.example"
#define B "|Origin: https://b.example"
#define ASKS(method) "|Access-Control-Request-Method: " method

static const char house[] =
    "listen: 127.0.0.1:1\n"
    "upstreams:\n"
    "  u: {url: 'http://127.0.0.1:3000'}\n"
    "policies:\n"
    "  app: {allow_origins: ['https://a.example'], allow_methods: [GET, PUT]}\n"
    "  lax: {allow_origins: ['*'], preflight_status: 200}\n"
    "  cred: {allow_origins: ['https://a.example', 'https://shop.example:8443'],\n"
    "         allow_credentials: true}\n"
    "routes:\n"
    "  - {path: /, upstream: u}\n"
    "  - {path: /lax/, upstream: u, cors: lax}\n"
    "  - {path: /off, upstream: u, cors: off}\n"
    "  - {path: /api, upstream: u, cors: app}\n"
    "  - {path: /caf%C3%A9, upstream: u, cors: lax}\n"
    "  - {host: shop.example, path: /, upstream: u, cors: cred}\n"
    "  - {host: shop.example, path: /cart, upstream: u, cors: lax}\n"
    "  - {host: '*.wild.example', path: /, upstream: u}\n"
    "  - {host: small.example, path: /in, upstream: u}\n"
    "limits: {body_size: 10}\n"
    "trusted_proxies: [10.0.0.0/8, 'unix:']\n"
    "cors: app\n";

static const struct {
    const char *name, *head, *want;
} rows[] = {
    /* routes */
    {"a request", "GET / HTTP/1.1|Host: x", "forward /"},
    {"the longest path", "GET /lax/a HTTP/1.1|Host: x", "forward /lax"},
    {"a segment boundary", "GET /laxer HTTP/1.1|Host: x", "forward /"},
    {"a trailing slash counts for nothing", "GET /off/ HTTP/1.1|Host: x", "forward /off"},
    {"the query does not route", "GET /?/lax HTTP/1.1|Host: x", "forward /"},
    {"a host", "GET / HTTP/1.1|Host: shop.example", "forward shop.example/"},
    {"a host in capitals", "GET / HTTP/1.1|Host: SHOP.Example", "forward shop.example/"},
    {"a host with a port", "GET / HTTP/1.1|Host: shop.example:81", "forward shop.example/"},
    {"a host with a final dot", "GET / HTTP/1.1|Host: shop.example.", "forward shop.example/"},
    {"the host before the path", "GET /lax HTTP/1.1|Host: shop.example", "forward shop.example/"},
    {"a host's path", "GET /cart/1 HTTP/1.1|Host: shop.example", "forward shop.example/cart"},
    {"a wildcard's label", "GET / HTTP/1.1|Host: a.wild.example", "forward *.wild.example/"},
    {"a wildcard's labels", "GET / HTTP/1.1|Host: a.b.wild.example", "forward *.wild.example/"},
    {"a wildcard is not its domain", "GET / HTTP/1.1|Host: wild.example", "forward /"},
    {"the next host where no path matches", "GET /out HTTP/1.1|Host: small.example", "forward /"},
    {"X-Forwarded-Host never routes",
     "GET / HTTP/1.1|Host: x|X-Forwarded-Host: shop.example", "forward /"},
    {"any method", "FROBNICATE / HTTP/1.1|Host: x", "forward /"},
    {"methods in lower case", "get / HTTP/1.1|Host: x", "forward /"},
    {"OPTIONS without Origin", "OPTIONS /api HTTP/1.1|Host: x", "forward /api"},
    {"OPTIONS *", "OPTIONS * HTTP/1.1|Host: x", "forward /"},
    {"OPTIONS * of a host", "OPTIONS * HTTP/1.1|Host: shop.example", "forward shop.example/"},
    {"OPTIONS in lower case is no preflight", "options /api HTTP/1.1|Host: x" A ASKS("PUT"),
     "forward /api"},

    /* rule 1 to 3: preflights */
    {"1: a preflight", "OPTIONS /api HTTP/1.1|Host: x" A ASKS("PUT"), "preflight 204"},
    {"1: its route's status", "OPTIONS /lax HTTP/1.1|Host: x" B ASKS("PUT"), "preflight 200"},
    {"1: no method asked for", "OPTIONS /api HTTP/1.1|Host: x" A, "forward /api"},
    {"1: no Origin", "OPTIONS /api HTTP/1.1|Host: x" ASKS("PUT"), "forward /api"},
    {"1: a GET is none", "GET /api HTTP/1.1|Host: x" A ASKS("PUT"), "forward /api"},
    {"1: without a policy", "OPTIONS /off HTTP/1.1|Host: x" A ASKS("PUT"), "forward /off"},
    {"1: OPTIONS *", "OPTIONS * HTTP/1.1|Host: x" A ASKS("PUT"), "preflight 204"},
    {"2: a method off the list", "OPTIONS /api HTTP/1.1|Host: x" A ASKS("PATCH"), "preflight 204"},
    {"2: no method", "OPTIONS /api HTTP/1.1|Host: x" A ASKS("(("), "preflight 204"},
    {"3: an origin off the list", "OPTIONS /api HTTP/1.1|Host: x" B ASKS("PUT"),
     "403 cors_refused"},
    {"3: null", "OPTIONS /api HTTP/1.1|Host: x|Origin: null" ASKS("PUT"), "403 cors_refused"},
    {"12: two origins", "OPTIONS /api HTTP/1.1|Host: x" A A ASKS("PUT"), "403 cors_refused"},
    {"12: no origin at all", "OPTIONS /api HTTP/1.1|Host: x|Origin: x" ASKS("PUT"),
     "403 cors_refused"},
    {"12: an empty one", "OPTIONS /api HTTP/1.1|Host: x|Origin:" ASKS("PUT"), "403 cors_refused"},
    {"12: not under *", "OPTIONS /lax HTTP/1.1|Host: x|Origin: x" ASKS("PUT"), "preflight 200"},
    {"a preflight with a body is answered", "OPTIONS /api HTTP/1.1|Host: x|Content-Length: 5" A
     ASKS("PUT"), "preflight 204"},

    /* actual requests */
    {"actual, allowed", "PUT /api HTTP/1.1|Host: x" A, "forward /api"},
    {"actual, off the list: forwarded by default", "PUT /api HTTP/1.1|Host: x" B, "forward /api"},
    {"actual, a method off the list: forwarded", "PATCH /api HTTP/1.1|Host: x" A, "forward /api"},

    /* rule 14: websockets */
#define WS "|Connection: Upgrade|Upgrade: websocket"
    {"14: a handshake", "GET /api HTTP/1.1|Host: x" WS, "tunnel /api"},
    {"14: allowed", "GET /api HTTP/1.1|Host: x" WS A, "tunnel /api"},
    {"14: off the list", "GET /api HTTP/1.1|Host: x" WS B, "403 cors_refused"},
    {"14: off the list, same-origin", "GET /api HTTP/1.1|Host: b.example" WS B, "tunnel /api"},
    {"14: off the list, the browser says same-origin",
     "GET /api HTTP/1.1|Host: x|Sec-Fetch-Site: same-origin" WS B, "tunnel /api"},
    {"14: cross-site", "GET /api HTTP/1.1|Host: x|Sec-Fetch-Site: cross-site" WS B,
     "403 cors_refused"},
    {"14: two words of the browser are none",
     "GET /api HTTP/1.1|Host: x|Sec-Fetch-Site: same-origin|Sec-Fetch-Site: none" WS B,
     "403 cors_refused"},
    {"14: allowed without credentials, a cookie", "GET /api HTTP/1.1|Host: x|Cookie: a=b" WS A,
     "403 cors_refused"},
    {"14: allowed without credentials, a password",
     "GET /api HTTP/1.1|Host: x|Authorization: Basic x" WS A, "403 cors_refused"},
    {"14: allowed with credentials, a cookie",
     "GET / HTTP/1.1|Host: shop.example|Cookie: a=b" WS A, "tunnel shop.example/"},
    {"14: any origin", "GET /lax HTTP/1.1|Host: x" WS B, "tunnel /lax"},
    {"14: without a policy", "GET /off HTTP/1.1|Host: x" WS B, "tunnel /off"},
    {"upgrade: among others", "GET /api HTTP/1.1|Host: x|Connection: keep-alive, UPGRADE|"
     "Upgrade: h2c, WebSocket", "tunnel /api"},
    {"upgrade: no Connection", "GET /api HTTP/1.1|Host: x|Upgrade: websocket" B, "forward /api"},
    {"upgrade: Connection names another", "GET /api HTTP/1.1|Host: x|Connection: close|"
     "Upgrade: websocket", "forward /api close"},
    {"upgrade: h2c", "GET /api HTTP/1.1|Host: x|Connection: Upgrade, HTTP2-Settings|Upgrade: h2c|"
     "HTTP2-Settings: AAMAAABk", "forward /api"},
    {"upgrade: a version is no websocket", "GET /api HTTP/1.1|Host: x|Connection: Upgrade|"
     "Upgrade: websocket/13", "forward /api"},
    {"upgrade: a POST", "POST /api HTTP/1.1|Host: x" WS, "forward /api"},
    {"upgrade: a body", "GET /api HTTP/1.1|Host: x|Content-Length: 1" WS, "forward /api"},
    {"upgrade: a chunked body", "GET /api HTTP/1.1|Host: x|Transfer-Encoding: chunked" WS,
     "forward /api"},
    {"upgrade: HTTP/1.0", "GET /api HTTP/1.0|Host: x" WS, "forward /api close"},

    /* rule 16: other readings of the path */
    {"16: an encoded letter", "GET /%61pi/x HTTP/1.1|Host: x", "400 ambiguous_path close"},
    {"16: encoded within a route", "GET /api/%78 HTTP/1.1|Host: x", "forward /api"},
    {"16: dot segments out of a route", "GET /lax/../api HTTP/1.1|Host: x",
     "400 ambiguous_path close"},
    {"16: dot segments within a route", "GET /lax/a/../b HTTP/1.1|Host: x", "forward /lax"},
    {"16: a dot segment within", "GET /lax/./b HTTP/1.1|Host: x", "forward /lax"},
    {"16: dot segments out of any", "GET /../a HTTP/1.1|Host: x", "forward /"},
    {"16: encoded dots", "GET /lax/%2e%2e/api HTTP/1.1|Host: x", "400 ambiguous_path close"},
    {"16: encoded dots, one", "GET /lax/.%2E/api HTTP/1.1|Host: x", "400 ambiguous_path close"},
    {"16: encoded twice", "GET /lax/%252e%252e/api HTTP/1.1|Host: x", "400 ambiguous_path close"},
    {"16: encoded thrice", "GET /lax/%25252e%25252e/api HTTP/1.1|Host: x", "forward /lax"},
    {"16: an encoded slash", "GET /lax%2fa HTTP/1.1|Host: x", "400 ambiguous_path close"},
    {"16: an encoded slash, twice", "GET /lax%252fa HTTP/1.1|Host: x", "400 ambiguous_path close"},
    {"16: an encoded slash within", "GET /lax/a%2fb HTTP/1.1|Host: x", "forward /lax"},
    {"16: an encoded slash and dots", "GET /lax/..%2fapi HTTP/1.1|Host: x",
     "400 ambiguous_path close"},
    {"16: a backslash", "GET /lax\\a HTTP/1.1|Host: x", "400 ambiguous_path close"},
    {"16: a backslash and dots", "GET /lax/..\\api HTTP/1.1|Host: x", "400 ambiguous_path close"},
    {"16: an encoded backslash", "GET /lax%5Ca HTTP/1.1|Host: x", "400 ambiguous_path close"},
    {"16: a backslash within", "GET /lax/a\\b HTTP/1.1|Host: x", "forward /lax"},
    {"16: an empty segment before", "GET //api HTTP/1.1|Host: x", "400 ambiguous_path close"},
    {"16: an empty segment within", "GET /api//x HTTP/1.1|Host: x", "forward /api"},
    {"16: empty segments and dots", "GET /lax//../api HTTP/1.1|Host: x",
     "400 ambiguous_path close"},
    {"16: a parameter", "GET /lax;x HTTP/1.1|Host: x", "400 ambiguous_path close"},
    {"16: an encoded parameter", "GET /lax%3bx HTTP/1.1|Host: x", "400 ambiguous_path close"},
    {"16: a parameter within", "GET /lax/a;x=1 HTTP/1.1|Host: x", "forward /lax"},
    {"16: a parameter behind dots", "GET /lax/..;x/api HTTP/1.1|Host: x",
     "400 ambiguous_path close"},
    {"16: letter case", "GET /LAX HTTP/1.1|Host: x", "400 ambiguous_path close"},
    {"16: letter case within", "GET /lax/ABC HTTP/1.1|Host: x", "forward /lax"},
    {"16: all together", "GET /x/%255C..;y//%2541PI HTTP/1.1|Host: x", "400 ambiguous_path close"},
    {"16: a route's own spelling", "GET /caf%C3%A9 HTTP/1.1|Host: x", "forward /caf\xc3\xa9"},
    {"16: in lower case", "GET /caf%c3%a9/x HTTP/1.1|Host: x", "forward /caf\xc3\xa9"},
    {"16: only in one", "GET /off HTTP/1.1|Host: shop.example", "forward shop.example/"},
    {"16: a preflight too", "OPTIONS /lax/../api HTTP/1.1|Host: x" A ASKS("PUT"),
     "400 ambiguous_path close"},
    {"16: where one route has all, no spelling matters", "GET /a/%2e%2e/..%5c;//x HTTP/1.1|"
     "Host: a.wild.example", "forward *.wild.example/"},
    {"16: half an encoding", "GET /%4 HTTP/1.1|Host: x", "400 bad_target close"},
    {"16: no encoding", "GET /100% HTTP/1.1|Host: x", "400 bad_target close"},
    {"16: a NUL byte", "GET /a%00b HTTP/1.1|Host: x", "400 bad_target close"},
    {"16: a NUL byte, twice", "GET /a%2500b HTTP/1.1|Host: x", "400 bad_target close"},
    {"16: a percent in the query is nobody's business", "GET /?% HTTP/1.1|Host: x", "forward /"},

    /* Host */
    {"host: none", "GET / HTTP/1.1", "400 bad_host close"},
    {"host: empty", "GET / HTTP/1.1|Host:", "400 bad_host close"},
    {"host: two", "GET / HTTP/1.1|Host: a|Host: a", "400 bad_host close"},
    {"host: two in odd case", "GET / HTTP/1.1|Host: a|hOST: b", "400 bad_host close"},
    {"host: two names", "GET / HTTP/1.1|Host: a, b", "400 bad_host close"},
    {"host: a user", "GET / HTTP/1.1|Host: u@a", "400 bad_host close"},
    {"host: a path", "GET / HTTP/1.1|Host: a/b", "400 bad_host close"},
    {"host: a port that is none", "GET / HTTP/1.1|Host: a:b", "400 bad_host close"},
    {"host: none of HTTP/1.0", "GET / HTTP/1.0", "forward / close"},
    {"host: none of HTTP/1.0 matches no host's route", "GET /cart HTTP/1.0", "forward / close"},
    {"host: empty of HTTP/1.0", "GET / HTTP/1.0|Host:", "400 bad_host close"},
    {"host: two of HTTP/1.0", "GET / HTTP/1.0|Host: a|Host: b", "400 bad_host close"},
    {"host: a twin is none", "GET / HTTP/1.1|Host : a", "400 bad_field_name close"},

    /* absolute form */
    {"absolute: wins over Host", "GET http://shop.example/cart HTTP/1.1|Host: x",
     "forward shop.example/cart"},
    {"absolute: no path", "GET http://shop.example HTTP/1.1|Host: x", "forward shop.example/"},
    {"absolute: https, a port, capitals", "GET HTTPS://Shop.Example:444/cart HTTP/1.1|Host: x",
     "forward shop.example/cart"},
    {"absolute: Host is needed all the same", "GET http://shop.example/ HTTP/1.1",
     "400 bad_host close"},
    {"absolute: and valid", "GET http://shop.example/ HTTP/1.1|Host: a b", "400 bad_host close"},
    {"absolute: a user", "GET http://u@shop.example/ HTTP/1.1|Host: x", "400 bad_host close"},
    {"absolute: no host", "GET http:///x HTTP/1.1|Host: x", "400 bad_host close"},
    {"absolute: another scheme", "GET ftp://x/ HTTP/1.1|Host: x", "400 bad_target close"},
    {"absolute: OPTIONS", "OPTIONS http://shop.example HTTP/1.1|Host: x" A ASKS("GET"),
     "preflight 204"},

    /* targets and methods */
    {"target: asterisk of a GET", "GET * HTTP/1.1|Host: x", "400 bad_target close"},
    {"target: a fragment", "GET /#a HTTP/1.1|Host: x", "400 bad_target close"},
    {"target: no slash", "GET a HTTP/1.1|Host: x", "400 bad_target close"},
    {"target: no slash, an unknown method", "FOO a HTTP/1.1|Host: x", "400 bad_target close"},
    {"target: HTAB", "GET /a\tb HTTP/1.1|Host: x", "400 bad_target close"},
    {"target: HTAB, an unknown method", "FOO /a\tb HTTP/1.1|Host: x", "400 bad_target close"},
    {"method: CONNECT", "CONNECT a:443 HTTP/1.1|Host: a:443", "405 method_refused close"},
    {"method: CONNECT /", "CONNECT / HTTP/1.1|Host: x", "405 method_refused close"},
    {"method: TRACE", "TRACE / HTTP/1.1|Host: x", "405 method_refused"},
    {"method: TRACE with a body", "TRACE / HTTP/1.1|Host: x|Content-Length: 5",
     "405 method_refused close"},
    {"method: connect is another", "connect / HTTP/1.1|Host: x", "forward /"},

    /* framing */
    {"framing: a length", "POST / HTTP/1.1|Host: x|Content-Length: 10", "forward /"},
    {"framing: beyond body_size", "POST / HTTP/1.1|Host: x|Content-Length: 11",
     "413 body_too_large"},
    {"framing: chunked", "POST / HTTP/1.1|Host: x|Transfer-Encoding: chunked", "forward /"},
    {"framing: both", "POST / HTTP/1.1|Host: x|Transfer-Encoding: chunked|Content-Length: 5",
     "400 length_and_coding close"},
    {"framing: two lengths", "POST / HTTP/1.1|Host: x|Content-Length: 5|Content-Length: 5",
     "400 bad_length close"},
    {"framing: an unknown coding", "POST / HTTP/1.1|Host: x|Transfer-Encoding: gzip",
     "501 unknown_coding close"},
    {"framing: an odd coding", "POST / HTTP/1.1|Host: x|Transfer-Encoding: gzip, chunked",
     "400 bad_coding close"},
    {"framing: chunked of HTTP/1.0", "POST / HTTP/1.0|Transfer-Encoding: chunked",
     "400 bad_coding close"},
    {"framing: a twin frames nothing", "POST / HTTP/1.1|Host: x|Content_Length: 5|"
     "Transfer_Encoding: chunked", "forward /"},

    /* Expect and Max-Forwards */
    {"expect: 100-continue", "POST / HTTP/1.1|Host: x|Expect: 100-Continue|Content-Length: 5",
     "forward /"},
    {"expect: something else", "POST / HTTP/1.1|Host: x|Expect: 200-ok", "417 bad_expect close"},
    {"expect: twice", "POST / HTTP/1.1|Host: x|Expect: 100-continue|Expect: 100-continue",
     "417 bad_expect close"},
    {"expect: of HTTP/1.0", "POST / HTTP/1.0|Expect: 200-ok", "forward / close"},
    {"max-forwards: 0 ends here", "OPTIONS / HTTP/1.1|Host: x|Max-Forwards: 0", "200 ok"},
    {"max-forwards: 00 too", "OPTIONS / HTTP/1.1|Host: x|Max-Forwards: 00", "200 ok"},
    {"max-forwards: 1 goes on", "OPTIONS / HTTP/1.1|Host: x|Max-Forwards: 1", "forward /"},
    {"max-forwards: only on OPTIONS", "GET / HTTP/1.1|Host: x|Max-Forwards: 0", "forward /"},
    {"max-forwards: no number", "OPTIONS / HTTP/1.1|Host: x|Max-Forwards: x", "forward /"},
    {"max-forwards: a preflight is answered anyway",
     "OPTIONS /api HTTP/1.1|Host: x|Max-Forwards: 0" A ASKS("PUT"), "preflight 204"},

    /* connections */
    {"connection: close", "GET / HTTP/1.1|Host: x|Connection: close", "forward / close"},
    {"connection: close among others", "GET / HTTP/1.1|Host: x|Connection: x, CLOSE",
     "forward / close"},
    {"connection: close in a second line", "GET / HTTP/1.1|Host: x|Connection: x|Connection: close",
     "forward / close"},
    {"connection: keep-alive", "GET / HTTP/1.1|Host: x|Connection: keep-alive", "forward /"},
    {"connection: both", "GET / HTTP/1.1|Host: x|Connection: keep-alive, close",
     "forward / close"},
    {"connection: HTTP/1.0", "GET / HTTP/1.0", "forward / close"},
    {"connection: HTTP/1.0 keep-alive", "GET / HTTP/1.0|Connection: Keep-Alive", "forward /"},
    {"connection: HTTP/1.0, both", "GET / HTTP/1.0|Connection: keep-alive, close",
     "forward / close"},

    /* heads that cannot be read */
    {"unreadable: no HTTP", "hello", "400 bad_start_line close"},
    {"unreadable: HTTP/2", "PRI * HTTP/2.0", "400 http2_preface close"},
    {"unreadable: a later version", "GET / HTTP/1.2|Host: x", "400 bad_version close"},
    {"unreadable: folded", "GET / HTTP/1.1|Host: x|A: b| c", "400 folded_line close"},
};

Test(request, decisions)
{
    struct bench bench;
    bench_begin(&bench, house);
    for (size_t i = 0; i < COUNT(rows); i++) {
        char got[256];
        bench_request(&bench, rows[i].head);
        decision_text(&bench.decision, got, sizeof got);
        cr_expect_str_eq(got, rows[i].want, "%s: %s", rows[i].name, got);
    }
    bench_end(&bench);
}

/* --- where routes are few ----------------------------------------------------------------------
 */

#define TOP "listen: 127.0.0.1:1\n"
#define U "upstreams: {u: {url: 'http://127.0.0.1:3000'}}\n"
#define APP "cors: {allow_origins: ['https://a.example']}\n"

static const struct {
    const char *name, *yaml, *head, *want;
} plan_rows[] = {
    {"the shorthand has every path", TOP "upstream: 'http://127.0.0.1:3000'\n" APP,
     "GET /a/../%2e;x//y HTTP/1.1|Host: x", "forward /"},
    {"no route for this path", TOP U "routes: [{path: /a, upstream: u}]\n" APP,
     "GET /b HTTP/1.1|Host: x", "404 no_route"},
    {"no route for this host", TOP U "routes: [{host: a.example, upstream: u}]\n" APP,
     "GET / HTTP/1.1|Host: b.example", "404 no_route"},
    {"no host of HTTP/1.0", TOP U "routes: [{host: a.example, upstream: u}]\n" APP,
     "GET / HTTP/1.0", "404 no_route close"},
    {"a preflight to no route is answered", TOP U "routes: [{path: /a, upstream: u}]\n" APP,
     "OPTIONS /b HTTP/1.1|Host: x" A ASKS("PUT"), "preflight 204"},
    {"and refused", TOP U "routes: [{path: /a, upstream: u}]\n" APP,
     "OPTIONS /b HTTP/1.1|Host: x" B ASKS("PUT"), "403 cors_refused"},
    {"by no policy: 404", TOP U "routes: [{path: /a, upstream: u}]\n",
     "OPTIONS /b HTTP/1.1|Host: x" A ASKS("PUT"), "404 no_route"},
    {"a websocket to no route", TOP U "routes: [{path: /a, upstream: u}]\n" APP,
     "GET /b HTTP/1.1|Host: x" WS B, "403 cors_refused"},
    {"16: one route below none: by spelling", TOP U "routes: [{path: /a, upstream: u}]\n" APP,
     "GET /b/../a HTTP/1.1|Host: x", "400 ambiguous_path close"},
    {"16: out of every route", TOP U "routes: [{path: /a, upstream: u}]\n" APP,
     "GET /a/../b HTTP/1.1|Host: x", "400 ambiguous_path close"},
    {"16: nowhere in any reading", TOP U "routes: [{path: /a, upstream: u}]\n" APP,
     "GET /b/../c HTTP/1.1|Host: x", "404 no_route"},
    {"no policy at all", TOP "upstream: 'http://127.0.0.1:3000'\n",
     "OPTIONS / HTTP/1.1|Host: x" A ASKS("PUT"), "forward /"},
};

Test(request, plans)
{
    for (size_t i = 0; i < COUNT(plan_rows); i++) {
        struct bench bench;
        char got[256];
        bench_begin(&bench, plan_rows[i].yaml);
        bench_request(&bench, plan_rows[i].head);
        decision_text(&bench.decision, got, sizeof got);
        cr_expect_str_eq(got, plan_rows[i].want, "%s: %s", plan_rows[i].name, got);
        bench_end(&bench);
    }
}

/* --- policies that act otherwise, and rule 15 --------------------------------------------------
 */

enum trait { NONE, REJECT, METHODS, REPORT, ANY_WEBSOCKET };

static void set(struct plan *plan, enum trait trait)
{
    for (size_t i = 0; i < plan->n_policies; i++) {
        struct policy_traits *traits = &plan->policies[i]->traits;
        traits->denied = trait == REJECT ? DENIED_REJECT : DENIED_FORWARD;
        traits->enforce_methods = trait == METHODS;
        traits->mode = trait == REPORT ? MODE_REPORT : MODE_ENFORCE;
        traits->websocket_origins = trait == ANY_WEBSOCKET ? WEBSOCKET_ANY : WEBSOCKET_CHECK;
    }
}

static const struct {
    const char *name;
    enum trait trait;
    const char *peer, *head, *want;
} trait_rows[] = {
    {"reject: allowed", REJECT, "192.0.2.7", "GET /api HTTP/1.1|Host: x" A, "forward /api"},
    {"reject: off the list", REJECT, "192.0.2.7", "GET /api HTTP/1.1|Host: x" B,
     "403 cors_refused"},
    {"reject: null", REJECT, "192.0.2.7", "GET /api HTTP/1.1|Host: x|Origin: null",
     "403 cors_refused"},
    {"reject: two origins", REJECT, "192.0.2.7", "GET /api HTTP/1.1|Host: x" A A,
     "403 cors_refused"},
    {"15: no Origin", REJECT, "192.0.2.7", "GET /api HTTP/1.1|Host: x", "forward /api"},
    {"15: the browser says so", REJECT, "192.0.2.7",
     "GET /api HTTP/1.1|Host: x|Sec-Fetch-Site: same-origin" B, "forward /api"},
    {"15: typed by hand", REJECT, "192.0.2.7", "GET /api HTTP/1.1|Host: x|Sec-Fetch-Site: none" B,
     "forward /api"},
    {"15: same-site is not same-origin", REJECT, "192.0.2.7",
     "GET /api HTTP/1.1|Host: x|Sec-Fetch-Site: same-site" B, "403 cors_refused"},
    {"15: in capitals it is no word", REJECT, "192.0.2.7",
     "GET /api HTTP/1.1|Host: x|Sec-Fetch-Site: Same-Origin" B, "403 cors_refused"},
    {"15: the host itself, https", REJECT, "192.0.2.7", "GET /api HTTP/1.1|Host: b.example" B,
     "forward /api"},
    {"15: the host itself, its default port", REJECT, "192.0.2.7",
     "GET /api HTTP/1.1|Host: b.example:443" B, "forward /api"},
    {"15: another port", REJECT, "192.0.2.7", "GET /api HTTP/1.1|Host: b.example:444" B,
     "403 cors_refused"},
    {"15: another host", REJECT, "192.0.2.7", "GET /api HTTP/1.1|Host: c.example" B,
     "403 cors_refused"},
    {"15: the absolute form's host", REJECT, "192.0.2.7",
     "GET http://b.example/api HTTP/1.1|Host: x" B, "forward /api"},
    {"15: over TLS it is https", REJECT, "192.0.2.7+", "GET /api HTTP/1.1|Host: b.example" B,
     "forward /api"},
    {"15: over TLS it is not http", REJECT, "192.0.2.7+",
     "GET /api HTTP/1.1|Host: b.example|Origin: http://b.example", "403 cors_refused"},
    {"15: a trusted proxy's word: https", REJECT, "10.0.0.1",
     "GET /api HTTP/1.1|Host: b.example|X-Forwarded-Proto: https|Origin: http://b.example",
     "403 cors_refused"},
    {"15: a trusted proxy's word: http", REJECT, "10.0.0.1",
     "GET /api HTTP/1.1|Host: b.example|X-Forwarded-Proto: http" B, "403 cors_refused"},
    {"15: it counts before our own TLS", REJECT, "10.0.0.1+",
     "GET /api HTTP/1.1|Host: b.example|X-Forwarded-Proto: http" B, "403 cors_refused"},
    {"15: our own TLS where it says nothing", REJECT, "10.0.0.1+",
     "GET /api HTTP/1.1|Host: b.example" B, "forward /api"},
    {"15: nobody else's word", REJECT, "192.0.2.7",
     "GET /api HTTP/1.1|Host: b.example|X-Forwarded-Proto: http" B, "forward /api"},
    {"15: the word of a unix socket", REJECT, "unix",
     "GET /api HTTP/1.1|Host: b.example|X-Forwarded-Proto: http" B, "403 cors_refused"},
    {"reject: under *", REJECT, "192.0.2.7", "GET /lax HTTP/1.1|Host: x" B, "forward /lax"},
    {"reject: without a policy", REJECT, "192.0.2.7", "GET /off HTTP/1.1|Host: x" B,
     "forward /off"},

    {"enforce_methods: listed", METHODS, "192.0.2.7", "PUT /api HTTP/1.1|Host: x" A,
     "forward /api"},
    {"enforce_methods: off the list", METHODS, "192.0.2.7", "PATCH /api HTTP/1.1|Host: x" A,
     "403 cors_refused"},
    {"enforce_methods: GET, HEAD, POST count too", METHODS, "192.0.2.7",
     "POST /api HTTP/1.1|Host: x" A, "403 cors_refused"},
    {"enforce_methods: not without Origin", METHODS, "192.0.2.7", "POST /api HTTP/1.1|Host: x",
     "forward /api"},
    {"enforce_methods: a preflight is answered", METHODS, "192.0.2.7",
     "OPTIONS /api HTTP/1.1|Host: x" A ASKS("PATCH"), "preflight 204"},

    {"17: the preflight goes on", REPORT, "192.0.2.7",
     "OPTIONS /api HTTP/1.1|Host: x" A ASKS("PUT"), "forward /api"},
    {"17: refused or not", REPORT, "192.0.2.7", "OPTIONS /api HTTP/1.1|Host: x" B ASKS("PUT"),
     "forward /api"},
    {"17: a websocket off the list", REPORT, "192.0.2.7", "GET /api HTTP/1.1|Host: x" WS B,
     "tunnel /api"},
    {"17: rule 16 holds", REPORT, "192.0.2.7", "GET /lax/../api HTTP/1.1|Host: x",
     "400 ambiguous_path close"},
    {"17: so does framing", REPORT, "192.0.2.7",
     "GET / HTTP/1.1|Host: x|Content-Length: 5|Content-Length: 5", "400 bad_length close"},

    {"14: any websocket", ANY_WEBSOCKET, "192.0.2.7", "GET /api HTTP/1.1|Host: x" WS B,
     "tunnel /api"},
    {"14: any websocket, with a cookie", ANY_WEBSOCKET, "192.0.2.7",
     "GET /api HTTP/1.1|Host: x|Cookie: a=b" WS A, "tunnel /api"},
};

Test(request, traits)
{
    struct bench bench;
    bench_begin(&bench, house);
    for (size_t i = 0; i < COUNT(trait_rows); i++) {
        char got[256];
        set(bench.plan, trait_rows[i].trait);
        bench_peer(&bench, trait_rows[i].peer);
        bench_request(&bench, trait_rows[i].head);
        decision_text(&bench.decision, got, sizeof got);
        cr_expect_str_eq(got, trait_rows[i].want, "%s: %s", trait_rows[i].name, got);
    }
    bench_end(&bench);
}

Test(request, facts_are_what_stands_in_the_head)
{
    struct bench bench;
    bench_begin(&bench, house);
    bench_request(&bench,
                  "POST /api?q HTTP/1.1|Host: X:81|Content-Length: 7|Origin: https://a.example|"
                  "Expect: 100-continue");
    const struct decision *decision = &bench.decision;
    cr_expect(decision->expects_continue);
    cr_expect_eq(decision->body.kind, BODY_LENGTH);
    cr_expect_eq(decision->body.length, 7);
    cr_expect_eq(decision->method, METHOD_POST);
    cr_expect_eq(decision->minor, 1);
    cr_expect(str_eq(decision->origin, STR("https://a.example")));
    cr_expect(str_eq(authority_host(&decision->host), STR("x")));
    cr_expect_eq(decision->host.port, 81);
    cr_expect(str_eq(decision->host_text, STR("X:81")));
    cr_expect(str_eq(decision->target.query, STR("?q")));
    cr_expect(str_eq(decision->policy->name, STR("app")));
    memset(bench.bytes, 'x', 60); /* the origin outlives the head */
    cr_expect(str_eq(decision->origin, STR("https://a.example")));
    bench_end(&bench);
}

Test(request, every_line_of_requested_headers_is_asked_about)
{
    struct bench bench;
    bench_begin(&bench, house);
    bench_request(&bench, "OPTIONS /api HTTP/1.1|Host: x" A ASKS(
                              "GET") "|Access-Control-Request-Headers: accept|"
                                     "access-control-request-HEADERS: , x-a ,");
    cr_expect_eq(bench.decision.cors.n_request_headers, 2);
    cr_expect_eq(bench.decision.verdict.reason, REASON_HEADER_OFF_LIST);
    bench_end(&bench);
}
