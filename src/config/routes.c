/* routes: host and path in normal form, and what they lead to. */
#include "compiler.h"
#include "corsd/config/readers.h"
#include "corsd/http/target.h"

/* --- host ------------------------------------------------------------------------------------- */

static void report_host(struct reading *reading, const struct spec_text *host)
{
    const char *hint = "write a name such as api.example.com, or *.example.com";
    struct str text = host->text;
    if (str_find(text, '/') < text.n)
        hint = "a host has no scheme and no path: those of a request are matched by \"path\"";
    else if (str_eq(text, STR("*")))
        hint = "leave \"host\" out: the route is then for every host";
    else if (str_find(text, '*') < text.n)
        hint = "a * stands for whole labels at the start only: *.example.com";
    for (size_t i = 0; i < text.n; i++)
        if ((unsigned char)text.p[i] >= 0x80)
            hint = "write a name beyond ASCII as browsers send it: xn--…";
    fault(reading, host->place, hint, "\"%.*s\" is not a host", EXCERPT_ARG(text));
}

/* Lower case, without final dot; a wildcard keeps its "*.". p NULL: a fault. */
static struct str normal_host(struct reading *reading, const struct spec_text *host)
{
    struct authority authority;
    char text[HOST_MAX + 3];
    bool wild = str_starts(host->text, STR("*."));
    if (!authority_parse(str_from(host->text, wild ? 2 : 0), &authority) ||
        (wild && authority.bytes[0] == '[')) {
        report_host(reading, host);
        return (struct str){0};
    }
    struct str name = authority_host(&authority);
    if (authority.has_port) {
        char hint[PHRASE];
        phrase(hint, sizeof hint, "write %s%.*s", wild ? "*." : "", EXCERPT_ARG(name));
        fault(reading, host->place, hint, "a route's host has no port");
        return (struct str){0};
    }
    phrase(text, sizeof text, "%s%.*s", wild ? "*." : "", STR_ARG(name));
    return keep(reading, str_of(text));
}

/* --- path ------------------------------------------------------------------------------------- */

/* What no request could be matched by without doubt (DESIGN §2 rule 16); NULL where all is well. */
static const char *doubt_of(struct str written, struct str normal, const char **hint)
{
    *hint = NULL;
    if (str_find(written, '?') < written.n || str_find(written, '#') < written.n) {
        *hint = "routes do not look at queries and fragments";
        return "has a query or a fragment";
    }
    if (str_find(written, '*') < written.n) {
        *hint = "a path covers all that begins with it: write /api for /api/*";
        return "has a *";
    }
    for (size_t i = 0; i < normal.n; i++)
        if ((unsigned char)normal.p[i] < 0x20 || normal.p[i] == 0x7f)
            return "holds a control character";
    if (str_find(normal, '%') < normal.n || str_find(normal, '\\') < normal.n ||
        str_find(normal, ';') < normal.n) {
        *hint = "backends read these in different ways";
        return "holds one of % \\ ;";
    }
    if (memmem(normal.p, normal.n, "//", 2)) {
        *hint = "write / once";
        return "has an empty segment";
    }
    return NULL;
}

static struct str normal_path(struct reading *reading, const struct spec_text *path)
{
    struct buf out = BUF_INIT(path->text.n + 2);
    struct str normal = {0};
    const char *hint, *doubt = NULL;
    char text[PHRASE];
    if (path->text.p[0] != '/') {
        phrase(text, sizeof text, "write /%.*s", EXCERPT_ARG(path->text));
        fault(reading, path->place,
              memmem(path->text.p, path->text.n, "://", 3) ? "put the host into \"host\"" : text,
              "a path begins with /");
    } else if (!path_read(PATH_ONCE, path->text, &out))
        fault(reading, path->place, "a percent sign itself is written %25",
              "\"%.*s\" has a percent sign that encodes nothing", EXCERPT_ARG(path->text));
    else if ((doubt = doubt_of(path->text, buf_str(&out), &hint)))
        fault(reading, path->place, hint, "the path \"%.*s\" %s", EXCERPT_ARG(path->text), doubt);
    else
        normal = keep(reading, buf_str(&out));
    buf_finish(&out);
    return normal;
}

