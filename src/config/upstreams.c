/* upstreams, and URLs that stand where a name of one could. */
#include "compiler.h"
#include "corsd/base/hash.h"
#include "corsd/config/keys.h"
#include "corsd/config/readers.h"
#include "corsd/cors/origin.h"
#include "corsd/http/target.h"

enum { TLS_SUPPORTED = CORSD_TLS, LABEL_MAX = 63, NAME_MAX_BYTES = 253 /* RFC 1035 §2.3.4 */ };

static const struct str localhost_ip = STR_INIT("127.0.0.1");

/* --- URLs ------------------------------------------------------------------------------------- */

static void report_scheme(struct reading *reading, const struct spec_text *url)
{
    char hint[PHRASE];
    size_t colon = str_find(url->text, ':');
    struct str scheme = str_head(url->text, colon), rest = str_from(url->text, colon);
    if (str_eq_nocase(scheme, STR("ws")) || str_eq_nocase(scheme, STR("wss")))
        fault(reading, url->place, "write http://: WebSockets pass through it",
              "\"%.*s\" is no upstream's URL", EXCERPT_ARG(url->text));
    else if (str_eq_nocase(scheme, STR("unix")))
        fault(reading, url->place,
              phrase(hint, sizeof hint, "write http+unix:%.*s", EXCERPT_ARG(str_from(rest, 1))),
              "\"%.*s\" is no upstream's URL", EXCERPT_ARG(url->text));
    else if (str_starts(rest, STR("://")))
        fault(reading, url->place, "write http://HOST:PORT, https://HOST or http+unix:PATH",
              "upstreams speak HTTP, not %.*s", EXCERPT_ARG(scheme));
    else
        fault(reading, url->place,
              phrase(hint, sizeof hint, "write http://%.*s", EXCERPT_ARG(url->text)),
              "an upstream's URL begins with http://");
}

static bool parse_unix(struct reading *reading, const struct spec_text *url,
                       struct server_spec *out)
{
    struct str path = str_from(url->text, strlen("http+unix:"));
    while (str_starts(path, STR("//")))
        path = str_from(path, 1); /* http+unix:///run/x.sock is seen elsewhere */
    if (!path.n) {
        fault(reading, url->place, "write http+unix:/run/app.sock", "the socket's path is missing");
        return false;
    }
    if (!address_of_unix(path, &out->address)) {
        fault(reading, url->place, NULL, "the socket's path is too long (107 bytes at most)");
        return false;
    }
    out->authority = STR("localhost");
    out->has_address = true;
    return true;
}

/* Reports what stands behind host and port, where only a slash may. */
static bool check_rest(struct reading *reading, const struct spec_text *url, struct str before,
                       struct str rest)
{
    char hint[PHRASE];
    if (!rest.n || str_eq(rest, STR("/")))
        return true;
    struct str scheme = str_head(url->text, str_find(url->text, ':'));
    phrase(hint, sizeof hint, "write %.*s://%.*s", EXCERPT_ARG(scheme), EXCERPT_ARG(before));
    fault(reading, url->place, hint, "an upstream's URL has no %s: requests keep their own",
          rest.p[0] == '/'   ? "path"
          : rest.p[0] == '?' ? "query"
                             : "fragment");
    return false;
}

/* RFC 6761 §6.3: these are here, whatever a DNS server says. */
static bool is_localhost(struct str host)
{
    return str_eq(host, STR("localhost")) || str_ends(host, STR(".localhost"));
}

/* URL Standard, "ends in a number": what people and libraries may read as an IPv4 address. */
static bool ends_in_number(struct str host)
{
    size_t dot = str_rfind(host, '.');
    struct str last = dot < host.n ? str_from(host, dot + 1) : host;
    bool hex = str_starts(last, STR("0x"));
    size_t digits = 0;
    for (struct str rest = hex ? str_from(last, 2) : last; digits < rest.n; digits++)
        if (hex ? ascii_hex(rest.p[digits]) < 0 : !ascii_is_digit(rest.p[digits]))
            return false;
    return true;
}

/* A name that DNS can hold: labels and length are bounded, and no address is written oddly. */
static bool check_name(struct reading *reading, const struct spec_text *url, struct str host)
{
    if (host.n > NAME_MAX_BYTES) {
        fault(reading, url->place, NULL, "the host name is longer than %d bytes", NAME_MAX_BYTES);
        return false;
    }
    for (struct str rest = host, label; rest.n;) {
        label = str_cut(&rest, '.');
        if (label.n > LABEL_MAX) {
            fault(reading, url->place, NULL,
                  "\"%.*s\" is longer than the %d bytes between two dots", EXCERPT_ARG(label),
                  LABEL_MAX);
            return false;
        }
    }
    if (ends_in_number(host)) {
        fault(reading, url->place, NULL, "\"%.*s\" is not an IP address", EXCERPT_ARG(host));
        return false;
    }
    return true;
}

