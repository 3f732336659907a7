/* UTF-8, one character at a time. */
#include "corsd/config/characters.h"

size_t utf8_read(struct str text, uint32_t *out)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *p = (const unsigned char *)text.p;
    size_t n = p[0] < 0x80 ? 1 : p[0] < 0xc0 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    if (!n || p[0] >= 0xf8 || n > text.n)
        return 0;
    uint32_t c = n == 1 ? p[0] : p[0] & (0xffu >> (n + 1));
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        c = c << 6 | (p[i] & 0x3f);
    }
    if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
        return 0;
    *out = c;
    return n;
}

bool is_control(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0xfffe || c == 0xffff;
}

bool is_break(uint32_t c)
{
    return c == '\n' || c == '\r' || c == 0x85 || c == 0x2028 || c == 0x2029;
}

/* Length of the line break at the start of text, or 0. */
static size_t break_length(struct str text)
{
    uint32_t c = (unsigned char)text.p[0];
    if (c < 0x80 && c != '\n' && c != '\r')
        return 0;
    size_t n = utf8_read(text, &c);
    if (!n || !is_break(c))
        return 0;
    return str_starts(text, STR("\r\n")) ? 2 : n;
}

struct str line_of(struct str text, unsigned number)
{
    size_t start = 0, i = 0;
    for (unsigned line = 1; i < text.n; i++) {
        size_t n = break_length(str_from(text, i));
        if (!n)
            continue;
        if (line == number)
            break;
        line++;
        start = i + n;
        i = start - 1;
    }
    return str_head(str_from(text, start), i - start);
}

void end_of(struct str text, unsigned *line, unsigned *column)
{
    uint32_t c;
    unsigned number = 1, characters = 0;
    *line = *column = 1;
    for (size_t i = 0, n; i < text.n; i += n) {
        n = break_length(str_from(text, i));
        if (n) {
            number++;
            characters = 0;
            continue;
        }
        n = utf8_read(str_from(text, i), &c);
        n = n ? n : 1;
        *line = number;
        *column = ++characters + 1;
    }
}

size_t character_at(struct str text, size_t number)
{
    size_t i = 0;
    uint32_t c;
    while (i < text.n && number--) {
        size_t n = utf8_read(str_from(text, i), &c);
        i += n ? n : 1;
    }
    return i;
}
