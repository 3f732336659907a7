/* Pools: a stack a loop and server, so that the warmest connection is used and the rest age out.
 */
#include "pool.h"
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
#include "corsd/base/owner.h"
#include "exchange.h"

enum { HINT_MARGIN_MS = 1000 };

enum {
    LEAVING_MS = 1000,       /* how long a server's end is waited for */
    LEAVING_MAX = 256 * 1024, /* and how much it may still say in one turn */
};

static struct conn *of_stream(struct stream *stream)
{
    return OWNER_OF(stream, struct conn, stream);
}

static void release(struct retired *retired)
{
    struct conn *conn = OWNER_OF(retired, struct conn, retired);
    server_drop(conn->server);
    free(conn);
}

static void put_first(struct conn **list, struct conn *conn)
{
    conn->next = *list;
    conn->before = list;
    if (conn->next)
        conn->next->before = &conn->next;
    *list = conn;
}

static void take_out(struct conn *conn)
{
    if (!conn->before)
        return;
    *conn->before = conn->next;
    if (conn->next)
        conn->next->before = conn->before;
    conn->before = NULL;
}

static void count_idle(const struct server *server, int64_t more)
{
    if (server->member->most)
        __atomic_fetch_add(&server->member->idle, (uint64_t)more, __ATOMIC_SEQ_CST);
}

static void pool(struct conn *conn)
{
    put_first(&conn->server->idle, conn);
    conn->pooled = true;
    conn->server->n_idle++;
    count_idle(conn->server, 1);
}

static void unpool(struct conn *conn)
{
    if (!conn->pooled)
        return;
    take_out(conn);
    conn->pooled = false;
    conn->server->n_idle--;
    count_idle(conn->server, -1);
}

static void end(struct conn *conn, bool abort)
{
    struct server *server = conn->server;
    if (conn->stream.fd < 0)
        return;
    unpool(conn);
    if (conn->leaving)
        count_idle(server, -1);
    take_out(conn);
    timer_stop(&conn->timer);
    inbox_finish(&conn->inbox);
    if (abort)
        stream_abort(&conn->stream);
    else
        stream_close(&conn->stream);
    conn->exchange = NULL;
    member_leave(server->member);
    loop_retire(server->upstream->loop, &conn->retired, release);
    upstream_freed(server->upstream);
}

void conn_end(struct conn *conn)
{
    end(conn, false);
}

/* What it still says is dropped, up to its end. */
static void see_off(struct conn *conn)
{
    struct scratch *scratch = &conn->server->upstream->loop->from_servers;
    ssize_t n = 1;
    for (size_t dropped = 0; n > 0 && dropped < LEAVING_MAX; dropped += (size_t)n)
        n = stream_read(&conn->stream, scratch->p, scratch->size);
    if (n != -EAGAIN)
        conn_end(conn);
}

void conn_close(struct conn *conn)
{
    struct loop *loop = conn->server->upstream->loop;
    if (conn->stream.fd < 0 || conn->leaving)
        return;
    if (!conn->server->member->most || conn->connecting || conn->stream.ended) {
        conn_end(conn);
        return;
    }
    unpool(conn);
    inbox_finish(&conn->inbox);
    conn->exchange = NULL;
    conn->leaving = true;
    put_first(&loop->leaving, conn);
    stream_shut_down(&conn->stream);
    timer_stop(&conn->timer);
    timer_set(loop->timers, &conn->timer, LEAVING_MS);
    count_idle(conn->server, 1); /* as good as free */
    if (conn->stream.closing || conn->stream.readable)
        see_off(conn); /* its end may be there already, and brings no edge */
}

void conn_abort(struct conn *conn)
{
    end(conn, true);
}

/* Whether the server has said all it had to say. Where the last read left that open (it filled its
 * space to the byte), the socket is asked: bytes left over would answer somebody else's request. */
static bool is_silent(struct conn *conn)
{
    struct stream *stream = &conn->stream;
    if (stream->closing || stream->ended || !inbox_is_empty(&conn->inbox))
        return false;
    if (stream->readable && !stream_is_drained(stream))
        return false;
    stream->readable = false;
    return true;
}

/* An idle connection has nothing to say: whatever comes ends it (DESIGN §3 "Bytes left over"), but
 * for what TLS says to itself. */
