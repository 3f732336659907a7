/* Reading an item of allow_origins: normalised where its meaning is plain, refused with help where
 * it is not. */
#include "corsd/cors/pattern.h"
#include <stdarg.h>
#include <stdio.h>
#include <idn2.h>
#include "corsd/cors/origin.h"
#include "host.h"

enum { HOST_TEXT = HOST_MAX + 2, QUOTED_MAX = 120 };

static const char *const messages[PATTERN_FAULT_COUNT] = {
#define PATTERN_FAULT(id, message) [PATTERN_##id] = message,
    PATTERN_FAULTS(PATTERN_FAULT)
#undef PATTERN_FAULT
};

/* The item cut in its pieces, as written. */
struct pieces {
    struct str whole;
    char scheme_bytes[32];
    struct str scheme; /* lower case; longer ones stay as written */
    struct str userinfo, host, port, tail;
    bool has_userinfo, has_port;
};

/* --- saying what is wrong --------------------------------------------------------------------- */

/* The text in quotes, cut where it is long, with '?' for what a terminal would act on. */
static void quote(struct str text, char out[QUOTED_MAX])
{
    size_t n = text.n < QUOTED_MAX - 6 ? text.n : QUOTED_MAX - 6;
    char *at = out;
    *at++ = '"';
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        *at++ = c < 0x20 || c == 0x7f ? '?' : (char)c;
    }
    if (n < text.n) {
        memcpy(at, "...", 3);
        at += 3;
    }
    *at++ = '"';
    *at = 0;
}

__attribute__((format(printf, 4, 5))) static enum pattern_fault fail(
    struct pattern_problem *problem, enum pattern_fault fault, struct str item, const char *hint,
    ...)
{
    char quoted[QUOTED_MAX];
    va_list args;
    if (!problem)
        return fault;
    quote(item, quoted);
    problem->fault = fault;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(problem->message, sizeof problem->message, messages[fault], quoted);
#pragma GCC diagnostic pop
    va_start(args, hint);
    vsnprintf(problem->hint, sizeof problem->hint, hint, args);
    va_end(args);
    return fault;
}

/* Fails with "LEAD: write https://a.example" (and TRAIL): the pieces that make an origin, under the
 * given scheme, if they do. */
static enum pattern_fault fail_suggesting(struct pattern_problem *problem, enum pattern_fault fault,
                                          const struct pieces *pieces, const char *scheme,
                                          const char *lead, const char *trail)
{
    char text[PATTERN_INPUT_MAX + 16];
    struct pattern better;
    if (!problem)
        return fault;
    int n = snprintf(text, sizeof text, "%s://%.*s%s%.*s", scheme, STR_ARG(pieces->host),
                     pieces->has_port ? ":" : "", STR_ARG(pieces->port));
    if (n > 0 && (size_t)n < sizeof text &&
        pattern_parse((struct str){text, (size_t)n}, &better, NULL) == PATTERN_OK)
        return fail(problem, fault, pieces->whole, "%s%swrite %.*s%s", lead, *lead ? ": " : "",
                    STR_ARG(better.text), trail);
    return fail(problem, fault, pieces->whole,
                "%s%swrite an origin such as https://app.example.com%s", lead, *lead ? ": " : "",
                trail);
}

/* --- cutting ---------------------------------------------------------------------------------- */

static struct str trim(struct str text)
{
    while (text.n && strchr(" \t\r\n\f", text.p[0]) && text.p[0])
        text = str_from(text, 1);
    while (text.n && strchr(" \t\r\n\f", text.p[text.n - 1]) && text.p[text.n - 1])
        text.n--;
    return text;
}

/* Length of the scheme at the start of text, without its colon; 0 where there is none. */
static size_t scheme_length(struct str text)
{
    size_t i = 0;
    while (i < text.n && (ascii_is_alpha(text.p[i]) || (i && ascii_is_digit(text.p[i])) ||
                          (i && memchr("+-.", text.p[i], 3))))
        i++;
    return i < text.n && text.p[i] == ':' ? i : 0;
}

