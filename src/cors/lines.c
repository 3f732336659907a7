/* The header lines of a rule that no request changes, written once. */
#include "compile.h"

enum { LINES_MAX = 1 << 20 };

static void add_list(struct buf *out, struct str name, struct str_list list)
{
    if (!list.n)
        return;
    buf_add(out, name);
    for (size_t i = 0; i < list.n; i++) {
        if (i)
            buf_add(out, STR(", "));
        buf_add(out, list.items[i]);
    }
    buf_add(out, STR("\r\n"));
}

/* Fetch: under credentials browsers take "*" literally; it is answered by name (DESIGN rule 6). */
static void add_star_or_list(struct buf *out, struct str name, bool any, struct str star,
                             bool credentials, struct str_list list)
{
    if (!any)
        add_list(out, name, list);
    else if (!credentials)
        add_list(out, name, (struct str_list){&star, 1});
}

static void add_origin_and_credentials(struct buf *out, const struct rule *rule)
{
    if (rule->any_origin)
        buf_add(out, STR("Access-Control-Allow-Origin: *\r\n"));
    if (rule->credentials)
        buf_add(out, STR("Access-Control-Allow-Credentials: true\r\n"));
}

static void preflight_lines(struct buf *out, const struct rule_spec *spec, const struct rule *rule)
{
    /* Fetch: "*" does not cover Authorization; DESIGN rule 7 fixes the spelling. */
    struct str star_headers = rule->authorization ? STR("*,authorization") : STR("*");
    add_origin_and_credentials(out, rule);
    add_star_or_list(out, STR("Access-Control-Allow-Methods: "), rule->any_method, STR("*"),
                     rule->credentials, rule->methods);
    add_star_or_list(out, STR("Access-Control-Allow-Headers: "), rule->any_header, star_headers,
                     rule->credentials, rule->headers);
    if (spec->has_max_age) {
        buf_add(out, STR("Access-Control-Max-Age: "));
        buf_add_u64(out, spec->max_age_s);
        buf_add(out, STR("\r\n"));
    }
}

static void actual_lines(struct buf *out, const struct rule *rule)
{
    add_origin_and_credentials(out, rule);
    add_star_or_list(out, STR("Access-Control-Expose-Headers: "), rule->any_expose, STR("*"),
                     rule->credentials, rule->expose);
}

static bool keep(struct compile *compile, struct buf *from, struct str *out)
{
    *out = arena_copy(compile->arena, buf_str(from));
    bool ok = out->p && !from->failed;
    from->n = 0;
    return ok;
}

bool compile_lines(struct compile *compile, const struct rule_spec *spec, struct rule *rule)
{
    struct buf lines = BUF_INIT(LINES_MAX);
    preflight_lines(&lines, spec, rule);
    bool ok = keep(compile, &lines, &rule->preflight_lines);
    actual_lines(&lines, rule);
    ok = keep(compile, &lines, &rule->actual_lines) && ok;
    buf_finish(&lines);
    if (!ok)
        complain_no_memory(compile);
    return ok;
}
