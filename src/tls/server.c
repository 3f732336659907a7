/* Contexts of a listener, chosen by SNI; replaced as a whole when stale pairs are read again. */
#include <pthread.h>
#include <stdlib.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include "side.h"
#include "tickets.h"

enum { NAME_BYTES = 256 };

struct pair {
    char *cert, *key; /* paths */
    struct pem_pair pem;
    bool stale;       /* the files hold something else by now, which cannot be used */
};

struct tls_server {
    int refs; /* atomic */
    size_t n;
    struct pair *pairs;           /* the main thread's */
    struct tls_tickets *tickets;
    pthread_mutex_t lock;         /* of what follows; taken once a connection */
    SSL_CTX *context;             /* of the first pair; its `choice` knows the others */
};

/* What SNI chooses from. Belongs to the first context, as ex_data, and goes with it: a connection
 * keeps that one, whatever becomes of the server. */
struct name {
    char *text;       /* lower case; "*.example.com" */
    SSL_CTX *context;
};
struct choice {
    struct name *names;
    size_t n_names;
    SSL_CTX **contexts; /* one a pair; pairs offered together share one */
    size_t n;
};

/* --- names ------------------------------------------------------------------------------------ */

/* Whether an earlier pair is in the same context. */
static bool is_shared(const struct choice *choice, size_t of)
{
    for (size_t i = 0; i < of; i++)
        if (choice->contexts[i] == choice->contexts[of])
            return true;
    return false;
}

static void choice_destroy(struct choice *choice, size_t from)
{
    for (size_t i = 0; i < choice->n_names; i++)
        free(choice->names[i].text);
    for (size_t i = from; i < choice->n; i++)
        if (!is_shared(choice, i))
            SSL_CTX_free(choice->contexts[i]);
    free(choice->names);
    free(choice->contexts);
    free(choice);
}

/* The first context is being freed: the others' references were its choice's. */
static void on_context_freed(void *parent, void *item, CRYPTO_EX_DATA *data, int index, long arg,
                             void *more)
{
    (void)parent;
    (void)data;
    (void)index;
    (void)arg;
    (void)more;
    if (item)
        choice_destroy(item, 1);
}

static int choice_index; /* written once: OpenSSL numbers its ex_data a process */

static void make_index(void)
{
    choice_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, on_context_freed);
}

static int index_of_choice(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_index);
    return choice_index;
}

static bool add_name(struct choice *choice, SSL_CTX *context, const char *text, size_t n)
{
    struct name *grown = realloc(choice->names, (choice->n_names + 1) * sizeof *grown);
    if (!grown)
        return false;
    choice->names = grown;
    char *copy = malloc(n + 1);
    if (!copy)
        return false;
    for (size_t i = 0; i < n; i++)
        copy[i] = ascii_lower(text[i]);
    copy[n] = 0;
    choice->names[choice->n_names++] = (struct name){copy, context};
    return true;
}

/* RFC 6125 §6.4.4: the common name counts where the certificate has no DNS name. */
static bool add_common_name(struct choice *choice, SSL_CTX *context, const X509 *cert)
{
    char text[NAME_BYTES];
    int n =
        X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, text, sizeof text);
    return n <= 0 || add_name(choice, context, text, (size_t)n);
}

static bool add_names(struct choice *choice, SSL_CTX *context, const X509 *cert)
{
    GENERAL_NAMES *all = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    bool ok = true, any = false;
    for (int i = 0; ok && i < sk_GENERAL_NAME_num(all); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(all, i);
        if (name->type != GEN_DNS)
            continue;
        any = true;
        ok = add_name(choice, context, (const char *)ASN1_STRING_get0_data(name->d.dNSName),
                      (size_t)ASN1_STRING_length(name->d.dNSName));
    }
    GENERAL_NAMES_free(all);
    return ok && (any || add_common_name(choice, context, cert));
}

static SSL_CTX *find(const struct choice *choice, const char *name)
{
    for (size_t i = 0; i < choice->n_names; i++)
        if (strcmp(choice->names[i].text, name) == 0)
            return choice->names[i].context;
    return NULL;
}

/* The name as SNI has it → exact, then one label open. */
static SSL_CTX *choose(const struct choice *choice, const char *asked)
{
    char name[NAME_BYTES + 1];
    size_t n = strlen(asked);
    if (n && asked[n - 1] == '.')
        n--;
    if (!n || n >= NAME_BYTES)
        return NULL;
    for (size_t i = 0; i < n; i++)
        name[i + 1] = ascii_lower(asked[i]);
    name[n + 1] = 0;
    SSL_CTX *context = find(choice, name + 1);
    char *dot = strchr(name + 1, '.');
    if (context || !dot)
        return context;
    dot[-1] = '*';
    return find(choice, dot - 1);
}

