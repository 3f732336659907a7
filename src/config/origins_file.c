/* Lines of a file as a list of origins, at no cost beyond the text and one item a line. */
#include "corsd/config/origins_file.h"
#include <stdlib.h>
#include "corsd/config/characters.h"
#include "corsd/config/file.h"

/* A line without its comment and the space around it. */
static struct str content(struct str line)
{
    struct str text = str_trim(str_head(line, str_find(line, '#')));
    while (text.n && text.p[text.n - 1] == '\r')
        text = str_trim(str_head(text, text.n - 1));
    return text;
}

static size_t count_lines(struct str text)
{
    size_t n = 0;
    while (text.n) {
        str_cut(&text, '\n');
        n++;
    }
    return n;
}

static bool split_lines(struct origins_file *file, struct spec_list *out)
{
    struct str rest = file->file.text;
    file->items = malloc((count_lines(rest) + 1) * sizeof *file->items);
    if (!file->items)
        return false;
    while (rest.n) {
        struct str text = content(str_cut(&rest, '\n'));
        if (text.n)
            file->items[out->n++] = (struct spec_text){text, text.p};
    }
    out->items = file->items;
    return true;
}

void origins_file_read(struct reading *reading, const struct spec_text *name,
                       struct origins_file *file, struct spec_list *out)
{
    struct str path = file_path(reading, name->text);
    struct spec_list list = {.place = name->place};
    file->text = BUF_INIT(ORIGINS_FILE_MAX);
    if (!path.p || !file_read(reading, name->place, path, &file->text))
        return;
    file->file = (struct place_file){.name = path, .text = buf_str(&file->text)};
    if (split_lines(file, &list))
        *out = list;
    else
        reading->out_of_memory = true;
}

void origins_file_finish(struct origins_file *file)
{
    free(file->items);
    buf_finish(&file->text);
    *file = (struct origins_file){0};
}

bool origins_file_has(const struct origins_file *file, const void *place)
{
    uintptr_t start = (uintptr_t)file->file.text.p, at = (uintptr_t)place;
    return at >= start && at - start < file->file.text.n;
}

struct place origins_file_place(const struct origins_file *file, const void *place)
{
    struct place found = {&file->file, 1, 1};
    const char *at = place;
    struct str rest = file->file.text, line = str_cut(&rest, '\n');
    for (; line.p + line.n < at; found.line++)
        line = str_cut(&rest, '\n');
    while (character_at(line, found.column - 1) < (size_t)(at - line.p))
        found.column++;
    return found;
}
