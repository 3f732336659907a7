/* The exchange's machine: exchange_step() alone writes the stage. */
#include "exchange.h"
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include "corsd/gate/answer.h"
#include "corsd/gate/forward.h"
#include "corsd/http/bare_lf.h"
#include "corsd/http/edit.h"
#include "queue.h"
#include "record.h"

#define BIT(stage) (1u << (stage))

enum {
    SPARE_MAX = 128,
    HEADS_A_TURN = 16, /* interim ones, and reads of a head */
    /* An edge that brings bytes and a reset at once looks like one that brings bytes: whoever still
     * waits after so long within a message looks again. */
    PROBE_MS = 100,
    FRESH_MS = 2000, /* a request that is not idempotent takes no connection idle longer */
    QUEUE_POLL_MS = 50, /* a server may come back in without an event: who waits looks so often */
};

static const struct plan *plan_of(const struct exchange *ex)
{
    return ex->use ? ex->use->plan : ex->loop->use->plan;
}

/* The loop's gate, set to the plan that the exchange began with. */
static struct gate *gate_of(struct exchange *ex)
{
    ex->loop->gate.plan = plan_of(ex);
    return &ex->loop->gate;
}

/* --- birth and end ---------------------------------------------------------------------------- */

static struct exchange *create(struct client *client)
{
    struct loop *loop = client->loop;
    struct exchange *ex = loop->spare;
    if (ex) {
        loop->spare = ex->next;
        loop->n_spare--;
    } else if (!(ex = malloc(sizeof *ex)))
        return NULL;
    memset(ex, 0, offsetof(struct exchange, decision));
    arena_init(&ex->arena, ex->first, sizeof ex->first);
    ex->loop = loop;
    ex->client = client;
    ex->use = plan_use_take(loop);
    ex->client_end = CLIENT_KEEPS;
    client->exchange = ex;
    record_start(ex);
    count(&loop->counters.exchanges);
    return ex;
}

/* What the server has not taken of a request that nobody means any more must not wait for it in the
 * kernel, megabytes maybe. */
static void leave_server(struct exchange *ex)
{
    if (ex->conn && ex->up.held)
        conn_abort(ex->conn);
    else if (ex->conn)
        conn_close(ex->conn);
    ex->conn = NULL;
}

/* The attempt on its server is over. */
static void turn_away(struct exchange *ex)
{
    if (!ex->server)
        return;
    if (ex->counted)
        __atomic_fetch_sub(&ex->server->member->requests, 1, __ATOMIC_RELAXED);
    ex->counted = false;
    server_drop(ex->server);
    ex->server = NULL;
}

static void destroy(struct exchange *ex)
{
    struct loop *loop = ex->loop;
    leave_server(ex);
    turn_away(ex);
    queue_leave(ex);
    if (ex->upstream)
        upstream_drop(ex->upstream);
    relay_finish(&ex->up);
    relay_finish(&ex->down);
    if (ex->use)
        plan_use_drop(loop, ex->use);
    arena_finish(&ex->arena);
    if (loop->n_spare < SPARE_MAX) {
        ex->next = loop->spare;
        loop->spare = ex;
        loop->n_spare++;
    } else
        free(ex);
}

/* --- ends and failures, as stages ------------------------------------------------------------- */

static enum stage done(struct exchange *ex, enum http_cause cause, enum client_end end)
{
    ex->cause = cause;
    ex->client_end = end;
    return STAGE_DONE;
}

static enum stage client_gone(struct exchange *ex)
{
    return done(ex, CAUSE_CLIENT_GONE, CLIENT_CLOSES);
}

struct failure { /* of the attempt before; zeroed: none */
    enum http_cause cause;
    int error;          /* negative errno */
    const char *detail; /* static: OpenSSL's words; NULL: none */
};

static const char *detail_of(const struct exchange *ex)
{
    return ex->conn ? stream_tls_detail(&ex->conn->stream) : NULL;
}

/* What the backend or this machine did is the operator's business; a client's mistake is not. */
static void log_failure(const struct exchange *ex, struct failure failure)
{
    enum http_cause cause = failure.cause;
    const struct route *route = ex->decision.route;
    bool ours = cause >= CAUSE_UPSTREAM_REFUSED && cause < CAUSE_CLIENT_GONE;
    struct str upstream = route && route->upstream ? route->upstream->name : STR("-");
    const char *detail = failure.detail;
    if (!detail && failure.error)
        detail = strerror(-failure.error);
    log_line(ex->loop->log, ours ? LOG_WARN : LOG_DEBUG, "upstream %.*s: %.*s: %.*s%s%s",
             STR_ARG(upstream), STR_ARG(http_causes[cause].word), STR_ARG(http_causes[cause].prose),
             detail ? ": " : "", detail ? detail : "");
}

/* Writes what is corsd's own, behind what the client has not taken yet; no server is read. */
static enum relay_state send_down(struct exchange *ex, struct str text)
{
    struct inbox nothing = {0};
    struct relay_tools tools = loop_tools(ex->loop, &ex->loop->from_servers);
    return relay_move(&ex->down, &tools, &nothing, NULL, &ex->client->stream, text);
}

static enum relay_state write_answer(struct exchange *ex)
{
    struct loop *loop = ex->loop;
    if (loop->out.failed)
        return RELAY_SINK_BROKEN;
    ex->answered = true;
    ex->status = gate_answer_status(&ex->decision);
    if (!ex->down.held) /* else interim heads go before it */
        relay_begin(&ex->down, (struct body){0}, BODY_NONE, RELAY_ON_SINK);
    return send_down(ex, buf_str(&loop->out));
}

static enum stage answered(struct exchange *ex, enum relay_state state)
{
    switch (state) {
    case RELAY_DONE: return done(ex, ex->cause, ex->client_end);
    case RELAY_ON_SINK: return STAGE_ANSWER;
    default: return client_gone(ex);
    }
}

