/* One item of allow_origins, from a human: read with help and normalised once, so that origins then
 * compare as bytes. Pure, any thread. Allocates only inside libidn2, for names beyond ASCII.
 * Source: URL Standard, "host parsing"; DESIGN §2 rule 11. */
#pragma once
#include "corsd/base/str.h"
#include "corsd/cors/public_suffix.h"

/* PATTERN_FAULT(id, message): %s is the item, quoted. */
#define PATTERN_FAULTS(PATTERN_FAULT)                                                              \
    PATTERN_FAULT(EMPTY, "an origin is empty")                                                     \
    PATTERN_FAULT(TOO_LONG, "an origin is too long")                                               \
    PATTERN_FAULT(SEVERAL, "%s is not one origin")                                                 \
    PATTERN_FAULT(REGEX, "%s looks like a regular expression")                                     \
    PATTERN_FAULT(NO_SCHEME, "%s has no scheme")                                                   \
    PATTERN_FAULT(NO_SLASHES, "%s has no // after its scheme")                                     \
    PATTERN_FAULT(NULL_CASE, "%s is not an origin")                                                \
    PATTERN_FAULT(NO_ORIGIN, "pages of %s have no origin of their own")                            \
    PATTERN_FAULT(WEBSOCKET, "%s is a WebSocket address, not an origin")                           \
    PATTERN_FAULT(USERINFO, "%s has a user name")                                                  \
    PATTERN_FAULT(PATH, "%s has a path")                                                           \
    PATTERN_FAULT(SLASH, "%s ends in a slash")                                                     \
    PATTERN_FAULT(QUERY, "%s has a query")                                                         \
    PATTERN_FAULT(FRAGMENT, "%s has a fragment")                                                   \
    PATTERN_FAULT(NO_HOST, "%s has no host")                                                       \
    PATTERN_FAULT(HOST, "%s has a host that no browser takes")                                     \
    PATTERN_FAULT(NUMBER, "%s ends in a number but is no IPv4 address")                            \
    PATTERN_FAULT(IPV6, "%s has no valid IPv6 address")                                            \
    PATTERN_FAULT(PORT, "%s has no valid port")                                                    \
    PATTERN_FAULT(WILD_SCHEME, "%s has a * in its scheme")                                         \
    PATTERN_FAULT(WILD_OTHER_SCHEME, "%s has a * under a scheme other than http and https")        \
    PATTERN_FAULT(WILD_ADDRESS, "%s has a * in an IP address")                                     \
    PATTERN_FAULT(WILD_ALONE, "%s would match every host")                                         \
    PATTERN_FAULT(WILD_TWICE, "%s has more than one * in its host")                                \
    PATTERN_FAULT(WILD_PLACE, "%s has a * that is not in the leftmost label")                      \
    PATTERN_FAULT(WILD_PART, "%s has a * that is neither a whole label nor beside a -")            \
    PATTERN_FAULT(WILD_IDNA, "%s has a * in a label beyond ASCII")                                 \
    PATTERN_FAULT(WILD_PORT, "%s has a * inside a port")                                           \
    PATTERN_FAULT(WILD_SUFFIX, "%s reaches everyone's sites")       \
    PATTERN_FAULT(WILD_UNLISTED, "%s reaches too far")                                           \
    PATTERN_FAULT(NO_LIST, "%s cannot be checked: there is no public suffix list")                 \
    PATTERN_FAULT(NO_MEMORY, "out of memory")

enum pattern_fault {
    PATTERN_OK,
#define PATTERN_FAULT(id, message) PATTERN_##id,
    PATTERN_FAULTS(PATTERN_FAULT)
#undef PATTERN_FAULT
        PATTERN_FAULT_COUNT
};

enum pattern_kind {
    PATTERN_ANY_ORIGIN,  /* "*" */
    PATTERN_NULL_ORIGIN, /* "null" */
    PATTERN_EXACT,       /* text is what a browser sends */
    PATTERN_ANY_PORT,    /* one host, any port or none */
    PATTERN_LABELS,      /* one label or more stands for the *, then "." `host` */
    PATTERN_PART,        /* `head`, one byte or more of a label, `tail`, "." `host` */
};

enum { PATTERN_INPUT_MAX = 1024, PATTERN_TEXT_MAX = 512 };

struct pattern { /* views into its own `bytes`: not to be copied */
    enum pattern_kind kind;
    struct str text;   /* normalised: reads back as the same pattern */
    struct str scheme; /* empty for "*" and "null", as all below */
    struct str head, tail; /* PATTERN_PART: around the *, without it; a "-" is beside it */
    struct str host;   /* LABELS, PART: the domain behind the wildcard label; else the whole host */
    uint16_t port;     /* 0: the scheme's default, or any */
    bool any_port;
    char bytes[PATTERN_TEXT_MAX];
};

struct pattern_problem { /* for people: one sentence, and what to write instead (may be empty) */
    enum pattern_fault fault;
    char message[320], hint[640];
};

/* *out is meaningful on PATTERN_OK only; *problem (may be NULL) is written on a fault only. Space
 * at both ends of text does not count. */
enum pattern_fault pattern_parse(struct str text, struct pattern *out,
                                 struct pattern_problem *problem);
/* Whether a pattern with a wildcard in its host keeps within one registrable domain. `list` NULL:
 * no wildcard but those under localhost passes. Other kinds are fine. */
enum pattern_fault pattern_check_reach(const struct pattern *pattern,
                                       const struct public_suffixes *list,
                                       struct pattern_problem *problem);
/* Whether pattern's origins are http:// on hosts other than loopback: anyone on the network between
 * can forge their pages. */
bool pattern_is_insecure(const struct pattern *pattern);
