/* A request as a page's fetch() would make it: what the script asked for, once the browser has
 * normalised it and taken out what no page may set. Pure; texts live in the arena given.
 * Source: Fetch, "Methods", "Headers", "Request class". */
#pragma once
#include "corsd/browser/browser.h"
#include "corsd/browser/url.h"
#include "corsd/http/fields.h"

enum credentials_mode { CREDENTIALS_SAME_ORIGIN, CREDENTIALS_OMIT, CREDENTIALS_INCLUDE };
enum { PAGE_HEADERS_MAX = 100 };

struct page_request {
    struct str origin; /* the page's, serialised, or "null" */
    struct url url;
    struct str method; /* normalised */
    enum credentials_mode credentials;
    struct field headers[PAGE_HEADERS_MAX]; /* the script's own; one a name */
    size_t n_headers;
};

enum page_fault {
    PAGE_OK,
    PAGE_IGNORED, /* a browser drops this header without a word: it sets it itself, or forbids it */
    PAGE_BAD_METHOD,
    PAGE_FORBIDDEN_METHOD, /* CONNECT, TRACE, TRACK */
    PAGE_BAD_NAME,
    PAGE_BAD_VALUE,
    PAGE_TOO_MANY,
    PAGE_NO_MEMORY,
};

/* get → GET, but patch stays patch, as browsers have it. */
enum page_fault page_set_method(struct page_request *page, struct arena *arena, struct str method);
/* As headers.append(): a second value of a name joins the first. */
enum page_fault page_add_header(struct page_request *page, struct arena *arena, struct str name,
                                struct str value);
const char *page_fault_text(enum page_fault fault); /* a sentence; static */

/* GET, HEAD, POST: Fetch, "CORS-safelisted method". */
bool method_is_safelisted(struct str method);
/* The names that need the server's word, in lower case, sorted, joined by commas as browsers send
 * them; empty: none. Fetch, "CORS-unsafe request-header names". p is NULL out of memory. */
struct str page_unsafe_names(struct arena *arena, const struct browser *browser,
                             const struct field *headers, size_t n);
