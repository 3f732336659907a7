/* A naive reading of DESIGN §2 rule 11: one normalised pattern against one origin, by comparing
 * strings. It shares nothing with src/cors but origin_parse, which has a table of its own. */
#pragma once
#include <stdlib.h>
#include "corsd/cors/origin.h"

/* Names under which anyone may register, for the tests' own list; NULL at the end. */
typedef const char *const oracle_suffixes[];

static inline bool oracle_is_suffix(oracle_suffixes suffixes, struct str name)
{
    for (size_t i = 0; suffixes[i]; i++)
        if (str_eq(name, str_of(suffixes[i])))
            return true;
    return false;
}

static inline struct str oracle_undotted(struct str host)
{
    return host.n && host.p[host.n - 1] == '.' ? str_head(host, host.n - 1) : host;
}

/* Whether host, which ends in "." domain, is of domain's own registrable domain. */
static inline bool oracle_same_site(oracle_suffixes suffixes, struct str host, struct str domain)
{
    struct str name = oracle_undotted(host);
    domain = oracle_undotted(domain);
    while (name.n > domain.n) {
        if (oracle_is_suffix(suffixes, name))
            return false;
        str_cut(&name, '.');
    }
    return true;
}

static inline bool oracle_host_matches(struct str pattern, struct str host,
                                       oracle_suffixes suffixes)
{
    if (str_find(pattern, '*') == pattern.n)
        return str_eq(pattern, host);
    struct str domain = pattern, rest = host;
    struct str label = str_cut(&domain, '.');
    struct str head = str_head(label, str_find(label, '*'));
    struct str tail = str_from(label, head.n + 1);
    if (suffixes && host.n > domain.n && !oracle_same_site(suffixes, host, domain))
        return false;
    if (!head.n && !tail.n) /* labels: anything before "." domain */
        return host.n > domain.n + 1 && str_ends(host, domain) &&
               host.p[host.n - domain.n - 1] == '.';
    struct str first = str_cut(&rest, '.');
    return str_eq(rest, domain) && first.n > head.n + tail.n && str_starts(first, head) &&
           str_ends(first, tail);
}

/* `suffixes` NULL: the pattern may reach across registrable domains. */
static inline bool oracle_matches(struct str pattern, struct str text, oracle_suffixes suffixes)
{
    struct origin origin;
    if (str_eq(pattern, STR("*")))
        return true;
    if (str_find(pattern, '*') == pattern.n)
        return str_eq(pattern, text);
    if (origin_parse(text, &origin) != ORIGIN_OK)
        return false;
    struct str host = pattern, scheme = str_cut(&host, ':');
    host = str_from(host, 2);
    size_t colon = host.p[0] == '[' ? str_find(host, ']') + 1 : str_find(host, ':');
    struct str port = str_from(host, colon);
    host = str_head(host, colon);
    struct str own = str_from(text, (size_t)(origin.host.p + origin.host.n - text.p));
    return str_eq(scheme, origin.scheme) && (str_eq(port, STR(":*")) || str_eq(port, own)) &&
           oracle_host_matches(host, origin.host, suffixes);
}

/* --- random patterns and origins that nearly match -------------------------------------------- */

static inline unsigned oracle_pick(uint64_t *state, unsigned n) /* xorshift64*; 0 … n - 1 */
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return (unsigned)(*state * UINT64_C(0x2545f4914f6cdd1d) >> 33) % n;
}

#define ORACLE_ONE_OF(state, ...)                                                                  \
    (((const char *const[]){__VA_ARGS__})[oracle_pick(                                             \
        state, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))])
