/* What TLS needs before a byte flows: certificates and keys of a listener, trust and sessions of an
 * upstream, ticket keys of the process. Counted references, any thread; files are read when
 * something is created or tried again. All of it is missing in a build without TLS. */
#pragma once
#include "corsd/base/str.h"

struct ssl_st; /* OpenSSL's SSL */
struct tls_server;
struct tls_client;
struct tls_tickets;

enum { TLS_MESSAGE = 256 };

/* What is wrong with a file: for people, without a final dot. */
struct tls_problem {
    bool warning;           /* usable all the same */
    bool of_key;            /* about the key's file, not the certificate's */
    char message[TLS_MESSAGE];
    const char *hint;       /* NULL: none */
};
/* Told each problem of a pair as it is found. */
struct tls_reporter {
    void (*report)(void *ctx, size_t pair, const struct tls_problem *problem);
    void *ctx;
};

/* --- listeners -------------------------------------------------------------------------------- */

struct tls_pair { /* files in PEM: the certificate with its chain, and its key */
    const char *cert, *key;
};

/* Pairs chosen by SNI: exact names first, then wildcards, the first pair for the rest. Pairs of
 * other key types for the very same names are offered together. `before` (or NULL) is what was in
 * force: where a pair of the same files cannot be used now, it goes on with the one from there, and
 * says so as a warning. NULL where a pair cannot be used at all, or out of memory. */
MUST_USE struct tls_server *tls_server_create(const struct tls_pair *pairs, size_t n,
                                              struct tls_server *before,
                                              const struct tls_reporter *reporter);
struct tls_server *tls_server_ref(struct tls_server *server); /* takes NULL too */
void tls_server_unref(struct tls_server *server);
/* Before it is shared: tickets by these keys, which outlive every connection. */
void tls_server_use_tickets(struct tls_server *server, struct tls_tickets *tickets);
/* Whether a pair is one that its files no longer hold. */
bool tls_server_is_stale(struct tls_server *server);
/* Reads the files of stale pairs again; true when none is left. Connections that begin from now on
 * get what was read. */
MUST_USE bool tls_server_try_again(struct tls_server *server);
/* A new connection's state, the caller's; NULL out of memory. */
MUST_USE struct ssl_st *tls_server_open(struct tls_server *server);

/* Keys of session tickets, renewed every 12 hours; the former one still opens tickets. */
MUST_USE struct tls_tickets *tls_tickets_create(void);
void tls_tickets_destroy(struct tls_tickets *tickets);

/* --- upstreams -------------------------------------------------------------------------------- */

struct tls_trust; /* certificates of authorities, shared by upstreams */

struct tls_client_spec {
    bool verify;
    struct tls_trust *trust;     /* NULL where nothing is verified; what is in it is shared */
    const char *server_name;     /* for SNI and verification; NULL: the host connected to */
    const char *cert, *key;      /* shown where the server asks; NULL: none */
};

/* The authorities of a file, or (NULL) of this system. NULL and *problem where there are none. */
MUST_USE struct tls_trust *tls_trust_create(const char *file, struct tls_problem *problem);
struct tls_trust *tls_trust_ref(struct tls_trust *trust); /* takes NULL too */
void tls_trust_unref(struct tls_trust *trust);

/* NULL: a problem was told (pair 0), or memory ran out. */
MUST_USE struct tls_client *tls_client_create(const struct tls_client_spec *spec,
                                              const struct tls_reporter *reporter);
struct tls_client *tls_client_ref(struct tls_client *client); /* takes NULL too */
void tls_client_unref(struct tls_client *client);
/* Changes where the files' content or the rules do: two that are equal mean the same. */
uint64_t tls_client_fingerprint(const struct tls_client *client);

/* The last session with one server, for the next connection to it. One thread. */
struct tls_session {
    struct ssl_session_st *kept; /* NULL: none */
    bool asked;                  /* for a certificate that there is none of */
};
void tls_session_forget(struct tls_session *session);
/* A connection's state, the caller's: to a server by this host name or IP address. `session`
 * outlives it. NULL out of memory. */
MUST_USE struct ssl_st *tls_client_open(struct tls_client *client, struct str host,
                                        struct tls_session *session);
/* Whether the server asked for a certificate that there is none of. */
bool tls_client_was_asked(const struct ssl_st *ssl);
