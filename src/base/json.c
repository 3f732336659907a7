/* A JSON writer: the state is one bit a level. */
#include "corsd/base/json.h"
#include <assert.h>

static void newline(struct json *json)
{
    if (!json->pretty)
        return;
    buf_add_char(json->out, '\n');
    for (unsigned i = 0; i < json->depth; i++)
        buf_add(json->out, STR("  "));
}

/* What stands before a value: nothing after a key, else a comma if one went before. */
static void before_value(struct json *json)
{
    if (json->after_key) {
        json->after_key = false;
        return;
    }
    if (!json->depth)
        return;
    uint32_t bit = UINT32_C(1) << (json->depth - 1);
    if (json->started & bit)
        buf_add_char(json->out, ',');
    json->started |= bit;
    newline(json);
}

void json_open(struct json *json, char bracket)
{
    assert(json->depth < JSON_DEPTH);
    before_value(json);
    buf_add_char(json->out, bracket);
    json->started &= ~(UINT32_C(1) << json->depth);
    json->depth++;
}

void json_close(struct json *json, char bracket)
{
    assert(json->depth > 0);
    json->depth--;
    if (json->started & (UINT32_C(1) << json->depth))
        newline(json);
    buf_add_char(json->out, bracket);
}

/* Length of the UTF-8 sequence at the start of text, or 0 where it is not valid (RFC 3629). */
static size_t utf8_length(struct str text)
{
    const unsigned char *p = (const unsigned char *)text.p;
    size_t n = p[0] < 0x80   ? 1
               : p[0] < 0xc2 ? 0
               : p[0] < 0xe0 ? 2
               : p[0] < 0xf0 ? 3
               : p[0] < 0xf5 ? 4
                             : 0;
    if (n > text.n)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
        (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
        return 0;
    return n;
}

static void quoted(struct buf *out, struct str text)
{
    buf_add_char(out, '"');
    while (text.n) {
        size_t n = utf8_length(text);
        unsigned char c = (unsigned char)*text.p;
        if (!n)
            buf_add(out, STR("\\ufffd"));
        else if (c == '"' || c == '\\') {
            buf_add_char(out, '\\');
            buf_add_char(out, (char)c);
        } else if (c < 0x20 || c == 0x7f)
            buf_printf(out, "\\u%04x", c);
        else
            buf_add(out, str_head(text, n));
        text = str_from(text, n ? n : 1);
    }
    buf_add_char(out, '"');
}

void json_key(struct json *json, struct str name)
{
    before_value(json);
    quoted(json->out, name);
    buf_add(json->out, json->pretty ? STR(": ") : STR(":"));
    json->after_key = true;
}

void json_str(struct json *json, struct str value)
{
    before_value(json);
    quoted(json->out, value);
}

void json_u64(struct json *json, uint64_t value)
{
    before_value(json);
    buf_add_u64(json->out, value);
}

void json_bool(struct json *json, bool value)
{
    json_raw(json, value ? STR("true") : STR("false"));
}

void json_null(struct json *json)
{
    json_raw(json, STR("null"));
}

void json_raw(struct json *json, struct str value)
{
    before_value(json);
    buf_add(json->out, value);
}

void json_member(struct json *json, const char *name, struct str value)
{
    json_key(json, str_of(name));
    json_str(json, value);
}
