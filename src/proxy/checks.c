/* A watch an upstream, a check a server: connect, ask, read the status line, close. */
#include "corsd/proxy/checks.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "corsd/base/owner.h"
#include "corsd/http/cause.h"
#include "corsd/net/stream.h"
#include "corsd/net/timer.h"
#include "corsd/proxy/fleet.h"
#include "corsd/tls/context.h"

enum { STATUS_LINE = 12 /* "HTTP/1.1 200" */, WHY = 128 };

struct check {
    struct watch *watch;
    struct member *member; /* with a reference */
    struct timer timer;    /* of the next check, or of the end of this one */
    struct stream stream;  /* fd -1: none is under way */
    struct tls_session session;
    uint64_t began_ms;
    bool connecting, sent;
    unsigned good, bad;    /* in a row */
    size_t n;              /* bytes of the status line so far */
    char line[STATUS_LINE];
};

struct watch { /* of one upstream */
    struct watch *next;
    struct checks *checks;
    struct group *group; /* with a reference */
    uint64_t fingerprint, generation;
    struct health_spec health; /* path: after the struct */
    struct tls_client *tls;    /* with a reference; NULL: plain */
    struct str host;           /* what Host says; empty: the server's own authority */
    bool wanted;               /* by the plan that is taken */
    struct check **list;
    size_t n;
    char text[];
};

struct checks {
    struct event_base *base;
    struct fleet *fleet;
    struct timers *timers;
    struct watch *watches;
};

/* --- one check -------------------------------------------------------------------------------- */

static void end(struct check *check)
{
    uint64_t interval = check->watch->health.interval_ms;
    uint64_t passed = timer_now_ms() - check->began_ms;
    stream_close(&check->stream);
    timer_stop(&check->timer);
    timer_set(check->watch->checks->timers, &check->timer,
              passed < interval ? interval - passed : 0);
}

static void succeed(struct check *check)
{
    struct watch *watch = check->watch;
    check->bad = 0;
    if (++check->good >= watch->health.rise)
        member_set_down(watch->group, check->member, false, STR("it answers its checks well"));
    end(check);
}

static void fail(struct check *check, struct str why)
{
    struct watch *watch = check->watch;
    check->good = 0;
    if (++check->bad >= watch->health.fall)
        member_set_down(watch->group, check->member, true, why);
    end(check);
}

static void fail_by(struct check *check, const char *what, int error)
{
    char why[WHY];
    const char *detail = stream_tls_detail(&check->stream);
    int n = snprintf(why, sizeof why, "%s: %s", what, detail ? detail : strerror(error));
    fail(check, (struct str){why, (size_t)n < sizeof why ? (size_t)n : sizeof why - 1});
}

static void judge(struct check *check)
{
    char why[WHY];
    const char *line = check->line;
    if (memcmp(line, "HTTP/1.", 7) != 0 || line[8] != ' ' || !ascii_is_digit(line[9]) ||
        !ascii_is_digit(line[10]) || !ascii_is_digit(line[11]))
        fail(check, STR("its check was not answered by HTTP"));
    else if (line[9] == '2' || line[9] == '3')
        succeed(check);
    else {
        int n = snprintf(why, sizeof why, "its check was answered by %.3s", line + 9);
        fail(check, (struct str){why, (size_t)n});
    }
}

/* A request is small and the socket new: it is taken whole, or the server is not well. */
static bool ask(struct check *check)
{
    const struct watch *watch = check->watch;
    struct str host = watch->host.n ? watch->host : check->member->authority;
    struct iovec parts[] = {
        {(void *)(uintptr_t) "GET ", 4},
        {(void *)(uintptr_t)watch->health.path.p, watch->health.path.n},
        {(void *)(uintptr_t) " HTTP/1.1\r\nHost: ", 17},
        {(void *)(uintptr_t)host.p, host.n},
        {(void *)(uintptr_t) "\r\nUser-Agent: corsd\r\nConnection: close\r\n\r\n", 42},
    };
    size_t all = 0;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        all += parts[i].iov_len;
    check->sent = true;
    return stream_write(&check->stream, parts, sizeof parts / sizeof *parts) == (ssize_t)all;
}

static void read_line(struct check *check)
{
    while (check->n < STATUS_LINE) {
        ssize_t n = stream_read(&check->stream, check->line + check->n, STATUS_LINE - check->n);
        if (n == -EAGAIN)
            return;
        if (n < 0) {
            fail_by(check, "its check failed", (int)-n);
            return;
        }
        if (n == 0) {
            fail(check, STR("it closed without an answer to its check"));
            return;
        }
        check->n += (size_t)n;
    }
    judge(check);
}

static void on_event(struct stream *stream, short what)
{
    struct check *check = OWNER_OF(stream, struct check, stream);
    (void)what;
    if (check->connecting) {
        int error = stream_connected(stream);
        if (error == -EAGAIN)
            return;
        if (error) {
            fail_by(check, "its check could not connect", -error);
            return;
        }
        if (!stream->writable)
            return;
        check->connecting = false;
    }
    if (!check->sent && !ask(check)) {
        fail(check, STR("it did not take its check"));
        return;
    }
    read_line(check);
}

static int secure(struct check *check)
{
    if (!check->member->tls)
        return 0;
    return stream_secure(&check->stream,
                         tls_client_open(check->watch->tls, check->member->host, &check->session));
}

/* Our own want of descriptors or memory says nothing about the server. */
static bool is_our_want(int error)
{
    return error == -EMFILE || error == -ENFILE || error == -ENOMEM || error == -ENOBUFS;
}