/* Corsd answers itself: a preflight, a refusal, a failure. */
static enum stage answer(struct exchange *ex)
{
    struct loop *loop = ex->loop;
    const struct decision *decision = &ex->decision;
    bool unread = decision->body.kind != BODY_NONE && !ex->up.read_all;
    bool close = !decision->keep_alive || unread || loop->draining;
    ex->cause = decision->cause;
    ex->client_end = !close                      ? CLIENT_KEEPS
                     : decision->cause || unread || ex->client->stream.readable ? CLIENT_LINGERS
                                                                                : CLIENT_CLOSES;
    buf_clear(&loop->out);
    gate_answer(&loop->out, gate_of(ex), decision, close);
    count(&loop->counters.own_answers);
    return answered(ex, write_answer(ex));
}

/* One failure of the server at most for each attempt. */
static void blame(struct exchange *ex, struct str why)
{
    if (!ex->server || ex->blamed)
        return;
    ex->blamed = true;
    member_failed(ex->upstream->group, ex->server->member, ex->upstream->n_servers < 2, why);
}

static bool is_servers_fault(enum http_cause cause)
{
    return cause >= CAUSE_UPSTREAM_REFUSED && cause < CAUSE_UPSTREAM_NO_ADDRESS;
}

/* The exchange failed: with an answer where none began, else cut so that the client can see it. */
static enum stage fail_as(struct exchange *ex, struct failure failure)
{
    enum http_cause cause = failure.cause;
    log_failure(ex, failure);
    if (is_servers_fault(cause))
        blame(ex, http_causes[cause].word);
    queue_leave(ex);
    leave_server(ex);
    if (ex->answered || !http_causes[cause].status)
        return done(ex, cause,
                    ex->response.sent_as == BODY_UNTIL_CLOSE ? CLIENT_ABORTS : CLIENT_CLOSES);
    ex->decision.own = OWN_ERROR;
    ex->decision.cause = cause;
    return answer(ex);
}

static enum stage fail(struct exchange *ex, enum http_cause cause, int error)
{
    return fail_as(ex, (struct failure){cause, -error, detail_of(ex)});
}

/* --- connecting ------------------------------------------------------------------------------- */

static enum http_cause cause_of_tls(enum tls_fault fault)
{
    switch (fault) {
    case TLS_FINE: break;
    case TLS_PLAIN_PEER:
    case TLS_GARBAGE: return CAUSE_UPSTREAM_TLS_GARBAGE;
    case TLS_CUT: return CAUSE_UPSTREAM_TLS_CUT;
    case TLS_NO_VERSION: return CAUSE_UPSTREAM_TLS_VERSION;
    case TLS_REFUSED: return CAUSE_UPSTREAM_TLS_REFUSED;
    case TLS_EXPIRED: return CAUSE_UPSTREAM_TLS_EXPIRED;
    case TLS_WRONG_NAME: return CAUSE_UPSTREAM_TLS_NAME;
    case TLS_UNKNOWN_ISSUER: return CAUSE_UPSTREAM_TLS_ISSUER;
    case TLS_BAD_CERTIFICATE: return CAUSE_UPSTREAM_TLS_CERTIFICATE;
    case TLS_WANTS_CERTIFICATE: return CAUSE_UPSTREAM_TLS_CLIENT;
    }
    return CAUSE_NONE;
}

/* conn may be NULL: it could not even be made. */
static enum http_cause cause_of_connect(const struct conn *conn, int error)
{
    enum http_cause tls = conn ? cause_of_tls(stream_tls_fault(&conn->stream)) : CAUSE_NONE;
    if (tls)
        return tls;
    switch (error) {
    case EMFILE:
    case ENFILE: return CAUSE_NO_DESCRIPTOR;
    case ENOMEM:
    case ENOBUFS: return CAUSE_NO_MEMORY;
    case ETIMEDOUT: return CAUSE_UPSTREAM_CONNECT_TIMEOUT;
    default: return CAUSE_UPSTREAM_REFUSED;
    }
}

static bool is_idempotent(const struct exchange *ex)
{
    return http_method_is_idempotent((enum http_method)ex->decision.method);
}

/* Host says the chosen server's own authority, where it says any server's: the head was composed
 * with another one's. False out of memory. */
static bool readdress(struct exchange *ex, struct str authority)
{
    const struct str line = STR("\r\nHost: ");
    struct buf *out = &ex->loop->out;
    size_t at = 0;
    if (!ex->authority.n || str_eq(ex->authority, authority))
        return true;
    while (at < ex->head.n && !str_starts(str_from(ex->head, at), line))
        at++;
    buf_clear(out);
    buf_add(out, str_head(ex->head, at + line.n));
    buf_add(out, authority);
    buf_add(out, str_from(ex->head, at + line.n + ex->authority.n));
    if (out->failed)
        return false;
    ex->head = arena_copy(&ex->arena, buf_str(out));
    ex->authority = arena_copy(&ex->arena, authority);
    return ex->head.p && ex->authority.p;
}

/* The server that this attempt is made on. */
static void turn_to(struct exchange *ex, struct server *server)
{
    turn_away(ex);
    ex->server = server_use(server);
    ex->tried |= UINT64_C(1) << server->member->bit;
    ex->blamed = false;
    if (ex->upstream->balance == BALANCE_LEAST_CONNECTIONS) {
        ex->counted = true;
        __atomic_fetch_add(&server->member->requests, 1, __ATOMIC_RELAXED);
    }
}

/* A connection to the server that was turned to; NULL: *error says why. */
static struct conn *take_conn(struct exchange *ex, int *error)
{
    struct server *server = ex->server;
    struct conn *conn = ex->retried ? NULL : conn_take(server, is_idempotent(ex) ? 0 : FRESH_MS);
    if (conn) {
        count(&ex->loop->counters.upstream_reused);
        return conn;
    }
    conn = conn_open(server, error);
    if (!conn && *error == -EBUSY && server->idle) {
        conn_close(server->idle); /* of no use to this request: its place is */
        conn = conn_open(server, error);
    }
    return conn;
}

static enum stage wait_in_queue(struct exchange *ex)
{
    if (ex->queued || queue_join(ex))
        return STAGE_QUEUE;
    return fail(ex, CAUSE_UPSTREAM_BUSY, 0);
}

