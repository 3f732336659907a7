/* The request's head as the backend gets it: DESIGN §3 "Hop-by-hop", "Host", "Framing", "Upgrade".
 * Rows compare all lines but for their order; the last column is the whole head. */
#include <criterion/criterion.h>
#include "corsd/gate/forward.h"
#include "fixture.h"

#define FROM "X-Forwarded-For: 192.0.2.7|"
#define PROTO "X-Forwarded-Proto: http|"
#define HOST "X-Forwarded-Host: x|"
#define ID "X-Request-Id: *|"
#define VIA "Via: 1.1 corsd|"
#define ADDED FROM PROTO HOST ID VIA
#define UPSTREAM "127.0.0.1:3000"

static const char house[] = "listen: 127.0.0.1:1\n"
                            "upstream: 'http://" UPSTREAM "'\n"
                            "trusted_proxies: [10.0.0.0/8, '2001:db8::/32', 'unix:']\n"
                            "cors: {allow_origins: ['https://a.example']}\n";

static const struct {
    const char *name, *peer, *head, *want; /* peer: NULL: 192.0.2.7, who is not trusted */
} rows[] = {
    {"what is added", NULL, "GET / HTTP/1.1|Host: x", "GET / HTTP/1.1|Host: x|" ADDED},
    {"what passes", NULL, "GET /a%2Fb/../c?d=%00 HTTP/1.1|Host: x|Accept: */*|Cookie: a=b|"
     "Authorization: Basic x|Origin: https://a.example|traceparent: 00-1-2-01|Range: bytes=0-|"
     "User-Agent: u|Sec-Fetch-Site: same-site",
     "GET /a%2Fb/../c?d=%00 HTTP/1.1|Host: x|Accept: */*|Cookie: a=b|Authorization: Basic x|"
     "Origin: https://a.example|traceparent: 00-1-2-01|Range: bytes=0-|User-Agent: u|"
     "Sec-Fetch-Site: same-site|" ADDED},
    {"an odd spelling stays", NULL, "GET / HTTP/1.1|hOsT:x|aCCept:\ta\t|B:|C: \xff",
     "GET / HTTP/1.1|hOsT:x|aCCept:\ta\t|B:|C: \xff|" ADDED},
    {"the method stays", NULL, "PROPfind / HTTP/1.1|Host: x",
     "PROPfind / HTTP/1.1|Host: x|" ADDED},
    {"a query alone", NULL, "GET /? HTTP/1.1|Host: x", "GET /? HTTP/1.1|Host: x|" ADDED},
    {"OPTIONS *", NULL, "OPTIONS * HTTP/1.1|Host: x", "OPTIONS * HTTP/1.1|Host: x|" ADDED},

    /* hop-by-hop */
    {"hop-by-hop fields go", NULL, "GET / HTTP/1.1|Host: x|Connection: keep-alive|Keep-Alive: 5|"
     "Proxy-Connection: a|Proxy-Authorization: b|Proxy-Authenticate: c|HTTP2-Settings: d|"
     "Upgrade: h2c|TE: gzip|proxy-authentication-info: e", "GET / HTTP/1.1|Host: x|" ADDED},
    {"so do those that Connection names", NULL, "GET / HTTP/1.1|Host: x|A: 1|B: 2|a: 3|"
     "Connection: a, close|Connection: ,B", "GET / HTTP/1.1|Host: x|" ADDED},
    {"what cannot be named away", NULL, "POST / HTTP/1.1|Host: x|Content-Length: 5|"
     "Origin: https://a.example|Cookie: a=b|Authorization: c|"
     "Connection: host, content-length, ORIGIN, cookie, authorization, via, x-request-id, "
     "x-forwarded-for, x-forwarded-host, x-forwarded-proto, transfer-encoding",
     "POST / HTTP/1.1|Host: x|Content-Length: 5|Origin: https://a.example|Cookie: a=b|"
     "Authorization: c|" ADDED},
    {"nor the coding", NULL, "POST / HTTP/1.1|Host: x|Transfer-Encoding: chunked|"
     "Connection: transfer-encoding", "POST / HTTP/1.1|Host: x|Transfer-Encoding: chunked|" ADDED},
    {"nor what a preflight asks", NULL, "OPTIONS / HTTP/1.1|Host: x|"
     "Access-Control-Request-Method: PUT|Connection: access-control-request-method",
     "OPTIONS / HTTP/1.1|Host: x|Access-Control-Request-Method: PUT|" ADDED},
    {"nor what tells where a request came from, or how far it may go", "10.0.0.1",
     "OPTIONS / HTTP/1.1|Host: x|X-Real-IP: 1.1.1.1|Sec-Fetch-Site: cross-site|Max-Forwards: 2|"
     "Access-Control-Request-Private-Network: true|Connection: x-real-ip, sec-fetch-site, "
     "max-forwards, access-control-request-private-network",
     "OPTIONS / HTTP/1.1|Host: x|X-Real-IP: 1.1.1.1|Sec-Fetch-Site: cross-site|Max-Forwards: 1|"
     "Access-Control-Request-Private-Network: true|X-Forwarded-For: 10.0.0.1|"
     "X-Forwarded-Proto: http|X-Forwarded-Host: x|" ID VIA},
    {"a trusted peer's words cannot be named away", "10.0.0.1", "GET / HTTP/1.1|Host: x|"
     "X-Forwarded-For: 1.1.1.1|X-Forwarded-Proto: https|X-Forwarded-Host: h|X-Forwarded-Port: 1|"
     "Connection: x-forwarded-for, x-forwarded-proto, x-forwarded-host, x-forwarded-port",
     "GET / HTTP/1.1|Host: x|X-Forwarded-For: 1.1.1.1, 10.0.0.1|X-Forwarded-Proto: https|"
     "X-Forwarded-Host: h|X-Forwarded-Port: 1|" ID VIA},
    {"httpoxy", "10.0.0.1", "GET / HTTP/1.1|Host: x|pRoXy: http://evil.example",
     "GET / HTTP/1.1|Host: x|X-Forwarded-For: 10.0.0.1|" PROTO HOST ID VIA},
    {"TE: trailers alone survives", NULL, "GET / HTTP/1.1|Host: x|TE: gzip, Trailers|TE: deflate",
     "GET / HTTP/1.1|Host: x|TE: trailers|" ADDED},
    {"TE cannot be named away", NULL, "GET / HTTP/1.1|Host: x|TE: trailers|Connection: TE",
     "GET / HTTP/1.1|Host: x|TE: trailers|" ADDED},
    {"Trailer passes", NULL, "POST / HTTP/1.1|Host: x|Transfer-Encoding: chunked|Trailer: a",
     "POST / HTTP/1.1|Host: x|Transfer-Encoding: chunked|Trailer: a|" ADDED},

    /* framing */
    {"a length stays", NULL, "POST / HTTP/1.1|Host: x|Content-Length: 50",
     "POST / HTTP/1.1|Host: x|Content-Length: 50|" ADDED},
    {"length 0 stays", NULL, "POST / HTTP/1.1|Host: x|Content-Length: 0",
     "POST / HTTP/1.1|Host: x|Content-Length: 0|" ADDED},
    {"leading zeros go", NULL, "POST / HTTP/1.1|Host: x|content-length: 0050",
     "POST / HTTP/1.1|Host: x|Content-Length: 50|" ADDED},
    {"only zeros", NULL, "POST / HTTP/1.1|Host: x|Content-Length: 000",
     "POST / HTTP/1.1|Host: x|Content-Length: 0|" ADDED},
    {"an oddly spaced length is written anew", NULL,
     "POST / HTTP/1.1|Host: x|Content-Length:\t50", "POST / HTTP/1.1|Host: x|Content-Length: 50|"
     ADDED},
    {"one with blanks behind too", NULL, "POST / HTTP/1.1|Host: x|Content-Length: 50  ",
     "POST / HTTP/1.1|Host: x|Content-Length: 50|" ADDED},
    {"one without a blank too", NULL, "POST / HTTP/1.1|Host: x|Content-Length:50",
     "POST / HTTP/1.1|Host: x|Content-Length: 50|" ADDED},
    {"an oddly written coding is written anew", NULL,
     "POST / HTTP/1.1|Host: x|transfer-ENCODING:\tCHUNKED ",
     "POST / HTTP/1.1|Host: x|Transfer-Encoding: chunked|" ADDED},
    {"Expect passes", NULL, "POST / HTTP/1.1|Host: x|Content-Length: 5|Expect: 100-continue",
     "POST / HTTP/1.1|Host: x|Content-Length: 5|Expect: 100-continue|" ADDED},
    {"Expect of HTTP/1.0 does not", NULL, "POST / HTTP/1.0|Host: x|Content-Length: 5|"
     "Expect: 100-continue", "POST / HTTP/1.1|Host: x|Content-Length: 5|" ADDED},

    /* who asked */
    {"an untrusted peer's words are replaced", NULL, "GET / HTTP/1.1|Host: x|"
     "X-Forwarded-For: 1.1.1.1|x-forwarded-for: 2.2.2.2|X-Forwarded-Proto: https|"
     "X-Forwarded-Host: evil.example", "GET / HTTP/1.1|Host: x|" ADDED},
    {"or removed", NULL, "GET / HTTP/1.1|Host: x|Forwarded: for=1.1.1.1|X-Real-IP: 1.1.1.1|"
     "X-Original-URL: /admin|X-Rewrite-URL: /admin|X-Forwarded-Port: 443|X-Forwarded-Prefix: /a|"
     "X-Forwarded-Server: b", "GET / HTTP/1.1|Host: x|" ADDED},
    {"a trusted peer's words pass", "10.0.0.1", "GET / HTTP/1.1|Host: x|Forwarded: for=1.1.1.1|"
     "X-Real-IP: 1.1.1.1|X-Original-URL: /a|X-Rewrite-URL: /b|X-Forwarded-Port: 443|"
     "X-Forwarded-Proto: https|X-Forwarded-Host: h",
     "GET / HTTP/1.1|Host: x|X-Real-IP: 1.1.1.1|X-Original-URL: /a|"
     "X-Rewrite-URL: /b|X-Forwarded-Port: 443|X-Forwarded-Proto: https|X-Forwarded-Host: h|"
     "X-Forwarded-For: 10.0.0.1|" ID VIA},
    {"X-Forwarded-For grows", "10.0.0.1", "GET / HTTP/1.1|Host: x|X-Forwarded-For: 1.1.1.1, ::2|"
     "x-forwarded-for:  3.3.3.3 ", "GET / HTTP/1.1|Host: x|"
     "X-Forwarded-For: 1.1.1.1, ::2, 3.3.3.3, 10.0.0.1|" PROTO HOST ID VIA},
    {"an empty X-Forwarded-For adds nothing", "10.0.0.1", "GET / HTTP/1.1|Host: x|X-Forwarded-For:",
     "GET / HTTP/1.1|Host: x|X-Forwarded-For: 10.0.0.1|" PROTO HOST ID VIA},
    {"what a trusted peer left out is added", "10.0.0.1", "GET / HTTP/1.1|Host: x",
     "GET / HTTP/1.1|Host: x|X-Forwarded-For: 10.0.0.1|" PROTO HOST ID VIA},
    {"IPv6", "2001:db9::1", "GET / HTTP/1.1|Host: x", "GET / HTTP/1.1|Host: x|"
     "X-Forwarded-For: 2001:db9::1|" PROTO HOST ID VIA},
    {"IPv6, trusted", "2001:db8::1", "GET / HTTP/1.1|Host: x|X-Forwarded-For: 1.1.1.1",
     "GET / HTTP/1.1|Host: x|X-Forwarded-For: 1.1.1.1, 2001:db8::1|" PROTO HOST ID VIA},
    {"IPv4 within IPv6", "::ffff:192.0.2.7", "GET / HTTP/1.1|Host: x",
     "GET / HTTP/1.1|Host: x|" ADDED},
    {"a unix socket, trusted", "unix", "GET / HTTP/1.1|Host: x|X-Forwarded-For: 1.1.1.1",
     "GET / HTTP/1.1|Host: x|X-Forwarded-For: 1.1.1.1, unix|" PROTO HOST ID VIA},
    {"over TLS", "192.0.2.7+", "GET / HTTP/1.1|Host: x|X-Forwarded-Proto: http",
     "GET / HTTP/1.1|Host: x|" FROM "X-Forwarded-Proto: https|" HOST ID VIA},
    {"X-Request-Id passes", NULL, "GET / HTTP/1.1|Host: x|X-Request-Id: a-B_1.~+/=@:",
     "GET / HTTP/1.1|Host: x|" FROM PROTO HOST "X-Request-Id: a-B_1.~+/=@:|" VIA},
    {"an empty one does not", NULL, "GET / HTTP/1.1|Host: x|X-Request-Id:",
     "GET / HTTP/1.1|Host: x|" ADDED},
    {"nor a strange one", NULL, "GET / HTTP/1.1|Host: x|X-Request-Id: a b",
     "GET / HTTP/1.1|Host: x|" ADDED},
    {"nor one of two", NULL, "GET / HTTP/1.1|Host: x|X-Request-Id: a|X-Request-Id: a",
     "GET / HTTP/1.1|Host: x|" ADDED},
    {"Via grows", NULL, "GET / HTTP/1.1|Host: x|Via: 1.0 a|Via: 1.1 b",
     "GET / HTTP/1.1|Host: x|Via: 1.0 a|Via: 1.1 b|" ADDED},

    /* twins */
    {"twins go, whoever sent them", "10.0.0.1", "GET / HTTP/1.1|Host: x|X_Forwarded_For: 1.1.1.1|"
     "x-forwarded_proto: https|X_Real_IP: 1|Content_Length: 5|Transfer_Encoding: chunked|"
     "X_Request_Id: a|X_Custom: stays", "GET / HTTP/1.1|Host: x|X_Custom: stays|"
     "X-Forwarded-For: 10.0.0.1|" PROTO HOST ID VIA},

    /* Host and the absolute form */
    {"no Host of HTTP/1.0", NULL, "GET / HTTP/1.0",
     "GET / HTTP/1.1|Host: " UPSTREAM "|" FROM PROTO ID VIA},
    {"a Host with a port", NULL, "GET / HTTP/1.1|Host: x:81", "GET / HTTP/1.1|Host: x:81|" FROM
     PROTO "X-Forwarded-Host: x:81|" ID VIA},
    {"the absolute form becomes the origin form", NULL, "GET http://y:81/a?b HTTP/1.1|Host: x",
     "GET /a?b HTTP/1.1|Host: y:81|" FROM PROTO "X-Forwarded-Host: y:81|" ID VIA},
    {"without a path", NULL, "GET http://y HTTP/1.1|Host: x", "GET / HTTP/1.1|Host: y|" FROM PROTO
     "X-Forwarded-Host: y|" ID VIA},
    {"with a query alone", NULL, "GET http://y?b HTTP/1.1|Host: x", "GET /?b HTTP/1.1|Host: y|" FROM
     PROTO "X-Forwarded-Host: y|" ID VIA},
    {"of OPTIONS, without a path", NULL, "OPTIONS http://y HTTP/1.1|Host: x",
     "OPTIONS * HTTP/1.1|Host: y|" FROM PROTO "X-Forwarded-Host: y|" ID VIA},
    {"of OPTIONS, with a path", NULL, "OPTIONS http://y/ HTTP/1.1|Host: x",
     "OPTIONS / HTTP/1.1|Host: y|" FROM PROTO "X-Forwarded-Host: y|" ID VIA},
    {"of HTTP/1.0 without Host", NULL, "GET http://y/ HTTP/1.0",
     "GET / HTTP/1.1|Host: y|" FROM PROTO "X-Forwarded-Host: y|" ID VIA},

    /* Max-Forwards */
    {"Max-Forwards of OPTIONS goes down", NULL, "OPTIONS / HTTP/1.1|Host: x|Max-Forwards: 10",
     "OPTIONS / HTTP/1.1|Host: x|Max-Forwards: 9|" ADDED},
    {"to 0", NULL, "OPTIONS / HTTP/1.1|Host: x|Max-Forwards: 1",
     "OPTIONS / HTTP/1.1|Host: x|Max-Forwards: 0|" ADDED},
    {"of others it stays", NULL, "GET / HTTP/1.1|Host: x|Max-Forwards: 1",
     "GET / HTTP/1.1|Host: x|Max-Forwards: 1|" ADDED},
    {"where it is no number it stays", NULL, "OPTIONS / HTTP/1.1|Host: x|Max-Forwards: a",
     "OPTIONS / HTTP/1.1|Host: x|Max-Forwards: a|" ADDED},

    /* websocket */
    {"a handshake", NULL, "GET / HTTP/1.1|Host: x|Connection: keep-alive, upgrade|"
     "Upgrade: h2c, WebSocket|Sec-WebSocket-Key: k|Sec-WebSocket-Version: 13",
     "GET / HTTP/1.1|Host: x|Connection: Upgrade|Upgrade: websocket|Sec-WebSocket-Key: k|"
     "Sec-WebSocket-Version: 13|" ADDED},
    {"no handshake: Upgrade goes", NULL, "POST / HTTP/1.1|Host: x|Connection: upgrade|"
     "Upgrade: websocket", "POST / HTTP/1.1|Host: x|" ADDED},
};

