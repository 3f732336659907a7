/* Origins as people write them. */
#include <stdio.h>
#include "corsd/cors/origin.h"
#include "corsd/cors/pattern.h"
#include "oracle.h"
#include "rows.h"

/* --- what is taken, and what it becomes ------------------------------------------------------- */

static const struct {
    const char *name, *text, *want; /* want NULL: it stays as it is */
    enum pattern_kind kind;
} taken_rows[] = {
    {"any origin", "*", NULL, PATTERN_ANY_ORIGIN},
    {"null", "null", NULL, PATTERN_NULL_ORIGIN},
    {"as browsers send it", "https://app.example.com", NULL, PATTERN_EXACT},
    {"with a port", "http://localhost:3000", NULL, PATTERN_EXACT},
    {"space around", "  https://app.example.com\t", "https://app.example.com", PATTERN_EXACT},
    {"a line end", "https://app.example.com\r\n", "https://app.example.com", PATTERN_EXACT},
    {"capitals", "HTTPS://App.Example.COM", "https://app.example.com", PATTERN_EXACT},
    {"the default port", "https://app.example.com:443", "https://app.example.com", PATTERN_EXACT},
    {"http's default port", "http://app.example.com:80", "http://app.example.com", PATTERN_EXACT},
    {"the other's default port", "https://app.example.com:80", NULL, PATTERN_EXACT},
    {"leading zeros in a port", "https://app.example.com:08443", "https://app.example.com:8443",
     PATTERN_EXACT},
    {"a final dot means something", "https://app.example.com.", NULL, PATTERN_EXACT},
    {"an underscore", "https://my_app.example.com", NULL, PATTERN_EXACT},
    {"percent-encoded", "https://%61pp.example.com", "https://app.example.com", PATTERN_EXACT},
    {"IDNA", "https://b\xc3\xbc" "cher.example", "https://xn--bcher-kva.example", PATTERN_EXACT},
    {"IDNA in capitals", "https://B\xc3\x9c" "CHER.example", "https://xn--bcher-kva.example",
     PATTERN_EXACT},
    {"IDNA, percent-encoded", "https://b%C3%BCcher.example", "https://xn--bcher-kva.example",
     PATTERN_EXACT},
    {"IDNA, not transitional", "https://fa\xc3\x9f.de", "https://xn--fa-hia.de", PATTERN_EXACT},
    {"IDNA, encoded already", "https://xn--bcher-kva.example", NULL, PATTERN_EXACT},
    {"IDNA, encoded in capitals", "https://XN--BCHER-KVA.example", "https://xn--bcher-kva.example",
     PATTERN_EXACT},
    {"IDNA with a final dot", "https://b\xc3\xbc" "cher.example.", "https://xn--bcher-kva.example.",
     PATTERN_EXACT},
    {"an ideographic dot", "https://a\xe3\x80\x82" "example", "https://a.example", PATTERN_EXACT},
    {"fullwidth letters", "https://\xef\xbd\x81.example", "https://a.example", PATTERN_EXACT},
    {"fullwidth digits", "http://\xef\xbc\x91" "27.0.0.1", "http://127.0.0.1", PATTERN_EXACT},
    {"an emoji, encoded", "https://xn--53h.example", NULL, PATTERN_EXACT},
    {"IPv4", "http://192.168.1.20", NULL, PATTERN_EXACT},
    {"IPv4 in hexadecimal", "http://0x7f.1", "http://127.0.0.1", PATTERN_EXACT},
    {"IPv4 in octal", "http://0177.0.0.01", "http://127.0.0.1", PATTERN_EXACT},
    {"IPv4 as one number", "http://2130706433", "http://127.0.0.1", PATTERN_EXACT},
    {"IPv4 with a final dot", "http://127.0.0.1.", "http://127.0.0.1", PATTERN_EXACT},
    {"IPv6", "http://[::1]:3000", NULL, PATTERN_EXACT},
    {"IPv6, long", "http://[0:0:0:0:0:0:0:1]", "http://[::1]", PATTERN_EXACT},
    {"IPv6 in capitals", "http://[2001:DB8:0:0:1::]", "http://[2001:db8:0:0:1::]", PATTERN_EXACT},
    {"IPv6 with a dotted end", "http://[::ffff:127.0.0.1]", "http://[::ffff:7f00:1]",
     PATTERN_EXACT},
    {"tauri", "tauri://localhost", NULL, PATTERN_EXACT},
    {"an extension", "chrome-extension://abcdefghijklmnopabcdefghijklmnop", NULL, PATTERN_EXACT},
    {"its scheme in capitals", "Chrome-Extension://abcdef", "chrome-extension://abcdef",
     PATTERN_EXACT},
    {"another scheme with a port", "app://local:0443", "app://local:443", PATTERN_EXACT},
    {"a long scheme", "safari-web-extension://E4B1C9E0-AAAA", NULL, PATTERN_EXACT},
    {"any port", "http://localhost:*", NULL, PATTERN_ANY_PORT},
    {"any port, capitals", "HTTP://LocalHost:*", "http://localhost:*", PATTERN_ANY_PORT},
    {"any port of IPv4", "http://127.0.0.1:*", NULL, PATTERN_ANY_PORT},
    {"any port of IPv6", "http://[0::1]:*", "http://[::1]:*", PATTERN_ANY_PORT},
    {"labels", "https://*.example.com", NULL, PATTERN_LABELS},
    {"labels, capitals", "https://*.Example.COM:443", "https://*.example.com", PATTERN_LABELS},
    {"labels with a port", "https://*.example.com:8443", NULL, PATTERN_LABELS},
    {"labels, any port", "http://*.localhost:*", NULL, PATTERN_LABELS},
    {"labels under a final dot", "https://*.example.com.", NULL, PATTERN_LABELS},
    {"labels under IDNA", "https://*.b\xc3\xbc" "cher.example", "https://*.xn--bcher-kva.example",
     PATTERN_LABELS},
    {"a part behind a -", "https://pr-*.example.com", NULL, PATTERN_PART},
    {"a part in front of a -", "https://*-preview.example.com", NULL, PATTERN_PART},
    {"a part between two", "https://pr-*-web.example.com:*", NULL, PATTERN_PART},
    {"a part, capitals", "https://PR-*-Web.Example.com", "https://pr-*-web.example.com",
     PATTERN_PART},
    {"a part behind _ and -", "https://my_pr-*.example.com", NULL, PATTERN_PART},
    {"a part under localhost", "http://pr-*.localhost:3000", NULL, PATTERN_PART},
};

