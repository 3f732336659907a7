/* Builds the tree from libyaml's events. */
#include "corsd/config/yaml.h"
#include <assert.h>
#include <stdlib.h>
#include <yaml.h>
#include "corsd/config/characters.h"
#include "corsd/config/syntax.h"

struct anchor {
    struct str name;
    struct node *node; /* NULL until it was read to its end */
    size_t weight;     /* nodes in it, aliases written out */
};

struct frame { /* a list or map that is open */
    struct node *node;
    size_t first;   /* of its children on the stack */
    size_t anchor;  /* its own, or NO_ANCHOR */
    size_t started; /* nodes before it */
    bool bad;       /* reported already */
};
static const size_t NO_ANCHOR = (size_t)-1;

struct builder {
    struct reading *reading;
    const struct place_file *file;
    yaml_parser_t parser;
    struct frame frames[YAML_DEPTH_MAX];
    size_t depth;
    struct node **stack; /* children of all open frames */
    size_t n, cap;
    struct anchor *anchors;
    size_t n_anchors;
    size_t nodes; /* aliases written out */
    struct node *root;
};

static struct place place_at(const struct builder *builder, yaml_mark_t mark)
{
    return (struct place){builder->file, (unsigned)mark.line + 1, (unsigned)mark.column + 1};
}

static void report_syntax(struct builder *builder)
{
    const yaml_parser_t *parser = &builder->parser;
    struct syntax_fault syntax = {.problem = parser->problem,
                                  .at = place_at(builder, parser->problem_mark)};
    if (parser->context)
        syntax.start = place_at(builder, parser->context_mark);
    if (parser->error == YAML_MEMORY_ERROR)
        builder->reading->out_of_memory = true;
    else
        syntax_report(builder->reading, &syntax);
}

/* --- the tree --------------------------------------------------------------------------------- */

static struct node *new_node(struct builder *builder, enum node_kind kind, yaml_mark_t mark)
{
    struct node *node = take(builder->reading, sizeof *node);
    if (!node)
        return NULL;
    node->place = place_at(builder, mark);
    node->kind = (uint8_t)kind;
    return node;
}

static bool too_many(struct builder *builder, size_t more, yaml_mark_t mark)
{
    struct place at = place_at(builder, mark);
    builder->nodes += more;
    if (builder->nodes <= YAML_NODES_MAX)
        return false;
    fault(builder->reading, &at,
          "a long list of origins belongs into a file of its own: allow_origins_file",
          "the file has more than %d values%s", YAML_NODES_MAX,
          builder->n_anchors ? " once its aliases are written out" : "");
    return true;
}

/* Puts a finished value where it belongs. */
static bool add_child(struct builder *builder, struct node *node)
{
    if (!builder->depth) {
        builder->root = node;
        return true;
    }
    if (builder->n == builder->cap) {
        size_t cap = builder->cap ? 2 * builder->cap : 64;
        struct node **stack = realloc(builder->stack, cap * sizeof(struct node *));
        if (!stack) {
            builder->reading->out_of_memory = true;
            return false;
        }
        builder->stack = stack;
        builder->cap = cap;
    }
    builder->stack[builder->n++] = node;
    return true;
}

static struct anchor *anchor_named(struct builder *builder, struct str name)
{
    for (size_t i = builder->n_anchors; i > 0; i--)
        if (str_eq(builder->anchors[i - 1].name, name))
            return &builder->anchors[i - 1]; /* the last of that name holds */
    return NULL;
}

static bool add_anchor(struct builder *builder, const yaml_char_t *name, yaml_mark_t mark,
                       size_t *number)
{
    struct place at = place_at(builder, mark);
    *number = NO_ANCHOR;
    if (!name)
        return true;
    if (builder->n_anchors == YAML_ANCHORS_MAX) {
        fault(builder->reading, &at, NULL, "the file has more than %d anchors", YAML_ANCHORS_MAX);
        return false;
    }
    if (!builder->anchors)
        builder->anchors = take(builder->reading, YAML_ANCHORS_MAX * sizeof *builder->anchors);
    if (!builder->anchors)
        return false;
    struct str copy = keep(builder->reading, str_of((const char *)name));
    *number = builder->n_anchors;
    builder->anchors[builder->n_anchors++].name = copy;
    return copy.p != NULL;
}

static void refuse_tag(struct builder *builder, const yaml_char_t *tag, struct node *node)
{
    if (!tag)
        return;
    fault(builder->reading, node, "delete the tag; a value in quotes is always text",
          "YAML tags are not taken");
    node->kind = NODE_BAD;
}

