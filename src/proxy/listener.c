/* Accepting: in bounded batches, paused where there is no room. */
#include "corsd/proxy/listener.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include "client.h"
#include "corsd/base/owner.h"

enum { BACKLOG = 4096, ACCEPTS_A_TURN = 64, PAUSE_MS = 50, SAY_MS = 10000 };

struct listener {
    struct event event;
    struct timer timer; /* ends a pause */
    struct listener *next;
    struct loop *loop;
    enum listener_share share;
    uint64_t said_ms;   /* when a pause was last told */
    int fd;
    struct listener_ways ways;
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

static int prepare(int fd, const struct listener_spec *spec, bool share)
{
    int one = 1, zero = 0, family = spec->address.at.ss_family;
    if (family == AF_UNIX)
        return clear_stale(&spec->address);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one); /* accepted sockets inherit it */
    if (family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof zero);
    if (share && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one) < 0)
        return -errno;
    return 0;
}

static int bind_and_listen(int fd, const struct listener_spec *spec)
{
    const struct sockaddr *at = (const struct sockaddr *)&spec->address.at;
    if (bind(fd, at, spec->address.size) < 0)
        return -errno;
    if (spec->has_mode && at->sa_family == AF_UNIX &&
        chmod(((const struct sockaddr_un *)(const void *)at)->sun_path, spec->mode) < 0)
        return -errno;
    return listen(fd, BACKLOG) < 0 ? -errno : 0;
}

int listener_open(const struct listener_spec *spec, bool share)
{
    int fd = socket(spec->address.at.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    int result = prepare(fd, spec, share);
    if (!result)
        result = bind_and_listen(fd, spec);
    if (result) {
        close(fd);
        return result;
    }
    return fd;
}

/* --- accepting -------------------------------------------------------------------------------- */

static void pause_for_a_while(struct listener *listener)
{
    event_del(&listener->event);
    timer_set(listener->loop->timers, &listener->timer, PAUSE_MS);
}

static void resume(struct timer *timer)
{
    struct listener *listener = OWNER_OF(timer, struct listener, timer);
    event_add(&listener->event, NULL);
}

static void take(struct listener *listener, int fd, const struct sockaddr *address)
{
    struct loop *loop = listener->loop;
    bool alone = false;
    /* Behind a balancer the clients are counted, not the balancer: once they are known. */
    if (listener->ways.proxy_protocol)
        crowd_enter_unknown(loop->crowd);
    if (listener->ways.proxy_protocol ||
        crowd_enter(loop->crowd, loop->use->plan, address, &alone)) {
        client_create(loop, fd, address, listener->ways, alone);
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
        int client =
            accept4(listener->fd, (struct sockaddr *)&address, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (client >= 0) {
            take(listener, client, (struct sockaddr *)&address);
            continue;
        }
        if (errno == EAGAIN)
            return false;
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            say_pause(listener, errno);
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

bool loop_listen(struct loop *loop, int fd, enum listener_share share, struct listener_ways ways)
{
    struct listener *listener = calloc(1, sizeof *listener);
    if (!listener)
        return false;
    assert(fd >= 0);
    *listener = (struct listener){.loop = loop, .fd = fd, .share = share, .ways = ways};
    listener->timer.fire = resume;
    if (event_assign(&listener->event, loop->base, fd, EV_READ | EV_PERSIST, on_accept, listener) <
            0 ||
        event_add(&listener->event, NULL) < 0) {
        free(listener);
        return false;
    }
    listener->next = loop->listeners;
    loop->listeners = listener;
    return true;
}

static void stop(struct listener *listener)
{
    timer_stop(&listener->timer);
    event_del(&listener->event);
    if (listener->share != LISTENER_SHARED)
        close(listener->fd);
    free(listener);
}

void listeners_drain(struct loop *loop, bool last)
{
    struct listener **at = &loop->listeners;
    while (*at) {
        struct listener *listener = *at;
        if (listener->share == LISTENER_SHARED_LAST && !last) {
            at = &listener->next;
            continue;
        }
        while (listener->share != LISTENER_SHARED && accept_some(listener, ACCEPTS_A_TURN))
            ;
        *at = listener->next;
        stop(listener);
    }
}

void listeners_stop(struct loop *loop)
{
    while (loop->listeners) {
        struct listener *listener = loop->listeners;
        loop->listeners = listener->next;
        stop(listener);
    }
}
