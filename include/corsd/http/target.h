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

enum path_reading {
    READ_RAW,       /* as it came; only what must be encoded is decoded */
    READ_ONCE,      /* decoded, dot segments removed: the one that routes */
    READ_TWICE,     /* decoded once more */
    READ_BACKSLASH, /* `\` as `/` */
    READ_MERGED,    /* empty segments merged */
    READ_NO_PARAMS, /* `;…` cut from every segment */
    READ_FOLDED,    /* in lower case */
    READ_ALL,       /* all of these together */
    PATH_READINGS
};
/* Appends the reading of a raw path (not its query) to out: starts with `/`, no trailing slash but
 * for "/" itself. False where a percent sign is not followed by two hexadecimal digits, a NUL byte
 * comes out, or out is full. At most as long as raw, and a byte more. */
MUST_USE bool path_read(enum path_reading reading, struct str raw, struct buf *out);
/* The same with any steps together. Servers differ in order: some cut `;…` before they decode. */
enum path_step {
    PATH_CUT_FIRST = 1, /* `;…` cut before anything is decoded */
    PATH_DECODE_TWICE = 2,
    PATH_BACKSLASH = 4,
    PATH_CUT = 8,
    PATH_MERGE = 16,
    PATH_FOLD = 32,
    PATH_STEPS = 64, /* how many combinations there are */
};
MUST_USE bool path_read_steps(unsigned steps, struct str raw, struct buf *out);
/* Whether all readings but those about letter case are the same as raw: no `%`, `\`, `;`, `//`, no
 * dot segment. */
bool path_is_plain(struct str raw);
