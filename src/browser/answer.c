/* Looking things up in what a server said. */
#include "corsd/browser/answer.h"
#include "corsd/base/buf.h"

enum { VALUE_MAX = 256 * 1024 };

size_t answer_count(const struct answer *answer, struct str name)
{
    size_t count = 0;
    for (size_t i = 0; i < answer->n; i++)
        count += str_eq_nocase(answer->fields[i].name, name);
    return count;
}

bool answer_value(const struct answer *answer, struct arena *arena, struct str name,
                  struct str *out)
{
    struct buf joined = BUF_INIT(VALUE_MAX);
    size_t count = 0;
    for (size_t i = 0; i < answer->n; i++) {
        if (!str_eq_nocase(answer->fields[i].name, name))
            continue;
        if (count++)
            buf_add(&joined, STR(", "));
        buf_add(&joined, answer->fields[i].value);
    }
    if (count)
        *out = arena_copy(arena, buf_str(&joined));
    buf_finish(&joined);
    return count > 0;
}

bool answer_is_redirect(const struct answer *answer)
{
    switch (answer->status) {
    case 301:
    case 302:
    case 303:
    case 307:
    case 308: return true;
    default: return false;
    }
}

bool answer_is_ok(const struct answer *answer)
{
    return answer->status >= 200 && answer->status <= 299;
}

bool token_next(struct str *rest, struct str *item, struct str *bad)
{
    while (rest->n) {
        *item = str_trim(str_cut(rest, ','));
        if (!item->n)
            continue;
        if (is_token(*item))
            return true;
        *bad = *item;
        return false;
    }
    return false;
}

bool tokens_are_valid(struct str list, struct str *bad)
{
    struct str item;
    *bad = (struct str){0};
    while (token_next(&list, &item, bad))
        ;
    return !bad->n;
}

bool tokens_have(struct str list, struct str name, bool nocase)
{
    struct str item, bad;
    while (token_next(&list, &item, &bad))
        if (nocase ? str_eq_nocase(item, name) : str_eq(item, name))
            return true;
    return false;
}
