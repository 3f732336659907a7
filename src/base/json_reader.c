/* A JSON reader without a tree. */
#include "corsd/base/json_reader.h"

static bool fail(struct json_reader *reader)
{
    reader->failed = true;
    reader->rest.n = 0;
    return false;
}

static void skip_space(struct json_reader *reader)
{
    size_t n = 0;
    while (n < reader->rest.n && memchr(" \t\r\n", reader->rest.p[n], 4))
        n++;
    reader->rest = str_from(reader->rest, n);
}

/* The next byte that is no space; 0 at the end. */
static char next(struct json_reader *reader)
{
    skip_space(reader);
    return reader->rest.n && !reader->failed ? reader->rest.p[0] : 0;
}

static bool take(struct json_reader *reader, char c)
{
    if (next(reader) != c)
        return false;
    reader->rest = str_from(reader->rest, 1);
    return true;
}

enum json_kind json_peek(struct json_reader *reader)
{
    char c = next(reader);
    if (c == '{')
        return JSON_OBJECT;
    if (c == '[')
        return JSON_ARRAY;
    if (c == '"')
        return JSON_STRING;
    if (c == '-' || ascii_is_digit(c))
        return JSON_NUMBER;
    return c == 't' || c == 'f' || c == 'n' ? JSON_WORD : JSON_NOTHING;
}

/* --- nesting ---------------------------------------------------------------------------------- */

bool json_enter(struct json_reader *reader, char bracket)
{
    if (!take(reader, bracket) || reader->depth == JSON_READER_DEPTH)
        return fail(reader);
    reader->depth++;
    return true;
}

static bool closes(struct json_reader *reader)
{
    if (!take(reader, ']') && !take(reader, '}'))
        return false;
    reader->depth--;
    return true;
}

bool json_item(struct json_reader *reader, bool *first)
{
    bool was_first = *first;
    *first = false;
    if (reader->failed || closes(reader))
        return false;
    if (!was_first && !take(reader, ','))
        return fail(reader);
    return json_peek(reader) != JSON_NOTHING || fail(reader);
}

bool json_member_name(struct json_reader *reader, bool *first, struct str *name)
{
    if (!json_item(reader, first))
        return false;
    return json_read_text(reader, name) && (take(reader, ':') || fail(reader));
}

/* --- texts ------------------------------------------------------------------------------------ */

/* Position of the quote that ends the string whose text starts here, or rest.n. */
static size_t end_of_text(struct str rest, bool *escapes)
{
    *escapes = false;
    for (size_t i = 0; i < rest.n; i++) {
        if (rest.p[i] == '"')
            return i;
        if ((unsigned char)rest.p[i] < 0x20)
            break;
        if (rest.p[i] == '\\') {
            *escapes = true;
            i++;
        }
    }
    return rest.n;
}

static bool read_hex(struct str text, uint32_t *out)
{
    uint32_t value = 0;
    if (text.n < 4)
        return false;
    for (size_t i = 0; i < 4; i++) {
        int digit = ascii_hex(text.p[i]);
        if (digit < 0)
            return false;
        value = value << 4 | (uint32_t)digit;
    }
    *out = value;
    return true;
}

static size_t write_utf8(char *out, uint32_t c)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xc0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xe0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3f));
        out[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 0x3f));
    out[2] = (char)(0x80 | (c >> 6 & 0x3f));
    out[3] = (char)(0x80 | (c & 0x3f));
    return 4;
}

/* \uXXXX, or two of them that are one character; a half alone becomes U+FFFD. Returns the bytes
 * used behind "\u"; 0: a fault. */
static size_t read_unicode(struct str text, uint32_t *out)
{
    uint32_t first = 0, second = 0;
    if (!read_hex(text, &first))
        return 0;
    *out = first;
    if (first < 0xd800 || first > 0xdfff)
        return 4;
    *out = 0xfffd;
    struct str rest = str_from(text, 4);
    if (first > 0xdbff || !str_starts(rest, STR("\\u")) || !read_hex(str_from(rest, 2), &second) ||
        second < 0xdc00 || second > 0xdfff)
        return 4;
    *out = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
    return 10;
}

