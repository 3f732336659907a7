/* Accepting: in bounded batches, paused where there is no room; and the end of it without loss. */
#include "corsd/proxy/listener.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include "client.h"
#include "corsd/base/owner.h"

enum {
    BACKLOG = 4096,
    ACCEPTS_A_TURN = 64,
    PAUSE_MS = 50,
    SAY_MS = 10000,
    LEAVE_MS = 200, /* in which handshakes that have begun come to their end */
};

struct listener {
    struct event event;
    struct timer timer; /* ends a pause; when leaving, the time that handshakes have */
    struct listener *next;
    struct loop *loop;
    struct listen_socket *socket;
    struct plan *plan;  /* with a reference: it holds the spec */
    const struct listener_spec *spec;
    uint64_t said_ms;   /* when a pause was last told */
    bool paused;
    bool leaving;       /* its queue is being emptied, for good */
    bool kept;          /* while a plan is taken: it is in it */
};

/* --- opening ---------------------------------------------------------------------------------- */

/* A file left by a process that died would be in the way; one somebody listens on is not touched.
 */
static int clear_stale(const struct address *address)
{
    const struct sockaddr_un *un = (const struct sockaddr_un *)&address->at;
    struct stat stat_;
    if (lstat(un->sun_path, &stat_) < 0 || !S_ISSOCK(stat_.st_mode))
        return 0; /* bind tells what is wrong */
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    int result = connect(fd, (const struct sockaddr *)&address->at, address->size);
    int error = errno;
    close(fd);
    if (result == 0 || error == EAGAIN)
        return -EADDRINUSE;
    if (error == ECONNREFUSED)
        unlink(un->sun_path);
    return 0;
}

static int prepare(int fd, const struct address *address, bool share)
{
    int one = 1, zero = 0, family = address->at.ss_family;
    if (family == AF_UNIX)
        return clear_stale(address);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one); /* accepted sockets inherit it */
    if (family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof zero);
    if (share && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one) < 0)
        return -errno;
    return 0;
}

static int bind_it(int fd, const struct listener_spec *spec, const struct address *address)
{
    const struct sockaddr *at = (const struct sockaddr *)&address->at;
    if (bind(fd, at, address->size) < 0)
        return -errno;
    if (spec->has_mode && at->sa_family == AF_UNIX &&
        chmod(((const struct sockaddr_un *)(const void *)at)->sun_path, spec->mode) < 0)
        return -errno;
    return 0;
}

