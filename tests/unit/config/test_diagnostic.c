#include "corsd/config/nearest.h"
#include "load.h"

static struct diagnostics begun(void)
{
    struct diagnostics diagnostics;
    diagnostics_init(&diagnostics);
    return diagnostics;
}

static void add(struct diagnostics *diagnostics, const char *file, unsigned line, unsigned column,
                const char *quoted, const char *message)
{
    diagnostics_add(diagnostics, SEVERITY_ERROR, str_of(file), line, column, str_of(quoted),
                    str_of(message), STR(""));
}

static void expect_printed(struct diagnostics *diagnostics, const char *want)
{
    struct buf out = BUF_INIT(1 << 16);
    diagnostics_sort(diagnostics);
    diagnostics_print(diagnostics, &out, false);
    buf_add_char(&out, 0);
    cr_expect_str_eq(out.p, want);
    buf_finish(&out);
    diagnostics_finish(diagnostics);
}

Test(diagnostic, order_of_place_by_file)
{
    struct diagnostics diagnostics = begun();
    diagnostics.first_file = STR("main");
    add(&diagnostics, "other", 1, 1, "", "o");
    add(&diagnostics, "main", 2, 5, "", "c");
    add(&diagnostics, "main", 2, 1, "", "b");
    add(&diagnostics, "other", 1, 1, "", "p");
    add(&diagnostics, "main", 0, 0, "", "a");
    add(&diagnostics, "main", 2, 5, "", "c");
    expect_printed(&diagnostics, "main: error: a\nmain:2:1: error: b\nmain:2:5: error: c\n"
                                 "other:1:1: error: o\nother:1:1: error: p\n");
}

Test(diagnostic, repetitions_do_not_count)
{
    struct diagnostics diagnostics = begun();
    for (int i = 0; i < 3; i++)
        add(&diagnostics, "f", 1, 1, "", "m");
    diagnostics_sort(&diagnostics);
    cr_expect_eq(diagnostics.errors, 1);
    cr_expect_eq(diagnostics.n, 1);
    diagnostics_finish(&diagnostics);
}

Test(diagnostic, caret_behind_tabs_and_wide_bytes)
{
    struct diagnostics diagnostics = begun();
    add(&diagnostics, "f", 1, 4, "\tü x", "m");
    expect_printed(&diagnostics, "f:1:4: error: m\n     ü x\n       ^\n");
}

Test(diagnostic, nothing_a_terminal_obeys)
{
    struct diagnostics diagnostics = begun();
    add(&diagnostics, "f\033[2J", 1, 1, "a\033[31m\xc2\x9b\xff", "m\n\007");
    expect_printed(&diagnostics, "f?[2J:1:1: error: m??\n    a?[31m??\n    ^\n");
}

Test(diagnostic, a_long_line_is_quoted_in_part)
{
    char line[1001];
    struct diagnostics diagnostics = begun();
    struct buf out = BUF_INIT(1 << 16);
    memset(line, 'a', 1000);
    line[1000] = 0;
    line[499] = 'X';
    add(&diagnostics, "f", 1, 500, line, "m");
    diagnostics_print(&diagnostics, &out, false);
    buf_add_char(&out, 0);
    const char *x = strchr(out.p, 'X'), *caret = strchr(out.p, '^');
    cr_assert(x && caret);
    const char *quoted = strchr(out.p, '\n') + 1, *under = strchr(quoted, '\n') + 1;
    cr_expect_eq(x - quoted, caret - under);
    cr_expect_lt(under - quoted, 200);
    buf_finish(&out);
    diagnostics_finish(&diagnostics);
}

Test(diagnostic, json)
{
    struct loaded loaded = load_text(STR("listen: 8080\nupstream: http://127.0.0.1:3000\n"));
    struct buf out = BUF_INIT(1 << 16);
    diagnostics_json(&loaded.diagnostics, &out);
    buf_add_char(&out, 0);
    cr_expect_str_eq(
        out.p,
        "{\n  \"errors\": 1,\n  \"warnings\": 1,\n  \"diagnostics\": [\n"
        "    {\n      \"severity\": \"warning\",\n      \"file\": \"corsd.yaml\",\n"
        "      \"line\": 1,\n      \"column\": 1,\n      \"message\": "
        "\"\\\"cors\\\" is missing: no answer gets CORS headers\",\n"
        "      \"hint\": "
        "\"write cors: {allow_origins: [\\\"https://app.example.com\\\"]}, or cors: off\"\n"
        "    },\n"
        "    {\n      \"severity\": \"error\",\n      \"file\": \"corsd.yaml\",\n"
        "      \"line\": 1,\n"
        "      \"column\": 9,\n      \"message\": \"\\\"8080\\\": the address has no port\",\n"
        "      \"hint\": \"write 127.0.0.1:8080 for this machine only, :8080 for all\"\n"
        "    }\n  ]\n}\n");
    buf_finish(&out);
    loaded_finish(&loaded);
}

Test(diagnostic, strict)
{
    const char *const settings[] = {"--listen=:80", "--upstream=http://127.0.0.1:3000"};
    struct config_source source = {.settings = settings, .n_settings = 2};
    struct loaded loaded = load_source(source);
    cr_expect_not_null(loaded.plan);
    cr_expect_eq(loaded.diagnostics.warnings, 1);
    loaded_finish(&loaded);
    source.strict = true;
    loaded = load_source(source);
    cr_expect_null(loaded.plan);
    cr_expect_eq(loaded.diagnostics.errors, 1);
    cr_expect_eq(loaded.diagnostics.warnings, 0);
    loaded_finish(&loaded);
}

static const struct {
    const char *a, *b;
    unsigned distance;
} distance_rows[] = {
    {"listen", "listen", 0},        {"lisen", "listen", 1},           {"lsiten", "listen", 1},
    {"allow-origins", "allow_origins", 0}, {"allowOrigins", "allow_origins", 0},
    {"LISTEN", "listen", 0},        {"cors", "core", 1},              {"abc", "xyz", 3},
    {"", "a", 4},                   {"a", "", 4},                     {"ca", "abc", 3},
};

Test(nearest, distance)
{
    for (size_t i = 0; i < sizeof distance_rows / sizeof *distance_rows; i++)
        cr_expect_eq(typo_distance(str_of(distance_rows[i].a), str_of(distance_rows[i].b), 3),
                     distance_rows[i].distance, "%s, %s", distance_rows[i].a, distance_rows[i].b);
}