static void cut_authority(struct pieces *pieces, struct str rest)
{
    size_t end = 0;
    while (end < rest.n && !memchr("/?#\\", rest.p[end], 4))
        end++;
    pieces->tail = str_from(rest, end);
    rest.n = end;

    size_t at = str_rfind(rest, '@');
    if (at < rest.n) {
        pieces->has_userinfo = true;
        pieces->userinfo = str_head(rest, at);
        rest = str_from(rest, at + 1);
    }
    size_t colon = str_rfind(rest, ':'), bracket = str_rfind(rest, ']');
    if (colon < rest.n && (bracket == rest.n || bracket < colon)) {
        pieces->has_port = true;
        pieces->port = str_from(rest, colon + 1);
        rest.n = colon;
    }
    pieces->host = rest;
}

static const char *plain_scheme(struct str host)
{
    size_t colon = str_find(host, ':');
    return host_is_loopback(str_head(host, colon)) ? "http" : "https";
}

/* --- hosts ------------------------------------------------------------------------------------ */

static bool is_plain_ascii(struct str host)
{
    for (size_t i = 0; i < host.n; i++)
        if ((unsigned char)host.p[i] >= 0x80)
            return false;
    return true;
}

static bool has_alabel(struct str host)
{
    for (size_t i = 0; i + 4 <= host.n; i++)
        if ((!i || host.p[i - 1] == '.') &&
            str_eq_nocase(str_head(str_from(host, i), 4), STR("xn--")))
            return true;
    return false;
}

static bool percent_decode(struct str text, char *out, size_t max, size_t *n)
{
    *n = 0;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (c == '%' && i + 2 < text.n && ascii_hex(text.p[i + 1]) >= 0 &&
            ascii_hex(text.p[i + 2]) >= 0) {
            c = (char)(ascii_hex(text.p[i + 1]) << 4 | ascii_hex(text.p[i + 2]));
            i += 2;
        }
        if (!c || *n + 1 >= max)
            return false;
        out[(*n)++] = c;
    }
    out[*n] = 0;
    return true;
}

/* Why a host is refused: a word for the hint; NULL where it is fine. */
struct host_result {
    enum pattern_fault fault;
    const char *why;
};

static struct host_result copy_host(struct str host, char out[HOST_TEXT], size_t *n)
{
    if (host.n >= HOST_TEXT)
        return (struct host_result){PATTERN_HOST, "a host has at most 253 bytes"};
    memcpy(out, host.p, host.n);
    *n = host.n;
    return (struct host_result){PATTERN_OK, NULL};
}

static struct host_result to_ascii(struct str decoded, char out[HOST_TEXT], size_t *n)
{
    char *ascii = NULL;
    int rc = idn2_to_ascii_8z(decoded.p, &ascii, IDN2_NONTRANSITIONAL);
    if (rc == IDN2_MALLOC)
        return (struct host_result){PATTERN_NO_MEMORY, ""};
    /* IDNA2008 disallows what UTS #46 and so browsers take: emoji. Where it is encoded already,
     * nothing is left to map. */
    if (rc == IDN2_DISALLOWED && is_plain_ascii(decoded))
        return copy_host(decoded, out, n);
    if (rc == IDN2_DISALLOWED)
        return (struct host_result){PATTERN_HOST, "it has a character that IDNA2008 does not take: "
                                                  "if browsers do, write its ASCII form, xn--..."};
    if (rc != IDN2_OK)
        return (struct host_result){PATTERN_HOST, idn2_strerror(rc)};
    struct host_result result = copy_host(str_of(ascii), out, n);
    idn2_free(ascii);
    return result;
}

static struct host_result check_domain(struct str host)
{
    switch (host_check(host)) {
    case HOST_OK: return (struct host_result){PATTERN_OK, NULL};
    case HOST_EMPTY: return (struct host_result){PATTERN_NO_HOST, ""};
    case HOST_EMPTY_LABEL:
        return (struct host_result){PATTERN_HOST, "between two dots something must stand"};
    case HOST_LONG_LABEL: return (struct host_result){PATTERN_HOST, "a label has at most 63 bytes"};
    case HOST_LONG: return (struct host_result){PATTERN_HOST, "a host has at most 253 bytes"};
    case HOST_NUMBER: return (struct host_result){PATTERN_NUMBER, ""};
    case HOST_BYTE: break;
    }
    return (struct host_result){PATTERN_HOST, "labels hold letters, digits, - and _"};
}

