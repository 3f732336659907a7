/* One row a block: what happened, and what mends it. */
#include "corsd/browser/advice.h"
#include "blanks.h"

/* Their blanks: blanks.h. */
static const struct {
    const char *what, *fix;
} rows[BLOCKS] = {
    [BLOCK_NO_ANSWER] = {"The server did not answer. This is not about CORS, although the browser "
                         "reports it as if it were.",
                         "See that the server runs and can be reached at this address."},
    [BLOCK_PREFLIGHT_REDIRECT] =
        {"The server answered the preflight with a redirect (%s), and a browser follows none "
         "there. Typical: http to https, a missing slash at the end, or a login page.",
         "Ask for the address that the redirect leads to, or let the server answer OPTIONS "
         "before it redirects."},
    [BLOCK_ORIGIN_MISSING] =
        {"The answer has no Access-Control-Allow-Origin header, so the browser keeps it from the "
         "page.",
         "Every answer to %o must have Access-Control-Allow-Origin: %o, errors included."},
    [BLOCK_ORIGIN_WILDCARD] =
        {"The request is made with credentials (cookies), and the server allows every origin "
         "by *. A browser does not take * together with credentials.",
         "Send Access-Control-Allow-Origin: %o and Access-Control-Allow-Credentials: true, or "
         "make the request without credentials: 'include'."},
    [BLOCK_ORIGIN_SEVERAL] =
        {"Access-Control-Allow-Origin holds several values, and a browser takes exactly one: a "
         "list does not work.",
         "Send the one origin that asks: Access-Control-Allow-Origin: %o, with Vary: Origin."},
    [BLOCK_ORIGIN_TWICE] =
        {"Access-Control-Allow-Origin is there twice. Typical: the application and a proxy in "
         "front of it both add it.",
         "Let one of the two add CORS headers, and take them out of the other."},
    [BLOCK_ORIGIN_INVALID] =
        {"Access-Control-Allow-Origin holds \"%v\", which is no origin.",
         "Send an origin as browsers write it, with scheme and without a path: "
         "Access-Control-Allow-Origin: %o."},
    [BLOCK_ORIGIN_OTHER] =
        {"The server allows \"%v\", and the page is at %o. They must be the same to the letter: "
         "scheme, host and port, without a slash at the end, and patterns do not work.",
         "Send Access-Control-Allow-Origin: %o, with Vary: Origin."},
    [BLOCK_CREDENTIALS] =
        {"The request is made with credentials (cookies), and the server does not say that it "
         "wants them.",
         "Send Access-Control-Allow-Credentials: true, or make the request without credentials: "
         "'include'."},
    [BLOCK_PREFLIGHT_STATUS] =
        {"Before such a request the browser asks for permission: an OPTIONS request called the "
         "preflight. The server answered it with %s, and only 200 to 299 is a yes. 405 means that "
         "it knows no OPTIONS here, 401 and 403 that a login stands before it: a preflight never "
         "carries one.",
         "Let the server, or a proxy before it, answer OPTIONS with 204 and the CORS headers "
         "before any login is asked for."},
    [BLOCK_METHODS_UNREADABLE] = {"Access-Control-Allow-Methods cannot be read: \"%v\" is no "
                                  "method. One wrong item spoils the whole list.",
                                  "Separate the methods by commas: GET, PUT."},
    [BLOCK_HEADERS_UNREADABLE] = {"Access-Control-Allow-Headers cannot be read: \"%v\" is no "
                                  "header's name. One wrong item spoils the whole list.",
                                  "Separate the names by commas: Content-Type, Authorization."},
    [BLOCK_METHOD] =
        {"The page asks for %v, and the server's answer to the preflight does not list it. Only "
         "GET, HEAD and POST need no listing, and capital letters count.",
         "Add %v to Access-Control-Allow-Methods of the answer to OPTIONS."},
    [BLOCK_HEADER] =
        {"The page sends the request header %v, and the server's answer to the preflight does "
         "not list it.",
         "Add %v to Access-Control-Allow-Headers of the answer to OPTIONS."},
    [BLOCK_REDIRECT_SCHEME] = {"The answer redirects to something that is no http:// or https:// "
                               "address.",
                               "Redirect to an http:// or https:// address."},
    [BLOCK_REDIRECT_USER] = {"The answer redirects to an address with a user's name or password "
                             "in it, which no page of another origin may follow.",
                             "Take name and password out of the Location header."},
    [BLOCK_REDIRECTS] = {"The answers redirect in a circle.", "Mend the redirects."},
    [BLOCK_URL_USER] = {"The address has a user's name or password in it, and fetch() takes no "
                        "such address.",
                        "Send an Authorization header instead."},
    [BLOCK_NO_MEMORY] = {"Out of memory.", "Try a smaller request."},
};

/* OPTIONS that a framework answers by itself: fine in its own eyes, and no word of CORS. */
static void what_of_options(struct buf *out, const struct fetch *fetch)
{
    blanks_fill(
        out,
        "Before such a request the browser asks for permission: an OPTIONS request called the "
        "preflight. ",
        fetch);
    if (fetch->status >= 200 && fetch->status <= 299)
        blanks_fill(
            out,
            "The server answered it with %s, but without CORS headers: its framework answers "
            "OPTIONS by itself, and the code that would add them is not asked.",
            fetch);
    else
        blanks_fill(
            out,
            "The server answered it with %s and without CORS headers: 405 and 404 mean that it "
            "knows no OPTIONS here, 401 and 403 that a login stands before it, and a preflight "
            "never carries one.",
            fetch);
}

void advice_what(struct buf *out, const struct fetch *fetch)
{
    if (fetch->block == BLOCK_ORIGIN_MISSING && fetch->in_preflight)
        what_of_options(out, fetch);
    else if (rows[fetch->block].what)
        blanks_fill(out, rows[fetch->block].what, fetch);
}

void advice_fix(struct buf *out, const struct fetch *fetch)
{
    if (fetch->block == BLOCK_ORIGIN_MISSING && fetch->in_preflight)
        blanks_fill(out,
                    "Let the server, or a proxy before it, answer OPTIONS with 204, "
                    "Access-Control-Allow-Origin: %o and what the page asks for.",
                    fetch);
    else if (rows[fetch->block].fix)
        blanks_fill(out, rows[fetch->block].fix, fetch);
}
