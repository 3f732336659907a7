/* Reading heads off a connection, one exchange after the other. */
#include "client.h"
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
#include "corsd/base/owner.h"
#include "corsd/net/proxy_protocol.h"
#include "exchange.h"
#include "record.h"

enum {
    EXCHANGES_A_TURN = 16,
    LINGER_MS = 2000,             /* without a byte */
    LINGER_ALL_MS = 30000,
    LINGER_BLOCKS = 16,           /* a turn */
    LINGER_BYTES = 16 << 20,      /* of what nobody will read, before the connection is cut */
};

static struct client *of_stream(struct stream *stream)
{
    return OWNER_OF(stream, struct client, stream);
}

static void release(struct retired *retired)
{
    free(OWNER_OF(retired, struct client, retired));
}

static void unlist(struct client *client)
{
    *client->before = client->next;
    if (client->next)
        client->next->before = client->before;
    client->loop->n_clients--;
}

static void end(struct client *client, bool abort)
{
    struct loop *loop = client->loop;
    if (client->stream.fd < 0)
        return;
    timer_stop(&client->timer);
    loop_forget_again(loop, client);
    inbox_finish(&client->inbox);
    tls_server_unref(client->awaits_tls);
    client->awaits_tls = NULL;
    if (abort)
        stream_abort(&client->stream);
    else
        stream_close(&client->stream);
    unlist(client);
    crowd_leave(loop->crowd, &client->address.any, client->counted_alone);
    count_down(&loop->counters.connections_open);
    loop_retire(loop, &client->retired, release);
}

void client_close(struct client *client)
{
    if (client->exchange)
        exchange_abandon(client->exchange, CAUSE_STOPPED);
    end(client, false);
}

/* --- the PROXY header ------------------------------------------------------------------------- */

static void set_address(struct client *client, const struct sockaddr *address)
{
    char ip[ADDRESS_TEXT];
    if (address->sa_family == AF_INET6)
        memcpy(&client->address.v6, address, sizeof client->address.v6);
    else if (address->sa_family == AF_INET)
        memcpy(&client->address.v4, address, sizeof client->address.v4);
    else
        client->address.any.sa_family = AF_UNIX;
    memccpy(client->ip, address_ip_text(address, ip), 0, sizeof client->ip);
}

/* A peer is told of once; who speaks the protocol wrongly does so on every connection. */
static void refuse_proxy(struct client *client, enum http_cause cause)
{
    struct loop *loop = client->loop;
    const struct http_cause_row *row = &http_causes[cause];
    bool news = crowd_is_news(loop->crowd, row->word, str_of(client->ip), timer_now_ms());
    count(&loop->counters.causes[cause]);
    log_line(loop->log, news ? LOG_WARN : LOG_DEBUG, "closed %s: %.*s: %.*s", client->ip,
             STR_ARG(row->word), STR_ARG(row->prose));
    end(client, false);
}

/* TLS begins, behind the PROXY header where there is one. */
static bool secure(struct client *client)
{
    if (!client->awaits_tls)
        return true;
    int error = stream_secure(&client->stream, tls_server_open(client->awaits_tls));
    tls_server_unref(client->awaits_tls);
    client->awaits_tls = NULL;
    if (error)
        end(client, false);
    return !error;
}

/* The header is there: who the client is, and whether there is room for it. */
static bool take_source(struct client *client, const struct proxy_header *header)
{
    struct loop *loop = client->loop;
    if (header->source == PROXY_SOURCE_ADDRESS)
        set_address(client, (const struct sockaddr *)&header->client.at);
    client->unknown = header->source == PROXY_SOURCE_UNKNOWN;
    if (header->source != PROXY_SOURCE_ADDRESS ||
        crowd_enter_known(loop->crowd, loop->use->plan, &client->address.any,
                          &client->counted_alone))
        return true;
    count(&loop->counters.causes[CAUSE_TOO_MANY_OF_CLIENT]);
    end(client, false);
    return false;
}

/* It is looked at in the socket and taken out whole, so that what follows, TLS or a head, is found
 * there from its first byte on. False: it has not come, or the client is gone. */
static bool take_proxy_header(struct client *client)
{
    struct scratch *scratch = &client->loop->from_clients;
    struct proxy_header header;
    ssize_t n = stream_peek(&client->stream, scratch->p, PROXY_HEADER_MAX);
    if (n == -EAGAIN)
        return false;
    if (n <= 0) { /* a balancer that looks whether the port is open */
        end(client, false);
        return false;
    }
    enum proxy_result result = proxy_header_read((struct str){scratch->p, (size_t)n}, &header);
    if (result == PROXY_FAULT || (result == PROXY_MORE && client->stream.closing)) {
        refuse_proxy(client, CAUSE_PROXY_HEADER);
        return false;
    }
    client->stream.readable = result == PROXY_WHOLE; /* each new byte is an edge */
    if (result == PROXY_MORE)
        return false;
    client->awaits_proxy = false;
    if (stream_read(&client->stream, scratch->p, header.size) == (ssize_t)header.size)
        return take_source(client, &header) && secure(client);
    end(client, false);
    return false;
}

