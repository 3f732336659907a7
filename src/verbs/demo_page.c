/* The demo's page server: the page itself, its configuration, and what the backend saw. */
#include <stdio.h>
#include "demo.h"

extern const unsigned char demo_html[];
extern const size_t demo_html_len;

/* Nothing from elsewhere loads, and the page reaches this machine only. */
#define PAGE_FIELDS                                                                                \
    "Content-Type: text/html; charset=utf-8\r\n"                                                   \
    "Content-Security-Policy: default-src 'none'; script-src 'unsafe-inline'; "                    \
    "style-src 'unsafe-inline'; img-src data:; connect-src http://localhost:*; "                   \
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n"                              \
    "Set-Cookie: corsd_demo_session=ada; Path=/; HttpOnly; SameSite=Lax\r\n"                       \
    "X-Content-Type-Options: nosniff\r\n"                                                          \
    "Cache-Control: no-store\r\n"
#define JSON_FIELDS "Content-Type: application/json\r\nCache-Control: no-store\r\n"
#define TEXT_FIELDS "Content-Type: text/plain\r\n"

static void answer_seen(const struct demo_page *page, struct demo_call *call)
{
    struct buf body = BUF_INIT(32 * 1024);
    struct str mark = call->query;
    if (str_starts(mark, STR("try=")))
        demo_backend_seen(page->backend, str_from(mark, 4), &body);
    if (body.n == 0 || body.failed)
        demo_answer(call, 400, STR(TEXT_FIELDS), STR("write /seen?try=MARK\n"));
    else
        demo_answer(call, 200, STR(JSON_FIELDS), buf_str(&body));
    buf_finish(&body);
}

/* The policy names http://localhost:PORT, and the cookie belongs to localhost: whoever came by
 * another name (127.0.0.1, or one that a stranger's DNS points here) is sent there. */
static bool send_home(const struct demo_page *page, struct demo_call *call)
{
    char home[32], location[64];
    snprintf(home, sizeof home, "localhost:%u", page->port);
    if (str_eq_nocase(head_value(&call->head, FIELD_HOST), str_of(home)))
        return false;
    snprintf(location, sizeof location, "Location: http://%s/\r\n", home);
    demo_answer(call, 302, str_of(location), STR("the demo is at localhost\n"));
    return true;
}

void demo_page_answer(void *ctx, struct demo_call *call)
{
    const struct demo_page *page = ctx;
    if (send_home(page, call))
        return;
    if (call->head.method_id != METHOD_GET && call->head.method_id != METHOD_HEAD)
        demo_answer(call, 405, STR(TEXT_FIELDS "Allow: GET, HEAD\r\n"), STR("GET or HEAD only\n"));
    else if (str_eq(call->path, STR("/")))
        demo_answer(call, 200, STR(PAGE_FIELDS),
                    (struct str){(const char *)demo_html, demo_html_len});
    else if (str_eq(call->path, STR("/config.json")))
        demo_answer(call, 200, STR(JSON_FIELDS), buf_str(&page->config));
    else if (str_eq(call->path, STR("/seen")))
        answer_seen(page, call);
    else
        demo_answer(call, 404, STR(TEXT_FIELDS), STR("not here\n"));
}
