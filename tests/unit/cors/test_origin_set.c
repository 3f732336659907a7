/* Many patterns, one look-up: against the naive reading, in order of rules, at size. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "corsd/cors/origin_set.h"
#include "corsd/cors/pattern.h"
#include "corsd/cors/public_suffix.h"
#include "oracle.h"
#include "rows.h"

static enum origin_set_added add(struct origin_set *set, const char *text, uint16_t rule,
                                 bool unbounded)
{
    struct pattern pattern;
    uint16_t earlier;
    cr_assert_eq(pattern_parse(str_of(text), &pattern, NULL), PATTERN_OK, "%s", text);
    return origin_set_add(set, &pattern, rule, unbounded, &earlier);
}

/* Of "A B / C" a set with A and B under rule 0, C under rule 1. */
static struct origin_set *set_of(const char *text)
{
    struct origin_set *set = origin_set_create(NULL);
    char words[512], *at = words, *word;
    uint16_t rule = 0;
    cr_assert(set);
    snprintf(words, sizeof words, "%s", text);
    while ((word = strsep(&at, " ")))
        if (strcmp(word, "/") == 0)
            rule++;
        else if (*word)
            cr_assert_neq(add(set, word, rule, false), ORIGIN_SET_NO_MEMORY);
    cr_assert(origin_set_seal(set));
    return set;
}

enum { NONE = ORIGIN_SET_NO_RULE };

