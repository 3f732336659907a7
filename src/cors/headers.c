/* Writing the lines that a verdict gives a right to, and taking out what stands against it. */
#include "corsd/cors/headers.h"

static bool acts(const struct policy *policy)
{
    return policy && policy->traits.mode == MODE_ENFORCE;
}

static void add_line(struct buf *out, struct str name, struct str value)
{
    size_t n = name.n + value.n + 2;
    if (!buf_reserve(out, n)) /* a line that does not fit is not written in part */
        return;
    char *at = out->p + out->n;
    memcpy(at, name.p, name.n);
    memcpy(at + name.n, value.p, value.n);
    memcpy(at + n - 2, "\r\n", 2);
    out->n += n;
}

static void add_allow_origin(struct buf *out, const struct rule *rule, struct str origin)
{
    if (!rule->any_origin) /* else it is in the ready lines */
        add_line(out, STR("Access-Control-Allow-Origin: "), origin);
}

/* A line whose value is a list of unknown length: its name goes before the first item, and a line
 * that does not fit goes as a whole. */
struct list_line {
    struct buf *out;
    struct str name;
    size_t start; /* of the line in out */
    bool begun;
};

static void list_add(struct list_line *line, struct str item)
{
    if (!line->begun)
        line->start = line->out->n;
    buf_add(line->out, line->begun ? STR(", ") : line->name);
    buf_add(line->out, item);
    line->begun = true;
}

static void list_end(struct list_line *line)
{
    if (!line->begun)
        return;
    buf_add(line->out, STR("\r\n"));
    if (line->out->failed)
        line->out->n = line->start;
}

/* --- preflights ------------------------------------------------------------------------------- */

/* Rule 6: a "*" that was asked for would be taken literally; it is no name, so nothing is lost. */
static bool may_be_echoed(struct str name)
{
    return is_token(name) && !str_eq(name, STR("*"));
}

static void echo_method(struct buf *out, const struct rule *rule,
                        const struct cors_request *request)
{
    struct str method = request->request_method;
    if (request->n_request_method == 1 && may_be_echoed(method) && rule_allows_method(rule, method))
        add_line(out, STR("Access-Control-Allow-Methods: "), method);
}

static void echo_headers(struct buf *out, const struct rule *rule,
                         const struct cors_request *request)
{
    struct list_line line = {.out = out, .name = STR_INIT("Access-Control-Allow-Headers: ")};
    for (size_t i = 0; i < request->n_request_headers; i++) {
        struct str rest = request->request_headers[i], name;
        while (list_next(&rest, &name))
            if (may_be_echoed(name) && rule_allows_header(rule, name))
                list_add(&line, name);
    }
    list_end(&line);
}

void cors_preflight_lines(struct buf *out, const struct policy *policy,
                          const struct verdict *verdict, const struct cors_request *request)
{
    const struct rule *rule = verdict->rule;
    if (!acts(policy) || verdict->kind != CORS_PREFLIGHT || !verdict->origin_allowed)
        return;
    add_allow_origin(out, rule, request->origin);
    buf_add(out, rule->preflight_lines);
    if (rule->credentials && rule->any_method)
        echo_method(out, rule, request);
    if (rule->credentials && rule->any_header)
        echo_headers(out, rule, request);
    if (policy->traits.allow_private_network && request->private_network)
        buf_add(out, STR("Access-Control-Allow-Private-Network: true\r\n"));
}

/* --- actual responses ------------------------------------------------------------------------- */

/* Names that a page sees anyway (Fetch, "CORS-safelisted response-header name"), never sees, or
 * that belong to one connection. */
static bool is_exposable(const struct field *field)
{
    static const struct str safelisted[] = {
        STR_INIT("cache-control"), STR_INIT("content-language"), STR_INIT("content-length"),
        STR_INIT("content-type"), STR_INIT("expires"), STR_INIT("last-modified"),
        STR_INIT("pragma"),
    };
    switch (field->id) {
    case FIELD_TE:
    case FIELD_TRAILER:
    case FIELD_UPGRADE:
    case FIELD_CONNECTION:
    case FIELD_KEEP_ALIVE:
    case FIELD_SET_COOKIE:
    case FIELD_HTTP2_SETTINGS:
    case FIELD_PROXY_CONNECTION:
    case FIELD_TRANSFER_ENCODING:
    case FIELD_PROXY_AUTHENTICATE:
    case FIELD_PROXY_AUTHENTICATION_INFO:
    case FIELD_ACCESS_CONTROL:
    case FIELD_ACCESS_CONTROL_ALLOW_ORIGIN:
    case FIELD_ACCESS_CONTROL_REQUEST_METHOD:
    case FIELD_ACCESS_CONTROL_REQUEST_HEADERS:
    case FIELD_ACCESS_CONTROL_REQUEST_PRIVATE_NETWORK:
    case FIELD_TWIN: return false;
    default: break;
    }
    for (size_t i = 0; i < sizeof safelisted / sizeof safelisted[0]; i++)
        if (str_eq_nocase(field->name, safelisted[i]))
            return false;
    return may_be_echoed(field->name) && !str_eq_nocase(field->name, STR("set-cookie2"));
}

