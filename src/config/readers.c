/* Readers of scalars and of lists of scalars: one a value type. */
#include "corsd/config/readers.h"
#include <stdio.h>
#include "corsd/base/units.h"
#include "corsd/config/nearest.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))

/* --- scalars ---------------------------------------------------------------------------------- */

/* A default was written by nobody. */
const struct node *written_by_user(const struct node *node)
{
    return node->place.file ? node : NULL;
}

static const char *kind_text(const struct node *node)
{
    return node->kind == NODE_LIST ? "a list" : node->kind == NODE_MAP ? "a map" : "a single value";
}

/* "limits" is a key and quoted, "a route" is not. */
static bool is_noun(const struct key *key)
{
    return strchr(key->name, ' ');
}

static const char *quote(const struct key *key)
{
    return is_noun(key) ? "" : "\"";
}

static const char *what_of(const struct key *key)
{
    return key->shorthand ? "a single value or a map of keys" : key->type->what;
}

bool wrong_kind(struct reading *reading, const struct key *key, const struct node *node,
                const char *hint)
{
    char example[PHRASE];
    if (node->kind == NODE_BAD)
        return false;
    if (!hint)
        hint = key->hint;
    if (!hint && key->example)
        hint = phrase(example, sizeof example, "write %s: %s", key->name, key->example);
    if (node_is_null(node))
        fault(reading, node, "give it one, or delete the key", "%s%s%s has no value", quote(key),
              key->name, quote(key));
    else
        fault(reading, node, hint, "%s%s%s %s %s, not %s", quote(key), key->name, quote(key),
              is_noun(key) ? "is written as" : "takes", what_of(key), kind_text(node));
    return false;
}

bool value_is_empty(struct reading *reading, const struct key *key, const struct node *node)
{
    fault(reading, node,
          node->foreign ? "the variable in it is empty" : "give it a value, or delete the key",
          "%s%s%s is empty", quote(key), key->name, quote(key));
    return false;
}

static bool take_scalar(struct reading *reading, const struct key *key, const struct node *node,
                        struct str *out)
{
    if (node->kind != NODE_SCALAR || node_is_null(node))
        return wrong_kind(reading, key, node, NULL);
    *out = node->text;
    return true;
}

static void set_number(void *into, uint64_t value, const struct node *node)
{
    *(struct number *)into = (struct number){value, written_by_user(node)};
}

static bool read_flag(struct reading *reading, const struct key *key, const struct node *node,
                      void *into)
{
    static const struct str yes[] = {STR_INIT("yes"), STR_INIT("on"), STR_INIT("1"), STR_INIT("y"),
                                     STR_INIT("true")};
    static const struct str no[] = {STR_INIT("no"), STR_INIT("off"), STR_INIT("0"), STR_INIT("n"),
                                    STR_INIT("false")};
    const char *hint = NULL;
    struct str text;
    if (!take_scalar(reading, key, node, &text))
        return false;
    bool on = str_eq(text, STR("true"));
    if ((on || str_eq(text, STR("false"))) && (node->plain || node->foreign)) {
        set_number(into, on, node);
        return true;
    }
    for (size_t i = 0; i < COUNT(yes); i++) {
        if (str_eq_nocase(text, yes[i]))
            hint = "write true";
        if (str_eq_nocase(text, no[i]))
            hint = "write false";
    }
    if (on)
        hint = "write true, without quotes";
    else if (str_eq(text, STR("false")))
        hint = "write false, without quotes";
    fault(reading, node, hint, "\"%s\" takes true or false, not \"%.*s\"", key->name,
          EXCERPT_ARG(text));
    return false;
}

/* "forward or reject", "200, 202 or 204". */
static const char *choices_text(const struct key *key, char out[PHRASE])
{
    struct str rest = str_of(key->choices);
    size_t n = 0;
    bool first = true;
    while (rest.n) {
        struct str word = str_cut(&rest, ' ');
        if (key->later && word_number(key->later, word) >= 0)
            continue;
        const char *between = first ? "" : rest.n ? ", " : " or ";
        int added = snprintf(out + n, PHRASE - n, "%s%.*s", between, STR_ARG(word));
        n = added > 0 && n + (size_t)added < PHRASE ? n + (size_t)added : n;
        first = false;
    }
    return out;
}

