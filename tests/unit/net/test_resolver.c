/* Names against a DNS server of the test's own: what is asked, what is told, what is kept. */
#include <fcntl.h>
#include <stdlib.h>
#include "corsd/net/resolver.h"
#include "dns_server.h"

static struct {
    struct event_base *base;
    struct dns_server dns;
    struct resolver *resolver;
    struct log log;
    char folder[64], conf[96], hosts[96];
    unsigned told;
} t;

static void write_file(const char *path, const char *text)
{
    char fresh[128];
    snprintf(fresh, sizeof fresh, "%s.new", path);
    FILE *file = fopen(fresh, "we");
    cr_assert(file);
    fputs(text, file);
    fclose(file);
    cr_assert_eq(rename(fresh, path), 0);
}

static void begin_with(const char *conf, const char *hosts)
{
    memset(&t, 0, sizeof t);
    snprintf(t.folder, sizeof t.folder, "/tmp/corsd-names-XXXXXX");
    cr_assert(mkdtemp(t.folder));
    snprintf(t.conf, sizeof t.conf, "%s/resolv.conf", t.folder);
    snprintf(t.hosts, sizeof t.hosts, "%s/hosts", t.folder);
    write_file(t.conf, conf);
    write_file(t.hosts, hosts);
    t.log = (struct log){.fd = open("/dev/null", O_WRONLY | O_CLOEXEC), .level = LOG_DEBUG};
    t.base = event_base_new();
    dns_start(&t.dns, t.base);
    t.resolver = resolver_create(t.base, &t.log, &(struct resolver_files){t.conf, t.hosts});
    cr_assert(t.resolver);
    struct address at = {.size = sizeof t.dns.at};
    memcpy(&at.at, &t.dns.at, sizeof t.dns.at);
    resolver_use(t.resolver, &at, 1);
}

static void begin(void)
{
    begin_with("search a.test b.test\n", "");
}

static void end(void)
{
    resolver_destroy(t.resolver);
    dns_stop(&t.dns);
    event_base_free(t.base);
    close(t.log.fd);
    unlink(t.conf);
    unlink(t.hosts);
    rmdir(t.folder);
}

static void on_change(void *ctx)
{
    (void)ctx;
    t.told++;
}

static const char *addresses(const struct watch *watch)
{
    static char text[8192];
    char ip[ADDRESS_TEXT];
    size_t n, at = 0;
    const struct address *address = resolver_addresses(watch, &n);
    *text = 0;
    for (size_t i = 0; i < n; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, "%s%s", i ? " " : "",
                               address_ip_text((const struct sockaddr *)&address[i].at, ip));
    return text;
}

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void turn(unsigned ms)
{
    const struct timeval wait = {.tv_usec = (suseconds_t)ms * 1000};
    event_base_loopexit(t.base, &wait);
    event_base_dispatch(t.base);
}

static void run_for(unsigned ms)
{
    for (uint64_t until = now_ms() + ms; now_ms() < until;)
        turn(20);
}

/* Runs until the watch's addresses are these, for 20 s at most. */
static void expect(const struct watch *watch, const char *want)
{
    for (uint64_t until = now_ms() + 20000;
         now_ms() < until && strcmp(addresses(watch), want) != 0;)
        turn(10);
    cr_expect_str_eq(addresses(watch), want);
}

static void expect_asked(const char *what)
{
    for (uint64_t until = now_ms() + 20000; now_ms() < until && !strstr(t.dns.log, what);)
        turn(10);
    cr_expect(strstr(t.dns.log, what), "%s: %s", what, t.dns.log);
}

static struct watch *watch(const char *host)
{
    struct watch *made = resolver_watch(t.resolver, str_of(host), on_change, NULL);
    cr_assert(made);
    return made;
}