static struct host_result normal_ipv6(struct str raw, char out[HOST_TEXT], size_t *n)
{
    uint16_t address[8];
    char text[IPV6_TEXT];
    if (raw.n < 2 || raw.p[raw.n - 1] != ']' ||
        !ipv6_parse((struct str){raw.p + 1, raw.n - 2}, address))
        return (struct host_result){PATTERN_IPV6, ""};
    struct str inner = ipv6_write(address, text);
    *n = (size_t)snprintf(out, HOST_TEXT, "[%.*s]", STR_ARG(inner));
    return (struct host_result){PATTERN_OK, NULL};
}

/* The URL Standard's host parser for http and https, less the names that it takes and no resolver
 * does. */
static struct host_result normal_host(struct str raw, char out[HOST_TEXT], size_t *n)
{
    char decoded[PATTERN_INPUT_MAX + 1];
    size_t length;
    uint32_t address;
    if (raw.n && raw.p[0] == '[')
        return normal_ipv6(raw, out, n);
    if (str_find(raw, ':') < raw.n)
        return (struct host_result){PATTERN_IPV6, ""};
    if (!percent_decode(raw, decoded, sizeof decoded, &length))
        return (struct host_result){PATTERN_HOST, "labels hold letters, digits, - and _"};
    struct str host = {decoded, length};
    struct host_result result = !is_plain_ascii(host) || has_alabel(host) ? to_ascii(host, out, n)
                                                                          : copy_host(host, out, n);
    if (result.fault != PATTERN_OK)
        return result;
    for (size_t i = 0; i < *n; i++)
        out[i] = ascii_lower(out[i]);
    host = (struct str){out, *n};
    if (host_ends_in_number(host)) {
        if (!ipv4_parse(host, &address))
            return (struct host_result){PATTERN_NUMBER, ""};
        *n = ipv4_write(address, out).n;
    }
    return check_domain((struct str){out, *n});
}

static enum pattern_fault fail_host(struct pattern_problem *problem, const struct pieces *pieces,
                                    struct host_result result)
{
    switch (result.fault) {
    case PATTERN_NO_HOST:
        return fail(problem, PATTERN_NO_HOST, pieces->whole,
                    "write an origin such as https://app.example.com");
    case PATTERN_NUMBER:
        return fail(problem, PATTERN_NUMBER, pieces->whole,
                    "write four numbers from 0 to 255, such as http://192.168.1.20");
    case PATTERN_IPV6:
        return fail(problem, PATTERN_IPV6, pieces->whole,
                    "write it in brackets, such as http://[::1]:3000");
    default: return fail(problem, result.fault, pieces->whole, "%s", result.why);
    }
}

/* --- the parts of a pattern ------------------------------------------------------------------- */

static struct str append(struct pattern *pattern, struct str bytes)
{
    struct str kept = {pattern->bytes + pattern->text.n, bytes.n};
    if (bytes.n)
        memcpy(pattern->bytes + pattern->text.n, bytes.p, bytes.n);
    pattern->text.n += bytes.n;
    return kept;
}

static void append_scheme(struct pattern *pattern, struct str scheme)
{
    pattern->text = (struct str){pattern->bytes, 0};
    pattern->scheme = append(pattern, scheme);
    append(pattern, STR("://"));
}

static void append_port(struct pattern *pattern)
{
    char text[8];
    if (pattern->any_port)
        append(pattern, STR(":*"));
    else if (pattern->port) {
        int n = snprintf(text, sizeof text, ":%u", pattern->port);
        append(pattern, (struct str){text, (size_t)n});
    }
}

static enum pattern_fault read_port(const struct pieces *pieces, struct pattern *pattern,
                                    struct pattern_problem *problem)
{
    uint64_t port;
    pattern->port = 0;
    pattern->any_port = false;
    if (!pieces->has_port)
        return PATTERN_OK;
    if (str_eq(pieces->port, STR("*"))) {
        pattern->any_port = true;
        return PATTERN_OK;
    }
    if (str_find(pieces->port, '*') < pieces->port.n)
        return fail(problem, PATTERN_WILD_PORT, pieces->whole,
                    "a port is one number, or :* for any port or none");
    if (!str_to_u64(pieces->port, &port) || !port || port > 65535)
        return fail(problem, PATTERN_PORT, pieces->whole,
                    "a port is a number from 1 to 65535, or * for any port or none");
    pattern->port = port == origin_default_port(pieces->scheme) ? 0 : (uint16_t)port;
    return PATTERN_OK;
}

