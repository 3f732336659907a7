/* One pass over the bytes of a head: a state a byte class, nothing kept but the place. */
#include "corsd/http/guard.h"
#ifdef __SSE2__
#include <emmintrin.h>
#endif
#include "corsd/http/fields.h"

enum state {
    AT_FIRST,   /* before the start line: empty lines may go before a request's */
    FIRST_LF,   /* the CR of such an empty line was seen */
    START_LINE,
    START_LF,
    LINE_START, /* a field name, or the CR of the empty line */
    NAME,
    VALUE,
    VALUE_LF,
    END_LF,
};

enum { EMPTY_LINES_MAX = 8, TLS_HANDSHAKE = 0x16 };

/* What may stand in a value: HTAB, SP, visible ASCII, and 0x80–0xFF (RFC 9110 §5.5). */
static const bool value_bytes[256] = {
    ['\t'] = true,
    [0x20 ... 0x7e] = true,
    [0x80 ... 0xff] = true,
};

/* The first byte from i on that cannot stand in a value, or end. Values are most of a head's bytes:
 * sixteen are looked at once, HTAB among them stopping for a closer look. */
static size_t skip_value(const unsigned char *p, size_t i, size_t end)
{
    for (;;) {
#ifdef __SSE2__
        const __m128i controls = _mm_set1_epi8(0x1f), del = _mm_set1_epi8(0x7f);
        while (end - i >= 16) {
            __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(p + i));
            __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(bytes, controls), bytes);
            int mask = _mm_movemask_epi8(_mm_or_si128(low, _mm_cmpeq_epi8(bytes, del)));
            if (mask) {
                i += (size_t)__builtin_ctz((unsigned)mask);
                break;
            }
            i += 16;
        }
#endif
        if (i == end || !value_bytes[p[i]])
            return i;
        i++;
    }
}

void guard_init(struct guard *guard, enum guard_part part)
{
    *guard = (struct guard){.part = (uint8_t)part,
                            .state = part == GUARD_TRAILERS ? LINE_START : AT_FIRST};
}

static enum guard_result refuse(struct guard *guard, enum http_cause cause)
{
    guard->cause = (uint8_t)cause;
    return GUARD_FAULT;
}

/* A byte that is no part of a line's text and not the CR that ends it. */
static enum http_cause bad_byte(unsigned char c, enum http_cause otherwise)
{
    return c == '\n' ? CAUSE_BAD_LINE_END : otherwise;
}

/* The limits are looked at where a line ends or bytes run out, so the loop need not. */
static enum http_cause over_limit(const struct guard *guard, const struct guard_limits *limits)
{
    if (guard->at - guard->start > limits->bytes)
        return guard->part == GUARD_REQUEST && guard->state == START_LINE ? CAUSE_TARGET_TOO_LONG
                                                                          : CAUSE_HEAD_TOO_LARGE;
    if (guard->fields > limits->fields)
        return CAUSE_TOO_MANY_FIELDS;
    return CAUSE_NONE;
}

/* What answers without speaking HTTP/1 is known by its first bytes, and not waited for. */
static bool is_status_line(const struct guard *guard, const unsigned char *p, size_t end)
{
    static const char version[] = "HTTP/1.";
    size_t n = end - guard->start < sizeof version - 1 ? end - guard->start : sizeof version - 1;
    return guard->part != GUARD_RESPONSE || memcmp(p + guard->start, version, n) == 0;
}

/* The first byte of all tells other protocols from a mistake. */
static enum http_cause first_byte(const struct guard *guard, unsigned char c)
{
    if (c == TLS_HANDSHAKE && guard->part == GUARD_REQUEST)
        return CAUSE_TLS_ON_PLAIN;
    return is_tchar((char)c) ? CAUSE_NONE : bad_byte(c, CAUSE_BAD_START_LINE);
}

bool guard_found_bare_lf(const struct guard *guard)
{
    return guard->cause == CAUSE_BAD_LINE_END && guard->state != FIRST_LF &&
           guard->state != START_LF && guard->state != VALUE_LF && guard->state != END_LF;
}

bool guard_has_begun(const struct guard *guard)
{
    return guard->state != AT_FIRST;
}

enum guard_result guard_scan(struct guard *guard, struct str bytes,
                             const struct guard_limits *limits)
{
    /* Bytes past the limit are not looked at: what lies there is the limit's fault. */
    size_t end =
        bytes.n - guard->start > limits->bytes ? guard->start + limits->bytes + 1 : bytes.n;
    const unsigned char *p = (const unsigned char *)bytes.p;
    size_t i = guard->at;
    while (i < end) {
        unsigned char c = p[i];
        switch ((enum state)guard->state) {
        case AT_FIRST:
            if (c == '\r' && guard->part == GUARD_REQUEST) {
                if (guard->empty_lines++ == EMPTY_LINES_MAX)
                    return refuse(guard, CAUSE_BAD_START_LINE);
                guard->state = FIRST_LF;
                break;
            }
            guard->cause = (uint8_t)first_byte(guard, c);
            if (guard->cause)
                return GUARD_FAULT;
            guard->start = i;
            guard->state = START_LINE;
            end = bytes.n - i > limits->bytes ? i + limits->bytes + 1 : bytes.n;
            continue;
        case FIRST_LF:
            if (c != '\n')
                return refuse(guard, CAUSE_BAD_LINE_END);
            guard->state = AT_FIRST;
            break;
        case START_LINE:
            /* Bytes past ASCII: only in a response's reason phrase (RFC 9112 §4). */
            while (i < end && value_bytes[p[i]] && (p[i] < 0x80 || guard->part == GUARD_RESPONSE))
                i++;
            if (!is_status_line(guard, p, i))
                return refuse(guard, CAUSE_BAD_START_LINE);
            if (i == end)
                continue;
            if (p[i] != '\r')
                return refuse(guard, bad_byte(p[i], CAUSE_BAD_START_LINE));
            guard->state = START_LF;
            break;
        case START_LF:
        case VALUE_LF:
            if (c != '\n')
                return refuse(guard, CAUSE_BAD_LINE_END);
            guard->state = LINE_START;
            break;
        case LINE_START:
            if (c == '\r') {
                guard->state = END_LF;
                break;
            }
            if (c == ' ' || c == '\t')
                return refuse(guard, CAUSE_FOLDED_LINE);
            if (!is_tchar((char)c))
                return refuse(guard, bad_byte(c, CAUSE_BAD_FIELD_NAME));
            if (++guard->fields > limits->fields)
                return refuse(guard, CAUSE_TOO_MANY_FIELDS);
            guard->state = NAME;
            break;
        case NAME:
            while (i < end && is_tchar((char)p[i]))
                i++;
            if (i == end)
                continue;
            if (p[i] != ':')
                return refuse(guard, bad_byte(p[i], CAUSE_BAD_FIELD_NAME));
            guard->state = VALUE;
            break;
        case VALUE:
            i = skip_value(p, i, end);
            if (i == end)
                continue;
            if (p[i] != '\r')
                return refuse(guard, bad_byte(p[i], CAUSE_BAD_FIELD_VALUE));
            guard->state = VALUE_LF;
            break;
        case END_LF:
            if (c != '\n')
                return refuse(guard, CAUSE_BAD_LINE_END);
            guard->at = i + 1;
            guard->cause = (uint8_t)over_limit(guard, limits);
            return guard->cause ? GUARD_FAULT : GUARD_WHOLE;
        }
        i++;
    }
    guard->at = i;
    guard->cause = (uint8_t)over_limit(guard, limits);
    return guard->cause ? GUARD_FAULT : GUARD_MORE;
}
