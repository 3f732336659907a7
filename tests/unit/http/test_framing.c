/* RFC 9112 §6.3 as a matrix for both directions, and the chunked coding; DESIGN §3 "Framing". */
#include <stdio.h>
#include <stdlib.h>
#include <criterion/criterion.h>
#include "corsd/http/framing.h"

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))
#define CL "Content-Length: "
#define TE "Transfer-Encoding: "
#define N "\r\n"
enum { CAP = 16 };

/* What the head says, or was found to be when it was parsed: either way it goes no further. */
static enum http_cause frame(const char *start, const char *lines, int method, struct body *body)
{
    struct field fields[CAP];
    struct head head = {.fields = fields, .cap = CAP};
    char bytes[1024];
    snprintf(bytes, sizeof bytes, "%s\r\n%s\r\n", start, lines);
    enum http_cause cause = method < 0 ? message_parse_request(&head, str_of(bytes))
                                       : message_parse_response(&head, str_of(bytes));
    if (cause)
        return cause;
    return method < 0 ? framing_of_request(&head, body)
                      : framing_of_response(&head, (enum http_method)method, body);
}

static const struct {
    const char *name, *start, *lines;
    enum http_cause want;
    enum body_kind kind;
    uint64_t length;
} request_rows[] = {
    {"neither: no body", "GET / HTTP/1.1", "", 0, BODY_NONE},
    {"neither, a POST: no body", "POST / HTTP/1.1", "", 0, BODY_NONE},
    {"length 0", "POST / HTTP/1.1", CL "0" N, 0, BODY_NONE},
    {"a length", "POST / HTTP/1.1", CL "5" N, 0, BODY_LENGTH, 5},
    {"a length of a GET", "GET / HTTP/1.1", CL "5" N, 0, BODY_LENGTH, 5},
    {"a length of an unknown method", "FOO / HTTP/1.1", CL "5" N, 0, BODY_LENGTH, 5},
    {"a length of a HEAD", "HEAD / HTTP/1.1", CL "5" N, 0, BODY_LENGTH, 5},
    {"a length of HTTP/1.0", "POST / HTTP/1.0", CL "5" N, 0, BODY_LENGTH, 5},
    {"leading zeros", "POST / HTTP/1.1", CL "0005" N, 0, BODY_LENGTH, 5},
    {"only zeros", "POST / HTTP/1.1", CL "000" N, 0, BODY_NONE},
    {"the largest length", "POST / HTTP/1.1", CL "9223372036854775807" N, 0, BODY_LENGTH,
     INT64_MAX},
    {"chunked", "POST / HTTP/1.1", TE "chunked" N, 0, BODY_CHUNKED},
    {"chunked in any case", "POST / HTTP/1.1", "transfer-encoding: CHUNKed" N, 0, BODY_CHUNKED},
    {"chunked with blanks", "POST / HTTP/1.1", TE " \tchunked\t " N, 0, BODY_CHUNKED},
    {"chunked of a GET", "GET / HTTP/1.1", TE "chunked" N, 0, BODY_CHUNKED},
    {"chunked of an unknown method", "FOO / HTTP/1.1", TE "chunked" N, 0, BODY_CHUNKED},

    {"one more than the largest", "POST / HTTP/1.1", CL "9223372036854775808" N, CAUSE_BAD_LENGTH},
    {"2^64", "POST / HTTP/1.1", CL "18446744073709551616" N, CAUSE_BAD_LENGTH},
    {"2^64 + 5", "POST / HTTP/1.1", CL "18446744073709551621" N, CAUSE_BAD_LENGTH},
    {"an empty length", "POST / HTTP/1.1", CL N, CAUSE_BAD_LENGTH},
    {"a length of blanks", "POST / HTTP/1.1", CL " \t" N, CAUSE_BAD_LENGTH},
    {"a plus", "POST / HTTP/1.1", CL "+5" N, CAUSE_BAD_LENGTH},
    {"a minus", "POST / HTTP/1.1", CL "-5" N, CAUSE_BAD_LENGTH},
    {"minus zero", "POST / HTTP/1.1", CL "-0" N, CAUSE_BAD_LENGTH},
    {"a fraction", "POST / HTTP/1.1", CL "5.0" N, CAUSE_BAD_LENGTH},
    {"hexadecimal", "POST / HTTP/1.1", CL "0x5" N, CAUSE_BAD_LENGTH},
    {"an exponent", "POST / HTTP/1.1", CL "1e3" N, CAUSE_BAD_LENGTH},
    {"a blank inside", "POST / HTTP/1.1", CL "5 5" N, CAUSE_BAD_LENGTH},
    {"HTAB inside", "POST / HTTP/1.1", CL "5\t0" N, CAUSE_BAD_LENGTH},
    {"HTAB behind, which llhttp refuses", "POST / HTTP/1.1", CL "5\t" N, CAUSE_BAD_LENGTH},
    {"an underscore", "POST / HTTP/1.1", CL "1_0" N, CAUSE_BAD_LENGTH},
    {"quotes", "POST / HTTP/1.1", CL "\"5\"" N, CAUSE_BAD_LENGTH},
    {"digits past ASCII", "POST / HTTP/1.1", CL "\xd9\xa5" N, CAUSE_BAD_LENGTH},
    {"a list of equal lengths", "POST / HTTP/1.1", CL "5, 5" N, CAUSE_BAD_LENGTH},
    {"a list of unequal lengths", "POST / HTTP/1.1", CL "5, 6" N, CAUSE_BAD_LENGTH},
    {"a list with an empty item", "POST / HTTP/1.1", CL "5," N, CAUSE_BAD_LENGTH},
    {"two equal lengths", "POST / HTTP/1.1", CL "5" N CL "5" N, CAUSE_BAD_LENGTH},
    {"two unequal lengths", "POST / HTTP/1.1", CL "5" N CL "6" N, CAUSE_BAD_LENGTH},
    {"two lengths of an unknown method", "FOO / HTTP/1.1", CL "5" N CL "5" N, CAUSE_BAD_LENGTH},
    {"two lengths apart", "POST / HTTP/1.1", CL "5" N "X: y" N "content-LENGTH: 5" N,
     CAUSE_BAD_LENGTH},

    {"both", "POST / HTTP/1.1", CL "5" N TE "chunked" N, CAUSE_LENGTH_AND_CODING},
    {"both, the other way", "POST / HTTP/1.1", TE "chunked" N CL "5" N, CAUSE_LENGTH_AND_CODING},
    {"both, length 0", "POST / HTTP/1.1", CL "0" N TE "chunked" N, CAUSE_LENGTH_AND_CODING},
    {"both, an unknown coding", "POST / HTTP/1.1", CL "5" N TE "gzip" N, CAUSE_LENGTH_AND_CODING},
    {"both, in odd case", "POST / HTTP/1.1", "CONTENT-LENGTH: 5" N "transfer-ENCODING: chunked" N,
     CAUSE_LENGTH_AND_CODING},

    {"chunked of HTTP/1.0", "POST / HTTP/1.0", TE "chunked" N, CAUSE_BAD_CODING},
    {"chunked twice", "POST / HTTP/1.1", TE "chunked, chunked" N, CAUSE_BAD_CODING},
    {"chunked in two lines", "POST / HTTP/1.1", TE "chunked" N TE "chunked" N, CAUSE_BAD_CODING},
    {"a coding before chunked", "POST / HTTP/1.1", TE "gzip, chunked" N, CAUSE_BAD_CODING},
    {"a coding before chunked, two lines", "POST / HTTP/1.1", TE "gzip" N TE "chunked" N,
     CAUSE_BAD_CODING},
    {"chunked not the last", "POST / HTTP/1.1", TE "chunked, gzip" N, CAUSE_BAD_CODING},
    {"chunked and identity", "POST / HTTP/1.1", TE "chunked, identity" N, CAUSE_BAD_CODING},
    {"identity", "POST / HTTP/1.1", TE "identity" N, CAUSE_BAD_CODING},
    {"an empty coding", "POST / HTTP/1.1", TE N, CAUSE_BAD_CODING},
    {"a parameter", "POST / HTTP/1.1", TE "chunked;q=1" N, CAUSE_BAD_CODING},
    {"quotes around chunked", "POST / HTTP/1.1", TE "\"chunked\"" N, CAUSE_BAD_CODING},
    {"a comma behind", "POST / HTTP/1.1", TE "chunked," N, CAUSE_BAD_CODING},
    {"a comma before", "POST / HTTP/1.1", TE ", chunked" N, CAUSE_BAD_CODING},
    {"two words", "POST / HTTP/1.1", TE "x chunked" N, CAUSE_BAD_CODING},
    {"an unknown coding", "POST / HTTP/1.1", TE "gzip" N, CAUSE_UNKNOWN_CODING},
    {"another", "POST / HTTP/1.1", TE "xchunked" N, CAUSE_UNKNOWN_CODING},
    {"chunked cut short", "POST / HTTP/1.1", TE "chunke" N, CAUSE_UNKNOWN_CODING},
    {"an unknown coding of an unknown method", "FOO / HTTP/1.1", TE "gzip" N, CAUSE_UNKNOWN_CODING},
};

