/* Optimal string alignment distance over three rows. */
#include "corsd/config/nearest.h"

enum { WORD_MAX = 40 };

/* Lower case, without `-` and `_`; the length, or 0 where the word is too long to be a typo. */
static size_t fold(struct str word, char out[WORD_MAX])
{
    size_t n = 0;
    if (word.n > WORD_MAX)
        return 0;
    for (size_t i = 0; i < word.n; i++)
        if (word.p[i] != '-' && word.p[i] != '_')
            out[n++] = ascii_lower(word.p[i]);
    return n;
}

static unsigned least(unsigned a, unsigned b, unsigned c)
{
    unsigned m = a < b ? a : b;
    return m < c ? m : c;
}

unsigned typo_distance(struct str a, struct str b, unsigned limit)
{
    char x[WORD_MAX], y[WORD_MAX];
    unsigned rows[3][WORD_MAX + 1];
    size_t n = fold(a, x), m = fold(b, y);
    if (!n || !m)
        return limit + 1;
    for (unsigned j = 0; j <= m; j++)
        rows[0][j] = j;
    for (unsigned i = 1; i <= n; i++) {
        unsigned *now = rows[i % 3], *before = rows[(i + 2) % 3], *second = rows[(i + 1) % 3];
        now[0] = i;
        for (unsigned j = 1; j <= m; j++) {
            unsigned change = x[i - 1] != y[j - 1];
            now[j] = least(now[j - 1] + 1, before[j] + 1, before[j - 1] + change);
            if (i > 1 && j > 1 && x[i - 1] == y[j - 2] && x[i - 2] == y[j - 1])
                now[j] = least(now[j], now[j], second[j - 2] + 1);
        }
    }
    unsigned distance = rows[n % 3][m];
    return distance > limit ? limit + 1 : distance;
}

unsigned typo_limit(struct str word)
{
    return word.n < 4 ? 1 : word.n < 8 ? 2 : 3;
}
