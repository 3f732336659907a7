/* RFC 9112 §6.3 as code, and a chunk decoder that takes no liberties. */
#include "corsd/http/framing.h"

static enum http_cause coding_of(const struct head *head)
{
    const struct field *field = head_field(head, FIELD_TRANSFER_ENCODING);
    if (head_next(head, field))
        return CAUSE_BAD_CODING;
    if (str_eq_nocase(field->value, STR("chunked")))
        return CAUSE_NONE;
    /* A single coding, but not one spoken here (RFC 9112 §6.1); identity is none any more. */
    if (is_token(field->value) && !str_eq_nocase(field->value, STR("identity")))
        return CAUSE_UNKNOWN_CODING;
    return CAUSE_BAD_CODING;
}

/* Content-Length and Transfer-Encoding alike for both directions; kind is BODY_NONE if neither. */
static enum http_cause declared(const struct head *head, struct body *out)
{
    const struct field *length = head_field(head, FIELD_CONTENT_LENGTH);
    *out = (struct body){.kind = BODY_NONE};
    if (head_has(head, FIELD_TRANSFER_ENCODING)) {
        if (length)
            return CAUSE_LENGTH_AND_CODING;
        if (!head->minor)
            return CAUSE_BAD_CODING; /* RFC 9112 §6.1: HTTP/1.0 knows no transfer coding */
        out->kind = BODY_CHUNKED;
        return coding_of(head);
    }
    if (!length)
        return CAUSE_NONE;
    if (head_next(head, length) || !str_to_u64(length->value, &out->length) ||
        out->length > INT64_MAX)
        return CAUSE_BAD_LENGTH;
    out->kind = out->length ? BODY_LENGTH : BODY_NONE;
    return CAUSE_NONE;
}

enum http_cause framing_of_request(const struct head *head, struct body *out)
{
    struct body body;
    enum http_cause cause = declared(head, &body);
    if (!cause)
        *out = body;
    return cause;
}

enum http_cause framing_of_response(const struct head *head, enum http_method method,
                                    struct body *out)
{
    struct body body;
    enum http_cause cause = declared(head, &body);
    if (cause)
        return cause;
    if (head->status < 200 || head->status == 204 || head->status == 304 || method == METHOD_HEAD)
        body = (struct body){.kind = BODY_NONE};
    else if (body.kind == BODY_NONE && !head_has(head, FIELD_CONTENT_LENGTH))
        body.kind = BODY_UNTIL_CLOSE;
    *out = body;
    return CAUSE_NONE;
}

enum chunk_state { SIZE, EXTENSION, SIZE_LF, DATA, DATA_CR, DATA_LF };
enum {
    SIZE_DIGITS_MAX = 16,
    /* Extensions are dropped unread: a body that is mostly these is an attack (CVE-2023-39326). */
    EXCESS_MAX = 16 * 1024,
};

static bool is_extension_byte(char c)
{
    unsigned char byte = (unsigned char)c;
    return byte == '\t' || (byte >= 0x20 && byte != 0x7f);
}

enum chunk_result chunked_decode(struct chunked *chunked, char *p, size_t n, size_t *used,
                                 size_t *data)
{
    size_t i = 0;
    *data = 0;
    while (i < n) {
        char c = p[i];
        int digit;
        switch ((enum chunk_state)chunked->state) {
        case SIZE:
            digit = ascii_hex(c);
            if (digit >= 0) {
                if (chunked->digits++ == SIZE_DIGITS_MAX || chunked->left > (INT64_MAX >> 4))
                    return CHUNK_FAULT;
                chunked->left = chunked->left << 4 | (uint64_t)digit;
            } else if (!chunked->digits || (c != '\r' && c != ';'))
                return CHUNK_FAULT;
            else
                chunked->state = c == ';' ? EXTENSION : SIZE_LF;
            break;
        case EXTENSION:
            if (c == '\r')
                chunked->state = SIZE_LF;
            else if (!is_extension_byte(c) || ++chunked->excess > EXCESS_MAX)
                return CHUNK_FAULT;
            break;
        case SIZE_LF:
            if (c != '\n')
                return CHUNK_FAULT;
            chunked->digits = 0;
            if (!chunked->left) {
                *used = i + 1;
                *chunked = (struct chunked){0};
                return CHUNK_LAST;
            }
            chunked->state = DATA;
            break;
        case DATA: {
            size_t run = n - i < chunked->left ? n - i : (size_t)chunked->left;
            if (*data != i)
                memmove(p + *data, p + i, run);
            *data += run;
            chunked->left -= run;
            if (!chunked->left)
                chunked->state = DATA_CR;
            i += run;
            continue;
        }
        case DATA_CR:
        case DATA_LF:
            if (c != (chunked->state == DATA_CR ? '\r' : '\n'))
                return CHUNK_FAULT;
            chunked->state = chunked->state == DATA_CR ? DATA_LF : SIZE;
            break;
        }
        i++;
    }
    *used = n;
    return CHUNK_MORE;
}

size_t chunk_head(char out[CHUNK_HEAD_MAX], uint64_t n)
{
    static const char digits[] = "0123456789abcdef";
    size_t size = 1;
    while (size < 16 && n >> (4 * size))
        size++;
    for (size_t i = size; i-- > 0; n >>= 4)
        out[i] = digits[n & 15];
    out[size] = '\r';
    out[size + 1] = '\n';
    return size + 2;
}