Test(resolver, both_families)
{
    begin();
    dns_set(&t.dns, "api.test", DNS_A, DNS_ANSWERS, "127.0.0.3 127.0.0.2", 60);
    dns_set(&t.dns, "api.test", DNS_AAAA, DNS_ANSWERS, "::1", 60);
    struct watch *api = watch("api.test.");
    cr_expect_str_eq(addresses(api), "");
    cr_expect_eq(t.told, 0);
    expect(api, "127.0.0.2 127.0.0.3 ::1");
    run_for(50);
    cr_expect(t.told >= 1 && t.told <= 2);
    cr_expect_eq(t.dns.asked, 2);
    resolver_unwatch(api);
    end();
}

Test(resolver, ipv4_does_not_wait_for_lost_ipv6)
{
    begin();
    dns_set(&t.dns, "api.test", DNS_A, DNS_ANSWERS, "127.0.0.2", 60);
    dns_set(&t.dns, "api.test", DNS_AAAA, DNS_SILENT, "", 0);
    uint64_t start = now_ms();
    struct watch *api = watch("api.test.");
    expect(api, "127.0.0.2");
    cr_expect(now_ms() - start < 5000, "%u ms",
              (unsigned)(now_ms() - start)); /* 7 s are its tries */
    resolver_unwatch(api);
    end();
}

Test(resolver, asks_again_as_the_ttl_ends)
{
    begin();
    dns_set(&t.dns, "api.test", DNS_A, DNS_ANSWERS, "127.0.0.2", 1);
    dns_set(&t.dns, "api.test", DNS_AAAA, DNS_ANSWERS, "", 0);
    struct watch *api = watch("api.test.");
    expect(api, "127.0.0.2");
    run_for(100);
    cr_expect_eq(t.told, 1);
    dns_set(&t.dns, "api.test", DNS_A, DNS_ANSWERS, "127.0.0.4 127.0.0.3", 1);
    cr_expect_str_eq(addresses(api), "127.0.0.2");
    expect(api, "127.0.0.3 127.0.0.4");
    dns_set(&t.dns, "api.test", DNS_A, DNS_ANSWERS, "127.0.0.3 127.0.0.4", 1);
    unsigned asked = t.dns.asked;
    run_for(2500);
    cr_expect(t.dns.asked > asked);
    cr_expect_eq(t.told, 2, "another order is no change");
    resolver_unwatch(api);
    end();
}

static const enum dns_manner bad_manners[] = {
    DNS_NO_NAME, DNS_SILENT, DNS_FAILS, DNS_REFUSES, DNS_GARBAGE, DNS_EMPTY, DNS_WRONG_NAME,
};

Test(resolver, the_last_good_addresses_stay)
{
    struct watch *names[sizeof bad_manners / sizeof *bad_manners];
    static char hosts[sizeof bad_manners / sizeof *bad_manners][16], dotted[16];
    size_t n = sizeof bad_manners / sizeof *bad_manners;
    begin();
    for (size_t i = 0; i < n; i++) {
        snprintf(hosts[i], sizeof hosts[i], "n%zu.test", i);
        snprintf(dotted, sizeof dotted, "n%zu.test.", i);
        dns_set(&t.dns, hosts[i], DNS_A, DNS_ANSWERS, "127.0.0.2", 1);
        dns_set(&t.dns, hosts[i], DNS_AAAA, DNS_ANSWERS, "", 1);
        names[i] = watch(dotted);
    }
    for (size_t i = 0; i < n; i++)
        expect(names[i], "127.0.0.2");
    unsigned told = t.told, asked = t.dns.asked;
    for (size_t i = 0; i < n; i++)
        dns_set(&t.dns, hosts[i], DNS_A, bad_manners[i], "127.0.0.66", 1);
    run_for(3000);
    cr_expect(t.dns.asked >= asked + n);
    cr_expect_eq(t.told, told);
    for (size_t i = 0; i < n; i++) {
        cr_expect_str_eq(addresses(names[i]), "127.0.0.2", "%zu", i);
        dns_set(&t.dns, hosts[i], DNS_A, DNS_ANSWERS, "127.0.0.9", 1);
    }
    for (size_t i = 0; i < n; i++)
        expect(names[i], "127.0.0.9");
    for (size_t i = 0; i < n; i++)
        resolver_unwatch(names[i]);
    end();
}

