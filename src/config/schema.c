/* Tables → JSON Schema: a definition a type, a property a key. */
#include <stdio.h>
#include "corsd/base/json.h"
#include "corsd/config/describe.h"
#include "corsd/config/keys.h"

static const char name_pattern[] = "^[A-Za-z0-9_.-]{1,64}$";

static void add_section(struct json *json, const struct key *section);
static void add_value(struct json *json, const struct key *key);

static void add_text(struct json *json, const char *name, const char *value)
{
    json_member(json, name, str_of(value));
}

static void add_u64(struct json *json, const char *name, uint64_t value)
{
    json_key(json, str_of(name));
    json_u64(json, value);
}

static void add_ref(struct json *json, const char *definition)
{
    char path[80];
    snprintf(path, sizeof path, "#/definitions/%s", definition);
    add_text(json, "$ref", path);
}

static void open_key(struct json *json, const char *name, char bracket)
{
    json_key(json, str_of(name));
    json_open(json, bracket);
}

/* {"type": "string", "pattern": …}, or of any length but none where pattern is NULL. */
static void add_string(struct json *json, const char *pattern)
{
    json_open(json, '{');
    add_text(json, "type", "string");
    if (pattern)
        add_text(json, "pattern", pattern);
    else
        add_u64(json, "minLength", 1);
    json_close(json, '}');
}

static void add_variable(struct json *json)
{
    json_open(json, '{');
    add_ref(json, "variable");
    json_close(json, '}');
}

/* --- scalars ---------------------------------------------------------------------------------- */

static bool is_boolean(struct str word)
{
    return str_eq(word, STR("true")) || str_eq(word, STR("false"));
}

/* Words that YAML reads as another type are given in both. */
static void add_word(struct json *json, struct str word)
{
    uint64_t number;
    bool is_number = str_to_u64(word, &number);
    if (is_number)
        json_u64(json, number);
    if (is_boolean(word))
        json_bool(json, str_eq(word, STR("true")));
    else
        json_str(json, word);
}

static void add_choices(struct json *json, const struct key *key)
{
    struct str rest = str_of(key->choices);
    json_open(json, '{');
    open_key(json, "enum", '[');
    while (rest.n) {
        struct str word = str_cut(&rest, ' ');
        if (!key->later || word_number(key->later, word) < 0)
            add_word(json, word);
    }
    json_close(json, ']');
    json_close(json, '}');
}

static void add_integer(struct json *json, uint64_t min, uint64_t max)
{
    json_open(json, '{');
    add_text(json, "type", "integer");
    add_u64(json, "minimum", min);
    if (max)
        add_u64(json, "maximum", max);
    json_close(json, '}');
}

/* The ways to write a scalar, variables aside. */
static void add_spellings(struct json *json, const struct key *key)
{
    bool not_zero = key->min > 0;
    switch (key->type->shape) {
    case SHAPE_FLAG:
        json_open(json, '{');
        add_text(json, "type", "boolean");
        json_close(json, '}');
        break;
    case SHAPE_CHOICE: add_choices(json, key); break;
    case SHAPE_COUNT_OR_AUTO:
        add_string(json, "^(auto|[0-9]+)$");
        add_integer(json, key->min, key->max);
        break;
    case SHAPE_NUMBER:
        add_string(json, "^[0-9]+$");
        add_integer(json, key->min, key->max);
        break;
    case SHAPE_DURATION: /* bare numbers are seconds */
        add_string(json, not_zero ? "^0*[1-9][0-9]*([mM][sS]|[sSmMhHdD])?$"
                                  : "^[0-9]+([mM][sS]|[sSmMhHdD])?$");
        add_integer(json, not_zero, key->max / 1000);
        break;
    case SHAPE_SIZE:
        add_string(json, "^[0-9]+[kKmMgG]?$");
        add_integer(json, key->min, key->max);
        break;
    case SHAPE_FILE_MODE: /* YAML 1.1 makes another number of 0660 */
        add_string(json, "^0?[0-7]{3}$");
        add_integer(json, 0, 777);
        break;
    default: add_string(json, key->type->pattern); break;
    }
}

static void add_scalar(struct json *json, const struct key *key)
{
    open_key(json, "anyOf", '[');
    add_spellings(json, key);
    add_variable(json);
    json_close(json, ']');
}

static void add_default(struct json *json, const struct key *key)
{
    struct str text = str_of(key->fallback);
    uint64_t number;
    if (!text.n || key->type->shape == SHAPE_TEXTS)
        return;
    json_key(json, STR("default"));
    if (is_boolean(text))
        json_bool(json, str_eq(text, STR("true")));
    else if (str_to_u64(text, &number))
        json_u64(json, number);
    else
        json_str(json, text);
}

/* --- lists and maps --------------------------------------------------------------------------- */

static void open_member(struct json *json, const char *name)
{
    open_key(json, name, '{');
}

static void add_texts(struct json *json, const struct key *key)
{
    bool is_choices = key->type->shape == SHAPE_CHOICES;
    add_text(json, "type", "array");
    if (key->min)
        add_u64(json, "minItems", key->min);
    if (key->max && !is_choices)
        add_u64(json, "maxItems", key->max);
    open_member(json, "items");
    open_key(json, "anyOf", '[');
    if (is_choices)
        add_choices(json, key);
    else
        add_string(json, key->type->pattern);
    add_variable(json);
    json_close(json, ']');
    json_close(json, '}');
}