static bool stands_before(const struct field *fields, size_t i)
{
    for (size_t j = 0; j < i; j++)
        if (fields[j].id == fields[i].id && !fields[j].dropped &&
            str_eq_nocase(fields[j].name, fields[i].name))
            return true;
    return false;
}

static bool is_named_by_connection(const struct field *fields, size_t n, struct str name)
{
    for (size_t i = 0; i < n; i++)
        if (fields[i].id == FIELD_CONNECTION && list_has(fields[i].value, name))
            return true;
    return false;
}

static void expose_own(struct buf *out, const struct field *fields, size_t n)
{
    struct list_line line = {.out = out, .name = STR_INIT("Access-Control-Expose-Headers: ")};
    for (size_t i = 0; i < n; i++)
        if (!fields[i].dropped && is_exposable(&fields[i]) && !stands_before(fields, i) &&
            !is_named_by_connection(fields, n, fields[i].name))
            list_add(&line, fields[i].name);
    list_end(&line);
}

void cors_actual_lines(struct buf *out, const struct policy *policy, const struct verdict *verdict,
                       struct str origin, const struct field *fields, size_t n)
{
    if (!acts(policy))
        return;
    const struct rule *rule = policy->star_always ? policy->star_rule : verdict->rule;
    if (!policy->star_always && !verdict->origin_allowed)
        return;
    add_allow_origin(out, rule, origin);
    buf_add(out, rule->actual_lines);
    if (rule->credentials && rule->any_expose)
        expose_own(out, fields, n);
}

static bool has_field(const struct field *fields, size_t n, enum field_id id)
{
    for (size_t i = 0; i < n; i++)
        if (fields[i].id == id && !fields[i].dropped)
            return true;
    return false;
}

/* W3C Resource Timing, "Timing-Allow-Origin": a list of origins, or "*". */
static void add_timing(struct buf *out, const struct policy *policy, const struct verdict *verdict,
                       struct str origin)
{
    const struct rule *rule = policy->star_always ? policy->star_rule : verdict->rule;
    struct str value = {NULL, 0};
    if (policy->traits.timing_allow_origin == TIMING_OFF)
        return;
    if (policy->traits.timing_allow_origin == TIMING_ANY || (rule && rule->any_origin))
        value = STR("*");
    else if (verdict->origin_allowed)
        value = origin;
    else if (verdict->reason == REASON_NO_ORIGIN)
        value = policy->star_rule ? STR("*") : policy->exact_origins;
    if (value.n)
        add_line(out, STR("Timing-Allow-Origin: "), value);
}

void cors_resource_lines(struct buf *out, const struct policy *policy,
                         const struct verdict *verdict, struct str origin,
                         const struct field *fields, size_t n)
{
    static const struct str resource_policies[] = {
        [RESOURCE_POLICY_SAME_ORIGIN] = STR_INIT("Cross-Origin-Resource-Policy: same-origin\r\n"),
        [RESOURCE_POLICY_SAME_SITE] = STR_INIT("Cross-Origin-Resource-Policy: same-site\r\n"),
        [RESOURCE_POLICY_CROSS_ORIGIN] = STR_INIT("Cross-Origin-Resource-Policy: cross-origin\r\n"),
    };
    if (!acts(policy))
        return;
    add_timing(out, policy, verdict, origin);
    if (!has_field(fields, n, FIELD_CROSS_ORIGIN_RESOURCE_POLICY))
        buf_add(out, resource_policies[policy->traits.resource_policy]);
}

