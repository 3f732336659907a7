/* Policies as compiled: what is refused, what is warned about, the lines made ready. */
#include "corsd/cors/policy.h"
#include "fixture.h"
#include "rows.h"
#include "suffixes.h"

TestSuite(policy, .init = load_suffixes, .fini = unload_suffixes);

static const struct {
    const char *name, *policy, *said;
} said_rows[] = {
    {"one origin", "origins=https://a.example", ""},
    {"any origin", "origins=*", ""},
    {"all keys",
     "origins=https://a.example methods=GET,PUT headers=X-A expose=X-B credentials age=7200 "
     "status=200", ""},
    {"credentials on loopback",
     "origins=http://localhost:*,http://127.0.0.1,http://[::1]:3000,http://a.localhost "
     "credentials", ""},
    {"credentials under another scheme", "origins=tauri://localhost credentials", ""},
    {"null without credentials", "origins=null", ""},
    {"labels under localhost", "origins=https://*.localhost", ""},
    {"labels and one name under them", "origins=https://*.example.com,https://a.example.com", ""},
    {"a file alone", "file=https://a.example,https://b.example", ""},

    {"no origins at all", "methods=GET", "rule error: allow_origins is missing\n"},
    {"an empty list", "origins=", "list error: the list of origins is empty\n"},
    {"an empty file", "file=", "list error: the list of origins is empty\n"},
    {"a bad origin", "origins=https://a.example/",
     "item error: \"https://a.example/\" ends in a slash\n"},
    {"a bad line in a file", "file=https://a.example,b.example",
     "item error: \"b.example\" has no scheme\n"},
    {"each bad origin", "origins=a,b,https://c.example",
     "item error: \"a\" has no scheme\nitem error: \"b\" has no scheme\n"},
    {"a star beside others", "origins=*,https://a.example",
     "item error: \"*\" stands beside other origins\n"},
    {"a star beside null", "origins=null,*", "item error: \"*\" stands beside other origins\n"},
    {"a star and credentials", "origins=* credentials",
     "item error: \"*\" cannot go with allow_credentials: true\n"},
    {"a star, others and credentials", "origins=https://a.example,* credentials",
     "item error: \"*\" stands beside other origins\nitem error: \"*\" cannot go with "
     "allow_credentials: true\n"},
    {"null with credentials", "origins=null credentials",
     "item error: \"null\" with allow_credentials lets every page in\n"},
    {"null with credentials, named dangerous", "origins=null credentials null+", ""},
    {"http", "origins=http://a.example", "item warning: \"http://a.example\" is not encrypted\n"},
    {"http, an address", "origins=http://10.1.2.3:80",
     "item warning: \"http://10.1.2.3\" is not encrypted\n"},
    {"http, labels", "origins=http://*.example.com",
     "item warning: \"http://*.example.com\" is not encrypted\n"},
    {"http, any port", "origins=http://a.example:*",
     "item warning: \"http://a.example:*\" is not encrypted\n"},
    {"http with credentials", "origins=http://a.example credentials",
     "item error: \"http://a.example\" is not encrypted, and allow_credentials is on\n"},
    {"http with credentials, named dangerous", "origins=http://a.example credentials http+", ""},
    {"http with credentials, the other danger named", "origins=http://a.example credentials null+",
     "item error: \"http://a.example\" is not encrypted, and allow_credentials is on\n"},
    {"a public suffix", "origins=https://*.github.io",
     "item error: \"https://*.github.io\" reaches everyone's sites\n"},
    {"a public suffix, named dangerous", "origins=https://*.github.io suffix+", ""},
    {"a part under a public suffix, named dangerous", "origins=https://pr-*.vercel.app suffix+",
     ""},
    {"twice", "origins=https://a.example,https://a.example",
     "item warning: \"https://a.example\" is listed twice\n"},
    {"twice, spelled otherwise", "origins=https://a.example,HTTPS://A.example:443",
     "item warning: \"https://a.example\" is listed twice\n"},
    {"labels twice", "origins=https://*.example.com,https://*.Example.com",
     "item warning: \"https://*.example.com\" is listed twice\n"},
    {"null twice", "origins=null,null", "item warning: \"null\" is listed twice\n"},
    {"a star twice", "origins=*,*",
     "item error: \"*\" stands beside other origins\nitem error: \"*\" stands beside other "
     "origins\n"},
    {"in two rules", "origins=https://a.example / origins=https://a.example,https://b.example",
     "item warning: \"https://a.example\" is listed in an earlier rule too\n"},
    {"a rule that repeats", "origins=https://a.example / origins=https://a.example",
     "item warning: \"https://a.example\" is listed in an earlier rule too\n"
     "rule warning: this rule can never match: earlier ones cover all its origins\n"},
    {"a rule under labels",
     "origins=https://*.example.com / origins=https://a.example.com credentials",
     "rule warning: this rule can never match: earlier ones cover all its origins\n"},
    {"a rule partly under labels",
     "origins=https://*.example.com / origins=https://a.example.com,https://example.com", ""},
    {"a rule behind a star", "origins=* / origins=https://a.example credentials",
     "rule warning: this rule can never match: an earlier one allows every origin\n"},
    {"a star behind a star", "origins=* / origins=*",
     "rule warning: this rule can never match: an earlier one allows every origin\n"},
    {"a star behind others", "origins=https://a.example credentials / origins=*", ""},

    {"max_age of 2h", "origins=https://a.example age=7200", ""},
    {"max_age above 2h", "origins=https://a.example age=7201",
     "rule warning: max_age is above 2h\n"},
    {"max_age of 24h", "origins=https://a.example age=86400",
     "rule warning: max_age is above 2h\n"},
    {"max_age above 24h", "origins=https://a.example age=86401",
     "rule error: max_age is above 24h\n"},
    {"max_age of nothing", "origins=https://a.example age=0", ""},
    {"status 202", "origins=https://a.example status=202", ""},
    {"another status", "origins=https://a.example status=404",
     "rule error: preflight_status 404 is not one that browsers and proxies agree on\n"},

    {"any method", "origins=https://a.example methods=*", ""},
    {"a method of one's own", "origins=https://a.example methods=FROB,frob,Ping", ""},
    {"an empty method list", "origins=https://a.example methods=",
     "list error: allow_methods is empty\n"},
    {"patch", "origins=https://a.example methods=patch",
     "item warning: \"patch\" is not PATCH: methods are case-sensitive\n"},
    {"Patch", "origins=https://a.example methods=Patch",
     "item warning: \"Patch\" is not PATCH: methods are case-sensitive\n"},
    {"get", "origins=https://a.example methods=get",
     "item warning: \"get\" never matches: methods are case-sensitive, and browsers send GET\n"},
    {"Delete", "origins=https://a.example methods=Delete",
     "item warning: \"Delete\" never matches: methods are case-sensitive, and browsers send "
     "DELETE\n"},
    {"CONNECT", "origins=https://a.example methods=CONNECT",
     "item error: \"CONNECT\" is a method that no page can send\n"},
    {"trace", "origins=https://a.example methods=trace",
     "item error: \"trace\" is a method that no page can send\n"},
    {"Track", "origins=https://a.example methods=GET,Track",
     "item error: \"Track\" is a method that no page can send\n"},
    {"no method", "origins=https://a.example methods=G@T", "item error: \"G@T\" is not a method\n"},
    {"a method twice", "origins=https://a.example methods=PUT,PUT",
     "item warning: \"PUT\" is listed twice\n"},
    {"methods that differ by case", "origins=https://a.example methods=PUT,Frob,FROB", ""},
    {"a star beside methods", "origins=https://a.example methods=*,PUT",
     "item warning: \"*\" beside it covers \"PUT\" already\n"},

    {"any header", "origins=https://a.example headers=*", ""},
    {"any header and Authorization", "origins=https://a.example headers=*,Authorization", ""},
    {"no header", "origins=https://a.example headers=", ""},
    {"a safelisted header", "origins=https://a.example headers=Accept,Content-Type,Range", ""},
    {"a star beside headers", "origins=https://a.example headers=X-A,*",
     "item warning: \"*\" beside it covers \"X-A\" already\n"},
    {"no header name", "origins=https://a.example headers=X:A",
     "item error: \"X:A\" is not a header name\n"},
    {"a name with its colon", "origins=https://a.example headers=X-A:",
     "item error: \"X-A:\" is not a header name\n"},
    {"a header twice", "origins=https://a.example headers=X-A,x-a",
     "item warning: \"x-a\" is listed twice\n"},
    {"Origin", "origins=https://a.example headers=Origin",
     "item warning: \"Origin\" needs no listing: the browser sets it, and no page can\n"},
    {"Cookie", "origins=https://a.example headers=cookie",
     "item warning: \"cookie\" needs no listing: the browser sets it, and no page can\n"},
    {"a Sec- header", "origins=https://a.example headers=Sec-Fetch-Site",
     "item warning: \"Sec-Fetch-Site\" needs no listing: the browser sets it, and no page can\n"},
    {"a response header", "origins=https://a.example headers=Access-Control-Allow-Origin",
     "item warning: \"Access-Control-Allow-Origin\" is a header of responses\n"},
    {"a request header of the protocol",
     "origins=https://a.example headers=Access-Control-Request-Headers",
     "item warning: \"Access-Control-Request-Headers\" needs no listing: the browser sets "
     "it, and no page can\n"},

    {"any exposed", "origins=https://a.example expose=*", ""},
    {"a star beside exposed", "origins=https://a.example expose=*,X-A",
     "item warning: \"*\" beside it covers \"X-A\" already\n"},
    {"Set-Cookie exposed", "origins=https://a.example expose=Set-Cookie",
     "item warning: \"Set-Cookie\" is never shown to pages\n"},
    {"no name exposed", "origins=https://a.example expose=X~A~(",
     "item error: \"X~A~(\" is not a header name\n"},

    {"cookies without secure", "origins=https://a.example ; same_site_none",
     "policy warning: browsers drop cookies with same_site: none that are not secure\n"},
    {"cookies with secure", "origins=https://a.example ; same_site_none secure", ""},
    {"partitioned without secure", "origins=https://a.example ; partitioned",
     "policy warning: browsers drop partitioned cookies that are not secure\n"},
    {"faults of each kind in one run",
     "origins=a,http://b.example methods=TRACE,get headers=( age=99999",
     "item error: \"a\" has no scheme\nitem warning: \"http://b.example\" is not encrypted\n"
     "rule error: max_age is above 24h\nitem error: \"TRACE\" is a method that no page can send\n"
     "item warning: \"get\" never matches: methods are case-sensitive, and browsers send GET\n"
     "item error: \"(\" is not a header name\n"},
    {"faults of each rule in one run", "origins=a / origins=b",
     "item error: \"a\" has no scheme\nitem error: \"b\" has no scheme\n"},
};

