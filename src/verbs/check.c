/* corsd check: every fault of a configuration, or that there is none. */
#include <stdlib.h>
#include <unistd.h>
#include "corsd/config/diagnostic.h"
#include "corsd/plan/plan.h"
#include "corsd/verbs/verbs.h"
#include "reads.h"

static const char help[] = "usage: corsd check [FILE | -c FILE] [--json] [--strict]\n"
                           "\n"
                           "Reads a configuration and says all that is wrong with it, without\n"
                           "starting anything.\n"
                           "\n"
                           "  -c, --config FILE   the configuration; else CORSD_CONFIG, else\n"
                           "                      /etc/corsd/corsd.yaml\n"
                           "      --json          for programs\n"
                           "      --strict        warnings are errors\n"
                           "  -h, --help          this text\n"
                           "\n"
                           "Exit status: 0 it is fine, 1 it has faults, 2 wrong usage.\n";

static void add_count(struct buf *out, size_t n, const char *what)
{
    buf_printf(out, "%zu %s%s", n, what, n == 1 ? "" : "s");
}

static void add_summary(struct buf *out, const char *file, const struct diagnostics *diagnostics)
{
    buf_printf(out, "%s: ", file);
    if (diagnostics->errors)
        add_count(out, diagnostics->errors, "error");
    else
        buf_add(out, STR("ok"));
    if (diagnostics->warnings) {
        buf_add(out, STR(", "));
        add_count(out, diagnostics->warnings, "warning");
    }
    buf_add_char(out, '\n');
}

int verb_check(int argc, char **argv)
{
    struct reads reads = {0};
    struct diagnostics diagnostics;
    struct buf out = BUF_INIT(OUTPUT_MAX);
    int code = reads_parse(&reads, argc, argv, help);
    if (code >= 0)
        return code;
    diagnostics_init(&diagnostics);
    struct plan *plan = reads_load(&reads, &diagnostics);
    code = plan ? 0 : 1;
    if (reads.json)
        diagnostics_json(&diagnostics, &out);
    else {
        diagnostics_print(&diagnostics, &out, wants_colour(STDOUT_FILENO));
        add_summary(&out, reads.file, &diagnostics);
    }
    if (!write_out(STDOUT_FILENO, &out))
        code = 1;
    plan_unref(plan);
    diagnostics_finish(&diagnostics);
    return code;
}
