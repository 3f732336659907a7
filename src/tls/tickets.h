/* The inside of ticket keys, for server.c. */
#pragma once
#include <openssl/ssl.h>
#include "corsd/tls/context.h"

/* OpenSSL's SSL_CTX_set_tlsext_ticket_key_evp_cb, with the keys. */
int tickets_key(struct tls_tickets *tickets, unsigned char *name, unsigned char *iv,
                EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int is_new);
