/* Compiling a policy: its rules' origins into one set, its faults into reports. */
#include "corsd/cors/policy.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include "compile.h"
#include "corsd/cors/origin_set.h"
#include "corsd/cors/pattern.h"

enum {
    CHROMIUM_MAX_AGE_S = 2 * 3600,
    LARGEST_MAX_AGE_S = 24 * 3600, /* Firefox's cap */
    EXACT_ORIGINS_MAX = 1024,
    MESSAGE_MAX = 512,
    FILE_WARNINGS_MAX = 5, /* of one kind a file; then they are counted */
};

struct policy_memory {
    struct arena arena;
    struct origin_set *origins;
};

/* --- reporting -------------------------------------------------------------------------------- */

void complain(struct compile *compile, enum fault_level level, const void *place, const char *hint,
              const char *message, ...)
{
    char text[MESSAGE_MAX];
    va_list args;
    va_start(args, message);
    vsnprintf(text, sizeof text, message, args);
    va_end(args);
    compile->errors += level == FAULT_ERROR;
    if (compile->report)
        compile->report(compile->ctx, level, place, text, hint);
}

void complain_no_memory(struct compile *compile)
{
    complain(compile, FAULT_ERROR, NULL, "", "out of memory");
}

/* --- origins ---------------------------------------------------------------------------------- */

/* One rule's origins while they are read. */
struct reading {
    struct compile *compile;
    const struct rule_spec *spec;
    struct rule *rule;
    struct origin_set *set;
    const struct public_suffixes *suffixes;
    struct buf *exact;    /* the policy's list for Timing-Allow-Origin */
    size_t file_insecure; /* warnings about lines of the file, those left out included */
    size_t file_twice;
    bool in_file;
    bool failed; /* out of memory */
};

/* Whether one more warning of this kind is to be said: a file of 100,000 lines is not to make
 * 100,000 of them. */
static bool may_warn(const struct reading *reading, size_t *count)
{
    return !reading->in_file || ++*count <= FILE_WARNINGS_MAX;
}

static void check_insecure(struct reading *reading, const struct pattern *pattern,
                           const void *place)
{
    struct compile *compile = reading->compile;
    if (!pattern_is_insecure(pattern) || reading->spec->dangerous & DANGEROUS_HTTP_WITH_CREDENTIALS)
        return;
    if (reading->rule->credentials)
        complain(compile, FAULT_ERROR, place,
                 "write https://, or put http_with_credentials under dangerous: anyone on the "
                 "network between can forge its pages and use its visitors' cookies",
                 "\"%.*s\" is not encrypted, and allow_credentials is on", STR_ARG(pattern->text));
    else if (may_warn(reading, &reading->file_insecure))
        complain(compile, FAULT_WARNING, place,
                 "write https:// where the page has it: anyone on the network between can forge "
                 "pages of http://",
                 "\"%.*s\" is not encrypted", STR_ARG(pattern->text));
}

static void check_null(struct reading *reading, const void *place)
{
    if (reading->rule->credentials && !(reading->spec->dangerous & DANGEROUS_NULL_WITH_CREDENTIALS))
        complain(reading->compile, FAULT_ERROR, place,
                 "any page can have the origin null, by a sandboxed frame: remove it, or put "
                 "null_with_credentials under dangerous",
                 "\"null\" with allow_credentials lets every page in");
}

static void check_star(struct reading *reading, const void *place)
{
    const struct rule_spec *spec = reading->spec;
    if (spec->allow_origins.n + spec->file_origins.n > 1)
        complain(reading->compile, FAULT_ERROR, place,
                 "\"*\" allows every origin already: remove it, or all the others",
                 "\"*\" stands beside other origins");
    if (reading->rule->credentials)
        complain(reading->compile, FAULT_ERROR, place,
                 "browsers refuse it: name the origins, or set allow_credentials: false",
                 "\"*\" cannot go with allow_credentials: true");
    reading->rule->any_origin = true;
}

static void note_exact(struct reading *reading, const struct pattern *pattern)
{
    struct buf *exact = reading->exact;
    if (pattern->kind != PATTERN_EXACT || exact->n + 2 + pattern->text.n > EXACT_ORIGINS_MAX)
        return;
    if (exact->n)
        buf_add(exact, STR(", "));
    buf_add(exact, pattern->text);
}

static void add_to_set(struct reading *reading, const struct pattern *pattern, const void *place)
{
    bool unbounded = reading->spec->dangerous & DANGEROUS_PUBLIC_SUFFIX_PATTERNS;
    uint16_t earlier, rule = reading->rule->index;
    switch (origin_set_add(reading->set, pattern, rule, unbounded, &earlier)) {
    case ORIGIN_SET_ADDED: note_exact(reading, pattern); break;
    case ORIGIN_SET_NO_MEMORY: reading->failed = true; break;
    case ORIGIN_SET_TWICE:
        if (may_warn(reading, &reading->file_twice))
            complain(reading->compile, FAULT_WARNING, place,
                     earlier == rule ? "remove one of them"
                                     : "remove one of them: the first rule that matches decides",
                     earlier == rule ? "\"%.*s\" is listed twice"
                                     : "\"%.*s\" is listed in an earlier rule too",
                     STR_ARG(pattern->text));
        break;
    }
}

