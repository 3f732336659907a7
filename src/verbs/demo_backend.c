/* The demo's legacy backend: an API that knows nothing of CORS, and one path that gets it wrong. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include "corsd/base/json.h"
#include "demo.h"

enum {
    SEEN_MAX = 256, /* requests remembered; older ones are forgotten */
    MARK_MAX = 24,
    METHOD_MAX = 16,
    FIELDS_MAX = 1024,
    SLOW_PARTS = 5,
    SLOW_PART_MS = 400,
};

struct seen { /* one request as it came */
    char mark[MARK_MAX], method[METHOD_MAX];
    unsigned status; /* 0: hung up without an answer */
    bool through;    /* it came through corsd */
};

struct demo_backend {
    bool colour;
    pthread_mutex_t lock; /* of all below, and of the lines printed */
    struct seen seen[SEEN_MAX];
    size_t n; /* ever seen; the newest is at (n - 1) % SEEN_MAX */
};

struct demo_backend *demo_backend_create(bool colour)
{
    struct demo_backend *backend = calloc(1, sizeof *backend);
    if (!backend)
        return NULL;
    backend->colour = colour;
    pthread_mutex_init(&backend->lock, NULL);
    return backend;
}

void demo_backend_destroy(struct demo_backend *backend)
{
    if (!backend)
        return;
    pthread_mutex_destroy(&backend->lock);
    free(backend);
}

/* --- what was seen ---------------------------------------------------------------------------- */

/* The value of `try`, which the page puts last; empty where there is none. */
static struct str mark_of(struct str query)
{
    while (query.n > 0) {
        struct str pair = str_cut(&query, '&');
        if (str_starts(pair, STR("try=")))
            return str_head(str_from(pair, 4), MARK_MAX - 1);
    }
    return (struct str){0};
}

static void copy(char *out, size_t room, struct str text)
{
    text = str_head(text, room - 1);
    if (text.n > 0)
        memcpy(out, text.p, text.n);
    out[text.n] = '\0';
}

static void print_seen(const struct demo_backend *backend, const struct seen *seen, struct str path)
{
    const char *tone = !backend->colour ? "" : seen->through ? "\033[32m" : "\033[31m";
    const char *plain = backend->colour ? "\033[0m" : "";
    char status[16] = "hangs up";
    if (seen->status != 0)
        snprintf(status, sizeof status, "%u", seen->status);
    path = str_head(path, 60);
    printf("  backend  %s%-13s%s  %-7s %-16.*s %s\n", tone,
           seen->through ? "through corsd" : "directly", plain, seen->method, STR_ARG(path),
           status);
    fflush(stdout);
}

/* Before the answer goes out, so that the page that has it can ask for this. */
static void note(struct demo_backend *backend, const struct demo_call *call, unsigned status)
{
    pthread_mutex_lock(&backend->lock);
    struct seen *seen = &backend->seen[backend->n++ % SEEN_MAX];
    copy(seen->mark, sizeof seen->mark, mark_of(call->query));
    copy(seen->method, sizeof seen->method, call->head.method);
    seen->status = status;
    seen->through = head_has(&call->head, FIELD_VIA);
    print_seen(backend, seen, call->path);
    pthread_mutex_unlock(&backend->lock);
}

void demo_backend_seen(struct demo_backend *backend, struct str mark, struct buf *out)
{
    struct json json = {.out = out};
    json_open(&json, '[');
    pthread_mutex_lock(&backend->lock);
    for (size_t i = backend->n > SEEN_MAX ? backend->n - SEEN_MAX : 0; i < backend->n; i++) {
        const struct seen *seen = &backend->seen[i % SEEN_MAX];
        if (mark.n == 0 || !str_eq(str_of(seen->mark), mark))
            continue;
        json_open(&json, '{');
        json_member(&json, "method", str_of(seen->method));
        json_key(&json, STR("status"));
        json_u64(&json, seen->status);
        json_key(&json, STR("through"));
        json_bool(&json, seen->through);
        json_close(&json, '}');
    }
    pthread_mutex_unlock(&backend->lock);
    json_close(&json, ']');
}

/* --- answers ---------------------------------------------------------------------------------- */

/* Every answer names its request, as backends do that log. */
static void answer(struct demo_backend *backend, struct demo_call *call, unsigned status,
                   const char *fields, struct str body)
{
    struct str id = head_value(&call->head, FIELD_X_REQUEST_ID);
    struct buf lines = BUF_INIT(FIELDS_MAX);
    if (id.n > 0 && id.n <= 64)
        buf_printf(&lines, "X-Request-Id: %.*s\r\n", STR_ARG(id));
    buf_printf(&lines, "Content-Type: application/json\r\n%s", fields);
    note(backend, call, status);
    demo_answer(call, status, buf_str(&lines), body);
    buf_finish(&lines);
}