static void on_event(struct stream *stream, short what)
{
    struct conn *conn = of_stream(stream);
    struct loop *loop = conn->server->upstream->loop;
    loop_enter(loop);
    if (conn->leaving)
        see_off(conn);
    else if (conn->exchange) {
        /* What this turn's wait found was there before the request that this turn sent. */
        if (conn->taken_turn == loop->turn && (what & (EV_READ | EV_CLOSED)) && !is_silent(conn))
            conn->unasked = true;
        exchange_event(conn->exchange, EVENT_SERVER);
    } else if (what & (EV_READ | EV_CLOSED) && !is_silent(conn))
        conn_close(conn);
}

/* The timer is not stopped when the connection is taken, only not meant any more: giving it back
 * pushes the deadline on, which costs less than queueing it anew each time. */
static void on_idle(struct timer *timer)
{
    struct conn *conn = OWNER_OF(timer, struct conn, timer);
    if (conn->leaving)
        conn_abort(conn); /* it is to end now, whatever it is at */
    else if (!conn->exchange)
        conn_close(conn);
}

struct conn *conn_take(struct server *server, uint64_t fresh_ms)
{
    struct conn *conn = server->idle;
    if (!conn || (fresh_ms && timer_now_ms() - conn->idle_since_ms >= fresh_ms))
        return NULL;
    unpool(conn);
    const struct loop *loop = server->upstream->loop;
    conn->taken_turn = conn->pooled_turn == loop->turn ? 0 : loop->turn;
    conn->used = true;
    guard_init(&conn->guard, GUARD_RESPONSE);
    return conn;
}

/* On failure the stream is closed. */
static int secure(struct conn *conn, struct server *server)
{
    struct ssl_st *ssl =
        tls_client_open(server->upstream->tls, server->member->host, &server->session);
    int error = stream_secure(&conn->stream, ssl);
    if (error)
        stream_close(&conn->stream);
    return error;
}

static struct conn *open_conn(struct server *server, int *error)
{
    struct loop *loop = server->upstream->loop;
    struct conn *conn = calloc(1, sizeof *conn);
    if (!conn) {
        *error = -ENOMEM;
        return NULL;
    }
    *error = stream_dial(&conn->stream, loop->base, &server->member->address, on_event);
    conn->connecting = !conn->stream.writable || server->member->tls;
    if (!*error && server->member->tls)
        *error = secure(conn, server);
    if (*error) {
        free(conn);
        return NULL;
    }
    conn->stream.writable = !conn->connecting;
    conn->timer.fire = on_idle;
    conn->server = server_use(server);
    conn->born_ms = timer_now_ms();
    guard_init(&conn->guard, GUARD_RESPONSE);
    count(&loop->counters.upstream_connections);
    return conn;
}

struct conn *conn_open(struct server *server, int *error)
{
    if (!member_enter(server->member)) {
        *error = -EBUSY;
        return NULL;
    }
    struct conn *conn = open_conn(server, error);
    if (!conn)
        member_leave(server->member);
    return conn;
}

/* A server that closes after so many idle seconds must not be raced to it (DESIGN §1). */
static uint64_t pause_within(uint64_t idle_ms, uint64_t hint_s)
{
    if (hint_s > idle_ms / 1000 + 1)
        return idle_ms; /* whatever it is: no product of it is taken */
    uint64_t hint_ms = hint_s ? hint_s * 1000 - HINT_MARGIN_MS : 0;
    return hint_ms < idle_ms ? hint_ms : idle_ms;
}

void conn_give_back(struct conn *conn, uint64_t hint_s)
{
    struct server *server = conn->server;
    const struct upstream *upstream = server->upstream;
    uint64_t idle_ms = pause_within(upstream->idle_timeout_ms, hint_s), now = timer_now_ms();
    bool old = upstream->max_age_ms && now - conn->born_ms >= upstream->max_age_ms;
    if (!server_is_current(server) || upstream->loop->draining || !is_silent(conn) || !idle_ms ||
        old || server->n_idle >= upstream->max_idle) {
        conn_close(conn);
        return;
    }
    conn->exchange = NULL;
    conn->idle_since_ms = now;
    conn->pooled_turn = upstream->loop->turn;
    pool(conn);
    timer_set(upstream->loop->timers, &conn->timer, idle_ms);
    upstream_freed(server->upstream);
}
