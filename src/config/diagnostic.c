/* Collects faults and prints them as compilers do. */
#include "corsd/config/diagnostic.h"
#include <stdlib.h>
#include "corsd/base/json.h"
#include "corsd/config/characters.h"

enum {
    QUOTED_MAX = 160,  /* characters of a line */
    CARET_MAX = 100,   /* the caret's column at most, in a line that is quoted in part */
    CARET_SHIFT = 60,
};

void diagnostics_init(struct diagnostics *diagnostics)
{
    *diagnostics = (struct diagnostics){0};
    arena_init(&diagnostics->arena, NULL, 0);
}

void diagnostics_finish(struct diagnostics *diagnostics)
{
    free(diagnostics->items);
    arena_finish(&diagnostics->arena);
    *diagnostics = (struct diagnostics){0};
}

/* The piece of a line around a column; *caret says how many characters stand before it. */
static struct str window(struct str line, unsigned column, unsigned *caret)
{
    size_t skip = column > CARET_MAX ? column - CARET_SHIFT : 0;
    line = str_from(line, character_at(line, skip));
    *caret = column ? column - 1 - (unsigned)skip : 0;
    return str_head(line, character_at(line, QUOTED_MAX));
}

static bool room_for_one(struct diagnostics *diagnostics)
{
    if (diagnostics->n >= DIAGNOSTICS_MAX)
        return false;
    if (diagnostics->n < diagnostics->cap)
        return true;
    size_t cap = diagnostics->cap ? 2 * diagnostics->cap : 16;
    struct diagnostic *items = realloc(diagnostics->items, cap * sizeof *items);
    if (!items)
        return false;
    diagnostics->items = items;
    diagnostics->cap = cap;
    return true;
}

static void count(struct diagnostics *diagnostics, enum severity severity, bool up)
{
    size_t *counter = severity == SEVERITY_ERROR ? &diagnostics->errors : &diagnostics->warnings;
    *counter += up ? 1 : (size_t)-1;
}

void diagnostics_add(struct diagnostics *diagnostics, enum severity severity, struct str file,
                     unsigned line, unsigned column, struct str quoted, struct str message,
                     struct str hint)
{
    struct arena *arena = &diagnostics->arena;
    if (diagnostics->strict)
        severity = SEVERITY_ERROR;
    count(diagnostics, severity, true);
    if (!room_for_one(diagnostics))
        return;
    struct diagnostic item = {
        .severity = severity, .line = line, .column = column, .number = diagnostics->n};
    item.file = arena_copy(arena, file);
    item.message = arena_copy(arena, message);
    item.hint = arena_copy(arena, hint);
    item.quoted = arena_copy(arena, window(quoted, column, &item.caret));
    diagnostics->items[diagnostics->n++] = item;
}

/* --- order ------------------------------------------------------------------------------------ */

static int compare_numbers(size_t a, size_t b)
{
    return (a > b) - (a < b);
}

static int compare(const void *left, const void *right)
{
    const struct diagnostic *a = left, *b = right;
    int order = compare_numbers(a->line, b->line);
    if (!order)
        order = compare_numbers(a->column, b->column);
    return order ? order : compare_numbers(a->number, b->number);
}

static void rotate_file_to(struct diagnostics *diagnostics, size_t to, struct str file)
{
    for (size_t i = to; i < diagnostics->n; i++) {
        if (!str_eq(diagnostics->items[i].file, file))
            continue;
        struct diagnostic item = diagnostics->items[i];
        memmove(&diagnostics->items[to + 1], &diagnostics->items[to],
                (i - to) * sizeof *diagnostics->items);
        diagnostics->items[to++] = item;
    }
}

static void group_by_file(struct diagnostics *diagnostics)
{
    size_t at = 0;
    struct str file = diagnostics->first_file;
    while (at < diagnostics->n) {
        rotate_file_to(diagnostics, at, file);
        while (at < diagnostics->n && str_eq(diagnostics->items[at].file, file))
            at++;
        if (at < diagnostics->n)
            file = diagnostics->items[at].file;
    }
}

static bool same(const struct diagnostic *a, const struct diagnostic *b)
{
    return a->line == b->line && a->column == b->column && str_eq(a->message, b->message) &&
           str_eq(a->file, b->file);
}

