/* Readers of what has keys or items inside: sections by their tables, lists, maps of names, cors.
 */
#include <stdio.h>
#include "corsd/config/nearest.h"
#include "corsd/config/readers.h"

enum {
    ITEMS_MAX = 65535,  /* routes and rules are numbered in 16 bits */
    COMPARED_MAX = 100, /* keys looked at for what a missing one may have become */
};

/* --- what was meant ----------------------------------------------------------------------------
 */

/* The nearest key within a limit, or NULL. */
static const struct key *near_key(const struct key *keys, struct str name, unsigned limit)
{
    const struct key *best = NULL;
    for (const struct key *key = keys; key->name; key++) {
        unsigned distance = typo_distance(name, str_of(key->name), limit);
        if (key->unbuilt || distance > limit)
            continue;
        best = key;
        limit = distance ? distance - 1 : 0;
        if (!distance)
            break;
    }
    return best;
}

/* The key that other programs call so, or NULL. */
static const struct key *also_key(const struct key *keys, struct str name)
{
    for (const struct key *key = keys; key->name; key++) {
        struct str rest = str_of(key->also);
        while (rest.n && !key->unbuilt)
            if (!typo_distance(name, str_cut(&rest, ' '), 0))
                return key;
    }
    return NULL;
}

static const struct key *built_key(const struct key *keys, struct str name)
{
    const struct key *key = key_named(keys, name);
    return key && !key->unbuilt ? key : NULL;
}

static bool is_elsewhere(const struct key *section, struct str name)
{
    for (size_t i = 0; key_tables[i]; i++)
        if (key_tables[i]->keys != section->keys && built_key(key_tables[i]->keys, name))
            return true;
    return false;
}

static const char *key_elsewhere(const struct key *section, struct str name, char *hint)
{
    const struct key *key = built_key(rule_item.keys, name); /* what most people look for */
    if (key && section->keys != rule_item.keys)
        return phrase(hint, PHRASE,
                      "\"%s\" is a key of a policy: write it below cors, or in policies",
                      key->name);
    for (size_t i = 0; key_tables[i]; i++) {
        key = built_key(key_tables[i]->keys, name);
        if (!key || key_tables[i]->keys == section->keys)
            continue;
        if (key_tables[i] == &root_key)
            return phrase(hint, PHRASE, "\"%s\" stands at the top, without indentation", key->name);
        return phrase(hint, PHRASE, "\"%s\" is a key of %s", key->name, key_tables[i]->name);
    }
    return NULL;
}

static const char *all_keys(const struct key *section, char *hint)
{
    size_t n = (size_t)snprintf(hint, PHRASE, "the keys of %s are", section->name);
    const char *between = " ";
    for (const struct key *key = section->keys; key->name; key++) {
        if (key->unbuilt || n + strlen(key->name) + 3 > PHRASE)
            continue;
        n += (size_t)snprintf(hint + n, PHRASE - n, "%s%s", between, key->name);
        between = ", ";
    }
    return hint;
}

/* The key of this section that an unknown one was meant to be; NULL where that is not clear. */
static const struct key *meant_key(const struct key *section, struct str name)
{
    const struct key *key = near_key(section->keys, name, 1);
    if (key || is_elsewhere(section, name))
        return key;
    key = also_key(section->keys, name);
    return key ? key : near_key(section->keys, name, typo_limit(name));
}

static void unknown_key(struct reading *reading, const struct key *section, const struct node *name)
{
    char text[PHRASE];
    const struct key *meant = is_heard(reading) ? meant_key(section, name->text) : NULL;
    const char *hint = meant ? phrase(text, PHRASE, "did you mean \"%s\"?", meant->name)
                             : key_elsewhere(section, name->text, text);
    fault(reading, name, hint ? hint : all_keys(section, text), "unknown key \"%.*s\"%s%s",
          EXCERPT_ARG(name->text), section == &root_key ? "" : " in ",
          section == &root_key ? "" : section->name);
}

