/* The search list: which names a short one stands for. */
#include <stdio.h>
#include <criterion/criterion.h>
#include "corsd/net/search.h"
#include "rows.h"

static const struct {
    const char *name, *conf, *localdomain, *res_options, *hostname, *host, *want;
} walk_rows[] = {
    {"no file: the name itself", "", "", "", "", "api", "api"},
    {"short: domains first", "search a.test b.test\n", "", "", "", "api",
     "api.a.test api.b.test api"},
    {"a dot: itself first", "search a.test b.test\n", "", "", "", "api.c",
     "api.c api.c.a.test api.c.b.test"},
    {"a final dot: itself alone", "search a.test\n", "", "", "", "api.", "api"},
    {"ndots as Kubernetes has it",
     "nameserver 10.0.0.10\nsearch ns.svc.cluster.local svc.cluster.local\noptions ndots:5\n",
     "", "", "",
     "api.other", "api.other.ns.svc.cluster.local api.other.svc.cluster.local api.other"},
    {"five dots under ndots:5", "search a.test\noptions timeout:1 ndots:5 attempts:2\n", "", "", "",
     "a.b.c.d.e.f", "a.b.c.d.e.f a.b.c.d.e.f.a.test"},
    {"ndots:0: itself first", "search a.test\noptions ndots:0\n", "", "", "", "api",
     "api api.a.test"},
    {"ndots beyond its limit", "search a.test\noptions ndots:99999999999\n", "", "", "", "api",
     "api.a.test api"},
    {"ndots that is no number", "search a.test\noptions ndots:x\n", "", "", "", "a.b",
     "a.b a.b.a.test"},
    {"domain: one", "domain a.test b.test\n", "", "", "", "api", "api.a.test api"},
    {"the last of domain and search holds", "domain a.test\nsearch b.test c.test\n", "", "", "",
     "api", "api.b.test api.c.test api"},
    {"an empty search ends an earlier one", "search a.test\nsearch\n", "", "", "h.b.test", "api",
     "api"},
    {"a domain's final dot", "search a.test.\n", "", "", "", "api", "api.a.test api"},
    {"the root as a domain is nothing", "search . a.test\n", "", "", "", "api", "api.a.test api"},
    {"tabs, CR, spaces", " \tsearch\t a.test \t b.test \r\n", "", "", "", "api",
     "api.a.test api.b.test api"},
    {"comments are not understood", "# search x.test\n;search y.test\nsearch a.test\n", "", "", "",
     "api", "api.a.test api"},
    {"a longer word is another one", "searching a.test\n", "", "", "", "api", "api"},
    {"LOCALDOMAIN instead of the file's", "search a.test\n", "l.test m.test", "", "", "api",
     "api.l.test api.m.test api"},
    {"RES_OPTIONS after the file's", "search a.test\noptions ndots:1\n", "", "ndots:3", "", "a.b",
     "a.b.a.test a.b"},
    {"the machine's domain where nothing is named", "nameserver 1.2.3.4\n", "", "",
     "box.corp.test", "api", "api.corp.test api"},
    {"but not beside a search", "search a.test\n", "", "", "box.corp.test", "api",
     "api.a.test api"},
    {"a machine without a domain", "", "", "", "box", "api", "api"},
    {"no last line end", "search a.test", "", "", "", "api", "api.a.test api"},
    {"nothing stands for nothing", "search a.test", "", "", "", ".", ""},
};

Test(search, walk)
{
    for (size_t row = 0; row < sizeof walk_rows / sizeof *walk_rows; row++) {
        struct search search;
        struct search_words words = {str_of(walk_rows[row].localdomain),
                                     str_of(walk_rows[row].res_options),
                                     str_of(walk_rows[row].hostname)};
        char got[1024] = "", name[DNS_NAME_MAX + 1];
        search_read(&search, str_of(walk_rows[row].conf), &words);
        for (size_t at = 0; search_next(&search, str_of(walk_rows[row].host), &at, name);)
            snprintf(got + strlen(got), sizeof got - strlen(got), "%s%s", *got ? " " : "", name);
        cr_expect_str_eq(got, walk_rows[row].want, "%s: %s", walk_rows[row].name, got);
    }
}

Test(search, what_would_be_too_long_is_left_out)
{
    struct search search;
    char host[DNS_NAME_MAX + 1], name[DNS_NAME_MAX + 1];
    memset(host, 'a', sizeof host);
    search_read(&search, STR("search abc.test x\noptions ndots:5\n"), &(struct search_words){0});
    size_t at = 0;
    struct str text = {host, DNS_NAME_MAX - 2};
    cr_assert(search_next(&search, text, &at, name));
    cr_expect_eq(strlen(name), DNS_NAME_MAX);
    cr_expect_str_eq(name + DNS_NAME_MAX - 2, ".x");
    cr_assert(search_next(&search, text, &at, name));
    cr_expect_eq(strlen(name), DNS_NAME_MAX - 2);
    cr_expect(!search_next(&search, text, &at, name));
    at = 0;
    cr_expect(!search_next(&search, (struct str){host, DNS_NAME_MAX + 1}, &at, name));
}

Test(search, more_domains_than_fit_are_dropped)
{
    struct search search;
    char conf[8192] = "search", name[DNS_NAME_MAX + 1];
    for (int i = 0; i < 100; i++)
        snprintf(conf + strlen(conf), sizeof conf - strlen(conf),
                 " d%02d.a-rather-long-domain.test", i);
    search_read(&search, str_of(conf), &(struct search_words){0});
    cr_expect_eq(search.n, SEARCH_DOMAINS_MAX);
    size_t at = 0, n = 0;
    while (search_next(&search, STR("x"), &at, name))
        n++;
    cr_expect_eq(n, SEARCH_DOMAINS_MAX + 1);
}
