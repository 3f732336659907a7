/* Where a verb's configuration comes from, and loading it from there. */
#pragma once
#include "corsd/config/config.h"

struct source {
    struct config_source config;
    const char **settings; /* of the environment; there is room for `more` */
};

/* The settings of the environment. False: out of memory. */
MUST_USE bool source_init(struct source *source, size_t more);
void source_finish(struct source *source);
/* A file where one was named; else the settings where there are any; else the default file.
 * `flags`: some of the settings are flags. */
void source_choose(struct source *source, bool flags);
/* The plan, or NULL. Faults are told on stderr; warnings of a plan that stands where `warnings`. */
struct plan *load_and_tell(const struct config_source *source, bool warnings);
