/* The lists of methods and header names in a rule: checked, helped, copied. */
#include <stdio.h>
#include "compile.h"
#include "corsd/http/fields.h"

enum { QUOTED = 64 }; /* bytes of a name shown in a message */
#define SHOW(text) (int)((text).n < QUOTED ? (text).n : QUOTED), (text).p

/* Fetch, "forbidden method": no page can send them. */
bool method_is_forbidden(struct str method)
{
    return str_eq_nocase(method, STR("CONNECT")) || str_eq_nocase(method, STR("TRACE")) ||
           str_eq_nocase(method, STR("TRACK"));
}

static bool is_one_of(struct str name, const struct str *table, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq_nocase(name, table[i]))
            return true;
    return false;
}
#define IS_ONE_OF(name, table) is_one_of(name, table, sizeof table / sizeof table[0])

static bool starts_nocase(struct str text, struct str prefix)
{
    return text.n >= prefix.n && str_eq_nocase(str_head(text, prefix.n), prefix);
}

bool header_is_forbidden(struct str name)
{
    static const struct str names[] = {
        STR_INIT("accept-charset"), STR_INIT("accept-encoding"),
        STR_INIT("access-control-request-headers"), STR_INIT("access-control-request-method"),
        STR_INIT("access-control-request-private-network"), STR_INIT("connection"),
        STR_INIT("content-length"), STR_INIT("cookie"), STR_INIT("cookie2"), STR_INIT("date"),
        STR_INIT("dnt"), STR_INIT("expect"), STR_INIT("host"), STR_INIT("keep-alive"),
        STR_INIT("origin"), STR_INIT("referer"), STR_INIT("set-cookie"), STR_INIT("te"),
        STR_INIT("trailer"), STR_INIT("transfer-encoding"), STR_INIT("upgrade"), STR_INIT("via"),
    };
    return IS_ONE_OF(name, names) || starts_nocase(name, STR("proxy-")) ||
           starts_nocase(name, STR("sec-"));
}

/* --- one item --------------------------------------------------------------------------------- */

static void check_method(struct compile *compile, const struct spec_text *item)
{
    /* Fetch, "normalize a method": of these a browser changes the case, of the rest it does not. */
    static const struct str normalised[] = {
        STR_INIT("DELETE"), STR_INIT("GET"), STR_INIT("HEAD"),
        STR_INIT("OPTIONS"), STR_INIT("POST"), STR_INIT("PUT"),
    };
    static const struct str others[] = {
        STR_INIT("PATCH"), STR_INIT("QUERY"), STR_INIT("PROPFIND"), STR_INIT("PROPPATCH"),
        STR_INIT("MKCOL"), STR_INIT("COPY"), STR_INIT("MOVE"), STR_INIT("LOCK"),
        STR_INIT("UNLOCK"), STR_INIT("SEARCH"), STR_INIT("REPORT"), STR_INIT("PURGE"),
    };
    char upper[QUOTED + 1];
    struct str method = item->text;
    if (!is_token(method)) {
        complain(compile, FAULT_ERROR, item->place, "write each method as an item of the list",
                 "\"%.*s\" is not a method", SHOW(method));
        return;
    }
    if (method_is_forbidden(method)) {
        complain(compile, FAULT_ERROR, item->place, "remove it from allow_methods",
                 "\"%.*s\" is a method that no page can send", SHOW(method));
        return;
    }
    bool is_lower = false;
    size_t n = method.n < QUOTED ? method.n : QUOTED;
    for (size_t i = 0; i < n; i++) {
        bool lower = method.p[i] >= 'a' && method.p[i] <= 'z';
        upper[i] = (char)(method.p[i] & (lower ? ~0x20 : ~0));
        is_lower = is_lower || lower;
    }
    upper[n] = 0;
    if (!is_lower)
        return;
    char hint[2 * QUOTED + 64];
    snprintf(hint, sizeof hint, "write %s", upper);
    if (IS_ONE_OF(method, normalised)) {
        complain(compile, FAULT_WARNING, item->place, hint,
                 "\"%.*s\" never matches: methods are case-sensitive, and browsers send %s",
                 SHOW(method), upper);
    } else if (IS_ONE_OF(method, others)) {
        snprintf(hint, sizeof hint,
                 "write %s, here and in the page: browsers send %.*s as the page "
                 "wrote it",
                 upper, SHOW(method));
        complain(compile, FAULT_WARNING, item->place, hint,
                 "\"%.*s\" is not %s: methods are case-sensitive", SHOW(method), upper);
    }
}

