/* Where something was written: in a file, a flag or a variable. A `place` kept in specs, rules,
 * routes and listeners points to one of these and lives as long as the plan. Pure. */
#pragma once
#include "corsd/base/str.h"

struct place_file {
    struct str name; /* as the user named it; "--allow-origin" or "CORSD_UPSTREAM" for settings */
    struct str text; /* its content while the configuration is read, empty afterwards */
};

struct place {
    const struct place_file *file;
    unsigned line, column; /* from 1; line 0: the file as a whole */
};

/* False where place is NULL: nobody wrote it. */
bool place_of(const void *place, struct str *file, unsigned *line, unsigned *column);