/* A section, or the value of its first key alone where that is allowed. */
static void add_section_or_short(struct json *json, const struct key *section)
{
    if (!section->shorthand) {
        add_section(json, section);
        return;
    }
    open_key(json, "anyOf", '[');
    add_spellings(json, section->keys);
    add_variable(json);
    json_open(json, '{');
    add_section(json, section);
    json_close(json, '}');
    json_close(json, ']');
}

static void add_item(struct json *json, const struct key *item)
{
    json_open(json, '{');
    if (item == &rule_item)
        add_ref(json, "rule");
    else
        add_section_or_short(json, item);
    json_close(json, '}');
}

static void add_list(struct json *json, const struct key *key)
{
    if (key->single) {
        open_key(json, "anyOf", '[');
        add_item(json, key->item);
        json_open(json, '{');
    }
    add_text(json, "type", "array");
    add_u64(json, "minItems", 1);
    json_key(json, STR("items"));
    add_item(json, key->item);
    if (key->single) {
        json_close(json, '}');
        json_close(json, ']');
    }
}

static bool is_policy(const struct key *key)
{
    return key->item == &rule_item;
}

static void add_named(struct json *json, const struct key *key)
{
    add_text(json, "type", "object");
    open_member(json, "propertyNames");
    add_text(json, "pattern", name_pattern);
    if (is_policy(key->item)) { /* "cors: off" means none */
        open_member(json, "not");
        add_text(json, "const", "off");
        json_close(json, '}');
    }
    json_close(json, '}');
    open_member(json, "additionalProperties");
    if (is_policy(key->item))
        add_ref(json, "policy");
    else
        add_section(json, key->item);
    json_close(json, '}');
}

static void add_pairs(struct json *json, const struct key *key)
{
    add_text(json, "type", "object");
    add_u64(json, "maxProperties", key->max);
    open_member(json, "propertyNames");
    add_text(json, "pattern", key->type->pattern);
    json_close(json, '}');
    open_member(json, "additionalProperties");
    open_key(json, "type", '[');
    json_str(json, STR("string"));
    json_str(json, STR("number"));
    json_str(json, STR("boolean"));
    json_close(json, ']');
    json_close(json, '}');
}

static void add_cors(struct json *json)
{
    open_key(json, "anyOf", '[');
    add_string(json, name_pattern); /* off among them */
    add_variable(json);
    json_open(json, '{');
    add_ref(json, "policy");
    json_close(json, '}');
    json_close(json, ']');
}

/* What stands inside of the braces of a value's schema. */
static void add_value(struct json *json, const struct key *key)
{
    switch (key->type->shape) {
    case SHAPE_TEXTS:
    case SHAPE_CHOICES: add_texts(json, key); break;
    case SHAPE_SECTION: add_section_or_short(json, key); break;
    case SHAPE_LIST: add_list(json, key); break;
    case SHAPE_NAMED: add_named(json, key); break;
    case SHAPE_PAIRS: add_pairs(json, key); break;
    case SHAPE_CORS: add_cors(json); break;
    default:
        add_scalar(json, key);
        add_default(json, key);
        break;
    }
}

static void add_required(struct json *json, const struct key *section)
{
    bool any = false;
    for (const struct key *key = section->keys; key->name; key++) {
        if (!key->required || key->unbuilt)
            continue;
        if (!any)
            open_key(json, "required", '[');
        any = true;
        json_str(json, str_of(key->name));
    }
    if (any)
        json_close(json, ']');
    if (!section->one_of)
        return;
    struct str rest = str_of(section->one_of);
    open_key(json, "anyOf", '[');
    while (rest.n) {
        struct str name = str_cut(&rest, ' ');
        if (key_named(section->keys, name)->unbuilt)
            continue;
        json_open(json, '{');
        open_key(json, "required", '[');
        json_str(json, name);
        json_close(json, ']');
        json_close(json, '}');
    }
    json_close(json, ']');
}

static void add_section(struct json *json, const struct key *section)
{
    add_text(json, "type", "object");
    open_member(json, "properties");
    for (const struct key *key = section->keys; key->name; key++) {
        if (key->unbuilt)
            continue;
        open_member(json, key->name);
        add_text(json, "description", key->doc);
        add_value(json, key);
        json_close(json, '}');
    }
    json_close(json, '}');
    add_required(json, section);
    json_key(json, STR("additionalProperties"));
    json_bool(json, false);
}

static void add_definitions(struct json *json)
{
    static const struct key policy = {.item = &rule_item, .single = true};
    open_member(json, "definitions");
    open_member(json, "variable");
    add_text(json, "description",
             "A value with an environment variable in it: ${VAR}, "
             "${VAR:-default} or ${VAR:?message}.");
    add_text(json, "type", "string");
    add_text(json, "pattern", "\\$\\{");
    json_close(json, '}');
    open_member(json, "rule");
    add_section(json, &rule_item);
    json_close(json, '}');
    open_member(json, "policy");
    add_list(json, &policy);
    json_close(json, '}');
    json_close(json, '}');
}

void describe_schema(struct buf *out)
{
    struct json json = {.out = out, .pretty = true};
    json_open(&json, '{');
    add_text(&json, "$schema", "http://json-schema.org/draft-07/schema#");
    add_text(&json, "title", "corsd " CORSD_VERSION);
    add_text(&json, "description",
             "Configuration of corsd, a reverse proxy that puts CORS in front of any backend.");
    add_section(&json, &root_key);
    add_definitions(&json);
    json_close(&json, '}');
    buf_add_char(out, '\n');
}
