/* HAR 1.2, as browsers save it: one request of it. */
#include "copied.h"
#include "corsd/base/json_reader.h"

static void read_header(struct json_reader *in, struct copied *out)
{
    struct str member, name = {0}, value = {0};
    bool first = true;
    for (json_enter(in, '{'); json_member_name(in, &first, &member);) {
        if (str_eq(member, STR("name")))
            json_read_text(in, &name);
        else if (str_eq(member, STR("value")))
            json_read_text(in, &value);
        else
            json_skip(in);
    }
    if (!copied_header(out, name, value))
        in->failed = true;
}

static void read_request(struct json_reader *in, struct copied *out)
{
    struct str member;
    bool first = true;
    for (json_enter(in, '{'); json_member_name(in, &first, &member);) {
        if (str_eq(member, STR("url")))
            json_read_text(in, &out->url);
        else if (str_eq(member, STR("method")))
            json_read_text(in, &out->method);
        else if (str_eq(member, STR("headers"))) {
            bool first_header = true;
            for (json_enter(in, '['); json_item(in, &first_header);)
                read_header(in, out);
        } else
            json_skip(in);
    }
}

/* A status of 0, or -1, is what a blocked request has. */
static bool read_answered(struct json_reader *in)
{
    struct str member;
    uint64_t status = 0;
    bool first = true, negative = false;
    for (json_enter(in, '{'); json_member_name(in, &first, &member);) {
        if (!str_eq(member, STR("status")) || json_peek(in) != JSON_NUMBER) {
            json_skip(in);
            continue;
        }
        negative = in->rest.p[0] == '-';
        if (negative)
            json_skip(in);
        else
            json_read_u64(in, &status);
    }
    return status > 0 && !negative;
}

static void read_entry(struct json_reader *in, struct copied *out, bool *answered)
{
    struct str member;
    bool first = true;
    for (json_enter(in, '{'); json_member_name(in, &first, &member);) {
        if (str_eq(member, STR("request")))
            read_request(in, out);
        else if (str_eq(member, STR("response")))
            *answered = read_answered(in);
        else
            json_skip(in);
    }
}

static void choose(struct copied *best, bool *best_answered, const struct copied *entry,
                   bool answered, struct str url)
{
    if (str_eq(entry->method, STR("OPTIONS")) || !entry->url.n ||
        (url.n && !str_eq(entry->url, url)))
        return;
    if (best->url.n && answered && !*best_answered)
        return;
    *best = *entry;
    *best_answered = answered;
}

static void read_entries(struct json_reader *in, struct copied *best, struct str url)
{
    bool first = true, best_answered = true;
    for (json_enter(in, '['); json_item(in, &first);) {
        struct copied entry = {0};
        bool answered = false;
        read_entry(in, &entry, &answered);
        if (!in->failed)
            choose(best, &best_answered, &entry, answered, url);
    }
}

static void read_log(struct json_reader *in, struct copied *best, struct str url)
{
    struct str member;
    bool first = true;
    for (json_enter(in, '{'); json_member_name(in, &first, &member);) {
        if (str_eq(member, STR("entries")))
            read_entries(in, best, url);
        else
            json_skip(in);
    }
}

enum copied_fault copied_from_har(struct str text, struct str url, struct arena *arena,
                                  struct copied *out)
{
    struct json_reader in = {.rest = text, .arena = arena};
    struct copied best = {0};
    struct str member;
    bool first = true;
    if (str_starts(text, STR("\xef\xbb\xbf")))
        in.rest = str_from(text, 3);
    for (json_enter(&in, '{'); json_member_name(&in, &first, &member);) {
        if (str_eq(member, STR("log")))
            read_log(&in, &best, url);
        else
            json_skip(&in);
    }
    if (in.failed)
        return COPIED_UNREADABLE;
    if (!best.url.n)
        return COPIED_NOT_THERE;
    *out = best;
    return COPIED_OK;
}
