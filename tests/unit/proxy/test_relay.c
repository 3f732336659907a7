/* Bodies between two socket pairs: decoded, framed anew, held back, cut visibly. DESIGN §3
 * "Framing", "Streaming", "Deadlines", "Limits". */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <criterion/criterion.h>
#include "../../../src/proxy/relay.h"
#include "../net/clock.h"
#include "corsd/base/buf.h"

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))
enum { FIELDS = 8, GOT_MAX = 1 << 20 };

struct rig {
    struct event_base *base;
    struct stream source, sink;
    int feeder, reader; /* the other ends; -1: closed */
    char block[RELAY_BLOCK];
    struct scratch scratch;
    struct buf trailers, got; /* got: what the reader has seen */
    struct field fields[FIELDS];
    struct relay_tools tools;
    struct inbox inbox;
    struct relay relay;
};

static void on_event(struct stream *stream, short what)
{
    (void)stream;
    (void)what;
}

static int open_pair(struct rig *rig, struct stream *stream, int buffer)
{
    int pair[2];
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    if (buffer)
        for (int i = 0; i < 2; i++)
            setsockopt(pair[i], SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
    cr_assert_eq(stream_open(stream, rig->base, pair[0], on_event), 0);
    return pair[1];
}

/* buffer: of the sockets, 0: the system's own. */
static struct rig *begin(struct body in, enum body_kind out, int buffer)
{
    struct rig *rig = calloc(1, sizeof *rig);
    cr_assert_not_null(rig);
    rig->base = event_base_new();
    rig->feeder = open_pair(rig, &rig->source, buffer);
    rig->reader = open_pair(rig, &rig->sink, buffer);
    rig->scratch = (struct scratch){rig->block, sizeof rig->block};
    rig->trailers = BUF_INIT(4096);
    rig->got = BUF_INIT(GOT_MAX);
    rig->tools = (struct relay_tools){&rig->scratch, &rig->trailers, rig->fields, FIELDS,
                                      {.bytes = 1024, .fields = 4}};
    relay_begin(&rig->relay, in, out, RELAY_ON_SOURCE);
    event_base_loop(rig->base, EVLOOP_NONBLOCK);
    return rig;
}

static void end(struct rig *rig)
{
    relay_finish(&rig->relay);
    inbox_finish(&rig->inbox);
    stream_close(&rig->source);
    stream_close(&rig->sink);
    if (rig->feeder >= 0)
        close(rig->feeder);
    if (rig->reader >= 0)
        close(rig->reader);
    buf_finish(&rig->trailers);
    buf_finish(&rig->got);
    event_base_free(rig->base);
    free(rig);
}

/* One event of the loop, as exchange.c handles it. */
static enum relay_state turn(struct rig *rig, struct str prefix)
{
    event_base_loop(rig->base, EVLOOP_NONBLOCK);
    enum relay_state state =
        relay_move(&rig->relay, &rig->tools, &rig->inbox, &rig->source, &rig->sink, prefix);
    cr_assert(inbox_settle(&rig->inbox));
    memset(rig->block, '#', sizeof rig->block); /* the scratch is for others now */
    return state;
}

static size_t read_some(struct rig *rig, size_t most)
{
    char bytes[8192];
    size_t total = 0;
    while (total < most) {
        size_t want = most - total < sizeof bytes ? most - total : sizeof bytes;
        ssize_t n = recv(rig->reader, bytes, want, 0);
        if (n <= 0)
            break;
        cr_assert(buf_add(&rig->got, (struct str){bytes, (size_t)n}));
        total += (size_t)n;
    }
    return total;
}

static bool goes_on(enum relay_state state)
{
    return state == RELAY_ON_SOURCE || state == RELAY_ON_SINK || state == RELAY_AGAIN;
}

/* --- what comes and what goes -------------------------------------------------------------------
 */

#define LENGTH(n) {BODY_LENGTH, n}
#define CHUNKED {BODY_CHUNKED, 0}
#define UNTIL_CLOSE {BODY_UNTIL_CLOSE, 0}
#define NONE {BODY_NONE, 0}

static const struct {
    const char *name;
    struct body in;
    enum body_kind out;
    const char *bytes; /* then the source ends */
    enum relay_state want;
    enum http_cause cause;
    const char *data;   /* the body as the reader decodes it */
    const char *tail;   /* after the data: trailers and the end of a chunked body */
    const char *behind; /* left in the inbox */
} rows[] = {
    {"no body", NONE, BODY_NONE, "next", RELAY_DONE, 0, "", "", ""},
    {"a length", LENGTH(5), BODY_LENGTH, "hello", RELAY_DONE, 0, "hello", "", ""},
    {"a length and more behind", LENGTH(5), BODY_LENGTH, "helloGET /", RELAY_DONE, 0, "hello", "",
     "GET /"},
    {"a length, cut", LENGTH(6), BODY_LENGTH, "hello", RELAY_CUT, 0, "hello", NULL, ""},
    {"a length, nothing came", LENGTH(6), BODY_LENGTH, "", RELAY_CUT, 0, "", NULL, ""},
    {"until close", UNTIL_CLOSE, BODY_UNTIL_CLOSE, "hello", RELAY_DONE, 0, "hello", "", ""},
    {"until close, nothing came", UNTIL_CLOSE, BODY_UNTIL_CLOSE, "", RELAY_DONE, 0, "", "", ""},
    {"until close into chunks", UNTIL_CLOSE, BODY_CHUNKED, "hello", RELAY_DONE, 0, "hello",
     "0\r\n\r\n", ""},
    {"until close into chunks, nothing came", UNTIL_CLOSE, BODY_CHUNKED, "", RELAY_DONE, 0, "",
     "0\r\n\r\n", ""},
    {"chunks", CHUNKED, BODY_CHUNKED, "5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n", RELAY_DONE, 0, "hello!",
     "0\r\n\r\n", ""},
    {"chunks, odd spelling", CHUNKED, BODY_CHUNKED, "0005;a=\"b\"\r\nhello\r\n00;x\r\n\r\n",
     RELAY_DONE, 0, "hello", "0\r\n\r\n", ""},
    {"no chunk but the last", CHUNKED, BODY_CHUNKED, "0\r\n\r\n", RELAY_DONE, 0, "", "0\r\n\r\n",
     ""},
    {"chunks and more behind", CHUNKED, BODY_CHUNKED, "1\r\na\r\n0\r\n\r\nGET /", RELAY_DONE, 0,
     "a", "0\r\n\r\n", "GET /"},
    {"chunks for HTTP/1.0", CHUNKED, BODY_UNTIL_CLOSE, "5\r\nhello\r\n0\r\nA: b\r\n\r\n",
     RELAY_DONE, 0, "hello", "", ""},
    {"trailers", CHUNKED, BODY_CHUNKED, "1\r\na\r\n0\r\nA: b\r\nX-C:\td \r\n\r\n", RELAY_DONE, 0,
     "a", "0\r\nA: b\r\nX-C:\td \r\n\r\n", ""},
    {"trailers and more behind", CHUNKED, BODY_CHUNKED, "0\r\nA: b\r\n\r\nHTTP/1.1", RELAY_DONE, 0,
     "", "0\r\nA: b\r\n\r\n", "HTTP/1.1"},
    {"trailers that may not pass", CHUNKED, BODY_CHUNKED,
     "0\r\nHost: a\r\nA: b\r\nAuthorization: c\r\nContent-Length: 5\r\n\r\n", RELAY_DONE, 0, "",
     "0\r\nA: b\r\n\r\n", ""},
    {"trailers, none may pass", CHUNKED, BODY_CHUNKED, "0\r\nHost: a\r\n\r\n", RELAY_DONE, 0, "",
     "0\r\n\r\n", ""},

    {"chunks, cut in a size", CHUNKED, BODY_CHUNKED, "1\r\na\r\n5", RELAY_CUT, 0, "a", NULL, ""},
    {"chunks, cut in the data", CHUNKED, BODY_CHUNKED, "5\r\nhel", RELAY_CUT, 0, "hel", NULL, ""},
    {"chunks, cut before the last", CHUNKED, BODY_CHUNKED, "1\r\na\r\n", RELAY_CUT, 0, "a", NULL,
     ""},
    {"chunks, cut before the empty line", CHUNKED, BODY_CHUNKED, "1\r\na\r\n0\r\n", RELAY_CUT, 0,
     "a", NULL, NULL},
    {"chunks, cut in the trailers", CHUNKED, BODY_CHUNKED, "1\r\na\r\n0\r\nA: b\r\n", RELAY_CUT, 0,
     "a", NULL, NULL},
    {"a bad chunk", CHUNKED, BODY_CHUNKED, "x\r\n", RELAY_FAULT, CAUSE_BAD_CHUNK, "", NULL, NULL},
    {"a bad line end", CHUNKED, BODY_CHUNKED, "5\nhello", RELAY_FAULT, CAUSE_BAD_CHUNK, "", NULL,
     NULL},
    {"too much data", CHUNKED, BODY_CHUNKED, "1\r\nab\r\n", RELAY_FAULT, CAUSE_BAD_CHUNK, NULL,
     NULL, NULL},
    {"a bad trailer", CHUNKED, BODY_CHUNKED, "0\r\nA : b\r\n\r\n", RELAY_FAULT,
     CAUSE_BAD_FIELD_NAME, "", NULL, NULL},
    {"LF in a trailer", CHUNKED, BODY_CHUNKED, "0\r\nA: b\n\r\n", RELAY_FAULT, CAUSE_BAD_LINE_END,
     "", NULL, NULL},
    {"a folded trailer", CHUNKED, BODY_CHUNKED, "0\r\nA: b\r\n c\r\n\r\n", RELAY_FAULT,
     CAUSE_FOLDED_LINE, "", NULL, NULL},
    {"too many trailers", CHUNKED, BODY_CHUNKED, "0\r\nA:\r\nB:\r\nC:\r\nD:\r\nE:\r\n\r\n",
     RELAY_FAULT, CAUSE_TOO_MANY_FIELDS, "", NULL, NULL},
};

/* What the reader got behind the head, decoded where it is chunked: data, and from where it stops
 * being chunks on the rest. */
static void decode(struct str got, bool chunked, char *data, struct str *rest)
{
    size_t n = 0;
    *rest = (struct str){got.p, 0};
    while (got.n && chunked) {
        char *end;
        size_t size = strtoul(got.p, &end, 16);
        *rest = got;
        if (!size)
            break;
        cr_assert(str_starts(str_from(got, (size_t)(end - got.p)), STR("\r\n")));
        got = str_from(got, (size_t)(end - got.p) + 2);
        cr_assert_geq(got.n, size + 2, "a chunk is never written in part");
        memcpy(data + n, got.p, size);
        n += size;
        cr_assert(str_starts(str_from(got, size), STR("\r\n")));
        *rest = got = str_from(got, size + 2);
    }
    if (!chunked) {
        memcpy(data, got.p, got.n);
        n = got.n;
    }
    data[n] = 0;
}

static void run_row(size_t row, size_t step)
{
    struct rig *rig = begin(rows[row].in, rows[row].out, 0);
    struct str bytes = str_of(rows[row].bytes), prefix = STR("HEAD\r\n"), rest;
    char data[1000];
    enum relay_state state = RELAY_ON_SOURCE;
    bool head_sent = false;
    while (bytes.n && goes_on(state)) {
        size_t n = bytes.n < step ? bytes.n : step;
        cr_assert_eq(send(rig->feeder, bytes.p, n, 0), (ssize_t)n);
        bytes = str_from(bytes, n);
        state = turn(rig, head_sent ? (struct str){0} : prefix);
        head_sent = true;
        read_some(rig, SIZE_MAX);
    }
    shutdown(rig->feeder, SHUT_WR);
    for (int i = 0; i < 3 && goes_on(state); i++) {
        state = turn(rig, head_sent ? (struct str){0} : prefix);
        head_sent = true;
    }
    read_some(rig, SIZE_MAX);
    cr_expect_eq(state, rows[row].want, "%s, %zu: state %d", rows[row].name, step, state);
    if (rows[row].want == RELAY_FAULT)
        cr_expect_eq(rig->relay.cause, rows[row].cause, "%s, %zu: %s", rows[row].name, step,
                     http_causes[rig->relay.cause].word.p);
    struct str got = buf_str(&rig->got);
    bool has_head = str_starts(got, prefix);
    cr_expect(has_head || rows[row].want == RELAY_FAULT, "%s, %zu: the head", rows[row].name, step);
    decode(str_from(got, has_head ? prefix.n : 0), rows[row].out == BODY_CHUNKED, data, &rest);
    if (rows[row].data)
        cr_expect_str_eq(data, rows[row].data, "%s, %zu", rows[row].name, step);
    if (rows[row].tail)
        cr_expect(str_eq(rest, str_of(rows[row].tail)), "%s, %zu: %.*s", rows[row].name, step,
                  STR_ARG(rest));
    else
        cr_expect_eq(rest.n, 0, "%s, %zu: cut visibly, not %.*s", rows[row].name, step,
                     STR_ARG(rest));
    if (rows[row].behind && step > 100)
        cr_expect(str_eq(inbox_str(&rig->inbox), str_of(rows[row].behind)), "%s, %zu",
                  rows[row].name, step);
    end(rig);
}

Test(relay, rows)
{
    static const size_t steps[] = {1, 2, 3, 7, 1000};
    for (size_t row = 0; row < COUNT(rows); row++)
        for (size_t i = 0; i < COUNT(steps); i++)
            run_row(row, steps[i]);
}

/* The first bytes may have come with the head, before the body begins. */
Test(relay, begins_with_what_waits_in_the_inbox)
{
    struct body in = CHUNKED;
    struct rig *rig = begin(in, BODY_CHUNKED, 0);
    char early[] = "5\r\nhello\r\n0\r\n\r\nnext";
    rig->inbox = (struct inbox){.p = rig->block, .n = sizeof early - 1};
    memcpy(rig->block, early, sizeof early);
    cr_expect_eq(turn(rig, STR("HEAD\r\n")), RELAY_DONE);
    read_some(rig, SIZE_MAX);
    cr_expect(str_eq(buf_str(&rig->got), STR("HEAD\r\n5\r\nhello\r\n0\r\n\r\n")));
    cr_expect(str_eq(inbox_str(&rig->inbox), STR("next")));
    end(rig);
}

Test(relay, a_head_without_a_body)
{
    struct body in = NONE;
    struct rig *rig = begin(in, BODY_NONE, 0);
    cr_expect_eq(turn(rig, STR("HEAD\r\n")), RELAY_DONE);
    read_some(rig, SIZE_MAX);
    cr_expect(str_eq(buf_str(&rig->got), STR("HEAD\r\n")));
    end(rig);
}

Test(relay, a_head_goes_before_any_body_came)
{
    struct body in = LENGTH(5);
    struct rig *rig = begin(in, BODY_LENGTH, 0);
    cr_expect_eq(turn(rig, STR("HEAD\r\n")), RELAY_ON_SOURCE);
    read_some(rig, SIZE_MAX);
    cr_expect(str_eq(buf_str(&rig->got), STR("HEAD\r\n")));
    end(rig);
}

/* --- back-pressure -------------------------------------------------------------------------------
 */

/* The source has no end, and nobody reads: what is held stays bounded, and is not read further. */
Test(relay, a_slow_reader_stops_the_reading)
{
    static const enum body_kind kinds[] = {BODY_LENGTH, BODY_CHUNKED, BODY_UNTIL_CLOSE};
    static char block[16384];
    for (size_t i = 0; i < COUNT(kinds); i++) {
        struct body in = {kinds[i], kinds[i] == BODY_LENGTH ? INT64_MAX : 0};
        struct rig *rig = begin(in, kinds[i], 0);
        if (kinds[i] == BODY_CHUNKED)
            send(rig->feeder, "7fffffff\r\n", 10, 0);
        enum relay_state state = RELAY_AGAIN;
        for (int j = 0; j < 200; j++) {
            while (send(rig->feeder, block, sizeof block, MSG_NOSIGNAL) > 0)
                ;
            state = turn(rig, (struct str){0});
            cr_assert_leq(rig->relay.held_n - rig->relay.held_at + inbox_str(&rig->inbox).n,
                          RELAY_BLOCK + 32);
        }
        cr_expect_eq(state, RELAY_ON_SINK, "%zu", i);
        uint64_t before = rig->relay.bytes;
        turn(rig, (struct str){0});
        cr_expect_eq(rig->relay.bytes, before);
        end(rig);
    }
}

static uint64_t next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state >> 11;
}

