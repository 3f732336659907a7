/* A build without TLS: no stream ever has any. */
#include <assert.h>
#include <errno.h>
#include "tls.h"

short tls_edge(struct stream *stream, short what)
{
    (void)stream;
    return what;
}

void tls_close(struct stream *stream, bool abort)
{
    (void)stream;
    (void)abort;
}

ssize_t tls_read(struct stream *stream, void *bytes, size_t size)
{
    (void)stream;
    (void)bytes;
    (void)size;
    return -EPROTO;
}

ssize_t tls_write(struct stream *stream, const struct iovec *parts, int n)
{
    (void)stream;
    (void)parts;
    (void)n;
    return -EPROTO;
}

bool tls_shut_down(struct stream *stream)
{
    (void)stream;
    return true;
}

bool tls_say_end(struct stream *stream)
{
    (void)stream;
    return true;
}

bool tls_is_drained(struct stream *stream)
{
    (void)stream;
    return false;
}

void tls_look_again(struct stream *stream)
{
    (void)stream;
}

bool tls_has_begun(const struct stream *stream)
{
    (void)stream;
    return false;
}

int tls_shake_hands(struct stream *stream)
{
    (void)stream;
    return -EPROTO;
}

int stream_secure(struct stream *stream, struct ssl_st *ssl)
{
    (void)stream;
    assert(!ssl);
    return -ENOTSUP;
}

bool stream_is_opening(const struct stream *stream)
{
    (void)stream;
    return false;
}

enum tls_fault stream_tls_fault(const struct stream *stream)
{
    (void)stream;
    return TLS_FINE;
}

const char *stream_tls_detail(const struct stream *stream)
{
    (void)stream;
    return NULL;
}

void stream_go_plain(struct stream *stream)
{
    (void)stream;
}
