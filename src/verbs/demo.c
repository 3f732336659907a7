/* `corsd demo`: a page, a legacy backend without CORS and corsd between them, in one process. */
#include "demo.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "corsd/base/json.h"
#include "corsd/config/config.h"
#include "corsd/config/diagnostic.h"
#include "corsd/runtime/server.h"
#include "corsd/verbs/verbs.h"
#include "reads.h"

enum { PORT_DEFAULT = 8000, CONFIG_MAX = 8 * 1024 };

static const char usage[] = "usage: corsd demo [--port N]\n";
static const char help[] = "\n"
                           "Serves a page, an old backend that knows no CORS, and corsd between\n"
                           "them, at three ports of this machine, to be tried in a browser.\n"
                           "\n"
                           "      --port N   the page's port (0: any); the other two follow it.\n"
                           "                 Without: 8000, or a free one where it is taken\n"
                           "  -h, --help     this text\n";

struct demo {
    bool chosen; /* the port was named: no other will do */
    bool ipv6;
    bool colour;
    uint16_t wanted, page_port, backend_port, corsd_port;
    struct demo_backend *backend;
    struct demo_page page;
    struct demo_server *page_server, *backend_server;
    struct buf policy; /* corsd's configuration, as YAML */
};

/* -1: go on; else the exit code. */
static int read_arguments(struct demo *demo, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        struct str arg = str_of(argv[i]);
        uint64_t port;
        if (str_eq(arg, STR("-h")) || str_eq(arg, STR("--help"))) {
            printf("%s%s", usage, help);
            return 0;
        }
        if (str_eq(arg, STR("--port")) && i + 1 < argc)
            arg = str_of(argv[++i]);
        else if (str_starts(arg, STR("--port=")))
            arg = str_from(arg, 7);
        else {
            fprintf(stderr, "corsd demo: unknown or incomplete argument: %s\n%s", argv[i], usage);
            return 2;
        }
        if (!str_to_u64(arg, &port) || port > UINT16_MAX) {
            fprintf(stderr, "corsd demo: a port is a number up to 65535, not %s\n%s", arg.p, usage);
            return 2;
        }
        demo->wanted = (uint16_t)port;
        demo->chosen = true;
    }
    return -1;
}

/* The port `after` the page's where it is free, else any that is; 0: none. */
static uint16_t port_after(struct demo *demo, unsigned after)
{
    uint16_t port = (uint16_t)(demo->page_port + after);
    if (port > after && demo_port_probe(&port, &demo->ipv6) == 0)
        return port;
    port = 0;
    return demo_port_probe(&port, &demo->ipv6) == 0 ? port : 0;
}

static bool choose_ports(struct demo *demo)
{
    int failure = demo_server_create(&demo->page_server, demo->wanted);
    if (failure == -EADDRINUSE && !demo->chosen)
        failure = demo_server_create(&demo->page_server, 0);
    if (failure != 0) {
        fprintf(stderr, "corsd demo: cannot listen at localhost:%u: %s\n", demo->wanted,
                strerror(-failure));
        return false;
    }
    demo->page.port = demo->page_port = demo_server_port(demo->page_server);
    failure = demo_server_create(&demo->backend_server, port_after(demo, 1));
    if (failure != 0) {
        fprintf(stderr, "corsd demo: no port for the backend: %s\n", strerror(-failure));
        return false;
    }
    demo->backend_port = demo_server_port(demo->backend_server);
    demo->corsd_port = port_after(demo, 2);
    return true;
}

static bool start_servers(struct demo *demo)
{
    int failure = demo_server_start(demo->page_server, demo_page_answer, &demo->page);
    if (failure == 0)
        failure = demo_server_start(demo->backend_server, demo_backend_answer, demo->backend);
    if (failure != 0)
        fprintf(stderr, "corsd demo: cannot start a thread: %s\n", strerror(-failure));
    return failure == 0;
}

