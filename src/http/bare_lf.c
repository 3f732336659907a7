/* RFC 9112 §2.2 lets a recipient take a lone LF for a line's end: here only where asked for. */
#include "corsd/http/bare_lf.h"

bool bare_lf_find_end(struct str bytes, size_t *from, size_t *end)
{
    for (size_t i = *from; i < bytes.n; i++) {
        size_t next = i + 1;
        if (bytes.p[i] != '\n')
            continue;
        if (next < bytes.n && bytes.p[next] == '\r')
            next++;
        if (next >= bytes.n) {
            *from = i; /* what follows this line is not there yet */
            return false;
        }
        if (bytes.p[next] == '\n') {
            *end = next + 1;
            return true;
        }
    }
    *from = bytes.n;
    return false;
}

void bare_lf_repair(struct buf *out, struct str head)
{
    while (head.n) {
        size_t at = str_find(head, '\n');
        struct str line = str_head(head, at);
        bool crlf = line.n && line.p[line.n - 1] == '\r';
        buf_add(out, line);
        if (at < head.n)
            buf_add(out, crlf ? STR("\n") : STR("\r\n"));
        head = str_from(head, at + 1);
    }
}
