/* `corsd`: loads a configuration and serves until told to stop. */
#include <stdio.h>
#include <string.h>
#include "corsd/config/config.h"
#include "corsd/plan/plan.h"
#include "corsd/runtime/server.h"
#include "corsd/verbs/verbs.h"
#include "reads.h"
#include "source.h"

static const char usage[] =
    "usage: corsd [-c FILE] [--strict]                     run with a configuration file\n"
    "       corsd --listen ADDRESS --upstream URL --allow-origin ORIGIN …   run without one\n"
    "       corsd VERB …                                   see `corsd help`\n";

/* False: wrong usage, told. */
static bool read_arguments(int argc, char **argv, struct source *source)
{
    struct config_source *config = &source->config;
    bool flags = false;
    for (int i = 1; i < argc; i++) {
        const char *arg = argv[i];
        int words = config_flag_words(arg);
        if ((!strcmp(arg, "-c") || !strcmp(arg, "--config")) && i + 1 < argc)
            config->file = argv[++i];
        else if (!strncmp(arg, "--config=", 9))
            config->file = arg + 9;
        else if (!strcmp(arg, "--strict"))
            config->strict = true;
        else if (words && i + words <= argc) {
            for (int word = 0; word < words; word++)
                source->settings[config->n_settings++] = argv[i + word];
            i += words - 1;
            flags = true;
        } else {
            fprintf(stderr, "corsd: unknown or incomplete argument: %s\n%s", arg, usage);
            return false;
        }
    }
    if (config->file && flags) {
        fputs("corsd: a configuration file and flags exclude each other\n", stderr);
        return false;
    }
    source_choose(source, flags);
    return true;
}

int verb_run(int argc, char **argv)
{
    struct source source;
    int code = WRONG_USAGE;
    if (!source_init(&source, (size_t)argc))
        return 1;
    if (read_arguments(argc, argv, &source)) {
        struct plan *plan = load_and_tell(&source.config, true);
        code = plan ? server_run(plan, &source.config, NULL, NULL) : 1;
    }
    source_finish(&source);
    return code;
}
