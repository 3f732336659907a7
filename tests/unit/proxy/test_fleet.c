/* What a group keeps when its servers change, and over a reload. */
#include <criterion/criterion.h>
#include "corsd/proxy/fleet.h"

static struct member_spec at(const char *ip, uint16_t port, const char *authority)
{
    struct member_spec spec = {.authority = str_of(authority), .weight = 1};
    cr_assert(address_of_ip(str_of(ip), port, &spec.address));
    return spec;
}

static struct upstream_spec upstream_of(struct server_spec *servers, size_t n, uint64_t fingerprint)
{
    for (size_t i = 0; i < n; i++) {
        servers[i] = (struct server_spec){.authority = STR("a"), .weight = 1, .has_address = true};
        cr_assert(address_of_ip(STR("10.0.0.1"), (uint16_t)(80 + i), &servers[i].address));
    }
    return (struct upstream_spec){
        .name = STR("u"), .servers = servers, .n_servers = n, .fingerprint = fingerprint};
}

static const struct log silent = {.fd = -1, .level = LOG_ERROR};

Test(fleet, the_same_fingerprint_is_the_same_group)
{
    struct server_spec servers[2];
    struct upstream_spec spec = upstream_of(servers, 2, 7), other = upstream_of(servers, 2, 8);
    struct fleet *fleet = fleet_create(&silent);
    struct group *group = fleet_group(fleet, &spec), *again = fleet_group(fleet, &spec);
    struct group *another = fleet_group(fleet, &other);
    cr_expect_eq(group, again);
    cr_expect_neq(group, another);
    group_unref(group);
    group_unref(another);
    group = fleet_group(fleet, &spec);
    cr_expect_eq(group, again, "it lives as long as one reference");
    group_unref(group);
    group_unref(again);
    fleet_destroy(fleet);
}

Test(fleet, servers_present_have_bits_of_their_own)
{
    struct server_spec servers[1];
    struct upstream_spec spec = upstream_of(servers, 1, 7);
    struct fleet *fleet = fleet_create(&silent);
    struct group *group = fleet_group(fleet, &spec);
    for (uint16_t port = 1000; port < 1200; port++) { /* one stays, its neighbour changes */
        struct member_spec next[] = {at("10.0.0.1", 80, "a"), at("10.0.0.1", port, "a")};
        cr_assert(group_publish(group, next, 2));
        struct roster *now = group_roster(group);
        cr_expect_neq(now->seats[0].member->bit, now->seats[1].member->bit, "port %u", port);
        roster_unref(now);
    }
    group_unref(group);
    fleet_destroy(fleet);
}

Test(fleet, servers_that_stay_keep_their_state)
{
    struct server_spec servers[2];
    struct upstream_spec spec = upstream_of(servers, 2, 7);
    struct fleet *fleet = fleet_create(&silent);
    struct group *group = fleet_group(fleet, &spec);
    struct roster *before = group_roster(group);
    cr_assert_eq(before->n, 2);
    before->seats[1].member->fails = 2;
    struct member_spec next[] = {at("10.0.0.1", 81, "a"), at("10.0.0.1", 82, "a"),
                                 at("10.0.0.1", 81, "a"), at("10.0.0.1", 81, "b")};
    cr_assert(group_publish(group, next, 4));
    struct roster *after = group_roster(group);
    cr_expect_eq(after->n, 3, "what stands twice counts once; another authority is another server");
    cr_expect_eq(after->seats[0].member, before->seats[1].member);
    cr_expect_eq(after->seats[0].member->fails, 2);
    cr_expect_neq(after->seats[2].member, after->seats[0].member);
    cr_expect_neq(after->generation, before->generation);
    cr_expect_eq(group_generation(group), after->generation);
    group_unref(group);
    cr_expect_eq(before->seats[0].member->fails, 0, "a roster keeps its members");
    roster_unref(before);
    roster_unref(after);
    fleet_destroy(fleet);
}

static int rings;

static void ring(struct bell *bell)
{
    (void)bell;
    rings++;
}

Test(fleet, publishing_rings_every_bell)
{
    struct server_spec servers[1];
    struct upstream_spec spec = upstream_of(servers, 1, 7);
    struct fleet *fleet = fleet_create(&silent);
    struct group *group = fleet_group(fleet, &spec);
    struct bell bells[] = {{.ring = ring}, {.ring = ring}, {.ring = ring}};
    for (int i = 0; i < 3; i++)
        fleet_add_bell(fleet, &bells[i]);
    fleet_remove_bell(fleet, &bells[1]);
    cr_assert(group_publish(group, NULL, 0));
    cr_expect_eq(rings, 2);
    struct roster *none = group_roster(group);
    cr_expect_eq(none->n, 0);
    roster_unref(none);
    group_unref(group);
    fleet_destroy(fleet);
}
