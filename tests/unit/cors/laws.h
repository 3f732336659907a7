/* What must hold for every answer, whatever policy, request and backend (issue 4): checked over all
 * combinations by test_headers.c, and on arbitrary ones by a fuzz target. */
#pragma once
#include <stdio.h>
#include "corsd/cors/headers.h"

/* One answer as it leaves: the lines written, then the fields that were kept. */
struct sent {
    struct field fields[160];
    size_t n;
};

static inline bool read_sent(const struct buf *lines, const struct field *fields, size_t n,
                             struct sent *sent)
{
    struct str rest = buf_str(lines);
    sent->n = 0;
    while (rest.n) {
        size_t end = str_find(rest, '\n');
        if (end == rest.n || !end || rest.p[end - 1] != '\r' || sent->n == 150)
            return false;
        struct str value = str_head(rest, end - 1), name = str_cut(&value, ':');
        if (!is_token(name) || !value.n || value.p[0] != ' ')
            return false;
        sent->fields[sent->n++] =
            (struct field){name, str_trim(value), (uint16_t)field_id(name), false};
        rest = str_from(rest, end + 1);
    }
    for (size_t i = 0; i < n && sent->n < 160; i++)
        if (!fields[i].dropped)
            sent->fields[sent->n++] = fields[i];
    return true;
}

static inline size_t count_sent(const struct sent *sent, const char *name, struct str *value)
{
    size_t n = 0;
    for (size_t i = 0; i < sent->n; i++)
        if (str_eq_nocase(sent->fields[i].name, str_of(name))) {
            *value = sent->fields[i].value;
            n++;
        }
    return n;
}

/* Vary's own lists know no quotes; what is no token names no header. */
static inline bool vary_name_next(struct str *rest, struct str *name)
{
    while (rest->n) {
        *name = str_trim(str_cut(rest, ','));
        if (is_token(*name))
            return true;
    }
    return false;
}

static inline bool varies_on(const struct sent *sent, struct str name, size_t *times)
{
    bool star = false;
    *times = 0;
    for (size_t i = 0; i < sent->n; i++) {
        if (sent->fields[i].id != FIELD_VARY)
            continue;
        struct str rest = sent->fields[i].value, item;
        while (vary_name_next(&rest, &item)) {
            star = star || str_eq(item, STR("*"));
            *times += str_eq_nocase(item, name);
        }
    }
    if (star) /* it stays as it came, with all that stands beside it */
        *times = 1;
    return *times > 0;
}

static inline bool is_preflight_only(const struct field *field)
{
    static const char *const names[] = {
        "access-control-allow-methods", "access-control-allow-headers", "access-control-max-age",
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (str_eq_nocase(field->name, str_of(names[i])))
            return true;
    return false;
}

/* NULL, or the law that is broken. backends_own: its Access-Control headers were kept. */
static inline const char *broken_law(const struct policy *policy, const struct verdict *verdict,
                                     const struct cors_request *request, const struct sent *sent,
                                     bool backends_own)
{
    struct str value = {NULL, 0};
    size_t times, origins = count_sent(sent, "access-control-allow-origin", &value);
    if (policy->vary_origin && (!varies_on(sent, STR("Origin"), &times) || times > 1))
        return "Vary: Origin wherever the answer depends on it, and never twice";
    if (verdict->kind == CORS_PREFLIGHT &&
        (!varies_on(sent, STR("Access-Control-Request-Method"), &times) || times > 1 ||
         !varies_on(sent, STR("Access-Control-Request-Headers"), &times) || times > 1))
        return "a preflight's answer varies on what was asked";
    if (backends_own)
        return NULL;
    if (origins > 1)
        return "at most one Access-Control-Allow-Origin";
    bool star = origins && str_eq(value, STR("*"));
    if (origins && !star && (request->n_origins != 1 || !str_eq(value, request->origin)))
        return "Access-Control-Allow-Origin is * or the request's own";
    if (origins && !star && !policy_rule_for(policy, value))
        return "no Access-Control-Allow-Origin for an origin off the list";
    if (star && !policy->star_rule)
        return "* only where allow_origins has it";
    bool credentials = count_sent(sent, "access-control-allow-credentials", &value) > 0;
    if (credentials && (!verdict->rule || !verdict->rule->credentials))
        return "credentials only where the rule that decided has them";
    for (size_t i = 0; i < sent->n; i++) {
        const struct field *field = &sent->fields[i];
        if (field->id != FIELD_ACCESS_CONTROL && field->id != FIELD_ACCESS_CONTROL_ALLOW_ORIGIN)
            continue;
        if (!verdict->origin_allowed && !policy->star_always)
            return "never an Access-Control header for an origin off the list";
        if (verdict->kind == CORS_PREFLIGHT && verdict->refused)
            return "never an Access-Control header in a refused preflight";
        if (credentials && list_has(field->value, STR("*")))
            return "never * with credentials";
        if (is_preflight_only(field) && verdict->kind != CORS_PREFLIGHT)
            return "actual responses get no preflight headers";
        for (size_t j = 0; j < i; j++)
            if (str_eq_nocase(field->name, sent->fields[j].name))
                return "no Access-Control header twice";
    }
    return NULL;
}

static inline bool has_name(const struct sent *sent, struct str name)
{
    for (size_t i = 0; i < sent->n; i++) {
        struct str rest = sent->fields[i].value, item;
        while (vary_name_next(&rest, &item))
            if (str_eq_nocase(item, name))
                return true;
    }
    return false;
}

static inline bool keeps_names(const struct sent *before, const struct sent *after)
{
    for (size_t i = 0; i < before->n; i++) {
        struct str rest = before->fields[i].value, name;
        while (vary_name_next(&rest, &name))
            if (!has_name(after, name))
                return false;
    }
    return true;
}

/* Vary alone, as it was and as it became. NULL, or the law broken. */
static inline const char *broken_vary_law(const struct policy *policy, bool preflight,
                                          const struct sent *before, const struct sent *after)
{
    static const struct str asked[] = {
        STR_INIT("Access-Control-Request-Method"), STR_INIT("Access-Control-Request-Headers"),
    };
    bool had_origin = has_name(before, STR("Origin"));
    size_t times;
    if (!keeps_names(before, after))
        return "nothing is lost";
    if (has_name(before, STR("*")))
        return has_name(after, STR("*")) && after->n == before->n ? NULL : "a star stays as it is";
    if (has_name(after, STR("Origin")) != (had_origin || policy->vary_origin))
        return "Origin where it is wanted, and not made up";
    varies_on(after, STR("Origin"), &times);
    if (times > 1)
        return "never twice";
    for (size_t i = 0; i < 2; i++)
        if (has_name(after, asked[i]) != (preflight || has_name(before, asked[i])))
            return "what was asked where it is wanted, and not made up";
    return NULL;
}
