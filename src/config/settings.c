/* Finds the key that a flag or variable is called after: its own name at the top level and in a
 * policy (which then is `cors`), section and name elsewhere: --log-level, CORSD_LIMITS_BODY_SIZE.
 */
#include "corsd/config/settings.h"
#include <stdio.h>
#include "corsd/config/keys.h"
#include "corsd/config/nearest.h"

enum { NAME_MAX_BYTES = 64 };

struct setting {
    struct str as_typed; /* "--allow-origin", "CORSD_ALLOW_ORIGINS" */
    char name[NAME_MAX_BYTES]; /* "allow_origin" */
    const struct key *section, *key; /* section NULL: the top level */
};

static bool is_variable(struct str as_typed)
{
    return str_starts(as_typed, STR("CORSD_"));
}

/* --- names ------------------------------------------------------------------------------------ */

static bool name_of(struct str as_typed, char out[NAME_MAX_BYTES])
{
    struct str name = as_typed;
    if (str_starts(name, STR("--")))
        name = str_from(name, 2);
    else if (is_variable(name))
        name = str_from(name, strlen("CORSD_"));
    if (!name.n || name.n >= NAME_MAX_BYTES)
        return false;
    for (size_t i = 0; i < name.n; i++)
        out[i] = name.p[i] == '-' ? '_' : ascii_lower(name.p[i]);
    out[name.n] = 0;
    return true;
}

static bool can_be_set(const struct key *key)
{
    return !key->type || ((key->type->shape != SHAPE_SECTION || key->shorthand) &&
                          key->type->shape != SHAPE_NAMED && key->type->shape != SHAPE_PAIRS &&
                          (key->type->shape != SHAPE_LIST || key->item->shorthand));
}

/* "allow_origin" for allow_origins: what may come several times is named for one of them. */
static bool is_singular(struct str name, struct str of)
{
    if (str_ends(of, STR("ies")) && str_ends(name, STR("y")))
        return str_eq(str_head(of, of.n - 3), str_head(name, name.n - 1));
    return name.n + 1 == of.n && str_ends(of, STR("s")) && str_starts(of, name);
}

static const struct key *find_in(const struct key *keys, struct str name)
{
    for (const struct key *key = keys; key->name; key++)
        if (can_be_set(key) &&
            (str_eq(str_of(key->name), name) || is_singular(name, str_of(key->name))))
            return key;
    return NULL;
}

static bool find_key(struct setting *setting)
{
    struct str name = str_of(setting->name);
    setting->section = NULL;
    if ((setting->key = find_in(root_key.keys, name)))
        return true;
    setting->section = key_named(root_key.keys, STR("cors"));
    if ((setting->key = find_in(rule_item.keys, name)))
        return true;
    for (const struct key *key = root_key.keys; key->name; key++) {
        struct str section = str_of(key->name);
        setting->section = key;
        if (key->type && key->type->shape == SHAPE_SECTION && str_starts(name, section) &&
            name.n > section.n + 1 && name.p[section.n] == '_' &&
            (setting->key = find_in(key->keys, str_from(name, section.n + 1))))
            return true;
    }
    return false;
}

static bool setting_of(struct str as_typed, struct setting *out)
{
    *out = (struct setting){.as_typed = as_typed};
    return name_of(as_typed, out->name) && find_key(out);
}

static bool is_bare(const struct setting *setting) /* --allow-credentials: no value, true */
{
    return setting->key->type && setting->key->type->shape == SHAPE_FLAG;
}

int config_flag_words(const char *flag)
{
    struct str text = str_of(flag);
    size_t equals = str_find(text, '=');
    struct setting setting;
    if (!str_starts(text, STR("--")) || !setting_of(str_head(text, equals), &setting))
        return 0;
    return equals < text.n || is_bare(&setting) ? 1 : 2;
}

bool config_is_variable(const char *entry)
{
    struct str text = str_of(entry);
    struct str name = str_head(text, str_find(text, '='));
    struct setting setting;
    return is_variable(name) && name.n < text.n && setting_of(name, &setting);
}

/* --- did you mean ----------------------------------------------------------------------------- */

static void nearest(struct str name, const struct key *keys, const char *section, unsigned *limit,
                    char best[NAME_MAX_BYTES])
{
    char full[NAME_MAX_BYTES];
    for (const struct key *key = keys; key->name; key++) {
        if (!can_be_set(key) || key->unbuilt)
            continue;
        snprintf(full, sizeof full, "%s%s%s", section, *section ? "_" : "", key->name);
        unsigned distance = typo_distance(name, str_of(full), *limit);
        if (distance > *limit)
            continue;
        *limit = distance ? distance - 1 : 0;
        memcpy(best, full, sizeof full);
    }
}

static const char *near_name(struct str as_typed, char out[PHRASE])
{
    char name[NAME_MAX_BYTES], best[NAME_MAX_BYTES] = "";
    if (!name_of(as_typed, name))
        return NULL;
    unsigned limit = typo_limit(str_of(name));
    nearest(str_of(name), root_key.keys, "", &limit, best);
    nearest(str_of(name), rule_item.keys, "", &limit, best);
    for (const struct key *key = root_key.keys; key->name; key++)
        if (key->type && key->type->shape == SHAPE_SECTION)
            nearest(str_of(name), key->keys, key->name, &limit, best);
    if (!*best)
        return NULL;
    bool variable = is_variable(as_typed);
    for (char *c = best; *c; c++)
        *c = variable && ascii_is_alpha(*c) ? (char)(*c & ~0x20)
             : *c == '_' && !variable       ? '-'
                                            : *c;
    return phrase(out, PHRASE, "did you mean %s%s?", variable ? "CORSD_" : "--", best);
}