bool is_missing(const struct key *section, const struct node *map, const char *name)
{
    if (map->kind != NODE_MAP || map->partial || node_value(map, name))
        return false;
    for (unsigned i = 0; i < map->n && i < COMPARED_MAX; i++) {
        struct str other = map->pairs[i].key->text;
        const struct key *known = key_named(section->keys, other);
        const struct key *meant = known ? NULL : meant_key(section, other);
        if (known && known->unbuilt)
            return false; /* it may be what stands for it */
        if (meant && strcmp(meant->name, name) == 0)
            return false;
    }
    return true;
}

static bool missing_key(struct reading *reading, const struct key *section, const struct key *key,
                        const struct node *node)
{
    char hint[PHRASE];
    if (!is_missing(section, node, key->name))
        return false;
    phrase(hint, sizeof hint, "write %s: %s", key->name, key->example);
    if (section == &root_key && !reading->has_file)
        phrase(hint, sizeof hint, "give --%s %s, or a file: -c FILE", key->name, key->example);
    if (section == &root_key)
        fault(reading, node, hint, "\"%s\" is missing", key->name);
    else
        fault(reading, node, hint, "\"%s\" is missing in %s", key->name, section->name);
    return false;
}

static bool read_default(struct reading *reading, const struct key *key, void *owner)
{
    struct node node = {.kind = NODE_SCALAR, .foreign = true, .text = str_of(key->fallback)};
    return key->type->read(reading, key, &node, (char *)owner + key->into);
}

/* What nobody wrote: defaults, those of sections inside of this one too. */
static bool read_absent(struct reading *reading, const struct key *section, const struct node *node,
                        void *owner)
{
    bool ok = true;
    for (const struct key *key = section->keys; key->name; key++) {
        char *into = (char *)owner + key->into;
        if (!key->type || key->unbuilt || (node && node_value(node, key->name)))
            continue;
        if (key->required && node)
            ok = missing_key(reading, section, key, node) && ok;
        else if (key->fallback)
            ok = read_default(reading, key, owner) && ok;
        else if (key->type->shape == SHAPE_SECTION)
            ok = read_absent(reading, key, NULL, into) && ok;
    }
    return ok;
}

bool read_defaults(struct reading *reading, const struct key *section, void *owner)
{
    return read_absent(reading, section, NULL, owner);
}

static bool read_pair(struct reading *reading, const struct key *section, const struct pair *pair,
                      void *owner)
{
    const struct key *key = key_named(section->keys, pair->key->text);
    if (!key) {
        unknown_key(reading, section, pair->key);
        return false;
    }
    if (key->unbuilt) {
        fault(reading, pair->key, NULL, "\"%s\" is not supported by this version", key->name);
        return false;
    }
    return key->type->read(reading, key, pair->value, (char *)owner + key->into);
}

bool read_section(struct reading *reading, const struct key *section, const struct node *node,
                  void *owner)
{
    bool ok = true;
    if (section->at)
        *(const struct node **)(void *)((char *)owner + section->at) = node;
    if (section->shorthand && node->kind == NODE_SCALAR && !node->text.n)
        return value_is_empty(reading, section, node);
    if (section->shorthand && node->kind == NODE_SCALAR && !node_is_null(node))
        return read_absent(reading, section, NULL, owner) &&
               section->keys->type->read(reading, section->keys, node,
                                         (char *)owner + section->keys->into);
    if (node->kind != NODE_MAP)
        return wrong_kind(reading, section, node, NULL);
    for (unsigned i = 0; i < node->n; i++)
        ok = read_pair(reading, section, &node->pairs[i], owner) && ok;
    return read_absent(reading, section, node, owner) && ok;
}

/* --- lists, names, cors ----------------------------------------------------------------------- */