static int on_server_name(SSL *ssl, int *alert, void *arg)
{
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    SSL_CTX *context = name ? choose(arg, name) : NULL;
    (void)alert;
    if (context && context != SSL_get_SSL_CTX(ssl))
        SSL_set_SSL_CTX(ssl, context);
    return context ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK; /* the first for the rest */
}

/* --- contexts --------------------------------------------------------------------------------- */

static int on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                     EVP_MAC_CTX *mac, int is_new)
{
    return tickets_key(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)), name, iv, cipher, mac, is_new);
}

/* RFC 7301 §3.2: a client that speaks none of ours is told so. */
static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *n,
                   const unsigned char *offered, unsigned int n_offered, void *arg)
{
    static const unsigned char ours[] = "\x08http/1.1\x08http/1.0";
    (void)ssl;
    (void)arg;
    unsigned char *chosen = NULL;
    int result = SSL_select_next_proto(&chosen, n, ours, sizeof ours - 1, offered, n_offered);
    *out = chosen;
    return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

static SSL_CTX *create_context(void)
{
    static const unsigned char id[] = "corsd";
    SSL_CTX *context = side_create(TLS_server_method());
    if (!context)
        return NULL;
    /* The ends of what clients send are framed: one without close_notify is an end like others. */
    SSL_CTX_set_options(context, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA |
                                     SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF); /* tickets need no memory */
    SSL_CTX_set_session_id_context(context, id, sizeof id - 1);
    SSL_CTX_set_alpn_select_cb(context, on_alpn, NULL);
    return context;
}

static bool has_names_of(const struct choice *choice, const SSL_CTX *context, size_t from)
{
    size_t n = choice->n_names - from, same = 0, theirs = 0;
    for (size_t i = 0; i < from; i++) {
        if (choice->names[i].context != context)
            continue;
        theirs++;
        for (size_t j = from; j < choice->n_names; j++)
            same += strcmp(choice->names[i].text, choice->names[j].text) == 0;
    }
    return same == n && theirs == n && n;
}

static bool has_key_of(const struct tls_server *server, const struct choice *choice, size_t of,
                       const SSL_CTX *context)
{
    for (size_t i = 0; i < of; i++)
        if (choice->contexts[i] == context && EVP_PKEY_get_base_id(server->pairs[i].pem.key) ==
                                                  EVP_PKEY_get_base_id(server->pairs[of].pem.key))
            return true;
    return false;
}

/* An earlier context for the very same names that has no key of this type yet, or NULL. */
static SSL_CTX *partner(const struct tls_server *server, const struct choice *choice, size_t of,
                        size_t names_from)
{
    for (size_t i = 0; i < of; i++)
        if (has_names_of(choice, choice->contexts[i], names_from) &&
            !has_key_of(server, choice, of, choice->contexts[i]))
            return choice->contexts[i];
    return NULL;
}

static bool add_pair(const struct tls_server *server, struct choice *choice, size_t i,
                     struct tls_problem *problem)
{
    const struct pair *pair = &server->pairs[i];
    size_t from = choice->n_names;
    if (!add_names(choice, NULL, pair->pem.cert))
        return false;
    SSL_CTX *context = partner(server, choice, i, from);
    if (!context)
        context = create_context();
    if (!context)
        return false;
    choice->contexts[choice->n++] = context;
    for (size_t name = from; name < choice->n_names; name++)
        choice->names[name].context = context;
    return pem_use(&pair->pem, pair->cert, context, problem);
}

static void use_tickets(const struct choice *choice, struct tls_tickets *tickets)
{
    for (size_t i = 0; tickets && i < choice->n; i++) {
        SSL_CTX_set_app_data(choice->contexts[i], tickets);
        SSL_CTX_set_tlsext_ticket_key_evp_cb(choice->contexts[i], on_ticket);
    }
}

/* The first pair's context, which holds all; NULL: *bad is the pair with the problem, or memory
 * ran out (*bad is n then). */
static SSL_CTX *build(const struct tls_server *server, size_t *bad, struct tls_problem *problem)
{
    struct choice *choice = calloc(1, sizeof *choice);
    *bad = server->n;
    if (!choice)
        return NULL;
    choice->contexts = calloc(server->n, sizeof *choice->contexts);
    bool ok = choice->contexts != NULL;
    for (size_t i = 0; ok && i < server->n; i++)
        if (!(ok = add_pair(server, choice, i, problem)) && problem->message[0])
            *bad = i;
    if (!ok || !SSL_CTX_set_ex_data(choice->contexts[0], index_of_choice(), choice)) {
        choice_destroy(choice, 0);
        return NULL;
    }
    SSL_CTX_set_tlsext_servername_callback(choice->contexts[0], on_server_name);
    SSL_CTX_set_tlsext_servername_arg(choice->contexts[0], choice);
    use_tickets(choice, server->tickets);
    return choice->contexts[0];
}

/* --- pairs ------------------------------------------------------------------------------------ */

static void take_pem(struct pem_pair *to, const struct pem_pair *from)
{
    *to = *from;
    X509_up_ref(to->cert);
    EVP_PKEY_up_ref(to->key);
    to->chain = X509_chain_up_ref(from->chain);
}

static const struct pair *pair_of_files(const struct tls_server *server, const struct pair *like)
{
    for (size_t i = 0; server && i < server->n; i++)
        if (strcmp(server->pairs[i].cert, like->cert) == 0 &&
            strcmp(server->pairs[i].key, like->key) == 0)
            return &server->pairs[i];
    return NULL;
}

/* True: it can be used, be it as it was before. */
static bool read_pair(struct pair *pair, const struct tls_server *before,
                      struct tls_problem *problem)
{
    const struct pair *old;
    if (pem_read_pair(pair->cert, pair->key, &pair->pem, problem))
        return true;
    pem_finish(&pair->pem);
    if (!(old = pair_of_files(before, pair)))
        return false;
    take_pem(&pair->pem, &old->pem);
    pair->stale = problem->warning = true;
    problem->hint = "the pair read before stays in use, and these files are tried again";
    return pair->pem.chain != NULL;
}

static bool read_pairs(struct tls_server *server, const struct tls_pair *pairs,
                       const struct tls_server *before, const struct tls_reporter *reporter)
{
    bool ok = true;
    for (size_t i = 0; i < server->n; i++) {
        struct tls_problem problem = {0};
        struct pair *pair = &server->pairs[i];
        pair->cert = strdup(pairs[i].cert);
        pair->key = strdup(pairs[i].key);
        if (!pair->cert || !pair->key)
            return false;
        ok = read_pair(pair, before, &problem) && ok;
        if (problem.message[0])
            reporter->report(reporter->ctx, i, &problem);
    }
    return ok;
}

struct tls_server *tls_server_create(const struct tls_pair *pairs, size_t n,
                                     struct tls_server *before, const struct tls_reporter *reporter)
{
    struct tls_problem problem = {0};
    size_t bad;
    struct tls_server *server = calloc(1, sizeof *server);
    if (!server)
        return NULL;
    server->refs = 1;
    pthread_mutex_init(&server->lock, NULL);
    server->pairs = calloc(n, sizeof *server->pairs);
    server->n = server->pairs ? n : 0;
    if (server->pairs && read_pairs(server, pairs, before, reporter)) {
        server->context = build(server, &bad, &problem);
        if (!server->context && bad < n)
            reporter->report(reporter->ctx, bad, &problem);
    }
    ERR_clear_error();
    if (server->context)
        return server;
    tls_server_unref(server);
    return NULL;
}

struct tls_server *tls_server_ref(struct tls_server *server)
{
    if (server)
        __atomic_fetch_add(&server->refs, 1, __ATOMIC_RELAXED);
    return server;
}

void tls_server_unref(struct tls_server *server)
{
    if (!server || __atomic_sub_fetch(&server->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    for (size_t i = 0; i < server->n; i++) {
        free(server->pairs[i].cert);
        free(server->pairs[i].key);
        pem_finish(&server->pairs[i].pem);
    }
    free(server->pairs);
    SSL_CTX_free(server->context);
    pthread_mutex_destroy(&server->lock);
    free(server);
}

void tls_server_use_tickets(struct tls_server *server, struct tls_tickets *tickets)
{
    server->tickets = tickets;
    use_tickets(SSL_CTX_get_ex_data(server->context, index_of_choice()), tickets);
}

bool tls_server_is_stale(struct tls_server *server)
{
    for (size_t i = 0; i < server->n; i++)
        if (server->pairs[i].stale)
            return true;
    return false;
}

/* Takes what the pair's files hold now; where that cannot be used, all stays as it is. */
static void try_pair(struct tls_server *server, struct pair *pair)
{
    struct tls_problem problem;
    struct pem_pair old = pair->pem;
    size_t bad;
    pair->pem = (struct pem_pair){0};
    SSL_CTX *context = pem_read_pair(pair->cert, pair->key, &pair->pem, &problem)
                           ? build(server, &bad, &problem)
                           : NULL;
    if (!context) {
        pem_finish(&pair->pem);
        pair->pem = old;
        return;
    }
    pem_finish(&old);
    pair->stale = false;
    pthread_mutex_lock(&server->lock);
    SSL_CTX *former = server->context;
    server->context = context;
    pthread_mutex_unlock(&server->lock);
    SSL_CTX_free(former);
}

bool tls_server_try_again(struct tls_server *server)
{
    for (size_t i = 0; i < server->n; i++)
        if (server->pairs[i].stale)
            try_pair(server, &server->pairs[i]);
    ERR_clear_error();
    return !tls_server_is_stale(server);
}

struct ssl_st *tls_server_open(struct tls_server *server)
{
    pthread_mutex_lock(&server->lock);
    SSL *ssl = SSL_new(server->context);
    pthread_mutex_unlock(&server->lock);
    if (ssl)
        SSL_set_accept_state(ssl);
    return ssl;
}
