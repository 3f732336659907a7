/* One exchange → one access line and its counts. */
#include "record.h"
#include <stdio.h>
#include <unistd.h>
#include "corsd/gate/forward.h"
#include "corsd/observe/access.h"
#include "corsd/plan/place.h"

enum { FLUSH_BYTES = 16 * 1024, FLUSH_MS = 500 };

_Static_assert((int)CAUSE_COUNT <= (int)COUNTED_CAUSES, "a cause has no counter");
_Static_assert((int)REASON_COUNT <= (int)COUNTED_REASONS, "a reason has no counter");
_Static_assert((int)CORS_KIND_COUNT <= (int)COUNTED_KINDS, "a kind has no counter");

/* The trace id of a traceparent header (W3C Trace Context §3.2): version-TRACEID-parent-flags. */
static struct str trace_id(struct str value)
{
    struct str rest = value;
    str_cut(&rest, '-');
    struct str id = str_cut(&rest, '-');
    return id.n == 32 ? id : (struct str){0};
}

/* Which key of a rule would have to name what was missing. */
static const char *key_of(enum cors_reason reason)
{
    switch (reason) {
    case REASON_METHOD_OFF_LIST: return "allow_methods";
    case REASON_HEADER_OFF_LIST: return "allow_headers";
    case REASON_ORIGIN_OFF_LIST:
    case REASON_ORIGIN_NULL: return "allow_origins";
    default: return NULL;
    }
}

static void warn_of_refusal(struct exchange *ex, const struct head *head)
{
    const struct decision *decision = &ex->decision;
    const struct verdict *verdict = &decision->verdict;
    const struct policy *policy = decision->policy;
    const struct rule *rule = verdict->rule ? verdict->rule : &policy->rules[0];
    const char *key = key_of(verdict->reason);
    bool origin = !verdict->missing.n;
    struct str what = origin ? decision->origin : verdict->missing, file = {0};
    unsigned line = 0, column = 0;
    struct str path = str_head(head->target, str_find(head->target, '?')); /* no secrets */
    char advice[512] = "";
    if (key && place_of(rule->place, &file, &line, &column))
        snprintf(advice, sizeof advice, "; %s: [\"%.*s\"] at %.*s:%u would allow it", key,
                 STR_ARG(what), STR_ARG(file), line);
    log_line(ex->loop->log, LOG_WARN, "cors: %s%.*s %.*s of origin %.*s, policy %.*s: %.*s%s%.*s%s",
             policy->traits.mode == MODE_REPORT ? "would refuse " : "",
             STR_ARG(cors_kind_words[verdict->kind]), STR_ARG(path), STR_ARG(decision->origin),
             STR_ARG(policy->name), STR_ARG(cors_reasons[verdict->reason].prose),
             origin ? "" : ": ", STR_ARG(verdict->missing), advice);
}

void record_verdict(struct exchange *ex, const struct head *head)
{
    const struct verdict *verdict = &ex->decision.verdict;
    count(&ex->loop->counters.cors[verdict->kind][verdict->reason]);
    if (cors_reasons[verdict->reason].allowed || !ex->decision.policy)
        return;
    struct str what = verdict->missing.n ? verdict->missing : ex->decision.origin;
    struct str policy = ex->decision.policy->name;
    uint64_t now = timer_now_ms();
    /* The loop's own memory first: what it knows costs no lock. */
    if (once_is_news(&ex->loop->refusals, policy, what, now) &&
        crowd_is_news(ex->loop->crowd, policy, what, now))
        warn_of_refusal(ex, head);
}

void record_start(struct exchange *ex)
{
    if (ex->use->plan->log.access == ACCESS_OFF)
        return;
    ex->wants_access = true;
    clock_gettime(CLOCK_REALTIME, &ex->facts.time);
    clock_gettime(CLOCK_MONOTONIC, &ex->facts.began);
    ex->facts.client = arena_copy(&ex->arena, str_of(ex->client->ip));
}

