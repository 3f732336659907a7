/* DESIGN §2, rules 2 to 9: what a verdict puts into an answer's head, and what it takes out. */
#include "corsd/cors/headers.h"
#include "fixture.h"
#include "laws.h"
#include "rows.h"
#include "suffixes.h"

#define ONE "origins=https://a.example"
#define PUT "origins=https://a.example methods=PUT,DELETE headers=X-A,Content-Type age=600"
#define CRED "origins=https://a.example methods=* headers=* expose=* credentials"
#define STAR "origins=https://a.example methods=* headers=* expose=*"
#define ANY "origins=*"
#define MIX "origins=https://a.example credentials / origins=*"
#define A " origin=https://a.example"
#define B " origin=https://b.example"

#define ORIGIN_A "Access-Control-Allow-Origin: https://a.example\n"
#define ORIGIN_ANY "Access-Control-Allow-Origin: *\n"
#define CREDENTIALS "Access-Control-Allow-Credentials: true\n"
#define DEFAULT_METHODS "Access-Control-Allow-Methods: GET, HEAD, POST\n"
#define VARY "Vary: Origin\n"
#define ASKED "Access-Control-Request-Method, Access-Control-Request-Headers\n"
#define VARY_ASKED "Vary: Origin, " ASKED
#define VARY_ANY "Vary: " ASKED

