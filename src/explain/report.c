/* The parts of a report that explain and probe share. */
#include "corsd/explain/report.h"
#include "corsd/browser/advice.h"
#include "corsd/browser/console.h"
#include "corsd/config/characters.h"

enum { WIDTH = 78, TEXT_MAX = 64 * 1024 };

static const char *const bold = "\033[1m", *const red = "\033[1;31m", *const green = "\033[1;32m",
                         *const plain = "\033[0m";

static void paint(struct buf *out, const char *code, bool colour)
{
    if (colour)
        buf_add(out, str_of(code));
}

void say(struct buf *out, struct str text)
{
    uint32_t c;
    for (size_t n; text.n; text = str_from(text, n)) {
        n = utf8_read(text, &c);
        bool obeyed = !n || (is_control(c) && c != '\n');
        n = n ? n : 1;
        buf_add(out, obeyed ? STR("?") : str_head(text, n));
    }
}

void say_paragraph(struct buf *out, struct str text)
{
    size_t column = 0;
    while (text.n) {
        struct str word = str_cut(&text, ' ');
        if (!word.n)
            continue;
        if (column && column + word.n + 1 > WIDTH) {
            buf_add_char(out, '\n');
            column = 0;
        }
        buf_add(out, column ? STR(" ") : STR("  "));
        say(out, word);
        column += word.n + (column ? 1 : 2);
    }
    buf_add_char(out, '\n');
}

/* --- the request ------------------------------------------------------------------------------ */

static const char *credentials_word(enum credentials_mode mode)
{
    return mode == CREDENTIALS_INCLUDE ? "include"
           : mode == CREDENTIALS_OMIT  ? "omit"
                                       : "same-origin";
}

void say_request(struct buf *out, const struct page_request *page, bool colour)
{
    paint(out, bold, colour);
    buf_add(out, STR("A page at "));
    say(out, page->origin);
    buf_add(out, STR(" asks for "));
    say(out, page->method);
    buf_add_char(out, ' ');
    say(out, page->url.href);
    if (page->credentials == CREDENTIALS_INCLUDE)
        buf_add(out, STR(", with credentials"));
    paint(out, plain, colour);
    buf_add_char(out, '\n');
}

void json_request(struct json *json, const struct page_request *page)
{
    json_key(json, STR("request"));
    json_open(json, '{');
    json_member(json, "origin", page->origin);
    json_member(json, "method", page->method);
    json_member(json, "url", page->url.href);
    json_member(json, "credentials", str_of(credentials_word(page->credentials)));
    json_key(json, STR("headers"));
    json_open(json, '{');
    for (size_t i = 0; i < page->n_headers; i++) {
        json_key(json, page->headers[i].name);
        json_str(json, page->headers[i].value);
    }
    json_close(json, '}');
    json_close(json, '}');
}

/* --- heads and steps -------------------------------------------------------------------------- */

void say_head(struct buf *out, const char *mark, struct str head)
{
    while (head.n) {
        struct str line = str_cut(&head, '\n');
        if (line.n && line.p[line.n - 1] == '\r')
            line.n--;
        if (!line.n)
            continue;
        buf_printf(out, "    %s ", mark);
        say(out, line);
        buf_add_char(out, '\n');
    }
}

void say_steps(struct buf *out, const struct fetch *fetch, bool colour)
{
    for (size_t i = 0; i < fetch->n_steps; i++) {
        const struct step *step = &fetch->steps[i];
        buf_add(out, STR("  "));
        paint(out, step->passed ? green : red, colour);
        buf_add(out, step->passed ? STR("passed ") : STR("FAILED "));
        paint(out, plain, colour);
        buf_printf(out, " %-32s ", step->name);
        say(out, step->detail);
        buf_printf(out, "  (Fetch, \"%s\")\n", step->section);
    }
}

/* --- verdict ---------------------------------------------------------------------------------- */

