/* Targets, authorities, and the readings of a path: DESIGN §2 rule 16, §3 "Host". */
#include <stdio.h>
#include <criterion/criterion.h>
#include "corsd/http/target.h"

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))
#define L63 "a23456789012345678901234567890123456789012345678901234567890123"

static const struct {
    const char *name, *text;
    bool want;
    enum target_form form;
    const char *scheme, *authority, *path, *query;
} target_rows[] = {
    {"the root", "/", true, TARGET_ORIGIN, "", "", "/", ""},
    {"a path", "/a/b", true, TARGET_ORIGIN, "", "", "/a/b", ""},
    {"a query", "/a?b=c&d", true, TARGET_ORIGIN, "", "", "/a", "?b=c&d"},
    {"an empty query", "/a?", true, TARGET_ORIGIN, "", "", "/a", "?"},
    {"two question marks", "/a?b?c", true, TARGET_ORIGIN, "", "", "/a", "?b?c"},
    {"a slash in the query", "/a?/../b", true, TARGET_ORIGIN, "", "", "/a", "?/../b"},
    {"two slashes are no authority", "//evil.example/a", true, TARGET_ORIGIN, "", "",
     "//evil.example/a", ""},
    {"a colon", "/http://a/b", true, TARGET_ORIGIN, "", "", "/http://a/b", ""},
    {"bytes that browsers leave", "/a|b\\c^{}\"<>`[]", true, TARGET_ORIGIN, "", "",
     "/a|b\\c^{}\"<>`[]", ""},
    {"asterisk", "*", true, TARGET_ASTERISK, "", "", "*", ""},
    {"absolute", "http://a.example/b?c", true, TARGET_ABSOLUTE, "http", "a.example", "/b", "?c"},
    {"absolute, no path", "http://a.example", true, TARGET_ABSOLUTE, "http", "a.example", "", ""},
    {"absolute, a query alone", "http://a.example?q", true, TARGET_ABSOLUTE, "http", "a.example",
     "", "?q"},
    {"absolute, a port", "https://a.example:8443/", true, TARGET_ABSOLUTE, "https",
     "a.example:8443", "/", ""},
    {"absolute, in capitals", "HTTP://A.example/", true, TARGET_ABSOLUTE, "HTTP", "A.example", "/",
     ""},
    {"absolute, no host", "http:///a", true, TARGET_ABSOLUTE, "http", "", "/a", ""},
    {"absolute, a user", "http://u@a.example/", true, TARGET_ABSOLUTE, "http", "u@a.example", "/",
     ""},

    {"empty", "", false},
    {"a fragment", "/a#b", false},
    {"a space", "/a b", false},
    {"HTAB", "/a\tb", false},
    {"a byte past ASCII", "/\xc3\xa9", false},
    {"DEL", "/\x7f", false},
    {"no slash", "a/b", false},
    {"a question mark first", "?a", false},
    {"asterisk and more", "*/a", false},
    {"authority form", "a.example:443", false},
    {"authority form, a port like a scheme", "http:443", false},
    {"another scheme", "ftp://a.example/", false},
    {"ws", "ws://a.example/", false},
    {"one slash", "http:/a.example/", false},
    {"a scheme alone", "http:", false},
    {"a scheme and slashes in a word", "xhttp://a/", false},
};

static bool is(struct str got, const char *want)
{
    return str_eq(got, str_of(want));
}

Test(target, parse)
{
    for (size_t i = 0; i < COUNT(target_rows); i++) {
        struct target target = {.form = 99};
        cr_assert_eq(target_parse(str_of(target_rows[i].text), &target), target_rows[i].want, "%s",
                     target_rows[i].name);
        if (!target_rows[i].want) {
            cr_expect_eq((int)target.form, 99, "%s: written on success only", target_rows[i].name);
            continue;
        }
        cr_expect_eq(target.form, target_rows[i].form, "%s", target_rows[i].name);
        cr_expect(is(target.scheme, target_rows[i].scheme), "%s", target_rows[i].name);
        cr_expect(is(target.authority, target_rows[i].authority), "%s", target_rows[i].name);
        cr_expect(is(target.path, target_rows[i].path), "%s", target_rows[i].name);
        cr_expect(is(target.query, target_rows[i].query), "%s", target_rows[i].name);
    }
}

