/* Policies, requests, responses and verdicts as short lines of text, so that a rule of DESIGN §2 is
 * a row of a table. Shared by the tests of this folder and by fuzz targets. */
#pragma once
#include <stdio.h>
#include <stdlib.h>
#include "corsd/cors/headers.h"
#include "corsd/cors/pattern.h"
#include "corsd/cors/policy.h"
#include "corsd/cors/public_suffix.h"
#include "corsd/cors/verdict.h"

enum { WORDS = 64, RULES = 8, FIELDS = 32 };

/* What policy_create said: "error: …\n  hint\n" a fault. */
struct said {
    char text[8192];
    size_t n, errors;
};

static inline void note_fault(void *ctx, enum fault_level level, const void *place,
                              const char *message, const char *hint)
{
    struct said *said = ctx;
    int n = snprintf(said->text + said->n, sizeof said->text - said->n, "%s%s%s: %s\n",
                     place ? (const char *)place : "", place ? " " : "",
                     level == FAULT_ERROR ? "error" : "warning", message);
    (void)hint;
    said->errors += level == FAULT_ERROR;
    if (n > 0 && (size_t)n < sizeof said->text - said->n)
        said->n += (size_t)n;
}

/* --- a policy: "origins=A,B methods=GET,PUT credentials / origins=* … ; keep reject" --- */

struct rule_text {
    struct spec_text words[4][WORDS];
    size_t n[4];
};

static inline void read_words(struct str text, struct spec_text *words, struct spec_list *out)
{
    size_t n = 0;
    while (text.n && n < WORDS)
        words[n++] = (struct spec_text){str_cut(&text, ','), "item"};
    *out = (struct spec_list){words, n, "list"};
}

static inline void read_rule_word(struct str word, struct rule_text *text, struct rule_spec *rule)
{
    struct str value = word, key = str_cut(&value, '=');
    if (str_eq(key, STR("origins")))
        read_words(value, text->words[0], &rule->allow_origins);
    else if (str_eq(key, STR("file")))
        read_words(value, text->words[0], &rule->file_origins);
    else if (str_eq(key, STR("methods")))
        read_words(value, text->words[1], &rule->allow_methods);
    else if (str_eq(key, STR("headers")))
        read_words(value, text->words[2], &rule->allow_headers);
    else if (str_eq(key, STR("expose")))
        read_words(value, text->words[3], &rule->expose_headers);
    else if (str_eq(key, STR("credentials")))
        rule->allow_credentials = true;
    else if (str_eq(key, STR("age")))
        rule->has_max_age = str_to_u64(value, &rule->max_age_s);
    else if (str_eq(key, STR("status")))
        rule->preflight_status = (unsigned)(value.p[0] - '0') * 100 +
                                 (unsigned)(value.p[1] - '0') * 10 + (unsigned)(value.p[2] - '0');
    else if (str_eq(key, STR("null+")))
        rule->dangerous |= DANGEROUS_NULL_WITH_CREDENTIALS;
    else if (str_eq(key, STR("http+")))
        rule->dangerous |= DANGEROUS_HTTP_WITH_CREDENTIALS;
    else if (str_eq(key, STR("suffix+")))
        rule->dangerous |= DANGEROUS_PUBLIC_SUFFIX_PATTERNS;
    else
        abort();
}

