/* bad/ and good/: each file is a configuration, and behind it in lines that begin with "#> " what
 * corsd says about it. CORSD_UPDATE_CORPUS=1 writes what it says now: for a diff to be read. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "corsd/config/effective.h"
#include "load.h"

enum { FILE_MAX = 1 << 20 };

static void enter_folder(const char *name)
{
    char path[PATH_SIZE];
    cr_assert_eq(chdir(beside_tests(name, path)), 0, "%s", path);
    setenv("CORSD_TEST_EMPTY", "", 1);
    setenv("CORSD_TEST_LINES", "a\nb", 1);
    setenv("CORSD_TEST_WORD", "word", 1);
    setenv("CORSD_TEST_PORT", "8080", 1);
    setenv("CORSD_TEST_ORIGIN", "https://app.example.com", 1);
    unsetenv("CORSD_TEST_UNSET");
}

static void read_file(const char *name, struct buf *out)
{
    FILE *file = fopen(name, "rb");
    cr_assert_not_null(file, "%s", name);
    cr_assert(buf_reserve(out, FILE_MAX - 1));
    out->n = fread(out->p, 1, FILE_MAX - 1, file);
    fclose(file);
}

/* Where the expected lines begin. */
static size_t split_at(struct str text)
{
    for (size_t i = 0; i < text.n; i++)
        if ((i == 0 || text.p[i - 1] == '\n') && str_starts(str_from(text, i), STR("#> ")))
            return i;
    return text.n;
}

static void add_expectation(struct buf *out, struct str printed)
{
    while (printed.n) {
        struct str line = str_cut(&printed, '\n');
        buf_printf(out, "#> %.*s\n", STR_ARG(line));
    }
}

static void update(const char *name, struct str text, struct str expectation)
{
    FILE *file = fopen(name, "wb");
    cr_assert_not_null(file);
    for (size_t i = 0; i < text.n; i++)
        putc(text.p[i], file);
    for (size_t i = 0; i < expectation.n; i++)
        putc(expectation.p[i], file);
    fclose(file);
}

/* The plan, shown, read and shown again, is the same. */
static void check_shown(const char *name, const struct plan *plan)
{
    struct diagnostics diagnostics;
    struct buf once = BUF_INIT(FILE_MAX), twice = BUF_INIT(FILE_MAX), faults = BUF_INIT(FILE_MAX);
    diagnostics_init(&diagnostics);
    config_show(plan, &once);
    struct plan *again = config_load_text(STR("shown.yaml"), buf_str(&once), &diagnostics);
    diagnostics_print(&diagnostics, &faults, false);
    cr_expect_not_null(again, "%s: what is shown is refused:\n%.*s\n%.*s", name,
                       STR_ARG(buf_str(&once)), STR_ARG(buf_str(&faults)));
    if (again)
        config_show(again, &twice);
    cr_expect(str_eq(buf_str(&once), buf_str(&twice)),
              "%s: shown differently the second time:\n%.*s\n%.*s", name, STR_ARG(buf_str(&once)),
              STR_ARG(buf_str(&twice)));
    plan_unref(again);
    diagnostics_finish(&diagnostics);
    buf_finish(&once);
    buf_finish(&twice);
    buf_finish(&faults);
}

static void check_file(const char *name, bool good)
{
    struct diagnostics diagnostics;
    struct buf text = BUF_INIT(FILE_MAX), printed = BUF_INIT(FILE_MAX), now = BUF_INIT(FILE_MAX);
    read_file(name, &text);
    struct str config = str_head(buf_str(&text), split_at(buf_str(&text)));
    struct str wanted = str_from(buf_str(&text), config.n);
    diagnostics_init(&diagnostics);
    struct plan *plan = config_load_text(STR("corsd.yaml"), config, &diagnostics);
    diagnostics_print(&diagnostics, &printed, false);
    add_expectation(&now, buf_str(&printed));
    cr_expect_eq(plan != NULL, good, "%s: %s\n%.*s", name, good ? "refused" : "taken",
                 STR_ARG(buf_str(&printed)));
    cr_expect_eq(plan == NULL, diagnostics.errors > 0, "%s", name);
    if (getenv("CORSD_UPDATE_CORPUS"))
        update(name, config, buf_str(&now));
    else
        cr_expect(str_eq(buf_str(&now), wanted), "%s: says\n%.*s\nnot\n%.*s", name,
                  STR_ARG(buf_str(&now)), STR_ARG(wanted));
    if (plan)
        check_shown(name, plan);
    plan_unref(plan);
    diagnostics_finish(&diagnostics);
    buf_finish(&text);
    buf_finish(&printed);
    buf_finish(&now);
}

static size_t check_folder(const char *folder, bool good)
{
    size_t n = 0;
    enter_folder(folder);
    DIR *dir = opendir(".");
    cr_assert_not_null(dir);
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (!str_ends(str_of(entry->d_name), STR(".yaml")))
            continue;
        check_file(entry->d_name, good);
        n++;
    }
    closedir(dir);
    return n;
}

Test(config_corpus, bad)
{
    cr_expect_geq(check_folder("bad", false), 120);
}

Test(config_corpus, good)
{
    cr_expect_geq(check_folder("good", true), 40);
}