static bool is_access_control(const struct field *field)
{
    switch (field->id) {
    case FIELD_ACCESS_CONTROL:
    case FIELD_ACCESS_CONTROL_ALLOW_ORIGIN:
    case FIELD_ACCESS_CONTROL_REQUEST_METHOD:
    case FIELD_ACCESS_CONTROL_REQUEST_HEADERS:
    case FIELD_ACCESS_CONTROL_REQUEST_PRIVATE_NETWORK: return true;
    default: return false;
    }
}

bool cors_drop_backend_lines(const struct policy *policy, struct field *fields, size_t n)
{
    if (!acts(policy))
        return false;
    if (policy->traits.upstream_headers == UPSTREAM_HEADERS_KEEP &&
        has_field(fields, n, FIELD_ACCESS_CONTROL_ALLOW_ORIGIN))
        return false;
    for (size_t i = 0; i < n; i++)
        if (is_access_control(&fields[i]))
            fields[i].dropped = true;
    return true;
}

/* --- Vary ------------------------------------------------------------------------------------- */

#define METHOD_AND_HEADERS "Access-Control-Request-Method, Access-Control-Request-Headers"
enum { VARY_ORIGIN = 1, VARY_PREFLIGHT = 2 | 4, VARY_NAMES = 3 };
static const struct str vary_names[VARY_NAMES] = {
    STR_INIT("Origin"),
    STR_INIT("Access-Control-Request-Method"),
    STR_INIT("Access-Control-Request-Headers"),
};
static const struct str vary_lines[] = { /* by what is wanted, where the response has no Vary */
    [0] = {"", 0},
    [VARY_ORIGIN] = STR_INIT("Vary: Origin\r\n"),
    [VARY_PREFLIGHT] = STR_INIT("Vary: " METHOD_AND_HEADERS "\r\n"),
    [VARY_ORIGIN | VARY_PREFLIGHT] = STR_INIT("Vary: Origin, " METHOD_AND_HEADERS "\r\n"),
};

/* RFC 9110 §12.5.5: names and "*" alone, so a quote hides no comma here; it is no name. */
static bool vary_next(struct str *rest, struct str *name)
{
    while (rest->n) {
        *name = str_trim(str_cut(rest, ','));
        if (name->n)
            return true;
    }
    return false;
}

static unsigned vary_bit(struct str name)
{
    for (unsigned i = 0; i < VARY_NAMES; i++)
        if (str_eq_nocase(name, vary_names[i]))
            return 1u << i;
    return 0;
}

/* What the response's own Vary says. */
struct own_vary {
    size_t fields;
    bool star;
    unsigned names; /* of ours */
    bool untidy;    /* one of ours stands there twice, or what is no name */
};

static struct own_vary read_vary(const struct field *fields, size_t n)
{
    struct own_vary own = {0};
    for (size_t i = 0; i < n; i++) {
        if (fields[i].id != FIELD_VARY || fields[i].dropped)
            continue;
        struct str rest = fields[i].value, name;
        own.fields++;
        while (vary_next(&rest, &name)) {
            unsigned bit = vary_bit(name);
            own.star = own.star || str_eq(name, STR("*"));
            own.untidy = own.untidy || (own.names & bit) || !is_token(name);
            own.names |= bit;
        }
    }
    return own;
}

static void add_own(struct list_line *line, struct field *fields, size_t n)
{
    unsigned written = 0;
    for (size_t i = 0; i < n; i++) {
        if (fields[i].id != FIELD_VARY || fields[i].dropped)
            continue;
        struct str rest = fields[i].value, name;
        while (vary_next(&rest, &name)) {
            unsigned bit = vary_bit(name);
            if (!(written & bit) && is_token(name))
                list_add(line, name);
            written |= bit;
        }
        fields[i].dropped = true;
    }
}

void cors_vary_line(struct buf *out, const struct policy *policy, bool preflight,
                    struct field *fields, size_t n)
{
    if (!acts(policy))
        return;
    unsigned wanted = (policy->vary_origin ? VARY_ORIGIN : 0) | (preflight ? VARY_PREFLIGHT : 0);
    struct own_vary own = read_vary(fields, n);
    if (!own.fields) {
        buf_add(out, vary_lines[wanted]);
        return;
    }
    if (own.star || (!own.untidy && !(wanted & ~own.names)))
        return; /* what stands there says it all */
    struct list_line line = {.out = out, .name = STR_INIT("Vary: ")};
    add_own(&line, fields, n);
    for (unsigned i = 0; i < VARY_NAMES; i++)
        if (wanted & ~own.names & 1u << i)
            list_add(&line, vary_names[i]);
    list_end(&line);
}
