/* Patterns × origins: a set against the naive reading of each pattern. The input is lines: after
 * '>' an origin, else a pattern; '/' in front starts the next rule, '!' frees it of the suffixes.
 * Laws: what was normalised reads back as itself; an exact pattern is an origin; each pattern's own
 * near misses, and each origin, lead to the rule that the naive reading finds. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "../unit/cors/oracle.h"
#include "corsd/cors/origin.h"
#include "corsd/cors/origin_set.h"
#include "corsd/cors/pattern.h"
#include "corsd/cors/public_suffix.h"
#include "law.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PATTERNS = 24, ORIGINS = 24 };

static oracle_suffixes suffixes = {"com",           "org",       "s3.cloud.com",
                                   "x.y.cloud.com", "pages.org", NULL};

static struct listed {
    struct pattern pattern;
    uint16_t rule;
    bool unbounded;
} listed[PATTERNS];

static struct public_suffixes *load_suffixes(void)
{
    static struct public_suffixes *list;
    char path[] = "/tmp/corsd-suffixes-XXXXXX";
    if (list)
        return list;
    int fd = mkstemp(path);
    LAW(fd >= 0);
    for (size_t i = 0; suffixes[i]; i++)
        dprintf(fd, "%s\n", suffixes[i]);
    close(fd);
    list = public_suffixes_load(path);
    LAW(list);
    unlink(path);
    return list;
}

static bool take(struct str line, struct listed *out)
{
    struct pattern again;
    struct pattern_problem problem = {.message = "", .hint = ""};
    struct origin origin;
    enum pattern_fault fault = pattern_parse(line, &out->pattern, &problem);
    if (fault != PATTERN_OK) {
        LAW(problem.fault == fault && problem.message[0]);
        return false;
    }
    LAW(out->pattern.text.n && out->pattern.text.n <= PATTERN_TEXT_MAX);
    LAW(pattern_parse(out->pattern.text, &again, NULL) == PATTERN_OK);
    LAW(str_eq(again.text, out->pattern.text) && again.kind == out->pattern.kind);
    if (out->pattern.kind == PATTERN_EXACT)
        LAW(origin_parse(out->pattern.text, &origin) == ORIGIN_OK);
    else
        LAW(origin_parse(out->pattern.text, &origin) != ORIGIN_OK);
    return true;
}

static void check(const struct origin_set *set, size_t n, struct str origin)
{
    uint16_t want = ORIGIN_SET_NO_RULE;
    for (size_t i = 0; i < n && want == ORIGIN_SET_NO_RULE; i++)
        if (oracle_matches(listed[i].pattern.text, origin, listed[i].unbounded ? NULL : suffixes))
            want = listed[i].rule;
    LAW(origin_set_find(set, origin) == want);
    LAW(want == ORIGIN_SET_NO_RULE || origin_set_reaches(set, want));
}

/* The pattern with its stars filled in. */
static void check_near_misses(const struct origin_set *set, size_t n, const struct pattern *pattern)
{
    static const char *const fillings[] = {"x", "a-b", "-", "", "a.b", "81", "s3", "x.s3", "*"};
    char text[PATTERN_TEXT_MAX + 64];
    for (size_t i = 0; i < sizeof fillings / sizeof fillings[0]; i++) {
        size_t length = 0;
        for (size_t j = 0; j < pattern->text.n; j++) {
            const char *from = pattern->text.p + j;
            bool port = *from == '*' && j && from[-1] == ':';
            struct str piece = *from != '*' ? (struct str){from, 1}
                               : port       ? STR("81")
                                            : str_of(fillings[i]);
            memcpy(text + length, piece.p, piece.n);
            length += piece.n;
        }
        check(set, n, (struct str){text, length});
        check(set, n, str_head((struct str){text, length}, length - length % 7));
        if (length > 3 && memcmp(text + length - 3, ":81", 3) == 0)
            check(set, n, (struct str){text, length - 3});
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str rest = {(const char *)data, size}, origins[ORIGINS];
    struct origin_set *set = origin_set_create(load_suffixes());
    size_t n = 0, n_origins = 0;
    uint16_t rule = 0, earlier;
    LAW(set);
    while (rest.n && n < PATTERNS && n_origins < ORIGINS) {
        struct str line = str_cut(&rest, '\n');
        if (str_starts(line, STR(">"))) {
            origins[n_origins++] = str_from(line, 1);
            continue;
        }
        rule = (uint16_t)(rule + str_starts(line, STR("/")));
        line = str_from(line, str_starts(line, STR("/")));
        listed[n].unbounded = str_starts(line, STR("!"));
        listed[n].rule = rule;
        if (!take(str_from(line, listed[n].unbounded), &listed[n]))
            continue;
        if (listed[n].pattern.kind == PATTERN_ANY_ORIGIN)
            continue; /* the policy's business */
        LAW(origin_set_add(set, &listed[n].pattern, rule, listed[n].unbounded, &earlier) !=
            ORIGIN_SET_NO_MEMORY);
        n++;
    }
    LAW(origin_set_seal(set));
    for (size_t i = 0; i < n_origins; i++)
        check(set, n, origins[i]);
    for (size_t i = 0; i < n; i++)
        check_near_misses(set, n, &listed[i].pattern);
    origin_set_destroy(set);
    return 0;
}
