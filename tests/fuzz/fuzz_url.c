/* A server's URL. Laws: what is taken has a port and either an address or a name that DNS can hold,
 * and its normal form is taken as the same server. */
#include "corsd/config/config.h"
#include "corsd/config/diagnostic.h"
#include "corsd/plan/plan.h"
#include "law.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TEXT_MAX = 64 << 10, NAME_MAX_BYTES = 253, LABEL_MAX_BYTES = 63 };

/* In single quotes YAML takes every character as it is, but the quote, which is doubled. */
static struct plan *plan_with(struct str url)
{
    struct diagnostics diagnostics;
    struct buf text = BUF_INIT(TEXT_MAX);
    buf_add(&text, STR("listen: 127.0.0.1:1\ncors: off\nupstreams: {a: {url: '"));
    for (size_t i = 0; i < url.n; i++) {
        buf_add_char(&text, url.p[i]);
        if (url.p[i] == '\'')
            buf_add_char(&text, '\'');
    }
    buf_add(&text, STR("'}}\nupstream: a\n"));
    diagnostics_init(&diagnostics);
    struct plan *plan =
        text.failed ? NULL : config_load_text(STR("fuzz.yaml"), buf_str(&text), &diagnostics);
    diagnostics_finish(&diagnostics);
    buf_finish(&text);
    return plan;
}

static void check_name(const struct server_spec *server)
{
    struct str host = server->host;
    LAW(host.n && host.n <= NAME_MAX_BYTES);
    LAW(str_starts(server->lookup, host) && server->lookup.n <= host.n + 1);
    for (struct str rest = host, label; rest.n;) {
        label = str_cut(&rest, '.');
        LAW(label.n && label.n <= LABEL_MAX_BYTES);
        for (size_t i = 0; i < label.n; i++)
            LAW(ascii_is_alpha(label.p[i]) || ascii_is_digit(label.p[i]) || label.p[i] == '-' ||
                label.p[i] == '_');
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (memmem(data, size, "${", 2)) /* what a variable holds is no law's business */
        return 0;
    struct plan *plan = plan_with((struct str){(const char *)data, size});
    if (!plan)
        return 0;
    LAW(plan->n_upstreams == 1 && plan->upstreams[0].n_servers == 1);
    const struct server_spec *server = &plan->upstreams[0].servers[0];
    LAW(server->authority.n && (server->port || server->address.at.ss_family == AF_UNIX));
    if (!server->has_address)
        check_name(server);
    struct plan *again = plan_with(server->url);
    LAW(again);
    const struct server_spec *same = &again->upstreams[0].servers[0];
    LAW(str_eq(server->url, same->url) && str_eq(server->authority, same->authority));
    LAW(str_eq(server->lookup, same->lookup) && server->has_address == same->has_address);
    LAW(!server->has_address || address_eq(&server->address, &same->address));
    plan_unref(again);
    plan_unref(plan);
    return 0;
}
