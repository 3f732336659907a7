/* Walks the tables over what was written. */
#include "corsd/config/effective.h"
#include "corsd/base/units.h"
#include "corsd/config/keys.h"
#include "corsd/config/readers.h"
#include "corsd/cors/pattern.h"
#include "corsd/plan/plan.h"

struct writer {
    struct buf *out;
    unsigned indent; /* of the keys that are written */
    bool dash;       /* the next key begins a list item */
};

static void show_section(struct writer *writer, const struct key *section, const void *owner);
static void show_value(struct writer *writer, const struct key *key, const void *field);

/* --- lines and scalars ------------------------------------------------------------------------ */

static void start_line(struct writer *writer)
{
    unsigned spaces = writer->dash ? writer->indent - 2 : writer->indent;
    for (unsigned i = 0; i < spaces; i++)
        buf_add_char(writer->out, ' ');
    buf_add(writer->out, writer->dash ? STR("- ") : STR(""));
    writer->dash = false;
}

static bool is_plain(struct str text)
{
    /* These mean something else to some reader of YAML. */
    static const struct str words[] = {STR_INIT("null"), STR_INIT("true"), STR_INIT("false"),
                                       STR_INIT("yes"), STR_INIT("no"), STR_INIT("on")};
    if (!text.n || (!ascii_is_alpha(text.p[0]) && !ascii_is_digit(text.p[0]) && text.p[0] != '/'))
        return false;
    for (size_t i = 0; i < text.n; i++)
        if (!ascii_is_alpha(text.p[i]) && !ascii_is_digit(text.p[i]) &&
            !strchr("/:._-+=~*", text.p[i]))
            return false;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (str_eq_nocase(text, words[i]))
            return false;
    return text.p[text.n - 1] != ':';
}

/* A scalar that reads back as this text. */
static void add_scalar(struct buf *out, struct str text)
{
    if (is_plain(text)) {
        buf_add(out, text);
        return;
    }
    buf_add_char(out, '"');
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '"' || text.p[i] == '\\')
            buf_add_char(out, '\\');
        if (str_starts(str_from(text, i), STR("${")))
            buf_add_char(out, '$');
        buf_add_char(out, text.p[i]);
    }
    buf_add_char(out, '"');
}

static struct str word_at(const char *words, uint64_t number)
{
    struct str rest = str_of(words), word;
    do
        word = str_cut(&rest, ' ');
    while (number--);
    return word;
}

static void add_number(struct buf *out, const struct key *key, uint64_t value)
{
    char text[UNIT_TEXT];
    struct str word;
    switch (key->type->shape) {
    case SHAPE_FLAG: buf_add(out, value ? STR("true") : STR("false")); break;
    case SHAPE_CHOICE:
        word = word_at(key->choices, value);
        if (str_eq(word, STR("true")) || str_eq(word, STR("false")))
            buf_add(out, word);
        else
            add_scalar(out, word);
        break;
    case SHAPE_DURATION: buf_add(out, str_of(duration_text(value, text))); break;
    case SHAPE_SIZE: buf_add(out, str_of(size_text(value, text))); break;
    case SHAPE_FILE_MODE: buf_printf(out, "0%llo", (unsigned long long)value); break;
    case SHAPE_COUNT_OR_AUTO:
        if (!value) {
            buf_add(out, STR("auto"));
            break;
        }
        buf_add_u64(out, value);
        break;
    default: buf_add_u64(out, value); break;
    }
}

/* --- what is there ---------------------------------------------------------------------------- */

static bool has_any(const struct key *section, const void *owner);

static bool is_there(const struct key *key, const void *field)
{
    switch (key->type->shape) {
    case SHAPE_TEXT: return ((const struct spec_text *)field)->text.n > 0;
    case SHAPE_TEXTS: return ((const struct spec_list *)field)->n > 0;
    case SHAPE_LIST:
    case SHAPE_PAIRS:
    case SHAPE_NAMED: return ((const struct items *)field)->n > 0;
    case SHAPE_CORS: return ((const struct written_cors *)field)->at;
    case SHAPE_SECTION: return has_any(key, field);
    default: return key->fallback || ((const struct number *)field)->at;
    }
}

static bool is_shown(const struct key *key, const void *owner)
{
    return !key->unbuilt && key->type && is_there(key, (const char *)owner + key->into);
}

/* Something that stands in it, and what must stand there. */
static bool has_any(const struct key *section, const void *owner)
{
    bool any = false;
    for (const struct key *key = section->keys; key->name; key++) {
        bool shown = is_shown(key, owner);
        if (key->required && !shown)
            return false;
        any = any || shown;
    }
    return any;
}

/* A section that can be written as the value of its first key: nobody wrote another one. */
static bool is_short(const struct key *section, const void *owner)
{
    for (const struct key *key = section->keys + 1; key->name; key++) {
        const void *field = (const char *)owner + key->into;
        bool flag = key->type && key->type->shape == SHAPE_FLAG;
        if (is_shown(key, owner) && !(flag && !((const struct number *)field)->at))
            return false;
    }
    return section->shorthand;
}

/* --- lists ------------------------------------------------------------------------------------ */

static void add_item(struct buf *out, const struct key *key, struct str text)
{
    struct pattern pattern;
    if (key->type == &origins_type && pattern_parse(text, &pattern, NULL) == PATTERN_OK)
        text = pattern.text;
    add_scalar(out, text);
}

