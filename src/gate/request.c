/* Target → route → facts → verdict → decision, one function a step. */
#include "corsd/gate/request.h"
#include "corsd/gate/forward.h"
#include "corsd/http/edit.h"
#include "corsd/plan/route.h"

enum { SCRATCH_MAX = 1 << 20 };

void gate_init(struct gate *gate, const uint64_t seed[2])
{
    *gate = (struct gate){.id_state = {seed[0], seed[1] | 1}, .scratch = BUF_INIT(SCRATCH_MAX)};
}

void gate_finish(struct gate *gate)
{
    buf_finish(&gate->scratch);
}

/* --- connection and framing ------------------------------------------------------------------- */

static bool keeps_alive(const struct head *head)
{
    if (head->minor)
        return !head_list_has(head, FIELD_CONNECTION, STR("close"));
    return head_list_has(head, FIELD_CONNECTION, STR("keep-alive")) &&
           !head_list_has(head, FIELD_CONNECTION, STR("close"));
}

/* RFC 6455 §4.1, as far as it is the proxy's business: the backend checks key and version. */
static bool asks_for_websocket(const struct head *head, const struct body *body)
{
    return head_has(head, FIELD_UPGRADE) && head->minor && head->method_id == METHOD_GET &&
           body->kind == BODY_NONE && head_list_has(head, FIELD_UPGRADE, STR("websocket")) &&
           head_list_has(head, FIELD_CONNECTION, STR("upgrade"));
}

static enum http_cause check_expect(const struct head *head, struct decision *out)
{
    if (!head_has(head, FIELD_EXPECT) || !head->minor)
        return CAUSE_NONE; /* RFC 9110 §10.1.1: HTTP/1.0 is not listened to */
    if (head_count(head, FIELD_EXPECT) > 1 ||
        !str_eq_nocase(head_value(head, FIELD_EXPECT), STR("100-continue")))
        return CAUSE_BAD_EXPECT;
    out->expects_continue = true;
    return CAUSE_NONE;
}

/* --- target and host -------------------------------------------------------------------------- */

static enum http_cause read_target(const struct head *head, struct decision *out)
{
    size_t hosts = head_count(head, FIELD_HOST);
    if (head->method_id == METHOD_CONNECT || head->method_id == METHOD_TRACE)
        return CAUSE_METHOD_REFUSED;
    if (!target_parse(head->target, &out->target) ||
        (out->target.form == TARGET_ASTERISK && head->method_id != METHOD_OPTIONS))
        return CAUSE_BAD_TARGET;
    /* RFC 9112 §3.2: exactly one Host, valid even where the absolute form wins over it. */
    if (hosts > 1 || (!hosts && head->minor))
        return CAUSE_BAD_HOST;
    if (hosts) {
        out->host_text = head_value(head, FIELD_HOST);
        if (!authority_parse(out->host_text, &out->host))
            return CAUSE_BAD_HOST;
    }
    if (out->target.form == TARGET_ABSOLUTE) {
        out->host_text = out->target.authority;
        if (!authority_parse(out->host_text, &out->host))
            return CAUSE_BAD_HOST;
    }
    return CAUSE_NONE;
}

/* --- route ------------------------------------------------------------------------------------ */

static bool read_path(struct gate *gate, unsigned steps, struct str raw, struct str *out)
{
    buf_clear(&gate->scratch);
    if (!path_read(steps, raw, &gate->scratch))
        return false;
    *out = buf_str(&gate->scratch);
    return true;
}

/* The route this reading of the path would choose. */
static bool route_by(struct gate *gate, unsigned steps, struct str host, struct str raw,
                     const struct route **out)
{
    const struct route_table *table = gate->plan->table;
    struct str path;
    if (!read_path(gate, steps, raw, &path))
        return false;
    *out = steps & PATH_FOLD ? route_find_folded(table, host, path) : route_find(table, host, path);
    return true;
}

/* Every combination of what servers do with odd paths: one reading alone can be steered back to the
 * lax route by what another would undo. Bounded: so many passes over the path. */
static enum http_cause try_combinations(struct gate *gate, struct str host, struct str raw,
                                        const struct route *chosen)
{
    const struct route *other;
    for (unsigned steps = 1; steps < PATH_STEPS; steps++) {
        if (!route_by(gate, steps, host, raw, &other))
            return CAUSE_BAD_TARGET;
        if (other != chosen)
            return CAUSE_AMBIGUOUS_PATH;
    }
    return CAUSE_NONE;
}