static void refuse_control(struct builder *builder, struct node *node)
{
    uint32_t c = 0;
    for (struct str rest = node->text; rest.n;) {
        size_t n = utf8_read(rest, &c);
        if (is_break(c)) {
            fault(builder->reading, node, "write it in one line",
                  "a value cannot hold a line break");
            node->kind = NODE_BAD;
            return;
        }
        if (is_control(c)) {
            fault(builder->reading, node, NULL, "a value cannot hold a control character (U+%04X)",
                  (unsigned)c);
            node->kind = NODE_BAD;
            return;
        }
        rest = str_from(rest, n ? n : 1);
    }
}

static bool on_scalar(struct builder *builder, const yaml_event_t *event)
{
    struct str text = {(const char *)event->data.scalar.value, event->data.scalar.length};
    struct node *node = new_node(builder, NODE_SCALAR, event->start_mark);
    size_t anchor;
    if (!node || too_many(builder, 1, event->start_mark))
        return false;
    node->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    node->text = keep(builder->reading, text);
    if (!node->text.p ||
        !add_anchor(builder, event->data.scalar.anchor, event->start_mark, &anchor))
        return false;
    if (anchor != NO_ANCHOR) {
        builder->anchors[anchor].node = node;
        builder->anchors[anchor].weight = 1;
    }
    refuse_tag(builder, event->data.scalar.tag, node);
    refuse_control(builder, node);
    return add_child(builder, node);
}

static bool on_alias(struct builder *builder, const yaml_event_t *event)
{
    struct str name = str_of((const char *)event->data.alias.anchor);
    struct place at = place_at(builder, event->start_mark);
    struct anchor *anchor = anchor_named(builder, name);
    if (!anchor || !anchor->node) {
        fault(builder->reading, &at,
              anchor ? NULL : "put a value that begins with * in quotes: \"*\"",
              anchor ? "the alias *%.*s stands inside of what it means"
                     : "the alias *%.*s has no anchor before it",
              EXCERPT_ARG(name));
        return false;
    }
    return !too_many(builder, anchor->weight, event->start_mark) &&
           add_child(builder, anchor->node);
}

static bool on_start(struct builder *builder, enum node_kind kind, const yaml_char_t *anchor,
                     const yaml_char_t *tag, yaml_mark_t mark)
{
    struct place at = place_at(builder, mark);
    struct frame frame = {.first = builder->n, .started = builder->nodes};
    if (builder->depth == YAML_DEPTH_MAX) {
        fault(builder->reading, &at, NULL, "lists and maps are nested deeper than %d levels",
              YAML_DEPTH_MAX);
        return false;
    }
    frame.node = new_node(builder, kind, mark);
    if (!frame.node || too_many(builder, 1, mark) ||
        !add_anchor(builder, anchor, mark, &frame.anchor))
        return false;
    frame.bad = tag;
    if (tag)
        refuse_tag(builder, tag, frame.node);
    frame.node->kind = (uint8_t)kind;
    builder->frames[builder->depth++] = frame;
    return true;
}

static bool fill_list(struct builder *builder, struct node *node, size_t first)
{
    size_t n = builder->n - first;
    node->n = (unsigned)n;
    if (!n)
        return true;
    node->items = take(builder->reading, n * sizeof(struct node *));
    if (!node->items)
        return false;
    memcpy(node->items, builder->stack + first, n * sizeof(struct node *));
    return true;
}

static bool is_good_key(struct builder *builder, const struct node *key)
{
    if (key->kind == NODE_BAD)
        return false;
    if (key->kind != NODE_SCALAR) {
        fault(builder->reading, key, NULL, "a key must be one word, not a %s",
              key->kind == NODE_LIST ? "list" : "map");
        return false;
    }
    if (key->plain && str_eq(key->text, STR("<<"))) {
        fault(builder->reading, key,
              "write the keys out, or let an alias stand for a whole value: key: *name",
              "merge keys (<<) are not taken");
        return false;
    }
    return true;
}

/* Equal keys stand beside each other, in the order of the file. */
static int compare_keys(const void *left, const void *right)
{
    const struct pair *const *a = left, *const *b = right;
    struct str x = (*a)->key->text, y = (*b)->key->text;
    size_t n = x.n < y.n ? x.n : y.n;
    int order = n ? memcmp(x.p, y.p, n) : 0;
    if (!order)
        order = (x.n > y.n) - (x.n < y.n);
    return order ? order : (*a > *b) - (*a < *b);
}

