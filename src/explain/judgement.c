/* Sends what a browser would, and what a browser of another page would, and judges the answers. */
#include "corsd/explain/judgement.h"
#include <stdarg.h>
#include <stdio.h>
#include "corsd/cors/origin.h"
#include "corsd/http/guard.h"
#include "corsd/http/message.h"

enum { HEAD_MAX = 128 * 1024, DETAIL_MAX = 300 };

/* A name that nobody owns (RFC 6761), for the origins of strangers. */
#define STRANGER "corsd-probe.example"

static void find(struct probe *probe, enum mistake mistake, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void find(struct probe *probe, enum mistake mistake, const char *format, ...)
{
    char text[DETAIL_MAX];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    struct str detail = str_of(text);
    for (size_t i = 0; i < probe->n_found; i++)
        if (probe->found[i].mistake == mistake && str_eq(probe->found[i].detail, detail))
            return;
    if (probe->n_found < PROBE_FOUND_MAX)
        probe->found[probe->n_found++] = (struct found){mistake, arena_copy(probe->arena, detail)};
}

/* --- sending ---------------------------------------------------------------------------------- */

static bool parse(struct probe *probe, struct probe_reply *reply)
{
    static const struct guard_limits limits = {HEAD_MAX, PROBE_FIELDS_MAX};
    struct guard guard;
    struct head head = {.cap = PROBE_FIELDS_MAX};
    guard_init(&guard, GUARD_RESPONSE);
    head.fields = arena_alloc(probe->arena, PROBE_FIELDS_MAX * sizeof *head.fields);
    if (!head.fields || guard_scan(&guard, reply->head, &limits) != GUARD_WHOLE ||
        message_parse_response(&head, reply->head) != CAUSE_NONE)
        return false;
    reply->answer = (struct answer){head.status, head.fields, head.n};
    return true;
}

static const struct probe_reply *send_head(struct probe *probe, const char *why, struct str request)
{
    if (probe->n_replies == PROBE_SENT_MAX)
        return NULL;
    struct probe_reply *reply = &probe->replies[probe->n_replies];
    struct str answer;
    reply->why = why;
    reply->request = arena_copy(probe->arena, request);
    bool came = reply->request.p && probe->send(probe->ctx, reply->request, probe->arena, &answer);
    *(came ? &reply->head : &reply->error) = reply->request.p ? answer : STR("out of memory");
    if (came && !parse(probe, reply))
        reply->error = STR("the answer is no HTTP/1.1 that corsd would let pass");
    probe->n_replies++;
    return reply;
}

/* The head that a browser sends, with what a server may want of any client. */
static const struct probe_reply *send_fetch(struct probe *probe, const char *why,
                                            const struct fetch *fetch)
{
    struct buf out = BUF_INIT(HEAD_MAX);
    const struct probe_reply *reply = NULL;
    fetch_write(fetch, &out);
    if (!out.failed) {
        out.n -= 2; /* the empty line comes later */
        bool body = fetch->want == WANT_REQUEST && !str_eq(fetch->method, STR("GET")) &&
                    !str_eq(fetch->method, STR("HEAD"));
        buf_add(&out, body ? STR("Content-Length: 0\r\n") : STR(""));
        buf_add(&out,
                STR("User-Agent: corsd-probe/" CORSD_VERSION "\r\nConnection: close\r\n\r\n"));
        reply = out.failed ? NULL : send_head(probe, why, buf_str(&out));
    }
    buf_finish(&out);
    return reply;
}

/* One request as the page of another origin, with another method where one is given. */
static const struct probe_reply *ask(struct probe *probe, const char *why, struct str origin,
                                     struct str method, enum fetch_want want)
{
    struct page_request *page = arena_alloc(probe->arena, sizeof *page);
    struct fetch *fetch = arena_alloc(probe->arena, sizeof *fetch);
    if (!page || !fetch)
        return NULL;
    *page = *probe->page;
    page->origin = origin;
    page->method = method.n ? method : page->method;
    fetch_begin(fetch, &browsers[BROWSER_STANDARD], page, probe->arena);
    fetch->cross_origin = origin.n > 0;
    fetch->want = want;
    return send_fetch(probe, why, fetch);
}

/* --- one answer ------------------------------------------------------------------------------- */

static struct str value_of(struct probe *probe, const struct probe_reply *reply, const char *name)
{
    struct str value = {0};
    bool there = answer_value(&reply->answer, probe->arena, str_of(name), &value);
    return there ? value : (struct str){0};
}

static bool wants_credentials(const struct probe *probe)
{
    return probe->page->credentials == CREDENTIALS_INCLUDE;
}

static void judge_origin(struct probe *probe, const struct probe_reply *reply, struct str origin)
{
    struct str value;
    size_t count = answer_count(&reply->answer, STR("Access-Control-Allow-Origin"));
    if (!answer_value(&reply->answer, probe->arena, STR("Access-Control-Allow-Origin"), &value))
        find(probe, MISTAKE_ORIGIN_MISSING, "in the answer to the %s (%u)", reply->why,
             reply->answer.status);
    else if (count > 1 || str_find(value, ',') < value.n || str_find(value, ' ') < value.n)
        find(probe, MISTAKE_ORIGIN_DOUBLED, "%.*s", STR_ARG(str_head(value, 200)));
    else if (str_eq(value, STR("*"))) {
        if (wants_credentials(probe))
            find(probe, MISTAKE_WILDCARD_CREDENTIALS, "in the answer to the %s", reply->why);
    } else if (!str_eq(value, origin))
        find(probe, MISTAKE_ORIGIN_WRONG, "%.*s for a page at %.*s", STR_ARG(str_head(value, 100)),
             STR_ARG(str_head(origin, 100)));
}

static void judge_credentials(struct probe *probe, const struct probe_reply *reply)
{
    struct str value = value_of(probe, reply, "Access-Control-Allow-Credentials");
    struct str origin = value_of(probe, reply, "Access-Control-Allow-Origin");
    if (wants_credentials(probe) && !str_eq(value, STR("true")) && origin.n)
        find(probe, MISTAKE_CREDENTIALS_MISSING, "in the answer to the %s%s%.*s", reply->why,
             value.n ? ": it says " : "", STR_ARG(str_head(value, 60)));
    if (str_eq(value, STR("true")) && str_eq(origin, STR("*")) && !wants_credentials(probe))
        find(probe, MISTAKE_WILDCARD_CREDENTIALS_SENT, "in the answer to the %s", reply->why);
}

static bool judge_status(struct probe *probe, const struct probe_reply *reply)
{
    unsigned status = reply->answer.status;
    if (answer_is_ok(&reply->answer))
        return true;
    find(probe,
         answer_is_redirect(&reply->answer)  ? MISTAKE_PREFLIGHT_REDIRECT
         : status == 401 || status == 403    ? MISTAKE_PREFLIGHT_AUTH
         : status == 405 || status == 501    ? MISTAKE_PREFLIGHT_METHOD
                                            : MISTAKE_PREFLIGHT_STATUS,
         "%u", status);
    return false;
}

static bool readable(struct probe *probe, const char *name, struct str list)
{
    struct str bad;
    if (tokens_are_valid(list, &bad))
        return true;
    find(probe, MISTAKE_LIST_UNREADABLE, "%s: %.*s", name, STR_ARG(str_head(bad, 100)));
    return false;
}

static void judge_lists(struct probe *probe, const struct probe_reply *reply,
                        const struct fetch *fetch)
{
    struct str methods = value_of(probe, reply, "Access-Control-Allow-Methods"), method;
    struct str headers = value_of(probe, reply, "Access-Control-Allow-Headers");
    struct str rest = fetch->unsafe_names, name, bad;
    bool star = !wants_credentials(probe);
    method = fetch->method;
    if (readable(probe, "Access-Control-Allow-Methods", methods) &&
        !tokens_have(methods, method, false) && !method_is_safelisted(method) &&
        !(star && tokens_have(methods, STR("*"), false)))
        find(probe, MISTAKE_METHOD_MISSING, "%.*s", STR_ARG(method));
    if (!readable(probe, "Access-Control-Allow-Headers", headers))
        return;
    star = star && tokens_have(headers, STR("*"), false);
    while (token_next(&rest, &name, &bad))
        if (!tokens_have(headers, name, true) && (!star || str_eq(name, STR("authorization"))))
            find(probe, MISTAKE_HEADER_MISSING, "%.*s", STR_ARG(str_head(name, 100)));
}

static void judge_max_age(struct probe *probe, const struct probe_reply *reply)
{
    struct str value = value_of(probe, reply, "Access-Control-Max-Age");
    uint64_t seconds;
    if (!value.n)
        find(probe, MISTAKE_MAX_AGE_ABSENT, "%s", "");
    else if (str_to_u64(value, &seconds) && seconds > browsers[BROWSER_CHROMIUM].max_age_cap_s)
        find(probe, MISTAKE_MAX_AGE_CAPPED, "%llu seconds", (unsigned long long)seconds);
}

static void judge_preflight(struct probe *probe, const struct probe_reply *reply,
                            const struct fetch *fetch)
{
    if (!judge_status(probe, reply))
        return;
    judge_origin(probe, reply, fetch->origin);
    judge_credentials(probe, reply);
    if (answer_count(&reply->answer,
                     STR("Access-Control-Allow-Origin"))) /* else it knows no CORS */
        judge_lists(probe, reply, fetch);
    judge_max_age(probe, reply);
}

static void judge_actual(struct probe *probe, const struct probe_reply *reply,
                         const struct fetch *fetch)
{
    if (reply->answer.status >= 400 && fetch->preflighted &&
        !answer_count(&reply->answer, STR("Access-Control-Allow-Origin")))
        find(probe, MISTAKE_ERRORS, "%u", reply->answer.status);
    judge_origin(probe, reply, fetch->origin);
    judge_credentials(probe, reply);
    if (answer_is_redirect(&reply->answer))
        find(probe, MISTAKE_REDIRECT, "%u", reply->answer.status);
}

/* --- the request that was asked for ----------------------------------------------------------- */

/* Whether the fetch stands where this request has nothing more to say: a redirect led on. */
static bool is_over(const struct probe *probe, const struct fetch *fetch)
{
    return fetch->want == WANT_NOTHING || fetch->redirects > 0 ||
           (probe->preflight_only && fetch->want == WANT_REQUEST);
}

static void judge(struct probe *probe, const struct probe_reply *reply, const struct fetch *fetch)
{
    if (!reply->answer.status)
        find(probe, MISTAKE_NO_ANSWER, "%.*s", STR_ARG(str_head(reply->error, 200)));
    else if (fetch->want == WANT_PREFLIGHT)
        judge_preflight(probe, reply, fetch);
    else if (fetch->cross_origin)
        judge_actual(probe, reply, fetch);
}

/* The other browsers are given the answers that the standard's got. */
static void replay(struct probe *probe, struct fetch *fetch, const struct probe_reply *preflight,
                   const struct probe_reply *actual)
{
    while (!is_over(probe, fetch)) {
        const struct probe_reply *reply = fetch->want == WANT_PREFLIGHT ? preflight : actual;
        if (!reply && preflight && preflight->answer.status)
            return; /* it goes on where the standard stopped: nobody asked */
        fetch_take(fetch, reply ? &reply->answer : &(struct answer){0});
    }
}

static bool run_main(struct probe *probe, struct fetch *fetch, bool others_too)
{
    const struct probe_reply *preflight = NULL, *actual = NULL;
    while (!is_over(probe, fetch)) {
        bool asks = fetch->want == WANT_PREFLIGHT;
        const struct probe_reply *reply = send_fetch(probe, asks ? "preflight" : "request", fetch);
        if (!reply)
            return false;
        *(asks ? &preflight : &actual) = reply;
        judge(probe, reply, fetch);
        fetch_take(fetch, &reply->answer);
    }
    for (int i = BROWSER_STANDARD + 1; i < BROWSERS && others_too; i++) {
        fetch_begin(&probe->by[i], &browsers[i], probe->page, probe->arena);
        replay(probe, &probe->by[i], preflight, actual);
    }
    return true;
}

static bool run_other_origins(struct probe *probe, const struct str *others, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct page_request *page = arena_alloc(probe->arena, sizeof *page);
        struct fetch *fetch = arena_alloc(probe->arena, sizeof *fetch);
        if (!page || !fetch)
            return false;
        *page = *probe->page;
        page->origin = others[i];
        fetch_begin(fetch, &browsers[BROWSER_STANDARD], page, probe->arena);
        if (!run_main(probe, fetch, false))
            return false;
    }
    return true;
}

