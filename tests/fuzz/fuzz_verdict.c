/* Policies × requests × backends: the laws of ../unit/cors/laws.h. The input is lines: the first
 * byte of all chooses a policy, the rest of that line is the method; then 'o' an Origin, 'm' and
 * 'n' an Access-Control-Request-Method and -Headers, 'h' the host, 'w' a handshake, 'c' a cookie,
 * 's' Sec-Fetch-Site: same-origin, 'f' a field of the backend. Values are such as the guard passes.
 */
#include <stdlib.h>
#include "../unit/cors/fixture.h"
#include "../unit/cors/laws.h"
#include "corsd/cors/verdict.h"
#include "law.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const policies[] = {
    "origins=https://a.example",
    "origins=https://a.example,https://*.b.example,http://localhost:* methods=PUT "
    "headers=X-A credentials age=60",
    "origins=https://a.example methods=* headers=* expose=* credentials ; timing corp pna",
    "origins=https://a.example methods=* headers=*,Authorization expose=* ; keep reject",
    "origins=*",
    "origins=* methods=* headers=* expose=* ; enforce_methods timing",
    "origins=https://a.example credentials headers=* / origins=* ; keep timing",
    "origins=null,tauri://localhost,https://pr-*.example.com methods=PUT,patch ; reject "
    "enforce_methods",
    "origins=https://a.example / origins=https://*.a.example credentials expose=* ; ws_any pna",
    "origins=https://a.example credentials methods=* headers=* expose=* ; report",
};
enum { POLICIES = sizeof policies / sizeof policies[0] };

static const struct policy *policy_number(unsigned i)
{
    static struct policy *compiled[POLICIES];
    i %= POLICIES;
    if (!compiled[i])
        compiled[i] = policy_of(policies[i], public_suffixes_load(NULL), NULL);
    LAW(compiled[i]);
    return compiled[i];
}

static void read_line(struct str line, struct request_text *out, struct field *fields, size_t *n)
{
    struct cors_request *request = &out->request;
    struct str value = str_trim(str_from(line, 1)), name;
    if (!line.n || !is_field_value(value))
        return;
    switch (line.p[0]) {
    case 'o': request->origin = request->n_origins++ ? request->origin : value; break;
    case 'm':
        request->has_request_method = true;
        request->request_method = request->n_request_method++ ? request->request_method : value;
        break;
    case 'n':
        if (request->n_request_headers < WORDS)
            out->names[request->n_request_headers++] = value;
        break;
    case 'h': request->host = value; break;
    case 'w': request->websocket = true; break;
    case 'c': request->has_credentials = true; break;
    case 'p': request->private_network = true; break;
    case 's': request->site = SITE_SAME_ORIGIN; break;
    case 'f':
        name = str_cut(&value, ':');
        if (*n < FIELDS && is_token(name))
            fields[(*n)++] = (struct field){name, str_trim(value), (uint16_t)field_id(name), false};
        break;
    default: break;
    }
}

static void check(const struct policy *policy, const struct cors_request *request,
                  struct field *fields, size_t n)
{
    static struct sent sent;
    struct verdict verdict = verdict_of(policy, request);
    struct buf lines = BUF_INIT(1 << 20);
    bool own = verdict.kind == CORS_PREFLIGHT || verdict.refused, backends_own = false;
    n = own && policy->traits.mode == MODE_ENFORCE ? 0 : n;
    for (size_t i = 0; i < n; i++)
        backends_own = backends_own || (policy->traits.upstream_headers == UPSTREAM_HEADERS_KEEP &&
                                        fields[i].id == FIELD_ACCESS_CONTROL_ALLOW_ORIGIN);
    write_answer(&lines, policy, &verdict, request, fields, n);
    if (policy->traits.mode == MODE_REPORT) {
        LAW(!lines.n);
        for (size_t i = 0; i < n; i++)
            LAW(!fields[i].dropped);
    } else {
        LAW(!lines.failed && read_sent(&lines, fields, n, &sent));
        LAW(!broken_law(policy, &verdict, request, &sent, backends_own));
    }
    LAW(!verdict.refused || !cors_reasons[verdict.reason].allowed);
    buf_finish(&lines);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct request_text request = {.request.request_headers = request.names};
    struct field fields[FIELDS];
    struct str rest = {(const char *)data, size};
    size_t n = 0;
    if (!size)
        return 0;
    struct str line = str_cut(&rest, '\n');
    request.request.method = str_from(line, 1);
    if (!is_token(request.request.method))
        request.request.method = STR("OPTIONS");
    while (rest.n)
        read_line(str_cut(&rest, '\n'), &request, fields, &n);
    check(policy_number(data[0]), &request.request, fields, n);
    return 0;
}
