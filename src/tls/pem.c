/* Certificates and keys from files, with words for what is wrong with them. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include "corsd/base/buf.h"
#include "corsd/base/hash.h"
#include "side.h"

enum { FILE_MAX = 16 << 20 }; /* a bundle of every authority there is takes a quarter of a MiB */

static bool refuse(struct tls_problem *problem, bool of_key, const char *hint, const char *format,
                   ...) __attribute__((format(printf, 4, 5)));

static bool refuse(struct tls_problem *problem, bool of_key, const char *hint, const char *format,
                   ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(problem->message, sizeof problem->message, format, args);
    va_end(args);
    problem->warning = false;
    problem->of_key = of_key;
    problem->hint = hint;
    ERR_clear_error();
    return false;
}

/* 0 or an errno. Devices and pipes are no files: they might never end. */
static int read_all(int fd, struct buf *out)
{
    struct stat about;
    if (fstat(fd, &about) < 0)
        return errno;
    if (!S_ISREG(about.st_mode))
        return S_ISDIR(about.st_mode) ? EISDIR : ENOTSUP;
    if (about.st_size > FILE_MAX)
        return EFBIG;
    for (;;) {
        if (!buf_reserve(out, 4096))
            return out->n + 4096 > out->max ? EFBIG : ENOMEM;
        ssize_t n = read(fd, out->p + out->n, 4096);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? errno : 0;
        out->n += (size_t)n;
    }
}

/* The file as a BIO over `text`, which the caller finishes after it; *hash goes on over it. */
static BIO *open_file(const char *path, bool of_key, struct buf *text, uint64_t *hash,
                      struct tls_problem *problem)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    int error = fd < 0 ? errno : read_all(fd, text);
    if (fd >= 0)
        close(fd);
    ERR_clear_error();
    BIO *file = error ? NULL : BIO_new_mem_buf(text->p, (int)text->n);
    if (file) {
        *hash = hash_add(*hash, buf_str(text));
        return file;
    }
    refuse(problem, of_key, error == EACCES ? "corsd's user has to be able to read it" : NULL,
           "cannot read %s: %s", path, strerror(error ? error : ENOMEM));
    return NULL;
}

static void close_file(BIO *file, struct buf *text)
{
    BIO_free(file);
    if (text->p)
        OPENSSL_cleanse(text->p, text->n);
    buf_finish(text);
}

/* Nobody is there to type a passphrase. */
static int no_passphrase(char *out, int size, int writing, void *asked)
{
    (void)out;
    (void)size;
    (void)writing;
    *(bool *)asked = true;
    return -1;
}

static bool read_chain(const char *path, struct pem_pair *out, struct tls_problem *problem)
{
    bool asked = false;
    struct buf text = BUF_INIT(FILE_MAX);
    BIO *file = open_file(path, false, &text, &out->hash, problem);
    if (!file) {
        buf_finish(&text);
        return false;
    }
    out->cert = PEM_read_bio_X509_AUX(file, NULL, no_passphrase, &asked);
    out->chain = sk_X509_new_null();
    X509 *next;
    while (out->cert && out->chain && (next = PEM_read_bio_X509(file, NULL, no_passphrase, &asked)))
        if (!sk_X509_push(out->chain, next))
            X509_free(next);
    close_file(file, &text);
    /* What ends the loop in a good file is that no further block begins. */
    unsigned long error = ERR_peek_last_error();
    if (out->cert && out->chain && ERR_GET_REASON(error) == PEM_R_NO_START_LINE) {
        ERR_clear_error();
        return true;
    }
    return refuse(problem, false, out->cert ? NULL : "it begins with -----BEGIN CERTIFICATE-----",
                  out->cert ? "a certificate of the chain in %s is broken"
                            : "%s holds no certificate in PEM",
                  path);
}

