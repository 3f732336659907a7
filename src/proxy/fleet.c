/* Groups by fingerprint, members by address, rosters replaced as a whole. */
#include "corsd/proxy/fleet.h"
#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include "corsd/base/hash.h"

enum { BUCKETS = 256 };

struct fleet {
    const struct log *log;
    unsigned numbers;     /* atomic */
    pthread_mutex_t lock; /* of what follows, and of every group's `refs` on its way to 0 */
    struct group *groups[BUCKETS];
    struct bell *bells;
};

struct group {
    struct group *next; /* in its bucket */
    struct fleet *fleet;
    uint64_t fingerprint;
    size_t refs;          /* under the fleet's lock */
    uint64_t max_connections;
    uint64_t generation;  /* atomic */
    pthread_mutex_t lock; /* of what follows */
    struct roster *roster;
    unsigned next_bit;
};

/* --- members ---------------------------------------------------------------------------------- */

static struct str copy(char **to, struct str text)
{
    struct str own = {*to, text.n};
    if (text.n)
        memcpy(*to, text.p, text.n);
    *to += text.n;
    return own;
}

static struct member *member_create(struct group *group, const struct member_spec *spec)
{
    struct member *member = calloc(1, sizeof *member + spec->authority.n + spec->host.n);
    if (!member)
        return NULL;
    char *text = (char *)(member + 1);
    member->address = spec->address;
    member->authority = copy(&text, spec->authority);
    member->host = copy(&text, spec->host);
    member->tls = spec->tls;
    member->bit = group->next_bit++ % 64;
    member->most = group->max_connections;
    member->refs = 1;
    return member;
}

struct member *member_ref(struct member *member)
{
    __atomic_fetch_add(&member->refs, 1, __ATOMIC_RELAXED);
    return member;
}

void member_unref(struct member *member)
{
    if (__atomic_sub_fetch(&member->refs, 1, __ATOMIC_ACQ_REL) == 0)
        free(member);
}

static bool is_of(const struct member *member, const struct member_spec *spec)
{
    return address_eq(&member->address, &spec->address) && member->tls == spec->tls &&
           str_eq(member->authority, spec->authority);
}

/* --- rosters ---------------------------------------------------------------------------------- */

