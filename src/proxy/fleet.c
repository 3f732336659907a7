/* Groups by fingerprint, members by address, rosters replaced as a whole. */
#include "corsd/proxy/fleet.h"
#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include "corsd/base/hash.h"
#include "corsd/base/units.h"
#include "corsd/net/timer.h"

enum {
    BUCKETS = 256,
    LINES_BURST = 20, /* of the log; one comes back each second */
    RAMP_FIRST = 256 / 10, /* of 256: what a server gets that has just come back */
};

struct fleet {
    const struct log *log;
    unsigned numbers;     /* atomic */
    pthread_mutex_t lock; /* of what follows, and of every group's `refs` on its way to 0 */
    struct group *groups[BUCKETS];
    struct bell *bells;
    unsigned lines_left;  /* that may go to the log */
    uint64_t lines_ms;    /* when that was last topped up */
};

struct group {
    struct group *next; /* in its bucket */
    struct fleet *fleet;
    uint64_t fingerprint;
    size_t refs;          /* under the fleet's lock */
    uint64_t max_connections, queue_size, fail_timeout_ms, slow_start_ms;
    unsigned max_fails;
    uint64_t generation;  /* atomic */
    uint64_t waiting;     /* atomic: requests in all lines */
    uint64_t orders;      /* atomic: given out */
    pthread_mutex_t lock; /* of what follows */
    struct roster *roster;
    unsigned next_bit;
    struct line *lines;
    char name[];
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

static uint64_t bits_of(const struct roster *roster)
{
    uint64_t bits = 0;
    for (size_t i = 0; roster && i < roster->n; i++)
        bits |= UINT64_C(1) << roster->seats[i].member->bit;
    return bits;
}

/* One that no member present has; beyond 64 of them bits are shared. */
static unsigned free_bit(struct group *group, const struct roster *fresh)
{
    uint64_t taken = bits_of(group->roster) | bits_of(fresh);
    unsigned bit = group->next_bit++ % 64;
    for (int i = 1; i < 64 && taken >> bit & 1; i++)
        bit = group->next_bit++ % 64;
    return bit;
}

static struct member *member_create(struct group *group, const struct roster *fresh,
                                    const struct member_spec *spec)
{
    struct member *member = calloc(1, sizeof *member + spec->authority.n + spec->host.n);
    if (!member)
        return NULL;
    char *text = (char *)(member + 1);
    member->address = spec->address;
    member->authority = copy(&text, spec->authority);
    member->host = copy(&text, spec->host);
    member->tls = spec->tls;
    member->bit = free_bit(group, fresh);
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
static struct member *take_member(struct group *group, const struct roster *fresh,
                                  const struct member_spec *spec)
{
    const struct roster *old = group->roster;
    for (size_t i = 0; old && i < old->n; i++)
        if (is_of(old->seats[i].member, spec))
            return member_ref(old->seats[i].member);
    return member_create(group, fresh, spec);
}

static struct roster *roster_create(struct group *group, const struct member_spec *specs, size_t n)
{
    struct roster *roster = malloc(sizeof *roster + n * sizeof *roster->seats);
    if (!roster)
        return NULL;
    *roster = (struct roster){.refs = 1, .generation = group->generation + 1};
    for (size_t i = 0; i < n; i++) {
        if (!specs[i].weight || has(roster, &specs[i]))
            continue;
        struct member *member = take_member(group, roster, &specs[i]);
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
    struct group *group = calloc(1, sizeof *group + spec->name.n + 1);
    if (!group)
        return NULL;
    group->fleet = fleet;
    group->fingerprint = spec->fingerprint;
    group->refs = 1;
    group->max_connections = spec->max_connections;
    group->queue_size = spec->queue_size;
    group->max_fails = spec->max_fails;
    group->fail_timeout_ms = spec->fail_timeout_ms;
    group->slow_start_ms = spec->slow_start_ms;
    memcpy(group->name, spec->name.p, spec->name.n);
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
    if (!group)
        return;
    struct fleet *fleet = group->fleet;
    pthread_mutex_lock(&fleet->lock);
    bool last = --group->refs == 0;
    if (last)
        *find(fleet, group->fingerprint) = group->next;
    pthread_mutex_unlock(&fleet->lock);
    if (last)
        destroy(group);
}

/* --- who is in and who is out ----------------------------------------------------------------- */

static bool may_tell(struct fleet *fleet)
{
    uint64_t now = timer_now_ms();
    pthread_mutex_lock(&fleet->lock);
    uint64_t seconds = (now - fleet->lines_ms) / 1000;
    if (seconds) {
        uint64_t left = fleet->lines_left + seconds;
        fleet->lines_left = left < LINES_BURST ? (unsigned)left : LINES_BURST;
        fleet->lines_ms = now;
    }
    bool may = fleet->lines_left > 0;
    fleet->lines_left -= may;
    pthread_mutex_unlock(&fleet->lock);
    return may;
}

static void tell(struct group *group, const struct member *member, enum log_level level,
                 const char *what, struct str why)
{
    char at[ADDRESS_TEXT];
    if (may_tell(group->fleet))
        log_line(
            group->fleet->log, level, "upstream %s: server %s %s%s%.*s", group->name,
            address_text((const struct sockaddr *)&member->address.at, member->address.size, at),
            what, why.n ? ": " : "", STR_ARG(why));
}

enum standing member_standing(const struct member *member, uint64_t now_ms)
{
    if (__atomic_load_n(&member->down, __ATOMIC_RELAXED))
        return MEMBER_DOWN;
    uint64_t until = __atomic_load_n(&member->out_until_ms, __ATOMIC_RELAXED);
    if (!until)
        return MEMBER_IN;
    return until <= now_ms ? MEMBER_DUE : MEMBER_OUT;
}

void member_try(struct group *group, struct member *member)
{
    uint64_t order = __atomic_add_fetch(&group->orders, 1, __ATOMIC_RELAXED);
    __atomic_store_n(&member->out_order, order, __ATOMIC_RELAXED);
}

bool member_claim(struct group *group, struct member *member, uint64_t now_ms)
{
    uint64_t until = __atomic_load_n(&member->out_until_ms, __ATOMIC_RELAXED);
    if (!until || until > now_ms ||
        !__atomic_compare_exchange_n(&member->out_until_ms, &until, now_ms + group->fail_timeout_ms,
                                     false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        return false;
    member_try(group, member);
    return true;
}

static void take_out(struct group *group, struct member *member, unsigned fails, struct str why)
{
    char timeout[UNIT_TEXT], text[96];
    uint64_t now = timer_now_ms(), in = 0;
    if (!__atomic_compare_exchange_n(&member->out_until_ms, &in, now + group->fail_timeout_ms,
                                     false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        return;
    member_try(group, member);
    snprintf(text, sizeof text, "is out for %s after %u failure%s in a row, the last",
             duration_text(group->fail_timeout_ms, timeout), fails, fails == 1 ? "" : "s");
    tell(group, member, LOG_WARN, text, why);
}

void member_failed(struct group *group, struct member *member, bool alone, struct str why)
{
    unsigned fails = __atomic_add_fetch(&member->fails, 1, __ATOMIC_RELAXED);
    __atomic_fetch_add(&member->failures, 1, __ATOMIC_RELAXED);
    if (alone || !group->max_fails)
        return;
    if (!__atomic_load_n(&member->out_until_ms, __ATOMIC_RELAXED)) {
        if (fails >= group->max_fails)
            take_out(group, member, fails, why);
        return;
    }
    uint64_t now = timer_now_ms(); /* it was tried while out: its time begins anew */
    __atomic_store_n(&member->out_until_ms, now + group->fail_timeout_ms, __ATOMIC_RELAXED);
    member_try(group, member);
}

static void begin_ramp(const struct group *group, struct member *member)
{
    if (group->slow_start_ms)
        __atomic_store_n(&member->back_ms, timer_now_ms(), __ATOMIC_RELAXED);
}

void member_succeeded(struct group *group, struct member *member)
{
    if (__atomic_load_n(&member->fails, __ATOMIC_RELAXED))
        __atomic_store_n(&member->fails, 0, __ATOMIC_RELAXED);
    uint64_t until = __atomic_load_n(&member->out_until_ms, __ATOMIC_RELAXED);
    if (!until || !__atomic_compare_exchange_n(&member->out_until_ms, &until, 0, false,
                                               __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        return;
    begin_ramp(group, member);
    tell(group, member, LOG_INFO, "is back", STR("it answered well"));
}

void member_set_down(struct group *group, struct member *member, bool down, struct str why)
{
    if (__atomic_exchange_n(&member->down, down, __ATOMIC_RELAXED) == down)
        return;
    if (!down)
        begin_ramp(group, member);
    tell(group, member, down ? LOG_WARN : LOG_INFO, down ? "is down" : "is up", why);
}

unsigned member_ramp(const struct group *group, struct member *member, uint64_t now_ms)
{
    uint64_t back = __atomic_load_n(&member->back_ms, __ATOMIC_RELAXED);
    if (!back)
        return 256;
    uint64_t passed = now_ms > back ? now_ms - back : 0;
    if (passed >= group->slow_start_ms) {
        __atomic_store_n(&member->back_ms, 0, __ATOMIC_RELAXED);
        return 256;
    }
    unsigned ramp = (unsigned)(passed * 256 / group->slow_start_ms);
    return ramp > RAMP_FIRST ? ramp : RAMP_FIRST;
}

/* --- max_connections -------------------------------------------------------------------------- */

bool member_enter(struct member *member)
{
    uint64_t n = __atomic_load_n(&member->connections, __ATOMIC_RELAXED);
    do
        if (member->most && n >= member->most)
            return false;
    while (!__atomic_compare_exchange_n(&member->connections, &n, n + 1, true, __ATOMIC_RELAXED,
                                        __ATOMIC_RELAXED));
    return true;
}

void member_leave(struct member *member)
{
    __atomic_fetch_sub(&member->connections, 1, __ATOMIC_SEQ_CST);
}

void group_add_line(struct group *group, struct line *line)
{
    pthread_mutex_lock(&group->lock);
    line->next = group->lines;
    group->lines = line;
    pthread_mutex_unlock(&group->lock);
}

void group_remove_line(struct group *group, struct line *line)
{
    pthread_mutex_lock(&group->lock);
    struct line **at = &group->lines;
    while (*at != line)
        at = &(*at)->next;
    *at = line->next;
    pthread_mutex_unlock(&group->lock);
}

bool group_wait(struct group *group, uint64_t more)
{
    uint64_t n = __atomic_load_n(&group->waiting, __ATOMIC_RELAXED);
    do
        if (n >= group->queue_size + more)
            return false;
    while (!__atomic_compare_exchange_n(&group->waiting, &n, n + 1, true, __ATOMIC_SEQ_CST,
                                        __ATOMIC_RELAXED));
    return true;
}

void group_wait_ends(struct group *group)
{
    __atomic_fetch_sub(&group->waiting, 1, __ATOMIC_RELAXED);
}

uint64_t group_waiting(const struct group *group)
{
    return __atomic_load_n(&group->waiting, __ATOMIC_SEQ_CST);
}

uint64_t group_oldest(struct group *group, const struct line *own, bool ring)
{
    uint64_t oldest = 0;
    struct line *first = NULL;
    pthread_mutex_lock(&group->lock);
    for (struct line *line = group->lines; line; line = line->next) {
        uint64_t front = __atomic_load_n(&line->front_ms, __ATOMIC_RELAXED);
        if (line == own || !front || (oldest && front >= oldest))
            continue;
        oldest = front;
        first = line;
    }
    if (first && ring)
        first->bell->ring(first->bell);
    pthread_mutex_unlock(&group->lock);
    return oldest;
}

void group_ring(struct group *group, const struct line *own)
{
    pthread_mutex_lock(&group->lock);
    for (struct line *line = group->lines; line; line = line->next)
        if (line != own)
            line->bell->ring(line->bell);
    pthread_mutex_unlock(&group->lock);
}

/* --- the fleet -------------------------------------------------------------------------------- */

struct fleet *fleet_create(const struct log *log)
{
    struct fleet *fleet = calloc(1, sizeof *fleet);
    if (!fleet)
        return NULL;
    fleet->log = log;
    fleet->lines_left = LINES_BURST;
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
