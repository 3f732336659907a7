/* A head is written by appending; fields keep their bytes. */
#include "corsd/http/edit.h"

/* Bounded: the number of names times the number of fields, both within the limits of a head. */
void edit_drop_named(struct head *head, bool (*may)(enum field_id id))
{
    const struct field *connection = head_field(head, FIELD_CONNECTION);
    for (; connection; connection = head_next(head, connection)) {
        struct str rest = connection->value, name;
        while (list_next(&rest, &name)) {
            if (str_eq_nocase(name, STR("close")) || str_eq_nocase(name, STR("keep-alive")) ||
                !may(field_id(name)))
                continue;
            for (size_t i = 0; i < head->n; i++)
                if (str_eq_nocase(head->fields[i].name, name))
                    head->fields[i].dropped = true;
        }
    }
}

bool edit_names_too_many(const struct head *head)
{
    const struct field *connection = head_field(head, FIELD_CONNECTION);
    size_t options = 0;
    for (; connection; connection = head_next(head, connection)) {
        struct str rest = connection->value, name;
        while (options <= CONNECTION_OPTIONS_MAX && list_next(&rest, &name))
            options++;
    }
    return options > CONNECTION_OPTIONS_MAX;
}

void edit_status_line(struct buf *out, unsigned status, struct str reason)
{
    char line[] = "HTTP/1.1 000 ";
    line[9] = (char)('0' + status / 100 % 10);
    line[10] = (char)('0' + status / 10 % 10);
    line[11] = (char)('0' + status % 10);
    buf_add(out, (struct str){line, sizeof line - 1});
    buf_add(out, reason);
    buf_add(out, STR("\r\n"));
}

void edit_kept_fields(struct buf *out, const struct head *head)
{
    size_t i = 0;
    while (i < head->n) {
        if (head->fields[i].dropped) {
            i++;
            continue;
        }
        const char *from = head->fields[i].name.p;
        while (i < head->n && !head->fields[i].dropped)
            i++;
        const char *to = i < head->n ? head->fields[i].name.p : head->fields_end;
        buf_add(out, (struct str){from, (size_t)(to - from)});
    }
}

/* "Name: value" and its CRLF, and nothing around the value. */
static bool is_plainly_written(const struct field *field)
{
    const char *colon = field->name.p + field->name.n;
    return colon[1] == ' ' && field->value.p == colon + 2 && field->value.p[field->value.n] == '\r';
}

void edit_length(struct buf *out, struct head *head)
{
    struct field *field = head_field(head, FIELD_CONTENT_LENGTH);
    uint64_t length;
    if (!field || field->dropped || !str_to_u64(field->value, &length) ||
        (is_plainly_written(field) && (field->value.n == 1 || *field->value.p != '0')))
        return;
    field->dropped = true;
    edit_field_u64(out, STR("Content-Length"), length);
}

void edit_field(struct buf *out, struct str name, struct str value)
{
    buf_add(out, name);
    buf_add(out, STR(": "));
    buf_add(out, value);
    buf_add(out, STR("\r\n"));
}

void edit_field_u64(struct buf *out, struct str name, uint64_t value)
{
    buf_add(out, name);
    buf_add(out, STR(": "));
    buf_add_u64(out, value);
    buf_add(out, STR("\r\n"));
}

void edit_end(struct buf *out)
{
    buf_add(out, STR("\r\n"));
}