static char byte_at(size_t i)
{
    return (char)(i * 7 + i / 251);
}

/* A reader and a feeder of any pace: each byte arrives once, in order. */
static void run_pace(struct body in, enum body_kind out, uint64_t seed)
{
    enum { SIZE = 300000 };
    static char bytes[SIZE + 100000], data[SIZE + 1];
    struct rig *rig = begin(in, out, 4096);
    size_t n = 0, body = 0, sent = 0;
    bool chunked = in.kind == BODY_CHUNKED;
    while (body < SIZE) {
        size_t size = chunked ? next(&seed) % 9000 + 1 : SIZE;
        size = size < SIZE - body ? size : SIZE - body;
        if (chunked)
            n += chunk_head(bytes + n, size);
        for (size_t i = 0; i < size; i++)
            bytes[n++] = byte_at(body++);
        if (chunked) {
            memcpy(bytes + n, "\r\n", 2);
            n += 2;
        }
    }
    if (chunked) {
        memcpy(bytes + n, "0\r\nA: b\r\n\r\n", 11);
        n += 11;
    }
    enum relay_state state = RELAY_ON_SOURCE;
    for (int i = 0; i < 1000000 && goes_on(state); i++) {
        size_t some = next(&seed) % 20000;
        some = some < n - sent ? some : n - sent;
        ssize_t took = some ? send(rig->feeder, bytes + sent, some, MSG_NOSIGNAL) : 0;
        sent += took > 0 ? (size_t)took : 0;
        if (sent == n)
            shutdown(rig->feeder, SHUT_WR);
        if (next(&seed) % 3)
            read_some(rig, next(&seed) % 10000);
        state = turn(rig, i ? (struct str){0} : STR("HEAD\r\n"));
    }
    cr_assert_eq(state, RELAY_DONE);
    read_some(rig, SIZE_MAX);
    struct str rest, got = buf_str(&rig->got);
    cr_assert(str_starts(got, STR("HEAD\r\n")));
    decode(str_from(got, 6), out == BODY_CHUNKED, data, &rest);
    for (size_t i = 0; i < SIZE; i++)
        cr_assert_eq(data[i], byte_at(i), "byte %zu", i);
    if (out == BODY_CHUNKED)
        cr_expect(str_eq(rest, chunked ? STR("0\r\nA: b\r\n\r\n") : STR("0\r\n\r\n")));
    cr_expect_eq(rig->relay.bytes, SIZE);
    end(rig);
}