static bool read_key(const char *path, struct pem_pair *out, struct tls_problem *problem)
{
    bool asked = false;
    struct buf text = BUF_INIT(FILE_MAX);
    BIO *file = open_file(path, true, &text, &out->hash, problem);
    if (!file) {
        buf_finish(&text);
        return false;
    }
    out->key = PEM_read_bio_PrivateKey(file, NULL, no_passphrase, &asked);
    close_file(file, &text);
    if (out->key)
        return true;
    if (asked)
        return refuse(problem, true, "openssl pkey -in FILE -out NEW writes it without passphrase",
                      "the key in %s is encrypted", path);
    return refuse(problem, true, "it begins with -----BEGIN PRIVATE KEY-----",
                  "%s holds no private key in PEM", path);
}

static void date_text(const ASN1_TIME *time, char out[32])
{
    struct tm tm;
    if (!ASN1_TIME_to_tm(time, &tm) || !strftime(out, 32, "%Y-%m-%d %H:%M:%S UTC", &tm))
        memcpy(out, "an unknown time", sizeof "an unknown time");
}

static void look_at_dates(const char *path, const X509 *cert, struct tls_problem *problem)
{
    char text[32];
    const ASN1_TIME *from = X509_get0_notBefore(cert), *until = X509_get0_notAfter(cert);
    if (X509_cmp_current_time(until) < 0) {
        date_text(until, text);
        refuse(problem, false, "clients will refuse it: renew it",
               "the certificate in %s expired on %s", path, text);
        problem->warning = true;
    } else if (X509_cmp_current_time(from) > 0) {
        date_text(from, text);
        refuse(problem, false, "is this machine's clock right?",
               "the certificate in %s is not valid before %s", path, text);
        problem->warning = true;
    }
}

bool pem_read_pair(const char *cert, const char *key, struct pem_pair *out,
                   struct tls_problem *problem)
{
    *problem = (struct tls_problem){0};
    if (!read_chain(cert, out, problem) || !read_key(key, out, problem))
        return false;
    if (!X509_check_private_key(out->cert, out->key))
        return refuse(problem, true, NULL, "the key in %s does not match the certificate in %s",
                      key, cert);
    look_at_dates(cert, out->cert, problem);
    return true;
}

void pem_finish(struct pem_pair *pair)
{
    X509_free(pair->cert);
    sk_X509_pop_free(pair->chain, X509_free);
    EVP_PKEY_free(pair->key);
    *pair = (struct pem_pair){0};
}

bool pem_read_authorities(const char *path, X509_STORE *store, uint64_t *hash,
                          struct tls_problem *problem)
{
    bool asked = false;
    size_t n = 0;
    struct buf text = BUF_INIT(FILE_MAX);
    *problem = (struct tls_problem){0};
    BIO *file = open_file(path, false, &text, hash, problem);
    if (!file) {
        buf_finish(&text);
        return false;
    }
    for (X509 *cert; (cert = PEM_read_bio_X509_AUX(file, NULL, no_passphrase, &asked)); n++) {
        X509_STORE_add_cert(store, cert); /* one that is there already is no harm */
        X509_free(cert);
    }
    close_file(file, &text);
    /* What ends the loop in a good file is that no further block begins. */
    unsigned long error = ERR_peek_last_error();
    if (n && ERR_GET_REASON(error) == PEM_R_NO_START_LINE) {
        ERR_clear_error();
        return true;
    }
    return refuse(problem, false, n ? NULL : "it begins with -----BEGIN CERTIFICATE-----",
                  n ? "a certificate in %s is broken" : "%s holds no certificate in PEM", path);
}

bool pem_use(const struct pem_pair *pair, const char *cert, SSL_CTX *context,
             struct tls_problem *problem)
{
    ERR_clear_error();
    if (SSL_CTX_use_cert_and_key(context, pair->cert, pair->key, pair->chain, 1) == 1)
        return true;
    const char *reason = ERR_reason_error_string(ERR_peek_error());
    return refuse(problem, false, NULL, "OpenSSL does not take the certificate in %s: %s", cert,
                  reason ? reason : "out of memory");
}
