/* Reading targets, authorities and paths. */
#include "corsd/http/target.h"
#include <arpa/inet.h>

static bool is_target_text(struct str text)
{
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] <= ' ' || text.p[i] >= 0x7f || text.p[i] == '#')
            return false;
    return text.n > 0;
}

static void split_query(struct str text, struct target *out)
{
    size_t at = str_find(text, '?');
    out->path = str_head(text, at);
    out->query = str_from(text, at);
}

bool target_parse(struct str text, struct target *out)
{
    struct target target = {.form = TARGET_ORIGIN};
    if (!is_target_text(text))
        return false;
    if (str_eq(text, STR("*"))) {
        target.form = TARGET_ASTERISK;
        target.path = text;
    } else if (text.p[0] == '/')
        split_query(text, &target);
    else {
        size_t colon = str_find(text, ':');
        struct str rest = str_from(text, colon);
        target.form = TARGET_ABSOLUTE;
        target.scheme = str_head(text, colon);
        if ((!str_eq_nocase(target.scheme, STR("http")) &&
             !str_eq_nocase(target.scheme, STR("https"))) ||
            !str_starts(rest, STR("://")))
            return false;
        rest = str_from(rest, 3);
        size_t end = 0;
        while (end < rest.n && rest.p[end] != '/' && rest.p[end] != '?')
            end++;
        target.authority = str_head(rest, end);
        split_query(str_from(rest, end), &target);
    }
    *out = target;
    return true;
}

static bool is_host_char(char c)
{
    return ascii_is_alpha(c) || ascii_is_digit(c) || c == '-' || c == '_';
}

static bool copy_name(struct str name, struct authority *out)
{
    size_t label = 0;
    if (name.n > 1 && name.p[name.n - 1] == '.')
        name.n--;
    for (size_t i = 0; i < name.n; i++) {
        bool dot = name.p[i] == '.';
        if (dot ? !label : !is_host_char(name.p[i]))
            return false;
        label = dot ? 0 : label + 1;
        out->bytes[i] = ascii_lower(name.p[i]);
    }
    out->size = (uint8_t)name.n;
    return label > 0;
}

/* RFC 3986 §3.2.2 IP-literal; written in the one form inet_ntop has, so that spellings are one. */
static bool copy_ipv6(struct str inside, struct authority *out)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr address;
    if (inside.n >= sizeof text)
        return false;
    memcpy(text, inside.p, inside.n);
    text[inside.n] = 0;
    if (strlen(text) != inside.n || inet_pton(AF_INET6, text, &address) != 1)
        return false;
    out->bytes[0] = '[';
    inet_ntop(AF_INET6, &address, out->bytes + 1, sizeof out->bytes - 2);
    out->size = (uint8_t)strlen(out->bytes);
    out->bytes[out->size++] = ']';
    return true;
}

bool authority_parse(struct str text, struct authority *out)
{
    uint64_t port;
    struct str host = text;
    size_t end = text.n && text.p[0] == '[' ? str_find(text, ']') : str_find(text, ':');
    bool v6 = text.n && text.p[0] == '[';
    if (v6 && end == text.n)
        return false;
    host.n = v6 ? end + 1 : end;
    struct str rest = str_from(text, host.n);
    if (!host.n || host.n > HOST_MAX)
        return false;
    out->has_port = rest.n > 1;
    out->port = 0;
    if (rest.n && rest.p[0] != ':')
        return false;
    if (out->has_port) {
        if (rest.n > 6 || !str_to_u64(str_from(rest, 1), &port) || port > 65535)
            return false;
        out->port = (uint16_t)port;
    }
    return v6 ? copy_ipv6((struct str){host.p + 1, host.n - 2}, out) : copy_name(host, out);
}

bool path_is_plain(struct str raw)
{
    char before = 0;
    for (size_t i = 0; i < raw.n; i++) {
        char c = raw.p[i];
        if (c == '%' || c == '\\' || c == ';' || (before == '/' && (c == '/' || c == '.')))
            return false;
        before = c;
    }
    return true;
}

/* --- readings: each step works in place on a path that only gets shorter ---------------------- */

/* Bytes that cannot stand in a path as they are (RFC 3986 §3.3, as the URL Standard encodes). */
static bool must_be_encoded(unsigned char c)
{
    return c <= 0x20 || c >= 0x7f || strchr("\"<>^`{|}#?", c);
}