Test(relay, any_pace)
{
    struct body length = LENGTH(300000), chunked = CHUNKED, until_close = UNTIL_CLOSE;
    for (uint64_t seed = 1; seed < 4; seed++) {
        run_pace(length, BODY_LENGTH, seed);
        run_pace(chunked, BODY_CHUNKED, seed);
        run_pace(chunked, BODY_UNTIL_CLOSE, seed);
        run_pace(until_close, BODY_CHUNKED, seed);
        run_pace(until_close, BODY_UNTIL_CLOSE, seed);
    }
}

Test(relay, does_its_share_of_a_turn)
{
    struct body in = LENGTH(1 << 30);
    struct rig *rig = begin(in, BODY_LENGTH, 1 << 22);
    static char block[1 << 20];
    size_t sent = 0;
    ssize_t n;
    for (int i = 0; i < 4 && (n = send(rig->feeder, block, sizeof block, MSG_NOSIGNAL)) > 0; i++)
        sent += (size_t)n;
    enum relay_state state = turn(rig, (struct str){0});
    cr_expect_leq(rig->relay.bytes, 32 * RELAY_BLOCK, "%d of %zu", state, sent);
    end(rig);
}

Test(relay, bytes_sent_ahead_keep_their_order)
{
    struct body in = LENGTH(5);
    struct rig *rig = begin(in, BODY_LENGTH, 4096);
    static char big[200000];
    memset(big, 'i', sizeof big);
    cr_expect_eq(relay_send(&rig->relay, &rig->sink, (struct str){big, sizeof big}), RELAY_ON_SINK);
    read_some(rig, SIZE_MAX);
    event_base_loop(rig->base, EVLOOP_NONBLOCK);
    cr_assert(rig->sink.writable, "there is room, but not for what comes behind");
    cr_expect_eq(relay_send(&rig->relay, &rig->sink, STR("second")), RELAY_ON_SINK);
    send(rig->feeder, "hello", 5, 0);
    enum relay_state state = turn(rig, STR("HEAD\r\n"));
    for (int i = 0; i < 10000 && goes_on(state); i++) {
        read_some(rig, 5000);
        state = turn(rig, (struct str){0});
    }
    read_some(rig, SIZE_MAX);
    cr_expect_eq(state, RELAY_DONE);
    cr_expect_eq(rig->got.n, sizeof big + 17);
    cr_expect(str_eq(str_from(buf_str(&rig->got), sizeof big), STR("secondHEAD\r\nhello")));
    end(rig);
}