static enum pattern_fault read_exact(const struct pieces *pieces, struct pattern *pattern,
                                     struct pattern_problem *problem)
{
    char host[HOST_TEXT];
    size_t n = 0;
    struct host_result result = normal_host(pieces->host, host, &n);
    if (result.fault != PATTERN_OK)
        return fail_host(problem, pieces, result);
    append_scheme(pattern, pieces->scheme);
    pattern->host = append(pattern, (struct str){host, n});
    append_port(pattern);
    pattern->kind = pattern->any_port ? PATTERN_ANY_PORT : PATTERN_EXACT;
    return PATTERN_OK;
}

/* 192.168.1.* */
static bool looks_like_address(struct str host)
{
    bool digit = false, dot = false;
    for (size_t i = 0; i < host.n; i++) {
        digit = digit || ascii_is_digit(host.p[i]);
        dot = dot || host.p[i] == '.';
        if (!ascii_is_digit(host.p[i]) && host.p[i] != '.' && host.p[i] != '*')
            return false;
    }
    return digit && dot;
}

/* Where a * must not stand, before anything else is asked about the host. */
static enum pattern_fault check_star(const struct pieces *pieces, struct pattern_problem *problem)
{
    struct str host = pieces->host;
    size_t dot = str_find(host, '.'), star = str_find(host, '*');
    if (host.p[0] == '[' || looks_like_address(host))
        return fail(problem, PATTERN_WILD_ADDRESS, pieces->whole,
                    "list each address, or use a name: * stands for labels of names only");
    if (str_rfind(host, '*') != star)
        return fail(problem, PATTERN_WILD_TWICE, pieces->whole,
                    "one * stands for one label or more: https://*.example.com matches "
                    "https://a.b.example.com too");
    if (dot + 1 >= host.n)
        return fail(problem, PATTERN_WILD_ALONE, pieces->whole,
                    "write \"*\" alone to allow every origin, or a domain behind it: "
                    "https://*.example.com");
    if (star > dot)
        return fail(problem, PATTERN_WILD_PLACE, pieces->whole,
                    "* goes first in the host, such as https://*.example.com");
    return PATTERN_OK;
}

static enum pattern_fault check_part(const struct pieces *pieces, struct str head, struct str tail,
                                     struct pattern_problem *problem)
{
    struct str label = str_head(pieces->host, head.n + 1 + tail.n);
    if (!is_plain_ascii(label) || has_alabel(label))
        return fail(problem, PATTERN_WILD_IDNA, pieces->whole,
                    "a name beyond ASCII is encoded as a whole label: list each such name");
    if ((head.n && head.p[head.n - 1] != '-') || (tail.n && tail.p[0] != '-'))
        return fail(problem, PATTERN_WILD_PART, pieces->whole,
                    "write * as a whole label (https://*.example.com) or beside a - "
                    "(https://pr-*.example.com)");
    for (size_t i = 0; i < label.n; i++) {
        char c = ascii_lower(label.p[i]);
        if (c != '*' && c != '-' && c != '_' && !ascii_is_digit(c) && !ascii_is_alpha(c))
            return fail(problem, PATTERN_HOST, pieces->whole,
                        "labels hold letters, digits, - and _");
    }
    if (label.n > LABEL_MAX)
        return fail(problem, PATTERN_HOST, pieces->whole, "a label has at most 63 bytes");
    return PATTERN_OK;
}

static struct str append_lower(struct pattern *pattern, struct str text)
{
    size_t from = pattern->text.n;
    struct str kept = append(pattern, text);
    for (size_t i = 0; i < text.n; i++)
        pattern->bytes[from + i] = ascii_lower(pattern->bytes[from + i]);
    return kept;
}

