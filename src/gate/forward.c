/* Which request fields pass, which go, and which are added. */
#include "corsd/gate/forward.h"
#include "corsd/gate/edits.h"
#include "corsd/gate/public.h"
#include "corsd/http/edit.h"
#include "corsd/http/forwarded.h"

enum pass {
    PASSES,
    HOP,        /* for this connection only: always dropped */
    FROM_PROXY, /* passes from trusted peers only */
    OF_X,       /* passes where X-Forwarded-* are believed */
    OF_RFC7239, /* passes where Forwarded is */
    REWRITTEN,  /* dropped or kept by a step of its own below */
};

static const uint8_t passes[FIELD_COUNT] = {
    [FIELD_TE] = REWRITTEN,
    [FIELD_HOST] = REWRITTEN,
    [FIELD_PROXY] = HOP, /* CGI makes HTTP_PROXY of it, and its programs believe that (httpoxy) */
    [FIELD_EXPECT] = REWRITTEN,
    [FIELD_UPGRADE] = HOP,
    [FIELD_FORWARDED] = OF_RFC7239,
    [FIELD_X_REAL_IP] = FROM_PROXY,
    [FIELD_CONNECTION] = HOP,
    [FIELD_KEEP_ALIVE] = HOP,
    [FIELD_MAX_FORWARDS] = REWRITTEN,
    [FIELD_X_REQUEST_ID] = REWRITTEN,
    [FIELD_X_REWRITE_URL] = FROM_PROXY,
    [FIELD_CONTENT_LENGTH] = REWRITTEN,
    [FIELD_HTTP2_SETTINGS] = HOP,
    [FIELD_X_ORIGINAL_URL] = FROM_PROXY,
    [FIELD_X_FORWARDED_FOR] = REWRITTEN,
    [FIELD_PROXY_CONNECTION] = HOP,
    [FIELD_X_FORWARDED_HOST] = OF_X,
    [FIELD_TRANSFER_ENCODING] = REWRITTEN,
    [FIELD_X_FORWARDED_PROTO] = OF_X,
    [FIELD_X_FORWARDED] = OF_X,
    [FIELD_PROXY_AUTHENTICATE] = HOP,
    [FIELD_PROXY_AUTHORIZATION] = HOP,
    [FIELD_PROXY_AUTHENTICATION_INFO] = HOP,
    [FIELD_TWIN] = HOP,
};

/* What Connection cannot name away: what routes, frames or decides, and what corsd adds itself. */
static bool can_be_named(enum field_id id)
{
    switch (id) {
    case FIELD_HOST:
    case FIELD_ORIGIN:
    case FIELD_COOKIE:
    case FIELD_AUTHORIZATION:
    case FIELD_CONTENT_LENGTH:
    case FIELD_TRANSFER_ENCODING:
    case FIELD_EXPECT:
    case FIELD_TE:
    case FIELD_VIA:
    case FIELD_X_REAL_IP:
    case FIELD_MAX_FORWARDS:
    case FIELD_CDN_LOOP:
    case FIELD_X_REQUEST_ID:
    case FIELD_SEC_FETCH_SITE:
    case FIELD_FORWARDED:
    case FIELD_X_FORWARDED:
    case FIELD_X_FORWARDED_FOR:
    case FIELD_X_FORWARDED_HOST:
    case FIELD_X_FORWARDED_PROTO:
    case FIELD_ACCESS_CONTROL:
    case FIELD_ACCESS_CONTROL_REQUEST_METHOD:
    case FIELD_ACCESS_CONTROL_REQUEST_HEADERS:
    case FIELD_ACCESS_CONTROL_REQUEST_PRIVATE_NETWORK: return false;
    default: return true;
    }
}

/* The kinds of fields that do not pass, a bit each. What nobody is believed of, whoever sent it, is
 * not passed on as if it were ours. */
static unsigned kinds_to_drop(const struct gate *gate, const struct proxies *proxies, bool trusted)
{
    unsigned kinds = 1u << HOP;
    if (trusted && gate->plan->forwarded == FORWARDED_OFF)
        return kinds; /* nothing is ours: what the proxy says stays its own */
    if (!proxies->x)
        kinds |= 1u << OF_X;
    if (!proxies->rfc7239)
        kinds |= 1u << OF_RFC7239;
    if (!proxies->x && !proxies->rfc7239)
        kinds |= 1u << FROM_PROXY;
    return kinds;
}