/* A fault in the very first bytes: the head that should have gone with them is not sent. */
Test(relay, a_head_before_nonsense_is_not_sent)
{
    struct body in = CHUNKED;
    struct rig *rig = begin(in, BODY_CHUNKED, 0);
    char early[] = "nonsense";
    rig->inbox = (struct inbox){.p = rig->block, .n = sizeof early - 1};
    memcpy(rig->block, early, sizeof early);
    cr_expect_eq(turn(rig, STR("HEAD\r\n")), RELAY_FAULT);
    cr_expect(!rig->relay.written && !rig->relay.held);
    cr_expect_eq(read_some(rig, SIZE_MAX), 0);
    end(rig);
}

/* --- trailers --------------------------------------------------------------------------------- */

static enum relay_state pass_trailers(struct rig *rig, size_t size)
{
    static char bytes[200000];
    size_t n =
        (size_t)snprintf(bytes, sizeof bytes, "1\r\na\r\n0\r\nA: %0*d\r\n\r\n", (int)size, 0);
    enum relay_state state = RELAY_ON_SOURCE;
    for (size_t at = 0; goes_on(state) && at < n;) {
        ssize_t took = send(rig->feeder, bytes + at, n - at < 9000 ? n - at : 9000, MSG_NOSIGNAL);
        at += took > 0 ? (size_t)took : 0;
        state = turn(rig, (struct str){0});
        read_some(rig, SIZE_MAX);
    }
    for (int i = 0; i < 100 && state == RELAY_ON_SINK; i++) {
        state = turn(rig, (struct str){0});
        read_some(rig, SIZE_MAX);
    }
    return state;
}

