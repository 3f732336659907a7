/* Faults and warnings of a configuration, each with its place, the line quoted, a caret and a hint:
 * collected in order, printed at once. Main thread only. */
#pragma once
#include "corsd/base/arena.h"
#include "corsd/base/buf.h"

enum severity { SEVERITY_ERROR, SEVERITY_WARNING };

struct diagnostic {
    enum severity severity;
    struct str file;
    unsigned line, column; /* from 1; 0: the file as a whole */
    struct str message, hint, quoted; /* hint and quoted line may be empty */
    unsigned caret; /* characters of `quoted` before the column; a long line is quoted in part */
    size_t number;  /* order of arrival */
};

enum { DIAGNOSTICS_MAX = 500 }; /* kept; the rest is only counted */
struct diagnostics {
    struct diagnostic *items;
    size_t n, cap, errors, warnings;
    bool strict;           /* a warning becomes an error */
    struct str first_file; /* sorts before all others; the caller's */
    struct arena arena;
};

void diagnostics_init(struct diagnostics *diagnostics);
void diagnostics_finish(struct diagnostics *diagnostics);
/* Copies the texts. `quoted` is the whole line, or empty. Where memory ran out the fault still
 * counts. */
void diagnostics_add(struct diagnostics *diagnostics, enum severity severity, struct str file,
                     unsigned line, unsigned column, struct str quoted, struct str message,
                     struct str hint);
/* Brings them into the order of their places and drops repetitions. */
void diagnostics_sort(struct diagnostics *diagnostics);
/* `FILE:LINE:COLUMN: error: …`, the line, a caret under the column, `hint: …`. What a terminal
 * would obey is printed as `?`. */
void diagnostics_print(const struct diagnostics *diagnostics, struct buf *out, bool colour);
/* {"errors": N, "warnings": N, "diagnostics": [{"severity", "file", "line", "column", "message",
 * "hint"}]}: line and column only where there are some, hint only where there is one. */
void diagnostics_json(const struct diagnostics *diagnostics, struct buf *out);
