/* Reads and writes numbers with a unit. */
#include "corsd/base/units.h"
#include <inttypes.h>
#include <stdio.h>

struct unit {
    struct str name;
    uint64_t factor;
};

/* Largest first: the writer takes the first that divides. */
static const struct unit durations[] = {
    {STR_INIT("d"), 86400000}, {STR_INIT("h"), 3600000}, {STR_INIT("m"), 60000},
    {STR_INIT("s"), 1000},     {STR_INIT("ms"), 1},
};
static const struct unit sizes[] = {
    {STR_INIT("g"), 1 << 30},
    {STR_INIT("m"), 1 << 20},
    {STR_INIT("k"), 1 << 10},
    {STR_INIT(""), 1},
};
#define COUNT(table) (sizeof(table) / sizeof *(table))
static const uint64_t DURATION_MAX = UINT64_C(3650) * 86400000;

static enum unit_fault parse(struct str text, const struct unit *units, size_t count, uint64_t bare,
                             uint64_t max, uint64_t *out)
{
    size_t digits = 0;
    uint64_t number, factor = 0;
    if (!text.n)
        return UNIT_EMPTY;
    while (digits < text.n && ascii_is_digit(text.p[digits]))
        digits++;
    if (!digits)
        return UNIT_NOT_A_NUMBER;
    if (!str_to_u64(str_head(text, digits), &number))
        return UNIT_TOO_LARGE;
    struct str name = str_from(text, digits);
    if (!name.n)
        factor = bare;
    for (size_t i = 0; i < count && !factor; i++)
        if (str_eq_nocase(name, units[i].name))
            factor = units[i].factor;
    if (!factor)
        return UNIT_UNKNOWN;
    if (number > max / factor)
        return UNIT_TOO_LARGE;
    *out = number * factor;
    return UNIT_OK;
}

enum unit_fault duration_parse(struct str text, uint64_t *out_ms)
{
    return parse(text, durations, COUNT(durations), 1000, DURATION_MAX, out_ms);
}

enum unit_fault size_parse(struct str text, uint64_t *out_bytes)
{
    return parse(text, sizes, COUNT(sizes), 1, INT64_MAX, out_bytes);
}

static char *print(uint64_t value, const struct unit *units, size_t count, char *out)
{
    size_t i = 0;
    while (i + 1 < count && (value % units[i].factor || !value))
        i++;
    if (!value)
        snprintf(out, UNIT_TEXT, "0"); /* the same in every unit */
    else
        snprintf(out, UNIT_TEXT, "%" PRIu64 "%s", value / units[i].factor, units[i].name.p);
    return out;
}

char *duration_text(uint64_t ms, char out[UNIT_TEXT])
{
    return print(ms, durations, COUNT(durations), out);
}

char *size_text(uint64_t bytes, char out[UNIT_TEXT])
{
    return print(bytes, sizes, COUNT(sizes), out);
}
