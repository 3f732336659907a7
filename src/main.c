/* The table of verbs. */
#include <stdio.h>
#include <string.h>
#include "corsd/verbs/verbs.h"

static int verb_help(int argc, char **argv);
static int verb_version(int argc, char **argv);

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *arguments, *help;
} verbs[] = {
    {"check", verb_check, "[FILE] [--json] [--strict]", "every fault, with place and hint"},
    {"show", verb_show, "[FILE]", "the effective configuration"},
    {"explain", verb_explain, "--origin ORIGIN ... URL", "what a browser would do, and why"},
    {"probe", verb_probe, "--origin ORIGIN ... URL", "the same judgement on a live server"},
    {"schema", verb_schema, "", "JSON Schema of the configuration"},
    {"health", verb_health, "[-c FILE] [ADMIN]", "exit 0 when ready"},
    {"demo", verb_demo, "[--port N]", "a page, a backend without CORS, corsd between"},
    {"version", verb_version, "", "print the version"},
    {"help", verb_help, "", "this text"},
};
enum { VERBS = sizeof verbs / sizeof *verbs };

static int verb_version(int argc, char **argv)
{
    (void)argv;
    if (argc > 1) {
        fputs("usage: corsd version\n", stderr);
        return 2;
    }
    puts("corsd " CORSD_VERSION);
    return 0;
}

static int verb_help(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    puts("corsd: a reverse proxy that puts correct CORS in front of any backend\n\n"
         "  corsd [-c|--config FILE] [--strict]     run (default: $CORSD_CONFIG, or\n"
         "                                          /etc/corsd/corsd.yaml)\n"
         "  corsd --listen ADDRESS --upstream URL --allow-origin ORIGIN\n"
         "        [--allow-method M] [--allow-header H] [--allow-credentials] …\n"
         "                                          run without a file\n");
    for (int i = 0; i < VERBS; i++)
        printf("  corsd %-8s %-24s %s\n", verbs[i].name, verbs[i].arguments, verbs[i].help);
    puts("\nsignals: TERM, QUIT drain and exit; INT exits; HUP reloads; USR1 reopens the log\n"
         "exit codes: 0 fine, 1 configuration or start failure, 2 wrong usage");
    return 0;
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";
    if (!strcmp(name, "-h") || !strcmp(name, "--help"))
        return verb_help(argc, argv);
    if (!strcmp(name, "-V") || !strcmp(name, "--version"))
        return verb_version(argc - 1, argv + 1);
    for (int i = 0; i < VERBS; i++)
        if (!strcmp(name, verbs[i].name))
            return verbs[i].run(argc - 1, argv + 1);
    if (*name && *name != '-') {
        fprintf(stderr, "corsd: unknown verb: %s (see `corsd help`)\n", name);
        return 2;
    }
    return verb_run(argc, argv);
}
