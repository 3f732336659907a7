/* One web origin in its only canonical form. Pure: no I/O, no allocation, any thread.
 * Source: Fetch, "serialized origin"; URL Standard, "host parsing". */
#pragma once
#include "corsd/base/str.h"

enum origin_fault { ORIGIN_OK, ORIGIN_NO_SCHEME, ORIGIN_BAD_HOST, ORIGIN_BAD_PORT, ORIGIN_EXTRA };

struct origin {              /* views into the text parsed; they live as long as it does */
    struct str scheme, host; /* lower case; an IPv6 host with its brackets */
    uint16_t port;           /* host byte order; 0: the scheme's default */
};

/* Reads an Origin header's value. Nothing is trimmed or repaired: browsers send one spelling.
 * "null" is not an origin here: ask for it first. *out is written on ORIGIN_OK only. O(n). */
enum origin_fault origin_parse(struct str text, struct origin *out);
/* 80 for http, 443 for https, 0 for schemes without one. */
uint16_t origin_default_port(struct str scheme);
