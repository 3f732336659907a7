/* The messages: one table a browser, with holes for what differs. */
#include "corsd/browser/console.h"
#include "blanks.h"

/* Their blanks: blanks.h. */
struct words {
    const char *text;
    bool no_prefix; /* the text stands alone */
};

static const struct words chromium_words[BLOCKS] = {
    [BLOCK_PREFLIGHT_REDIRECT] = {"Redirect is not allowed for a preflight request."},
    [BLOCK_ORIGIN_MISSING] = {"No 'Access-Control-Allow-Origin' header is present on the requested "
                              "resource."},
    [BLOCK_ORIGIN_WILDCARD] = {"The value of the 'Access-Control-Allow-Origin' header in the "
                               "response must not be the wildcard '*' when the request's "
                               "credentials mode is 'include'."},
    [BLOCK_ORIGIN_SEVERAL] = {"The 'Access-Control-Allow-Origin' header contains multiple values "
                              "'%v', but only one is allowed. Have the server send the header with "
                              "a valid value."},
    [BLOCK_ORIGIN_TWICE] = {"The 'Access-Control-Allow-Origin' header contains multiple values "
                            "'%v', but only one is allowed. Have the server send the header with "
                            "a valid value."},
    [BLOCK_ORIGIN_INVALID] = {"The 'Access-Control-Allow-Origin' header contains the invalid value "
                              "'%v'. Have the server send the header with a valid value."},
    [BLOCK_ORIGIN_OTHER] = {"The 'Access-Control-Allow-Origin' header has a value '%v' that is not "
                            "equal to the supplied origin. Have the server send the header with a "
                            "valid value."},
    [BLOCK_CREDENTIALS] = {"The value of the 'Access-Control-Allow-Credentials' header in the "
                           "response is '%v' which must be 'true' when the request's credentials "
                           "mode is 'include'."},
    [BLOCK_PREFLIGHT_STATUS] = {"It does not have HTTP ok status."},
    [BLOCK_METHODS_UNREADABLE] = {"Cannot parse Access-Control-Allow-Methods response header field "
                                  "in preflight response.",
                                  true},
    [BLOCK_HEADERS_UNREADABLE] = {"Cannot parse Access-Control-Allow-Headers response header field "
                                  "in preflight response.",
                                  true},
    [BLOCK_METHOD] = {"Method %v is not allowed by Access-Control-Allow-Methods in preflight "
                      "response.",
                      true},
    [BLOCK_HEADER] = {"Request header field %v is not allowed by Access-Control-Allow-Headers in "
                      "preflight response.",
                      true},
    [BLOCK_REDIRECT_SCHEME] = {"Cross origin requests are only supported for protocol schemes: "
                               "chrome, chrome-experimental-site-token-provider, chrome-extension, "
                               "chrome-untrusted, data, http, https, isolated-app."},
    [BLOCK_REDIRECT_USER] = {"Redirect location '' contains a username and password, which is "
                             "disallowed for cross-origin requests."},
};

#define NOT_MATCHING "%u. (Reason: CORS header ‘Access-Control-Allow-Origin’ does not match ‘%v’)."
#define NO_SUCCESS   "%u. (Reason: CORS request did not succeed). Status code: (null)."

static const struct words firefox_words[BLOCKS] = {
    [BLOCK_NO_ANSWER] = {NO_SUCCESS},
    [BLOCK_PREFLIGHT_REDIRECT] = {"%u. (Reason: CORS request external redirect not allowed)."},
    [BLOCK_ORIGIN_MISSING] = {"%u. (Reason: CORS header ‘Access-Control-Allow-Origin’ missing). "
                              "Status code: %s."},
    [BLOCK_ORIGIN_WILDCARD] = {"‘%u’. (Reason: Credential is not supported if the CORS header "
                               "‘Access-Control-Allow-Origin’ is ‘*’)."},
    [BLOCK_ORIGIN_SEVERAL] = {NOT_MATCHING},
    [BLOCK_ORIGIN_TWICE] = {"%u. (Reason: Multiple CORS header ‘Access-Control-Allow-Origin’ not "
                            "allowed)."},
    [BLOCK_ORIGIN_INVALID] = {NOT_MATCHING},
    [BLOCK_ORIGIN_OTHER] = {NOT_MATCHING},
    [BLOCK_CREDENTIALS] = {"%u. (Reason: expected ‘true’ in CORS header "
                           "‘Access-Control-Allow-Credentials’)."},
    [BLOCK_PREFLIGHT_STATUS] = {"%u. (Reason: CORS preflight response did not succeed). Status "
                                "code: %s."},
    [BLOCK_METHODS_UNREADABLE] = {"%u. (Reason: invalid token ‘%v’ in CORS header "
                                  "‘Access-Control-Allow-Methods’)."},
    [BLOCK_HEADERS_UNREADABLE] = {"%u. (Reason: invalid token ‘%v’ in CORS header "
                                  "‘Access-Control-Allow-Headers’)."},
    [BLOCK_METHOD] = {"%u. (Reason: Did not find method in CORS header "
                      "‘Access-Control-Allow-Methods’)."},
    [BLOCK_HEADER] = {"%u. (Reason: header ‘%v’ is not allowed according to header "
                      "‘Access-Control-Allow-Headers’ from CORS preflight response)."},
    [BLOCK_REDIRECT_SCHEME] = {NO_SUCCESS},
    [BLOCK_REDIRECT_USER] = {NO_SUCCESS},
};

/* Chromium says nothing about a redirect to a scheme that it knows, or to no URL at all. */
static bool is_unknown_scheme(struct str location)
{
    size_t colon = str_find(location, ':');
    return colon < location.n && !str_eq_nocase(str_head(location, colon), STR("data"));
}

static void say_chromium(struct buf *out, const struct fetch *fetch)
{
    const struct words *words = &chromium_words[fetch->block];
    bool scheme = fetch->block == BLOCK_REDIRECT_SCHEME;
    if (!words->text || (scheme && !is_unknown_scheme(fetch->blamed)))
        return;
    blanks_fill(out, scheme ? "Access to fetch at '%v' " : "Access to fetch at '%u' ", fetch);
    if (fetch->redirects || scheme) {
        buf_add(out, STR("(redirected from '"));
        buf_add(out, fetch->page->url.href);
        buf_add(out, STR("') "));
    }
    buf_add(out, STR("from origin '"));
    buf_add(out, fetch->page->origin);
    buf_add(out, STR("' has been blocked by CORS policy: "));
    if (fetch->in_preflight && !words->no_prefix)
        buf_add(out, STR("Response to preflight request doesn't pass access control check: "));
    blanks_fill(out, words->text, fetch);
}

static void say_firefox(struct buf *out, const struct fetch *fetch)
{
    const struct words *words = &firefox_words[fetch->block];
    if (!words->text)
        return;
    buf_add(out, STR("Cross-Origin Request Blocked: The Same Origin Policy disallows reading the "
                     "remote resource at "));
    blanks_fill(out, words->text, fetch);
}

void console_say(struct buf *out, enum browser_name browser, const struct fetch *fetch)
{
    if (browser == BROWSER_CHROMIUM)
        say_chromium(out, fetch);
    else if (browser == BROWSER_FIREFOX)
        say_firefox(out, fetch);
}
