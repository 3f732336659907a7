/* The demo's own HTTP server: a thread a connection, one request each. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "corsd/http/framing.h"
#include "corsd/http/guard.h"
#include "demo.h"

enum {
    CONNECTIONS_MAX = 64, /* a thread each; browsers open some that they never use */
    HEAD_MAX = 16 * 1024,
    FIELDS_MAX = 100,
    BODY_MAX = 64 * 1024,
    REQUEST_MS = 10 * 1000, /* from the connection's first moment to the request's last byte */
    ANSWER_MS = 10 * 1000,  /* for each write */
    LINGER_MS = 500,
    PORT_TRIES = 16,
};

struct demo_server {
    demo_handler *handler;
    void *ctx;
    uint16_t port;
    int listeners[2]; /* IPv4 and IPv6; -1: none */
    int stop;         /* an eventfd, readable once the server is to end */
    bool started;     /* the thread below is there */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t quiet; /* connections fell to 0 */
    unsigned connections; /* under lock */
};

struct connection {
    struct demo_server *server;
    int fd;
};

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Waits until the socket is ready for `events`. False at the deadline, or when the server ends. */
static bool wait_for(const struct demo_server *server, int fd, short events, int64_t deadline)
{
    struct pollfd polled[] = {{.fd = server->stop, .events = POLLIN}, {.fd = fd, .events = events}};
    for (;;) {
        int64_t left = deadline - now_ms();
        int n = poll(polled, 2, left > 0 ? (int)left : 0);
        if (n < 0 && errno == EINTR)
            continue;
        return n > 0 && polled[0].revents == 0;
    }
}

/* Some bytes; 0 at the end, at the deadline and where the connection broke. */
static size_t receive(const struct demo_server *server, int fd, char *into, size_t room,
                      int64_t deadline)
{
    while (wait_for(server, fd, POLLIN, deadline)) {
        ssize_t n = recv(fd, into, room, 0);
        if (n >= 0)
            return (size_t)n;
        if (errno != EAGAIN && errno != EINTR)
            break;
    }
    return 0;
}

static bool transmit(const struct demo_call *call, struct str bytes)
{
    int64_t deadline = now_ms() + ANSWER_MS;
    while (bytes.n > 0) {
        ssize_t n = send(call->fd, bytes.p, bytes.n, MSG_NOSIGNAL);
        if (n > 0)
            bytes = str_from(bytes, (size_t)n);
        else if (n < 0 && errno == EAGAIN) {
            if (!wait_for(call->server, call->fd, POLLOUT, deadline))
                return false;
        } else if (n < 0 && errno != EINTR)
            return false;
    }
    return true;
}

/* --- answers ---------------------------------------------------------------------------------- */

static struct str phrase_of(unsigned status)
{
    switch (status) { /* those that corsd itself never answers */
    case 201: return STR("Created");
    case 302: return STR("Found");
    case 401: return STR("Unauthorized");
    default: return http_reason_phrase(status);
    }
}

static void add_start(struct buf *out, unsigned status, struct str fields)
{
    struct str phrase = phrase_of(status);
    buf_printf(out, "HTTP/1.1 %u %.*s\r\nConnection: close\r\n", status, STR_ARG(phrase));
    buf_add(out, fields);
}

void demo_answer(struct demo_call *call, unsigned status, struct str fields, struct str body)
{
    struct buf out = BUF_INIT(4096 + fields.n + body.n);
    add_start(&out, status, fields);
    buf_printf(&out, "Content-Length: %zu\r\n\r\n", body.n);
    if (call->head.method_id != METHOD_HEAD)
        buf_add(&out, body);
    if (!out.failed)
        transmit(call, buf_str(&out)); /* whoever went away misses it */
    buf_finish(&out);
}

void demo_begin(struct demo_call *call, unsigned status, struct str fields)
{
    struct buf out = BUF_INIT(4096 + fields.n);
    add_start(&out, status, fields);
    buf_add(&out, STR("\r\n")); /* no length: it ends with the connection */
    if (!out.failed)
        transmit(call, buf_str(&out));
    buf_finish(&out);
}

void demo_part(struct demo_call *call, struct str bytes)
{
    transmit(call, bytes);
}

bool demo_pause(struct demo_call *call, int ms)
{
    struct pollfd stop = {.fd = call->server->stop, .events = POLLIN};
    int64_t deadline = now_ms() + ms;
    for (int64_t left = ms; left > 0; left = deadline - now_ms()) {
        if (poll(&stop, 1, (int)left) > 0)
            return false;
    }
    return true;
}

/* --- one connection --------------------------------------------------------------------------- */