/* --- routes ----------------------------------------------------------------------------------- */

static struct str joined(struct reading *reading, struct str host, struct str path)
{
    struct buf out = BUF_INIT(host.n + path.n);
    struct str text = {0};
    if (buf_add(&out, host) && buf_add(&out, path))
        text = keep(reading, buf_str(&out));
    reading->out_of_memory |= !text.p;
    buf_finish(&out);
    return text;
}

static struct str lower(struct reading *reading, struct str text)
{
    struct str copy = arena_lower(&reading->scratch, text);
    reading->out_of_memory |= !copy.p;
    return copy;
}

/* Notes a route's name; a fault where another has it, or one that no request can tell apart. */
static bool is_new(struct reading *reading, struct names *seen, struct route *route)
{
    char hint[PHRASE];
    struct str key = lower(reading, route->name), file;
    unsigned line = 0, column;
    if (!key.p || names_add(seen, key, route))
        return key.p;
    const struct route *other = names_find(seen, key);
    place_of(other->place, &file, &line, &column);
    phrase(hint, sizeof hint, "the other stands in line %u", line);
    if (!str_eq(other->path, route->path))
        fault(reading, route->place, hint, "two routes differ by letter case only: \"%.*s\"",
              EXCERPT_ARG(route->name));
    else if (str_eq(other->written_path, route->written_path))
        fault(reading, route->place, hint, "two routes for \"%.*s\"", EXCERPT_ARG(route->name));
    else
        fault(reading, route->place, hint, "\"%.*s\" and \"%.*s\" are one route",
              EXCERPT_ARG(other->written_path), EXCERPT_ARG(route->written_path));
    return false;
}

static const struct upstream_spec *upstream_of(struct compiler *compiler,
                                               const struct written_route *written)
{
    const struct spec_text *shorthand = &compiler->written->upstream;
    if (written->upstream.place)
        return find_upstream(compiler, &written->upstream);
    if (shorthand->place)
        return find_upstream(compiler, shorthand);
    if (is_missing(&route_item, written->at, "upstream") &&
        is_missing(&root_key, compiler->written->at, "upstream"))
        fault(compiler->reading, written->at, "write upstream: and a name of upstreams, or a URL",
              "\"upstream\" is missing in a route");
    return NULL;
}

static void add_route(struct compiler *compiler, const struct route *route)
{
    struct plan *plan = compiler->plan;
    plan->routes[plan->n_routes] = *route;
    plan->routes[plan->n_routes].index = (uint16_t)plan->n_routes;
    plan->n_routes++;
}

/* written: NULL for the route that the shorthand adds. */
static void set_upstream(struct compiler *compiler, struct route *route,
                         const struct upstream_spec *upstream, const struct written_route *written)
{
    route->upstream = upstream;
    route->response_timeout_ms = upstream ? upstream->response_timeout_ms : 0;
    route->body_size = compiler->written->limits.body_size.value;
    if (written && written->response_timeout.at)
        route->response_timeout_ms = written->response_timeout.value;
    if (written && written->body_size.at)
        route->body_size = written->body_size.value;
}

/* The path as a URL writes it (RFC 3986 §3.3), without a final slash: what is stripped, and what
 * is put back into Location and cookies. */
