/* The order of things: what is sent, what is checked, where redirects lead. */
#include "corsd/browser/fetch.h"
#include "steps.h"

const struct str block_words[BLOCKS] = {
#define BLOCK(id, word) [BLOCK_##id] = STR_INIT(word),
    BROWSER_BLOCKS(BLOCK)
#undef BLOCK
};

/* Fetch, "HTTP fetch": whether the server is asked first. */
static bool needs_preflight(const struct fetch *fetch)
{
    return fetch->cross_origin &&
           (!method_is_safelisted(fetch->method) || fetch->unsafe_names.n > 0);
}

static void aim(struct fetch *fetch)
{
    /* Fetch, "Main fetch": a request that has left its origin once stays a CORS request. */
    fetch->cross_origin = fetch->cross_origin || !str_eq(fetch->origin, fetch->url.origin);
    fetch->preflighted = false;
    fetch->unsafe_names =
        page_unsafe_names(fetch->arena, fetch->browser, fetch->headers, fetch->n_headers);
    if (fetch->n_headers && !fetch->unsafe_names.p) {
        fetch_end(fetch, BLOCK_NO_MEMORY);
        return;
    }
    if (!fetch->cross_origin) {
        step_note(fetch, "origins", "Main fetch", true, BLOCK_NONE,
                  "page and URL have the same origin: CORS has no say");
        fetch->want = WANT_REQUEST;
        return;
    }
    fetch->want = needs_preflight(fetch) ? WANT_PREFLIGHT : WANT_REQUEST;
    bool method = !method_is_safelisted(fetch->method), headers = fetch->unsafe_names.n > 0;
    if (fetch->want == WANT_REQUEST)
        step_note(fetch, "preflight", "HTTP fetch", true, BLOCK_NONE,
                  "none: %.*s with such headers is sent at once", (int)fetch->method.n,
                  fetch->method.p);
    else
        step_note(fetch, "preflight", "HTTP fetch", true, BLOCK_NONE, "needed for %s%.*s%s%.*s",
                  method ? "the method " : "", method ? (int)fetch->method.n : 0, fetch->method.p,
                  method && headers ? " and the headers "
                  : headers         ? "the headers "
                                    : "",
                  (int)fetch->unsafe_names.n, fetch->unsafe_names.n ? fetch->unsafe_names.p : "");
}

void fetch_begin(struct fetch *fetch, const struct browser *browser,
                 const struct page_request *page, struct arena *arena)
{
    memset(fetch, 0, sizeof *fetch);
    fetch->browser = browser;
    fetch->page = page;
    fetch->arena = arena;
    fetch->url = page->url;
    fetch->origin = page->origin;
    fetch->method = page->method;
    memcpy(fetch->headers, page->headers, page->n_headers * sizeof *page->headers);
    fetch->n_headers = page->n_headers;
    if (page->url.has_user)
        step_note(fetch, "URL", "Request constructor", false, BLOCK_URL_USER,
                  "fetch() takes no URL with a user's name or password in it");
    else
        aim(fetch);
}

/* --- redirects -------------------------------------------------------------------------------- */

static void drop_header(struct fetch *fetch, struct str name)
{
    size_t n = 0;
    for (size_t i = 0; i < fetch->n_headers; i++)
        if (!str_eq_nocase(fetch->headers[i].name, name))
            fetch->headers[n++] = fetch->headers[i];
    fetch->n_headers = n;
}

/* Fetch, "HTTP-redirect fetch", step 12: the method changes, and the body with its headers goes. */
static void become_get(struct fetch *fetch)
{
    static const struct str body_headers[] = {
        STR_INIT("content-encoding"), STR_INIT("content-language"), STR_INIT("content-location"),
        STR_INIT("content-type")};
    fetch->method = STR("GET");
    for (size_t i = 0; i < sizeof body_headers / sizeof *body_headers; i++)
        drop_header(fetch, body_headers[i]);
}

static bool changes_method(const struct fetch *fetch, unsigned status)
{
    struct str method = fetch->method;
    if (status == 301 || status == 302)
        return str_eq(method, STR("POST"));
    return status == 303 && !str_eq(method, STR("GET")) && !str_eq(method, STR("HEAD"));
}

