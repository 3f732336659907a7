/* Prefixes off and on again, hosts compared with the port that their scheme means. */
#include "corsd/gate/public.h"

/* --- the prefix ------------------------------------------------------------------------------- */

/* A byte of raw as it is read: %XX once. *size: how many bytes it takes. */
static char read_char(struct str raw, size_t at, size_t *size)
{
    int high = raw.p[at] == '%' && at + 2 < raw.n ? ascii_hex(raw.p[at + 1]) : -1;
    int low = high >= 0 ? ascii_hex(raw.p[at + 2]) : -1;
    *size = low >= 0 ? 3 : 1;
    if (low < 0)
        return raw.p[at];
    return (char)(high << 4 | low);
}

/* Length of the separator at `at`: encoded ones too, once or twice; 0: none. */
static size_t separator(struct str raw, size_t at)
{
    size_t size;
    if (at >= raw.n)
        return 0;
    char c = read_char(raw, at, &size);
    if (c == '%' && size == 3) { /* %252F */
        int high = at + 4 < raw.n ? ascii_hex(raw.p[at + 3]) : -1;
        int low = high >= 0 ? ascii_hex(raw.p[at + 4]) : -1;
        if (low < 0)
            return 0;
        c = (char)(high << 4 | low);
        size = 5;
    }
    return c == '/' || c == '\\' ? size : 0;
}

/* Length of the segment at `at` where it is "." or "..", parameters behind it included; 0: not so.
 */
static size_t dot_segment(struct str raw, size_t at)
{
    size_t from = at, size;
    unsigned dots = 0;
    while (at < raw.n && dots < 3 && read_char(raw, at, &size) == '.') {
        dots++;
        at += size;
    }
    if (!dots || dots > 2)
        return 0;
    if (at < raw.n && raw.p[at] == ';')
        while (at < raw.n && !separator(raw, at))
            at++;
    return at == raw.n || separator(raw, at) ? at - from : 0;
}

struct str public_strip(const struct route *route, struct str raw)
{
    size_t at = 0, size;
    struct str prefix = route->path.n > 1 ? route->path : STR("");
    for (size_t i = 0; i < prefix.n; i++, at += size)
        if (at >= raw.n || read_char(raw, at, &size) != prefix.p[i])
            return raw;
    while ((size = separator(raw, at)) || (size = dot_segment(raw, at)))
        at += size;
    return str_from(raw, at);
}

/* --- the address ------------------------------------------------------------------------------ */

static uint16_t port_of(const struct authority *authority, bool tls)
{
    return authority->has_port ? authority->port : tls ? 443 : 80;
}

static bool same(const struct authority *authority, bool tls, struct str text, bool text_tls)
{
    struct authority other;
    return authority_parse(text, &other) &&
           str_eq(authority_host(authority), authority_host(&other)) &&
           port_of(authority, tls) == port_of(&other, text_tls);
}

bool public_is_own(const struct decision *decision, const struct authority *authority,
                   struct str scheme)
{
    const struct upstream_spec *upstream = decision->route->upstream;
    bool spoken = upstream->servers->tls; /* all of them speak the same */
    bool tls = scheme.n ? str_eq_nocase(scheme, STR("https")) : spoken;
    if (upstream->host_mode == HOST_NAME && same(authority, tls, upstream->host_name, tls))
        return true;
    for (size_t i = 0; i < upstream->n_servers; i++)
        if (same(authority, tls, upstream->servers[i].authority, spoken))
            return true;
    return false;
}

bool public_is_kept(const struct decision *decision, const struct authority *authority)
{
    return decision->route->upstream->host_mode == HOST_KEEP && decision->host.size &&
           str_eq(authority_host(authority), authority_host(&decision->host)) &&
           authority->has_port == decision->host.has_port && authority->port == decision->host.port;
}

void public_add_host(struct buf *out, const struct decision *decision)
{
    if (decision->public_host.n) {
        buf_add(out, decision->public_host);
        return;
    }
    buf_add(out, authority_host(&decision->host));
    if (!decision->host.has_port)
        return;
    buf_add_char(out, ':');
    buf_add_u64(out, decision->host.port);
}

/* RFC 6265 §5.1.3: host is the domain, or ends in it behind a dot. */
static bool lies_in(struct str host, struct str domain)
{
    if (domain.n && domain.p[0] == '.')
        domain = str_from(domain, 1);
    if (!domain.n || host.n < domain.n)
        return false;
    struct str end = str_from(host, host.n - domain.n);
    return str_eq_nocase(end, domain) &&
           (host.n == domain.n || host.p[host.n - domain.n - 1] == '.');
}

bool public_is_inner(const struct decision *decision, struct str domain)
{
    const struct upstream_spec *upstream = decision->route->upstream;
    struct authority authority;
    if (decision->host.size && lies_in(authority_host(&decision->host), domain))
        return false;
    if (decision->public_host.n && authority_parse(decision->public_host, &authority) &&
        lies_in(authority_host(&authority), domain))
        return false;
    if (upstream->host_mode == HOST_NAME)
        return authority_parse(upstream->host_name, &authority) &&
               lies_in(authority_host(&authority), domain);
    for (size_t i = 0; i < upstream->n_servers; i++)
        if (lies_in(upstream->servers[i].host, domain))
            return true;
    return false;
}
