/* Connects, sends a head, reads heads until the final one, and hangs up. */
#include "wire.h"
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>
#include "corsd/base/buf.h"
#include "corsd/http/guard.h"

struct wire {
    int fd;
    int64_t deadline_ms;
};

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* 0, or an errno: ETIMEDOUT where the deadline came first. */
static int wait_for(const struct wire *wire, short events)
{
    for (;;) {
        int64_t left = wire->deadline_ms - now_ms();
        struct pollfd poll_fd = {.fd = wire->fd, .events = events};
        int ready = left > 0 ? poll(&poll_fd, 1, (int)left) : 0;
        if (ready > 0)
            return 0;
        if (ready == 0)
            return ETIMEDOUT;
        if (errno != EINTR)
            return errno;
    }
}

static int wire_connect(struct wire *wire, const struct address *address)
{
    int error = 0;
    socklen_t size = sizeof error;
    wire->fd = socket(address->at.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (wire->fd < 0)
        return errno;
    if (connect(wire->fd, (const struct sockaddr *)&address->at, address->size) == 0)
        return 0;
    if (errno != EINPROGRESS && errno != EAGAIN)
        return errno;
    error = wait_for(wire, POLLOUT);
    if (error)
        return error;
    return getsockopt(wire->fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
}

static int wire_write(const struct wire *wire, struct str bytes)
{
    while (bytes.n) {
        ssize_t n = send(wire->fd, bytes.p, bytes.n, MSG_NOSIGNAL);
        int error = n >= 0 ? 0 : errno;
        if (n > 0)
            bytes = str_from(bytes, (size_t)n);
        else if (error == EAGAIN)
            error = wait_for(wire, POLLOUT);
        else if (error == EINTR)
            error = 0;
        if (error)
            return error;
    }
    return 0;
}

/* 0 and *n bytes more in buf; ECONNRESET where the server hung up. */
static int wire_read(const struct wire *wire, struct buf *buf)
{
    if (!buf_reserve(buf, 4096))
        return EMSGSIZE;
    for (;;) {
        ssize_t n = recv(wire->fd, buf->p + buf->n, 4096, 0);
        if (n > 0) {
            buf->n += (size_t)n;
            return 0;
        }
        int error = n == 0 ? ECONNRESET : errno;
        if (error == EAGAIN)
            error = wait_for(wire, POLLIN);
        if (error && error != EINTR)
            return error;
    }
}

/* A 1xx: the final answer is still to come (RFC 9110 §15.2). */
static bool is_interim(struct str head)
{
    return head.n > 9 && head.p[9] == '1';
}

/* Reads up to the end of the final head. 0 and *out, a view into buf; EPROTO where it is no HTTP.
 */
static int read_final(const struct wire *wire, struct buf *buf, struct str *out)
{
    static const struct guard_limits limits = {WIRE_HEAD_MAX, 200};
    struct guard guard;
    size_t start = 0;
    guard_init(&guard, GUARD_RESPONSE);
    for (;;) {
        struct str bytes = str_from(buf_str(buf), start);
        enum guard_result result = guard_scan(&guard, bytes, &limits);
        if (result == GUARD_FAULT)
            return EPROTO;
        if (result == GUARD_MORE) {
            int error = wire_read(wire, buf);
            if (error)
                return error;
            continue;
        }
        *out = str_head(bytes, guard.at);
        if (!is_interim(*out))
            return 0;
        start += guard.at;
        guard_init(&guard, GUARD_RESPONSE);
    }
}

static struct str reason(struct arena *arena, int error, unsigned patience_ms)
{
    char text[128];
    if (error == EPROTO)
        return STR("the answer is not clean HTTP/1.1");
    if (error == EMSGSIZE)
        return STR("the answer's head is beyond 64 KiB");
    if (error == ECONNRESET)
        return STR("the server hung up without an answer");
    if (error != ETIMEDOUT)
        return arena_copy(arena, str_of(strerror_r(error, text, sizeof text)));
    snprintf(text, sizeof text, "no answer within %u seconds", patience_ms / 1000);
    return arena_copy(arena, str_of(text));
}

static struct wire wire_to(const struct wire_target *target)
{
    return (struct wire){.fd = -1, .deadline_ms = now_ms() + target->patience_ms};
}

static void wire_close(struct wire *wire)
{
    if (wire->fd >= 0)
        close(wire->fd);
}

int wire_reach(const struct wire_target *target)
{
    struct wire wire = wire_to(target);
    int error = wire_connect(&wire, &target->address);
    wire_close(&wire);
    return error;
}

bool wire_ask(void *ctx, struct str request, struct arena *arena, struct str *answer)
{
    const struct wire_target *target = ctx;
    struct wire wire = wire_to(target);
    struct buf buf = BUF_INIT(4 * WIRE_HEAD_MAX);
    struct str head;
    int error = wire_connect(&wire, &target->address);
    if (!error)
        error = wire_write(&wire, request);
    if (!error || error == EPIPE || error == ECONNRESET) /* an early answer counts */
        error = read_final(&wire, &buf, &head);
    if (!error) {
        *answer = arena_copy(arena, head);
        error = answer->p ? 0 : ENOMEM;
    }
    if (error)
        *answer = reason(arena, error, target->patience_ms);
    wire_close(&wire);
    buf_finish(&buf);
    return !error;
}
