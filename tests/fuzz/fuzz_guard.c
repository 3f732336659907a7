/* Laws of the way in: guard, message and framing, for requests, responses and trailers alike; and
 * of bare_lf, which goes before them where a legacy server was allowed for.
 * However the bytes are cut the guard says the same; it lets pass exactly what the plainest reading
 * of DESIGN §3 does; what it lets pass is read by llhttp as a plain splitter of lines reads it; and
 * what is framed is framed as RFC 9112 §6.3 says, read once more by hand. */
#include <stdio.h>
#include <stdlib.h>
#include "corsd/http/bare_lf.h"
#include "corsd/http/framing.h"
#include "corsd/http/guard.h"
#include "law.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { BYTES_MAX = 2000, FIELDS_MAX = 12, CAP = 16 };
static const struct guard_limits limits = {BYTES_MAX, FIELDS_MAX};

/* --- the guard, cut anyhow ----------------------------------------------------------------------
 */

static enum guard_result scan(struct guard *guard, enum guard_part part, struct str bytes,
                              uint64_t cuts)
{
    enum guard_result result = GUARD_MORE;
    size_t come = 0;
    guard_init(guard, part);
    while (result == GUARD_MORE && come < bytes.n) {
        size_t step = cuts ? 1 + cuts % 23 : bytes.n;
        cuts = cuts ? cuts * 6364136223846793005u + 1442695040888963407u : 0;
        come = come + step < bytes.n ? come + step : bytes.n;
        char *exact = malloc(come);
        LAW(exact);
        memcpy(exact, bytes.p, come);
        result = guard_scan(guard, (struct str){exact, come}, &limits);
        free(exact);
    }
    return result;
}

/* --- the plainest reading of DESIGN §3 "Guard first" ---------------------------------------------
 */

static bool is_text(struct str line, bool past_ascii)
{
    for (size_t i = 0; i < line.n; i++) {
        unsigned char c = (unsigned char)line.p[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f || (c >= 0x80 && !past_ascii))
            return false;
    }
    return true;
}

/* The next line without its CRLF; false where none is whole. */
static bool cut_crlf(struct str *rest, struct str *line)
{
    size_t end = str_find(*rest, '\n');
    if (end == rest->n || !end || rest->p[end - 1] != '\r')
        return false;
    *line = str_head(*rest, end - 1);
    *rest = str_from(*rest, end + 1);
    return str_find(*line, '\r') == line->n;
}

static bool is_start(struct str line, enum guard_part part)
{
    return line.n && is_tchar(line.p[0]) && is_text(line, part == GUARD_RESPONSE) &&
           (part != GUARD_RESPONSE || str_starts(line, str_head(STR("HTTP/1."), line.n)));
}

static bool is_field_line(struct str line)
{
    struct str value = line, name = str_cut(&value, ':');
    return name.n < line.n && is_token(name) && is_text(value, true);
}

/* The head's length where it is whole and clean; 0 else. */
static size_t whole_head(struct str bytes, enum guard_part part, size_t *start)
{
    struct str rest = bytes, line;
    unsigned empty = 0, fields = 0;
    if (part == GUARD_REQUEST)
        while (str_starts(rest, STR("\r\n"))) {
            if (empty++ == 8)
                return 0;
            rest = str_from(rest, 2);
        }
    *start = (size_t)(rest.n ? rest.p - bytes.p : 0);
    if (part != GUARD_TRAILERS && (!cut_crlf(&rest, &line) || !is_start(line, part)))
        return 0;
    while (cut_crlf(&rest, &line)) {
        size_t n = bytes.n - rest.n;
        if (!line.n)
            return n - *start <= BYTES_MAX ? n : 0;
        if (!is_field_line(line) || ++fields > FIELDS_MAX)
            return 0;
    }
    return 0;
}

/* --- the head, split by hand ---------------------------------------------------------------------
 */

struct counted {
    unsigned lengths, codings;
    struct str length, coding;
};

static void compare_fields(const struct head *head, struct str lines, struct counted *counted)
{
    struct str line;
    size_t n = 0;
    LAW(head->fields_start == lines.p);
    while (cut_crlf(&lines, &line) && line.n) {
        LAW(n < head->n);
        const struct field *field = &head->fields[n++];
        struct str value = line, name = str_cut(&value, ':');
        value = str_trim(value);
        LAW(field->name.p == name.p && field->name.n == name.n);
        LAW(str_eq(field->value, value) && !field->dropped);
        LAW(!value.n || field->value.p == value.p);
        LAW(field->id == field_id(name) && head->first[field->id] <= n && head->first[field->id]);
        if (str_eq_nocase(name, STR("content-length"))) {
            counted->length = value;
            counted->lengths++;
        }
        if (str_eq_nocase(name, STR("transfer-encoding"))) {
            counted->coding = value;
            counted->codings++;
        }
    }
    LAW(n == head->n && head->fields_end == line.p);
}

static bool is_length(struct str text, uint64_t *out)
{
    *out = 0;
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] < '0' || text.p[i] > '9' || *out > (INT64_MAX - 9) / 10)
            return false;
        *out = *out * 10 + (uint64_t)(text.p[i] - '0');
    }
    return text.n > 0;
}

/* RFC 9112 §6.3, but for the largest lengths, which are ours to draw. */
static bool framed(const struct counted *counted, unsigned minor, bool bodiless, bool response,
                   struct body *out)
{
    uint64_t length = 0;
    *out = (struct body){.kind = response ? BODY_UNTIL_CLOSE : BODY_NONE};
    if (counted->codings) {
        if (counted->codings > 1 || counted->lengths || !minor ||
            !str_eq_nocase(counted->coding, STR("chunked")))
            return false;
        out->kind = BODY_CHUNKED;
    } else if (counted->lengths) {
        if (counted->lengths > 1 || !is_length(counted->length, &length))
            return false;
        *out = (struct body){length ? BODY_LENGTH : BODY_NONE, length};
    }
    if (bodiless)
        *out = (struct body){.kind = BODY_NONE};
    return true;
}