/* Reports and drops all but the first pair of each key. */
static bool drop_duplicates(struct builder *builder, struct node *node)
{
    struct pair **sorted = malloc((node->n + 1) * sizeof *sorted);
    char hint[PHRASE];
    if (!sorted) {
        builder->reading->out_of_memory = true;
        return false;
    }
    for (unsigned i = 0; i < node->n; i++)
        sorted[i] = &node->pairs[i];
    qsort(sorted, node->n, sizeof *sorted, compare_keys);
    const struct pair *first = node->n ? sorted[0] : NULL;
    for (unsigned i = 1; i < node->n; i++) {
        struct pair *pair = sorted[i];
        if (!str_eq(pair->key->text, first->key->text)) {
            first = pair;
            continue;
        }
        phrase(hint, sizeof hint, "it stands in line %u already", first->key->place.line);
        fault(builder->reading, pair->key, hint, "\"%.*s\" stands here twice",
              EXCERPT_ARG(pair->key->text));
        pair->value = NULL;
    }
    free(sorted);
    unsigned kept = 0;
    for (unsigned i = 0; i < node->n; i++)
        if (node->pairs[i].value)
            node->pairs[kept++] = node->pairs[i];
    node->n = kept;
    return true;
}

static bool fill_map(struct builder *builder, struct node *node, size_t first)
{
    size_t n = (builder->n - first) / 2;
    node->pairs = take(builder->reading, n * sizeof *node->pairs + 1);
    if (!node->pairs)
        return false;
    for (size_t i = 0; i < n; i++) {
        struct node **at = builder->stack + first + 2 * i;
        if (is_good_key(builder, at[0]))
            node->pairs[node->n++] = (struct pair){at[0], at[1]};
        else
            node->partial = true;
    }
    return drop_duplicates(builder, node);
}

static bool on_end(struct builder *builder)
{
    struct frame frame = builder->frames[--builder->depth];
    bool ok = frame.node->kind == NODE_LIST ? fill_list(builder, frame.node, frame.first)
                                            : fill_map(builder, frame.node, frame.first);
    if (!ok)
        return false;
    builder->n = frame.first;
    if (frame.bad)
        frame.node->kind = NODE_BAD;
    if (frame.anchor != NO_ANCHOR) {
        builder->anchors[frame.anchor].node = frame.node;
        builder->anchors[frame.anchor].weight = builder->nodes - frame.started;
    }
    return add_child(builder, frame.node);
}

static bool on_document(struct builder *builder, const yaml_event_t *event)
{
    struct place at = place_at(builder, event->start_mark);
    if (builder->root)
        fault(builder->reading, &at, "delete what stands from here on",
              "a second YAML document begins here");
    return !builder->root;
}

static bool on_event(struct builder *builder, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT: return on_document(builder, event);
    case YAML_SCALAR_EVENT: return on_scalar(builder, event);
    case YAML_ALIAS_EVENT: return on_alias(builder, event);
    case YAML_SEQUENCE_START_EVENT:
        return on_start(builder, NODE_LIST, event->data.sequence_start.anchor,
                        event->data.sequence_start.tag, event->start_mark);
    case YAML_MAPPING_START_EVENT:
        return on_start(builder, NODE_MAP, event->data.mapping_start.anchor,
                        event->data.mapping_start.tag, event->start_mark);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT: return on_end(builder);
    default: return true;
    }
}

static bool build(struct builder *builder)
{
    bool more = true, ok = true;
    while (more && ok) {
        yaml_event_t event;
        if (!yaml_parser_parse(&builder->parser, &event)) {
            report_syntax(builder);
            return false;
        }
        more = event.type != YAML_STREAM_END_EVENT;
        ok = on_event(builder, &event);
        yaml_event_delete(&event);
    }
    return ok;
}

struct node *yaml_parse(struct reading *reading, const struct place_file *file)
{
    struct builder builder = {.reading = reading, .file = file};
    bool ok = false;
    if (!syntax_check_characters(reading, file))
        return NULL;
    if (!yaml_parser_initialize(&builder.parser)) {
        reading->out_of_memory = true;
        return NULL;
    }
    yaml_parser_set_encoding(&builder.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(
        &builder.parser, (const unsigned char *)(file->text.n ? file->text.p : ""), file->text.n);
    ok = build(&builder);
    yaml_parser_delete(&builder.parser);
    free(builder.stack);
    return ok ? builder.root : NULL;
}

const struct node *node_value(const struct node *node, const char *name)
{
    for (unsigned i = 0; node->kind == NODE_MAP && i < node->n; i++)
        if (str_eq(node->pairs[i].key->text, str_of(name)))
            return node->pairs[i].value;
    return NULL;
}

bool node_is_null(const struct node *node)
{
    static const struct str words[] = {STR_INIT(""), STR_INIT("~"), STR_INIT("null"),
                                       STR_INIT("Null"), STR_INIT("NULL")};
    if (node->kind != NODE_SCALAR || !node->plain || node->foreign)
        return false;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (str_eq(node->text, words[i]))
            return true;
    return false;
}
