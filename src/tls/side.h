/* What listeners and upstreams share. */
#pragma once
#include <openssl/ssl.h>
#include "corsd/tls/context.h"

/* Versions, modes and options of either side; NULL out of memory. */
SSL_CTX *side_create(const SSL_METHOD *method);

/* --- PEM files -------------------------------------------------------------------------------- */

struct pem_pair { /* zeroed: empty */
    X509 *cert;
    STACK_OF(X509) * chain;
    EVP_PKEY *key;
    uint64_t hash; /* of the files' content, begun by the caller */
};
/* False and problem->message where it cannot be used; true with a message and `warning` where it
 * can, but should be looked at (expired, not yet valid). */
MUST_USE bool pem_read_pair(const char *cert, const char *key, struct pem_pair *out,
                            struct tls_problem *problem);
void pem_finish(struct pem_pair *pair);
/* Every certificate of the file into the store; false and a problem where there is none. */
MUST_USE bool pem_read_authorities(const char *file, X509_STORE *store, uint64_t *hash,
                                   struct tls_problem *problem);
/* Puts the pair into a context, beside one of another key type. False and a problem where OpenSSL
 * does not take it (a key too short, a signature too weak). */
MUST_USE bool pem_use(const struct pem_pair *pair, const char *cert, SSL_CTX *context,
                      struct tls_problem *problem);
