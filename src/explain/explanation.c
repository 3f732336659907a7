/* Drives the browser model against the gate: what one sends the other answers. */
#include "corsd/explain/explanation.h"
#include "corsd/gate/answer.h"
#include "corsd/gate/response.h"
#include "corsd/http/edit.h"
#include "corsd/http/guard.h"

enum { FIELDS_MAX = 256, HEAD_MAX = 256 * 1024 };

struct run {
    struct explanation *out;
    struct gate gate;
    struct arena *arena;
    struct decision decision; /* the last one */
    bool keeps;               /* what happens is noted: one browser is enough */
    bool failed;
};

/* --- one request through the gate ------------------------------------------------------------- */

struct text_head {
    struct field fields[FIELDS_MAX];
    struct head head;
};

static enum http_cause read_head(struct text_head *text, struct str bytes, enum guard_part part,
                                 const struct guard_limits *limits)
{
    struct guard guard;
    guard_init(&guard, part);
    if (guard_scan(&guard, bytes, limits) != GUARD_WHOLE)
        return guard.cause ? (enum http_cause)guard.cause : CAUSE_MALFORMED;
    text->head.fields = text->fields;
    text->head.cap = FIELDS_MAX;
    return part == GUARD_REQUEST ? message_parse_request(&text->head, bytes)
                                 : message_parse_response(&text->head, bytes);
}

/* What the backend is taken to say. False where it is no HTTP: then corsd answers 502. */
static bool backend_answer(struct run *run, struct buf *out)
{
    static const struct guard_limits roomy = {HEAD_MAX, FIELDS_MAX};
    const struct assumed *assumed = run->out->assumed;
    struct text_head text;
    struct response response;
    struct buf bytes = BUF_INIT(HEAD_MAX);
    edit_status_line(&bytes, assumed->status,
                     assumed->status == 200 ? STR("OK") : http_reason_phrase(assumed->status));
    buf_add(&bytes, assumed->head_lines);
    if (assumed->status >= 200 && assumed->status != 204 && assumed->status != 304)
        buf_add(&bytes, STR("Content-Length: 0\r\n"));
    buf_add(&bytes, STR("\r\n"));
    enum http_cause cause = read_head(&text, buf_str(&bytes), GUARD_RESPONSE, &roomy);
    if (!cause)
        cause = gate_read_response(&text.head, &run->decision, &response);
    if (!cause)
        gate_response(out, &run->gate, &run->decision, &text.head, &response);
    else
        run->decision.cause = gate_response_fault(cause);
    buf_finish(&bytes);
    return !cause;
}

static void answer_to(struct run *run, struct str request, const struct fetch *fetch,
                      struct buf *out)
{
    const struct limits *limits = &run->gate.plan->limits;
    struct guard_limits bounds = {limits->header_size, (uint32_t)limits->headers};
    struct peer peer = {.ip = "127.0.0.1", .tls = str_eq(fetch->url.scheme, STR("https"))};
    struct text_head text;
    enum http_cause cause = read_head(&text, request, GUARD_REQUEST, &bounds);
    if (cause)
        gate_unreadable(&run->gate, cause, &run->decision);
    else
        gate_request(&run->gate, &peer, &text.head, run->arena, &run->decision);
    bool forwarded = run->decision.kind != DECISION_ANSWER && backend_answer(run, out);
    if (!forwarded) {
        run->decision.kind = DECISION_ANSWER;
        gate_answer(out, &run->gate, &run->decision, false);
    }
}

static struct str head_alone(struct str answer)
{
    const char *end = memmem(answer.p, answer.n, "\r\n\r\n", 4);
    return end ? str_head(answer, (size_t)(end - answer.p) + 4) : answer;
}

static void keep(struct run *run, const struct fetch *fetch, struct str request, struct str answer)
{
    struct explanation *out = run->out;
    if (out->n_sent == EXPLAIN_SENT_MAX)
        return;
    out->sent[out->n_sent++] = (struct sent){
        .preflight = fetch->want == WANT_PREFLIGHT,
        .from_backend = run->decision.kind != DECISION_ANSWER,
        .request = arena_copy(run->arena, request),
        .answer = arena_copy(run->arena, answer),
    };
}

/* --- the whole fetch -------------------------------------------------------------------------- */

static void exchange(struct run *run, struct fetch *fetch)
{
    static const struct guard_limits roomy = {HEAD_MAX, FIELDS_MAX};
    struct buf request = BUF_INIT(HEAD_MAX), bytes = BUF_INIT(HEAD_MAX);
    struct text_head text;
    fetch_write(fetch, &request);
    answer_to(run, buf_str(&request), fetch, &bytes);
    struct str head = head_alone(buf_str(&bytes));
    if (request.failed || bytes.failed || read_head(&text, head, GUARD_RESPONSE, &roomy))
        run->failed = true;
    else {
        if (run->keeps)
            keep(run, fetch, buf_str(&request), head);
        struct answer answer = {text.head.status, text.head.fields, text.head.n};
        fetch_take(fetch, &answer);
    }
    buf_finish(&bytes);
    buf_finish(&request);
}

