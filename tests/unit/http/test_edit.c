/* Heads written anew: kept fields byte for byte, in as few runs as there are gaps. */
#include <stdio.h>
#include <criterion/criterion.h>
#include "corsd/http/edit.h"

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))
enum { CAP = 16 };

static void parse(struct head *head, struct field *fields, const char *lines, char *bytes,
                  size_t size)
{
    snprintf(bytes, size, "GET / HTTP/1.1\r\n%s\r\n", lines);
    *head = (struct head){.fields = fields, .cap = CAP};
    cr_assert_eq(message_parse_request(head, str_of(bytes)), CAUSE_NONE, "%s", lines);
}

static const struct {
    const char *name, *lines, *drop; /* names whose first letter stands in `drop` go */
    const char *want;
} kept_rows[] = {
    {"no field", "", "", ""},
    {"all stay", "A: 1\r\nB:  2 \r\nc:3\r\n", "", "A: 1\r\nB:  2 \r\nc:3\r\n"},
    {"all go", "A: 1\r\nB: 2\r\n", "AB", ""},
    {"the first goes", "A: 1\r\nB: 2\r\nC: 3\r\n", "A", "B: 2\r\nC: 3\r\n"},
    {"the last goes", "A: 1\r\nB: 2\r\nC: 3\r\n", "C", "A: 1\r\nB: 2\r\n"},
    {"one inside goes", "A: 1\r\nB: 2\r\nC: 3\r\n", "B", "A: 1\r\nC: 3\r\n"},
    {"two neighbours go", "A: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\n", "BC", "A: 1\r\nD: 4\r\n"},
    {"every other goes", "A: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\n", "BD", "A: 1\r\nC: 3\r\n"},
    {"only one stays", "A: 1\r\nB:\t2\t\r\nC: 3\r\n", "AC", "B:\t2\t\r\n"},
    {"an empty value stays", "A:\r\nB: \r\n", "A", "B: \r\n"},
};

Test(edit, kept_fields)
{
    for (size_t i = 0; i < COUNT(kept_rows); i++) {
        struct field fields[CAP];
        struct head head;
        struct buf out = BUF_INIT(1000);
        char bytes[512];
        parse(&head, fields, kept_rows[i].lines, bytes, sizeof bytes);
        for (size_t j = 0; j < head.n; j++)
            fields[j].dropped = strchr(kept_rows[i].drop, fields[j].name.p[0]) != NULL;
        edit_kept_fields(&out, &head);
        cr_expect(str_eq(buf_str(&out), str_of(kept_rows[i].want)), "%s: %.*s", kept_rows[i].name,
                  STR_ARG(buf_str(&out)));
        buf_finish(&out);
    }
}

static bool not_host(enum field_id id)
{
    return id != FIELD_HOST;
}

static const struct {
    const char *name, *lines, *want; /* first letters of what is dropped */
} named_rows[] = {
    {"no Connection", "A: 1\r\n", ""},
    {"one name", "A: 1\r\nConnection: a\r\nB: 2\r\n", "A"},
    {"several, odd spelling", "A: 1\r\nB: 2\r\nC: 3\r\nconnection: , B ,,a\r\n", "AB"},
    {"two Connections", "A: 1\r\nConnection: a\r\nB: 2\r\nConnection: b\r\n", "AB"},
    {"each copy", "A: 1\r\na: 2\r\nA: 3\r\nConnection: a\r\n", "AaA"},
    {"what may not be named", "Host: x\r\nA: 1\r\nConnection: host, a\r\n", "A"},
    {"close and keep-alive are words, not names",
     "Close: 1\r\nKeep-Alive: 5\r\nConnection: close, keep-alive\r\n", ""},
    {"Connection itself", "A: 1\r\nConnection: connection\r\n", "C"},
    {"a name that is nowhere", "A: 1\r\nConnection: b\r\n", ""},
    {"no part of a name", "Ab: 1\r\nConnection: a\r\n", ""},
};

Test(edit, named_fields)
{
    for (size_t i = 0; i < COUNT(named_rows); i++) {
        struct field fields[CAP];
        struct head head;
        char bytes[512], got[CAP + 1] = "";
        size_t n = 0;
        parse(&head, fields, named_rows[i].lines, bytes, sizeof bytes);
        edit_drop_named(&head, not_host);
        for (size_t j = 0; j < head.n; j++)
            if (fields[j].dropped)
                got[n++] = fields[j].name.p[0];
        cr_expect_str_eq(got, named_rows[i].want, "%s", named_rows[i].name);
    }
}

Test(edit, lines)
{
    struct buf out = BUF_INIT(1000);
    edit_status_line(&out, 404, STR("Not Found"));
    edit_status_line(&out, 100, STR(""));
    edit_status_line(&out, 999, STR("x"));
    edit_field(&out, STR("A"), STR("b"));
    edit_field(&out, STR("A"), STR(""));
    edit_field_u64(&out, STR("N"), UINT64_MAX);
    edit_end(&out);
    cr_expect(str_eq(buf_str(&out),
                     STR("HTTP/1.1 404 Not Found\r\nHTTP/1.1 100 \r\nHTTP/1.1 999 x\r\nA: b\r\n"
                         "A: \r\nN: 18446744073709551615\r\n\r\n")),
              "%.*s", STR_ARG(buf_str(&out)));
    buf_finish(&out);
}
