/* The main thread: starts workers, waits for signals, and sees everything end. */
#include "corsd/runtime/server.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>
#include "admin.h"
#include "corsd/config/diagnostic.h"
#include "corsd/net/timer.h"
#include "corsd/plan/plan.h"
#include "corsd/proxy/fleet.h"
#include "corsd/runtime/cpus.h"
#include "keeper_thread.h"
#include "listening.h"
#include "service.h"
#include "signals.h"
#include "systemd.h"
#include "watch.h"
#include "worker.h"

enum phase { RUNNING, DELAYED /* drain_delay runs */, DRAINING, ENDED };
enum {
    POLL_MS = 20,
    LOOK_MS = 1000, /* at what may have ended unasked */
    AGAIN_MS = 1000,
    AGAIN_MAX_MS = 32000,
};

struct server {
    struct log log;
    struct crowd *crowd;
    struct fleet *fleet;
    struct keeper *keeper;
    struct plan *plan;   /* in force, with a reference */
    struct tls_tickets *tickets; /* NULL: out of memory, clients just do not resume */
    uint64_t again_ms; /* when certificates that could not be read are; 0: there are none */
    uint64_t delay_ms; /* until then, doubled each time */
    unsigned workers;    /* as the plan that corsd started with said: 0 is auto */
    const struct config_source *source;
    struct passed_sockets passed;
    struct listening *listening;
    struct service service;
    struct watch *watch;
    struct admin *admin; /* NULL where no plan had one yet */
    struct worker **all;
    unsigned n_workers;
    enum phase phase;
    uint64_t phase_ms; /* when it ends at the latest */
    int signals;
};

/* --- workers ---------------------------------------------------------------------------------- */

/* The plan, and where it listens. */
static bool tell_worker(struct server *server, unsigned number, struct plan *plan)
{
    struct listen_item *items;
    size_t n;
    bool ok = listening_items(server->listening, number, &items, &n) &&
              worker_take_plan(server->all[number], plan, items, n);
    free(items);
    return ok;
}

static bool start_workers(struct server *server)
{
    server->all = calloc(server->n_workers, sizeof *server->all);
    if (!server->all)
        return false;
    for (unsigned i = 0; i < server->n_workers; i++) {
        server->all[i] = worker_create(&server->log, server->crowd, server->fleet, server->plan);
        if (!server->all[i] || !tell_worker(server, i, server->plan))
            return false;
    }
    for (unsigned i = 0; i < server->n_workers; i++)
        if (!worker_start(server->all[i], i))
            return false;
    return true;
}

static void stop_workers(struct server *server)
{
    admin_destroy(server->admin); /* it asks the workers */
    server->admin = NULL;
    for (unsigned i = 0; server->all && i < server->n_workers; i++)
        worker_destroy(server->all[i]);
    free(server->all);
    server->all = NULL;
}

static unsigned ended_workers(const struct server *server)
{
    unsigned n = 0;
    for (unsigned i = 0; i < server->n_workers; i++)
        n += worker_has_ended(server->all[i]);
    return n;
}

/* --- reload ----------------------------------------------------------------------------------- */

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

static bool has_stale(const struct plan *plan)
{
    for (size_t i = 0; i < plan->n_listeners; i++)
        if (plan->listeners[i].tls && tls_server_is_stale(plan->listeners[i].tls))
            return true;
    return false;
}

static void wait_for_files(struct server *server, uint64_t delay_ms)
{
    server->delay_ms = delay_ms < AGAIN_MAX_MS ? delay_ms : AGAIN_MAX_MS;
    server->again_ms = timer_now_ms() + server->delay_ms;
}

/* Before the workers see the plan. Tickets go on over a reload. */
static void take_certificates(struct server *server, const struct plan *plan)
{
    for (size_t i = 0; i < plan->n_listeners; i++)
        if (plan->listeners[i].tls)
            tls_server_use_tickets(plan->listeners[i].tls, server->tickets);
    server->again_ms = 0;
    if (has_stale(plan))
        wait_for_files(server, AGAIN_MS);
}

/* Certificates whose files could not be used when they were read last. */
static void try_certificates(struct server *server)
{
    bool all = true;
    for (size_t i = 0; i < server->plan->n_listeners; i++) {
        const struct listener_spec *spec = &server->plan->listeners[i];
        if (!spec->tls || !tls_server_is_stale(spec->tls))
            continue;
        bool good = tls_server_try_again(spec->tls);
        if (good)
            log_line(&server->log, LOG_INFO, "listener %.*s: the new certificates are in use",
                     STR_ARG(spec->text));
        all = all && good;
    }
    server->again_ms = 0;
    if (!all)
        wait_for_files(server, server->delay_ms * 2);
}

/* NULL: the log says why not. */
static struct plan *load(struct server *server)
{
    struct diagnostics diagnostics;
    struct config_source source = *server->source;
    diagnostics_init(&diagnostics);
    source.before = server->plan;
    struct plan *plan = config_load(&source, &diagnostics);
    say_diagnostics(&server->log, &diagnostics);
    diagnostics_finish(&diagnostics);
    return plan;
}

