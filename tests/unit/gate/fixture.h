/* A plan from YAML, a head from lines, and what gate/ makes of them as short text, so that a rule
 * is a row of a table. Shared by the tests of this folder and by fuzz_gate. */
#pragma once
#include <stdio.h>
#include <stdlib.h>
#include "corsd/config/config.h"
#include "corsd/config/diagnostic.h"
#include "corsd/gate/answer.h"
#include "corsd/gate/forward.h"
#include "corsd/gate/response.h"
#include "corsd/http/guard.h"

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))
enum { FIELDS_MAX = 100, HEAD_MAX = 16384 };

struct bench {
    struct plan *plan;
    struct gate gate;
    struct address address;
    char ip[ADDRESS_TEXT];
    struct peer peer;
    /* of the last request */
    struct arena arena;
    char *bytes;
    struct field fields[FIELDS_MAX];
    struct head head;
    struct decision decision;
    /* of the last response */
    char *response_bytes;
    struct field response_fields[FIELDS_MAX];
    struct head response_head;
    struct response response;
};

static inline struct plan *plan_of(const char *yaml)
{
    struct diagnostics diagnostics;
    struct buf said = BUF_INIT(65536);
    diagnostics_init(&diagnostics);
    struct plan *plan = config_load_text(STR("test.yaml"), str_of(yaml), &diagnostics);
    diagnostics_print(&diagnostics, &said, false);
    if (!plan) {
        fprintf(stderr, "%s\n%.*s", yaml, STR_ARG(buf_str(&said)));
        abort();
    }
    buf_finish(&said);
    diagnostics_finish(&diagnostics);
    return plan;
}

/* Whom the request comes from: "192.0.2.7", "::1", "unix"; "+" behind it: over TLS. */
static inline void bench_peer(struct bench *bench, const char *who)
{
    bool tls = who[strlen(who) - 1] == '+';
    struct str ip = {who, strlen(who) - tls};
    if (str_eq(ip, STR("unix")) ? !address_of_unix(STR("/peer"), &bench->address)
                                : !address_of_ip(ip, 40000, &bench->address))
        abort();
    const struct sockaddr *at = (const struct sockaddr *)&bench->address.at;
    bench->peer = (struct peer){.address = at,
                                .ip = address_ip_text(at, bench->ip),
                                .trusted = plan_trusts(bench->plan, at),
                                .tls = tls};
}

static inline void bench_begin(struct bench *bench, const char *yaml)
{
    static const uint64_t seed[2] = {1, 2};
    memset(bench, 0, sizeof *bench);
    bench->plan = plan_of(yaml);
    gate_init(&bench->gate, seed);
    bench->gate.plan = bench->plan;
    bench->gate.date = STR("Date: now\r\n");
    bench_peer(bench, "192.0.2.7");
}

static inline void bench_forget(struct bench *bench)
{
    arena_finish(&bench->arena);
    free(bench->bytes);
    free(bench->response_bytes);
    bench->bytes = bench->response_bytes = NULL;
}

static inline void bench_end(struct bench *bench)
{
    bench_forget(bench);
    gate_finish(&bench->gate);
    plan_unref(bench->plan);
}

/* "GET / HTTP/1.1|Host: a" → a head in memory of exactly its size. */
static inline struct str head_bytes(const char *text)
{
    size_t n = 0;
    char *bytes = malloc(2 * strlen(text) + 5);
    if (!bytes)
        abort();
    for (; *text; text++) {
        if (*text == '|')
            bytes[n++] = '\r';
        bytes[n++] = *text == '|' ? '\n' : *text;
    }
    memcpy(bytes + n, "\r\n\r\n", 4);
    return (struct str){bytes, n + 4};
}

static inline enum http_cause guarded(struct str *bytes, enum guard_part part)
{
    static const struct guard_limits limits = {HEAD_MAX, FIELDS_MAX};
    struct guard guard;
    guard_init(&guard, part);
    if (guard_scan(&guard, *bytes, &limits) != GUARD_WHOLE)
        return guard.cause ? (enum http_cause)guard.cause : CAUSE_MALFORMED;
    *bytes = (struct str){bytes->p + guard.start, guard.at - guard.start};
    return CAUSE_NONE;
}

