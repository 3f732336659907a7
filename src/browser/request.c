/* Which methods and headers a page may set, and which of them need a preflight. */
#include "corsd/browser/request.h"
#include "corsd/base/buf.h"
#include "corsd/cors/policy.h"

enum { SAFE_VALUE_MAX = 128, SAFE_TOTAL_MAX = 1024, NAMES_MAX = 64 * 1024 };

const char *page_fault_text(enum page_fault fault)
{
    switch (fault) {
    case PAGE_OK: return "fine";
    case PAGE_IGNORED: return "a browser lets no page set this header";
    case PAGE_BAD_METHOD: return "not a method: letters, digits and - only";
    case PAGE_FORBIDDEN_METHOD: return "no page may use this method";
    case PAGE_BAD_NAME: return "not a header's name";
    case PAGE_BAD_VALUE: return "not a header's value: it holds a line break or a NUL";
    case PAGE_TOO_MANY: return "too many headers";
    case PAGE_NO_MEMORY: return "out of memory";
    }
    return "";
}

static bool is_among(struct str name, const struct str *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq_nocase(name, list[i]))
            return true;
    return false;
}
#define AMONG(name, list) is_among(name, list, sizeof(list) / sizeof *(list))

static struct str upper_copy(struct arena *arena, struct str text)
{
    char *p = arena_alloc(arena, text.n + 1);
    for (size_t i = 0; p && i < text.n; i++)
        p[i] = ascii_is_alpha(text.p[i]) ? (char)(text.p[i] & ~0x20) : text.p[i];
    return (struct str){p, text.n};
}

/* --- methods ---------------------------------------------------------------------------------- */

bool method_is_safelisted(struct str method)
{
    return str_eq(method, STR("GET")) || str_eq(method, STR("HEAD")) || str_eq(method, STR("POST"));
}

enum page_fault page_set_method(struct page_request *page, struct arena *arena, struct str method)
{
    static const struct str normalised[] = {STR_INIT("DELETE"), STR_INIT("GET"), STR_INIT("HEAD"),
                                            STR_INIT("OPTIONS"), STR_INIT("POST"), STR_INIT("PUT")};
    if (!is_token(method))
        return PAGE_BAD_METHOD;
    if (method_is_forbidden(method))
        return PAGE_FORBIDDEN_METHOD;
    page->method =
        AMONG(method, normalised) ? upper_copy(arena, method) : arena_copy(arena, method);
    return page->method.p ? PAGE_OK : PAGE_NO_MEMORY;
}

/* --- headers that no page may set ------------------------------------------------------------- */

/* Fetch, "forbidden request-header": those that would smuggle a forbidden method. */
static bool overrides_method(struct str name, struct str value)
{
    static const struct str names[] = {STR_INIT("x-http-method"),
                                       STR_INIT("x-http-method-override"),
                                       STR_INIT("x-method-override")};
    struct str item;
    if (!AMONG(name, names))
        return false;
    while (list_next(&value, &item))
        if (method_is_forbidden(item))
            return true;
    return false;
}

static bool is_forbidden(struct str name, struct str value)
{
    return header_is_forbidden(name) || overrides_method(name, value);
}

/* Fetch, "normalize": HTTP whitespace at both ends goes. */
static struct str normalise(struct str value)
{
    while (value.n && strchr(" \t\r\n", value.p[0]) && value.p[0])
        value = str_from(value, 1);
    while (value.n && value.p[value.n - 1] && strchr(" \t\r\n", value.p[value.n - 1]))
        value.n--;
    return value;
}

static bool is_value(struct str value)
{
    for (size_t i = 0; i < value.n; i++)
        if (!value.p[i] || value.p[i] == '\r' || value.p[i] == '\n')
            return false;
    return true;
}

static struct str joined(struct arena *arena, struct str first, struct str second)
{
    char *p = arena_alloc(arena, first.n + second.n + 2);
    if (!p)
        return (struct str){0};
    memcpy(p, first.p, first.n);
    memcpy(p + first.n, ", ", 2);
    if (second.n)
        memcpy(p + first.n + 2, second.p, second.n);
    return (struct str){p, first.n + second.n + 2};
}

enum page_fault page_add_header(struct page_request *page, struct arena *arena, struct str name,
                                struct str value)
{
    value = normalise(value);
    if (!is_token(name))
        return PAGE_BAD_NAME;
    if (!is_value(value))
        return PAGE_BAD_VALUE;
    if (is_forbidden(name, value))
        return PAGE_IGNORED;
    for (size_t i = 0; i < page->n_headers; i++) {
        struct field *field = &page->headers[i];
        if (!str_eq_nocase(field->name, name))
            continue;
        field->value = joined(arena, field->value, value);
        return field->value.p ? PAGE_OK : PAGE_NO_MEMORY;
    }
    if (page->n_headers == PAGE_HEADERS_MAX)
        return PAGE_TOO_MANY;
    struct field *field = &page->headers[page->n_headers];
    *field = (struct field){arena_copy(arena, name), arena_copy(arena, value),
                            (uint16_t)field_id(name), false};
    if (!field->name.p || !field->value.p)
        return PAGE_NO_MEMORY;
    page->n_headers++;
    return PAGE_OK;
}

