/* Keys of session tickets (RFC 5077 §4, RFC 8446 §4.6.1), renewed as time goes. */
#include "tickets.h"
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

enum { NAME_BYTES = 16, RENEW_S = 12 * 3600 };

struct ticket_key {
    unsigned char name[NAME_BYTES], aes[32], mac[32];
    time_t born; /* CLOCK_BOOTTIME; 0: no key */
};

struct tls_tickets {
    pthread_mutex_t lock; /* taken once a handshake */
    struct ticket_key current, former;
};

static time_t now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return now.tv_sec + 1;
}

static bool make_key(struct ticket_key *key)
{
    unsigned char random[NAME_BYTES + 32 + 32];
    if (RAND_priv_bytes(random, sizeof random) != 1)
        return false;
    memcpy(key->name, random, NAME_BYTES);
    memcpy(key->aes, random + NAME_BYTES, 32);
    memcpy(key->mac, random + NAME_BYTES + 32, 32);
    OPENSSL_cleanse(random, sizeof random);
    key->born = now_s();
    return true;
}

struct tls_tickets *tls_tickets_create(void)
{
    struct tls_tickets *tickets = calloc(1, sizeof *tickets);
    if (!tickets)
        return NULL;
    pthread_mutex_init(&tickets->lock, NULL);
    if (make_key(&tickets->current))
        return tickets;
    tls_tickets_destroy(tickets);
    return NULL;
}

void tls_tickets_destroy(struct tls_tickets *tickets)
{
    if (!tickets)
        return;
    pthread_mutex_destroy(&tickets->lock);
    OPENSSL_cleanse(tickets, sizeof *tickets);
    free(tickets);
}

/* Where no random bytes are to be had the key in use goes on. */
static void renew(struct tls_tickets *tickets)
{
    struct ticket_key fresh;
    time_t age = now_s() - tickets->current.born;
    if (age >= RENEW_S && make_key(&fresh)) {
        tickets->former = tickets->current;
        if (age >= 2 * RENEW_S) /* nobody came for so long: that one is too old too */
            tickets->former.born = 0;
        tickets->current = fresh;
    }
}

static bool is_of(const struct ticket_key *key, const unsigned char *name)
{
    return key->born && memcmp(key->name, name, NAME_BYTES) == 0;
}

/* A copy of the key to use: the current one for a new ticket, the one it names for an old one. */
static bool find(struct tls_tickets *tickets, bool is_new, const unsigned char *name,
                 struct ticket_key *out, bool *is_former)
{
    bool found = true;
    pthread_mutex_lock(&tickets->lock);
    renew(tickets);
    *is_former = !is_new && is_of(&tickets->former, name);
    if (is_new || is_of(&tickets->current, name))
        *out = tickets->current;
    else if (*is_former)
        *out = tickets->former;
    else
        found = false;
    pthread_mutex_unlock(&tickets->lock);
    return found;
}

int tickets_key(struct tls_tickets *tickets, unsigned char *name, unsigned char *iv,
                EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int is_new)
{
    struct ticket_key key;
    bool is_former;
    if (!find(tickets, is_new, name, &key, &is_former))
        return 0; /* a full handshake */
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key.mac, sizeof key.mac),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char[]){"SHA256"}, 0),
        OSSL_PARAM_construct_end(),
    };
    int result = is_former ? 2 : 1; /* 2: good, and a new ticket is to be given */
    if (is_new) {
        memcpy(name, key.name, NAME_BYTES);
        if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) != 1)
            result = -1;
    }
    if (!EVP_MAC_CTX_set_params(mac, params) ||
        !EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), NULL, key.aes, iv, is_new))
        result = -1;
    OPENSSL_cleanse(&key, sizeof key);
    return result;
}
