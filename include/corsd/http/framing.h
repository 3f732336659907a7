/* Where a body ends, and the chunked coding read and written. Pure, no allocation.
 * Source: RFC 9112 §6, §7; DESIGN §3 "Framing". */
#pragma once
#include "corsd/http/message.h"

enum body_kind { BODY_NONE, BODY_LENGTH, BODY_CHUNKED, BODY_UNTIL_CLOSE };
struct body {
    enum body_kind kind;
    uint64_t length; /* BODY_LENGTH: more than 0 */
};

/* *out is written on CAUSE_NONE only. */
enum http_cause framing_of_request(const struct head *head, struct body *out);
/* method: the request's. 1xx, 204, 304 and answers to HEAD have none, whatever they say. The causes
 * are those of requests: the caller says whose fault it is. */
enum http_cause framing_of_response(const struct head *head, enum http_method method,
                                    struct body *out);

/* --- reading chunks --------------------------------------------------------------------------- */

enum chunk_result {
    CHUNK_MORE,  /* all bytes were used; more are needed */
    CHUNK_LAST,  /* the last chunk was read; field lines or the empty line follow */
    CHUNK_FAULT,
};
struct chunked { /* zero it to begin */
    uint64_t left;   /* of the chunk's data, or the size read so far */
    uint32_t excess; /* bytes spent on extensions, bounded */
    uint8_t state, digits;
};
/* Decodes p[0..n) in place: the data moves to p[0..*data), and *used bytes of input were taken. */
enum chunk_result chunked_decode(struct chunked *chunked, char *p, size_t n, size_t *used,
                                 size_t *data);

/* --- writing chunks --------------------------------------------------------------------------- */

enum { CHUNK_HEAD_MAX = 18 }; /* 16 hexadecimal digits and CRLF */
/* The line before n bytes of data, n > 0; what follows the data is CRLF. Returns its length. */
size_t chunk_head(char out[CHUNK_HEAD_MAX], uint64_t n);
