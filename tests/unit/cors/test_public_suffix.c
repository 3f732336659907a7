/* The public suffix list: the packaged one, one of our own, none. */
#include <stdio.h>
#include <unistd.h>
#include "corsd/cors/public_suffix.h"
#include "rows.h"

static const struct {
    const char *name, *text;
    enum suffix_kind want;
} kind_rows[] = {
    {"a top-level domain", "com", SUFFIX_LISTED},
    {"two labels", "co.uk", SUFFIX_LISTED},
    {"the private section", "github.io", SUFFIX_LISTED},
    {"the private section again", "vercel.app", SUFFIX_LISTED},
    {"a wildcard rule", "foo.ck", SUFFIX_LISTED},
    {"its exception", "www.ck", SUFFIX_NOT},
    {"below a wildcard rule", "bar.foo.ck", SUFFIX_NOT},
    {"a final dot", "com.", SUFFIX_LISTED},
    {"IDNA", "xn--p1ai", SUFFIX_LISTED},
    {"three labels", "s3.amazonaws.com", SUFFIX_LISTED},
    {"above it", "amazonaws.com", SUFFIX_NOT},
    {"a site", "example.com", SUFFIX_NOT},
    {"a name of a site", "www.example.com", SUFFIX_NOT},
    {"a site under the private section", "me.github.io", SUFFIX_NOT},
    {"a label that nobody knows", "corp", SUFFIX_UNLISTED},
    {"with a final dot", "corp.", SUFFIX_UNLISTED},
    {"a name under it", "app.corp", SUFFIX_NOT},
    {"nothing", "", SUFFIX_NOT},
};

Test(public_suffix, kinds)
{
    struct public_suffixes *list = public_suffixes_load(NULL);
    cr_assert(list);
    for (size_t i = 0; i < sizeof kind_rows / sizeof kind_rows[0]; i++)
        cr_expect_eq(public_suffix_kind(list, str_of(kind_rows[i].text)), kind_rows[i].want, "%s",
                     kind_rows[i].name);
    public_suffixes_unref(list);
}

Test(public_suffix, same_site)
{
    struct public_suffixes *list = public_suffixes_load(NULL);
    cr_assert(list);
    cr_expect(public_suffix_same_site(list, STR("a.example.com"), STR("example.com")));
    cr_expect(public_suffix_same_site(list, STR("a.b.example.com."), STR("example.com.")));
    cr_expect(!public_suffix_same_site(list, STR("me.s3.amazonaws.com"), STR("amazonaws.com")));
    cr_expect(!public_suffix_same_site(list, STR("s3.amazonaws.com"), STR("amazonaws.com")));
    cr_expect(public_suffix_same_site(list, STR("www.amazonaws.com"), STR("amazonaws.com")));
    cr_expect(public_suffix_may_lie_below(list, STR("amazonaws.com")));
    cr_expect(public_suffix_may_lie_below(list, STR("amazonaws.com.")));
    cr_expect(!public_suffix_may_lie_below(list, STR("example.com")));
    public_suffixes_unref(list);
}

static char path[] = "/tmp/corsd-suffixes-XXXXXX";

static struct public_suffixes *load_text(const char *text)
{
    int fd = mkstemp(path);
    cr_assert(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
    struct public_suffixes *list = public_suffixes_load(path);
    unlink(path);
    return list;
}

Test(public_suffix, a_file)
{
    struct public_suffixes *list = load_text("// ours\ncorp\n*.dyn.corp\n!www.dyn.corp\n\n"
                                             "shops.example.corp // private\n");
    cr_assert(list);
    cr_expect_eq(public_suffix_kind(list, STR("corp")), SUFFIX_LISTED);
    cr_expect_eq(public_suffix_kind(list, STR("com")), SUFFIX_UNLISTED);
    cr_expect_eq(public_suffix_kind(list, STR("a.dyn.corp")), SUFFIX_LISTED);
    cr_expect_eq(public_suffix_kind(list, STR("www.dyn.corp")), SUFFIX_NOT);
    cr_expect(public_suffix_may_lie_below(list, STR("example.corp")));
    cr_expect(public_suffix_may_lie_below(list, STR("dyn.corp")));
    cr_expect(!public_suffix_may_lie_below(list, STR("other.corp")));
    cr_expect(!public_suffix_same_site(list, STR("me.shops.example.corp"), STR("example.corp")));
    cr_expect(public_suffix_same_site(list, STR("me.shop.example.corp"), STR("example.corp")));
    public_suffixes_unref(list);
}

Test(public_suffix, no_file)
{
    cr_expect_null(public_suffixes_load("/nowhere/list"));
}

Test(public_suffix, counted)
{
    struct public_suffixes *list = public_suffixes_load(NULL);
    struct public_suffixes *again = public_suffixes_ref(list);
    cr_expect_eq(again, list);
    public_suffixes_unref(list);
    cr_expect_eq(public_suffix_kind(again, STR("com")), SUFFIX_LISTED);
    public_suffixes_unref(again);
    cr_expect_null(public_suffixes_ref(NULL));
    public_suffixes_unref(NULL);
}