Test(pattern, taken)
{
    for (size_t i = 0; i < sizeof taken_rows / sizeof taken_rows[0]; i++) {
        struct pattern pattern, again;
        struct pattern_problem problem = {.message = ""};
        const char *want = taken_rows[i].want ? taken_rows[i].want : taken_rows[i].text;
        enum pattern_fault fault = pattern_parse(str_of(taken_rows[i].text), &pattern, &problem);
        cr_expect_eq(fault, PATTERN_OK, "%s: %s", taken_rows[i].name, problem.message);
        if (fault != PATTERN_OK)
            continue;
        cr_expect(str_eq(pattern.text, str_of(want)), "%s: %.*s", taken_rows[i].name,
                  STR_ARG(pattern.text));
        cr_expect_eq(pattern.kind, taken_rows[i].kind, "%s", taken_rows[i].name);
        cr_expect_eq(pattern_parse(pattern.text, &again, NULL), PATTERN_OK, "%s",
                     taken_rows[i].name);
        cr_expect(str_eq(pattern.text, again.text), "%s: not stable", taken_rows[i].name);
    }
}

Test(pattern, parts)
{
    struct pattern pattern;
    cr_assert_eq(pattern_parse(STR("https://Pr-*-web.example.com:8443"), &pattern, NULL),
                 PATTERN_OK);
    cr_expect(str_eq(pattern.scheme, STR("https")));
    cr_expect(str_eq(pattern.head, STR("pr-")));
    cr_expect(str_eq(pattern.tail, STR("-web")));
    cr_expect(str_eq(pattern.host, STR("example.com")));
    cr_expect_eq(pattern.port, 8443);
    cr_expect(!pattern.any_port);
    cr_assert_eq(pattern_parse(STR("http://*.localhost:*"), &pattern, NULL), PATTERN_OK);
    cr_expect_eq(pattern.head.n + pattern.tail.n, 0);
    cr_expect(str_eq(pattern.host, STR("localhost")));
    cr_expect(pattern.any_port && !pattern.port);
}

