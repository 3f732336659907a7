/* Counts over all loops that limits are about: connections in all, and of one client. Touched when
 * a connection begins or ends, never by a request. */
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>
#include "corsd/base/hash.h"
#include "loop_state.h"

enum { SLOTS = 4096, RESERVE = 64 };

struct member { /* an address with connections */
    struct member *next;
    uint8_t ip[16];
    uint32_t n;
};

struct crowd {
    uint64_t identity;    /* of the process */
    uint64_t connections; /* atomic */
    uint64_t by_descriptors;
    pthread_mutex_t lock; /* of what follows */
    struct once refusals; /* told to the log by any loop */
    int reserve;          /* a descriptor; -1: lent, or not to be had */
    unsigned borrowers;
    struct member *members[SLOTS];
};

struct crowd *crowd_create(void)
{
    struct rlimit files;
    struct crowd *crowd = calloc(1, sizeof *crowd);
    if (!crowd)
        return NULL;
    pthread_mutex_init(&crowd->lock, NULL);
    crowd->reserve = -1;
    crowd_fill_reserve(crowd);
    ssize_t n = getrandom(&crowd->identity, sizeof crowd->identity, 0);
    crowd->identity |= n < 0 ? (uintptr_t)crowd | 1 : 1; /* never 0 */
    /* A connection needs one descriptor, and one for its server: DESIGN §1, limits.connections. */
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur != RLIM_INFINITY)
        crowd->by_descriptors =
            files.rlim_cur > 2 * RESERVE ? (files.rlim_cur - RESERVE) / 2 : files.rlim_cur / 4 + 1;
    else
        crowd->by_descriptors = UINT64_MAX;
    return crowd;
}

void crowd_destroy(struct crowd *crowd)
{
    if (!crowd)
        return;
    for (size_t i = 0; i < SLOTS; i++)
        while (crowd->members[i]) {
            struct member *member = crowd->members[i];
            crowd->members[i] = member->next;
            free(member);
        }
    if (crowd->reserve >= 0)
        close(crowd->reserve);
    pthread_mutex_destroy(&crowd->lock);
    free(crowd);
}

/* --- the reserve ------------------------------------------------------------------------------ */

static void fill(struct crowd *crowd)
{
    if (crowd->reserve < 0 && !crowd->borrowers)
        crowd->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

void crowd_fill_reserve(struct crowd *crowd)
{
    pthread_mutex_lock(&crowd->lock);
    fill(crowd);
    pthread_mutex_unlock(&crowd->lock);
}

bool crowd_lends_reserve(struct crowd *crowd)
{
    pthread_mutex_lock(&crowd->lock);
    bool lends = crowd->borrowers;
    pthread_mutex_unlock(&crowd->lock);
    return lends;
}

void crowd_lend_reserve(struct crowd *crowd)
{
    pthread_mutex_lock(&crowd->lock);
    crowd->borrowers++;
    if (crowd->reserve >= 0)
        close(crowd->reserve);
    crowd->reserve = -1;
    pthread_mutex_unlock(&crowd->lock);
}

void crowd_keep_reserve(struct crowd *crowd)
{
    pthread_mutex_lock(&crowd->lock);
    crowd->borrowers--;
    fill(crowd);
    pthread_mutex_unlock(&crowd->lock);
}

/* --- counts ----------------------------------------------------------------------------------- */

uint64_t crowd_identity(const struct crowd *crowd)
{
    return crowd->identity;
}

bool crowd_is_full(struct crowd *crowd, const struct plan *plan)
{
    uint64_t limit = plan->limits.connections ? plan->limits.connections : crowd->by_descriptors;
    return __atomic_load_n(&crowd->connections, __ATOMIC_RELAXED) >= limit;
}

bool crowd_is_news(struct crowd *crowd, struct str a, struct str b, uint64_t now_ms)
{
    pthread_mutex_lock(&crowd->lock);
    bool news = once_is_news(&crowd->refusals, a, b, now_ms);
    pthread_mutex_unlock(&crowd->lock);
    return news;
}

static void ip_of(const struct sockaddr *peer, uint8_t ip[16])
{
    memset(ip, 0, 16);
    if (peer->sa_family == AF_INET)
        memcpy(ip + 12, &((const struct sockaddr_in *)(const void *)peer)->sin_addr, 4);
    else
        memcpy(ip, &((const struct sockaddr_in6 *)(const void *)peer)->sin6_addr, 16);
}

static struct member **find(struct crowd *crowd, const uint8_t ip[16])
{
    uint64_t hash = hash_add(HASH_START, (struct str){(const char *)ip, 16});
    struct member **at = &crowd->members[hash_slot(hash, SLOTS - 1)];
    while (*at && memcmp((*at)->ip, ip, 16) != 0)
        at = &(*at)->next;
    return at;
}

/* Counts the client alone where a limit is about it. False: it has too many. */
static bool enter_alone(struct crowd *crowd, uint64_t limit, const struct sockaddr *peer)
{
    uint8_t ip[16];
    bool fits = false;
    ip_of(peer, ip);
    pthread_mutex_lock(&crowd->lock);
    struct member **at = find(crowd, ip);
    if (!*at && (*at = calloc(1, sizeof **at)))
        memcpy((*at)->ip, ip, 16);
    if (*at && (*at)->n < limit) {
        (*at)->n++;
        fits = true;
    }
    pthread_mutex_unlock(&crowd->lock);
    return fits;
}

static void leave_alone(struct crowd *crowd, const struct sockaddr *peer)
{
    uint8_t ip[16];
    ip_of(peer, ip);
    pthread_mutex_lock(&crowd->lock);
    struct member **at = find(crowd, ip), *member = *at;
    if (member && --member->n == 0) {
        *at = member->next;
        free(member);
    }
    pthread_mutex_unlock(&crowd->lock);
}

bool crowd_enter_known(struct crowd *crowd, const struct plan *plan, const struct sockaddr *peer,
                       bool *counted_alone)
{
    uint64_t limit = plan->limits.connections_per_client;
    bool counts = limit && peer->sa_family != AF_UNIX;
    *counted_alone = counts && enter_alone(crowd, limit, peer);
    return *counted_alone == counts;
}

void crowd_enter_unknown(struct crowd *crowd)
{
    __atomic_fetch_add(&crowd->connections, 1, __ATOMIC_RELAXED);
}

bool crowd_enter(struct crowd *crowd, const struct plan *plan, const struct sockaddr *peer,
                 bool *counted_alone)
{
    if (!crowd_enter_known(crowd, plan, peer, counted_alone))
        return false;
    crowd_enter_unknown(crowd);
    return true;
}

void crowd_leave(struct crowd *crowd, const struct sockaddr *peer, bool counted_alone)
{
    if (counted_alone)
        leave_alone(crowd, peer);
    __atomic_fetch_sub(&crowd->connections, 1, __ATOMIC_RELAXED);
}