static const struct {
    const char *name, *set, *origin;
    uint16_t want;
} find_rows[] = {
    {"an empty set", "", "https://a.example", NONE},
    {"an empty set, nothing asked", "", "", NONE},
    {"exact", "https://a.example", "https://a.example", 0},
    {"exact, another scheme", "https://a.example", "http://a.example", NONE},
    {"exact, a port too many", "https://a.example", "https://a.example:8443", NONE},
    {"exact, a name below", "https://a.example", "https://b.a.example", NONE},
    {"exact, longer", "https://a.example", "https://a.example.org", NONE},
    {"exact, shorter", "https://a.example", "https://a.exampl", NONE},
    {"exact, its end only", "https://a.example", "https://evila.example", NONE},
    {"exact, a final dot", "https://a.example", "https://a.example.", NONE},
    {"exact, in capitals", "https://a.example", "https://A.example", NONE},
    {"exact, a path", "https://a.example", "https://a.example/", NONE},
    {"exact, nothing", "https://a.example", "", NONE},
    {"null", "null https://a.example", "null", 0},
    {"null not listed", "https://a.example", "null", NONE},
    {"null under wildcards", "https://*.example.com", "null", NONE},
    {"another scheme", "tauri://localhost", "tauri://localhost", 0},
    {"the second rule", "https://a.example / https://b.example", "https://b.example", 1},
    {"the first of two equal", "https://a.example / https://a.example", "https://a.example", 0},
    {"labels, one", "https://*.example.com", "https://a.example.com", 0},
    {"labels, three", "https://*.example.com", "https://a.b.c.example.com", 0},
    {"labels, none", "https://*.example.com", "https://example.com", NONE},
    {"labels, an empty one", "https://*.example.com", "https://.example.com", NONE},
    {"labels, no dot", "https://*.example.com", "https://aexample.com", NONE},
    {"labels, another domain behind", "https://*.example.com", "https://a.example.com.evil.org",
     NONE},
    {"labels, another scheme", "https://*.example.com", "http://a.example.com", NONE},
    {"labels, a port", "https://*.example.com", "https://a.example.com:8443", NONE},
    {"labels, their port", "https://*.example.com:8443", "https://a.example.com:8443", 0},
    {"labels, not their port", "https://*.example.com:8443", "https://a.example.com", NONE},
    {"labels, any port", "https://*.example.com:*", "https://a.example.com:9", 0},
    {"labels, any port, none said", "https://*.example.com:*", "https://a.example.com", 0},
    {"labels, a final dot", "https://*.example.com", "https://a.example.com.", NONE},
    {"labels under a final dot", "https://*.example.com.", "https://a.example.com.", 0},
    {"labels with an underscore", "https://*.example.com", "https://a_b.example.com", 0},
    {"labels, a byte no host holds", "https://*.example.com", "https://a%.example.com", NONE},
    {"labels, in capitals", "https://*.example.com", "https://A.example.com", NONE},
    {"labels, a user", "https://*.example.com", "https://a@b.example.com", NONE},
    {"labels, no IPv6", "http://*.localhost", "http://[::1]", NONE},
    {"labels, no IPv4", "http://*.example.com", "http://1.2.3.4", NONE},
    {"labels under one label", "http://*.localhost", "http://app.localhost", 0},
    {"labels of another depth beside", "https://*.a.example.com https://*.example.org",
     "https://x.example.com", NONE},
    {"part", "https://pr-*.example.com", "https://pr-17.example.com", 0},
    {"part, one byte", "https://pr-*.example.com", "https://pr-1.example.com", 0},
    {"part, nothing", "https://pr-*.example.com", "https://pr-.example.com", NONE},
    {"part, more of -", "https://pr-*.example.com", "https://pr--.example.com", 0},
    {"part, no -", "https://pr-*.example.com", "https://pr17.example.com", NONE},
    {"part, never across a dot", "https://pr-*.example.com", "https://pr-1.2.example.com", NONE},
    {"part, a label above", "https://pr-*.example.com", "https://x.pr-1.example.com", NONE},
    {"part, another head", "https://pr-*.example.com", "https://xpr-1.example.com", NONE},
    {"part in front", "https://*-pr.example.com", "https://17-pr.example.com", 0},
    {"part in front, nothing", "https://*-pr.example.com", "https://-pr.example.com", NONE},
    {"part between", "https://pr-*-web.example.com", "https://pr-a-b-web.example.com", 0},
    {"part between, nothing", "https://pr-*-web.example.com", "https://pr--web.example.com", NONE},
    {"part between, overlapping", "https://pr-*-web.example.com", "https://pr-web.example.com",
     NONE},
    {"part, any port", "https://pr-*.example.com:*", "https://pr-1.example.com:81", 0},
    {"part, a port", "https://pr-*.example.com", "https://pr-1.example.com:81", NONE},
    {"two parts, the second's", "https://a-*.example.com / https://a-b-*.example.com",
     "https://a-b-c.example.com", 0},
    {"two parts, the longer first", "https://a-b-*.example.com / https://a-*.example.com",
     "https://a-b-c.example.com", 0},
    {"two parts, the shorter only", "https://a-b-*.example.com / https://a-*.example.com",
     "https://a-c.example.com", 1},
    {"any port, one said", "http://localhost:*", "http://localhost:3000", 0},
    {"any port, none said", "http://localhost:*", "http://localhost", 0},
    {"any port, another host", "http://localhost:*", "http://a.localhost:3000", NONE},
    {"any port of IPv6", "http://[::1]:*", "http://[::1]:3000", 0},
    {"any port of IPv4", "http://127.0.0.1:*", "http://127.0.0.1:3000", 0},
    {"any port, not any text", "http://localhost:*", "http://localhost:*", NONE},
    {"any port, a bad one", "http://localhost:*", "http://localhost:99999", NONE},
    {"a wildcard before an exact", "https://*.example.com / https://a.example.com",
     "https://a.example.com", 0},
    {"an exact before a wildcard", "https://a.example.com / https://*.example.com",
     "https://a.example.com", 0},
    {"the wildcard for the rest", "https://a.example.com / https://*.example.com",
     "https://b.example.com", 1},
    {"a wide wildcard first", "https://*.example.com / https://*.a.example.com",
     "https://x.a.example.com", 0},
    {"a narrow wildcard first", "https://*.a.example.com / https://*.example.com",
     "https://x.a.example.com", 0},
    {"past the narrow one", "https://*.a.example.com / https://*.example.com",
     "https://x.b.example.com", 1},
    {"any port before one port", "https://*.example.com:* / https://*.example.com:81",
     "https://a.example.com:81", 0},
    {"one port before any port", "https://*.example.com:81 / https://*.example.com:*",
     "https://a.example.com:81", 0},
    {"any port before exact", "http://localhost:* / http://localhost:3000", "http://localhost:3000",
     0},
    {"third of three", "https://a.example / https://*.b.example / https://c-*.d.example",
     "https://c-1.d.example", 2},
};