static void drop_hops(struct gate *gate, struct head *head, unsigned kinds)
{
    for (size_t i = 0; i < head->n; i++) {
        struct field *field = &head->fields[i];
        if (kinds >> passes[field->id] & 1)
            field->dropped = true;
        gate->twins += field->id == FIELD_TWIN;
    }
    edit_drop_named(head, can_be_named);
}

static void drop_all(struct head *head, enum field_id id)
{
    for (struct field *field = head_field(head, id); field; field = head_next(head, field))
        field->dropped = true;
}

/* --- one step a field that is rewritten ------------------------------------------------------- */

static void host(struct buf *out, struct head *head, const struct decision *decision,
                 struct str authority)
{
    const struct upstream_spec *upstream = decision->route->upstream;
    if (upstream->host_mode == HOST_KEEP && decision->target.form != TARGET_ABSOLUTE &&
        decision->host.size)
        return; /* stays where it lies */
    drop_all(head, FIELD_HOST);
    struct str text = decision->host.size ? decision->host_text : authority;
    if (upstream->host_mode == HOST_UPSTREAM)
        text = authority;
    else if (upstream->host_mode == HOST_NAME)
        text = upstream->host_name;
    edit_field(out, STR("Host"), text);
}

static bool asks_cors(enum field_id id)
{
    return id == FIELD_ACCESS_CONTROL_REQUEST_METHOD ||
           id == FIELD_ACCESS_CONTROL_REQUEST_HEADERS ||
           id == FIELD_ACCESS_CONTROL_REQUEST_PRIVATE_NETWORK;
}

/* For a backend that checks origins itself: without Origin there is nothing to ask about either. */
static void origin(struct buf *out, struct head *head, const struct upstream_spec *upstream)
{
    if (upstream->origin_mode == ORIGIN_KEEP)
        return;
    bool came = head_has(head, FIELD_ORIGIN);
    drop_all(head, FIELD_ORIGIN);
    if (upstream->origin_mode == ORIGIN_VALUE && came)
        edit_field(out, STR("Origin"), upstream->origin);
    for (size_t i = 0; i < head->n && upstream->origin_mode == ORIGIN_REMOVE; i++)
        if (asks_cors((enum field_id)head->fields[i].id))
            head->fields[i].dropped = true;
}

static void framing(struct buf *out, struct head *head, const struct decision *decision)
{
    if (decision->body.kind == BODY_CHUNKED) {
        drop_all(head, FIELD_TRANSFER_ENCODING);
        buf_add(out, STR("Transfer-Encoding: chunked\r\n"));
    }
    edit_length(out, head);
}

static void expect(struct head *head, const struct decision *decision)
{
    if (!decision->expects_continue)
        drop_all(head, FIELD_EXPECT);
}

/* Of TE only the readiness for trailers is true of our own connection too. */
static void te(struct buf *out, struct head *head)
{
    if (!head_has(head, FIELD_TE))
        return;
    drop_all(head, FIELD_TE);
    if (head_list_has(head, FIELD_TE, STR("trailers")))
        buf_add(out, STR("TE: trailers\r\n"));
}

static void max_forwards(struct buf *out, struct head *head)
{
    uint64_t left;
    if (head->method_id != METHOD_OPTIONS || !head_has(head, FIELD_MAX_FORWARDS) ||
        !str_to_u64(head_value(head, FIELD_MAX_FORWARDS), &left) || !left)
        return;
    drop_all(head, FIELD_MAX_FORWARDS);
    edit_field_u64(out, STR("Max-Forwards"), left - 1);
}

static void websocket(struct buf *out, const struct decision *decision)
{
    if (decision->kind == DECISION_TUNNEL)
        buf_add(out, STR("Connection: Upgrade\r\nUpgrade: websocket\r\n"));
}

static bool is_request_id(struct str id)
{
    for (size_t i = 0; i < id.n; i++)
        if (!ascii_is_alpha(id.p[i]) && !ascii_is_digit(id.p[i]) && !strchr("._~+/=@:-", id.p[i]))
            return false;
    return id.n > 0 && id.n <= REQUEST_ID_MAX;
}

