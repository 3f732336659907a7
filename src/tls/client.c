/* Trust in a server, and what is shown to it. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include "corsd/base/hash.h"
#include "side.h"

struct tls_trust {
    int refs; /* atomic */
    X509_STORE *store;
    uint64_t hash;
};

struct tls_client {
    int refs; /* atomic */
    SSL_CTX *context;
    char *server_name; /* NULL: the host connected to */
    bool verify;
    uint64_t fingerprint;
};

enum { HOST_BYTES = 256 };

/* --- trust ------------------------------------------------------------------------------------ */

/* Where systems keep their bundle: OpenSSL's own default names a folder of hashed links, which a
 * static binary in another image does not find, and which would be read while others wait. */
static const char *const bundles[] = {
    "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",             "/etc/ssl/cert.pem",
};

static bool read_system(struct tls_trust *trust, struct tls_problem *problem)
{
    const char *own = getenv("SSL_CERT_FILE");
    if (own)
        return pem_read_authorities(own, trust->store, &trust->hash, problem);
    for (size_t i = 0; i < sizeof bundles / sizeof *bundles; i++)
        if (pem_read_authorities(bundles[i], trust->store, &trust->hash, problem))
            return true;
    static const char none[] = "this system has no certificates of authorities";
    memcpy(problem->message, none, sizeof none);
    problem->hint = "install ca-certificates, or name a file: tls: {ca: FILE}";
    return false;
}

struct tls_trust *tls_trust_create(const char *file, struct tls_problem *problem)
{
    struct tls_trust *trust = calloc(1, sizeof *trust);
    *problem = (struct tls_problem){0};
    if (!trust)
        return NULL;
    trust->refs = 1;
    trust->hash = HASH_START;
    trust->store = X509_STORE_new();
    if (trust->store && (file ? pem_read_authorities(file, trust->store, &trust->hash, problem)
                              : read_system(trust, problem)))
        return trust;
    tls_trust_unref(trust);
    return NULL;
}

struct tls_trust *tls_trust_ref(struct tls_trust *trust)
{
    if (trust)
        __atomic_fetch_add(&trust->refs, 1, __ATOMIC_RELAXED);
    return trust;
}

void tls_trust_unref(struct tls_trust *trust)
{
    if (!trust || __atomic_sub_fetch(&trust->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    X509_STORE_free(trust->store);
    free(trust);
}

/* --- sessions --------------------------------------------------------------------------------- */

void tls_session_forget(struct tls_session *session)
{
    SSL_SESSION_free(session->kept);
    session->kept = NULL;
}

static int on_session(SSL *ssl, SSL_SESSION *fresh)
{
    struct tls_session *session = SSL_get_app_data(ssl);
    if (!session)
        return 0;
    tls_session_forget(session);
    session->kept = fresh;
    return 1; /* its reference is ours now */
}

/* Called where the server asks and there is nothing to show. */
static int on_certificate_asked(SSL *ssl, X509 **cert, EVP_PKEY **key)
{
    struct tls_session *session = SSL_get_app_data(ssl);
    (void)cert;
    (void)key;
    if (session)
        session->asked = true;
    return 0;
}

bool tls_client_was_asked(const struct ssl_st *ssl)
{
    const struct tls_session *session = SSL_get_app_data(ssl);
    return session && session->asked;
}

/* --- contexts --------------------------------------------------------------------------------- */

static uint64_t add_text(uint64_t hash, const char *text)
{
    return hash_byte(hash_add(hash, str_of(text)), text ? 1 : 0);
}

static bool use_pair(struct tls_client *client, const struct tls_client_spec *spec,
                     const struct tls_reporter *reporter)
{
    struct tls_problem problem = {0};
    struct pem_pair pair = {.hash = client->fingerprint};
    bool ok = pem_read_pair(spec->cert, spec->key, &pair, &problem);
    if (ok && problem.message[0]) {
        reporter->report(reporter->ctx, 0, &problem);
        problem.message[0] = 0;
    }
    ok = ok && pem_use(&pair, spec->cert, client->context, &problem);
    if (problem.message[0])
        reporter->report(reporter->ctx, 0, &problem);
    client->fingerprint = pair.hash;
    pem_finish(&pair);
    return ok;
}

static bool fill(struct tls_client *client, const struct tls_client_spec *spec,
                 const struct tls_reporter *reporter)
{
    static const unsigned char alpn[] = "\x08http/1.1";
    SSL_CTX *context = client->context = side_create(TLS_client_method());
    if (!context)
        return false;
    client->fingerprint = hash_byte(HASH_START, spec->verify ? 1 : 0);
    client->fingerprint = add_text(client->fingerprint, spec->server_name);
    if (spec->server_name && !(client->server_name = strdup(spec->server_name)))
        return false;
    if (spec->verify) {
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
        SSL_CTX_set1_cert_store(context, spec->trust->store);
        client->fingerprint ^= spec->trust->hash;
    }
    client->verify = spec->verify;
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context, on_session);
    SSL_CTX_set_client_cert_cb(context, on_certificate_asked);
    return SSL_CTX_set_alpn_protos(context, alpn, sizeof alpn - 1) == 0 &&
           (!spec->cert || use_pair(client, spec, reporter));
}

struct tls_client *tls_client_create(const struct tls_client_spec *spec,
                                     const struct tls_reporter *reporter)
{
    struct tls_client *client = calloc(1, sizeof *client);
    if (!client)
        return NULL;
    client->refs = 1;
    bool ok = fill(client, spec, reporter);
    ERR_clear_error();
    if (ok)
        return client;
    tls_client_unref(client);
    return NULL;
}

struct tls_client *tls_client_ref(struct tls_client *client)
{
    if (client)
        __atomic_fetch_add(&client->refs, 1, __ATOMIC_RELAXED);
    return client;
}

void tls_client_unref(struct tls_client *client)
{
    if (!client || __atomic_sub_fetch(&client->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    SSL_CTX_free(client->context);
    free(client->server_name);
    free(client);
}

uint64_t tls_client_fingerprint(const struct tls_client *client)
{
    return client->fingerprint;
}

/* --- connections ------------------------------------------------------------------------------ */

static bool is_ip(const char *host)
{
    unsigned char bytes[16];
    return inet_pton(AF_INET, host, bytes) == 1 || inet_pton(AF_INET6, host, bytes) == 1;
}

/* RFC 6066 §3: no address is a server name. */
static bool name_server(const struct tls_client *client, SSL *ssl, const char *host)
{
    if (is_ip(host))
        return !client->verify || X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host);
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    /* SSL_set_tlsext_host_name, whose cast clang minds */
    long named = SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                          (void *)(uintptr_t)host);
    return named && (!client->verify || SSL_set1_host(ssl, host));
}

struct ssl_st *tls_client_open(struct tls_client *client, struct str host,
                               struct tls_session *session)
{
    char text[HOST_BYTES] = "";
    if (client->server_name)
        host = str_of(client->server_name);
    else if (host.n && host.p[host.n - 1] == '.')
        host.n--;
    if (host.n >= sizeof text)
        return NULL;
    memcpy(text, host.p, host.n);
    SSL *ssl = SSL_new(client->context);
    if (!ssl)
        return NULL;
    SSL_set_connect_state(ssl);
    SSL_set_app_data(ssl, session);
    session->asked = false;
    if (session->kept)
        SSL_set_session(ssl, session->kept);
    if (name_server(client, ssl, text))
        return ssl;
    SSL_free(ssl);
    return NULL;
}