static const struct {
    const char *name, *text;
    const char *host; /* NULL: refused */
    int port;         /* -1: none */
} authority_rows[] = {
    {"a name", "example.com", "example.com", -1},
    {"a port", "example.com:8080", "example.com", 8080},
    {"port 80", "example.com:80", "example.com", 80},
    {"an empty port", "example.com:", "example.com", -1},
    {"the last port", "a:65535", "a", 65535},
    {"port 0", "a:0", "a", 0},
    {"leading zeros in a port", "a:00080", "a", 80},
    {"capitals", "ExAmPle.COM", "example.com", -1},
    {"a final dot", "example.com.", "example.com", -1},
    {"a final dot and a port", "example.com.:80", "example.com", 80},
    {"one label", "localhost", "localhost", -1},
    {"an underscore", "my_app.internal", "my_app.internal", -1},
    {"hyphens", "a--b.-c", "a--b.-c", -1},
    {"digits", "10.0.0.1:80", "10.0.0.1", 80},
    {"IPv6", "[::1]", "[::1]", -1},
    {"IPv6 and a port", "[::1]:8080", "[::1]", 8080},
    {"IPv6 in another spelling", "[0:0:0:0:0:0:0:1]", "[::1]", -1},
    {"IPv6 in capitals", "[2001:DB8::A]:1", "[2001:db8::a]", 1},
    {"IPv6 with IPv4", "[::ffff:10.0.0.1]", "[::ffff:10.0.0.1]", -1},
    {"253 bytes", L63 "." L63 "." L63 "." L63, L63 "." L63 "." L63 "." L63, -1},

    {"empty", "", NULL, 0},
    {"a port alone", ":80", NULL, 0},
    {"a colon alone", ":", NULL, 0},
    {"a dot alone", ".", NULL, 0},
    {"a dot first", ".example.com", NULL, 0},
    {"two dots", "a..b", NULL, 0},
    {"two final dots", "a..", NULL, 0},
    {"a user", "user@example.com", NULL, 0},
    {"a path", "example.com/", NULL, 0},
    {"a query", "example.com?x", NULL, 0},
    {"a fragment", "example.com#x", NULL, 0},
    {"a backslash", "example.com\\", NULL, 0},
    {"a scheme", "http://example.com", NULL, 0},
    {"a blank", "a b", NULL, 0},
    {"two names", "a, b", NULL, 0},
    {"a percent", "ex%61mple.com", NULL, 0},
    {"a byte past ASCII", "b\xc3\xbc" "cher.example", NULL, 0},
    {"a quote", "a'b", NULL, 0},
    {"a port too large", "a:65536", NULL, 0},
    {"a port of six digits", "a:000080", NULL, 0},
    {"a port that is a word", "a:http", NULL, 0},
    {"a port with a sign", "a:-1", NULL, 0},
    {"two ports", "a:80:80", NULL, 0},
    {"IPv6 without brackets", "::1", NULL, 0},
    {"IPv6, half a bracket", "[::1", NULL, 0},
    {"IPv6, the other half", "::1]", NULL, 0},
    {"IPv6 and more", "[::1]a", NULL, 0},
    {"IPv6, a zone", "[fe80::1%25eth0]", NULL, 0},
    {"IPv6, a bare zone", "[fe80::1%eth0]", NULL, 0},
    {"IPv6, nothing", "[]", NULL, 0},
    {"IPv4 in brackets", "[10.0.0.1]", NULL, 0},
    {"a later address", "[v1.a:b]", NULL, 0},
    {"256 bytes", L63 "." L63 "." L63 "." L63 "a", NULL, 0},
    {"far too long in brackets", "[" L63 "]", NULL, 0},
};

Test(target, authority)
{
    for (size_t i = 0; i < COUNT(authority_rows); i++) {
        struct authority authority;
        bool ok = authority_parse(str_of(authority_rows[i].text), &authority);
        cr_expect_eq(ok, authority_rows[i].host != NULL, "%s", authority_rows[i].name);
        if (!ok || !authority_rows[i].host)
            continue;
        cr_expect(is(authority_host(&authority), authority_rows[i].host), "%s: %.*s",
                  authority_rows[i].name, STR_ARG(authority_host(&authority)));
        cr_expect_eq(authority.has_port, authority_rows[i].port >= 0, "%s", authority_rows[i].name);
        if (authority.has_port)
            cr_expect_eq(authority.port, authority_rows[i].port, "%s", authority_rows[i].name);
    }
}

Test(target, authority_has_no_nul_byte)
{
    struct authority authority;
    cr_expect_not(authority_parse((struct str){"a\0b", 3}, &authority));
    cr_expect_not(authority_parse((struct str){"[::1\0]", 6}, &authority));
}

#define ALL (PATH_DECODE_TWICE | PATH_BACKSLASH | PATH_CUT | PATH_MERGE | PATH_FOLD)

