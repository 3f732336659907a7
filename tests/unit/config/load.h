/* Loads a configuration and prints what is said about it; each buffer is freed by loaded_finish. */
#pragma once
#include <stdio.h>
#include <unistd.h>
#include <criterion/criterion.h>
#include "corsd/config/config.h"
#include "corsd/config/diagnostic.h"
#include "corsd/plan/plan.h"

struct loaded {
    struct plan *plan;
    struct diagnostics diagnostics;
    struct buf printed; /* ends with a NUL that does not count */
};

static inline void loaded_print(struct loaded *loaded)
{
    loaded->printed = BUF_INIT(1 << 24);
    diagnostics_print(&loaded->diagnostics, &loaded->printed, false);
    buf_add_char(&loaded->printed, 0);
    loaded->printed.n--;
}

static inline struct loaded load_text(struct str text)
{
    struct loaded loaded = {0};
    diagnostics_init(&loaded.diagnostics);
    loaded.plan = config_load_text(STR("corsd.yaml"), text, &loaded.diagnostics);
    loaded_print(&loaded);
    return loaded;
}

static inline struct loaded load_source(struct config_source source)
{
    struct loaded loaded = {0};
    diagnostics_init(&loaded.diagnostics);
    loaded.plan = config_load(&source, &loaded.diagnostics);
    loaded_print(&loaded);
    return loaded;
}

static inline void loaded_finish(struct loaded *loaded)
{
    plan_unref(loaded->plan);
    diagnostics_finish(&loaded->diagnostics);
    buf_finish(&loaded->printed);
}

static inline bool says(const struct loaded *loaded, const char *words)
{
    return strstr(loaded->printed.p, words) != NULL;
}

/* The path of a file in tests/unit/config, or above it. The compiler names sources from the build
 * folder, which is three levels above this program. */
enum { PATH_SIZE = 8192 };
static inline char *beside_tests(const char *name, char path[PATH_SIZE])
{
    const char *slash = strrchr(__FILE__, '/');
    ssize_t n = readlink("/proc/self/exe", path, PATH_SIZE / 2);
    cr_assert_gt(n, 0);
    for (int up = 0; up < 3; up++)
        while (n > 0 && path[--n] != '/')
            ;
    if (__FILE__[0] == '/')
        n = 0;
    snprintf(path + n, PATH_SIZE - (size_t)n, "%s%.*s/%s", n ? "/" : "", (int)(slash - __FILE__),
             __FILE__, name);
    return path;
}
