/* One reading of a configuration: where faults go and memory comes from. Main thread only. */
#pragma once
#include "corsd/base/arena.h"
#include "corsd/config/diagnostic.h"
#include "corsd/plan/place.h"

struct plan;
struct plan_file;

struct reading {
    struct arena *arena;             /* the plan's: what lives as long as it does */
    struct arena scratch;            /* what goes when the reading ends */
    struct diagnostics *diagnostics; /* the caller's */
    struct str folder;               /* of the configuration: file names in it start from there */
    bool has_file;                   /* else hints name flags */
    const struct plan *before;       /* in force until now, or NULL */
    struct plan_file *files;         /* what was read beside the configuration */
    struct {
        const struct place_file *file;
        unsigned line;
        size_t offset;
    } last;                          /* the line that was quoted last */
    bool out_of_memory;              /* something is missing because of it */
};

/* Each takes the place at fault (NULL: none), a hint or NULL, and the message. */
void fault(struct reading *reading, const void *place, const char *hint, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void warn(struct reading *reading, const void *place, const char *hint, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Whether one more message is kept: else its hint is not worth the search. */
bool is_heard(const struct reading *reading);
/* Cleared memory that lives as long as the plan; NULL and out_of_memory. */
MUST_USE void *take(struct reading *reading, size_t size);
MUST_USE struct str keep(struct reading *reading, struct str text); /* a copy; p NULL likewise */
/* The plan is to know that it rests on this file. */
void rest_on(struct reading *reading, struct str path);

/* printf into `size` bytes, cut where they end; returns out. For hints. */
char *phrase(char *out, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));

enum { PHRASE = 256, EXCERPT = 60 };
/* The start of a text that the user wrote, for "%.*s" in messages. */
#define EXCERPT_ARG(text) (int)excerpt(text).n, (text).p
struct str excerpt(struct str text);
