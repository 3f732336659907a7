/* DESIGN §2, rule by rule: a policy and a request in, the verdict out, in both modes. */
#include "corsd/cors/verdict.h"
#include "fixture.h"
#include "rows.h"
#include "suffixes.h"

#define ONE "origins=https://a.example"
#define PUT "origins=https://a.example methods=PUT,DELETE headers=X-A,Content-Type"
#define CRED "origins=https://a.example methods=* headers=* credentials"
#define STAR "origins=https://a.example methods=* headers=*"
#define ANY "origins=*"
#define TWO                                                                                        \
    "origins=https://a.example methods=PUT"                                                        \
    " / origins=https://b.example,https://*.b.example methods=DELETE"
#define MIX "origins=https://a.example credentials / origins=*"
#define A " origin=https://a.example"
#define B " origin=https://b.example"
#define OWN " host=api.example"

static const struct {
    const char *name, *policy, *request, *want;
} rows[] = {
    /* Rule 1: what a preflight is. */
    {"1: OPTIONS, Origin and the method asked for", ONE, "OPTIONS" A " asks=GET",
     "preflight allowed rule=0"},
    {"1: OPTIONS and Origin alone", ONE, "OPTIONS" A, "actual allowed rule=0"},
    {"1: OPTIONS alone", ONE, "OPTIONS", "none no_origin same"},
    {"1: OPTIONS and the method asked for, no Origin", ONE, "OPTIONS asks=GET",
     "none no_origin same"},
    {"1: GET with the method asked for", ONE, "GET" A " asks=GET", "actual allowed rule=0"},
    {"1: options in lower case is another method", ONE, "options" A " asks=GET",
     "actual allowed rule=0"},
    {"1: an empty method asked for is still a preflight", ONE, "OPTIONS" A " asks=",
     "preflight method_malformed rule=0"},
    {"1: names asked for, no method", ONE, "OPTIONS" A " names=x-a", "actual allowed rule=0"},

    /* Rule 2: an allowed origin's preflight is answered whatever it asks. */
    {"2: GET needs no listing", PUT, "OPTIONS" A " asks=GET", "preflight allowed rule=0"},
    {"2: HEAD needs no listing", PUT, "OPTIONS" A " asks=HEAD", "preflight allowed rule=0"},
    {"2: POST needs no listing", PUT, "OPTIONS" A " asks=POST", "preflight allowed rule=0"},
    {"2: a listed method", PUT, "OPTIONS" A " asks=PUT", "preflight allowed rule=0"},
    {"2: another listed method", PUT, "OPTIONS" A " asks=DELETE", "preflight allowed rule=0"},
    {"2: a method off the list is not refused", PUT, "OPTIONS" A " asks=PATCH",
     "preflight method_off_list rule=0 missing=PATCH"},
    {"2: by default GET, HEAD, POST", ONE, "OPTIONS" A " asks=PUT",
     "preflight method_off_list rule=0 missing=PUT"},
    {"2: OPTIONS is a method like others", PUT, "OPTIONS" A " asks=OPTIONS",
     "preflight method_off_list rule=0 missing=OPTIONS"},
    {"2: a listed header", PUT, "OPTIONS" A " asks=PUT names=x-a", "preflight allowed rule=0"},
    {"2: two listed headers", PUT, "OPTIONS" A " asks=PUT names=content-type,x-a",
     "preflight allowed rule=0"},
    {"2: a header off the list", PUT, "OPTIONS" A " asks=PUT names=x-b",
     "preflight header_off_list rule=0 missing=x-b"},
    {"2: the first header off the list is named", PUT, "OPTIONS" A " asks=PUT names=x-a,x-c,x-b",
     "preflight header_off_list rule=0 missing=x-c"},
    {"2: the method is judged first", PUT, "OPTIONS" A " asks=PATCH names=x-b",
     "preflight method_off_list rule=0 missing=PATCH"},
    {"2: a safelisted header that is asked for needs listing", ONE, "OPTIONS" A
     " asks=GET names=content-type", "preflight header_off_list rule=0 missing=content-type"},
    {"2: so does Accept", ONE, "OPTIONS" A " asks=GET names=accept",
     "preflight header_off_list rule=0 missing=accept"},
    {"2: so does Range", ONE, "OPTIONS" A " asks=GET names=range",
     "preflight header_off_list rule=0 missing=range"},
    {"2: Authorization off the list", PUT, "OPTIONS" A " asks=PUT names=authorization",
     "preflight header_off_list rule=0 missing=authorization"},

    /* Rule 3: an origin off the list. */
    {"3: off the list", ONE, "OPTIONS" B " asks=GET", "preflight origin_off_list refused"},
    {"3: whatever is asked", PUT, "OPTIONS" B " asks=( names=(",
     "preflight origin_off_list refused"},
    {"3: null off the list", ONE, "OPTIONS origin=null asks=GET", "preflight origin_null refused"},
    {"3: no origin at all in it", ONE, "OPTIONS origin=what asks=GET",
     "preflight origin_malformed refused"},
    {"3: same-origin does not help a preflight", ONE, "OPTIONS" B " asks=GET host=b.example",
     "preflight origin_off_list same refused"},
    {"3: nor does Sec-Fetch-Site", ONE, "OPTIONS" B " asks=GET site=same-origin",
     "preflight origin_off_list same refused"},
    {"3: an actual request is forwarded", ONE, "GET" B, "actual origin_off_list"},
    {"3: with any method", ONE, "DELETE" B, "actual origin_off_list"},

    /* Rule 4, 5: actual requests. */
    {"4: an allowed origin", ONE, "GET" A, "actual allowed rule=0"},
    {"4: any method passes", ONE, "DELETE" A, "actual allowed rule=0"},
    {"4: no Origin", ONE, "GET", "none no_origin same"},
    {"5: any origin", ANY, "GET" A, "actual allowed_any rule=0"},
    {"5: null under any", ANY, "GET origin=null", "actual allowed_any rule=0"},
    {"5: what is no origin under any", ANY, "GET origin=what", "actual allowed_any rule=0"},
    {"5: two origins under any", ANY, "GET" A B, "actual allowed_any rule=0"},
    {"5: a preflight under any", ANY, "OPTIONS" A " asks=GET", "preflight allowed_any rule=0"},
    {"5: a preflight of what is no origin under any", ANY, "OPTIONS origin=what asks=GET",
     "preflight allowed_any rule=0"},
    {"5: any origin, a method off the list", ANY, "OPTIONS" A " asks=PUT",
     "preflight method_off_list rule=0 missing=PUT"},
    {"5: no origin under any", ANY, "GET", "none no_origin same"},
    {"5: the rule before any", MIX, "GET" A, "actual allowed rule=0"},
    {"5: any behind a rule", MIX, "GET" B, "actual allowed_any rule=1"},
    {"5: what is no origin, any behind a rule", MIX, "GET origin=what",
     "actual allowed_any rule=1"},
    {"5: two origins, any behind a rule", MIX, "GET" A A, "actual allowed_any rule=1"},
    {"5: null, any behind a rule", MIX, "GET origin=null", "actual allowed_any rule=1"},
    {"5: a preflight, any behind a rule", MIX, "OPTIONS" B " asks=GET",
     "preflight allowed_any rule=1"},

    /* Rules of a list: the first that matches. */
    {"rules: the first", TWO, "OPTIONS" A " asks=PUT", "preflight allowed rule=0"},
    {"rules: the second", TWO, "OPTIONS" B " asks=DELETE", "preflight allowed rule=1"},
    {"rules: the first's methods are not the second's", TWO, "OPTIONS" B " asks=PUT",
     "preflight method_off_list rule=1 missing=PUT"},
    {"rules: the second's methods are not the first's", TWO, "OPTIONS" A " asks=DELETE",
     "preflight method_off_list rule=0 missing=DELETE"},
    {"rules: labels of the second", TWO, "OPTIONS origin=https://x.b.example asks=DELETE",
     "preflight allowed rule=1"},
    {"rules: none", TWO, "OPTIONS origin=https://c.example asks=DELETE",
     "preflight origin_off_list refused"},

    /* Rules 6, 7: stars. */
    {"6: any method with credentials", CRED, "OPTIONS" A " asks=FROB", "preflight allowed rule=0"},
    {"6: any header with credentials", CRED, "OPTIONS" A " asks=PUT names=x-q,x-z",
     "preflight allowed rule=0"},
    {"6: authorization is not covered", CRED, "OPTIONS" A " asks=PUT names=authorization",
     "preflight header_off_list rule=0 missing=authorization"},
    {"7: nor without credentials", STAR, "OPTIONS" A " asks=PUT names=authorization",
     "preflight header_off_list rule=0 missing=authorization"},
    {"7: listed beside the star it is", "origins=https://a.example headers=*,Authorization",
     "OPTIONS" A " asks=GET names=authorization,x-q", "preflight allowed rule=0"},
    {"7: listed, with credentials", "origins=https://a.example headers=*,Authorization credentials",
     "OPTIONS" A " asks=GET names=authorization,x-q", "preflight allowed rule=0"},
    {"7: any method without credentials", STAR, "OPTIONS" A " asks=FROB",
     "preflight allowed rule=0"},
    {"6: a star asked for is a name like others", CRED, "OPTIONS" A " asks=* names=*",
     "preflight allowed rule=0"},
    {"6: TRACE is not covered", CRED, "OPTIONS" A " asks=TRACE",
     "preflight method_off_list rule=0 missing=TRACE"},
    {"6: trace neither", STAR, "OPTIONS" A " asks=trace",
     "preflight method_off_list rule=0 missing=trace"},
    {"6: CONNECT neither", CRED, "OPTIONS" A " asks=CONNECT",
     "preflight method_off_list rule=0 missing=CONNECT"},

    /* Rule 11: normalised once, then bytes. */
    {"11: a final dot is another origin", ONE, "GET origin=https://a.example.",
     "actual origin_off_list"},
    {"11: another port", ONE, "GET origin=https://a.example:8443", "actual origin_off_list"},
    {"11: another scheme", ONE, "GET origin=http://a.example", "actual origin_off_list"},
    {"11: written in capitals, sent in lower case", "origins=HTTPS://A.Example:443", "GET" A,
     "actual allowed rule=0"},
    {"11: labels", "origins=https://*.example.com", "GET origin=https://x.y.example.com",
     "actual allowed rule=0"},
    {"11: not the domain itself", "origins=https://*.example.com", "GET origin=https://example.com",
     "actual origin_off_list"},
    {"11: a part", "origins=https://pr-*.example.com", "GET origin=https://pr-7.example.com",
     "actual allowed rule=0"},
    {"11: a part, never across a dot", "origins=https://pr-*.example.com",
     "GET origin=https://pr-7.x.example.com", "actual origin_off_list"},
    {"11: a part, not empty", "origins=https://pr-*.example.com",
     "GET origin=https://pr-.example.com", "actual origin_off_list"},
    {"11: any port", "origins=http://localhost:*", "GET origin=http://localhost:5173",
     "actual allowed rule=0"},
    {"11: any port or none", "origins=http://localhost:*", "GET origin=http://localhost",
     "actual allowed rule=0"},
    {"11: another scheme", "origins=tauri://localhost", "GET origin=tauri://localhost",
     "actual allowed rule=0"},
    {"11: null listed", "origins=null", "GET origin=null", "actual allowed rule=0"},
    {"11: null in capitals", "origins=null", "GET origin=NULL", "actual origin_malformed"},
    {"11: another registrable domain", "origins=https://*.amazonaws.com",
     "GET origin=https://me.s3.amazonaws.com", "actual origin_off_list"},

    /* Rule 12: two origins, and what is none. */
    {"12: two", ONE, "GET" A B, "actual origin_twice"},
    {"12: two equal ones", ONE, "GET" A A, "actual origin_twice"},
    {"12: two in a preflight", ONE, "OPTIONS" A A " asks=GET", "preflight origin_twice refused"},
    {"12: a path", ONE, "GET origin=https://a.example/", "actual origin_malformed"},
    {"12: capitals", ONE, "GET origin=https://A.example", "actual origin_malformed"},
    {"12: the default port", ONE, "GET origin=https://a.example:443", "actual origin_malformed"},
    {"12: two in one field", ONE, "GET origin=https://a.example~https://b.example",
     "actual origin_malformed"},
    {"12: two in one field, the comma", ONE, "GET origin=https://a.example,https://b.example",
     "actual origin_malformed"},
    {"12: empty", ONE, "GET origin=", "actual origin_malformed"},
    {"12: a star", ONE, "GET origin=*", "actual origin_malformed"},
    {"12: file", ONE, "GET origin=file://", "actual origin_malformed"},
    {"12: malformed in a preflight", ONE, "OPTIONS origin=a.example asks=GET",
     "preflight origin_malformed refused"},

    /* Rule 13: case, white space, order, lines. */
    {"13: methods are case-sensitive", PUT, "OPTIONS" A " asks=put",
     "preflight method_off_list rule=0 missing=put"},
    {"13: get is not GET", PUT, "OPTIONS" A " asks=get",
     "preflight method_off_list rule=0 missing=get"},
    {"13: patch listed as patch", "origins=https://a.example methods=patch", "OPTIONS" A
     " asks=patch", "preflight allowed rule=0"},
    {"13: PATCH under patch", "origins=https://a.example methods=patch", "OPTIONS" A " asks=PATCH",
     "preflight method_off_list rule=0 missing=PATCH"},
    {"13: a method asked for twice", PUT, "OPTIONS" A " asks=PUT asks=PUT",
     "preflight method_malformed rule=0 missing=PUT"},
    {"13: a method that is no token", PUT, "OPTIONS" A " asks=P@T",
     "preflight method_malformed rule=0 missing=P@T"},
    {"13: two methods in one", PUT, "OPTIONS" A " asks=PUT,DELETE",
     "preflight method_malformed rule=0 missing=PUT,DELETE"},
    {"13: no token under a star", CRED, "OPTIONS" A " asks=P(T",
     "preflight method_malformed rule=0 missing=P(T"},
    {"13: header names compare without case", PUT, "OPTIONS" A " asks=PUT names=X-a,CONTENT-type",
     "preflight allowed rule=0"},
    {"13: white space around names", PUT, "OPTIONS" A " asks=PUT names=~~x-a~,~content-type~~",
     "preflight allowed rule=0"},
    {"13: empty items", PUT, "OPTIONS" A " asks=PUT names=,,x-a,~,,content-type,",
     "preflight allowed rule=0"},
    {"13: nothing but commas", PUT, "OPTIONS" A " asks=PUT names=,,,", "preflight allowed rule=0"},
    {"13: an empty list", PUT, "OPTIONS" A " asks=PUT names=", "preflight allowed rule=0"},
    {"13: any order", PUT, "OPTIONS" A " asks=PUT names=x-a,content-type",
     "preflight allowed rule=0"},
    {"13: a name twice", PUT, "OPTIONS" A " asks=PUT names=x-a,x-a", "preflight allowed rule=0"},
    {"13: several lines", PUT, "OPTIONS" A " asks=PUT names=x-a names=content-type",
     "preflight allowed rule=0"},
    {"13: the second line counts", PUT, "OPTIONS" A " asks=PUT names=x-a names=x-b",
     "preflight header_off_list rule=0 missing=x-b"},
    {"13: an empty line between", PUT, "OPTIONS" A " asks=PUT names=x-a names= names=x-b",
     "preflight header_off_list rule=0 missing=x-b"},
    {"13: a name that is no token", PUT, "OPTIONS" A " asks=PUT names=x-a,x~b",
     "preflight headers_malformed rule=0 missing=x b"},
    {"13: no token under a star", CRED, "OPTIONS" A " asks=PUT names=x-a,x@b",
     "preflight headers_malformed rule=0 missing=x@b"},
    {"13: a quoted comma does not part", PUT, "OPTIONS" A " asks=PUT names=\"x-a,x-b\"",
     "preflight headers_malformed rule=0 missing=\"x-a,x-b\""},

    /* Rule 14: WebSocket handshakes. */
    {"14: an allowed origin", ONE, "GET" A " ws", "websocket allowed rule=0"},
    {"14: an origin off the list", ONE, "GET" B " ws", "websocket origin_off_list refused"},
    {"14: null", ONE, "GET origin=null ws", "websocket origin_null refused"},
    {"14: what is no origin", ONE, "GET origin=what ws", "websocket origin_malformed refused"},
    {"14: two origins", ONE, "GET" A A " ws", "websocket origin_twice refused"},
    {"14: no Origin", ONE, "GET ws", "websocket no_origin same"},
    {"14: no Origin but a cookie", ONE, "GET ws cookie", "websocket no_origin same"},
    {"14: a cookie without credentials", ONE, "GET" A " ws cookie",
     "websocket websocket_credentials rule=0 refused"},
    {"14: a cookie with credentials", "origins=https://a.example credentials", "GET" A " ws cookie",
     "websocket allowed rule=0"},
    {"14: any origin, no cookie", ANY, "GET" B " ws", "websocket allowed_any rule=0"},
    {"14: any origin, a cookie", ANY, "GET" B " ws cookie",
     "websocket websocket_credentials rule=0 refused"},
    {"14: any origin behind a rule, a cookie", MIX, "GET" B " ws cookie",
     "websocket websocket_credentials rule=1 refused"},
    {"14: the rule before any, a cookie", MIX, "GET" A " ws cookie", "websocket allowed rule=0"},
    {"14: same-origin by the browser's word", ONE, "GET" B " ws cookie site=same-origin",
     "websocket same_origin same"},
    {"14: same-origin by its host", ONE, "GET" B " ws cookie host=b.example",
     "websocket same_origin same"},
    {"14: listed, same-origin, a cookie", ONE, "GET" A " ws cookie host=a.example",
     "websocket same_origin rule=0 same"},
    {"14: unchecked, off the list", ONE " ; ws_any", "GET" B " ws", "websocket origin_off_list"},
    {"14: unchecked, a cookie", ONE " ; ws_any", "GET" A " ws cookie", "websocket allowed rule=0"},
    {"14: unchecked and others rejected", ONE " ; ws_any reject", "GET" B " ws",
     "websocket origin_off_list"},
    {"14: methods enforced do not count", "origins=https://a.example methods=PUT ; enforce_methods",
     "GET" A " ws", "websocket allowed rule=0"},
    {"14: cross-site by the browser's word", ONE, "GET" B " ws site=cross-site",
     "websocket origin_off_list refused"},

    /* Rule 15: what is not cross-origin. */
    {"15: no Origin under reject", ONE " ; reject", "GET", "none no_origin same"},
    {"15: off the list under reject", ONE " ; reject", "GET" B, "actual origin_off_list refused"},
    {"15: null under reject", ONE " ; reject", "POST origin=null", "actual origin_null refused"},
    {"15: malformed under reject", ONE " ; reject", "POST origin=what",
     "actual origin_malformed refused"},
    {"15: two under reject", ONE " ; reject", "POST" A A, "actual origin_twice refused"},
    {"15: allowed under reject", ONE " ; reject", "DELETE" A, "actual allowed rule=0"},
    {"15: any origin under reject", ANY " ; reject", "GET origin=what",
     "actual allowed_any rule=0"},
    {"15: same-origin by the browser's word", ONE " ; reject", "POST" B " site=same-origin",
     "actual same_origin same"},
    {"15: typed by the user", ONE " ; reject", "POST" B " site=none", "actual same_origin same"},
    {"15: same-site is cross-origin", ONE " ; reject", "POST" B " site=same-site",
     "actual origin_off_list refused"},
    {"15: cross-site", ONE " ; reject", "POST" B " site=cross-site",
     "actual origin_off_list refused"},
    {"15: the own host", ONE " ; reject", "POST" B " host=b.example", "actual same_origin same"},
    {"15: another host", ONE " ; reject", "POST" B OWN, "actual origin_off_list refused"},
    {"15: the own host as a beginning", ONE " ; reject",
     "POST origin=https://b.example.org host=b.example", "actual origin_off_list refused"},
    {"15: a name below the own host", ONE " ; reject",
     "POST origin=https://x.b.example host=b.example", "actual origin_off_list refused"},
    {"15: the own host and port", ONE " ; reject",
     "POST origin=http://b.example:8080 host=b.example port=8080", "actual same_origin same"},
    {"15: another port", ONE " ; reject",
     "POST origin=http://b.example:8080 host=b.example port=8081",
     "actual origin_off_list refused"},
    {"15: a port against none", ONE " ; reject", "POST origin=http://b.example:8080 host=b.example",
     "actual origin_off_list refused"},
    {"15: none against a port", ONE " ; reject", "POST" B " host=b.example port=8080",
     "actual origin_off_list refused"},
    {"15: https's port said in Host", ONE " ; reject", "POST" B " host=b.example port=443",
     "actual same_origin same"},
    {"15: http's port said in Host", ONE " ; reject",
     "POST origin=http://b.example host=b.example port=80", "actual same_origin same"},
    {"15: http's port under https", ONE " ; reject", "POST" B " host=b.example port=80",
     "actual origin_off_list refused"},
    {"15: the scheme, unknown, does not count", ONE " ; reject",
     "POST origin=http://b.example host=b.example", "actual same_origin same"},
    {"15: the scheme, known and equal", ONE " ; reject", "POST" B " host=b.example scheme=https",
     "actual same_origin same"},
    {"15: the scheme, known and other", ONE " ; reject", "POST" B " host=b.example scheme=http",
     "actual origin_off_list refused"},
    {"15: IPv6 with brackets", ONE " ; reject", "POST origin=http://[::1]:80 host=[::1]",
     "actual origin_malformed refused"},
    {"15: IPv6, a port", ONE " ; reject", "POST origin=http://[::1]:8080 host=[::1] port=8080",
     "actual same_origin same"},
    {"15: IPv6 without brackets in Host's form", ONE " ; reject",
     "POST origin=http://[::1]:8080 host=::1 port=8080", "actual same_origin same"},
    {"15: IPv6, another", ONE " ; reject", "POST origin=http://[::1]:8080 host=::12 port=8080",
     "actual origin_off_list refused"},
    {"15: a final dot does not count", ONE " ; reject",
     "POST origin=https://b.example. host=b.example", "actual same_origin same"},
    {"15: another scheme on the own host", ONE " ; reject",
     "POST origin=tauri://b.example host=b.example", "actual origin_off_list refused"},
    {"15: two origins on the own host", ONE " ; reject", "POST" B B " host=b.example",
     "actual origin_twice refused"},
    {"15: a malformed origin on the own host", ONE " ; reject",
     "POST origin=https://b.example/ host=b.example", "actual origin_malformed refused"},
    {"15: an empty host", ONE " ; reject", "POST origin=https:// host=",
     "actual origin_malformed refused"},
    {"15: a listed origin that is same-origin", ONE " ; reject", "GET" A " host=a.example",
     "actual allowed rule=0 same"},

    /* enforce_methods. */
    {"methods enforced: on the list", PUT " ; enforce_methods", "PUT" A, "actual allowed rule=0"},
    {"methods enforced: off the list", PUT " ; enforce_methods", "PATCH" A,
     "actual method_off_list rule=0 refused missing=PATCH"},
    {"methods enforced: GET counts too", PUT " ; enforce_methods", "GET" A,
     "actual method_off_list rule=0 refused missing=GET"},
    {"methods enforced: HEAD counts too", PUT " ; enforce_methods", "HEAD" A,
     "actual method_off_list rule=0 refused missing=HEAD"},
    {"methods enforced: POST counts too", PUT " ; enforce_methods", "POST" A,
     "actual method_off_list rule=0 refused missing=POST"},
    {"methods enforced: the default list", ONE " ; enforce_methods", "GET" A,
     "actual allowed rule=0"},
    {"methods enforced: off the default list", ONE " ; enforce_methods", "PUT" A,
     "actual method_off_list rule=0 refused missing=PUT"},
    {"methods enforced: case counts", PUT " ; enforce_methods", "put" A,
     "actual method_off_list rule=0 refused missing=put"},
    {"methods enforced: any method", STAR " ; enforce_methods", "FROB" A, "actual allowed rule=0"},
    {"methods enforced: no Origin", PUT " ; enforce_methods", "PATCH", "none no_origin same"},
    {"methods enforced: same-origin", PUT " ; enforce_methods", "PATCH" A " host=a.example",
     "actual allowed rule=0 same"},
    {"methods enforced: same-origin off the list", PUT " ; enforce_methods", "PATCH" B
     " site=same-origin", "actual same_origin same"},
    {"methods enforced: an origin off the list, a method on it", PUT " ; enforce_methods", "PUT" B,
     "actual origin_off_list"},
    {"methods enforced: an origin off the list, a method off it", PUT " ; enforce_methods", "PATCH"
     B, "actual method_off_list refused missing=PATCH"},
    {"methods enforced: some rule's method, an origin off the list", TWO " ; enforce_methods",
     "DELETE origin=https://c.example", "actual origin_off_list"},
    {"methods enforced: another rule's method", TWO " ; enforce_methods", "DELETE" A,
     "actual method_off_list rule=0 refused missing=DELETE"},
    {"methods enforced: any origin", ANY " ; enforce_methods", "PUT" A,
     "actual method_off_list rule=0 refused missing=PUT"},
    {"methods enforced: and others rejected", PUT " ; enforce_methods reject", "PATCH" B,
     "actual origin_off_list refused"},
    {"methods enforced: a preflight is answered", PUT " ; enforce_methods", "OPTIONS" A
     " asks=PATCH", "preflight method_off_list rule=0 missing=PATCH"},
    {"methods enforced: OPTIONS that is no preflight", PUT " ; enforce_methods", "OPTIONS" A,
     "actual method_off_list rule=0 refused missing=OPTIONS"},
};

