/* The access log: one line an exchange, in text or JSON. Never a credential. */
#pragma once
#include <time.h>
#include "corsd/base/buf.h"

struct access_record { /* views; empty where there is nothing to say */
    struct timespec time; /* wall clock, of the request's first byte */
    struct str request_id, trace_id, client, method, host, path, protocol;
    unsigned status;      /* 0: none was sent */
    uint64_t bytes_in, bytes_out;
    uint64_t duration_us;
    struct str route, upstream, server;
    unsigned upstream_status;
    uint64_t upstream_us;
    struct str origin, policy, cors_kind, cors_result, cors_reason, close_reason;
};

/* Appends a line with its newline. Bytes that would break a line or a field are escaped. */
void access_text(struct buf *out, const struct access_record *record);
void access_json(struct buf *out, const struct access_record *record);
