/* The main thread: starts workers, waits for signals, and sees everything end. */
#include "corsd/runtime/server.h"
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include "corsd/config/diagnostic.h"
#include "corsd/net/timer.h"
#include "corsd/plan/plan.h"
#include "corsd/proxy/fleet.h"
#include "corsd/proxy/listener.h"
#include "corsd/runtime/cpus.h"
#include "signals.h"
#include "worker.h"

enum phase { RUNNING, DELAYED /* drain_delay runs */, DRAINING, ENDED };
enum { POLL_MS = 20, MESSAGES_MAX = 1 << 20 };

struct server {
    struct log log;
    struct crowd *crowd;
    struct fleet *fleet;
    struct plan *plan;   /* in force, with a reference */
    struct plan *first;  /* the plan started with: its listeners are the ones bound */
    struct listener_spec *listeners; /* a copy of them: port 0 became a number */
    size_t n_listeners;
    struct stat *files; /* of unix sockets, as bound; by listener */
    const struct config_source *source;
    struct worker **workers;
    unsigned n_workers;
    int *sockets;      /* listener by worker; -1: not open, or the first worker's serves all */
    enum phase phase;
    uint64_t phase_ms; /* when it ends at the latest */
    bool removed;      /* the files of unix sockets */
    bool told_last;    /* the last worker may close what it shares */
    int signals;
};

/* --- sockets ---------------------------------------------------------------------------------- */

/* Port 0: the sockets of the other workers get the port that the first was given. */
static void learn_port(int fd, struct listener_spec *spec)
{
    if (spec->address.at.ss_family != AF_UNIX &&
        !address_port((struct sockaddr *)&spec->address.at))
        getsockname(fd, (struct sockaddr *)&spec->address.at, &spec->address.size);
}

static bool say_no_socket(const struct server *server, const struct listener_spec *spec, int error)
{
    log_line(&server->log, LOG_ERROR, "cannot listen on %.*s: %s", STR_ARG(spec->text),
             strerror(-error));
    return false;
}

/* Unix sockets know no SO_REUSEPORT: all workers accept from one. */
static bool is_shared(const struct server *server, const struct listener_spec *spec)
{
    return server->n_workers > 1 && spec->address.at.ss_family == AF_UNIX;
}

/* One socket a worker, after a trial without SO_REUSEPORT: a port in use must be seen. Unix sockets
 * have one for all. */
static bool open_listener(struct server *server, struct listener_spec *spec, int *sockets)
{
    bool one = server->n_workers == 1 || is_shared(server, spec);
    int fd = listener_open(spec, false);
    if (fd == -EAFNOSUPPORT && spec->address.at.ss_family == AF_INET6 && spec->text.n &&
        spec->text.p[0] == ':') {
        uint16_t port = address_port((struct sockaddr *)&spec->address.at);
        if (address_of_ip(STR("0.0.0.0"), port, &spec->address))
            fd = listener_open(spec, false); /* a machine without IPv6 */
    }
    if (fd < 0)
        return say_no_socket(server, spec, fd);
    learn_port(fd, spec);
    if (one) {
        sockets[0] = fd;
        return true;
    }
    close(fd);
    for (unsigned i = 0; i < server->n_workers; i++) {
        sockets[i] = listener_open(spec, true);
        if (sockets[i] < 0)
            return say_no_socket(server, spec, sockets[i]);
    }
    return true;
}

static const char *unix_path(const struct address *address, char text[ADDRESS_TEXT])
{
    return address_text((const struct sockaddr *)&address->at, address->size, text) +
           strlen("unix:");
}

static bool open_listeners(struct server *server)
{
    char text[ADDRESS_TEXT];
    size_t n = server->first->n_listeners, sockets = n * server->n_workers;
    server->sockets = malloc(sockets * sizeof *server->sockets);
    server->listeners = malloc(n * sizeof *server->listeners);
    server->files = calloc(n, sizeof *server->files);
    if (!server->sockets || !server->listeners || !server->files)
        return false;
    memcpy(server->listeners, server->first->listeners, n * sizeof *server->listeners);
    server->n_listeners = n;
    for (size_t i = 0; i < sockets; i++)
        server->sockets[i] = -1;
    for (size_t i = 0; i < n; i++) {
        struct listener_spec *spec = &server->listeners[i];
        if (!open_listener(server, spec, server->sockets + i * server->n_workers))
            return false;
        if (spec->address.at.ss_family == AF_UNIX)
            lstat(unix_path(&spec->address, text), &server->files[i]);
    }
    return true;
}

static void close_sockets(struct server *server)
{
    for (size_t i = 0; server->sockets && i < server->n_listeners * server->n_workers; i++)
        if (server->sockets[i] >= 0)
            close(server->sockets[i]);
    free(server->sockets);
    server->sockets = NULL;
}

/* --- workers ---------------------------------------------------------------------------------- */

