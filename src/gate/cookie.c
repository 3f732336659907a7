/* Set-Cookie: name=value; attribute; attribute=value … */
#include "corsd/gate/cookie.h"
#include "corsd/gate/public.h"
#include "corsd/http/edit.h"

/* What becomes of a cookie: the policy's attributes, the route's prefix and the public host. */
struct change {
    const struct policy_traits *traits; /* NULL: the policy says nothing */
    const struct decision *decision;
    struct str prefix;  /* put before Path; empty: nothing */
    bool renamed;       /* the backend knows the host by another name */
};

static bool is_attribute(struct str part, struct str name)
{
    struct str left = str_cut(&part, '=');
    return str_eq_nocase(str_trim(left), name);
}

/* Whether our word replaces this attribute. */
static bool is_ours(const struct policy_traits *traits, struct str part)
{
    if (!traits)
        return false;
    if (traits->same_site != SAME_SITE_KEEP && is_attribute(part, STR("SameSite")))
        return true;
    if (traits->cookies_secure && is_attribute(part, STR("Secure")))
        return true;
    return traits->cookies_partitioned && is_attribute(part, STR("Partitioned"));
}

static struct str value_of(struct str part)
{
    str_cut(&part, '=');
    return str_trim(part);
}

/* A Domain that only the backend's own name lies in would make the browser drop the cookie: without
 * one it belongs to the public host. */
static bool is_inner_domain(const struct change *change, struct str part)
{
    if (!change->renamed || !is_attribute(part, STR("Domain")))
        return false;
    return public_is_inner(change->decision, value_of(part));
}

/* RFC 6265 §5.2.4: a Path that does not begin with a slash counts as none. */
static bool is_inner_path(const struct change *change, struct str name, struct str part)
{
    struct str path = value_of(part);
    bool host_prefix = str_eq_nocase(str_head(name, 7), STR("__Host-")); /* must keep its Path=/ */
    return change->prefix.n && is_attribute(part, STR("Path")) && path.n && path.p[0] == '/' &&
           !host_prefix;
}

static void add_path(struct buf *out, const struct change *change, struct str path)
{
    buf_add(out, STR("; Path="));
    buf_add(out, change->prefix);
    buf_add(out, path.n > 1 ? path : STR("")); /* /app covers /app and all below */
}

static void add_traits(struct buf *out, const struct policy_traits *traits)
{
    static const struct str same_site[] = {
        [SAME_SITE_KEEP] = {NULL, 0},
        [SAME_SITE_NONE] = STR_INIT("; SameSite=None"),
        [SAME_SITE_LAX] = STR_INIT("; SameSite=Lax"),
        [SAME_SITE_STRICT] = STR_INIT("; SameSite=Strict"),
    };
    buf_add(out, same_site[traits->same_site]);
    if (traits->cookies_secure)
        buf_add(out, STR("; Secure"));
    if (traits->cookies_partitioned)
        buf_add(out, STR("; Partitioned"));
}

static void rewrite(struct buf *out, const struct change *change, struct str value)
{
    struct str name = str_trim(str_cut(&value, ';')); /* name=value, whatever it holds */
    buf_add(out, STR("Set-Cookie: "));
    buf_add(out, name);
    while (value.n) {
        struct str part = str_trim(str_cut(&value, ';'));
        if (!part.n || is_ours(change->traits, part) || is_inner_domain(change, part))
            continue;
        if (is_inner_path(change, name, part)) {
            add_path(out, change, value_of(part));
            continue;
        }
        buf_add(out, STR("; "));
        buf_add(out, part);
    }
    if (change->traits)
        add_traits(out, change->traits);
    buf_add(out, STR("\r\n"));
}

static bool says_something(const struct policy_traits *traits)
{
    return traits->same_site != SAME_SITE_KEEP || traits->cookies_secure ||
           traits->cookies_partitioned;
}

void gate_cookies(struct buf *out, const struct policy_traits *traits,
                  const struct decision *decision, struct head *head)
{
    const struct upstream_spec *upstream = decision->route->upstream;
    struct change change = {
        .traits = traits && says_something(traits) ? traits : NULL,
        .decision = decision,
        .prefix = decision->route->prefix,
        .renamed = upstream->host_mode != HOST_KEEP,
    };
    if (!change.traits && !change.prefix.n && !change.renamed)
        return;
    for (struct field *field = head_field(head, FIELD_SET_COOKIE); field;
         field = head_next(head, field)) {
        if (field->dropped)
            continue;
        field->dropped = true;
        rewrite(out, &change, field->value);
    }
}
