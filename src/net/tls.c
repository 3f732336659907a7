/* OpenSSL on an edge-triggered socket: its BIO is the stream, so that no system call is made only
 * to hear EAGAIN. The socket's own bits are kept here; the stream's bits say whether OpenSSL may
 * have something. Source: SSL_read(3), SSL_get_error(3); DESIGN §4. */
#include "tls.h"
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include "corsd/tls/context.h"

enum {
    RECORD = 16 * 1024, /* most bytes of a record, RFC 8446 §5.1 */
    MUTE_MAX = 16 * RECORD,
};

struct tls {
    SSL *ssl;
    struct stream *stream;
    bool readable, writable; /* the socket */
    bool opening;            /* the handshake is not done */
    bool crossed;            /* a read waits for room, or a write for bytes */
    bool began;              /* the handshake */
    bool heard;              /* the first byte came */
    bool at_end;             /* the socket's end was read */
    bool broken;             /* no more can be said on it */
    bool owes_end, said_end; /* close_notify */
    uint32_t mute;           /* bytes read since the last that were the owner's: at most MUTE_MAX */
    bool later_set;
    int later;               /* what a read met behind the bytes it brought: 0 or negative errno */
    int error;               /* errno of the socket */
    enum tls_fault fault;
    const char *detail;      /* OpenSSL's words for it, or NULL */
};

/* --- the BIO ---------------------------------------------------------------------------------- */

/* A client that speaks plain HTTP begins with a method, TLS with the byte 22. */
static bool is_plain(struct tls *tls, const char *bytes)
{
    bool first = !tls->heard;
    tls->heard = true;
    return first && SSL_is_server(tls->ssl) && ascii_is_alpha(bytes[0]);
}

static int bio_read(BIO *bio, char *bytes, int size)
{
    struct tls *tls = BIO_get_data(bio);
    struct stream *stream = tls->stream;
    BIO_clear_retry_flags(bio);
    if (!tls->readable && !stream->error) {
        BIO_set_retry_read(bio);
        return -1;
    }
    ssize_t n;
    do
        n = recv(stream->fd, bytes, (size_t)size, 0);
    while (n < 0 && errno == EINTR);
    if (n < 0 && errno == EAGAIN) {
        tls->readable = false;
        BIO_set_retry_read(bio);
        return -1;
    }
    if (n < 0 || (n == 0 && stream->error)) { /* what looks like an end was a reset */
        tls->error = n < 0 ? errno : stream->error;
        return -1;
    }
    tls->at_end = n == 0;
    if (n && n < size && !stream->closing)
        tls->readable = false;
    tls->mute += (uint32_t)n;
    if (tls->mute > MUTE_MAX) { /* key updates without end would keep the loop in one SSL_read */
        tls->error = EPROTO;
        return -1;
    }
    if (n && is_plain(tls, bytes)) {
        tls->fault = TLS_PLAIN_PEER;
        tls->error = EPROTO;
        return -1;
    }
    return (int)n;
}

static int bio_write(BIO *bio, const char *bytes, int size)
{
    struct tls *tls = BIO_get_data(bio);
    ssize_t n = -1;
    BIO_clear_retry_flags(bio);
    errno = EAGAIN;
    if (tls->writable)
        do
            n = send(tls->stream->fd, bytes, (size_t)size, MSG_NOSIGNAL);
        while (n < 0 && errno == EINTR);
    if (n >= 0)
        return (int)n;
    if (errno == EAGAIN) {
        tls->writable = false;
        BIO_set_retry_write(bio);
    } else
        tls->error = errno;
    return -1;
}

static long bio_ctrl(BIO *bio, int what, long number, void *pointer)
{
    const struct tls *tls = BIO_get_data(bio);
    (void)number;
    (void)pointer;
    switch (what) {
    case BIO_CTRL_FLUSH: return 1;
    case BIO_CTRL_EOF: return tls->at_end;
    default: return 0;
    }
}

static BIO_METHOD *bio_method; /* written once, and constant then: OpenSSL has no static ones */

static void make_method(void)
{
    bio_method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "stream");
    if (!bio_method)
        return;
    BIO_meth_set_read(bio_method, bio_read);
    BIO_meth_set_write(bio_method, bio_write);
    BIO_meth_set_ctrl(bio_method, bio_ctrl);
}

static BIO *create_bio(struct tls *tls)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_method);
    BIO *bio = bio_method ? BIO_new(bio_method) : NULL;
    if (!bio)
        return NULL;
    BIO_set_data(bio, tls);
    BIO_set_init(bio, 1);
    return bio;
}

/* --- why it failed ---------------------------------------------------------------------------- */

static enum tls_fault fault_of_certificate(struct tls *tls)
{
    long result = SSL_get_verify_result(tls->ssl);
    tls->detail = X509_verify_cert_error_string(result);
    switch (result) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID: return TLS_EXPIRED;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH: return TLS_WRONG_NAME;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN: return TLS_UNKNOWN_ISSUER;
    default: return TLS_BAD_CERTIFICATE;
    }
}