Test(framing, requests)
{
    for (size_t i = 0; i < COUNT(request_rows); i++) {
        struct body body = {.kind = 99};
        enum http_cause cause = frame(request_rows[i].start, request_rows[i].lines, -1, &body);
        cr_expect_eq(cause, request_rows[i].want, "%s: %s", request_rows[i].name,
                     http_causes[cause].word.p);
        if (cause) {
            cr_expect_eq((int)body.kind, 99, "%s: written on success only", request_rows[i].name);
            continue;
        }
        cr_expect_eq(body.kind, request_rows[i].kind, "%s: %d", request_rows[i].name, body.kind);
        cr_expect_eq(body.length, request_rows[i].length, "%s", request_rows[i].name);
    }
}

#define OK "HTTP/1.1 200 OK"
static const struct {
    const char *name;
    enum http_method method;
    const char *start, *lines;
    enum http_cause want;
    enum body_kind kind;
    uint64_t length;
} response_rows[] = {
    {"neither: until close", METHOD_GET, OK, "", 0, BODY_UNTIL_CLOSE},
    {"neither, HTTP/1.0", METHOD_GET, "HTTP/1.0 200 OK", "", 0, BODY_UNTIL_CLOSE},
    {"neither, to a POST", METHOD_POST, OK, "", 0, BODY_UNTIL_CLOSE},
    {"neither, an error", METHOD_GET, "HTTP/1.1 500 X", "", 0, BODY_UNTIL_CLOSE},
    {"length 0", METHOD_GET, OK, CL "0" N, 0, BODY_NONE},
    {"a length", METHOD_GET, OK, CL "5" N, 0, BODY_LENGTH, 5},
    {"a length of HTTP/1.0", METHOD_GET, "HTTP/1.0 200 OK", CL "5" N, 0, BODY_LENGTH, 5},
    {"chunked", METHOD_GET, OK, TE "chunked" N, 0, BODY_CHUNKED},
    {"205 is as any", METHOD_GET, "HTTP/1.1 205 X", CL "5" N, 0, BODY_LENGTH, 5},

    {"HEAD, a length", METHOD_HEAD, OK, CL "5" N, 0, BODY_NONE},
    {"HEAD, chunked", METHOD_HEAD, OK, TE "chunked" N, 0, BODY_NONE},
    {"HEAD, neither", METHOD_HEAD, OK, "", 0, BODY_NONE},
    {"204, neither", METHOD_GET, "HTTP/1.1 204 X", "", 0, BODY_NONE},
    {"204, a length", METHOD_GET, "HTTP/1.1 204 X", CL "5" N, 0, BODY_NONE},
    {"204, chunked", METHOD_GET, "HTTP/1.1 204 X", TE "chunked" N, 0, BODY_NONE},
    {"304, neither", METHOD_GET, "HTTP/1.1 304 X", "", 0, BODY_NONE},
    {"304, a length", METHOD_GET, "HTTP/1.1 304 X", CL "5" N, 0, BODY_NONE},
    {"304, chunked", METHOD_GET, "HTTP/1.1 304 X", TE "chunked" N, 0, BODY_NONE},
    {"100", METHOD_POST, "HTTP/1.1 100 X", "", 0, BODY_NONE},
    {"101, a length", METHOD_GET, "HTTP/1.1 101 X", CL "5" N, 0, BODY_NONE},
    {"103, a length", METHOD_GET, "HTTP/1.1 103 X", CL "5" N, 0, BODY_NONE},
    {"199", METHOD_GET, "HTTP/1.1 199 X", "", 0, BODY_NONE},

    {"both", METHOD_GET, OK, CL "5" N TE "chunked" N, CAUSE_LENGTH_AND_CODING},
    {"both, the other way", METHOD_GET, OK, TE "chunked" N CL "5" N, CAUSE_LENGTH_AND_CODING},
    {"both, to a HEAD", METHOD_HEAD, OK, CL "5" N TE "chunked" N, CAUSE_LENGTH_AND_CODING},
    {"both, in a 304", METHOD_GET, "HTTP/1.1 304 X", CL "5" N TE "chunked" N,
     CAUSE_LENGTH_AND_CODING},
    {"two lengths", METHOD_GET, OK, CL "5" N CL "5" N, CAUSE_BAD_LENGTH},
    {"two unequal lengths", METHOD_GET, OK, CL "5" N CL "6" N, CAUSE_BAD_LENGTH},
    {"two lengths in a 204", METHOD_GET, "HTTP/1.1 204 X", CL "0" N CL "0" N, CAUSE_BAD_LENGTH},
    {"a list of lengths", METHOD_GET, OK, CL "5, 5" N, CAUSE_BAD_LENGTH},
    {"no number", METHOD_GET, OK, CL "five" N, CAUSE_BAD_LENGTH},
    {"an empty length", METHOD_GET, OK, CL N, CAUSE_BAD_LENGTH},
    {"chunked of HTTP/1.0", METHOD_GET, "HTTP/1.0 200 OK", TE "chunked" N, CAUSE_BAD_CODING},
    {"a coding before chunked", METHOD_GET, OK, TE "gzip, chunked" N, CAUSE_BAD_CODING},
    {"chunked twice", METHOD_GET, OK, TE "chunked" N TE "chunked" N, CAUSE_BAD_CODING},
    {"chunked not the last", METHOD_GET, OK, TE "chunked, gzip" N, CAUSE_BAD_CODING},
    {"identity", METHOD_GET, OK, TE "identity" N, CAUSE_BAD_CODING},
    {"an unknown coding", METHOD_GET, OK, TE "gzip" N, CAUSE_UNKNOWN_CODING},
};