/* Turns to servers until a connection is made or on its way. */
static enum stage connect_server(struct exchange *ex, struct server *spare, struct failure last)
{
    for (;;) {
        int error = 0;
        enum http_cause cause = CAUSE_NONE;
        struct server *server = upstream_choose(ex->upstream, ex->tried, spare, &cause);
        if (!server && cause == CAUSE_UPSTREAM_BUSY) {
            if (spare) /* it was not its fault: it is as good as any when it has room */
                ex->tried &= ~(UINT64_C(1) << spare->member->bit);
            return wait_in_queue(ex);
        }
        if (!server && last.cause)
            return fail_as(ex, last);
        if (!server) /* CAUSE_NONE: those not tried are gone since it began to wait */
            return fail(ex, cause ? cause : CAUSE_UPSTREAM_DOWN, 0);
        turn_to(ex, server);
        if (!readdress(ex, server->member->authority))
            return fail(ex, CAUSE_NO_MEMORY, 0);
        record_asked(ex);
        relay_begin(&ex->up, ex->decision.body, ex->decision.body.kind, RELAY_ON_SOURCE);
        ex->up.limit = ex->decision.route->body_size;
        ex->up.edits = ex->decision.route->request_edits;
        ex->head_sent = ex->up_broken = false;
        ex->conn = take_conn(ex, &error);
        if (ex->conn) {
            queue_leave(ex);
            ex->conn->exchange = ex;
            ex->stage_ms = timer_now_ms();
            return ex->conn->connecting ? STAGE_CONNECT : STAGE_AWAIT;
        }
        if (error == -EBUSY) { /* another loop was faster */
            ex->tried &= ~(UINT64_C(1) << server->member->bit);
            return wait_in_queue(ex);
        }
        last = (struct failure){cause_of_connect(NULL, -error), error, NULL};
        if (!is_servers_fault(last.cause))
            return fail(ex, last.cause, -error);
        blame(ex, http_causes[last.cause].word);
        count(&ex->loop->counters.failovers);
    }
}

/* No connection came to be: on to the next server. */
static enum stage not_connected(struct exchange *ex, enum http_cause cause, int error)
{
    struct failure failure = {cause, error, detail_of(ex)};
    if (!is_servers_fault(cause))
        return fail(ex, cause, -error);
    blame(ex, http_causes[cause].word);
    conn_close(ex->conn);
    ex->conn = NULL;
    relay_finish(&ex->up);
    count(&ex->loop->counters.failovers);
    return connect_server(ex, NULL, failure);
}

/* Who waits already has the first claim. */
static enum stage first_server(struct exchange *ex)
{
    const struct upstream_spec *spec = ex->decision.route->upstream;
    if (spec->queue_size && spec->max_connections && queue_has_others(ex->upstream))
        return wait_in_queue(ex);
    return connect_server(ex, NULL, (struct failure){0});
}

static enum stage start_on(struct exchange *ex, enum occasion event)
{
    (void)event;
    return ex->decision.kind == DECISION_ANSWER ? answer(ex) : first_server(ex);
}

static enum stage answer_on(struct exchange *ex, enum occasion event)
{
    (void)event;
    return answered(ex, send_down(ex, (struct str){0}));
}

static bool is_sent(const struct exchange *ex)
{
    return ex->up_broken || (ex->head_sent && ex->up.state == RELAY_DONE);
}

/* A client's end while nobody reads it: half-closed is fine, it still waits for its answer. */
static bool is_gone(struct exchange *ex, enum occasion event)
{
    bool unread = is_sent(ex) || !ex->head_sent || ex->up.state == RELAY_ON_SINK;
    return event == EVENT_CLIENT && unread && stream_probe(&ex->client->stream) < 0;
}

/* One that ended its side while it waits in vain is not waited for. */
static bool has_left(struct exchange *ex, enum occasion event)
{
    return is_gone(ex, event) || ex->client->stream.closing;
}

static enum stage queue_on(struct exchange *ex, enum occasion event)
{
    if (has_left(ex, event))
        return client_gone(ex);
    return queue_is_turn(ex) ? connect_server(ex, NULL, (struct failure){0}) : STAGE_QUEUE;
}

static enum stage connect_on(struct exchange *ex, enum occasion event)
{
    if (is_gone(ex, event))
        return client_gone(ex);
    if (event != EVENT_SERVER)
        return STAGE_CONNECT;
    int error = stream_connected(&ex->conn->stream);
    if (error == -EAGAIN)
        return STAGE_CONNECT;
    if (error)
        return not_connected(ex, cause_of_connect(ex->conn, -error), error);
    ex->conn->connecting = false;
    return STAGE_AWAIT;
}

/* --- the request on its way ------------------------------------------------------------------- */

/* Moves what can be moved of the request. STAGES: nothing ended by it. */
static enum stage send_request(struct exchange *ex)
{
    struct loop *loop = ex->loop;
    struct relay_tools tools = loop_tools(loop, &loop->from_clients);
    struct str head = ex->head_sent ? (struct str){0} : ex->head;
    if (is_sent(ex))
        return STAGES;
    ex->head_sent = true;
    switch (relay_move(&ex->up, &tools, &ex->client->inbox, &ex->client->stream, &ex->conn->stream,
                       head)) {
    case RELAY_DONE: ex->sent_ms = timer_now_ms(); break;
    case RELAY_AGAIN: loop_again(loop, ex->client); break;
    case RELAY_CUT:
    case RELAY_SOURCE_BROKEN: return client_gone(ex);
    case RELAY_FAULT:
        ex->decision.keep_alive = false; /* what follows such a body cannot be trusted */
        if (!ex->answered)
            return fail(ex, (enum http_cause)ex->up.cause, 0);
        ex->up_broken = ex->closing = true;
        break;
    case RELAY_SINK_BROKEN:
        /* The server takes no more; it may have answered before it closed (DESIGN §3). */
        ex->up_broken = true;
        ex->sent_ms = timer_now_ms();
        stream_look_again(&ex->conn->stream);
        break;
    default: break;
    }
    return STAGES;
}

/* --- the response's head ---------------------------------------------------------------------- */

/* Body bytes that left the client's inbox cannot be had again, written or not. A connection that
 * was new is given up for another server only. */