static void forward(struct bench *bench, struct buf *out, struct str *id)
{
    cr_assert_neq(bench->decision.kind, DECISION_ANSWER);
    gate_forward(out, &bench->gate, &bench->peer, &bench->head, &bench->decision, STR(UPSTREAM),
                 id);
    cr_expect_not(out->failed);
}

static void expect_head(const struct buf *out, const char *want, const char *name)
{
    char got[HEAD_MAX], wanted[HEAD_MAX];
    sorted(want, strlen(want), wanted, sizeof wanted);
    cr_assert(head_text(buf_str(out), got, sizeof got), "%s: no head: %.*s", name,
              STR_ARG(buf_str(out)));
    cr_expect_str_eq(got, wanted, "%s:\n got %s\nwant %s", name, got, wanted);
}

Test(forward, heads)
{
    struct bench bench;
    bench_begin(&bench, house);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct buf out = BUF_INIT(HEAD_MAX);
        bench_peer(&bench, rows[i].peer ? rows[i].peer : "192.0.2.7");
        bench_request(&bench, rows[i].head);
        forward(&bench, &out, NULL);
        expect_head(&out, rows[i].want, rows[i].name);
        buf_finish(&out);
    }
    bench_end(&bench);
}

/* --- plans that want it otherwise --------------------------------------------------------------
 */