/* Each step by itself, and together; NULL: refused. */
static const struct {
    const char *name;
    unsigned steps;
    const char *raw, *want;
} reading_rows[] = {
    {"plain", PATH_ONCE, "/a/b", "/a/b"},
    {"the root", PATH_ONCE, "/", "/"},
    {"no path", PATH_ONCE, "", "/"},
    {"a trailing slash", PATH_ONCE, "/a/", "/a"},
    {"two trailing slashes", PATH_ONCE, "/a//", "/a"},
    {"nothing but slashes", PATH_ONCE, "///", "/"},
    {"an empty segment stays", PATH_ONCE, "/a//b", "/a//b"},
    {"a dot segment", PATH_ONCE, "/a/./b", "/a/b"},
    {"two dots", PATH_ONCE, "/a/../b", "/b"},
    {"more dots than segments", PATH_ONCE, "/../../a", "/a"},
    {"dots at the end", PATH_ONCE, "/a/b/..", "/a"},
    {"a dot at the end", PATH_ONCE, "/a/.", "/a"},
    {"dots to the root", PATH_ONCE, "/a/..", "/"},
    {"dots over an empty segment", PATH_ONCE, "/a//../b", "/a/b"},
    {"three dots are a name", PATH_ONCE, "/a/.../b", "/a/.../b"},
    {"a dot in a name", PATH_ONCE, "/a/.b/c.", "/a/.b/c."},
    {"an encoded letter", PATH_ONCE, "/%61", "/a"},
    {"encoded dots", PATH_ONCE, "/a/%2e%2e/b", "/b"},
    {"encoded dots, capitals and mixed", PATH_ONCE, "/a/.%2E/b", "/b"},
    {"an encoded slash", PATH_ONCE, "/a%2fb", "/a/b"},
    {"encoded slash and dots", PATH_ONCE, "/a%2f..%2fb", "/b"},
    {"an encoded backslash stays one", PATH_ONCE, "/a%5cb", "/a\\b"},
    {"an encoded percent", PATH_ONCE, "/%2561", "/%61"},
    {"encoded twice", PATH_ONCE, "/%252e%252e/a", "/%2e%2e/a"},
    {"a backslash", PATH_ONCE, "/a\\..\\b", "/a\\..\\b"},
    {"parameters", PATH_ONCE, "/a;x/b", "/a;x/b"},
    {"letter case", PATH_ONCE, "/A", "/A"},
    {"bytes past ASCII", PATH_ONCE, "/caf%C3%A9", "/caf\xc3\xa9"},
    {"a question mark encoded", PATH_ONCE, "/a%3fb", "/a?b"},
    {"half an encoding", PATH_ONCE, "/%", NULL},
    {"half an encoding, one digit", PATH_ONCE, "/%4", NULL},
    {"no digits", PATH_ONCE, "/%zz", NULL},
    {"one digit", PATH_ONCE, "/%4z", NULL},
    {"a NUL byte", PATH_ONCE, "/%00", NULL},

    {"raw: plain", PATH_RAW, "/a/b", "/a/b"},
    {"raw: a trailing slash", PATH_RAW, "/a/", "/a"},
    {"raw: dots stay", PATH_RAW, "/a/../b", "/a/../b"},
    {"raw: encoded dots stay", PATH_RAW, "/a/%2e%2e/b", "/a/%2e%2e/b"},
    {"raw: an encoded slash stays", PATH_RAW, "/a%2Fb", "/a%2Fb"},
    {"raw: an encoded letter stays", PATH_RAW, "/%61", "/%61"},
    {"raw: what must be encoded is decoded", PATH_RAW, "/caf%C3%A9%20%22", "/caf\xc3\xa9 \""},
    {"raw: a percent stays", PATH_RAW, "/%25", "/%25"},
    {"raw: malformed all the same", PATH_RAW, "/%2", NULL},
    {"raw: a NUL byte all the same", PATH_RAW, "/a%00b", NULL},

    {"twice: once is enough", PATH_DECODE_TWICE, "/%61", "/a"},
    {"twice", PATH_DECODE_TWICE, "/%2561", "/a"},
    {"twice: dots", PATH_DECODE_TWICE, "/a/%252e%252E/b", "/b"},
    {"twice: a slash", PATH_DECODE_TWICE, "/a%252fb", "/a/b"},
    {"twice: not thrice", PATH_DECODE_TWICE, "/%252561", "/%61"},
    {"twice: a percent that starts nothing", PATH_DECODE_TWICE, "/100%25", "/100%"},
    {"twice: and one that does", PATH_DECODE_TWICE, "/%25/%2561", "/%/a"},
    {"twice: a NUL byte", PATH_DECODE_TWICE, "/%2500", NULL},

    {"backslash", PATH_BACKSLASH, "/a\\b", "/a/b"},
    {"backslash: dots", PATH_BACKSLASH, "/a\\..\\b", "/b"},
    {"backslash: encoded", PATH_BACKSLASH, "/a%5C..%5cb", "/b"},
    {"backslash: at the end", PATH_BACKSLASH, "/a\\", "/a"},

    {"merged", PATH_MERGE, "/a//b///c", "/a/b/c"},
    {"merged: at the start", PATH_MERGE, "//a", "/a"},
    {"merged: at the end", PATH_MERGE, "/a//", "/a"},
    {"merged: before dots", PATH_MERGE, "/a//../b", "/b"},
    {"merged: encoded", PATH_MERGE, "/a%2f/b", "/a/b"},

    {"no parameters", PATH_CUT, "/a;x=1/b;y", "/a/b"},
    {"no parameters: to the root", PATH_CUT, "/;x", "/"},
    {"no parameters: dots", PATH_CUT, "/a/..;x/b", "/b"},
    {"no parameters: encoded", PATH_CUT, "/a%3bx/b", "/a/b"},
    {"no parameters: two", PATH_CUT, "/a;x;y/b", "/a/b"},

    {"folded", PATH_FOLD, "/Admin/ABC", "/admin/abc"},
    {"folded: encoded", PATH_FOLD, "/%41dmin", "/admin"},
    {"folded: only ASCII", PATH_FOLD, "/\xc3\x89", "/\xc3\x89"},

    {"cut first: what is encoded behind a semicolon", PATH_CUT_FIRST, "/a/..;/b;%2f..%2f..", "/b"},
    {"cut first: a semicolon that was encoded stays", PATH_CUT_FIRST, "/a%3bx/b", "/a;x/b"},
    {"cut first, merged", PATH_CUT_FIRST | PATH_MERGE, "/;%2fy/a", "/a"},

    {"all: plain", ALL, "/a/b", "/a/b"},
    {"all: all at once", ALL, "/X/%255C..;y//%2541dmin;z", "/admin"},
    {"all: slash and backslash", ALL, "/a/\\b", "/a/b"},
    {"all: a segment of parameters", ALL, "/a/;x/b", "/a/b"},
    {"all: dots behind parameters", ALL, "/a/;x/../b", "/b"},
    {"all: the root", ALL, "/;/\\.//", "/"},
    {"all: a NUL byte", ALL, "/%2500", NULL},
};