void diagnostics_sort(struct diagnostics *diagnostics)
{
    size_t kept = 0;
    group_by_file(diagnostics);
    for (size_t from = 0, to; from < diagnostics->n; from = to) {
        for (to = from; to < diagnostics->n; to++)
            if (!str_eq(diagnostics->items[to].file, diagnostics->items[from].file))
                break;
        qsort(&diagnostics->items[from], to - from, sizeof *diagnostics->items, compare);
    }
    for (size_t i = 0; i < diagnostics->n; i++) {
        struct diagnostic *item = &diagnostics->items[i];
        if (kept && same(&diagnostics->items[kept - 1], item))
            count(diagnostics, item->severity, false);
        else
            diagnostics->items[kept++] = *item;
    }
    diagnostics->n = kept;
}

/* --- printing --------------------------------------------------------------------------------- */

static void add_text(struct buf *out, struct str text)
{
    uint32_t c = 0;
    for (size_t n; text.n; text = str_from(text, n ? n : 1)) {
        n = utf8_read(text, &c);
        if (n && !is_control(c))
            buf_add(out, str_head(text, n));
        else
            buf_add_char(out, n && c == '\t' ? ' ' : '?'); /* the caret counts either as one */
    }
}

struct paint {
    const char *place, *error, *warning, *caret, *plain;
};
static const struct paint plain = {"", "", "", "", ""};
static const struct paint colours = {"\033[1m", "\033[1;31m", "\033[1;35m", "\033[32m", "\033[0m"};

static void print_place(struct buf *out, const struct diagnostic *item)
{
    add_text(out, item->file);
    if (item->line)
        buf_printf(out, ":%u:%u", item->line, item->column);
    buf_add(out, item->file.n ? STR(": ") : STR(""));
}

static void print_quoted(struct buf *out, const struct diagnostic *item, const struct paint *paint)
{
    buf_add(out, STR("    "));
    add_text(out, item->quoted);
    buf_add_char(out, '\n');
    if (!item->column)
        return;
    buf_printf(out, "    %s%*s^%s\n", paint->caret, (int)item->caret, "", paint->plain);
}

void diagnostics_print(const struct diagnostics *diagnostics, struct buf *out, bool colour)
{
    const struct paint *paint = colour ? &colours : &plain;
    for (size_t i = 0; i < diagnostics->n; i++) {
        const struct diagnostic *item = &diagnostics->items[i];
        bool error = item->severity == SEVERITY_ERROR;
        buf_add(out, str_of(paint->place));
        print_place(out, item);
        buf_printf(out, "%s%s%s:%s ", paint->plain, error ? paint->error : paint->warning,
                   error ? "error" : "warning", paint->plain);
        add_text(out, item->message);
        buf_add_char(out, '\n');
        if (item->quoted.n)
            print_quoted(out, item, paint);
        if (item->hint.n) {
            buf_add(out, STR("  hint: "));
            add_text(out, item->hint);
            buf_add_char(out, '\n');
        }
    }
    size_t all = diagnostics->errors + diagnostics->warnings;
    if (all > diagnostics->n)
        buf_printf(out, "and %zu more that are not shown\n", all - diagnostics->n);
}

void diagnostics_json(const struct diagnostics *diagnostics, struct buf *out)
{
    struct json json = {.out = out, .pretty = true};
    json_open(&json, '{');
    json_key(&json, STR("errors"));
    json_u64(&json, diagnostics->errors);
    json_key(&json, STR("warnings"));
    json_u64(&json, diagnostics->warnings);
    json_key(&json, STR("diagnostics"));
    json_open(&json, '[');
    for (size_t i = 0; i < diagnostics->n; i++) {
        const struct diagnostic *item = &diagnostics->items[i];
        json_open(&json, '{');
        json_member(&json, "severity",
                    item->severity == SEVERITY_ERROR ? STR("error") : STR("warning"));
        json_member(&json, "file", item->file);
        if (item->line) {
            json_key(&json, STR("line"));
            json_u64(&json, item->line);
            json_key(&json, STR("column"));
            json_u64(&json, item->column);
        }
        json_member(&json, "message", item->message);
        if (item->hint.n)
            json_member(&json, "hint", item->hint);
        json_close(&json, '}');
    }
    json_close(&json, ']');
    json_close(&json, '}');
    buf_add_char(out, '\n');
}
