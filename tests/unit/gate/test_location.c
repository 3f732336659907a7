/* Where the backend sends the client: DESIGN §1 location, strip_prefix; cookies under both. */
#include <criterion/criterion.h>
#include "fixture.h"

static const char house[] = "listen: 127.0.0.1:1\n"
                            "trusted_proxies: [10.0.0.0/8]\n"
                            "via: false\n"
                            "upstreams:\n"
                            "  kept: {url: 'http://10.1.1.1:3000'}\n"
                            "  own: {url: 'http://10.1.1.1:3000', host: upstream}\n"
                            "  named: {url: 'http://10.1.1.1:3000', host: inner.example}\n"
                            "  eighty: {url: 'http://10.1.1.1', host: upstream}\n"
                            "  six: {url: 'http://[2001:db8::1]:80', host: upstream}\n"
                            "  file: {url: 'http+unix:/run/app.sock'}\n"
                            "routes:\n"
                            "  - {path: /, upstream: kept}\n"
                            "  - {path: /app, upstream: kept, strip_prefix: true}\n"
                            "  - {path: /own, upstream: own}\n"
                            "  - {path: /owns, upstream: own, strip_prefix: true}\n"
                            "  - {path: /named, upstream: named, strip_prefix: true}\n"
                            "  - {path: /eighty, upstream: eighty}\n"
                            "  - {path: /six, upstream: six}\n"
                            "  - {path: /file, upstream: file}\n"
                            "  - {path: /keep, upstream: own, strip_prefix: true, location: keep}\n"
                            "  - {path: '/caf\xc3\xa9 x', upstream: kept, strip_prefix: true}\n"
                            "cors: off\n";