/* Whether the fetch that was asked for began with a preflight. */
static bool asked_first(const struct probe *probe)
{
    return probe->n_replies && str_starts(probe->replies[0].request, STR("OPTIONS "));
}

/* A request that needs no preflight today may need one tomorrow. */
static void try_options(struct probe *probe)
{
    if (asked_first(probe))
        return;
    const struct probe_reply *reply =
        ask(probe, "preflight that may come", probe->page->origin, STR("GET"), WANT_PREFLIGHT);
    if (reply && reply->answer.status &&
        (!answer_is_ok(&reply->answer) ||
         !answer_count(&reply->answer, STR("Access-Control-Allow-Origin"))))
        find(probe, MISTAKE_OPTIONS_BLOCKED, "%u%s", reply->answer.status,
             answer_is_ok(&reply->answer) ? ", without Access-Control-Allow-Origin" : "");
}

/* --- strangers -------------------------------------------------------------------------------- */

/* Asks as a page of that origin would, without doing anything: where the request needs a preflight,
 * by that alone. */
static const struct probe_reply *ask_as(struct probe *probe, const char *why, struct str origin)
{
    bool preflight = asked_first(probe);
    return ask(probe, why, origin, preflight ? (struct str){0} : STR("GET"),
               preflight ? WANT_PREFLIGHT : WANT_REQUEST);
}