static void say_departures(struct buf *out, const struct fetch by[BROWSERS])
{
    struct buf text = BUF_INIT(TEXT_MAX);
    for (int i = BROWSER_STANDARD + 1; i < BROWSERS; i++) {
        const struct browser *browser = &browsers[i];
        if ((by[i].block == BLOCK_NONE) == (by[BROWSER_STANDARD].block == BLOCK_NONE))
            continue;
        buf_clear(&text);
        buf_add(&text, browser->name);
        buf_add_char(&text, ' ');
        buf_add(&text, browser->version);
        buf_add(&text, by[i].block ? STR(" departs from the standard and blocks it.")
                                   : STR(" departs from the standard and lets it through: "));
        if (!by[i].block)
            buf_add(&text, browser->departs);
        say_paragraph(out, buf_str(&text));
    }
    buf_finish(&text);
}

void say_verdict(struct buf *out, const struct fetch by[BROWSERS], bool colour)
{
    const struct fetch *fetch = &by[BROWSER_STANDARD];
    struct buf text = BUF_INIT(TEXT_MAX);
    buf_add_char(out, '\n');
    paint(out, fetch->block ? red : green, colour);
    buf_add(out, fetch->block ? STR("BLOCKED") : STR("ALLOWED"));
    paint(out, plain, colour);
    if (!fetch->block) {
        buf_printf(out, "  the page gets status %u and may read ", fetch->status);
        say(out, fetch->readable.n ? fetch->readable : STR("no header"));
        buf_add_char(out, '\n');
    } else {
        buf_add_char(out, '\n');
        advice_what(&text, fetch);
        say_paragraph(out, buf_str(&text));
    }
    say_departures(out, by);
    buf_finish(&text);
}

void say_console(struct buf *out, const struct fetch by[BROWSERS])
{
    struct buf text = BUF_INIT(TEXT_MAX);
    for (int i = BROWSER_STANDARD + 1; i < BROWSERS; i++) {
        buf_clear(&text);
        console_say(&text, (enum browser_name)i, &by[i]);
        if (!text.n)
            continue;
        buf_add_char(out, '\n');
        buf_add(out, browsers[i].name);
        buf_add(out, STR("'s console says:\n  "));
        say(out, buf_str(&text)); /* in one line, to be searched for */
        buf_add_char(out, '\n');
    }
    buf_finish(&text);
}

static void json_browser(struct json *json, enum browser_name name, const struct fetch *fetch)
{
    struct buf text = BUF_INIT(TEXT_MAX);
    console_say(&text, name, fetch);
    json_open(json, '{');
    json_member(json, "version", browsers[name].version);
    json_key(json, STR("allowed"));
    json_bool(json, fetch->block == BLOCK_NONE);
    json_member(json, "console", buf_str(&text));
    json_close(json, '}');
    buf_finish(&text);
}

static void json_steps(struct json *json, const struct fetch *fetch)
{
    json_key(json, STR("steps"));
    json_open(json, '[');
    for (size_t i = 0; i < fetch->n_steps; i++) {
        json_open(json, '{');
        json_member(json, "name", str_of(fetch->steps[i].name));
        json_member(json, "section", str_of(fetch->steps[i].section));
        json_key(json, STR("passed"));
        json_bool(json, fetch->steps[i].passed);
        json_member(json, "detail", fetch->steps[i].detail);
        json_close(json, '}');
    }
    json_close(json, ']');
}

void json_fetch(struct json *json, const struct fetch by[BROWSERS])
{
    const struct fetch *fetch = &by[BROWSER_STANDARD];
    struct buf text = BUF_INIT(TEXT_MAX);
    json_key(json, STR("allowed"));
    json_bool(json, fetch->block == BLOCK_NONE);
    json_member(json, "block", block_words[fetch->block]);
    json_key(json, STR("in_preflight"));
    json_bool(json, fetch->in_preflight);
    json_key(json, STR("status"));
    json_u64(json, fetch->status);
    json_member(json, "readable", fetch->readable);
    json_steps(json, fetch);
    json_key(json, STR("chromium"));
    json_browser(json, BROWSER_CHROMIUM, &by[BROWSER_CHROMIUM]);
    json_key(json, STR("firefox"));
    json_browser(json, BROWSER_FIREFOX, &by[BROWSER_FIREFOX]);
    advice_what(&text, fetch);
    json_member(json, "what", buf_str(&text));
    buf_clear(&text);
    advice_fix(&text, fetch);
    json_member(json, "fix", buf_str(&text));
    buf_finish(&text);
}
