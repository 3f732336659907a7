/* A connected socket: read, write, shut down; one contract, plain or TLS. The event is
 * registered once, edge-triggered; "readable" and "writable" are bits the stream keeps, so that
 * what back-pressure paused goes on without an edge. One thread, one owner (who embeds it).
 * Source: epoll(7) on EPOLLET; DESIGN §5. */
#pragma once
#include <sys/types.h>
#include <sys/uio.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include "corsd/base/str.h"
#include "corsd/tls/fault.h"

struct address;
struct ssl_st;
struct tls;

struct stream {
    struct event event;
    struct tls *tls;   /* NULL: plain */
    int fd;            /* -1: closed */
    bool readable : 1; /* a read may bring something: an edge came, and no short read since */
    bool writable : 1;
    bool closing : 1;  /* the peer ended its side: read to the end, short reads tell nothing */
    bool ended : 1;    /* the end was read */
    int error;         /* errno that a probe took from the socket, which tells it only once */
    void (*on_event)(struct stream *, short what); /* after the bits were set; EV_* */
};

/* Registers fd (non-blocking; owned from here on, closed where this fails). Negative errno. */
MUST_USE int stream_open(struct stream *stream, struct event_base *base, int fd,
                         void (*on_event)(struct stream *, short what));
/* Connects to an address; writable at once where that was done at once, else stream_connected says
 * how it went. Negative errno. */
MUST_USE int stream_dial(struct stream *stream, struct event_base *base,
                         const struct address *address,
                         void (*on_event)(struct stream *, short what));
void stream_close(struct stream *stream); /* fine for a closed one */
/* So that the peer sees a reset and not an end: for bodies that were cut. */
void stream_abort(struct stream *stream);
/* Bytes read; 0 at the end; -EAGAIN when drained; another negative errno when broken. */
ssize_t stream_read(struct stream *stream, void *bytes, size_t size);
/* What the socket itself holds, left where it is; 0 where it ended without a byte. Else as read. */
ssize_t stream_peek(struct stream *stream, void *bytes, size_t size);
/* Bytes written, maybe fewer than given; -EAGAIN; another negative errno when broken. */
ssize_t stream_write(struct stream *stream, const struct iovec *parts, int n);
/* Ends our side; the peer may go on. False: there is no room to say so (TLS only); it is said as
 * soon as there is some, while the stream is open. */
bool stream_shut_down(struct stream *stream);
/* What became of the peer while nobody reads: 0 alive or half-closed, negative errno when gone. */
int stream_probe(struct stream *stream);
/* Whether nothing is there to be read now, not even an end. */
bool stream_is_drained(struct stream *stream);
/* Bytes written that the peer has not acknowledged; 0 where that cannot be known. */
uint32_t stream_unsent(struct stream *stream);
/* Before a close: false where TLS has no room to say that this is the end, and a close would look
 * like a cut. */
bool stream_say_end(struct stream *stream);
/* The socket may have news that no edge told. */
void stream_look_again(struct stream *stream);
/* The outcome of a non-blocking connect and handshake: 0, -EAGAIN while it goes on, or another
 * negative errno. */
int stream_connected(struct stream *stream);

/* Speaks TLS from now on, by `ssl`, which is the stream's either way (NULL: out of memory).
 * Negative errno. The handshake goes on with reads and writes. */
MUST_USE int stream_secure(struct stream *stream, struct ssl_st *ssl);
bool stream_is_opening(const struct stream *stream); /* its handshake is not done */
/* Why TLS failed, after -EPROTO or in a handshake, and OpenSSL's words for it (or NULL). */
enum tls_fault stream_tls_fault(const struct stream *stream);
const char *stream_tls_detail(const struct stream *stream);
/* After TLS_PLAIN_PEER: the rest of this connection is plain. What came first is gone. */
void stream_go_plain(struct stream *stream);
