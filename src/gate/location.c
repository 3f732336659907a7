/* Location, Content-Location: a URL or a path. Refresh: seconds, and a URL behind "url=". */
#include "corsd/gate/location.h"
#include "corsd/gate/public.h"

/* A URL cut in three: what stands before the authority, the authority, the rest. */
struct url {
    struct str scheme;    /* empty: none, as in //host/path */
    struct str userinfo;  /* with its @ */
    struct str authority; /* empty: a path alone */
    struct str rest;      /* path, query, fragment */
};

static bool is_slash(char c)
{
    return c == '/' || c == '\\'; /* the URL Standard takes both for one */
}

/* Up to the first slash, ?, or #. */
static size_t authority_end(struct str text)
{
    size_t n = 0;
    while (n < text.n && !is_slash(text.p[n]) && text.p[n] != '?' && text.p[n] != '#')
        n++;
    return n;
}

/* False: relative to the page, or of a scheme that is not ours to judge. */
static bool cut_url(struct str text, struct url *out)
{
    size_t colon = str_find(text, ':');
    struct str behind = text;
    *out = (struct url){.rest = text};
    if (str_eq_nocase(str_head(text, colon), STR("http")) ||
        str_eq_nocase(str_head(text, colon), STR("https"))) {
        out->scheme = str_head(text, colon);
        behind = str_from(text, colon + 1);
        if (!str_starts(behind, STR("//")))
            return false;
    }
    if (!str_starts(behind, STR("//")))
        return text.n && text.p[0] == '/' && !(text.n > 1 && is_slash(text.p[1]));
    behind = str_from(behind, 2);
    struct str before = str_head(behind, authority_end(behind));
    size_t at = str_rfind(before, '@');
    out->rest = str_from(behind, before.n);
    out->userinfo = at < before.n ? str_head(before, at + 1) : (struct str){0};
    out->authority = str_from(before, out->userinfo.n);
    return out->authority.n > 0;
}

/* What the URL becomes; nothing is written and false returned where it stays as it is. */
static bool add_url(struct buf *out, const struct decision *decision, struct str text)
{
    struct url url;
    struct authority authority;
    struct str prefix = decision->route->prefix;
    if (!cut_url(text, &url))
        return false;
    if (!url.authority.n) {
        buf_add(out, prefix);
        buf_add(out, text);
        return prefix.n > 0;
    }
    if (!authority_parse(url.authority, &authority))
        return false;
    bool own = public_is_own(decision, &authority, url.scheme);
    bool public = decision->host.size || decision->public_host.n;
    if (!(own && public) && !(prefix.n && public_is_kept(decision, &authority)))
        return false;
    struct str scheme = !own ? url.scheme : decision->https ? STR("https") : STR("http");
    if (url.scheme.n) {
        buf_add(out, scheme);
        buf_add_char(out, ':');
    }
    buf_add(out, STR("//"));
    buf_add(out, url.userinfo);
    if (own)
        public_add_host(out, decision);
    else
        buf_add(out, url.authority);
    buf_add(out, prefix);
    buf_add(out, prefix.n && !(url.rest.n && is_slash(url.rest.p[0])) ? STR("/") : STR(""));
    buf_add(out, url.rest);
    return true;
}

/* "5; url=…", the URL bare or in quotes (HTML, "shared declarative refresh steps"). */
static bool add_refresh(struct buf *out, const struct decision *decision, struct str value)
{
    size_t at = 0;
    while (at < value.n && value.p[at] != ';' && value.p[at] != ',')
        at++;
    struct str rest = str_trim(str_from(value, at + 1));
    if (!str_eq_nocase(str_head(rest, 3), STR("url")))
        return false;
    rest = str_trim(str_from(rest, 3));
    if (!rest.n || rest.p[0] != '=')
        return false;
    rest = str_trim(str_from(rest, 1));
    bool quoted = rest.n && (rest.p[0] == '"' || rest.p[0] == '\'');
    struct str url = quoted ? str_from(rest, 1) : rest;
    size_t end = quoted ? str_find(url, rest.p[0]) : url.n;
    size_t before = out->n;
    buf_add(out, (struct str){value.p, (size_t)(url.p - value.p)});
    if (!add_url(out, decision, str_head(url, end))) {
        out->n = before;
        return false;
    }
    buf_add(out, str_from(url, end));
    return true;
}

static void rewrite(struct buf *out, const struct decision *decision, struct head *head,
                    enum field_id id,
                    bool (*add)(struct buf *, const struct decision *, struct str value))
{
    for (struct field *field = head_field(head, id); field; field = head_next(head, field)) {
        size_t before = out->n;
        if (field->dropped)
            continue;
        buf_add(out, field->name);
        buf_add(out, STR(": "));
        if (add(out, decision, field->value)) {
            buf_add(out, STR("\r\n"));
            field->dropped = true;
        } else if (!out->failed)
            out->n = before; /* it stays where it lies */
    }
}

void gate_location(struct buf *out, const struct decision *decision, struct head *head)
{
    if (!decision->route->rewrites_location)
        return;
    rewrite(out, decision, head, FIELD_LOCATION, add_url);
    rewrite(out, decision, head, FIELD_CONTENT_LOCATION, add_url);
    rewrite(out, decision, head, FIELD_REFRESH, add_refresh);
}