Test(origin_set, find)
{
    for (size_t i = 0; i < sizeof find_rows / sizeof find_rows[0]; i++) {
        struct origin_set *set = set_of(find_rows[i].set);
        cr_expect_eq(origin_set_find(set, str_of(find_rows[i].origin)), find_rows[i].want, "%s",
                     find_rows[i].name);
        origin_set_destroy(set);
    }
}

static const struct {
    const char *name, *set;
    bool want; /* whether the last rule decides for any origin */
} reach_rows[] = {
    {"alone", "https://a.example", true},
    {"beside another", "https://a.example / https://b.example", true},
    {"listed before", "https://a.example / https://a.example", false},
    {"one of two listed before", "https://a.example / https://a.example https://b.example", true},
    {"exact under labels", "https://*.example.com / https://a.example.com", false},
    {"exact under any port", "http://localhost:* / http://localhost:3000", false},
    {"exact under a part", "https://pr-*.example.com / https://pr-1.example.com", false},
    {"labels under exact", "https://a.example.com / https://*.example.com", true},
    {"labels under wider labels", "https://*.example.com / https://*.a.example.com", false},
    {"labels under narrower labels", "https://*.a.example.com / https://*.example.com", true},
    {"labels under labels of any port", "https://*.example.com:* / https://*.example.com", false},
    {"labels of any port under labels", "https://*.example.com / https://*.example.com:*", true},
    {"a part under labels", "https://*.example.com / https://pr-*.example.com", false},
    {"a part under wider labels", "https://*.example.com / https://pr-*.a.example.com", false},
    {"labels under a part", "https://pr-*.example.com / https://*.example.com", true},
    {"a part under a wider part", "https://pr-*.example.com / https://pr-x-*.example.com", false},
    {"a part under a narrower part", "https://pr-x-*.example.com / https://pr-*.example.com", true},
    {"a part under its front", "https://pr-*.example.com / https://pr-*-web.example.com", false},
    {"a part under its back", "https://*-web.example.com / https://pr-*-web.example.com", false},
    {"any port under any port's labels", "http://*.localhost:* / http://a.localhost:*", false},
    {"any port under labels", "http://*.localhost / http://a.localhost:*", true},
    {"null", "null / null", false},
    {"another scheme", "https://*.example.com / http://*.example.com", true},
    {"by two rules", "https://a.example / https://b.example / https://b.example https://a.example",
     false},
};

Test(origin_set, reaches)
{
    for (size_t i = 0; i < sizeof reach_rows / sizeof reach_rows[0]; i++) {
        struct origin_set *set = set_of(reach_rows[i].set);
        uint16_t last = 0;
        for (const char *c = reach_rows[i].set; *c; c++)
            last += *c == '/' && c[-1] == ' ';
        cr_expect_eq(origin_set_reaches(set, last), reach_rows[i].want, "%s", reach_rows[i].name);
        cr_expect(origin_set_reaches(set, 0), "%s", reach_rows[i].name);
        cr_expect(!origin_set_reaches(set, (uint16_t)(last + 1)), "%s", reach_rows[i].name);
        origin_set_destroy(set);
    }
}

