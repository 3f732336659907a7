/* The PROXY protocol's header: who the client is, by the word of the balancer in front. Pure: reads
 * what came so far, keeps nothing, so it does not matter how the bytes were split.
 * Source: haproxy.org, "The PROXY protocol", versions 1 and 2. */
#pragma once
#include "corsd/base/address.h"

enum {
    PROXY_V1_MAX = 107,    /* with its CRLF (§2.1) */
    PROXY_HEADER_MAX = 4096, /* of version 2, TLVs included; a longer one is a fault */
};

enum proxy_result { PROXY_MORE, PROXY_WHOLE, PROXY_FAULT };
enum proxy_source {
    PROXY_SOURCE_ADDRESS, /* the client's, as told */
    PROXY_SOURCE_LOCAL,   /* the balancer speaks for itself: the connection's own */
    PROXY_SOURCE_UNKNOWN, /* the balancer does not know, or it is no IP address */
};

struct proxy_header {
    enum proxy_source source;
    struct address client; /* PROXY_SOURCE_ADDRESS only */
    size_t size;           /* of the header: what follows is the client's */
};

/* bytes: all that came on the connection. *out is written on PROXY_WHOLE only. PROXY_FAULT comes
 * with the first byte that no header has. */
enum proxy_result proxy_header_read(struct str bytes, struct proxy_header *out);
