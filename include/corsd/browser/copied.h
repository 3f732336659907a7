/* A request as it was copied from a browser's network panel: "Copy as cURL", or a HAR file. What
 * the browser adds by itself is left out again, so that what remains is the page's own. Pure. */
#pragma once
#include "corsd/browser/request.h"

struct copied {
    struct str url, method, origin; /* origin empty: the request had none */
    struct field headers[PAGE_HEADERS_MAX];
    size_t n_headers;
    bool cookies; /* it carried some: it was made with credentials */
};

enum copied_fault { COPIED_OK, COPIED_UNREADABLE, COPIED_NOT_THERE, COPIED_TOO_MUCH };
const char *copied_fault_text(enum copied_fault fault); /* a sentence; static */

/* A curl command line with the quotes of a POSIX shell. *out on COPIED_OK only. */
enum copied_fault copied_from_curl(struct str text, struct arena *arena, struct copied *out);
/* The last request of a HAR 1.2 to this URL (url empty: to any), those that got no answer first;
 * preflights do not count. */
enum copied_fault copied_from_har(struct str text, struct str url, struct arena *arena,
                                  struct copied *out);
