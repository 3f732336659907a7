/* The decision header: DESIGN §1 decision_header. */
#include <criterion/criterion.h>
#include "corsd/gate/decision.h"
#include "fixture.h"

#define A "|Origin: https://a.example"
#define B "|Origin: https://b.example"

static const char house[] =
    "listen: 127.0.0.1:1\n"
    "upstreams: {u: {url: 'http://127.0.0.1:3000'}}\n"
    "policies:\n"
    "  app: [{allow_origins: ['https://a.example']}, {allow_origins: ['https://c.example']}]\n"
    "routes:\n"
    "  - {path: /, upstream: u, cors: app}\n"
    "  - {path: /off, upstream: u, cors: off}\n"
    "cors: app\n";

static const struct {
    const char *name, *request, *want;
} rows[] = {
    {"allowed", "GET / HTTP/1.1|Host: x" A,
     "kind=actual; result=allowed; reason=allowed; policy=app; mode=enforce; rule=1; route=/"},
    {"the second rule", "GET / HTTP/1.1|Host: x|Origin: https://c.example",
     "kind=actual; result=allowed; reason=allowed; policy=app; mode=enforce; rule=2; route=/"},
    {"off the list", "GET / HTTP/1.1|Host: x" B, "kind=actual; result=refused; "
     "reason=origin_off_list; policy=app; mode=enforce; route=/"},
    {"no Origin", "GET / HTTP/1.1|Host: x", "kind=none; result=allowed; reason=no_origin; "
     "policy=app; mode=enforce; route=/"},
    {"off", "GET /off HTTP/1.1|Host: x" A,
     "kind=none; result=allowed; reason=no_policy; route=/off"},
    {"a preflight's missing method", "OPTIONS / HTTP/1.1|Host: x" A
     "|Access-Control-Request-Method: PATCH", "kind=preflight; result=refused; "
     "reason=method_off_list; missing=PATCH; policy=app; mode=enforce; rule=1; route=/"},
    {"what a header cannot hold", "OPTIONS / HTTP/1.1|Host: x" A
     "|Access-Control-Request-Method: a b;\xff", "kind=preflight; result=refused; "
     "reason=method_malformed; missing=a?b??; policy=app; mode=enforce; rule=1; route=/"},
    {"an error", "GET /%4 HTTP/1.1|Host: x", "kind=none; result=allowed; reason=no_origin; "
     "policy=app; mode=enforce; cause=bad_target"},
};

Test(decision, lines)
{
    struct bench bench;
    bench_begin(&bench, house);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct buf out = BUF_INIT(1000);
        char want[512];
        bench_request(&bench, rows[i].request);
        bench.plan->decision_header = false;
        gate_decision_line(&out, &bench.gate, &bench.decision);
        cr_expect_eq(out.n, 0, "nobody asked");
        bench.plan->decision_header = true;
        gate_decision_line(&out, &bench.gate, &bench.decision);
        snprintf(want, sizeof want, "Corsd-Decision: %s\r\n", rows[i].want);
        cr_expect(str_eq(buf_str(&out), str_of(want)), "%s: %.*s", rows[i].name,
                  STR_ARG(buf_str(&out)));
        buf_finish(&out);
    }
    bench_end(&bench);
}

Test(decision, a_backends_own_are_not_believed)
{
    struct bench bench;
    struct buf out = BUF_INIT(HEAD_MAX);
    bench_begin(&bench, house);
    bench.plan->decision_header = true;
    bench_request(&bench, "GET / HTTP/1.1|Host: x");
    cr_assert_eq(bench_response(&bench, "HTTP/1.1 204 X|Corsd-Decision: a|corsd-decision: b"),
                 CAUSE_NONE);
    gate_response(&out, &bench.gate, &bench.decision, &bench.response_head, &bench.response);
    cr_expect_null(memmem(out.p, out.n, "ecision: a", 10));
    cr_expect_null(memmem(out.p, out.n, "ecision: b", 10));
    cr_expect_not_null(memmem(out.p, out.n, "Corsd-Decision: kind=none", 25));
    buf_finish(&out);
    bench_end(&bench);
}