static void check_framing(const struct head *head, const struct counted *counted, bool response,
                          enum http_method method)
{
    struct body got, want;
    bool bodiless = response && (head->status < 200 || head->status == 204 || head->status == 304 ||
                                 method == METHOD_HEAD);
    enum http_cause cause =
        response ? framing_of_response(head, method, &got) : framing_of_request(head, &got);
    bool ok = framed(counted, head->minor, bodiless, response, &want);
    if (cause) {
        uint64_t length;
        LAW(!ok ||
            (counted->lengths && str_to_u64(counted->length, &length) && length > INT64_MAX));
        LAW(http_causes[cause].status == 400 || http_causes[cause].status == 501);
        return;
    }
    LAW(ok || (!counted->codings && counted->length.n > 18));
    if (ok)
        LAW(got.kind == want.kind && got.length == want.length);
}

static void check_start(const struct head *head, struct str line, enum guard_part part)
{
    char text[BYTES_MAX + 32];
    int n = part == GUARD_REQUEST
                ? snprintf(text, sizeof text, "%.*s %.*s HTTP/1.%d", STR_ARG(head->method),
                           STR_ARG(head->target), head->minor)
                : snprintf(text, sizeof text, "HTTP/1.%d %u %.*s", head->minor, head->status,
                           STR_ARG(head->reason));
    struct str want = {text, (size_t)n};
    /* A server may leave out the blank before an empty reason. */
    LAW(str_eq(line, want) || (!head->reason.n && str_eq(line, str_head(want, want.n - 1))));
    LAW(part != GUARD_REQUEST || (is_token(head->method) && head->target.n &&
                                  head->method_id == http_method_of(head->method)));
}

static void read_head(struct str bytes, enum guard_part part, enum http_method method)
{
    struct field fields[CAP];
    struct head head = {.fields = fields, .cap = CAP};
    struct str rest = bytes, line = {NULL, 0};
    struct counted counted = {0};
    enum http_cause cause = part == GUARD_REQUEST    ? message_parse_request(&head, bytes)
                            : part == GUARD_RESPONSE ? message_parse_response(&head, bytes)
                                                     : message_parse_trailers(&head, bytes);
    if (cause) {
        LAW(http_causes[cause].status == 400);
        return;
    }
    if (part != GUARD_TRAILERS)
        LAW(cut_crlf(&rest, &line));
    compare_fields(&head, rest, &counted);
    if (part == GUARD_TRAILERS)
        return;
    check_start(&head, line, part);
    check_framing(&head, &counted, part == GUARD_RESPONSE, method);
}

/* A legacy head's end is found however the bytes are cut, and what is repaired holds no lone LF. */
static void check_bare_lf(struct str bytes, uint64_t cuts)
{
    size_t from = 0, end = 0, cut_from = 0, cut_end = 0, come = 0;
    bool found = bare_lf_find_end(bytes, &from, &end), cut_found = false;
    while (!cut_found && come < bytes.n) {
        come += 1 + cuts % 7;
        cuts = cuts * 6364136223846793005u + 1442695040888963407u;
        cut_found = bare_lf_find_end(str_head(bytes, come), &cut_from, &cut_end);
    }
    LAW(found == cut_found && (!found || end == cut_end));
    if (!found)
        return;
    struct buf out = BUF_INIT(2 * end), again = BUF_INIT(2 * end);
    bare_lf_repair(&out, str_head(bytes, end));
    LAW(!out.failed && str_ends(buf_str(&out), STR("\r\n")));
    bare_lf_repair(&again, buf_str(&out));
    LAW(str_eq(buf_str(&out), buf_str(&again)));
    size_t added = 0;
    for (size_t i = 0; i < end; i++)
        added += bytes.p[i] == '\n' && (!i || bytes.p[i - 1] != '\r');
    LAW(out.n == end + added);
    from = 0;
    LAW(bare_lf_find_end(buf_str(&out), &from, &cut_end) && cut_end == out.n);
    buf_finish(&out);
    buf_finish(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct guard whole, cut;
    size_t start = 0;
    uint64_t cuts;
    if (size < 3)
        return 0;
    enum guard_part part = (enum guard_part)(data[0] % 3);
    struct str bytes = {(const char *)data + 3, size - 3};
    cuts = data[1] | (uint64_t)data[2] << 8 | 1;
    if (data[0] & 0x40) {
        check_bare_lf(bytes, cuts);
        return 0;
    }
    enum guard_result result = scan(&whole, part, bytes, 0);
    LAW(scan(&cut, part, bytes, cuts) == result);
    LAW(result != GUARD_FAULT || whole.cause == cut.cause);
    size_t want = whole_head(bytes, part, &start);
    LAW((result == GUARD_WHOLE) == (want > 0));
    if (result == GUARD_FAULT)
        LAW(http_causes[whole.cause].status >= 400);
    if (result != GUARD_WHOLE)
        return 0;
    LAW(whole.at == want && whole.start == start && cut.at == want && cut.start == start);
    char *exact = malloc(want - start);
    LAW(exact);
    memcpy(exact, bytes.p + start, want - start);
    read_head((struct str){exact, want - start}, part, data[0] & 0x80 ? METHOD_HEAD : METHOD_GET);
    free(exact);
    return 0;
}
