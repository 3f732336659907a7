/* What a probe found, as text, JSON, SARIF 2.1.0 and JUnit. */
#include "corsd/browser/advice.h"
#include "corsd/explain/judgement.h"
#include "corsd/explain/report.h"

enum { TEXT_MAX = 64 * 1024 };

static const struct str level_words[] = {
    [MISTAKE_LEVEL_NOTE] = STR_INIT("note"),
    [MISTAKE_LEVEL_WARNING] = STR_INIT("warning"),
    [MISTAKE_LEVEL_ERROR] = STR_INIT("error"),
};

static const struct mistake_row *row_of(const struct found *found)
{
    return &mistakes[found->mistake];
}

/* "What: detail. Consequence." */
static void add_sentence(struct buf *out, const struct found *found)
{
    const struct mistake_row *row = row_of(found);
    buf_add(out, row->what);
    if (found->detail.n) {
        buf_add(out, STR(": "));
        buf_add(out, found->detail);
    }
    buf_add(out, STR(". "));
    buf_add(out, row->consequence);
    buf_add(out, STR("."));
}

/* --- text ------------------------------------------------------------------------------------- */

static struct str first_line(struct str head)
{
    struct str line = str_cut(&head, '\n');
    return str_head(line, line.n && line.p[line.n - 1] == '\r' ? line.n - 1 : line.n);
}

static struct str origin_of(struct str request)
{
    while (request.n) {
        struct str line = str_cut(&request, '\n');
        if (str_starts(line, STR("Origin: ")))
            return str_trim(str_head(str_from(line, 8), line.n - 9));
    }
    return STR("none");
}

static void say_sent(struct buf *out, const struct probe *probe)
{
    buf_printf(out, "\nSent (%zu requests, to this URL only):\n", probe->n_replies);
    for (size_t i = 0; i < probe->n_replies; i++) {
        const struct probe_reply *reply = &probe->replies[i];
        struct str method = first_line(reply->request);
        buf_add(out, STR("  "));
        say(out, str_head(method, str_find(method, ' ')));
        buf_add(out, STR("  Origin: "));
        say(out, origin_of(reply->request));
        buf_printf(out, "  (%s)  → ", reply->why);
        say(out, reply->head.n ? first_line(reply->head) : reply->error);
        buf_add_char(out, '\n');
    }
}

static void say_found(struct buf *out, const struct probe *probe)
{
    struct buf text = BUF_INIT(TEXT_MAX);
    buf_add(out, probe->n_found ? STR("\nFound:\n") : STR("\nNo mistake found.\n"));
    for (int level = MISTAKE_LEVEL_ERROR; level >= MISTAKE_LEVEL_NOTE; level--)
        for (size_t i = 0; i < probe->n_found; i++) {
            const struct found *found = &probe->found[i];
            if ((int)row_of(found)->level != level)
                continue;
            buf_clear(&text);
            buf_add(&text, level_words[level]);
            buf_add(&text, STR(" ["));
            buf_add(&text, row_of(found)->word);
            buf_add(&text, STR("] "));
            add_sentence(&text, found);
            say_paragraph(out, buf_str(&text));
        }
    buf_finish(&text);
}

void probe_print(struct buf *out, const struct probe *probe, bool colour)
{
    const struct fetch *fetch = &probe->by[BROWSER_STANDARD];
    struct buf text = BUF_INIT(TEXT_MAX);
    say_request(out, probe->page, colour);
    for (size_t i = 0; i < probe->n_own; i++) {
        const struct probe_reply *reply = &probe->replies[i];
        buf_printf(out, "\n  The %s\n", reply->why);
        say_head(out, ">", reply->request);
        say_head(out, "<", reply->head.n ? reply->head : reply->error);
    }
    buf_add_char(out, '\n');
    say_steps(out, fetch, colour);
    if (fetch->want == WANT_NOTHING)
        say_verdict(out, probe->by, colour);
    say_console(out, probe->by);
    if (fetch->block) {
        buf_add(out, STR("\nWhat to change at the server:\n"));
        advice_fix(&text, fetch);
        say_paragraph(out, buf_str(&text));
    }
    say_found(out, probe);
    say_sent(out, probe);
    buf_finish(&text);
}

/* --- JSON ------------------------------------------------------------------------------------- */

static void json_found(struct json *json, const struct probe *probe)
{
    json_key(json, STR("mistakes"));
    json_open(json, '[');
    for (size_t i = 0; i < probe->n_found; i++) {
        const struct mistake_row *row = row_of(&probe->found[i]);
        json_open(json, '{');
        json_member(json, "id", row->word);
        json_member(json, "level", level_words[row->level]);
        json_member(json, "what", row->what);
        json_member(json, "detail", probe->found[i].detail);
        json_member(json, "consequence", row->consequence);
        json_close(json, '}');
    }
    json_close(json, ']');
}

static void json_replies(struct json *json, const struct probe *probe)
{
    json_key(json, STR("sent"));
    json_open(json, '[');
    for (size_t i = 0; i < probe->n_replies; i++) {
        const struct probe_reply *reply = &probe->replies[i];
        json_open(json, '{');
        json_member(json, "why", str_of(reply->why));
        json_member(json, "request", reply->request);
        if (reply->head.n)
            json_member(json, "answer", reply->head);
        if (reply->error.n)
            json_member(json, "error", reply->error);
        json_close(json, '}');
    }
    json_close(json, ']');
}

