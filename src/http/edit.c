/* A head is written by appending; fields keep their bytes. */
#include "corsd/http/edit.h"

void edit_request_line(struct buf *out, struct str method, struct str target)
{
    buf_add(out, method);
    buf_add_char(out, ' ');
    buf_add(out, target);
    buf_add(out, STR(" HTTP/1.1\r\n"));
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
