/* Which of the addresses that are told are taken. */
#include "corsd/net/answer.h"
#include <arpa/inet.h>
#include <netinet/in.h>

static bool is_usable_v4(const uint8_t bytes[4])
{
    return bytes[0] != 0 && bytes[0] < 224; /* RFC 6890: this network; multicast, reserved */
}

static bool is_usable_v6(const struct in6_addr *at)
{
    return !IN6_IS_ADDR_UNSPECIFIED(at) && !IN6_IS_ADDR_MULTICAST(at) &&
           !IN6_IS_ADDR_LINKLOCAL(at) && !IN6_IS_ADDR_V4MAPPED(at);
}

static bool read_bytes(int family, const void *bytes, struct address *out)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    if (family == AF_INET) {
        memcpy(&v4.sin_addr, bytes, sizeof v4.sin_addr);
        *out = (struct address){.size = sizeof v4};
        memcpy(&out->at, &v4, sizeof v4);
        return is_usable_v4(bytes);
    }
    memcpy(&v6.sin6_addr, bytes, sizeof v6.sin6_addr);
    *out = (struct address){.size = sizeof v6};
    memcpy(&out->at, &v6, sizeof v6);
    return is_usable_v6(&v6.sin6_addr);
}

static int compare(const struct address *a, const struct address *b)
{
    if (a->size != b->size)
        return a->size < b->size ? -1 : 1;
    return memcmp(&a->at, &b->at, a->size);
}

bool answer_add(struct answer *answer, int family, const void *bytes, uint32_t ttl_s)
{
    struct address address;
    size_t place = 0;
    int order = 1;
    if (!read_bytes(family, bytes, &address))
        return false;
    if (ttl_s < answer->ttl_s)
        answer->ttl_s = ttl_s;
    while (place < answer->n && (order = compare(&answer->at[place], &address)) < 0)
        place++;
    if ((place < answer->n && order == 0) || place == ANSWER_MAX)
        return true;
    if (answer->n < ANSWER_MAX)
        answer->n++;
    memmove(&answer->at[place + 1], &answer->at[place],
            (answer->n - 1 - place) * sizeof answer->at[0]);
    answer->at[place] = address;
    return true;
}

uint32_t answer_ttl(const struct answer *answer)
{
    if (answer->ttl_s == UINT32_MAX)
        return TTL_UNKNOWN_S;
    return answer->ttl_s < TTL_MIN_S ? TTL_MIN_S
           : answer->ttl_s > TTL_MAX_S ? TTL_MAX_S
                                       : answer->ttl_s;
}

bool answer_same(const struct address *a, size_t n_a, const struct address *b, size_t n_b)
{
    for (size_t i = 0; n_a == n_b && i < n_a; i++)
        if (!address_eq(&a[i], &b[i]))
            return false;
    return n_a == n_b;
}

/* --- hosts(5) --------------------------------------------------------------------------------- */

static struct str next_word(struct str *rest)
{
    size_t from = 0, to;
    while (from < rest->n && strchr(" \t\r", rest->p[from]))
        from++;
    for (to = from; to < rest->n && !strchr(" \t\r", rest->p[to]);)
        to++;
    struct str word = {rest->p + from, to - from};
    *rest = str_from(*rest, to);
    return word;
}

static struct str without_dot(struct str host)
{
    if (host.n && host.p[host.n - 1] == '.')
        host.n--;
    return host;
}

static bool names_host(struct str names, struct str host)
{
    for (struct str word; (word = next_word(&names)).n;)
        if (str_eq_nocase(without_dot(word), host))
            return true;
    return false;
}

static bool add_text(struct str ip, struct answer *v4, struct answer *v6)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr bytes;
    if (ip.n >= sizeof text)
        return false;
    memcpy(text, ip.p, ip.n);
    text[ip.n] = 0;
    if (strlen(text) != ip.n)
        return false;
    if (inet_pton(AF_INET, text, &bytes) == 1)
        return answer_add(v4, AF_INET, &bytes, UINT32_MAX);
    return inet_pton(AF_INET6, text, &bytes) == 1 && answer_add(v6, AF_INET6, &bytes, UINT32_MAX);
}

bool answer_from_hosts(struct str hosts, struct str host, struct answer *v4, struct answer *v6)
{
    bool named = false;
    host = without_dot(host);
    while (hosts.n) {
        struct str line = str_cut(&hosts, '\n');
        line = str_head(line, str_find(line, '#'));
        struct str ip = next_word(&line);
        if (names_host(line, host))
            named |= add_text(ip, v4, v6);
    }
    return named;
}