/* DESIGN §2 rule 16: no page borrows a laxer policy by spelling a path oddly. */
static enum http_cause find_route(struct gate *gate, struct decision *out)
{
    struct str host = authority_host(&out->host);
    struct str raw = out->target.form == TARGET_ASTERISK ? STR("/") : out->target.path;
    bool plain = path_is_plain(raw), one_route = route_is_plain(gate->plan->table, host);
    const struct route *other;
    if (plain && one_route) {
        out->route = route_find(gate->plan->table, host, STR("/"));
        return CAUSE_NONE;
    }
    if (!route_by(gate, PATH_ONCE, host, raw, &out->route) ||
        !route_by(gate, plain ? PATH_FOLD : PATH_RAW, host, raw, &other))
        return CAUSE_BAD_TARGET;
    enum http_cause cause = other != out->route ? CAUSE_AMBIGUOUS_PATH : CAUSE_NONE;
    if (!cause && !plain && !one_route)
        cause = try_combinations(gate, host, raw, out->route);
    if (cause)
        out->route = NULL;
    return cause;
}

/* --- facts for the CORS engine ---------------------------------------------------------------- */

static enum site site_of(const struct head *head)
{
    struct str value = head_value(head, FIELD_SEC_FETCH_SITE);
    if (!value.n || head_count(head, FIELD_SEC_FETCH_SITE) > 1)
        return SITE_UNKNOWN;
    if (str_eq(value, STR("same-origin")))
        return SITE_SAME_ORIGIN;
    return str_eq(value, STR("none")) ? SITE_NONE : SITE_OTHER;
}

/* The scheme the page used, where it is known: a trusted proxy's word, or our own TLS. */
static struct str scheme_of(const struct proxies *proxies, const struct peer *peer)
{
    if (proxies->proto.n) /* where a proxy speaks TLS to us, its client may not have */
        return proxies->proto;
    return peer->tls ? STR("https") : (struct str){0};
}

/* The lines of Access-Control-Request-Headers as the engine wants them; false out of memory. */
static bool request_headers(const struct head *head, struct arena *arena, struct cors_request *out)
{
    size_t n = head_count(head, FIELD_ACCESS_CONTROL_REQUEST_HEADERS), i = 0;
    struct str *lines = n ? arena_alloc(arena, n * sizeof *lines) : NULL;
    const struct field *field = head_field(head, FIELD_ACCESS_CONTROL_REQUEST_HEADERS);
    if (n && !lines)
        return false;
    for (; field; field = head_next(head, field))
        lines[i++] = field->value;
    out->request_headers = lines;
    out->n_request_headers = n;
    return true;
}

static bool facts(const struct head *head, const struct peer *peer, struct arena *arena,
                  struct decision *out)
{
    struct cors_request *cors = &out->cors;
    if (out->proxies.host.n) {
        out->public_host = arena_copy(arena, out->proxies.host);
        if (!out->public_host.p)
            return false;
    }
    cors->method = head->method;
    cors->host = authority_host(&out->host);
    cors->host_port = out->host.port;
    cors->websocket = out->websocket;
    if (!head_has(head, FIELD_ORIGIN))
        return true;
    cors->n_origins = (unsigned)head_count(head, FIELD_ORIGIN);
    out->origin = arena_copy(arena, head_value(head, FIELD_ORIGIN));
    if (!out->origin.p)
        return false;
    cors->origin = out->origin;
    cors->site = site_of(head);
    cors->scheme = scheme_of(&out->proxies, peer);
    cors->has_credentials = head_has(head, FIELD_COOKIE) || head_has(head, FIELD_AUTHORIZATION);
    if (head->method_id != METHOD_OPTIONS)
        return true;
    cors->n_request_method = (unsigned)head_count(head, FIELD_ACCESS_CONTROL_REQUEST_METHOD);
    cors->has_request_method = cors->n_request_method > 0;
    cors->request_method = head_value(head, FIELD_ACCESS_CONTROL_REQUEST_METHOD);
    cors->private_network =
        str_eq_nocase(head_value(head, FIELD_ACCESS_CONTROL_REQUEST_PRIVATE_NETWORK), STR("true"));
    return request_headers(head, arena, cors);
}

/* --- the decision ----------------------------------------------------------------------------- */

static void answer(struct decision *out, enum own_answer own, enum http_cause cause)
{
    out->kind = DECISION_ANSWER;
    out->own = own;
    out->cause = cause;
}

static bool ends_here(const struct head *head)
{
    uint64_t left;
    return head->method_id == METHOD_OPTIONS &&
           str_to_u64(head_value(head, FIELD_MAX_FORWARDS), &left) && !left;
}

/* DESIGN §1 health_path: answered on the traffic port, for balancers; never proxied, however it is
 * spelled. */
static bool is_health(struct gate *gate, const struct decision *out)
{
    struct str path;
    return gate->plan->health_path.n && out->target.form != TARGET_ASTERISK &&
           read_path(gate, PATH_ONCE, out->target.path, &path) &&
           str_eq(path, gate->plan->health_path);
}

