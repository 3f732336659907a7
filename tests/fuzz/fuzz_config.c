/* YAML → a plan. Laws: either a plan and no error, or an error and no plan; a place is in the text;
 * what a plan shows reads back as a plan that shows the same; no route is out of reach. */
#include <stdio.h>
#include <stdlib.h>
#include "corsd/config/config.h"
#include "corsd/config/diagnostic.h"
#include "corsd/config/effective.h"
#include "corsd/plan/plan.h"
#include "corsd/plan/route.h"
#include "law.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { OUT_MAX = 16 << 20 };

/* Keys whose values are opened: not with a fuzzer's names. */
static bool opens_files(struct str text)
{
    return memmem(text.p, text.n, "_file", 5) || memmem(text.p, text.n, "suffix_list", 11) ||
           memmem(text.p, text.n, "\\", 1);
}

static size_t lines_of(struct str text)
{
    size_t n = 1;
    for (size_t i = 0; i < text.n; i++)
        n += text.p[i] == '\n' || text.p[i] == '\r' || (unsigned char)text.p[i] >= 0x80;
    return n;
}

static void check_diagnostics(const struct diagnostics *diagnostics, struct str text)
{
    struct buf out = BUF_INIT(OUT_MAX);
    size_t lines = lines_of(text);
    for (size_t i = 0; i < diagnostics->n; i++) {
        const struct diagnostic *item = &diagnostics->items[i];
        LAW(item->message.n && item->line <= lines && (!item->line || item->column));
        LAW(!i || diagnostics->items[i - 1].line <= item->line);
    }
    diagnostics_print(diagnostics, &out, false);
    diagnostics_json(diagnostics, &out);
    LAW(!out.failed);
    buf_finish(&out);
}

static void check_routes(const struct plan *plan)
{
    for (size_t i = 0; i < plan->n_routes; i++) {
        const struct route *route = &plan->routes[i];
        char host[300];
        bool wild = str_starts(route->host, STR("*"));
        LAW(route->upstream && route->path.n && route->path.p[0] == '/');
        snprintf(host, sizeof host, "%s%.*s", wild ? "zz" : "",
                 STR_ARG(str_from(route->host, wild)));
        const struct route *found = route_find(plan->table, str_of(host), route->path);
        LAW(found && (found == route || wild)); /* zz.… may be a route of its own */
    }
}

static void check_shown(const struct plan *plan)
{
    struct diagnostics diagnostics;
    struct buf once = BUF_INIT(OUT_MAX), twice = BUF_INIT(OUT_MAX);
    diagnostics_init(&diagnostics);
    config_show(plan, &once);
    LAW(!once.failed);
    struct plan *again = config_load_text(STR("shown"), buf_str(&once), &diagnostics);
    if (again) /* it may be too large to be read again */
        config_show(again, &twice);
    LAW(!again || str_eq(buf_str(&once), buf_str(&twice)));
    LAW(again || once.n > 1 << 20);
    plan_unref(again);
    diagnostics_finish(&diagnostics);
    buf_finish(&once);
    buf_finish(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = {(const char *)data, size};
    struct diagnostics diagnostics;
    if (opens_files(text))
        return 0;
    diagnostics_init(&diagnostics);
    struct plan *plan = config_load_text(STR("corsd.yaml"), text, &diagnostics);
    LAW(!plan == (diagnostics.errors > 0));
    check_diagnostics(&diagnostics, text);
    if (plan) {
        check_routes(plan);
        check_shown(plan);
    }
    plan_unref(plan);
    diagnostics_finish(&diagnostics);
    return 0;
}