static const struct {
    const char *name;
    enum forwarded forwarded;
    bool via;
    enum host_mode host;
    const char *peer, *head, *want;
} plan_rows[] = {
    {"no Via", FORWARDED_X, false, HOST_KEEP, NULL, "GET / HTTP/1.1|Host: x|Via: 1.1 a",
     "GET / HTTP/1.1|Host: x|Via: 1.1 a|" FROM PROTO HOST ID},
    {"forwarded off", FORWARDED_OFF, true, HOST_KEEP, NULL, "GET / HTTP/1.1|Host: x",
     "GET / HTTP/1.1|Host: x|" ID VIA},
    {"from untrusted peers still removed", FORWARDED_OFF, true, HOST_KEEP, NULL,
     "GET / HTTP/1.1|Host: x|X-Forwarded-For: 1|X-Forwarded-Host: 2|X-Forwarded-Proto: 3|"
     "X-Forwarded-Port: 4|Forwarded: 5|X-Real-IP: 6", "GET / HTTP/1.1|Host: x|" ID VIA},
    {"from trusted peers passed on", FORWARDED_OFF, true, HOST_KEEP, "10.0.0.1",
     "GET / HTTP/1.1|Host: x|X-Forwarded-For: 1|X-Forwarded-Host: 2|X-Forwarded-Proto: 3",
     "GET / HTTP/1.1|Host: x|X-Forwarded-For: 1|X-Forwarded-Host: 2|X-Forwarded-Proto: 3|" ID VIA},
    {"off: both kinds of a trusted peer pass", FORWARDED_OFF, true, HOST_KEEP, "10.0.0.1",
     "GET / HTTP/1.1|Host: x|X-Forwarded-For: 1|Forwarded: nonsense",
     "GET / HTTP/1.1|Host: x|X-Forwarded-For: 1|Forwarded: nonsense|" ID VIA},

    /* rfc7239 */
    {"Forwarded", FORWARDED_RFC7239, true, HOST_KEEP, NULL, "GET / HTTP/1.1|Host: x:81",
     "GET / HTTP/1.1|Host: x:81|Forwarded: for=192.0.2.7;host=\"x:81\";proto=http|" ID VIA},
    {"Forwarded, IPv6 over TLS", FORWARDED_RFC7239, true, HOST_KEEP, "2001:db9::1+",
     "GET / HTTP/1.1|Host: x", "GET / HTTP/1.1|Host: x|"
     "Forwarded: for=\"[2001:db9::1]\";host=x;proto=https|" ID VIA},
    {"Forwarded, no Host", FORWARDED_RFC7239, true, HOST_KEEP, NULL, "GET / HTTP/1.0",
     "GET / HTTP/1.1|Host: " UPSTREAM "|Forwarded: for=192.0.2.7;proto=http|" ID VIA},
    {"Forwarded begins anew", FORWARDED_RFC7239, true, HOST_KEEP, NULL, "GET / HTTP/1.1|Host: x|"
     "Forwarded: for=1.1.1.1;proto=https|X-Forwarded-For: 1.1.1.1|X-Forwarded-Proto: https|"
     "X-Forwarded-Host: evil|X-Forwarded-Port: 1",
     "GET / HTTP/1.1|Host: x|Forwarded: for=192.0.2.7;host=x;proto=http|" ID VIA},
    {"Forwarded grows", FORWARDED_RFC7239, true, HOST_KEEP, "10.0.0.1", "GET / HTTP/1.1|Host: x|"
     "Forwarded: for=1.1.1.1;proto=https, for=10.0.0.2|forwarded: for=10.0.0.3",
     "GET / HTTP/1.1|Host: x|Forwarded: for=1.1.1.1;proto=https, for=10.0.0.2, for=10.0.0.3, "
     "for=10.0.0.1;host=x;proto=http|" ID VIA},
    {"a trusted peer's other kind does not pass", FORWARDED_RFC7239, true, HOST_KEEP, "10.0.0.1",
     "GET / HTTP/1.1|Host: x|X-Forwarded-For: 1.1.1.1|X-Forwarded-Proto: https|"
     "X-Forwarded-Host: h|X-Forwarded-Port: 1|X-Real-IP: 1.1.1.1", "GET / HTTP/1.1|Host: x|"
     "X-Real-IP: 1.1.1.1|Forwarded: for=10.0.0.1;host=x;proto=http|" ID VIA},
    {"a malformed one is nobody's word", FORWARDED_RFC7239, true, HOST_KEEP, "10.0.0.1",
     "GET / HTTP/1.1|Host: x|Forwarded: for=1.1.1.1, for=\"|X-Real-IP: 1.1.1.1",
     "GET / HTTP/1.1|Host: x|Forwarded: for=10.0.0.1;host=x;proto=http|" ID VIA},

    /* both */
    {"both", FORWARDED_BOTH, true, HOST_KEEP, NULL, "GET / HTTP/1.1|Host: x|Forwarded: for=1.1.1.1|"
     "X-Forwarded-For: 1.1.1.1", "GET / HTTP/1.1|Host: x|"
     "Forwarded: for=192.0.2.7;host=x;proto=http|" ADDED},
    {"both agree", FORWARDED_BOTH, true, HOST_KEEP, "10.0.0.1", "GET / HTTP/1.1|Host: x|"
     "Forwarded: for=1.1.1.1;proto=https;host=h|X-Forwarded-For: 1.1.1.1|X-Forwarded-Proto: https",
     "GET / HTTP/1.1|Host: x|"
     "Forwarded: for=1.1.1.1;proto=https;host=h, for=10.0.0.1;host=x;proto=http|"
     "X-Forwarded-For: 1.1.1.1, 10.0.0.1|X-Forwarded-Proto: https|X-Forwarded-Host: h|" ID VIA},
    {"they disagree about the client", FORWARDED_BOTH, true, HOST_KEEP, "10.0.0.1",
     "GET / HTTP/1.1|Host: x|Forwarded: for=1.1.1.1|X-Forwarded-For: 2.2.2.2|X-Real-IP: 1.1.1.1",
     "GET / HTTP/1.1|Host: x|Forwarded: for=10.0.0.1;host=x;proto=http|X-Forwarded-For: 10.0.0.1|"
     PROTO HOST ID VIA},
    {"they disagree about the scheme", FORWARDED_BOTH, true, HOST_KEEP, "10.0.0.1",
     "GET / HTTP/1.1|Host: x|Forwarded: for=1.1.1.1;proto=http|X-Forwarded-For: 1.1.1.1|"
     "X-Forwarded-Proto: https", "GET / HTTP/1.1|Host: x|"
     "Forwarded: for=10.0.0.1;host=x;proto=http|X-Forwarded-For: 10.0.0.1|" PROTO HOST ID VIA},
    {"one kind alone tells both", FORWARDED_BOTH, true, HOST_KEEP, "10.0.0.1",
     "GET / HTTP/1.1|Host: x|Forwarded: for=1.1.1.1;proto=https;host=h", "GET / HTTP/1.1|Host: x|"
     "Forwarded: for=1.1.1.1;proto=https;host=h, for=10.0.0.1;host=x;proto=http|"
     "X-Forwarded-For: 1.1.1.1, 10.0.0.1|X-Forwarded-Proto: https|X-Forwarded-Host: h|" ID VIA},
    {"so does the other", FORWARDED_BOTH, true, HOST_KEEP, "10.0.0.1",
     "GET / HTTP/1.1|Host: x|X-Forwarded-For: ::1|X-Forwarded-Proto: https",
     "GET / HTTP/1.1|Host: x|Forwarded: for=\"[::1]\";proto=https, for=10.0.0.1;host=x;proto=http|"
     "X-Forwarded-For: ::1, 10.0.0.1|X-Forwarded-Proto: https|X-Forwarded-Host: x|" ID VIA},

    {"the upstream's own Host", FORWARDED_X, true, HOST_UPSTREAM, NULL, "GET / HTTP/1.1|Host: x",
     "GET / HTTP/1.1|Host: " UPSTREAM "|" ADDED},
    {"the upstream's own Host, absolute form", FORWARDED_X, true, HOST_UPSTREAM, NULL,
     "GET http://x/ HTTP/1.1|Host: y", "GET / HTTP/1.1|Host: " UPSTREAM "|" ADDED},
    {"a name", FORWARDED_X, true, HOST_NAME, NULL, "GET / HTTP/1.1|Host: x",
     "GET / HTTP/1.1|Host: inner.example|" ADDED},
    {"a name, none came", FORWARDED_X, true, HOST_NAME, NULL, "GET / HTTP/1.0",
     "GET / HTTP/1.1|Host: inner.example|" FROM PROTO ID VIA},
};