static struct str encoded(struct reading *reading, struct str path)
{
    static const char digits[] = "0123456789ABCDEF";
    struct buf out = BUF_INIT(3 * path.n);
    for (size_t i = 0; i < path.n && path.n > 1; i++) {
        unsigned char c = (unsigned char)path.p[i];
        if (c <= 0x20 || c >= 0x7f || strchr("\"#%<>?[\\]^`{|};", c)) {
            buf_add_char(&out, '%');
            buf_add_char(&out, digits[c >> 4]);
            buf_add_char(&out, digits[c & 15]);
        } else
            buf_add_char(&out, (char)c);
    }
    struct str text = keep(reading, buf_str(&out));
    reading->out_of_memory |= out.failed;
    buf_finish(&out);
    return text;
}

static void set_quirks(struct compiler *compiler, struct route *route,
                       const struct written_route *written)
{
    struct reading *reading = compiler->reading;
    route->strips_prefix = written->strip_prefix.value;
    route->rewrites_location = !written->location.value;
    route->request_edits = compile_edits(reading, &written->request_headers, true);
    route->response_edits = compile_edits(reading, &written->response_headers, false);
    if (route->strips_prefix && route->path.n)
        route->prefix = encoded(reading, route->path);
}

static void compile_route(struct compiler *compiler, const struct written_route *written,
                          struct names *seen)
{
    struct reading *reading = compiler->reading;
    struct route route = {
        .host = STR(""), .place = written->at, .written_path = written->path.text};
    if (written->host.place)
        route.host = normal_host(reading, &written->host);
    route.path = written->path.text.n ? normal_path(reading, &written->path) : (struct str){0};
    set_upstream(compiler, &route, upstream_of(compiler, written), written);
    set_quirks(compiler, &route, written);
    bool known = route.host.p && route.path.p;
    if (known)
        route.name = joined(reading, route.host, route.path);
    route.policy = written->cors.at
                       ? find_policy(compiler, &written->cors, known ? route.name : STR("inline"))
                       : compiler->plan->default_policy;
    if (known && route.name.p) {
        add_route(compiler, &route);
        is_new(reading, seen, &compiler->plan->routes[compiler->plan->n_routes - 1]);
    }
}

/* `upstream:` stands for the route "/" where none is named. */
static void add_shorthand(struct compiler *compiler, struct names *seen)
{
    const struct spec_text *shorthand = &compiler->written->upstream;
    struct route route = {.host = STR(""),
                          .path = STR("/"),
                          .written_path = STR("/"),
                          .name = STR("/"),
                          .policy = compiler->plan->default_policy,
                          .rewrites_location = true,
                          .place = shorthand->place};
    if (!shorthand->place)
        return;
    set_upstream(compiler, &route, find_upstream(compiler, shorthand), NULL);
    if (!names_has(seen, route.name))
        add_route(compiler, &route);
}

static void check_some(struct compiler *compiler)
{
    const struct written *written = compiler->written;
    const struct written_upstream *first = written->upstreams.first;
    char hint[PHRASE];
    if (!is_missing(&root_key, written->at, "upstream") ||
        !is_missing(&root_key, written->at, "routes"))
        return;
    if (!compiler->reading->has_file)
        phrase(hint, sizeof hint, "give --upstream http://127.0.0.1:3000, or a file: -c FILE");
    else if (written->upstreams.n)
        phrase(hint, sizeof hint, "write upstream: %.*s", EXCERPT_ARG(first->name.text));
    else
        phrase(hint, sizeof hint, "write upstream: http://127.0.0.1:3000");
    fault(compiler->reading, written->at, hint, "nothing to proxy to: \"upstream\" is missing");
}

bool compile_routes(struct compiler *compiler)
{
    const struct written *written = compiler->written;
    const struct written_route *routes = written->routes.first;
    struct names seen;
    size_t max = written->routes.n + 1;
    compiler->plan->routes = take(compiler->reading, max * sizeof *compiler->plan->routes);
    if (!compiler->plan->routes || !names_init(compiler->reading, &seen, max))
        return false;
    check_some(compiler);
    for (size_t i = 0; i < written->routes.n; i++)
        compile_route(compiler, &routes[i], &seen);
    add_shorthand(compiler, &seen);
    return true;
}