/* --- headers that need no preflight ----------------------------------------------------------- */

/* Fetch, "CORS-unsafe request-header byte". */
static bool has_unsafe_byte(struct str value)
{
    for (size_t i = 0; i < value.n; i++) {
        unsigned char c = (unsigned char)value.p[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f || (c && strchr("\"():<>?@[\\]{}", c)))
            return true;
    }
    return false;
}

static bool is_language(struct str value)
{
    for (size_t i = 0; i < value.n; i++) {
        char c = value.p[i];
        if (!ascii_is_alpha(c) && !ascii_is_digit(c) && (!c || !strchr(" *,-.;=", c)))
            return false;
    }
    return true;
}

/* MIME Sniffing, "parse a MIME type", as far as its essence. */
static bool is_form_type(struct str value)
{
    static const struct str types[] = {STR_INIT("application/x-www-form-urlencoded"),
                                       STR_INIT("multipart/form-data"), STR_INIT("text/plain")};
    struct str essence = str_trim(str_head(value, str_find(value, ';')));
    return AMONG(essence, types);
}

static struct str cut_digits(struct str *rest)
{
    size_t n = 0;
    while (n < rest->n && ascii_is_digit(rest->p[n]))
        n++;
    struct str digits = {rest->p, n};
    *rest = str_from(*rest, n);
    return digits;
}

/* Fetch, "parse a single range header value", with a start: bytes=0-, bytes=0-99. */
static bool is_simple_range(struct str value)
{
    uint64_t from, to;
    if (!str_starts(value, STR("bytes=")))
        return false;
    struct str rest = str_from(value, 6), first = cut_digits(&rest);
    if (!str_to_u64(first, &from) || !rest.n || rest.p[0] != '-')
        return false;
    rest = str_from(rest, 1);
    struct str last = cut_digits(&rest);
    return !rest.n && (!last.n || (str_to_u64(last, &to) && from <= to));
}

/* Whether a page may send this header anywhere without asking (Fetch, "CORS-safelisted
 * request-header"), the limit over all of them aside. */
static bool header_is_safelisted(struct str name, struct str value)
{
    if (value.n > SAFE_VALUE_MAX)
        return false;
    if (str_eq_nocase(name, STR("accept")))
        return !has_unsafe_byte(value);
    if (str_eq_nocase(name, STR("accept-language")) || str_eq_nocase(name, STR("content-language")))
        return is_language(value);
    if (str_eq_nocase(name, STR("content-type")))
        return !has_unsafe_byte(value) && is_form_type(value);
    return str_eq_nocase(name, STR("range")) && is_simple_range(value);
}

static int compare(struct str a, struct str b)
{
    int order = memcmp(a.p, b.p, a.n < b.n ? a.n : b.n);
    return order ? order : (a.n > b.n) - (a.n < b.n);
}

/* Puts the name where it belongs by order. */
static void insert(struct str *names, size_t n, struct str name)
{
    size_t at = n;
    for (; at > 0 && compare(names[at - 1], name) > 0; at--)
        names[at] = names[at - 1];
    names[at] = name;
}

static struct str joined_names(struct arena *arena, const struct str *names, size_t n)
{
    struct buf out = BUF_INIT(NAMES_MAX);
    for (size_t i = 0; i < n; i++) {
        if (i)
            buf_add_char(&out, ',');
        buf_add(&out, names[i]);
    }
    struct str text = out.failed ? (struct str){0} : arena_copy(arena, buf_str(&out));
    buf_finish(&out);
    return text;
}

struct str page_unsafe_names(struct arena *arena, const struct browser *browser,
                             const struct field *headers, size_t n)
{
    struct str names[PAGE_HEADERS_MAX];
    size_t n_names = 0, safe_bytes = 0;
    for (size_t i = 0; i < n; i++)
        if (header_is_safelisted(headers[i].name, headers[i].value))
            safe_bytes += headers[i].value.n;
    for (size_t i = 0; i < n && n_names < PAGE_HEADERS_MAX; i++) {
        if (safe_bytes <= SAFE_TOTAL_MAX && header_is_safelisted(headers[i].name, headers[i].value))
            continue;
        if (browser->sends_freely && browser->sends_freely(headers[i].name, headers[i].value))
            continue;
        struct str name = arena_lower(arena, headers[i].name);
        if (!name.p)
            return (struct str){0};
        insert(names, n_names++, name);
    }
    return joined_names(arena, names, n_names);
}