/* Why a text is no host and port, where people often err. */
static const char *authority_hint(struct str text)
{
    for (size_t i = 0; i < text.n; i++)
        if ((unsigned char)text.p[i] >= 0x80)
            return "write the name as DNS has it: xn--...";
    if (str_find(text, ' ') < text.n)
        return "a host name has no spaces";
    if (text.n > HOST_MAX)
        return "a host name has 253 bytes at most";
    return "write http://127.0.0.1:3000, http://[::1]:3000 or http://backend:3000";
}

/* The name to resolve: with the final dot that keeps the search list out of it. */
static struct str lookup_of(struct reading *reading, struct str host, struct str written)
{
    char text[HOST_MAX + 2];
    struct str name = str_head(written, str_find(written, ':'));
    bool rooted = name.n && name.p[name.n - 1] == '.';
    phrase(text, sizeof text, rooted ? "%.*s." : "%.*s", STR_ARG(host));
    return keep(reading, str_of(text));
}

static bool read_host(struct reading *reading, const struct spec_text *url, struct str written,
                      const struct authority *authority, struct server_spec *out)
{
    struct str host = authority_host(authority);
    bool v6 = host.p[0] == '[', local = is_localhost(host);
    uint16_t usual = out->tls ? 443 : 80;
    out->port = authority->has_port ? authority->port : usual;
    if (!out->port) {
        fault(reading, url->place, NULL, "an upstream cannot have port 0");
        return false;
    }
    out->has_address = address_of_ip(local ? localhost_ip : host, out->port, &out->address);
    if (!out->has_address) {
        if (!check_name(reading, url, host))
            return false;
        out->lookup = lookup_of(reading, host, written);
    }
    out->host = keep(reading, v6 ? (struct str){host.p + 1, host.n - 2} : host);
    char text[HOST_MAX + 8];
    phrase(text, sizeof text, out->port == usual ? "%.*s" : "%.*s:%u", STR_ARG(host), out->port);
    out->authority = keep(reading, str_of(text));
    return out->host.p && out->authority.p;
}

static bool parse_http(struct reading *reading, const struct spec_text *url,
                       struct server_spec *out)
{
    struct str text = str_from(url->text, strlen(out->tls ? "https://" : "http://"));
    struct authority authority;
    size_t end = 0;
    while (end < text.n && !strchr("/?#", text.p[end]))
        end++;
    struct str before = str_head(text, end);
    if (str_find(before, '@') < before.n) {
        fault(reading, url->place, NULL, "an upstream's URL has no user name or password");
        return false;
    }
    if (!authority_parse(before, &authority)) {
        fault(reading, url->place, authority_hint(before), "\"%.*s\" is not a host and a port",
              EXCERPT_ARG(before));
        return false;
    }
    return check_rest(reading, url, before, str_from(text, end)) &&
           read_host(reading, url, before, &authority, out);
}

static bool has_scheme(struct str text, struct str scheme)
{
    return str_eq_nocase(str_head(text, scheme.n), scheme);
}

/* out is zeroed. */
static bool parse_url(struct reading *reading, const struct spec_text *url, struct server_spec *out)
{
    out->tls = has_scheme(url->text, STR("https://"));
    if (out->tls && !TLS_SUPPORTED) {
        fault(reading, url->place, NULL, "https:// upstreams are not supported by this version");
        return false;
    }
    bool is_unix = has_scheme(url->text, STR("http+unix:"));
    if (!is_unix && !out->tls && !has_scheme(url->text, STR("http://"))) {
        report_scheme(reading, url);
        return false;
    }
    if (is_unix ? !parse_unix(reading, url, out) : !parse_http(reading, url, out))
        return false;
    char text[HOST_MAX + 128];
    if (is_unix) {
        char path[ADDRESS_TEXT];
        phrase(text, sizeof text, "http+%s",
               address_text((const struct sockaddr *)&out->address.at, out->address.size, path));
    } else if (out->lookup.n > out->host.n)
        phrase(text, sizeof text, "http%s://%.*s%.*s", out->tls ? "s" : "", STR_ARG(out->lookup),
               STR_ARG(str_from(out->authority, out->host.n)));
    else
        phrase(text, sizeof text, "http%s://%.*s", out->tls ? "s" : "", STR_ARG(out->authority));
    out->url = keep(reading, str_of(text));
    return out->url.p != NULL;
}

