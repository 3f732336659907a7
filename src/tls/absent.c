/* A build without TLS: its keys are refused when a configuration is read, so nothing is ever
 * created here. */
#include "corsd/tls/context.h"

struct tls_server *tls_server_create(const struct tls_pair *pairs, size_t n,
                                     struct tls_server *before, const struct tls_reporter *reporter)
{
    (void)pairs;
    (void)n;
    (void)before;
    (void)reporter;
    return NULL;
}

struct tls_server *tls_server_ref(struct tls_server *server)
{
    return server;
}

void tls_server_unref(struct tls_server *server)
{
    (void)server;
}

void tls_server_use_tickets(struct tls_server *server, struct tls_tickets *tickets)
{
    (void)server;
    (void)tickets;
}

bool tls_server_is_stale(struct tls_server *server)
{
    (void)server;
    return false;
}

bool tls_server_try_again(struct tls_server *server)
{
    (void)server;
    return true;
}

struct ssl_st *tls_server_open(struct tls_server *server)
{
    (void)server;
    return NULL;
}

struct tls_tickets *tls_tickets_create(void)
{
    return NULL;
}

void tls_tickets_destroy(struct tls_tickets *tickets)
{
    (void)tickets;
}

struct tls_trust *tls_trust_create(const char *file, struct tls_problem *problem)
{
    (void)file;
    (void)problem;
    return NULL;
}

struct tls_trust *tls_trust_ref(struct tls_trust *trust)
{
    return trust;
}

void tls_trust_unref(struct tls_trust *trust)
{
    (void)trust;
}

struct tls_client *tls_client_create(const struct tls_client_spec *spec,
                                     const struct tls_reporter *reporter)
{
    (void)spec;
    (void)reporter;
    return NULL;
}

struct tls_client *tls_client_ref(struct tls_client *client)
{
    return client;
}

void tls_client_unref(struct tls_client *client)
{
    (void)client;
}

uint64_t tls_client_fingerprint(const struct tls_client *client)
{
    (void)client;
    return 0;
}

void tls_session_forget(struct tls_session *session)
{
    session->kept = NULL;
}

struct ssl_st *tls_client_open(struct tls_client *client, struct str host,
                               struct tls_session *session)
{
    (void)client;
    (void)host;
    (void)session;
    return NULL;
}

bool tls_client_was_asked(const struct ssl_st *ssl)
{
    (void)ssl;
    return false;
}