Test(origin_set, twice)
{
    struct origin_set *set = origin_set_create(NULL);
    struct pattern pattern;
    uint16_t earlier = NONE;
    cr_expect_eq(add(set, "https://a.example", 0, false), ORIGIN_SET_ADDED);
    cr_expect_eq(add(set, "https://*.a.example", 0, false), ORIGIN_SET_ADDED);
    cr_expect_eq(add(set, "https://*.a.example:*", 0, false), ORIGIN_SET_ADDED);
    cr_expect_eq(add(set, "https://p-*.a.example", 3, false), ORIGIN_SET_ADDED);
    cr_expect_eq(add(set, "*", 3, false), ORIGIN_SET_ADDED);
    cr_expect_eq(add(set, "*", 3, false), ORIGIN_SET_ADDED);
    cr_assert_eq(pattern_parse(STR("https://P-*.A.example"), &pattern, NULL), PATTERN_OK);
    cr_expect_eq(origin_set_add(set, &pattern, 4, false, &earlier), ORIGIN_SET_TWICE);
    cr_expect_eq(earlier, 3);
    cr_expect_eq(add(set, "HTTPS://A.example:443", 4, false), ORIGIN_SET_TWICE);
    cr_assert(origin_set_seal(set));
    cr_expect_eq(origin_set_count(set), 4);
    origin_set_destroy(set);
}

Test(origin_set, destroyed_at_any_stage)
{
    origin_set_destroy(NULL);
    origin_set_destroy(origin_set_create(NULL));
    struct origin_set *set = origin_set_create(NULL);
    add(set, "https://a.example", 0, false);
    origin_set_destroy(set);
}

/* --- registrable domains ---------------------------------------------------------------------- */

static oracle_suffixes suffixes = {"com",           "org",       "s3.cloud.com",
                                   "x.y.cloud.com", "pages.org", NULL};

static struct public_suffixes *load_suffixes(void)
{
    char path[] = "/tmp/corsd-suffixes-XXXXXX";
    int fd = mkstemp(path);
    cr_assert(fd >= 0);
    for (size_t i = 0; suffixes[i]; i++)
        dprintf(fd, "%s\n", suffixes[i]);
    close(fd);
    struct public_suffixes *list = public_suffixes_load(path);
    cr_assert(list);
    unlink(path);
    return list;
}

Test(origin_set, registrable_domains)
{
    static const struct {
        const char *origin;
        bool bounded;
    } rows[] = {
        {"https://a.cloud.com", true},        {"https://a.b.cloud.com", true},
        {"https://s3.cloud.com", false},      {"https://me.s3.cloud.com", false},
        {"https://a.me.s3.cloud.com", false}, {"https://s33.cloud.com", true},
        {"https://y.cloud.com", true},        {"https://x.y.cloud.com", false},
        {"https://a.y.cloud.com", true},      {"https://a.x.y.cloud.com", false},
    };
    struct public_suffixes *list = load_suffixes();
    struct origin_set *bounded = origin_set_create(list), *unbounded = origin_set_create(list);
    add(bounded, "https://*.cloud.com", 0, false);
    add(unbounded, "https://*.cloud.com", 0, true);
    public_suffixes_unref(list); /* the sets keep it */
    cr_assert(origin_set_seal(bounded) && origin_set_seal(unbounded));
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct str origin = str_of(rows[i].origin);
        cr_expect_eq(origin_set_find(bounded, origin) == 0, rows[i].bounded, "%s", rows[i].origin);
        cr_expect_eq(origin_set_find(unbounded, origin), 0, "%s", rows[i].origin);
    }
    origin_set_destroy(bounded);
    origin_set_destroy(unbounded);
}

/* --- against the naive reading ---------------------------------------------------------------- */

static void random_host(uint64_t *state, char *out, size_t size, bool wild)
{
    const char *first = wild
                            ? ORACLE_ONE_OF(state, "*", "*", "a-*", "*-b", "a-*-b", "a-b-*", "-*")
                            : ORACLE_ONE_OF(state, "a", "b", "a-b", "a-x-b", "a--b", "a-b-c", "s3");
    size_t n = (size_t)snprintf(out, size, "%s", first);
    for (unsigned labels = oracle_pick(state, 3); labels; labels--)
        n += (size_t)snprintf(out + n, size - n, ".%s",
                              ORACLE_ONE_OF(state, "a", "a", "y", "x", "s3"));
    snprintf(out + n, size - n, ".%s%s",
             ORACLE_ONE_OF(state, "cloud.com", "cloud.com", "cloud.com", "localhost", "pages.org",
                           "com"),
             ORACLE_ONE_OF(state, "", "", "", "", "", "", "", "."));
}

