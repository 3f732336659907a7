/* One body on its way from one socket to another: decoded, framed anew, held back by the slower
 * side. What waits is bounded: a source is only read while nothing is held for the sink. */
#pragma once
#include "corsd/http/framing.h"
#include "corsd/http/guard.h"
#include "inbox.h"

struct header_edits;

enum { RELAY_BLOCK = 64 * 1024 }; /* most bytes of a body read at once, and so held */

enum relay_state {
    RELAY_DONE,          /* the whole body was written */
    RELAY_ON_SOURCE,     /* waits for bytes */
    RELAY_ON_SINK,       /* waits for room */
    RELAY_AGAIN,         /* has done its share of this turn; call again */
    RELAY_CUT,           /* the source ended within the body */
    RELAY_SOURCE_BROKEN, /* relay->error says how */
    RELAY_SINK_BROKEN,
    RELAY_FAULT,         /* relay->cause says what was wrong with the body */
    RELAY_STATES,
};

struct relay {
    struct body in;     /* as it comes; length: what is left */
    uint8_t out;        /* enum body_kind: as it goes; BODY_UNTIL_CLOSE: plain bytes */
    uint8_t state;      /* enum relay_state: of the last move */
    uint8_t client_wait; /* RELAY_ON_SOURCE or RELAY_ON_SINK: then it is the client's turn */
    uint8_t cause;      /* enum http_cause, after RELAY_FAULT */
    bool read_all;      /* the body's end was seen */
    bool in_trailers;
    bool took;          /* something of the body was taken from the inbox: it cannot be had again */
    int error;          /* errno, after RELAY_*_BROKEN */
    struct chunked chunked;
    struct guard guard; /* of the trailers */
    const struct header_edits *edits; /* of the trailers too; NULL: none; set by the owner */
    char *held;         /* bytes for the sink that did not fit; NULL: none */
    size_t held_at, held_n;
    uint64_t bytes;     /* of the body, read so far */
    uint64_t limit;     /* of the body; 0: none; set by the owner */
    uint64_t since_ms;  /* when a byte last moved, or the wait began */
    int64_t waited_ms;  /* for the client, since the window of min_rate began */
    uint64_t mark;      /* `moved` at that time */
    uint64_t moved;     /* when last asked for the client's pace */
    uint64_t written;
};

/* What a relay borrows from its loop. */
struct relay_tools {
    struct scratch *scratch;   /* of the source's side */
    struct buf *trailers;      /* for trailers composed anew */
    struct field *fields;
    size_t n_fields;
    struct guard_limits limits; /* of trailers */
};

/* client_wait: the state in which it is the client that is waited for. */
void relay_begin(struct relay *relay, struct body in, enum body_kind out,
                 enum relay_state client_wait);
void relay_finish(struct relay *relay);
/* Moves what can be moved. `prefix` (a head) goes out before the first bytes, with them where there
 * are any; it is written or held when this returns, but for RELAY_FAULT in those first bytes. */
enum relay_state relay_move(struct relay *relay, const struct relay_tools *tools,
                            struct inbox *inbox, struct stream *source, struct stream *sink,
                            struct str prefix);
/* Writes bytes ahead of the body, or holds them. */
enum relay_state relay_send(struct relay *relay, struct stream *sink, struct str bytes);

/* When, at the latest, the client's turn is to be looked at again; UINT64_MAX: it is not its turn.
 * DESIGN §3 "Deadlines": `body_ms` without a byte, or below min_rate over that time. */
uint64_t relay_client_deadline(const struct relay *relay, uint64_t body_ms, uint64_t min_rate);
enum relay_pace { PACE_FINE, PACE_SILENT, PACE_SLOW };
/* To be asked when the deadline has come; begins a new window where the pace is fine. */
/* `moved`: bytes that came from the client, or that it has acknowledged: what lies in the kernel on
 * its way to a slow reader moves too, without an event. */
enum relay_pace relay_client_pace(struct relay *relay, uint64_t moved, uint64_t body_ms,
                                  uint64_t min_rate);
