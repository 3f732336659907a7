/* Source → decoder → frame → sink, one writev a block. */
#include "relay.h"
#include <errno.h>
#include <stdlib.h>
#include "corsd/gate/forward.h"
#include "corsd/http/edit.h"
#include "corsd/net/timer.h"

enum { BLOCKS_A_TURN = 16, PARTS = 6, GATHER_MAX = 4096 };

struct parts { /* of one write */
    struct iovec at[PARTS];
    int n;
    size_t bytes;
};

void relay_begin(struct relay *relay, struct body in, enum body_kind out,
                 enum relay_state client_wait)
{
    *relay = (struct relay){.in = in, .out = (uint8_t)out, .client_wait = (uint8_t)client_wait};
    relay->read_all = in.kind == BODY_NONE;
    relay->since_ms = timer_now_ms();
}

void relay_finish(struct relay *relay)
{
    free(relay->held);
    relay->held = NULL;
    relay->held_at = relay->held_n = 0;
}

static void add(struct parts *parts, struct str bytes)
{
    if (!bytes.n)
        return;
    parts->at[parts->n++] =
        (struct iovec){.iov_base = (void *)(uintptr_t)bytes.p, .iov_len = bytes.n};
    parts->bytes += bytes.n;
}

/* --- the sink --------------------------------------------------------------------------------- */

static enum relay_state broken(struct relay *relay, enum relay_state state, ssize_t result)
{
    relay->error = (int)-result;
    return state;
}

/* Keeps what of the parts was not written, behind what is held already. */
static bool hold(struct relay *relay, const struct parts *parts, size_t written)
{
    size_t left = relay->held_n - relay->held_at, size = left + parts->bytes - written;
    char *held = malloc(size);
    if (!held)
        return false;
    if (left)
        memcpy(held, relay->held + relay->held_at, left);
    for (int i = 0; i < parts->n; i++) {
        size_t skip = written < parts->at[i].iov_len ? written : parts->at[i].iov_len;
        size_t rest = parts->at[i].iov_len - skip;
        memcpy(held + left, (char *)parts->at[i].iov_base + skip, rest);
        left += rest;
        written -= skip;
    }
    free(relay->held);
    relay->held = held;
    relay->held_at = 0;
    relay->held_n = size;
    return true;
}

/* Few bytes are gathered here: copying them costs less than the kernel's way through a vector. */
static ssize_t write_once(struct stream *sink, const struct parts *parts)
{
    char bytes[GATHER_MAX];
    if (parts->n == 1 || parts->bytes > sizeof bytes)
        return stream_write(sink, parts->at, parts->n);
    size_t n = 0;
    for (int i = 0; i < parts->n; i++) {
        memcpy(bytes + n, parts->at[i].iov_base, parts->at[i].iov_len);
        n += parts->at[i].iov_len;
    }
    return stream_write(sink, &(struct iovec){bytes, n}, 1);
}

/* RELAY_DONE: all is written. RELAY_ON_SINK: the rest is held. */
static enum relay_state write_parts(struct relay *relay, struct stream *sink,
                                    const struct parts *parts)
{
    ssize_t n = relay->held ? -EAGAIN : write_once(sink, parts);
    if (n < 0 && n != -EAGAIN)
        return broken(relay, RELAY_SINK_BROKEN, n);
    if (n < 0)
        n = 0;
    relay->written += (uint64_t)n;
    if ((size_t)n == parts->bytes)
        return RELAY_DONE;
    return hold(relay, parts, (size_t)n) ? RELAY_ON_SINK
                                         : broken(relay, RELAY_SINK_BROKEN, -ENOMEM);
}

static enum relay_state flush(struct relay *relay, struct stream *sink)
{
    while (relay->held) {
        struct iovec rest = {relay->held + relay->held_at, relay->held_n - relay->held_at};
        ssize_t n = stream_write(sink, &rest, 1);
        if (n == -EAGAIN)
            return RELAY_ON_SINK;
        if (n < 0)
            return broken(relay, RELAY_SINK_BROKEN, n);
        relay->written += (uint64_t)n;
        relay->held_at += (size_t)n;
        if (relay->held_at == relay->held_n)
            relay_finish(relay);
    }
    return RELAY_DONE;
}

/* --- the source ------------------------------------------------------------------------------- */

static bool fault(struct relay *relay, enum http_cause cause)
{
    relay->cause = (uint8_t)cause;
    return false;
}

