/* Reading and writing hosts by the URL Standard. */
#include "host.h"
#include <stdio.h>

/* What browsers and resolvers take in a label. */
static bool is_label_byte(char c)
{
    return (c >= 'a' && c <= 'z') || ascii_is_digit(c) || c == '-' || c == '_';
}

static enum host_fault check_labels(struct str host)
{
    size_t label = 0;
    for (size_t i = 0; i < host.n; i++) {
        if (host.p[i] == '.') {
            if (!label)
                return HOST_EMPTY_LABEL;
            label = 0;
        } else if (!is_label_byte(host.p[i])) {
            return HOST_BYTE;
        } else if (++label > LABEL_MAX) {
            return HOST_LONG_LABEL;
        }
    }
    return HOST_OK;
}

enum host_fault host_check(struct str host)
{
    if (!host.n)
        return HOST_EMPTY;
    if (host.n - (host.p[host.n - 1] == '.') > HOST_MAX)
        return HOST_LONG;
    enum host_fault fault = check_labels(host);
    if (fault != HOST_OK || !host_ends_in_number(host))
        return fault;
    uint32_t address;
    char text[IPV4_TEXT];
    return ipv4_parse(host, &address) && str_eq(ipv4_write(address, text), host) ? HOST_OK
                                                                                 : HOST_NUMBER;
}

bool host_ends_in_number(struct str host)
{
    if (host.n && host.p[host.n - 1] == '.')
        host.n--;
    size_t dot = str_rfind(host, '.');
    struct str last = dot == host.n ? host : str_from(host, dot + 1);
    bool hex = last.n >= 2 && last.p[0] == '0' && ascii_lower(last.p[1]) == 'x';
    for (size_t i = hex ? 2 : 0; i < last.n; i++)
        if (hex ? ascii_hex(last.p[i]) < 0 : !ascii_is_digit(last.p[i]))
            return false;
    return last.n > 0;
}

/* One part: decimal, 0 octal or 0x hexadecimal. */
static bool ipv4_part(struct str part, uint64_t *out)
{
    unsigned base = 10;
    uint64_t value = 0;
    if (!part.n)
        return false;
    if (part.n >= 2 && part.p[0] == '0' && ascii_lower(part.p[1]) == 'x') {
        base = 16;
        part = str_from(part, 2);
    } else if (part.n >= 2 && part.p[0] == '0') {
        base = 8;
    }
    for (size_t i = 0; i < part.n; i++) {
        int digit = ascii_hex(part.p[i]);
        if (digit < 0 || (unsigned)digit >= base)
            return false;
        value = value * base + (unsigned)digit;
        if (value > UINT32_MAX)
            return false;
    }
    *out = value;
    return true;
}

bool ipv4_parse(struct str text, uint32_t *out)
{
    uint64_t parts[4];
    size_t n = 0;
    if (text.n && text.p[text.n - 1] == '.')
        text.n--;
    if (!text.n)
        return false;
    for (bool more = true; more; n++) {
        more = str_find(text, '.') < text.n;
        if (n == 4 || !ipv4_part(str_cut(&text, '.'), &parts[n]))
            return false;
    }
    /* The last part fills all the bytes that the others left. */
    uint64_t address = parts[n - 1];
    if (address >= (uint64_t)1 << (8 * (5 - n)))
        return false;
    for (size_t i = 0; i + 1 < n; i++) {
        if (parts[i] > 255)
            return false;
        address |= parts[i] << (8 * (3 - i));
    }
    *out = (uint32_t)address;
    return true;
}

struct str ipv4_write(uint32_t address, char out[IPV4_TEXT])
{
    int n = snprintf(out, IPV4_TEXT, "%u.%u.%u.%u", address >> 24, address >> 16 & 255,
                     address >> 8 & 255, address & 255);
    return (struct str){out, (size_t)n};
}

