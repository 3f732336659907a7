/* Runs the steps: text → tree → variables → written → plan. */
#include "corsd/config/config.h"
#include "corsd/config/compile.h"
#include "corsd/config/expand.h"
#include "corsd/config/file.h"
#include "corsd/config/readers.h"
#include "corsd/config/settings.h"
#include "corsd/plan/plan.h"

static const char *const smallest =
    "the smallest useful one has three keys: listen, upstream and cors";

static bool is_map(struct reading *reading, const struct node *root, const struct place_file *file)
{
    struct place start = {file, 1, 1};
    if (!root || node_is_null(root))
        fault(reading, &start, smallest, "the configuration is empty");
    else if (root->kind == NODE_BAD)
        return false;
    else if (root->kind != NODE_MAP)
        fault(reading, root, smallest, "the configuration is a map of \"key: value\" lines, not %s",
              root->kind == NODE_LIST ? "a list" : "a single value");
    else
        return true;
    return false;
}

static bool compile_tree(struct reading *reading, struct node *root, struct plan *plan)
{
    struct written *written = take(reading, sizeof *written);
    if (!written)
        return false;
    expand_variables(reading, root);
    read_section(reading, &root_key, root, written);
    /* Compiled in spite of faults, to find the others. */
    bool ok = !reading->out_of_memory && compile_plan(reading, written, plan) && plan_seal(plan);
    plan->files = reading->files;
    return ok;
}

static void load_text(struct reading *reading, struct place_file *file, struct plan *plan)
{
    size_t before = reading->diagnostics->errors;
    if (str_starts(file->text, STR("\xef\xbb\xbf")))
        file->text = str_from(file->text, 3); /* a byte order mark */
    struct node *root = yaml_parse(reading, file);
    bool ok = true;
    if (!root && (reading->out_of_memory || reading->diagnostics->errors > before))
        return;
    if (is_map(reading, root, file))
        ok = compile_tree(reading, root, plan);
    reading->out_of_memory |= !ok;
}

static struct str folder_of(struct str path)
{
    size_t slash = str_rfind(path, '/');
    return slash < path.n ? str_head(path, slash + 1) : STR("");
}

static void load_file(struct reading *reading, struct str path, struct plan *plan)
{
    struct buf text = BUF_INIT(YAML_SIZE_MAX);
    struct place_file *file = take(reading, sizeof *file);
    if (file) {
        file->name = plan->file = keep(reading, path);
        reading->folder = folder_of(file->name);
        if (file->name.p && file_read(reading, NULL, path, &text)) {
            file->text = buf_str(&text);
            load_text(reading, file, plan);
            file->text = (struct str){0};
        }
    }
    buf_finish(&text);
}

static void load_settings(struct reading *reading, const struct config_source *source,
                          struct plan *plan)
{
    struct node *root = settings_tree(reading, source);
    if (root)
        reading->out_of_memory |= !compile_tree(reading, root, plan);
}

/* The plan if all went well; sorts and sums up. */
static struct plan *end(struct reading *reading, struct plan *plan, size_t errors_before)
{
    struct diagnostics *diagnostics = reading->diagnostics;
    arena_finish(&reading->scratch);
    if (!plan || reading->out_of_memory)
        diagnostics_add(diagnostics, SEVERITY_ERROR, diagnostics->first_file, 0, 0, (struct str){0},
                        STR("out of memory"), (struct str){0});
    diagnostics_sort(diagnostics);
    if (plan && diagnostics->errors > errors_before) {
        plan_unref(plan);
        plan = NULL;
    }
    return plan;
}

struct plan *config_load(const struct config_source *source, struct diagnostics *diagnostics)
{
    struct plan *plan = plan_create();
    struct reading reading = {.arena = plan ? &plan->arena : NULL, .diagnostics = diagnostics};
    size_t errors = diagnostics->errors;
    reading.has_file = source->file;
    reading.before = source->before;
    diagnostics->strict = source->strict;
    diagnostics->first_file = str_of(source->file);
    if (plan && source->file)
        load_file(&reading, str_of(source->file), plan);
    else if (plan)
        load_settings(&reading, source, plan);
    return end(&reading, plan, errors);
}

struct plan *config_load_text(struct str name, struct str text, struct diagnostics *diagnostics)
{
    struct plan *plan = plan_create();
    struct reading reading = {.arena = plan ? &plan->arena : NULL, .diagnostics = diagnostics};
    struct place_file *file = plan ? take(&reading, sizeof *file) : NULL;
    size_t errors = diagnostics->errors;
    reading.has_file = true;
    diagnostics->first_file = name;
    if (file) {
        *file = (struct place_file){keep(&reading, name), text};
        load_text(&reading, file, plan);
        file->text = (struct str){0};
    }
    return end(&reading, plan, errors);
}
