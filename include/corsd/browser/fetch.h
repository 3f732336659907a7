/* One fetch() in CORS mode, step by step: it says what the browser sends next, is given what the
 * server answered, and ends allowed or blocked. Pure: whoever drives it sends, or only pretends to.
 * Source: Fetch, "Main fetch", "HTTP fetch", "HTTP-redirect fetch", "CORS-preflight fetch", "CORS
 * check". */
#pragma once
#include "corsd/base/buf.h"
#include "corsd/browser/answer.h"
#include "corsd/browser/browser.h"
#include "corsd/browser/request.h"

/* BLOCK(id, word): why a page gets nothing. */
#define BROWSER_BLOCKS(BLOCK)                                                                      \
    BLOCK(NONE, "none")                                                                            \
    BLOCK(NO_ANSWER, "no_answer")                                                                  \
    BLOCK(PREFLIGHT_REDIRECT, "preflight_redirect")                                                \
    BLOCK(ORIGIN_MISSING, "allow_origin_missing")                                                  \
    BLOCK(ORIGIN_WILDCARD, "allow_origin_wildcard_with_credentials")                               \
    BLOCK(ORIGIN_SEVERAL, "allow_origin_several")                                                  \
    BLOCK(ORIGIN_TWICE, "allow_origin_twice")                                                      \
    BLOCK(ORIGIN_INVALID, "allow_origin_invalid")                                                  \
    BLOCK(ORIGIN_OTHER, "allow_origin_other")                                                      \
    BLOCK(CREDENTIALS, "allow_credentials_missing")                                                \
    BLOCK(PREFLIGHT_STATUS, "preflight_status")                                                    \
    BLOCK(METHODS_UNREADABLE, "allow_methods_unreadable")                                          \
    BLOCK(HEADERS_UNREADABLE, "allow_headers_unreadable")                                          \
    BLOCK(METHOD, "method_not_allowed")                                                            \
    BLOCK(HEADER, "header_not_allowed")                                                            \
    BLOCK(REDIRECT_SCHEME, "redirect_not_http")                                                    \
    BLOCK(REDIRECT_USER, "redirect_with_user")                                                     \
    BLOCK(REDIRECTS, "too_many_redirects")                                                         \
    BLOCK(URL_USER, "url_with_user")                                                               \
    BLOCK(NO_MEMORY, "out_of_memory")

enum block {
#define BLOCK(id, word) BLOCK_##id,
    BROWSER_BLOCKS(BLOCK)
#undef BLOCK
        BLOCKS
};
extern const struct str block_words[BLOCKS];

struct step {
    const char *name;    /* what is looked at */
    const char *section; /* of the Fetch standard */
    bool passed;
    struct str detail;
};

enum fetch_want { WANT_PREFLIGHT, WANT_REQUEST, WANT_NOTHING };
enum { STEPS_MAX = 256, REDIRECTS_MAX = 20 };

struct fetch {
    const struct browser *browser;
    const struct page_request *page;
    struct arena *arena;
    enum fetch_want want;
    /* The request as it now stands: redirects change it. */
    struct url url;
    struct str origin, method;
    struct field headers[PAGE_HEADERS_MAX];
    size_t n_headers;
    struct str unsafe_names; /* Access-Control-Request-Headers; empty: none */
    bool cross_origin;       /* the answer is judged by CORS */
    bool preflighted;        /* this URL's preflight has passed */
    unsigned redirects;
    /* What became of it, once want is WANT_NOTHING. */
    enum block block;
    bool in_preflight;   /* the answer to the preflight is what blocked */
    unsigned status;     /* of the answer that blocked, or of the one the page may read */
    struct str blamed;   /* the header's value, or the method or header name that is not allowed */
    struct str
        readable; /* the names of the answer's headers that script sees: ", " between, sorted */
    struct step steps[STEPS_MAX];
    size_t n_steps;
};

/* page, browser and arena outlive the fetch. */
void fetch_begin(struct fetch *fetch, const struct browser *browser,
                 const struct page_request *page, struct arena *arena);
/* The answer to what fetch->want asked for. Views into it are not kept. */
void fetch_take(struct fetch *fetch, const struct answer *answer);
/* Appends the head that the browser would send now, as far as CORS is concerned: request line,
 * Host, Origin, Access-Control-Request-*, the page's headers. */
void fetch_write(const struct fetch *fetch, struct buf *out);
/* The Origin of what is sent now. */
struct str fetch_origin(const struct fetch *fetch);
