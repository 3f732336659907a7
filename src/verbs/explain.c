/* corsd explain: what browsers would do with a request, by this configuration. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "corsd/browser/copied.h"
#include "corsd/explain/explanation.h"
#include "corsd/explain/report.h"
#include "corsd/verbs/verbs.h"
#include "reads.h"
#include "source.h"
#include "typed.h"

enum { INPUT_MAX = 64 << 20, BACKEND_MAX = 64 * 1024 };

static const char help[] =
    "usage: corsd explain [-c FILE] --origin ORIGIN [-X METHOD] [-H HEADER] [--credentials] URL\n"
    "\n"
    "Says what a browser would do with a page's request to corsd with this\n"
    "configuration: every step, the very words of Chromium's and Firefox's\n"
    "consoles, and the line of YAML to change. Nothing is sent anywhere.\n"
    "\n"
    "  -c, --config FILE        the configuration; else CORSD_CONFIG, else\n"
    "                           /etc/corsd/corsd.yaml\n"
    "      --origin ORIGIN      where the page is: https://app.example.com, or null\n"
    "  -X, --method METHOD      GET where none is given\n"
    "  -H, --header LINE        'Name: value'; as often as needed\n"
    "      --credentials        as fetch() with credentials: 'include' (cookies)\n"
    "      --from-curl TEXT     take the request from the network panel's \"Copy as cURL\"\n"
    "      --from-har FILE      or from a saved HAR file (-: standard input); with a URL\n"
    "                           the last request to it, else the last that was blocked\n"
    "      --backend-status N   what the backend answers; 200 where not given\n"
    "      --backend-header LINE  and a header of it; as often as needed\n"
    "      --json               for programs\n"
    "  -h, --help               this text\n"
    "\n"
    "Exit status: 0 allowed, 1 blocked (or the configuration has faults),\n"
    "2 wrong usage.\n";

struct asked {
    struct typed typed;
    struct reads reads;
    struct assumed assumed;
    struct buf backend;
    const char *curl, *har;
};

/* --- options ---------------------------------------------------------------------------------- */

enum { OPT_CURL = TYPED_OWN, OPT_HAR, OPT_STATUS, OPT_HEADER, OPT_JSON };

static bool backend_status(struct asked *asked, const char *text)
{
    uint64_t status;
    if (!str_to_u64(str_of(text), &status) || status < 200 || status > 599) {
        typed_wrong(&asked->typed, "--backend-status: 200 to 599, not %s", text);
        return false;
    }
    asked->assumed.status = (unsigned)status;
    return true;
}

static bool backend_header(struct asked *asked, const char *text)
{
    struct str value = str_of(text), name = str_trim(str_cut(&value, ':'));
    value = str_trim(value);
    if (!is_token(name) || !is_field_value(value)) {
        typed_wrong(&asked->typed, "--backend-header: write 'Name: value', not %s", text);
        return false;
    }
    buf_printf(&asked->backend, "%.*s: %.*s\r\n", STR_ARG(name), STR_ARG(value));
    if (asked->backend.failed)
        typed_wrong(&asked->typed, "--backend-header: at most %d bytes in all", BACKEND_MAX);
    return !asked->backend.failed;
}

/* False: wrong usage, told. */
static bool take(void *ctx, int option)
{
    struct asked *asked = ctx;
    switch (option) {
    case OPT_CURL: asked->curl = optarg; return true;
    case OPT_HAR: asked->har = optarg; return true;
    case OPT_STATUS: return backend_status(asked, optarg);
    case OPT_HEADER: return backend_header(asked, optarg);
    case OPT_JSON: asked->reads.json = true; return true;
    default: asked->reads.file = optarg; return true; /* -c */
    }
}

/* -1: go on; else the exit code. */
static int read_options(struct asked *asked, int argc, char **argv)
{
    static const struct option options[] = {
        TYPED_OPTIONS,
        {"config", required_argument, NULL, 'c'},
        {"from-curl", required_argument, NULL, OPT_CURL},
        {"from-har", required_argument, NULL, OPT_HAR},
        {"backend-status", required_argument, NULL, OPT_STATUS},
        {"backend-header", required_argument, NULL, OPT_HEADER},
        {"json", no_argument, NULL, OPT_JSON},
        {NULL, 0, NULL, 0},
    };
    int code = typed_read(&asked->typed, argc, argv, "c:X:H:h", options, take, asked);
    if (code < 0 && asked->curl && asked->har)
        return typed_wrong(&asked->typed, "--from-curl or --from-har, not both");
    return code;
}

/* --- from the network panel ------------------------------------------------------------------- */

