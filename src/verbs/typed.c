/* Reading what a person typed into a request of a page. */
#include "typed.h"
#include <stdarg.h>
#include <stdio.h>
#include "corsd/cors/origin.h"
#include "corsd/verbs/verbs.h"
#include "reads.h"

void typed_init(struct typed *typed, const char *verb, const char *usage)
{
    memset(typed, 0, sizeof *typed);
    typed->verb = verb;
    typed->usage = usage;
    arena_init(&typed->arena, NULL, 0);
}

void typed_finish(struct typed *typed)
{
    arena_finish(&typed->arena);
}

int typed_wrong(const struct typed *typed, const char *format, ...)
{
    va_list list;
    fprintf(stderr, "corsd %s: ", typed->verb);
    va_start(list, format);
    vfprintf(stderr, format, list);
    va_end(list);
    fprintf(stderr, "\n%.*s\n", (int)strcspn(typed->usage, "\n"), typed->usage);
    return WRONG_USAGE;
}

bool typed_header(struct typed *typed, struct str line)
{
    struct str name = str_trim(str_cut(&line, ':'));
    enum page_fault fault = page_add_header(&typed->page, &typed->arena, name, line);
    if (fault == PAGE_IGNORED) {
        fprintf(stderr, "corsd %s: %.*s: left out: %s\n", typed->verb, STR_ARG(name),
                page_fault_text(fault));
        return true;
    }
    if (fault == PAGE_OK)
        return true;
    typed_wrong(typed, "%.*s: %s", STR_ARG(name), page_fault_text(fault));
    return false;
}

bool typed_origin(struct typed *typed, const char *text)
{
    struct origin origin;
    struct str value = str_of(text);
    if (!str_eq(value, STR("null")) && origin_parse(value, &origin) != ORIGIN_OK) {
        typed_wrong(typed,
                    "%s: not an origin as browsers write it: scheme and host in small "
                    "letters, no slash at the end, like https://app.example.com",
                    text);
        return false;
    }
    if (typed->n_origins == TYPED_ORIGINS_MAX) {
        typed_wrong(typed, "at most %d origins", TYPED_ORIGINS_MAX);
        return false;
    }
    typed->origins[typed->n_origins++] = value;
    return true;
}

bool typed_end(struct typed *typed)
{
    struct page_request *page = &typed->page;
    struct str method = typed->method.n ? typed->method : STR("GET");
    if (!typed->url.n) {
        typed_wrong(typed, "no URL");
        return false;
    }
    if (!typed->n_origins) {
        typed_wrong(typed, "no --origin: the page's, like https://app.example.com");
        return false;
    }
    enum url_fault url = url_parse(&typed->arena, typed->url, NULL, &page->url);
    if (url != URL_OK) {
        typed_wrong(typed, "%.*s: %s", STR_ARG(typed->url), url_fault_text(url));
        return false;
    }
    enum page_fault fault = page_set_method(page, &typed->arena, method);
    if (fault != PAGE_OK) {
        typed_wrong(typed, "%.*s: %s", STR_ARG(method), page_fault_text(fault));
        return false;
    }
    page->origin = typed->origins[0];
    return true;
}
