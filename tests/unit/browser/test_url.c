/* URLs as fetch() reads them, and Locations against them. */
#include "corsd/browser/url.h"
#include "rows.h"

static const struct {
    const char *name, *text, *base, *href; /* href NULL: a fault */
} url_rows[] = {
    {"a path", "https://a.example/x", NULL, "https://a.example/x"},
    {"no path", "https://a.example", NULL, "https://a.example/"},
    {"capitals", "HTTPS://A.Example:443/X", NULL, "https://a.example/X"},
    {"a port", "http://a.example:8080/?q=1#part", NULL, "http://a.example:8080/?q=1"},
    {"the standard port", "http://a.example:80/", NULL, "http://a.example/"},
    {"another scheme's port", "http://a.example:443/", NULL, "http://a.example:443/"},
    {"dots", "https://a.example/b/./c/../d/%2e%2E/e", NULL, "https://a.example/b/e"},
    {"dots above the root", "https://a.example/../../b", NULL, "https://a.example/b"},
    {"a dot at the end", "https://a.example/b/.", NULL, "https://a.example/b/"},
    {"backslashes", "https:\\\\a.example\\b", NULL, "https://a.example/b"},
    {"blanks around and line breaks within", " https://a.exa\nmple/b ", NULL,
     "https://a.example/b"},
    {"a blank within", "https://a.example/b c?d e", NULL, "https://a.example/b%20c?d%20e"},
    {"a user", "https://me:pw@a.example/", NULL, "https://a.example/"},
    {"IPv6", "http://[::1]:80/", NULL, "http://[::1]/"},
    {"a final dot stays", "https://a.example./", NULL, "https://a.example./"},
    {"no scheme", "a.example/x", NULL, NULL},
    {"no host", "https:///", NULL, NULL},
    {"another scheme", "ftp://a.example/", NULL, NULL},
    {"a bad port", "https://a.example:99999/", NULL, NULL},
    {"relative", "c", "https://a.example/b/x?q", "https://a.example/b/c"},
    {"relative, upwards", "../c", "https://a.example/b/x", "https://a.example/c"},
    {"from the root", "/c?d", "https://a.example/b/x", "https://a.example/c?d"},
    {"a query alone", "?d", "https://a.example/b/x?q", "https://a.example/b/x?d"},
    {"nothing", "", "https://a.example/b/x?q", "https://a.example/b/x?q"},
    {"without scheme", "//b.example/c", "https://a.example/b", "https://b.example/c"},
    {"whole", "http://b.example/c", "https://a.example/b", "http://b.example/c"},
    {"data", "data:text/plain,x", "https://a.example/b", NULL},
};

Test(url, parse)
{
    for (size_t i = 0; i < sizeof url_rows / sizeof *url_rows; i++) {
        struct arena arena;
        struct url base, url;
        arena_init(&arena, NULL, 0);
        if (url_rows[i].base)
            cr_assert_eq(url_parse(&arena, str_of(url_rows[i].base), NULL, &base), URL_OK);
        enum url_fault fault =
            url_parse(&arena, str_of(url_rows[i].text), url_rows[i].base ? &base : NULL, &url);
        cr_expect_eq(fault == URL_OK, url_rows[i].href != NULL, "%s: %s", url_rows[i].name,
                     url_fault_text(fault));
        if (fault == URL_OK && url_rows[i].href)
            cr_expect(str_eq(url.href, str_of(url_rows[i].href)), "%s: %.*s", url_rows[i].name,
                      STR_ARG(url.href));
        arena_finish(&arena);
    }
}

Test(url, parts)
{
    struct arena arena;
    struct url url;
    arena_init(&arena, NULL, 0);
    cr_assert_eq(url_parse(&arena, STR("https://me@A.example:8443/b?c#d"), NULL, &url), URL_OK);
    cr_expect(str_eq(url.scheme, STR("https")));
    cr_expect(str_eq(url.authority, STR("a.example:8443")));
    cr_expect(str_eq(url.origin, STR("https://a.example:8443")));
    cr_expect(str_eq(url.target, STR("/b?c")));
    cr_expect(url.has_user);
    arena_finish(&arena);
}