/* Decodes one escape behind its backslash; returns the bytes used, 0: a fault. */
static size_t read_escape(struct str text, char *out, size_t *written)
{
    static const char letters[] = "\"\\/bfnrt", bytes[] = "\"\\/\b\f\n\r\t";
    uint32_t c = 0;
    if (!text.n)
        return 0;
    const char *at = memchr(letters, text.p[0], sizeof letters - 1);
    if (at) {
        out[0] = bytes[at - letters];
        *written = 1;
        return 1;
    }
    if (text.p[0] != 'u')
        return 0;
    size_t used = read_unicode(str_from(text, 1), &c);
    if (!used)
        return 0;
    *written = write_utf8(out, c);
    return used + 1;
}

static bool decode(struct json_reader *reader, struct str raw, struct str *out)
{
    char *p = arena_alloc(reader->arena, raw.n + 4); /* no escape is shorter than what it means */
    size_t n = 0;
    if (!p)
        return fail(reader);
    for (size_t i = 0; i < raw.n;) {
        size_t written = 1, used = 1;
        if (raw.p[i] == '\\') {
            used = read_escape(str_from(raw, i + 1), p + n, &written);
            if (!used)
                return fail(reader);
            used++;
        } else
            p[n] = raw.p[i];
        n += written;
        i += used;
    }
    *out = (struct str){p, n};
    return true;
}

bool json_read_text(struct json_reader *reader, struct str *out)
{
    bool escapes;
    if (!take(reader, '"'))
        return fail(reader);
    size_t n = end_of_text(reader->rest, &escapes);
    if (n == reader->rest.n)
        return fail(reader);
    struct str raw = str_head(reader->rest, n);
    reader->rest = str_from(reader->rest, n + 1);
    if (escapes)
        return decode(reader, raw, out);
    *out = raw;
    return true;
}

/* --- other values ----------------------------------------------------------------------------- */

static struct str take_word(struct json_reader *reader, const char *others)
{
    size_t n = 0;
    skip_space(reader);
    while (n < reader->rest.n &&
           (ascii_is_alpha(reader->rest.p[n]) || ascii_is_digit(reader->rest.p[n]) ||
            (reader->rest.p[n] && strchr(others, reader->rest.p[n]))))
        n++;
    struct str word = str_head(reader->rest, n);
    reader->rest = str_from(reader->rest, n);
    return word;
}

bool json_read_u64(struct json_reader *reader, uint64_t *out)
{
    return str_to_u64(take_word(reader, "+-."), out) || fail(reader);
}

bool json_read_bool(struct json_reader *reader, bool *out)
{
    struct str word = take_word(reader, "");
    *out = str_eq(word, STR("true"));
    return *out || str_eq(word, STR("false")) || fail(reader);
}

static bool skip_items(struct json_reader *reader, bool object)
{
    struct str name;
    bool first = true;
    if (!json_enter(reader, object ? '{' : '['))
        return false;
    while (object ? json_member_name(reader, &first, &name) : json_item(reader, &first))
        if (!json_skip(reader))
            return false;
    return !reader->failed;
}

bool json_skip(struct json_reader *reader)
{
    bool escapes;
    switch (json_peek(reader)) {
    case JSON_OBJECT: return skip_items(reader, true);
    case JSON_ARRAY: return skip_items(reader, false);
    case JSON_STRING: {
        struct str rest = str_from(reader->rest, 1);
        size_t n = end_of_text(rest, &escapes);
        if (n == rest.n)
            return fail(reader);
        reader->rest = str_from(rest, n + 1);
        return true;
    }
    case JSON_NUMBER:
    case JSON_WORD: return take_word(reader, "+-.").n > 0 || fail(reader);
    case JSON_NOTHING: break;
    }
    return fail(reader);
}
