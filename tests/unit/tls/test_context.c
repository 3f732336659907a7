/* Pairs, their faults, SNI and tickets, over memory: a client and a server context shake hands. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <criterion/criterion.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include "corsd/tls/context.h"

enum { DAY = 24 * 3600, PATH_BYTES = 256 };

/* --- files ------------------------------------------------------------------------------------ */

static char folder[64];

static void make_folder(void)
{
    static const char template[] = "/tmp/corsd-tls-XXXXXX";
    memcpy(folder, template, sizeof template);
    cr_assert_not_null(mkdtemp(folder));
}

static void remove_folder(void)
{
    static const char *const names[] = {"a", "b", "c", "ca", "bad"};
    char path[PATH_BYTES];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s.crt", folder, names[i]);
        unlink(path);
        snprintf(path, sizeof path, "%s/%s.key", folder, names[i]);
        unlink(path);
    }
    rmdir(folder);
}

static const char *path_of(const char *name, const char *end)
{
    static char paths[8][PATH_BYTES];
    static unsigned next;
    char *path = paths[next++ % 8];
    snprintf(path, PATH_BYTES, "%s/%s.%s", folder, name, end);
    return path;
}

struct made {
    const char *name;       /* of the files */
    const char *names;      /* "DNS:a.test,DNS:*.b.test"; NULL: a common name of cn.test alone */
    bool rsa, encrypted;
    long from, until;       /* seconds from now */
};

static void write_key(const struct made *made, EVP_PKEY *key)
{
    FILE *file = fopen(path_of(made->name, "key"), "w");
    cr_assert_not_null(file);
    cr_assert(PEM_write_PrivateKey(file, key, made->encrypted ? EVP_aes_128_cbc() : NULL,
                                   made->encrypted ? (unsigned char *)"secret" : NULL,
                                   made->encrypted ? 6 : 0, NULL, NULL));
    fclose(file);
}

static void make(struct made made)
{
    EVP_PKEY *key = made.rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    cr_assert(key && cert);
    X509_set_version(cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), made.from);
    X509_gmtime_adj(X509_getm_notAfter(cert), made.until ? made.until : DAY);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
                               (const unsigned char *)"cn.test", -1, -1, 0);
    X509_set_issuer_name(cert, X509_get_subject_name(cert));
    X509_set_pubkey(cert, key);
    if (made.names) {
        X509_EXTENSION *names = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, made.names);
        cr_assert_not_null(names);
        X509_add_ext(cert, names, -1);
        X509_EXTENSION_free(names);
    }
    cr_assert(X509_sign(cert, key, EVP_sha256()));
    FILE *file = fopen(path_of(made.name, "crt"), "w");
    cr_assert_not_null(file);
    cr_assert(PEM_write_X509(file, cert));
    fclose(file);
    write_key(&made, key);
    X509_free(cert);
    EVP_PKEY_free(key);
}

static void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    fputs(text, file);
    fclose(file);
}

/* --- problems --------------------------------------------------------------------------------- */

struct heard {
    unsigned n;
    size_t pair;
    struct tls_problem last;
};

static void hear(void *ctx, size_t pair, const struct tls_problem *problem)
{
    struct heard *heard = ctx;
    heard->n++;
    heard->pair = pair;
    heard->last = *problem;
}

static struct tls_server *load(const struct tls_pair *pairs, size_t n, struct tls_server *before,
                               struct heard *heard)
{
    struct tls_reporter reporter = {hear, heard};
    *heard = (struct heard){0};
    return tls_server_create(pairs, n, before, &reporter);
}

static struct tls_pair pair(const char *cert, const char *key)
{
    return (struct tls_pair){path_of(cert, "crt"), path_of(key, "key")};
}

static void expect_fault(struct tls_pair of, const char *words, bool of_key)
{
    struct heard heard;
    struct tls_server *server = load(&of, 1, NULL, &heard);
    cr_expect_null(server, "%s", words);
    cr_expect_eq(heard.n, 1, "%s", words);
    cr_expect(strstr(heard.last.message, words), "\"%s\" is not in \"%s\"", words,
              heard.last.message);
    cr_expect_not(heard.last.warning);
    cr_expect_eq(heard.last.of_key, of_key, "%s", words);
    tls_server_unref(server);
}

TestSuite(tls, .init = make_folder, .fini = remove_folder);

