/* Reads a place. */
#include "corsd/plan/place.h"

bool place_of(const void *place, struct str *file, unsigned *line, unsigned *column)
{
    const struct place *at = place;
    if (!at || !at->file)
        return false;
    *file = at->file->name;
    *line = at->line;
    *column = at->column;
    return true;
}