static bool read_all(FILE *file, struct buf *out)
{
    while (!feof(file) && !ferror(file) && buf_reserve(out, 64 * 1024))
        out->n += fread(out->p + out->n, 1, 64 * 1024, file);
    return !ferror(file) && !out->failed;
}

static bool read_file(const char *path, struct buf *out)
{
    bool input = !strcmp(path, "-");
    FILE *file = input ? stdin : fopen(path, "re");
    bool ok = file && read_all(file, out);
    if (file && !input)
        fclose(file);
    if (ok && str_starts(buf_str(out), STR("\xef\xbb\xbf")))
        buf_drop(out, 3); /* a byte order mark */
    return ok;
}

static bool has_header(const struct page_request *page, size_t n, struct str name)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq_nocase(page->headers[i].name, name))
            return true;
    return false;
}

/* What was typed beside it wins. */
static bool merge(struct typed *typed, const struct copied *copied)
{
    size_t n_typed = typed->page.n_headers;
    if (!typed->url.n)
        typed->url = arena_copy(&typed->arena, copied->url);
    if (!typed->method.n)
        typed->method = arena_copy(&typed->arena, copied->method);
    if (copied->cookies)
        typed->page.credentials = CREDENTIALS_INCLUDE;
    for (size_t i = 0; i < copied->n_headers; i++) {
        if (has_header(&typed->page, n_typed, copied->headers[i].name))
            continue;
        enum page_fault fault = page_add_header(&typed->page, &typed->arena,
                                                copied->headers[i].name, copied->headers[i].value);
        if (fault != PAGE_OK && fault != PAGE_IGNORED)
            return false;
    }
    return true;
}

static bool from_panel(struct asked *asked)
{
    struct typed *typed = &asked->typed;
    struct copied copied;
    struct buf text = BUF_INIT(INPUT_MAX);
    enum copied_fault fault = COPIED_UNREADABLE;
    bool ok = true;
    if (asked->curl)
        fault = copied_from_curl(str_of(asked->curl), &typed->arena, &copied);
    else if (!asked->har)
        return true;
    else if (read_file(asked->har, &text))
        fault = copied_from_har(buf_str(&text), typed->url, &typed->arena, &copied);
    if (fault != COPIED_OK || !merge(typed, &copied)) {
        typed_wrong(typed, "%s: %s", asked->curl ? "--from-curl" : asked->har,
                    copied_fault_text(fault != COPIED_OK ? fault : COPIED_TOO_MUCH));
        ok = false;
    } else if (!typed->n_origins && copied.origin.n)
        ok = typed_add_origin(typed, arena_copy(&typed->arena, copied.origin));
    buf_finish(&text);
    return ok;
}

/* --- the answer ------------------------------------------------------------------------------- */

static int answer(struct asked *asked, const struct plan *plan)
{
    struct typed *typed = &asked->typed;
    struct buf out = BUF_INIT(OUTPUT_MAX), text = BUF_INIT(INPUT_MAX);
    struct explanation *explanation = malloc(sizeof *explanation);
    int code = 1;
    if (!explanation || !explain(explanation, plan, &typed->page, &asked->assumed, &typed->arena)) {
        fputs("corsd explain: the request is too large\n", stderr);
        goto out;
    }
    bool read = explanation->change.kind && read_file(asked->reads.file, &text);
    struct str yaml = read ? buf_str(&text) : (struct str){0};
    if (asked->reads.json)
        explanation_json(&out, explanation, yaml, &typed->arena);
    else
        explanation_print(&out, explanation, yaml, &typed->arena, wants_colour(STDOUT_FILENO));
    code = explanation_allows(explanation) ? 0 : 1;
    if (!write_out(STDOUT_FILENO, &out))
        code = 1;
out:
    free(explanation);
    buf_finish(&text);
    buf_finish(&out);
    return code;
}

static int load_and_answer(struct asked *asked)
{
    if (!asked->reads.file)
        asked->reads.file = default_config_file();
    struct config_source source = {.file = asked->reads.file};
    struct plan *plan = load_and_tell(&source, false);
    int code = plan ? answer(asked, plan) : 1;
    plan_unref(plan);
    return code;
}

int verb_explain(int argc, char **argv)
{
    struct asked asked = {.assumed.status = 200, .backend = BUF_INIT(BACKEND_MAX)};
    typed_init(&asked.typed, "explain", help);
    int code = read_options(&asked, argc, argv);
    if (code < 0) {
        asked.assumed.head_lines = buf_str(&asked.backend);
        code =
            from_panel(&asked) && typed_end(&asked.typed) ? load_and_answer(&asked) : WRONG_USAGE;
    }
    buf_finish(&asked.backend);
    typed_finish(&asked.typed);
    return code;
}
