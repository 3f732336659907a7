/* A request typed by hand: what `explain` and `probe` share of their command lines. */
#pragma once
#include <getopt.h>
#include "corsd/browser/request.h"

enum { TYPED_ORIGINS_MAX = 8 };
struct typed {
    struct arena arena;
    struct page_request page;
    const char *verb, *help; /* the help's first line is the usage */
    struct str url, method;
    struct str origins[TYPED_ORIGINS_MAX];
    size_t n_origins;
};

/* Options that both verbs take, rows of a `struct option` table; the values of a verb's own begin
 * at TYPED_OWN. Their letters: "X:H:h". */
enum { TYPED_ORIGIN = 256, TYPED_CREDENTIALS, TYPED_OWN };
#define TYPED_OPTIONS                                                                            \
    {"origin", required_argument, NULL, TYPED_ORIGIN}, {"method", required_argument, NULL, 'X'}, \
        {"header", required_argument, NULL, 'H'},                                                \
        {"credentials", no_argument, NULL, TYPED_CREDENTIALS},                                   \
    {                                                                                            \
        "help", no_argument, NULL, 'h'                                                           \
    }

void typed_init(struct typed *typed, const char *verb, const char *help);
void typed_finish(struct typed *typed);
/* Says so on stderr, with the usage; returns 2. */
int typed_wrong(const struct typed *typed, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Reads the command line: options, then one URL. `take` is given each option of the verb's own,
 * with `ctx`; it says so and returns false where it is wrong. -1: go on; else the exit code. */
int typed_read(struct typed *typed, int argc, char **argv, const char *letters,
               const struct option *options, bool (*take)(void *ctx, int option), void *ctx);
/* An origin that the page may have; lives as long as the request. False where it is none: told. */
MUST_USE bool typed_add_origin(struct typed *typed, struct str value);
/* Method, URL and the first origin into the page. */
MUST_USE bool typed_end(struct typed *typed);
