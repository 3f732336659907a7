/* One request's verdict: kind, rule, reason. */
#include "corsd/cors/verdict.h"
#include "corsd/cors/origin.h"
#include "corsd/http/fields.h"

const struct str cors_kind_words[CORS_KIND_COUNT] = {
    [CORS_NONE] = STR_INIT("none"),
    [CORS_PREFLIGHT] = STR_INIT("preflight"),
    [CORS_ACTUAL] = STR_INIT("actual"),
    [CORS_WEBSOCKET] = STR_INIT("websocket"),
};

static enum cors_kind kind_of(const struct cors_request *request)
{
    if (request->websocket)
        return CORS_WEBSOCKET;
    if (!request->n_origins)
        return CORS_NONE;
    return request->has_request_method && str_eq(request->method, STR("OPTIONS")) ? CORS_PREFLIGHT
                                                                                  : CORS_ACTUAL;
}

/* --- rule 15 ---------------------------------------------------------------------------------- */

static struct str bare_host(struct str host)
{
    if (host.n && host.p[host.n - 1] == '.')
        host.n--;
    if (host.n >= 2 && host.p[0] == '[' && host.p[host.n - 1] == ']')
        host = (struct str){host.p + 1, host.n - 2};
    return host;
}

/* Whether the origin goes on with this host after its scheme: few do, and only they are parsed. */
static bool holds_host(struct str origin, struct str host)
{
    struct str rest = str_from(origin, str_find(origin, ':') + 3);
    return str_starts(str_from(rest, rest.n && rest.p[0] == '['), host);
}

static bool names_itself(const struct cors_request *request)
{
    struct origin origin;
    struct str host = bare_host(request->host);
    if (request->n_origins != 1 || !host.n || !holds_host(request->origin, host) ||
        origin_parse(request->origin, &origin) != ORIGIN_OK)
        return false;
    uint16_t standard = origin_default_port(origin.scheme);
    if (!standard || (request->scheme.n && !str_eq(request->scheme, origin.scheme)))
        return false;
    return (origin.port ? origin.port : standard) ==
               (request->host_port ? request->host_port : standard) &&
           str_eq(bare_host(origin.host), host);
}

static bool is_same_origin(const struct cors_request *request)
{
    return request->site == SITE_SAME_ORIGIN || request->site == SITE_NONE || names_itself(request);
}

/* --- the origin ------------------------------------------------------------------------------- */

static const struct rule *rule_for(const struct policy *policy, const struct cors_request *request)
{
    return request->n_origins == 1 ? policy_rule_for(policy, request->origin) : policy->star_rule;
}

static enum cors_reason origin_fault(const struct cors_request *request)
{
    struct origin origin;
    if (request->n_origins > 1)
        return REASON_ORIGIN_TWICE;
    if (str_eq(request->origin, STR("null")))
        return REASON_ORIGIN_NULL;
    return origin_parse(request->origin, &origin) == ORIGIN_OK ? REASON_ORIGIN_OFF_LIST
                                                               : REASON_ORIGIN_MALFORMED;
}

/* --- preflights ------------------------------------------------------------------------------- */

/* Fetch, "CORS-safelisted method": no preflight refuses these. */
static bool is_safelisted(struct str method)
{
    return str_eq(method, STR("GET")) || str_eq(method, STR("HEAD")) || str_eq(method, STR("POST"));
}

static bool judge_method(struct verdict *verdict, const struct cors_request *request)
{
    struct str method = request->request_method;
    if (request->n_request_method > 1 || !is_token(method))
        verdict->reason = REASON_METHOD_MALFORMED;
    else if (!is_safelisted(method) && !rule_allows_method(verdict->rule, method))
        verdict->reason = REASON_METHOD_OFF_LIST;
    else
        return true;
    verdict->missing = method;
    return false;
}

/* False at the first name that is refused, so that the work ends there. */
static bool judge_header(struct verdict *verdict, struct str name)
{
    if (!is_token(name))
        verdict->reason = REASON_HEADERS_MALFORMED;
    else if (!rule_allows_header(verdict->rule, name))
        verdict->reason = REASON_HEADER_OFF_LIST;
    else
        return true;
    verdict->missing = name;
    return false;
}

static void judge_preflight(struct verdict *verdict, const struct cors_request *request)
{
    verdict->refused = !verdict->rule;
    if (!verdict->rule || !judge_method(verdict, request))
        return;
    for (size_t i = 0; i < request->n_request_headers; i++) {
        struct str rest = request->request_headers[i], name;
        while (list_next(&rest, &name))
            if (!judge_header(verdict, name))
                return;
    }
}

/* --- actual requests -------------------------------------------------------------------------- */

static bool some_rule_allows(const struct policy *policy, struct str method)
{
    for (size_t i = 0; i < policy->n_rules; i++)
        if (rule_allows_method(&policy->rules[i], method))
            return true;
    return false;
}

/* Where no rule matches, an origin off the list is not to be let through with a method that
 * everyone on it is refused. */
static bool lists_method(const struct policy *policy, const struct verdict *verdict,
                         struct str method)
{
    return verdict->rule ? rule_allows_method(verdict->rule, method)
                         : some_rule_allows(policy, method);
}

static void judge_actual(struct verdict *verdict, const struct policy *policy,
                         const struct cors_request *request)
{
    if (verdict->same_origin) {
        if (!verdict->rule)
            verdict->reason = REASON_SAME_ORIGIN;
        return;
    }
    if (!verdict->rule && policy->traits.denied == DENIED_REJECT) {
        verdict->refused = true;
    } else if (policy->traits.enforce_methods && !lists_method(policy, verdict, request->method)) {
        verdict->refused = true;
        verdict->reason = REASON_METHOD_OFF_LIST;
        verdict->missing = request->method;
    }
}

/* The browser protects no handshake, so corsd does (rule 14). */
static void judge_websocket(struct verdict *verdict, const struct policy *policy,
                            const struct cors_request *request)
{
    bool check = policy->traits.websocket_origins == WEBSOCKET_CHECK;
    bool cookies = verdict->rule && !verdict->rule->credentials && request->has_credentials;
    if (verdict->rule && !cookies)
        return;
    if (verdict->same_origin)
        verdict->reason = REASON_SAME_ORIGIN;
    else if (check && cookies)
        verdict->reason = REASON_WEBSOCKET_CREDENTIALS;
    verdict->refused = check && !verdict->same_origin;
}

struct verdict verdict_of(const struct policy *policy, const struct cors_request *request)
{
    struct verdict verdict = {.kind = CORS_NONE, .reason = REASON_NO_POLICY};
    if (!policy)
        return verdict;
    verdict.kind = kind_of(request);
    if (!request->n_origins) {
        verdict.reason = REASON_NO_ORIGIN;
        verdict.same_origin = true;
        return verdict;
    }
    verdict.rule = rule_for(policy, request);
    verdict.origin_allowed = verdict.rule != NULL;
    verdict.same_origin = is_same_origin(request);
    if (!verdict.rule)
        verdict.reason = origin_fault(request);
    else
        verdict.reason = verdict.rule->any_origin ? REASON_ALLOWED_ANY : REASON_ALLOWED;

    if (verdict.kind == CORS_PREFLIGHT)
        judge_preflight(&verdict, request);
    else if (verdict.kind == CORS_WEBSOCKET)
        judge_websocket(&verdict, policy, request);
    else
        judge_actual(&verdict, policy, request);
    return verdict;
}
