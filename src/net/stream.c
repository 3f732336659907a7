/* Edge-triggered sockets: which call may tell that a side is drained. */
#include "corsd/net/stream.h"
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include "corsd/base/address.h"
#include "tls.h"

static void on_edge(evutil_socket_t fd, short what, void *arg)
{
    struct stream *stream = arg;
    (void)fd;
    if (what & EV_CLOSED)
        stream->closing = true;
    if (stream->tls) {
        stream->on_event(stream, tls_edge(stream, what));
        return;
    }
    if (what & (EV_READ | EV_CLOSED))
        stream->readable = true;
    if (what & EV_WRITE)
        stream->writable = true;
    stream->on_event(stream, what);
}

int stream_open(struct stream *stream, struct event_base *base, int fd,
                void (*on_event)(struct stream *, short what))
{
    *stream = (struct stream){.fd = fd, .on_event = on_event};
    if (event_assign(&stream->event, base, fd, EV_READ | EV_WRITE | EV_CLOSED | EV_ET | EV_PERSIST,
                     on_edge, stream) == 0 &&
        event_add(&stream->event, NULL) == 0)
        return 0;
    int error = errno ? errno : ENOMEM;
    close(fd);
    stream->fd = -1;
    return -error;
}

int stream_dial(struct stream *stream, struct event_base *base, const struct address *address,
                void (*on_event)(struct stream *, short what))
{
    int one = 1, family = address->at.ss_family;
    *stream = (struct stream){.fd = -1};
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (family != AF_UNIX)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    int result = connect(fd, (const struct sockaddr *)&address->at, address->size);
    if (result < 0 && errno != EINPROGRESS) {
        int error = -errno;
        close(fd);
        return error;
    }
    int error = stream_open(stream, base, fd, on_event);
    stream->writable = !error && result == 0;
    return error;
}

static void finish(struct stream *stream, bool abort)
{
    if (stream->fd < 0)
        return;
    if (stream->tls)
        tls_close(stream, abort);
    event_del(&stream->event);
    close(stream->fd);
    stream->fd = -1;
    stream->readable = stream->writable = false;
}

void stream_close(struct stream *stream)
{
    finish(stream, false);
}

void stream_abort(struct stream *stream)
{
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    if (stream->fd >= 0)
        setsockopt(stream->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    finish(stream, true);
}

ssize_t stream_read(struct stream *stream, void *bytes, size_t size)
{
    if (stream->ended)
        return 0;
    if (stream->tls)
        return tls_read(stream, bytes, size);
    if (!stream->readable)
        return -EAGAIN;
    ssize_t n;
    do
        n = recv(stream->fd, bytes, size, 0);
    while (n < 0 && errno == EINTR);
    if (n < 0) {
        if (errno == EAGAIN)
            stream->readable = false;
        return -errno;
    }
    if (n == 0 && stream->error)
        return -stream->error; /* what looks like an end was a reset */
    if (n == 0)
        stream->ended = true;
    else if ((size_t)n < size && !stream->closing)
        stream->readable = false; /* drained: the next byte brings an edge */
    return n;
}

ssize_t stream_peek(struct stream *stream, void *bytes, size_t size)
{
    if (!stream->readable)
        return -EAGAIN;
    ssize_t n;
    do
        n = recv(stream->fd, bytes, size, MSG_PEEK);
    while (n < 0 && errno == EINTR);
    if (n >= 0)
        return n;
    if (errno == EAGAIN)
        stream->readable = false;
    return -errno;
}

ssize_t stream_write(struct stream *stream, const struct iovec *parts, int n)
{
    struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)parts, .msg_iovlen = (size_t)n};
    ssize_t sent;
    if (stream->tls)
        return tls_write(stream, parts, n);
    if (!stream->writable)
        return -EAGAIN;
    do
        sent = n == 1 ? send(stream->fd, parts->iov_base, parts->iov_len, MSG_NOSIGNAL)
                      : sendmsg(stream->fd, &message, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    if (sent >= 0)
        return sent;
    if (errno == EAGAIN)
        stream->writable = false;
    return -errno;
}

bool stream_shut_down(struct stream *stream)
{
    if (stream->fd >= 0 && stream->tls)
        return tls_shut_down(stream);
    if (stream->fd >= 0)
        shutdown(stream->fd, SHUT_WR);
    return true;
}

bool stream_say_end(struct stream *stream)
{
    return !stream->tls || tls_say_end(stream);
}

int stream_probe(struct stream *stream)
{
    int error =
        0; /* a reset stands behind the bytes that came before it: peeking would see these */
    socklen_t size = sizeof error;
    if (stream->fd < 0)
        return -EBADF;
    if (getsockopt(stream->fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error)
        stream->error = error;
    return -stream->error;
}

bool stream_is_drained(struct stream *stream)
{
    char byte;
    if (stream->fd >= 0 && stream->tls)
        return tls_is_drained(stream);
    return stream->fd >= 0 && recv(stream->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
           errno == EAGAIN;
}

uint32_t stream_unsent(struct stream *stream)
{
    int unsent = 0;
    if (stream->fd < 0 || ioctl(stream->fd, TIOCOUTQ, &unsent) < 0 || unsent < 0)
        return 0;
    return (uint32_t)unsent;
}

int stream_connected(struct stream *stream)
{
    int error = 0;
    socklen_t size = sizeof error;
    /* Once it has begun, what ends it may stand behind an alert: reading tells. */
    if (stream->tls && tls_has_begun(stream))
        return tls_shake_hands(stream);
    if (getsockopt(stream->fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
        return -errno;
    if (error || !stream->writable)
        return error ? -error : -EAGAIN;
    return stream->tls ? tls_shake_hands(stream) : 0;
}

void stream_look_again(struct stream *stream)
{
    stream->readable = true;
    if (stream->tls)
        tls_look_again(stream);
}