int listener_bind(const struct listener_spec *spec, const struct address *address, bool share)
{
    int fd = socket(address->at.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    int result = prepare(fd, address, share);
    if (!result)
        result = bind_it(fd, spec, address);
    if (result) {
        close(fd);
        return result;
    }
    return fd;
}

struct listen_socket *listen_socket_open(int fd, bool passed, int *error)
{
    struct listen_socket *socket = malloc(sizeof *socket);
    *error = !socket ? -ENOMEM : !passed && listen(fd, BACKLOG) < 0 ? -errno : 0;
    if (*error) {
        close(fd);
        free(socket);
        return NULL;
    }
    *socket = (struct listen_socket){.fd = fd, .passed = passed, .refs = 1};
    return socket;
}

struct listen_socket *listen_socket_ref(struct listen_socket *socket)
{
    __atomic_fetch_add(&socket->refs, 1, __ATOMIC_RELAXED);
    return socket;
}

void listen_socket_unref(struct listen_socket *socket)
{
    if (!socket || __atomic_sub_fetch(&socket->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    close(socket->fd);
    free(socket);
}

/* --- accepting -------------------------------------------------------------------------------- */

static void pause_for_a_while(struct listener *listener)
{
    listener->paused = true;
    event_del(&listener->event);
    timer_set(listener->loop->timers, &listener->timer, PAUSE_MS);
}

static void take(struct listener *listener, int fd, const struct sockaddr *address)
{
    struct loop *loop = listener->loop;
    bool alone = false;
    /* Behind a balancer the clients are counted, not the balancer: once they are known. */
    if (listener->spec->proxy_protocol)
        crowd_enter_unknown(loop->crowd);
    if (listener->spec->proxy_protocol ||
        crowd_enter(loop->crowd, loop->use->plan, address, &alone)) {
        client_create(loop, fd, address, listener->spec, alone);
        return;
    }
    count(&loop->counters.causes[CAUSE_TOO_MANY_OF_CLIENT]);
    close(fd);
}

static void say_pause(struct listener *listener, int error)
{
    uint64_t now = timer_now_ms();
    if (now - listener->said_ms < SAY_MS)
        return;
    listener->said_ms = now;
    log_line(listener->loop->log, LOG_WARN, "accepting pauses: %s", strerror(error));
}

/* Accepts up to `most` connections; false: there are no more, or no room. */
static bool accept_some(struct listener *listener, int most)
{
    struct loop *loop = listener->loop;
    for (int i = 0; i < most; i++) {
        struct sockaddr_storage address = {.ss_family = AF_UNIX};
        socklen_t size = sizeof address;
        if (crowd_is_full(loop->crowd, loop->use->plan)) {
            pause_for_a_while(listener);
            return false;
        }
        int client = accept4(listener->socket->fd, (struct sockaddr *)&address, &size,
                             SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (client >= 0) {
            take(listener, client, (struct sockaddr *)&address);
            continue;
        }
        if (errno == EAGAIN)
            return false;
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            say_pause(listener, errno);
            crowd_fill_reserve(loop->crowd);
            pause_for_a_while(listener);
            return false;
        }
        /* What remains happened to one connection (accept(2)): the next may be fine. */
    }
    return true;
}

static void on_accept(evutil_socket_t fd, short what, void *arg)
{
    struct listener *listener = arg;
    (void)fd;
    (void)what;
    loop_enter(listener->loop);
    accept_some(listener, ACCEPTS_A_TURN);
}

/* --- the end of a listener -------------------------------------------------------------------- */

static void stop(struct listener *listener)
{
    struct listener **at = &listener->loop->listeners;
    while (*at != listener)
        at = &(*at)->next;
    *at = listener->next;
    timer_stop(&listener->timer);
    event_del(&listener->event);
    listen_socket_unref(listener->socket);
    plan_unref(listener->plan);
    free(listener);
}

/* Packets that would begin a new connection are dropped from here on: their senders try again in a
 * second, and find who listens then. The rest of a handshake gets through. Other sockets than TCP
 * know no such packets; who connects there needs the path, and that is gone. */
static void shut_to_new(const struct listen_socket *socket)
{
    enum { FLAGS = 13, SYN = 0x02, ACK = 0x10 }; /* RFC 9293 §3.1; the filter sees the TCP header */
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, FLAGS),
        BPF_STMT(BPF_ALU | BPF_AND | BPF_K, SYN | ACK),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYN, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, 0),
        BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
    };
    struct sock_fprog program = {.len = sizeof code / sizeof *code, .filter = code};
    int protocol = 0;
    socklen_t size = sizeof protocol;
    if (getsockopt(socket->fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size) == 0 &&
        protocol == IPPROTO_TCP)
        setsockopt(socket->fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
}

/* All that is queued is taken, and the socket closed with nothing between; where there is no room,
 * accepting has paused and comes back here. */
static void empty_and_stop(struct listener *listener)
{
    while (accept_some(listener, ACCEPTS_A_TURN))
        ;
    if (!listener->paused)
        stop(listener);
}

static void leave(struct listener *listener)
{
    if (listener->leaving)
        return;
    if (listener->socket->passed) {
        stop(listener);
        return;
    }
    listener->leaving = true;
    shut_to_new(listener->socket);
    if (!listener->paused) /* else it goes on with its leaving when the pause is over */
        timer_set(listener->loop->timers, &listener->timer, LEAVE_MS);
}

static void on_time(struct timer *timer)
{
    struct listener *listener = OWNER_OF(timer, struct listener, timer);
    loop_enter(listener->loop);
    if (listener->paused && crowd_lends_reserve(listener->loop->crowd)) {
        timer_set(listener->loop->timers, timer, PAUSE_MS); /* it would take what is lent */
        return;
    }
    if (listener->paused) {
        listener->paused = false;
        event_add(&listener->event, NULL);
    }
    if (listener->leaving)
        empty_and_stop(listener);
}

void listeners_leave(struct loop *loop)
{
    for (struct listener *listener = loop->listeners, *next; listener; listener = next) {
        next = listener->next;
        leave(listener);
    }
}

void listeners_stop(struct loop *loop)
{
    while (loop->listeners)
        stop(loop->listeners);
}

/* --- the listeners of a plan ------------------------------------------------------------------ */

static struct listener *listener_create(struct loop *loop, struct listen_socket *socket)
{
    struct listener *listener = calloc(1, sizeof *listener);
    if (!listener)
        return NULL;
    *listener = (struct listener){.loop = loop, .socket = listen_socket_ref(socket)};
    listener->timer.fire = on_time;
    listener->next = loop->listeners;
    loop->listeners = listener;
    if (event_assign(&listener->event, loop->base, socket->fd, EV_READ | EV_PERSIST, on_accept,
                     listener) == 0 &&
        event_add(&listener->event, NULL) == 0)
        return listener;
    stop(listener);
    return NULL;
}

static struct listener *listener_of(const struct loop *loop, const struct listen_socket *socket)
{
    struct listener *listener = loop->listeners;
    while (listener && (listener->socket != socket || listener->leaving))
        listener = listener->next;
    return listener;
}

bool loop_listen(struct loop *loop, const struct listen_item *items, size_t n, struct plan *plan)
{
    bool ok = true;
    for (size_t i = 0; i < n; i++) {
        struct listener *listener = listener_of(loop, items[i].socket);
        if (!listener)
            listener = listener_create(loop, items[i].socket);
        if (!listener) {
            log_line(loop->log, LOG_ERROR, "out of memory: a worker does not listen on %.*s",
                     STR_ARG(plan->listeners[items[i].spec].text));
            ok = false;
            continue;
        }
        plan_ref(plan);
        plan_unref(listener->plan);
        listener->plan = plan;
        listener->spec = &plan->listeners[items[i].spec];
        listener->kept = true;
    }
    for (struct listener *listener = loop->listeners, *next; listener; listener = next) {
        next = listener->next;
        if (!listener->kept)
            leave(listener);
        listener->kept = false;
    }
    return ok;
}
