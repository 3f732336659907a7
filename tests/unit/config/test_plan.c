/* What a configuration means, in the plan's own terms. */
#include <stdio.h>
#include "corsd/plan/place.h"
#include "corsd/plan/route.h"
#include "load.h"

#define HEAD "listen: 127.0.0.1:8080\nupstream: http://127.0.0.1:3000\n"
#define CORS "cors: {allow_origins: [\"https://app.example.com\"]}\n"

static struct loaded load_good(const char *text)
{
    struct loaded loaded = load_text(str_of(text));
    cr_assert_not_null(loaded.plan, "%s", loaded.printed.p);
    return loaded;
}

Test(config_plan, defaults)
{
    struct loaded loaded = load_good(HEAD CORS);
    const struct plan *plan = loaded.plan;
    cr_expect_eq(plan->workers, 0);
    cr_expect_eq(plan->n_listeners, 1);
    cr_expect_eq(plan->listeners[0].has_mode, false);
    cr_expect_eq(plan->forwarded, FORWARDED_X);
    cr_expect(plan->via);
    cr_expect_not(plan->decision_header);
    cr_expect_eq(plan->limits.header_size, 32 << 10);
    cr_expect_eq(plan->limits.headers, 100);
    cr_expect_eq(plan->limits.body_size, 0);
    cr_expect_eq(plan->limits.min_rate, 256);
    cr_expect_eq(plan->timeouts.header, 10000);
    cr_expect_eq(plan->timeouts.body, 60000);
    cr_expect_eq(plan->timeouts.idle, 75000);
    cr_expect_eq(plan->timeouts.tunnel, 3600000);
    cr_expect_eq(plan->timeouts.drain, 30000);
    cr_expect_eq(plan->timeouts.drain_delay, 0);
    cr_expect_eq(plan->log.level, LOG_INFO);
    cr_expect_eq(plan->log.access, ACCESS_OFF);
    cr_expect(plan->log.query);
    cr_expect(str_eq(plan->log.output, STR("stderr")));
    cr_assert_eq(plan->n_upstreams, 1);
    cr_expect_eq(plan->upstreams[0].connect_timeout_ms, 5000);
    cr_expect_eq(plan->upstreams[0].response_timeout_ms, 60000);
    cr_expect_eq(plan->upstreams[0].idle_timeout_ms, 55000);
    cr_expect_eq(plan->upstreams[0].max_idle, 64);
    cr_expect_eq(plan->upstreams[0].max_age_ms, 0);
    cr_expect_eq(plan->refs, 1);
    loaded_finish(&loaded);
}

Test(config_plan, one_route_of_the_shorthand)
{
    struct loaded loaded = load_good(HEAD CORS);
    const struct plan *plan = loaded.plan;
    cr_assert_eq(plan->n_routes, 1);
    const struct route *route = route_find(plan->table, STR("any.example"), STR("/x/y"));
    cr_expect_eq(route, &plan->routes[0]);
    cr_expect(str_eq(route->name, STR("/")));
    cr_expect_eq(route->upstream, &plan->upstreams[0]);
    cr_expect_eq(route->policy, plan->default_policy);
    cr_expect_eq(route->response_timeout_ms, 60000);
    cr_expect(str_eq(plan->default_policy->name, STR("default")));
    cr_expect(route_is_plain(plan->table, STR("any.example")));
    loaded_finish(&loaded);
}

Test(config_plan, routes_in_normal_form)
{
    struct loaded loaded =
        load_good(HEAD CORS "limits: {body_size: 1k}\nroutes:\n"
                            "  - {host: API.Example.com., path: /caf%C3%A9/./x/../, cors: off}\n"
                            "  - {host: \"*.Example.com\", path: /}\n"
                            "  - {host: \"[0::1]\"}\n");
    const struct plan *plan = loaded.plan;
    cr_assert_eq(plan->n_routes, 4);
    cr_expect(str_eq(plan->routes[0].host, STR("api.example.com")));
    cr_expect(str_eq(plan->routes[0].path, STR("/café")));
    cr_expect(str_eq(plan->routes[0].written_path, STR("/caf%C3%A9/./x/../")));
    cr_expect(str_eq(plan->routes[0].name, STR("api.example.com/café")));
    cr_expect_null(plan->routes[0].policy);
    cr_expect_eq(plan->routes[0].body_size, 1024);
    cr_expect(str_eq(plan->routes[1].host, STR("*.example.com")));
    cr_expect_eq(plan->routes[1].policy, plan->default_policy);
    cr_expect(str_eq(plan->routes[2].host, STR("[::1]")));
    for (size_t i = 0; i < plan->n_routes; i++)
        cr_expect_eq(plan->routes[i].index, i);
    loaded_finish(&loaded);
}

