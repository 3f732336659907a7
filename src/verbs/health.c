/* `corsd health`: asks a running corsd whether it is ready; for HEALTHCHECK and scripts. */
#include <getopt.h>
#include <stdio.h>
#include <sys/socket.h>
#include "corsd/plan/plan.h"
#include "corsd/verbs/verbs.h"
#include "reads.h"
#include "source.h"
#include "wire.h"

enum { PATIENCE_MS = 3000, REQUEST_MAX = 64 * 1024 };

static const char help[] =
    "usage: corsd health [-c FILE] [ADMIN]\n\n"
    "Exits with 0 when corsd is ready, with 1 when it is not. ADMIN is the address of the\n"
    "admin listener. Without it the configuration says whom to ask: its admin, or its\n"
    "health_path on the first address of listen, or whether anybody listens there at all.\n"
    "Without a file the CORSD_* variables are the configuration, as when corsd runs without one.\n";

/* --- asking ----------------------------------------------------------------------------------- */

static int say(struct str where, struct str what)
{
    fprintf(stderr, "corsd health: %.*s: %.*s\n", STR_ARG(where), STR_ARG(what));
    return 1;
}

/* path empty: it is enough that somebody listens. False: *answer is the reason. */
static bool ask_at(struct wire_target *target, struct str path, struct arena *arena,
                   struct str *answer)
{
    struct buf request = BUF_INIT(REQUEST_MAX);
    if (!path.n) {
        int error = wire_reach(target);
        *answer = error ? str_of(strerror(error)) : STR("HTTP/1.1 200");
        return !error;
    }
    buf_add(&request, STR("GET "));
    buf_add(&request, path);
    buf_add(&request, STR(" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"));
    *answer = STR("out of memory");
    bool came = !request.failed && wire_ask(target, buf_str(&request), arena, answer);
    buf_finish(&request);
    return came;
}

/* An address to listen on is one to connect to: all addresses are reached by loopback, and on a
 * machine without IPv6 by the other loopback. */
static bool ask_there(const struct address *address, struct str path, struct arena *arena,
                      struct str *answer)
{
    struct wire_target target = {*address, PATIENCE_MS};
    uint16_t port = address_port((const struct sockaddr *)&address->at);
    if (ask_at(&target, path, arena, answer))
        return true;
    return address->at.ss_family == AF_INET6 &&
           address_of_ip(STR("127.0.0.1"), port, &target.address) &&
           ask_at(&target, path, arena, answer);
}

static int judge(struct str where, struct str head)
{
    enum { STATUS_AT = 9 }; /* RFC 9112 §4 */
    char text[64];
    uint64_t status = 0;
    if (!str_to_u64(str_head(str_from(head, STATUS_AT), 3), &status))
        return say(where, STR("the answer is no HTTP/1.1"));
    if (status == 200)
        return 0;
    snprintf(text, sizeof text, "%s (%u)", status == 503 ? "not ready" : "no answer of corsd's",
             (unsigned)status);
    return say(where, str_of(text));
}

static int ask(struct str where, const struct address *address, struct str path)
{
    struct arena arena;
    struct str answer;
    arena_init(&arena, NULL, 0);
    bool came = ask_there(address, path, &arena, &answer);
    int code = came ? judge(where, answer) : say(where, answer);
    arena_finish(&arena);
    return code;
}

/* --- whom ------------------------------------------------------------------------------------- */

static int ask_plan(const struct plan *plan)
{
    if (plan->admin.on)
        return ask(plan->admin.listener.text, &plan->admin.listener.address, STR("/readyz"));
    for (size_t i = 0; i < plan->n_listeners; i++) {
        const struct listener_spec *spec = &plan->listeners[i];
        bool plain = !spec->tls && !spec->proxy_protocol;
        if (!spec->passed)
            return ask(spec->text, &spec->address, plain ? plan->health_path : STR(""));
    }
    return say(STR("systemd"), STR("it listens on passed sockets only: give it an admin listener"));
}

static int ask_named(const char *text)
{
    struct address address;
    enum address_fault fault = address_parse(str_of(text), &address);
    if (fault == ADDRESS_OK)
        return ask(str_of(text), &address, STR("/readyz"));
    fprintf(stderr, "corsd health: %s: %s\n", text, address_fault_text(fault));
    return WRONG_USAGE;
}

static int ask_configured(const char *file)
{
    struct source source;
    if (!source_init(&source, 0))
        return 1;
    source.config.file = file;
    source_choose(&source, false);
    struct plan *plan = load_and_tell(&source.config, false);
    int code = plan ? ask_plan(plan) : 1;
    plan_unref(plan);
    source_finish(&source);
    return code;
}

int verb_health(int argc, char **argv)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    const char *file = NULL;
    optind = 0; /* begin anew */
    for (int option; (option = getopt_long(argc, argv, "c:h", options, NULL)) != -1;) {
        if (option == 'h') {
            fputs(help, stdout);
            return 0;
        }
        if (option != 'c')
            return wrong_usage(help);
        file = optarg;
    }
    if (argc - optind > 1 || (file && optind < argc))
        return wrong_usage(help);
    return optind < argc ? ask_named(argv[optind]) : ask_configured(file);
}
