/* Puts the values of environment variables into scalars. */
#include "corsd/config/expand.h"
#include <stdlib.h>

struct reference { /* of a variable, what stands between the braces */
    struct str name, operand;
    char mark; /* 0, '-' or '?' */
};

static bool is_name_char(char c, bool first)
{
    return c == '_' || ascii_is_alpha(c) || (!first && ascii_is_digit(c));
}

/* inside = "VAR", "VAR:-default", "VAR:?message". */
static bool reference_parse(struct str inside, struct reference *out)
{
    size_t n = 0;
    while (n < inside.n && is_name_char(inside.p[n], n == 0))
        n++;
    *out = (struct reference){.name = str_head(inside, n)};
    struct str rest = str_from(inside, n);
    if (!n)
        return false;
    if (!rest.n)
        return true;
    if (rest.n < 2 || rest.p[0] != ':' || (rest.p[1] != '-' && rest.p[1] != '?'))
        return false;
    out->mark = rest.p[1];
    out->operand = str_from(rest, 2);
    return !memmem(out->operand.p, out->operand.n, "${", 2); /* not one inside of another */
}

/* What would break the line it is put into, or is no text. */
static bool is_clean(struct str value)
{
    for (size_t i = 0; i < value.n; i++)
        if ((unsigned char)value.p[i] < 0x20 || value.p[i] == 0x7f)
            return false;
    return true;
}

static bool add_value(struct reading *reading, const struct node *node,
                      const struct reference *reference, struct buf *out)
{
    char name[PHRASE], hint[2 * PHRASE];
    if (reference->name.n >= sizeof name) {
        fault(reading, node, NULL, "the name of an environment variable is too long");
        return false;
    }
    phrase(name, sizeof name, "%.*s", STR_ARG(reference->name));
    struct str value = str_of(getenv(name));
    if (value.n == 0 && reference->mark == '?') {
        if (reference->operand.n)
            fault(reading, node, NULL, "%s: %.*s", name, EXCERPT_ARG(reference->operand));
        else
            fault(reading, node, NULL, "the environment variable %s is empty or not set", name);
        return false;
    }
    if (!value.p && !reference->mark) {
        phrase(hint, sizeof hint, "set it, or give a default: ${%s:-default}", name);
        fault(reading, node, hint, "the environment variable %s is not set", name);
        return false;
    }
    if (value.n == 0 && reference->mark == '-')
        value = reference->operand;
    if (!is_clean(value)) {
        fault(reading, node, "a file read into a variable often ends with one",
              "the value of %s holds a line break or control character", name);
        return false;
    }
    buf_add(out, value);
    return true;
}

static bool expand(struct reading *reading, const struct node *node, struct buf *out)
{
    struct str rest = node->text;
    bool ok = true;
    while (rest.n) {
        size_t dollar = str_find(rest, '$');
        buf_add(out, str_head(rest, dollar));
        rest = str_from(rest, dollar);
        if (str_starts(rest, STR("$${"))) {
            buf_add(out, STR("${"));
            rest = str_from(rest, 3);
            continue;
        }
        if (!str_starts(rest, STR("${"))) {
            buf_add(out, str_head(rest, 1));
            rest = str_from(rest, 1);
            continue;
        }
        struct reference reference;
        size_t end = str_find(rest, '}');
        if (end == rest.n || !reference_parse(str_head(str_from(rest, 2), end - 2), &reference)) {
            fault(reading, node,
                  "write ${NAME}, ${NAME:-default} or ${NAME:?message}; $${ stands for ${ itself",
                  "this is no variable: %.*s", EXCERPT_ARG(str_head(rest, end + 1)));
            return false;
        }
        ok = add_value(reading, node, &reference, out) && ok;
        rest = str_from(rest, end + 1);
    }
    return ok;
}

static void expand_scalar(struct reading *reading, struct node *node)
{
    struct buf out = BUF_INIT(EXPANDED_MAX);
    node->expanded = true;
    if (str_find(node->text, '$') == node->text.n)
        goto done;
    if (!expand(reading, node, &out)) {
        node->kind = NODE_BAD;
        goto done;
    }
    if (out.failed) {
        node->kind = NODE_BAD;
        fault(reading, node, NULL, "the value is longer than %d bytes once expanded", EXPANDED_MAX);
        goto done;
    }
    struct str text = keep(reading, buf_str(&out));
    if (text.p && !str_eq(text, node->text)) {
        node->text = text;
        node->foreign = true;
    }
done:
    buf_finish(&out);
}

void expand_variables(struct reading *reading, struct node *root)
{
    if (root->kind == NODE_SCALAR && !root->expanded)
        expand_scalar(reading, root);
    for (unsigned i = 0; root->kind == NODE_LIST && i < root->n; i++)
        expand_variables(reading, root->items[i]);
    for (unsigned i = 0; root->kind == NODE_MAP && i < root->n; i++)
        expand_variables(reading, root->pairs[i].value);
}
