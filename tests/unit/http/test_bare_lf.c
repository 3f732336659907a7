/* Heads of legacy servers: DESIGN §1 accept_bare_lf. */
#include <criterion/criterion.h>
#include "corsd/http/bare_lf.h"

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))

static const struct {
    const char *name, *bytes;
    int end; /* -1: not there yet */
    const char *repaired;
} rows[] = {
    {"LF alone", "HTTP/1.1 200 OK\nA: b\n\nbody", 22, "HTTP/1.1 200 OK\r\nA: b\r\n\r\n"},
    {"CRLF already", "HTTP/1.1 200 OK\r\nA: b\r\n\r\nbody", 25, "HTTP/1.1 200 OK\r\nA: b\r\n\r\n"},
    {"mixed", "X\r\nA: b\nC: d\r\n\nbody", 15, "X\r\nA: b\r\nC: d\r\n\r\n"},
    {"mixed, the other way", "X\nA: b\n\r\nbody", 9, "X\r\nA: b\r\n\r\n"},
    {"no field", "X\n\n", 3, "X\r\n\r\n"},
    {"an empty line in the body", "X\n\na\n\n", 3, "X\r\n\r\n"},
    {"CR CR LF is no line end to be repaired", "X\r\r\n\n", 5, "X\r\r\n\r\n"},
    {"a CR alone stays one", "X\nA: b\rc\n\n", 10, "X\r\nA: b\rc\r\n\r\n"},
    {"LF, CR, and something else", "X\n\rA\n\n", 6, "X\r\n\rA\r\n\r\n"},
    {"nothing", "", -1, NULL},
    {"a line", "X\n", -1, NULL},
    {"a line and a CR", "X\n\r", -1, NULL},
    {"a line and a name", "X\nA", -1, NULL},
};

Test(bare_lf, rows)
{
    for (size_t i = 0; i < COUNT(rows); i++)
        for (size_t step = 1; step < 32; step++) {
            struct str bytes = str_of(rows[i].bytes);
            size_t from = 0, end = 0, come = 0;
            bool found = false;
            while (!found && come < bytes.n) {
                come = come + step < bytes.n ? come + step : bytes.n;
                found = bare_lf_find_end(str_head(bytes, come), &from, &end);
            }
            cr_expect_eq(found, rows[i].end >= 0, "%s, %zu at a time", rows[i].name, step);
            if (!found || rows[i].end < 0)
                continue;
            cr_expect_eq(end, (size_t)rows[i].end, "%s, %zu at a time: %zu", rows[i].name, step,
                         end);
            struct buf out = BUF_INIT(100);
            bare_lf_repair(&out, str_head(bytes, end));
            cr_expect(str_eq(buf_str(&out), str_of(rows[i].repaired)), "%s: %.*s", rows[i].name,
                      STR_ARG(buf_str(&out)));
            buf_finish(&out);
        }
}