static const struct {
    const char *name, *policy, *request;
    const char *fields; /* the backend's; NULL: the answer is corsd's own */
    const char *want;
} rows[] = {
    /* Rule 2: preflights. */
    {"2: defaults", ONE, "OPTIONS" A " asks=GET", NULL, ORIGIN_A DEFAULT_METHODS VARY_ASKED},
    {"2: whole lists, max age", PUT, "OPTIONS" A " asks=PUT names=x-a", NULL,
     ORIGIN_A "Access-Control-Allow-Methods: PUT, DELETE\n"
     "Access-Control-Allow-Headers: X-A, Content-Type\n"
     "Access-Control-Max-Age: 600\n" VARY_ASKED},
    {"2: the same where the method is off the list", PUT, "OPTIONS" A " asks=PATCH", NULL,
     ORIGIN_A "Access-Control-Allow-Methods: PUT, DELETE\n"
     "Access-Control-Allow-Headers: X-A, Content-Type\n"
     "Access-Control-Max-Age: 600\n" VARY_ASKED},
    {"2: the same where a header is off the list", PUT, "OPTIONS" A " asks=PUT names=x-q", NULL,
     ORIGIN_A "Access-Control-Allow-Methods: PUT, DELETE\n"
     "Access-Control-Allow-Headers: X-A, Content-Type\n"
     "Access-Control-Max-Age: 600\n" VARY_ASKED},
    {"2: the same where what is asked is garbage", PUT, "OPTIONS" A " asks=(( names=((", NULL,
     ORIGIN_A "Access-Control-Allow-Methods: PUT, DELETE\n"
     "Access-Control-Allow-Headers: X-A, Content-Type\n"
     "Access-Control-Max-Age: 600\n" VARY_ASKED},
    {"2: credentials", "origins=https://a.example credentials", "OPTIONS" A " asks=GET", NULL,
     ORIGIN_A CREDENTIALS DEFAULT_METHODS VARY_ASKED},
    {"2: the example of issue 3",
     "origins=https://app.example.re methods=GET,POST,PUT,DELETE age=7200",
     "OPTIONS origin=https://app.example.re asks=PUT", NULL,
     "Access-Control-Allow-Origin: https://app.example.re\n"
     "Access-Control-Allow-Methods: GET, POST, PUT, DELETE\n"
     "Access-Control-Max-Age: 7200\n" VARY_ASKED},
    {"2: null", "origins=null", "OPTIONS origin=null asks=GET", NULL,
     "Access-Control-Allow-Origin: null\n" DEFAULT_METHODS VARY_ASKED},
    {"2: another scheme", "origins=tauri://localhost", "OPTIONS origin=tauri://localhost asks=GET",
     NULL,
     "Access-Control-Allow-Origin: tauri://localhost\n" DEFAULT_METHODS VARY_ASKED},
    {"2: the second rule's", "origins=https://a.example / origins=https://b.example methods=PUT",
     "OPTIONS" B " asks=PUT", NULL,
     "Access-Control-Allow-Origin: https://b.example\nAccess-Control-Allow-Methods: PUT\n"
     VARY_ASKED},
    {"2: exposed names are not for preflights", "origins=https://a.example expose=X-A", "OPTIONS" A
     " asks=GET", NULL,
     ORIGIN_A DEFAULT_METHODS VARY_ASKED},
    {"2: nor are timing and resource policy", ONE " ; timing corp", "OPTIONS" A " asks=GET", NULL,
     ORIGIN_A DEFAULT_METHODS VARY_ASKED},

    /* Rule 3: refused. */
    {"3: off the list", PUT, "OPTIONS" B " asks=PUT", NULL, VARY_ASKED},
    {"3: null", PUT, "OPTIONS origin=null asks=PUT", NULL, VARY_ASKED},
    {"3: two origins", PUT, "OPTIONS" A A " asks=PUT", NULL, VARY_ASKED},
    {"3: rejected", ONE " ; reject", "GET" B, NULL, VARY},
    {"3: a handshake off the list", ONE, "GET" B " ws", NULL, VARY},

    /* Rule 4: actual responses. */
    {"4: the origin alone", PUT, "GET" A, "", ORIGIN_A VARY},
    {"4: credentials and exposed names",
     "origins=https://a.example credentials expose=X-A,X-B age=9", "GET" A, "",
     ORIGIN_A CREDENTIALS "Access-Control-Expose-Headers: X-A, X-B\n" VARY},
    {"4: any exposed", STAR, "GET" A, "X-A: 1", ORIGIN_A "Access-Control-Expose-Headers: *\n" VARY
     "X-A: 1\n"},
    {"4: off the list", PUT, "GET" B, "X-A: 1", VARY "X-A: 1\n"},
    {"4: no Origin", PUT, "GET", "X-A: 1", VARY "X-A: 1\n"},
    {"4: an OPTIONS that is no preflight", PUT, "OPTIONS" A, "", ORIGIN_A VARY},
    {"10: an answer of corsd's own", PUT, "GET" A, NULL, ORIGIN_A VARY},
    {"10: with credentials", "origins=https://a.example credentials", "GET" A, NULL, ORIGIN_A
     CREDENTIALS VARY},
    {"10: an enforced method's 403 can be read", PUT " ; enforce_methods", "PATCH" A, NULL, ORIGIN_A
     VARY},
    {"10: off the list", PUT, "GET" B, NULL, VARY},
    {"10: a handshake's 403 for its cookie", ONE, "GET" A " ws cookie", NULL, ORIGIN_A VARY},

    /* Rule 5: the star. */
    {"5: on every response", ANY, "GET" A, "", ORIGIN_ANY},
    {"5: without an Origin", ANY, "GET", "X-A: 1", ORIGIN_ANY "X-A: 1\n"},
    {"5: whatever the Origin looks like", ANY, "GET origin=what", "", ORIGIN_ANY},
    {"5: two of them", ANY, "GET" A B, "", ORIGIN_ANY},
    {"5: on own answers", ANY, "GET", NULL, ORIGIN_ANY},
    {"5: preflights", ANY, "OPTIONS" A " asks=GET", NULL, ORIGIN_ANY DEFAULT_METHODS VARY_ANY},
    {"5: preflights of what is no origin", ANY, "OPTIONS origin=what asks=GET", NULL, ORIGIN_ANY
     DEFAULT_METHODS VARY_ANY},
    {"5: every rule a star", "origins=* methods=PUT / origins=*", "GET", "", ORIGIN_ANY},
    {"5: among others, the star", MIX, "GET" B, "", ORIGIN_ANY VARY},
    {"5: among others, the other", MIX, "GET" A, "", ORIGIN_A CREDENTIALS VARY},
    {"5: among others, no Origin", MIX, "GET", "", VARY},
    {"5: among others, what is no origin", MIX, "GET origin=what", "", ORIGIN_ANY VARY},
    {"5: among others, a preflight", MIX, "OPTIONS" B " asks=GET", NULL, ORIGIN_ANY DEFAULT_METHODS
     VARY_ASKED},
    {"5: methods enforced, the answer depends on the origin", ANY " ; enforce_methods", "GET" A, "",
     ORIGIN_ANY VARY},
    {"5: methods enforced, no Origin", ANY " ; enforce_methods", "PUT", "", ORIGIN_ANY VARY},
    {"5: the star exposes", "origins=* expose=*", "GET", "", ORIGIN_ANY
     "Access-Control-Expose-Headers: *\n"},

    /* Rule 6: no star with credentials. */
    {"6: the method asked for", CRED, "OPTIONS" A " asks=FROB", NULL,
     ORIGIN_A CREDENTIALS "Access-Control-Allow-Methods: FROB\n" VARY_ASKED},
    {"6: the headers asked for, as they were asked", CRED, "OPTIONS" A " asks=PUT names=x-a,X-B",
     NULL,
     ORIGIN_A CREDENTIALS
     "Access-Control-Allow-Methods: PUT\nAccess-Control-Allow-Headers: x-a, X-B\n" VARY_ASKED},
    {"6: over lines and white space", CRED, "OPTIONS" A " asks=PUT names=~x-a~,, names= names=x-b",
     NULL,
     ORIGIN_A CREDENTIALS
     "Access-Control-Allow-Methods: PUT\nAccess-Control-Allow-Headers: x-a, x-b\n" VARY_ASKED},
    {"6: valid tokens only", CRED, "OPTIONS" A " asks=P(T names=x-a,x(b,x-c", NULL,
     ORIGIN_A CREDENTIALS "Access-Control-Allow-Headers: x-a, x-c\n" VARY_ASKED},
    {"6: no valid token, no line", CRED, "OPTIONS" A " asks=PUT names=(,),x~y", NULL,
     ORIGIN_A CREDENTIALS "Access-Control-Allow-Methods: PUT\n" VARY_ASKED},
    {"6: a star asked for is not echoed", CRED, "OPTIONS" A " asks=* names=*,x-a,*", NULL,
     ORIGIN_A CREDENTIALS "Access-Control-Allow-Headers: x-a\n" VARY_ASKED},
    {"6: two methods are not echoed", CRED, "OPTIONS" A " asks=PUT asks=GET", NULL, ORIGIN_A
     CREDENTIALS VARY_ASKED},
    {"6: TRACE is not echoed", CRED, "OPTIONS" A " asks=TRACE", NULL, ORIGIN_A CREDENTIALS
     VARY_ASKED},
    {"6: authorization where it is listed only", CRED, "OPTIONS" A
     " asks=PUT names=authorization,x-a", NULL,
     ORIGIN_A CREDENTIALS "Access-Control-Allow-Methods: PUT\nAccess-Control-Allow-Headers: x-a\n"
     VARY_ASKED},
    {"6: authorization, listed", "origins=https://a.example headers=*,Authorization credentials",
     "OPTIONS" A " asks=GET names=authorization,x-a", NULL,
     ORIGIN_A CREDENTIALS DEFAULT_METHODS "Access-Control-Allow-Headers: authorization, x-a\n"
     VARY_ASKED},
    {"6: no header asked for", CRED, "OPTIONS" A " asks=GET", NULL,
     ORIGIN_A CREDENTIALS "Access-Control-Allow-Methods: GET\n" VARY_ASKED},
    {"6: max age comes before what is echoed",
     "origins=https://a.example headers=* credentials age=5",
     "OPTIONS" A " asks=GET names=x-a", NULL,
     ORIGIN_A CREDENTIALS DEFAULT_METHODS
     "Access-Control-Max-Age: 5\nAccess-Control-Allow-Headers: x-a\n" VARY_ASKED},
    {"6: the response's own names", CRED, "GET" A, "X-A: 1|X-B: 2",
     ORIGIN_A CREDENTIALS "Access-Control-Expose-Headers: X-A, X-B\n" VARY "X-A: 1\nX-B: 2\n"},
    {"6: each once", CRED, "GET" A, "Link: 1|X-A: 1|link: 2",
     ORIGIN_A CREDENTIALS "Access-Control-Expose-Headers: Link, X-A\n" VARY
     "Link: 1\nX-A: 1\nlink: 2\n"},
    {"6: less Set-Cookie, safelisted and hop-by-hop ones", CRED, "GET" A,
     "Set-Cookie: a|set-cookie2: b|Cache-Control: c|Content-Language: d|CONTENT-LENGTH: "
     "1|Content-Type: e|Expires: f|"
     "Last-Modified: g|Pragma: h|Connection: close, x-hop|X-Hop: i|Keep-Alive: "
     "j|Transfer-Encoding: k|ETag: l",
     ORIGIN_A CREDENTIALS "Access-Control-Expose-Headers: ETag\n" VARY
     "Set-Cookie: a\nset-cookie2: b\nCache-Control: c\nContent-Language: d\n"
     "CONTENT-LENGTH: 1\nContent-Type: e\n"
     "Expires: f\nLast-Modified: g\nPragma: h\nConnection: close, x-hop\nX-Hop: i\nKeep-Alive: j\n"
     "Transfer-Encoding: k\nETag: l\n"},
    {"6: nothing to expose", CRED, "GET" A, "Content-Type: a", ORIGIN_A CREDENTIALS VARY
     "Content-Type: a\n"},
    {"6: no foreign names", CRED, "GET" A, "Access-Control-Expose-Headers: *|X-A: 1",
     ORIGIN_A CREDENTIALS "Access-Control-Expose-Headers: X-A\n" VARY "X-A: 1\n"},
    {"6: a header named *", CRED, "GET" A, "*: 1|X-A: 1",
     ORIGIN_A CREDENTIALS "Access-Control-Expose-Headers: X-A\n" VARY "*: 1\nX-A: 1\n"},
    {"6: off the list nothing is exposed", CRED, "GET" B, "X-A: 1", VARY "X-A: 1\n"},

    /* Rule 7. */
    {"7: authorization beside the star", "origins=https://a.example headers=*,Authorization",
     "OPTIONS" A " asks=GET names=x-q", NULL,
     ORIGIN_A DEFAULT_METHODS "Access-Control-Allow-Headers: *,authorization\n" VARY_ASKED},
    {"7: the star alone", STAR, "OPTIONS" A " asks=GET names=x-q", NULL,
     ORIGIN_A "Access-Control-Allow-Methods: *\nAccess-Control-Allow-Headers: *\n" VARY_ASKED},

    /* Rule 8: Vary. */
    {"8: added", ONE, "GET" A, "X-A: 1", ORIGIN_A VARY "X-A: 1\n"},
    {"8: merged", ONE, "GET" A, "Vary: Accept-Encoding", ORIGIN_A
     "Vary: Accept-Encoding, Origin\n"},
    {"8: merged from several", ONE, "GET" A, "Vary: Accept|X-A: 1|vary: Cookie , User-Agent",
     ORIGIN_A "Vary: Accept, Cookie, User-Agent, Origin\nX-A: 1\n"},
    {"8: there already", ONE, "GET" A, "Vary: Origin", ORIGIN_A "Vary: Origin\n"},
    {"8: there already, in lower case", ONE, "GET" A, "Vary: accept, origin", ORIGIN_A
     "Vary: accept, origin\n"},
    {"8: never twice", ONE, "GET" A, "Vary: Origin, Accept, origin", ORIGIN_A
     "Vary: Origin, Accept\n"},
    {"8: never twice over two fields", ONE, "GET" A, "Vary: Origin|Vary: ORIGIN", ORIGIN_A
     "Vary: Origin\n"},
    {"8: a star stays", ONE, "GET" A, "Vary: *", ORIGIN_A "Vary: *\n"},
    {"8: a star among others stays", ONE, "GET" A, "Vary: Accept|Vary: *", ORIGIN_A
     "Vary: Accept\nVary: *\n"},
    {"8: an empty one", ONE, "GET" A, "Vary: ", ORIGIN_A VARY},
    {"8: commas alone", ONE, "GET" A, "Vary: ,,", ORIGIN_A VARY},
    {"8: for no Origin", ONE, "GET", "Vary: Accept", "Vary: Accept, Origin\n"},
    {"8: for an origin off the list", ONE, "GET" B, "Vary: Accept", "Vary: Accept, Origin\n"},
    {"8: under the star the backend's own stays", ANY, "GET" A, "Vary: Accept", ORIGIN_ANY
     "Vary: Accept\n"},
    {"8: even Origin", ANY, "GET" A, "Vary: Origin", ORIGIN_ANY "Vary: Origin\n"},
    {"8: a quote hides nothing", ONE, "GET" A, "Vary: \"a, Origin", ORIGIN_A VARY},
    {"8: what is no name goes", ONE, "GET" A, "Vary: Accept, a b, (, Cookie", ORIGIN_A
     "Vary: Accept, Cookie, Origin\n"},
    {"8: part of a name is another name", ONE, "GET" A, "Vary: Origin-Trial, X-Origin", ORIGIN_A
     "Vary: Origin-Trial, X-Origin, Origin\n"},

    /* Rule 9: replace and keep. */
    {"9: foreign headers go", ONE, "GET" A,
     "Access-Control-Allow-Origin: *|ACCESS-CONTROL-ALLOW-CREDENTIALS: "
     "true|access-control-allow-methods: X|X-A: 1|"
     "Access-Control-Anything: y|Access-Control-Allow-Origin: https://c.example",
     ORIGIN_A VARY "X-A: 1\n"},
    {"9: for an origin off the list too", ONE, "GET" B, "Access-Control-Allow-Origin: *|X-A: 1",
     VARY "X-A: 1\n"},
    {"9: without an Origin too", ONE, "GET", "Access-Control-Allow-Origin: *", VARY},
    {"9: request headers in a response too", ONE, "GET",
     "Access-Control-Request-Method: x|Access-Control-Request-Headers: "
     "y|Access-Control-Request-Private-Network: z", VARY},
    {"9: under the star", ANY, "GET", "Access-Control-Allow-Origin: https://c.example", ORIGIN_ANY},
    {"9: names that only begin alike stay", ONE, "GET" A,
     "Access-Control: 1|X-Access-Control-Allow-Origin: 2",
     ORIGIN_A VARY "Access-Control: 1\nX-Access-Control-Allow-Origin: 2\n"},
    {"9: keep, the backend's own", ONE " ; keep", "GET" A,
     "Access-Control-Allow-Origin: https://c.example|Access-Control-Max-Age: 9",
     VARY "Access-Control-Allow-Origin: https://c.example\nAccess-Control-Max-Age: 9\n"},
    {"9: keep, for an origin off the list", ONE " ; keep", "GET" B,
     "access-control-allow-origin: *", VARY "access-control-allow-origin: *\n"},
    {"9: keep, the backend said nothing", ONE " ; keep", "GET" A, "X-A: 1", ORIGIN_A VARY
     "X-A: 1\n"},
    {"9: keep, the backend said half", ONE " ; keep", "GET" A,
     "Access-Control-Allow-Credentials: true", ORIGIN_A VARY},
    {"9: keep, Vary merges", ONE " ; keep", "GET" A, "Access-Control-Allow-Origin: *|Vary: Accept",
     "Vary: Accept, Origin\nAccess-Control-Allow-Origin: *\n"},
    {"9: keep, own answers are ours", ONE " ; keep", "GET" A, NULL, ORIGIN_A VARY},
    {"9: keep, preflights are ours", ONE " ; keep", "OPTIONS" A " asks=GET", NULL, ORIGIN_A
     DEFAULT_METHODS VARY_ASKED},

    /* The rest of §1. */
    {"private network, asked", ONE " ; pna", "OPTIONS" A " asks=GET pna", NULL,
     ORIGIN_A DEFAULT_METHODS "Access-Control-Allow-Private-Network: true\n" VARY_ASKED},
    {"private network, not asked", ONE " ; pna", "OPTIONS" A " asks=GET", NULL, ORIGIN_A
     DEFAULT_METHODS VARY_ASKED},
    {"private network, not allowed", ONE, "OPTIONS" A " asks=GET pna", NULL, ORIGIN_A
     DEFAULT_METHODS VARY_ASKED},
    {"private network, off the list", ONE " ; pna", "OPTIONS" B " asks=GET pna", NULL, VARY_ASKED},
    {"private network, an actual request", ONE " ; pna", "GET" A " pna", "", ORIGIN_A VARY},
    {"timing, allowed", ONE " ; timing", "GET" A, "", ORIGIN_A
     "Timing-Allow-Origin: https://a.example\n" VARY},
    {"timing, off the list", ONE " ; timing", "GET" B, "", VARY},
    {"timing, no Origin",
     "origins=https://a.example,https://b.example,https://*.c.example ; timing", "GET", "",
     "Timing-Allow-Origin: https://a.example, https://b.example\n" VARY},
    {"timing, no Origin and no exact one", "origins=https://*.c.example ; timing", "GET", "", VARY},
    {"timing, the star", ANY " ; timing", "GET", "", ORIGIN_ANY "Timing-Allow-Origin: *\n"},
    {"timing, the star and an origin", ANY " ; timing", "GET" A, "", ORIGIN_ANY
     "Timing-Allow-Origin: *\n"},
    {"timing, any", ONE " ; timing_any", "GET" B, "", "Timing-Allow-Origin: *\n" VARY},
    {"timing, a star among others, no Origin", MIX " ; timing", "GET", "",
     "Timing-Allow-Origin: *\n" VARY},
    {"timing, null", "origins=null ; timing", "GET origin=null", "",
     "Access-Control-Allow-Origin: null\nTiming-Allow-Origin: null\n" VARY},
    {"resource policy", ONE " ; corp", "GET", "", "Cross-Origin-Resource-Policy: cross-origin\n"
     VARY},
    {"resource policy, same-site", ONE " ; corp_site", "GET" A, "", ORIGIN_A
     "Cross-Origin-Resource-Policy: same-site\n" VARY},
    {"resource policy, same-origin", ONE " ; corp_own", "GET" B, "",
     "Cross-Origin-Resource-Policy: same-origin\n" VARY},
    {"resource policy, the backend's stays", ONE " ; corp", "GET",
     "cross-origin-resource-policy: same-site",
     VARY "cross-origin-resource-policy: same-site\n"},
    {"resource policy under keep", ONE " ; corp keep", "GET" A, "Access-Control-Allow-Origin: *",
     "Cross-Origin-Resource-Policy: cross-origin\n" VARY "Access-Control-Allow-Origin: *\n"},
    {"a handshake's 101", ONE, "GET" A " ws", "Upgrade: websocket", ORIGIN_A VARY
     "Upgrade: websocket\n"},
};

