/* Files that a configuration is made of. */
#pragma once
#include "corsd/config/reading.h"

/* Reads a whole file into out, whose maximum holds, without a byte order mark at its start. Where
 * that fails: a fault at `place`, or about the file as a whole where it is NULL. */
MUST_USE bool file_read(struct reading *reading, const void *place, struct str path,
                        struct buf *out);
/* The path as a file of this configuration: relative ones start from its folder. p NULL: no
 * memory. */
MUST_USE struct str file_path(struct reading *reading, struct str path);
