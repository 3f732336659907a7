/* Header fields: the names corsd knows, a field as views into its head, and list-valued fields.
 * Pure, any thread. Source: RFC 9110 §5, §5.6. */
#pragma once
#include "corsd/base/str.h"

/* FIELD(id, name in lower case), by length then name: field_id() relies on it. */
#define HTTP_FIELDS(FIELD)                                                                         \
    FIELD(TE, "te")                                                                                \
    FIELD(VIA, "via")                                                                              \
    FIELD(DATE, "date")                                                                            \
    FIELD(HOST, "host")                                                                            \
    FIELD(VARY, "vary")                                                                            \
    FIELD(ALLOW, "allow")                                                                          \
    FIELD(PROXY, "proxy")                                                                          \
    FIELD(COOKIE, "cookie")                                                                        \
    FIELD(EXPECT, "expect")                                                                        \
    FIELD(ORIGIN, "origin")                                                                        \
    FIELD(SERVER, "server")                                                                        \
    FIELD(REFRESH, "refresh")                                                                      \
    FIELD(TRAILER, "trailer")                                                                      \
    FIELD(UPGRADE, "upgrade")                                                                      \
    FIELD(CDN_LOOP, "cdn-loop")                                                                    \
    FIELD(LOCATION, "location")                                                                    \
    FIELD(FORWARDED, "forwarded")                                                                  \
    FIELD(X_REAL_IP, "x-real-ip")                                                                  \
    FIELD(CONNECTION, "connection")                                                                \
    FIELD(KEEP_ALIVE, "keep-alive")                                                                \
    FIELD(SET_COOKIE, "set-cookie")                                                                \
    FIELD(TRACEPARENT, "traceparent")                                                              \
    FIELD(CONTENT_TYPE, "content-type")                                                            \
    FIELD(MAX_FORWARDS, "max-forwards")                                                            \
    FIELD(X_REQUEST_ID, "x-request-id")                                                            \
    FIELD(AUTHORIZATION, "authorization")                                                          \
    FIELD(X_REWRITE_URL, "x-rewrite-url")                                                          \
    FIELD(CONTENT_LENGTH, "content-length")                                                        \
    FIELD(CORSD_DECISION, "corsd-decision")                                                        \
    FIELD(HTTP2_SETTINGS, "http2-settings")                                                        \
    FIELD(SEC_FETCH_SITE, "sec-fetch-site")                                                        \
    FIELD(X_ORIGINAL_URL, "x-original-url")                                                        \
    FIELD(X_FORWARDED_FOR, "x-forwarded-for")                                                      \
    FIELD(CONTENT_LOCATION, "content-location")                                                    \
    FIELD(PROXY_CONNECTION, "proxy-connection")                                                    \
    FIELD(X_FORWARDED_HOST, "x-forwarded-host")                                                    \
    FIELD(SEC_WEBSOCKET_KEY, "sec-websocket-key")                                                  \
    FIELD(TRANSFER_ENCODING, "transfer-encoding")                                                  \
    FIELD(X_FORWARDED_PROTO, "x-forwarded-proto")                                                  \
    FIELD(PROXY_AUTHENTICATE, "proxy-authenticate")                                                \
    FIELD(PROXY_AUTHORIZATION, "proxy-authorization")                                              \
    FIELD(TIMING_ALLOW_ORIGIN, "timing-allow-origin")                                              \
    FIELD(PROXY_AUTHENTICATION_INFO, "proxy-authentication-info")                                  \
    FIELD(ACCESS_CONTROL_ALLOW_ORIGIN, "access-control-allow-origin")                              \
    FIELD(CROSS_ORIGIN_RESOURCE_POLICY, "cross-origin-resource-policy")                            \
    FIELD(ACCESS_CONTROL_REQUEST_METHOD, "access-control-request-method")                          \
    FIELD(ACCESS_CONTROL_REQUEST_HEADERS, "access-control-request-headers")                        \
    FIELD(ACCESS_CONTROL_REQUEST_PRIVATE_NETWORK, "access-control-request-private-network")

enum field_id {
    FIELD_OTHER,
#define FIELD(id, name) FIELD_##id,
    HTTP_FIELDS(FIELD)
#undef FIELD
        FIELD_ACCESS_CONTROL, /* any other access-control-* */
    FIELD_X_FORWARDED,    /* any other x-forwarded-* */
    FIELD_TWIN,           /* equals one that corsd sets or frames by, `_` read as `-` */
    FIELD_COUNT
};

struct field {
    struct str name, value; /* as they came, the value trimmed of SP and HTAB */
    uint16_t id;            /* enum field_id */
    bool dropped;           /* an edit took it out */
};

/* Without regard to case. O(length of name). */
enum field_id field_id(struct str name);
/* "content-length" for FIELD_CONTENT_LENGTH; empty for the ids that stand for many names. */
struct str field_name(enum field_id id);

/* RFC 9110 §5.6.2. */
bool is_tchar(char c);
bool is_token(struct str text);
/* A value as it may stand in a head: no control byte but HTAB. */
bool is_field_value(struct str text);

/* Walks a comma-separated list: *item is the next non-empty item, trimmed; false at the end.
 * A comma in a quoted string does not separate (RFC 9110 §5.6.1, §5.6.4). */
bool list_next(struct str *rest, struct str *item);
/* Whether one item of the list equals name, without regard to case. */
bool list_has(struct str list, struct str name);