static inline void read_trait(struct str word, struct policy_traits *traits)
{
    static const struct {
        const char *word;
        size_t at;
        uint8_t value;
    } rows[] = {
#define TRAIT(word, member, value) {word, offsetof(struct policy_traits, member), value}
        TRAIT("keep", upstream_headers, UPSTREAM_HEADERS_KEEP),
        TRAIT("reject", denied, DENIED_REJECT),
        TRAIT("report", mode, MODE_REPORT),
        TRAIT("enforce_methods", enforce_methods, true),
        TRAIT("ws_any", websocket_origins, WEBSOCKET_ANY),
        TRAIT("timing", timing_allow_origin, TIMING_ALLOWED_ORIGIN),
        TRAIT("timing_any", timing_allow_origin, TIMING_ANY),
        TRAIT("corp", resource_policy, RESOURCE_POLICY_CROSS_ORIGIN),
        TRAIT("corp_site", resource_policy, RESOURCE_POLICY_SAME_SITE),
        TRAIT("corp_own", resource_policy, RESOURCE_POLICY_SAME_ORIGIN),
        TRAIT("pna", allow_private_network, true),
        TRAIT("same_site_none", same_site, SAME_SITE_NONE),
        TRAIT("secure", cookies_secure, true),
        TRAIT("partitioned", cookies_partitioned, true),
#undef TRAIT
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (str_eq(word, str_of(rows[i].word))) {
            memcpy((char *)traits + rows[i].at, &rows[i].value, 1);
            return;
        }
    abort();
}

static inline struct policy *policy_of(const char *text, const struct public_suffixes *suffixes,
                                       struct said *said)
{
    static struct rule_text texts[RULES];
    struct rule_spec rules[RULES] = {0};
    struct policy_spec spec = {.name = STR("app"), .rules = rules, .place = "policy"};
    struct str traits = str_of(text), rest = str_cut(&traits, ';');
    while (rest.n) {
        struct rule_spec *rule = &rules[spec.n_rules];
        size_t end = 0;
        while (end < rest.n && !str_starts(str_from(rest, end), STR(" / ")))
            end++;
        struct str part = str_head(rest, end);
        rest = str_from(rest, end + 3);
        rule->place = "rule";
        while (part.n) {
            struct str word = str_cut(&part, ' ');
            if (word.n)
                read_rule_word(word, &texts[spec.n_rules], rule);
        }
        spec.n_rules++;
    }
    while (traits.n) {
        struct str word = str_cut(&traits, ' ');
        if (word.n)
            read_trait(word, &spec.traits);
    }
    return policy_create(&spec, suffixes, said ? note_fault : NULL, said);
}

/* --- a request: "PUT origin=https://a.example asks=PUT names=x-a,x-b site=none …" ------------- */

struct request_text {
    struct cors_request request;
    struct str names[WORDS];
};

static inline void read_request_word(struct str word, struct request_text *out)
{
    struct cors_request *request = &out->request;
    struct str value = word, key = str_cut(&value, '=');
    uint64_t port;
    if (str_eq(key, STR("origin"))) {
        if (!request->n_origins++)
            request->origin = value;
    } else if (str_eq(key, STR("asks"))) {
        request->has_request_method = true;
        if (!request->n_request_method++)
            request->request_method = value;
    } else if (str_eq(key, STR("names"))) {
        out->names[request->n_request_headers++] = value;
    } else if (str_eq(key, STR("site"))) {
        request->site = str_eq(value, STR("same-origin")) ? SITE_SAME_ORIGIN
                        : str_eq(value, STR("none"))      ? SITE_NONE
                                                          : SITE_OTHER;
    } else if (str_eq(key, STR("host"))) {
        request->host = value;
    } else if (str_eq(key, STR("port"))) {
        request->host_port = str_to_u64(value, &port) ? (uint16_t)port : 0;
    } else if (str_eq(key, STR("scheme"))) {
        request->scheme = value;
    } else if (str_eq(key, STR("ws"))) {
        request->websocket = true;
    } else if (str_eq(key, STR("cookie"))) {
        request->has_credentials = true;
    } else if (str_eq(key, STR("pna"))) {
        request->private_network = true;
    } else {
        abort();
    }
}

/* A value may hold spaces written as '_' … '_' is a label byte, so as '~'. */
static inline void read_request(const char *text, char *bytes, size_t size,
                                struct request_text *out)
{
    snprintf(bytes, size, "%s", text);
    struct str rest = str_of(bytes);
    *out = (struct request_text){.request.request_headers = out->names};
    out->request.method = str_cut(&rest, ' ');
    while (rest.n) {
        struct str word = str_cut(&rest, ' ');
        if (word.n)
            read_request_word(word, out);
    }
    for (char *c = bytes; *c; c++)
        if (*c == '~')
            *c = ' ';
}

/* --- a response's own fields: "Vary: Accept|X-A: 1" --- */

static inline size_t read_fields(const char *text, struct field *fields)
{
    struct str rest = str_of(text);
    size_t n = 0;
    while (rest.n && n < FIELDS) {
        struct str value = str_cut(&rest, '|'), name = str_cut(&value, ':');
        fields[n++] =
            (struct field){.name = name, .value = str_trim(value), .id = (uint16_t)field_id(name)};
    }
    return n;
}

/* What is left of them, and out, as one text of lines that end in '\n'. */
static inline void response_text(const struct buf *lines, const struct field *fields, size_t n,
                                 char *out, size_t size)
{
    size_t at = 0;
    out[0] = 0;
    for (size_t i = 0; i < lines->n && at + 1 < size; i++)
        if (lines->p[i] != '\r')
            out[at++] = lines->p[i];
    out[at] = 0;
    for (size_t i = 0; i < n && at < size; i++)
        if (!fields[i].dropped)
            at += (size_t)snprintf(out + at, size - at, "%.*s: %.*s\n", STR_ARG(fields[i].name),
                                   STR_ARG(fields[i].value));
}

/* --- a verdict: "preflight method_off_list rule=0 missing=PATCH" --- */

static inline void verdict_text(const struct verdict *verdict, char *out, size_t size)
{
    int n = snprintf(out, size, "%.*s %.*s", STR_ARG(cors_kind_words[verdict->kind]),
                     STR_ARG(cors_reasons[verdict->reason].word));
    if (verdict->rule)
        n += snprintf(out + n, size - (size_t)n, " rule=%u", verdict->rule->index);
    n += snprintf(out + n, size - (size_t)n, "%s%s", verdict->same_origin ? " same" : "",
                  verdict->refused ? " refused" : "");
    if (verdict->missing.n)
        snprintf(out + n, size - (size_t)n, " missing=%.*s", STR_ARG(verdict->missing));
}

/* All that the answer's head gets of CORS, the way gate/ puts it together: for a preflight that
 * corsd answers, for a 403 or another answer of its own (fields NULL), for the backend's. */
static inline void write_answer(struct buf *out, const struct policy *policy,
                                const struct verdict *verdict, const struct cors_request *request,
                                struct field *fields, size_t n)
{
    bool preflight = verdict->kind == CORS_PREFLIGHT;
    if (preflight && !verdict->refused) {
        cors_preflight_lines(out, policy, verdict, request);
    } else {
        if (cors_drop_backend_lines(policy, fields, n))
            cors_actual_lines(out, policy, verdict, request->origin, fields, n);
        cors_resource_lines(out, policy, verdict, request->origin, fields, n);
    }
    cors_vary_line(out, policy, preflight, fields, n);
}