/* --- lingering: a reset must not eat the answer (RFC 9112 §9.6) ------------------------------- */

/* Each byte renews the wait, up to a limit in all. */
static void rest_of_linger(struct client *client)
{
    uint64_t at = timer_now_ms() + LINGER_MS, end = client->linger_end_ms;
    timer_set_at(client->loop->timers, &client->timer, at < end ? at : end);
}

static void linger_on(struct client *client)
{
    struct scratch *scratch = &client->loop->from_clients;
    for (int block = 0; block < LINGER_BLOCKS; block++) {
        ssize_t n = stream_read(&client->stream, scratch->p, scratch->size);
        if (n == -EAGAIN)
            return;
        client->lingered += n > 0 ? (uint32_t)n : 0;
        if (n <= 0 || client->lingered > LINGER_BYTES) {
            end(client, false);
            return;
        }
        rest_of_linger(client);
    }
    loop_again(client->loop, client);
}

static void linger(struct client *client)
{
    client->lingering = true;
    inbox_finish(&client->inbox);
    stream_shut_down(&client->stream);
    client->linger_end_ms = timer_now_ms() + LINGER_ALL_MS;
    rest_of_linger(client);
    linger_on(client);
}

/* --- heads ------------------------------------------------------------------------------------ */

static const struct plan *plan_of(const struct client *client)
{
    return client->loop->use->plan;
}

/* Nothing has come of the next head: the connection is idle, or is not wanted any more. */
static void rest(struct client *client)
{
    if (client->loop->draining && client->served) {
        end(client, false);
        return;
    }
    client->reading = false;
    timer_set(client->loop->timers, &client->timer, plan_of(client)->timeouts.idle);
}

/* A head ends at timeouts.header from its first byte. */
static void wait_for_head(struct client *client)
{
    if (client->reading)
        return;
    client->reading = true;
    timer_set(client->loop->timers, &client->timer, plan_of(client)->timeouts.header);
}

enum progress { WAITS, RUNS, ENDED };

/* Nothing came, or nothing that was understood: TLS may be the reason. */
static enum progress end_unread(struct client *client)
{
    enum tls_fault fault = stream_tls_fault(&client->stream);
    const char *detail = stream_tls_detail(&client->stream);
    if (fault == TLS_PLAIN_PEER) {
        stream_go_plain(&client->stream);
        exchange_refuse(client, CAUSE_PLAIN_ON_TLS);
        return RUNS;
    }
    if (stream_is_opening(&client->stream)) {
        count(&client->loop->counters.causes[CAUSE_CLIENT_TLS]);
        log_line(client->loop->log, LOG_DEBUG, "client %s: the TLS handshake failed: %s",
                 client->ip, detail ? detail : "the connection ended");
    }
    end(client, false); /* between requests, or within a head: there is nobody to answer */
    return ENDED;
}

static enum progress read_more(struct client *client)
{
    const struct limits *limits = &plan_of(client)->limits;
    ssize_t n = inbox_read(&client->inbox, &client->stream, &client->loop->from_clients,
                           limits->header_size + RELAY_BLOCK);
    if (n > 0)
        return RUNS;
    if (n == -EAGAIN) {
        if (stream_is_opening(&client->stream))
            return WAITS; /* its deadline runs since it was accepted */
        if (inbox_is_empty(&client->inbox) || !guard_has_begun(&client->guard))
            rest(client); /* old clients end a body by an empty line too many */
        else if (stream_probe(&client->stream) < 0)
            end(client, false); /* a reset may come with the bytes before it, on one edge */
        else
            wait_for_head(client);
        return client->stream.fd < 0 ? ENDED : WAITS;
    }
    return end_unread(client);
}

/* Finds the next head in what came, and begins its exchange. */
static enum progress next_head(struct client *client)
{
    const struct limits *limits = &plan_of(client)->limits;
    struct guard_limits bounds = {limits->header_size, (uint32_t)limits->headers};
    for (;;) {
        struct str bytes = inbox_str(&client->inbox);
        if (client->guard.at == bytes.n) {
            enum progress progress = read_more(client);
            if (progress != RUNS)
                return progress;
            continue;
        }
        switch (guard_scan(&client->guard, bytes, &bounds)) {
        case GUARD_MORE: continue;
        case GUARD_FAULT:
            exchange_refuse(client, (enum http_cause)client->guard.cause);
            return RUNS;
        case GUARD_WHOLE: exchange_begin(client); return RUNS;
        }
    }
}

