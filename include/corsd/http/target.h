/* Where a request points: its target's form, host and port, and the path in normal form and in the
 * other readings that a backend might give it. Pure; writes into the caller's bytes only.
 * Source: RFC 9112 §3.2, RFC 3986 §3.2.2, §6.2.2; DESIGN §2 rule 16, §3 "Host". */
#pragma once
#include "corsd/base/buf.h"

enum target_form { TARGET_ORIGIN, TARGET_ABSOLUTE, TARGET_ASTERISK };

struct target { /* views into the text parsed */
    enum target_form form;
    struct str scheme;    /* absolute form: http or https in any case */
    struct str authority; /* absolute form: what stands for Host */
    struct str path;      /* raw, from its first slash on; empty for absolute form without one */
    struct str query;     /* with its question mark; empty where there is none */
};
/* Any visible ASCII but `#`; other forms (authority form: CONNECT's) are not taken. */
MUST_USE bool target_parse(struct str text, struct target *out);

enum { HOST_MAX = 255 };
struct authority {
    char bytes[HOST_MAX + 1];
    uint8_t size;   /* of the host in bytes: lower case, no final dot, IPv6 in brackets */
    bool has_port;
    uint16_t port;
};
/* "Example.com:80". Letters, digits, `-`, `.`, `_` and IPv6 literals only; no empty label. */
MUST_USE bool authority_parse(struct str text, struct authority *out);
static inline struct str authority_host(const struct authority *authority)
{
    return (struct str){authority->bytes, authority->size};
}

/* How a server may read a path: bits, done in this order. Servers differ in order too: some cut
 * `;…` before they decode, some after. */
enum path_step {
    PATH_ONCE = 0,      /* decoded, dot segments removed, as in all but PATH_RAW: it routes */
    PATH_CUT_FIRST = 1, /* `;…` cut from every segment before anything is decoded */
    PATH_DECODE_TWICE = 2,
    PATH_BACKSLASH = 4, /* `\` as `/` */
    PATH_CUT = 8,       /* `;…` cut from what was decoded */
    PATH_MERGE = 16,    /* empty segments merged */
    PATH_FOLD = 32,     /* letters in lower case */
    PATH_STEPS = 64,    /* how many combinations of these there are */
    PATH_RAW = 64,      /* alone: as it came; only what must be encoded is decoded */
};
/* Appends the reading of a raw path (not its query) to out: starts with `/`, no trailing slash but
 * for "/" itself. False where a percent sign is not followed by two hexadecimal digits, a NUL byte
 * comes out, or out is full. At most as long as raw, and a byte more. */
MUST_USE bool path_read(unsigned steps, struct str raw, struct buf *out);
/* Whether all readings but those about letter case are the same as raw: no `%`, `\`, `;`, `//`, no
 * dot segment. */
bool path_is_plain(struct str raw);