/* The client asks http://public.example:8080. want NULL: stays as it lies. */
static const struct {
    const char *name, *path, *line, *want;
} rows[] = {
    /* the upstream's own address */
    {"an address", "/", "Location: http://10.1.1.1:3000/x?y#z",
     "Location: http://public.example:8080/x?y#z"},
    {"another host", "/", "Location: http://10.1.1.2:3000/x", NULL},
    {"another port", "/", "Location: http://10.1.1.1:3001/x", NULL},
    {"no port, not 80", "/", "Location: http://10.1.1.1/x", NULL},
    {"another scheme's port", "/", "Location: https://10.1.1.1/x", NULL},
    {"the default port left out", "/eighty", "Location: http://10.1.1.1/x",
     "Location: http://public.example:8080/x"},
    {"the default port written", "/eighty", "Location: http://10.1.1.1:80/x",
     "Location: http://public.example:8080/x"},
    {"https means 443", "/eighty", "Location: https://10.1.1.1/x", NULL},
    {"capitals", "/", "location: HTTP://10.1.1.1:3000/X",
     "location: http://public.example:8080/X"},
    {"no path", "/", "Location: http://10.1.1.1:3000", "Location: http://public.example:8080"},
    {"a query at once", "/", "Location: http://10.1.1.1:3000?x",
     "Location: http://public.example:8080?x"},
    {"scheme-relative", "/", "Location: //10.1.1.1:3000/x", "Location: //public.example:8080/x"},
    {"scheme-relative, default port", "/eighty", "Location: //10.1.1.1/x",
     "Location: //public.example:8080/x"},
    {"user and password", "/", "Location: http://u:p@10.1.1.1:3000/x",
     "Location: http://u:p@public.example:8080/x"},
    {"a user that looks like it", "/", "Location: http://10.1.1.1:3000@evil.example/x", NULL},
    {"a host that begins like it", "/", "Location: http://10.1.1.1:3000.evil.example/x", NULL},
    {"a backslash ends the host", "/", "Location: http://10.1.1.1:3000\\@evil.example/x",
     "Location: http://public.example:8080\\@evil.example/x"},
    {"IPv6", "/six", "Location: http://[2001:DB8:0::1]/x",
     "Location: http://public.example:8080/x"},
    {"IPv6 with its port", "/six", "Location: http://[2001:db8::1]:80/x",
     "Location: http://public.example:8080/x"},
    {"a unix socket's localhost", "/file", "Location: http://localhost/x",
     "Location: http://public.example:8080/x"},
    {"the name that it was sent", "/named", "Location: http://inner.example/x",
     "Location: http://public.example:8080/named/x"},
    {"with a port it is another", "/named", "Location: http://inner.example:81/x", NULL},
    {"a path", "/", "Location: /x", NULL},
    {"relative", "/", "Location: x/y", NULL},
    {"the public address", "/", "Location: http://public.example:8080/x", NULL},
    {"another scheme", "/", "Location: ftp://10.1.1.1:3000/x", NULL},
    {"nothing", "/", "Location:", NULL},
    {"no authority", "/", "Location: http:///x", NULL},
    {"no slashes", "/", "Location: http:10.1.1.1:3000/x", NULL},
    {"Content-Location", "/", "Content-Location: http://10.1.1.1:3000/x",
     "Content-Location: http://public.example:8080/x"},
    {"a header that is neither", "/", "X-Location: http://10.1.1.1:3000/x", NULL},

    /* the prefix is put back */
    {"a path gets it", "/app/", "Location: /login?a=/b", "Location: /app/login?a=/b"},
    {"the root gets it", "/app", "Location: /", "Location: /app/"},
    {"relative ones do not", "/app/", "Location: login", NULL},
    {"a query alone", "/app/", "Location: ?x", NULL},
    {"own address and prefix", "/owns/", "Location: http://10.1.1.1:3000/login",
     "Location: http://public.example:8080/owns/login"},
    {"own address without a path", "/owns/", "Location: http://10.1.1.1:3000",
     "Location: http://public.example:8080/owns/"},
    {"own address, a query", "/owns/", "Location: http://10.1.1.1:3000?x",
     "Location: http://public.example:8080/owns/?x"},
    {"the Host that was kept", "/app/", "Location: http://public.example:8080/x",
     "Location: http://public.example:8080/app/x"},
    {"with its own scheme", "/app/", "Location: https://public.example:8080/x",
     "Location: https://public.example:8080/app/x"},
    {"the public host on another port", "/app/", "Location: http://public.example/x", NULL},
    {"another site", "/app/", "Location: https://other.example/x", NULL},
    {"//host is no path", "/app/", "Location: //other.example/x", NULL},
    {"nor is /\\host", "/app/", "Location: /\\other.example/x", NULL},
    {"a prefix in its encoded spelling", "/caf%C3%A9%20x/", "Location: /y",
     "Location: /caf%C3%A9%20x/y"},
    {"location: keep", "/keep/", "Location: http://10.1.1.1:3000/x", NULL},
    {"location: keep, a path", "/keep/", "Location: /x", NULL},

    /* Refresh */
    {"Refresh", "/owns/", "Refresh: 5; url=http://10.1.1.1:3000/x",
     "Refresh: 5; url=http://public.example:8080/owns/x"},
    {"Refresh, a path", "/app/", "Refresh: 0;URL=/x", "Refresh: 0;URL=/app/x"},
    {"Refresh, in quotes", "/app/", "Refresh: 0; url='/x'", "Refresh: 0; url='/app/x'"},
    {"Refresh, in double quotes", "/app/", "Refresh: 0, url = \"/x\"; y",
     "Refresh: 0, url = \"/app/x\"; y"},
    {"Refresh without a URL", "/app/", "Refresh: 5", NULL},
    {"Refresh, half a URL", "/app/", "Refresh: 5; url", NULL},
    {"Refresh, another word", "/app/", "Refresh: 5; u=/x", NULL},

    /* cookies */
    {"a cookie's path", "/app/", "Set-Cookie: a=b; path=/x; HttpOnly",
     "Set-Cookie: a=b; Path=/app/x; HttpOnly"},
    {"the root", "/app/", "Set-Cookie: a=b; Path=/", "Set-Cookie: a=b; Path=/app"},
    {"no path", "/app/", "Set-Cookie: a=b", "Set-Cookie: a=b"},
    {"a path that is none", "/app/", "Set-Cookie: a=b; Path=x", "Set-Cookie: a=b; Path=x"},
    {"__Host- needs its own", "/app/", "Set-Cookie: __Host-a=b; Path=/; Secure",
     "Set-Cookie: __Host-a=b; Path=/; Secure"},
    {"no prefix", "/", "Set-Cookie: a=b; Path=/; Domain=10.1.1.1", NULL},
    {"location: keep does not keep cookies", "/keep/", "Set-Cookie: a=b; Path=/",
     "Set-Cookie: a=b; Path=/keep"},
    {"the backend's own domain", "/named/", "Set-Cookie: a=b; Domain=inner.example; Path=/",
     "Set-Cookie: a=b; Path=/named"},
    {"a domain above it", "/named/", "Set-Cookie: a=b; DOMAIN=.inner.example", "Set-Cookie: a=b"},
    {"one that the public host lies in", "/named/", "Set-Cookie: a=b; Domain=example",
     "Set-Cookie: a=b; Domain=example"},
    {"the public domain", "/named/", "Set-Cookie: a=b; Domain=public.example",
     "Set-Cookie: a=b; Domain=public.example"},
    {"another domain", "/named/", "Set-Cookie: a=b; Domain=xinner.example",
     "Set-Cookie: a=b; Domain=xinner.example"},
    {"an address", "/own/", "Set-Cookie: a=b; Domain=10.1.1.1", "Set-Cookie: a=b"},
};

