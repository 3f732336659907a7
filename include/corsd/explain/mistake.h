/* What servers get wrong about CORS: one table for text, JSON, SARIF, JUnit and docs/probe.md. */
#pragma once
#include "corsd/base/str.h"

enum mistake_level { MISTAKE_LEVEL_NOTE, MISTAKE_LEVEL_WARNING, MISTAKE_LEVEL_ERROR };

/* MISTAKE(id, word, level, what, consequence) */
#define CORS_MISTAKES(MISTAKE)                                                                     \
    MISTAKE(NO_ANSWER, "no-answer", ERROR, "The server did not answer",                            \
            "The browser reports it as if it were CORS")                                           \
    MISTAKE(PREFLIGHT_REDIRECT, "preflight-redirect", ERROR, "The preflight is redirected",        \
            "A browser follows no redirect there: the page is blocked")                            \
    MISTAKE(PREFLIGHT_AUTH, "preflight-auth-wall", ERROR,                                          \
            "OPTIONS reaches a login: a preflight never carries one",                              \
            "The page is blocked, logged in or not")                                               \
    MISTAKE(PREFLIGHT_METHOD, "preflight-405", ERROR, "The server knows no OPTIONS here",          \
            "Every request that needs a preflight is blocked")                                     \
    MISTAKE(PREFLIGHT_STATUS, "preflight-status", ERROR, "The preflight is not answered by 2xx",   \
            "Every request that needs a preflight is blocked")                                     \
    MISTAKE(ORIGIN_MISSING, "allow-origin-missing", ERROR,                                         \
            "Access-Control-Allow-Origin is missing", "The page cannot read the answer")           \
    MISTAKE(ORIGIN_DOUBLED, "allow-origin-doubled", ERROR,                                         \
            "Access-Control-Allow-Origin is there more than once, or holds several values",        \
            "A browser takes exactly one: the page cannot read the answer")                        \
    MISTAKE(ORIGIN_WRONG, "allow-origin-wrong", ERROR,                                             \
            "Access-Control-Allow-Origin is not the page's origin to the letter",                  \
            "The page cannot read the answer")                                                     \
    MISTAKE(WILDCARD_CREDENTIALS, "wildcard-with-credentials", ERROR,                              \
            "Access-Control-Allow-Origin is * for a request with credentials",                     \
            "A browser does not take * there: the page cannot read the answer")                    \
    MISTAKE(CREDENTIALS_MISSING, "allow-credentials-missing", ERROR,                               \
            "Access-Control-Allow-Credentials: true is missing",                                   \
            "A request with cookies is blocked")                                                   \
    MISTAKE(METHOD_MISSING, "method-missing", ERROR,                                               \
            "Access-Control-Allow-Methods does not list the method", "The request is blocked")     \
    MISTAKE(HEADER_MISSING, "header-missing", ERROR,                                               \
            "Access-Control-Allow-Headers does not list a header that is sent",                    \
            "The request is blocked")                                                              \
    MISTAKE(LIST_UNREADABLE, "list-unreadable", ERROR,                                             \
            "A list of methods or headers holds what is no name",                                  \
            "The whole list counts for nothing: the request is blocked")                           \
    MISTAKE(WILDCARD_CREDENTIALS_SENT, "wildcard-allows-credentials", WARNING,                     \
            "Access-Control-Allow-Origin: * together with Access-Control-Allow-Credentials: true", \
            "It looks as if cookies were allowed, and no browser does")                            \
    MISTAKE(REFLECTED, "origin-reflected", ERROR, "Any origin is allowed, with credentials",       \
            "Every page on the web can read what your users see")                                  \
    MISTAKE(REFLECTED_PLAIN, "origin-reflected-plain", WARNING, "Any origin is echoed",            \
            "It means * but defeats caches; once credentials are allowed, every page reads all")   \
    MISTAKE(NULL_ALLOWED, "origin-null", ERROR, "The origin null is allowed",                      \
            "Every page can make itself null by a sandboxed frame, and so read the answer")        \
    MISTAKE(SUFFIX, "origin-look-alike-suffix", ERROR,                                             \
            "An origin that only begins like yours is allowed",                                    \
            "Whoever registers such a name reads what your users see")                             \
    MISTAKE(PREFIX, "origin-look-alike-prefix", ERROR,                                             \
            "An origin that only ends like yours is allowed",                                      \
            "Whoever registers such a name reads what your users see")                             \
    MISTAKE(HTTP, "origin-http", WARNING, "The http:// spelling of an https:// origin is allowed", \
            "Whoever sits on the wire can speak for your page")                                    \
    MISTAKE(VARY, "vary-missing", WARNING,                                                         \
            "The answer depends on the origin and has no Vary: Origin",                            \
            "A cache gives one origin's answer to another, and pages break now and then")          \
    MISTAKE(ERRORS, "errors-without-cors", WARNING, "Errors have no CORS headers",                 \
            "The page sees a network error in place of the status")                                \
    MISTAKE(OPTIONS_BLOCKED, "options-blocked", NOTE,                                              \
            "A preflight would fail here, though this request needs none",                         \
            "The first custom header or other method will be blocked")                             \
    MISTAKE(MAX_AGE_ABSENT, "max-age-absent", NOTE, "Access-Control-Max-Age is missing",           \
            "The browser asks again after 5 seconds: twice the requests")                          \
    MISTAKE(MAX_AGE_CAPPED, "max-age-capped", NOTE,                                                \
            "Access-Control-Max-Age is beyond what browsers keep",                                 \
            "Chromium keeps 2 hours, Firefox 24")                                                  \
    MISTAKE(REDIRECT, "redirect", NOTE, "The answer is a redirect, which was not followed",        \
            "Its target must allow the origin too, or null where it is on another server")

enum mistake {
#define MISTAKE(id, word, level, what, consequence) MISTAKE_##id,
    CORS_MISTAKES(MISTAKE)
#undef MISTAKE
        MISTAKES
};

struct mistake_row {
    struct str word;
    enum mistake_level level;
    struct str what, consequence; /* no final dot */
};
extern const struct mistake_row mistakes[MISTAKES];