/* xorshift128+ (Vigna): unique enough to find a request by, and cheap. */
static uint64_t next_id(uint64_t state[2])
{
    uint64_t a = state[0], b = state[1];
    state[0] = b;
    a ^= a << 23;
    state[1] = a ^ b ^ (a >> 18) ^ (b >> 5);
    return state[1] + b;
}

/* Returns the id's length; it stands before the line's end. */
static size_t request_id(struct buf *out, struct gate *gate, struct head *head)
{
    static const char digits[] = "0123456789abcdef";
    char fresh[32];
    struct str value = head_value(head, FIELD_X_REQUEST_ID);
    if (head_count(head, FIELD_X_REQUEST_ID) != 1 || !is_request_id(value)) {
        for (int half = 0; half < 2; half++) {
            uint64_t bits = next_id(gate->id_state);
            for (int i = 0; i < 16; i++, bits >>= 4)
                fresh[half * 16 + i] = digits[bits & 15];
        }
        value = (struct str){fresh, sizeof fresh};
    }
    drop_all(head, FIELD_X_REQUEST_ID);
    edit_field(out, STR("X-Request-Id"), value);
    return value.n;
}

/* What the proxies said of the client is handed on in both kinds where only one told it. */
static bool tells_client(const struct decision *decision, const struct field *chain)
{
    return !chain && decision->proxies.client.n;
}

/* X-Forwarded-For grows by the peer where the peer is believed, else begins with it. */
static void forwarded_for(struct buf *out, struct head *head, const struct peer *peer,
                          const struct decision *decision)
{
    const struct field *field = head_field(head, FIELD_X_FORWARDED_FOR);
    buf_add(out, STR("X-Forwarded-For: "));
    if (tells_client(decision, field)) {
        buf_add(out, decision->proxies.client);
        buf_add(out, STR(", "));
    }
    for (; decision->proxies.x && field; field = head_next(head, field)) {
        if (!field->value.n)
            continue;
        buf_add(out, field->value);
        buf_add(out, STR(", "));
    }
    buf_add(out, str_of(peer->ip));
    buf_add(out, STR("\r\n"));
}

static struct str scheme_of(const struct peer *peer)
{
    return peer->tls ? STR("https") : STR("http");
}

static void x_forwarded(struct buf *out, struct head *head, const struct peer *peer,
                        const struct decision *decision)
{
    const struct proxies *proxies = &decision->proxies;
    forwarded_for(out, head, peer, decision);
    if (!proxies->x || !head_has(head, FIELD_X_FORWARDED_PROTO))
        buf_add(out, decision->https ? STR("X-Forwarded-Proto: https\r\n")
                                     : STR("X-Forwarded-Proto: http\r\n"));
    if (decision->host.size && (!proxies->x || !head_has(head, FIELD_X_FORWARDED_HOST)))
        edit_field(out, STR("X-Forwarded-Host"),
                   proxies->host.n ? proxies->host : decision->host_text);
}

/* Forwarded grows by an element that says what this hop saw. */
static void rfc7239(struct buf *out, struct head *head, const struct peer *peer,
                    const struct decision *decision)
{
    const struct proxies *proxies = &decision->proxies;
    const struct field *field = head_field(head, FIELD_FORWARDED);
    buf_add(out, STR("Forwarded: "));
    if (tells_client(decision, field)) {
        forwarded_add(out, proxies->client, proxies->host, proxies->proto);
        buf_add(out, STR(", "));
    }
    for (; proxies->rfc7239 && field; field = head_next(head, field)) {
        if (!field->value.n)
            continue;
        buf_add(out, field->value);
        buf_add(out, STR(", "));
    }
    forwarded_add(out, str_of(peer->ip), decision->host_text, scheme_of(peer));
    buf_add(out, STR("\r\n"));
}

static void forwarded(struct buf *out, const struct gate *gate, struct head *head,
                      const struct peer *peer, const struct decision *decision)
{
    enum forwarded kind = gate->plan->forwarded;
    if (kind != FORWARDED_OFF || !peer->trusted)
        drop_all(head, FIELD_X_FORWARDED_FOR);
    if (kind == FORWARDED_X || kind == FORWARDED_BOTH)
        x_forwarded(out, head, peer, decision);
    if (kind == FORWARDED_RFC7239 || kind == FORWARDED_BOTH) {
        drop_all(head, FIELD_FORWARDED);
        rfc7239(out, head, peer, decision);
    }
}