static void respond(struct bench *bench, const char *line, char *out, size_t size)
{
    char head[1024];
    struct buf lines = BUF_INIT(HEAD_MAX);
    snprintf(head, sizeof head, "HTTP/1.1 302 Found|Content-Length: 0|%s", line);
    cr_assert_eq(bench_response(bench, head), CAUSE_NONE, "%s", line);
    gate_response(&lines, &bench->gate, &bench->decision, &bench->response_head, &bench->response);
    cr_assert(!lines.failed && head_text(buf_str(&lines), out, size), "%s", line);
    buf_finish(&lines);
}

static void expect(struct bench *bench, const char *name, const char *line, const char *want)
{
    char text[2048], wanted[2048], sorted_want[2048];
    respond(bench, line, text, sizeof text);
    snprintf(wanted, sizeof wanted, "HTTP/1.1 302 Found|Content-Length: 0|%s|", want);
    sorted(wanted, strlen(wanted), sorted_want, sizeof sorted_want);
    cr_expect_str_eq(text, sorted_want, "%s: %s", name, text);
}

Test(location, rows)
{
    struct bench bench;
    bench_begin(&bench, house);
    for (size_t i = 0; i < COUNT(rows); i++) {
        char request[256];
        snprintf(request, sizeof request, "GET %s HTTP/1.1|Host: public.example:8080",
                 rows[i].path);
        bench_request(&bench, request);
        cr_assert_eq(bench.decision.kind, DECISION_FORWARD, "%s", rows[i].name);
        expect(&bench, rows[i].name, rows[i].line, rows[i].want ? rows[i].want : rows[i].line);
    }
    bench_end(&bench);
}

/* --- whose public address ------------------------------------------------------------------------
 */

static const struct {
    const char *name, *peer, *head, *want;
} public_rows[] = {
    {"over TLS", "192.0.2.7+", "GET /own HTTP/1.1|Host: a.example",
     "Location: https://a.example/x"},
    {"as a trusted proxy tells it", "10.0.0.1",
     "GET /own HTTP/1.1|Host: x|X-Forwarded-Proto: https|X-Forwarded-Host: a.example:444",
     "Location: https://a.example:444/x"},
    {"a scheme that a trusted proxy denies", "10.0.0.1+",
     "GET /own HTTP/1.1|Host: x|X-Forwarded-Proto: http", "Location: http://x/x"},
    {"nobody else's word", "192.0.2.7",
     "GET /own HTTP/1.1|Host: x|X-Forwarded-Proto: https|X-Forwarded-Host: a.example",
     "Location: http://x/x"},
    {"a host that is none", "10.0.0.1", "GET /own HTTP/1.1|Host: x|X-Forwarded-Host: a/b",
     "Location: http://x/x"},
    {"the absolute form's", "192.0.2.7", "GET http://A.example/own HTTP/1.1|Host: x",
     "Location: http://a.example/x"},
    {"nobody named one", "192.0.2.7", "GET /own HTTP/1.0", "Location: http://10.1.1.1:3000/x"},
};

Test(location, public)
{
    struct bench bench;
    bench_begin(&bench, house);
    for (size_t i = 0; i < COUNT(public_rows); i++) {
        char text[1024];
        bench_peer(&bench, public_rows[i].peer);
        bench_request(&bench, public_rows[i].head);
        respond(&bench, "Location: http://10.1.1.1:3000/x", text, sizeof text);
        cr_expect_not_null(strstr(text, public_rows[i].want), "%s: %s", public_rows[i].name, text);
    }
    bench_end(&bench);
}