Test(policy, said)
{
    for (size_t i = 0; i < sizeof said_rows / sizeof said_rows[0]; i++) {
        struct said said = {0};
        struct policy *policy = policy_of(said_rows[i].policy, suffixes, &said);
        cr_expect_str_eq(said.text, said_rows[i].said, "%s: %s", said_rows[i].name, said.text);
        cr_expect_eq(policy == NULL, said.errors > 0, "%s", said_rows[i].name);
        policy_destroy(policy);
    }
}

/* --- ready lines ------------------------------------------------------------------------------ */

static const struct {
    const char *name, *policy, *preflight, *actual;
} line_rows[] = {
    {"defaults", "origins=https://a.example", "Access-Control-Allow-Methods: GET, HEAD, POST\r\n",
     ""},
    {"rule 2: whole lists, as written",
     "origins=https://a.example methods=PUT,DELETE headers=X-b,x-A age=7200",
     "Access-Control-Allow-Methods: PUT, DELETE\r\nAccess-Control-Allow-Headers: X-b, x-A\r\n"
     "Access-Control-Max-Age: 7200\r\n", ""},
    {"rule 4: what an actual response gets",
     "origins=https://a.example credentials expose=X-A,X-B age=1",
     "Access-Control-Allow-Credentials: true\r\nAccess-Control-Allow-Methods: GET, HEAD, POST\r\n"
     "Access-Control-Max-Age: 1\r\n",
     "Access-Control-Allow-Credentials: true\r\nAccess-Control-Expose-Headers: X-A, X-B\r\n"},
    {"rule 5: any origin", "origins=*",
     "Access-Control-Allow-Origin: *\r\nAccess-Control-Allow-Methods: GET, HEAD, POST\r\n",
     "Access-Control-Allow-Origin: *\r\n"},
    {"stars without credentials", "origins=https://a.example methods=* headers=* expose=*",
     "Access-Control-Allow-Methods: *\r\nAccess-Control-Allow-Headers: *\r\n",
     "Access-Control-Expose-Headers: *\r\n"},
    {"rule 6: no star with credentials",
     "origins=https://a.example methods=* headers=* expose=* credentials",
     "Access-Control-Allow-Credentials: true\r\n", "Access-Control-Allow-Credentials: true\r\n"},
    {"rule 6: a list beside a star",
     "origins=https://a.example methods=PUT headers=*,authorization credentials",
     "Access-Control-Allow-Credentials: true\r\nAccess-Control-Allow-Methods: PUT\r\n",
     "Access-Control-Allow-Credentials: true\r\n"},
    {"rule 7: Authorization beside a star", "origins=https://a.example headers=*,Authorization",
     "Access-Control-Allow-Methods: GET, HEAD, POST\r\nAccess-Control-Allow-Headers: "
     "*,authorization\r\n", ""},
    {"rule 7: in front of it", "origins=https://a.example headers=AUTHORIZATION,*",
     "Access-Control-Allow-Methods: GET, HEAD, POST\r\nAccess-Control-Allow-Headers: "
     "*,authorization\r\n", ""},
    {"max_age of nothing is sent", "origins=https://a.example age=0",
     "Access-Control-Allow-Methods: GET, HEAD, POST\r\nAccess-Control-Max-Age: 0\r\n", ""},
};