/* --- upstreams -------------------------------------------------------------------------------- */

static uint64_t add_bytes(uint64_t hash, const void *bytes, size_t n)
{
    return hash_add(hash, (struct str){bytes, n});
}

static uint64_t fingerprint(const struct upstream_spec *spec)
{
    const uint64_t numbers[] = {
        spec->connect_timeout_ms, spec->response_timeout_ms, spec->idle_timeout_ms,
        spec->max_age_ms,         spec->max_idle,            spec->accept_bare_lf,
        spec->host_mode,          spec->n_servers,           spec->balance,
        spec->max_fails,          spec->fail_timeout_ms,     spec->slow_start_ms,
        spec->max_connections,    spec->queue_size,          spec->queue_timeout_ms,
        spec->health.interval_ms, spec->health.timeout_ms,   spec->health.rise,
        spec->health.fall,
    };
    uint64_t hash = add_bytes(HASH_START, numbers, sizeof numbers);
    hash = hash_byte(hash_add(hash, spec->name), 0);
    hash = hash_byte(hash_add(hash, spec->health.path), 0);
    hash = add_bytes(hash, spec->host_name.p, spec->host_name.n);
    if (spec->tls) {
        uint64_t tls = tls_client_fingerprint(spec->tls);
        hash = add_bytes(hash, &tls, sizeof tls);
    }
    for (size_t i = 0; i < spec->n_servers; i++) {
        hash = add_bytes(hash, spec->servers[i].url.p, spec->servers[i].url.n + 1);
        hash = add_bytes(hash, &spec->servers[i].weight, sizeof spec->servers[i].weight);
    }
    return hash;
}

static bool same_port(const struct sockaddr *a, const struct sockaddr *b)
{
    return address_port(a) == address_port(b);
}

/* Requests would go round in a circle: the server is one of our own listeners. */
static bool is_ourselves(const struct plan *plan, const struct address *server)
{
    struct address any, loopback;
    if (!address_of_ip(STR("::"), 0, &any) || !address_of_ip(localhost_ip, 0, &loopback))
        return false;
    for (size_t i = 0; i < plan->n_listeners; i++) {
        const struct address *own = &plan->listeners[i].address;
        const struct sockaddr *at = (const struct sockaddr *)&own->at;
        char ip[ADDRESS_TEXT], to[ADDRESS_TEXT];
        if (address_eq(own, server))
            return true;
        if (at->sa_family == AF_UNIX || server->at.ss_family == AF_UNIX ||
            !same_port(at, (const struct sockaddr *)&server->at))
            continue;
        address_ip_text(at, ip);
        address_ip_text((const struct sockaddr *)&server->at, to);
        bool everywhere = strcmp(ip, "::") == 0 || strcmp(ip, "0.0.0.0") == 0;
        if (everywhere && (strncmp(to, "127.", 4) == 0 || strcmp(to, "::1") == 0))
            return true;
    }
    return false;
}

/* host: keep, upstream, or what Host shall say. */
static void read_host_mode(struct reading *reading, const struct spec_text *host,
                           struct upstream_spec *spec)
{
    struct authority authority;
    spec->host_mode = HOST_KEEP;
    if (str_eq(host->text, STR("keep")))
        return;
    if (str_eq(host->text, STR("upstream"))) {
        spec->host_mode = HOST_UPSTREAM;
        return;
    }
    if (!authority_parse(host->text, &authority))
        fault(reading, host->place, "write keep, upstream, or a name such as api.example.com",
              "\"%.*s\" is no host", EXCERPT_ARG(host->text));
    spec->host_mode = HOST_NAME;
    spec->host_name = host->text;
}

/* origin: keep, remove, or what Origin shall say. */
static void read_origin_mode(struct reading *reading, const struct spec_text *origin,
                             struct upstream_spec *spec)
{
    struct origin parsed;
    spec->origin_mode = ORIGIN_KEEP;
    if (str_eq(origin->text, STR("keep")))
        return;
    if (str_eq(origin->text, STR("remove"))) {
        spec->origin_mode = ORIGIN_REMOVE;
        return;
    }
    if (origin_parse(origin->text, &parsed) != ORIGIN_OK)
        fault(reading, origin->place,
              "write keep, remove, or an origin such as https://backend.example",
              "\"%.*s\" is no origin", EXCERPT_ARG(origin->text));
    spec->origin_mode = ORIGIN_VALUE;
    spec->origin = origin->text;
}