static void show_texts(struct writer *writer, const struct key *key, const struct spec_list *list)
{
    bool block = key->type == &origins_type; /* long, and each line says much */
    buf_add(writer->out, block ? STR("\n") : STR(" ["));
    for (size_t i = 0; i < list->n; i++) {
        if (block) {
            for (unsigned space = 0; space < writer->indent + 2; space++)
                buf_add_char(writer->out, ' ');
            buf_add(writer->out, STR("- "));
        } else if (i)
            buf_add(writer->out, STR(", "));
        add_item(writer->out, key, list->items[i].text);
        buf_add(writer->out, block ? STR("\n") : STR(""));
    }
    buf_add(writer->out, block ? STR("") : STR("]\n"));
}

static void show_choices(struct buf *out, const struct key *key, uint64_t bits)
{
    const char *between = "";
    buf_add(out, STR(" ["));
    for (unsigned i = 0; bits >> i; i++) {
        if (!(bits >> i & 1))
            continue;
        buf_add(out, str_of(between));
        add_scalar(out, word_at(key->choices, i));
        between = ", ";
    }
    buf_add(out, STR("]\n"));
}

static void show_items(struct writer *writer, const struct key *key, const struct items *items)
{
    const struct key *item = key->item;
    struct writer inner = {writer->out, writer->indent + 4, false};
    buf_add_char(writer->out, '\n');
    if (key->single && items->n == 1 && !item->shorthand) {
        inner.indent = writer->indent + 2;
        show_section(&inner, item, items->first);
        return;
    }
    for (size_t i = 0; i < items->n; i++) {
        const char *owner = (const char *)items->first + i * item->size;
        inner.dash = true;
        if (is_short(item, owner)) {
            start_line(&inner);
            add_scalar(inner.out,
                       ((const struct spec_text *)(const void *)(owner + item->keys->into))->text);
            buf_add_char(inner.out, '\n');
        } else
            show_section(&inner, item, owner);
    }
}

static void show_named(struct writer *writer, const struct key *key, const struct items *items)
{
    struct writer inner = {writer->out, writer->indent + 2, false};
    buf_add_char(writer->out, '\n');
    for (size_t i = 0; i < items->n; i++) {
        const char *owner = (const char *)items->first + i * key->item->size;
        start_line(&inner);
        add_scalar(inner.out, ((const struct spec_text *)(const void *)owner)->text);
        buf_add_char(inner.out, ':');
        show_value(&inner, key->item, owner + key->item->into);
    }
}

static void show_pairs(struct writer *writer, const struct key *key, const struct items *items)
{
    const struct written_pair *pairs = items->first;
    struct writer inner = {writer->out, writer->indent + 2, false};
    buf_add_char(writer->out, '\n');
    for (size_t i = 0; i < items->n; i++) {
        start_line(&inner);
        add_scalar(inner.out, pairs[i].name.text);
        buf_add(inner.out, STR(": "));
        add_scalar(inner.out, key->secret ? STR("(hidden)") : pairs[i].value.text);
        buf_add_char(inner.out, '\n');
    }
}

static void show_cors(struct writer *writer, const struct key *key, const struct written_cors *cors)
{
    if (cors->off || cors->name.place) {
        buf_add_char(writer->out, ' ');
        add_scalar(writer->out, cors->off ? STR("off") : cors->name.text);
        buf_add_char(writer->out, '\n');
    } else
        show_value(writer, key->item, (const char *)&cors->policy + key->item->into);
}

/* --- keys ------------------------------------------------------------------------------------- */

/* What stands behind "key:", its line end included. */
static void show_value(struct writer *writer, const struct key *key, const void *field)
{
    struct writer inner = {writer->out, writer->indent + 2, false};
    switch (key->type->shape) {
    case SHAPE_TEXTS: show_texts(writer, key, field); return;
    case SHAPE_LIST: show_items(writer, key, field); return;
    case SHAPE_NAMED: show_named(writer, key, field); return;
    case SHAPE_PAIRS: show_pairs(writer, key, field); return;
    case SHAPE_CORS: show_cors(writer, key, field); return;
    case SHAPE_CHOICES:
        show_choices(writer->out, key, ((const struct number *)field)->value);
        return;
    case SHAPE_SECTION:
        if (is_short(key, field)) {
            show_value(writer, key->keys, (const char *)field + key->keys->into);
            return;
        }
        buf_add_char(writer->out, '\n');
        show_section(&inner, key, field);
        return;
    default: break;
    }
    buf_add_char(writer->out, ' ');
    if (key->type->shape == SHAPE_TEXT)
        add_scalar(writer->out, ((const struct spec_text *)field)->text);
    else
        add_number(writer->out, key, ((const struct number *)field)->value);
    buf_add_char(writer->out, '\n');
}

static void show_section(struct writer *writer, const struct key *section, const void *owner)
{
    for (const struct key *key = section->keys; key->name; key++) {
        if (!is_shown(key, owner))
            continue;
        start_line(writer);
        buf_printf(writer->out, "%s:", key->name);
        show_value(writer, key, (const char *)owner + key->into);
    }
}

void config_show(const struct plan *plan, struct buf *out)
{
    struct writer writer = {.out = out};
    show_section(&writer, &root_key, plan->written);
}
