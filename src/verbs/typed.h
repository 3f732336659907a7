/* A request typed by hand: what `explain` and `probe` share of their command lines. */
#pragma once
#include "corsd/browser/request.h"

enum { TYPED_ORIGINS_MAX = 8 };
struct typed {
    struct arena arena;
    struct page_request page;
    const char *verb, *usage; /* the usage is one line */
    struct str url, method;
    struct str origins[TYPED_ORIGINS_MAX];
    size_t n_origins;
};

void typed_init(struct typed *typed, const char *verb, const char *usage);
void typed_finish(struct typed *typed);
/* Says so on stderr, with the usage; returns 2. */
int typed_wrong(const struct typed *typed, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* "Name: value". False after saying so; a header that no page may set gets a word and is left out.
 */
MUST_USE bool typed_header(struct typed *typed, struct str line);
MUST_USE bool typed_origin(struct typed *typed, const char *text);
/* Method, URL and the first origin into the page. */
MUST_USE bool typed_end(struct typed *typed);