static void follow(struct run *run, struct fetch *fetch)
{
    while (fetch->want != WANT_NOTHING && !run->failed) {
        if (str_eq(fetch->url.origin, run->out->page->url.origin)) {
            exchange(run, fetch);
            continue;
        }
        if (run->keeps)
            run->out->elsewhere = fetch->url.href;
        fetch_take(fetch, &(struct answer){0});
    }
}

/* --- the change that would mend it ------------------------------------------------------------ */

static struct str quoted(struct arena *arena, struct str word, bool always)
{
    bool plain = !always && word.n > 0;
    for (size_t i = 0; i < word.n; i++)
        plain = plain && (ascii_is_alpha(word.p[i]) || word.p[i] == '-' ||
                          (i > 0 && ascii_is_digit(word.p[i])));
    if (plain)
        return word;
    char *p = arena_alloc(arena, word.n + 2);
    if (!p)
        return (struct str){0};
    p[0] = p[word.n + 1] = '"';
    memcpy(p + 1, word.p, word.n);
    return (struct str){p, word.n + 2};
}

static struct str with_defaults(struct arena *arena, struct str method)
{
    struct buf out = BUF_INIT(4096);
    buf_add(&out, STR("GET, HEAD, POST, "));
    buf_add(&out, method);
    struct str text = arena_copy(arena, buf_str(&out));
    buf_finish(&out);
    return text;
}

static void choose_change(struct run *run, const struct fetch *fetch, struct change *change)
{
    const struct rule *rule = run->decision.verdict.rule;
    if (run->decision.policy->traits.mode == MODE_REPORT)
        *change = (struct change){CHANGE_SET, "mode", STR("enforce")};
    else if (!rule)
        *change = (struct change){CHANGE_ADD, "allow_origins",
                                  quoted(run->arena, run->out->page->origin, true)};
    else if (run->decision.policy->traits.upstream_headers == UPSTREAM_HEADERS_KEEP &&
             !fetch->in_preflight)
        *change = (struct change){CHANGE_SET, "upstream_headers", STR("replace")};
    else if (fetch->block == BLOCK_METHOD)
        *change = (struct change){CHANGE_ADD, "allow_methods",
                                  quoted(run->arena, fetch->blamed, false)};
    else if (fetch->block == BLOCK_HEADER)
        *change = (struct change){CHANGE_ADD, "allow_headers",
                                  quoted(run->arena, fetch->blamed, false)};
    else if (rule->any_origin)
        *change = (struct change){CHANGE_SET, "allow_origins", (struct str){0},
                                  .also = "allow_credentials: true"};
    else
        *change = (struct change){CHANGE_SET, "allow_credentials", STR("true")};
}

static struct str bracketed(struct arena *arena, struct str origin)
{
    struct buf out = BUF_INIT(4096);
    buf_printf(&out, "[\"%.*s\"]", (int)origin.n, origin.p);
    struct str text = arena_copy(arena, buf_str(&out));
    buf_finish(&out);
    return text;
}

static void find_change(struct run *run, const struct fetch *fetch)
{
    struct change change = {0};
    const struct policy *policy = run->decision.policy;
    if (!policy || fetch->block == BLOCK_NO_ANSWER || fetch->block == BLOCK_REDIRECT_SCHEME ||
        fetch->block == BLOCK_REDIRECT_USER || fetch->block == BLOCK_REDIRECTS ||
        fetch->block == BLOCK_URL_USER || run->decision.cause == CAUSE_AMBIGUOUS_PATH)
        return;
    choose_change(run, fetch, &change);
    const struct rule *rule = run->decision.verdict.rule;
    change_place(&change, run->gate.plan, rule ? rule : &policy->rules[0]);
    if (!strcmp(change.key, "allow_methods") && !change.is_there)
        change.item = with_defaults(run->arena, change.item);
    if (!change.item.p)
        change.item = bracketed(run->arena, run->out->page->origin);
    run->out->change = change;
}

bool explain(struct explanation *out, const struct plan *plan, const struct page_request *page,
             const struct assumed *assumed, struct arena *arena)
{
    static const uint64_t seed[2] = {1, 1};
    struct run run = {.out = out, .arena = arena};
    memset(out, 0, sizeof *out);
    out->page = page;
    out->assumed = assumed;
    gate_init(&run.gate, seed);
    run.gate.plan = plan;
    run.gate.date = STR("Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n");
    for (int i = BROWSERS - 1; i >= 0 && !run.failed; i--) { /* the standard last: it is kept */
        run.keeps = i == BROWSER_STANDARD;
        fetch_begin(&out->by[i], &browsers[i], page, arena);
        follow(&run, &out->by[i]);
    }
    out->route = run.decision.route;
    out->policy = run.decision.policy;
    out->rule = run.decision.verdict.rule;
    out->reason = run.decision.cause && run.decision.cause != CAUSE_CORS_REFUSED
                      ? http_causes[run.decision.cause].prose
                      : cors_reasons[run.decision.verdict.reason].prose;
    if (!explanation_allows(out) && !run.failed)
        find_change(&run, &out->by[BROWSER_STANDARD]);
    gate_finish(&run.gate);
    return !run.failed;
}

bool explanation_allows(const struct explanation *explanation)
{
    return explanation->by[BROWSER_STANDARD].block == BLOCK_NONE;
}