struct str loop_mark(const struct gate *gate, const struct route *route, char out[LOOP_MARK_MAX])
{
    static const char digits[] = "0123456789abcdef";
    static const struct str name = STR_INIT("corsd; id=");
    size_t n = name.n;
    memcpy(out, name.p, n);
    for (int shift = 60; shift >= 0; shift -= 4)
        out[n++] = digits[gate->identity >> shift & 15];
    out[n++] = '-';
    for (int shift = 12; shift >= 0; shift -= 4)
        out[n++] = digits[route->index >> shift & 15];
    return (struct str){out, n};
}

/* Independent of `via`, which some turn off: a circle must be seen either way. Addresses that were
 * written are checked with the configuration; only a name can lead back later. */
static void mark_loop(struct buf *out, const struct gate *gate, const struct decision *decision)
{
    char bytes[LOOP_MARK_MAX];
    if (gate->identity && decision->route->upstream->has_names)
        edit_field(out, STR("CDN-Loop"), loop_mark(gate, decision->route, bytes));
}

/* RFC 9112 §3.2.1: a backend gets the origin form; an absolute form without path is "/", or "*". */
static void request_line(struct buf *out, const struct head *head, const struct decision *decision)
{
    const struct target *target = &decision->target;
    struct str path = target->path;
    if (!path.n)
        path = head->method_id == METHOD_OPTIONS && !target->query.n ? STR("*") : STR("/");
    buf_add(out, head->method);
    buf_add_char(out, ' ');
    if (decision->route->strips_prefix && !str_eq(path, STR("*"))) {
        buf_add_char(out, '/');
        path = public_strip(decision->route, path);
    }
    buf_add(out, path);
    buf_add(out, target->query);
    buf_add(out, STR(" HTTP/1.1\r\n"));
}

void gate_forward(struct buf *out, struct gate *gate, const struct peer *peer, struct head *head,
                  const struct decision *decision, struct str authority, struct str *id)
{
    request_line(out, head, decision);
    drop_hops(gate, head, kinds_to_drop(gate, &decision->proxies, peer->trusted));
    host(out, head, decision, authority);
    origin(out, head, decision->route->upstream);
    framing(out, head, decision);
    expect(head, decision);
    te(out, head);
    max_forwards(out, head);
    websocket(out, decision);
    forwarded(out, gate, head, peer, decision);
    size_t id_size = request_id(out, gate, head), id_end = out->n - 2;
    const struct header_edits *edits = decision->route->request_edits;
    if (edits)
        gate_edit(edits, head);
    edit_kept_fields(out, head);
    if (edits)
        buf_add(out, edits->lines);
    mark_loop(out, gate, decision);
    if (gate->plan->via)
        buf_add(out, STR("Via: 1.1 corsd\r\n")); /* the last hop stands last */
    edit_end(out);
    if (id && !out->failed) /* only now does out stay where it is */
        *id = (struct str){out->p + id_end - id_size, id_size};
}

struct str gate_client(const struct decision *decision, const struct peer *peer)
{
    return decision->proxies.client.n ? decision->proxies.client : str_of(peer->ip);
}

/* RFC 9110 §6.5.1: names without an id of their own that a trailer may not bear. */
static bool is_for_heads_only(struct str name)
{
    static const struct str names[] = {
        STR_INIT("www-authenticate"), STR_INIT("authentication-info"),
        STR_INIT("content-encoding"), STR_INIT("content-range"),
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (str_eq_nocase(name, names[i]))
            return true;
    return false;
}

void gate_trailers(struct head *trailers, const struct header_edits *edits)
{
    if (edits)
        gate_edit(edits, trailers);
    for (size_t i = 0; i < trailers->n; i++) {
        struct field *field = &trailers->fields[i];
        bool plain =
            field->id == FIELD_OTHER || field->id == FIELD_DATE || field->id == FIELD_SERVER;
        if (!plain || is_for_heads_only(field->name))
            field->dropped = true;
    }
}