Test(forward, plans)
{
    struct bench bench;
    bench_begin(&bench, house);
    for (size_t i = 0; i < COUNT(plan_rows); i++) {
        struct buf out = BUF_INIT(HEAD_MAX);
        bench.plan->forwarded = plan_rows[i].forwarded;
        bench.plan->via = plan_rows[i].via;
        bench.plan->upstreams[0].host_mode = plan_rows[i].host;
        bench.plan->upstreams[0].host_name = STR("inner.example");
        bench_peer(&bench, plan_rows[i].peer ? plan_rows[i].peer : "192.0.2.7");
        bench_request(&bench, plan_rows[i].head);
        forward(&bench, &out, NULL);
        expect_head(&out, plan_rows[i].want, plan_rows[i].name);
        buf_finish(&out);
    }
    bench_end(&bench);
}

Test(forward, the_last_hop_stands_last)
{
    struct bench bench;
    struct buf out = BUF_INIT(HEAD_MAX);
    bench_begin(&bench, house);
    bench_request(&bench, "GET / HTTP/1.1|Host: x|Via: 1.0 a|Via: 1.1 b|A: c");
    forward(&bench, &out, NULL);
    const char *a = memmem(out.p, out.n, "Via: 1.0 a", 10);
    const char *b = memmem(out.p, out.n, "Via: 1.1 b", 10);
    const char *ours = memmem(out.p, out.n, "Via: 1.1 corsd", 14);
    cr_expect(a && a < b && b < ours);
    buf_finish(&out);
    bench_end(&bench);
}

