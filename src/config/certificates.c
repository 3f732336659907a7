/* tls of listeners and upstreams: files are read and checked now, so that a mistake in them is a
 * fault with its place. */
#include "compiler.h"
#include "corsd/config/file.h"
#include "corsd/config/readers.h"

/* --- telling ---------------------------------------------------------------------------------- */

struct places { /* where problems of pairs are told */
    struct reading *reading;
    const struct written_certificate *pairs;
};

static void report(void *ctx, size_t pair, const struct tls_problem *problem)
{
    const struct places *places = ctx;
    const struct written_certificate *written = &places->pairs[pair];
    const void *place = problem->of_key ? written->key.place : written->cert.place;
    if (problem->warning)
        warn(places->reading, place, problem->hint, "%s", problem->message);
    else
        fault(places->reading, place, problem->hint, "%s", problem->message);
}

/* The path of a file that the plan rests on; p is NULL out of memory. */
static const char *path_of(struct reading *reading, const struct spec_text *file)
{
    struct str path = file_path(reading, file->text);
    if (path.p)
        rest_on(reading, path);
    return path.p;
}

/* --- listeners -------------------------------------------------------------------------------- */

/* What the same listener has in force, or NULL. */
static struct tls_server *before_of(const struct reading *reading, struct str text)
{
    for (size_t i = 0; reading->before && i < reading->before->n_listeners; i++)
        if (str_eq(reading->before->listeners[i].text, text))
            return reading->before->listeners[i].tls;
    return NULL;
}

void compile_listener_tls(struct compiler *compiler, const struct written_listen *written,
                          struct listener_spec *spec)
{
    struct reading *reading = compiler->reading;
    struct places places = {reading, written->tls.first};
    struct tls_reporter reporter = {report, &places};
    struct tls_pair *pairs = take(reading, written->tls.n * sizeof *pairs);
    for (size_t i = 0; pairs && i < written->tls.n; i++) {
        if (!places.pairs[i].cert.place || !places.pairs[i].key.place)
            return; /* reported when it was read */
        pairs[i].cert = path_of(reading, &places.pairs[i].cert);
        pairs[i].key = path_of(reading, &places.pairs[i].key);
        if (!pairs[i].cert || !pairs[i].key)
            return;
    }
    size_t errors = reading->diagnostics->errors;
    if (pairs)
        spec->tls =
            tls_server_create(pairs, written->tls.n, before_of(reading, spec->text), &reporter);
    if (!spec->tls && errors == reading->diagnostics->errors)
        reading->out_of_memory = true;
}

/* --- upstreams -------------------------------------------------------------------------------- */

/* The system's authorities are read once for all upstreams. NULL: told, or out of memory. */
static struct tls_trust *trust_for(struct compiler *compiler, const struct written_trust *written,
                                   const void *place)
{
    struct tls_problem problem = {0};
    struct tls_trust *trust;
    if (written->ca.place) {
        const char *path = path_of(compiler->reading, &written->ca);
        trust = path ? tls_trust_create(path, &problem) : NULL;
        place = written->ca.place;
    } else {
        if (!compiler->system)
            compiler->system = tls_trust_create(NULL, &problem);
        trust = tls_trust_ref(compiler->system);
    }
    if (problem.message[0])
        fault(compiler->reading, place, problem.hint, "%s", problem.message);
    else if (!trust)
        compiler->reading->out_of_memory = true;
    return trust;
}

static bool check_keys(struct reading *reading, const struct written_trust *written)
{
    bool cert = written->cert.place, key = written->key.place;
    if (!written->verify.value) {
        warn(reading, written->verify.at, "name the server's authority: tls: {ca: FILE}",
             "anybody between corsd and this server can read and change everything");
        if (written->ca.place)
            warn(reading, written->ca.place, "delete it, or verify: false",
                 "\"ca\" has no effect with verify: false");
    }
    if (cert == key)
        return true;
    fault(reading, cert ? written->cert.place : written->key.place, NULL,
          cert ? "\"cert\" needs a \"key\" beside it" : "\"key\" needs a \"cert\" beside it");
    return false;
}

void compile_upstream_tls(struct compiler *compiler, const struct written_trust *written,
                          const void *place, struct upstream_spec *spec)
{
    struct reading *reading = compiler->reading;
    const struct written_certificate pair = {written->cert, written->key};
    struct places places = {reading, &pair};
    struct tls_reporter reporter = {report, &places};
    struct tls_client_spec client = {.verify = written->verify.value};
    size_t errors = reading->diagnostics->errors;
    if (!check_keys(reading, written))
        return;
    if (client.verify && !(client.trust = trust_for(compiler, written, place)))
        return;
    client.server_name = written->server_name.text.p;
    if (pair.cert.place) {
        client.cert = path_of(reading, &pair.cert);
        client.key = path_of(reading, &pair.key);
    }
    if (!reading->out_of_memory)
        spec->tls = tls_client_create(&client, &reporter);
    tls_trust_unref(client.trust);
    if (!spec->tls && errors == reading->diagnostics->errors)
        reading->out_of_memory = true;
}