/* The fields after the last chunk: those that may pass are left in tools->trailers. */
static bool take_trailers(struct relay *relay, const struct relay_tools *tools, struct inbox *inbox)
{
    struct str bytes = inbox_str(inbox);
    struct head head = {.fields = tools->fields, .cap = tools->n_fields};
    switch (guard_scan(&relay->guard, bytes, &tools->limits)) {
    case GUARD_MORE: return true;
    case GUARD_FAULT: return fault(relay, (enum http_cause)relay->guard.cause);
    case GUARD_WHOLE: break;
    }
    bytes.n = relay->guard.at;
    enum http_cause cause = message_parse_trailers(&head, bytes);
    if (cause)
        return fault(relay, cause);
    gate_trailers(&head, relay->edits);
    edit_kept_fields(tools->trailers, &head);
    if (tools->trailers->failed)
        tools->trailers->n = 0; /* out of memory: the body is whole without them */
    relay->read_all = true;
    return true;
}

static bool take_chunks(struct relay *relay, const struct relay_tools *tools, struct inbox *inbox,
                        struct str *data)
{
    size_t used = 0, n = 0;
    if (inbox_is_empty(inbox))
        return true;
    if (!relay->in_trailers) {
        enum chunk_result result =
            chunked_decode(&relay->chunked, inbox->p + inbox->at, inbox->n - inbox->at, &used, &n);
        if (result == CHUNK_FAULT)
            return fault(relay, CAUSE_BAD_CHUNK);
        *data = (struct str){inbox->p + inbox->at, n};
        inbox->at += (uint32_t)used;
        if (result == CHUNK_MORE)
            return true;
        relay->in_trailers = true;
        guard_init(&relay->guard, GUARD_TRAILERS);
    }
    return take_trailers(relay, tools, inbox);
}

/* Body bytes of the inbox, as a view into it; the inbox is moved on by the caller afterwards. */
static bool take(struct relay *relay, const struct relay_tools *tools, struct inbox *inbox,
                 struct str *data)
{
    struct str bytes = inbox_str(inbox);
    switch (relay->in.kind) {
    case BODY_NONE: return true;
    case BODY_LENGTH:
        *data = str_head(bytes, relay->in.length);
        relay->in.length -= data->n;
        relay->read_all = !relay->in.length;
        inbox->at += (uint32_t)data->n;
        return true;
    case BODY_UNTIL_CLOSE:
        *data = bytes;
        inbox->at += (uint32_t)data->n;
        return true;
    case BODY_CHUNKED: return take_chunks(relay, tools, inbox, data);
    }
    return true;
}

/* Frames and writes what was taken; the final chunk too where the body's end was seen. */
static enum relay_state put(struct relay *relay, const struct relay_tools *tools,
                            struct stream *sink, struct str prefix, struct str data)
{
    struct parts parts = {.n = 0};
    char chunk[CHUNK_HEAD_MAX];
    bool chunked = relay->out == BODY_CHUNKED;
    add(&parts, prefix);
    if (chunked && data.n)
        add(&parts, (struct str){chunk, chunk_head(chunk, data.n)});
    add(&parts, data);
    if (chunked && data.n)
        add(&parts, STR("\r\n"));
    if (chunked && relay->read_all) {
        /* One part each way: with trailers the empty line is theirs. */
        if (tools->trailers->n) {
            add(&parts, STR("0\r\n"));
            buf_add(tools->trailers, STR("\r\n"));
            add(&parts, buf_str(tools->trailers));
        } else
            add(&parts, STR("0\r\n\r\n"));
    }
    return parts.n ? write_parts(relay, sink, &parts) : RELAY_DONE;
}

/* One read where nothing waits to be understood. RELAY_DONE: bytes are there, or the end is. */
static enum relay_state fill(struct relay *relay, const struct relay_tools *tools,
                             struct inbox *inbox, struct stream *source)
{
    if (!inbox_is_empty(inbox) && !relay->in_trailers)
        return RELAY_DONE;
    size_t most = relay->in_trailers ? tools->limits.bytes + RELAY_BLOCK : RELAY_BLOCK;
    ssize_t n = inbox_read(inbox, source, tools->scratch, most);
    if (n == -EAGAIN)
        return RELAY_ON_SOURCE;
    if (n < 0)
        return broken(relay, RELAY_SOURCE_BROKEN, n);
    if (n > 0)
        return RELAY_DONE;
    if (relay->in.kind != BODY_UNTIL_CLOSE)
        return RELAY_CUT;
    relay->read_all = true;
    return RELAY_DONE;
}

