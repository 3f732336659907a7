/* `corsd health`: asks a running corsd whether it is ready; for HEALTHCHECK and scripts. */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>
#include "corsd/plan/plan.h"
#include "corsd/verbs/verbs.h"
#include "reads.h"
#include "source.h"

enum { PATIENCE_MS = 3000, ANSWER_MAX = 4096 };

static const char help[] =
    "usage: corsd health [-c FILE] [ADMIN]\n\n"
    "Exits with 0 when corsd is ready, with 1 when it is not. ADMIN is the address of the\n"
    "admin listener. Without it the configuration says whom to ask: its admin, or its\n"
    "health_path on the first address of listen, or whether anybody listens there at all.\n"
    "Without a file the CORSD_* variables are the configuration, as when corsd runs without one.\n";

/* --- asking ----------------------------------------------------------------------------------- */

static bool is_at(int fd, short events)
{
    struct pollfd wait = {.fd = fd, .events = events};
    return poll(&wait, 1, PATIENCE_MS) == 1;
}

/* A connected socket, or a negative errno. */
static int connect_to(const struct address *address)
{
    int error = 0,
        fd = socket(address->at.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    socklen_t size = sizeof error;
    if (fd < 0)
        return -errno;
    if (connect(fd, (const struct sockaddr *)&address->at, address->size) < 0)
        error = errno;
    if (error == EINPROGRESS)
        error = !is_at(fd, POLLOUT)                                       ? ETIMEDOUT
                : getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0 ? errno
                                                                          : error;
    if (!error)
        return fd;
    close(fd);
    return -error;
}

/* An address to listen on as one to connect to: all addresses are reached by loopback. */
static int reach(const struct address *address)
{
    int fd = connect_to(address);
    uint16_t port = address_port((const struct sockaddr *)&address->at);
    struct address v4;
    if (fd >= 0 || address->at.ss_family != AF_INET6 || !address_of_ip(STR("127.0.0.1"), port, &v4))
        return fd;
    return connect_to(&v4); /* a machine without IPv6 */
}

static int say(struct str where, const char *what)
{
    fprintf(stderr, "corsd health: %.*s: %s\n", STR_ARG(where), what);
    return 1;
}

/* The status of a GET, or a negative errno. */
static int status_of(int fd, struct str path)
{
    enum { STATUS_AT = 9, STATUS_END = 12 }; /* RFC 9112 §4 */
    char request[ANSWER_MAX], answer[ANSWER_MAX];
    int n = snprintf(request, sizeof request,
                     "GET %.*s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
                     STR_ARG(path));
    size_t got = 0;
    if (n < 0 || (size_t)n >= sizeof request || send(fd, request, (size_t)n, MSG_NOSIGNAL) != n)
        return -EIO;
    while (got < ANSWER_MAX && is_at(fd, POLLIN)) {
        ssize_t more = recv(fd, answer + got, ANSWER_MAX - got, 0);
        if (more <= 0)
            break;
        got += (size_t)more;
        struct str line = {answer, got};
        uint64_t status;
        if (str_starts(line, STR("HTTP/1.1 ")) && got > STATUS_END &&
            str_to_u64(str_head(str_from(line, STATUS_AT), 3), &status))
            return (int)status;
    }
    return got ? -EPROTO : -ETIMEDOUT;
}

/* path empty: it is enough that somebody listens. */
static int ask(struct str where, const struct address *address, struct str path)
{
    char text[64];
    int fd = reach(address);
    if (fd < 0)
        return say(where, strerror(-fd));
    int status = path.n ? status_of(fd, path) : 200;
    close(fd);
    if (status == 200)
        return 0;
    if (status < 0)
        return say(where, strerror(-status));
    snprintf(text, sizeof text, "%s (%d)", status == 503 ? "not ready" : "no answer of corsd's",
             status);
    return say(where, text);
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
    return say(STR("systemd"), "it listens on passed sockets only: give it an admin listener");
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
