#include <stdio.h>
#include <stdlib.h>
#include <criterion/criterion.h>
#include "corsd/plan/route.h"

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))

static const struct route routes[] = {
    {.host = STR_INIT(""), .path = STR_INIT("/"), .name = STR_INIT("any")},
    {.host = STR_INIT(""), .path = STR_INIT("/api"), .name = STR_INIT("any/api")},
    {.host = STR_INIT(""), .path = STR_INIT("/API2"), .name = STR_INIT("any/API2")},
    {.host = STR_INIT(""), .path = STR_INIT("/api/v1/users"), .name = STR_INIT("any/users")},
    {.host = STR_INIT("a.example"), .path = STR_INIT("/"), .name = STR_INIT("a")},
    {.host = STR_INIT("a.example"), .path = STR_INIT("/x"), .name = STR_INIT("a/x")},
    {.host = STR_INIT("b.example"), .path = STR_INIT("/only"), .name = STR_INIT("b/only")},
    {.host = STR_INIT("*.example"), .path = STR_INIT("/wild"), .name = STR_INIT("wild")},
    {.host = STR_INIT("*.deep.example"), .path = STR_INIT("/"), .name = STR_INIT("deep")},
    {.host = STR_INIT("plain.test"), .path = STR_INIT("/"), .name = STR_INIT("plain")},
};

static const struct {
    const char *name, *host, *path, *want;
} find_rows[] = {
    {"the root", "", "/", "any"},
    {"any other path", "", "/other", "any"},
    {"a path itself", "", "/api", "any/api"},
    {"below it", "", "/api/x/y/z", "any/api"},
    {"no segment boundary", "", "/apis", "any"},
    {"the longest wins", "", "/api/v1/users/7", "any/users"},
    {"between two", "", "/api/v1", "any/api"},
    {"an empty segment is a segment", "", "//api", "any"},
    {"an empty segment behind", "", "/api//v1/users", "any/api"},
    {"case counts", "", "/API", "any"},
    {"no path at all", "", "", "any"},
    {"without a slash", "", "api", "any"},
    {"the exact host", "a.example", "/", "a"},
    {"the exact host's path", "a.example", "/x/y", "a/x"},
    {"the exact host before the path", "a.example", "/api/v1/users", "a"},
    {"the exact host before the wildcard", "a.example", "/wild", "a"},
    {"the next host where the path does not match", "b.example", "/wild/x", "wild"},
    {"and the next", "b.example", "/api", "any/api"},
    {"the host that does", "b.example", "/only", "b/only"},
    {"a wildcard", "c.example", "/wild", "wild"},
    {"a wildcard of more labels", "x.y.example", "/wild", "wild"},
    {"the longest wildcard", "x.deep.example", "/wild", "deep"},
    {"a wildcard is not its own domain", "deep.example", "/wild", "wild"},
    {"nor is this", "example", "/wild", "any"},
    {"a part of a label", "xexample", "/wild", "any"},
    {"a host that looks like a wildcard's key", ".example", "/wild", "any"},
    {"only dots", "...", "/wild", "any"},
    {"another host", "plain.test", "/api", "plain"},
};

Test(route, find)
{
    struct route_table *table = route_table_create(routes, COUNT(routes));
    cr_assert_not_null(table);
    for (size_t i = 0; i < COUNT(find_rows); i++) {
        const struct route *found =
            route_find(table, str_of(find_rows[i].host), str_of(find_rows[i].path));
        cr_assert_not_null(found, "%s", find_rows[i].name);
        cr_expect(str_eq(found->name, str_of(find_rows[i].want)), "%s: %.*s, not %s",
                  find_rows[i].name, STR_ARG(found->name), find_rows[i].want);
    }
    route_table_destroy(table);
}

Test(route, find_folded)
{
    struct route_table *table = route_table_create(routes, COUNT(routes));
    cr_assert_not_null(table);
    cr_expect(str_eq(route_find_folded(table, STR(""), STR("/api2/x"))->name, STR("any/API2")));
    cr_expect(str_eq(route_find_folded(table, STR(""), STR("/api/x"))->name, STR("any/api")));
    cr_expect(str_eq(route_find(table, STR(""), STR("/api2/x"))->name, STR("any")));
    route_table_destroy(table);
}

static const struct {
    const char *name, *host;
    bool plain;
} plain_rows[] = {
    {"one route for all of a host", "plain.test", true},
    {"a host with two", "a.example", false},
    {"no root: others come after", "b.example", false},
    {"a wildcard with a root alone", "x.deep.example", true},
    {"any", "nowhere.test", false},
    {"no host", "", false},
};

Test(route, is_plain)
{
    struct route_table *table = route_table_create(routes, COUNT(routes));
    cr_assert_not_null(table);
    for (size_t i = 0; i < COUNT(plain_rows); i++)
        cr_expect_eq(route_is_plain(table, str_of(plain_rows[i].host)), plain_rows[i].plain, "%s",
                     plain_rows[i].name);
    route_table_destroy(table);
}

