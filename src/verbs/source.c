#include "source.h"
#include <stdlib.h>
#include <unistd.h>
#include "corsd/config/diagnostic.h"
#include "corsd/verbs/verbs.h"
#include "reads.h"

extern char **environ;

const char *default_config_file(void)
{
    const char *named = getenv("CORSD_CONFIG");
    return named && *named ? named : "/etc/corsd/corsd.yaml";
}

bool source_init(struct source *source, size_t more)
{
    size_t n = 0;
    while (environ[n])
        n++;
    source->config = (struct config_source){0};
    source->settings = calloc(n + more + 1, sizeof *source->settings);
    if (!source->settings)
        return false;
    for (size_t i = 0; i < n; i++)
        if (config_is_variable(environ[i]))
            source->settings[source->config.n_settings++] = environ[i];
    source->config.settings = source->settings;
    return true;
}

void source_finish(struct source *source)
{
    free(source->settings);
}

void source_choose(struct source *source, bool flags)
{
    struct config_source *config = &source->config;
    const char *named = getenv("CORSD_CONFIG");
    if (!config->file && !flags && (!config->n_settings || (named && *named)))
        config->file = default_config_file();
    if (config->file)
        config->n_settings = 0;
}

struct plan *load_and_tell(const struct config_source *source, bool warnings)
{
    struct diagnostics diagnostics;
    struct buf text = BUF_INIT(OUTPUT_MAX);
    diagnostics_init(&diagnostics);
    struct plan *plan = config_load(source, &diagnostics);
    if (!plan || warnings)
        diagnostics_print(&diagnostics, &text, wants_colour(STDERR_FILENO));
    write_out(STDERR_FILENO, &text);
    diagnostics_finish(&diagnostics);
    return plan;
}