static void refuse(struct demo_call *call, enum http_cause cause)
{
    const struct http_cause_row *row = &http_causes[cause];
    if (row->status != 0)
        demo_answer(call, row->status, STR("Content-Type: text/plain\r\n"), row->prose);
}

/* The head into `bytes`; *n: all that came, *head: the head's share of it. CAUSE_CLIENT_GONE where
 * it never came whole. */
static enum http_cause read_head(const struct demo_call *call, char *bytes, size_t *n,
                                 struct str *head, int64_t deadline)
{
    const struct guard_limits limits = {.bytes = HEAD_MAX, .fields = FIELDS_MAX};
    struct guard guard;
    guard_init(&guard, GUARD_REQUEST);
    *n = 0;
    for (;;) {
        size_t came = receive(call->server, call->fd, bytes + *n, HEAD_MAX - *n, deadline);
        if (came == 0)
            return *n == HEAD_MAX ? CAUSE_HEAD_TOO_LARGE : CAUSE_CLIENT_GONE;
        *n += came;
        switch (guard_scan(&guard, (struct str){bytes, *n}, &limits)) {
        case GUARD_MORE: break;
        case GUARD_FAULT: return guard.cause;
        case GUARD_WHOLE:
            *head = (struct str){bytes + guard.start, guard.at - guard.start};
            return CAUSE_NONE;
        }
    }
}

/* Reads the body away: nothing here needs it, but an answer sent before it is whole might be lost
 * to a reset. `came`: bytes of it that arrived with the head. */
static enum http_cause skip_body(const struct demo_call *call, uint64_t came, int64_t deadline)
{
    char bytes[4096];
    struct body body;
    enum http_cause cause = framing_of_request(&call->head, &body);
    if (cause != CAUSE_NONE || body.kind == BODY_NONE)
        return cause;
    if (body.kind != BODY_LENGTH)
        return CAUSE_UNKNOWN_CODING;
    if (body.length > BODY_MAX)
        return CAUSE_BODY_TOO_LARGE;
    while (came < body.length) {
        size_t n = receive(call->server, call->fd, bytes, sizeof bytes, deadline);
        if (n == 0)
            return CAUSE_CLIENT_GONE;
        came += n;
    }
    return CAUSE_NONE;
}

static void serve(struct demo_server *server, int fd)
{
    char bytes[HEAD_MAX];
    struct field fields[FIELDS_MAX];
    struct demo_call call = {
        .server = server, .fd = fd, .head = {.fields = fields, .cap = FIELDS_MAX}};
    int64_t deadline = now_ms() + REQUEST_MS;
    size_t n;
    struct str head;
    enum http_cause cause = read_head(&call, bytes, &n, &head, deadline);
    if (cause == CAUSE_NONE)
        cause = message_parse_request(&call.head, head);
    if (cause == CAUSE_NONE)
        cause = skip_body(&call, n - (size_t)(head.p + head.n - bytes), deadline);
    if (cause == CAUSE_NONE) {
        call.query = call.head.target;
        call.path = str_cut(&call.query, '?');
        server->handler(server->ctx, &call);
    } else
        refuse(&call, cause);
    /* Linger, so that bytes still on their way to us do not reset the answer. */
    shutdown(fd, SHUT_WR);
    for (deadline = now_ms() + LINGER_MS; receive(server, fd, bytes, sizeof bytes, deadline) > 0;)
        ;
}

static void *connection_thread(void *arg)
{
    struct connection connection = *(struct connection *)arg;
    struct demo_server *server = connection.server;
    free(arg);
    serve(server, connection.fd);
    close(connection.fd);
    pthread_mutex_lock(&server->lock);
    if (--server->connections == 0)
        pthread_cond_signal(&server->quiet);
    pthread_mutex_unlock(&server->lock);
    return NULL;
}

/* --- the listener ----------------------------------------------------------------------------- */

static bool enter(struct demo_server *server)
{
    pthread_mutex_lock(&server->lock);
    bool room = server->connections < CONNECTIONS_MAX;
    if (room)
        server->connections++;
    pthread_mutex_unlock(&server->lock);
    return room;
}

static void leave(struct demo_server *server)
{
    pthread_mutex_lock(&server->lock);
    server->connections--;
    pthread_mutex_unlock(&server->lock);
}