/* --- what is refused, in which words ---------------------------------------------------------- */

#define ADDRESS_HINT "list each address, or use a name: * stands for labels of names only"
#define PORT_HINT "a port is a number from 1 to 65535, or * for any port or none"
#define WILD_PORT_HINT "a port is one number, or :* for any port or none"
#define LABEL_HINT "labels hold letters, digits, - and _"
#define NULL_HINT                                                                                  \
    "browsers send \"null\" for them, and for every sandboxed frame: list \"null\" only where " \
    "any page may read the answers"
#define REGEX_HINT                                                                                 \
    "origins are no regular expressions: write each of them, or https://*.example.com for every " \
    "name under a domain"
#define PART_HINT                                                                                  \
    "write * as a whole label (https://*.example.com) or beside a - (https://pr-*.example.com)"
#define SEVERAL_HINT "write each origin as an item of the list, without spaces and commas"
#define EXAMPLE_HINT "write an origin such as https://app.example.com"
#define WS_TRAIL ", since an Origin is the page's"
#define SUFFIX_TRAIL ", or put public_suffix_patterns under dangerous"

static const struct {
    const char *name, *text, *message, *hint;
} fault_rows[] = {
    {"nothing", "", "an origin is empty", EXAMPLE_HINT},
    {"only space", " \t ", "an origin is empty", EXAMPLE_HINT},
    {"no scheme", "app.example.com", "\"app.example.com\" has no scheme",
     "write https://app.example.com"},
    {"no scheme, capitals", "App.Example.com:443", "\"App.Example.com:443\" has no scheme",
     "write https://app.example.com"},
    {"no scheme, a port", "app.example.com:8443", "\"app.example.com:8443\" has no scheme",
     "write https://app.example.com:8443"},
    {"no scheme, a path", "app.example.com/x", "\"app.example.com/x\" has no scheme",
     "write https://app.example.com"},
    {"localhost", "localhost:3000", "\"localhost:3000\" has no scheme",
     "write http://localhost:3000"},
    {"a loopback address", "127.0.0.1:3000", "\"127.0.0.1:3000\" has no scheme",
     "write http://127.0.0.1:3000"},
    {"slashes only", "//app.example.com", "\"//app.example.com\" has no scheme",
     "write https://app.example.com"},
    {"colon and slashes", "://app.example.com", "\"://app.example.com\" has no scheme",
     "write https://app.example.com"},
    {"labels without a scheme", "*.example.com", "\"*.example.com\" has no scheme",
     "write https://*.example.com"},
    {"a word", "all", "\"all\" has no scheme", "write https://all"},
    {"two stars", "**", "\"**\" has no scheme", EXAMPLE_HINT},
    {"one slash", "https:/app.example.com", "\"https:/app.example.com\" has no // after its scheme",
     "write https://app.example.com"},
    {"no slash", "http:localhost:3000", "\"http:localhost:3000\" has no // after its scheme",
     "write http://localhost:3000"},
    {"null in capitals", "NULL", "\"NULL\" is not an origin", "write \"null\" in lower case"},
    {"null with a capital", "Null", "\"Null\" is not an origin", "write \"null\" in lower case"},
    {"a path", "https://a.example/app", "\"https://a.example/app\" has a path",
     "an origin has no path: write https://a.example"},
    {"a path, and capitals", "https://A.example:443/app/x?y",
     "\"https://A.example:443/app/x?y\" has a path",
     "an origin has no path: write https://a.example"},
    {"a trailing slash", "https://a.example/", "\"https://a.example/\" ends in a slash",
     "an origin has no path: write https://a.example"},
    {"a trailing slash behind a port", "http://localhost:3000/",
     "\"http://localhost:3000/\" ends in a slash",
     "an origin has no path: write http://localhost:3000"},
    {"a trailing slash behind labels", "https://*.example.com/",
     "\"https://*.example.com/\" ends in a slash",
     "an origin has no path: write https://*.example.com"},
    {"a star as path", "https://a.example/*", "\"https://a.example/*\" has a path",
     "an origin has no path: write https://a.example"},
    {"a backslash", "https://a.example\\", "\"https://a.example\\\" ends in a slash",
     "an origin has no path: write https://a.example"},
    {"another scheme's slash", "tauri://localhost/", "\"tauri://localhost/\" ends in a slash",
     "an origin has no path: write tauri://localhost"},
    {"an extension's path", "chrome-extension://abc/page.html",
     "\"chrome-extension://abc/page.html\" has a path",
     "an origin has no path: write chrome-extension://abc"},
    {"a query", "https://a.example?x=1", "\"https://a.example?x=1\" has a query",
     "an origin has no query: write https://a.example"},
    {"a fragment", "https://a.example#x", "\"https://a.example#x\" has a fragment",
     "an origin has no fragment: write https://a.example"},
    {"a user", "https://me@a.example", "\"https://me@a.example\" has a user name",
     "an origin has none: write https://a.example"},
    {"a user and a password", "https://me:pw@a.example:8443/",
     "\"https://me:pw@a.example:8443/\" has a user name",
     "an origin has none: write https://a.example:8443"},
    {"a slash behind a bad host", "https://a..b/", "\"https://a..b/\" ends in a slash",
     "an origin has no path: " EXAMPLE_HINT},
    {"wss", "wss://a.example", "\"wss://a.example\" is a WebSocket address, not an origin",
     "write https://a.example" WS_TRAIL},
    {"ws with port and path", "ws://a.example:8080/chat",
     "\"ws://a.example:8080/chat\" is a WebSocket address, not an origin",
     "write https://a.example:8080" WS_TRAIL},
    {"wss, capitals, labels", "WSS://*.example.com",
     "\"WSS://*.example.com\" is a WebSocket address, not an origin", "write https://*.example.com"
     WS_TRAIL},
    {"file", "file:///home/me/x.html", "pages of \"file:\" have no origin of their own", NULL_HINT},
    {"file in short", "file://", "pages of \"file:\" have no origin of their own", NULL_HINT},
    {"data", "data:text/html,x", "pages of \"data:\" have no origin of their own", NULL_HINT},
    {"javascript", "javascript:alert(1)", "pages of \"javascript:\" have no origin of their own",
     NULL_HINT},
    {"blob", "blob:https://a.example/1-2-3", "pages of \"blob:\" have no origin of their own",
     NULL_HINT},
    {"about", "about:blank", "pages of \"about:\" have no origin of their own", NULL_HINT},
    {"capitals in data", "DATA:,", "pages of \"DATA:\" have no origin of their own", NULL_HINT},
    {"two origins, comma", "https://a.example,https://b.example",
     "\"https://a.example,https://b.example\" is not one origin", SEVERAL_HINT},
    {"two origins, space", "https://a.example https://b.example",
     "\"https://a.example https://b.example\" is not one origin", SEVERAL_HINT},
    {"two origins, slash and comma", "https://a.example/, https://b.example/",
     "\"https://a.example/, https://b.example/\" is not one origin", SEVERAL_HINT},
    {"two origins, a line each", "https://a.example\nhttps://b.example",
     "\"https://a.example?https://b.example\" is not one origin", SEVERAL_HINT},
    {"a space in the host", "https://a b.example", "\"https://a b.example\" is not one origin",
     SEVERAL_HINT},
    {"a comma in the path", "https://a.example/x,y", "\"https://a.example/x,y\" has a path",
     "an origin has no path: write https://a.example"},
    {"an anchored expression", "^https://a\\.example$",
     "\"^https://a\\.example$\" looks like a regular expression", REGEX_HINT},
    {"an escaped dot", "https://a\\.example",
     "\"https://a\\.example\" looks like a regular expression", REGEX_HINT},
    {"nginx's sign", "~https://a.example", "\"~https://a.example\" looks like a regular expression",
     REGEX_HINT},
    {"dot and star", "https://.*.example.com",
     "\"https://.*.example.com\" looks like a regular expression", REGEX_HINT},
    {"alternatives", "https://(a|b).example",
     "\"https://(a|b).example\" looks like a regular expression", REGEX_HINT},
    {"a class", "https://[a-z]+.example",
     "\"https://[a-z]+.example\" looks like a regular expression", REGEX_HINT},
    {"no host", "https://", "\"https://\" has no host", EXAMPLE_HINT},
    {"no host, a port", "https://:8443", "\"https://:8443\" has no host", EXAMPLE_HINT},
    {"no host, a path", "https:///x", "\"https:///x\" has no host", EXAMPLE_HINT},
    {"another scheme without host", "tauri://", "\"tauri://\" has no host", EXAMPLE_HINT},
    {"two dots", "https://a..example", "\"https://a..example\" has a host that no browser takes",
     "between two dots something must stand"},
    {"a dot in front", "https://.example.com",
     "\"https://.example.com\" has a host that no browser takes",
     "between two dots something must stand"},
    {"a byte no host holds", "https://a!b.example",
     "\"https://a!b.example\" has a host that no browser takes", LABEL_HINT},
    {"an encoded slash", "https://a%2fb.example",
     "\"https://a%2fb.example\" has a host that no browser takes", LABEL_HINT},
    {"an encoded star", "https://%2a.example.com",
     "\"https://%2a.example.com\" has a host that no browser takes", LABEL_HINT},
    {"an encoded NUL", "https://a%00.example",
     "\"https://a%00.example\" has a host that no browser takes", LABEL_HINT},
    {"a percent sign alone", "https://a%.example",
     "\"https://a%.example\" has a host that no browser takes", LABEL_HINT},
    {"a long label",
     "https://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example",
     "\"https://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example\" "
     "has a host that no browser takes", "a label has at most 63 bytes"},
    {"an emoji", "https://\xe2\x98\x95.example",
     "\"https://\xe2\x98\x95.example\" has a host that no browser takes",
     "it has a character that IDNA2008 does not take: if browsers do, write its ASCII form, "
     "xn--..."},
    {"bad punycode", "https://xn--a.example",
     "\"https://xn--a.example\" has a host that no browser takes",
     "domain label has character forbidden in non-transitional mode (TR46)"},
    {"another scheme, a byte no host holds", "app://a<b",
     "\"app://a<b\" has a host that no browser takes",
     "it holds a character that stands in no origin"},
    {"an IPv4 address out of range", "http://256.1.1.1",
     "\"http://256.1.1.1\" ends in a number but is no IPv4 address",
     "write four numbers from 0 to 255, such as http://192.168.1.20"},
    {"a name that ends in a number", "http://app.1",
     "\"http://app.1\" ends in a number but is no IPv4 address",
     "write four numbers from 0 to 255, such as http://192.168.1.20"},
    {"IPv6 without brackets", "http://::1", "\"http://::1\" has no valid IPv6 address",
     "write it in brackets, such as http://[::1]:3000"},
    {"IPv6 without brackets, a port", "http://2001:db8::1:8080",
     "\"http://2001:db8::1:8080\" has no valid IPv6 address",
     "write it in brackets, such as http://[::1]:3000"},
    {"IPv6 that is none", "http://[1:2]", "\"http://[1:2]\" has no valid IPv6 address",
     "write it in brackets, such as http://[::1]:3000"},
    {"IPv6 with a zone", "http://[fe80::1%25eth0]",
     "\"http://[fe80::1%25eth0]\" has no valid IPv6 address",
     "write it in brackets, such as http://[::1]:3000"},
    {"an empty port", "https://a.example:", "\"https://a.example:\" has no valid port", PORT_HINT},
    {"port zero", "https://a.example:0", "\"https://a.example:0\" has no valid port", PORT_HINT},
    {"a port too high", "https://a.example:65536", "\"https://a.example:65536\" has no valid port",
     PORT_HINT},
    {"a port in letters", "https://a.example:http", "\"https://a.example:http\" has no valid port",
     PORT_HINT},
    {"a part of a port", "http://localhost:30*", "\"http://localhost:30*\" has a * inside a port",
     WILD_PORT_HINT},
    {"a star as scheme", "*://a.example", "\"*://a.example\" has a * in its scheme",
     "list the origin once for https:// and, where needed, once for http://"},
    {"a star behind http", "http*://a.example", "\"http*://a.example\" has a * in its scheme",
     "list the origin once for https:// and, where needed, once for http://"},
    {"a star under another scheme", "chrome-extension://*",
     "\"chrome-extension://*\" has a * under a scheme other than http and https",
     "list each origin of chrome-extension:// exactly"},
    {"any port under another scheme", "tauri://localhost:*",
     "\"tauri://localhost:*\" has a * under a scheme other than http and https",
     "list each origin of tauri:// exactly"},
    {"a star in IPv4", "http://192.168.1.*", "\"http://192.168.1.*\" has a * in an IP address",
     ADDRESS_HINT},
    {"a star before IPv4", "http://*.168.1.1", "\"http://*.168.1.1\" has a * in an IP address",
     ADDRESS_HINT},
    {"a star before one number", "http://*.1", "\"http://*.1\" has a * in an IP address",
     ADDRESS_HINT},
    {"a star in IPv6", "http://[fe80::*]", "\"http://[fe80::*]\" has a * in an IP address",
     ADDRESS_HINT},
    {"every host", "https://*", "\"https://*\" would match every host",
     "write \"*\" alone to allow every origin, or a domain behind it: https://*.example.com"},
    {"every host, any port", "https://*:*", "\"https://*:*\" would match every host",
     "write \"*\" alone to allow every origin, or a domain behind it: https://*.example.com"},
    {"every host with a dot", "https://*.", "\"https://*.\" would match every host",
     "write \"*\" alone to allow every origin, or a domain behind it: https://*.example.com"},
    {"a part and no domain", "https://pr-*", "\"https://pr-*\" would match every host",
     "write \"*\" alone to allow every origin, or a domain behind it: https://*.example.com"},
    {"two labels", "https://*.*.example.com",
     "\"https://*.*.example.com\" has more than one * in its host",
     "one * stands for one label or more: https://*.example.com matches "
     "https://a.b.example.com too"},
    {"two stars in a label", "https://**.example.com",
     "\"https://**.example.com\" has more than one * in its host",
     "one * stands for one label or more: https://*.example.com matches "
     "https://a.b.example.com too"},
    {"a star in the middle", "https://www.*.example.com",
     "\"https://www.*.example.com\" has a * that is not in the leftmost label",
     "* goes first in the host, such as https://*.example.com"},
    {"a star at the end", "https://example.*",
     "\"https://example.*\" has a * that is not in the leftmost label",
     "* goes first in the host, such as https://*.example.com"},
    {"a part without -", "https://pr*.example.com",
     "\"https://pr*.example.com\" has a * that is neither a whole label nor beside a -", PART_HINT},
    {"no dot behind the star", "https://*example.com",
     "\"https://*example.com\" has a * that is neither a whole label nor beside a -", PART_HINT},
    {"a - on one side only", "https://pr-*x.example.com",
     "\"https://pr-*x.example.com\" has a * that is neither a whole label nor beside a -",
     PART_HINT},
    {"a part beside _", "https://pr_*.example.com",
     "\"https://pr_*.example.com\" has a * that is neither a whole label nor beside a -",
     PART_HINT},
    {"a part of punycode", "https://xn--*.example.com",
     "\"https://xn--*.example.com\" has a * in a label beyond ASCII",
     "a name beyond ASCII is encoded as a whole label: list each such name"},
    {"a part beyond ASCII", "https://b\xc3\xbc-*.example.com",
     "\"https://b\xc3\xbc-*.example.com\" has a * in a label beyond ASCII",
     "a name beyond ASCII is encoded as a whole label: list each such name"},
    {"a part with a byte no host holds", "https://p!-*.example.com",
     "\"https://p!-*.example.com\" has a host that no browser takes", LABEL_HINT},
    {"a top-level domain", "https://*.com", "\"https://*.com\" reaches everyone's sites",
     "anybody can register a name under com: write yours, such as https://*.example.com"
     SUFFIX_TRAIL},
    {"two labels of one", "https://*.co.uk", "\"https://*.co.uk\" reaches everyone's sites",
     "anybody can register a name under co.uk: write yours, such as https://*.example.co.uk"
     SUFFIX_TRAIL},
    {"with a final dot", "https://*.com.", "\"https://*.com.\" reaches everyone's sites",
     "anybody can register a name under com.: write yours, such as https://*.example.com."
     SUFFIX_TRAIL},
    {"a private suffix", "https://*.github.io", "\"https://*.github.io\" reaches everyone's sites",
     "anybody can register a name under github.io: write yours, such as "
     "https://*.example.github.io" SUFFIX_TRAIL},
    {"a part under a private suffix", "https://x-*.vercel.app",
     "\"https://x-*.vercel.app\" reaches everyone's sites",
     "anybody can register such a name under vercel.app: list each of yours" SUFFIX_TRAIL},
    {"any port under a suffix", "http://*.netlify.app:*",
     "\"http://*.netlify.app:*\" reaches everyone's sites",
     "anybody can register a name under netlify.app: write yours, such as "
     "http://*.example.netlify.app" SUFFIX_TRAIL},
    {"a label not on the list", "https://*.corp", "\"https://*.corp\" reaches too far",
     "corp, a single label that the public suffix list does not know, counts as a public "
     "suffix: name a domain under it" SUFFIX_TRAIL},
    {"a part under one", "https://pr-*.internal", "\"https://pr-*.internal\" reaches too far",
     "internal, a single label that the public suffix list does not know, counts as a public "
     "suffix: name a domain under it" SUFFIX_TRAIL},
    {"an IDNA suffix", "https://*.\xd1\x80\xd1\x84",
     "\"https://*.xn--p1ai\" reaches everyone's sites",
     "anybody can register a name under xn--p1ai: write yours, such as https://*.example.xn--p1ai"
     SUFFIX_TRAIL},
    {"a wildcard rule's suffix", "https://*.foo.ck",
     "\"https://*.foo.ck\" reaches everyone's sites",
     "anybody can register a name under foo.ck: write yours, such as https://*.example.foo.ck"
     SUFFIX_TRAIL},
};