bool read_list(struct reading *reading, const struct key *key, const struct node *node, void *into)
{
    const struct key *item = key->item;
    struct node *alone[1];
    struct node one = {.place = node->place, .kind = NODE_LIST, .n = 1, .items = alone};
    bool ok = true;
    const struct node *list = node;
    if (node->kind == NODE_SCALAR && node->foreign && !(list = split_commas(reading, node)))
        return false;
    if (list->kind != NODE_LIST && key->single && !node_is_null(node) &&
        (node->kind == NODE_MAP || item->shorthand)) {
        struct node *copy = take(reading, sizeof *copy);
        if (!copy)
            return false;
        *copy = *node;
        alone[0] = copy;
        list = &one;
    }
    if (list->kind != NODE_LIST)
        return wrong_kind(reading, key, node, NULL);
    if (list->n > ITEMS_MAX) {
        fault(reading, node, NULL, "\"%s\" has more than %d items", key->name, ITEMS_MAX);
        return false;
    }
    if (!list->n)
        return value_is_empty(reading, key, node);
    char *items = take(reading, list->n * item->size);
    if (!items)
        return false;
    for (unsigned i = 0; i < list->n; i++)
        ok = item->type->read(reading, item, list->items[i], items + i * item->size) && ok;
    *(struct items *)into = (struct items){items, list->n, written_by_user(node)};
    return ok;
}

/* One name and its text. A text may be empty where it stands in quotes. */
static bool read_text_pair(struct reading *reading, const struct key *key, const struct pair *pair,
                           struct written_pair *out)
{
    const struct node *value = pair->value;
    if (value->kind == NODE_BAD)
        return false;
    if (value->kind != NODE_SCALAR || node_is_null(value)) {
        fault(reading, value, node_is_null(value) ? "write \"\" for an empty one" : NULL,
              "\"%.*s\" in \"%s\" takes a text", EXCERPT_ARG(pair->key->text), key->name);
        return false;
    }
    out->name = (struct spec_text){pair->key->text, pair->key};
    out->value = (struct spec_text){value->text, value};
    return true;
}

bool read_pairs(struct reading *reading, const struct key *key, const struct node *node, void *into)
{
    size_t good = 0;
    if (node->kind != NODE_MAP)
        return wrong_kind(reading, key, node, NULL);
    if (node->n > key->max) {
        fault(reading, node, NULL, "\"%s\" has more than %u items", key->name, (unsigned)key->max);
        return false;
    }
    struct written_pair *pairs = take(reading, (node->n + 1) * sizeof *pairs);
    if (!pairs)
        return false;
    for (unsigned i = 0; i < node->n; i++)
        good += read_text_pair(reading, key, &node->pairs[i], &pairs[good]);
    *(struct items *)into = (struct items){pairs, good, written_by_user(node)};
    return good == node->n;
}

static bool is_name(struct str name)
{
    for (size_t i = 0; i < name.n; i++)
        if (!ascii_is_alpha(name.p[i]) && !ascii_is_digit(name.p[i]) && !strchr("-_.", name.p[i]))
            return false;
    return name.n > 0 && name.n <= 64;
}

bool read_named(struct reading *reading, const struct key *key, const struct node *node, void *into)
{
    const struct key *item = key->item;
    bool ok = true;
    if (node->kind != NODE_MAP)
        return wrong_kind(reading, key, node, NULL);
    if (node->n > ITEMS_MAX) {
        fault(reading, node, NULL, "\"%s\" has more than %d names", key->name, ITEMS_MAX);
        return false;
    }
    char *items = take(reading, node->n * item->size + 1);
    if (!items)
        return false;
    for (unsigned i = 0; i < node->n; i++) {
        const struct pair *pair = &node->pairs[i];
        char *owner = items + i * item->size;
        *(struct spec_text *)(void *)owner = (struct spec_text){pair->key->text, pair->key};
        if (!is_name(pair->key->text)) {
            fault(reading, pair->key, "use letters, digits, - _ and . only, 64 at most",
                  "\"%.*s\" cannot be the name of %s", EXCERPT_ARG(pair->key->text), item->name);
            ok = false;
        }
        ok = item->type->read(reading, item, pair->value, owner + item->into) && ok;
    }
    *(struct items *)into = (struct items){items, node->n, written_by_user(node)};
    return ok;
}

bool read_cors(struct reading *reading, const struct key *key, const struct node *node, void *into)
{
    struct written_cors *cors = into;
    const struct key *item = key->item;
    cors->at = node;
    if (node_is_null(node))
        return wrong_kind(reading, key, node, NULL);
    if (node->kind != NODE_SCALAR)
        return item->type->read(reading, item, node, (char *)&cors->policy + item->into);
    cors->off = str_eq(node->text, STR("off"));
    return cors->off || text_type.read(reading, key, node, &cors->name);
}