static enum http_cause health(const struct gate *gate, const struct decision *out)
{
    if (out->method != METHOD_GET && out->method != METHOD_HEAD)
        return CAUSE_METHOD_REFUSED;
    return gate->draining ? CAUSE_DRAINING : CAUSE_NONE;
}

/* RFC 8586: what gate_forward added comes back. Only to the same route is it a loop: a backend may
 * well ask another one, and copy the fields it was sent. */
static bool is_loop(const struct gate *gate, const struct head *head, const struct route *route)
{
    char bytes[LOOP_MARK_MAX];
    struct str item, mark = loop_mark(gate, route, bytes);
    const struct field *field = head_field(head, FIELD_CDN_LOOP);
    for (; gate->identity && field; field = head_next(head, field))
        for (struct str rest = field->value; list_next(&rest, &item);)
            if (str_eq(item, mark))
                return true;
    return false;
}

static void decide(struct gate *gate, const struct head *head, struct decision *out)
{
    bool enforced = out->policy && out->policy->traits.mode == MODE_ENFORCE;
    if (is_health(gate, out))
        answer(out, OWN_HEALTH, health(gate, out));
    else if (enforced && out->verdict.refused)
        answer(out, OWN_ERROR, CAUSE_CORS_REFUSED);
    else if (enforced && out->verdict.kind == CORS_PREFLIGHT)
        answer(out, OWN_PREFLIGHT, CAUSE_NONE);
    else if (!out->route)
        answer(out, OWN_ERROR, CAUSE_NO_ROUTE);
    else if (ends_here(head)) /* RFC 9110 §7.6.2 */
        answer(out, OWN_OPTIONS, CAUSE_NONE);
    else if (head_has(head, FIELD_CDN_LOOP) && is_loop(gate, head, out->route))
        answer(out, OWN_ERROR, CAUSE_LOOP);
    else if (out->route->body_size && out->body.kind == BODY_LENGTH &&
             out->body.length > out->route->body_size)
        answer(out, OWN_ERROR, CAUSE_BODY_TOO_LARGE);
    else
        out->kind = out->websocket ? DECISION_TUNNEL : DECISION_FORWARD;
}

/* What is wrong with the head as a whole, before any policy is asked. */
static enum http_cause read_head(struct gate *gate, const struct head *head, struct decision *out)
{
    enum http_cause framing = framing_of_request(head, &out->body);
    enum http_cause target = read_target(head, out);
    if (!framing && edit_names_too_many(head))
        framing = CAUSE_MALFORMED;
    if (target)
        return framing ? framing : target;
    if (!framing)
        framing = check_expect(head, out);
    out->websocket = asks_for_websocket(head, &out->body);
    /* Looked up whatever the framing: the route's own policy lets the page read the refusal. */
    enum http_cause route = find_route(gate, out);
    return framing ? framing : route;
}

void gate_request(struct gate *gate, const struct peer *peer, struct head *head,
                  struct arena *arena, struct decision *out)
{
    memset(out, 0, sizeof *out);
    out->method = head->method_id;
    out->minor = head->minor;
    out->keep_alive = keeps_alive(head);
    gate_proxies(gate->plan, peer, head, &out->proxies);
    out->https = out->proxies.proto.n ? str_eq(out->proxies.proto, STR("https")) : peer->tls;
    enum http_cause cause = read_head(gate, head, out);
    out->policy = out->route ? out->route->policy : gate->plan->default_policy;
    if (!facts(head, peer, arena, out)) {
        answer(out, OWN_ERROR, CAUSE_NO_MEMORY);
        out->policy = NULL;
        out->keep_alive = false;
        return;
    }
    out->verdict = verdict_of(out->policy, &out->cors);
    if (out->verdict.missing.n) /* the decision header and the log want it after the head is gone */
        out->verdict.missing = arena_copy(arena, out->verdict.missing);
    if (!cause) {
        decide(gate, head, out);
        return;
    }
    answer(out, OWN_ERROR, cause);
    /* Behind a CONNECT may come what is meant for a tunnel: it is not looked at. */
    out->keep_alive = out->keep_alive && cause == CAUSE_METHOD_REFUSED &&
                      head->method_id != METHOD_CONNECT && out->body.kind == BODY_NONE;
}

void gate_unreadable(const struct gate *gate, enum http_cause cause, struct decision *out)
{
    memset(out, 0, sizeof *out);
    out->minor = 1;
    out->policy = gate->plan ? gate->plan->default_policy : NULL;
    out->verdict = verdict_of(out->policy, &out->cors);
    answer(out, OWN_ERROR, cause);
}
