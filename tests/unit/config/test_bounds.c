/* What is too much: ends with a message, in little time. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include "load.h"

static const char base[] = "listen: 127.0.0.1:8080\nupstream: http://127.0.0.1:3000\n";

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* head, then n times `piece` with its number for `#`, then `tail`. */
static struct buf repeated(const char *head, const char *piece, size_t n, const char *tail)
{
    struct buf text = BUF_INIT(64 << 20);
    struct str whole = str_of(piece);
    size_t hash = str_find(whole, '#');
    bool numbered = hash < whole.n;
    buf_add(&text, str_of(head));
    for (size_t i = 0; i < n; i++) {
        buf_add(&text, str_head(whole, hash));
        if (numbered)
            buf_add_u64(&text, i);
        buf_add(&text, str_from(whole, hash + numbered));
    }
    buf_add(&text, str_of(tail));
    cr_assert_not(text.failed);
    return text;
}

Test(config_bounds, alias_bomb)
{
    struct buf text = BUF_INIT(1 << 20);
    buf_add(&text, STR("a: &a [x, x, x, x, x, x, x, x, x, x]\n"));
    for (char c = 'b'; c <= 'p'; c++)
        buf_printf(&text, "%c: &%c [*%c, *%c, *%c, *%c, *%c, *%c, *%c, *%c, *%c, *%c]\n", c, c,
                   c - 1, c - 1, c - 1, c - 1, c - 1, c - 1, c - 1, c - 1, c - 1, c - 1);
    struct loaded loaded = load_text(buf_str(&text));
    cr_expect_null(loaded.plan);
    cr_expect(says(&loaded, "more than 500000 values once its aliases are written out"), "%s",
              loaded.printed.p);
    loaded_finish(&loaded);
    buf_finish(&text);
}

Test(config_bounds, aliases_of_a_large_list)
{
    struct buf text = BUF_INIT(8 << 20);
    buf_add(&text, str_of(base));
    buf_add(&text, STR("policies:\n  p: {allow_origins: &o ["));
    for (int i = 0; i < 1000; i++)
        buf_printf(&text, "\"https://t%d.example\",", i);
    buf_add(&text, STR("]}\n"));
    for (int i = 0; i < 1000; i++)
        buf_printf(&text, "  p%d: {allow_origins: *o}\n", i);
    struct loaded loaded = load_text(buf_str(&text));
    cr_expect(says(&loaded, "values once its aliases"), "%s", loaded.printed.p);
    loaded_finish(&loaded);
    buf_finish(&text);
}

Test(config_bounds, anchors)
{
    struct buf text = repeated("x: [", "&x# y, ", 1001, "]\n");
    struct loaded loaded = load_text(buf_str(&text));
    cr_expect_null(loaded.plan);
    cr_expect(says(&loaded, "more than 1000 anchors"), "%s", loaded.printed.p);
    loaded_finish(&loaded);
    buf_finish(&text);
}

static const struct {
    const char *name, *head, *piece, *says;
    size_t n;
} many_rows[] = {
    {"values", "x: [", "a,", "more than 500000 values", 600000},
    {"nested lists", "x: ", "[", "nested deeper than 16", 1000000},
    {"nested maps", "x: ", "{a: ", "nested deeper than 16", 1000000},
    {"nested blocks", "", "- ", "nested deeper than 16", 1000000},
    {"keys of one map", base, "key number #\n", "without a colon", 100000},
    {"question marks", "", "? ", "", 1000000},
    {"quotes", "x: ", "\"", "", 1000000},
    {"one long word", base, "wordwordword", "", 300000},
    {"one long comment", "# ", "comment ", "empty", 300000},
    {"empty lines", base, "\n", "cors", 4000000},
    {"document markers", "", "---\n", "", 1000000},
    {"exclamation marks", "x: ", "!", "", 1000000},
    {"anchors in a row", "x: ", "&a ", "", 1000000},
    {"aliases in a row", "x: ", "*a ", "", 1000000},
    {"percent signs", "", "%", "", 1000000},
    {"carriage returns", base, "\r", "cors", 4000000},
};

Test(config_bounds, much_of_one_thing)
{
    for (size_t i = 0; i < sizeof many_rows / sizeof *many_rows; i++) {
        struct buf text = repeated(many_rows[i].head, many_rows[i].piece, many_rows[i].n, "\n");
        double start = seconds();
        struct loaded loaded = load_text(buf_str(&text));
        cr_expect_lt(seconds() - start, 20.0, "%s: %.1f s", many_rows[i].name, seconds() - start);
        cr_expect(says(&loaded, many_rows[i].says), "%s: %.500s", many_rows[i].name,
                  loaded.printed.p);
        loaded_finish(&loaded);
        buf_finish(&text);
    }
}

Test(config_bounds, many_faults)
{
    struct buf text = BUF_INIT(8 << 20);
    buf_add(&text, str_of(base));
    for (int i = 0; i < 100000; i++)
        buf_printf(&text, "unknown_%d: 1\n", i);
    double start = seconds();
    struct loaded loaded = load_text(buf_str(&text));
    cr_expect_lt(seconds() - start, 20.0);
    cr_expect_eq(loaded.diagnostics.errors, 100000);
    cr_expect_eq(loaded.diagnostics.n, DIAGNOSTICS_MAX);
    cr_expect(says(&loaded, "and 99501 more that are not shown\n")); /* a warning among them */
    loaded_finish(&loaded);
    buf_finish(&text);
}