static bool check_header(struct compile *compile, const struct spec_text *item)
{
    if (is_token(item->text))
        return true;
    bool colon = item->text.n > 1 && item->text.p[item->text.n - 1] == ':' &&
                 is_token(str_head(item->text, item->text.n - 1));
    complain(compile, FAULT_ERROR, item->place,
             colon ? "write the name without its colon" : "write each name as an item of the list",
             "\"%.*s\" is not a header name", SHOW(item->text));
    return false;
}

static void check_request_header(struct compile *compile, const struct spec_text *item)
{
    if (!check_header(compile, item))
        return;
    if (header_is_forbidden(item->text))
        complain(compile, FAULT_WARNING, item->place, "remove it from allow_headers",
                 "\"%.*s\" needs no listing: the browser sets it, and no page can",
                 SHOW(item->text));
    else if (starts_nocase(item->text, STR("access-control-")))
        complain(compile, FAULT_WARNING, item->place,
                 "remove it: allow_headers names what a page may send",
                 "\"%.*s\" is a header of responses", SHOW(item->text));
}

static void check_response_header(struct compile *compile, const struct spec_text *item)
{
    if (!check_header(compile, item))
        return;
    /* Fetch, "forbidden response-header name". */
    if (str_eq_nocase(item->text, STR("set-cookie")) ||
        str_eq_nocase(item->text, STR("set-cookie2")))
        complain(compile, FAULT_WARNING, item->place, "remove it from expose_headers",
                 "\"%.*s\" is never shown to pages", SHOW(item->text));
}

/* --- lists ------------------------------------------------------------------------------------ */

struct list_rule {
    const char *key;
    void (*check)(struct compile *compile, const struct spec_text *item);
    bool case_sensitive;
    bool authorization_counts; /* beside "*" it still means something */
};

static const struct list_rule methods_rule = {"allow_methods", check_method, true, false};
static const struct list_rule headers_rule = {"allow_headers", check_request_header, false, true};
static const struct list_rule expose_rule = {"expose_headers", check_response_header, false, false};

static void check_twice(struct compile *compile, const struct list_rule *rule,
                        const struct spec_list *list, size_t i)
{
    const struct spec_text *item = &list->items[i];
    for (size_t j = 0; j < i; j++) {
        struct str earlier = list->items[j].text;
        if (rule->case_sensitive ? str_eq(earlier, item->text)
                                 : str_eq_nocase(earlier, item->text)) {
            complain(compile, FAULT_WARNING, item->place, "remove one of them",
                     "\"%.*s\" is listed twice", SHOW(item->text));
            return;
        }
    }
}

static bool copy_list(struct compile *compile, const struct list_rule *rule,
                      const struct spec_list *list, struct str_list *out, bool *any)
{
    struct str *items = arena_alloc(compile->arena, (list->n + 1) * sizeof *items);
    size_t n = 0;
    if (!items)
        return false;
    *any = false;
    for (size_t i = 0; i < list->n; i++)
        *any = *any || str_eq(list->items[i].text, STR("*"));
    for (size_t i = 0; i < list->n; i++) {
        const struct spec_text *item = &list->items[i];
        check_twice(compile, rule, list, i);
        if (str_eq(item->text, STR("*")))
            continue;
        rule->check(compile, item);
        if (*any &&
            !(rule->authorization_counts && str_eq_nocase(item->text, STR("authorization"))))
            complain(compile, FAULT_WARNING, item->place, "remove it, or \"*\"",
                     "\"*\" beside it covers \"%.*s\" already", SHOW(item->text));
        items[n] = arena_copy(compile->arena, item->text);
        if (!items[n++].p)
            return false;
    }
    *out = (struct str_list){items, n};
    return true;
}

bool compile_names(struct compile *compile, const struct rule_spec *spec, struct rule *rule)
{
    static const struct spec_text default_methods[] = {
        {.text = STR_INIT("GET")}, {.text = STR_INIT("HEAD")}, {.text = STR_INIT("POST")},
    };
    struct spec_list methods = spec->allow_methods;
    if (!methods.place && !methods.n) {
        methods.items = default_methods;
        methods.n = sizeof default_methods / sizeof default_methods[0];
    } else if (!methods.n) {
        complain(compile, FAULT_ERROR, methods.place,
                 "leave the key out for GET, HEAD and POST, which browsers send in any case",
                 "allow_methods is empty");
    }
    if (!copy_list(compile, &methods_rule, &methods, &rule->methods, &rule->any_method) ||
        !copy_list(compile, &headers_rule, &spec->allow_headers, &rule->headers,
                   &rule->any_header) ||
        !copy_list(compile, &expose_rule, &spec->expose_headers, &rule->expose,
                   &rule->any_expose)) {
        complain_no_memory(compile);
        return false;
    }
    for (size_t i = 0; i < rule->headers.n; i++)
        if (str_eq_nocase(rule->headers.items[i], STR("authorization")))
            rule->authorization = true;
    return true;
}
