#include <netinet/in.h>
#include <sys/un.h>
#include <criterion/criterion.h>
#include "corsd/base/address.h"

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))
#define TEN "0123456789"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN

static const struct {
    const char *name, *text;
    enum address_fault want;
    const char *shown; /* as address_text writes it */
} parse_rows[] = {
    {"IPv4", "127.0.0.1:80", ADDRESS_OK, "127.0.0.1:80"},
    {"port 0", "127.0.0.1:0", ADDRESS_OK, "127.0.0.1:0"},
    {"the last port", "127.0.0.1:65535", ADDRESS_OK, "127.0.0.1:65535"},
    {"IPv6", "[::1]:80", ADDRESS_OK, "[::1]:80"},
    {"IPv6 in another spelling", "[0:0:0:0:0:0:0:1]:80", ADDRESS_OK, "[::1]:80"},
    {"every address", ":8080", ADDRESS_OK, "[::]:8080"},
    {"every IPv4 address", "0.0.0.0:8080", ADDRESS_OK, "0.0.0.0:8080"},
    {"localhost", "localhost:80", ADDRESS_OK, "127.0.0.1:80"},
    {"localhost in capitals", "LocalHost:80", ADDRESS_OK, "127.0.0.1:80"},
    {"unix", "unix:/run/corsd/corsd.sock", ADDRESS_OK, "unix:/run/corsd/corsd.sock"},
    {"unix, relative", "unix:a", ADDRESS_OK, "unix:a"},
    {"unix, the longest path", "unix:/" HUNDRED "123456", ADDRESS_OK, "unix:/" HUNDRED "123456"},
    {"unix, one byte more", "unix:/" HUNDRED "1234567", ADDRESS_PATH_TOO_LONG},
    {"unix, no path", "unix:", ADDRESS_PATH_EMPTY},
    {"empty", "", ADDRESS_EMPTY},
    {"no port", "127.0.0.1", ADDRESS_NO_PORT},
    {"no port, a name", "localhost", ADDRESS_NO_PORT},
    {"no port, IPv6", "[::1]", ADDRESS_NO_PORT},
    {"an empty port", "127.0.0.1:", ADDRESS_BAD_PORT},
    {"a port too large", "127.0.0.1:65536", ADDRESS_BAD_PORT},
    {"a port that is a word", "127.0.0.1:http", ADDRESS_BAD_PORT},
    {"a port with a sign", "127.0.0.1:+80", ADDRESS_BAD_PORT},
    {"a port with a blank", "127.0.0.1: 80", ADDRESS_BAD_PORT},
    {"IPv6 without brackets", "::1:80", ADDRESS_NO_BRACKETS},
    {"an octet too large", "256.0.0.1:80", ADDRESS_BAD_IP},
    {"three octets", "127.0.1:80", ADDRESS_BAD_IP},
    {"one number", "2130706433:80", ADDRESS_BAD_IP},
    {"IPv4 in brackets", "[127.0.0.1]:80", ADDRESS_BAD_IP},
    {"empty brackets", "[]:80", ADDRESS_BAD_IP},
    {"half a bracket", "[:80", ADDRESS_NO_PORT},
    {"a zone", "[fe80::1%eth0]:80", ADDRESS_BAD_IP},
    {"a name", "example.com:80", ADDRESS_NAME},
    {"a name that begins like localhost", "localhost.example:80", ADDRESS_NAME},
};

Test(address, parse)
{
    for (size_t i = 0; i < COUNT(parse_rows); i++) {
        struct address address = {0};
        char text[ADDRESS_TEXT];
        cr_expect_eq(address_parse(str_of(parse_rows[i].text), &address), parse_rows[i].want, "%s",
                     parse_rows[i].name);
        if (parse_rows[i].want != ADDRESS_OK)
            cr_expect_eq(address.size, 0, "%s: written on success only", parse_rows[i].name);
        else
            cr_expect_str_eq(address_text((const struct sockaddr *)&address.at, address.size, text),
                             parse_rows[i].shown, "%s", parse_rows[i].name);
    }
}

Test(address, every_fault_has_a_sentence)
{
    for (int fault = ADDRESS_OK; fault <= ADDRESS_PATH_EMPTY; fault++)
        cr_expect_gt(strlen(address_fault_text((enum address_fault)fault)), 0, "%d", fault);
}

static const struct {
    const char *name, *text, *want; /* NULL: none */
} ip_rows[] = {
    {"IPv4", "10.0.0.1", "10.0.0.1"},
    {"IPv6", "::1", "::1"},
    {"IPv6 in brackets", "[2001:DB8::1]", "2001:db8::1"},
    {"IPv4-mapped", "::ffff:10.0.0.1", "10.0.0.1"},
    {"empty", "", NULL},
    {"a name", "localhost", NULL},
    {"with a port", "10.0.0.1:80", NULL},
    {"IPv4 in brackets", "[10.0.0.1]", NULL},
    {"one bracket", "[::1", NULL},
    {"leading zeros", "010.0.0.1", NULL},
    {"far too long", HUNDRED, NULL},
};