Test(tls, what_is_wrong_with_a_pair)
{
    make((struct made){.name = "a"});
    make((struct made){.name = "b"});
    make((struct made){.name = "c", .encrypted = true});
    expect_fault((struct tls_pair){"/nonexistent.crt", path_of("a", "key")},
                 "cannot read /nonexistent.crt: No such file", false);
    expect_fault((struct tls_pair){path_of("a", "crt"), "/nonexistent.key"},
                 "cannot read /nonexistent.key: No such file", true);
    expect_fault((struct tls_pair){"/dev/zero", path_of("a", "key")}, "cannot read /dev/zero",
                 false);
    expect_fault((struct tls_pair){folder, path_of("a", "key")}, "Is a directory", false);
    expect_fault(pair("a", "b"), "does not match the certificate", true);
    expect_fault(pair("c", "c"), "is encrypted", true);
    expect_fault((struct tls_pair){path_of("a", "key"), path_of("a", "key")},
                 "holds no certificate", false);
    expect_fault((struct tls_pair){path_of("a", "crt"), path_of("a", "crt")},
                 "holds no private key", true);
    write_text(path_of("bad", "crt"), "");
    expect_fault(pair("bad", "a"), "holds no certificate", false);
    write_text(path_of("bad", "crt"),
               "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    expect_fault(pair("bad", "a"), "holds no certificate", false);
}

static void expect_warning(struct made made, const char *words)
{
    struct heard heard;
    struct tls_pair of = pair("a", "a");
    made.name = "a";
    make(made);
    struct tls_server *server = load(&of, 1, NULL, &heard);
    cr_expect_not_null(server);
    cr_expect_eq(heard.n, words ? 1 : 0);
    cr_expect(!words || strstr(heard.last.message, words), "%s", heard.last.message);
    cr_expect(!words || heard.last.warning);
    tls_server_unref(server);
}

Test(tls, dates_are_a_warning)
{
    expect_warning((struct made){0}, NULL);
    expect_warning((struct made){.from = -2 * DAY, .until = -DAY}, "expired on 20");
    expect_warning((struct made){.from = DAY, .until = 2 * DAY}, "is not valid before 20");
}

/* --- handshakes ------------------------------------------------------------------------------- */

struct ends {
    SSL_CTX *context;
    SSL *client, *server;
};

/* In memory, to the end or to what stops it; true: both are done. */
static bool shake(struct ends *ends, struct tls_server *server, const char *name,
                  const char *sigalgs, SSL_SESSION *session)
{
    BIO *one, *other;
    ends->context = SSL_CTX_new(TLS_client_method());
    ends->client = SSL_new(ends->context);
    ends->server = tls_server_open(server);
    cr_assert(ends->client && ends->server && BIO_new_bio_pair(&one, 0, &other, 0));
    SSL_set_bio(ends->client, one, one);
    SSL_set_bio(ends->server, other, other);
    SSL_set_connect_state(ends->client);
    if (name)
        SSL_set_tlsext_host_name(ends->client, name);
    if (sigalgs)
        cr_assert(SSL_set1_sigalgs_list(ends->client, sigalgs));
    if (session)
        SSL_set_session(ends->client, session);
    for (int i = 0; i < 20; i++) {
        SSL_do_handshake(ends->client);
        SSL_do_handshake(ends->server);
    }
    char byte;
    SSL_read(ends->client, &byte, 1); /* the tickets */
    ERR_clear_error();
    return SSL_is_init_finished(ends->client) && SSL_is_init_finished(ends->server);
}

static void part(struct ends *ends)
{
    SSL_set_shutdown(ends->client, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(ends->client);
    SSL_free(ends->server);
    SSL_CTX_free(ends->context);
}

static bool has_name(const X509 *cert, const char *name)
{
    return X509_check_host((X509 *)cert, name, 0, 0, NULL) == 1;
}

/* The certificate that a client which asks for `name` is shown is good for `holds`. */
static void expect_choice(struct tls_server *server, const char *name, const char *holds)
{
    struct ends ends;
    cr_expect(shake(&ends, server, name, NULL, NULL), "%s", name);
    cr_expect(has_name(SSL_get0_peer_certificate(ends.client), holds), "%s",
              name ? name : "(none)");
    part(&ends);
}

Test(tls, sni)
{
    struct heard heard;
    make((struct made){.name = "a", .names = "DNS:a.test,DNS:first.test"});
    make((struct made){.name = "b", .names = "DNS:*.b.test,DNS:*.a.test"});
    make((struct made){.name = "c", .names = "DNS:x.B.test"});
    struct tls_pair pairs[] = {pair("a", "a"), pair("b", "b"), pair("c", "c")};
    struct tls_server *server = load(pairs, 3, NULL, &heard);
    cr_assert_not_null(server, "%s", heard.last.message);
    expect_choice(server, "a.test", "a.test");
    expect_choice(server, "A.TEST", "a.test");
    expect_choice(server, "y.b.test", "y.b.test");
    expect_choice(server, "x.b.test", "x.B.test");  /* exact before wildcard */
    expect_choice(server, "q.a.test", "q.a.test");
    expect_choice(server, "z.y.b.test", "first.test"); /* one label, not two */
    expect_choice(server, "b.test", "first.test");
    expect_choice(server, "else.test", "first.test");
    expect_choice(server, NULL, "first.test");
    tls_server_unref(server);
}

Test(tls, rsa_and_ec_of_the_same_names_are_offered_together)
{
    struct heard heard;
    struct ends ends;
    make((struct made){.name = "a", .names = "DNS:a.test,DNS:b.test", .rsa = true});
    make((struct made){.name = "b", .names = "DNS:b.test,DNS:a.test"});
    struct tls_pair pairs[] = {pair("a", "a"), pair("b", "b")};
    struct tls_server *server = load(pairs, 2, NULL, &heard);
    cr_assert_not_null(server);
    static const struct {
        const char *sigalgs;
        int type;
    } rows[] = {{"ECDSA+SHA256", EVP_PKEY_EC}, {"RSA-PSS+SHA256", EVP_PKEY_RSA}};
    for (size_t i = 0; i < 2; i++) {
        cr_expect(shake(&ends, server, "a.test", rows[i].sigalgs, NULL), "%s", rows[i].sigalgs);
        X509 *cert = SSL_get0_peer_certificate(ends.client);
        cr_expect(cert && EVP_PKEY_get_base_id(X509_get0_pubkey(cert)) == rows[i].type);
        part(&ends);
    }
    tls_server_unref(server);
}

Test(tls, a_common_name_counts_where_there_is_no_other)
{
    struct heard heard;
    make((struct made){.name = "a", .names = "DNS:a.test"});
    make((struct made){.name = "b"});
    struct tls_pair pairs[] = {pair("a", "a"), pair("b", "b")};
    struct tls_server *server = load(pairs, 2, NULL, &heard);
    cr_assert_not_null(server);
    expect_choice(server, "cn.test", "cn.test");
    tls_server_unref(server);
}

/* --- tickets ---------------------------------------------------------------------------------- */

static bool resumes(struct tls_server *server, SSL_SESSION *session)
{
    struct ends ends;
    cr_assert(shake(&ends, server, "a.test", NULL, session));
    bool reused = SSL_session_reused(ends.client);
    part(&ends);
    return reused;
}

Test(tls, tickets_outlive_a_reload)
{
    struct heard heard;
    struct ends ends;
    make((struct made){.name = "a", .names = "DNS:a.test"});
    struct tls_pair of = pair("a", "a");
    struct tls_tickets *tickets = tls_tickets_create(), *others = tls_tickets_create();
    struct tls_server *first = load(&of, 1, NULL, &heard), *second = load(&of, 1, first, &heard);
    cr_assert(tickets && others && first && second);
    tls_server_use_tickets(first, tickets);
    tls_server_use_tickets(second, tickets);
    cr_assert(shake(&ends, first, "a.test", NULL, NULL));
    SSL_SESSION *session = SSL_get1_session(ends.client);
    part(&ends);
    cr_assert(SSL_SESSION_is_resumable(session));
    cr_expect(resumes(first, session));
    cr_expect(resumes(second, session));
    tls_server_use_tickets(second, others);
    cr_expect_not(resumes(second, session));
    SSL_SESSION_free(session);
    tls_server_unref(first);
    tls_server_unref(second);
    tls_tickets_destroy(tickets);
    tls_tickets_destroy(others);
}

/* --- stale pairs ------------------------------------------------------------------------------ */

Test(tls, a_pair_that_no_longer_matches_keeps_the_old_one_until_it_does)
{
    struct heard heard;
    make((struct made){.name = "a", .names = "DNS:old.test"});
    struct tls_pair of = pair("a", "a");
    struct tls_server *before = load(&of, 1, NULL, &heard);
    cr_assert_not_null(before);
    make((struct made){.name = "b", .names = "DNS:new.test"});
    cr_assert_eq(rename(path_of("b", "crt"), path_of("a", "crt")), 0); /* half of a renewal */
    struct tls_server *after = load(&of, 1, before, &heard);
    tls_server_unref(before);
    cr_assert_not_null(after);
    cr_expect_eq(heard.n, 1);
    cr_expect(heard.last.warning);
    cr_expect(strstr(heard.last.message, "does not match"));
    cr_expect(tls_server_is_stale(after));
    expect_choice(after, NULL, "old.test");
    cr_expect_not(tls_server_try_again(after));
    expect_choice(after, NULL, "old.test");
    cr_assert_eq(rename(path_of("b", "key"), path_of("a", "key")), 0);
    cr_expect(tls_server_try_again(after));
    cr_expect_not(tls_server_is_stale(after));
    expect_choice(after, NULL, "new.test");
    tls_server_unref(after);
}

/* --- protocol --------------------------------------------------------------------------------- */

static bool agrees(struct tls_server *server, int version, const char *ciphers)
{
    BIO *one, *other;
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_security_level(context, 0);
    SSL_CTX_set_min_proto_version(context, version);
    SSL_CTX_set_max_proto_version(context, version);
    cr_assert(!ciphers || SSL_CTX_set_cipher_list(context, ciphers));
    SSL *client = SSL_new(context), *ours = tls_server_open(server);
    cr_assert(client && ours && BIO_new_bio_pair(&one, 0, &other, 0));
    SSL_set_bio(client, one, one);
    SSL_set_bio(ours, other, other);
    SSL_set_connect_state(client);
    for (int i = 0; i < 20; i++) {
        SSL_do_handshake(client);
        SSL_do_handshake(ours);
    }
    bool done = SSL_is_init_finished(client) && SSL_is_init_finished(ours);
    ERR_clear_error();
    SSL_free(client);
    SSL_free(ours);
    SSL_CTX_free(context);
    return done;
}

Test(tls, versions_and_ciphers)
{
    struct heard heard;
    make((struct made){.name = "a", .rsa = true});
    struct tls_pair of = pair("a", "a");
    struct tls_server *server = load(&of, 1, NULL, &heard);
    cr_assert_not_null(server);
    cr_expect(agrees(server, TLS1_3_VERSION, NULL));
    cr_expect(agrees(server, TLS1_2_VERSION, NULL));
    cr_expect(agrees(server, TLS1_2_VERSION, "ECDHE-RSA-AES128-GCM-SHA256"));
    cr_expect(agrees(server, TLS1_2_VERSION, "ECDHE-RSA-CHACHA20-POLY1305"));
    cr_expect_not(agrees(server, TLS1_1_VERSION, NULL));
    cr_expect_not(agrees(server, TLS1_VERSION, NULL));
    cr_expect_not(agrees(server, TLS1_2_VERSION, "AES128-GCM-SHA256"), "no forward secrecy");
    cr_expect_not(agrees(server, TLS1_2_VERSION, "ECDHE-RSA-AES128-SHA256"), "CBC");
    tls_server_unref(server);
}

/* --- upstreams -------------------------------------------------------------------------------- */

Test(tls, a_client_is_fingerprinted_by_content)
{
    struct heard heard = {0};
    struct tls_reporter reporter = {hear, &heard};
    struct tls_problem problem;
    make((struct made){.name = "ca"});
    struct tls_trust *trust = tls_trust_create(path_of("ca", "crt"), &problem);
    struct tls_client_spec spec = {.verify = true, .trust = trust};
    struct tls_client *one = tls_client_create(&spec, &reporter);
    struct tls_client *same = tls_client_create(&spec, &reporter);
    spec.server_name = "a.test";
    struct tls_client *named = tls_client_create(&spec, &reporter);
    cr_assert(trust && one && same && named);
    make((struct made){.name = "ca"});
    struct tls_trust *renewed = tls_trust_create(path_of("ca", "crt"), &problem);
    spec = (struct tls_client_spec){.verify = true, .trust = renewed};
    struct tls_client *other = tls_client_create(&spec, &reporter);
    cr_assert(renewed && other);
    cr_expect_eq(tls_client_fingerprint(one), tls_client_fingerprint(same));
    cr_expect_neq(tls_client_fingerprint(one), tls_client_fingerprint(named));
    cr_expect_neq(tls_client_fingerprint(one), tls_client_fingerprint(other));
    cr_expect_eq(heard.n, 0);
    tls_client_unref(one);
    tls_client_unref(same);
    tls_client_unref(named);
    tls_client_unref(other);
    tls_trust_unref(trust);
    tls_trust_unref(renewed);
}

Test(tls, authorities_that_are_none)
{
    struct tls_problem problem;
    cr_expect_null(tls_trust_create("/nonexistent.pem", &problem));
    cr_expect(strstr(problem.message, "cannot read /nonexistent.pem"));
    write_text(path_of("bad", "crt"), "nothing\n");
    cr_expect_null(tls_trust_create(path_of("bad", "crt"), &problem));
    cr_expect(strstr(problem.message, "holds no certificate"));
}