static enum pattern_fault read_wildcard(const struct pieces *pieces, struct pattern *pattern,
                                        struct pattern_problem *problem)
{
    char domain[HOST_TEXT];
    size_t n = 0;
    enum pattern_fault fault = check_star(pieces, problem);
    if (fault != PATTERN_OK)
        return fault;
    size_t dot = str_find(pieces->host, '.'), star = str_find(pieces->host, '*');
    struct str head = str_head(pieces->host, star);
    struct str tail = str_from(str_head(pieces->host, dot), star + 1);
    fault = check_part(pieces, head, tail, problem);
    if (fault != PATTERN_OK)
        return fault;
    struct host_result result = normal_host(str_from(pieces->host, dot + 1), domain, &n);
    if (result.fault == PATTERN_OK && host_ends_in_number((struct str){domain, n}))
        return fail(problem, PATTERN_WILD_ADDRESS, pieces->whole,
                    "list each address, or use a name: * stands for labels of names only");
    if (result.fault == PATTERN_OK && head.n + 2 + tail.n + n > HOST_MAX)
        result = (struct host_result){PATTERN_HOST, "a host has at most 253 bytes"};
    if (result.fault != PATTERN_OK)
        return fail_host(problem, pieces, result);

    append_scheme(pattern, pieces->scheme);
    pattern->head = append_lower(pattern, head);
    append(pattern, STR("*"));
    pattern->tail = append_lower(pattern, tail);
    append(pattern, STR("."));
    pattern->host = append(pattern, (struct str){domain, n});
    append_port(pattern);
    pattern->kind = head.n || tail.n ? PATTERN_PART : PATTERN_LABELS;
    return PATTERN_OK;
}

/* Schemes that the URL Standard does not know: what a browser sends, and nothing to normalise. */
static enum pattern_fault read_other(const struct pieces *pieces, struct pattern *pattern,
                                     struct pattern_problem *problem)
{
    struct origin origin;
    if (str_find(pieces->host, '*') < pieces->host.n || pattern->any_port)
        return fail(problem, PATTERN_WILD_OTHER_SCHEME, pieces->whole,
                    "list each origin of %.*s:// exactly", STR_ARG(pieces->scheme));
    if (pieces->scheme.n + pieces->host.n + 16 > PATTERN_TEXT_MAX)
        return fail(problem, PATTERN_TOO_LONG, pieces->whole, "it has at most %d bytes",
                    PATTERN_TEXT_MAX - 16);
    append_scheme(pattern, pieces->scheme);
    pattern->host = append(pattern, pieces->host);
    append_port(pattern);
    pattern->kind = PATTERN_EXACT;
    if (origin_parse(pattern->text, &origin) == ORIGIN_OK)
        return PATTERN_OK;
    return fail_host(problem, pieces,
                     (struct host_result){pieces->host.n ? PATTERN_HOST : PATTERN_NO_HOST,
                                          "it holds a character that stands in no origin"});
}

/* --- what is no origin at all ----------------------------------------------------------------- */

static bool holds(struct str text, const char *part)
{
    return memmem(text.p, text.n, part, strlen(part)) != NULL;
}

static bool looks_like_regex(struct str text)
{
    static const char *const signs[] = {
        "\\.", "\\d", "\\w", "\\-", "\\/", "://.*", ".+", "(?", "(.*", "|", "[a-z", "[0-9", "[^",
    };
    if (text.p[0] == '^' || text.p[0] == '~' || text.p[text.n - 1] == '$')
        return true;
    for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++)
        if (holds(text, signs[i]))
            return true;
    return false;
}

static bool has_no_origin(struct str scheme)
{
    static const struct str schemes[] = {
        STR_INIT("file"), STR_INIT("data"), STR_INIT("javascript"),
        STR_INIT("blob"), STR_INIT("about"), STR_INIT("filesystem"),
    };
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++)
        if (str_eq_nocase(scheme, schemes[i]))
            return true;
    return false;
}

/* A separator before any path, or with another origin behind it. */
static bool holds_several(struct str text)
{
    size_t i = 0;
    while (i < text.n && !memchr(" \t\r\n,;", text.p[i], 6))
        i++;
    struct str before = str_head(text, i);
    size_t slashes = str_find(before, '/') + 2;
    return i < text.n && (holds(str_from(text, i), "://") ||
                          str_find(str_from(before, slashes), '/') + slashes >= before.n);
}