Test(pattern, faults)
{
    struct public_suffixes *list = public_suffixes_load(NULL);
    cr_assert(list);
    for (size_t i = 0; i < sizeof fault_rows / sizeof fault_rows[0]; i++) {
        struct pattern pattern;
        struct pattern_problem problem = {.message = ""};
        enum pattern_fault fault = pattern_parse(str_of(fault_rows[i].text), &pattern, &problem);
        if (fault == PATTERN_OK)
            fault = pattern_check_reach(&pattern, list, &problem);
        cr_expect_neq(fault, PATTERN_OK, "%s: taken", fault_rows[i].name);
        cr_expect_str_eq(problem.message, fault_rows[i].message, "%s", fault_rows[i].name);
        cr_expect_str_eq(problem.hint, fault_rows[i].hint, "%s", fault_rows[i].name);
    }
    public_suffixes_unref(list);
}

Test(pattern, within_reach)
{
    static const char *const texts[] = {
        "https://*.example.com", "https://*.localhost", "http://pr-*.localhost:*",
        "https://*.localhost.", "https://*.me.github.io", "https://pr-*.example.co.uk",
        "https://*.www.ck", "https://*.app.corp", "https://com", "https://github.io:*",
        "https://*.amazonaws.com",
    };
    struct public_suffixes *list = public_suffixes_load(NULL);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct pattern pattern;
        cr_assert_eq(pattern_parse(str_of(texts[i]), &pattern, NULL), PATTERN_OK, "%s", texts[i]);
        cr_expect_eq(pattern_check_reach(&pattern, list, NULL), PATTERN_OK, "%s", texts[i]);
    }
    public_suffixes_unref(list);
}

