/* What is printed from the tables, and the examples. CORSD_UPDATE_CORPUS=1 writes the files anew.
 */
#include <dirent.h>
#include <stdlib.h>
#include "corsd/config/describe.h"
#include "corsd/config/keys.h"
#include "corsd/config/readers.h"
#include "load.h"

enum { TEXT_MAX = 1 << 20 };

static const struct {
    const char *file;
    void (*describe)(struct buf *out);
} printed_rows[] = {
    {"../../../config/corsd.schema.json", describe_schema},
    {"../../../docs/corsd.yaml.5", describe_manual},
    {"../../../docs/keys.md", describe_markdown},
};

static void write_file(const char *path, struct str text)
{
    FILE *file = fopen(path, "wb");
    cr_assert_not_null(file, "%s", path);
    cr_assert_eq(fwrite(text.p, 1, text.n, file), text.n);
    fclose(file);
}

Test(config_describe, printed_files_are_of_these_tables)
{
    for (size_t i = 0; i < sizeof printed_rows / sizeof *printed_rows; i++) {
        char path[PATH_SIZE];
        struct buf now = BUF_INIT(TEXT_MAX), kept = BUF_INIT(TEXT_MAX);
        beside_tests(printed_rows[i].file, path);
        printed_rows[i].describe(&now);
        cr_assert_not(now.failed);
        if (getenv("CORSD_UPDATE_CORPUS"))
            write_file(path, buf_str(&now));
        FILE *file = fopen(path, "rb");
        cr_assert_not_null(file, "%s", path);
        cr_assert(buf_reserve(&kept, TEXT_MAX));
        kept.n = fread(kept.p, 1, TEXT_MAX, file);
        fclose(file);
        cr_expect(str_eq(buf_str(&now), buf_str(&kept)),
                  "%s is not what the tables say: run again with CORSD_UPDATE_CORPUS=1", path);
        buf_finish(&now);
        buf_finish(&kept);
    }
}

Test(config_describe, examples)
{
    char folder[PATH_SIZE];
    size_t n = 0;
    DIR *dir = opendir(beside_tests("../../../config", folder));
    cr_assert_not_null(dir, "%s", folder);
    for (struct dirent *entry; (entry = readdir(dir));) {
        char path[PATH_SIZE + 256];
        if (!str_ends(str_of(entry->d_name), STR(".yaml")))
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        struct loaded loaded = load_source((struct config_source){.file = path, .strict = true});
        cr_expect_not_null(loaded.plan, "%s", loaded.printed.p);
        loaded_finish(&loaded);
        n++;
    }
    closedir(dir);
    cr_expect_geq(n, 8);
}

/* --- the tables themselves -------------------------------------------------------------------- */

static bool is_section(const struct key *key)
{
    return key->keys && key->type && key->type->shape == SHAPE_SECTION;
}

static void check_row(const struct key *key)
{
    cr_expect(key->doc && *key->doc, "%s has no words", key->name);
    cr_expect(key->doc && key->doc[strlen(key->doc) - 1] == '.', "%s: no sentence", key->name);
    if (key->unbuilt)
        return;
    cr_expect_not_null(key->type, "%s", key->name);
    cr_expect(key->example && *key->example, "%s has no example", key->name);
    cr_expect(!key->choices || key->type->shape == SHAPE_CHOICE ||
                  key->type->shape == SHAPE_CHOICES,
              "%s", key->name);
    cr_expect(!(key->required && key->fallback), "%s", key->name);
    cr_expect(key->type->shape != SHAPE_FLAG || key->fallback, "%s: a flag has a default",
              key->name);
}

static void check_table(const struct key *keys, unsigned depth)
{
    cr_assert_lt(depth, 8);
    for (const struct key *key = keys; key->name; key++) {
        check_row(key);
        cr_expect_eq(key_named(keys, str_of(key->name)), key, "%s stands there twice", key->name);
        if (is_section(key))
            check_table(key->keys, depth + 1);
        if (key->item && key->item->keys)
            check_table(key->item->keys, depth + 1);
    }
}

Test(config_describe, every_row_is_whole)
{
    check_table(root_key.keys, 0);
    check_table(rule_item.keys, 0);
}

static void check_example(const struct key *key, const char *format)
{
    char text[1024];
    snprintf(text, sizeof text, format, key->name, key->example);
    struct loaded loaded = load_text(str_of(text));
    for (size_t i = 0; i < loaded.diagnostics.n; i++) {
        struct str message = loaded.diagnostics.items[i].message;
        bool elsewhere =
            str_starts(message, STR("there is no")) || str_starts(message, STR("cannot read"));
        cr_expect(elsewhere || loaded.diagnostics.items[i].severity == SEVERITY_WARNING, "%s\n%s",
                  text, loaded.printed.p);
    }
    loaded_finish(&loaded);
}

/* Names that an example uses may be missing; nothing else may be wrong. */
Test(config_describe, every_example_is_taken)
{
    static const struct {
        const char *format, *also; /* keys that the format has already */
        const struct key *section;
    } sections[] = {
        {"listen: :1\nupstream: http://127.0.0.1:3000\n%s: %s\n", "listen upstream", &root_key},
        {"listen: :1\nupstream: http://127.0.0.1:3000\ncors:\n"
         "  allow_origins: [https://a.example]\n"
         "  %s: %s\n",
         "allow_origins", &rule_item},
        {"listen: :1\nupstream: u\nupstreams:\n  u:\n    url: http://127.0.0.1:3000\n    %s: %s\n",
         "url servers", &upstream_item},
        {"listen: :1\nupstream: u\nupstreams:\n  u:\n    %s: %s\n",
         "host origin tls balance health max_fails fail_timeout slow_start max_connections queue "
         "connect_timeout response_timeout idle_timeout max_idle max_age accept_bare_lf",
         &upstream_item},
        {"listen: :1\nupstream: http://127.0.0.1:3000\nroutes:\n  - %s: %s\n", "", &route_item},
    };
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++)
        for (const struct key *key = sections[i].section->keys; key->name; key++) {
            if (key->unbuilt)
                continue;
            if (word_number(sections[i].also, str_of(key->name)) < 0)
                check_example(key, sections[i].format);
            for (const struct key *inner = key->keys; inner && inner->name; inner++) {
                char format[512];
                snprintf(format, sizeof format,
                         "listen: :1\nupstream: http://127.0.0.1:3000\n%s:\n  %%s: %%s\n",
                         key->name);
                if (sections[i].section == &root_key && !inner->unbuilt)
                    check_example(inner, format);
            }
        }
}