Test(policy, lines)
{
    for (size_t i = 0; i < sizeof line_rows / sizeof line_rows[0]; i++) {
        struct policy *policy = policy_of(line_rows[i].policy, suffixes, NULL);
        cr_assert(policy, "%s", line_rows[i].name);
        cr_expect(str_eq(policy->rules[0].preflight_lines, str_of(line_rows[i].preflight)),
                  "%s: %.*s", line_rows[i].name, STR_ARG(policy->rules[0].preflight_lines));
        cr_expect(str_eq(policy->rules[0].actual_lines, str_of(line_rows[i].actual)), "%s: %.*s",
                  line_rows[i].name, STR_ARG(policy->rules[0].actual_lines));
        policy_destroy(policy);
    }
}

/* --- the policy as a whole -------------------------------------------------------------------- */

static const struct {
    const char *name, *policy;
    bool vary_origin, star_always;
    int star_rule;
    const char *exact;
} whole_rows[] = {
    {"one origin", "origins=https://a.example", true, false, -1, "https://a.example"},
    {"any origin", "origins=*", false, true, 0, ""},
    {"any origin in each rule", "origins=* / origins=* headers=X-A", false, true, 0, ""},
    {"any origin last", "origins=https://a.example / origins=*", true, false, 1,
     "https://a.example"},
    {"any origin, methods enforced", "origins=* ; enforce_methods", true, true, 0, ""},
    {"any origin, others rejected", "origins=* ; reject", false, true, 0, ""},
    {"exact ones in order",
     "origins=https://b.example,null,https://*.c.example / origins=https://A.example",
     true, false, -1, "https://b.example, https://a.example"},
};

