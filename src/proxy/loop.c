/* Birth, life and end of a loop's share: plans taken, memory given back, drains. */
#include "corsd/proxy/loop.h"
#include <stdlib.h>
#include <time.h>
#include "corsd/base/owner.h"
#include "exchange.h"
#include "record.h"

enum {
    HEAD_SPACE = 8 * 1024, /* what corsd may add to a head that is at its limit */
    HEAD_BLOCK = RELAY_BLOCK + 4096, /* a head and the first of its body, in one read */
    ACCESS_MAX = 1 << 20,
    DATE_MS = 500,
    UNSERVED_MS = 1000,
};

/* --- what was closed is freed later ----------------------------------------------------------- */

void loop_enter(struct loop *loop)
{
    while (loop->retired) {
        struct retired *retired = loop->retired;
        loop->retired = retired->next;
        retired->release(retired);
    }
}

void loop_retire(struct loop *loop, struct retired *retired, void (*release)(struct retired *))
{
    retired->release = release;
    retired->next = loop->retired;
    loop->retired = retired;
}

/* --- clients that have more to do ------------------------------------------------------------- */

void loop_again(struct loop *loop, struct client *client)
{
    static const struct timeval at_once = {0, 0};
    if (client->waits_again)
        return;
    client->waits_again = true;
    TAILQ_INSERT_TAIL(&loop->waiting, client, again);
    loop->n_waiting++;
    event_add(&loop->again, &at_once);
}

void loop_forget_again(struct loop *loop, struct client *client)
{
    if (!client->waits_again)
        return;
    client->waits_again = false;
    TAILQ_REMOVE(&loop->waiting, client, again);
    loop->n_waiting--;
}

static void run_again(struct client *client)
{
    if (client->exchange)
        exchange_event(client->exchange, EVENT_AGAIN);
    else
        client_run(client);
}

/* Those that ask again meanwhile wait for the next turn. */
static void on_again(evutil_socket_t fd, short what, void *arg)
{
    struct loop *loop = arg;
    (void)fd;
    (void)what;
    loop_enter(loop);
    for (size_t n = loop->n_waiting; n && loop->n_waiting; n--) {
        struct client *client = TAILQ_FIRST(&loop->waiting);
        loop_forget_again(loop, client);
        run_again(client);
    }
}

/* --- plans ------------------------------------------------------------------------------------ */

static struct plan_use *plan_use_create(struct plan *plan)
{
    struct plan_use *use = calloc(1, sizeof *use);
    if (use)
        use->plan = plan_ref(plan);
    return use;
}

static void plan_use_destroy(struct plan_use *use)
{
    plan_unref(use->plan);
    free(use);
}

struct plan_use *plan_use_take(struct loop *loop)
{
    loop->use->exchanges++;
    return loop->use;
}

void plan_use_drop(struct loop *loop, struct plan_use *use)
{
    if (--use->exchanges == 0 && use != loop->use)
        plan_use_destroy(use);
}

/* The upstream in use that means the same, or NULL. */
static struct upstream *unchanged(const struct loop *loop, const struct upstream_spec *spec)
{
    for (size_t i = 0; i < loop->n_upstreams; i++)
        if (loop->upstreams[i]->fingerprint == spec->fingerprint)
            return loop->upstreams[i];
    return NULL;
}

static void drop_upstreams(struct upstream **table, size_t n)
{
    for (size_t i = 0; i < n && table[i]; i++)
        upstream_drop(table[i]);
    free(table);
}

/* A table for the plan, each entry with a use of its own; NULL out of memory: nothing changed. */
static struct upstream **create_table(struct loop *loop, const struct plan *plan)
{
    struct upstream **table = calloc(plan->n_upstreams + 1, sizeof *table);
    for (size_t i = 0; table && i < plan->n_upstreams; i++) {
        table[i] = unchanged(loop, &plan->upstreams[i]);
        if (table[i])
            table[i]->uses++;
        else if (!(table[i] = upstream_create(loop, &plan->upstreams[i]))) {
            drop_upstreams(table, i);
            return NULL;
        }
    }
    return table;
}

/* Puts the table in force; the pools of what is not in it end. */
static void use_table(struct loop *loop, struct upstream **table, size_t n)
{
    for (size_t i = 0; i < loop->n_upstreams; i++)
        loop->upstreams[i]->current = false;
    for (size_t i = 0; i < n; i++)
        table[i]->current = true;
    for (size_t i = 0; i < loop->n_upstreams; i++)
        if (!loop->upstreams[i]->current)
            upstream_retire(loop->upstreams[i]);
    drop_upstreams(loop->upstreams, loop->n_upstreams);
    loop->upstreams = table;
    loop->n_upstreams = n;
}

static bool grow_fields(struct loop *loop, const struct plan *plan)
{
    size_t n = plan->limits.headers;
    if (n <= loop->n_fields)
        return true;
    struct field *fields = realloc(loop->fields, n * sizeof *fields);
    if (!fields)
        return false;
    loop->fields = fields;
    loop->n_fields = n;
    return true;
}

/* The most that a route's edits add to a head. */
static size_t longest_edits(const struct plan *plan)
{
    size_t most = 0;
    for (size_t i = 0; i < plan->n_routes; i++) {
        const struct header_edits *request = plan->routes[i].request_edits;
        const struct header_edits *response = plan->routes[i].response_edits;
        if (request && request->lines.n > most)
            most = request->lines.n;
        if (response && response->lines.n > most)
            most = response->lines.n;
    }
    return most;
}

