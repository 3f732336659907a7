/* corsd probe: how a live server answers pages, and what it gets wrong. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "corsd/explain/judgement.h"
#include "corsd/net/lookup.h"
#include "corsd/verbs/verbs.h"
#include "reads.h"
#include "typed.h"
#include "wire.h"

enum { PATIENCE_MS = 10000 }; /* for each exchange, and for the name */

static const char help[] =
    "usage: corsd probe --origin ORIGIN [-X METHOD] [-H HEADER] [--credentials] URL\n"
    "\n"
    "Sends a page's request to a live server, as a browser would, and some as\n"
    "pages of strangers would; judges the answers and names each mistake. Every\n"
    "request goes to the URL given, redirects are not followed, and what was\n"
    "sent is said: some 10 requests, 40 at most.\n"
    "\n"
    "      --origin ORIGIN      where the page is: https://app.example.com, or null;\n"
    "                           more of them: each should be allowed\n"
    "  -X, --method METHOD      GET where none is given; strangers ask by the\n"
    "                           preflight alone where the method needs one\n"
    "  -H, --header LINE        'Name: value'; as often as needed\n"
    "      --credentials        as fetch() with credentials: 'include' (cookies)\n"
    "      --preflight-only     never send the request itself\n"
    "      --connect ADDRESS    where to send it: 127.0.0.1:8080, [::1]:80 or\n"
    "                           unix:/path, whatever the URL's host says\n"
    "      --json, --sarif, --junit   for programs\n"
    "  -h, --help               this text\n"
    "\n"
    "Exit status: 0 fine, 1 blocked or a mistake beyond notes, 2 wrong usage.\n";

struct asked {
    struct typed typed;
    const char *connect;
    bool preflight_only;
    void (*print)(struct buf *out, const struct probe *probe); /* NULL: as text */
};

enum { OPT_ONLY = TYPED_OWN, OPT_CONNECT, OPT_JSON, OPT_SARIF, OPT_JUNIT };

static bool take(void *ctx, int option)
{
    struct asked *asked = ctx;
    switch (option) {
    case OPT_ONLY: asked->preflight_only = true; return true;
    case OPT_CONNECT: asked->connect = optarg; return true;
    case OPT_JSON: asked->print = probe_json; return true;
    case OPT_SARIF: asked->print = probe_sarif; return true;
    default: asked->print = probe_junit; return true;
    }
}

/* -1: go on; else the exit code. */
static int read_options(struct asked *asked, int argc, char **argv)
{
    static const struct option options[] = {
        TYPED_OPTIONS,
        {"preflight-only", no_argument, NULL, OPT_ONLY},
        {"connect", required_argument, NULL, OPT_CONNECT},
        {"json", no_argument, NULL, OPT_JSON},
        {"sarif", no_argument, NULL, OPT_SARIF},
        {"junit", no_argument, NULL, OPT_JUNIT},
        {NULL, 0, NULL, 0},
    };
    int code = typed_read(&asked->typed, argc, argv, "X:H:h", options, take, asked);
    return code < 0 && !typed_end(&asked->typed) ? WRONG_USAGE : code;
}

/* host[:port] with the port that stands in it, or the scheme's. */
static struct str split_port(struct str authority, uint16_t *port)
{
    size_t bracket = str_rfind(authority, ']'), colon = str_rfind(authority, ':');
    uint64_t number;
    *port = 80;
    if (colon == authority.n || (bracket < authority.n && colon < bracket) ||
        !str_to_u64(str_from(authority, colon + 1), &number) || number > UINT16_MAX)
        return authority;
    *port = (uint16_t)number;
    return str_head(authority, colon);
}

/* -1 and *out, or the exit code. */
static int find_address(const struct asked *asked, struct address *out)
{
    const struct url *url = &asked->typed.page.url;
    char text[300];
    uint16_t port;
    struct str where = asked->connect ? str_of(asked->connect) : url->authority;
    if (str_eq(url->scheme, STR("https")) && !asked->connect)
        return typed_wrong(&asked->typed, "https:// is not spoken yet: --connect sends the request "
                                          "in plain to where TLS ends");
    struct str host = split_port(where, &port);
    if (!asked->connect) {
        snprintf(text, sizeof text, "%.*s:%u", STR_ARG(host), port);
        where = str_of(text);
    }
    enum address_fault fault = address_parse(where, out);
    if (fault == ADDRESS_OK || (fault == ADDRESS_NAME && lookup(host, port, PATIENCE_MS, out)))
        return -1;
    if (fault != ADDRESS_NAME)
        return typed_wrong(&asked->typed, "%.*s: %s", STR_ARG(where), address_fault_text(fault));
    fprintf(stderr, "corsd probe: %.*s: the name has no address\n", STR_ARG(host));
    return 1;
}

static int run(struct asked *asked, struct wire_target *target)
{
    struct typed *typed = &asked->typed;
    struct buf out = BUF_INIT(OUTPUT_MAX);
    struct probe *probe = calloc(1, sizeof *probe);
    int code = 1;
    if (!probe)
        return 1;
    probe->page = &typed->page;
    probe->arena = &typed->arena;
    probe->send = wire_ask;
    probe->ctx = target;
    probe->preflight_only = asked->preflight_only;
    if (!probe_run(probe, typed->origins + 1, typed->n_origins - 1))
        fputs("corsd probe: the request is too large\n", stderr);
    else {
        if (asked->print)
            asked->print(&out, probe);
        else
            probe_print(&out, probe, wants_colour(STDOUT_FILENO));
        code = probe_is_bad(probe) ? 1 : 0;
        if (!write_out(STDOUT_FILENO, &out))
            code = 1;
    }
    free(probe);
    return code;
}

int verb_probe(int argc, char **argv)
{
    struct asked asked = {0};
    struct wire_target target = {.patience_ms = PATIENCE_MS};
    typed_init(&asked.typed, "probe", help);
    int code = read_options(&asked, argc, argv);
    if (code < 0)
        code = find_address(&asked, &target.address);
    if (code < 0)
        code = run(&asked, &target);
    typed_finish(&asked.typed);
    return code;
}