Test(relay, trailers_up_to_the_limit_of_heads)
{
    static const size_t sizes[] = {100, 1000, 60000, 70000, 99000, 100100, 190000};
    struct body in = CHUNKED;
    for (size_t i = 0; i < COUNT(sizes); i++) {
        struct rig *rig = begin(in, BODY_CHUNKED, 0);
        rig->tools.limits.bytes = 100000;
        rig->trailers.max = 200000;
        enum relay_state state = pass_trailers(rig, sizes[i]);
        if (sizes[i] < 100000) {
            cr_expect_eq(state, RELAY_DONE, "%zu: %d", sizes[i], state);
            cr_expect_eq(rig->got.n, 6 + sizes[i] + 10, "%zu: %zu", sizes[i], rig->got.n);
        } else {
            cr_expect_eq(state, RELAY_FAULT, "%zu: %d", sizes[i], state);
            cr_expect_eq(rig->relay.cause, CAUSE_HEAD_TOO_LARGE);
        }
        end(rig);
    }
}

Test(relay, trailers_that_there_is_no_memory_for_are_left_out)
{
    struct body in = CHUNKED;
    struct rig *rig = begin(in, BODY_CHUNKED, 0);
    rig->trailers.max = 500;
    cr_expect_eq(pass_trailers(rig, 600), RELAY_DONE);
    cr_expect(str_eq(buf_str(&rig->got), STR("1\r\na\r\n0\r\n\r\n")), "whole without them");
    end(rig);
}

