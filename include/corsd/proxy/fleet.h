/* What all workers share of the upstreams: a group an upstream, found by its fingerprint so that it
 * outlives reloads; members, its servers, with their state in atomics; and a roster, the members
 * present now, immutable and replaced as a whole. Any thread. The path of a request takes no lock:
 * a loop keeps a reference to the roster, and a bell tells it of a new one. */
#pragma once
#include "corsd/base/address.h"
#include "corsd/observe/log.h"
#include "corsd/plan/plan.h"

struct fleet;
struct group;

struct bell { /* of a thread; its owner's memory */
    struct bell *next;
    void (*ring)(struct bell *bell);
};

struct member_spec {
    struct address address;
    struct str authority; /* host[:port] as Host would say it */
    struct str host;      /* name or IP literal without brackets; empty for unix */
    unsigned weight;
    bool tls;
};

struct member { /* what does not say atomic does not change */
    struct member *next; /* in its group */
    struct address address;
    struct str authority, host;
    bool tls;
    unsigned bit;          /* 0..63: of those that a request has tried */
    uint64_t most;         /* max_connections; 0: no limit */
    size_t refs;           /* atomic: rosters, loops */
    uint64_t connections;  /* atomic: open ones over all loops */
    uint64_t idle;         /* atomic: those in no use, pooled or ending; counted where `most` */
    uint64_t requests;     /* atomic: under way over all loops; counted for least_connections */
    uint64_t failures;     /* atomic: all since the start */
    unsigned fails;        /* atomic: in a row */
    uint64_t out_until_ms; /* atomic; 0: in. When it has come, one request tries it */
    uint64_t out_order;    /* atomic: of those out, in which they went out or were last tried */
    uint64_t back_ms;      /* atomic: when it came back, while slow_start lasts; else 0 */
    bool down;             /* atomic: active checks say so */
};

struct seat {
    struct member *member;
    unsigned weight;
};

struct roster {
    size_t refs; /* atomic */
    uint64_t generation;
    size_t n;
    struct seat seats[];
};

/* One loop's place among those that wait for a connection under max_connections. */
struct line {
    struct line *next;
    struct bell *bell;
    uint64_t front_ms; /* atomic: since when its first one waits; 0: nobody does */
};

/* NULL out of memory. The log outlives it. */
struct fleet *fleet_create(const struct log *log);
/* After all groups were let go. */
void fleet_destroy(struct fleet *fleet);
/* `ring` is called when a roster changes, from any thread, from now on or not any more. */
void fleet_add_bell(struct fleet *fleet, struct bell *bell);
void fleet_remove_bell(struct fleet *fleet, struct bell *bell);
/* A number for each caller: loops begin their rounds at different servers. */
unsigned fleet_number(struct fleet *fleet);
/* The group of an upstream that means the same, or a new one whose members are the servers with an
 * address. With a reference; NULL out of memory. */
MUST_USE struct group *fleet_group(struct fleet *fleet, const struct upstream_spec *spec);

struct group *group_ref(struct group *group);
void group_unref(struct group *group); /* takes NULL too */
/* These are the group's servers from now on. Known ones keep their state; every bell rings. n 0: no
 * address is known. False out of memory: the old roster stays. */
MUST_USE bool group_publish(struct group *group, const struct member_spec *specs, size_t n);
/* The roster in force, with a reference. */
struct roster *group_roster(struct group *group);
/* That roster's generation: cheap, to see whether it is another one. */
uint64_t group_generation(const struct group *group);
void roster_unref(struct roster *roster);
struct member *member_ref(struct member *member);
void member_unref(struct member *member);

/* --- who is in and who is out --- */

enum standing {
    MEMBER_IN,
    MEMBER_OUT,    /* by failures */
    MEMBER_DUE,    /* out, and fail_timeout is over */
    MEMBER_DOWN,   /* by active checks */
};
enum standing member_standing(const struct member *member, uint64_t now_ms);
/* Of a member that is due: true for one caller alone, whose request tries it. */
MUST_USE bool member_claim(struct group *group, struct member *member, uint64_t now_ms);
/* It is out and tried all the same, for want of others: the next time it is another's turn. */
void member_try(struct group *group, struct member *member);
/* A request failed on it; `alone`: it has no other beside it and stays in. */
void member_failed(struct group *group, struct member *member, bool alone, struct str why);
void member_succeeded(struct group *group, struct member *member);
/* What active checks found. */
void member_set_down(struct group *group, struct member *member, bool down, struct str why);
/* Of 256: how much of its weight counts, while slow_start lasts. */
unsigned member_ramp(const struct group *group, struct member *member, uint64_t now_ms);

/* --- max_connections --- */

/* False: it has as many as it may. */
MUST_USE bool member_enter(struct member *member);
void member_leave(struct member *member);
static inline bool member_is_full(const struct member *member)
{
    return member->most && __atomic_load_n(&member->connections, __ATOMIC_RELAXED) >= member->most;
}
void group_add_line(struct group *group, struct line *line);
void group_remove_line(struct group *group, struct line *line);
/* One more waits; false: the queue has its size, and `more` beyond it. And one less. */
MUST_USE bool group_wait(struct group *group, uint64_t more);
void group_wait_ends(struct group *group);
uint64_t group_waiting(const struct group *group);
/* Since when the first one of the other lines waits; 0: nobody does. `ring`: that line's bell. */
uint64_t group_oldest(struct group *group, const struct line *own, bool ring);
/* Rings all other lines: who holds an idle connection may have to give it up. */
void group_ring(struct group *group, const struct line *own);