enum { ROWS = sizeof rows / sizeof rows[0] };

TestSuite(headers, .init = load_suffixes, .fini = unload_suffixes);

struct answer {
    struct buf lines;
    struct field fields[FIELDS];
    size_t n;
    struct verdict verdict;
    bool backends_own; /* upstream_headers: keep held */
};

static void answer(const struct policy *policy, const struct cors_request *request,
                   const char *fields, struct answer *out)
{
    *out = (struct answer){.lines = BUF_INIT(1 << 20), .verdict = verdict_of(policy, request)};
    bool own = out->verdict.kind == CORS_PREFLIGHT || out->verdict.refused; /* no backend spoke */
    out->n = read_fields(fields && !own ? fields : "", out->fields);
    for (size_t i = 0; i < out->n; i++)
        if (out->fields[i].id == FIELD_ACCESS_CONTROL_ALLOW_ORIGIN && policy &&
            policy->traits.upstream_headers == UPSTREAM_HEADERS_KEEP)
            out->backends_own = true;
    write_answer(&out->lines, policy, &out->verdict, request, out->fields, out->n);
}

Test(headers, enforced)
{
    for (size_t i = 0; i < ROWS; i++) {
        char bytes[512], got[4096];
        struct request_text request;
        struct answer out;
        struct policy *policy = policy_of(rows[i].policy, suffixes, NULL);
        cr_assert(policy, "%s: no policy", rows[i].name);
        read_request(rows[i].request, bytes, sizeof bytes, &request);
        answer(policy, &request.request, rows[i].fields, &out);
        response_text(&out.lines, out.fields, out.n, got, sizeof got);
        cr_expect_str_eq(got, rows[i].want, "%s:\n%s", rows[i].name, got);
        buf_finish(&out.lines);
        policy_destroy(policy);
    }
}