static bool check_location(struct fetch *fetch, struct str location, struct url *to)
{
    static const char section[] = "HTTP-redirect fetch";
    enum url_fault fault = url_parse(fetch->arena, location, &fetch->url, to);
    fetch->blamed = arena_copy(fetch->arena, location);
    if (fault != URL_OK)
        return step_note(fetch, "Location", section, false, BLOCK_REDIRECT_SCHEME, "%s",
                         url_fault_text(fault));
    /* Steps 7 and 8. */
    if (to->has_user && (fetch->cross_origin || !str_eq(fetch->origin, to->origin)))
        return step_note(fetch, "Location", section, false, BLOCK_REDIRECT_USER,
                         "a cross-origin redirect may hold no user's name or password");
    if (++fetch->redirects > REDIRECTS_MAX)
        return step_note(fetch, "Location", section, false, BLOCK_REDIRECTS,
                         "more than %d redirects", REDIRECTS_MAX);
    fetch->blamed = (struct str){0};
    return step_note(fetch, "Location", section, true, BLOCK_NONE, "goes on to %.*s",
                     (int)str_head(to->href, 200).n, to->href.p);
}

static void redirect(struct fetch *fetch, const struct answer *answer, struct str location)
{
    struct url to;
    if (!check_location(fetch, location, &to))
        return;
    if (changes_method(fetch, answer->status))
        become_get(fetch);
    if (!str_eq(to.origin, fetch->url.origin)) {
        if (!fetch->browser->keeps_authorization)
            drop_header(fetch, STR("authorization"));
        /* Fetch, "serializing a request origin": redirect-tainted. */
        if (!str_eq(fetch->url.origin, fetch->origin))
            fetch->origin = STR("null");
    }
    fetch->url = to;
    aim(fetch);
}

/* --- answers ---------------------------------------------------------------------------------- */

static void take_preflight(struct fetch *fetch, const struct answer *answer)
{
    fetch->in_preflight = true;
    if (answer_is_redirect(answer)) {
        step_note(fetch, "status", "CORS-preflight fetch", false, BLOCK_PREFLIGHT_REDIRECT,
                  "%u: a preflight may not be redirected", answer->status);
        return;
    }
    if (!check_origin(fetch, answer) || !check_preflight(fetch, answer))
        return;
    fetch->in_preflight = false;
    fetch->preflighted = true;
    fetch->want = WANT_REQUEST;
}

void fetch_take(struct fetch *fetch, const struct answer *answer)
{
    struct str location;
    fetch->status = answer->status;
    if (!answer->status) {
        step_note(fetch, "answer", "HTTP-network fetch", false, BLOCK_NO_ANSWER, "none came");
        return;
    }
    if (fetch->want == WANT_PREFLIGHT) {
        take_preflight(fetch, answer);
        return;
    }
    if (fetch->cross_origin && !check_origin(fetch, answer))
        return;
    if (answer_is_redirect(answer) &&
        answer_value(answer, fetch->arena, STR("Location"), &location)) {
        redirect(fetch, answer, location);
        return;
    }
    note_readable(fetch, answer);
    fetch_end(fetch, BLOCK_NONE);
}

struct str fetch_origin(const struct fetch *fetch)
{
    return fetch->want == WANT_PREFLIGHT && fetch->browser->asks_untainted ? fetch->page->origin
                                                                           : fetch->origin;
}

/* --- sending ---------------------------------------------------------------------------------- */

static void line(struct buf *out, struct str name, struct str value)
{
    buf_add(out, name);
    buf_add(out, STR(": "));
    buf_add(out, value);
    buf_add(out, STR("\r\n"));
}

static bool sends_origin(const struct fetch *fetch)
{
    return fetch->cross_origin ||
           !(str_eq(fetch->method, STR("GET")) || str_eq(fetch->method, STR("HEAD")));
}

void fetch_write(const struct fetch *fetch, struct buf *out)
{
    bool preflight = fetch->want == WANT_PREFLIGHT;
    buf_add(out, preflight ? STR("OPTIONS") : fetch->method);
    buf_add_char(out, ' ');
    buf_add(out, fetch->url.target);
    buf_add(out, STR(" HTTP/1.1\r\n"));
    line(out, STR("Host"), fetch->url.authority);
    if (preflight) {
        line(out, STR("Access-Control-Request-Method"), fetch->method);
        if (fetch->unsafe_names.n)
            line(out, STR("Access-Control-Request-Headers"), fetch->unsafe_names);
    }
    if (preflight || sends_origin(fetch))
        line(out, STR("Origin"), fetch_origin(fetch));
    for (size_t i = 0; i < fetch->n_headers && !preflight; i++) {
        line(out, fetch->headers[i].name, fetch->headers[i].value);
    }
    buf_add(out, STR("\r\n"));
}