static bool say_no_log(const struct server *server, const struct plan *plan, int error)
{
    log_line(&server->log, LOG_ERROR, "cannot open the log %.*s: %s", STR_ARG(plan->log.output),
             strerror(-error));
    return false;
}

/* Its thread runs from the first plan on that has one. */
static bool has_admin(struct server *server, const struct plan *plan)
{
    if (plan->admin.on && !server->admin)
        server->admin = admin_create(&server->log, server->all, server->n_workers);
    if (server->admin || !plan->admin.on)
        return true;
    log_line(&server->log, LOG_ERROR, "cannot start the admin listener: %s", strerror(errno));
    return false;
}

/* All that may fail, and nothing that is seen from outside. */
static bool prepare(struct server *server, const struct plan *plan, struct log *log)
{
    int error = log_open(log, plan->log.output, plan->log.level);
    if (error)
        return say_no_log(server, plan, error);
    if (has_admin(server, plan) && listening_prepare(server->listening, plan))
        return true;
    log_close(log);
    return false;
}

/* What `watch` is to see: the files that this plan was made of. */
static void watch_plan(struct server *server, const struct plan *plan)
{
    size_t n = 1;
    for (const struct plan_file *file = plan->files; file; file = file->next)
        n++;
    struct str *files = calloc(n, sizeof *files);
    if (!files)
        return; /* out of memory: what was watched before still is */
    n = 0;
    if (plan->file.n)
        files[n++] = plan->file;
    for (const struct plan_file *file = plan->files; file; file = file->next)
        files[n++] = file->path;
    watch_files(server->watch, files, plan->watch ? n : 0);
    free(files);
}

static void tell_admin(struct server *server, struct plan *plan)
{
    if (server->admin)
        admin_take(server->admin, listening_admin(server->listening), plan);
}

/* What /readyz says. */
static void set_ready(struct server *server)
{
    if (server->admin)
        admin_set_ready(server->admin, server->phase == RUNNING);
}

static void put_in_force(struct server *server, struct plan *plan)
{
    listening_settle(server->listening);
    take_certificates(server, plan);
    for (unsigned i = 0; i < server->n_workers; i++)
        if (!tell_worker(server, i, plan))
            log_line(&server->log, LOG_ERROR,
                     "out of memory: a worker keeps the old configuration");
    if (!keeper_take_plan(server->keeper, plan))
        log_line(&server->log, LOG_ERROR, "cannot start the thread that keeps the fleet");
    tell_admin(server, plan);
    set_ready(server);
    watch_plan(server, plan);
    plan_unref(server->plan);
    server->plan = plan;
    service_renewed(&server->service);
}

static bool try_to_reload(struct server *server)
{
    struct log log;
    struct plan *plan = load(server);
    if (!plan || !prepare(server, plan, &log)) {
        plan_unref(plan);
        log_line(&server->log, LOG_ERROR, "reload failed: the old configuration stays in force");
        return false;
    }
    log_replace(&server->log, &log);
    if (plan->workers != server->workers)
        log_line(&server->log, LOG_WARN, "a change of workers needs a restart");
    put_in_force(server, plan);
    log_line(&server->log, LOG_INFO, "reloaded: the new configuration is in force");
    return true;
}

static void reload(struct server *server)
{
    if (server->phase != RUNNING)
        return;
    service_reloading(&server->service);
    watch_note(server->watch);
    watch_is_bad(server->watch, !try_to_reload(server));
    service_ready(&server->service);
}

/* --- phases ----------------------------------------------------------------------------------- */

static void begin_drain(struct server *server)
{
    listening_leave(server->listening);
    server->phase = DRAINING;
    server->phase_ms = timer_now_ms() + server->plan->timeouts.drain;
    for (unsigned i = 0; i < server->n_workers; i++)
        worker_drain(server->all[i]);
}

static void begin_end(struct server *server)
{
    if (server->phase != RUNNING) {
        server->phase = ENDED; /* told twice: at once */
        return;
    }
    log_line(&server->log, LOG_INFO, "draining");
    service_stopping(&server->service);
    server->phase = DELAYED;
    watch_files(server->watch, NULL, 0); /* what is not read any more would not let poll(2) wait */
    set_ready(server);
    server->phase_ms = timer_now_ms() + server->plan->timeouts.drain_delay;
    for (unsigned i = 0; i < server->n_workers; i++)
        worker_unready(server->all[i]);
}

static void reopen_log(struct server *server)
{
    struct log fresh;
    int error = log_open(&fresh, server->plan->log.output, server->plan->log.level);
    if (error)
        say_no_log(server, server->plan, error);
    else
        log_replace(&server->log, &fresh);
}

static void obey(struct server *server, int number)
{
    crowd_lend_reserve(server->crowd); /* files can be opened though clients hold all else */
    switch (number) {
    case SIGTERM:
    case SIGQUIT: begin_end(server); break;
    case SIGINT: server->phase = ENDED; break;
    case SIGHUP: reload(server); break;
    case SIGUSR1: reopen_log(server); break;
    default: break;
    }
    crowd_keep_reserve(server->crowd);
}