Test(policy, whole)
{
    for (size_t i = 0; i < sizeof whole_rows / sizeof whole_rows[0]; i++) {
        struct policy *policy = policy_of(whole_rows[i].policy, suffixes, NULL);
        cr_assert(policy, "%s", whole_rows[i].name);
        cr_expect_eq(policy->vary_origin, whole_rows[i].vary_origin, "%s", whole_rows[i].name);
        cr_expect_eq(policy->star_always, whole_rows[i].star_always, "%s", whole_rows[i].name);
        int star = policy->star_rule ? policy->star_rule->index : -1;
        cr_expect_eq(star, whole_rows[i].star_rule, "%s", whole_rows[i].name);
        cr_expect(str_eq(policy->exact_origins, str_of(whole_rows[i].exact)), "%s: %.*s",
                  whole_rows[i].name, STR_ARG(policy->exact_origins));
        policy_destroy(policy);
    }
}

static const struct {
    const char *name, *policy, *origin;
    int want; /* rule, or -1 */
} rule_rows[] = {
    {"listed", "origins=https://a.example", "https://a.example", 0},
    {"not listed", "origins=https://a.example", "https://b.example", -1},
    {"a star takes all", "origins=*", "https://b.example", 0},
    {"a star takes null", "origins=*", "null", 0},
    {"a star takes what is no origin", "origins=*", "what?", 0},
    {"a star takes nothing said", "origins=*", "", 0},
    {"before the star", "origins=https://a.example / origins=*", "https://a.example", 0},
    {"the star for the rest", "origins=https://a.example / origins=*", "https://b.example", 1},
    {"the star first", "origins=* / origins=https://a.example", "https://a.example", 0},
    {"labels before the star", "origins=https://*.example.com / origins=*", "https://a.example.com",
     0},
    {"the second list", "origins=https://a.example / origins=https://b.example",
     "https://b.example", 1},
    {"a wide rule first", "origins=https://*.example.com / origins=https://a.example.com",
     "https://a.example.com", 0},
    {"from the file", "file=https://a.example", "https://a.example", 0},
    {"across a registrable domain", "origins=https://*.amazonaws.com",
     "https://me.s3.amazonaws.com", -1},
    {"within it", "origins=https://*.amazonaws.com", "https://console.aws.amazonaws.com", 0},
    {"across it, named dangerous", "origins=https://*.amazonaws.com suffix+",
     "https://me.s3.amazonaws.com", 0},
};