Test(config_bounds, many_duplicates)
{
    struct buf text = BUF_INIT(8 << 20);
    for (int i = 0; i < 200000; i++)
        buf_add(&text, STR("listen: :80\n"));
    double start = seconds();
    struct loaded loaded = load_text(buf_str(&text));
    cr_expect_lt(seconds() - start, 20.0);
    cr_expect_eq(loaded.diagnostics.errors, 200000); /* one missing upstream, one listen is right */
    loaded_finish(&loaded);
    buf_finish(&text);
}

Test(config_bounds, many_routes)
{
    struct buf text = BUF_INIT(8 << 20);
    buf_add(&text, str_of(base));
    buf_add(&text, STR("cors: off\nroutes:\n"));
    for (int i = 0; i < 20000; i++)
        buf_printf(&text, "  - {path: /r%d, upstream: \"http://127.0.0.1:%d\"}\n", i,
                   10000 + i % 5000);
    double start = seconds();
    struct loaded loaded = load_text(buf_str(&text));
    cr_expect_lt(seconds() - start, 20.0);
    cr_assert_not_null(loaded.plan, "%.500s", loaded.printed.p);
    cr_expect_eq(loaded.plan->n_routes, 20001);
    cr_expect_eq(loaded.plan->n_upstreams, 5001);
    loaded_finish(&loaded);
    buf_finish(&text);
}

Test(config_bounds, unknown_names_among_many)
{
    struct buf text = BUF_INIT(8 << 20);
    buf_add(&text, str_of(base));
    buf_add(&text, STR("cors: off\npolicies:\n"));
    for (int i = 0; i < 20000; i++)
        buf_printf(&text, "  policy_number_%d: {allow_origins: [\"*\"]}\n", i);
    buf_add(&text, STR("routes:\n"));
    for (int i = 0; i < 20000; i++)
        buf_printf(&text, "  - {path: /r%d, cors: policy_numbers_%d}\n", i, i);
    double start = seconds();
    struct loaded loaded = load_text(buf_str(&text));
    cr_expect_lt(seconds() - start, 60.0);
    cr_expect_eq(loaded.diagnostics.errors, 20000);
    loaded_finish(&loaded);
    buf_finish(&text);
}

Test(config_bounds, a_file_that_is_too_large)
{
    char path[] = "/tmp/corsd-test-XXXXXX";
    int fd = mkstemp(path);
    cr_assert_geq(fd, 0);
    cr_assert_eq(ftruncate(fd, (4 << 20) + 1), 0);
    struct loaded loaded = load_source((struct config_source){.file = path});
    cr_expect_null(loaded.plan);
    cr_expect(says(&loaded, "is larger than 4194304 bytes"), "%s", loaded.printed.p);
    loaded_finish(&loaded);
    close(fd);
    unlink(path);
}

Test(config_bounds, files_that_are_none)
{
    struct loaded loaded = load_source((struct config_source){.file = "/nonexistent/corsd.yaml"});
    cr_expect_str_eq(loaded.printed.p, "/nonexistent/corsd.yaml: error: cannot read "
                                       "/nonexistent/corsd.yaml: No such file or directory\n");
    loaded_finish(&loaded);
    loaded = load_source((struct config_source){.file = "/"});
    cr_expect_str_eq(loaded.printed.p, "/: error: cannot read /: Is a directory\n");
    loaded_finish(&loaded);
    loaded = load_source((struct config_source){.file = "/dev/null"});
    cr_expect(says(&loaded, "/dev/null:1:1: error: the configuration is empty"), "%s",
              loaded.printed.p);
    loaded_finish(&loaded);
    loaded = load_source((struct config_source){.file = "/dev/zero"});
    cr_expect(says(&loaded, "is larger than"), "%s", loaded.printed.p);
    loaded_finish(&loaded);
}

/* Each fault of a file of origins has its line, and after some hundreds they are only counted. */
Test(config_bounds, a_file_of_faults)
{
    char path[] = "/tmp/corsd-test-XXXXXX", text[256];
    int fd = mkstemp(path);
    cr_assert_geq(fd, 0);
    FILE *file = fdopen(fd, "w");
    cr_assert_not_null(file);
    for (int i = 1; i <= 20000; i++)
        fprintf(file, i % 2 ? "  ü%d.example\n" : "https://a%d.example\n", i);
    fclose(file);
    snprintf(text, sizeof text, "%scors: {allow_origins_file: %s}\n", base, path);
    double start = seconds();
    struct loaded loaded = load_text(str_of(text));
    cr_expect_lt(seconds() - start, 20.0);
    cr_expect_eq(loaded.diagnostics.errors, 10000);
    cr_expect_eq(loaded.diagnostics.n, DIAGNOSTICS_MAX);
    for (size_t i = 0; i < loaded.diagnostics.n; i++) {
        cr_expect_eq(loaded.diagnostics.items[i].line, 2 * i + 1);
        cr_expect_eq(loaded.diagnostics.items[i].column, 3);
    }
    loaded_finish(&loaded);
    unlink(path);
}