/* A server's URL; false where something was reported. */
static bool read_server(struct compiler *compiler, const struct spec_text *url, unsigned weight,
                        struct server_spec *out)
{
    if (!parse_url(compiler->reading, url, out))
        return false;
    out->weight = weight;
    if (out->has_address && is_ourselves(compiler->plan, &out->address)) {
        fault(compiler->reading, url->place, "give corsd and the backend different ports",
              "corsd would talk to itself: it listens on %.*s", EXCERPT_ARG(out->authority));
        return false;
    }
    return true;
}

static bool is_listed(const struct upstream_spec *spec, const struct server_spec *server)
{
    for (size_t i = 0; i < spec->n_servers; i++)
        if (str_eq(spec->servers[i].url, server->url))
            return true;
    return false;
}

static bool check_server(struct reading *reading, const struct upstream_spec *spec,
                         const struct spec_text *url, const struct server_spec *server)
{
    if (is_listed(spec, server)) {
        fault(reading, url->place, "for a larger share give it a weight",
              "%.*s stands twice in servers", EXCERPT_ARG(server->url));
        return false;
    }
    if (spec->n_servers && spec->servers->tls != server->tls) {
        fault(reading, url->place, "make two upstreams of it",
              "servers of one upstream speak all http:// or all https://");
        return false;
    }
    return true;
}

/* The servers of the list, all faults in one go. */
static bool read_servers(struct compiler *compiler, const struct written_upstream *written,
                         struct upstream_spec *spec)
{
    const struct written_server *items = written->servers.first;
    bool ok = true;
    unsigned weights = 0;
    spec->servers = take(compiler->reading, written->servers.n * sizeof *spec->servers);
    for (size_t i = 0; spec->servers && i < written->servers.n; i++) {
        struct server_spec *server = &spec->servers[spec->n_servers];
        weights += (unsigned)items[i].weight.value;
        if (!items[i].url.place) /* reported when it was read */
            ok = false;
        else if (!read_server(compiler, &items[i].url, (unsigned)items[i].weight.value, server) ||
                 !check_server(compiler->reading, spec, &items[i].url, server)) {
            *server = (struct server_spec){0};
            ok = false;
        } else
            spec->n_servers++;
    }
    if (ok && spec->servers && !weights) {
        fault(compiler->reading, written->servers.at, "give at least one of them a weight above 0",
              "every server has the weight 0: no request could be sent anywhere");
        ok = false;
    }
    return ok && spec->servers;
}

static bool read_url(struct compiler *compiler, const struct spec_text *url,
                     struct upstream_spec *spec)
{
    spec->servers = take(compiler->reading, sizeof *spec->servers);
    spec->n_servers = 1;
    return spec->servers && read_server(compiler, url, 1, spec->servers);
}

/* It is sent as it stands. */
static void check_health_path(struct reading *reading, const struct spec_text *path)
{
    bool good = !path->text.n || path->text.p[0] == '/';
    for (size_t i = 0; i < path->text.n; i++)
        good = good && path->text.p[i] > ' ' && path->text.p[i] < 0x7f && path->text.p[i] != '#';
    if (!good)
        fault(reading, path->place, "write /healthz", "\"%.*s\" is not a plain path",
              EXCERPT_ARG(path->text));
}

static struct health_spec health_of(const struct written_health *written)
{
    return (struct health_spec){
        .path = written->path.text,
        .interval_ms = written->interval.value,
        .timeout_ms = written->timeout.value,
        .rise = (unsigned)written->rise.value,
        .fall = (unsigned)written->fall.value,
    };
}

