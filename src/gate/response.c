/* Which response fields pass, which go, and which are added. */
#include "corsd/gate/response.h"
#include "corsd/cors/headers.h"
#include "corsd/gate/cookie.h"
#include "corsd/gate/decision.h"
#include "corsd/gate/edits.h"
#include "corsd/gate/location.h"
#include "corsd/http/edit.h"

enum http_cause gate_response_fault(enum http_cause cause)
{
    switch (cause) {
    case CAUSE_NONE: return CAUSE_NONE;
    case CAUSE_HEAD_TOO_LARGE:
    case CAUSE_TOO_MANY_FIELDS: return CAUSE_UPSTREAM_HEAD_TOO_LARGE;
    case CAUSE_BAD_LENGTH:
    case CAUSE_LENGTH_AND_CODING:
    case CAUSE_BAD_CODING:
    case CAUSE_UNKNOWN_CODING: return CAUSE_UPSTREAM_BAD_FRAMING;
    default: return CAUSE_UPSTREAM_BAD_HEAD;
    }
}

/* Keep-Alive: timeout=N (RFC 2068 §19.7.1, as servers still send it). */
static uint64_t keep_alive_hint(const struct head *head)
{
    struct str rest = head_value(head, FIELD_KEEP_ALIVE), item;
    uint64_t seconds;
    while (list_next(&rest, &item)) {
        struct str name = str_cut(&item, '=');
        if (str_eq_nocase(str_trim(name), STR("timeout")) && str_to_u64(str_trim(item), &seconds))
            return seconds;
    }
    return UINT64_MAX;
}

static bool server_keeps_alive(const struct head *head, const struct response *response)
{
    if (response->body.kind == BODY_UNTIL_CLOSE || response->kind == RESPONSE_SWITCH)
        return false;
    if (head_list_has(head, FIELD_CONNECTION, STR("close")))
        return false;
    return head->minor || head_list_has(head, FIELD_CONNECTION, STR("keep-alive"));
}

/* A 101 must be what was asked for: a websocket, by name. */
static bool switches_rightly(const struct head *head, const struct decision *decision)
{
    return decision->kind == DECISION_TUNNEL && head->minor &&
           head_count(head, FIELD_UPGRADE) == 1 &&
           str_eq_nocase(head_value(head, FIELD_UPGRADE), STR("websocket"));
}

static enum body_kind sent_as(const struct decision *decision, enum body_kind kind)
{
    bool chunks = kind == BODY_CHUNKED || kind == BODY_UNTIL_CLOSE;
    if (!chunks)
        return kind;
    return decision->minor ? BODY_CHUNKED : BODY_UNTIL_CLOSE;
}

enum http_cause gate_read_response(const struct head *head, const struct decision *decision,
                                   struct response *out)
{
    struct response response = {.kind = RESPONSE_FINAL};
    enum http_cause cause =
        framing_of_response(head, (enum http_method)decision->method, &response.body);
    if (cause || edit_names_too_many(head))
        return gate_response_fault(cause ? cause : CAUSE_MALFORMED);
    if (head->status == 101) {
        if (!switches_rightly(head, decision))
            return CAUSE_UPSTREAM_BAD_UPGRADE;
        response.kind = RESPONSE_SWITCH;
    } else if (head->status < 200)
        response.kind = RESPONSE_INTERIM;
    response.sent_as = sent_as(decision, response.body.kind);
    response.server_keep_alive = server_keeps_alive(head, &response);
    response.keep_alive_s = keep_alive_hint(head);
    response.close = !decision->keep_alive || response.sent_as == BODY_UNTIL_CLOSE;
    struct str type = head_value(head, FIELD_CONTENT_TYPE);
    response.event_stream = str_eq_nocase(str_trim(str_cut(&type, ';')), STR("text/event-stream"));
    *out = response;
    return CAUSE_NONE;
}

static bool is_hop(enum field_id id)
{
    switch (id) {
    case FIELD_TE:
    case FIELD_UPGRADE:
    case FIELD_CONNECTION:
    case FIELD_KEEP_ALIVE:
    case FIELD_HTTP2_SETTINGS:
    case FIELD_PROXY_CONNECTION:
    case FIELD_TRANSFER_ENCODING:
    case FIELD_PROXY_AUTHENTICATE:
    case FIELD_PROXY_AUTHENTICATION_INFO: return true;
    default: return false;
    }
}

/* What a backend's Connection cannot name away: framing, and what the browser is to be told. */
static bool can_be_named(enum field_id id)
{
    return id != FIELD_CONTENT_LENGTH && id != FIELD_CONTENT_TYPE && id != FIELD_SET_COOKIE &&
           id != FIELD_VARY && id != FIELD_VIA && id != FIELD_LOCATION;
}

