/* Text → URL: what fetch() does with its first argument, and a browser with a Location. */
#include "corsd/browser/url.h"
#include "corsd/base/buf.h"
#include "corsd/http/target.h"

enum { URL_MAX = 64 * 1024 };

const char *url_fault_text(enum url_fault fault)
{
    switch (fault) {
    case URL_OK: return "a URL";
    case URL_NO_SCHEME: return "no scheme: write https://… or http://…";
    case URL_OTHER_SCHEME: return "CORS is about http:// and https:// URLs only";
    case URL_BAD_HOST: return "no valid host (names beyond ASCII are written as xn--…)";
    case URL_NO_MEMORY: return "too long";
    }
    return "";
}

static bool is_slash(char c)
{
    return c == '/' || c == '\\';
}

/* Without control characters and spaces around, line breaks and tabs within, and fragment. */
static bool clean(struct buf *out, struct str text)
{
    while (text.n && (unsigned char)text.p[0] <= ' ')
        text = str_from(text, 1);
    while (text.n && (unsigned char)text.p[text.n - 1] <= ' ')
        text.n--;
    text = str_head(text, str_find(text, '#'));
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] != '\t' && text.p[i] != '\n' && text.p[i] != '\r')
            buf_add_char(out, text.p[i]);
    return !out->failed;
}

/* "scheme:" off the start of *rest, or an empty str. */
static struct str cut_scheme(struct str *rest)
{
    size_t n = 0;
    while (n < rest->n && (ascii_is_alpha(rest->p[n]) ||
                           (n && (ascii_is_digit(rest->p[n]) || strchr("+-.", rest->p[n])))))
        n++;
    struct str scheme = {rest->p, n};
    if (!n || n >= rest->n || rest->p[n] != ':')
        return (struct str){0};
    *rest = str_from(*rest, n + 1);
    return scheme;
}

static struct str cut_authority(struct str *rest)
{
    size_t n = 0;
    while (rest->n && is_slash(rest->p[0]))
        *rest = str_from(*rest, 1);
    while (n < rest->n && !is_slash(rest->p[n]) && rest->p[n] != '?')
        n++;
    struct str authority = {rest->p, n};
    *rest = str_from(*rest, n);
    return authority;
}

static bool add_authority(struct buf *out, struct str scheme, struct str text)
{
    struct authority authority;
    uint16_t standard = str_eq(scheme, STR("https")) ? 443 : 80;
    struct str host = text.n && text.p[0] == '[' ? text : str_head(text, str_find(text, ':'));
    if (!authority_parse(text, &authority))
        return false;
    buf_add(out, authority_host(&authority));
    if (str_ends(host, STR("."))) /* significant in an origin */
        buf_add_char(out, '.');
    if (authority.has_port && authority.port != standard)
        buf_printf(out, ":%u", authority.port);
    return !out->failed;
}

/* URL Standard, "path percent-encode set" and "special-query percent-encode set". */
static void add_encoded(struct buf *out, struct str text, const char *set)
{
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        if (c <= 0x20 || c >= 0x7f || strchr(set, c))
            buf_printf(out, "%%%02X", c);
        else
            buf_add_char(out, (char)c);
    }
}

/* 1 for ".", 2 for "..", in any spelling with %2e; else 0. */
static int dots_of(struct str segment)
{
    int dots = 0;
    while (segment.n) {
        size_t n = segment.p[0] == '.'                                   ? 1
                   : str_eq_nocase(str_head(segment, 3), STR("%2e")) ? 3
                                                                     : 0;
        if (!n || ++dots > 2)
            return 0;
        segment = str_from(segment, n);
    }
    return dots;
}

/* Appends "/a/b" for the raw path; dot segments go. */
static void add_path(struct buf *out, struct str raw)
{
    size_t start = out->n;
    while (raw.n) {
        size_t n = 1;
        while (n < raw.n && !is_slash(raw.p[n]))
            n++;
        struct str segment = str_from(str_head(raw, n), 1);
        bool last = n == raw.n;
        int dots = dots_of(segment);
        if (dots == 2)
            out->n = start + str_rfind((struct str){out->p + start, out->n - start}, '/');
        if (!dots || last)
            buf_add_char(out, '/');
        if (!dots)
            add_encoded(out, segment, "\"#<>?^`{}");
        raw = str_from(raw, n);
    }
    if (out->n == start)
        buf_add_char(out, '/');
}

static void add_target(struct buf *out, struct str rest, const struct url *base)
{
    struct str path = str_head(rest, str_find(rest, '?')), query = str_from(rest, path.n);
    struct str under = base ? str_head(base->target, str_find(base->target, '?')) : STR("/");
    struct buf joined = BUF_INIT(URL_MAX);
    if (base && !rest.n)
        buf_add(out, base->target);
    else if (base && !path.n)
        buf_add(out, under);
    else {
        if (path.n && !is_slash(path.p[0]))
            buf_add(&joined, str_head(under, str_rfind(under, '/') + 1));
        buf_add(&joined, path);
        add_path(out, buf_str(&joined));
        out->failed |= joined.failed;
    }
    if (query.n)
        add_encoded(out, query, "\"#<>'");
    buf_finish(&joined);
}

/* Everything once the scheme is known: "//host/path", or without a host where base gives it. */
static enum url_fault finish(struct arena *arena, struct str scheme, struct str rest,
                             const struct url *base, struct url *out)
{
    struct buf href = BUF_INIT(URL_MAX);
    enum url_fault fault = URL_NO_MEMORY;
    struct url url = {.scheme = str_eq(scheme, STR("https")) ? STR("https") : STR("http")};
    buf_add(&href, url.scheme);
    buf_add(&href, STR("://"));
    if (base)
        buf_add(&href, base->authority);
    else {
        struct str authority = cut_authority(&rest);
        size_t at = str_rfind(authority, '@');
        url.has_user = at < authority.n && at > 0;
        if (!add_authority(&href, url.scheme,
                           at < authority.n ? str_from(authority, at + 1) : authority)) {
            fault = URL_BAD_HOST;
            goto out;
        }
    }
    size_t origin = href.n, scheme_end = url.scheme.n + 3;
    add_target(&href, rest, base);
    url.href = href.failed ? (struct str){0} : arena_copy(arena, buf_str(&href));
    if (!url.href.p)
        goto out;
    url.origin = str_head(url.href, origin);
    url.authority = str_from(url.origin, scheme_end);
    url.target = str_from(url.href, origin);
    *out = url;
    fault = URL_OK;
out:
    buf_finish(&href);
    return fault;
}

enum url_fault url_parse(struct arena *arena, struct str text, const struct url *base,
                         struct url *out)
{
    struct buf bytes = BUF_INIT(URL_MAX);
    enum url_fault fault = URL_NO_MEMORY;
    if (!clean(&bytes, text))
        goto out;
    struct str rest = buf_str(&bytes), scheme = cut_scheme(&rest);
    bool http = str_eq_nocase(scheme, STR("http")), https = str_eq_nocase(scheme, STR("https"));
    bool slashes = rest.n > 1 && is_slash(rest.p[0]) && is_slash(rest.p[1]);
    if (http || https)
        fault = finish(arena, https ? STR("https") : STR("http"), rest, NULL, out);
    else if (scheme.n)
        fault = URL_OTHER_SCHEME;
    else if (!base)
        fault = URL_NO_SCHEME;
    else
        fault = finish(arena, base->scheme, rest, slashes ? NULL : base, out);
out:
    buf_finish(&bytes);
    return fault;
}
