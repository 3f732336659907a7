/* `corsd`: loads a configuration and serves until told to stop. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "corsd/config/config.h"
#include "corsd/config/diagnostic.h"
#include "corsd/plan/plan.h"
#include "corsd/runtime/server.h"
#include "corsd/verbs/verbs.h"
#include "reads.h"

extern char **environ;

static const char usage[] =
    "usage: corsd [-c FILE] [--strict]                     run with a configuration file\n"
    "       corsd --listen ADDRESS --upstream URL --allow-origin ORIGIN …   run without one\n"
    "       corsd VERB …                                   see `corsd help`\n";

const char *default_config_file(void)
{
    const char *named = getenv("CORSD_CONFIG");
    return named && *named ? named : "/etc/corsd/corsd.yaml";
}

/* Environment and flags as settings; the array has room for all. False: wrong usage. */
static bool read_arguments(int argc, char **argv, const char **settings,
                           struct config_source *source, bool *flags)
{
    for (char **entry = environ; *entry; entry++)
        if (config_is_variable(*entry))
            settings[source->n_settings++] = *entry;
    for (int i = 1; i < argc; i++) {
        const char *arg = argv[i];
        int words = config_flag_words(arg);
        if ((!strcmp(arg, "-c") || !strcmp(arg, "--config")) && i + 1 < argc)
            source->file = argv[++i];
        else if (!strncmp(arg, "--config=", 9))
            source->file = arg + 9;
        else if (!strcmp(arg, "--strict"))
            source->strict = true;
        else if (words && i + words <= argc) {
            for (int word = 0; word < words; word++)
                settings[source->n_settings++] = argv[i + word];
            i += words - 1;
            *flags = true;
        } else {
            fprintf(stderr, "corsd: unknown or incomplete argument: %s\n%s", arg, usage);
            return false;
        }
    }
    return true;
}

/* A file where one was named; else the settings where there are any; else the default file. */
static bool choose_source(struct config_source *source, bool flags)
{
    if (source->file && flags) {
        fputs("corsd: a configuration file and flags exclude each other\n", stderr);
        return false;
    }
    const char *named = getenv("CORSD_CONFIG");
    if (!source->file && !flags && (!source->n_settings || (named && *named)))
        source->file = default_config_file();
    if (source->file)
        source->n_settings = 0;
    return true;
}

int verb_run(int argc, char **argv)
{
    size_t n = 0;
    bool flags = false;
    struct diagnostics diagnostics;
    struct config_source source = {0};
    while (environ[n])
        n++;
    const char **settings = calloc(n + (size_t)argc + 1, sizeof *settings);
    struct buf text = BUF_INIT(1 << 20);
    int code = 2;
    if (!settings)
        return 1;
    source.settings = settings;
    diagnostics_init(&diagnostics);
    if (!read_arguments(argc, argv, settings, &source, &flags) || !choose_source(&source, flags))
        goto out;
    code = 1;
    struct plan *plan = config_load(&source, &diagnostics);
    diagnostics_print(&diagnostics, &text, wants_colour(STDERR_FILENO));
    write_out(STDERR_FILENO, &text);
    if (plan)
        code = server_run(plan, &source, NULL, NULL);
out:
    buf_finish(&text);
    diagnostics_finish(&diagnostics);
    free(settings);
    return code;
}
