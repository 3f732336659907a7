/* What is taken of the addresses that an answer or the hosts file tells. */
#include <arpa/inet.h>
#include <stdio.h>
#include <criterion/criterion.h>
#include "corsd/net/answer.h"
#include "rows.h"

static bool add(struct answer *answer, const char *ip, uint32_t ttl_s)
{
    struct in6_addr bytes;
    bool v6 = strchr(ip, ':');
    cr_assert_eq(inet_pton(v6 ? AF_INET6 : AF_INET, ip, &bytes), 1, "%s", ip);
    return answer_add(answer, v6 ? AF_INET6 : AF_INET, &bytes, ttl_s);
}

static void write_ips(const struct answer *answer, char *out, size_t size)
{
    char ip[ADDRESS_TEXT];
    for (size_t i = 0; i < answer->n; i++)
        snprintf(out + strlen(out), size - strlen(out), "%s%s", *out ? " " : "",
                 address_ip_text((const struct sockaddr *)&answer->at[i].at, ip));
}

static const struct {
    const char *ip;
    bool want;
} usable_rows[] = {
    {"10.0.0.1", true},        {"127.0.0.1", true},     {"169.254.1.1", true},
    {"0.0.0.0", false},        {"0.1.2.3", false},      {"224.0.0.1", false},
    {"239.255.255.250", false}, {"240.0.0.1", false},   {"255.255.255.255", false},
    {"::1", true},             {"fd00::1", true},       {"2001:db8::1", true},
    {"::", false},             {"ff02::1", false},      {"fe80::1", false},
    {"::ffff:10.0.0.1", false}, {"223.255.255.255", true},
};

Test(answer, usable)
{
    for (size_t row = 0; row < sizeof usable_rows / sizeof *usable_rows; row++) {
        struct answer answer = ANSWER_NONE;
        cr_expect_eq(add(&answer, usable_rows[row].ip, 5), usable_rows[row].want, "%s",
                     usable_rows[row].ip);
        cr_expect_eq(answer.n, usable_rows[row].want, "%s", usable_rows[row].ip);
    }
}

Test(answer, sorted_and_none_twice)
{
    struct answer answer = ANSWER_NONE;
    char got[512] = "";
    const char *const ips[] = {"10.0.0.9",  "10.0.0.1", "10.0.0.9",
                               "9.255.0.1", "10.0.0.5", "10.0.0.1"};
    for (size_t i = 0; i < sizeof ips / sizeof *ips; i++)
        cr_expect(add(&answer, ips[i], 60));
    write_ips(&answer, got, sizeof got);
    cr_expect_str_eq(got, "9.255.0.1 10.0.0.1 10.0.0.5 10.0.0.9");
    cr_expect_eq(address_port((struct sockaddr *)&answer.at[0].at), 0);
}

Test(answer, of_too_many_the_lowest_whatever_their_order)
{
    struct answer up = ANSWER_NONE, down = ANSWER_NONE;
    for (unsigned i = 0; i < 1000; i++) {
        const uint8_t low[4] = {10, 0, (uint8_t)(i >> 8), (uint8_t)i};
        const uint8_t high[4] = {10, 0, (uint8_t)((999 - i) >> 8), (uint8_t)(999 - i)};
        cr_expect(answer_add(&up, AF_INET, low, 60));
        cr_expect(answer_add(&down, AF_INET, high, 60));
    }
    cr_expect_eq(up.n, ANSWER_MAX);
    cr_expect(answer_same(up.at, up.n, down.at, down.n));
    char ip[ADDRESS_TEXT];
    cr_expect_str_eq(address_ip_text((struct sockaddr *)&down.at[ANSWER_MAX - 1].at, ip),
                     "10.0.0.63");
}