void roster_unref(struct roster *roster)
{
    if (!roster || __atomic_sub_fetch(&roster->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    for (size_t i = 0; i < roster->n; i++)
        member_unref(roster->seats[i].member);
    free(roster);
}

static bool has(const struct roster *roster, const struct member_spec *spec)
{
    for (size_t i = 0; i < roster->n; i++)
        if (is_of(roster->seats[i].member, spec))
            return true;
    return false;
}

/* The old roster's member for it, or a new one, with a reference. */
static struct member *take_member(struct group *group, const struct member_spec *spec)
{
    const struct roster *old = group->roster;
    for (size_t i = 0; old && i < old->n; i++)
        if (is_of(old->seats[i].member, spec))
            return member_ref(old->seats[i].member);
    return member_create(group, spec);
}

static struct roster *roster_create(struct group *group, const struct member_spec *specs, size_t n)
{
    struct roster *roster = malloc(sizeof *roster + n * sizeof *roster->seats);
    if (!roster)
        return NULL;
    *roster = (struct roster){.refs = 1, .generation = group->generation + 1};
    for (size_t i = 0; i < n; i++) {
        if (has(roster, &specs[i]))
            continue;
        struct member *member = take_member(group, &specs[i]);
        if (!member) {
            roster_unref(roster);
            return NULL;
        }
        roster->seats[roster->n++] = (struct seat){member, specs[i].weight};
    }
    return roster;
}

static bool replace_roster(struct group *group, const struct member_spec *specs, size_t n)
{
    pthread_mutex_lock(&group->lock);
    struct roster *roster = roster_create(group, specs, n), *old = group->roster;
    if (roster) {
        group->roster = roster;
        __atomic_store_n(&group->generation, roster->generation, __ATOMIC_RELEASE);
    }
    pthread_mutex_unlock(&group->lock);
    if (roster)
        roster_unref(old);
    return roster != NULL;
}

bool group_publish(struct group *group, const struct member_spec *specs, size_t n)
{
    struct fleet *fleet = group->fleet;
    if (!replace_roster(group, specs, n))
        return false;
    pthread_mutex_lock(&fleet->lock);
    for (struct bell *bell = fleet->bells; bell; bell = bell->next)
        bell->ring(bell);
    pthread_mutex_unlock(&fleet->lock);
    return true;
}

struct roster *group_roster(struct group *group)
{
    pthread_mutex_lock(&group->lock);
    struct roster *roster = group->roster;
    __atomic_fetch_add(&roster->refs, 1, __ATOMIC_RELAXED);
    pthread_mutex_unlock(&group->lock);
    return roster;
}

uint64_t group_generation(const struct group *group)
{
    return __atomic_load_n(&group->generation, __ATOMIC_ACQUIRE);
}

/* --- groups ----------------------------------------------------------------------------------- */

static void destroy(struct group *group)
{
    roster_unref(group->roster);
    pthread_mutex_destroy(&group->lock);
    free(group);
}

static struct member_spec spec_of(const struct server_spec *server)
{
    return (struct member_spec){
        .address = server->address,
        .authority = server->authority,
        .host = server->host,
        .weight = server->weight,
        .tls = server->tls,
    };
}

/* The servers that need no name server. */
static bool publish_literals(struct group *group, const struct upstream_spec *spec)
{
    struct member_spec *specs = malloc((spec->n_servers + 1) * sizeof *specs);
    size_t n = 0;
    for (size_t i = 0; specs && i < spec->n_servers; i++)
        if (spec->servers[i].has_address)
            specs[n++] = spec_of(&spec->servers[i]);
    bool done = specs && replace_roster(group, specs, n);
    free(specs);
    return done;
}

static struct group *create(struct fleet *fleet, const struct upstream_spec *spec)
{
    struct group *group = calloc(1, sizeof *group);
    if (!group)
        return NULL;
    group->fleet = fleet;
    group->fingerprint = spec->fingerprint;
    group->refs = 1;
    pthread_mutex_init(&group->lock, NULL);
    if (!publish_literals(group, spec)) {
        destroy(group);
        return NULL;
    }
    return group;
}

static struct group **find(struct fleet *fleet, uint64_t fingerprint)
{
    struct group **at = &fleet->groups[hash_slot(fingerprint, BUCKETS - 1)];
    while (*at && (*at)->fingerprint != fingerprint)
        at = &(*at)->next;
    return at;
}

struct group *fleet_group(struct fleet *fleet, const struct upstream_spec *spec)
{
    pthread_mutex_lock(&fleet->lock);
    struct group **at = find(fleet, spec->fingerprint);
    if (*at)
        (*at)->refs++;
    else
        *at = create(fleet, spec);
    struct group *group = *at;
    pthread_mutex_unlock(&fleet->lock);
    return group;
}

struct group *group_ref(struct group *group)
{
    pthread_mutex_lock(&group->fleet->lock);
    group->refs++;
    pthread_mutex_unlock(&group->fleet->lock);
    return group;
}

void group_unref(struct group *group)
{
    struct fleet *fleet = group->fleet;
    pthread_mutex_lock(&fleet->lock);
    bool last = --group->refs == 0;
    if (last)
        *find(fleet, group->fingerprint) = group->next;
    pthread_mutex_unlock(&fleet->lock);
    if (last)
        destroy(group);
}

/* --- the fleet -------------------------------------------------------------------------------- */

struct fleet *fleet_create(const struct log *log)
{
    struct fleet *fleet = calloc(1, sizeof *fleet);
    if (!fleet)
        return NULL;
    fleet->log = log;
    pthread_mutex_init(&fleet->lock, NULL);
    return fleet;
}

void fleet_destroy(struct fleet *fleet)
{
    if (!fleet)
        return;
    for (size_t i = 0; i < BUCKETS; i++)
        assert(!fleet->groups[i]);
    pthread_mutex_destroy(&fleet->lock);
    free(fleet);
}

void fleet_add_bell(struct fleet *fleet, struct bell *bell)
{
    pthread_mutex_lock(&fleet->lock);
    bell->next = fleet->bells;
    fleet->bells = bell;
    pthread_mutex_unlock(&fleet->lock);
}

void fleet_remove_bell(struct fleet *fleet, struct bell *bell)
{
    pthread_mutex_lock(&fleet->lock);
    struct bell **at = &fleet->bells;
    while (*at != bell)
        at = &(*at)->next;
    *at = bell->next;
    pthread_mutex_unlock(&fleet->lock);
}

unsigned fleet_number(struct fleet *fleet)
{
    return __atomic_fetch_add(&fleet->numbers, 1, __ATOMIC_RELAXED);
}
