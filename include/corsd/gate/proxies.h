/* What the proxies in front say of the client, as far as they are believed: trusted_proxies and
 * `forwarded` decide. Pure. Source: RFC 7239; DESIGN §1 trusted_proxies, forwarded. */
#pragma once
#include "corsd/base/str.h"

struct head;
struct peer;
struct plan;

struct proxies {  /* views into the head; zeroed: nobody is believed */
    bool x;         /* X-Forwarded-* are believed, and pass */
    bool rfc7239;   /* Forwarded is */
    struct str client; /* the rightmost untrusted address; empty: the peer itself */
    struct str host;   /* as the client asked for it; empty: not told */
    struct str proto;  /* http or https; empty: not told */
};

/* Reads both kinds where `forwarded` is both, and believes neither where they disagree. Work grows
 * with the head's bytes. */
void gate_proxies(const struct plan *plan, const struct peer *peer, const struct head *head,
                  struct proxies *out);
