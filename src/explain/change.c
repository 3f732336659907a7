/* From a rule's place in the file to the line that is to change. */
#include "corsd/explain/change.h"
#include "corsd/base/buf.h"
#include "corsd/config/characters.h"
#include "corsd/config/written.h"
#include "corsd/plan/place.h"

enum { LINE_MAX_ = 64 * 1024 };

/* --- where ------------------------------------------------------------------------------------ */

static const struct written_rule *rule_in(const struct written_policy *policy, const void *place)
{
    const struct written_rule *rules = policy->rules.first;
    for (size_t i = 0; i < policy->rules.n; i++)
        if (rules[i].at == place)
            return &rules[i];
    return NULL;
}

static const struct written_rule *find_rule(const struct written *written, const void *place)
{
    const struct written_policy *policies = written->policies.first;
    const struct written_route *routes = written->routes.first;
    const struct written_rule *found = rule_in(&written->cors.policy, place);
    for (size_t i = 0; i < written->policies.n && !found; i++)
        found = rule_in(&policies[i], place);
    for (size_t i = 0; i < written->routes.n && !found; i++)
        found = rule_in(&routes[i].cors.policy, place);
    return found;
}

static const void *value_of(const struct written_rule *rule, struct str key)
{
    if (str_eq(key, STR("allow_origins")))
        return rule->allow_origins.place;
    if (str_eq(key, STR("allow_methods")))
        return rule->allow_methods.place;
    if (str_eq(key, STR("allow_headers")))
        return rule->allow_headers.place;
    if (str_eq(key, STR("allow_credentials")))
        return rule->allow_credentials.at;
    if (str_eq(key, STR("upstream_headers")))
        return rule->upstream_headers.at;
    return str_eq(key, STR("mode")) ? rule->mode.at : NULL;
}

void change_place(struct change *change, const struct plan *plan, const struct rule *rule)
{
    const struct written_rule *written =
        plan->written && rule ? find_rule(plan->written, rule->place) : NULL;
    const void *value = written ? value_of(written, str_of(change->key)) : NULL;
    const void *place = value ? value : rule ? rule->place : NULL;
    change->is_there = value != NULL;
    if (!place_of(place, &change->file, &change->line, &change->column))
        change->file = (struct str){0};
}

/* --- what it becomes -------------------------------------------------------------------------- */

/* Position of the bracket that closes the one at `from`, quotes heeded; line.n where it is not on
 * this line. */
static size_t closing(struct str line, size_t from)
{
    char quote = 0;
    int depth = 0;
    for (size_t i = from; i < line.n; i++) {
        char c = line.p[i];
        if (quote)
            quote = c == quote ? 0 : quote;
        else if (c == '"' || c == '\'')
            quote = c;
        else if (c == '[')
            depth++;
        else if (c == ']' && --depth == 0)
            return i;
    }
    return line.n;
}

/* The line with `item` for its bytes from..to. */
static void splice(struct buf *out, struct str line, size_t from, size_t to, const char *before,
                   struct str item, const char *after)
{
    buf_add(out, str_head(line, from));
    buf_add(out, str_of(before));
    buf_add(out, item);
    buf_add(out, str_of(after));
    buf_add(out, str_from(line, to));
}

static size_t end_of_scalar(struct str line, size_t from)
{
    size_t end = from;
    while (end < line.n && !strchr(",}]# \t", line.p[end]))
        end++;
    return end;
}

static void add_key(struct buf *out, const struct change *change)
{
    buf_add(out, str_of(change->key));
    buf_add(out, change->kind == CHANGE_ADD ? STR(": [") : STR(": "));
    buf_add(out, change->item);
    buf_add(out, change->kind == CHANGE_ADD ? STR("]") : STR(""));
}

/* The key is new: inside the braces, or as a line of its own before the rule's first. */
static void new_key(struct buf *out, const struct change *change, struct str line, size_t at)
{
    bool braces = at < line.n && line.p[at] == '{';
    buf_add(out, str_head(line, braces ? at + 1 : at));
    add_key(out, change);
    buf_add(out, braces ? STR(", ") : STR("\n"));
    for (size_t i = 0; !braces && i < at; i++)
        buf_add_char(out, ' ');
    buf_add(out, str_from(line, braces ? at + 1 : at));
}

/* Where the value that begins at `at` ends; a list of one item a line: its first. */
static size_t end_of_value(struct str line, size_t at, size_t close)
{
    if (close < line.n)
        return close + 1;
    return line.p[at] == '-' ? line.n : end_of_scalar(line, at);
}

static void changed(struct buf *out, const struct change *change, struct str line, size_t at)
{
    size_t close = line.p[at] == '[' ? closing(line, at) : line.n;
    bool empty = !str_trim(str_from(str_head(line, close), at + 1)).n;
    if (!change->is_there)
        new_key(out, change, line, at);
    else if (change->kind == CHANGE_SET)
        splice(out, line, at, end_of_value(line, at, close), "", change->item, "");
    else if (close < line.n)
        splice(out, line, close, close, empty ? "" : ", ", change->item, "");
    else if (line.p[at] == '-') { /* one item a line: a line more, above */
        buf_add(out, str_head(line, at));
        splice(out, line, 0, 0, "- ", change->item, "\n");
    } else /* a list over several lines */
        splice(out, line, at + 1, at + 1, "", change->item, ", ");
}

bool change_lines(const struct change *change, struct str text, struct arena *arena,
                  struct str *before, struct str *after)
{
    struct buf out = BUF_INIT(LINE_MAX_);
    if (!change->kind || !change->file.p || !change->column)
        return false;
    struct str line = line_of(text, change->line);
    size_t at = character_at(line, change->column - 1);
    if (at >= line.n)
        return false;
    if (change->kind == CHANGE_ADD && change->is_there && line.p[at] != '[' && line.p[at] != '-')
        return false; /* an anchor or a tag stands before the list */
    changed(&out, change, line, at);
    *before = line;
    *after = arena_copy(arena, buf_str(&out));
    bool ok = !out.failed && after->p;
    buf_finish(&out);
    return ok;
}