Test(address, of_ip)
{
    for (size_t i = 0; i < COUNT(ip_rows); i++) {
        struct address address;
        char text[ADDRESS_TEXT];
        bool ok = address_of_ip(str_of(ip_rows[i].text), 443, &address);
        cr_expect_eq(ok, ip_rows[i].want != NULL, "%s", ip_rows[i].name);
        if (!ok)
            continue;
        cr_expect_str_eq(address_ip_text((const struct sockaddr *)&address.at, text),
                         ip_rows[i].want, "%s", ip_rows[i].name);
        cr_expect_eq(address_port((const struct sockaddr *)&address.at), 443);
    }
    struct address address;
    cr_expect_not(address_of_ip((struct str){"::1\0", 4}, 80, &address), "a NUL byte");
}

Test(address, of_unix)
{
    struct address address;
    struct sockaddr_un nameless = {.sun_family = AF_UNIX};
    char text[ADDRESS_TEXT];
    cr_expect_not(address_of_unix(STR(""), &address));
    cr_expect_not(address_of_unix((struct str){"a\0b", 3}, &address), "a NUL byte");
    cr_assert(address_of_unix(STR("/a"), &address));
    const struct sockaddr *at = (const struct sockaddr *)&address.at;
    cr_expect_str_eq(address_ip_text(at, text), "unix");
    cr_expect_eq(address_port(at), 0);
    cr_expect_str_eq(address_text((const struct sockaddr *)&nameless, sizeof(sa_family_t), text),
                     "unix:", "a peer has no name");
}

Test(address, eq)
{
    struct address a, b, c, d;
    cr_assert(address_parse(STR("127.0.0.1:80"), &a) == ADDRESS_OK);
    cr_assert(address_parse(STR("localhost:80"), &b) == ADDRESS_OK);
    cr_assert(address_parse(STR("127.0.0.1:81"), &c) == ADDRESS_OK);
    cr_assert(address_parse(STR("unix:127.0.0.1:80"), &d) == ADDRESS_OK);
    cr_expect(address_eq(&a, &b));
    cr_expect_not(address_eq(&a, &c));
    cr_expect_not(address_eq(&a, &d));
}

static const struct {
    const char *name, *cidr;
    bool valid;
    const char *in, *out; /* an address inside, one outside; NULL: none */
} cidr_rows[] = {
    {"IPv4, eight bits", "10.0.0.0/8", true, "10.255.1.2", "11.0.0.0"},
    {"IPv4, bits within a byte", "172.16.0.0/12", true, "172.31.255.255", "172.32.0.0"},
    {"one address", "192.0.2.1", true, "192.0.2.1", "192.0.2.2"},
    {"one address, written out", "192.0.2.1/32", true, "192.0.2.1", "192.0.2.0"},
    {"all of IPv4", "0.0.0.0/0", true, "255.0.0.1", "::1"},
    {"IPv6", "2001:db8::/32", true, "2001:db8:ffff::1", "2001:db9::"},
    {"one IPv6 address", "::1", true, "::1", "::2"},
    {"the last bit", "::2/127", true, "::3", "::4"},
    {"IPv4 counts as mapped too", "10.0.0.0/8", true, "::ffff:10.1.1.1", "::ffff:11.0.0.1"},
    {"mapped counts as IPv4", "::ffff:10.0.0.0/104", true, "10.1.1.1", "11.1.1.1"},
    {"not the low bytes alone", "10.0.0.0/8", true, "10.0.0.1", "::10.0.0.1"},
    {"bits behind the mask", "10.0.0.1/8", false},
    {"bits behind the mask, IPv6", "2001:db8::1/32", false},
    {"more bits than IPv4 has", "10.0.0.0/33", false},
    {"more bits than IPv6 has", "::/129", false},
    {"no bits", "10.0.0.0/", false},
    {"a sign", "10.0.0.0/+8", false},
    {"a mask", "10.0.0.0/255.0.0.0", false},
    {"no address", "/8", false},
    {"empty", "", false},
    {"a name", "localhost", false},
    {"brackets", "[::1]", false},
    {"two slashes", "10.0.0.0/8/8", false},
};

static bool has(const struct cidr *cidr, const char *ip)
{
    struct address address;
    cr_assert(address_of_ip(str_of(ip), 1, &address), "%s", ip);
    return cidr_has(cidr, (const struct sockaddr *)&address.at);
}

Test(address, cidr)
{
    for (size_t i = 0; i < COUNT(cidr_rows); i++) {
        struct cidr cidr;
        cr_assert_eq(cidr_parse(str_of(cidr_rows[i].cidr), &cidr), cidr_rows[i].valid, "%s",
                     cidr_rows[i].name);
        if (!cidr_rows[i].valid)
            continue;
        cr_expect(has(&cidr, cidr_rows[i].in), "%s", cidr_rows[i].name);
        cr_expect_not(has(&cidr, cidr_rows[i].out), "%s", cidr_rows[i].name);
    }
}

Test(address, cidr_of_unix_peers)
{
    struct cidr peers, net;
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    cr_assert(cidr_parse(STR("unix:"), &peers));
    cr_assert(cidr_parse(STR("0.0.0.0/0"), &net));
    cr_expect(cidr_has(&peers, (const struct sockaddr *)&un));
    cr_expect_not(cidr_has(&net, (const struct sockaddr *)&un));
    cr_expect_not(has(&peers, "127.0.0.1"));
    cr_expect_not(cidr_parse(STR("unix:/path"), &peers));
}
