/* Protocol versions, ciphers and modes. */
#include "side.h"

/* Forward secrecy and authenticated encryption only; TLS 1.3 has no other. Source: RFC 9325. */
static const char ciphers[] = "ECDHE+AESGCM:ECDHE+CHACHA20";

SSL_CTX *side_create(const SSL_METHOD *method)
{
    SSL_CTX *context = SSL_CTX_new(method);
    if (!context)
        return NULL;
    /* A retry may come from other memory and offer more; an idle connection holds no buffers. */
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_read_ahead(context, 1); /* a record's head and body in one system call */
    if (!SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) ||
        (method == TLS_server_method() && !SSL_CTX_set_cipher_list(context, ciphers))) {
        SSL_CTX_free(context);
        return NULL;
    }
    return context;
}
