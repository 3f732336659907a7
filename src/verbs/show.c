/* corsd show: the effective configuration. */
#include <stdlib.h>
#include <unistd.h>
#include "corsd/config/diagnostic.h"
#include "corsd/config/effective.h"
#include "corsd/plan/plan.h"
#include "corsd/verbs/verbs.h"
#include "reads.h"

static const char help[] = "usage: corsd show [FILE | -c FILE] [--strict]\n"
                           "\n"
                           "Prints the configuration as corsd understands it: defaults filled in,\n"
                           "variables expanded, values in one spelling, secrets hidden.\n"
                           "\n"
                           "  -c, --config FILE   the configuration; else CORSD_CONFIG, else\n"
                           "                      /etc/corsd/corsd.yaml\n"
                           "      --strict        warnings are errors\n"
                           "  -h, --help          this text\n"
                           "\n"
                           "Exit status: 0 fine, 1 the configuration has faults, 2 wrong usage.\n";

int verb_show(int argc, char **argv)
{
    struct reads reads = {0};
    struct diagnostics diagnostics;
    struct buf faults = BUF_INIT(OUTPUT_MAX), out = BUF_INIT(OUTPUT_MAX);
    int code = reads_parse(&reads, argc, argv, help);
    if (code >= 0)
        return code;
    diagnostics_init(&diagnostics);
    struct plan *plan = reads_load(&reads, &diagnostics);
    code = plan ? 0 : 1;
    diagnostics_print(&diagnostics, &faults, wants_colour(STDERR_FILENO));
    if (plan)
        config_show(plan, &out);
    if (!write_out(STDERR_FILENO, &faults) || !write_out(STDOUT_FILENO, &out))
        code = 1;
    plan_unref(plan);
    diagnostics_finish(&diagnostics);
    return code;
}
