/* A name is compared as a backend like CGI would read it. */
#include "corsd/gate/edits.h"

static char folded(char c)
{
    return c == '_' ? '-' : ascii_lower(c);
}

/* edited: in lower case, with `-` for `_`. */
static bool is_named(struct str name, struct str edited)
{
    if (name.n != edited.n)
        return false;
    for (size_t i = 0; i < name.n; i++)
        if (folded(name.p[i]) != edited.p[i])
            return false;
    return true;
}

void gate_edit(const struct header_edits *edits, struct head *head)
{
    for (size_t name = 0; name < edits->n; name++)
        for (size_t i = 0; i < head->n; i++)
            if (is_named(head->fields[i].name, edits->names[name]))
                head->fields[i].dropped = true;
}
