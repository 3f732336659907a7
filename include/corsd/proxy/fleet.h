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
    uint64_t idle;         /* atomic: those of them in a pool; counted where `most` */
    uint64_t requests;     /* atomic: under way over all loops; counted for least_connections */
    uint64_t failures;     /* atomic: all since the start */
    unsigned fails;        /* atomic: in a row */
    uint64_t out_until_ms; /* atomic; 0: in. When it has come, one request tries it */
    uint64_t out_since_ms; /* atomic: or last tried, while out */
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
void group_unref(struct group *group);
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