Test(resolver, bad_answers_at_first_are_asked_again)
{
    struct watch *names[sizeof bad_manners / sizeof *bad_manners];
    static char hosts[sizeof bad_manners / sizeof *bad_manners][16];
    size_t n = sizeof bad_manners / sizeof *bad_manners;
    begin();
    for (size_t i = 0; i < n; i++) {
        snprintf(hosts[i], sizeof hosts[i], "n%zu.test", i);
        dns_set(&t.dns, hosts[i], DNS_A, bad_manners[i], "127.0.0.66", 1);
        dns_set(&t.dns, hosts[i], DNS_AAAA, bad_manners[i], "", 1);
        names[i] = watch(hosts[i]);
    }
    run_for(1500);
    for (size_t i = 0; i < n; i++) {
        cr_expect_str_eq(addresses(names[i]), "", "%zu", i);
        dns_set(&t.dns, hosts[i], DNS_A, DNS_ANSWERS, "127.0.0.9", 1);
        dns_set(&t.dns, hosts[i], DNS_AAAA, DNS_ANSWERS, "", 1);
    }
    for (size_t i = 0; i < n; i++)
        expect(names[i], "127.0.0.9");
    for (size_t i = 0; i < n; i++)
        resolver_unwatch(names[i]);
    end();
}

Test(resolver, a_lost_half_keeps_what_it_had)
{
    begin();
    dns_set(&t.dns, "api.test", DNS_A, DNS_ANSWERS, "127.0.0.2", 1);
    dns_set(&t.dns, "api.test", DNS_AAAA, DNS_ANSWERS, "::1", 1);
    struct watch *api = watch("api.test.");
    expect(api, "127.0.0.2 ::1");
    dns_set(&t.dns, "api.test", DNS_AAAA, DNS_FAILS, "", 1);
    dns_set(&t.dns, "api.test", DNS_A, DNS_ANSWERS, "127.0.0.3", 1);
    expect(api, "127.0.0.3 ::1");
    resolver_unwatch(api);
    end();
}

Test(resolver, no_data_of_one_family_is_an_answer)
{
    begin();
    dns_set(&t.dns, "api.test", DNS_A, DNS_ANSWERS, "127.0.0.2", 1);
    dns_set(&t.dns, "api.test", DNS_AAAA, DNS_ANSWERS, "::1", 1);
    struct watch *api = watch("api.test.");
    expect(api, "127.0.0.2 ::1");
    dns_set(&t.dns, "api.test", DNS_A, DNS_ANSWERS, "", 1);
    expect(api, "::1");
    dns_set(&t.dns, "api.test", DNS_AAAA, DNS_ANSWERS, "", 1); /* of both it is none */
    run_for(2500);
    cr_expect(strchr(addresses(api), ':'));
    resolver_unwatch(api);
    end();
}

Test(resolver, ipv6_alone)
{
    begin();
    dns_set(&t.dns, "six.test", DNS_A, DNS_ANSWERS, "", 1);
    dns_set(&t.dns, "six.test", DNS_AAAA, DNS_ANSWERS, "::1", 60);
    dns_set(&t.dns, "liar.test", DNS_A, DNS_ANSWERS, "127.0.0.2",
            60); /* and no such name in IPv6 */
    struct watch *six = watch("six.test."), *liar = watch("liar.test.");
    expect(six, "::1");
    expect(liar, "127.0.0.2");
    resolver_unwatch(six);
    resolver_unwatch(liar);
    end();
}

