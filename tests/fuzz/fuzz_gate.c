/* Laws of the gate: any head a client sends and any head a backend answers, under plans that hold
 * all kinds of policies. What leaves is one head, framed as was decided; nothing of one connection
 * passes to the other; and the CORS laws of ../unit/cors/laws.h hold for every answer.
 * The input: four bytes of choices, a request head, and behind its empty line a response head;
 * a lone LF stands for CRLF, so that heads are texts. */
#include "../unit/cors/laws.h"
#include "../unit/gate/fixture.h"
#include "law.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char yaml[] =
    "listen: 127.0.0.1:1\n"
    "upstreams: {u: {url: 'http://127.0.0.1:3000'}, v: {url: 'http://127.0.0.1:3001'}}\n"
    "policies:\n"
    "  app: {allow_origins: ['https://a.example', 'http://localhost:*'],\n"
    "        allow_methods: [GET, PUT], allow_headers: [X-A, Authorization], max_age: 1h,\n"
    "        expose_headers: [X-B]}\n"
    "  any: {allow_origins: ['*'], allow_methods: ['*'], allow_headers: ['*'],\n"
    "        expose_headers: ['*'], preflight_status: 200}\n"
    "  mix: [{allow_origins: ['https://a.example'], allow_credentials: true},\n"
    "        {allow_origins: ['*']}]\n"
    "  cred: {allow_origins: ['https://a.example', 'https://*.b.example', 'null'],\n"
    "         allow_credentials: true, allow_methods: ['*'], allow_headers: ['*'],\n"
    "         expose_headers: ['*'], dangerous: [null_with_credentials]}\n"
    "routes:\n"
    "  - {path: /, upstream: u}\n"
    "  - {path: /any, upstream: u, cors: any}\n"
    "  - {path: /mix, upstream: u, cors: mix}\n"
    "  - {path: /cred, upstream: v, cors: cred}\n"
    "  - {path: /off, upstream: v, cors: off}\n"
    "  - {path: /strip/it, upstream: v, cors: app, strip_prefix: true,\n"
    "     request_headers: {set: {X-Set: a}, remove: [X-A]},\n"
    "     response_headers: {set: {X-Set: a}, remove: [X-A]}}\n"
    "  - {host: h.example, path: /, upstream: v, cors: cred}\n"
    "  - {host: '*.b.example', path: /x, upstream: v, cors: any}\n"
    "trusted_proxies: [10.0.0.0/8]\n"
    "limits: {body_size: 1k}\n"
    "cors: app\n";

/* --- choices ---------------------------------------------------------------------------------- */

static void choose(struct bench *bench, const uint8_t choices[4])
{
    static const char *const peers[] = {"192.0.2.7", "10.0.0.1", "unix", "10.0.0.1+"};
    static const enum forwarded kinds[] = {FORWARDED_X, FORWARDED_OFF, FORWARDED_BOTH,
                                           FORWARDED_RFC7239};
    struct plan *plan = bench->plan;
    plan->via = choices[0] & 1;
    plan->decision_header = choices[0] & 2;
    bench->gate.draining = choices[0] & 4;
    plan->health_path = choices[0] & 8 ? STR("/health") : (struct str){NULL, 0};
    bench_peer(bench, peers[choices[0] >> 4 & 3]);
    plan->forwarded = kinds[(choices[0] >> 6) % COUNT(kinds)];
    plan->upstreams[0].host_mode = (enum host_mode)(choices[1] % 3);
    plan->upstreams[0].host_name = STR("inner.example");
    for (size_t i = 0; i < plan->n_policies; i++) {
        struct policy_traits *traits = &plan->policies[i]->traits;
        traits->denied = choices[1] & 4 ? DENIED_REJECT : DENIED_FORWARD;
        traits->enforce_methods = choices[1] & 8;
        traits->upstream_headers =
            choices[1] & 16 ? UPSTREAM_HEADERS_KEEP : UPSTREAM_HEADERS_REPLACE;
        traits->websocket_origins = choices[1] & 32 ? WEBSOCKET_ANY : WEBSOCKET_CHECK;
        traits->mode = (choices[1] & 0xc0) == 0xc0 ? MODE_REPORT : MODE_ENFORCE;
        traits->timing_allow_origin = choices[2] % 3;
        traits->same_site = choices[2] >> 2 & 3;
        traits->cookies_secure = choices[2] & 16;
        traits->cookies_partitioned = choices[2] & 32;
        traits->allow_private_network = choices[2] & 64;
        traits->resource_policy = choices[3] & 3;
    }
}

