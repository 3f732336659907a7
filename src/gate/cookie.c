/* Set-Cookie: name=value; attribute; attribute=value … */
#include "corsd/gate/cookie.h"
#include "corsd/http/edit.h"

static bool is_attribute(struct str part, struct str name)
{
    struct str left = str_cut(&part, '=');
    return str_eq_nocase(str_trim(left), name);
}

/* Whether our word replaces this attribute. */
static bool is_ours(const struct policy_traits *traits, struct str part)
{
    if (traits->same_site != SAME_SITE_KEEP && is_attribute(part, STR("SameSite")))
        return true;
    if (traits->cookies_secure && is_attribute(part, STR("Secure")))
        return true;
    return traits->cookies_partitioned && is_attribute(part, STR("Partitioned"));
}

static void rewrite(struct buf *out, const struct policy_traits *traits, struct str value)
{
    static const struct str same_site[] = {
        [SAME_SITE_KEEP] = {NULL, 0},
        [SAME_SITE_NONE] = STR_INIT("; SameSite=None"),
        [SAME_SITE_LAX] = STR_INIT("; SameSite=Lax"),
        [SAME_SITE_STRICT] = STR_INIT("; SameSite=Strict"),
    };
    buf_add(out, STR("Set-Cookie: "));
    buf_add(out, str_trim(str_cut(&value, ';'))); /* name=value, whatever it holds */
    while (value.n) {
        struct str part = str_trim(str_cut(&value, ';'));
        if (!part.n || is_ours(traits, part))
            continue;
        buf_add(out, STR("; "));
        buf_add(out, part);
    }
    buf_add(out, same_site[traits->same_site]);
    if (traits->cookies_secure)
        buf_add(out, STR("; Secure"));
    if (traits->cookies_partitioned)
        buf_add(out, STR("; Partitioned"));
    buf_add(out, STR("\r\n"));
}

void gate_cookies(struct buf *out, const struct policy_traits *traits, struct head *head)
{
    struct field *field = head_field(head, FIELD_SET_COOKIE);
    if (traits->same_site == SAME_SITE_KEEP && !traits->cookies_secure &&
        !traits->cookies_partitioned)
        return;
    for (; field; field = head_next(head, field)) {
        field->dropped = true;
        rewrite(out, traits, field->value);
    }
}