/* 0: no; 1: its answers may be read; 2: with cookies too. */
static int allows(struct probe *probe, const struct probe_reply *reply, struct str origin)
{
    if (!reply || !reply->answer.status ||
        !str_eq(value_of(probe, reply, "Access-Control-Allow-Origin"), origin))
        return 0;
    return str_eq(value_of(probe, reply, "Access-Control-Allow-Credentials"), STR("true")) ? 2 : 1;
}

static void try_stranger(struct probe *probe, enum mistake mistake, const char *why,
                         struct str origin)
{
    const struct probe_reply *reply = ask_as(probe, why, origin);
    if (allows(probe, reply, origin))
        find(probe, mistake, "%.*s", STR_ARG(str_head(origin, 200)));
}

static struct str composed(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static struct str composed(struct arena *arena, const char *format, ...)
{
    char text[1024];
    va_list list;
    va_start(list, format);
    int n = vsnprintf(text, sizeof text, format, list);
    va_end(list);
    return n > 0 && (size_t)n < sizeof text ? arena_copy(arena, str_of(text)) : (struct str){0};
}

/* Where the part begins that somebody registered: the last two labels, as a rule. */
static size_t registered_part(struct str host)
{
    size_t last = str_rfind(host, '.');
    if (last == host.n)
        return 0;
    size_t before = str_rfind(str_head(host, last), '.');
    return before < last ? before + 1 : 0;
}

static bool is_name(struct str host)
{
    for (size_t i = 0; i < host.n; i++)
        if (ascii_is_alpha(host.p[i]) && host.p[0] != '[' && !str_eq(host, STR("localhost")))
            return str_find(host, '.') < host.n;
    return false;
}

static void try_look_alikes(struct probe *probe)
{
    struct origin origin;
    if (origin_parse(probe->page->origin, &origin) != ORIGIN_OK || !is_name(origin.host))
        return;
    struct str scheme = origin.scheme, host = origin.host;
    size_t at = registered_part(host);
    try_stranger(probe, MISTAKE_SUFFIX, "page with a name that begins like yours",
                 composed(probe->arena, "%.*s://%.*s." STRANGER, STR_ARG(scheme), STR_ARG(host)));
    try_stranger(probe, MISTAKE_PREFIX, "page with a name that ends like yours",
                 composed(probe->arena, "%.*s://%.*scorsd-probe%.*s", STR_ARG(scheme), (int)at,
                          host.p, STR_ARG(str_from(host, at))));
    if (str_eq(scheme, STR("https")))
        try_stranger(probe, MISTAKE_HTTP, "same page without TLS",
                     composed(probe->arena, "http%.*s", STR_ARG(str_from(probe->page->origin, 5))));
}

/* NULL: not asked. */
static const struct probe_reply *try_strangers(struct probe *probe)
{
    struct str foreign = STR("https://" STRANGER);
    const struct probe_reply *reply = ask_as(probe, "page of a stranger", foreign);
    int how = allows(probe, reply, foreign);
    if (how) {
        find(probe, how == 2 ? MISTAKE_REFLECTED : MISTAKE_REFLECTED_PLAIN, "%.*s",
             STR_ARG(foreign));
        return reply;
    }
    if (!str_eq(probe->page->origin, STR("null")))
        try_stranger(probe, MISTAKE_NULL_ALLOWED, "page of origin null", STR("null"));
    try_look_alikes(probe);
    return reply;
}

/* --- caches and errors ------------------------------------------------------------------------ */

static bool varies(const struct probe_reply *reply, struct arena *arena)
{
    struct str value;
    return answer_value(&reply->answer, arena, STR("Vary"), &value) &&
           (list_has(value, STR("origin")) || list_has(value, STR("*")));
}

/* The first actual answer that came. */
static const struct probe_reply *actual_reply(const struct probe *probe)
{
    for (size_t i = 0; i < probe->n_replies; i++)
        if (probe->replies[i].answer.status && str_starts(probe->replies[i].request, STR("GET ")))
            return &probe->replies[i];
    return NULL;
}

static void try_vary(struct probe *probe, const struct probe_reply *stranger)
{
    const struct probe_reply *own = actual_reply(probe);
    if (!own)
        return;
    struct str value = value_of(probe, own, "Access-Control-Allow-Origin");
    if (!value.n || !str_eq(value, probe->page->origin))
        return;
    const struct probe_reply *bare =
        ask(probe, "request without an Origin", (struct str){0}, STR("GET"), WANT_REQUEST);
    const struct probe_reply *other = stranger; /* where that one asked by GET */
    if (!other || !str_starts(other->request, STR("GET ")))
        other = ask(probe, "request of another page", STR("https://" STRANGER), STR("GET"),
                    WANT_REQUEST);
    if (!bare || !other || !bare->answer.status || !other->answer.status)
        return;
    bool depends = !str_eq(value_of(probe, bare, "Access-Control-Allow-Origin"), value) ||
                   !str_eq(value_of(probe, other, "Access-Control-Allow-Origin"), value);
    if (depends && (!varies(own, probe->arena) || !varies(bare, probe->arena)))
        find(probe, MISTAKE_VARY, "%s",
             varies(own, probe->arena) ? "on answers to requests without an Origin" : "");
}

/* PROPFIND reads only, servers know its name, and hardly one does it. */
static void try_error(struct probe *probe)
{
    const struct probe_reply *own = actual_reply(probe);
    if (!own || !answer_count(&own->answer, STR("Access-Control-Allow-Origin")) ||
        own->answer.status >= 400)
        return;
    const struct probe_reply *reply =
        ask(probe, "request that should fail", probe->page->origin, STR("PROPFIND"), WANT_REQUEST);
    if (reply && reply->answer.status >= 400 &&
        !answer_count(&reply->answer, STR("Access-Control-Allow-Origin")))
        find(probe, MISTAKE_ERRORS, "%u", reply->answer.status);
}

bool probe_run(struct probe *probe, const struct str *others, size_t n_others)
{
    struct fetch *fetch = &probe->by[BROWSER_STANDARD];
    fetch_begin(fetch, &browsers[BROWSER_STANDARD], probe->page, probe->arena);
    if (!run_main(probe, fetch, true))
        return false;
    probe->n_own = probe->n_replies;
    if (!run_other_origins(probe, others, n_others))
        return false;
    if (probe->n_found && probe->found[0].mistake == MISTAKE_NO_ANSWER)
        return true;
    try_options(probe);
    const struct probe_reply *stranger = try_strangers(probe);
    if (!probe->preflight_only) {
        try_vary(probe, stranger);
        try_error(probe);
    }
    return true;
}

bool probe_is_bad(const struct probe *probe)
{
    for (size_t i = 0; i < probe->n_found; i++)
        if (mistakes[probe->found[i].mistake].level > MISTAKE_LEVEL_NOTE)
            return true;
    return probe->by[BROWSER_STANDARD].block != BLOCK_NONE;
}