static void write_policy(struct demo *demo)
{
    struct buf *out = &demo->policy;
    if (demo->ipv6)
        buf_printf(out, "listen: [\"127.0.0.1:%u\", \"[::1]:%u\"]\n", demo->corsd_port,
                   demo->corsd_port);
    else
        buf_printf(out, "listen: 127.0.0.1:%u\n", demo->corsd_port);
    buf_printf(out,
               "upstream: http://127.0.0.1:%u\n"
               "cors:\n"
               "  allow_origins: [\"http://localhost:%u\"]\n"
               "  allow_methods: [GET, POST, PUT]\n"
               "  allow_headers: [Content-Type, Authorization, X-Tenant]\n"
               "  expose_headers: [X-Total-Count, X-Request-Id]\n"
               "  allow_credentials: true\n"
               "log: {level: warn}\n",
               demo->backend_port, demo->page_port);
}

enum { URL_MAX = 40 };

static const char *url_of(uint16_t port, char out[URL_MAX])
{
    snprintf(out, URL_MAX, "http://localhost:%u", port);
    return out;
}

static void json_url(struct json *json, const char *name, uint16_t port)
{
    char url[URL_MAX];
    json_member(json, name, str_of(url_of(port, url)));
}

static void write_config(struct demo *demo)
{
    struct json json = {.out = &demo->page.config};
    json_open(&json, '{');
    json_member(&json, "version", STR(CORSD_VERSION));
    json_url(&json, "page", demo->page_port);
    json_url(&json, "direct", demo->backend_port);
    json_url(&json, "corsd", demo->corsd_port);
    json_member(&json, "policy", buf_str(&demo->policy));
    json_close(&json, '}');
}

static struct plan *make_plan(const struct demo *demo)
{
    struct diagnostics diagnostics;
    struct buf text = BUF_INIT(CONFIG_MAX);
    diagnostics_init(&diagnostics);
    struct plan *plan = config_load_text(STR("demo.yaml"), buf_str(&demo->policy), &diagnostics);
    diagnostics_print(&diagnostics, &text, demo->colour);
    if (text.n > 0)
        fwrite(text.p, 1, text.n, stderr);
    buf_finish(&text);
    diagnostics_finish(&diagnostics);
    return plan;
}

static void print_addresses(void *ctx)
{
    const struct demo *demo = ctx;
    const char *bold = demo->colour ? "\033[1;32m" : "", *plain = demo->colour ? "\033[0m" : "";
    char page[URL_MAX], corsd[URL_MAX], backend[URL_MAX];
    printf("\n"
           "  open     %s%s%s   the page, in your browser\n"
           "  corsd    %s   in front of\n"
           "  backend  %s   which knows no CORS; what it receives:\n"
           "\n",
           bold, url_of(demo->page_port, page), plain, url_of(demo->corsd_port, corsd),
           url_of(demo->backend_port, backend));
    fflush(stdout);
}

int verb_demo(int argc, char **argv)
{
    struct demo demo = {.wanted = PORT_DEFAULT,
                        .colour = wants_colour(STDOUT_FILENO),
                        .page.config = BUF_INIT(CONFIG_MAX),
                        .policy = BUF_INIT(CONFIG_MAX)};
    int code = read_arguments(&demo, argc, argv);
    if (code >= 0)
        return code;
    code = 1;
    demo.backend = demo.page.backend = demo_backend_create(demo.colour);
    if (!demo.backend || !choose_ports(&demo))
        goto out;
    write_policy(&demo);
    write_config(&demo);
    if (!start_servers(&demo))
        goto out;
    struct plan *plan = make_plan(&demo);
    if (plan)
        code = server_run(plan, &(struct config_source){0}, print_addresses, &demo);
out:
    demo_server_destroy(demo.page_server);
    demo_server_destroy(demo.backend_server);
    demo_backend_destroy(demo.backend);
    buf_finish(&demo.page.config);
    buf_finish(&demo.policy);
    return code;
}