static void say_user(struct demo_backend *backend, struct demo_call *call)
{
    bool known = false;
    for (struct field *at = head_field(&call->head, FIELD_COOKIE); at && !known;
         at = head_next(&call->head, at)) {
        struct str cookies = at->value;
        while (cookies.n > 0 && !known)
            known = str_eq(str_trim(str_cut(&cookies, ';')), STR("corsd_demo_session=ada"));
    }
    if (known)
        answer(backend, call, 200, "", STR("{\"user\": \"ada\", \"known_by\": \"cookie\"}\n"));
    else
        answer(backend, call, 401, "", STR("{\"error\": \"no session cookie\"}\n"));
}

static void say_tenant(struct demo_backend *backend, struct demo_call *call)
{
    struct buf body = BUF_INIT(1024);
    struct json json = {.out = &body};
    struct str tenant = {0};
    for (size_t i = 0; i < call->head.n && tenant.n == 0; i++) {
        if (str_eq_nocase(call->head.fields[i].name, STR("x-tenant")))
            tenant = str_head(call->head.fields[i].value, 64);
    }
    json_open(&json, '{');
    json_member(&json, "tenant", tenant);
    json_close(&json, '}');
    answer(backend, call, 200, "", buf_str(&body));
    buf_finish(&body);
}

static void say_slowly(struct demo_backend *backend, struct demo_call *call)
{
    note(backend, call, 200);
    demo_begin(call, 200, STR("Content-Type: text/plain\r\n"));
    for (int i = 1; i <= SLOW_PARTS && demo_pause(call, SLOW_PART_MS); i++) {
        char part[32];
        snprintf(part, sizeof part, "part %d of %d\n", i, SLOW_PARTS);
        demo_part(call, str_of(part));
    }
}

static void hang_up(struct demo_backend *backend, struct demo_call *call)
{
    note(backend, call, 0);
}

#define ALLOWED "Allow: GET, POST, PUT, DELETE\r\n"

static const struct {
    const char *method, *path; /* NULL: any */
    unsigned status;
    const char *fields, *body;
    void (*special)(struct demo_backend *, struct demo_call *); /* instead of the three */
} answers[] = { /* the first that fits */
    {"OPTIONS", NULL, 405, ALLOWED, "{\"error\": \"OPTIONS? Never heard of it.\"}\n"},
    {"GET", "/api/orders", 200, "X-Total-Count: 3\r\nX-Internal-Host: db-07\r\n",
     "[\n  {\"id\": 41, \"item\": \"lamp\", \"state\": \"shipped\"},\n"
     "  {\"id\": 42, \"item\": \"desk\", \"state\": \"packed\"},\n"
     "  {\"id\": 43, \"item\": \"chair\", \"state\": \"new\"}\n]\n"},
    {"POST", "/api/orders", 201, "Location: /api/orders/44\r\n",
     "{\"id\": 44, \"item\": \"tea\", \"state\": \"new\"}\n"},
    {"PUT", "/api/orders/42", 200, "",
     "{\"id\": 42, \"item\": \"desk\", \"state\": \"shipped\"}\n"},
    {"DELETE", "/api/orders/42", 200, "", "{\"id\": 42, \"state\": \"deleted\"}\n"},
    {"GET", "/api/private", 401, "WWW-Authenticate: Bearer error=\"invalid_token\"\r\n",
     "{\"error\": \"the login has expired\"}\n"},
    {"GET", "/api/report", 500, "", "{\"error\": \"the printer is out of paper\"}\n"},
    {"GET", "/api/old", 200,
     "Access-Control-Allow-Origin: https://old.example\r\nAccess-Control-Allow-Origin: *\r\n",
     "{\"cors\": \"set up twice, in 2009 and in 2014\"}\n"},
    {.method = "GET", .path = "/api/me", .special = say_user},
    {.method = "GET", .path = "/api/tenant", .special = say_tenant},
    {.method = "GET", .path = "/api/slow", .special = say_slowly},
    {.method = "GET", .path = "/api/crash", .special = hang_up},
    {NULL, NULL, 404, "", "{\"error\": \"no such thing here\"}\n"},
};

void demo_backend_answer(void *backend, struct demo_call *call)
{
    size_t i = 0;
    while ((answers[i].method && !str_eq(call->head.method, str_of(answers[i].method))) ||
           (answers[i].path && !str_eq(call->path, str_of(answers[i].path))))
        i++; /* the last row fits always */
    if (answers[i].special)
        answers[i].special(backend, call);
    else
        answer(backend, call, answers[i].status, answers[i].fields, str_of(answers[i].body));
}
