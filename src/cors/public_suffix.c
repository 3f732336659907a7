/* The public suffix list as libpsl reads it, and an index of what has suffixes below it. */
#include "corsd/cors/public_suffix.h"
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <libpsl.h>
#include "corsd/base/buf.h"
#include "corsd/base/hash.h"

enum { NAME_MAX_BYTES = 256, TEXT_MAX = 8 << 20 };

struct public_suffixes {
    const psl_ctx_t *psl; /* psl_free takes the built-in one too */
    /* Hashes of the names that have a suffix of the list below them, rising. libpsl cannot be asked
     * for them, so they are read from the list's text; NULL where there is none. */
    uint64_t *parents;
    size_t n_parents;
    bool foreign_parents; /* some name beyond ASCII has one below it */
    atomic_int refs;
};

/* --- the index -------------------------------------------------------------------------------- */

static uint64_t name_hash(struct str name) /* FNV-1a: two equal ones cost a check, no more */
{
    return hash_add(HASH_START, name);
}

static bool is_ascii(struct str name)
{
    for (size_t i = 0; i < name.n; i++)
        if ((unsigned char)name.p[i] >= 0x80)
            return false;
    return true;
}

static bool note_parents(struct public_suffixes *list, struct buf *hashes, struct str rule)
{
    for (size_t dot; (dot = str_find(rule, '.')) < rule.n;) {
        rule = str_from(rule, dot + 1);
        uint64_t hash = name_hash(rule);
        if (!is_ascii(rule))
            list->foreign_parents = true;
        else if (!buf_add(hashes, (struct str){(const char *)&hash, sizeof hash}))
            return false;
    }
    return true;
}

static int by_value(const void *left, const void *right)
{
    const uint64_t *a = left, *b = right;
    return (*a > *b) - (*a < *b);
}

static bool read_text(const char *file, struct buf *text)
{
    FILE *in = fopen(file, "re");
    size_t n = 1;
    if (!in)
        return false;
    while (n && buf_reserve(text, 1 << 16)) {
        n = fread(text->p + text->n, 1, 1 << 16, in);
        text->n += n;
    }
    bool ok = !ferror(in) && !text->failed;
    fclose(in);
    return ok;
}

/* publicsuffix.org/list, "format": a rule a line, up to the first white space; // comments. */
static void index_text(struct public_suffixes *list, const char *file)
{
    struct buf text = BUF_INIT(TEXT_MAX), hashes = BUF_INIT(TEXT_MAX);
    if (!read_text(file, &text) || str_starts(buf_str(&text), STR(".DAFSA")))
        goto out;
    struct str rest = buf_str(&text);
    while (rest.n) {
        struct str line = str_trim(str_cut(&rest, '\n'));
        line = str_head(line, str_find(line, ' '));
        if (line.n && line.p[line.n - 1] == '\r')
            line.n--;
        if (!str_starts(line, STR("//")) && !note_parents(list, &hashes, line))
            goto out;
    }
    list->n_parents = hashes.n / sizeof *list->parents;
    list->parents = (uint64_t *)(void *)hashes.p; /* the index owns the bytes now */
    hashes = BUF_INIT(0);
    if (list->n_parents)
        qsort(list->parents, list->n_parents, sizeof *list->parents, by_value);
out:
    buf_finish(&text);
    buf_finish(&hashes);
}

bool public_suffix_may_lie_below(const struct public_suffixes *list, struct str name)
{
    if (name.n && name.p[name.n - 1] == '.')
        name.n--;
    if (!list->parents || (list->foreign_parents && memmem(name.p, name.n, "xn--", 4)))
        return true;
    uint64_t hash = name_hash(name);
    return bsearch(&hash, list->parents, list->n_parents, sizeof hash, by_value) != NULL;
}

/* --- the list --------------------------------------------------------------------------------- */

/* The package has the list in two forms: libpsl reads the compact one, the text gives the index. */
static void load_packaged(struct public_suffixes *list)
{
    const char *compact = psl_dist_filename(), *text = psl_builtin_filename();
    if (compact && *compact)
        list->psl = psl_load_file(compact);
    if (list->psl && text && *text)
        index_text(list, text);
    if (!list->psl)
        list->psl = psl_builtin();
}

struct public_suffixes *public_suffixes_load(const char *file)
{
    struct public_suffixes *list = calloc(1, sizeof *list);
    if (!list)
        return NULL;
    atomic_init(&list->refs, 1);
    if (!file) {
        load_packaged(list);
    } else {
        list->psl = psl_load_file(file);
        index_text(list, file);
    }
    if (list->psl)
        return list;
    public_suffixes_unref(list);
    return NULL;
}

bool public_suffixes_are_plausible(const struct public_suffixes *list)
{
    enum { LEAST = 1000 }; /* the list has had more since its first years */
    return psl_suffix_count(list->psl) >= LEAST && psl_is_public_suffix(list->psl, "co.uk") &&
           psl_is_public_suffix(list->psl, "com") &&
           !psl_is_public_suffix(list->psl, "example.com");
}

struct public_suffixes *public_suffixes_ref(const struct public_suffixes *list)
{
    struct public_suffixes *counted = (struct public_suffixes *)(uintptr_t)list;
    if (counted)
        atomic_fetch_add_explicit(&counted->refs, 1, memory_order_relaxed);
    return counted;
}

void public_suffixes_unref(struct public_suffixes *list)
{
    if (!list || atomic_fetch_sub_explicit(&list->refs, 1, memory_order_acq_rel) != 1)
        return;
    psl_free((psl_ctx_t *)(uintptr_t)list->psl);
    free(list->parents);
    free(list);
}

/* libpsl wants a terminated name without the final dot. False: too long for a host. */
static bool terminate(struct str name, char out[NAME_MAX_BYTES])
{
    if (name.n && name.p[name.n - 1] == '.')
        name.n--;
    if (!name.n || name.n >= NAME_MAX_BYTES)
        return false;
    memcpy(out, name.p, name.n);
    out[name.n] = 0;
    return true;
}

enum suffix_kind public_suffix_kind(const struct public_suffixes *list, struct str name)
{
    char text[NAME_MAX_BYTES];
    if (!terminate(name, text))
        return SUFFIX_NOT;
    if (psl_is_public_suffix2(list->psl, text, PSL_TYPE_ANY | PSL_TYPE_NO_STAR_RULE))
        return SUFFIX_LISTED;
    return strchr(text, '.') ? SUFFIX_NOT : SUFFIX_UNLISTED;
}

bool public_suffix_same_site(const struct public_suffixes *list, struct str name, struct str domain)
{
    char text[NAME_MAX_BYTES];
    if (name.n <= domain.n || !terminate(name, text))
        return name.n == domain.n;
    const char *end = text + (name.n - domain.n);
    for (const char *at = text; at < end; at = strchr(at, '.') + 1)
        if (psl_is_public_suffix2(list->psl, at, PSL_TYPE_ANY | PSL_TYPE_NO_STAR_RULE))
            return false;
    return true;
}