void record_head(struct exchange *ex, const struct head *head, const struct peer *peer)
{
    const struct plan *plan = ex->use->plan;
    struct exchange_facts *facts = &ex->facts;
    if (!ex->wants_access)
        return;
    struct str path = head->target;
    if (!plan->log.query)
        path = str_head(path, str_find(path, '?'));
    facts->trace = arena_copy(&ex->arena, trace_id(head_value(head, FIELD_TRACEPARENT)));
    facts->client = arena_copy(&ex->arena, gate_client(&ex->decision, peer));
    facts->method = arena_copy(&ex->arena, head->method);
    facts->host = arena_copy(&ex->arena, ex->decision.host_text);
    facts->path = arena_copy(&ex->arena, path);
}

void record_keep(struct exchange *ex)
{
    const struct decision *decision = &ex->decision;
    if (!ex->wants_access || !decision->route)
        return;
    ex->facts.route = arena_copy(&ex->arena, decision->route->name);
    if (decision->route->upstream)
        ex->facts.upstream = arena_copy(&ex->arena, decision->route->upstream->name);
    if (decision->policy)
        ex->facts.policy = arena_copy(&ex->arena, decision->policy->name);
}

static uint64_t microseconds_since(struct timespec then)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    int64_t us = (now.tv_sec - then.tv_sec) * 1000000 + (now.tv_nsec - then.tv_nsec) / 1000;
    return us > 0 ? (uint64_t)us : 0;
}

void record_asked(struct exchange *ex)
{
    if (ex->wants_access)
        clock_gettime(CLOCK_MONOTONIC, &ex->facts.asked);
}

void record_responded(struct exchange *ex)
{
    if (ex->wants_access)
        ex->facts.server_us = microseconds_since(ex->facts.asked);
}

static void line(struct exchange *ex)
{
    struct loop *loop = ex->loop;
    const struct decision *decision = &ex->decision;
    const struct exchange_facts *facts = &ex->facts;
    const struct verdict *verdict = &decision->verdict;
    const struct route *route = decision->route;
    struct access_record record = {
        .time = facts->time,
        .request_id = facts->id,
        .trace_id = facts->trace,
        .client = facts->client,
        .method = facts->method,
        .host = facts->host,
        .path = facts->path,
        .protocol = decision->minor ? STR("HTTP/1.1") : STR("HTTP/1.0"),
        .status = ex->status,
        .bytes_in = ex->up.bytes,
        .bytes_out = ex->down.written,
        .duration_us = microseconds_since(facts->began),
        .route = route ? route->name : facts->route,
        .upstream = route && route->upstream ? route->upstream->name : facts->upstream,
        .server = ex->server ? ex->server->member->authority : (struct str){0},
        .upstream_status = ex->server_status,
        .upstream_us = facts->server_us,
        .origin = decision->origin,
        .policy = decision->policy ? decision->policy->name : facts->policy,
        .cors_kind = cors_kind_words[verdict->kind],
        .cors_result = cors_reasons[verdict->reason].allowed ? STR("allowed") : STR("refused"),
        .cors_reason = cors_reasons[verdict->reason].word,
        .close_reason = http_causes[ex->cause].word,
    };
    access_text(&loop->access, &record);
    loop->access.failed = false;
    if (loop->access.n >= FLUSH_BYTES)
        record_flush(loop);
    else if (!timer_waits(&loop->access_timer))
        timer_set(loop->timers, &loop->access_timer, FLUSH_MS);
}

void record_end(struct exchange *ex)
{
    struct loop *loop = ex->loop;
    count(&loop->counters.causes[ex->cause]);
    count_add(&loop->counters.bytes_in, ex->up.bytes);
    count_add(&loop->counters.bytes_out, ex->down.written);
    if (ex->wants_access)
        line(ex);
}

void record_flush(struct loop *loop)
{
    log_lines(loop->log, buf_str(&loop->access));
    loop->access.n = 0;
}
