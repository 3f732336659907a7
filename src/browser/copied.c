/* Telling the page's own headers from the browser's. */
#include "corsd/browser/copied.h"
#include "copied.h"

const char *copied_fault_text(enum copied_fault fault)
{
    switch (fault) {
    case COPIED_OK: return "fine";
    case COPIED_UNREADABLE: return "it cannot be read";
    case COPIED_NOT_THERE: return "there is no such request in it";
    case COPIED_TOO_MUCH: return "it is too large";
    }
    return "";
}

/* Headers that scripts hardly set and browsers always or often add. */
static bool is_browsers_own(struct str name, struct str value)
{
    static const struct str names[] = {
        STR_INIT("user-agent"), STR_INIT("priority"), STR_INIT("if-none-match"),
        STR_INIT("if-modified-since"), STR_INIT("upgrade-insecure-requests"),
        STR_INIT("x-client-data"),
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (str_eq_nocase(name, names[i]))
            return true;
    bool cache = str_eq_nocase(name, STR("cache-control")) || str_eq_nocase(name, STR("pragma"));
    return (cache && (str_eq(value, STR("no-cache")) || str_eq(value, STR("max-age=0")))) ||
           (name.n && name.p[0] == ':'); /* HTTP/2's own, in HAR files */
}

bool copied_header(struct copied *copied, struct str name, struct str value)
{
    value = str_trim(value);
    if (str_eq_nocase(name, STR("origin")))
        copied->origin = value;
    if (str_eq_nocase(name, STR("cookie")))
        copied->cookies = value.n > 0;
    if (is_browsers_own(name, value))
        return true;
    if (copied->n_headers == PAGE_HEADERS_MAX)
        return false;
    copied->headers[copied->n_headers++] =
        (struct field){name, value, (uint16_t)field_id(name), false};
    return true;
}
