/* Why an exchange or a connection ended other than well: one row each, for the answer's status and
 * text, the log's word, the metric's label and the documentation. Pure data. */
#pragma once
#include "corsd/base/str.h"

/* CAUSE(id, word, status, prose): status 0 where nothing can be answered any more. */
#define HTTP_CAUSES(CAUSE)                                                                         \
    CAUSE(NONE, "ok", 0, "nothing went wrong")                                                     \
    /* the request is not HTTP as RFC 9112 writes it */                                            \
    CAUSE(BAD_START_LINE, "bad_start_line", 400, "the request line is malformed")                  \
    CAUSE(BAD_VERSION, "bad_version", 400, "only HTTP/1.1 and HTTP/1.0 are spoken here")           \
    CAUSE(TLS_ON_PLAIN, "tls_on_plain", 400, "TLS was spoken to a port without TLS")               \
    CAUSE(PLAIN_ON_TLS, "plain_on_tls", 400, "plain HTTP was spoken to a TLS port")                \
    CAUSE(HTTP2_PREFACE, "http2_preface", 400, "HTTP/2 was spoken to a port that speaks HTTP/1.1") \
    CAUSE(BAD_LINE_END, "bad_line_end", 400, "a line of the head does not end in CRLF")            \
    CAUSE(BAD_FIELD_NAME, "bad_field_name", 400, "a header name has a byte that is not allowed")   \
    CAUSE(BAD_FIELD_VALUE, "bad_field_value", 400, "a header value has a control byte")            \
    CAUSE(FOLDED_LINE, "folded_line", 400, "a header line is folded")                              \
    CAUSE(MALFORMED, "malformed", 400, "the head is malformed")                                    \
    CAUSE(BAD_TARGET, "bad_target", 400, "the request target is malformed")                        \
    CAUSE(BAD_HOST, "bad_host", 400, "the Host header is missing, doubled or malformed")           \
    CAUSE(AMBIGUOUS_PATH, "ambiguous_path", 400,                                                   \
          "the path can be read in two ways that belong to different routes")                      \
    CAUSE(BAD_LENGTH, "bad_length", 400, "the Content-Length is malformed or doubled")             \
    CAUSE(LENGTH_AND_CODING, "length_and_coding", 400,                                             \
          "Content-Length and Transfer-Encoding stand together")                                   \
    CAUSE(BAD_CODING, "bad_coding", 400, "the Transfer-Encoding is not a single final chunked")    \
    CAUSE(UNKNOWN_CODING, "unknown_coding", 501, "the Transfer-Encoding is not known here")        \
    CAUSE(BAD_CHUNK, "bad_chunk", 400, "the chunked body is malformed")                            \
    CAUSE(BAD_EXPECT, "bad_expect", 417, "the Expect header asks for what is not known here")      \
    /* limits and deadlines */                                                                     \
    CAUSE(TARGET_TOO_LONG, "target_too_long", 414, "the request target is too long")               \
    CAUSE(HEAD_TOO_LARGE, "head_too_large", 431, "the request's headers are too large")            \
    CAUSE(TOO_MANY_FIELDS, "too_many_fields", 431, "the request has too many headers")             \
    CAUSE(BODY_TOO_LARGE, "body_too_large", 413, "the request's body is too large")                \
    CAUSE(HEAD_TIMEOUT, "head_timeout", 408, "the request's head took too long")                   \
    CAUSE(BODY_TIMEOUT, "body_timeout", 408, "the request's body took too long")                   \
    CAUSE(BODY_TOO_SLOW, "body_too_slow", 408, "the request's body came too slowly")               \
    CAUSE(METHOD_REFUSED, "method_refused", 405, "this method is not proxied")                     \
    /* policy and routes */                                                                        \
    CAUSE(CORS_REFUSED, "cors_refused", 403, "the request was refused by the CORS policy")         \
    CAUSE(NO_ROUTE, "no_route", 404, "no route matches this host and path")                        \
    /* the upstream */                                                                             \
    CAUSE(UPSTREAM_REFUSED, "upstream_refused", 502, "the backend refused the connection")         \
    CAUSE(UPSTREAM_CONNECT_TIMEOUT, "upstream_connect_timeout", 504,                               \
          "the backend did not accept a connection in time")                                       \
    CAUSE(UPSTREAM_TLS_GARBAGE, "upstream_tls_garbage", 502, "the backend does not speak TLS")     \
    CAUSE(UPSTREAM_TLS_CUT, "upstream_tls_cut", 502,                                               \
          "the backend ended the connection within the TLS handshake")                             \
    CAUSE(UPSTREAM_TLS_VERSION, "upstream_tls_version", 502,                                       \
          "the backend speaks no version of TLS from 1.2 on")                                      \
    CAUSE(UPSTREAM_TLS_REFUSED, "upstream_tls_refused", 502,                                       \
          "the backend refused the TLS handshake")                                                 \
    CAUSE(UPSTREAM_TLS_EXPIRED, "upstream_tls_expired", 502,                                       \
          "the backend's certificate has expired or is not valid yet")                             \
    CAUSE(UPSTREAM_TLS_NAME, "upstream_tls_name", 502,                                             \
          "the backend's certificate is for another name")                                         \
    CAUSE(UPSTREAM_TLS_ISSUER, "upstream_tls_issuer", 502,                                         \
          "the backend's certificate is of an unknown issuer")                                     \
    CAUSE(UPSTREAM_TLS_CERTIFICATE, "upstream_tls_certificate", 502,                               \
          "the backend's certificate cannot be trusted")                                           \
    CAUSE(UPSTREAM_TLS_CLIENT, "upstream_tls_client", 502,                                         \
          "the backend demands a client certificate that it accepts")                              \
    CAUSE(UPSTREAM_TIMEOUT, "upstream_timeout", 504, "the backend did not answer in time")         \
    CAUSE(UPSTREAM_CLOSED, "upstream_closed", 502, "the backend closed without an answer")         \
    CAUSE(UPSTREAM_RESET, "upstream_reset", 502, "the connection to the backend was lost")         \
    CAUSE(UPSTREAM_BAD_HEAD, "upstream_bad_head", 502, "the backend's answer is not HTTP")         \
    CAUSE(UPSTREAM_BAD_FRAMING, "upstream_bad_framing", 502,                                       \
          "the backend's answer does not say where it ends")                                       \
    CAUSE(UPSTREAM_HEAD_TOO_LARGE, "upstream_head_too_large", 502,                                 \
          "the backend's headers are too large")                                                   \
    CAUSE(UPSTREAM_BAD_UPGRADE, "upstream_bad_upgrade", 502,                                       \
          "the backend changed the protocol unasked")                                              \
    CAUSE(UPSTREAM_UNASKED, "upstream_unasked", 502, "the backend spoke before it was asked")      \
    CAUSE(UPSTREAM_BARE_LF, "upstream_bare_lf", 502,                                               \
          "the backend ends lines by LF alone (accept_bare_lf: true would take that)")             \
    CAUSE(UPSTREAM_CUT, "upstream_cut", 0, "the backend cut its answer short")                     \
    CAUSE(UPSTREAM_BAD_CHUNK, "upstream_bad_chunk", 0, "the backend's chunked body is malformed")  \
    CAUSE(UPSTREAM_SILENT, "upstream_silent", 0, "the backend fell silent inside its answer")      \
    CAUSE(UPSTREAM_NO_ADDRESS, "upstream_no_address", 503, "the backend has no known address")     \
    CAUSE(UPSTREAM_DOWN, "upstream_down", 503, "no server of the backend is healthy")              \
    CAUSE(UPSTREAM_BUSY, "upstream_busy", 503, "the backend has no free connection")               \
    /* ourselves */                                                                                \
    CAUSE(NO_MEMORY, "no_memory", 503, "out of memory")                                            \
    CAUSE(NO_DESCRIPTOR, "no_descriptor", 503, "out of file descriptors")                          \
    CAUSE(LOOP, "loop", 508, "the request came back to this proxy")                                \
    CAUSE(DRAINING, "draining", 503, "the proxy is shutting down")                                 \
    /* ends that are nobody's fault, or the client's */                                            \
    CAUSE(CLIENT_GONE, "client_gone", 0, "the client went away")                                   \
    CAUSE(CLIENT_TLS, "client_tls", 0, "the client's TLS handshake failed or took too long")       \
    CAUSE(CLIENT_STALLED, "client_stalled", 0, "the client read too slowly")                       \
    CAUSE(CLIENT_IDLE, "client_idle", 0, "the client's connection was idle too long")              \
    CAUSE(TUNNEL_ENDED, "tunnel_ended", 0, "the tunnel ended")                                     \
    CAUSE(TUNNEL_IDLE, "tunnel_idle", 0, "the tunnel was silent too long")                         \
    CAUSE(TOO_MANY_OF_CLIENT, "too_many_of_client", 0, "the client has too many connections open") \
    CAUSE(PROXY_UNTRUSTED, "proxy_untrusted", 0,                                                   \
          "a peer that is not in trusted_proxies spoke to a port with proxy_protocol")             \
    CAUSE(PROXY_HEADER, "proxy_header", 0, "the connection did not begin with a PROXY header")     \
    CAUSE(PROXY_HEADER_TIMEOUT, "proxy_header_timeout", 0, "the PROXY header took too long")       \
    CAUSE(STOPPED, "stopped", 0, "the proxy stopped before the exchange ended")

enum http_cause {
#define CAUSE(id, word, status, prose) CAUSE_##id,
    HTTP_CAUSES(CAUSE)
#undef CAUSE
        CAUSE_COUNT
};

struct http_cause_row {
    struct str word;
    unsigned status;
    struct str prose; /* no final dot */
};
extern const struct http_cause_row http_causes[CAUSE_COUNT];
/* "Not Found" for 404; "Unknown" for a status corsd itself never answers. */
struct str http_reason_phrase(unsigned status);