void client_run(struct client *client)
{
    if (client->lingering) {
        linger_on(client);
        return;
    }
    if (client->awaits_proxy && !take_proxy_header(client))
        return;
    for (int turn = 0; turn < EXCHANGES_A_TURN; turn++) {
        if (client->stream.fd < 0 || client->exchange || client->lingering)
            return;
        if (next_head(client) == RUNS)
            continue;
        if (client->stream.fd >= 0 && !inbox_settle(&client->inbox))
            end(client, false);
        return;
    }
    if (client->stream.fd < 0 || client->exchange || client->lingering)
        return;
    if (inbox_settle(&client->inbox))
        loop_again(client->loop, client);
    else
        end(client, false);
}

void client_exchange_ended(struct client *client, enum client_end how)
{
    client->exchange = NULL;
    if (client->stream.fd < 0)
        return;
    client->reading = false;
    client->served = true;
    guard_init(&client->guard, GUARD_REQUEST);
    switch (how) {
    case CLIENT_KEEPS: break; /* whoever runs the client goes on with the next head */
    case CLIENT_CLOSES:
        if (stream_say_end(&client->stream))
            end(client, false);
        else
            linger(client); /* until there is room for it */
        break;
    case CLIENT_ABORTS: end(client, true); break;
    case CLIENT_LINGERS: linger(client); break;
    }
}

/* --- events ----------------------------------------------------------------------------------- */

static void on_event(struct stream *stream, short what)
{
    struct client *client = of_stream(stream);
    (void)what;
    loop_enter(client->loop);
    if (client->exchange)
        exchange_event(client->exchange, EVENT_CLIENT);
    else if (client->lingering)
        linger_on(client);
    else if (what & (EV_READ | EV_CLOSED))
        client_run(client);
}

/* The last answer may still lie in the kernel, on its way to a slow reader: as long as it moves,
 * the connection is not idle. */
static bool is_still_writing(struct client *client)
{
    uint32_t unsent = stream_unsent(&client->stream);
    bool moves = unsent && unsent != client->unsent;
    client->unsent = unsent;
    return moves;
}

static void on_time(struct timer *timer)
{
    struct client *client = OWNER_OF(timer, struct client, timer);
    loop_enter(client->loop);
    if (client->exchange)
        exchange_event(client->exchange, EVENT_TIMEOUT);
    else if (client->awaits_proxy)
        refuse_proxy(client, CAUSE_PROXY_HEADER_TIMEOUT);
    else if (stream_is_opening(&client->stream)) {
        count(&client->loop->counters.causes[CAUSE_CLIENT_TLS]);
        end(client, false);
    } else if (client->reading && !client->lingering) {
        exchange_refuse(client, CAUSE_HEAD_TIMEOUT);
        if (client->stream.fd >= 0 && !client->exchange && !client->lingering)
            client_run(client);
    } else if (!client->lingering && client->served && is_still_writing(client))
        rest(client);
    else
        end(client, false);
}

void client_create(struct loop *loop, int fd, const struct sockaddr *address,
                   const struct listener_spec *spec, bool counted_alone)
{
    struct client *client = calloc(1, sizeof *client);
    if (!client || stream_open(&client->stream, loop->base, fd, on_event) < 0) {
        if (!client)
            close(fd);
        crowd_leave(loop->crowd, address, counted_alone);
        free(client);
        return;
    }
    client->stream.writable = true;
    client->timer.fire = on_time;
    client->loop = loop;
    client->tls = spec->tls != NULL;
    client->awaits_proxy = spec->proxy_protocol;
    client->awaits_tls = tls_server_ref(spec->tls);
    client->counted_alone = counted_alone;
    set_address(client, address);
    guard_init(&client->guard, GUARD_REQUEST);
    client->next = loop->clients;
    client->before = &loop->clients;
    if (client->next)
        client->next->before = &client->next;
    loop->clients = client;
    loop->n_clients++;
    loop_wake_clock(loop);
    count(&loop->counters.connections);
    count(&loop->counters.connections_open);
    const struct timeouts *timeouts = &plan_of(client)->timeouts;
    /* A connection that never says anything is as one whose head is late. */
    timer_set(loop->timers, &client->timer,
              client->awaits_proxy || client->tls ? timeouts->header : timeouts->idle);
    if (!client->awaits_proxy)
        secure(client);
    else if (!plan_trusts(plan_of(client), address))
        refuse_proxy(client, CAUSE_PROXY_UNTRUSTED);
}
