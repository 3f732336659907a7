/* Bytes that wait: borrowed first, owned when they must stay. */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <criterion/criterion.h>
#include "../../../src/proxy/inbox.h"

enum { SCRATCH = 4096 };

struct ends {
    struct event_base *base;
    struct stream stream;
    int peer;
    char bytes[SCRATCH];
    struct scratch scratch;
    struct inbox inbox;
};

static void on_event(struct stream *stream, short what)
{
    (void)stream;
    (void)what;
}

static void begin(struct ends *ends)
{
    int pair[2];
    memset(ends, 0, sizeof *ends);
    ends->base = event_base_new();
    ends->scratch = (struct scratch){ends->bytes, SCRATCH};
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    ends->peer = pair[1];
    cr_assert_eq(stream_open(&ends->stream, ends->base, pair[0], on_event), 0);
}

static void end(struct ends *ends)
{
    inbox_finish(&ends->inbox);
    stream_close(&ends->stream);
    close(ends->peer);
    event_base_free(ends->base);
}

static ssize_t come(struct ends *ends, const char *text, size_t max)
{
    cr_assert_eq(send(ends->peer, text, strlen(text), 0), (ssize_t)strlen(text));
    event_base_loop(ends->base, EVLOOP_NONBLOCK);
    return inbox_read(&ends->inbox, &ends->stream, &ends->scratch, max);
}

static void expect_waiting(struct ends *ends, const char *text)
{
    struct str waiting = inbox_str(&ends->inbox);
    cr_expect(str_eq(waiting, str_of(text)), "%.*s, not %s", STR_ARG(waiting), text);
}

Test(inbox, borrows_where_nothing_waits)
{
    struct ends ends;
    begin(&ends);
    cr_expect(inbox_is_empty(&ends.inbox));
    cr_expect_eq(come(&ends, "hello", 100), 5);
    cr_expect_eq(ends.inbox.p, ends.bytes);
    expect_waiting(&ends, "hello");
    inbox_take(&ends.inbox, 2);
    expect_waiting(&ends, "llo");
    inbox_take(&ends.inbox, 3);
    cr_expect(inbox_is_empty(&ends.inbox));
    cr_expect_null(ends.inbox.p);
    end(&ends);
}

Test(inbox, settles_what_is_left)
{
    struct ends ends;
    begin(&ends);
    cr_expect(inbox_settle(&ends.inbox), "nothing waits, nothing is to be done");
    cr_expect_null(ends.inbox.p);
    come(&ends, "hello", 100);
    inbox_take(&ends.inbox, 2);
    cr_expect(inbox_settle(&ends.inbox));
    memset(ends.bytes, 'x', SCRATCH);
    expect_waiting(&ends, "llo");
    char *own = ends.inbox.p;
    cr_expect(inbox_settle(&ends.inbox));
    cr_expect_eq(ends.inbox.p, own, "once is enough");
    end(&ends);
}

Test(inbox, reads_behind_what_waits)
{
    struct ends ends;
    begin(&ends);
    come(&ends, "hello", 100);
    inbox_take(&ends.inbox, 2);
    cr_expect_eq(come(&ends, " world", 100), 6);
    memset(ends.bytes, 'x', SCRATCH);
    expect_waiting(&ends, "llo world");
    end(&ends);
}

Test(inbox, grows_to_its_maximum_and_no_further)
{
    enum { MAX = 5000 };
    struct ends ends;
    char block[501];
    ssize_t n;
    begin(&ends);
    memset(block, 'a', 500);
    block[500] = 0;
    size_t sent = 0;
    while (sent < 2 * MAX) {
        n = come(&ends, block, MAX);
        sent += 500;
        if (n == -ENOBUFS)
            break;
        cr_assert_gt(n, 0);
    }
    cr_expect_eq(n, -ENOBUFS);
    cr_expect_eq(inbox_str(&ends.inbox).n, MAX);
    inbox_take(&ends.inbox, 4990);
    ends.inbox.p[ends.inbox.at] = 'b';
    cr_expect_gt(inbox_read(&ends.inbox, &ends.stream, &ends.scratch, MAX), 0,
                 "what was taken gives room");
    struct str waiting = inbox_str(&ends.inbox);
    cr_expect_eq(waiting.p[0], 'b');
    for (size_t i = 1; i < waiting.n; i++)
        cr_expect_eq(waiting.p[i], 'a');
    end(&ends);
}

Test(inbox, reads_no_more_than_max_into_the_scratch)
{
    struct ends ends;
    begin(&ends);
    cr_expect_eq(come(&ends, "hello", 3), 3);
    expect_waiting(&ends, "hel");
    end(&ends);
}

Test(inbox, tells_of_the_end_and_keeps_what_waits)
{
    struct ends ends;
    begin(&ends);
    come(&ends, "hello", 100);
    cr_expect_eq(inbox_read(&ends.inbox, &ends.stream, &ends.scratch, 100), -EAGAIN);
    shutdown(ends.peer, SHUT_WR);
    event_base_loop(ends.base, EVLOOP_NONBLOCK);
    cr_expect_eq(inbox_read(&ends.inbox, &ends.stream, &ends.scratch, 100), 0);
    expect_waiting(&ends, "hello");
    inbox_take(&ends.inbox, 5);
    cr_expect_eq(inbox_read(&ends.inbox, &ends.stream, &ends.scratch, 100), 0, "and again");
    cr_expect(inbox_is_empty(&ends.inbox));
    end(&ends);
}
