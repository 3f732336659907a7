/* What a configuration says, typed by the key tables, with places: the step between the YAML tree
 * and the plan. Names in it are checked by compile. Lives as long as the plan. */
#pragma once
#include "corsd/config/yaml.h"
#include "corsd/cors/policy.h"

struct number { /* durations in ms, sizes in bytes, a choice's number, 0 or 1 for false or true */
    uint64_t value;
    const struct node *at; /* NULL: not written, the default holds */
};

struct items { /* of a list, or of a map of names */
    void *first;
    size_t n;
    const struct node *at;
};

struct written_pair { /* an item of a map of texts */
    struct spec_text name, value;
};

struct written_certificate { /* of TLS */
    struct spec_text cert, key;
};

struct written_listen {
    struct spec_text address;
    struct number mode, proxy_protocol;
    struct items tls; /* struct written_certificate */
};

struct written_trust { /* tls of an upstream */
    struct number verify;
    struct spec_text ca, server_name, cert, key;
    const struct node *at;
};

struct written_server {
    struct spec_text url;
    struct number weight;
};
struct written_health {
    struct spec_text path;
    struct number interval, timeout, rise, fall;
};
struct written_queue {
    struct number size, timeout;
};

struct written_upstream {
    struct spec_text name; /* first, as in all that a map names */
    struct spec_text url, host, origin;
    struct items servers; /* struct written_server */
    struct number balance, max_fails, fail_timeout, slow_start, max_connections;
    struct written_health health;
    struct written_queue queue;
    struct number connect_timeout, response_timeout, idle_timeout, max_idle, max_age;
    struct number accept_bare_lf;
    struct written_trust tls;
    const struct node *at;
};

struct written_cookies {
    struct number same_site, secure, partitioned;
};

struct written_rule {
    struct spec_list allow_origins, allow_methods, allow_headers, expose_headers;
    struct spec_text allow_origins_file;
    struct number allow_credentials, max_age, preflight_status, dangerous;
    struct number upstream_headers, denied, enforce_methods, mode, websocket_origins;
    struct number timing_allow_origin, resource_policy, allow_private_network;
    struct written_cookies cookies;
    const struct node *at;
};

struct written_policy {
    struct spec_text name;
    struct items rules; /* struct written_rule */
};

struct written_cors { /* off, a policy's name, or a policy itself; at NULL: not written */
    bool off;
    struct spec_text name;
    struct written_policy policy;
    const struct node *at;
};

struct written_edits {
    struct items set; /* struct written_pair */
    struct spec_list remove;
};

struct written_route {
    struct spec_text host, path, upstream;
    struct written_cors cors;
    struct number strip_prefix, location, body_size, response_timeout;
    struct written_edits request_headers, response_headers;
    const struct node *at;
};

struct written_limits {
    struct number header_size, headers, body_size, connections, connections_per_client, min_rate;
};
struct written_timeouts {
    struct number header, body, idle, tunnel, drain, drain_delay;
};
struct written_log {
    struct number level, access, query;
    struct spec_text output;
};

struct written_admin {
    struct spec_text address;
    struct spec_list hosts;
};

struct written {
    struct items listen; /* struct written_listen */
    struct number workers;
    struct items upstreams; /* struct written_upstream */
    struct items policies;  /* struct written_policy */
    struct items routes;    /* struct written_route */
    struct written_cors cors;
    struct spec_text upstream, public_suffix_list, health_path, resolver;
    struct spec_list trusted_proxies;
    struct number forwarded, via, decision_header;
    struct written_limits limits;
    struct written_timeouts timeouts;
    struct written_log log;
    struct written_admin admin;
    struct number watch;
    const struct node *at;
};
