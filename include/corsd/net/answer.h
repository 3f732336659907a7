/* What is learned of a name's addresses in one family, from a DNS answer or the hosts file, as
 * corsd takes it: usable ones only, sorted, none twice, bounded; a time to live within bounds.
 * Pure. */
#pragma once
#include "corsd/base/address.h"

enum {
    ANSWER_MAX = 64,    /* addresses; of more the lowest: a choice that is stable */
    TTL_MIN_S = 1,
    TTL_MAX_S = 3600,
    TTL_UNKNOWN_S = 30, /* of what has none: the hosts file, an answer without addresses */
};

struct answer {
    struct address at[ANSWER_MAX]; /* port 0 */
    size_t n;
    uint32_t ttl_s; /* the shortest; UINT32_MAX: none was told */
};

#define ANSWER_NONE ((struct answer){.ttl_s = UINT32_MAX})

/* An address in network byte order: 4 bytes for AF_INET, 16 for AF_INET6. False, and nothing
 * changes, where no server can have it: unspecified, multicast, broadcast, IPv4 within IPv6,
 * link-local IPv6 (its interface is not told). */
bool answer_add(struct answer *answer, int family, const void *bytes, uint32_t ttl_s);
/* Seconds after which to ask again. */
uint32_t answer_ttl(const struct answer *answer);
bool answer_same(const struct address *a, size_t n_a, const struct address *b, size_t n_b);

/* Adds what a hosts file (hosts(5)) says of host, case and a final dot aside: IPv4 addresses to v4,
 * the others to v6. False where it does not name it. */
bool answer_from_hosts(struct str hosts, struct str host, struct answer *v4, struct answer *v6);
