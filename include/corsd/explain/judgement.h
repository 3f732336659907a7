/* The judgement of a live server: what to send, and what its answers mean. Pure but for the sender
 * it is given. At most PROBE_SENT_MAX requests, all to the one URL; redirects are not followed. */
#pragma once
#include "corsd/browser/fetch.h"
#include "corsd/explain/mistake.h"

enum { PROBE_SENT_MAX = 40, PROBE_FOUND_MAX = 64, PROBE_FIELDS_MAX = 200 };

/* Sends a head and gives back the head of the final answer, in the arena. False where none came;
 * then *answer is the reason. */
typedef bool probe_sender(void *ctx, struct str request, struct arena *arena, struct str *answer);

struct probe_reply {
    const char *why; /* what this request was for */
    struct str request, head; /* head empty: none came, and `error` says why */
    struct str error;
    struct answer answer;
};

struct found {
    enum mistake mistake;
    struct str detail; /* what was seen; may be empty */
};

struct probe {
    const struct page_request *page; /* its origin is the first of those asked for */
    struct arena *arena;
    probe_sender *send;
    void *ctx;
    bool preflight_only; /* no actual request is sent */
    struct probe_reply replies[PROBE_SENT_MAX];
    size_t n_replies;
    size_t n_own; /* the first ones: of the request that was asked for */
    struct found found[PROBE_FOUND_MAX];
    size_t n_found;
    struct fetch by[BROWSERS];
};

/* Fills replies, found and by. `others`: more origins to be allowed. False out of memory. */
MUST_USE bool probe_run(struct probe *probe, const struct str *others, size_t n_others);
/* Blocked, or some mistake above a note. */
bool probe_is_bad(const struct probe *probe);

void probe_print(struct buf *out, const struct probe *probe, bool colour);
void probe_json(struct buf *out, const struct probe *probe);
void probe_sarif(struct buf *out, const struct probe *probe);
void probe_junit(struct buf *out, const struct probe *probe);
