/* YAML text → a plan, or every fault at its line and column. Main thread only. */
#pragma once
#include "corsd/base/buf.h"

struct plan;
struct diagnostics;

/* Where configuration comes from besides the file: flags and CORSD_* variables (DESIGN §1, §7). */
struct config_source {
    const char *file;       /* NULL: no file, settings alone */
    const char *const *settings; /* "listen=127.0.0.1:80", "allow_origins=https://a.example", … */
    size_t n_settings;
};

/* Reads, checks and compiles. NULL where there was an error; `diagnostics` holds every fault and
 * warning either way, with places. The caller owns the plan (plan_unref). */
MUST_USE struct plan *config_load(const struct config_source *source,
                                  struct diagnostics *diagnostics);