static struct str nearest_word(const char *words, struct str word)
{
    struct str rest = str_of(words), best = {0};
    unsigned limit = typo_limit(word);
    while (rest.n) {
        struct str candidate = str_cut(&rest, ' ');
        unsigned distance = typo_distance(word, candidate, limit);
        if (distance <= limit) {
            best = candidate;
            limit = distance ? distance - 1 : 0;
        }
        if (!distance)
            break;
    }
    return best;
}

/* The number of the choice that the scalar names; -1 and a fault where there is none. */
static int take_choice(struct reading *reading, const struct key *key, const struct node *node)
{
    char hint[PHRASE], choices[PHRASE];
    struct str text;
    if (!take_scalar(reading, key, node, &text))
        return -1;
    int number = word_number(key->choices, text);
    if (number >= 0 && key->later && word_number(key->later, text) >= 0) {
        fault(reading, node, NULL, "\"%s: %.*s\" is not supported by this version", key->name,
              STR_ARG(text));
        return -1;
    }
    if (number >= 0)
        return number;
    uint64_t digits;
    struct str near =
        str_to_u64(text, &digits) ? (struct str){0} : nearest_word(key->choices, text);
    if (near.n)
        phrase(hint, sizeof hint, "did you mean %.*s?", STR_ARG(near));
    fault(reading, node, near.n ? hint : NULL, "\"%s\" takes %s, not \"%.*s\"", key->name,
          choices_text(key, choices), EXCERPT_ARG(text));
    return -1;
}

static bool read_choice(struct reading *reading, const struct key *key, const struct node *node,
                        void *into)
{
    int number = take_choice(reading, key, node);
    if (number < 0)
        return false;
    set_number(into, (uint64_t)number, node);
    return true;
}

static bool in_range(struct reading *reading, const struct key *key, const struct node *node,
                     uint64_t value, char *text_of(uint64_t, char[UNIT_TEXT]))
{
    char text[UNIT_TEXT];
    if (value < key->min) {
        fault(reading, node, NULL, "\"%s\" must be at least %s", key->name,
              text_of(key->min, text));
        return false;
    }
    if (key->max && value > key->max) {
        fault(reading, node, NULL, "\"%s\" must be at most %s", key->name, text_of(key->max, text));
        return false;
    }
    return true;
}

static char *number_text(uint64_t value, char out[UNIT_TEXT])
{
    snprintf(out, UNIT_TEXT, "%llu", (unsigned long long)value);
    return out;
}

static bool read_number(struct reading *reading, const struct key *key, const struct node *node,
                        void *into)
{
    struct str text;
    uint64_t value;
    if (!take_scalar(reading, key, node, &text))
        return false;
    if (!str_to_u64(text, &value)) {
        fault(reading, node, key->type == &number_type ? "write digits only" : NULL,
              "\"%s\" takes %s, not \"%.*s\"", key->name, key->type->what, EXCERPT_ARG(text));
        return false;
    }
    if (!in_range(reading, key, node, value, number_text))
        return false;
    set_number(into, value, node);
    return true;
}

static bool read_workers(struct reading *reading, const struct key *key, const struct node *node,
                         void *into)
{
    if (node->kind == NODE_SCALAR && str_eq(node->text, STR("auto"))) {
        set_number(into, 0, node);
        return true;
    }
    return read_number(reading, key, node, into);
}

static bool has_fraction(struct str text)
{
    return str_find(text, '.') < text.n || str_find(text, ',') < text.n;
}