static void check_untouched(const char *name, const struct policy *policy, const char *text,
                            const char *fields)
{
    char bytes[512];
    struct request_text request;
    struct answer out;
    read_request(text, bytes, sizeof bytes, &request);
    answer(policy, &request.request, fields, &out);
    cr_expect_eq(out.lines.n, 0, "%s: %.*s", name, STR_ARG(out.lines));
    cr_expect_null(out.lines.p, "%s", name);
    for (size_t i = 0; i < out.n; i++)
        cr_expect(!out.fields[i].dropped, "%s", name);
}

/* Rule 17: report mode is the identity; so is a route without a policy. */
Test(headers, reported)
{
    for (size_t i = 0; i < ROWS; i++) {
        char text[512];
        snprintf(text, sizeof text, "%s%s report", rows[i].policy,
                 strchr(rows[i].policy, ';') ? "" : " ;");
        struct policy *policy = policy_of(text, suffixes, NULL);
        cr_assert(policy, "%s: no policy", rows[i].name);
        check_untouched(rows[i].name, policy, rows[i].request, rows[i].fields);
        check_untouched(rows[i].name, NULL, rows[i].request, rows[i].fields);
        policy_destroy(policy);
    }
}

/* Each policy of the table with every eleventh pair of a request and a response of it. */
Test(headers, laws)
{
    for (size_t i = 0; i < ROWS; i++) {
        struct policy *policy = policy_of(rows[i].policy, suffixes, NULL);
        cr_assert(policy, "%s: no policy", rows[i].name);
        for (size_t j = i % 11; j < ROWS * ROWS; j += 11) {
            char bytes[512];
            struct request_text request;
            struct answer out;
            struct sent sent;
            const char *fields = rows[j / ROWS].fields, *asked = rows[j % ROWS].request;
            read_request(asked, bytes, sizeof bytes, &request);
            answer(policy, &request.request, fields, &out);
            bool readable = read_sent(&out.lines, out.fields, out.n, &sent);
            cr_assert(readable, "%s / %s / %s", rows[i].policy, asked, fields);
            const char *broken =
                broken_law(policy, &out.verdict, &request.request, &sent, out.backends_own);
            cr_assert_null(broken, "%s: %s / %s / %s", broken, rows[i].policy, asked, fields);
            buf_finish(&out.lines);
        }
        policy_destroy(policy);
    }
}

