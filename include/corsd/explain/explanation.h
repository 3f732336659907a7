/* What browsers would do with a request sent through a plan: the gate's own code answers it, the
 * browser model judges. No sockets: what the backend would say is assumed. One thread a call;
 * nothing is kept. For `corsd explain`, and for whoever asks a running corsd. */
#pragma once
#include "corsd/browser/fetch.h"
#include "corsd/explain/change.h"
#include "corsd/plan/plan.h"

/* What the backend is taken to answer, whatever it is asked. */
struct assumed {
    unsigned status;
    struct str head_lines; /* "Name: value\r\n" each; may be empty */
};

struct sent { /* one request and the answer it got, as heads */
    bool preflight;
    bool from_backend; /* the answer is the assumed one, as corsd passes it on */
    struct str request, answer;
};

enum { EXPLAIN_SENT_MAX = 2 * (REDIRECTS_MAX + 1) };
struct explanation {
    const struct page_request *page;
    const struct assumed *assumed;
    /* Of the last request that was sent. */
    const struct route *route;   /* NULL: none */
    const struct policy *policy; /* NULL: off */
    const struct rule *rule;     /* NULL: none decided */
    struct str reason;           /* the table's sentence */
    struct str elsewhere;        /* where a redirect leaves this server: not looked at */
    struct sent sent[EXPLAIN_SENT_MAX]; /* by the standard */
    size_t n_sent;
    struct fetch by[BROWSERS];
    struct change change; /* of the YAML, where one would mend it */
};

/* False out of memory, or where the request is larger than the plan's limits let through at all. */
MUST_USE bool explain(struct explanation *out, const struct plan *plan,
                      const struct page_request *page, const struct assumed *assumed,
                      struct arena *arena);
/* Whether the page gets its answer: by the standard, and so in every browser modelled. */
bool explanation_allows(const struct explanation *explanation);