/* A length stays only where it is the client's truth: not in 1xx and 204 (RFC 9110 §8.6). */
static bool length_stays(const struct head *head, const struct response *response)
{
    if (head->status < 200 || head->status == 204)
        return false;
    return response->sent_as == BODY_LENGTH || response->body.kind == BODY_NONE;
}

static void drop_all(struct head *head, enum field_id id)
{
    for (struct field *field = head_field(head, id); field; field = head_next(head, field))
        field->dropped = true;
}

static void drop_hops(struct head *head, const struct response *response)
{
    for (size_t i = 0; i < head->n; i++)
        if (is_hop((enum field_id)head->fields[i].id))
            head->fields[i].dropped = true;
    edit_drop_named(head, can_be_named);
    struct field *length = head_field(head, FIELD_CONTENT_LENGTH);
    if (length && !length_stays(head, response))
        length->dropped = true;
}

static void connection_lines(struct buf *out, const struct decision *decision,
                             const struct head *head, const struct response *response)
{
    /* RFC 9112 §6.1: never in a 204; a 304 tells nothing of a body either. */
    bool head_of_chunked = decision->method == METHOD_HEAD && decision->minor &&
                           head_has(head, FIELD_TRANSFER_ENCODING) && head->status != 204 &&
                           head->status != 304;
    if (response->kind == RESPONSE_SWITCH)
        buf_add(out, STR("Connection: Upgrade\r\nUpgrade: websocket\r\n"));
    if (response->kind != RESPONSE_FINAL)
        return;
    if (response->sent_as == BODY_CHUNKED || head_of_chunked)
        buf_add(out, STR("Transfer-Encoding: chunked\r\n"));
    if (response->close)
        buf_add(out, STR("Connection: close\r\n"));
    else if (!decision->minor)
        buf_add(out, STR("Connection: keep-alive\r\n"));
}

/* What the route sets belongs to the response too: `*` in expose_headers names it (rule 6). */
static void add_set_names(struct head *head, const struct header_edits *edits)
{
    for (size_t i = 0; edits && i < edits->n_set && head->n < head->cap; i++)
        head->fields[head->n++] =
            (struct field){.name = edits->names[i], .id = (uint16_t)field_id(edits->names[i])};
}

/* Rules 4–9 on what the backend sent. */
static void cors_lines(struct buf *out, const struct decision *decision, struct head *head,
                       enum response_kind kind, const struct header_edits *edits)
{
    const struct policy *policy = decision->policy;
    if (!policy || policy->traits.mode == MODE_REPORT)
        return; /* rule 17 */
    bool ours = cors_drop_backend_lines(policy, head->fields, head->n);
    if (kind == RESPONSE_INTERIM)
        return; /* no page reads these */
    if (ours) {
        size_t n = head->n;
        add_set_names(head, edits);
        cors_actual_lines(out, policy, &decision->verdict, decision->origin, head->fields, head->n);
        head->n = n;
    }
    cors_resource_lines(out, policy, &decision->verdict, decision->origin, head->fields, head->n);
    cors_vary_line(out, policy, false, head->fields, head->n);
}

/* What names places: for the client they are others than for the backend. */
static void place_lines(struct buf *out, const struct decision *decision, struct head *head)
{
    const struct policy *policy = decision->policy;
    bool acts = policy && policy->traits.mode == MODE_ENFORCE;
    gate_location(out, decision, head);
    if (head_has(head, FIELD_SET_COOKIE))
        gate_cookies(out, acts ? &policy->traits : NULL, decision, head);
}

void gate_response(struct buf *out, const struct gate *gate, const struct decision *decision,
                   struct head *head, const struct response *response)
{
    edit_status_line(out, head->status, head->reason);
    drop_hops(head, response);
    if (gate->plan->decision_header)
        drop_all(head, FIELD_CORSD_DECISION); /* ours alone is to be believed */
    connection_lines(out, decision, head, response);
    edit_length(out, head);
    const struct header_edits *edits = NULL;
    if (response->kind != RESPONSE_INTERIM)
        edits = decision->route->response_edits;
    if (edits)
        gate_edit(edits, head);
    cors_lines(out, decision, head, response->kind, edits);
    if (response->kind != RESPONSE_INTERIM) {
        place_lines(out, decision, head);
        gate_decision_line(out, gate, decision);
    }
    edit_kept_fields(out, head);
    if (edits)
        buf_add(out, edits->lines);
    if (gate->plan->via)
        buf_add(out, STR("Via: 1.1 corsd\r\n")); /* the last hop stands last */
    edit_end(out);
}