/* A head that is full: whole lines or none, and the buf says so. */
Test(headers, no_room)
{
    static const char *const policies[] = {CRED " ; pna timing corp", PUT, ANY " ; timing"};
    static const char *const requests[] = {"OPTIONS" A " asks=PUT names=x-a,x-b,x-c pna", "GET" A};
    for (size_t i = 0; i < 6; i++) {
        char bytes[512];
        struct request_text request;
        struct policy *policy = policy_of(policies[i / 2], suffixes, NULL);
        read_request(requests[i % 2], bytes, sizeof bytes, &request);
        struct verdict verdict = verdict_of(policy, &request.request);
        bool fits = false;
        for (size_t max = 0; !fits; max++) {
            struct field fields[FIELDS];
            struct sent sent;
            size_t n = read_fields("X-A: 1|X-B: 2|Vary: Accept", fields);
            struct buf out = BUF_INIT(max);
            write_answer(&out, policy, &verdict, &request.request, fields, n);
            cr_assert(read_sent(&out, fields, 0, &sent), "%zu: %.*s", max, STR_ARG(out));
            fits = !out.failed;
            buf_finish(&out);
        }
        policy_destroy(policy);
    }
}

/* --- the laws of Vary, on random lists -------------------------------------------------------- */

static size_t random_vary(uint64_t *state, char *bytes, size_t size, struct field *fields)
{
    static const char *const words[] = {
        "Origin", "origin", "Accept", "Cookie", "Access-Control-Request-Method",
        "access-control-request-headers", "", " ", "X-Origin", "*",
    };
    size_t n = 0, at = 0;
    for (unsigned lines = (unsigned)(*state >> 60) % 4; lines; lines--) {
        size_t from = at;
        for (;;) {
            *state = *state * UINT64_C(6364136223846793005) + 1442695040888963407;
            unsigned word = (unsigned)(*state >> 33) % 40;
            at += (size_t)snprintf(bytes + at, size - at, "%s%s", at > from ? "," : "",
                                   words[word < 10 ? word : word % 9]);
            if (*state >> 62 == 0 || at + 64 > size)
                break;
        }
        fields[n++] = (struct field){STR("Vary"), {bytes + from, at - from}, FIELD_VARY, false};
    }
    return n;
}