static bool may_retry(const struct exchange *ex)
{
    return (ex->conn->used || ex->upstream->n_servers > 1) && !ex->retried && !ex->interim &&
           !ex->up.took && inbox_is_empty(&ex->conn->inbox) &&
           (!ex->up.written || is_idempotent(ex));
}

/* The connection is of no use before a whole head came. */
static enum stage retry_or_fail(struct exchange *ex, enum http_cause cause, int error)
{
    if (!may_retry(ex))
        return fail(ex, cause, error);
    struct failure failure = {cause, -error, detail_of(ex)};
    bool stale = ex->conn->used; /* which is nobody's fault */
    if (!stale)
        blame(ex, http_causes[cause].word);
    conn_close(ex->conn);
    ex->conn = NULL;
    relay_finish(&ex->up);
    ex->retried = true;
    count(&ex->loop->counters.retries);
    return connect_server(ex, stale ? ex->server : NULL, failure);
}

/* The connection ended: n is 0 or a negative errno. */
static enum stage lost(struct exchange *ex, ssize_t n)
{
    /* TLS 1.3: a server refuses the client's certificate after the handshake. */
    enum http_cause tls =
        n == -EPROTO ? cause_of_tls(stream_tls_fault(&ex->conn->stream)) : CAUSE_NONE;
    return retry_or_fail(ex, tls ? tls : n ? CAUSE_UPSTREAM_RESET : CAUSE_UPSTREAM_CLOSED, (int)-n);
}

/* What came cannot be this request's answer: it is somebody else's, or none. */
static enum stage spoke_unasked(struct exchange *ex)
{
    return retry_or_fail(ex, CAUSE_UPSTREAM_UNASKED, 0);
}

static enum http_cause cause_of_guard(const struct guard *guard)
{
    return guard_found_bare_lf(guard) ? CAUSE_UPSTREAM_BARE_LF
                                      : gate_response_fault((enum http_cause)guard->cause);
}

static enum stage finish(struct exchange *ex);
static enum stage relayed(struct exchange *ex, enum relay_state state);
static enum stage begin_tunnel(struct exchange *ex);

static enum stage begin_response(struct exchange *ex)
{
    struct loop *loop = ex->loop;
    struct relay_tools tools = loop_tools(loop, &loop->from_servers);
    ex->answered = true;
    relay_begin(&ex->down, ex->response.body, ex->response.sent_as, RELAY_ON_SINK);
    ex->down.edits = ex->decision.route->response_edits;
    enum relay_state state = relay_move(&ex->down, &tools, &ex->conn->inbox, &ex->conn->stream,
                                        &ex->client->stream, buf_str(&loop->out));
    if (state == RELAY_FAULT && !ex->down.written && !ex->down.held) {
        ex->answered = false; /* the first bytes of the body are nonsense: nothing was sent yet */
        return fail(ex, CAUSE_UPSTREAM_BAD_FRAMING, 0);
    }
    return relayed(ex, state);
}

static bool is_bad(unsigned status)
{
    return status == 500 || (status >= 502 && status <= 504);
}

/* What the status says of the server. A good head brings back one that was out; that its body is
 * whole counts too, later. */
static void judge(struct exchange *ex, unsigned status)
{
    struct member *member = ex->server->member;
    char why[] = "status 500";
    if (is_bad(status)) {
        why[sizeof why - 2] = (char)('0' + status % 10);
        blame(ex, (struct str){why, sizeof why - 1});
    } else if (__atomic_load_n(&member->out_until_ms, __ATOMIC_RELAXED))
        member_succeeded(ex->upstream->group, member);
}

/* A whole head came, which takes `raw` bytes of the inbox. STAGE_AWAIT: it was an interim one. */
static enum stage take_head(struct exchange *ex, struct str bytes, size_t raw)
{
    struct loop *loop = ex->loop;
    struct conn *conn = ex->conn;
    struct head head = {.fields = loop->fields, .cap = loop->n_fields};
    enum http_cause cause = message_parse_response(&head, bytes);
    if (cause)
        return fail(ex, gate_response_fault(cause), 0);
    cause = gate_read_response(&head, &ex->decision, &ex->response);
    if (cause)
        return fail(ex, cause, 0);
    bool final = ex->response.kind == RESPONSE_FINAL;
    if (final && (!is_sent(ex) || ex->up_broken || loop->draining))
        ex->response.close = true;
    buf_clear(&loop->out);
    gate_response(&loop->out, gate_of(ex), &ex->decision, &head, &ex->response);
    if (loop->out.failed)
        return fail(ex, CAUSE_UPSTREAM_HEAD_TOO_LARGE, 0);
    ex->closing = final && ex->response.close;
    if (final || ex->response.kind == RESPONSE_SWITCH) {
        ex->status = ex->server_status = head.status;
        record_responded(ex);
        judge(ex, head.status);
    }
    inbox_take(&conn->inbox, raw);
    guard_init(&conn->guard, GUARD_RESPONSE);
    if (final)
        return begin_response(ex);
    if (ex->response.kind == RESPONSE_SWITCH)
        return begin_tunnel(ex);
    if (!ex->interim)
        relay_begin(&ex->down, (struct body){0}, BODY_NONE, RELAY_ON_SINK);
    ex->interim = true;
    if (head.status == 100 && !ex->continued) {
        ex->continued = true;
        ex->up.since_ms = timer_now_ms(); /* from now on it is the client that is waited for */
    }
    if (!ex->decision.minor)
        return STAGE_AWAIT; /* RFC 9110 §15.2: HTTP/1.0 knows no 1xx */
    enum relay_state state = relay_send(&ex->down, &ex->client->stream, buf_str(&loop->out));
    ex->down.state = (uint8_t)state;
    return state == RELAY_SINK_BROKEN ? client_gone(ex) : STAGE_AWAIT;
}

/* Interim heads the client has not taken yet hold the next ones back. */
static bool client_lags(struct exchange *ex)
{
    return ex->down.held && send_down(ex, (struct str){0}) != RELAY_DONE;
}