static bool read_duration(struct reading *reading, const struct key *key, const struct node *node,
                          void *into)
{
    struct str text;
    uint64_t ms;
    const char *hint = "write 500ms, 10s, 2m, 2h, 1d, or a bare number of seconds";
    if (!take_scalar(reading, key, node, &text))
        return false;
    switch (duration_parse(text, &ms)) {
    case UNIT_OK:
        if (!ms && key->min) {
            fault(reading, node, "for no limit in practice write a long time, such as 1d",
                  "\"%s\" cannot be 0", key->name);
            return false;
        }
        if (!in_range(reading, key, node, ms, duration_text))
            return false;
        set_number(into, ms, node);
        return true;
    case UNIT_TOO_LARGE: hint = "at most 3650d can be waited"; break;
    case UNIT_UNKNOWN:
        hint = has_fraction(text) ? "write whole numbers in a smaller unit: 90s, 1500ms" : hint;
        break;
    default: break;
    }
    fault(reading, node, hint, "\"%s\" takes %s, not \"%.*s\"", key->name, key->type->what,
          EXCERPT_ARG(text));
    return false;
}

/* 10MB, 10 MiB: the unit that was meant is its first letter. */
static bool is_long_unit(struct str text, struct str *number, char *unit)
{
    size_t n = 0;
    while (n < text.n && ascii_is_digit(text.p[n]))
        n++;
    struct str rest = str_trim(str_from(text, n));
    *number = str_head(text, n);
    *unit = rest.n ? ascii_lower(rest.p[0]) : 0;
    return n && (*unit == 'k' || *unit == 'm' || *unit == 'g');
}

static bool read_size(struct reading *reading, const struct key *key, const struct node *node,
                      void *into)
{
    struct str text, number;
    uint64_t bytes;
    char unit, instead[PHRASE];
    const char *hint = "write bytes, or 32k, 10m, 1g (of 1024)";
    if (!take_scalar(reading, key, node, &text))
        return false;
    switch (size_parse(text, &bytes)) {
    case UNIT_OK:
        if (!in_range(reading, key, node, bytes, size_text))
            return false;
        set_number(into, bytes, node);
        return true;
    case UNIT_TOO_LARGE: hint = "that is more than any file can hold"; break;
    case UNIT_UNKNOWN:
        if (has_fraction(text))
            hint = "write whole numbers in a smaller unit: 1536k";
        else if (is_long_unit(text, &number, &unit))
            hint = phrase(instead, sizeof instead, "write %.*s%c", EXCERPT_ARG(number), unit);
        break;
    default: break;
    }
    fault(reading, node, hint, "\"%s\" takes %s, not \"%.*s\"", key->name, key->type->what,
          EXCERPT_ARG(text));
    return false;
}

static bool read_file_mode(struct reading *reading, const struct key *key, const struct node *node,
                           void *into)
{
    struct str text;
    uint64_t mode = 0;
    if (!take_scalar(reading, key, node, &text))
        return false;
    bool good = text.n >= 3 && text.n <= 4 && (text.n == 3 || text.p[0] == '0');
    for (size_t i = 0; good && i < text.n; i++) {
        good = text.p[i] >= '0' && text.p[i] <= '7';
        mode = mode * 8 + (uint64_t)(text.p[i] - '0');
    }
    if (!good) {
        fault(reading, node, "write three octal digits behind a 0: 0660",
              "\"%s\" takes %s, not \"%.*s\"", key->name, key->type->what, EXCERPT_ARG(text));
        return false;
    }
    set_number(into, mode, node);
    return true;
}

static bool read_text(struct reading *reading, const struct key *key, const struct node *node,
                      void *into)
{
    struct str text;
    if (!take_scalar(reading, key, node, &text))
        return false;
    if (!text.n)
        return value_is_empty(reading, key, node);
    *(struct spec_text *)into = (struct spec_text){text, written_by_user(node)};
    return true;
}

/* --- lists of scalars ------------------------------------------------------------------------- */

