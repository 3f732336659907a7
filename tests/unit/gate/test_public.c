/* The path without its prefix: one slash, whatever stood behind the prefix. */
#include <criterion/criterion.h>
#include "corsd/gate/public.h"
#include "fixture.h"

static const char house[] = "listen: 127.0.0.1:1\n"
                            "upstream: 'http://127.0.0.1:3000'\n"
                            "routes:\n"
                            "  - {path: /app, strip_prefix: true}\n"
                            "  - {path: /a/b/, strip_prefix: true}\n"
                            "  - {path: '/caf\xc3\xa9', strip_prefix: true}\n"
                            "  - {host: all.example, strip_prefix: true}\n"
                            "cors: off\n";

static const struct {
    const char *name, *host, *target, *want; /* NULL: refused */
} rows[] = {
    {"a path", "x", "/app/x/y", "/x/y"},
    {"the prefix alone", "x", "/app", "/"},
    {"with its slash", "x", "/app/", "/"},
    {"a query", "x", "/app?a=/b", "/?a=/b"},
    {"a query behind a path", "x", "/app/x?a=//b", "/x?a=//b"},
    {"two segments", "x", "/a/b/c", "/c"},
    {"no such prefix", "x", "/apps/x", "/apps/x"},
    {"the rest stays as it came", "x", "/app/x//y/%2e/./%2F;a", "/x//y/%2e/./%2F;a"},
    {"two slashes", "x", "/app//evil.example", "/evil.example"},
    {"many slashes", "x", "/app/////evil.example", "/evil.example"},
    {"a backslash", "x", "/app/\\evil.example", "/evil.example"},
    {"an encoded slash", "x", "/app/%2Fevil.example", "/evil.example"},
    {"an encoded one in small letters", "x", "/app/%2f%5c/evil.example", "/evil.example"},
    {"encoded twice", "x", "/app/%252Fevil.example", "/evil.example"},
    {"a dot", "x", "/app/.//evil.example", "/evil.example"},
    {"an encoded dot", "x", "/app/%2e/%2Fevil.example", "/evil.example"},
    {"a dot with parameters", "x", "/app/.;a=b//evil.example", "/evil.example"},
    {"a final dot", "x", "/app/.", "/"},
    {"what begins with a dot", "x", "/app/.well-known", "/.well-known"},
    {"three dots", "x", "/app/.../x", "/.../x"},
    {"a dot segment that leads out", "x", "/app/../x", NULL},
    {"one that leads back", "x", "/app/../app//evil.example", "/app//evil.example"},
    {"the prefix in another spelling", "x", "/%61pp/x", NULL},
    {"a prefix that has to be encoded", "x", "/caf%C3%A9/x", "/x"},
    {"in small letters", "x", "/caf%c3%a9//x", "/x"},
    {"absolute form", "x", "http://x/app//y?z", "/y?z"},
    {"the route of all", "all.example", "//evil.example", "/evil.example"},
    {"the route of all, as it came", "all.example", "/x//y", "/x//y"},
};

Test(public, strip)
{
    struct bench bench;
    bench_begin(&bench, house);
    for (size_t i = 0; i < COUNT(rows); i++) {
        char head[512];
        struct buf out = BUF_INIT(HEAD_MAX);
        snprintf(head, sizeof head, "GET %s HTTP/1.1|Host: %s", rows[i].target, rows[i].host);
        bench_request(&bench, head);
        cr_expect_eq(bench.decision.kind == DECISION_FORWARD, rows[i].want != NULL, "%s",
                     rows[i].name);
        if (bench.decision.kind == DECISION_FORWARD && rows[i].want) {
            gate_forward(&out, &bench.gate, &bench.peer, &bench.head, &bench.decision, STR("u"),
                         NULL);
            struct str rest = buf_str(&out);
            str_cut(&rest, ' ');
            struct str target = str_cut(&rest, ' ');
            cr_expect(str_eq(target, str_of(rows[i].want)), "%s: %.*s", rows[i].name,
                      STR_ARG(target));
        }
        buf_finish(&out);
    }
    bench_end(&bench);
}
