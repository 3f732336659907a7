/* Which names a short one may stand for: resolv.conf's search list, in its order. Walked here
 * rather than by the DNS library, so that both IPv4 and IPv6 addresses come from one name. Pure.
 * Source: resolv.conf(5): search, domain, ndots, LOCALDOMAIN, RES_OPTIONS. */
#pragma once
#include "corsd/base/str.h"

enum {
    DNS_NAME_MAX = 253, /* bytes, without a final dot: RFC 1035 §2.3.4 */
    SEARCH_DOMAINS_MAX = 32,
    SEARCH_TEXT_MAX = 2048,
    NDOTS_MAX = 15,
};

struct search {
    uint16_t from[SEARCH_DOMAINS_MAX]; /* where each domain begins in text; each ends with NUL */
    uint8_t n;
    uint8_t ndots; /* a name with fewer dots is first looked for below the domains */
    char text[SEARCH_TEXT_MAX];
};

/* What else says where to search; empty where it says nothing. */
struct search_words {
    struct str localdomain; /* $LOCALDOMAIN: instead of the file's list */
    struct str res_options; /* $RES_OPTIONS: after the file's options */
    struct str hostname;    /* the machine's: its domain, where nothing else names one */
};

/* Reads the text of a resolv.conf. What is not understood counts as not written. */
void search_read(struct search *out, struct str resolv_conf, const struct search_words *words);
/* The next name to ask for, without a final dot; *at begins at 0 and is the caller's to keep. False
 * after the last. A host with a final dot stands for itself alone; what would be too long is left
 * out. */
MUST_USE bool search_next(const struct search *search, struct str host, size_t *at,
                          char out[DNS_NAME_MAX + 1]);
