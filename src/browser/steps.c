/* The checks themselves, one function a step of the standard. */
#include "steps.h"
#include <stdarg.h>
#include <stdio.h>

enum { DETAIL_MAX = 512, NAMES_MAX = 64 * 1024, EXPOSED_MAX = 256 };

static const char cors_check[] = "CORS check", preflight_fetch[] = "CORS-preflight fetch";

/* --- noting ----------------------------------------------------------------------------------- */

void fetch_end(struct fetch *fetch, enum block block)
{
    fetch->want = WANT_NOTHING;
    fetch->block = block;
}

bool step_note(struct fetch *fetch, const char *name, const char *section, bool passed,
               enum block block, const char *format, ...)
{
    char text[DETAIL_MAX];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    if (fetch->n_steps < STEPS_MAX)
        fetch->steps[fetch->n_steps++] = (struct step){
            .name = name,
            .section = section,
            .passed = passed,
            .detail = arena_copy(fetch->arena, str_of(text)),
        };
    if (!passed)
        fetch_end(fetch, block);
    return passed;
}

static bool blame(struct fetch *fetch, struct str what)
{
    fetch->blamed = arena_copy(fetch->arena, what);
    return false;
}

enum { SHOWN = 100 };
#define SHOW(text) (int)str_head(text, SHOWN).n, (text).p

static bool with_credentials(const struct fetch *fetch)
{
    return fetch->page->credentials == CREDENTIALS_INCLUDE;
}

/* --- Fetch, "CORS check" ---------------------------------------------------------------------- */

/* How a value that is neither * nor the origin is wrong: browsers say it in different words. */
static enum block origin_block(struct str value)
{
    struct str rest = value, scheme = str_cut(&rest, ':');
    bool url = scheme.n && ascii_is_alpha(scheme.p[0]) && is_token(scheme) && rest.n > 2;
    for (size_t i = 0; i < value.n; i++)
        if (value.p[i] == ' ' || value.p[i] == ',')
            return BLOCK_ORIGIN_SEVERAL;
    return url || str_eq(value, STR("null")) ? BLOCK_ORIGIN_OTHER : BLOCK_ORIGIN_INVALID;
}

static bool check_allow_origin(struct fetch *fetch, const struct answer *answer, struct str value)
{
    static const char name[] = "Access-Control-Allow-Origin";
    if (answer_count(answer, str_of(name)) > 1) {
        blame(fetch, value);
        return step_note(fetch, name, cors_check, false, BLOCK_ORIGIN_TWICE,
                         "it is there more than once: %.*s", SHOW(value));
    }
    if (str_eq(value, STR("*")) && !with_credentials(fetch))
        return step_note(fetch, name, cors_check, true, BLOCK_NONE, "*: every origin");
    if (str_eq(value, STR("*")))
        return step_note(fetch, name, cors_check, false, BLOCK_ORIGIN_WILDCARD,
                         "* does not count in requests with credentials");
    if (str_eq(value, fetch_origin(fetch)))
        return step_note(fetch, name, cors_check, true, BLOCK_NONE, "%.*s: this origin",
                         SHOW(value));
    blame(fetch, value);
    return step_note(fetch, name, cors_check, false, origin_block(value),
                     "\"%.*s\" is not the page's origin, %.*s", SHOW(value),
                     SHOW(fetch_origin(fetch)));
}

static bool check_credentials(struct fetch *fetch, const struct answer *answer)
{
    static const char name[] = "Access-Control-Allow-Credentials";
    struct str value = {0};
    if (!with_credentials(fetch))
        return true;
    bool there = answer_value(answer, fetch->arena, str_of(name), &value);
    if (there && str_eq(value, STR("true")))
        return step_note(fetch, name, cors_check, true, BLOCK_NONE, "true");
    blame(fetch, value);
    if (!there)
        return step_note(fetch, name, cors_check, false, BLOCK_CREDENTIALS,
                         "it is not there, and the request is made with credentials");
    return step_note(fetch, name, cors_check, false, BLOCK_CREDENTIALS,
                     "\"%.*s\" is not true, in small letters", SHOW(value));
}

bool check_origin(struct fetch *fetch, const struct answer *answer)
{
    struct str value;
    if (!answer_value(answer, fetch->arena, STR("Access-Control-Allow-Origin"), &value))
        return step_note(fetch, "Access-Control-Allow-Origin", cors_check, false,
                         BLOCK_ORIGIN_MISSING, "it is not there");
    return check_allow_origin(fetch, answer, value) && check_credentials(fetch, answer);
}

/* --- Fetch, "CORS-preflight fetch" ------------------------------------------------------------ */

static bool read_tokens(struct fetch *fetch, const struct answer *answer, const char *name,
                        enum block block, struct str *list)
{
    struct str bad;
    *list = (struct str){0};
    if (!answer_value(answer, fetch->arena, str_of(name), list) || tokens_are_valid(*list, &bad))
        return true;
    blame(fetch, bad);
    return step_note(fetch, name, preflight_fetch, false, block,
                     "\"%.*s\" is no name, so nothing in it counts", SHOW(bad));
}

static bool has_star(const struct fetch *fetch, struct str list)
{
    return !with_credentials(fetch) && tokens_have(list, STR("*"), false);
}