static struct upstream_spec *add_upstream(struct compiler *compiler, struct str name,
                                          const struct written_upstream *written)
{
    struct plan *plan = compiler->plan;
    struct upstream_spec *spec = &plan->upstreams[plan->n_upstreams];
    const struct node *place = written->url.place ? written->url.place : written->servers.at;
    *spec = (struct upstream_spec){
        .index = (uint16_t)plan->n_upstreams,
        .connect_timeout_ms = written->connect_timeout.value,
        .response_timeout_ms = written->response_timeout.value,
        .idle_timeout_ms = written->idle_timeout.value,
        .max_age_ms = written->max_age.value,
        .max_idle = written->max_idle.value,
        .balance = (enum balance)written->balance.value,
        .health = health_of(&written->health),
        .max_fails = (unsigned)written->max_fails.value,
        .fail_timeout_ms = written->fail_timeout.value,
        .slow_start_ms = written->slow_start.value,
        .max_connections = written->max_connections.value,
        .queue_size = written->queue.size.value,
        .queue_timeout_ms = written->queue.timeout.value,
        .accept_bare_lf = written->accept_bare_lf.value,
    };
    if (!(written->servers.at ? read_servers(compiler, written, spec)
                              : read_url(compiler, &written->url, spec)))
        return NULL;
    if (plan->n_upstreams >= UINT16_MAX) {
        fault(compiler->reading, place, NULL, "there are more than %d upstreams", UINT16_MAX);
        return NULL;
    }
    if (spec->queue_size && !spec->max_connections)
        warn(compiler->reading, written->queue.size.at, "set max_connections, or leave queue out",
             "nothing ever waits in the queue: max_connections is 0");
    if (spec->servers->tls)
        compile_upstream_tls(compiler, &written->tls, place, spec);
    else if (written->tls.at)
        warn(compiler->reading, written->tls.at, "write https:// in the url, or delete it",
             "\"tls\" has no effect: the url is http://");
    read_host_mode(compiler->reading, &written->host, spec);
    read_origin_mode(compiler->reading, &written->origin, spec);
    check_health_path(compiler->reading, &written->health.path);
    for (size_t i = 0; i < spec->n_servers; i++)
        spec->has_names |= !spec->servers[i].has_address;
    spec->name = name.n ? name : spec->servers->url;
    spec->fingerprint = fingerprint(spec);
    plan->n_upstreams++;
    return spec;
}

/* One that has a URL and all defaults. */
static const struct upstream_spec *add_url(struct compiler *compiler, const struct spec_text *url)
{
    struct written_upstream defaults = {0};
    if (!read_defaults(compiler->reading, &upstream_item, &defaults))
        return NULL;
    defaults.url = *url;
    struct upstream_spec *spec = add_upstream(compiler, (struct str){0}, &defaults);
    names_add(&compiler->upstreams, url->text, spec);
    return spec;
}

/* One of url and servers; false where it was reported. */
static bool has_servers(struct compiler *compiler, const struct written_upstream *written)
{
    bool url = written->url.place, servers = written->servers.at;
    if (url && servers)
        fault(compiler->reading, written->servers.at, "put the url into the list",
              "url and servers stand together");
    else if (!url && !servers && is_missing(&upstream_item, written->at, "url") &&
             is_missing(&upstream_item, written->at, "servers"))
        fault(compiler->reading, written->at, "write url: http://127.0.0.1:3000",
              "\"url\" is missing in an upstream");
    return url != servers;
}

bool compile_upstreams(struct compiler *compiler)
{
    const struct written *written = compiler->written;
    const struct written_upstream *items = written->upstreams.first;
    size_t max = written->upstreams.n + written->routes.n + 1;
    compiler->plan->upstreams = take(compiler->reading, max * sizeof *compiler->plan->upstreams);
    if (!compiler->plan->upstreams || !names_init(compiler->reading, &compiler->upstreams, max))
        return false;
    for (size_t i = 0; i < written->upstreams.n; i++) {
        struct upstream_spec *spec = has_servers(compiler, &items[i])
                                         ? add_upstream(compiler, items[i].name.text, &items[i])
                                         : NULL;
        names_add(&compiler->upstreams, items[i].name.text, spec);
    }
    return true;
}

static bool is_url(struct str text)
{
    return str_find(text, ':') < text.n || str_find(text, '/') < text.n;
}

const struct upstream_spec *find_upstream(struct compiler *compiler, const struct spec_text *what)
{
    char hint[PHRASE];
    const struct upstream_spec *spec = names_find(&compiler->upstreams, what->text);
    if (spec || names_has(&compiler->upstreams, what->text))
        return spec;
    if (is_url(what->text))
        return add_url(compiler, what);
    struct str near = {0};
    if (is_heard(compiler->reading))
        near = names_near(&compiler->upstreams, what->text);
    if (near.n)
        phrase(hint, sizeof hint, "did you mean \"%.*s\"?", EXCERPT_ARG(near));
    else
        phrase(hint, sizeof hint, "add it to upstreams, or write a URL: http://127.0.0.1:3000");
    fault(compiler->reading, what->place, hint, "there is no upstream \"%.*s\"",
          EXCERPT_ARG(what->text));
    return NULL;
}