/* "a, b" of a setting or default as a list node; NULL out of memory. */
const struct node *split_commas(struct reading *reading, const struct node *node)
{
    struct str rest = node->text;
    struct node *list = take(reading, sizeof *list);
    size_t n = 1;
    for (size_t i = 0; i < rest.n; i++)
        n += rest.p[i] == ',';
    if (!list)
        return NULL;
    *list = (struct node){.place = node->place, .kind = NODE_LIST, .foreign = true};
    list->items = take(reading, n * sizeof(struct node *));
    if (!list->items)
        return NULL;
    while (rest.n) {
        struct str text = keep(reading, str_trim(str_cut(&rest, ',')));
        struct node *item = take(reading, sizeof *item);
        if (!text.p || !item)
            return NULL;
        *item = (struct node){.place = node->place, .foreign = true, .text = text};
        if (text.n)
            list->items[list->n++] = item;
    }
    return list;
}

/* The list that node is, or holds by commas where it is a setting; NULL and a fault otherwise. */
static const struct node *take_list(struct reading *reading, const struct key *key,
                                    const struct node *node)
{
    char hint[PHRASE];
    if (node->kind == NODE_LIST)
        return node;
    if (node->kind == NODE_SCALAR && node->foreign)
        return split_commas(reading, node);
    if (node->kind == NODE_SCALAR && !node_is_null(node))
        phrase(hint, sizeof hint, "write a list: %s: [\"%.*s\"]", key->name,
               EXCERPT_ARG(node->text));
    wrong_kind(reading, key, node, node->kind == NODE_SCALAR ? hint : NULL);
    return NULL;
}

static bool take_item(struct reading *reading, const struct key *key, const struct node *item,
                      struct spec_text *out)
{
    if (node_is_null(item) && item->text.n) {
        char hint[PHRASE];
        phrase(hint, sizeof hint, "put it in quotes: \"%.*s\"", STR_ARG(item->text));
        fault(reading, item, hint, "without quotes %.*s means nothing at all in YAML",
              STR_ARG(item->text));
        return false;
    }
    if (item->kind == NODE_BAD)
        return false;
    if (node_is_null(item) || (item->kind == NODE_SCALAR && !item->text.n)) {
        fault(reading, item, NULL, "an item of \"%s\" is empty", key->name);
        return false;
    }
    if (item->kind != NODE_SCALAR) {
        fault(reading, item,
              item->kind == NODE_MAP ? "put a value that holds \": \" in quotes"
                                     : "write one list, without brackets inside of it",
              "an item of \"%s\" is a text, not %s", key->name, kind_text(item));
        return false;
    }
    *out = (struct spec_text){item->text, written_by_user(item)};
    return true;
}

static bool read_texts(struct reading *reading, const struct key *key, const struct node *node,
                       void *into)
{
    const struct node *list = take_list(reading, key, node);
    bool ok = true;
    if (!list)
        return false;
    if (key->max && list->n > key->max) {
        fault(reading, node, NULL, "\"%s\" has more than %u items", key->name, (unsigned)key->max);
        return false;
    }
    struct spec_text *items = take(reading, (list->n + 1) * sizeof *items);
    if (!items)
        return false;
    size_t good = 0; /* go on with these, to find what else is wrong */
    for (unsigned i = 0; i < list->n; i++) {
        if (take_item(reading, key, list->items[i], &items[good]))
            good++;
        else
            ok = false;
    }
    if (good || ok)
        *(struct spec_list *)into = (struct spec_list){items, good, written_by_user(node)};
    return ok;
}

static bool read_choices(struct reading *reading, const struct key *key, const struct node *node,
                         void *into)
{
    const struct node *list = take_list(reading, key, node);
    uint64_t bits = 0;
    bool ok = true;
    for (unsigned i = 0; list && i < list->n; i++) {
        int number = take_choice(reading, key, list->items[i]);
        ok = number >= 0 && ok;
        bits |= number >= 0 ? UINT64_C(1) << number : 0;
    }
    if (list && ok)
        set_number(into, bits, node);
    return list && ok;
}

/* --- the types -------------------------------------------------------------------------------- */

