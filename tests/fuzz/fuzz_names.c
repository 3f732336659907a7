/* What corsd itself reads of names: the search list, the hosts file, addresses of an answer. Laws:
 * names to ask for are bounded, finite and end as the host or a domain does; addresses are sorted,
 * none twice, bounded, and the same whatever their order. The input: a byte that parts, then texts.
 */
#include <arpa/inet.h>
#include "corsd/net/answer.h"
#include "corsd/net/search.h"
#include "law.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_search(struct str conf, struct str host, struct str localdomain,
                         struct str options)
{
    struct search search;
    const struct search_words words = {localdomain, options, STR("box.corp.test")};
    char name[DNS_NAME_MAX + 1];
    size_t at = 0, n = 0;
    if (host.n && memchr(host.p, 0, host.n)) /* no configuration holds one */
        return;
    search_read(&search, conf, &words);
    LAW(search.n <= SEARCH_DOMAINS_MAX && search.ndots <= NDOTS_MAX);
    for (; search_next(&search, host, &at, name); n++) {
        struct str text = str_of(name), bare = host;
        if (bare.p[bare.n - 1] == '.')
            bare.n--;
        LAW(text.n && text.n <= DNS_NAME_MAX);
        LAW(str_starts(text, bare) && (text.n == bare.n || text.p[bare.n] == '.'));
    }
    LAW(n <= SEARCH_DOMAINS_MAX + 1u);
    LAW(!host.n || host.p[host.n - 1] != '.' || n <= 1);
}

static void check_answer(const struct answer *answer, int family)
{
    LAW(answer->n <= ANSWER_MAX);
    LAW(answer_ttl(answer) >= TTL_MIN_S && answer_ttl(answer) <= TTL_MAX_S);
    for (size_t i = 0; i < answer->n; i++) {
        const struct address *at = &answer->at[i];
        LAW(at->at.ss_family == family && !address_port((const struct sockaddr *)&at->at));
        LAW(!i || memcmp(&answer->at[i - 1].at, &at->at, at->size) < 0);
    }
}

static void check_addresses(struct str bytes, int family)
{
    struct answer up = ANSWER_NONE, down = ANSWER_NONE;
    size_t size = family == AF_INET ? 4 : 16, n = bytes.n / size;
    for (size_t i = 0; i < n; i++) {
        answer_add(&up, family, bytes.p + i * size, (uint32_t)(i * 7919));
        answer_add(&down, family, bytes.p + (n - 1 - i) * size, 60);
    }
    check_answer(&up, family);
    LAW(answer_same(up.at, up.n, down.at, down.n));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size)
        return 0;
    struct str rest = {(const char *)data + 1, size - 1}, parts[4];
    for (size_t i = 0; i < 4; i++)
        parts[i] = str_cut(&rest, (char)*data);
    check_search(parts[0], parts[1], parts[2], parts[3]);
    struct answer v4 = ANSWER_NONE, v6 = ANSWER_NONE;
    bool named = answer_from_hosts(parts[0], parts[1], &v4, &v6);
    LAW(named == (v4.n + v6.n > 0));
    check_answer(&v4, AF_INET);
    check_answer(&v6, AF_INET6);
    check_addresses(parts[0], AF_INET);
    check_addresses(parts[0], AF_INET6);
    return 0;
}