/* A head of its own memory, exactly as large. */
static struct str take_head(struct str *rest)
{
    size_t n = 0, cap = rest->n * 2 + 4;
    char *bytes = malloc(cap), *exact;
    LAW(bytes);
    bool ended = false;
    while (rest->n && !ended) {
        struct str line = str_cut(rest, '\n');
        memcpy(bytes + n, line.p, line.n);
        n += line.n;
        bytes[n++] = '\r';
        bytes[n++] = '\n';
        ended = !line.n && n > 2;
    }
    exact = malloc(n ? n : 1);
    LAW(exact);
    memcpy(exact, bytes, n);
    free(bytes);
    return (struct str){exact, n};
}

/* --- what leaves is one head ------------------------------------------------------------------ */

static struct field parsed[FIELDS_MAX * 3];

/* Reads it back by guard and parser; what stands behind it is *body. */
static void read_back(struct head *head, struct str bytes, enum guard_part part, struct str *body)
{
    static const struct guard_limits limits = {1 << 20, FIELDS_MAX * 3};
    struct guard guard;
    guard_init(&guard, part);
    LAW(guard_scan(&guard, bytes, &limits) == GUARD_WHOLE);
    LAW(!guard.start);
    *body = str_from(bytes, guard.at);
    bytes.n = guard.at;
    *head = (struct head){.fields = parsed, .cap = COUNT(parsed)};
    LAW((part == GUARD_REQUEST ? message_parse_request(head, bytes)
                               : message_parse_response(head, bytes)) == CAUSE_NONE);
}

static void check_cors(struct bench *bench, const struct head *head, bool backends_own)
{
    struct sent sent = {.n = head->n};
    const struct decision *decision = &bench->decision;
    if (!decision->policy || decision->policy->traits.mode == MODE_REPORT)
        return;
    if (head->n > COUNT(sent.fields))
        return;
    memcpy(sent.fields, head->fields, head->n * sizeof *head->fields);
    LAW(!broken_law(decision->policy, &decision->verdict, &decision->cors, &sent, backends_own));
}

/* --- corsd's own answers ---------------------------------------------------------------------- */

static void check_answer(struct bench *bench, bool close)
{
    struct buf out = BUF_INIT(1 << 20);
    struct head head;
    struct body body;
    struct str rest;
    const struct decision *decision = &bench->decision;
    unsigned status = gate_answer_status(decision);
    LAW(status >= 200 && status < 600);
    gate_answer(&out, &bench->gate, decision, close);
    LAW(!out.failed);
    read_back(&head, buf_str(&out), GUARD_RESPONSE, &rest);
    LAW(head.status == status);
    LAW(framing_of_response(&head, (enum http_method)decision->method, &body) == CAUSE_NONE);
    LAW(body.kind == BODY_NONE || body.kind == BODY_LENGTH);
    LAW(body.length == rest.n);
    LAW(head_list_has(&head, FIELD_CONNECTION, STR("close")) == close);
    check_cors(bench, &head, false);
    if (decision->cause == CAUSE_CORS_REFUSED && decision->verdict.kind == CORS_PREFLIGHT)
        for (size_t i = 0; i < head.n; i++)
            LAW(head.fields[i].id != FIELD_ACCESS_CONTROL &&
                head.fields[i].id != FIELD_ACCESS_CONTROL_ALLOW_ORIGIN);
    buf_finish(&out);
}

/* --- the request's head ----------------------------------------------------------------------- */

static bool from_proxies(enum field_id id)
{
    return id == FIELD_X_REAL_IP || id == FIELD_X_ORIGINAL_URL || id == FIELD_X_REWRITE_URL ||
           id == FIELD_X_FORWARDED;
}