Test(forward, twins_are_counted)
{
    struct bench bench;
    struct buf out = BUF_INIT(HEAD_MAX);
    bench_begin(&bench, house);
    bench_request(&bench, "GET / HTTP/1.1|Host: x|X_Forwarded_For: a|X_Real_IP: b|X_Other: c");
    forward(&bench, &out, NULL);
    cr_expect_eq(bench.gate.twins, 2);
    buf_finish(&out);
    bench_end(&bench);
}

/* *id lies in out's bytes, wherever they came to lie while the head was written. */
Test(forward, the_request_id_is_told)
{
    struct bench bench;
    char head[HEAD_MAX / 2];
    bench_begin(&bench, house);
    for (int fill = 0; fill < 4000; fill += 97) {
        struct buf out = BUF_INIT(HEAD_MAX);
        struct str id = {NULL, 0};
        snprintf(head, sizeof head, "GET / HTTP/1.1|Host: x|X-Request-Id: told|A: %0*d", fill, 0);
        bench_request(&bench, head);
        forward(&bench, &out, &id);
        cr_assert(id.p >= out.p && id.p + id.n <= out.p + out.n, "%d", fill);
        cr_expect(str_eq(id, STR("told")), "%d", fill);
        buf_finish(&out);
    }
    bench_end(&bench);
}

