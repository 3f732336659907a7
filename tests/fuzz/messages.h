/* Messages read from all the bytes of a connection at once: what a peer that guesses nothing finds
 * in them. For fuzz targets that watch both sides of a proxy. */
#pragma once
#include <stdio.h>
#include <stdlib.h>
#include "corsd/base/buf.h"
#include "corsd/base/hash.h"
#include "corsd/http/framing.h"
#include "corsd/http/guard.h"
#include "law.h"

enum { MESSAGE_FIELDS = 64, MESSAGES_MAX = 256 };
enum found {
    FOUND_WHOLE,
    FOUND_PART, /* the bytes end before it does */
    FOUND_BAD,
};

struct message {
    struct field fields[MESSAGE_FIELDS];
    struct head head;
    struct body body;
    uint64_t digest; /* of the body's bytes */
    size_t size;     /* of the body */
    size_t used;     /* bytes of the connection, empty lines before it included */
    bool parsed;     /* its head could be read */
};

/* Chunks as a sender writes them who does nothing odd: no extensions, no zeros before a size. */
static inline bool is_plain_size(struct str line)
{
    for (size_t i = 0; i < line.n; i++)
        if (ascii_hex(line.p[i]) < 0)
            return false;
    return line.n > 0 && line.n <= 16 && (line.p[0] != '0' || line.n == 1);
}

static inline bool are_plain_chunks(struct str coded)
{
    for (;;) {
        struct str rest = coded, line = str_cut(&rest, '\n');
        uint64_t size = 0;
        if (rest.p == coded.p + coded.n && (!coded.n || coded.p[coded.n - 1] != '\n'))
            return true; /* the line is not whole yet */
        line.n -= line.n && line.p[line.n - 1] == '\r';
        if (!is_plain_size(line))
            return false;
        for (size_t i = 0; i < line.n; i++)
            size = size << 4 | (uint64_t)ascii_hex(line.p[i]);
        if (!size || size + 2 > rest.n)
            return true;
        coded = str_from(rest, size + 2);
    }
}

static inline void add_to_digest(struct message *message, struct str bytes)
{
    message->digest = hash_add(message->digest, bytes);
    message->size += bytes.n;
}

static inline enum found read_chunks(struct message *message, struct str bytes,
                                     const struct guard_limits *limits)
{
    struct chunked chunked = {0};
    struct guard guard;
    size_t used = 0, data = 0;
    struct head head;
    struct field fields[MESSAGE_FIELDS];
    char *copy = malloc(bytes.n + 1);
    LAW(copy);
    if (bytes.n)
        memcpy(copy, bytes.p, bytes.n);
    enum chunk_result result = chunked_decode(&chunked, copy, bytes.n, &used, &data);
    if (result != CHUNK_FAULT)
        add_to_digest(message, (struct str){copy, data});
    free(copy);
    if (result != CHUNK_LAST)
        return result == CHUNK_MORE ? FOUND_PART : FOUND_BAD;
    bytes = str_from(bytes, used);
    guard_init(&guard, GUARD_TRAILERS);
    switch (guard_scan(&guard, bytes, limits)) {
    case GUARD_MORE: return FOUND_PART;
    case GUARD_FAULT: return FOUND_BAD;
    case GUARD_WHOLE: break;
    }
    head = (struct head){.fields = fields, .cap = MESSAGE_FIELDS};
    message->used += used + guard.at;
    return message_parse_trailers(&head, str_head(bytes, guard.at)) ? FOUND_BAD : FOUND_WHOLE;
}

static inline enum found read_body(struct message *message, struct str bytes, bool ended,
                                   const struct guard_limits *limits)
{
    struct str body = str_head(bytes, message->body.length);
    switch (message->body.kind) {
    case BODY_NONE: return FOUND_WHOLE;
    case BODY_LENGTH:
        add_to_digest(message, body);
        message->used += body.n;
        return body.n == message->body.length ? FOUND_WHOLE : FOUND_PART;
    case BODY_CHUNKED: return read_chunks(message, bytes, limits);
    case BODY_UNTIL_CLOSE:
        add_to_digest(message, bytes);
        message->used += bytes.n;
        return ended ? FOUND_WHOLE : FOUND_PART;
    }
    return FOUND_BAD;
}

/* method: of the request that a response answers. ended: no more bytes will come. */
static inline enum found read_message(struct message *message, enum guard_part part,
                                      struct str bytes, enum http_method method, bool ended,
                                      const struct guard_limits *limits)
{
    struct guard guard;
    *message = (struct message){.digest = HASH_START};
    message->head = (struct head){.fields = message->fields, .cap = MESSAGE_FIELDS};
    guard_init(&guard, part);
    switch (guard_scan(&guard, bytes, limits)) {
    case GUARD_MORE: return FOUND_PART;
    case GUARD_FAULT: return FOUND_BAD;
    case GUARD_WHOLE: break;
    }
    struct str head = {bytes.p + guard.start, guard.at - guard.start};
    enum http_cause cause = part == GUARD_REQUEST ? message_parse_request(&message->head, head)
                                                  : message_parse_response(&message->head, head);
    if (cause)
        return FOUND_BAD;
    message->parsed = true;
    message->used = guard.at;
    cause = part == GUARD_REQUEST ? framing_of_request(&message->head, &message->body)
                                  : framing_of_response(&message->head, method, &message->body);
    return cause ? FOUND_BAD : read_body(message, str_from(bytes, guard.at), ended, limits);
}