Test(resolver, the_search_list_is_walked_and_both_families_come_from_one_name)
{
    begin();
    dns_set(&t.dns, "api.a.test", DNS_AAAA, DNS_ANSWERS, "", 60); /* there, without address */
    dns_set(&t.dns, "api.a.test", DNS_A, DNS_ANSWERS, "", 60);
    dns_set(&t.dns, "api.b.test", DNS_A, DNS_ANSWERS, "127.0.0.2", 1);
    dns_set(&t.dns, "api.b.test", DNS_AAAA, DNS_ANSWERS, "", 60);
    dns_set(&t.dns, "api", DNS_A, DNS_ANSWERS, "127.0.0.66", 60);
    dns_set(&t.dns, "api", DNS_AAAA, DNS_ANSWERS, "::1", 60);
    struct watch *api = watch("api");
    expect(api, "127.0.0.2");
    expect_asked("api.b.test/A api.b.test/AAAA ");
    cr_expect(!strstr(t.dns.log, " api/"), "%s", t.dns.log);
    *t.dns.log = 0;
    expect_asked("api.b.test/A"); /* what stands for it is asked again, not the whole list */
    cr_expect(!strstr(t.dns.log, "api.a.test"), "%s", t.dns.log);
    dns_set(&t.dns, "api.b.test", DNS_A, DNS_NO_NAME, "", 1);
    dns_set(&t.dns, "api.a.test", DNS_A, DNS_ANSWERS, "127.0.0.7", 60);
    expect(api, "127.0.0.7"); /* it went: the list from its start */
    resolver_unwatch(api);
    end();
}

Test(resolver, a_silent_server_does_not_end_the_walk)
{
    begin();
    dns_set(&t.dns, "api.a.test", DNS_A, DNS_FAILS, "", 1);
    dns_set(&t.dns, "api.a.test", DNS_AAAA, DNS_FAILS, "", 1);
    dns_set(&t.dns, "api", DNS_A, DNS_ANSWERS, "127.0.0.2", 60);
    struct watch *api = watch("api");
    expect(api, "127.0.0.2");
    resolver_unwatch(api);
    end();
}

Test(resolver, the_hosts_file_comes_first_and_is_read_again)
{
    begin_with("", "127.0.0.5 api api.test\n::1 api.test\n");
    dns_set(&t.dns, "api.test", DNS_A, DNS_ANSWERS, "127.0.0.66", 60);
    struct watch *full = watch("api.test"), *shorter = watch("api");
    cr_expect_str_eq(addresses(full), "127.0.0.5 ::1", "at once");
    cr_expect_str_eq(addresses(shorter), "127.0.0.5");
    run_for(50);
    cr_expect_eq(t.dns.asked, 0);
    cr_expect_eq(t.told, 2);
    resolver_unwatch(full);
    resolver_unwatch(shorter);
    end();
}

Test(resolver, a_changed_resolv_conf_counts_at_the_next_question)
{
    begin();
    dns_set(&t.dns, "api.a.test", DNS_A, DNS_ANSWERS, "127.0.0.2", 1);
    dns_set(&t.dns, "api.c.test", DNS_A, DNS_ANSWERS, "127.0.0.3", 60);
    struct watch *api = watch("api");
    expect(api, "127.0.0.2");
    write_file(t.conf, "search c.test\n");
    expect(api, "127.0.0.3");
    resolver_unwatch(api);
    end();
}

Test(resolver, other_servers_are_asked_at_once)
{
    begin();
    struct dns_server second;
    dns_start(&second, t.base);
    dns_set(&t.dns, "api.test", DNS_A, DNS_SILENT, "", 60);
    dns_set(&t.dns, "api.test", DNS_AAAA, DNS_SILENT, "", 60);
    dns_set(&second, "api.test", DNS_A, DNS_ANSWERS, "127.0.0.3", 60);
    struct watch *api = watch("api.test.");
    run_for(50);
    struct address at = {.size = sizeof second.at};
    memcpy(&at.at, &second.at, sizeof second.at);
    resolver_use(t.resolver, &at, 1);
    unsigned asked = second.asked;
    resolver_use(t.resolver, &at, 1); /* no change: nothing happens */
    cr_expect_eq(second.asked, asked);
    expect(api, "127.0.0.3");
    resolver_unwatch(api);
    end();
    dns_stop(&second);
}

Test(resolver, large_answers_come_by_tcp_and_are_bounded)
{
    static char many[20000];
    begin();
    for (int i = 999; i >= 0; i--)
        snprintf(many + strlen(many), sizeof many - strlen(many), "%s127.1.%d.%d", *many ? " " : "",
                 i / 250, i % 250 + 1);
    dns_set(&t.dns, "big.test", DNS_A, DNS_BY_TCP, many, 60);
    struct watch *big = watch("big.test.");
    size_t n = 0;
    for (uint64_t until = now_ms() + 20000; now_ms() < until && !n;) {
        turn(10);
        resolver_addresses(big, &n);
    }
    cr_expect_eq(n, 64);
    cr_expect(strncmp(addresses(big), "127.1.0.1 127.1.0.2 ", 20) == 0, "%s", addresses(big));
    resolver_unwatch(big);
    end();
}

