/* Laws of the chunked coding: what was encoded is decoded, however it is cut; on any bytes the
 * decoder says what a plain and strict one says, which looks at all of them at once; and it never
 * reads or writes outside the piece it was given. */
#include <stdlib.h>
#include "corsd/http/framing.h"
#include "law.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX = 1 << 16, EXCESS_MAX = 16 * 1024 };

struct outcome {
    enum chunk_result result;
    size_t used, n;
    char *bytes; /* of the data */
};

/* --- ours, cut anyhow ----------------------------------------------------------------------------
 */

static struct outcome decode(struct str coded, uint64_t cuts)
{
    struct outcome out = {.bytes = malloc(coded.n + 1)};
    struct chunked chunked = {0};
    LAW(out.bytes);
    while (out.result == CHUNK_MORE && out.used < coded.n) {
        size_t left = coded.n - out.used, step = cuts ? 1 + cuts % 37 : left, used = 0, n = 0;
        cuts = cuts ? cuts * 6364136223846793005u + 1442695040888963407u : 0;
        step = step < left ? step : left;
        char *piece = malloc(step);
        LAW(piece);
        memcpy(piece, coded.p + out.used, step);
        out.result = chunked_decode(&chunked, piece, step, &used, &n);
        if (out.result != CHUNK_FAULT) {
            LAW(used <= step && n <= used && (out.result == CHUNK_LAST || used == step));
            memcpy(out.bytes + out.n, piece, n);
            out.n += n;
            out.used += used;
        }
        free(piece);
    }
    return out;
}

/* --- the oracle ----------------------------------------------------------------------------------
 */

/* The length of the line at the start of text, with its CRLF; 0: it is not whole; -1: it never will
 * be a chunk's line. */
static long read_line(struct str text, uint64_t *size, size_t *excess)
{
    size_t digits = 0;
    *size = 0;
    while (digits < text.n && ascii_hex(text.p[digits]) >= 0) {
        if (digits == 16 || *size > INT64_MAX / 16)
            return -1;
        *size = *size * 16 + (uint64_t)ascii_hex(text.p[digits++]);
    }
    size_t i = digits;
    if (i == text.n)
        return 0;
    if (!digits)
        return -1;
    if (text.p[i] == ';')
        for (i++; i < text.n && text.p[i] != '\r'; i++) {
            unsigned char c = (unsigned char)text.p[i];
            if (++*excess > EXCESS_MAX || c == 0x7f || (c < 0x20 && c != '\t'))
                return -1;
        }
    if (i == text.n)
        return 0;
    if (text.p[i] != '\r' || (i + 1 < text.n && text.p[i + 1] != '\n'))
        return -1;
    return i + 1 < text.n ? (long)i + 2 : 0;
}

static enum chunk_result oracle(struct str coded, struct outcome *out)
{
    size_t excess = 0;
    for (;;) {
        uint64_t size;
        long line = read_line(str_from(coded, out->used), &size, &excess);
        if (line <= 0)
            return line ? CHUNK_FAULT : CHUNK_MORE;
        out->used += (size_t)line;
        if (!size)
            return CHUNK_LAST;
        struct str rest = str_from(coded, out->used);
        size_t n = rest.n < size ? rest.n : (size_t)size;
        if (n)
            memcpy(out->bytes + out->n, rest.p, n);
        out->n += n;
        out->used += n;
        if (n < size)
            return CHUNK_MORE;
        rest = str_from(rest, n);
        if ((rest.n && rest.p[0] != '\r') || (rest.n > 1 && rest.p[1] != '\n'))
            return CHUNK_FAULT;
        if (rest.n < 2)
            return CHUNK_MORE;
        out->used += 2;
    }
}

static void check_decoding(struct str coded, uint64_t cuts)
{
    struct outcome whole = decode(coded, 0), cut = decode(coded, cuts);
    struct outcome want = {.bytes = malloc(coded.n + 1)};
    LAW(want.bytes);
    want.result = oracle(coded, &want);
    LAW(whole.result == want.result && cut.result == want.result);
    if (want.result != CHUNK_FAULT) {
        LAW(whole.n == want.n && memcmp(whole.bytes, want.bytes, want.n) == 0);
        LAW(cut.n == want.n && memcmp(cut.bytes, want.bytes, want.n) == 0);
    }
    if (want.result == CHUNK_LAST)
        LAW(whole.used == want.used && cut.used == want.used);
    free(whole.bytes);
    free(cut.bytes);
    free(want.bytes);
}

/* --- there and back ------------------------------------------------------------------------------
 */

static void check_encoding(struct str body, uint64_t sizes, uint64_t cuts)
{
    static char coded[MAX * 25];
    size_t n = 0;
    for (size_t at = 0; at < body.n;) {
        size_t size = 1 + sizes % 300;
        sizes = sizes * 6364136223846793005u + 1442695040888963407u;
        size = size < body.n - at ? size : body.n - at;
        size_t head = chunk_head(coded + n, size);
        LAW(head >= 3 && head <= CHUNK_HEAD_MAX);
        n += head;
        memcpy(coded + n, body.p + at, size);
        n += size;
        at += size;
        coded[n++] = '\r';
        coded[n++] = '\n';
    }
    memcpy(coded + n, "0\r\n\r\n", 5);
    struct outcome back = decode((struct str){coded, n + 5}, cuts);
    LAW(back.result == CHUNK_LAST && back.used == n + 3);
    LAW(back.n == body.n && memcmp(back.bytes, body.p, body.n) == 0);
    free(back.bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 5 || size > MAX)
        return 0;
    uint64_t cuts = data[1] | (uint64_t)data[2] << 8 | 1, sizes = data[3] | (uint64_t)data[4] << 8;
    struct str bytes = {(const char *)data + 5, size - 5};
    if (data[0] & 1)
        check_encoding(bytes, sizes, cuts);
    else
        check_decoding(bytes, cuts);
    return 0;
}