/* --- the tree --------------------------------------------------------------------------------- */

static struct node *map_node(struct reading *reading, const struct place_file *file, size_t max)
{
    struct node *node = take(reading, sizeof *node);
    if (!node)
        return NULL;
    node->place.file = file;
    node->kind = NODE_MAP;
    node->pairs = take(reading, (max + 1) * sizeof *node->pairs);
    return node->pairs ? node : NULL;
}

static struct node *scalar_node(struct reading *reading, const struct place_file *file,
                                struct str text)
{
    struct node *node = take(reading, sizeof *node);
    if (!node)
        return NULL;
    *node = (struct node){.place = {.file = file}, .kind = NODE_SCALAR, .foreign = true};
    node->text = keep(reading, text);
    return node->text.p ? node : NULL;
}

static struct pair *pair_of(struct node *map, const char *name)
{
    for (unsigned i = 0; i < map->n; i++)
        if (str_eq(map->pairs[i].key->text, str_of(name)))
            return &map->pairs[i];
    return NULL;
}

/* A value under a name in map; false out of memory. */
static bool put(struct reading *reading, struct node *map, const char *name, struct node *value)
{
    struct node *key = scalar_node(reading, value->place.file, str_of(name));
    if (key)
        map->pairs[map->n++] = (struct pair){key, value};
    return key;
}

static bool takes_list(const struct key *key)
{
    return key->type && (key->type->shape == SHAPE_TEXTS || key->type->shape == SHAPE_LIST ||
                         key->type->shape == SHAPE_CHOICES);
}

/* The flag comes again: a list grows by it. Variables come first, and flags take their place. */
static bool put_again(struct reading *reading, const struct setting *setting, struct pair *pair,
                      struct node *value)
{
    struct str before = pair->value->place.file->name;
    if (is_variable(before) && !is_variable(setting->as_typed)) {
        pair->value = value;
        return true;
    }
    if (!takes_list(setting->key)) {
        fault(reading, value, NULL, "it was given before%s",
              str_eq(before, setting->as_typed) ? "" : ", by another name");
        return true;
    }
    struct buf both = BUF_INIT(YAML_SIZE_MAX);
    buf_add(&both, pair->value->text);
    buf_add_char(&both, ',');
    buf_add(&both, value->text);
    if (both.failed)
        reading->out_of_memory = true;
    else
        pair->value->text = keep(reading, buf_str(&both));
    buf_finish(&both);
    return !reading->out_of_memory;
}

static bool add_setting(struct reading *reading, struct node *root, const struct setting *setting,
                        struct node *value, size_t max)
{
    struct node *map = root;
    if (setting->section) {
        struct pair *pair = pair_of(root, setting->section->name);
        map = pair ? pair->value : map_node(reading, value->place.file, max);
        if (!map || (!pair && !put(reading, root, setting->section->name, map)))
            return false;
    }
    if (map->kind != NODE_MAP) {
        fault(reading, value, NULL, "a policy is given by %.*s already",
              STR_ARG(map->place.file->name));
        return true;
    }
    struct pair *pair = pair_of(map, setting->key->name);
    if (pair && pair->value->kind == NODE_SCALAR)
        return put_again(reading, setting, pair, value);
    if (pair) {
        fault(reading, value, NULL, "a policy is given by %.*s already",
              STR_ARG(pair->value->place.file->name));
        return true;
    }
    return put(reading, map, setting->key->name, value);
}

static const struct place_file *file_named(struct reading *reading, struct str as_typed)
{
    struct place_file *file = take(reading, sizeof *file);
    if (!file)
        return NULL;
    file->name = keep(reading, as_typed);
    return file->name.p ? file : NULL;
}

static bool is_text(struct str value)
{
    for (size_t i = 0; i < value.n; i++)
        if ((unsigned char)value.p[i] < 0x20 || value.p[i] == 0x7f)
            return false;
    return true;
}

struct node *settings_tree(struct reading *reading, const struct config_source *source)
{
    const struct place_file *self = file_named(reading, STR("corsd"));
    struct node *root = self ? map_node(reading, self, source->n_settings) : NULL;
    for (size_t i = 0; root && i < source->n_settings; i++) {
        struct str text = str_of(source->settings[i]), value;
        size_t equals = str_find(text, '=');
        struct setting setting;
        bool known = setting_of(str_head(text, equals), &setting);
        const struct place_file *file = file_named(reading, str_head(text, equals));
        struct place at = {file, 0, 0};
        char hint[PHRASE];
        if (!file)
            return NULL;
        value = str_from(text, equals + 1);
        if (!known) {
            fault(reading, &at, near_name(str_head(text, equals), hint), "this is no setting");
            if (equals == text.n && i + 1 < source->n_settings &&
                !str_starts(str_of(source->settings[i + 1]), STR("--")))
                i++; /* its value */
            continue;
        }
        if (equals == text.n && is_bare(&setting))
            value = STR("true");
        else if (equals == text.n && i + 1 < source->n_settings)
            value = str_of(source->settings[++i]);
        else if (equals == text.n) {
            fault(reading, &at, NULL, "it needs a value");
            continue;
        }
        if (!is_text(value)) {
            fault(reading, &at, NULL, "a value cannot hold a line break or control character");
            continue;
        }
        struct node *node = scalar_node(reading, file, value);
        if (!node || !add_setting(reading, root, &setting, node, source->n_settings))
            return NULL;
    }
    return root;
}
