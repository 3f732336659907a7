/* The report of `corsd explain`. */
#include "corsd/browser/advice.h"
#include "corsd/explain/report.h"
#include "corsd/plan/place.h"

enum { TEXT_MAX = 64 * 1024 };

static void say_place(struct buf *out, const void *place)
{
    struct str file;
    unsigned line, column;
    if (!place_of(place, &file, &line, &column))
        return;
    buf_add(out, STR("  ("));
    say(out, file);
    if (line)
        buf_printf(out, ":%u", line);
    buf_add_char(out, ')');
}

static void say_decided(struct buf *out, const struct explanation *e)
{
    buf_add(out, STR("\n  route   "));
    say(out, e->route ? e->route->name : STR("none: corsd answers 404"));
    if (e->route)
        say_place(out, e->route->place);
    buf_add(out, STR("\n  policy  "));
    say(out, e->policy ? e->policy->name : STR("off: nothing about CORS is touched"));
    if (e->rule)
        buf_printf(out, ", rule %u", e->rule->index + 1u);
    if (e->rule || e->policy)
        say_place(out, e->rule ? e->rule->place : e->policy->rules[0].place);
    buf_add(out, STR("\n  corsd   "));
    say(out, e->reason);
    buf_add_char(out, '\n');
}

static void say_sent(struct buf *out, const struct explanation *e)
{
    for (size_t i = 0; i < e->n_sent; i++) {
        const struct sent *sent = &e->sent[i];
        buf_add(out, sent->preflight ? STR("\n  The preflight") : STR("\n  The request"));
        if (sent->from_backend)
            buf_printf(out, " (the backend is taken to answer %u: see --backend-status)",
                       e->assumed->status);
        else
            buf_add(out, STR(" (corsd answers it itself)"));
        buf_add(out, STR("\n"));
        say_head(out, ">", sent->request);
        say_head(out, "<", sent->answer);
    }
    buf_add_char(out, '\n');
}

static void say_block(struct buf *out, const char *mark, struct str lines)
{
    while (lines.n) {
        struct str line = str_cut(&lines, '\n');
        buf_printf(out, "  %s ", mark);
        say(out, line);
        buf_add_char(out, '\n');
    }
}

static void say_change(struct buf *out, const struct change *change, struct str text,
                       struct arena *arena)
{
    struct str before, after;
    buf_add(out, STR("\nWhat to change"));
    if (change->file.p) {
        buf_add(out, STR(" in "));
        say(out, change->file);
        if (change->line)
            buf_printf(out, ":%u", change->line);
    }
    buf_add(out, STR(":\n"));
    if (change_lines(change, text, arena, &before, &after)) {
        say_block(out, "-", before);
        say_block(out, "+", after);
    } else {
        buf_printf(out, "  %s: ", change->key);
        buf_add(out, change->kind == CHANGE_ADD ? STR("add ") : STR(""));
        say(out, change->item);
        buf_add_char(out, '\n');
    }
    if (change->also)
        buf_printf(out, "  and beside it: %s\n", change->also);
}

static void say_fix(struct buf *out, const struct explanation *e, struct str text,
                    struct arena *arena)
{
    struct buf words = BUF_INIT(TEXT_MAX);
    if (e->change.kind)
        say_change(out, &e->change, text, arena);
    else {
        buf_add(out, STR("\nWhat to change:\n"));
        if (!e->policy)
            buf_add(&words, STR("Give the route a policy (cors: NAME): then corsd answers "
                                "preflights and adds the headers. Or at the backend: "));
        advice_fix(&words, &e->by[BROWSER_STANDARD]);
        say_paragraph(out, buf_str(&words));
    }
    buf_finish(&words);
}

void explanation_print(struct buf *out, const struct explanation *e, struct str text,
                       struct arena *arena, bool colour)
{
    say_request(out, e->page, colour);
    say_decided(out, e);
    say_sent(out, e);
    say_steps(out, &e->by[BROWSER_STANDARD], colour);
    if (e->elsewhere.n) {
        buf_add(out, STR("\n  A redirect leads to another server, which is not looked at: "));
        say(out, e->elsewhere);
        buf_add_char(out, '\n');
        return;
    }
    say_verdict(out, e->by, colour);
    say_console(out, e->by);
    if (!explanation_allows(e))
        say_fix(out, e, text, arena);
}

/* --- JSON ------------------------------------------------------------------------------------- */

static void json_place(struct json *json, const void *place)
{
    struct str file;
    unsigned line, column;
    if (!place_of(place, &file, &line, &column))
        return;
    json_member(json, "file", file);
    json_key(json, STR("line"));
    json_u64(json, line);
}

static void json_decided(struct json *json, const struct explanation *e)
{
    if (e->route) {
        json_key(json, STR("route"));
        json_open(json, '{');
        json_member(json, "name", e->route->name);
        json_place(json, e->route->place);
        json_close(json, '}');
    }
    if (e->policy) {
        json_key(json, STR("policy"));
        json_open(json, '{');
        json_member(json, "name", e->policy->name);
        if (e->rule) {
            json_key(json, STR("rule"));
            json_u64(json, e->rule->index + 1u);
        }
        json_place(json, e->rule ? e->rule->place : e->policy->rules[0].place);
        json_close(json, '}');
    }
    json_member(json, "reason", e->reason);
}

static void json_sent(struct json *json, const struct explanation *e)
{
    json_key(json, STR("sent"));
    json_open(json, '[');
    for (size_t i = 0; i < e->n_sent; i++) {
        json_open(json, '{');
        json_member(json, "kind", e->sent[i].preflight ? STR("preflight") : STR("request"));
        json_member(json, "answered_by", e->sent[i].from_backend ? STR("backend") : STR("corsd"));
        json_member(json, "request", e->sent[i].request);
        json_member(json, "answer", e->sent[i].answer);
        json_close(json, '}');
    }
    json_close(json, ']');
}

static void json_change(struct json *json, const struct change *change, struct str text,
                        struct arena *arena)
{
    struct str before, after;
    if (!change->kind)
        return;
    json_key(json, STR("change"));
    json_open(json, '{');
    json_member(json, "key", str_of(change->key));
    json_member(json, change->kind == CHANGE_ADD ? "add" : "set", change->item);
    if (change->also)
        json_member(json, "also", str_of(change->also));
    if (change->file.p) {
        json_member(json, "file", change->file);
        json_key(json, STR("line"));
        json_u64(json, change->line);
    }
    if (change_lines(change, text, arena, &before, &after)) {
        json_member(json, "before", before);
        json_member(json, "after", after);
    }
    json_close(json, '}');
}

void explanation_json(struct buf *out, const struct explanation *e, struct str text,
                      struct arena *arena)
{
    struct json json = {.out = out, .pretty = true};
    json_open(&json, '{');
    json_request(&json, e->page);
    json_key(&json, STR("backend_status"));
    json_u64(&json, e->assumed->status);
    json_decided(&json, e);
    json_sent(&json, e);
    json_fetch(&json, e->by);
    if (e->elsewhere.n)
        json_member(&json, "elsewhere", e->elsewhere);
    json_change(&json, &e->change, text, arena);
    json_close(&json, '}');
    buf_add_char(out, '\n');
}