/* bytes: the bench's from here on. */
static inline void bench_take(struct bench *bench, struct str bytes)
{
    bench_forget(bench);
    bench->bytes = (char *)(uintptr_t)bytes.p;
    arena_init(&bench->arena, NULL, 0);
    bench->head = (struct head){.fields = bench->fields, .cap = FIELDS_MAX};
    enum http_cause cause = guarded(&bytes, GUARD_REQUEST);
    if (!cause)
        cause = message_parse_request(&bench->head, bytes);
    if (cause)
        gate_unreadable(&bench->gate, cause, &bench->decision);
    else
        gate_request(&bench->gate, &bench->peer, &bench->head, &bench->arena, &bench->decision);
}

static inline void bench_request(struct bench *bench, const char *text)
{
    bench_take(bench, head_bytes(text));
}

/* "forward /", "tunnel /ws", "preflight 204", "403 cors_refused"; " close" where the client's
 * connection cannot live on. */
static inline void decision_text(const struct decision *decision, char *out, size_t size)
{
    const char *end = decision->keep_alive ? "" : " close";
    if (decision->kind == DECISION_ANSWER && decision->own == OWN_PREFLIGHT)
        snprintf(out, size, "preflight %u%s", gate_answer_status(decision), end);
    else if (decision->kind == DECISION_ANSWER)
        snprintf(out, size, "%u %.*s%s", gate_answer_status(decision),
                 STR_ARG(http_causes[decision->cause].word), end);
    else
        snprintf(out, size, "%s %.*s%s", decision->kind == DECISION_TUNNEL ? "tunnel" : "forward",
                 STR_ARG(decision->route->name), end);
}

/* Reads the backend's head and says what is wrong with it. */
static inline enum http_cause bench_answered(struct bench *bench, struct str bytes)
{
    free(bench->response_bytes);
    bench->response_bytes = (char *)(uintptr_t)bytes.p;
    bench->response_head = (struct head){.fields = bench->response_fields, .cap = FIELDS_MAX};
    enum http_cause cause = guarded(&bytes, GUARD_RESPONSE);
    if (!cause)
        cause = message_parse_response(&bench->response_head, bytes);
    if (cause)
        return gate_response_fault(cause);
    return gate_read_response(&bench->response_head, &bench->decision, &bench->response);
}

static inline enum http_cause bench_response(struct bench *bench, const char *text)
{
    return bench_answered(bench, head_bytes(text));
}

/* --- heads as text, for comparing ------------------------------------------------------------- */

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The start line, then the other lines sorted, each ending in '|': their order is nobody's promise
 * but where a test asks for it. What stands behind the head is left out. */
static inline void sorted(const char *text, size_t n, char *out, size_t size)
{
    char *copy = strndup(text, n), *lines[FIELDS_MAX * 2];
    size_t count = 0, at = 0;
    if (!copy)
        abort();
    for (char *line = copy; line && *line && count < COUNT(lines);) {
        char *end = strchr(line, '|');
        if (end)
            *end = 0;
        lines[count++] = line;
        line = end ? end + 1 : NULL;
    }
    if (count > 1)
        qsort(lines + 1, count - 1, sizeof *lines, by_text);
    out[0] = 0;
    for (size_t i = 0; i < count && at < size; i++)
        at += (size_t)snprintf(out + at, size - at, "%s|", lines[i]);
    free(copy);
}

/* The head in bytes: CRLF becomes '|', a made-up request id '*', and the rest is sorted. False
 * where it is no head. */
static inline bool head_text(struct str bytes, char *out, size_t size)
{
    char text[HEAD_MAX * 2];
    size_t n = 0, id = 0;
    for (size_t i = 0; i < bytes.n && n < sizeof text; i++) {
        if (bytes.p[i] == '\n')
            return false;
        if (bytes.p[i] != '\r') {
            text[n++] = bytes.p[i];
            continue;
        }
        if (++i == bytes.n || bytes.p[i] != '\n')
            return false;
        if (n && text[n - 1] == '|') {
            sorted(text, n, out, size);
            return true;
        }
        text[n++] = '|';
        while (id < n && !str_starts((struct str){text + id, n - id}, STR("X-Request-Id: ")))
            id++;
        if (n - id == 14 + 32 + 1 && strspn(text + id + 14, "0123456789abcdef") == 32) {
            text[id + 14] = '*';
            text[id + 15] = '|';
            n = id + 16;
        }
        id = n;
    }
    return false;
}