/* The dotted end of an IPv6 address: four decimal bytes without leading zeros. */
static bool dotted_end(struct str text, uint16_t out[2])
{
    uint32_t address = 0;
    for (int i = 0; i < 4; i++) {
        if ((str_find(text, '.') < text.n) != (i < 3))
            return false;
        struct str part = str_cut(&text, '.');
        uint64_t value;
        if (part.n > 3 || !str_to_u64(part, &value) || value > 255 ||
            (part.n > 1 && part.p[0] == '0'))
            return false;
        address = address << 8 | (uint32_t)value;
    }
    out[0] = (uint16_t)(address >> 16);
    out[1] = (uint16_t)address;
    return true;
}

/* One to four hexadecimal digits off the front of *text. */
static bool ipv6_piece(struct str *text, uint16_t *out)
{
    unsigned value = 0;
    size_t i = 0;
    for (; i < text->n && i < 4 && ascii_hex(text->p[i]) >= 0; i++)
        value = value << 4 | (unsigned)ascii_hex(text->p[i]);
    *text = str_from(*text, i);
    *out = (uint16_t)value;
    return i > 0;
}

bool ipv6_parse(struct str text, uint16_t out[8])
{
    uint16_t pieces[8] = {0};
    size_t n = 0, gap = 8; /* pieces read; how many of them stand before "::" */
    bool gapped = false;
    if (str_starts(text, STR("::"))) {
        text = str_from(text, 2);
        gapped = true;
        gap = 0;
    }
    while (text.n) {
        size_t word = str_find(text, ':');
        if (n <= 6 && word == text.n && str_find(text, '.') < text.n) {
            if (!dotted_end(text, &pieces[n]))
                return false;
            n += 2;
            break;
        }
        if (n == 8 || !ipv6_piece(&text, &pieces[n]))
            return false;
        n++;
        if (!text.n)
            break;
        if (text.p[0] != ':')
            return false;
        text = str_from(text, 1);
        if (!text.n)
            return false;
        if (text.p[0] == ':') {
            if (gapped)
                return false;
            text = str_from(text, 1);
            gapped = true;
            gap = n;
        }
    }
    if (gapped ? n == 8 : n != 8)
        return false;
    memset(out, 0, 8 * sizeof *out);
    memcpy(out, pieces, (gapped ? gap : 8) * sizeof *out);
    if (gapped)
        memcpy(out + 8 - (n - gap), pieces + gap, (n - gap) * sizeof *out);
    return true;
}

struct str ipv6_write(const uint16_t pieces[8], char out[IPV6_TEXT])
{
    /* "::" stands for the first of the longest runs of two zeros or more. */
    size_t from = 8, longest = 1, n = 0;
    for (size_t i = 0; i < 8; i++) {
        size_t run = 0;
        while (i + run < 8 && !pieces[i + run])
            run++;
        if (run > longest) {
            longest = run;
            from = i;
        }
        i += run;
    }
    for (size_t i = 0; i < 8; i++) {
        if (i == from) {
            n += (size_t)snprintf(out + n, IPV6_TEXT - n, "::");
            i += longest - 1;
            continue;
        }
        bool colon = n && out[n - 1] != ':';
        n += (size_t)snprintf(out + n, IPV6_TEXT - n, "%s%x", colon ? ":" : "", pieces[i]);
    }
    return (struct str){out, n};
}

bool ipv6_check(struct str bracketed)
{
    uint16_t pieces[8];
    char text[IPV6_TEXT];
    if (bracketed.n < 4 || bracketed.p[0] != '[' || bracketed.p[bracketed.n - 1] != ']')
        return false;
    struct str inner = {bracketed.p + 1, bracketed.n - 2};
    return ipv6_parse(inner, pieces) && str_eq(ipv6_write(pieces, text), inner);
}

bool host_is_loopback(struct str host)
{
    uint32_t address;
    if (str_eq(host, STR("[::1]")))
        return true;
    if (host_ends_in_number(host))
        return ipv4_parse(host, &address) && address >> 24 == 127;
    if (host.n && host.p[host.n - 1] == '.')
        host.n--;
    return str_eq(host, STR("localhost")) || str_ends(host, STR(".localhost"));
}
