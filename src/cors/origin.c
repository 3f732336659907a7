/* Reading an Origin header's value, strictly. */
#include "corsd/cors/origin.h"
#include "host.h"

/* What may stand in the host of a scheme that the URL Standard does not know: its "opaque host",
 * kept to the bytes of RFC 3986's reg-name less '*' and ',', which mean something else in lists of
 * origins. Case is kept: safari-web-extension:// has upper-case hosts. */
static bool is_opaque_byte(char c)
{
    return ascii_is_alpha(c) || ascii_is_digit(c) || (c && strchr("-._~!$&'()+;=%", c));
}

static bool is_http(struct str scheme)
{
    return str_eq(scheme, STR("https")) || str_eq(scheme, STR("http"));
}

uint16_t origin_default_port(struct str scheme)
{
    if (str_eq(scheme, STR("https")))
        return 443;
    return str_eq(scheme, STR("http")) ? 80 : 0;
}

static bool is_scheme(struct str text)
{
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        bool letter = c >= 'a' && c <= 'z';
        if (!letter && !(i && (ascii_is_digit(c) || c == '+' || c == '-' || c == '.')))
            return false;
    }
    return text.n > 0;
}

static bool is_opaque(struct str host)
{
    for (size_t i = 0; i < host.n; i++)
        if (!is_opaque_byte(host.p[i]))
            return false;
    return host.n > 0;
}

static bool read_port(struct str text, struct str scheme, uint16_t *out)
{
    uint64_t port;
    if (text.n > 5 || !str_to_u64(text, &port) || port > 65535 || text.p[0] == '0' ||
        port == origin_default_port(scheme))
        return false;
    *out = (uint16_t)port;
    return true;
}

/* Where the authority ends: what follows belongs to no origin. */
static size_t authority_length(struct str text)
{
    static const bool ends[256] = {
        ['/'] = true, ['?'] = true, ['#'] = true, ['@'] = true, ['\\'] = true,
        [' '] = true, ['\t'] = true, [','] = true,
    };
    size_t i = 0;
    while (i < text.n && !ends[(unsigned char)text.p[i]])
        i++;
    return i;
}

enum origin_fault origin_parse(struct str text, struct origin *out)
{
    size_t colon = str_find(text, ':');
    struct origin origin = {.scheme = str_head(text, colon)};
    struct str rest = str_from(text, colon);
    if (!str_starts(rest, STR("://")) || !is_scheme(origin.scheme))
        return ORIGIN_NO_SCHEME;
    rest = str_from(rest, 3);
    if (authority_length(rest) < rest.n)
        return ORIGIN_EXTRA;

    bool bracketed = rest.n && rest.p[0] == '[';
    size_t end = bracketed ? str_find(rest, ']') + 1 : str_find(rest, ':');
    origin.host = str_head(rest, end);
    bool valid;
    if (bracketed)
        valid = ipv6_check(origin.host);
    else if (is_http(origin.scheme))
        valid = host_check(origin.host) == HOST_OK;
    else
        valid = is_opaque(origin.host);
    if (!valid)
        return ORIGIN_BAD_HOST;

    rest = str_from(rest, end);
    if (rest.n && (rest.p[0] != ':' || !read_port(str_from(rest, 1), origin.scheme, &origin.port)))
        return ORIGIN_BAD_PORT;
    *out = origin;
    return ORIGIN_OK;
}