Test(target, path_readings)
{
    for (size_t i = 0; i < COUNT(reading_rows); i++) {
        struct buf out = BUF_INIT(256);
        bool ok = path_read(reading_rows[i].steps, str_of(reading_rows[i].raw), &out);
        cr_expect_eq(ok, reading_rows[i].want != NULL, "%s", reading_rows[i].name);
        if (ok && reading_rows[i].want)
            cr_expect(is(buf_str(&out), reading_rows[i].want), "%s: %.*s", reading_rows[i].name,
                      STR_ARG(buf_str(&out)));
        buf_finish(&out);
    }
}

Test(target, a_plain_path_reads_in_one_way)
{
    static const char *const plain[] = {"/", "/a", "/a/b.c", "/a/b", "/a-b_c~d", "/a.../b.."};
    static const char *const odd[] = {"/a/../b", "/./a", "//a", "/a//b",  "/%61", "/a\\b",
                                      "/a;b",    "/.a",  "/..", "/a/%2e", "/%zz", "/a//"};
    for (size_t i = 0; i < COUNT(plain); i++) {
        cr_expect(path_is_plain(str_of(plain[i])), "%s", plain[i]);
        for (unsigned steps = 0; steps <= PATH_RAW; steps++) {
            struct buf out = BUF_INIT(256);
            if (steps & PATH_FOLD)
                continue;
            cr_expect(path_read(steps, str_of(plain[i]), &out));
            cr_expect(is(buf_str(&out), plain[i]), "%s %u", plain[i], steps);
            buf_finish(&out);
        }
    }
    for (size_t i = 0; i < COUNT(odd); i++)
        cr_expect_not(path_is_plain(str_of(odd[i])), "%s", odd[i]);
}

Test(target, path_read_appends_and_stays_within_its_buffer)
{
    struct buf out = BUF_INIT(9), full = BUF_INIT(4);
    buf_add(&out, STR("abc"));
    cr_expect(path_read(PATH_ONCE, STR("/d/e/"), &out));
    cr_expect(is(buf_str(&out), "abc/d/e"));
    cr_expect_not(path_read(PATH_ONCE, STR("/d/e/f/g"), &full), "out is full");
    cr_expect(full.failed);
    buf_finish(&out);
    buf_finish(&full);
}