/* --- limits and losses ---------------------------------------------------------------------------
 */

Test(relay, a_chunked_body_beyond_its_limit)
{
    struct body in = CHUNKED;
    for (int whole = 0; whole < 2; whole++) {
        struct rig *rig = begin(in, BODY_CHUNKED, 0);
        rig->relay.limit = 8;
        if (!whole) {
            send(rig->feeder, "8\r\n12345678\r\n", 13, 0);
            cr_expect_eq(turn(rig, (struct str){0}), RELAY_ON_SOURCE, "as much as allowed");
            send(rig->feeder, "1\r\n9\r\n", 6, 0);
        } else
            send(rig->feeder, "9\r\n123456789\r\n0\r\n\r\n", 19, 0);
        cr_expect_eq(turn(rig, (struct str){0}), RELAY_FAULT);
        cr_expect_eq(rig->relay.cause, CAUSE_BODY_TOO_LARGE);
        end(rig);
    }
}

Test(relay, a_sink_that_is_gone)
{
    struct body in = LENGTH(5);
    struct rig *rig = begin(in, BODY_LENGTH, 0);
    close(rig->reader);
    rig->reader = -1;
    send(rig->feeder, "hello", 5, 0);
    cr_expect_eq(turn(rig, (struct str){0}), RELAY_SINK_BROKEN);
    cr_expect_eq(rig->relay.error, EPIPE);
    end(rig);
}

Test(relay, a_sink_that_goes_while_bytes_are_held)
{
    static char block[16384];
    struct body in = LENGTH(INT64_MAX);
    struct rig *rig = begin(in, BODY_LENGTH, 4096);
    for (int i = 0; i < 50; i++) {
        while (send(rig->feeder, block, sizeof block, MSG_NOSIGNAL) > 0)
            ;
        turn(rig, (struct str){0});
    }
    cr_assert_not_null(rig->relay.held);
    close(rig->reader);
    rig->reader = -1;
    cr_expect_eq(turn(rig, (struct str){0}), RELAY_SINK_BROKEN);
    end(rig);
}

