/* Reading what a person typed into a request of a page. */
#include "typed.h"
#include <stdarg.h>
#include <stdio.h>
#include "corsd/cors/origin.h"
#include "reads.h"

void typed_init(struct typed *typed, const char *verb, const char *help)
{
    memset(typed, 0, sizeof *typed);
    typed->verb = verb;
    typed->help = help;
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
    fputc('\n', stderr);
    return wrong_usage(typed->help);
}

/* "Name: value". False after saying so; a header that no page may set is left out, with a word. */
static bool add_header(struct typed *typed, struct str line)
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

bool typed_add_origin(struct typed *typed, struct str value)
{
    struct origin origin;
    if (!str_eq(value, STR("null")) && origin_parse(value, &origin) != ORIGIN_OK) {
        typed_wrong(typed,
                    "%.*s: not an origin as browsers write it: scheme and host in small "
                    "letters, no slash at the end, like https://app.example.com",
                    STR_ARG(value));
        return false;
    }
    if (typed->n_origins == TYPED_ORIGINS_MAX) {
        typed_wrong(typed, "at most %d origins", TYPED_ORIGINS_MAX);
        return false;
    }
    typed->origins[typed->n_origins++] = value;
    return true;
}

int typed_read(struct typed *typed, int argc, char **argv, const char *letters,
               const struct option *options, bool (*take)(void *ctx, int option), void *ctx)
{
    bool good = true;
    optind = 0; /* begin anew */
    for (int option; (option = getopt_long(argc, argv, letters, options, NULL)) != -1;) {
        switch (option) {
        case 'h': fputs(typed->help, stdout); return 0;
        case '?': return wrong_usage(typed->help);
        case 'X': typed->method = str_of(optarg); break;
        case 'H': good = add_header(typed, str_of(optarg)); break;
        case TYPED_ORIGIN: good = typed_add_origin(typed, str_of(optarg)); break;
        case TYPED_CREDENTIALS: typed->page.credentials = CREDENTIALS_INCLUDE; break;
        default: good = take(ctx, option); break;
        }
        if (!good)
            return WRONG_USAGE;
    }
    if (optind < argc)
        typed->url = str_of(argv[optind++]);
    if (optind < argc)
        return typed_wrong(typed, "one URL at a time: %s", argv[optind]);
    return -1;
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