static void random_origin(uint64_t *state, char *out, size_t size, bool wild)
{
    char host[200];
    random_host(state, host, sizeof host, wild);
    if (!oracle_pick(state, 12))
        snprintf(host, sizeof host, "%s", ORACLE_ONE_OF(state, "localhost", "127.0.0.1", "[::1]"));
    snprintf(out, size, "%s://%s%s", ORACLE_ONE_OF(state, "https", "https", "https", "http"), host,
             wild ? ORACLE_ONE_OF(state, "", "", ":81", ":*")
                  : ORACLE_ONE_OF(state, "", "", ":81", ":9"));
}

/* The naive answer: rules in order, each pattern of each. */
struct listed {
    struct pattern pattern;
    uint16_t rule;
    bool unbounded;
};

static uint16_t naive_find(const struct listed *listed, size_t n, struct str origin)
{
    for (size_t i = 0; i < n; i++)
        if (oracle_matches(listed[i].pattern.text, origin, listed[i].unbounded ? NULL : suffixes))
            return listed[i].rule;
    return NONE;
}

static size_t fill(uint64_t *state, struct origin_set *set, struct listed *listed, size_t max)
{
    size_t n = 0, want = oracle_pick(state, (unsigned)max + 1);
    uint16_t rule = 0;
    char text[300];
    while (n < want) {
        uint16_t earlier;
        random_origin(state, text, sizeof text, oracle_pick(state, 3));
        listed[n].unbounded = !oracle_pick(state, 4);
        if (pattern_parse(str_of(text), &listed[n].pattern, NULL) != PATTERN_OK)
            continue;
        rule = (uint16_t)(rule + !oracle_pick(state, 4));
        listed[n].rule = rule;
        cr_assert_neq(origin_set_add(set, &listed[n].pattern, rule, listed[n].unbounded, &earlier),
                      ORIGIN_SET_NO_MEMORY);
        n++;
    }
    return n;
}

Test(origin_set, as_the_naive_reading)
{
    static struct listed listed[40];
    struct public_suffixes *list = load_suffixes();
    uint64_t state = 20240607;
    size_t found = 0;
    char text[300];
    for (int round = 0; round < 3000; round++) {
        struct origin_set *set = origin_set_create(list);
        size_t n = fill(&state, set, listed, round % 40);
        cr_assert(origin_set_seal(set));
        for (int i = 0; i < 60; i++) {
            random_origin(&state, text, sizeof text, false);
            uint16_t want = naive_find(listed, n, str_of(text));
            found += want != NONE;
            uint16_t got = origin_set_find(set, str_of(text));
            cr_assert_eq(got, want, "round %d: %s: %u, not %u", round, text, got, want);
        }
        for (size_t i = 0; i < n; i++)
            if (listed[i].pattern.kind == PATTERN_EXACT)
                cr_assert_eq(origin_set_find(set, listed[i].pattern.text),
                             naive_find(listed, n, listed[i].pattern.text), "round %d", round);
        origin_set_destroy(set);
    }
    cr_expect_gt(found, 10000u, "only %zu matches: the generators are off", found);
    public_suffixes_unref(list);
}

/* A rule that the set calls unreachable decides for no origin; one that it calls reachable may. */
Test(origin_set, unreachable_means_never)
{
    static struct listed listed[12];
    struct public_suffixes *list = load_suffixes();
    uint64_t state = 7;
    char text[300];
    for (int round = 0; round < 1000; round++) {
        struct origin_set *set = origin_set_create(list);
        size_t n = fill(&state, set, listed, 12);
        cr_assert(origin_set_seal(set));
        for (int i = 0; i < 100; i++) {
            random_origin(&state, text, sizeof text, false);
            uint16_t rule = origin_set_find(set, str_of(text));
            cr_assert(rule == NONE || origin_set_reaches(set, rule), "round %d: %s", round, text);
        }
        (void)n;
        origin_set_destroy(set);
    }
    public_suffixes_unref(list);
}