Test(headers, vary_laws)
{
    struct policy *policies[] = {policy_of(ONE, suffixes, NULL), policy_of(ANY, suffixes, NULL)};
    uint64_t state = 99;
    for (int round = 0; round < 20000; round++) {
        char bytes[1024];
        struct field fields[8];
        struct sent before, after;
        struct buf none = {0}, out = BUF_INIT(1 << 16);
        bool preflight = round & 1;
        state = state * UINT64_C(6364136223846793005) + 1442695040888963407;
        size_t n = random_vary(&state, bytes, sizeof bytes, fields);
        const struct policy *policy = policies[round / 2 % 2];
        read_sent(&none, fields, n, &before);
        cors_vary_line(&out, policy, preflight, fields, n);
        cr_assert(read_sent(&out, fields, n, &after));

        const char *broken = broken_vary_law(policy, preflight, &before, &after);
        cr_assert_null(broken, "%s: %.*s", broken, STR_ARG(out));
        /* Once more changes nothing: it is said already. */
        struct buf again = BUF_INIT(1 << 16);
        cors_vary_line(&again, policy, preflight, after.fields, after.n);
        cr_assert_eq(again.n, 0, "%d: %.*s", round, STR_ARG(again));
        buf_finish(&out);
    }
    policy_destroy(policies[0]);
    policy_destroy(policies[1]);
}