static enum tls_fault fault_of_reason(struct tls *tls, int reason)
{
    switch (reason) {
    case SSL_R_CERTIFICATE_VERIFY_FAILED: return fault_of_certificate(tls);
    case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED: return TLS_WANTS_CERTIFICATE;
    case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_WRONG_SSL_VERSION:
    case SSL_R_NO_PROTOCOLS_AVAILABLE: return TLS_NO_VERSION;
    case SSL_R_NO_SHARED_CIPHER:
    case SSL_R_NO_APPLICATION_PROTOCOL: return TLS_REFUSED;
    case SSL_R_UNEXPECTED_EOF_WHILE_READING: return TLS_CUT;
    default: break;
    }
    if (reason < SSL_AD_REASON_OFFSET)
        return TLS_GARBAGE;
    return !SSL_is_server(tls->ssl) && tls_client_was_asked(tls->ssl) ? TLS_WANTS_CERTIFICATE
                                                                      : TLS_REFUSED;
}

/* The protocol was broken; negative errno. */
static int protocol_error(struct tls *tls)
{
    unsigned long error = ERR_peek_error();
    tls->broken = true;
    if (!tls->fault) {
        tls->detail = ERR_reason_error_string(error);
        tls->fault = fault_of_reason(tls, ERR_GET_REASON(error));
    }
    ERR_clear_error();
    return tls->fault == TLS_CUT ? -ECONNRESET : -EPROTO;
}

static int socket_error(struct tls *tls)
{
    tls->broken = true;
    if (tls->opening && !tls->fault)
        tls->fault = TLS_CUT;
    return -(tls->error ? tls->error : ECONNRESET);
}

/* What a call that brought nothing means: 0 at the end, or negative errno. `reads`: it was one
 * that reads. */
static int outcome(struct tls *tls, int result, bool reads)
{
    struct stream *stream = tls->stream;
    bool wants_read = false;
    switch (SSL_get_error(tls->ssl, result)) {
    case SSL_ERROR_ZERO_RETURN: return 0;
    case SSL_ERROR_SSL: return protocol_error(tls);
    case SSL_ERROR_WANT_READ: wants_read = true; break;
    case SSL_ERROR_WANT_WRITE: break;
    default: return socket_error(tls);
    }
    if (reads)
        stream->readable = false;
    else
        stream->writable = false;
    tls->crossed = tls->crossed || reads != wants_read;
    return -EAGAIN;
}

/* --- the handshake ---------------------------------------------------------------------------- */

int stream_secure(struct stream *stream, struct ssl_st *ssl)
{
    struct tls *tls = ssl ? calloc(1, sizeof *tls) : NULL;
    BIO *bio = tls ? create_bio(tls) : NULL;
    if (!bio) {
        free(tls);
        SSL_free(ssl);
        return -ENOMEM;
    }
    SSL_set_bio(ssl, bio, bio);
    *tls = (struct tls){.ssl = ssl, .stream = stream, .opening = true};
    tls->readable = stream->readable;
    tls->writable = stream->writable;
    stream->tls = tls;
    return 0;
}

int tls_shake_hands(struct stream *stream)
{
    struct tls *tls = stream->tls;
    if (!tls->opening)
        return 0;
    if (tls->broken)
        return -EPROTO;
    tls->began = true;
    ERR_clear_error();
    int result = SSL_do_handshake(tls->ssl);
    if (result != 1) {
        result = outcome(tls, result, true);
        if (result == -EAGAIN)
            stream->readable = stream->writable = false; /* both wait for any edge */
        return result ? result : socket_error(tls);
    }
    tls->opening = false;
    stream->readable = tls->readable || SSL_has_pending(tls->ssl);
    stream->writable = tls->writable;
    return 0;
}

bool tls_has_begun(const struct stream *stream)
{
    return stream->tls->began;
}

bool stream_is_opening(const struct stream *stream)
{
    return stream->tls && stream->tls->opening;
}

enum tls_fault stream_tls_fault(const struct stream *stream)
{
    return stream->tls ? stream->tls->fault : TLS_FINE;
}

const char *stream_tls_detail(const struct stream *stream)
{
    return stream->tls ? stream->tls->detail : NULL;
}