enum { ROWS = sizeof rows / sizeof rows[0] };

TestSuite(verdict, .init = load_suffixes, .fini = unload_suffixes);

static void check(const char *name, const struct policy *policy, const char *text, const char *want)
{
    char bytes[512], got[512];
    struct request_text request;
    cr_assert(policy, "%s: no policy", name);
    read_request(text, bytes, sizeof bytes, &request);
    struct verdict verdict = verdict_of(policy, &request.request);
    verdict_text(&verdict, got, sizeof got);
    cr_expect_str_eq(got, want, "%s: %s", name, got);
    cr_expect_eq(verdict.origin_allowed, verdict.rule != NULL, "%s", name);
    cr_expect_neq(verdict.reason, REASON_NO_POLICY, "%s", name);
    cr_expect(!verdict.refused || !cors_reasons[verdict.reason].allowed, "%s: refused, and allowed",
              name);
}

Test(verdict, enforced)
{
    for (size_t i = 0; i < ROWS; i++) {
        struct policy *policy = policy_of(rows[i].policy, suffixes, NULL);
        check(rows[i].name, policy, rows[i].request, rows[i].want);
        policy_destroy(policy);
    }
}

/* Rule 17: report mode says what enforce mode would do. */
Test(verdict, reported)
{
    for (size_t i = 0; i < ROWS; i++) {
        char text[512];
        snprintf(text, sizeof text, "%s%s report", rows[i].policy,
                 strchr(rows[i].policy, ';') ? "" : " ;");
        struct policy *policy = policy_of(text, suffixes, NULL);
        check(rows[i].name, policy, rows[i].request, rows[i].want);
        policy_destroy(policy);
    }
}

