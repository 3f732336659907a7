/* A plan: a checked, compiled, immutable configuration. Made by config/, shared by all threads with
 * counted references; nothing in it changes after plan_seal. Durations in milliseconds, sizes in
 * bytes, rates in bytes a second; 0 = no limit where DESIGN §1 says so. */
#pragma once
#include "corsd/base/address.h"
#include "corsd/base/arena.h"
#include "corsd/base/level.h"
#include "corsd/cors/policy.h"
#include "corsd/tls/context.h"

struct listener_spec {
    struct str text; /* as written, for log and messages */
    struct address address; /* family AF_UNSPEC where it is passed */
    bool passed;            /* by systemd; one of that name, or all that no other listener names */
    struct str passed_name;
    bool has_mode;
    unsigned mode; /* of a unix socket's file, e.g. 0660 */
    bool proxy_protocol; /* connections begin with a PROXY header */
    struct tls_server *tls; /* NULL: plain; a reference */
    const void *place;
};

struct admin_spec { /* the admin listener */
    bool on;
    struct listener_spec listener;
    struct str *hosts; /* names it answers to, beside IP addresses and localhost */
    size_t n_hosts;
};

enum host_mode { HOST_KEEP, HOST_UPSTREAM, HOST_NAME };
enum origin_mode { ORIGIN_KEEP, ORIGIN_REMOVE, ORIGIN_VALUE };

struct server_spec { /* one address of an upstream */
    struct str url;       /* as written, normalised */
    struct str authority; /* host[:port] as Host would say it; "localhost" for unix sockets */
    struct str host;      /* name or IP literal without brackets; empty for unix */
    struct str lookup;    /* the name to resolve: host, and its final dot where one was written */
    uint16_t port;
    bool tls;
    bool has_address; /* an IP literal or unix path: address is ready; else host must be resolved */
    struct address address;
    unsigned weight; /* 0: gets nothing */
};

enum balance { BALANCE_ROUND_ROBIN, BALANCE_LEAST_CONNECTIONS };

struct health_spec { /* path empty: no active checks */
    struct str path;
    uint64_t interval_ms, timeout_ms;
    unsigned rise, fall;
};

struct upstream_spec {
    struct str name; /* as in upstreams, or the URL of the shorthand */
    uint16_t index;  /* in plan->upstreams */
    struct server_spec *servers;
    size_t n_servers;
    bool has_names; /* some server's host must be resolved */
    enum host_mode host_mode;
    struct str host_name; /* HOST_NAME only */
    enum origin_mode origin_mode;
    struct str origin; /* ORIGIN_VALUE only */
    uint64_t connect_timeout_ms, response_timeout_ms, idle_timeout_ms;
    uint64_t max_age_ms;
    uint64_t max_idle; /* pooled connections a worker */
    enum balance balance;
    struct health_spec health;
    unsigned max_fails; /* 0: none takes a server out */
    uint64_t fail_timeout_ms, slow_start_ms;
    uint64_t max_connections;              /* a server, over all workers */
    uint64_t queue_size, queue_timeout_ms; /* of those that wait for one */
    bool accept_bare_lf;
    struct tls_client *tls; /* of https:// servers; NULL where there are none; a reference */
    uint64_t fingerprint; /* equal for upstreams that mean the same: pools survive a reload */
};

struct header_edits {
    struct str lines;  /* "Name: value" and CRLF of each that is set */
    struct str *names; /* of those, then of what is removed: in lower case, `-` for `_` */
    size_t n, n_set;
};

struct route {
    struct str host; /* normal form, "" = any, "*.example.com" for one or more labels */
    struct str path; /* normal form: decoded, no dot segments, no trailing slash; "/" = all */
    struct str written_path;
    struct str name; /* "host/path" for log and metrics */
    uint16_t index;
    const struct upstream_spec *upstream;
    const struct policy *policy; /* NULL: off */
    uint64_t body_size;          /* 0 = no limit */
    uint64_t response_timeout_ms;
    bool strips_prefix, rewrites_location;
    struct str prefix; /* that is stripped, as a URL writes it, without a final slash */
    const struct header_edits *request_edits, *response_edits; /* NULL: none */
    const void *place;
};

struct limits {
    uint64_t header_size, headers, body_size, connections, connections_per_client, min_rate;
};
struct timeouts { /* all in ms */
    uint64_t header, body, idle, tunnel, drain, drain_delay;
};

enum access_format { ACCESS_OFF, ACCESS_TEXT, ACCESS_JSON };
struct log_spec {
    enum log_level level;
    enum access_format access;
    bool query;
    struct str output; /* "stderr" or a file's path */
};

enum forwarded { FORWARDED_X, FORWARDED_RFC7239, FORWARDED_BOTH, FORWARDED_OFF };

struct route_table;
struct written;

struct plan_file { /* one that was read for the plan, beside the configuration itself */
    struct plan_file *next;
    struct str path;
};

struct plan {
    struct listener_spec *listeners;
    size_t n_listeners;
    unsigned workers; /* 0 = auto */
    struct upstream_spec *upstreams;
    size_t n_upstreams;
    struct policy **policies; /* all compiled ones, owned */
    size_t n_policies;
    struct route *routes;
    size_t n_routes;
    struct route_table *table;           /* made by plan_seal from routes */
    const struct policy *default_policy; /* NULL: off */
    bool has_resolver; /* else those of resolv.conf */
    struct address resolver;
    struct cidr *trusted;
    size_t n_trusted;
    bool trust_unix;
    enum forwarded forwarded;
    bool via, decision_header;
    struct str health_path; /* empty: none */
    struct limits limits;
    struct timeouts timeouts;
    struct log_spec log;
    struct admin_spec admin;
    bool watch;
    const struct written *written; /* config/'s: what was written, for `corsd show` */
    struct str file;    /* the configuration's path, or empty */
    struct plan_file *files;
    struct arena arena; /* holds everything above but the policies */
    int refs;           /* atomic */
};

/* An empty plan with one reference and its arena; NULL out of memory. */
MUST_USE struct plan *plan_create(void);
/* Builds the route table. False where memory ran out. Routes are checked by config before. */
MUST_USE bool plan_seal(struct plan *plan);
struct plan *plan_ref(struct plan *plan); /* any thread */
void plan_unref(struct plan *plan);       /* any thread; the last one destroys */
/* Whether headers of this peer are believed (trusted_proxies). */
bool plan_trusts(const struct plan *plan, const struct sockaddr *peer);