/* Until a socket is reset by its peer: a unix socket whose peer closes with bytes unread. */
Test(relay, a_source_that_is_reset)
{
    struct body in = UNTIL_CLOSE;
    struct rig *rig = begin(in, BODY_CHUNKED, 0);
    char unread[] = "unread";
    struct iovec part = {unread, 6};
    cr_assert_eq(stream_write(&rig->source, &part, 1), 6);
    close(rig->feeder);
    rig->feeder = -1;
    cr_expect_eq(turn(rig, (struct str){0}), RELAY_SOURCE_BROKEN, "no clean end");
    cr_expect_eq(rig->relay.error, ECONNRESET);
    read_some(rig, SIZE_MAX);
    cr_expect_eq(rig->got.n, 0, "and no last chunk");
    end(rig);
}

/* --- a tunnel is two relays until close ----------------------------------------------------------
 */

Test(relay, a_tunnel_passes_byte_by_byte)
{
    struct body in = UNTIL_CLOSE;
    struct rig *rig = begin(in, BODY_UNTIL_CLOSE, 0);
    cr_expect_eq(turn(rig, STR("HTTP/1.1 101 X\r\n\r\n")), RELAY_ON_SOURCE);
    for (int i = 0; i < 100; i++) {
        char byte = (char)i;
        send(rig->feeder, &byte, 1, 0);
        cr_expect_eq(turn(rig, (struct str){0}), RELAY_ON_SOURCE);
        cr_expect_eq(read_some(rig, SIZE_MAX), i ? 1 : 19, "%d", i);
    }
    shutdown(rig->feeder, SHUT_WR);
    cr_expect_eq(turn(rig, (struct str){0}), RELAY_DONE, "half-closed");
    end(rig);
}

/* --- the client's pace
 * ---------------------------------------------------------------------------- */

enum { BODY_MS = 10000, RATE = 256 };

static void at(uint64_t ms)
{
    clock_turn(1000000 + ms);
}

/* bytes come from the client every `every` ms; at each deadline the pace is asked. */
static enum relay_pace pace_of(size_t bytes, uint64_t every, uint64_t until, uint64_t rate,
                               uint64_t *when)
{
    at(0);
    struct body in = LENGTH(1 << 30);
    struct rig *rig = begin(in, BODY_LENGTH, 0);
    static char block[100000];
    enum relay_pace pace = PACE_FINE;
    turn(rig, (struct str){0});
    for (uint64_t now = 0; now < until && pace == PACE_FINE; now += 100) {
        at(now);
        if (bytes && now % every == 0 && now)
            send(rig->feeder, block, bytes, 0);
        turn(rig, (struct str){0});
        read_some(rig, SIZE_MAX);
        rig->got.n = 0;
        cr_assert_eq(rig->relay.state, RELAY_ON_SOURCE);
        if (1000000 + now < relay_client_deadline(&rig->relay, BODY_MS, rate))
            continue;
        pace = relay_client_pace(&rig->relay, rig->relay.bytes, BODY_MS, rate);
        *when = now;
    }
    end(rig);
    return pace;
}

static const struct {
    const char *name;
    size_t bytes;
    uint64_t every, rate;
    enum relay_pace want;
    uint64_t after, before; /* when it ends */
} pace_rows[] = {
    {"silence", 0, 0, RATE, PACE_SILENT, BODY_MS, BODY_MS + 200},
    {"silence, no rate", 0, 0, 0, PACE_SILENT, BODY_MS, BODY_MS + 200},
    {"a byte now and then", 1, 5000, RATE, PACE_SLOW, BODY_MS, 2 * BODY_MS + 200},
    {"a byte now and then, no rate", 1, 5000, 0, PACE_FINE, 0, 0},
    {"a byte a second", 1, 1000, RATE, PACE_SLOW, BODY_MS, BODY_MS + 1200},
    {"half the rate", RATE / 2, 1000, RATE, PACE_SLOW, BODY_MS, BODY_MS + 1200},
    {"twice the rate", RATE * 2, 1000, RATE, PACE_FINE, 0, 0},
    {"twice the rate in seldom blocks", RATE * 8, 4000, RATE, PACE_FINE, 0, 0},
    {"fast", 50000, 100, RATE, PACE_FINE, 0, 0},
};

