/* Why the CORS engine said what it said: one table for the log's word, the metric's label, the
 * decision header, `corsd explain` and the documentation. Pure data. */
#pragma once
#include "corsd/base/str.h"

/* REASON(id, word, allowed, prose): allowed tells whether a browser would let the page through. */
#define CORS_REASONS(REASON)                                                                       \
    REASON(NO_POLICY, "no_policy", true, "the route has no CORS policy")                           \
    REASON(NO_ORIGIN, "no_origin", true, "the request has no Origin header")                       \
    REASON(ALLOWED, "allowed", true, "the origin is allowed")                                      \
    REASON(ALLOWED_ANY, "allowed_any", true, "every origin is allowed")                            \
    REASON(SAME_ORIGIN, "same_origin", true, "the request is same-origin")                         \
    REASON(ORIGIN_OFF_LIST, "origin_off_list", false, "the origin is not on the list")             \
    REASON(ORIGIN_NULL, "origin_null", false, "the origin is null, which is not on the list")      \
    REASON(ORIGIN_MALFORMED, "origin_malformed", false, "the Origin header is not an origin")      \
    REASON(ORIGIN_TWICE, "origin_twice", false, "the request has two Origin headers")              \
    REASON(METHOD_OFF_LIST, "method_off_list", false, "the method is not on the list")             \
    REASON(METHOD_MALFORMED, "method_malformed", false,                                            \
           "the Access-Control-Request-Method header is not a method")                             \
    REASON(HEADER_OFF_LIST, "header_off_list", false, "a header is not on the list")               \
    REASON(HEADERS_MALFORMED, "headers_malformed", false,                                          \
           "the Access-Control-Request-Headers header is not a list of header names")              \
    REASON(WEBSOCKET_CREDENTIALS, "websocket_credentials", false,                                  \
           "the handshake carries credentials, which the policy does not allow")

enum cors_reason {
#define REASON(id, word, allowed, prose) REASON_##id,
    CORS_REASONS(REASON)
#undef REASON
        REASON_COUNT
};

struct cors_reason_row {
    struct str word;
    bool allowed;
    struct str prose; /* no final dot */
};
extern const struct cors_reason_row cors_reasons[REASON_COUNT];