void probe_json(struct buf *out, const struct probe *probe)
{
    struct json json = {.out = out, .pretty = true};
    json_open(&json, '{');
    json_request(&json, probe->page);
    json_fetch(&json, probe->by);
    json_found(&json, probe);
    json_replies(&json, probe);
    json_close(&json, '}');
    buf_add_char(out, '\n');
}

/* --- SARIF 2.1.0 ------------------------------------------------------------------------------ */

static void json_text(struct json *json, const char *name, struct str text)
{
    json_key(json, str_of(name));
    json_open(json, '{');
    json_member(json, "text", text);
    json_close(json, '}');
}

static void sarif_rules(struct json *json)
{
    json_key(json, STR("rules"));
    json_open(json, '[');
    for (size_t i = 0; i < MISTAKES; i++) {
        json_open(json, '{');
        json_member(json, "id", mistakes[i].word);
        json_text(json, "shortDescription", mistakes[i].what);
        json_text(json, "fullDescription", mistakes[i].consequence);
        json_key(json, STR("defaultConfiguration"));
        json_open(json, '{');
        json_member(json, "level", level_words[mistakes[i].level]);
        json_close(json, '}');
        json_close(json, '}');
    }
    json_close(json, ']');
}

static void sarif_result(struct json *json, const struct probe *probe, const struct found *found)
{
    struct buf text = BUF_INIT(TEXT_MAX);
    add_sentence(&text, found);
    json_open(json, '{');
    json_member(json, "ruleId", row_of(found)->word);
    json_key(json, STR("ruleIndex"));
    json_u64(json, found->mistake);
    json_member(json, "level", level_words[row_of(found)->level]);
    json_text(json, "message", buf_str(&text));
    json_key(json, STR("locations"));
    json_open(json, '[');
    json_open(json, '{');
    json_key(json, STR("physicalLocation"));
    json_open(json, '{');
    json_key(json, STR("artifactLocation"));
    json_open(json, '{');
    json_member(json, "uri", probe->page->url.href);
    json_close(json, '}');
    json_close(json, '}');
    json_close(json, '}');
    json_close(json, ']');
    json_close(json, '}');
    buf_finish(&text);
}

void probe_sarif(struct buf *out, const struct probe *probe)
{
    struct json json = {.out = out, .pretty = true};
    json_open(&json, '{');
    json_member(&json, "$schema", STR("https://json.schemastore.org/sarif-2.1.0.json"));
    json_member(&json, "version", STR("2.1.0"));
    json_key(&json, STR("runs"));
    json_open(&json, '[');
    json_open(&json, '{');
    json_key(&json, STR("tool"));
    json_open(&json, '{');
    json_key(&json, STR("driver"));
    json_open(&json, '{');
    json_member(&json, "name", STR("corsd probe"));
    json_member(&json, "version", STR(CORSD_VERSION));
    sarif_rules(&json);
    json_close(&json, '}');
    json_close(&json, '}');
    json_key(&json, STR("results"));
    json_open(&json, '[');
    for (size_t i = 0; i < probe->n_found; i++)
        sarif_result(&json, probe, &probe->found[i]);
    json_close(&json, ']');
    json_close(&json, '}');
    json_close(&json, ']');
    json_close(&json, '}');
    buf_add_char(out, '\n');
}

/* --- JUnit ------------------------------------------------------------------------------------ */

static void add_xml(struct buf *out, struct str text)
{
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        switch (c) {
        case '&': buf_add(out, STR("&amp;")); break;
        case '<': buf_add(out, STR("&lt;")); break;
        case '>': buf_add(out, STR("&gt;")); break;
        case '"': buf_add(out, STR("&quot;")); break;
        default: buf_add_char(out, c < 0x20 || c >= 0x7f ? '?' : (char)c); break;
        }
    }
}

/* Each kind of mistake is a test; notes do not fail it. */
static const struct found *failure(const struct probe *probe, size_t mistake)
{
    for (size_t i = 0; i < probe->n_found; i++)
        if (probe->found[i].mistake == (enum mistake)mistake &&
            mistakes[mistake].level > MISTAKE_LEVEL_NOTE)
            return &probe->found[i];
    return NULL;
}

void probe_junit(struct buf *out, const struct probe *probe)
{
    struct buf text = BUF_INIT(TEXT_MAX);
    unsigned failures = 0;
    for (size_t i = 0; i < MISTAKES; i++)
        failures += failure(probe, i) != NULL;
    buf_printf(out,
               "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"corsd probe\" "
               "tests=\"%d\" failures=\"%u\">\n",
               (int)MISTAKES, failures);
    for (size_t i = 0; i < MISTAKES; i++) {
        const struct found *found = failure(probe, i);
        buf_add(out, STR("  <testcase classname=\""));
        add_xml(out, probe->page->url.href);
        buf_add(out, STR("\" name=\""));
        add_xml(out, mistakes[i].word);
        buf_add(out, found ? STR("\"><failure message=\"") : STR("\"/>\n"));
        if (!found)
            continue;
        buf_clear(&text);
        add_sentence(&text, found);
        add_xml(out, buf_str(&text));
        buf_add(out, STR("\"/></testcase>\n"));
    }
    buf_add(out, STR("</testsuite>\n"));
    buf_finish(&text);
}