Test(framing, responses)
{
    for (size_t i = 0; i < COUNT(response_rows); i++) {
        struct body body = {.kind = 99};
        enum http_cause cause = frame(response_rows[i].start, response_rows[i].lines,
                                      (int)response_rows[i].method, &body);
        cr_expect_eq(cause, response_rows[i].want, "%s: %s", response_rows[i].name,
                     http_causes[cause].word.p);
        if (cause)
            continue;
        cr_expect_eq(body.kind, response_rows[i].kind, "%s: %d", response_rows[i].name, body.kind);
        cr_expect_eq(body.length, response_rows[i].length, "%s", response_rows[i].name);
    }
}

/* --- chunks ----------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    struct str coded;
    enum chunk_result want;
    const char *data;
    const char *behind; /* after CHUNK_LAST: what was left */
} chunk_rows[] = {
    {"nothing yet", STR_INIT(""), CHUNK_MORE, ""},
    {"no data", STR_INIT("0\r\n"), CHUNK_LAST, "", ""},
    {"no data, the empty line behind", STR_INIT("0\r\n\r\n"), CHUNK_LAST, "", "\r\n"},
    {"one chunk", STR_INIT("5\r\nhello\r\n0\r\n\r\n"), CHUNK_LAST, "hello", "\r\n"},
    {"two chunks", STR_INIT("3\r\nhel\r\n2\r\nlo\r\n0\r\nA: b\r\n"), CHUNK_LAST, "hello",
     "A: b\r\n"},
    {"digits in both cases", STR_INIT("a\r\n0123456789\r\nA\r\nabcdefghij\r\n0\r\n"), CHUNK_LAST,
     "0123456789abcdefghij", ""},
    {"leading zeros", STR_INIT("0005\r\nhello\r\n0000\r\n"), CHUNK_LAST, "hello", ""},
    {"sixteen digits", STR_INIT("0000000000000002\r\nab\r\n0\r\n"), CHUNK_LAST, "ab", ""},
    {"data that looks like chunks", STR_INIT("7\r\n\r\n0\r\n\r\n\r\n0\r\n"), CHUNK_LAST,
     "\r\n0\r\n\r\n", ""},
    {"an extension", STR_INIT("5;a=b\r\nhello\r\n0;x\r\n"), CHUNK_LAST, "hello", ""},
    {"an empty extension", STR_INIT("1;\r\na\r\n0\r\n"), CHUNK_LAST, "a", ""},
    {"blanks in an extension", STR_INIT("1; a = \"b;c\"\t\r\na\r\n0\r\n"), CHUNK_LAST, "a", ""},
    {"bytes past ASCII in an extension", STR_INIT("1;\xff\r\na\r\n0\r\n"), CHUNK_LAST, "a", ""},
    {"half a size", STR_INIT("5"), CHUNK_MORE, ""},
    {"half a line end", STR_INIT("5\r"), CHUNK_MORE, ""},
    {"half the data", STR_INIT("5\r\nhel"), CHUNK_MORE, "hel"},
    {"half the data's end", STR_INIT("5\r\nhello\r"), CHUNK_MORE, "hello"},
    {"all but the last chunk", STR_INIT("5\r\nhello\r\n"), CHUNK_MORE, "hello"},
    {"half an extension", STR_INIT("5;abc"), CHUNK_MORE, ""},

    {"no size", STR_INIT("\r\nhello\r\n"), CHUNK_FAULT},
    {"an extension without size", STR_INIT(";a\r\n"), CHUNK_FAULT},
    {"LF after the size", STR_INIT("5\nhello\r\n"), CHUNK_FAULT},
    {"CR and no LF after the size", STR_INIT("5\rXhello\r\n"), CHUNK_FAULT},
    {"CR CR LF", STR_INIT("5\r\r\nhello\r\n"), CHUNK_FAULT},
    {"a blank before the size", STR_INIT(" 5\r\nhello\r\n"), CHUNK_FAULT},
    {"a blank behind the size", STR_INIT("5 \r\nhello\r\n"), CHUNK_FAULT},
    {"a blank before an extension", STR_INIT("5 ;a\r\nhello\r\n"), CHUNK_FAULT},
    {"HTAB behind the size", STR_INIT("5\t\r\nhello\r\n"), CHUNK_FAULT},
    {"0x", STR_INIT("0x5\r\nhello\r\n"), CHUNK_FAULT},
    {"a sign", STR_INIT("+5\r\nhello\r\n"), CHUNK_FAULT},
    {"a minus", STR_INIT("-1\r\n"), CHUNK_FAULT},
    {"an underscore", STR_INIT("1_0\r\n"), CHUNK_FAULT},
    {"no hexadecimal digit", STR_INIT("5g\r\nhello\r\n"), CHUNK_FAULT},
    {"a NUL byte", STR_INIT("5\0\r\nhello\r\n"), CHUNK_FAULT},
    {"seventeen digits", STR_INIT("00000000000000002\r\nab\r\n"), CHUNK_FAULT},
    {"2^63", STR_INIT("8000000000000000\r\n"), CHUNK_FAULT},
    {"2^64 - 1", STR_INIT("ffffffffffffffff\r\n"), CHUNK_FAULT},
    {"2^64", STR_INIT("10000000000000000\r\n"), CHUNK_FAULT},
    {"LF in an extension", STR_INIT("5;a\nb\r\nhello\r\n"), CHUNK_FAULT},
    {"CR in an extension", STR_INIT("5;a\rb\r\nhello\r\n"), CHUNK_FAULT},
    {"a control byte in an extension", STR_INIT("5;\x01\r\nhello\r\n"), CHUNK_FAULT},
    {"DEL in an extension", STR_INIT("5;\x7f\r\nhello\r\n"), CHUNK_FAULT},
    {"data longer than its size", STR_INIT("4\r\nhello\r\n"), CHUNK_FAULT},
    {"data shorter than its size", STR_INIT("6\r\nhello\r\n0\r\n"), CHUNK_FAULT},
    {"LF after the data", STR_INIT("5\r\nhello\n0\r\n"), CHUNK_FAULT},
    {"nothing after the data", STR_INIT("5\r\nhello0\r\n"), CHUNK_FAULT},
    {"CR CR after the data", STR_INIT("5\r\nhello\r\r\n0\r\n"), CHUNK_FAULT},
    {"LF after the last chunk's size", STR_INIT("0\n\r\n"), CHUNK_FAULT},
};