static bool give_sockets(struct server *server, unsigned worker)
{
    for (size_t i = 0; i < server->n_listeners; i++) {
        int *sockets = server->sockets + i * server->n_workers;
        bool shared = is_shared(server, &server->listeners[i]);
        enum listener_share share = !shared ? LISTENER_OWN
                                    : worker + 1 < server->n_workers ? LISTENER_SHARED
                                                                     : LISTENER_SHARED_LAST;
        int *socket = shared ? &sockets[0] : &sockets[worker];
        struct listener_ways ways = {.proxy_protocol = server->listeners[i].proxy_protocol};
        if (!worker_listen(server->workers[worker], *socket, share, ways))
            return false;
        if (share != LISTENER_SHARED)
            *socket = -1; /* the worker's now */
    }
    return true;
}

static bool start_workers(struct server *server)
{
    server->workers = calloc(server->n_workers, sizeof *server->workers);
    if (!server->workers)
        return false;
    for (unsigned i = 0; i < server->n_workers; i++) {
        server->workers[i] =
            worker_create(&server->log, server->crowd, server->fleet, server->plan);
        if (!server->workers[i] || !give_sockets(server, i))
            return false;
    }
    for (unsigned i = 0; i < server->n_workers; i++)
        if (!worker_start(server->workers[i], i))
            return false;
    return true;
}

static void stop_workers(struct server *server)
{
    for (unsigned i = 0; server->workers && i < server->n_workers; i++)
        worker_destroy(server->workers[i]);
    free(server->workers);
    server->workers = NULL;
}

/* None of them accepts any more. */
static bool are_deaf(const struct server *server)
{
    for (unsigned i = 0; i < server->n_workers; i++)
        if (!worker_is_deaf(server->workers[i]))
            return false;
    return true;
}

static unsigned ended_workers(const struct server *server)
{
    unsigned n = 0;
    for (unsigned i = 0; i < server->n_workers; i++)
        n += worker_has_ended(server->workers[i]);
    return n;
}

/* --- reload ----------------------------------------------------------------------------------- */

static bool same_listeners(const struct plan *a, const struct plan *b)
{
    if (a->n_listeners != b->n_listeners)
        return false;
    for (size_t i = 0; i < a->n_listeners; i++)
        if (!str_eq(a->listeners[i].text, b->listeners[i].text))
            return false;
    return true;
}

/* Faults and warnings, a log line each: `FILE:LINE:COLUMN: error: …`. */
static void say_diagnostics(const struct log *log, const struct diagnostics *diagnostics)
{
    for (size_t i = 0; i < diagnostics->n; i++) {
        const struct diagnostic *item = &diagnostics->items[i];
        bool error = item->severity == SEVERITY_ERROR;
        log_line(log, error ? LOG_ERROR : LOG_WARN, "%.*s:%u:%u: %s: %.*s%s%.*s",
                 STR_ARG(item->file), item->line, item->column, error ? "error" : "warning",
                 STR_ARG(item->message), item->hint.n ? "; " : "", STR_ARG(item->hint));
    }
}

static void reload(struct server *server)
{
    struct diagnostics diagnostics;
    diagnostics_init(&diagnostics);
    struct plan *plan = config_load(server->source, &diagnostics);
    say_diagnostics(&server->log, &diagnostics);
    diagnostics_finish(&diagnostics);
    if (!plan) {
        log_line(&server->log, LOG_ERROR, "reload failed: the old configuration stays in force");
        return;
    }
    if (!same_listeners(server->first, plan) || server->first->workers != plan->workers)
        log_line(&server->log, LOG_WARN, "a change of listen or workers needs a restart");
    for (unsigned i = 0; i < server->n_workers; i++)
        worker_take_plan(server->workers[i], plan);
    log_set_level(&server->log, plan->log.level);
    plan_unref(server->plan);
    server->plan = plan;
    log_line(&server->log, LOG_INFO, "reloaded: the new configuration is in force");
}

/* --- phases ----------------------------------------------------------------------------------- */

/* Before the sockets close, and only once: a successor may bind the same path a moment later. One
 * that has done so already keeps its file. */
static void remove_unix_sockets(struct server *server)
{
    for (size_t i = 0; i < server->n_listeners && !server->removed; i++) {
        char text[ADDRESS_TEXT];
        struct stat now;
        const struct address *address = &server->listeners[i].address;
        const struct stat *ours = &server->files[i];
        if (address->at.ss_family != AF_UNIX || lstat(unix_path(address, text), &now) < 0)
            continue;
        if (now.st_dev == ours->st_dev && now.st_ino == ours->st_ino)
            unlink(unix_path(address, text));
    }
    server->removed = true;
}

static void begin_drain(struct server *server)
{
    remove_unix_sockets(server);
    server->phase = DRAINING;
    server->phase_ms = timer_now_ms() + server->plan->timeouts.drain;
    for (unsigned i = 0; i < server->n_workers; i++)
        worker_drain(server->workers[i]);
}

