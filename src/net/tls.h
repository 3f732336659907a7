/* The inside of a stream over TLS: what stream.c hands over where stream->tls is set. Each is as
 * the function of the same name in stream.h. */
#pragma once
#include "corsd/net/stream.h"

/* The socket had an edge: the stream's bits are set; returns what the owner is told. */
short tls_edge(struct stream *stream, short what);
void tls_close(struct stream *stream, bool abort); /* before the descriptor closes */
ssize_t tls_read(struct stream *stream, void *bytes, size_t size);
ssize_t tls_write(struct stream *stream, const struct iovec *parts, int n);
bool tls_shut_down(struct stream *stream);
bool tls_say_end(struct stream *stream);
bool tls_is_drained(struct stream *stream);
void tls_look_again(struct stream *stream);
bool tls_has_begun(const struct stream *stream); /* its handshake */
/* The handshake goes on; 0 when it is done; -EAGAIN while it waits. */
int tls_shake_hands(struct stream *stream);
