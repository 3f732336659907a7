/* Responses that no backend made. */
#include "corsd/gate/answer.h"
#include <assert.h>
#include "corsd/cors/headers.h"
#include "corsd/gate/decision.h"
#include "corsd/http/edit.h"

enum { QUOTED_MAX = 256 }; /* of a method, header name or origin that is quoted in a body */

unsigned gate_answer_status(const struct decision *decision)
{
    switch (decision->own) {
    case OWN_PREFLIGHT: return decision->verdict.rule->preflight_status;
    case OWN_OPTIONS:
    case OWN_HEALTH: return decision->cause ? http_causes[decision->cause].status : 200;
    case OWN_ERROR: break;
    }
    return http_causes[decision->cause].status;
}

static void connection_line(struct buf *out, const struct decision *decision, bool close)
{
    if (close)
        buf_add(out, STR("Connection: close\r\n"));
    else if (!decision->minor)
        buf_add(out, STR("Connection: keep-alive\r\n"));
}

static void preflight(struct buf *out, const struct decision *decision)
{
    cors_preflight_lines(out, decision->policy, &decision->verdict, &decision->cors);
    cors_vary_line(out, decision->policy, true, NULL, 0);
    if (decision->verdict.rule->preflight_status != 204)
        buf_add(out, STR("Content-Length: 0\r\n"));
}

/* One line that says what was refused and why, for the person who reads the network panel. */
static void body_text(struct buf *out, const struct decision *decision)
{
    if (decision->cause == CAUSE_CORS_REFUSED) {
        const struct verdict *verdict = &decision->verdict;
        buf_add(out, STR("corsd: "));
        buf_add(out, cors_reasons[verdict->reason].prose);
        if (verdict->missing.n) {
            buf_add(out, STR(": "));
            buf_add(out, str_head(verdict->missing, QUOTED_MAX));
        } else if (verdict->reason == REASON_ORIGIN_OFF_LIST) {
            buf_add(out, STR(": "));
            buf_add(out, str_head(decision->origin, QUOTED_MAX));
        }
    } else {
        buf_add(out, STR("corsd: "));
        buf_add(out, decision->cause ? http_causes[decision->cause].prose : STR("ready"));
    }
    buf_add(out, STR("\n"));
}

static void special_lines(struct buf *out, const struct decision *decision)
{
    static const struct str allow =
        STR_INIT("Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n");
    if (decision->cause == CAUSE_METHOD_REFUSED || decision->own == OWN_OPTIONS)
        buf_add(out, allow);
    if (gate_answer_status(decision) == 503)
        buf_add(out, STR("Retry-After: 1\r\n"));
}

static bool has_allow(const struct decision *decision)
{
    return decision->cause == CAUSE_METHOD_REFUSED || decision->own == OWN_OPTIONS;
}

/* The names of what this answer holds, for `*` in expose_headers with credentials (rule 6). */
static size_t own_fields(const struct gate *gate, const struct decision *decision,
                         struct field fields[4])
{
    size_t n = 0;
    fields[n++] = (struct field){.name = STR("Date"), .id = FIELD_DATE};
    if (has_allow(decision))
        fields[n++] = (struct field){.name = STR("Allow"), .id = FIELD_ALLOW};
    if (gate_answer_status(decision) == 503)
        fields[n++] = (struct field){.name = STR("Retry-After")};
    if (gate->plan->decision_header)
        fields[n++] = (struct field){.name = STR("Corsd-Decision"), .id = FIELD_CORSD_DECISION};
    return n;
}

/* CORS lines by rules 3 and 10: none where the origin was refused, Vary all the same. */
static void cors_lines(struct buf *out, const struct gate *gate, const struct decision *decision)
{
    struct field fields[4];
    size_t n = own_fields(gate, decision, fields);
    cors_actual_lines(out, decision->policy, &decision->verdict, decision->origin, fields, n);
    cors_resource_lines(out, decision->policy, &decision->verdict, decision->origin, NULL, 0);
    cors_vary_line(out, decision->policy, decision->verdict.kind == CORS_PREFLIGHT, NULL, 0);
}

static void text(struct buf *out, const struct gate *gate, const struct decision *decision)
{
    char bytes[2 * QUOTED_MAX];
    struct buf line = {.p = bytes, .cap = sizeof bytes, .max = sizeof bytes};
    body_text(&line, decision);
    assert(!line.failed);
    special_lines(out, decision);
    cors_lines(out, gate, decision);
    buf_add(out, STR("Cache-Control: no-store\r\nContent-Type: text/plain; charset=utf-8\r\n"));
    edit_field_u64(out, STR("Content-Length"), line.n);
    edit_end(out);
    if (decision->method != METHOD_HEAD)
        buf_add(out, buf_str(&line));
}

void gate_answer(struct buf *out, const struct gate *gate, const struct decision *decision,
                 bool close)
{
    unsigned status = gate_answer_status(decision);
    edit_status_line(out, status, http_reason_phrase(status));
    buf_add(out, gate->date);
    connection_line(out, decision, close);
    gate_decision_line(out, gate, decision);
    if (decision->own == OWN_PREFLIGHT) {
        preflight(out, decision);
        edit_end(out);
    } else
        text(out, gate, decision);
}