Test(verdict, no_policy)
{
    char bytes[512];
    struct request_text request;
    for (size_t i = 0; i < ROWS; i++) {
        read_request(rows[i].request, bytes, sizeof bytes, &request);
        struct verdict verdict = verdict_of(NULL, &request.request);
        cr_expect_eq(verdict.kind, CORS_NONE);
        cr_expect_eq(verdict.reason, REASON_NO_POLICY);
        cr_expect(!verdict.refused && !verdict.origin_allowed && !verdict.rule);
    }
}

/* 32 KiB of names cost the reading of 32 KiB, whatever they are. */
Test(verdict, many_names)
{
    static char names[32768];
    struct policy *policy = policy_of(PUT, suffixes, NULL);
    struct str line = {names, sizeof names};
    struct cors_request request = {
        .method = STR("OPTIONS"), .n_origins = 1, .origin = STR("https://a.example"),
        .has_request_method = true, .n_request_method = 1, .request_method = STR("PUT"),
        .request_headers = &line, .n_request_headers = 1,
    };
    for (size_t i = 0; i < sizeof names; i++)
        names[i] = "x-a,"[i % 4];
    cr_expect_eq(verdict_of(policy, &request).reason, REASON_ALLOWED);
    memset(names, ',', sizeof names);
    cr_expect_eq(verdict_of(policy, &request).reason, REASON_ALLOWED);
    memset(names, 'x', sizeof names);
    cr_expect_eq(verdict_of(policy, &request).reason, REASON_HEADER_OFF_LIST);
    policy_destroy(policy);
}

Test(verdict, words)
{
    for (int i = 0; i < REASON_COUNT; i++) {
        cr_expect(cors_reasons[i].word.n && cors_reasons[i].prose.n);
        cr_expect_neq(cors_reasons[i].prose.p[cors_reasons[i].prose.n - 1], '.');
        for (int j = 0; j < i; j++)
            cr_expect(!str_eq(cors_reasons[i].word, cors_reasons[j].word));
    }
    for (int i = 0; i < CORS_KIND_COUNT; i++)
        cr_expect(cors_kind_words[i].n);
}