Test(policy, rules)
{
    for (size_t i = 0; i < sizeof rule_rows / sizeof rule_rows[0]; i++) {
        struct policy *policy = policy_of(rule_rows[i].policy, suffixes, NULL);
        cr_assert(policy, "%s", rule_rows[i].name);
        const struct rule *rule = policy_rule_for(policy, str_of(rule_rows[i].origin));
        cr_expect_eq(rule ? rule->index : -1, rule_rows[i].want, "%s", rule_rows[i].name);
        policy_destroy(policy);
    }
}

Test(policy, allows)
{
    struct policy *policy =
        policy_of("origins=https://a.example methods=PUT headers=X-A,Authorization"
                  " / origins=https://b.example methods=* headers=*"
                  " / origins=https://c.example headers=*,Authorization",
                  suffixes, NULL);
    cr_assert(policy);
    const struct rule *listed = &policy->rules[0], *any = &policy->rules[1],
                      *all = &policy->rules[2];
    cr_expect(rule_allows_method(listed, STR("PUT")));
    cr_expect(!rule_allows_method(listed, STR("put")), "methods are case-sensitive");
    cr_expect(!rule_allows_method(listed, STR("GET")), "listing is asked, not the safelist");
    cr_expect(rule_allows_method(any, STR("FROB")));
    cr_expect(!rule_allows_method(any, STR("tRaCe")));
    cr_expect(!rule_allows_method(any, STR("CONNECT")));
    cr_expect(rule_allows_header(listed, STR("x-a")));
    cr_expect(rule_allows_header(listed, STR("AUTHORIZATION")));
    cr_expect(!rule_allows_header(listed, STR("x-ab")));
    cr_expect(rule_allows_header(any, STR("x-anything")));
    cr_expect(!rule_allows_header(any, STR("Authorization")), "rule 7");
    cr_expect(rule_allows_header(all, STR("authorization")));
    policy_destroy(policy);
}

/* 100,000 lines with the same mistake are not to make 100,000 warnings. */
Test(policy, long_files)
{
    enum { N = 1000 };
    static struct spec_text lines[2 * N];
    static char texts[N][40];
    struct said said = {0};
    for (size_t i = 0; i < N; i++) {
        snprintf(texts[i], sizeof texts[i], "http://%zu.example", i);
        lines[i] = (struct spec_text){str_of(texts[i]), NULL};
        lines[N + i] = (struct spec_text){str_of(texts[i]), NULL};
    }
    struct rule_spec rule = {.file_origins = {lines, 2 * N, "file"}};
    struct policy_spec spec = {.rules = &rule, .n_rules = 1};
    struct policy *policy = policy_create(&spec, NULL, note_fault, &said);
    cr_assert(policy);
    cr_expect(strstr(said.text, "file warning: 1995 more origins of the file are not encrypted\n"),
              "%s", said.text);
    cr_expect(strstr(said.text, "file warning: 995 more origins of the file are listed twice\n"),
              "%s", said.text);
    cr_expect_eq(policy->exact_origins.n <= 1024, true);
    cr_expect_gt(policy->exact_origins.n, 1000u);
    policy_destroy(policy);
}

Test(policy, without_a_list)
{
    struct said said = {0};
    cr_expect_null(policy_of("origins=https://*.example.com", NULL, &said));
    cr_expect_str_eq(said.text,
                     "item error: \"https://*.example.com\" cannot be checked: there is no "
                     "public suffix list\n");
    struct policy *policy = policy_of("origins=https://*.localhost,https://a.example", NULL, NULL);
    cr_expect(policy);
    policy_destroy(policy);
    policy_destroy(NULL);
}

Test(policy, no_rules)
{
    struct said said = {0};
    struct policy_spec spec = {.place = "policy"};
    cr_expect_null(policy_create(&spec, NULL, note_fault, &said));
    cr_expect_str_eq(said.text, "policy error: a policy has from 1 to 65534 rules\n");
}
