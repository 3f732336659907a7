/* The browser model on its own, for the tests that hold it against real browsers: a case a line of
 * JSON in, its verdict a line of JSON out.
 *   {"browser": "chromium"|"firefox", "origin", "url", "method", "credentials",
 *    "headers": [[n, v]], "answers": [{"preflight"|"actual": {"status", "headers"}} a hop]}
 * The hop a request belongs to is the number of redirects before it. */
#include <stdio.h>
#include <stdlib.h>
#include "corsd/base/json.h"
#include "corsd/base/json_reader.h"
#include "corsd/browser/console.h"

enum { HOPS = 8, FIELDS = 64, OUT_MAX = 1 << 20 };

struct reply {
    struct answer answer;
    struct field fields[FIELDS];
};
struct item {
    enum browser_name browser;
    struct page_request page;
    struct reply preflight[HOPS], actual[HOPS];
    struct str method, url;
};

static void read_field(struct json_reader *in, struct str *name, struct str *value)
{
    bool first = true;
    json_enter(in, '[');
    if (json_item(in, &first))
        json_read_text(in, name);
    if (json_item(in, &first))
        json_read_text(in, value);
    json_item(in, &first);
}

static void read_page_headers(struct json_reader *in, struct page_request *page)
{
    struct str name, value;
    bool first = true;
    for (json_enter(in, '['); json_item(in, &first);) {
        read_field(in, &name, &value);
        (void)page_add_header(page, in->arena, name, value);
    }
}

static void read_reply(struct json_reader *in, struct reply *reply)
{
    struct str name;
    uint64_t status = 0;
    bool first = true;
    for (json_enter(in, '{'); json_member_name(in, &first, &name);) {
        if (str_eq(name, STR("status"))) {
            json_read_u64(in, &status);
            continue;
        }
        bool first_field = true;
        for (json_enter(in, '['); json_item(in, &first_field) && reply->answer.n < FIELDS;) {
            struct field *field = &reply->fields[reply->answer.n++];
            read_field(in, &field->name, &field->value);
        }
    }
    reply->answer.status = (unsigned)status;
    reply->answer.fields = reply->fields;
}

static void read_answers(struct json_reader *in, struct item *item)
{
    struct str name;
    bool first = true;
    size_t hop = 0;
    for (json_enter(in, '['); json_item(in, &first) && hop < HOPS; hop++) {
        bool first_member = true;
        for (json_enter(in, '{'); json_member_name(in, &first_member, &name);)
            read_reply(in,
                       str_eq(name, STR("preflight")) ? &item->preflight[hop] : &item->actual[hop]);
    }
}

static void read_member(struct json_reader *in, struct item *item, struct str name)
{
    struct str text = {0};
    if (str_eq(name, STR("headers")))
        read_page_headers(in, &item->page);
    else if (str_eq(name, STR("answers")))
        read_answers(in, item);
    else if (!json_read_text(in, &text))
        return;
    if (str_eq(name, STR("browser")))
        item->browser = str_eq(text, STR("firefox")) ? BROWSER_FIREFOX : BROWSER_CHROMIUM;
    else if (str_eq(name, STR("origin")))
        item->page.origin = text;
    else if (str_eq(name, STR("url")))
        item->url = text;
    else if (str_eq(name, STR("method")))
        item->method = text;
    else if (str_eq(name, STR("credentials")))
        item->page.credentials = str_eq(text, STR("include")) ? CREDENTIALS_INCLUDE
                                 : str_eq(text, STR("omit"))  ? CREDENTIALS_OMIT
                                                              : CREDENTIALS_SAME_ORIGIN;
}

static void write_verdict(struct buf *out, struct item *item, const struct fetch *fetch)
{
    struct json json = {.out = out};
    struct buf said = BUF_INIT(OUT_MAX);
    console_say(&said, item->browser, fetch);
    json_open(&json, '{');
    json_key(&json, STR("allowed"));
    json_bool(&json, fetch->block == BLOCK_NONE);
    json_member(&json, "block", block_words[fetch->block]);
    json_key(&json, STR("status"));
    json_u64(&json, fetch->status);
    json_member(&json, "readable", fetch->readable);
    json_member(&json, "console", buf_str(&said));
    json_close(&json, '}');
    buf_add_char(out, '\n');
    buf_finish(&said);
}

static void judge(struct item *item, struct arena *arena, struct buf *out)
{
    static struct fetch fetch;
    fetch_begin(&fetch, &browsers[item->browser], &item->page, arena);
    while (fetch.want != WANT_NOTHING) {
        size_t hop = fetch.redirects < HOPS ? fetch.redirects : HOPS - 1;
        fetch_take(&fetch, fetch.want == WANT_PREFLIGHT ? &item->preflight[hop].answer
                                                        : &item->actual[hop].answer);
    }
    write_verdict(out, item, &fetch);
}

static bool read_item(struct str line, struct arena *arena, struct buf *out)
{
    static struct item item;
    struct json_reader in = {.rest = line, .arena = arena};
    struct str name;
    bool first = true;
    memset(&item, 0, sizeof item);
    for (json_enter(&in, '{'); json_member_name(&in, &first, &name);)
        read_member(&in, &item, name);
    if (in.failed || url_parse(arena, item.url, NULL, &item.page.url) != URL_OK ||
        page_set_method(&item.page, arena, item.method) != PAGE_OK)
        return false;
    judge(&item, arena, out);
    return true;
}

int main(void)
{
    char *line = NULL;
    size_t size = 0;
    ssize_t n;
    int code = 0;
    while (!code && (n = getline(&line, &size, stdin)) > 0) {
        struct arena arena;
        struct buf out = BUF_INIT(OUT_MAX);
        arena_init(&arena, NULL, 0);
        if (!read_item((struct str){line, (size_t)n}, &arena, &out)) {
            fprintf(stderr, "judge: cannot read: %s", line);
            code = 2;
        }
        fwrite(out.p, 1, out.n, stdout);
        buf_finish(&out);
        arena_finish(&arena);
    }
    free(line);
    return code;
}
