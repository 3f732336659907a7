#include <criterion/criterion.h>
#include "corsd/http/forwarded.h"

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))

/* want: "for host proto|" an element, "-" for what is not there; "!" at the end: a fault. */
static const struct {
    const char *name, *value, *want;
} rows[] = {
    {"IPv4", "for=192.0.2.1", "192.0.2.1 - -|"},
    {"all of it", "for=192.0.2.1;proto=https;by=203.0.113.4;host=a.example",
     "192.0.2.1 a.example https|"},
    {"any case", "FOR=192.0.2.1;Proto=HTTPS", "192.0.2.1 - HTTPS|"},
    {"quoted", "for=\"192.0.2.1:47011\"", "192.0.2.1:47011 - -|"},
    {"IPv6", "for=\"[2001:db8::1]\"", "[2001:db8::1] - -|"},
    {"IPv6 with a port", "for=\"[2001:db8::1]:4711\"", "[2001:db8::1]:4711 - -|"},
    {"an obfuscated port", "for=\"[2001:db8::1]:_a.b\"", "[2001:db8::1]:_a.b - -|"},
    {"unknown", "for=unknown", "unknown - -|"},
    {"obfuscated", "for=_SEVKISEK", "_SEVKISEK - -|"},
    {"several", "for=1.1.1.1, for=2.2.2.2;proto=http,for=3.3.3.3",
     "1.1.1.1 - -|2.2.2.2 - http|3.3.3.3 - -|"},
    {"empty members", ",, for=1.1.1.1 , ,\tfor=2.2.2.2,", "1.1.1.1 - -|2.2.2.2 - -|"},
    {"nothing", "", ""},
    {"commas alone", " , ,", ""},
    {"semicolons too many", "for=1.1.1.1;;proto=http;", "1.1.1.1 - http|"},
    {"words that are not ours", "secret=abc;for=1.1.1.1;x=\"a,b;c=\\\"d\"", "1.1.1.1 - -|"},
    {"no for", "proto=https", "- - https|"},
    {"a host with a port", "host=\"a.example:8443\"", "- a.example:8443 -|"},
    /* faults: nothing of the value is to be believed */
    {"no value", "for=", "!"},
    {"an empty value", "for=\"\"", "!"},
    {"no pair", "for", "!"},
    {"an address without quotes", "for=2001:db8::1", "!"},
    {"IPv6 without brackets", "for=\"2001:db8::1\"", "!"},
    {"IPv4 in brackets", "for=\"[192.0.2.1]\"", "!"},
    {"brackets without quotes", "for=[2001:db8::1]", "!"},
    {"an open bracket", "for=\"[2001:db8::1\"", "!"},
    {"an open quote", "for=\"192.0.2.1", "!"},
    {"a name", "for=client.example", "!"},
    {"no address", "for=192.0.2.256", "!"},
    {"a port too long", "for=\"192.0.2.1:123456\"", "!"},
    {"an empty port", "for=\"192.0.2.1:\"", "!"},
    {"an escape", "for=\"192.0.2.\\1\"", "!"},
    {"twice", "for=1.1.1.1;for=2.2.2.2", "!"},
    {"by twice", "by=1.1.1.1;by=2.2.2.2", "!"},
    {"a strange by", "by=\"a b\";for=1.1.1.1", "!"},
    {"blanks around =", "for = 1.1.1.1", "!"},
    {"blanks around ;", "for=1.1.1.1; proto=http", "!"},
    {"no comma", "for=1.1.1.1 for=2.2.2.2", "!"},
    {"as X-Forwarded-For", "1.1.1.1, 2.2.2.2", "!"},
    {"a semicolon at the end", "for=1.1.1.1, for=2.2.2.2;", "1.1.1.1 - -|2.2.2.2 - -|"},
    {"a fault at the end", "for=1.1.1.1, for", "1.1.1.1 - -|!"},
    {"a proto that is no word", "proto=\"a b\"", "!"},
    {"an underscore alone", "for=_", "!"},
};

static void add_word(struct buf *out, struct str word, const char *end)
{
    buf_add(out, word.p ? word : STR("-"));
    buf_add(out, str_of(end));
}

Test(forwarded, elements)
{
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct buf out = BUF_INIT(4096);
        struct str rest = str_of(rows[i].value);
        struct forwarded_hop hop;
        enum forwarded_result result;
        while ((result = forwarded_next(&rest, &hop)) == FORWARDED_ELEMENT) {
            add_word(&out, hop.node, " ");
            add_word(&out, hop.host, " ");
            add_word(&out, hop.proto, "|");
        }
        buf_add(&out, result == FORWARDED_FAULT ? STR("!") : STR(""));
        cr_expect(str_eq(buf_str(&out), str_of(rows[i].want)), "%s: %.*s", rows[i].name,
                  STR_ARG(buf_str(&out)));
        buf_finish(&out);
    }
}

static const struct {
    const char *ip, *host, *proto, *want;
} written_rows[] = {
    {"192.0.2.1", "a.example", "https", "for=192.0.2.1;host=a.example;proto=https"},
    {"2001:db8::1", "[::1]:80", "http", "for=\"[2001:db8::1]\";host=\"[::1]:80\";proto=http"},
    {"unix", "", "http", "for=unknown;proto=http"},
    {"192.0.2.1", "a:8080", "", "for=192.0.2.1;host=\"a:8080\""},
};

Test(forwarded, written)
{
    for (size_t i = 0; i < COUNT(written_rows); i++) {
        struct buf out = BUF_INIT(256);
        forwarded_add(&out, str_of(written_rows[i].ip), str_of(written_rows[i].host),
                      str_of(written_rows[i].proto));
        cr_expect(str_eq(buf_str(&out), str_of(written_rows[i].want)), "%.*s",
                  STR_ARG(buf_str(&out)));
        buf_finish(&out);
    }
}

static const struct {
    const char *node, *want; /* NULL: no address */
} node_rows[] = {
    {"192.0.2.1", "192.0.2.1"}, {"192.0.2.1:80", "192.0.2.1"},
    {"2001:db8::1", "2001:db8::1"}, {"[2001:db8::1]", "2001:db8::1"},
    {"[2001:db8::1]:80", "2001:db8::1"}, {"::1", "::1"},
    {"192.0.2.1:_p", "192.0.2.1"},
    {"", NULL}, {"unknown", NULL}, {"_hidden", NULL}, {"192.0.2.1:", NULL}, {"192.0.2.1:x", NULL},
    {"[192.0.2.1]", NULL}, {"[2001:db8::1]80", NULL}, {"[2001:db8::1", NULL}, {"a.example", NULL},
    {"\"192.0.2.1\"", NULL}, {"192.0.2.1 ", NULL}, {":80", NULL},
};

Test(forwarded, nodes)
{
    for (size_t i = 0; i < COUNT(node_rows); i++) {
        struct str ip = STR("untouched");
        struct address address;
        bool known = node_address(str_of(node_rows[i].node), &ip, &address);
        cr_expect_eq(known, node_rows[i].want != NULL, "%s", node_rows[i].node);
        cr_expect(str_eq(ip, known ? str_of(node_rows[i].want) : STR("untouched")), "%s: %.*s",
                  node_rows[i].node, STR_ARG(ip));
    }
}
