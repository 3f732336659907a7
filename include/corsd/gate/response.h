/* A backend's head in, the head the client gets out: hop-by-hop fields and foreign CORS headers
 * out, ours and Vary in, framed for this client. Source: RFC 9110 §7.6, §15.2; DESIGN §2, §3. */
#pragma once
#include "corsd/gate/request.h"

enum response_kind {
    RESPONSE_INTERIM, /* a 1xx but 101: passes, the final one is still to come */
    RESPONSE_SWITCH,  /* the 101 that was asked for */
    RESPONSE_FINAL,
};

struct response {
    enum response_kind kind;
    struct body body;        /* as the backend frames it */
    enum body_kind sent_as;  /* as the client gets it */
    bool server_keep_alive;  /* the backend's connection may be used again after the body */
    bool close;              /* the client's connection ends after it */
    uint64_t keep_alive_s;   /* the backend's Keep-Alive: timeout; UINT64_MAX: it said none */
    bool event_stream;       /* text/event-stream: silence is no fault */
};

/* A cause found in a response's bytes, as the backend's fault. */
enum http_cause gate_response_fault(enum http_cause cause);
/* Reads what the head means for both connections. A cause is the backend's fault (UPSTREAM_*). */
enum http_cause gate_read_response(const struct head *head, const struct decision *decision,
                                   struct response *out);
/* Appends the head for the client; marks fields as dropped on the way. `close` as decided by the
 * caller, who may know more (draining). */
void gate_response(struct buf *out, const struct gate *gate, const struct decision *decision,
                   struct head *head, const struct response *response);