#define NAME "[A-Za-z0-9_.-]{1,64}"
#define TOKEN "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$" /* RFC 9110 §5.6.2 */
#define URL_PATTERN "[Hh][Tt][Tt][Pp]([Ss]?://[^/?#@ ]+/?|\\+[Uu][Nn][Ii][Xx]:.+)"

const struct value_type flag_type = {"true or false", SHAPE_FLAG, read_flag, NULL};
const struct value_type choice_type = {"one of some words", SHAPE_CHOICE, read_choice, NULL};
const struct value_type choices_type = {"a list of words", SHAPE_CHOICES, read_choices, NULL};
const struct value_type number_type = {"a number", SHAPE_NUMBER, read_number, NULL};
const struct value_type workers_type = {"auto or a number", SHAPE_COUNT_OR_AUTO, read_workers,
                                        NULL};
const struct value_type duration_type = {"a duration such as 10s", SHAPE_DURATION, read_duration,
                                         NULL};
const struct value_type size_type = {"a size such as 10m", SHAPE_SIZE, read_size, NULL};
const struct value_type file_mode_type = {"permissions such as 0660", SHAPE_FILE_MODE,
                                          read_file_mode, NULL};
const struct value_type text_type = {"a text", SHAPE_TEXT, read_text, NULL};
const struct value_type file_type = {"the name of a file", SHAPE_TEXT, read_text, NULL};
const struct value_type address_type = {"an address such as 127.0.0.1:8080", SHAPE_TEXT, read_text,
                                        "^(systemd(:.+)?|unix:.+|[^/]*:[0-9]+)$"};
const struct value_type admin_type = {"an address such as 127.0.0.1:9901, or off", SHAPE_TEXT,
                                      read_text, "^(off|unix:.+|[^/]*:[0-9]+)$"};
const struct value_type hosts_type = {"a list of host names", SHAPE_TEXTS, read_texts, NULL};
const struct value_type resolver_type = {
    "an IP address and a port", SHAPE_TEXT, read_text,
    "^([0-9.]+(:[1-9][0-9]*)?|localhost:[1-9][0-9]*|\\[[0-9A-Fa-f:.]+\\](:[1-9][0-9]*)?|"
    "[0-9A-Fa-f.]*:[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*)$"};
const struct value_type url_type = {"a URL such as http://127.0.0.1:3000", SHAPE_TEXT, read_text,
                                    "^" URL_PATTERN "$"};
const struct value_type upstream_type = {"a URL or a name of upstreams", SHAPE_TEXT, read_text,
                                         "^(" NAME "|" URL_PATTERN ")$"};
const struct value_type host_type = {"a host name", SHAPE_TEXT, read_text, "^([^/:@]+|\\[.*\\])$"};
const struct value_type path_type = {"a path such as /api", SHAPE_TEXT, read_text, "^/[^?#*;]*$"};
const struct value_type target_type = {"a path such as /healthz", SHAPE_TEXT, read_text,
                                       "^/[!-\"$-~]*$"};
const struct value_type origins_type = {"a list of origins", SHAPE_TEXTS, read_texts, NULL};
const struct value_type methods_type = {"a list of methods", SHAPE_TEXTS, read_texts, TOKEN};
const struct value_type headers_type = {"a list of header names", SHAPE_TEXTS, read_texts, TOKEN};
const struct value_type cidrs_type = {"a list of networks", SHAPE_TEXTS, read_texts, NULL};
const struct value_type pairs_type = {"a map of header names to values", SHAPE_PAIRS, read_pairs,
                                      TOKEN};
const struct value_type section_type = {"a map of keys", SHAPE_SECTION, read_section, NULL};
const struct value_type list_type = {"a list", SHAPE_LIST, read_list, NULL};
const struct value_type policy_type = {"a map of keys, or a list of such maps", SHAPE_LIST,
                                       read_list, NULL};
const struct value_type named_type = {"a map of names", SHAPE_NAMED, read_named, NULL};
const struct value_type cors_type = {"off, the name of a policy, or a policy", SHAPE_CORS,
                                     read_cors, NULL};