static enum pattern_fault fail_no_scheme(struct pattern_problem *problem, struct pieces *pieces)
{
    struct str text = pieces->whole;
    while (text.n && (text.p[0] == '/' || text.p[0] == ':'))
        text = str_from(text, 1);
    cut_authority(pieces, text);
    return fail_suggesting(problem, PATTERN_NO_SCHEME, pieces, plain_scheme(pieces->host), "", "");
}

static enum pattern_fault check_shape(struct pieces *pieces, struct pattern_problem *problem)
{
    struct str text = pieces->whole;
    size_t n = scheme_length(text), colon = str_find(text, ':');
    struct str scheme = str_head(text, n), rest = str_from(text, n + 1);
    if (str_eq_nocase(text, STR("null")))
        return fail(problem, PATTERN_NULL_CASE, text, "write \"null\" in lower case");
    if (n && has_no_origin(scheme))
        return fail(problem, PATTERN_NO_ORIGIN, (struct str){text.p, n + 1},
                    "browsers send \"null\" for them, and for every sandboxed frame: list \"null\" "
                    "only where any page may read the answers");
    if (holds_several(text))
        return fail(problem, PATTERN_SEVERAL, text,
                    "write each origin as an item of the list, without spaces and commas");
    if (looks_like_regex(text))
        return fail(problem, PATTERN_REGEX, text,
                    "origins are no regular expressions: write each of them, or "
                    "https://*.example.com for every name under a domain");
    if (str_find(text, '*') < colon && str_starts(str_from(text, colon), STR("://")))
        return fail(problem, PATTERN_WILD_SCHEME, text,
                    "list the origin once for https:// and, where needed, once for http://");
    if (n && !str_starts(rest, STR("//")) &&
        (str_eq_nocase(scheme, STR("https")) || str_eq_nocase(scheme, STR("http")))) {
        while (rest.n && rest.p[0] == '/')
            rest = str_from(rest, 1);
        cut_authority(pieces, rest);
        return fail_suggesting(problem, PATTERN_NO_SLASHES, pieces,
                               scheme.n == 5 ? "https" : "http", "", "");
    }
    if (!n || !str_starts(rest, STR("//")))
        return fail_no_scheme(problem, pieces);

    pieces->scheme = scheme;
    if (n <= sizeof pieces->scheme_bytes) {
        for (size_t i = 0; i < n; i++)
            pieces->scheme_bytes[i] = ascii_lower(scheme.p[i]);
        pieces->scheme.p = pieces->scheme_bytes;
    }
    cut_authority(pieces, str_from(rest, 2));
    return PATTERN_OK;
}

/* What stands around scheme, host and port. */
static enum pattern_fault check_extras(const struct pieces *pieces, struct pattern_problem *problem)
{
    char scheme[sizeof pieces->scheme_bytes + 1] = "https";
    struct str tail = pieces->tail;
    if (str_eq(pieces->scheme, STR("ws")) || str_eq(pieces->scheme, STR("wss")))
        return fail_suggesting(problem, PATTERN_WEBSOCKET, pieces, "https", "",
                               ", since an Origin is the page's");
    if (pieces->scheme.n < sizeof scheme)
        snprintf(scheme, sizeof scheme, "%.*s", STR_ARG(pieces->scheme));
    if (!pieces->host.n)
        return fail_host(problem, pieces, (struct host_result){PATTERN_NO_HOST, ""});
    if (pieces->has_userinfo)
        return fail_suggesting(problem, PATTERN_USERINFO, pieces, scheme, "an origin has none", "");
    if (!tail.n)
        return PATTERN_OK;
    if (tail.p[0] == '?')
        return fail_suggesting(problem, PATTERN_QUERY, pieces, scheme, "an origin has no query",
                               "");
    if (tail.p[0] == '#')
        return fail_suggesting(problem, PATTERN_FRAGMENT, pieces, scheme,
                               "an origin has no fragment", "");
    return fail_suggesting(problem, tail.n == 1 ? PATTERN_SLASH : PATTERN_PATH, pieces, scheme,
                           "an origin has no path", "");
}

