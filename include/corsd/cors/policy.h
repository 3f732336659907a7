/* What pages may do: written by people as a spec, compiled once into blocks of bytes ready to send.
 * A compiled policy is immutable and shared by all threads; its maker owns it.
 * Source: Fetch, "HTTP extensions: CORS protocol"; DESIGN §2. */
#pragma once
#include "corsd/base/str.h"

struct origin_set;
struct public_suffixes;

/* --- as written ------------------------------------------------------------------------------- */

/* A word of the configuration and where it stands; `place` is opaque here and goes back to the
 * reporter of faults. */
struct spec_text {
    struct str text;
    const void *place;
};
struct spec_list {
    const struct spec_text *items;
    size_t n;
    const void *place; /* of the whole value; NULL: not given, the default holds */
};

enum dangerous { /* bits of rule_spec.dangerous */
                 DANGEROUS_NULL_WITH_CREDENTIALS = 1,
                 DANGEROUS_HTTP_WITH_CREDENTIALS = 2,
                 DANGEROUS_PUBLIC_SUFFIX_PATTERNS = 4,
};

struct rule_spec {
    struct spec_list allow_origins; /* exact, patterns, "null", "*" */
    struct spec_list file_origins;  /* the lines of allow_origins_file; same syntax */
    struct spec_list allow_methods; /* not given: GET, HEAD, POST */
    struct spec_list allow_headers;
    struct spec_list expose_headers;
    bool allow_credentials;
    bool has_max_age;
    uint64_t max_age_s;
    unsigned preflight_status; /* 200, 202, 204 */
    unsigned dangerous;
    const void *place; /* of the rule */
    const void *credentials_place, *max_age_place; /* NULL where not given */
};

enum policy_choice { /* the policy-wide keys of DESIGN §1 */
                     UPSTREAM_HEADERS_REPLACE = 0,
                     UPSTREAM_HEADERS_KEEP,
                     DENIED_FORWARD = 0,
                     DENIED_REJECT,
                     MODE_ENFORCE = 0,
                     MODE_REPORT,
                     WEBSOCKET_CHECK = 0,
                     WEBSOCKET_ANY,
                     TIMING_OFF = 0,
                     TIMING_ALLOWED_ORIGIN,
                     TIMING_ANY, /* "*" */
                     RESOURCE_POLICY_NONE = 0,
                     RESOURCE_POLICY_SAME_ORIGIN,
                     RESOURCE_POLICY_SAME_SITE,
                     RESOURCE_POLICY_CROSS_ORIGIN,
                     SAME_SITE_KEEP = 0, /* cookies.same_site not given */
                     SAME_SITE_NONE,
                     SAME_SITE_LAX,
                     SAME_SITE_STRICT,
};

struct policy_traits { /* hold for the whole policy, the same in spec and compiled policy */
    uint8_t upstream_headers, denied, mode, websocket_origins, timing_allow_origin;
    uint8_t resource_policy, same_site;
    bool enforce_methods, allow_private_network;
    bool cookies_secure, cookies_partitioned;
};

struct policy_spec {
    struct str name;
    const struct rule_spec *rules; /* at least one; the first whose origins match decides */
    size_t n_rules;
    struct policy_traits traits;
    const void *place;
};

/* --- compiled --------------------------------------------------------------------------------- */

struct rule {
    uint16_t index;              /* in its policy, from 0 */
    bool any_origin;             /* allow_origins holds "*" (then credentials are off) */
    bool credentials;
    bool any_method, any_header; /* "*" among them */
    bool any_expose;             /* with credentials: named from the response, rule 6 */
    bool authorization;          /* listed in allow_headers */
    uint16_t preflight_status;
    struct str_list {
        const struct str *items;
        size_t n;
    } methods, headers, expose;  /* as written, without "*"; header names compare without case */
    /* Header lines ready to send, each ending in CRLF. What depends on the request stays out:
     * Access-Control-Allow-Origin unless it is "*", methods and headers under "*" with
     * credentials, exposed names under "*" with credentials, and Vary. */
    struct str preflight_lines;
    struct str actual_lines;
    const void *place; /* as in the spec; valid as long as the configuration's text is kept */
};

struct policy {
    struct str name;
    struct policy_traits traits;
    const struct rule *rules;
    size_t n_rules;
    bool vary_origin; /* the answer depends on the origin (rules 5 and 8) */
    /* Every rule is "*" without credentials: Access-Control-Allow-Origin: * on every response. */
    bool star_always;
    const struct rule *star_rule; /* the first rule with "*", or NULL: no later one is reached */
    const struct origin_set *origins;
    struct str
        exact_origins; /* the exact origins as one list for Timing-Allow-Origin, up to 1 KiB */
    struct policy_memory *memory;
};

enum fault_level { FAULT_ERROR, FAULT_WARNING };
/* Called for each fault: `hint` may be empty. Texts live for the call only. */
typedef void policy_report(void *ctx, enum fault_level level, const void *place,
                           const char *message, const char *hint);

/* Compiles, reporting every fault and warning of the spec in one go. NULL where an error was
 * reported, or memory ran out (also reported). The spec's texts may go afterwards; places stay
 * opaque. `suffixes` may be NULL: then no pattern with `*` in its host passes but those under
 * localhost; else the policy keeps a reference of its own. `report` may be NULL. */
MUST_USE struct policy *policy_create(const struct policy_spec *spec,
                                      const struct public_suffixes *suffixes, policy_report *report,
                                      void *ctx);
void policy_destroy(struct policy *policy);
/* The rule that decides for this origin, "null" included; NULL where none matches. One look-up,
 * no allocation. An origin that is not serialised matches by "*" only (rule 12). */
const struct rule *policy_rule_for(const struct policy *policy, struct str origin);
bool rule_allows_method(const struct rule *rule, struct str method); /* case-sensitive; `*` too */
bool rule_allows_header(const struct rule *rule, struct str name);   /* rule 7 included */
/* CONNECT, TRACE, TRACK in any letter case: no page can send them, and no `*` covers them. */
bool method_is_forbidden(struct str method);
/* Fetch, "forbidden request-header", by its name: the browser sets it, or nobody does. */
bool header_is_forbidden(struct str name);
