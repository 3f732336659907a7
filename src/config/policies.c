/* policies and cors: rules as they were written → the specs that cors/policy compiles. */
#include <stdlib.h>
#include "compiler.h"
#include "corsd/config/file.h"
#include "corsd/config/origins_file.h"
#include "corsd/config/readers.h"
#include "corsd/cors/public_suffix.h"

/* --- keys of the whole policy ----------------------------------------------------------------- */

/* Takes into `all` what `rule` names of the whole policy's keys; they must agree. All these keys
 * are struct number, or sections of such. */
static void merge(struct reading *reading, const struct key *keys, bool wide_only, const void *rule,
                  void *all)
{
    char hint[PHRASE];
    for (const struct key *key = keys; key->name; key++) {
        const char *from = (const char *)rule + key->into;
        char *to = (char *)all + key->into;
        if (key->unbuilt || (wide_only && !key->wide))
            continue;
        if (key->type->shape == SHAPE_SECTION) {
            merge(reading, key->keys, false, from, to);
            continue;
        }
        const struct number *number = (const void *)from;
        struct number *known = (void *)to;
        if (!number->at)
            continue;
        if (known->at && known->value != number->value) {
            phrase(hint, sizeof hint, "it holds for the whole policy; line %u says otherwise",
                   known->at->place.line);
            fault(reading, number->at, hint, "the rules do not agree about \"%s\"", key->name);
            continue;
        }
        *known = *number;
    }
}

/* A rule that names all that the others do of these keys. Where they agree, each then says the
 * same, as `show` prints it. */
static struct written_rule merged(struct reading *reading, struct written_rule *rules, size_t n)
{
    struct written_rule all = rules[0];
    size_t errors = reading->diagnostics->errors;
    for (size_t i = 1; i < n; i++)
        merge(reading, rule_item.keys, true, &rules[i], &all);
    for (size_t i = 0; i < n && reading->diagnostics->errors == errors; i++)
        merge(reading, rule_item.keys, true, &all, &rules[i]);
    return all;
}

static struct policy_traits traits_of(const struct written_rule *all)
{
    return (struct policy_traits){
        .upstream_headers = (uint8_t)all->upstream_headers.value,
        .denied = (uint8_t)all->denied.value,
        .mode = (uint8_t)all->mode.value,
        .websocket_origins = (uint8_t)all->websocket_origins.value,
        .timing_allow_origin = (uint8_t)all->timing_allow_origin.value,
        /* the first word of these is 1: 0 is for none */
        .resource_policy = (uint8_t)(all->resource_policy.at ? all->resource_policy.value + 1 : 0),
        .same_site = (uint8_t)(all->cookies.same_site.at ? all->cookies.same_site.value + 1 : 0),
        .enforce_methods = all->enforce_methods.value,
        .allow_private_network = all->allow_private_network.value,
        .cookies_secure = all->cookies.secure.value,
        .cookies_partitioned = all->cookies.partitioned.value,
    };
}

/* --- rules ------------------------------------------------------------------------------------ */

/* Numbers of `preflight_status`, in the order of its choices. */
static const unsigned statuses[] = {200, 202, 204};

static struct rule_spec rule_spec_of(struct reading *reading, const struct written_rule *rule)
{
    if (rule->max_age.at && rule->max_age.value % 1000)
        fault(reading, rule->max_age.at, "browsers count whole seconds: write 1s",
              "\"max_age\" takes whole seconds");
    return (struct rule_spec){
        .allow_origins = rule->allow_origins,
        .allow_methods = rule->allow_methods,
        .allow_headers = rule->allow_headers,
        .expose_headers = rule->expose_headers,
        .allow_credentials = rule->allow_credentials.value,
        .has_max_age = rule->max_age.at != NULL,
        .max_age_s = rule->max_age.value / 1000,
        .preflight_status = statuses[rule->preflight_status.value],
        .dangerous = (unsigned)rule->dangerous.value,
        .place = rule->at,
        .credentials_place = rule->allow_credentials.at,
        .max_age_place = rule->max_age.at,
    };
}