/* Most items, and nearly all lines of a long file, are already what a browser sends. */
static bool read_as_sent(struct str text, struct pattern *pattern)
{
    struct origin origin;
    if (text.n > PATTERN_TEXT_MAX || origin_parse(text, &origin) != ORIGIN_OK ||
        !origin_default_port(origin.scheme) || has_alabel(origin.host))
        return false;
    *pattern =
        (struct pattern){.kind = PATTERN_EXACT, .port = origin.port, .text.p = pattern->bytes};
    memcpy(pattern->bytes, text.p, text.n);
    pattern->text.n = text.n;
    pattern->scheme = str_head(pattern->text, origin.scheme.n);
    pattern->host = (struct str){pattern->bytes + (origin.host.p - text.p), origin.host.n};
    return true;
}

static void read_word(struct str word, enum pattern_kind kind, struct pattern *pattern)
{
    *pattern = (struct pattern){.kind = kind};
    pattern->text.p = pattern->bytes;
    append(pattern, word);
}

enum pattern_fault pattern_parse(struct str text, struct pattern *out,
                                 struct pattern_problem *problem)
{
    struct pieces pieces = {.whole = trim(text)};
    text = pieces.whole;
    if (!text.n)
        return fail(problem, PATTERN_EMPTY, text,
                    "write an origin such as https://app.example.com");
    if (read_as_sent(text, out))
        return PATTERN_OK;
    if (text.n > PATTERN_INPUT_MAX)
        return fail(problem, PATTERN_TOO_LONG, text, "it has at most %d bytes", PATTERN_INPUT_MAX);
    if (str_eq(text, STR("*"))) {
        read_word(text, PATTERN_ANY_ORIGIN, out);
        return PATTERN_OK;
    }
    if (str_eq(text, STR("null"))) {
        read_word(text, PATTERN_NULL_ORIGIN, out);
        return PATTERN_OK;
    }

    *out = (struct pattern){.kind = PATTERN_EXACT};
    enum pattern_fault fault = check_shape(&pieces, problem);
    if (fault == PATTERN_OK)
        fault = check_extras(&pieces, problem);
    if (fault == PATTERN_OK)
        fault = read_port(&pieces, out, problem);
    if (fault != PATTERN_OK)
        return fault;
    if (!origin_default_port(pieces.scheme))
        return read_other(&pieces, out, problem);
    return str_find(pieces.host, '*') < pieces.host.n ? read_wildcard(&pieces, out, problem)
                                                      : read_exact(&pieces, out, problem);
}

/* --- what a wildcard reaches ------------------------------------------------------------------ */

static bool is_localhost(struct str domain)
{
    return str_eq(domain, STR("localhost")) || str_eq(domain, STR("localhost."));
}

enum pattern_fault pattern_check_reach(const struct pattern *pattern,
                                       const struct public_suffixes *list,
                                       struct pattern_problem *problem)
{
    struct str domain = pattern->host;
    if ((pattern->kind != PATTERN_LABELS && pattern->kind != PATTERN_PART) || is_localhost(domain))
        return PATTERN_OK;
    if (!list)
        return fail(problem, PATTERN_NO_LIST, pattern->text, "name one by public_suffix_list");
    switch (public_suffix_kind(list, domain)) {
    case SUFFIX_NOT: return PATTERN_OK;
    case SUFFIX_UNLISTED:
        return fail(problem, PATTERN_WILD_UNLISTED, pattern->text,
                    "%.*s, a single label that the public suffix list does not know, counts as a "
                    "public suffix: name a domain under it, or put public_suffix_patterns under "
                    "dangerous",
                    STR_ARG(domain));
    case SUFFIX_LISTED: break;
    }
    if (pattern->kind == PATTERN_PART)
        return fail(problem, PATTERN_WILD_SUFFIX, pattern->text,
                    "anybody can register such a name under %.*s: list each of yours, or put "
                    "public_suffix_patterns under dangerous",
                    STR_ARG(domain));
    return fail(problem, PATTERN_WILD_SUFFIX, pattern->text,
                "anybody can register a name under %.*s: write yours, such as "
                "%.*s://*.example.%.*s, or put public_suffix_patterns under dangerous",
                STR_ARG(domain), STR_ARG(pattern->scheme), STR_ARG(domain));
}

bool pattern_is_insecure(const struct pattern *pattern)
{
    return str_eq(pattern->scheme, STR("http")) && !host_is_loopback(pattern->host);
}
