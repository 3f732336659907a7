#include <arpa/inet.h>
#include <pthread.h>
#include <sys/un.h>
#include <criterion/criterion.h>
#include "corsd/plan/place.h"
#include "corsd/plan/plan.h"

static struct plan *trusting(struct cidr *networks, const char *const *texts, size_t n)
{
    struct plan *plan = plan_create();
    cr_assert_not_null(plan);
    plan->trusted = networks;
    for (size_t i = 0; i < n; i++)
        cr_assert(cidr_parse(str_of(texts[i]), &networks[plan->n_trusted++]));
    return plan;
}

static bool trusts(const struct plan *plan, const char *ip)
{
    struct address address;
    cr_assert(address_of_ip(str_of(ip), 1234, &address), "%s", ip);
    return plan_trusts(plan, (const struct sockaddr *)&address.at);
}

Test(plan, trusts_networks)
{
    struct cidr networks[3];
    const char *const texts[] = {"10.0.0.0/8", "192.168.1.1", "fd00::/8"};
    struct plan *plan = trusting(networks, texts, 3);
    cr_expect(trusts(plan, "10.255.0.1"));
    cr_expect(trusts(plan, "::ffff:10.0.0.1"), "an IPv4 peer on an IPv6 socket");
    cr_expect(trusts(plan, "192.168.1.1"));
    cr_expect(trusts(plan, "fdff::1"));
    cr_expect_not(trusts(plan, "11.0.0.1"));
    cr_expect_not(trusts(plan, "192.168.1.2"));
    cr_expect_not(trusts(plan, "::1"));
    plan_unref(plan);
}

Test(plan, trusts_unix_only_where_it_says_so)
{
    struct sockaddr_un peer = {.sun_family = AF_UNIX};
    struct cidr networks[1];
    const char *const texts[] = {"::/0"};
    struct plan *plan = trusting(networks, texts, 1);
    cr_expect_not(plan_trusts(plan, (const struct sockaddr *)&peer));
    plan->trust_unix = true;
    cr_expect(plan_trusts(plan, (const struct sockaddr *)&peer));
    plan_unref(plan);
}

static void *take_and_give(void *plan)
{
    for (int i = 0; i < 100000; i++)
        plan_unref(plan_ref(plan));
    plan_unref(plan);
    return NULL;
}

Test(plan, references_from_threads)
{
    pthread_t threads[4];
    struct plan *plan = plan_create();
    cr_assert_not_null(plan);
    for (int i = 0; i < 4; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, take_and_give, plan_ref(plan)), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    cr_expect_eq(plan->refs, 1);
    plan_unref(plan);
    plan_unref(NULL);
}

Test(plan, places)
{
    struct place_file file = {.name = STR("corsd.yaml")};
    struct place place = {&file, 3, 7};
    struct str name;
    unsigned line, column;
    cr_assert(place_of(&place, &name, &line, &column));
    cr_expect(str_eq(name, STR("corsd.yaml")) && line == 3 && column == 7);
    cr_expect_not(place_of(NULL, &name, &line, &column));
}