Test(forward, request_ids_differ_and_are_bounded)
{
    enum { MADE = 200 };
    static char ids[MADE][40];
    struct bench bench;
    char head[512];
    bench_begin(&bench, house);
    for (size_t i = 0; i < MADE; i++) {
        struct buf out = BUF_INIT(HEAD_MAX);
        struct str id;
        bench_request(&bench, "GET / HTTP/1.1|Host: x");
        forward(&bench, &out, &id);
        cr_assert_eq(id.n, 32);
        memcpy(ids[i], id.p, id.n);
        for (size_t j = 0; j < i; j++)
            cr_assert_str_neq(ids[i], ids[j]);
        buf_finish(&out);
    }
    for (int n = REQUEST_ID_MAX; n <= REQUEST_ID_MAX + 1; n++) {
        struct buf out = BUF_INIT(HEAD_MAX);
        struct str id;
        snprintf(head, sizeof head, "GET / HTTP/1.1|Host: x|X-Request-Id: %0*d", n, 0);
        bench_request(&bench, head);
        forward(&bench, &out, &id);
        cr_expect_eq(id.n, n == REQUEST_ID_MAX ? REQUEST_ID_MAX : 32);
        buf_finish(&out);
    }
    bench_end(&bench);
}

Test(forward, a_head_that_does_not_fit_fails)
{
    struct bench bench;
    struct buf out = BUF_INIT(64);
    struct str id = {NULL, 0};
    bench_begin(&bench, house);
    bench_request(&bench, "GET / HTTP/1.1|Host: x");
    gate_forward(&out, &bench.gate, &bench.peer, &bench.head, &bench.decision, STR("u"), &id);
    cr_expect(out.failed);
    buf_finish(&out);
    bench_end(&bench);
}