/* Stands for origins that are missing or unreadable, so that the rest is checked all the same; what
 * is said about itself is nobody's business. */
static const struct place stand_in_place = {0};
static const struct spec_text stand_in = {STR_INIT("https://stand-in.invalid"), &stand_in_place};

/* What reports need while one policy is compiled. */
struct reports {
    struct reading *reading;
    const struct origins_file *files; /* one a rule */
    size_t n;
};

static void report(void *ctx, enum fault_level level, const void *place, const char *message,
                   const char *hint)
{
    const struct reports *reports = ctx;
    struct place in_file = {0};
    if (place == &stand_in_place)
        return;
    for (size_t i = 0; i < reports->n; i++) {
        if (!origins_file_has(&reports->files[i], place))
            continue;
        if (is_heard(reports->reading))
            in_file = origins_file_place(&reports->files[i], place);
        place = &in_file;
    }
    if (level == FAULT_ERROR)
        fault(reports->reading, place, hint, "%s", message);
    else
        warn(reports->reading, place, hint, "%s", message);
}

static void check_origins(struct reading *reading, const struct written_rule *rule,
                          struct rule_spec *spec)
{
    if (spec->allow_origins.place || spec->file_origins.place)
        return;
    spec->allow_origins = (struct spec_list){&stand_in, 1, rule->at};
    if (is_missing(&rule_item, rule->at, "allow_origins") &&
        is_missing(&rule_item, rule->at, "allow_origins_file"))
        fault(reading, rule->at, "write allow_origins: [\"https://app.example.com\"]",
              "\"allow_origins\" is missing in a policy");
}

static bool has_wildcard(const struct spec_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        if (list->items[i].text.n > 1 && str_find(list->items[i].text, '*') < list->items[i].text.n)
            return true;
    return false;
}

/* Most configurations need no public suffixes: loaded when they are. */
static const struct public_suffixes *suffixes_for(struct compiler *compiler,
                                                  const struct rule_spec *specs, size_t n)
{
    for (size_t i = 0; i < n && !compiler->suffixes; i++)
        if (has_wildcard(&specs[i].allow_origins) || has_wildcard(&specs[i].file_origins))
            compiler->suffixes = public_suffixes_load(NULL);
    return compiler->suffixes;
}

static void read_file(struct reading *reading, const struct written_rule *rule,
                      struct origins_file *file, struct rule_spec *spec)
{
    const struct spec_text *name = &rule->allow_origins_file;
    if (!name->place)
        return;
    origins_file_read(reading, name, file, &spec->file_origins);
    if (spec->file_origins.place && !spec->file_origins.n && spec->allow_origins.n)
        warn(reading, name->place, "write one origin a line", "%.*s holds no origin",
             EXCERPT_ARG(name->text));
}

static struct policy *create(struct compiler *compiler, const struct written_policy *written,
                             struct str name, struct rule_spec *specs, struct origins_file *files)
{
    struct reading *reading = compiler->reading;
    struct written_rule *rules = written->rules.first;
    struct written_rule all = merged(reading, rules, written->rules.n);
    struct reports reports = {reading, files, written->rules.n};
    for (size_t i = 0; i < written->rules.n; i++) {
        specs[i] = rule_spec_of(reading, &rules[i]);
        read_file(reading, &rules[i], &files[i], &specs[i]);
        check_origins(reading, &rules[i], &specs[i]);
    }
    struct policy_spec spec = {.name = name,
                               .rules = specs,
                               .n_rules = written->rules.n,
                               .traits = traits_of(&all),
                               .place = written->rules.at};
    return policy_create(&spec, suffixes_for(compiler, specs, spec.n_rules), report, &reports);
}