bool loop_take_plan(struct loop *loop, struct plan *plan)
{
    struct plan_use *use = plan_use_create(plan), *old = loop->use;
    struct upstream **table = use && grow_fields(loop, plan) ? create_table(loop, plan) : NULL;
    if (!table) {
        if (use)
            plan_use_destroy(use);
        log_line(loop->log, LOG_ERROR, "out of memory: a worker keeps the old configuration");
        return false;
    }
    use_table(loop, table, plan->n_upstreams);
    loop->use = use;
    loop->gate.plan = plan;
    size_t most = plan->limits.header_size * 2 + HEAD_SPACE + longest_edits(plan);
    if (most > loop->out.max) /* never less than exchanges of an older plan may need */
        loop->out.max = loop->trailers.max = loop->repaired.max = most;
    if (old && !old->exchanges)
        plan_use_destroy(old);
    loop_enter(loop); /* an idle loop has no next event that would free what was retired */
    return true;
}

void loop_refresh(struct loop *loop)
{
    loop_enter(loop);
    for (size_t i = 0; i < loop->n_upstreams; i++)
        upstream_ring(loop->upstreams[i]);
}

/* --- the clock -------------------------------------------------------------------------------- */

static void renew_date(struct timer *timer)
{
    struct loop *loop = OWNER_OF(timer, struct loop, date_timer);
    time_t now = time(NULL);
    struct tm utc;
    gmtime_r(&now, &utc);
    /* RFC 9110 §5.6.7; the names are the C locale's, which corsd never leaves. */
    size_t n =
        strftime(loop->date_line, sizeof loop->date_line, "Date: %a, %d %b %Y %T GMT\r\n", &utc);
    loop->gate.date = (struct str){loop->date_line, n};
    if (loop->n_clients)
        timer_set(loop->timers, timer, DATE_MS);
}

void loop_wake_clock(struct loop *loop)
{
    if (!timer_waits(&loop->date_timer))
        renew_date(&loop->date_timer);
}

static void write_access(struct timer *timer)
{
    record_flush(OWNER_OF(timer, struct loop, access_timer));
}

/* --- birth and end ---------------------------------------------------------------------------- */

struct relay_tools loop_tools(struct loop *loop, struct scratch *scratch)
{
    const struct limits *limits = &loop->use->plan->limits;
    return (struct relay_tools){
        .scratch = scratch,
        .trailers = &loop->trailers,
        .fields = loop->fields,
        .n_fields = loop->n_fields,
        .limits = {limits->header_size, (uint32_t)limits->headers},
    };
}

struct loop *loop_create(struct event_base *base, const struct log *log, struct crowd *crowd,
                         struct fleet *fleet, struct bell *bell, struct plan *plan,
                         const uint64_t seed[2])
{
    struct loop *loop = calloc(1, sizeof *loop);
    if (!loop)
        return NULL;
    loop->base = base;
    loop->log = log;
    loop->crowd = crowd;
    loop->fleet = fleet;
    loop->bell = bell;
    loop->number = fleet_number(fleet);
    loop->access.max = ACCESS_MAX;
    TAILQ_INIT(&loop->waiting);
    loop->from_clients = (struct scratch){malloc(HEAD_BLOCK), HEAD_BLOCK};
    loop->from_servers = (struct scratch){malloc(HEAD_BLOCK), HEAD_BLOCK};
    loop->timers = timers_create(base);
    gate_init(&loop->gate, seed);
    loop->gate.identity = crowd_identity(crowd);
    event_assign(&loop->again, base, -1, 0, on_again, loop);
    loop->date_timer.fire = renew_date;
    loop->access_timer.fire = write_access;
    if (!loop->from_clients.p || !loop->from_servers.p || !loop->timers ||
        !loop_take_plan(loop, plan)) {
        loop_destroy(loop);
        return NULL;
    }
    loop_wake_clock(loop);
    return loop;
}

uint64_t *loop_turns(struct loop *loop)
{
    return &loop->turn;
}

void loop_destroy(struct loop *loop)
{
    if (!loop)
        return;
    listeners_stop(loop);
    while (loop->clients)
        client_close(loop->clients);
    use_table(loop, NULL, 0);
    while (loop->leaving)
        conn_end(loop->leaving);
    loop_enter(loop);
    if (loop->access.n)
        record_flush(loop);
    while (loop->spare) {
        struct exchange *ex = loop->spare;
        loop->spare = ex->next;
        free(ex);
    }
    if (loop->use)
        plan_use_destroy(loop->use);
    event_del(&loop->again);
    timers_destroy(loop->timers);
    gate_finish(&loop->gate);
    buf_finish(&loop->out);
    buf_finish(&loop->trailers);
    buf_finish(&loop->repaired);
    buf_finish(&loop->access);
    free(loop->fields);
    free(loop->from_clients.p);
    free(loop->from_servers.p);
    free(loop);
}

/* A connection that has not been served yet may have its first request on the way. */
static void drain_client(struct client *client)
{
    if (client->exchange || client->reading || client->lingering)
        return;
    if (client->served)
        client_close(client);
    else
        timer_set(client->loop->timers, &client->timer, UNSERVED_MS);
}

void loop_unready(struct loop *loop)
{
    loop->gate.draining = true;
}

void loop_drain(struct loop *loop)
{
    listeners_leave(loop);
    loop->draining = true;
    for (size_t i = 0; i < loop->n_upstreams; i++)
        upstream_share(loop->upstreams[i]);
    for (struct client *client = loop->clients, *next; client; client = next) {
        next = client->next;
        drain_client(client);
    }
}

bool loop_is_done(const struct loop *loop)
{
    return !loop->listeners && !loop->n_clients && !loop->leaving;
}

const struct counters *loop_counters(const struct loop *loop)
{
    return &loop->counters;
}