/* What does not speak HTTP/1 is known by its first line, and not waited for. */
static bool begins_well(struct str bytes, const struct guard_limits *bounds, struct guard *place)
{
    struct guard guard;
    guard_init(&guard, GUARD_RESPONSE);
    bool good = guard_scan(&guard, str_head(bytes, str_find(bytes, '\n')), bounds) != GUARD_FAULT;
    place->cause = guard.cause;
    place->state = guard.state;
    return good;
}

/* A legacy server's lone LFs become CRLFs in loop->repaired, once the head's end is there; the
 * guard of the connection only keeps the place. The result is as the guard's on the repaired head.
 */
static enum guard_result scan_bare_lf(struct exchange *ex, const struct guard_limits *bounds,
                                      struct str *head, size_t *raw)
{
    struct buf *repaired = &ex->loop->repaired;
    struct guard *place = &ex->conn->guard, guard;
    struct str bytes = inbox_str(&ex->conn->inbox);
    if (!bare_lf_find_end(bytes, &place->start, raw)) {
        if (!begins_well(bytes, bounds, place))
            return GUARD_FAULT;
        place->cause = CAUSE_HEAD_TOO_LARGE;
        place->at = bytes.n;
        return bytes.n > bounds->bytes ? GUARD_FAULT : GUARD_MORE;
    }
    buf_clear(repaired);
    bare_lf_repair(repaired, str_head(bytes, *raw));
    guard_init(&guard, GUARD_RESPONSE);
    *head = buf_str(repaired);
    enum guard_result result = repaired->failed ? GUARD_FAULT : guard_scan(&guard, *head, bounds);
    place->cause = repaired->failed ? CAUSE_HEAD_TOO_LARGE : guard.cause;
    place->state = guard.state;
    return result == GUARD_MORE ? GUARD_FAULT : result;
}

static enum guard_result scan(struct exchange *ex, const struct guard_limits *bounds,
                              struct str *head, size_t *raw)
{
    struct conn *conn = ex->conn;
    if (ex->decision.route->upstream->accept_bare_lf)
        return scan_bare_lf(ex, bounds, head, raw);
    enum guard_result result = guard_scan(&conn->guard, inbox_str(&conn->inbox), bounds);
    *raw = conn->guard.at;
    *head = str_head(inbox_str(&conn->inbox), *raw);
    return result;
}

static enum stage read_head(struct exchange *ex)
{
    struct conn *conn = ex->conn;
    const struct limits *limits = &plan_of(ex)->limits;
    struct guard_limits bounds = {limits->header_size, (uint32_t)limits->headers};
    enum stage stage = STAGE_AWAIT;
    struct str head;
    size_t raw;
    for (int turn = 0; stage == STAGE_AWAIT; turn++) {
        if (turn == HEADS_A_TURN) {
            loop_again(ex->loop,
                       ex->client); /* a flood: others have their turn, and its deadline */
            return STAGE_AWAIT;
        }
        if (client_lags(ex))
            return STAGE_AWAIT;
        if (conn->guard.at == inbox_str(&conn->inbox).n) {
            ssize_t n = inbox_read(&conn->inbox, &conn->stream, &ex->loop->from_servers,
                                   limits->header_size + RELAY_BLOCK);
            if (n == -EAGAIN)
                return STAGE_AWAIT;
            if (n <= 0)
                return lost(ex, n);
        }
        switch (scan(ex, &bounds, &head, &raw)) {
        case GUARD_MORE: continue;
        case GUARD_FAULT: return fail(ex, cause_of_guard(&conn->guard), 0);
        case GUARD_WHOLE: stage = take_head(ex, head, raw); break;
        }
    }
    return stage;
}

static enum stage await_on(struct exchange *ex, enum occasion event)
{
    if (is_gone(ex, event))
        return client_gone(ex);
    if (ex->conn->unasked)
        return spoke_unasked(ex);
    enum stage stage = send_request(ex);
    return stage == STAGES ? read_head(ex) : stage;
}

/* --- bodies ----------------------------------------------------------------------------------- */

/* What the client sent beyond its request would make a close a reset, which eats the answer. */
static bool is_talking(const struct client *client)
{
    return !inbox_is_empty(&client->inbox) || client->stream.readable;
}

/* A server that was asked for 100 and answered without it may have refused at the head: it would
 * take the body, though it was sent, for its next request. */
static bool left_body_unread(const struct exchange *ex)
{
    return ex->decision.expects_continue && !ex->continued && ex->decision.body.kind != BODY_NONE;
}

/* The response is complete: both connections go on, or end. */
static enum stage finish(struct exchange *ex)
{
    bool whole = is_sent(ex) && !ex->up_broken;
    bool keeps = ex->response.server_keep_alive && whole && !left_body_unread(ex);
    if (!ex->blamed)
        member_succeeded(ex->upstream->group, ex->server->member);
    if (ex->conn && keeps)
        conn_give_back(ex->conn, ex->response.keep_alive_s);
    else if (ex->conn)
        conn_close(ex->conn);
    ex->conn = NULL;
    if (!ex->closing)
        return done(ex, CAUSE_NONE, CLIENT_KEEPS);
    bool lingers = !whole || is_talking(ex->client);
    return done(ex, CAUSE_NONE, lingers ? CLIENT_LINGERS : CLIENT_CLOSES);
}

static enum stage relayed(struct exchange *ex, enum relay_state state)
{
    switch (state) {
    case RELAY_DONE: return finish(ex);
    case RELAY_AGAIN: loop_again(ex->loop, ex->client); return STAGE_RELAY;
    case RELAY_CUT: return fail(ex, CAUSE_UPSTREAM_CUT, 0);
    case RELAY_SOURCE_BROKEN: return fail(ex, CAUSE_UPSTREAM_CUT, ex->down.error);
    case RELAY_SINK_BROKEN: return client_gone(ex);
    case RELAY_FAULT: return fail(ex, CAUSE_UPSTREAM_BAD_CHUNK, 0);
    default: return STAGE_RELAY;
    }
}

