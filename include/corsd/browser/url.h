/* The address that a page asks for, as the URL Standard reads it: http and https only. What it
 * holds lives in the arena given. Pure. Source: URL Standard, "URL parsing". */
#pragma once
#include "corsd/base/arena.h"

enum url_fault { URL_OK, URL_NO_SCHEME, URL_OTHER_SCHEME, URL_BAD_HOST, URL_NO_MEMORY };

struct url {
    struct str href;      /* whole, without a fragment and without a user's name */
    struct str scheme;    /* http or https */
    struct str authority; /* host[:port]; the scheme's own port is left out */
    struct str origin;    /* scheme://authority */
    struct str target;    /* path and query, as a request line has them */
    bool has_user;        /* a name or password stood before the host */
};

/* base: what a relative text starts from; NULL: text must be whole. Host names in ASCII only.
 * *out on URL_OK only. */
enum url_fault url_parse(struct arena *arena, struct str text, const struct url *base,
                         struct url *out);
/* A sentence for people; static. */
const char *url_fault_text(enum url_fault fault);