static void take_connection(struct demo_server *server, int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) {
        if (errno == EMFILE || errno == ENFILE)
            poll(NULL, 0, 50); /* the listener stays readable: do not spin */
        return;
    }
    pthread_t thread;
    struct connection *connection = malloc(sizeof *connection);
    if (!connection || !enter(server)) {
        free(connection);
        close(fd);
        return;
    }
    *connection = (struct connection){server, fd};
    if (pthread_create(&thread, NULL, connection_thread, connection) == 0) {
        pthread_detach(thread);
        return;
    }
    leave(server);
    free(connection);
    close(fd);
}

static void *listener_thread(void *arg)
{
    struct demo_server *server = arg;
    struct pollfd polled[] = {{.fd = server->stop, .events = POLLIN},
                              {.fd = server->listeners[0], .events = POLLIN},
                              {.fd = server->listeners[1], .events = POLLIN}};
    for (;;) {
        if (poll(polled, 3, -1) < 0)
            continue;
        if (polled[0].revents != 0)
            return NULL;
        for (int i = 1; i < 3; i++) {
            if (polled[i].revents != 0)
                take_connection(server, polled[i].fd);
        }
    }
}

/* A listening socket, or a negative errno. */
static int listen_at(const struct sockaddr *at, socklen_t size)
{
    int on = 1;
    int fd = socket(at->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (at->sa_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if (bind(fd, at, size) == 0 && listen(fd, 128) == 0)
        return fd;
    int failure = -errno;
    close(fd);
    return failure;
}

/* Both loopback addresses at one port, so that "localhost" is ours whichever a browser tries. */
static int listen_at_both(int listeners[2], uint16_t *port)
{
    struct sockaddr_in four = {.sin_family = AF_INET,
                               .sin_port = htons(*port),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof four;
    int fd = listen_at((struct sockaddr *)&four, size);
    if (fd < 0)
        return fd;
    getsockname(fd, (struct sockaddr *)&four, &size);
    struct sockaddr_in6 six = {.sin6_family = AF_INET6,
                               .sin6_port = four.sin_port,
                               .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int second = listen_at((struct sockaddr *)&six, sizeof six);
    if (second == -EADDRINUSE) {
        close(fd);
        return second;
    }
    listeners[0] = fd;
    listeners[1] = second < 0 ? -1 : second; /* a machine without IPv6 */
    *port = ntohs(four.sin_port);
    return 0;
}

/* The same, and port 0 means one that is free at both. */
static int listen_both(int listeners[2], uint16_t *port)
{
    uint16_t wanted = *port;
    int failure = listen_at_both(listeners, port);
    for (int i = 0; wanted == 0 && failure == -EADDRINUSE && i < PORT_TRIES; i++)
        failure = listen_at_both(listeners, port);
    return failure;
}

static void close_both(const int listeners[2])
{
    for (int i = 0; i < 2; i++) {
        if (listeners[i] >= 0)
            close(listeners[i]);
    }
}

int demo_port_probe(uint16_t *port, bool *ipv6)
{
    int listeners[2] = {-1, -1};
    int failure = listen_both(listeners, port);
    *ipv6 = listeners[1] >= 0;
    close_both(listeners);
    return failure;
}

/* Signals belong to the main thread, so this one and its children block them all. */
int demo_server_start(struct demo_server *server, demo_handler *handler, void *ctx)
{
    server->handler = handler;
    server->ctx = ctx;
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failure = pthread_create(&server->thread, NULL, listener_thread, server);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    server->started = failure == 0;
    return -failure;
}

int demo_server_create(struct demo_server **out, uint16_t port)
{
    struct demo_server *server = calloc(1, sizeof *server);
    if (!server)
        return -ENOMEM;
    server->listeners[0] = server->listeners[1] = -1;
    pthread_mutex_init(&server->lock, NULL);
    pthread_cond_init(&server->quiet, NULL);
    server->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    server->port = port;
    int failure = server->stop < 0 ? -errno : listen_both(server->listeners, &server->port);
    if (failure == 0)
        *out = server;
    else
        demo_server_destroy(server);
    return failure;
}

static void wait_for_threads(struct demo_server *server)
{
    eventfd_write(server->stop, 1);
    pthread_join(server->thread, NULL);
    pthread_mutex_lock(&server->lock);
    while (server->connections > 0)
        pthread_cond_wait(&server->quiet, &server->lock);
    pthread_mutex_unlock(&server->lock);
}

void demo_server_destroy(struct demo_server *server)
{
    if (!server)
        return;
    if (server->started)
        wait_for_threads(server);
    close_both(server->listeners);
    if (server->stop >= 0)
        close(server->stop);
    pthread_cond_destroy(&server->quiet);
    pthread_mutex_destroy(&server->lock);
    free(server);
}

uint16_t demo_server_port(const struct demo_server *server)
{
    return server->port;
}