/* Decodes %XX; where `only_odd`, just bytes that must be encoded. False on a malformed or NUL one.
 */
static bool decode(struct buf *path, size_t from, bool only_odd)
{
    size_t to = from;
    for (size_t i = from; i < path->n; i++) {
        char c = path->p[i];
        if (c == '%') {
            int high = i + 2 < path->n ? ascii_hex(path->p[i + 1]) : -1;
            int low = high >= 0 ? ascii_hex(path->p[i + 2]) : -1;
            if (low < 0 || !(high | low))
                return false;
            unsigned char decoded = (unsigned char)(high << 4 | low);
            if (!only_odd || must_be_encoded(decoded)) {
                c = (char)decoded;
                i += 2;
            }
        }
        path->p[to++] = c;
    }
    path->n = to;
    return true;
}

/* What was decoded once may hold a percent sign that starts nothing: then it is read once. */
static void decode_again(struct buf *path, size_t from)
{
    size_t to = from;
    for (size_t i = from; i < path->n; i++) {
        int high = path->p[i] == '%' && i + 2 < path->n ? ascii_hex(path->p[i + 1]) : -1;
        int low = high >= 0 ? ascii_hex(path->p[i + 2]) : -1;
        if (low >= 0) {
            path->p[to++] = (char)(high << 4 | low);
            i += 2;
        } else
            path->p[to++] = path->p[i];
    }
    path->n = to;
}

static void backslashes(struct buf *path, size_t from)
{
    for (size_t i = from; i < path->n; i++)
        if (path->p[i] == '\\')
            path->p[i] = '/';
}

static void cut_params(struct buf *path, size_t from)
{
    size_t to = from;
    bool cutting = false;
    for (size_t i = from; i < path->n; i++) {
        if (path->p[i] == '/')
            cutting = false;
        else if (path->p[i] == ';')
            cutting = true;
        if (!cutting)
            path->p[to++] = path->p[i];
    }
    path->n = to;
}

static void merge_slashes(struct buf *path, size_t from)
{
    size_t to = from;
    for (size_t i = from; i < path->n; i++)
        if (path->p[i] != '/' || to == from || path->p[to - 1] != '/')
            path->p[to++] = path->p[i];
    path->n = to;
}

static void fold(struct buf *path, size_t from)
{
    for (size_t i = from; i < path->n; i++)
        path->p[i] = ascii_lower(path->p[i]);
}

/* RFC 3986 §5.2.4, on a path that starts with `/`. */
static void remove_dots(struct buf *path, size_t from)
{
    size_t to = from, i = from;
    while (i < path->n) {
        size_t end = i + 1; /* of the segment that begins behind the slash at i */
        while (end < path->n && path->p[end] != '/')
            end++;
        struct str segment = {path->p + i + 1, end - i - 1};
        bool last = end == path->n;
        if (str_eq(segment, STR("..")))
            while (to > from && path->p[--to] != '/')
                ;
        else if (!str_eq(segment, STR("."))) {
            memmove(path->p + to, path->p + i, end - i);
            to += end - i;
            last = false;
        }
        if (last)
            path->p[to++] = '/'; /* a final dot segment leaves its slash */
        i = end;
    }
    path->n = to;
}

bool path_read(unsigned steps, struct str raw, struct buf *out)
{
    size_t from = out->n;
    if (!buf_reserve(out, raw.n + 1))
        return false;
    if (!raw.n || raw.p[0] != '/')
        buf_add_char(out, '/'); /* an absolute form without a path (RFC 9110 §4.2.3), or `*` */
    buf_add(out, raw);
    if (steps & PATH_CUT_FIRST)
        cut_params(out, from);
    if (!decode(out, from, steps & PATH_RAW))
        return false;
    if (steps & PATH_DECODE_TWICE)
        decode_again(out, from);
    if (steps & PATH_BACKSLASH)
        backslashes(out, from);
    if (steps & PATH_CUT)
        cut_params(out, from);
    if (steps & PATH_MERGE)
        merge_slashes(out, from);
    if (!(steps & PATH_RAW))
        remove_dots(out, from);
    if (steps & PATH_MERGE)
        merge_slashes(out, from); /* a removed segment may have left two */
    if (steps & PATH_FOLD)
        fold(out, from);
    while (out->n > from + 1 && out->p[out->n - 1] == '/')
        out->n--;
    return !memchr(out->p + from, 0, out->n - from);
}
