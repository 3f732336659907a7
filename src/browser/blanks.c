#include "blanks.h"

void blanks_fill(struct buf *out, const char *text, const struct fetch *fetch)
{
    for (; *text; text++) {
        if (*text != '%') {
            buf_add_char(out, *text);
            continue;
        }
        switch (*++text) {
        case 'v': buf_add(out, fetch->blamed); break;
        case 'o': buf_add(out, fetch->origin); break;
        case 'u': buf_add(out, fetch->url.href); break;
        default: buf_add_u64(out, fetch->status); break;
        }
    }
}
