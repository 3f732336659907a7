/* Turns a place and a sentence into a diagnostic, with the line it is about. */
#include "corsd/config/reading.h"
#include <stdarg.h>
#include <stdio.h>
#include "corsd/config/characters.h"
#include "corsd/plan/plan.h"

enum { MESSAGE_MAX = 1024 };

/* The line of a place. Faults come mostly in the order of the file: the search goes on from the
 * last one. */
static struct str line_at(struct reading *reading, const struct place *at)
{
    struct str text = at->file->text;
    if (reading->last.file != at->file || reading->last.line > at->line) {
        reading->last.file = at->file;
        reading->last.line = 1;
        reading->last.offset = 0;
    }
    struct str line =
        line_of(str_from(text, reading->last.offset), at->line - reading->last.line + 1);
    if (line.p) {
        reading->last.line = at->line;
        reading->last.offset = (size_t)(line.p - text.p);
    }
    return line;
}

static void add(struct reading *reading, enum severity severity, const struct place *at,
                const char *hint, const char *message)
{
    struct str file = {0}, quoted = {0};
    unsigned line = 0, column = 0;
    if (place_of(at, &file, &line, &column) && line && is_heard(reading))
        quoted = line_at(reading, at);
    diagnostics_add(reading->diagnostics, severity, file, line, column, quoted, str_of(message),
                    str_of(hint));
}

void fault(struct reading *reading, const void *place, const char *hint, const char *format, ...)
{
    char message[MESSAGE_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    add(reading, SEVERITY_ERROR, place, hint, message);
}

void warn(struct reading *reading, const void *place, const char *hint, const char *format, ...)
{
    char message[MESSAGE_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    add(reading, SEVERITY_WARNING, place, hint, message);
}

bool is_heard(const struct reading *reading)
{
    return reading->diagnostics->n < DIAGNOSTICS_MAX;
}

void *take(struct reading *reading, size_t size)
{
    void *p = arena_zalloc(reading->arena, size);
    if (!p)
        reading->out_of_memory = true;
    return p;
}

struct str keep(struct reading *reading, struct str text)
{
    struct str copy = arena_copy(reading->arena, text);
    if (!copy.p)
        reading->out_of_memory = true;
    return copy;
}

void rest_on(struct reading *reading, struct str path)
{
    struct plan_file *file = take(reading, sizeof *file);
    if (file) {
        *file = (struct plan_file){reading->files, path};
        reading->files = file;
    }
}

char *phrase(char *out, size_t size, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(out, size, format, args);
    va_end(args);
    return out;
}

struct str excerpt(struct str text)
{
    if (text.n <= EXCERPT)
        return text;
    text.n = EXCERPT;
    while (text.n && ((unsigned char)text.p[text.n] & 0xc0) == 0x80)
        text.n--; /* never half a character */
    return text;
}