static enum stage relay_on(struct exchange *ex, enum occasion event)
{
    struct loop *loop = ex->loop;
    struct relay_tools tools = loop_tools(loop, &loop->from_servers);
    if (is_gone(ex, event))
        return client_gone(ex);
    enum stage stage = send_request(ex);
    if (stage != STAGES)
        return stage;
    return relayed(ex, relay_move(&ex->down, &tools, &ex->conn->inbox, &ex->conn->stream,
                                  &ex->client->stream, (struct str){0}));
}

/* --- tunnels ---------------------------------------------------------------------------------- */

/* Ends one direction where its source ended and all was written. False: it is broken. */
static bool half_close(struct relay *relay, struct stream *sink, uint8_t before)
{
    if (relay->state == RELAY_DONE && before != RELAY_DONE)
        stream_shut_down(sink);
    return relay->state != RELAY_SOURCE_BROKEN && relay->state != RELAY_SINK_BROKEN;
}

static bool move_tunnel(struct exchange *ex, struct str prefix)
{
    struct loop *loop = ex->loop;
    struct relay_tools up = loop_tools(loop, &loop->from_clients);
    struct relay_tools down = loop_tools(loop, &loop->from_servers);
    struct stream *client = &ex->client->stream, *server = &ex->conn->stream;
    uint8_t up_before = ex->up.state, down_before = ex->down.state;
    if (down_before != RELAY_DONE)
        relay_move(&ex->down, &down, &ex->conn->inbox, server, client, prefix);
    if (up_before != RELAY_DONE)
        relay_move(&ex->up, &up, &ex->client->inbox, client, server, (struct str){0});
    if (ex->up.state == RELAY_AGAIN || ex->down.state == RELAY_AGAIN)
        loop_again(loop, ex->client);
    return half_close(&ex->up, server, up_before) && half_close(&ex->down, client, down_before);
}

static enum stage tunnelled(struct exchange *ex, bool whole)
{
    if (whole && (ex->up.state != RELAY_DONE || ex->down.state != RELAY_DONE))
        return STAGE_TUNNEL;
    return done(ex, CAUSE_TUNNEL_ENDED, CLIENT_CLOSES);
}

static enum stage begin_tunnel(struct exchange *ex)
{
    const struct body endless = {.kind = BODY_UNTIL_CLOSE};
    record_keep(ex);
    ex->answered = true;
    ex->tunnel_ms = ex->use->plan->timeouts.tunnel;
    count(&ex->loop->counters.tunnels);
    member_succeeded(ex->upstream->group, ex->server->member);
    relay_begin(&ex->up, endless, BODY_UNTIL_CLOSE, RELAY_STATES);
    relay_begin(&ex->down, endless, BODY_UNTIL_CLOSE, RELAY_STATES);
    ex->up.state = ex->down.state = RELAY_ON_SOURCE;
    bool whole = move_tunnel(ex, buf_str(&ex->loop->out));
    /* A tunnel may live for days: its plan need not. */
    ex->decision.route = NULL;
    ex->decision.policy = NULL;
    plan_use_drop(ex->loop, ex->use);
    ex->use = NULL;
    return tunnelled(ex, whole);
}

static enum stage tunnel_on(struct exchange *ex, enum occasion event)
{
    /* A client that the server does not read is not read either: its reset would not be seen. */
    if (event == EVENT_CLIENT && ex->up.state == RELAY_ON_SINK &&
        stream_probe(&ex->client->stream) < 0)
        return done(ex, CAUSE_TUNNEL_ENDED, CLIENT_CLOSES);
    return tunnelled(ex, move_tunnel(ex, (struct str){0}));
}

/* --- deadlines -------------------------------------------------------------------------------- */

struct deadline {
    uint64_t at_ms; /* UINT64_MAX: none */
    enum http_cause cause;
};

static enum stage ask(struct exchange *ex, enum occasion event);

static struct deadline earlier(struct deadline a, uint64_t at_ms, enum http_cause cause)
{
    return at_ms < a.at_ms ? (struct deadline){at_ms, cause} : a;
}

static uint64_t response_timeout(const struct exchange *ex)
{
    return ex->decision.route->response_timeout_ms;
}

static struct deadline request_deadline(const struct exchange *ex, struct deadline none)
{
    const struct plan *plan = plan_of(ex);
    if (ex->decision.expects_continue && !ex->continued &&
        !ex->up.took) /* it waits for the server */
        return earlier(none, ex->stage_ms + response_timeout(ex), CAUSE_UPSTREAM_TIMEOUT);
    uint64_t client = relay_client_deadline(&ex->up, plan->timeouts.body, plan->limits.min_rate);
    struct deadline deadline = earlier(none, client, CAUSE_BODY_TIMEOUT);
    if (ex->up.state == RELAY_ON_SINK)
        deadline =
            earlier(deadline, ex->up.since_ms + response_timeout(ex), CAUSE_UPSTREAM_TIMEOUT);
    return deadline;
}

static struct deadline response_deadline(const struct exchange *ex, struct deadline none)
{
    const struct plan *plan = plan_of(ex);
    uint64_t silence = ex->response.event_stream ? plan->timeouts.tunnel : response_timeout(ex);
    uint64_t client = relay_client_deadline(&ex->down, plan->timeouts.body, plan->limits.min_rate);
    struct deadline deadline = earlier(none, client, CAUSE_CLIENT_STALLED);
    if (ex->down.state == RELAY_ON_SOURCE)
        deadline = earlier(deadline, ex->down.since_ms + silence, CAUSE_UPSTREAM_SILENT);
    return deadline;
}

