/* Makes the plan: each part in turn, then what is plain copying. */
#include "corsd/config/compile.h"
#include "compiler.h"
#include "corsd/config/file.h"
#include "corsd/config/readers.h"
#include "corsd/cors/public_suffix.h"

static void copy_numbers(struct compiler *compiler)
{
    const struct written *w = compiler->written;
    struct plan *plan = compiler->plan;
    plan->workers = (unsigned)w->workers.value;
    plan->forwarded = (enum forwarded)w->forwarded.value;
    plan->via = w->via.value;
    plan->watch = w->watch.value;
    plan->decision_header = w->decision_header.value;
    plan->limits = (struct limits){
        .header_size = w->limits.header_size.value,
        .headers = w->limits.headers.value,
        .body_size = w->limits.body_size.value,
        .connections = w->limits.connections.value,
        .connections_per_client = w->limits.connections_per_client.value,
        .min_rate = w->limits.min_rate.value,
    };
    plan->timeouts = (struct timeouts){
        .header = w->timeouts.header.value,
        .body = w->timeouts.body.value,
        .idle = w->timeouts.idle.value,
        .tunnel = w->timeouts.tunnel.value,
        .drain = w->timeouts.drain.value,
        .drain_delay = w->timeouts.drain_delay.value,
    };
    plan->log = (struct log_spec){
        .level = (enum log_level)w->log.level.value,
        .access = (enum access_format)w->log.access.value,
        .query = w->log.query.value,
        .output = w->log.output.text,
    };
    if (plan->log.output.n && !str_eq(plan->log.output, STR("stderr")))
        plan->log.output = file_path(compiler->reading, plan->log.output);
}

static void compile_health(struct compiler *compiler)
{
    const struct spec_text *path = &compiler->written->health_path;
    if (!path->place)
        return;
    bool plain = path->text.n && path->text.p[0] == '/';
    for (size_t i = 0; i < path->text.n; i++)
        plain = plain && path->text.p[i] > ' ' && !strchr("%\\;?#*\x7f", path->text.p[i]);
    if (!plain)
        fault(compiler->reading, path->place, "write /.well-known/corsd",
              "\"%.*s\" is not a plain path", EXCERPT_ARG(path->text));
    compiler->plan->health_path = path->text;
}

static void compile_default(struct compiler *compiler)
{
    const struct written_cors *cors = &compiler->written->cors;
    compiler->plan->default_policy = find_policy(compiler, cors, STR("default"));
    if (is_missing(&root_key, compiler->written->at, "cors"))
        warn(compiler->reading, compiler->written->at,
             compiler->reading->has_file
                 ? "write cors: {allow_origins: [\"https://app.example.com\"]}, or cors: off"
                 : "give --allow-origin https://app.example.com, or --cors off",
             "\"cors\" is missing: %s",
             compiler->written->routes.n ? "routes that name no policy get no CORS headers"
                                         : "no answer gets CORS headers");
}

static void warn_unused(struct compiler *compiler)
{
    for (size_t i = 0; i < compiler->n_named; i++) {
        const struct spec_text *name = &compiler->named[i].written->name;
        char hint[PHRASE];
        if (compiler->named[i].used || compiler->reading->diagnostics->errors)
            continue; /* where there are faults, one may be the reason */
        phrase(hint, sizeof hint, "write cors: %.*s where it shall hold", EXCERPT_ARG(name->text));
        warn(compiler->reading, name->place, hint, "the policy \"%.*s\" is used nowhere",
             EXCERPT_ARG(name->text));
    }
}

bool compile_plan(struct reading *reading, const struct written *written, struct plan *plan)
{
    struct compiler compiler = {.reading = reading, .written = written, .plan = plan};
    bool ok =
        compile_listeners(&compiler) && compile_upstreams(&compiler) && compile_policies(&compiler);
    if (ok) {
        compile_default(&compiler);
        compile_health(&compiler);
        ok = compile_routes(&compiler);
    }
    if (ok) {
        warn_unused(&compiler);
        copy_numbers(&compiler);
    }
    public_suffixes_unref(compiler.suffixes);
    tls_trust_unref(compiler.system);
    plan->written = written;
    return ok && !reading->out_of_memory;
}