Test(config_plan, places_outlive_the_reading)
{
    struct str file;
    unsigned line, column;
    struct loaded loaded = load_good(HEAD "cors:\n  - allow_origins: [\"https://a.example\"]\n"
                                          "  - allow_origins: [\"*\"]\n"
                                          "routes:\n  - path: /x\n");
    const struct plan *plan = loaded.plan;
    diagnostics_finish(&loaded.diagnostics);
    cr_assert(place_of(plan->listeners[0].place, &file, &line, &column));
    cr_expect(str_eq(file, STR("corsd.yaml")) && line == 1 && column == 9);
    cr_assert(place_of(plan->routes[0].place, &file, &line, &column));
    cr_expect(line == 7 && column == 5);
    cr_assert_eq(plan->default_policy->n_rules, 2);
    cr_assert(place_of(plan->default_policy->rules[1].place, &file, &line, &column));
    cr_expect(line == 5 && column == 5);
    loaded_finish(&loaded);
}

static const struct {
    const char *url, *normal, *authority, *host;
    uint16_t port;
} url_rows[] = {
    {"http://127.0.0.1:3000", "http://127.0.0.1:3000", "127.0.0.1:3000", "127.0.0.1", 3000},
    {"http://127.0.0.1/", "http://127.0.0.1", "127.0.0.1", "127.0.0.1", 80},
    {"http://127.0.0.1:80", "http://127.0.0.1", "127.0.0.1", "127.0.0.1", 80},
    {"http://[::1]:81", "http://[::1]:81", "[::1]:81", "::1", 81},
    {"http://[0:0::1]", "http://[::1]", "[::1]", "::1", 80},
    {"HTTP://LocalHost:3000", "http://localhost:3000", "localhost:3000", "localhost", 3000},
    {"http+unix:/run/a.sock", "http+unix:/run/a.sock", "localhost", "", 0},
};

Test(config_plan, upstream_urls)
{
    for (size_t i = 0; i < sizeof url_rows / sizeof *url_rows; i++) {
        char text[256];
        snprintf(text, sizeof text, "listen: :1\ncors: off\nupstream: \"%s\"\n", url_rows[i].url);
        struct loaded loaded = load_good(text);
        const struct server_spec *server = loaded.plan->upstreams[0].servers;
        cr_expect(str_eq(server->url, str_of(url_rows[i].normal)), "%s", url_rows[i].url);
        cr_expect(str_eq(server->authority, str_of(url_rows[i].authority)), "%s", url_rows[i].url);
        cr_expect(str_eq(server->host, str_of(url_rows[i].host)), "%s", url_rows[i].url);
        cr_expect_eq(server->port, url_rows[i].port, "%s", url_rows[i].url);
        cr_expect(server->has_address && !server->tls && server->weight == 1);
        loaded_finish(&loaded);
    }
}

static uint64_t fingerprint_of(const char *upstream)
{
    char text[256];
    snprintf(text, sizeof text, "listen: :1\ncors: off\nupstreams: {u: {%s}}\nupstream: u\n",
             upstream);
    struct loaded loaded = load_good(text);
    uint64_t fingerprint = loaded.plan->upstreams[0].fingerprint;
    loaded_finish(&loaded);
    return fingerprint;
}

Test(config_plan, fingerprints)
{
    uint64_t one = fingerprint_of("url: \"http://127.0.0.1:3000\"");
    cr_expect_eq(one, fingerprint_of("url: \"HTTP://127.0.0.1:3000/\", max_idle: 64"));
    cr_expect_eq(one, fingerprint_of("url: \"http://127.0.0.1:3000\", response_timeout: 1m"));
    cr_expect_neq(one, fingerprint_of("url: \"http://127.0.0.1:3001\""));
    cr_expect_neq(one, fingerprint_of("url: \"http://127.0.0.1:3000\", max_idle: 63"));
    cr_expect_neq(one, fingerprint_of("url: \"http+unix:/127.0.0.1:3000\""));
}

Test(config_plan, policies_are_compiled_once)
{
    struct loaded loaded = load_good(HEAD "policies: {a: {allow_origins: [\"*\"]}}\ncors: a\n"
                                          "routes: [{path: /1, cors: a}, {path: /2, cors: a}]\n");
    cr_expect_eq(loaded.plan->n_policies, 1);
    cr_expect_eq(loaded.plan->routes[0].policy, loaded.plan->routes[1].policy);
    cr_expect(str_eq(loaded.plan->default_policy->name, STR("a")));
    loaded_finish(&loaded);
}

Test(config_plan, files_start_from_the_folder_of_the_configuration)
{
    char path[PATH_SIZE];
    beside_tests("good/policy_origins_file.yaml", path);
    struct loaded loaded = load_source((struct config_source){.file = path});
    cr_assert_not_null(loaded.plan, "%s", loaded.printed.p);
    const struct policy *policy = loaded.plan->default_policy;
    cr_expect_not_null(policy_rule_for(policy, STR("https://a.example")));
    cr_expect_not_null(policy_rule_for(policy, STR("https://b.example")));
    cr_expect_not_null(policy_rule_for(policy, STR("https://x.tenants.example")));
    cr_expect_null(policy_rule_for(policy, STR("https://c.example")));
    cr_expect(str_eq(loaded.plan->file, str_of(path)));
    loaded_finish(&loaded);
}