Test(pattern, no_list)
{
    struct pattern pattern;
    struct pattern_problem problem;
    cr_assert_eq(pattern_parse(STR("https://*.example.com"), &pattern, NULL), PATTERN_OK);
    cr_expect_eq(pattern_check_reach(&pattern, NULL, &problem), PATTERN_NO_LIST);
    cr_expect_str_eq(problem.message,
                     "\"https://*.example.com\" cannot be checked: there is no public suffix list");
    cr_assert_eq(pattern_parse(STR("https://*.localhost"), &pattern, NULL), PATTERN_OK);
    cr_expect_eq(pattern_check_reach(&pattern, NULL, NULL), PATTERN_OK);
}

Test(pattern, insecure)
{
    static const struct {
        const char *text;
        bool want;
    } rows[] = {
        {"http://a.example", true},       {"http://*.example.com", true},
        {"http://10.0.0.1", true},        {"http://[::2]", true},
        {"http://128.0.0.1", true},       {"http://notlocalhost", true},
        {"http://localhost.example", true}, {"https://a.example", false},
        {"http://localhost", false},      {"http://localhost:3000", false},
        {"http://localhost:*", false},    {"http://a.localhost", false},
        {"http://*.localhost", false},    {"http://pr-*.localhost", false},
        {"http://127.0.0.1", false},      {"http://127.255.0.9:80", false},
        {"http://[::1]:*", false},        {"http://localhost.", false},
        {"tauri://localhost", false},     {"null", false},
        {"*", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct pattern pattern;
        cr_assert_eq(pattern_parse(str_of(rows[i].text), &pattern, NULL), PATTERN_OK, "%s",
                     rows[i].text);
        cr_expect_eq(pattern_is_insecure(&pattern), rows[i].want, "%s", rows[i].text);
    }
}

Test(pattern, lengths)
{
    char text[3000];
    struct pattern pattern;
    struct pattern_problem problem;
    memset(text, 'a', sizeof text);
    memcpy(text, "https://", 8);
    for (size_t n = 0; n <= sizeof text; n++) {
        for (size_t i = 8 + 60; i < n; i += 61)
            text[i] = '.';
        enum pattern_fault fault = pattern_parse((struct str){text, n}, &pattern, &problem);
        if (fault == PATTERN_OK)
            cr_expect_leq(pattern.text.n, (size_t)PATTERN_TEXT_MAX);
        cr_expect_eq(fault == PATTERN_TOO_LONG, n > PATTERN_INPUT_MAX, "%zu", n);
    }
    memcpy(text, "app://a", 7);
    for (size_t n = 7; n <= PATTERN_INPUT_MAX; n++)
        if (pattern_parse((struct str){text, n}, &pattern, &problem) == PATTERN_OK)
            cr_expect_leq(pattern.text.n, (size_t)PATTERN_TEXT_MAX);
    /* A wildcard's domain must leave room for one byte more. */
    memcpy(text, "https://*.", 10);
    for (size_t n = 240; n < 280; n++) {
        memset(text + 10, 'a', n);
        for (size_t i = 20; i < n + 9; i += 50)
            text[i] = '.';
        enum pattern_fault fault = pattern_parse((struct str){text, 10 + n}, &pattern, &problem);
        cr_expect_eq(fault, n <= 251 ? PATTERN_OK : PATTERN_HOST, "%zu", n);
    }
}

/* A pattern that is exact is an origin, byte for byte, and the other way round. */
Test(pattern, exact_is_an_origin)
{
    uint64_t state = 42;
    for (int i = 0; i < 100000; i++) {
        char text[64] = "";
        struct pattern pattern;
        struct origin origin;
        size_t n = 0;
        for (unsigned words = 1 + oracle_pick(&state, 7); words; words--)
            n += (size_t)snprintf(text + n, sizeof text - n, "%s",
                                  ORACLE_ONE_OF(&state, "https", "http", "://", "://", "://", "a",
                                                "B", ".", "-", ":", "80", "443", "[::1]", "1", "x",
                                                "app", "/", "%41", "0x1", "\xc3\xbc", "_", "xn--"));
        bool parses = origin_parse(str_of(text), &origin) == ORIGIN_OK;
        bool taken = pattern_parse(str_of(text), &pattern, NULL) == PATTERN_OK;
        if (taken && pattern.kind == PATTERN_EXACT)
            cr_assert_eq(origin_parse(pattern.text, &origin), ORIGIN_OK, "%s", text);
        if (parses && !memmem(text, n, "xn--", 4) && !str_starts(str_of(text), STR("file")))
            cr_assert(taken && str_eq(pattern.text, str_of(text)), "%s", text);
    }
}
