/* Origins as browsers send them, and near misses. */
#include "corsd/cors/origin.h"
#include "rows.h"

static const struct {
    const char *name, *text;
    enum origin_fault want;
} parse_rows[] = {
    {"https, default port", "https://app.example.com", ORIGIN_OK},
    {"http with a port", "http://localhost:3000", ORIGIN_OK},
    {"one label", "https://intranet", ORIGIN_OK},
    {"one letter", "https://a", ORIGIN_OK},
    {"an underscore", "https://my_app.example.com", ORIGIN_OK},
    {"hyphens anywhere", "https://-a-.b--c.example", ORIGIN_OK},
    {"punycode", "https://xn--bcher-kva.example", ORIGIN_OK},
    {"a final dot", "https://example.com.", ORIGIN_OK},
    {"digits in a label that is not last", "https://1.2.example", ORIGIN_OK},
    {"a last label that only begins with digits", "https://example.1a", ORIGIN_OK},
    {"IPv4", "http://127.0.0.1", ORIGIN_OK},
    {"IPv4 with a port", "http://10.0.0.255:8080", ORIGIN_OK},
    {"IPv6", "http://[::1]", ORIGIN_OK},
    {"IPv6 with a port", "http://[2001:db8::1]:8443", ORIGIN_OK},
    {"IPv6 without zeros", "http://[1:2:3:4:5:6:7:8]", ORIGIN_OK},
    {"IPv6, all zeros", "http://[::]", ORIGIN_OK},
    {"IPv6, zeros at the end", "http://[fe80::]", ORIGIN_OK},
    {"IPv6, one zero stays", "http://[1:0:3:4:5:6:7:8]", ORIGIN_OK},
    {"IPv6, the first of two equal runs", "http://[1::4:0:0:7:8]", ORIGIN_OK},
    {"the lowest port", "https://a.example:1", ORIGIN_OK},
    {"the highest port", "https://a.example:65535", ORIGIN_OK},
    {"http's port under https", "https://a.example:80", ORIGIN_OK},
    {"https's port under http", "http://a.example:443", ORIGIN_OK},
    {"tauri", "tauri://localhost", ORIGIN_OK},
    {"capacitor", "capacitor://localhost", ORIGIN_OK},
    {"a browser extension", "chrome-extension://abcdefghijklmnopabcdefghijklmnop", ORIGIN_OK},
    {"Firefox's extensions", "moz-extension://6a1e5d20-3a5c-4ad1-8d2b-0d9d3d5f4b70", ORIGIN_OK},
    {"Safari's, in capitals", "safari-web-extension://E4B1C9E0-AAAA-BBBB", ORIGIN_OK},
    {"another scheme with a port", "app://obsidian.md:7777", ORIGIN_OK},
    {"another scheme keeps port 80", "app://local:80", ORIGIN_OK},
    {"a scheme with + - .", "a+b-c.d1://x", ORIGIN_OK},
    {"another scheme, IPv6", "app://[::1]:99", ORIGIN_OK},

    {"nothing", "", ORIGIN_NO_SCHEME},
    {"null is none", "null", ORIGIN_NO_SCHEME},
    {"a star is none", "*", ORIGIN_NO_SCHEME},
    {"no scheme", "app.example.com", ORIGIN_NO_SCHEME},
    {"an empty scheme", "://app.example.com", ORIGIN_NO_SCHEME},
    {"a scheme in capitals", "HTTPS://app.example.com", ORIGIN_NO_SCHEME},
    {"a scheme that begins with a digit", "1a://x", ORIGIN_NO_SCHEME},
    {"one slash", "https:/app.example.com", ORIGIN_NO_SCHEME},
    {"no slash", "https:app.example.com", ORIGIN_NO_SCHEME},
    {"a colon alone", ":", ORIGIN_NO_SCHEME},
    {"space in front", " https://app.example.com", ORIGIN_NO_SCHEME},
    {"a path, even an empty one", "https://app.example.com/", ORIGIN_EXTRA},
    {"a path", "https://app.example.com/a", ORIGIN_EXTRA},
    {"a query", "https://app.example.com?a", ORIGIN_EXTRA},
    {"a fragment", "https://app.example.com#a", ORIGIN_EXTRA},
    {"a user", "https://me@app.example.com", ORIGIN_EXTRA},
    {"a backslash", "https://app.example.com\\", ORIGIN_EXTRA},
    {"space behind", "https://app.example.com ", ORIGIN_EXTRA},
    {"two origins", "https://a.example https://b.example", ORIGIN_EXTRA},
    {"two origins, comma", "https://a.example,https://b.example", ORIGIN_EXTRA},
    {"three slashes", "https:///a.example", ORIGIN_EXTRA},
    {"no host", "https://", ORIGIN_BAD_HOST},
    {"a port and no host", "https://:80", ORIGIN_BAD_HOST},
    {"file", "file://", ORIGIN_BAD_HOST},
    {"a capital letter", "https://App.example.com", ORIGIN_BAD_HOST},
    {"two dots", "https://a..example", ORIGIN_BAD_HOST},
    {"a dot in front", "https://.example", ORIGIN_BAD_HOST},
    {"a dot alone", "https://.", ORIGIN_BAD_HOST},
    {"two final dots", "https://a.example..", ORIGIN_BAD_HOST},
    {"a star", "https://*.example.com", ORIGIN_BAD_HOST},
    {"beyond ASCII", "https://b\xc3\xbc" "cher.example", ORIGIN_BAD_HOST},
    {"a percent sign", "https://a%2eb", ORIGIN_BAD_HOST},
    {"a control byte", "https://a\x01", ORIGIN_BAD_HOST},
    {"IPv4 in hexadecimal", "http://0x7f.0.0.1", ORIGIN_BAD_HOST},
    {"IPv4 in three parts", "http://127.0.1", ORIGIN_BAD_HOST},
    {"IPv4 as one number", "http://2130706433", ORIGIN_BAD_HOST},
    {"IPv4 with a leading zero", "http://127.0.0.01", ORIGIN_BAD_HOST},
    {"IPv4 out of range", "http://127.0.0.256", ORIGIN_BAD_HOST},
    {"IPv4 with a final dot", "http://127.0.0.1.", ORIGIN_BAD_HOST},
    {"five numbers", "http://1.2.3.4.5", ORIGIN_BAD_HOST},
    {"a name that ends in a number", "http://a.1", ORIGIN_BAD_HOST},
    {"a name that ends in 0x", "http://a.0x", ORIGIN_BAD_HOST},
    {"IPv6 without brackets", "http://::1", ORIGIN_BAD_HOST},
    {"IPv6 not closed", "http://[::1", ORIGIN_BAD_HOST},
    {"IPv6, empty", "http://[]", ORIGIN_BAD_HOST},
    {"IPv6 in capitals", "http://[2001:DB8::1]", ORIGIN_BAD_HOST},
    {"IPv6, leading zero", "http://[2001:0db8::1]", ORIGIN_BAD_HOST},
    {"IPv6 not compressed", "http://[0:0:0:0:0:0:0:1]", ORIGIN_BAD_HOST},
    {"IPv6, the shorter run compressed", "http://[1::4:0:0:0:8]", ORIGIN_BAD_HOST},
    {"IPv6, the second of equal runs", "http://[1:0:0:4::7:8]", ORIGIN_BAD_HOST},
    {"IPv6, one zero compressed", "http://[1::3:4:5:6:7:8]", ORIGIN_BAD_HOST},
    {"IPv6 with dotted end", "http://[::ffff:127.0.0.1]", ORIGIN_BAD_HOST},
    {"IPv6 with a zone", "http://[fe80::1%eth0]", ORIGIN_BAD_HOST},
    {"IPv6, nine pieces", "http://[1:2:3:4:5:6:7:8:9]", ORIGIN_BAD_HOST},
    {"IPv6, seven pieces", "http://[1:2:3:4:5:6:7]", ORIGIN_BAD_HOST},
    {"IPv6, two gaps", "http://[1::2::3]", ORIGIN_BAD_HOST},
    {"IPv6, three colons", "http://[:::1]", ORIGIN_BAD_HOST},
    {"IPv6, a final colon", "http://[1:2:3:4:5:6:7:]", ORIGIN_BAD_HOST},
    {"another scheme without host", "tauri://", ORIGIN_BAD_HOST},
    {"another scheme with a star", "tauri://*", ORIGIN_BAD_HOST},
    {"an empty port", "https://a.example:", ORIGIN_BAD_PORT},
    {"the default port said", "https://a.example:443", ORIGIN_BAD_PORT},
    {"http's default port said", "http://a.example:80", ORIGIN_BAD_PORT},
    {"port zero", "https://a.example:0", ORIGIN_BAD_PORT},
    {"a leading zero", "https://a.example:08", ORIGIN_BAD_PORT},
    {"a port too high", "https://a.example:65536", ORIGIN_BAD_PORT},
    {"a port much too high", "https://a.example:99999999999999999999", ORIGIN_BAD_PORT},
    {"a port in letters", "https://a.example:http", ORIGIN_BAD_PORT},
    {"any port", "https://a.example:*", ORIGIN_BAD_PORT},
    {"two ports", "https://a.example:1:2", ORIGIN_BAD_PORT},
    {"behind the bracket", "http://[::1]a", ORIGIN_BAD_PORT},
    {"a signed port", "https://a.example:+1", ORIGIN_BAD_PORT},
};