static void drop(struct stream *stream)
{
    /* Else OpenSSL takes the session for a bad one. */
    if (!stream->tls->broken)
        SSL_set_shutdown(stream->tls->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(stream->tls->ssl);
    free(stream->tls);
    stream->tls = NULL;
}

void stream_go_plain(struct stream *stream)
{
    stream->readable = stream->tls->readable;
    stream->writable = stream->tls->writable;
    drop(stream);
}

/* --- bytes ------------------------------------------------------------------------------------ */

/* Where the socket is drained and OpenSSL holds nothing, not even a piece of a record, the next
 * byte brings an edge. */
static bool has_more(const struct tls *tls)
{
    return tls->readable || SSL_has_pending(tls->ssl);
}

static ssize_t report(struct stream *stream, int what)
{
    if (what == 0)
        stream->ended = true;
    return what;
}

ssize_t tls_read(struct stream *stream, void *bytes, size_t size)
{
    struct tls *tls = stream->tls;
    size_t n = 0;
    if (!stream->readable)
        return -EAGAIN;
    int error = tls_shake_hands(stream);
    if (error)
        return error;
    if (tls->later_set)
        return report(stream, tls->later);
    while (n < size) {
        size_t got;
        ERR_clear_error();
        int result = SSL_read_ex(tls->ssl, (char *)bytes + n, size - n, &got);
        if (result != 1) {
            int what = outcome(tls, result, true);
            if (!n)
                return report(stream, what);
            tls->later_set = what != -EAGAIN;
            tls->later = what;
            return (ssize_t)n;
        }
        bool scanty = tls->mute > 2 * RECORD;
        tls->mute = 0;
        n += got;
        if (scanty)
            break; /* "readable" stays: others' turn first */
        if (!has_more(tls)) {
            stream->readable = false;
            break;
        }
    }
    return (ssize_t)n;
}

/* The next record's bytes: as they lie where a part fills it, else gathered. */
static struct str next_record(const struct iovec *parts, int n, size_t skip, char space[RECORD])
{
    size_t gathered = 0;
    for (int i = 0; i < n && gathered < RECORD; i++) {
        struct str part = {parts[i].iov_base, parts[i].iov_len};
        if (skip >= part.n) {
            skip -= part.n;
            continue;
        }
        part = str_head(str_from(part, skip), RECORD - gathered);
        skip = 0;
        if (!gathered && (part.n == RECORD || i + 1 == n))
            return part;
        memcpy(space + gathered, part.p, part.n);
        gathered += part.n;
    }
    return (struct str){space, gathered};
}

ssize_t tls_write(struct stream *stream, const struct iovec *parts, int n)
{
    struct tls *tls = stream->tls;
    char space[RECORD];
    size_t written = 0, all = 0;
    if (!stream->writable)
        return -EAGAIN;
    if (tls->broken || tls->owes_end || tls->said_end)
        return -EPIPE;
    int error = tls_shake_hands(stream);
    if (error)
        return error;
    for (int i = 0; i < n; i++)
        all += parts[i].iov_len;
    while (written < all) {
        struct str record = next_record(parts, n, written, space);
        size_t put;
        ERR_clear_error();
        int result = SSL_write_ex(tls->ssl, record.p, record.n, &put);
        if (result != 1) {
            int what = outcome(tls, result, false);
            return written ? (ssize_t)written : what ? what : -EPIPE;
        }
        written += put;
    }
    return (ssize_t)written;
}

/* --- the end ---------------------------------------------------------------------------------- */

/* True: it was said, or cannot be said any more. */
bool tls_say_end(struct stream *stream)
{
    struct tls *tls = stream->tls;
    if (tls->said_end || tls->broken || tls->opening)
        return true;
    ERR_clear_error();
    int result = SSL_shutdown(tls->ssl);
    if (result < 0 && outcome(tls, result, false) == -EAGAIN)
        return false;
    tls->said_end = true;
    tls->owes_end = false;
    return true;
}

bool tls_shut_down(struct stream *stream)
{
    struct tls *tls = stream->tls;
    tls->owes_end = !tls_say_end(stream);
    if (!tls->owes_end)
        shutdown(stream->fd, SHUT_WR);
    return !tls->owes_end;
}

void tls_close(struct stream *stream, bool abort)
{
    if (!abort)
        tls_say_end(stream);
    drop(stream);
}

/* Whether nothing came that a request's answer could begin with: tickets and the like are taken. */
bool tls_is_drained(struct stream *stream)
{
    struct tls *tls = stream->tls;
    char byte;
    if (tls->opening || tls->broken || tls->later_set)
        return false;
    ERR_clear_error();
    int result = SSL_peek(tls->ssl, &byte, 1);
    return result <= 0 && outcome(tls, result, true) == -EAGAIN && !has_more(tls);
}

void tls_look_again(struct stream *stream)
{
    stream->readable = stream->tls->readable = true;
}

short tls_edge(struct stream *stream, short what)
{
    struct tls *tls = stream->tls;
    if (what & (EV_READ | EV_CLOSED))
        tls->readable = stream->readable = true;
    if (what & EV_WRITE)
        tls->writable = stream->writable = true;
    if (what & EV_WRITE && tls->owes_end)
        tls_shut_down(stream);
    if (!tls->opening && !tls->crossed)
        return what;
    tls->crossed = false;
    stream->readable = stream->writable = true;
    return (short)(what | EV_READ | EV_WRITE);
}