Test(relay, client_pace)
{
    for (size_t i = 0; i < COUNT(pace_rows); i++) {
        uint64_t when = 0;
        enum relay_pace pace =
            pace_of(pace_rows[i].bytes, pace_rows[i].every, 6 * BODY_MS, pace_rows[i].rate, &when);
        cr_expect_eq(pace, pace_rows[i].want, "%s: %d at %lu", pace_rows[i].name, pace,
                     (unsigned long)when);
        if (pace != PACE_FINE && pace == pace_rows[i].want)
            cr_expect(when >= pace_rows[i].after && when <= pace_rows[i].before, "%s: at %lu",
                      pace_rows[i].name, (unsigned long)when);
    }
}

/* Time in which corsd waits for the backend is not the client's. */
Test(relay, the_backends_time_does_not_count)
{
    at(0);
    struct body in = LENGTH(1 << 30);
    struct rig *rig = begin(in, BODY_LENGTH, 4096);
    static char block[200000];
    enum relay_state state = RELAY_ON_SOURCE;
    for (int i = 0; i < 100 && state != RELAY_ON_SINK; i++) {
        send(rig->feeder, block, sizeof block, 0);
        state = turn(rig, (struct str){0});
    }
    cr_assert_eq(state, RELAY_ON_SINK);
    cr_expect_eq(relay_client_deadline(&rig->relay, BODY_MS, RATE), UINT64_MAX);
    at(100 * BODY_MS);
    cr_expect_eq(relay_client_pace(&rig->relay, rig->relay.bytes, BODY_MS, RATE), PACE_FINE);
    for (int i = 0; i < 10000 && state != RELAY_ON_SOURCE; i++) {
        read_some(rig, SIZE_MAX);
        rig->got.n = 0;
        state = turn(rig, (struct str){0});
    }
    cr_assert_eq(state, RELAY_ON_SOURCE);
    cr_expect_eq(relay_client_pace(&rig->relay, rig->relay.bytes, BODY_MS, RATE), PACE_FINE);
    cr_expect_geq(relay_client_deadline(&rig->relay, BODY_MS, RATE), 1000000 + 101 * BODY_MS);
    at(101 * BODY_MS - 1);
    cr_expect_eq(relay_client_pace(&rig->relay, rig->relay.bytes, BODY_MS, RATE), PACE_FINE);
    at(101 * BODY_MS);
    cr_expect_eq(relay_client_pace(&rig->relay, rig->relay.bytes, BODY_MS, RATE), PACE_SILENT);
    end(rig);
}

/* A slow reader: what it acknowledges counts, although no event of ours tells of it. */
Test(relay, a_reader_is_as_slow_as_what_it_acknowledges)
{
    static const struct {
        const char *name;
        uint64_t each; /* bytes acknowledged at each deadline */
        enum relay_pace want;
        uint64_t before; /* when it ends */
    } readers[] = {
        {"nothing: seen at the second look, the first has nothing to compare", 0, PACE_SILENT,
         2 * BODY_MS},
        {"a byte", 1, PACE_SLOW, 3 * BODY_MS},
        {"enough", 2 * RATE * BODY_MS / 1000, PACE_FINE, 0},
    };
    for (size_t i = 0; i < COUNT(readers); i++) {
        static char block[16384];
        struct body in = LENGTH(INT64_MAX);
        at(0);
        struct rig *rig = begin(in, BODY_LENGTH, 4096);
        rig->relay.client_wait = RELAY_ON_SINK;
        enum relay_state state = RELAY_ON_SOURCE;
        for (int j = 0; j < 200 && state != RELAY_ON_SINK; j++) {
            send(rig->feeder, block, sizeof block, MSG_NOSIGNAL);
            state = turn(rig, (struct str){0});
        }
        cr_assert_eq(state, RELAY_ON_SINK);
        uint64_t moved = rig->relay.written, when = 0;
        enum relay_pace pace = PACE_FINE;
        while (pace == PACE_FINE && when < 20 * BODY_MS) {
            when = relay_client_deadline(&rig->relay, BODY_MS, RATE) - 1000000;
            at(when);
            moved += readers[i].each;
            pace = relay_client_pace(&rig->relay, moved, BODY_MS, RATE);
        }
        cr_expect_eq(pace, readers[i].want, "%s: %d at %lu", readers[i].name, pace,
                     (unsigned long)when);
        if (readers[i].want != PACE_FINE)
            cr_expect_leq(when, readers[i].before, "%s: at %lu", readers[i].name,
                          (unsigned long)when);
        end(rig);
    }
}