static void start(struct check *check)
{
    check->began_ms = timer_now_ms();
    check->sent = false;
    check->n = 0;
    int error =
        stream_dial(&check->stream, check->watch->checks->base, &check->member->address, on_event);
    check->connecting = !check->stream.writable || check->member->tls;
    if (is_our_want(error) || (!error && secure(check) < 0)) {
        end(check);
        return;
    }
    if (error) {
        fail_by(check, "its check could not connect", -error);
        return;
    }
    check->stream.writable = !check->connecting;
    timer_set(check->watch->checks->timers, &check->timer, check->watch->health.timeout_ms);
}

static void on_time(struct timer *timer)
{
    struct check *check = OWNER_OF(timer, struct check, timer);
    if (check->stream.fd >= 0)
        fail(check, STR("its check was not answered in time"));
    else
        start(check);
}

static struct check *check_create(struct watch *watch, struct member *member)
{
    struct check *check = calloc(1, sizeof *check);
    if (!check)
        return NULL;
    check->watch = watch;
    check->member = member_ref(member);
    check->stream.fd = -1;
    check->timer.fire = on_time;
    timer_set(watch->checks->timers, &check->timer, 0);
    return check;
}

static void check_destroy(struct check *check)
{
    stream_close(&check->stream);
    tls_session_forget(&check->session);
    timer_stop(&check->timer);
    member_unref(check->member);
    free(check);
}

/* --- one upstream ----------------------------------------------------------------------------- */

static struct check *take_check(struct watch *watch, struct member *member)
{
    for (size_t i = 0; i < watch->n; i++)
        if (watch->list[i] && watch->list[i]->member == member) {
            struct check *check = watch->list[i];
            watch->list[i] = NULL;
            return check;
        }
    return check_create(watch, member);
}

static void drop_list(struct check **list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (list[i])
            check_destroy(list[i]);
    free(list);
}

/* Out of memory a server goes unchecked until the roster changes again. */
static void follow(struct watch *watch)
{
    if (watch->generation == group_generation(watch->group))
        return;
    struct roster *roster = group_roster(watch->group);
    struct check **list = calloc(roster->n + 1, sizeof *list);
    for (size_t i = 0; list && i < roster->n; i++)
        list[i] = take_check(watch, roster->seats[i].member);
    if (list) {
        drop_list(watch->list, watch->n);
        watch->list = list;
        watch->n = roster->n;
        watch->generation = roster->generation;
    }
    roster_unref(roster);
}

static struct watch *watch_create(struct checks *checks, const struct upstream_spec *spec)
{
    struct str host = spec->host_mode == HOST_NAME ? spec->host_name : (struct str){0};
    struct str path = spec->health.path;
    struct watch *watch = calloc(1, sizeof *watch + path.n + host.n);
    if (!watch)
        return NULL;
    watch->group = fleet_group(checks->fleet, spec);
    if (!watch->group) {
        free(watch);
        return NULL;
    }
    watch->checks = checks;
    watch->fingerprint = spec->fingerprint;
    watch->health = spec->health;
    watch->tls = tls_client_ref(spec->tls);
    memcpy(watch->text, path.p, path.n);
    watch->health.path.p = watch->text;
    if (host.n)
        memcpy(watch->text + path.n, host.p, host.n);
    watch->host = (struct str){watch->text + path.n, host.n};
    follow(watch);
    return watch;
}

static void watch_destroy(struct watch *watch)
{
    drop_list(watch->list, watch->n);
    group_unref(watch->group);
    tls_client_unref(watch->tls);
    free(watch);
}

/* --- all of them ------------------------------------------------------------------------------ */

static struct watch *watch_of(const struct checks *checks, uint64_t fingerprint)
{
    struct watch *watch = checks->watches;
    while (watch && watch->fingerprint != fingerprint)
        watch = watch->next;
    return watch;
}

static void want_none(struct checks *checks)
{
    for (struct watch *watch = checks->watches; watch; watch = watch->next)
        watch->wanted = false;
}

static void drop_unwanted(struct checks *checks)
{
    for (struct watch **at = &checks->watches; *at;) {
        struct watch *watch = *at;
        if (watch->wanted)
            at = &watch->next;
        else {
            *at = watch->next;
            watch_destroy(watch);
        }
    }
}

bool checks_take_plan(struct checks *checks, const struct plan *plan)
{
    want_none(checks);
    for (size_t i = 0; i < plan->n_upstreams; i++) {
        const struct upstream_spec *spec = &plan->upstreams[i];
        if (!spec->health.path.n)
            continue;
        struct watch *watch = watch_of(checks, spec->fingerprint);
        if (!watch) {
            if (!(watch = watch_create(checks, spec)))
                return false;
            watch->next = checks->watches;
            checks->watches = watch;
        }
        watch->wanted = true;
    }
    drop_unwanted(checks);
    return true;
}

void checks_refresh(struct checks *checks)
{
    for (struct watch *watch = checks->watches; watch; watch = watch->next)
        follow(watch);
}

struct checks *checks_create(struct event_base *base, struct fleet *fleet)
{
    struct checks *checks = calloc(1, sizeof *checks);
    if (!checks)
        return NULL;
    *checks = (struct checks){.base = base, .fleet = fleet, .timers = timers_create(base)};
    if (!checks->timers) {
        free(checks);
        return NULL;
    }
    return checks;
}

void checks_destroy(struct checks *checks)
{
    if (!checks)
        return;
    want_none(checks);
    drop_unwanted(checks);
    timers_destroy(checks->timers);
    free(checks);
}
