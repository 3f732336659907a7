/* allow_origins_file: one origin a line, `#` begins a comment. Read for as long as a policy is
 * being compiled: 100,000 lines and more. */
#pragma once
#include "corsd/config/reading.h"
#include "corsd/cors/policy.h"

enum { ORIGINS_FILE_MAX = 256 << 20 };

struct origins_file { /* zeroed: nothing was read */
    struct buf text;
    struct place_file file;
    struct spec_text *items; /* views into text; the place of each is its first byte there */
};

/* What stands there; out->place is that of the file's name. Faults are reported, *out is then left
 * as it was. */
void origins_file_read(struct reading *reading, const struct spec_text *name,
                       struct origins_file *file, struct spec_list *out);
void origins_file_finish(struct origins_file *file);
/* Whether `place` is one of this file's lines. */
bool origins_file_has(const struct origins_file *file, const void *place);
/* Which one. O(size of the file). */
struct place origins_file_place(const struct origins_file *file, const void *place);