/* --- the client's address ----------------------------------------------------------------------
 */

static const struct {
    const char *name, *peer, *lines, *want;
} client_rows[] = {
    {"an untrusted peer", "192.0.2.7", "|X-Forwarded-For: 1.1.1.1", "192.0.2.7"},
    {"a trusted peer that says nothing", "10.0.0.1", "", "10.0.0.1"},
    {"a trusted peer's word", "10.0.0.1", "|X-Forwarded-For: 1.1.1.1", "1.1.1.1"},
    {"the rightmost untrusted", "10.0.0.1", "|X-Forwarded-For: 2.2.2.2, 1.1.1.1, 10.9.9.9",
     "1.1.1.1"},
    {"over several lines", "10.0.0.1",
     "|X-Forwarded-For: 2.2.2.2, 1.1.1.1|X-Forwarded-For: 10.9.9.9",
     "1.1.1.1"},
    {"all trusted: the leftmost", "10.0.0.1", "|X-Forwarded-For: 10.0.0.2, 10.0.0.3", "10.0.0.2"},
    {"empty items", "10.0.0.1", "|X-Forwarded-For: 1.1.1.1, , ,", "1.1.1.1"},
    {"nothing but commas", "10.0.0.1", "|X-Forwarded-For: ,,", "10.0.0.1"},
    {"no address: what stands left of it is nobody's word", "10.0.0.1",
     "|X-Forwarded-For: 1.1.1.1, unknown, 10.0.0.2", "10.0.0.2"},
    {"no address at once", "10.0.0.1", "|X-Forwarded-For: 1.1.1.1, unknown", "10.0.0.1"},
    {"IPv6", "10.0.0.1", "|X-Forwarded-For: 2001:db9::1", "2001:db9::1"},
    {"a trusted IPv6 between", "10.0.0.1", "|X-Forwarded-For: 1.1.1.1, 2001:db8::1", "1.1.1.1"},
    {"a port", "10.0.0.1", "|X-Forwarded-For: 1.1.1.1:50123", "1.1.1.1"},
    {"IPv6 in brackets, a port", "10.0.0.1", "|X-Forwarded-For: [2001:db9::1]:50123",
     "2001:db9::1"},
    {"a trusted one with a port", "10.0.0.1", "|X-Forwarded-For: 1.1.1.1, 10.0.0.2:80", "1.1.1.1"},
    {"obfuscated", "10.0.0.1", "|X-Forwarded-For: 1.1.1.1, _hidden, 10.0.0.2", "10.0.0.2"},
    {"untrusted behind unknown", "10.0.0.1", "|X-Forwarded-For: unknown, 1.1.1.1", "1.1.1.1"},
    {"Forwarded is not read", "10.0.0.1", "|Forwarded: for=1.1.1.1", "10.0.0.1"},
    {"a unix peer's word", "unix", "|X-Forwarded-For: 1.1.1.1", "1.1.1.1"},
    {"a unix peer that says nothing", "unix", "", "unix"},
};

/* The same chain, told by Forwarded. */
static const struct {
    const char *name, *lines, *want;
} forwarded_rows[] = {
    {"an address", "Forwarded: for=1.1.1.1", "1.1.1.1"},
    {"a port", "Forwarded: for=\"1.1.1.1:80\"", "1.1.1.1"},
    {"IPv6", "Forwarded: for=\"[2001:db9::1]:_p\"", "2001:db9::1"},
    {"the rightmost untrusted", "Forwarded: for=2.2.2.2, for=1.1.1.1|Forwarded: for=10.9.9.9",
     "1.1.1.1"},
    {"all trusted: the leftmost", "Forwarded: for=10.0.0.2, for=10.0.0.3", "10.0.0.2"},
    {"unknown", "Forwarded: for=1.1.1.1, for=unknown, for=10.0.0.2", "10.0.0.2"},
    {"no for", "Forwarded: for=1.1.1.1, proto=https", "10.0.0.1"},
    {"malformed", "Forwarded: for=1.1.1.1, for", "10.0.0.1"},
    {"the other kind is not read", "X-Forwarded-For: 1.1.1.1", "10.0.0.1"},
};

