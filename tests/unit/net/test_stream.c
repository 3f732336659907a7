/* Edge-triggered sockets, over socket pairs and a loopback connection. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <unistd.h>
#include <criterion/criterion.h>
#include "corsd/net/stream.h"

struct ends {
    struct event_base *base;
    struct stream stream;
    int peer;
    unsigned events;
};

static struct ends *ends_of; /* one a test */

static void on_event(struct stream *stream, short what)
{
    cr_assert_eq(stream, &ends_of->stream);
    cr_assert(what & (EV_READ | EV_WRITE | EV_CLOSED));
    ends_of->events++;
}

static void begin(struct ends *ends)
{
    int pair[2];
    *ends = (struct ends){.base = event_base_new()};
    ends_of = ends;
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    ends->peer = pair[1];
    cr_assert_eq(stream_open(&ends->stream, ends->base, pair[0], on_event), 0);
}

static void end(struct ends *ends)
{
    stream_close(&ends->stream);
    if (ends->peer >= 0)
        close(ends->peer);
    event_base_free(ends->base);
}

static void turn(struct ends *ends)
{
    event_base_loop(ends->base, EVLOOP_NONBLOCK);
}

static void say(struct ends *ends, const char *text)
{
    cr_assert_eq(send(ends->peer, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

static ssize_t write_text(struct stream *stream, const char *text)
{
    struct iovec part = {(char *)(uintptr_t)text, strlen(text)};
    return stream_write(stream, &part, 1);
}

Test(stream, says_nothing_before_its_first_event)
{
    struct ends ends;
    char bytes[8];
    begin(&ends);
    say(&ends, "a");
    cr_expect_eq(stream_read(&ends.stream, bytes, sizeof bytes), -EAGAIN);
    cr_expect_eq(write_text(&ends.stream, "a"), -EAGAIN);
    turn(&ends);
    cr_expect(ends.stream.readable && ends.stream.writable);
    cr_expect_eq(stream_read(&ends.stream, bytes, sizeof bytes), 1);
    cr_expect_eq(write_text(&ends.stream, "a"), 1);
    end(&ends);
}

Test(stream, a_short_read_means_drained)
{
    struct ends ends;
    char bytes[8];
    begin(&ends);
    say(&ends, "abcde");
    turn(&ends);
    cr_expect_eq(stream_read(&ends.stream, bytes, 5), 5);
    cr_expect(ends.stream.readable, "a full read tells nothing");
    cr_expect_eq(stream_read(&ends.stream, bytes, 5), -EAGAIN);
    cr_expect_not(ends.stream.readable);
    say(&ends, "fg");
    turn(&ends);
    cr_expect_eq(stream_read(&ends.stream, bytes, 5), 2);
    cr_expect_not(ends.stream.readable, "drained, and no read was needed to know");
    say(&ends, "h");
    turn(&ends);
    cr_expect_eq(stream_read(&ends.stream, bytes, 5), 1, "the next byte brings an edge");
    end(&ends);
}

Test(stream, a_bit_outlives_its_edge)
{
    struct ends ends;
    char bytes[8];
    begin(&ends);
    say(&ends, "abc");
    turn(&ends);
    unsigned events = ends.events;
    turn(&ends);
    turn(&ends);
    cr_expect_eq(ends.events, events, "an edge comes once");
    cr_expect_eq(stream_read(&ends.stream, bytes, 8), 3, "what was paused goes on without one");
    end(&ends);
}

Test(stream, is_read_to_the_end)
{
    struct ends ends;
    char bytes[8];
    begin(&ends);
    say(&ends, "abc");
    shutdown(ends.peer, SHUT_WR);
    turn(&ends);
    cr_expect(ends.stream.closing);
    cr_expect_eq(stream_read(&ends.stream, bytes, 8), 3);
    cr_expect(ends.stream.readable, "a short read tells nothing once the peer has ended");
    cr_expect_eq(stream_read(&ends.stream, bytes, 8), 0);
    cr_expect(ends.stream.ended);
    cr_expect_eq(stream_read(&ends.stream, bytes, 8), 0, "and again");
    cr_expect_eq(write_text(&ends.stream, "still"), 5, "our side goes on");
    cr_expect_eq(stream_probe(&ends.stream), 0, "half-closed is alive");
    cr_expect_eq(recv(ends.peer, bytes, 8, 0), 5);
    end(&ends);
}

Test(stream, shut_down_ends_our_side_alone)
{
    struct ends ends;
    char bytes[8];
    begin(&ends);
    turn(&ends);
    stream_shut_down(&ends.stream);
    cr_expect_eq(recv(ends.peer, bytes, 8, 0), 0);
    say(&ends, "abc");
    turn(&ends);
    cr_expect_eq(stream_read(&ends.stream, bytes, 8), 3);
    cr_expect_eq(write_text(&ends.stream, "x"), -EPIPE, "and no signal");
    end(&ends);
}

Test(stream, writes_until_there_is_no_room)
{
    struct ends ends;
    static char block[100000];
    begin(&ends);
    turn(&ends);
    size_t written = 0, got = 0;
    struct iovec parts[2] = {{block, 70000}, {block, 30000}};
    ssize_t n;
    while ((n = stream_write(&ends.stream, parts, 2)) > 0)
        written += (size_t)n;
    cr_expect_eq(n, -EAGAIN);
    cr_expect_not(ends.stream.writable);
    cr_expect_eq(stream_write(&ends.stream, parts, 2), -EAGAIN, "without a system call");
    while (got < written && (n = recv(ends.peer, block, sizeof block, 0)) > 0)
        got += (size_t)n;
    cr_expect_eq(got, written);
    turn(&ends);
    cr_expect(ends.stream.writable, "room brings an edge");
    cr_expect_eq(write_text(&ends.stream, "x"), 1);
    end(&ends);
}

Test(stream, a_peer_that_is_gone)
{
    struct ends ends;
    begin(&ends);
    turn(&ends);
    close(ends.peer);
    ends.peer = -1;
    turn(&ends);
    cr_expect(ends.stream.closing);
    cr_expect_eq(write_text(&ends.stream, "x"), -EPIPE);
    end(&ends);
}

Test(stream, drained)
{
    struct ends ends;
    char bytes[8];
    begin(&ends);
    turn(&ends);
    cr_expect(stream_is_drained(&ends.stream));
    say(&ends, "ab");
    cr_expect_not(stream_is_drained(&ends.stream));
    turn(&ends);
    cr_expect_eq(stream_read(&ends.stream, bytes, 8), 2);
    cr_expect(stream_is_drained(&ends.stream));
    shutdown(ends.peer, SHUT_WR);
    cr_expect_not(stream_is_drained(&ends.stream), "an end is something");
    end(&ends);
}

Test(stream, unsent)
{
    struct ends ends;
    begin(&ends);
    turn(&ends);
    cr_expect_eq(stream_unsent(&ends.stream), 0);
    cr_expect_eq(write_text(&ends.stream, "abc"), 3);
    cr_expect_gt(stream_unsent(&ends.stream), 0);
    stream_close(&ends.stream);
    cr_expect_eq(stream_unsent(&ends.stream), 0, "that cannot be known");
    end(&ends);
}

Test(stream, closed_is_closed)
{
    struct ends ends;
    char bytes[8];
    begin(&ends);
    say(&ends, "x");
    turn(&ends);
    stream_close(&ends.stream);
    stream_close(&ends.stream);
    cr_expect_eq(ends.stream.fd, -1);
    cr_expect_eq(stream_read(&ends.stream, bytes, 8), -EAGAIN);
    cr_expect_eq(write_text(&ends.stream, "x"), -EAGAIN);
    cr_expect_lt(stream_probe(&ends.stream), 0);
    stream_shut_down(&ends.stream);
    stream_abort(&ends.stream);
    end(&ends);
}

/* --- loopback: what a unix socket does not do ---------------------------------------------------
 */

static void begin_tcp(struct ends *ends)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    int listener = socket(AF_INET, SOCK_STREAM, 0), fd = socket(AF_INET, SOCK_STREAM, 0);
    *ends = (struct ends){.base = event_base_new()};
    ends_of = ends;
    cr_assert_eq(bind(listener, (struct sockaddr *)&at, sizeof at), 0);
    cr_assert_eq(listen(listener, 1), 0);
    cr_assert_eq(getsockname(listener, (struct sockaddr *)&at, &size), 0);
    cr_assert_eq(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
    ends->peer = accept(listener, NULL, NULL);
    close(listener);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    cr_assert_eq(stream_open(&ends->stream, ends->base, fd, on_event), 0);
    turn(ends);
}

Test(stream, an_abort_is_a_reset)
{
    struct ends ends;
    char bytes[8];
    begin_tcp(&ends);
    cr_expect_eq(stream_connected(&ends.stream), 0);
    stream_abort(&ends.stream);
    cr_expect_eq(recv(ends.peer, bytes, 8, 0), -1);
    cr_expect_eq(errno, ECONNRESET);
    end(&ends);
}

Test(stream, a_close_is_an_end)
{
    struct ends ends;
    char bytes[8];
    begin_tcp(&ends);
    cr_expect_eq(write_text(&ends.stream, "ab"), 2);
    stream_close(&ends.stream);
    cr_expect_eq(recv(ends.peer, bytes, 8, 0), 2);
    cr_expect_eq(recv(ends.peer, bytes, 8, 0), 0);
    end(&ends);
}

Test(stream, a_reset_is_probed_and_read)
{
    struct ends ends;
    struct linger now = {.l_onoff = 1};
    char bytes[8];
    begin_tcp(&ends);
    cr_expect_eq(stream_probe(&ends.stream), 0);
    setsockopt(ends.peer, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close(ends.peer);
    ends.peer = -1;
    cr_expect_eq(stream_probe(&ends.stream), -ECONNRESET);
    turn(&ends);
    cr_expect_eq(stream_read(&ends.stream, bytes, 8), -ECONNRESET, "no end, though probed before");
    cr_expect_eq(stream_probe(&ends.stream), -ECONNRESET, "and probed again");
    end(&ends);
}

Test(stream, a_refused_connection)
{
    struct ends ends = {.base = event_base_new(), .peer = -1};
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    int taken = socket(AF_INET, SOCK_STREAM, 0),
        fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    ends_of = &ends;
    cr_assert_eq(bind(taken, (struct sockaddr *)&at, sizeof at), 0); /* and nobody listens */
    cr_assert_eq(getsockname(taken, (struct sockaddr *)&at, &size), 0);
    cr_assert_eq(connect(fd, (struct sockaddr *)&at, sizeof at), -1);
    cr_assert_eq(stream_open(&ends.stream, ends.base, fd, on_event), 0);
    turn(&ends);
    cr_expect_eq(stream_connected(&ends.stream), -ECONNREFUSED);
    close(taken);
    end(&ends);
}
