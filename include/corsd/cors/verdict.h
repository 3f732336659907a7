/* Facts of one request and a policy → allowed, or the reason not. Pure: no allocation, no I/O.
 * Source: Fetch, "CORS protocol"; DESIGN §2, rules 1, 2, 3, 5, 12–15. */
#pragma once
#include "corsd/cors/policy.h"
#include "corsd/cors/reason.h"

enum cors_kind { CORS_NONE, CORS_PREFLIGHT, CORS_ACTUAL, CORS_WEBSOCKET, CORS_KIND_COUNT };
extern const struct str cors_kind_words[CORS_KIND_COUNT]; /* none, preflight, actual, websocket */

enum site { SITE_UNKNOWN, SITE_SAME_ORIGIN, SITE_NONE, SITE_OTHER }; /* Sec-Fetch-Site */

struct cors_request {
    struct str method;
    unsigned n_origins; /* Origin header fields: 0, 1, or more */
    struct str origin;  /* the first one's value */
    bool has_request_method;   /* Access-Control-Request-Method stands there */
    unsigned n_request_method; /* how many times */
    struct str request_method;
    const struct str *request_headers; /* values of each Access-Control-Request-Headers line */
    size_t n_request_headers;
    bool private_network;    /* Access-Control-Request-Private-Network: true */
    bool websocket;          /* an upgrade to websocket is asked for */
    bool has_credentials;    /* Cookie or Authorization stands there */
    enum site site;
    struct str host;         /* the request's own host in normal form, without port */
    uint16_t host_port;      /* its port, 0: the default of the scheme */
    struct str scheme;       /* "http" or "https" where known, else empty (rule 15) */
};

struct verdict {
    enum cors_kind kind;
    enum cors_reason reason;
    const struct rule *rule; /* the rule that decided; NULL where no origin matched or none came */
    bool origin_allowed;     /* its page may read the answer: the CORS headers are sent */
    bool same_origin;        /* by rule 15: not cross-origin */
    bool refused;            /* enforce mode answers 403: a preflight by rule 3, `denied: reject`,
                                enforce_methods, the WebSocket check. In report mode: would have */
    struct str missing;      /* the method or header that is off the list, else empty; a view */
};

/* What policy says of request; policy NULL gives CORS_NONE and REASON_NO_POLICY. Bounded work:
 * linear in the request's bytes. */
struct verdict verdict_of(const struct policy *policy, const struct cors_request *request);