/* Takes what waits in the inbox, frames it and writes it. */
static enum relay_state step(struct relay *relay, const struct relay_tools *tools,
                             struct inbox *inbox, struct stream *sink, struct str prefix)
{
    struct str data = {0};
    relay->took = relay->took || (relay->in.kind != BODY_NONE && !inbox_is_empty(inbox));
    buf_clear(tools->trailers);
    if (!take(relay, tools, inbox, &data))
        return RELAY_FAULT;
    relay->bytes += data.n;
    if (relay->limit && relay->bytes > relay->limit) {
        relay->cause = CAUSE_BODY_TOO_LARGE;
        return RELAY_FAULT;
    }
    enum relay_state state = put(relay, tools, sink, prefix, data);
    if (relay->in_trailers && relay->read_all)
        inbox->at += (uint32_t)relay->guard.at;
    inbox_take(inbox, 0); /* gives memory back where all was taken */
    return state;
}

static enum relay_state move(struct relay *relay, const struct relay_tools *tools,
                             struct inbox *inbox, struct stream *source, struct stream *sink,
                             struct str prefix)
{
    enum relay_state state = RELAY_DONE;
    if (prefix.n || (!relay->read_all && !inbox_is_empty(inbox) && !relay->held)) {
        state = step(relay, tools, inbox, sink, prefix);
        if (state != RELAY_DONE && state != RELAY_ON_SINK)
            return state;
    }
    for (int block = 0; block < BLOCKS_A_TURN; block++) {
        state = flush(relay, sink);
        if (state != RELAY_DONE || relay->read_all)
            return state;
        state = fill(relay, tools, inbox, source);
        if (state != RELAY_DONE)
            return state;
        state = step(relay, tools, inbox, sink, (struct str){0});
        if (state != RELAY_DONE && state != RELAY_ON_SINK)
            return state;
    }
    return RELAY_AGAIN;
}

enum relay_state relay_move(struct relay *relay, const struct relay_tools *tools,
                            struct inbox *inbox, struct stream *source, struct stream *sink,
                            struct str prefix)
{
    uint64_t before = relay->bytes + relay->written, now = timer_now_ms();
    uint8_t waited = relay->state;
    relay->state = (uint8_t)move(relay, tools, inbox, source, sink, prefix);
    if (relay->bytes + relay->written != before || relay->state != waited) {
        if (waited == relay->client_wait)
            relay->waited_ms += (int64_t)(now - relay->since_ms);
        relay->since_ms = now;
    }
    return (enum relay_state)relay->state;
}

enum relay_state relay_send(struct relay *relay, struct stream *sink, struct str bytes)
{
    struct parts parts = {.n = 0};
    add(&parts, bytes);
    if (!relay->held)
        relay->since_ms = timer_now_ms();
    return write_parts(relay, sink, &parts);
}

/* --- the client's pace ------------------------------------------------------------------------ */

uint64_t relay_client_deadline(const struct relay *relay, uint64_t body_ms, uint64_t min_rate)
{
    if (relay->state != relay->client_wait)
        return UINT64_MAX;
    uint64_t silent = relay->since_ms + body_ms;
    if (!min_rate || relay->waited_ms <= 0)
        return silent;
    uint64_t waited = (uint64_t)relay->waited_ms < body_ms ? (uint64_t)relay->waited_ms : body_ms;
    return silent - waited;
}

enum relay_pace relay_client_pace(struct relay *relay, uint64_t moved, uint64_t body_ms,
                                  uint64_t min_rate)
{
    uint64_t now = timer_now_ms();
    int64_t waiting = (int64_t)(now - relay->since_ms);
    if (relay->state != relay->client_wait)
        return PACE_FINE;
    if (moved != relay->moved && relay->client_wait == RELAY_ON_SINK) {
        relay->waited_ms += waiting; /* it moved, only without an event of ours */
        relay->since_ms = now;
        waiting = 0;
    }
    relay->moved = moved;
    if (waiting >= (int64_t)body_ms)
        return PACE_SILENT;
    if (!min_rate || relay->waited_ms + waiting < (int64_t)body_ms)
        return PACE_FINE;
    if (moved - relay->mark < min_rate * body_ms / 1000)
        return PACE_SLOW;
    relay->mark = moved;
    relay->waited_ms = -waiting; /* what was waited since the last byte counts no more */
    return PACE_FINE;
}