static const struct policy *compile_policy(struct compiler *compiler,
                                           const struct written_policy *written, struct str name)
{
    struct plan *plan = compiler->plan;
    size_t n = written->rules.n;
    struct policy *policy = NULL;
    if (!n)
        return NULL; /* reported when it was read */
    struct rule_spec *specs = calloc(n, sizeof *specs);
    struct origins_file *files = calloc(n, sizeof *files);
    if (specs && files)
        policy = create(compiler, written, name, specs, files);
    else
        compiler->reading->out_of_memory = true;
    for (size_t i = 0; files && i < n; i++)
        origins_file_finish(&files[i]);
    free(files);
    free(specs);
    if (policy)
        plan->policies[plan->n_policies++] = policy;
    return policy;
}

/* --- names ------------------------------------------------------------------------------------ */

static void load_suffixes(struct compiler *compiler, const struct spec_text *file)
{
    struct str path = file_path(compiler->reading, file->text);
    if (!path.p)
        return;
    rest_on(compiler->reading, path);
    compiler->suffixes = public_suffixes_load(path.p);
    if (!compiler->suffixes)
        fault(compiler->reading, file->place, NULL, "%.*s cannot be read as a public suffix list",
              EXCERPT_ARG(path));
    else if (!public_suffixes_are_plausible(compiler->suffixes))
        fault(compiler->reading, file->place,
              "Debian has it: /usr/share/publicsuffix/public_suffix_list.dat",
              "%.*s is not the public suffix list", EXCERPT_ARG(path));
}

bool compile_policies(struct compiler *compiler)
{
    const struct written *written = compiler->written;
    const struct written_policy *items = written->policies.first;
    struct reading *reading = compiler->reading;
    size_t n = written->policies.n, max = n + written->routes.n + 1;
    struct named_policy *named = arena_zalloc(&reading->scratch, (n + 1) * sizeof *named);
    compiler->plan->policies = take(reading, max * sizeof(struct policy *));
    if (!named || !compiler->plan->policies || !names_init(reading, &compiler->policies, n)) {
        reading->out_of_memory = true;
        return false;
    }
    if (written->public_suffix_list.place)
        load_suffixes(compiler, &written->public_suffix_list);
    for (size_t i = 0; i < n; i++) {
        const struct spec_text *name = &items[i].name;
        if (str_eq(name->text, STR("off")))
            fault(reading, name->place, "call it by another name",
                  "a policy cannot be called off: \"cors: off\" means none");
        named[i].written = &items[i];
        named[i].compiled = compile_policy(compiler, &items[i], name->text);
        names_add(&compiler->policies, name->text, &named[i]);
    }
    compiler->named = named;
    compiler->n_named = n;
    return true;
}

static void report_unknown(struct compiler *compiler, const struct spec_text *name)
{
    static const struct str none[] = {STR_INIT("false"), STR_INIT("no"), STR_INIT("none"),
                                      STR_INIT("disabled"), STR_INIT("Off"), STR_INIT("OFF")};
    char text[PHRASE];
    const char *hint = "add it to policies, or write the policy here";
    struct str near = {0};
    if (is_heard(compiler->reading))
        near = names_near(&compiler->policies, name->text);
    if (near.n)
        hint = phrase(text, sizeof text, "did you mean \"%.*s\"?", EXCERPT_ARG(near));
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        if (str_eq(name->text, none[i]))
            hint = "did you mean off?";
    if (str_eq(name->text, STR("*")) || memmem(name->text.p, name->text.n, "://", 3))
        hint = phrase(text, sizeof text, "write cors: {allow_origins: [\"%.*s\"]}",
                      EXCERPT_ARG(name->text));
    fault(compiler->reading, name->place, hint, "there is no policy \"%.*s\"",
          EXCERPT_ARG(name->text));
}

const struct policy *find_policy(struct compiler *compiler, const struct written_cors *cors,
                                 struct str name_inline)
{
    if (!cors->at || cors->off)
        return NULL;
    if (!cors->name.place)
        return compile_policy(compiler, &cors->policy, name_inline);
    struct named_policy *named = names_find(&compiler->policies, cors->name.text);
    if (!named) {
        report_unknown(compiler, &cors->name);
        return NULL;
    }
    named->used = true;
    return named->compiled;
}