/* Decodes `step` bytes at a time, each piece in memory of its own. */
static enum chunk_result decode(struct str coded, size_t step, char *data, size_t *behind)
{
    struct chunked chunked = {0};
    enum chunk_result result = CHUNK_MORE;
    size_t n = 0, used, got;
    for (size_t at = 0; result == CHUNK_MORE && at < coded.n; at += step) {
        size_t size = coded.n - at < step ? coded.n - at : step;
        char *piece = malloc(size);
        cr_assert_not_null(piece);
        memcpy(piece, coded.p + at, size);
        result = chunked_decode(&chunked, piece, size, &used, &got);
        if (result != CHUNK_FAULT) {
            memcpy(data + n, piece, got);
            n += got;
            cr_assert(result == CHUNK_LAST || used == size, "all bytes are used");
            *behind = coded.n - at - used;
        }
        free(piece);
    }
    data[n] = 0;
    return result;
}

Test(framing, chunks)
{
    for (size_t i = 0; i < COUNT(chunk_rows); i++)
        for (size_t step = 1; step <= chunk_rows[i].coded.n + 1; step++) {
            char data[256];
            size_t behind = 0;
            enum chunk_result got = decode(chunk_rows[i].coded, step, data, &behind);
            cr_expect_eq(got, chunk_rows[i].want, "%s, %zu at a time: %d", chunk_rows[i].name, step,
                         got);
            if (got == CHUNK_FAULT || got != chunk_rows[i].want)
                continue;
            cr_expect_str_eq(data, chunk_rows[i].data, "%s, %zu at a time", chunk_rows[i].name,
                             step);
            if (got == CHUNK_LAST)
                cr_expect_eq(behind, strlen(chunk_rows[i].behind), "%s, %zu at a time",
                             chunk_rows[i].name, step);
        }
}