static void read_origin(struct reading *reading, const struct spec_text *item)
{
    struct pattern pattern;
    struct pattern_problem problem;
    enum pattern_fault fault = pattern_parse(item->text, &pattern, &problem);
    if (fault == PATTERN_OK && !(reading->spec->dangerous & DANGEROUS_PUBLIC_SUFFIX_PATTERNS))
        fault = pattern_check_reach(&pattern, reading->suffixes, &problem);
    if (fault != PATTERN_OK) {
        complain(reading->compile, FAULT_ERROR, item->place, problem.hint, "%s", problem.message);
        return;
    }
    if (pattern.kind == PATTERN_ANY_ORIGIN) {
        check_star(reading, item->place);
        return;
    }
    if (pattern.kind == PATTERN_NULL_ORIGIN)
        check_null(reading, item->place);
    check_insecure(reading, &pattern, item->place);
    add_to_set(reading, &pattern, item->place);
}

static void read_list(struct reading *reading, const struct spec_list *list)
{
    for (size_t i = 0; i < list->n && !reading->failed; i++)
        read_origin(reading, &list->items[i]);
}

static void warn_uncounted(struct reading *reading, size_t count, const char *what)
{
    if (count > FILE_WARNINGS_MAX)
        complain(reading->compile, FAULT_WARNING, reading->spec->file_origins.place, "",
                 "%zu more origins of the file are %s", count - FILE_WARNINGS_MAX, what);
}

static void read_origins(struct reading *reading)
{
    const struct rule_spec *spec = reading->spec;
    const void *place =
        spec->allow_origins.place ? spec->allow_origins.place : spec->file_origins.place;
    if (!spec->allow_origins.n && !spec->file_origins.n)
        complain(reading->compile, FAULT_ERROR, place ? place : spec->place,
                 "name the origins of the pages, such as https://app.example.com",
                 place ? "the list of origins is empty" : "allow_origins is missing");
    read_list(reading, &spec->allow_origins);
    reading->in_file = true;
    read_list(reading, &spec->file_origins);
    warn_uncounted(reading, reading->file_insecure, "not encrypted");
    warn_uncounted(reading, reading->file_twice, "listed twice");
}

/* --- rules ------------------------------------------------------------------------------------ */

static void check_max_age(struct compile *compile, const struct rule_spec *spec)
{
    const void *place = spec->max_age_place ? spec->max_age_place : spec->place;
    if (!spec->has_max_age || spec->max_age_s <= CHROMIUM_MAX_AGE_S)
        return;
    if (spec->max_age_s > LARGEST_MAX_AGE_S)
        complain(compile, FAULT_ERROR, place,
                 "no browser keeps a preflight longer: Firefox caps it at 24h, Chromium at 2h",
                 "max_age is above 24h");
    else
        complain(compile, FAULT_WARNING, place, "Chromium caps it at 2h, Firefox at 24h",
                 "max_age is above 2h");
}

static void check_status(struct compile *compile, const struct rule_spec *spec)
{
    unsigned status = spec->preflight_status;
    if (status && status != 200 && status != 202 && status != 204)
        complain(compile, FAULT_ERROR, spec->place, "write 200, 202 or 204",
                 "preflight_status %u is not one that browsers and proxies agree on", status);
}

static bool compile_rule(struct reading *reading)
{
    struct compile *compile = reading->compile;
    const struct rule_spec *spec = reading->spec;
    struct rule *rule = reading->rule;
    rule->credentials = spec->allow_credentials;
    rule->preflight_status = spec->preflight_status ? (uint16_t)spec->preflight_status : 204;
    rule->place = spec->place;
    read_origins(reading);
    check_max_age(compile, spec);
    check_status(compile, spec);
    if (reading->failed) {
        complain_no_memory(compile);
        return false;
    }
    return compile_names(compile, spec, rule) && compile_lines(compile, spec, rule);
}

static void warn_unreached(struct compile *compile, const struct policy *policy)
{
    for (size_t i = 1; i < policy->n_rules; i++) {
        const struct rule *rule = &policy->rules[i], *star = policy->star_rule;
        if (star && star->index < i)
            complain(compile, FAULT_WARNING, rule->place, "put it before that rule, or remove it",
                     "this rule can never match: an earlier one allows every origin");
        else if (!rule->any_origin && !origin_set_reaches(policy->origins, rule->index))
            complain(compile, FAULT_WARNING, rule->place,
                     "the first rule that matches decides: put this one before them, or remove it",
                     "this rule can never match: earlier ones cover all its origins");
    }
}

static void check_cookies(struct compile *compile, const struct policy_spec *spec)
{
    const struct policy_traits *traits = &spec->traits;
    if (traits->cookies_secure)
        return;
    if (traits->same_site == SAME_SITE_NONE)
        complain(compile, FAULT_WARNING, spec->place, "add secure: true",
                 "browsers drop cookies with same_site: none that are not secure");
    if (traits->cookies_partitioned)
        complain(compile, FAULT_WARNING, spec->place, "add secure: true",
                 "browsers drop partitioned cookies that are not secure");
}