static bool is_hop(enum field_id id)
{
    return id == FIELD_KEEP_ALIVE || id == FIELD_PROXY_CONNECTION ||
           id == FIELD_PROXY_AUTHORIZATION || id == FIELD_HTTP2_SETTINGS || id == FIELD_TWIN;
}

static void check_forwarded_fields(struct bench *bench, const struct head *head)
{
    bool tunnel = bench->decision.kind == DECISION_TUNNEL;
    enum forwarded forwarded = bench->plan->forwarded;
    for (size_t i = 0; i < head->n; i++) {
        enum field_id id = (enum field_id)head->fields[i].id;
        LAW(!is_hop(id));
        LAW(bench->peer.trusted || !from_proxies(id));
    }
    LAW(head_count(head, FIELD_HOST) == 1);
    LAW(head_count(head, FIELD_X_REQUEST_ID) == 1);
    LAW(head_count(head, FIELD_CONNECTION) == tunnel && head_count(head, FIELD_UPGRADE) == tunnel);
    LAW(head_count(head, FIELD_TE) <= 1);
    bool x = forwarded == FORWARDED_X || forwarded == FORWARDED_BOTH;
    bool rfc7239 = forwarded == FORWARDED_RFC7239 || forwarded == FORWARDED_BOTH;
    if (forwarded != FORWARDED_OFF || !bench->peer.trusted) {
        LAW(head_count(head, FIELD_X_FORWARDED_FOR) == x);
        LAW(head_count(head, FIELD_FORWARDED) == rfc7239);
        LAW(head_has(head, FIELD_X_FORWARDED_PROTO) == x);
    }
    if (!bench->peer.trusted && x)
        LAW(str_eq(head_value(head, FIELD_X_FORWARDED_FOR), str_of(bench->peer.ip)) &&
            head_count(head, FIELD_X_FORWARDED_PROTO) == 1);
    LAW(!bench->plan->via || head->fields[head->n - 1].id == FIELD_VIA);
    LAW(head_count(head, FIELD_ORIGIN) == bench->decision.cors.n_origins);
    if (head_has(head, FIELD_ORIGIN))
        LAW(str_eq(head_value(head, FIELD_ORIGIN), bench->decision.origin));
}

/* One slash and no second one, and nothing but the prefix and what cannot stand first is gone. */
static void check_stripped(const struct decision *decision, struct str path)
{
    struct str raw = decision->target.path;
    LAW(path.n && path.p[0] == '/' && raw.n >= path.n);
    LAW(path.n < 2 || (path.p[1] != '/' && path.p[1] != '\\'));
    LAW(str_ends(raw, str_from(path, 1)) && raw.n >= path.n + strlen("/strip/it") - 1);
}

/* The backend reads the same request: its body, and, where Host was kept, its route. */
static void check_forward(struct bench *bench)
{
    struct buf out = BUF_INIT(1 << 20);
    struct head head;
    struct body body;
    struct str rest, id = {NULL, 0};
    struct target target;
    struct authority host;
    const struct decision *decision = &bench->decision;
    gate_forward(&out, &bench->gate, &bench->peer, &bench->head, decision, STR("127.0.0.1:3000"),
                 &id);
    LAW(!out.failed && id.n && id.n <= REQUEST_ID_MAX);
    read_back(&head, buf_str(&out), GUARD_REQUEST, &rest);
    LAW(!rest.n);
    LAW(str_eq(head.method, bench->head.method) && head.minor == 1);
    LAW(framing_of_request(&head, &body) == CAUSE_NONE);
    LAW(body.kind == decision->body.kind && body.length == decision->body.length);
    LAW(target_parse(head.target, &target) && target.form != TARGET_ABSOLUTE);
    LAW(str_eq(target.query, decision->target.query));
    if (decision->route->strips_prefix)
        check_stripped(decision, target.path);
    LAW(authority_parse(head_value(&head, FIELD_HOST), &host));
    LAW(str_eq(head_value(&head, FIELD_X_REQUEST_ID), id));
    check_forwarded_fields(bench, &head);
    if (decision->route->upstream->host_mode == HOST_KEEP && decision->host.size)
        LAW(str_eq(authority_host(&host), authority_host(&decision->host)));
    buf_finish(&out);
}

