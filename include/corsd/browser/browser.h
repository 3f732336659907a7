/* The browsers whose behaviour is modelled, and where each departs from the Fetch standard: data,
 * with the version in which it was seen. Held against the real ones by tests/browser. */
#pragma once
#include "corsd/base/str.h"

enum browser_name { BROWSER_STANDARD, BROWSER_CHROMIUM, BROWSER_FIREFOX, BROWSERS };

struct browser {
    struct str name;    /* "Chromium" */
    struct str version; /* in which all this was seen; empty: the standard itself */
    uint64_t max_age_cap_s;   /* a longer Access-Control-Max-Age counts as this; 0: as it is */
    bool
        keeps_authorization; /* a preflight behind a redirect to another origin asks for it still */
    bool asks_untainted;      /* that preflight's Origin is the page's, the request's null */
    bool star_covers_authorization; /* Access-Control-Allow-Headers: * lets Authorization pass */
    bool (*sends_freely)(struct str name, struct str value); /* headers beyond the standard's that
                                                                need no preflight; NULL: none */
    struct str departs; /* the line above, for people; empty: it does not */
};
extern const struct browser browsers[BROWSERS];