Test(route, none)
{
    struct route_table *table = route_table_create(NULL, 0);
    cr_assert_not_null(table);
    cr_expect_null(route_find(table, STR("a.example"), STR("/")));
    cr_expect(route_is_plain(table, STR("a.example")), "every path leads to none");
    route_table_destroy(table);
    route_table_destroy(NULL);
    table = route_table_create(&routes[6], 1);
    cr_assert_not_null(table);
    cr_expect_null(route_find(table, STR("b.example"), STR("/")));
    cr_expect_null(route_find(table, STR(""), STR("/only")));
    cr_expect_not(route_is_plain(table, STR("b.example")), "one path to a route, others to none");
    route_table_destroy(table);
}

/* --- the rule, said slowly -------------------------------------------------------------------- */

static size_t host_rank(struct str pattern, struct str host) /* 0: no match */
{
    if (!pattern.n)
        return 1;
    if (str_eq(pattern, host))
        return 1000;
    struct str suffix = str_from(pattern, 1);
    return str_starts(pattern, STR("*.")) && str_ends(host, suffix) && host.n > suffix.n
               ? 1 + suffix.n
               : 0;
}

static bool path_matches(struct str prefix, struct str path)
{
    return prefix.n == 1 || str_eq(prefix, path) ||
           (str_starts(path, prefix) && path.p[prefix.n] == '/');
}

static const struct route *find_slowly(const struct route *all, size_t n, struct str host,
                                       struct str path)
{
    const struct route *best = NULL;
    for (size_t i = 0; i < n; i++) {
        size_t rank = host_rank(all[i].host, host);
        size_t best_rank = best ? host_rank(best->host, host) : 0;
        if (!rank || !path_matches(all[i].path, path))
            continue;
        if (rank > best_rank || (rank == best_rank && all[i].path.n > best->path.n))
            best = &all[i];
    }
    return best;
}

static const char *const labels[] = {"a", "b", "ab", "x", "example"};
static const char *const segments[] = {"/a", "/b", "/ab", "/a", "/"};

static struct str random_host(char *out, bool wild)
{
    size_t n = (size_t)rand() % 4;
    out[0] = 0;
    if (n && wild && rand() % 3 == 0)
        strcat(out, "*.");
    for (size_t i = 0; i < n; i++) {
        strcat(out, labels[(size_t)rand() % COUNT(labels)]);
        strcat(out, i + 1 < n ? "." : "");
    }
    return str_of(out);
}

static struct str random_path(char *out, bool normal)
{
    size_t n = (size_t)rand() % 4;
    out[0] = 0;
    for (size_t i = 0; i < n; i++)
        strcat(out, segments[(size_t)rand() % (normal ? 4 : COUNT(segments))]);
    return n ? str_of(out) : STR("/");
}

Test(route, as_the_rule_said_slowly)
{
    enum { ROUTES = 12, ROUNDS = 2000, QUESTIONS = 40 };
    srand(1);
    for (int round = 0; round < ROUNDS; round++) {
        static char texts[ROUTES][2][64];
        struct route all[ROUTES] = {0};
        size_t n = 0;
        for (size_t i = 0; i < ROUTES; i++) {
            struct str host = random_host(texts[n][0], true), path = random_path(texts[n][1], true);
            bool twice = false;
            for (size_t j = 0; j < n; j++)
                twice |= str_eq(all[j].host, host) && str_eq(all[j].path, path);
            if (!twice)
                all[n++] = (struct route){.host = host, .path = path};
        }
        struct route_table *table = route_table_create(all, n);
        cr_assert_not_null(table);
        for (int question = 0; question < QUESTIONS; question++) {
            char host_text[64], path_text[64];
            struct str host = random_host(host_text, false), path = random_path(path_text, false);
            const struct route *want = find_slowly(all, n, host, path);
            const struct route *found = route_find(table, host, path);
            cr_assert_eq(found, want, "%s%s", host_text, path_text);
        }
        route_table_destroy(table);
    }
}

Test(route, ten_thousand)
{
    enum { MANY = 10000 };
    static struct route all[MANY];
    static char texts[MANY][48];
    for (int i = 0; i < MANY; i++) {
        snprintf(texts[i], sizeof texts[i], "/tenants/%d/api", i);
        all[i] = (struct route){.host = STR(""), .path = str_of(texts[i])};
    }
    struct route_table *table = route_table_create(all, MANY);
    cr_assert_not_null(table);
    for (int i = 0; i < MANY; i++) {
        char path[64];
        snprintf(path, sizeof path, "/tenants/%d/api/x", i);
        cr_assert_eq(route_find(table, STR("h"), str_of(path)), &all[i]);
    }
    cr_expect_null(route_find(table, STR("h"), STR("/tenants/10000/api")));
    route_table_destroy(table);
}
