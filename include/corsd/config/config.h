/* YAML text → a plan, or every fault at its line and column. Main thread only. */
#pragma once
#include "corsd/base/buf.h"

struct plan;
struct diagnostics;

/* Where configuration comes from: a file, or without one flags and CORSD_* variables (DESIGN §1,
 * §7). */
struct config_source {
    const char *file; /* NULL: no file, settings alone */
    /* As they were typed, for their place in messages: "--allow-origin=https://a.example", or
     * "--allow-origin" and the next word; "--allow-credentials" alone; "CORSD_LISTEN=127.0.0.1:80".
     * Variables before flags, which win. A flag may come several times where its key takes a list.
     */
    const char *const *settings;
    size_t n_settings;
    bool strict; /* a warning is an error */
    /* The plan in force, or NULL: where a certificate cannot be read now, the one from there goes
     * on, and a warning says so. */
    const struct plan *before;
};

/* Reads, checks and compiles. NULL where there was an error; `diagnostics` holds every fault and
 * warning either way, in the order of their places. The caller owns the plan (plan_unref). */
MUST_USE struct plan *config_load(const struct config_source *source,
                                  struct diagnostics *diagnostics);
/* The same from text, as if `name` were a file that holds it; file names in it start from the
 * current folder. For tests and fuzzing. */
MUST_USE struct plan *config_load_text(struct str name, struct str text,
                                       struct diagnostics *diagnostics);

/* How many words of a command line a setting's flag takes: 2 for "--listen :80", 1 for
 * "--listen=:80" and "--allow-credentials", 0 where it is no setting. */
int config_flag_words(const char *flag);
/* Whether "NAME=value" of the environment is a setting. */
bool config_is_variable(const char *entry);