Test(origin, parse)
{
    for (size_t i = 0; i < sizeof parse_rows / sizeof parse_rows[0]; i++) {
        struct origin origin;
        cr_expect_eq(origin_parse(str_of(parse_rows[i].text), &origin), parse_rows[i].want, "%s",
                     parse_rows[i].name);
    }
}

Test(origin, parts)
{
    struct origin origin;
    cr_assert_eq(origin_parse(STR("https://a.example:8443"), &origin), ORIGIN_OK);
    cr_expect(str_eq(origin.scheme, STR("https")));
    cr_expect(str_eq(origin.host, STR("a.example")));
    cr_expect_eq(origin.port, 8443);
    cr_assert_eq(origin_parse(STR("http://[::1]"), &origin), ORIGIN_OK);
    cr_expect(str_eq(origin.host, STR("[::1]")));
    cr_expect_eq(origin.port, 0);
}

Test(origin, bytes_that_no_host_holds)
{
    for (int c = 0; c < 256; c++) {
        char text[] = "https://a?b.example";
        struct origin origin;
        text[9] = (char)c;
        bool label =
            (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
        bool ok = origin_parse((struct str){text, sizeof text - 1}, &origin) == ORIGIN_OK;
        cr_expect_eq(ok, label, "byte %d", c);
    }
}

Test(origin, lengths)
{
    char text[8 + 300] = "https://";
    struct origin origin;
    for (size_t n = 1; n < 300; n++) {
        for (size_t i = 0; i < n; i++)
            text[8 + i] = i % 50 == 49 ? '.' : 'a';
        bool dot = text[8 + n - 1] == '.';
        bool ok = origin_parse((struct str){text, 8 + n}, &origin) == ORIGIN_OK;
        cr_expect_eq(ok, n - dot <= 253, "host of %zu bytes", n);
        memset(text + 8, 'a', n);
        ok = origin_parse((struct str){text, 8 + n}, &origin) == ORIGIN_OK;
        cr_expect_eq(ok, n <= 63, "label of %zu bytes", n);
    }
}

Test(origin, default_ports)
{
    cr_expect_eq(origin_default_port(STR("http")), 80);
    cr_expect_eq(origin_default_port(STR("https")), 443);
    cr_expect_eq(origin_default_port(STR("tauri")), 0);
    cr_expect_eq(origin_default_port(STR("")), 0);
}