Test(forward, client_by_forwarded)
{
    struct bench bench;
    bench_begin(&bench, house);
    bench.plan->forwarded = FORWARDED_RFC7239;
    bench_peer(&bench, "10.0.0.1");
    for (size_t i = 0; i < COUNT(forwarded_rows); i++) {
        char head[512];
        snprintf(head, sizeof head, "GET / HTTP/1.1|Host: x|%s", forwarded_rows[i].lines);
        bench_request(&bench, head);
        struct str client = gate_client(&bench.decision, &bench.peer);
        cr_expect(str_eq(client, str_of(forwarded_rows[i].want)), "%s: %.*s",
                  forwarded_rows[i].name, STR_ARG(client));
    }
    bench_end(&bench);
}

Test(forward, client)
{
    struct bench bench;
    bench_begin(&bench, house);
    for (size_t i = 0; i < COUNT(client_rows); i++) {
        char head[512];
        bench_peer(&bench, client_rows[i].peer);
        snprintf(head, sizeof head, "GET / HTTP/1.1|Host: x%s", client_rows[i].lines);
        bench_request(&bench, head);
        struct str client = gate_client(&bench.decision, &bench.peer);
        cr_expect(str_eq(client, str_of(client_rows[i].want)), "%s: %.*s", client_rows[i].name,
                  STR_ARG(client));
    }
    bench_end(&bench);
}

/* --- trailers ----------------------------------------------------------------------------------
 */

static const struct {
    const char *line;
    bool passes;
} trailer_rows[] = {
    {"X-Checksum: 1", true},
    {"Server-Timing: a;dur=1", true},
    {"ETag: \"a\"", true},
    {"grpc-status: 0", true},
    {"Expires: now", true},
    /* what frames */
    {"Content-Length: 5", false},
    {"Transfer-Encoding: chunked", false},
    {"Content-Encoding: gzip", false},
    {"Content-Range: bytes 0-1/2", false},
    {"Content-Type: text/html", false},
    {"Trailer: a", false},
    /* what routes */
    {"Host: evil.example", false},
    {"X-Forwarded-For: 1.1.1.1", false},
    {"X-Forwarded-Port: 1", false},
    {"Forwarded: for=1", false},
    {"X-Original-URL: /admin", false},
    {"Location: /", false},
    {"Max-Forwards: 1", false},
    {"Expect: 100-continue", false},
    /* what authenticates */
    {"Authorization: Basic x", false},
    {"Cookie: a=b", false},
    {"Set-Cookie: a=b", false},
    {"Proxy-Authorization: x", false},
    {"Proxy-Authenticate: x", false},
    {"WWW-Authenticate: Basic", false},
    {"Authentication-Info: x", false},
    {"www-AUTHENTICATE: Basic", false},
    /* what belongs to the connection, or decides */
    {"Connection: close", false},
    {"Keep-Alive: 5", false},
    {"Upgrade: websocket", false},
    {"TE: trailers", false},
    {"Origin: https://a.example", false},
    {"Access-Control-Allow-Origin: *", false},
    {"Access-Control-Expose-Headers: *", false},
    {"Vary: Origin", false},
    {"X_Forwarded_For: 1.1.1.1", false},
};

Test(forward, trailers)
{
    for (size_t i = 0; i < COUNT(trailer_rows); i++) {
        struct field fields[2];
        struct head head = {.fields = fields, .cap = 2};
        struct str bytes = head_bytes(trailer_rows[i].line);
        /* A trailer that llhttp refuses does not pass either. */
        enum http_cause cause = message_parse_trailers(&head, bytes);
        if (!cause)
            gate_trailers(&head, NULL);
        cr_expect_eq(!cause && !fields[0].dropped, trailer_rows[i].passes, "%s",
                     trailer_rows[i].line);
        free((char *)(uintptr_t)bytes.p);
    }
}

/* RFC 8586: the mark is the process's and the route's, and no Connection field takes it out. */
Test(forward, loops)
{
    struct bench bench;
    char bytes[LOOP_MARK_MAX], head[512];
    bench_begin(&bench, "listen: 127.0.0.1:1\nupstream: http://backend:3000\ncors: off\n");
    bench.gate.identity = UINT64_C(0x0123456789abcdef);
    bench_request(&bench, "GET / HTTP/1.1|Host: x|CDN-Loop: other|Connection: cdn-loop");
    struct buf out = BUF_INIT(HEAD_MAX);
    forward(&bench, &out, NULL);
    struct str mark = loop_mark(&bench.gate, bench.decision.route, bytes);
    cr_expect(str_starts(mark, STR("corsd; id=0123456789abcdef-")));
    buf_add_char(&out, 0);
    cr_expect(strstr(out.p, "CDN-Loop: other\r\n"));
    snprintf(head, sizeof head, "CDN-Loop: %.*s\r\n", STR_ARG(mark));
    cr_expect(strstr(out.p, head), "%s", out.p);
    buf_finish(&out);
    snprintf(head, sizeof head, "GET / HTTP/1.1|Host: x|CDN-Loop: a, %.*s|Connection: cdn-loop",
             STR_ARG(mark));
    bench_forget(&bench);
    bench_request(&bench, head);
    cr_expect_eq(bench.decision.cause, CAUSE_LOOP);
    bench.gate.identity++;
    bench_forget(&bench);
    bench_request(&bench, head);
    cr_expect_eq(bench.decision.kind, DECISION_FORWARD, "another process's");
    bench_end(&bench);
}