/* --- the response's head ---------------------------------------------------------------------- */

static void check_sent_framing(const struct bench *bench, const struct head *head)
{
    const struct response *response = &bench->response;
    const struct decision *decision = &bench->decision;
    struct body body;
    LAW(framing_of_response(head, (enum http_method)decision->method, &body) == CAUSE_NONE);
    LAW(body.kind == response->sent_as);
    LAW(body.kind != BODY_LENGTH || body.length == response->body.length);
    LAW(decision->minor || !head_has(head, FIELD_TRANSFER_ENCODING));
    LAW(body.kind != BODY_UNTIL_CLOSE || response->close);
    LAW(head_list_has(head, FIELD_CONNECTION, STR("close")) == response->close);
    if (head->status == 204)
        LAW(!head_has(head, FIELD_TRANSFER_ENCODING) && !head_has(head, FIELD_CONTENT_LENGTH));
}

static void check_response(struct bench *bench, struct str bytes)
{
    struct buf out = BUF_INIT(1 << 20);
    struct head head;
    struct str rest;
    const struct policy *policy = bench->decision.policy;
    enum http_cause cause = bench_answered(bench, bytes);
    if (cause) {
        LAW(http_causes[cause].status >= 400);
        return;
    }
    bool keeps = policy && policy->traits.upstream_headers == UPSTREAM_HEADERS_KEEP;
    gate_response(&out, &bench->gate, &bench->decision, &bench->response_head, &bench->response);
    LAW(!out.failed);
    read_back(&head, buf_str(&out), GUARD_RESPONSE, &rest);
    LAW(!rest.n && head.status == bench->response_head.status && head.minor == 1);
    LAW(!head_has(&head, FIELD_KEEP_ALIVE) && !head_has(&head, FIELD_PROXY_CONNECTION));
    switch (bench->response.kind) {
    case RESPONSE_INTERIM:
        LAW(head.status >= 100 && head.status < 200 && head.status != 101);
        LAW(!head_has(&head, FIELD_CONNECTION) && !head_has(&head, FIELD_CONTENT_LENGTH));
        break;
    case RESPONSE_SWITCH:
        LAW(bench->decision.kind == DECISION_TUNNEL && head.status == 101);
        LAW(str_eq(head_value(&head, FIELD_UPGRADE), STR("websocket")));
        LAW(head_count(&head, FIELD_UPGRADE) == 1 && head_count(&head, FIELD_CONNECTION) == 1);
        break;
    case RESPONSE_FINAL:
        check_sent_framing(bench, &head);
        check_cors(bench, &head, keeps);
        break;
    }
    buf_finish(&out);
}

/* What befalls an exchange later is answered too, and by the same laws. */
static void check_failure(struct bench *bench, unsigned choice)
{
    enum http_cause cause = (enum http_cause)(choice % CAUSE_COUNT);
    if (!http_causes[cause].status || cause == CAUSE_CORS_REFUSED)
        return;
    bench->decision.own = OWN_ERROR;
    bench->decision.cause = cause;
    bench->decision.kind = DECISION_ANSWER;
    check_answer(bench, true);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct bench bench;
    char out[512];
    if (size < 4 || size > HEAD_MAX)
        return 0;
    if (!bench.plan)
        bench_begin(&bench, yaml);
    choose(&bench, data);
    struct str rest = {(const char *)data + 4, size - 4};
    bench_take(&bench, take_head(&rest));
    decision_text(&bench.decision, out, sizeof out);
    if (bench.decision.kind == DECISION_ANSWER) {
        check_answer(&bench, !bench.decision.keep_alive);
        return 0;
    }
    struct str client = gate_client(&bench.decision, &bench.peer);
    LAW(client.n && (bench.peer.trusted || str_eq(client, str_of(bench.peer.ip))));
    check_forward(&bench);
    check_response(&bench, take_head(&rest));
    check_failure(&bench, data[3]);
    return 0;
}