static void begin_end(struct server *server)
{
    if (server->phase != RUNNING) {
        server->phase = ENDED; /* told twice: at once */
        return;
    }
    log_line(&server->log, LOG_INFO, "draining");
    server->phase = DELAYED;
    server->phase_ms = timer_now_ms() + server->plan->timeouts.drain_delay;
    for (unsigned i = 0; i < server->n_workers; i++)
        worker_unready(server->workers[i]);
}

static void reopen_log(struct server *server)
{
    struct log fresh;
    const struct log_spec *spec = &server->plan->log;
    if (server->log.fd == STDERR_FILENO)
        return;
    if (log_open(&fresh, spec->output, spec->level) < 0) {
        log_line(&server->log, LOG_ERROR, "cannot reopen the log: %s", strerror(errno));
        return;
    }
    /* The number stays: workers write to it meanwhile. */
    dup3(fresh.fd, server->log.fd, O_CLOEXEC);
    log_close(&fresh);
}

static void obey(struct server *server, int number)
{
    switch (number) {
    case SIGTERM:
    case SIGQUIT: begin_end(server); break;
    case SIGINT: server->phase = ENDED; break;
    case SIGHUP: reload(server); break;
    case SIGUSR1: reopen_log(server); break;
    default: break;
    }
}

static void pass_time(struct server *server)
{
    uint64_t now = timer_now_ms();
    if (server->phase == DELAYED && now >= server->phase_ms)
        begin_drain(server);
    else if (server->phase == DRAINING && now >= server->phase_ms) {
        log_line(&server->log, LOG_WARN, "drain: time is up, what still runs is cut");
        server->phase = ENDED;
    }
    if (server->phase == DRAINING && !server->told_last && are_deaf(server)) {
        server->told_last = true;
        worker_drain_last(server->workers[server->n_workers - 1]);
    }
    if (server->phase == DRAINING && ended_workers(server) == server->n_workers)
        server->phase = ENDED;
}

/* Returns the exit code. */
static int wait_for_the_end(struct server *server)
{
    while (server->phase != ENDED) {
        struct pollfd wait = {.fd = server->signals, .events = POLLIN};
        poll(&wait, 1, server->phase == RUNNING ? 1000 : POLL_MS);
        for (int number; (number = signals_next(server->signals)) != 0;)
            obey(server, number);
        pass_time(server);
        if (server->phase == RUNNING && ended_workers(server)) {
            log_line(&server->log, LOG_ERROR, "a worker ended unasked: so does the process");
            return 1;
        }
    }
    return 0;
}

/* --- start ------------------------------------------------------------------------------------ */

static void raise_descriptors(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
}

static void say_ready(const struct server *server)
{
    char text[ADDRESS_TEXT];
    for (size_t i = 0; i < server->n_listeners; i++) {
        const struct address *address = &server->listeners[i].address;
        log_line(&server->log, LOG_INFO, "listening on %s",
                 address_text((const struct sockaddr *)&address->at, address->size, text));
    }
    log_line(&server->log, LOG_INFO, "corsd %s is ready, %u worker%s", CORSD_VERSION,
             server->n_workers, server->n_workers == 1 ? "" : "s");
}

static int run(struct server *server, void (*on_ready)(void *), void *ctx)
{
    server->signals = signals_open();
    server->crowd = crowd_create();
    server->fleet = fleet_create(&server->log);
    if (server->signals < 0 || !server->crowd || !server->fleet || !open_listeners(server))
        return 1;
    if (!start_workers(server)) {
        log_line(&server->log, LOG_ERROR, "cannot start the workers: %s", strerror(errno));
        return 1;
    }
    say_ready(server);
    if (on_ready)
        on_ready(ctx);
    int code = wait_for_the_end(server);
    remove_unix_sockets(server);
    stop_workers(server);
    log_line(&server->log, LOG_INFO, "stopped");
    return code;
}

int server_run(struct plan *plan, const struct config_source *source, void (*on_ready)(void *),
               void *ctx)
{
    struct server server = {
        .plan = plan, .first = plan_ref(plan), .source = source, .signals = -1};
    raise_descriptors();
    int error = log_open(&server.log, plan->log.output, plan->log.level);
    if (error) {
        server.log = (struct log){.fd = STDERR_FILENO, .level = LOG_INFO};
        log_line(&server.log, LOG_ERROR, "cannot open the log %.*s: %s", STR_ARG(plan->log.output),
                 strerror(-error));
        plan_unref(server.first);
        plan_unref(plan);
        return 1;
    }
    server.n_workers = plan->workers ? plan->workers : cpus_usable();
    int code = run(&server, on_ready, ctx);
    stop_workers(&server);
    close_sockets(&server);
    free(server.listeners);
    free(server.files);
    crowd_destroy(server.crowd);
    fleet_destroy(server.fleet);
    if (server.signals >= 0)
        close(server.signals);
    log_close(&server.log);
    plan_unref(server.first);
    plan_unref(server.plan);
    return code;
}