Test(framing, the_largest_chunk_is_begun)
{
    struct chunked chunked = {0};
    char coded[] = "7fffffffffffffff\r\nabc";
    size_t used, data;
    cr_expect_eq(chunked_decode(&chunked, coded, sizeof coded - 1, &used, &data), CHUNK_MORE);
    cr_expect_eq(data, 3);
    cr_expect_eq(chunked.left, (uint64_t)INT64_MAX - 3);
}

Test(framing, extensions_are_bounded_over_the_whole_body)
{
    struct chunked chunked = {0};
    size_t used, data, chunks = 0;
    enum chunk_result result = CHUNK_MORE;
    while (result == CHUNK_MORE && chunks++ < 1000000) {
        char coded[] = "1;0123456789abcdef0123456789abcdef\r\nx\r\n";
        result = chunked_decode(&chunked, coded, sizeof coded - 1, &used, &data);
    }
    cr_expect_eq(result, CHUNK_FAULT, "an attack");
    cr_expect_gt(chunks, 100, "and not a nuisance");
}

static const struct {
    uint64_t n;
    const char *want;
} head_rows[] = {
    {1, "1\r\n"},           {9, "9\r\n"},       {10, "a\r\n"},          {15, "f\r\n"},
    {16, "10\r\n"},         {255, "ff\r\n"},    {0x4000, "4000\r\n"},   {65536, "10000\r\n"},
    {INT64_MAX, "7fffffffffffffff\r\n"},        {UINT64_MAX, "ffffffffffffffff\r\n"},
};

Test(framing, chunk_head)
{
    for (size_t i = 0; i < COUNT(head_rows); i++) {
        char out[CHUNK_HEAD_MAX];
        size_t n = chunk_head(out, head_rows[i].n);
        cr_expect(str_eq((struct str){out, n}, str_of(head_rows[i].want)), "%s", head_rows[i].want);
    }
}