/* --- the policy ------------------------------------------------------------------------------- */

static void summarise(struct policy *policy)
{
    policy->star_always = true;
    for (size_t i = 0; i < policy->n_rules; i++) {
        const struct rule *rule = &policy->rules[i];
        bool star = rule->any_origin && !rule->credentials;
        policy->star_always = policy->star_always && star;
        if (star && !policy->star_rule)
            policy->star_rule = rule;
    }
    /* Whether a method is refused depends on whether the request is cross-origin. */
    policy->vary_origin = !policy->star_always || policy->traits.enforce_methods;
}

static bool compile_rules(struct compile *compile, const struct policy_spec *spec,
                          const struct public_suffixes *suffixes, struct policy *policy,
                          struct buf *exact)
{
    struct rule *rules = arena_zalloc(compile->arena, spec->n_rules * sizeof *rules);
    if (!rules) {
        complain_no_memory(compile);
        return false;
    }
    policy->rules = rules;
    policy->n_rules = spec->n_rules;
    for (size_t i = 0; i < spec->n_rules; i++) {
        rules[i].index = (uint16_t)i;
        struct reading reading = {
            .compile = compile,
            .spec = &spec->rules[i],
            .rule = &rules[i],
            .set = policy->memory->origins,
            .suffixes = suffixes,
            .exact = exact,
        };
        if (!compile_rule(&reading))
            return false;
    }
    return true;
}

static bool finish_policy(struct compile *compile, const struct policy_spec *spec,
                          struct policy *policy, struct buf *exact)
{
    policy->name = arena_copy(compile->arena, spec->name);
    policy->exact_origins = arena_copy(compile->arena, buf_str(exact));
    policy->traits = spec->traits;
    policy->origins = policy->memory->origins;
    if (!policy->name.p || !policy->exact_origins.p || exact->failed ||
        !origin_set_seal(policy->memory->origins)) {
        complain_no_memory(compile);
        return false;
    }
    summarise(policy);
    warn_unreached(compile, policy);
    check_cookies(compile, spec);
    return true;
}

static struct policy *allocate(const struct public_suffixes *suffixes)
{
    struct policy *policy = calloc(1, sizeof *policy);
    struct policy_memory *memory = calloc(1, sizeof *memory);
    if (memory) {
        arena_init(&memory->arena, NULL, 0);
        memory->origins = origin_set_create(suffixes);
    }
    if (policy && memory && memory->origins) {
        policy->memory = memory;
        return policy;
    }
    if (memory)
        origin_set_destroy(memory->origins);
    free(memory);
    free(policy);
    return NULL;
}

struct policy *policy_create(const struct policy_spec *spec, const struct public_suffixes *suffixes,
                             policy_report *report, void *ctx)
{
    struct compile compile = {.report = report, .ctx = ctx};
    struct buf exact = BUF_INIT(EXACT_ORIGINS_MAX);
    struct policy *policy = allocate(suffixes);
    bool ok = false;
    if (!policy) {
        complain_no_memory(&compile);
        return NULL;
    }
    compile.arena = &policy->memory->arena;
    if (!spec->n_rules || spec->n_rules >= ORIGIN_SET_NO_RULE)
        complain(&compile, FAULT_ERROR, spec->place, "", "a policy has from 1 to %d rules",
                 ORIGIN_SET_NO_RULE - 1);
    else
        ok = compile_rules(&compile, spec, suffixes, policy, &exact) && !compile.errors &&
             finish_policy(&compile, spec, policy, &exact);
    buf_finish(&exact);
    if (ok)
        return policy;
    policy_destroy(policy);
    return NULL;
}

void policy_destroy(struct policy *policy)
{
    if (!policy)
        return;
    origin_set_destroy(policy->memory->origins);
    arena_finish(&policy->memory->arena);
    free(policy->memory);
    free(policy);
}

/* --- questions -------------------------------------------------------------------------------- */

const struct rule *policy_rule_for(const struct policy *policy, struct str origin)
{
    const struct rule *star = policy->star_rule;
    uint16_t index = origin_set_find(policy->origins, origin);
    if (star && star->index < index)
        return star;
    return index == ORIGIN_SET_NO_RULE ? NULL : &policy->rules[index];
}

bool rule_allows_method(const struct rule *rule, struct str method)
{
    if (rule->any_method)
        return !method_is_forbidden(method);
    for (size_t i = 0; i < rule->methods.n; i++)
        if (str_eq(rule->methods.items[i], method))
            return true;
    return false;
}

bool rule_allows_header(const struct rule *rule, struct str name)
{
    if (rule->any_header)
        return rule->authorization || !str_eq_nocase(name, STR("authorization"));
    for (size_t i = 0; i < rule->headers.n; i++)
        if (str_eq_nocase(rule->headers.items[i], name))
            return true;
    return false;
}