/* --- at size ---------------------------------------------------------------------------------- */

Test(origin_set, a_hundred_thousand)
{
    enum { N = 100000 };
    struct origin_set *set = origin_set_create(NULL);
    char text[64];
    for (int i = 0; i < N; i++) {
        snprintf(text, sizeof text, "https://tenant-%d.example.com", i);
        cr_assert_eq(add(set, text, (uint16_t)(i / 2000), false), ORIGIN_SET_ADDED);
    }
    cr_assert_eq(add(set, "https://*.example.org", 50, false), ORIGIN_SET_ADDED);
    cr_assert(origin_set_seal(set));
    cr_expect_eq(origin_set_count(set), N + 1);
    for (int i = 0; i < N; i++) {
        snprintf(text, sizeof text, "https://tenant-%d.example.com", i);
        cr_assert_eq(origin_set_find(set, str_of(text)), i / 2000);
        text[4] = ':';
        cr_assert_eq(origin_set_find(set, str_of(text)), NONE);
    }
    cr_expect_eq(origin_set_find(set, STR("https://tenant-100000.example.com")), NONE);
    cr_expect_eq(origin_set_find(set, STR("https://a.example.org")), 50);
    origin_set_destroy(set);
}

Test(origin_set, every_size)
{
    for (int n = 0; n < 200; n++) {
        struct origin_set *set = origin_set_create(NULL);
        char text[64];
        for (int i = 0; i < n; i++) {
            snprintf(text, sizeof text, "https://%d.example", i);
            cr_assert_eq(add(set, text, (uint16_t)i, false), ORIGIN_SET_ADDED);
        }
        cr_assert(origin_set_seal(set));
        for (int i = 0; i < n + 3; i++) {
            snprintf(text, sizeof text, "https://%d.example", i);
            cr_assert_eq(origin_set_find(set, str_of(text)), i < n ? i : NONE);
        }
        origin_set_destroy(set);
    }
}

/* More labels than a look-up tells apart by their number. */
Test(origin_set, deep_domains)
{
    for (int labels = 60; labels < 70; labels++) {
        struct origin_set *set = origin_set_create(NULL);
        char text[300];
        size_t n = (size_t)snprintf(text, sizeof text, "https://*");
        for (int i = 0; i < labels; i++)
            n += (size_t)snprintf(text + n, sizeof text - n, ".a");
        cr_assert_eq(add(set, text, 0, false), ORIGIN_SET_ADDED);
        cr_assert(origin_set_seal(set));
        text[8] = 'b';
        cr_expect_eq(origin_set_find(set, str_of(text)), 0, "%d labels", labels);
        snprintf(text + n, sizeof text - n, ".a");
        cr_expect_eq(origin_set_find(set, str_of(text)), 0, "%d labels, one more", labels);
        snprintf(text + n, sizeof text - n, ".b");
        cr_expect_eq(origin_set_find(set, str_of(text)), NONE, "%d labels, another end", labels);
        origin_set_destroy(set);
    }
}

/* Labels and dashes without end cost little. */
Test(origin_set, hostile_origins)
{
    struct origin_set *set = set_of("https://*.example.com https://a-*-b.example.com");
    static char text[32768];
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = i % 2 ? '.' : 'a';
    memcpy(text, "https://", 8);
    for (size_t n = 0; n < sizeof text; n = n < 300 ? n + 1 : n * 2)
        cr_expect_eq(origin_set_find(set, (struct str){text, n}), NONE);
    memset(text + 8, '-', sizeof text - 8);
    for (size_t n = 0; n < 300; n++)
        cr_expect_eq(origin_set_find(set, (struct str){text, n}), NONE);
    origin_set_destroy(set);
}