static bool check_method(struct fetch *fetch, struct str list)
{
    static const char name[] = "Access-Control-Allow-Methods";
    struct str method = fetch->method;
    if (tokens_have(list, method, false))
        return step_note(fetch, name, preflight_fetch, true, BLOCK_NONE, "%.*s is on it",
                         SHOW(method));
    if (method_is_safelisted(method))
        return step_note(fetch, name, preflight_fetch, true, BLOCK_NONE, "%.*s needs no listing",
                         SHOW(method));
    if (has_star(fetch, list))
        return step_note(fetch, name, preflight_fetch, true, BLOCK_NONE, "* covers %.*s",
                         SHOW(method));
    blame(fetch, method);
    return step_note(fetch, name, preflight_fetch, false, BLOCK_METHOD, "%.*s is not on it: %.*s",
                     SHOW(method), SHOW(list.n ? list : STR("the header is not there")));
}

static bool allows_header(const struct fetch *fetch, struct str list, struct str name)
{
    if (tokens_have(list, name, true))
        return true;
    if (str_eq(name, STR("authorization")) && !fetch->browser->star_covers_authorization)
        return false;
    return has_star(fetch, list);
}

static bool check_headers(struct fetch *fetch, struct str list)
{
    static const char name[] = "Access-Control-Allow-Headers";
    struct str rest = fetch->unsafe_names, item, bad;
    while (token_next(&rest, &item, &bad)) {
        if (allows_header(fetch, list, item))
            continue;
        blame(fetch, item);
        return step_note(fetch, name, preflight_fetch, false, BLOCK_HEADER,
                         "%.*s is not on it: %.*s", SHOW(item),
                         SHOW(list.n ? list : STR("the header is not there")));
    }
    if (!fetch->unsafe_names.n)
        return true;
    return step_note(fetch, name, preflight_fetch, true, BLOCK_NONE, "covers %.*s",
                     SHOW(fetch->unsafe_names));
}

bool check_preflight(struct fetch *fetch, const struct answer *answer)
{
    struct str methods, headers;
    fetch->status = answer->status;
    if (!step_note(fetch, "status", preflight_fetch, answer_is_ok(answer), BLOCK_PREFLIGHT_STATUS,
                   "%u%s", answer->status,
                   answer_is_ok(answer) ? "" : ": a preflight is answered by 200 to 299"))
        return false;
    return read_tokens(fetch, answer, "Access-Control-Allow-Methods", BLOCK_METHODS_UNREADABLE,
                       &methods) &&
           read_tokens(fetch, answer, "Access-Control-Allow-Headers", BLOCK_HEADERS_UNREADABLE,
                       &headers) &&
           check_method(fetch, methods) && check_headers(fetch, headers);
}

/* --- Fetch, "CORS filtered response" ---------------------------------------------------------- */

static bool is_always_readable(struct str name)
{
    static const struct str names[] = {
        STR_INIT("cache-control"), STR_INIT("content-language"), STR_INIT("content-length"),
        STR_INIT("content-type"), STR_INIT("expires"), STR_INIT("last-modified"),
        STR_INIT("pragma"),
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (str_eq_nocase(name, names[i]))
            return true;
    return false;
}

static bool is_readable(const struct fetch *fetch, struct str exposed, struct str name)
{
    if (str_eq_nocase(name, STR("set-cookie")) || str_eq_nocase(name, STR("set-cookie2")))
        return false;
    return !fetch->cross_origin || is_always_readable(name) || tokens_have(exposed, name, true) ||
           has_star(fetch, exposed);
}

static void put_in_order(struct str *names, size_t *n, struct str name)
{
    size_t at = *n;
    for (size_t i = 0; i < *n; i++)
        if (str_eq(names[i], name))
            return;
    for (; at > 0; at--) {
        struct str before = names[at - 1];
        int order = memcmp(before.p, name.p, before.n < name.n ? before.n : name.n);
        if (order < 0 || (order == 0 && before.n < name.n))
            break;
        names[at] = before;
    }
    names[at] = name;
    ++*n;
}

void note_readable(struct fetch *fetch, const struct answer *answer)
{
    struct str exposed = {0}, bad, names[EXPOSED_MAX];
    struct buf out = BUF_INIT(NAMES_MAX);
    size_t n = 0;
    if (answer_value(answer, fetch->arena, STR("Access-Control-Expose-Headers"), &exposed) &&
        !tokens_are_valid(exposed, &bad))
        exposed = (struct str){0};
    for (size_t i = 0; i < answer->n && n < EXPOSED_MAX; i++)
        if (is_readable(fetch, exposed, answer->fields[i].name))
            put_in_order(names, &n, arena_lower(fetch->arena, answer->fields[i].name));
    for (size_t i = 0; i < n; i++) {
        buf_add(&out, i ? STR(", ") : STR(""));
        buf_add(&out, names[i]);
    }
    fetch->readable = arena_copy(fetch->arena, buf_str(&out));
    buf_finish(&out);
    if (fetch->cross_origin)
        step_note(fetch, "Access-Control-Expose-Headers", "CORS filtered response", true,
                  BLOCK_NONE, "script reads %.*s",
                  SHOW(fetch->readable.n ? fetch->readable : STR("no header")));
}