Test(resolver, an_alias_lives_as_long_as_its_shortest_record)
{
    begin();
    dns_set(&t.dns, "api.test", DNS_A, DNS_ALIAS, "127.0.0.2", 1);
    struct watch *api = watch("api.test.");
    expect(api, "127.0.0.2");
    dns_set(&t.dns, "api.test", DNS_A, DNS_ALIAS, "127.0.0.3", 1);
    expect(api, "127.0.0.3");
    resolver_unwatch(api);
    end();
}

Test(resolver, unusable_addresses_are_no_addresses)
{
    begin();
    dns_set(&t.dns, "api.test", DNS_A, DNS_ANSWERS, "0.0.0.0 224.0.0.1", 1);
    dns_set(&t.dns, "api.test", DNS_AAAA, DNS_ANSWERS, "::", 1);
    struct watch *api = watch("api.test.");
    run_for(500);
    cr_expect_str_eq(addresses(api), "");
    dns_set(&t.dns, "api.test", DNS_A, DNS_ANSWERS, "0.0.0.0 127.0.0.2", 60);
    expect(api, "127.0.0.2");
    resolver_unwatch(api);
    end();
}

Test(resolver, a_name_watched_twice_is_asked_for_once)
{
    begin();
    dns_set(&t.dns, "api.test", DNS_A, DNS_ANSWERS, "127.0.0.2", 60);
    dns_set(&t.dns, "api.test", DNS_AAAA, DNS_ANSWERS, "", 60);
    struct watch *old = watch("api.test.");
    expect(old, "127.0.0.2");
    run_for(20);
    struct watch *fresh = watch("api.test.");
    cr_expect_str_eq(addresses(fresh), "127.0.0.2");
    resolver_unwatch(old);
    cr_expect_str_eq(addresses(fresh), "127.0.0.2");
    run_for(50);
    cr_expect_eq(t.dns.asked, 2);
    cr_expect_eq(t.told, 1);
    resolver_unwatch(fresh);
    end();
}

static struct watch *watches[3];

static void unwatch_all(void *ctx)
{
    (void)ctx;
    for (size_t i = 0; i < 3; i++) {
        resolver_unwatch(watches[i]);
        watches[i] = NULL;
    }
    t.told++;
}

Test(resolver, unwatched_while_told_and_while_asked)
{
    begin();
    dns_set(&t.dns, "api.test", DNS_A, DNS_ANSWERS, "127.0.0.2", 60);
    for (size_t i = 0; i < 3; i++)
        watches[i] = resolver_watch(t.resolver, STR("api.test"), unwatch_all, NULL);
    for (uint64_t until = now_ms() + 20000; now_ms() < until && !t.told;)
        turn(10);
    cr_expect_eq(t.told, 1);
    resolver_unwatch(watch("gone.test")); /* its questions are under way */
    run_for(100);
    resolver_unwatch(watch("left.test")); /* and these when all ends */
    end();
}

Test(resolver, nobody_listens)
{
    begin();
    struct address at;
    cr_assert(address_of_ip(STR("127.0.0.1"), 1, &at));
    resolver_use(t.resolver, &at, 1);
    struct watch *api = watch("api.test");
    run_for(500);
    cr_expect_str_eq(addresses(api), "");
    resolver_unwatch(api);
    end();
}

Test(resolver, a_host_too_long_is_none)
{
    char host[300];
    memset(host, 'a', sizeof host);
    begin();
    cr_expect_null(resolver_watch(t.resolver, (struct str){host, 255}, on_change, NULL));
    struct watch *most = resolver_watch(t.resolver, (struct str){host, 254}, on_change, NULL);
    run_for(50);
    resolver_unwatch(most);
    end();
}