static struct deadline deadline_of(const struct exchange *ex)
{
    const struct plan *plan = plan_of(ex);
    struct deadline none = {UINT64_MAX, CAUSE_NONE};
    uint64_t moved;
    switch (ex->stage) {
    case STAGE_ANSWER:
        return earlier(none,
                       relay_client_deadline(&ex->down, plan->timeouts.body, plan->limits.min_rate),
                       CAUSE_CLIENT_STALLED);
    case STAGE_QUEUE:
        return earlier(none, ex->queued_ms + ex->decision.route->upstream->queue_timeout_ms,
                       CAUSE_UPSTREAM_BUSY);
    case STAGE_CONNECT:
        return earlier(none, ex->stage_ms + ex->decision.route->upstream->connect_timeout_ms,
                       CAUSE_UPSTREAM_CONNECT_TIMEOUT);
    case STAGE_AWAIT:
        if (ex->down.held) /* whoever takes interim heads slowly does not put off what follows */
            none = earlier(none, ex->down.since_ms + plan->timeouts.body, CAUSE_CLIENT_STALLED);
        if (is_sent(ex))
            return earlier(none, ex->sent_ms + response_timeout(ex), CAUSE_UPSTREAM_TIMEOUT);
        return request_deadline(ex, none);
    case STAGE_RELAY:
        return response_deadline(ex, none); /* an early answer outlives the upload's silence */
    case STAGE_TUNNEL:
        moved = ex->up.since_ms > ex->down.since_ms ? ex->up.since_ms : ex->down.since_ms;
        return earlier(none, moved + ex->tunnel_ms, CAUSE_TUNNEL_IDLE);
    default: return none;
    }
}

/* When something last moved, or the stage began. */
static uint64_t last_move(const struct exchange *ex)
{
    uint64_t last = ex->stage_ms;
    last = ex->up.since_ms > last ? ex->up.since_ms : last;
    return ex->down.since_ms > last ? ex->down.since_ms : last;
}

static bool wants_probe(const struct exchange *ex)
{
    return ex->conn && !ex->conn->connecting && ex->probed_ms != last_move(ex);
}

/* STAGES: both peers are there. */
static enum stage probe(struct exchange *ex)
{
    ex->probed_ms = last_move(ex);
    if (stream_probe(&ex->client->stream) < 0)
        return client_gone(ex);
    if (stream_probe(&ex->conn->stream) == 0)
        return STAGES;
    stream_look_again(&ex->conn->stream);
    return ask(ex, EVENT_SERVER);
}

static void arm(struct exchange *ex)
{
    struct deadline deadline = deadline_of(ex);
    if (wants_probe(ex))
        deadline = earlier(deadline, last_move(ex) + PROBE_MS, CAUSE_NONE);
    if (ex->stage == STAGE_QUEUE && queue_is_first(ex))
        deadline = earlier(deadline, timer_now_ms() + QUEUE_POLL_MS, CAUSE_NONE);
    if (deadline.at_ms == UINT64_MAX)
        timer_stop(&ex->client->timer);
    else
        timer_set_at(ex->loop->timers, &ex->client->timer, deadline.at_ms);
}

/* The client's turn came to its deadline: silent, too slow, or fine after all. */
static enum http_cause pace_cause(struct exchange *ex, enum http_cause cause)
{
    const struct plan *plan = plan_of(ex);
    bool up = cause == CAUSE_BODY_TIMEOUT;
    struct relay *relay = up ? &ex->up : &ex->down;
    uint64_t unsent = up ? 0 : stream_unsent(&ex->client->stream);
    uint64_t moved = up ? relay->bytes : relay->written > unsent ? relay->written - unsent : 0;
    switch (relay_client_pace(relay, moved, plan->timeouts.body, plan->limits.min_rate)) {
    case PACE_FINE: return CAUSE_NONE;
    case PACE_SLOW: return cause == CAUSE_BODY_TIMEOUT ? CAUSE_BODY_TOO_SLOW : cause;
    case PACE_SILENT: break;
    }
    return cause;
}

static enum stage timed_out(struct exchange *ex)
{
    struct deadline deadline = deadline_of(ex);
    enum http_cause cause = deadline.cause;
    if (wants_probe(ex) && last_move(ex) + PROBE_MS <= timer_now_ms()) {
        enum stage stage = probe(ex);
        if (stage != STAGES)
            return stage;
    }
    if (deadline.at_ms > timer_now_ms())
        return ex->stage == STAGE_QUEUE ? queue_on(ex, EVENT_TIMEOUT)
                                        : ex->stage; /* pushed back meanwhile */
    if (ex->stage == STAGE_QUEUE)
        count(&ex->loop->counters.queue_expired);
    if (ex->stage == STAGE_CONNECT)
        return not_connected(ex, cause, -ETIMEDOUT);
    if (cause == CAUSE_BODY_TIMEOUT || (cause == CAUSE_CLIENT_STALLED && ex->stage != STAGE_AWAIT))
        cause = pace_cause(ex, cause);
    if (!cause)
        return ex->stage;
    return ex->stage == STAGE_TUNNEL ? done(ex, cause, CLIENT_CLOSES) : fail(ex, cause, 0);
}

/* --- the machine ------------------------------------------------------------------------------ */

const char *const exchange_stage_names[STAGES] = {
    "start", "answer", "queue", "connect", "await", "relay", "tunnel", "done",
};

static const struct {
    unsigned next;                                   /* the edges drawn in docs/architecture.md */
    enum stage (*on)(struct exchange *,
                     enum occasion); /* the next stage, or its own: keep waiting */
} stages[STAGES] = {
    [STAGE_START] = {BIT(STAGE_ANSWER) | BIT(STAGE_QUEUE) | BIT(STAGE_CONNECT) | BIT(STAGE_AWAIT) |
                         BIT(STAGE_DONE),
                     start_on},
    [STAGE_QUEUE] = {BIT(STAGE_CONNECT) | BIT(STAGE_AWAIT) | BIT(STAGE_ANSWER) | BIT(STAGE_DONE),
                     queue_on},
    [STAGE_ANSWER] = {BIT(STAGE_DONE), answer_on},
    [STAGE_CONNECT] = {BIT(STAGE_QUEUE) /* on to servers that are full */ | BIT(STAGE_AWAIT) |
                           BIT(STAGE_ANSWER) | BIT(STAGE_DONE),
                       connect_on},
    [STAGE_AWAIT] = {BIT(STAGE_CONNECT) /* a stale connection */ | BIT(STAGE_QUEUE) |
                         BIT(STAGE_RELAY) |
                         BIT(STAGE_TUNNEL) | BIT(STAGE_ANSWER) | BIT(STAGE_DONE),
                     await_on},
    [STAGE_RELAY] = {BIT(STAGE_DONE), relay_on},
    [STAGE_TUNNEL] = {BIT(STAGE_DONE), tunnel_on},
    [STAGE_DONE] = {0, NULL},
};