static void pass_time(struct server *server)
{
    uint64_t now = timer_now_ms();
    if (server->again_ms && now >= server->again_ms)
        try_certificates(server);
    if (server->phase == DELAYED && now >= server->phase_ms)
        begin_drain(server);
    else if (server->phase == DRAINING && now >= server->phase_ms) {
        log_line(&server->log, LOG_WARN, "drain: time is up, what still runs is cut");
        server->phase = ENDED;
    }
    if (server->phase == DRAINING && ended_workers(server) == server->n_workers)
        server->phase = ENDED;
    service_turn(&server->service, server->all, server->n_workers);
    if (watch_changed(server->watch)) {
        log_line(&server->log, LOG_INFO, "watch: files have changed");
        reload(server);
    }
}

static int sooner(int a_ms, int b_ms)
{
    return a_ms < 0 ? b_ms : b_ms < 0 || a_ms < b_ms ? a_ms : b_ms;
}

/* Until a signal, a sign of a change, or the time for one of them. */
static void wait(const struct server *server)
{
    struct pollfd fds[] = {{.fd = server->signals, .events = POLLIN},
                           {.fd = watch_fd(server->watch), .events = POLLIN}};
    int ms = sooner(server->phase == RUNNING ? LOOK_MS : POLL_MS,
                    sooner(service_wait_ms(&server->service), watch_wait_ms(server->watch)));
    poll(fds, sizeof fds / sizeof *fds, ms);
}

/* Returns the exit code. */
static int wait_for_the_end(struct server *server)
{
    while (server->phase != ENDED) {
        wait(server);
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

/* Connections to a socket that systemd passed and no listener takes would wait for ever. */
static void say_unused(const struct server *server)
{
    for (size_t i = 0; i < server->passed.n; i++)
        if (!listening_has(server->listening, server->passed.items[i].socket))
            log_line(&server->log, LOG_WARN,
                     "systemd passed the socket \"%s\", and no address of listen takes it",
                     server->passed.items[i].name);
}

static bool open_listeners(struct server *server)
{
    size_t wrong;
    if (!passed_take(&server->passed, &wrong))
        return false;
    if (wrong)
        log_line(&server->log, LOG_WARN,
                 "systemd passed %zu descriptors that are no listening stream sockets", wrong);
    server->listening = listening_create(&server->log, &server->passed, server->n_workers);
    if (!server->listening || !listening_prepare(server->listening, server->plan))
        return false;
    listening_settle(server->listening);
    say_unused(server);
    return true;
}

static int run(struct server *server, void (*on_ready)(void *), void *ctx)
{
    server->signals = signals_open();
    server->crowd = crowd_create();
    server->fleet = fleet_create(&server->log);
    server->keeper = server->fleet ? keeper_create(&server->log, server->fleet) : NULL;
    server->tickets = tls_tickets_create();
    take_certificates(server, server->plan);
    server->watch = watch_create(&server->log);
    if (server->signals < 0 || !server->crowd || !server->keeper || !server->watch ||
        !open_listeners(server))
        return 1;
    watch_plan(server, server->plan);
    if (!start_workers(server) || !keeper_take_plan(server->keeper, server->plan)) {
        log_line(&server->log, LOG_ERROR, "cannot start the workers: %s", strerror(errno));
        return 1;
    }
    if (!has_admin(server, server->plan))
        return 1;
    tell_admin(server, server->plan);
    set_ready(server);
    log_line(&server->log, LOG_INFO, "corsd %s is ready, %u worker%s", CORSD_VERSION,
             server->n_workers, server->n_workers == 1 ? "" : "s");
    service_ready(&server->service);
    if (on_ready)
        on_ready(ctx);
    int code = wait_for_the_end(server);
    stop_workers(server);
    log_line(&server->log, LOG_INFO, "stopped");
    return code;
}

int server_run(struct plan *plan, const struct config_source *source, void (*on_ready)(void *),
               void *ctx)
{
    struct server server = {
        .plan = plan, .workers = plan->workers, .source = source, .signals = -1};
    raise_descriptors();
    int error = log_open(&server.log, plan->log.output, plan->log.level);
    if (error) {
        server.log = (struct log){.fd = STDERR_FILENO, .level = LOG_INFO};
        say_no_log(&server, plan, error);
        plan_unref(plan);
        return 1;
    }
    service_init(&server.service, &server.log);
    server.n_workers = plan->workers ? plan->workers : cpus_usable();
    int code = run(&server, on_ready, ctx);
    keeper_destroy(server.keeper);
    stop_workers(&server);
    listening_destroy(server.listening);
    passed_finish(&server.passed);
    service_finish(&server.service);
    watch_destroy(server.watch);
    crowd_destroy(server.crowd);
    fleet_destroy(server.fleet);
    tls_tickets_destroy(server.tickets);
    if (server.signals >= 0)
        close(server.signals);
    log_close(&server.log);
    plan_unref(server.plan);
    return code;
}