static const struct {
    const char *name;
    uint32_t first, second, want;
} ttl_rows[] = {
    {"nothing told", UINT32_MAX, UINT32_MAX, TTL_UNKNOWN_S},
    {"zero is one second", 0, 60, 1},
    {"the shortest holds", 300, 20, 20},
    {"an hour at most", 86400, 7200, 3600},
    {"as told", 5, 5, 5},
};

Test(answer, ttl)
{
    for (size_t row = 0; row < sizeof ttl_rows / sizeof *ttl_rows; row++) {
        struct answer answer = ANSWER_NONE;
        add(&answer, "10.0.0.1", ttl_rows[row].first);
        add(&answer, "10.0.0.2", ttl_rows[row].second);
        cr_expect_eq(answer_ttl(&answer), ttl_rows[row].want, "%s", ttl_rows[row].name);
    }
    cr_expect_eq(answer_ttl(&ANSWER_NONE), TTL_UNKNOWN_S);
}

Test(answer, same)
{
    struct answer a = ANSWER_NONE, b = ANSWER_NONE;
    cr_expect(answer_same(a.at, a.n, b.at, b.n));
    add(&a, "10.0.0.1", 1);
    cr_expect(!answer_same(a.at, a.n, b.at, b.n));
    add(&b, "10.0.0.2", 1);
    cr_expect(!answer_same(a.at, a.n, b.at, b.n));
}

static const struct {
    const char *name, *hosts, *host, *want;
    bool named;
} hosts_rows[] = {
    {"one", "10.0.0.1 api\n", "api", "10.0.0.1", true},
    {"another name", "10.0.0.1 apis\n", "api", "", false},
    {"the second name of a line", "10.0.0.1\tapi.test  api\n", "api", "10.0.0.1", true},
    {"two lines count together", "10.0.0.2 api\n10.0.0.1 api\n", "api", "10.0.0.1 10.0.0.2", true},
    {"both families", "::1 api\n10.0.0.1 api\n", "api", "10.0.0.1 ::1", true},
    {"letter case", "10.0.0.1 API\n", "api", "10.0.0.1", true},
    {"a final dot of either", "10.0.0.1 api.test.\n", "api.test", "10.0.0.1", true},
    {"a final dot asked for", "10.0.0.1 api.test\n", "api.test.", "10.0.0.1", true},
    {"a comment", "#10.0.0.1 api\n10.0.0.2 x # api\n", "api", "", false},
    {"the address is no name", "10.0.0.1 x\n", "10.0.0.1", "", false},
    {"no address", "ten.0.0.1 api\n", "api", "", false},
    {"an address that cannot be used", "0.0.0.0 api\n", "api", "", false},
    {"a scope is not taken", "fe80::1%eth0 api\n", "api", "", false},
    {"CRLF", "10.0.0.1 api\r\n10.0.0.2 api\r\n", "api", "10.0.0.1 10.0.0.2", true},
    {"no last line end", "10.0.0.1 api", "api", "10.0.0.1", true},
    {"an empty file", "", "api", "", false},
    {"spaces before", "   10.0.0.1 api\n", "api", "10.0.0.1", true},
    {"an empty name is in no line", "10.0.0.1 api\n10.0.0.1\n", "", "", false},
    {"a word too long for an address", "10.0.0.1111111111111111111111111111111111111111111111 api",
     "api", "", false},
};

Test(answer, hosts)
{
    for (size_t row = 0; row < sizeof hosts_rows / sizeof *hosts_rows; row++) {
        struct answer v4 = ANSWER_NONE, v6 = ANSWER_NONE;
        char got[512] = "";
        bool named = answer_from_hosts(str_of(hosts_rows[row].hosts), str_of(hosts_rows[row].host),
                                       &v4, &v6);
        write_ips(&v4, got, sizeof got);
        write_ips(&v6, got, sizeof got);
        cr_expect_eq(named, hosts_rows[row].named, "%s", hosts_rows[row].name);
        cr_expect_str_eq(got, hosts_rows[row].want, "%s: %s", hosts_rows[row].name, got);
    }
}