static enum stage ask(struct exchange *ex, enum occasion event)
{
    return event == EVENT_TIMEOUT ? timed_out(ex) : stages[ex->stage].on(ex, event);
}

/* What waits in the loop's scratch must not stay there over the event. */
static bool settle(struct exchange *ex)
{
    return inbox_settle(&ex->client->inbox) && (!ex->conn || inbox_settle(&ex->conn->inbox));
}

/* The exchange may be gone afterwards, and its client too. */
static void exchange_step(struct exchange *ex, enum occasion event)
{
    for (;;) {
        enum stage next = ask(ex, event);
        /* A retry that is awaited again on another connection stays in its stage. */
        if (next == ex->stage && !(next == STAGE_AWAIT && !ex->head_sent))
            break;
        assert(next == ex->stage || stages[ex->stage].next & BIT(next));
        if (log_wants(ex->loop->log, LOG_DEBUG))
            log_line(ex->loop->log, LOG_DEBUG, "exchange: %s -> %s",
                     exchange_stage_names[ex->stage], exchange_stage_names[next]);
        ex->stage = next;
        if (next == STAGE_DONE)
            break;
        ex->stage_ms = timer_now_ms();
        if (next == STAGE_ANSWER)
            break;
        event = EVENT_ENTER;
    }
    if (ex->stage != STAGE_DONE && !settle(ex)) {
        ex->stage = STAGE_DONE;
        done(ex, CAUSE_NO_MEMORY, CLIENT_CLOSES);
    }
    if (ex->stage != STAGE_DONE) {
        arm(ex);
        return;
    }
    struct client *client = ex->client;
    enum client_end end = ex->client_end;
    record_end(ex);
    destroy(ex);
    client_exchange_ended(client, end);
}

void exchange_event(struct exchange *ex, enum occasion event)
{
    struct client *client = ex->client;
    exchange_step(ex, event);
    if (!client->exchange && client->stream.fd >= 0)
        client_run(client);
}

void exchange_abandon(struct exchange *ex, enum http_cause cause)
{
    ex->cause = cause;
    ex->client->exchange = NULL;
    record_end(ex);
    destroy(ex);
}

/* --- the beginning ---------------------------------------------------------------------------- */

/* The head as the server gets it, kept for a retry. */
static bool compose(struct exchange *ex, struct head *head, const struct peer *peer)
{
    struct loop *loop = ex->loop;
    const struct upstream_spec *spec = ex->decision.route->upstream;
    struct str authority = spec->servers[0].authority;
    ex->upstream = loop->upstreams[spec->index];
    ex->upstream->uses++;
    if (spec->host_mode == HOST_UPSTREAM ||
        (spec->host_mode == HOST_KEEP && !ex->decision.host.size))
        ex->authority = authority;
    buf_clear(&loop->out);
    gate_forward(&loop->out, gate_of(ex), peer, head, &ex->decision, authority,
                 ex->wants_access ? &ex->facts.id : NULL);
    if (loop->out.failed)
        return false;
    if (ex->facts.id.n)
        ex->facts.id = arena_copy(&ex->arena, ex->facts.id);
    ex->head = arena_copy(&ex->arena, buf_str(&loop->out));
    count(&loop->counters.forwarded);
    return ex->head.p != NULL;
}

static void decide(struct exchange *ex, struct str bytes)
{
    struct loop *loop = ex->loop;
    struct client *client = ex->client;
    struct head head = {.fields = loop->fields, .cap = loop->n_fields};
    struct peer peer = {.address = &client->address.any,
                        .ip = client->ip,
                        .trusted = !client->unknown &&
                                   plan_trusts(ex->use->plan, &client->address.any),
                        .tls = client->tls};
    enum http_cause cause = message_parse_request(&head, bytes);
    if (cause) {
        gate_unreadable(gate_of(ex), cause, &ex->decision);
        return;
    }
    gate_request(gate_of(ex), &peer, &head, &ex->arena, &ex->decision);
    record_verdict(ex, &head);
    record_head(ex, &head, &peer);
    if (ex->decision.cause == CAUSE_LOOP &&
        crowd_is_news(loop->crowd, STR("loop"), ex->decision.route->upstream->name, timer_now_ms()))
        log_failure(ex, (struct failure){.cause = CAUSE_LOOP});
    if (ex->decision.kind == DECISION_ANSWER || compose(ex, &head, &peer))
        return;
    ex->decision.kind = DECISION_ANSWER;
    ex->decision.own = OWN_ERROR;
    ex->decision.cause = CAUSE_NO_MEMORY;
}

void exchange_begin(struct client *client)
{
    struct exchange *ex = create(client);
    struct guard *guard = &client->guard;
    if (!ex) {
        client_close(client);
        return;
    }
    struct str bytes = inbox_str(&client->inbox);
    decide(ex, (struct str){bytes.p + guard->start, guard->at - guard->start});
    if (ex->decision.kind != DECISION_ANSWER) {
        /* What looks into the head's bytes must not be looked at any more. */
        memset(&ex->decision.cors, 0, sizeof ex->decision.cors);
        memset(&ex->decision.target, 0, sizeof ex->decision.target);
        memset(&ex->decision.proxies, 0, sizeof ex->decision.proxies);
        ex->decision.host_text = (struct str){0};
        inbox_take(&client->inbox, guard->at);
        exchange_step(ex, EVENT_ENTER);
        return;
    }
    /* An own answer quotes the head's bytes: they stay in place until it is written. */
    size_t at = guard->at;
    client->inbox.at += (uint32_t)at;
    exchange_step(ex, EVENT_ENTER);
    if (client->stream.fd >= 0)
        inbox_take(&client->inbox, 0);
}

void exchange_refuse(struct client *client, enum http_cause cause)
{
    struct exchange *ex = create(client);
    if (!ex) {
        client_close(client);
        return;
    }
    gate_unreadable(gate_of(ex), cause, &ex->decision);
    exchange_step(ex, EVENT_ENTER);
}
