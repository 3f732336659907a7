/* The tables. Every key of the configuration has a row; `unbuilt` ones are refused by name. */
#include "corsd/config/keys.h"
#include "corsd/config/readers.h"

#define INTO(field) .into = offsetof(struct OWNER, field)
#define MINUTE UINT64_C(60000)
#define LONGEST (UINT64_C(3650) * 24 * 60 * MINUTE)
#define END {.name = NULL}

/* --- listen ----------------------------------------------------------------------------------- */

#define OWNER written_certificate
static const struct key pair_keys[] = {
    {.name = "cert", .type = &file_type, INTO(cert), .required = true,
     .example = "/etc/corsd/fullchain.pem", .also = "certificate crt ssl_certificate chain",
     .doc = "The certificate in PEM, with those of its chain behind it."},
    {.name = "key", .type = &file_type, INTO(key), .required = true,
     .example = "/etc/corsd/privkey.pem", .also = "private_key ssl_certificate_key",
     .doc = "Its private key in PEM, without a passphrase."},
    END,
};
#undef OWNER
static const struct key pair_item = {
    .name = "tls of listen", .type = &section_type, .keys = pair_keys, .title = "tls of listen",
    .hint = "write {cert: FILE, key: FILE}",
    .doc = "A certificate and its key, or a list of such pairs: by SNI the first whose exact name "
           "fits, then the first whose wildcard does, else the first of all. An RSA and an EC pair "
           "for the same names are both offered.",
    .size = sizeof(struct written_certificate)};

#define OWNER written_listen
static const struct key listen_keys[] = {
    {.name = "address", .type = &address_type, INTO(address), .required = true,
     .example = "127.0.0.1:8080", .also = "host port bind url",
     .doc = "host:port, :port for every address of the machine, [::1]:port, or unix:PATH. The "
            "host is an IP address or localhost. systemd: the sockets that socket activation "
            "passed; systemd:NAME: the one of that FileDescriptorName."},
    {.name = "mode", .type = &file_mode_type, INTO(mode), .example = "0660",
     .also = "permissions chmod",
     .doc = "Permissions of a unix socket's file, in octal. Without it the umask decides."},
    {.name = "tls", .type = &list_type, INTO(tls), .item = &pair_item, .single = true,
     .unbuilt = !CORSD_TLS, .example = "{cert: fullchain.pem, key: privkey.pem}",
     .also = "ssl certificate cert https",
     .doc = "Certificate and key: then TLS 1.2 and 1.3 are spoken here. A list of pairs is chosen "
            "from by SNI. Read again on reload; a pair that cannot be used then keeps the former "
            "one, and is tried again."},
    {.name = "proxy_protocol", .type = &flag_type, INTO(proxy_protocol), .fallback = "false",
     .example = "true", .also = "accept_proxy send_proxy",
     .doc = "Whether connections begin with a PROXY protocol header, version 1 or 2, that says who "
            "the client is. It is then required, and only peers that are in trusted_proxies may "
            "send it: others are closed."},
    END,
};
#undef OWNER
static const struct key listen_item = {
    .name = "an address of listen", .type = &section_type, .keys = listen_keys,
    .title = "listen",
    .hint = "write 127.0.0.1:8080",
    .doc = "An address alone, or a map of these keys.",
    .size = sizeof(struct written_listen), .shorthand = true};

/* --- upstreams -------------------------------------------------------------------------------- */

#define OWNER written_trust
static const struct key trust_keys[] = {
    {.name = "verify", .type = &flag_type, INTO(verify), .fallback = "true", .example = "false",
     .also = "ssl_verify proxy_ssl_verify insecure",
     .doc = "Whether the server's certificate has to be of a known issuer, valid now, and for the "
            "name that is connected to. false lets anybody in between read and change all."},
    {.name = "ca", .type = &file_type, INTO(ca), .example = "/etc/corsd/ca.pem",
     .also = "ca_file cafile trusted_certificate root",
     .doc = "Certificates of the authorities to trust, in PEM, instead of the system's."},
    {.name = "server_name", .type = &text_type, INTO(server_name), .example = "api.example.com",
     .also = "sni name servername",
     .doc = "The name for SNI and verification, instead of the host in the url."},
    {.name = "cert", .type = &file_type, INTO(cert), .example = "/etc/corsd/client.pem",
     .also = "certificate client_certificate",
     .doc = "A certificate of our own, in PEM with its chain, for servers that demand one."},
    {.name = "key", .type = &file_type, INTO(key), .example = "/etc/corsd/client.key",
     .also = "private_key", .doc = "Its private key in PEM, without a passphrase."},
    END,
};
#undef OWNER
#define OWNER written_server
static const struct key server_keys[] = {
    {.name = "url", .type = &url_type, INTO(url), .required = true,
     .example = "http://10.0.0.1:80", .also = "address host target server uri",
     .doc = "Where the server listens, as url of upstreams."},
    {.name = "weight", .type = &number_type, INTO(weight), .fallback = "1", .max = 1000,
     .example = "2",
     .doc = "Its share of the requests, beside the weights of the others; 0: none."},
    END,
};
#undef OWNER
static const struct key server_item = {
    .name = "a server", .type = &section_type, .keys = server_keys, .title = "servers",
    .hint = "write http://10.0.0.1:80, or {url: http://10.0.0.1:80, weight: 2}",
    .doc = "Each item of servers is a URL alone, or a map of these keys.",
    .size = sizeof(struct written_server), .shorthand = true};

#define OWNER written_health
static const struct key health_keys[] = {
    {.name = "path", .type = &target_type, INTO(path), .required = true, .example = "/healthz",
     .also = "url uri",
     .doc = "What is asked for by GET, with its query. 2xx and 3xx are good answers."},
    {.name = "interval", .type = &duration_type, INTO(interval), .fallback = "5s", .min = 10,
     .max = LONGEST, .example = "2s", .doc = "From one check of a server to the next."},
    {.name = "timeout", .type = &duration_type, INTO(timeout), .fallback = "2s", .min = 10,
     .max = LONGEST, .example = "1s",
     .doc = "How long a good answer may take, connecting included."},
    {.name = "rise", .type = &number_type, INTO(rise), .fallback = "2", .min = 1, .max = 1000,
     .example = "1", .doc = "Good checks in a row that bring a server back."},
    {.name = "fall", .type = &number_type, INTO(fall), .fallback = "3", .min = 1, .max = 1000,
     .example = "2", .doc = "Failed checks in a row that take a server out."},
    END,
};
#undef OWNER

#define OWNER written_queue
static const struct key queue_keys[] = {
    {.name = "size", .type = &number_type, INTO(size), .fallback = "0", .max = 1000000,
     .example = "100", .also = "length max",
     .doc = "Requests that may wait at once, over all workers."},
    {.name = "timeout", .type = &duration_type, INTO(timeout), .fallback = "1s", .min = 1,
     .max = LONGEST, .example = "2s", .doc = "How long one may wait."},
    END,
};
#undef OWNER

#define OWNER written_upstream
static const struct key upstream_keys[] = {
    {.name = "url", .type = &url_type, INTO(url),
     .example = "http://127.0.0.1:3000", .also = "address host target server uri",
     .doc = "Where the backend listens: http://HOST:PORT, https://HOST:PORT, or http+unix:PATH for "
            "a unix socket. No path: what a request asks for is passed on as it came. This or "
            "servers is required."},
    {.name = "servers", .type = &list_type, INTO(servers), .item = &server_item,
     .example = "[\"http://10.0.0.1:80\", {url: \"http://10.0.0.2:80\", weight: 2}]",
     .also = "targets hosts backends urls",
     .doc = "Several servers instead of url, among which requests are balanced: URLs, or maps of "
            "url and weight."},
    {.name = "balance", .type = &choice_type, INTO(balance),
     .choices = "round_robin least_connections", .fallback = "round_robin",
     .example = "least_connections", .also = "lb algorithm strategy load_balancing lb_policy",
     .doc = "How a server is chosen among several: in turn, or the one with the fewest requests "
            "under way over all workers; by weight either way."},
    {.name = "health", .type = &section_type, INTO(health), .keys = health_keys,
     .example = "{path: /healthz}",
     .also = "health_check healthcheck check",
     .doc = "Active checks: corsd asks each server for a path and takes those out that do not "
            "answer well. Absent: none."},
    {.name = "max_fails", .type = &number_type, INTO(max_fails), .fallback = "3", .max = 1000000,
     .example = "5",
     .doc = "Failed requests in a row that take a server out for fail_timeout; 0: none does. A "
            "refused, reset or late connection, an answer that is not HTTP or is cut short, and "
            "500, 502, 503 and 504 are failures. A server that has no other beside it is never "
            "taken out."},
    {.name = "fail_timeout", .type = &duration_type, INTO(fail_timeout), .fallback = "10s",
     .min = 1, .max = LONGEST, .example = "30s",
     .doc = "How long a failed server stays out. Then one request tries it: a good answer brings "
            "it back."},
    {.name = "slow_start", .type = &duration_type, INTO(slow_start), .fallback = "0s",
     .max = LONGEST, .example = "30s",
     .doc = "How long the share of a server that came back grows to what its weight says."},
    {.name = "max_connections", .type = &number_type, INTO(max_connections), .fallback = "0",
     .max = 10000000, .example = "100", .also = "max_conns maxconn",
     .doc = "Connections to a server, over all workers, pooled ones included; 0: no limit."},
    {.name = "queue", .type = &section_type, INTO(queue), .keys = queue_keys,
     .example = "{size: 100, timeout: 2s}", .also = "max_pending",
     .doc = "Requests that may wait while every server is at max_connections. Beyond, or too "
            "late, they get a 503."},
    {.name = "host", .type = &text_type, INTO(host), .fallback = "keep", .example = "upstream",
     .also = "host_header preserve_host proxy_set_header",
     .doc = "The Host header sent upstream: keep what the client sent, upstream for the url's own "
            "host, or a name."},
    {.name = "origin", .type = &text_type, INTO(origin), .fallback = "keep", .example = "remove",
     .also = "origin_header",
     .doc = "The Origin header sent upstream, for a backend that checks it itself: keep what the "
            "client sent, remove it and the Access-Control-Request-* headers with it, or a value "
            "such as https://backend.example in its place."},
    {.name = "tls", .type = &section_type, INTO(tls), .keys = trust_keys,
     .at = offsetof(struct written_trust, at), .unbuilt = !CORSD_TLS,
     .example = "{ca: ca.pem}", .also = "ssl https",
     .doc = "How an https:// upstream is verified, and what is shown to it."},
    {.name = "connect_timeout", .type = &duration_type, INTO(connect_timeout), .fallback = "5s",
     .min = 1, .max = LONGEST, .example = "2s",
     .doc = "How long connecting to the backend may take. Then the client gets a 504."},
    {.name = "response_timeout", .type = &duration_type, INTO(response_timeout),
     .fallback = "60s", .min = 1, .max = LONGEST, .example = "5m",
     .also = "timeout read_timeout proxy_read_timeout request_timeout",
     .doc = "From the last byte of a request to the head of its response; then the longest "
            "silence inside of a body. Without a response by then the client gets a 504."},
    {.name = "idle_timeout", .type = &duration_type, INTO(idle_timeout), .fallback = "55s",
     .min = 1, .max = LONGEST, .example = "10s", .also = "keepalive_timeout keep_alive keepalive",
     .doc = "How long a pooled connection may sit unused. Keep it below what the backend "
            "allows; a Keep-Alive: timeout=N of the backend shortens it to N - 1 seconds."},
    {.name = "max_idle", .type = &number_type, INTO(max_idle), .fallback = "64", .max = 65536,
     .example = "16", .also = "pool_size keepalive_connections",
     .doc = "Connections a worker keeps for reuse; 0: none."},
    {.name = "max_age", .type = &duration_type, INTO(max_age), .fallback = "0s", .max = LONGEST,
     .example = "10m", .doc = "Age at which a pooled connection is no longer reused; 0: no limit."},
    {.name = "accept_bare_lf", .type = &flag_type, INTO(accept_bare_lf), .fallback = "false",
     .example = "true",
     .doc = "Whether a legacy backend may end the lines of a head by LF alone; the client gets "
            "CRLF."},
    END,
};
#undef OWNER
const struct key upstream_item = {.name = "an upstream", .type = &section_type,
                                  .title = "upstreams",
                                  .hint = "write {url: http://127.0.0.1:3000}",
                                  .one_of = "url servers",
                                  .doc = "Each name of upstreams holds these keys.",
                                         .keys = upstream_keys,
                                         .size = sizeof(struct written_upstream),
    .at = offsetof(struct written_upstream, at)};

/* --- policies --------------------------------------------------------------------------------- */

#define OWNER written_cookies
static const struct key cookies_keys[] = {
    {.name = "same_site", .type = &choice_type, INTO(same_site), .choices = "none lax strict",
     .example = "none", .doc = "The SameSite attribute. none lets a page of another site send the "
                               "cookie, and needs secure."},
    {.name = "secure", .type = &flag_type, INTO(secure), .fallback = "false", .example = "true",
     .doc = "Whether Secure is added."},
    {.name = "partitioned", .type = &flag_type, INTO(partitioned), .fallback = "false",
     .example = "true",
     .doc = "Whether Partitioned is added: a cookie jar for each top-level site."},
    END,
};
#undef OWNER

#define OWNER written_rule
static const struct key rule_keys[] = {
    {.name = "allow_origins", .type = &origins_type, INTO(allow_origins), .min = 1,
     .example = "[\"https://app.example.com\"]",
     .also = "origins origin allowed_origins allow_origin cors_origins "
             "access_control_allow_origin domains",
     .doc = "Origins whose pages may read the answers: exact (https://app.example.com), with "
            "one or more labels left open (https://*.example.com), with a part of the leftmost "
            "label beside a hyphen left open (https://pr-*.example.com), with any port "
            "(http://localhost:*), of an app's own scheme (tauri://localhost), \"null\", or "
            "\"*\" for every origin. This or allow_origins_file is required."},
    {.name = "allow_origins_file", .type = &file_type, INTO(allow_origins_file),
     .example = "origins.txt", .also = "origins_file",
     .doc = "A file of more origins, one a line in the same spellings; # begins a comment. "
            "100,000 lines and more are fine."},
    {.name = "allow_methods", .type = &methods_type, INTO(allow_methods), .min = 1,
     .max = 100,
     .fallback = "GET, HEAD, POST", .example = "[GET, POST, PUT, DELETE]",
     .also = "methods method allowed_methods access_control_allow_methods",
     .doc = "Methods that a page may use, in capital letters, or [\"*\"]. GET, HEAD and POST "
            "need no permission: this list does not keep a page from sending them."},
    {.name = "allow_headers", .type = &headers_type, INTO(allow_headers), .max = 1000,
     .example = "[Content-Type, Authorization]",
     .also = "headers header allowed_headers access_control_allow_headers",
     .doc = "Request headers that a page may set, or [\"*\"]. * does not cover Authorization: "
            "name it beside the *."},
    {.name = "expose_headers", .type = &headers_type, INTO(expose_headers), .max = 1000,
     .example = "[X-Request-Id]", .also = "exposed_headers access_control_expose_headers",
     .doc = "Response headers that a page may read beyond the few that it always may, or "
            "[\"*\"]."},
    {.name = "allow_credentials", .type = &flag_type, INTO(allow_credentials),
     .fallback = "false", .example = "true",
     .also = "credentials supports_credentials access_control_allow_credentials",
     .doc = "Whether a page may send cookies and HTTP authentication along. Not together with "
            "the origin \"*\"."},
    {.name = "max_age", .type = &duration_type, INTO(max_age), .max = LONGEST, .example = "2h",
     .also = "max_age_seconds access_control_max_age preflight_max_age cache",
     .doc = "How long a browser may remember the answer to a preflight. Without it browsers use "
            "5 seconds; Chromium caps it at 2h, Firefox at 24h."},
    {.name = "preflight_status", .type = &choice_type, INTO(preflight_status),
     .choices = "200 202 204", .fallback = "204", .example = "200",
     .also = "options_success_status status",
     .doc = "Status of the answer to a preflight."},
    {.name = "dangerous", .type = &choices_type, INTO(dangerous),
     .choices = "null_with_credentials http_with_credentials public_suffix_patterns",
     .example = "[http_with_credentials]",
     .doc = "What is refused unless it is named here: the origin null with credentials, http:// "
            "origins other than loopback with credentials, and patterns that reach into the "
            "domains of strangers, such as https://*.github.io."},
    {.name = "upstream_headers", .type = &choice_type, INTO(upstream_headers), .wide = true,
     .choices = "replace keep", .fallback = "replace", .example = "keep",
     .doc = "What becomes of CORS headers that the backend sends: replace takes them off and "
            "sends ours; keep leaves the answer alone where the backend sent "
            "Access-Control-Allow-Origin."},
    {.name = "denied", .type = &choice_type, INTO(denied), .wide = true,
     .choices = "forward reject", .fallback = "forward", .example = "reject",
     .doc = "What becomes of a cross-origin request whose origin is not allowed: forward it "
            "without CORS headers, so that the browser hides the answer, or reject it with a "
            "403."},
    {.name = "enforce_methods", .type = &flag_type, INTO(enforce_methods), .wide = true,
     .fallback = "false", .example = "true",
     .doc = "Whether a cross-origin request with a method off the list gets a 403. GET, HEAD "
            "and POST count too."},
    {.name = "mode", .type = &choice_type, INTO(mode), .wide = true,
     .choices = "enforce report", .fallback = "enforce", .example = "report", .also = "report_only",
     .doc = "report changes nothing on the wire, and logs and counts what enforce would do."},
    {.name = "websocket_origins", .type = &choice_type, INTO(websocket_origins), .wide = true,
     .choices = "check any", .fallback = "check", .example = "any",
     .doc = "Whether a WebSocket handshake from an origin off the list gets a 403. Browsers do "
            "not protect WebSockets themselves, and send cookies along."},
    {.name = "timing_allow_origin", .type = &choice_type, INTO(timing_allow_origin), .wide = true,
     .choices = "false true *", .fallback = "false", .example = "true",
     .doc = "Whether pages may see the detailed timing of requests: true for the allowed "
            "origin, \"*\" for all."},
    {.name = "resource_policy", .type = &choice_type, INTO(resource_policy), .wide = true,
     .choices = "same-origin same-site cross-origin", .example = "cross-origin",
     .also = "corp cross_origin_resource_policy",
     .doc = "Cross-Origin-Resource-Policy of answers to which the backend gave none."},
    {.name = "cookies", .type = &section_type, INTO(cookies), .keys = cookies_keys, .wide = true,
     .example = "{same_site: none, secure: true}", .also = "cookie set_cookie",
     .doc = "Attributes given to the cookies that the backend sets."},
    {.name = "allow_private_network", .type = &flag_type, INTO(allow_private_network),
     .wide = true, .fallback = "false", .example = "true",
     .also = "private_network",
     .doc = "Whether a preflight that asks for Private Network Access is granted it."},
    END,
};
#undef OWNER
const struct key rule_item = {.name = "a policy", .type = &section_type, .keys = rule_keys,
                              .title = "policies and cors",
                              .hint = "write {allow_origins: [\"https://app.example.com\"]}",
                              .doc = "A policy is a map of these keys, or a list of such maps, "
                                     "its rules: then the first rule whose origins match "
                                     "decides.",
                              .one_of = "allow_origins allow_origins_file",
                              .size = sizeof(struct written_rule),
    .at = offsetof(struct written_rule, at)};

static const struct key policy_item = {
    .name = "a policy", .type = &policy_type, .into = offsetof(struct written_policy, rules),
    .item = &rule_item, .size = sizeof(struct written_policy), .single = true,
    .hint = "write {allow_origins: [\"https://app.example.com\"]}"};

/* --- routes ----------------------------------------------------------------------------------- */

#define OWNER written_edits
static const struct key request_edit_keys[] = {
    {.name = "set", .type = &pairs_type, INTO(set), .max = 100, .secret = true,
     .example = "{X-Api-Key: secret}", .also = "add",
     .doc = "Names and values; what came by these names, with _ for - too, is replaced. corsd show "
            "hides the values. Not the headers that corsd frames a message or decides by."},
    {.name = "remove", .type = &headers_type, INTO(remove), .max = 100, .example = "[X-Debug]",
     .also = "delete hide unset", .doc = "Names, in any letter case, with _ for - too."},
    END,
};
static const struct key response_edit_keys[] = {
    {.name = "set", .type = &pairs_type, INTO(set), .max = 100,
     .example = "{X-Frame-Options: DENY}", .also = "add",
     .doc = "Names and values; what the backend sent by these names is replaced. Not the headers "
            "that corsd frames a message or decides by."},
    {.name = "remove", .type = &headers_type, INTO(remove), .max = 100, .example = "[Server]",
     .also = "delete hide unset", .doc = "Names, in any letter case, with _ for - too."},
    END,
};
#undef OWNER

#define OWNER written_route
static const struct key route_keys[] = {
    {.name = "host", .type = &host_type, INTO(host), .example = "api.example.com",
     .also = "hostname domain server_name",
     .doc = "The host that a request names: exact, or *.example.com for one or more labels. "
            "Letter case, port and a final dot do not count. Without it the route is for every "
            "host."},
    {.name = "path", .type = &path_type, INTO(path), .fallback = "/", .example = "/api/",
     .also = "prefix location uri url path_prefix",
     .doc = "The path that a request begins with; it ends at a segment's end, so /api covers "
            "/api and /api/users and not /apis. A trailing slash counts for nothing."},
    {.name = "upstream", .type = &upstream_type, INTO(upstream), .example = "api",
     .also = "backend proxy_pass target to service",
     .doc = "Where requests go: a name of upstreams, or a URL. Without it the top-level "
            "upstream."},
    {.name = "cors", .type = &cors_type, INTO(cors), .item = &policy_item, .example = "app",
     .also = "policy",
     .doc = "The policy: a name of policies, a policy itself, or off: then nothing about CORS "
            "is touched and preflights are forwarded. Without it the top-level cors."},
    {.name = "strip_prefix", .type = &flag_type, INTO(strip_prefix), .fallback = "false",
     .example = "true", .also = "strip_path rewrite",
     .doc = "Whether the matched path is taken off what is sent upstream; what remains begins with "
            "exactly one slash. The Path of the backend's cookies gets it back, as does Location."},
    {.name = "location", .type = &choice_type, INTO(location), .choices = "rewrite keep",
     .fallback = "rewrite", .example = "keep", .also = "proxy_redirect redirects",
     .doc = "Whether Location, Content-Location and Refresh headers that name the upstream's own "
            "address get the public one, and the prefix that strip_prefix took off, or are kept "
            "as they are."},
    {.name = "request_headers", .type = &section_type, INTO(request_headers),
     .keys = request_edit_keys, .example = "{set: {X-Api-Key: secret}, remove: [X-Debug]}",
     .also = "set_headers proxy_set_header",
     .doc = "Headers set and removed on the way to the backend, trailers included."},
    {.name = "response_headers", .type = &section_type, INTO(response_headers),
     .keys = response_edit_keys, .example = "{set: {X-Frame-Options: DENY}, remove: [Server]}",
     .also = "add_header add_headers",
     .doc = "Headers set and removed on the way from the backend to the client, trailers included. "
            "What corsd answers itself has none of them."},
    {.name = "body_size", .type = &size_type, INTO(body_size), .example = "10m",
     .also = "client_max_body_size max_body_size",
     .doc = "The largest request body on this route, 0 for no limit; without it limits.body_size."},
    {.name = "response_timeout", .type = &duration_type, INTO(response_timeout), .min = 1,
     .max = LONGEST, .example = "10m",
     .doc = "As in upstreams, for this route alone."},
    END,
};
#undef OWNER
const struct key route_item = {.name = "a route", .type = &section_type, .keys = route_keys,
                                      .title = "routes",
                                      .hint = "write {path: /api, upstream: api}",
                                      .doc = "Each item of routes holds these keys.",
                                      .size = sizeof(struct written_route),
    .at = offsetof(struct written_route, at)};

/* --- limits, timeouts, log -------------------------------------------------------------------- */

#define OWNER written_limits
static const struct key limits_keys[] = {
    {.name = "header_size", .type = &size_type, INTO(header_size), .fallback = "32k", .min = 1024,
     .max = 1 << 20, .example = "16k",
     .doc = "Bytes of a request's or response's head. A longer request gets a 431."},
    {.name = "headers", .type = &number_type, INTO(headers), .fallback = "100", .min = 1,
     .max = 10000, .example = "200", .doc = "Header lines of a head. More get a 431."},
    {.name = "body_size", .type = &size_type, INTO(body_size), .fallback = "0", .example = "10m",
     .also = "max_body_size client_max_body_size",
     .doc = "Bytes of a request's body; 0: no limit. A larger one gets a 413."},
    {.name = "connections", .type = &number_type, INTO(connections), .fallback = "0",
     .max = 10000000, .example = "10000", .also = "max_connections",
     .doc = "Client connections over all workers; 0: as many as RLIMIT_NOFILE allows. At the "
            "limit accepting pauses."},
    {.name = "connections_per_client", .type = &number_type, INTO(connections_per_client),
     .fallback = "0", .max = 10000000, .example = "100",
     .doc = "Connections of one client address, beyond which they are closed at once; 0: no "
            "limit."},
    {.name = "min_rate", .type = &size_type, INTO(min_rate), .fallback = "256", .max = 1 << 30,
     .example = "1k",
     .doc = "Bytes a second that a client has to move on average while a body is under way; 0: "
            "no limit."},
    END,
};
#undef OWNER

#define OWNER written_timeouts
static const struct key timeouts_keys[] = {
    {.name = "header", .type = &duration_type, INTO(header), .fallback = "10s", .min = 1,
     .max = LONGEST, .example = "5s",
     .doc = "From the first byte of a request's head to its last. Then a 408."},
    {.name = "body", .type = &duration_type, INTO(body), .fallback = "60s", .min = 1,
     .max = LONGEST, .example = "30s",
     .doc = "How long a body may stand still while corsd waits for the client."},
    {.name = "idle", .type = &duration_type, INTO(idle), .fallback = "75s", .min = 1,
     .max = LONGEST, .example = "30s", .also = "keep_alive keepalive",
     .doc = "How long a client's connection may stay open between two requests."},
    {.name = "tunnel", .type = &duration_type, INTO(tunnel), .fallback = "1h", .min = 1,
     .max = LONGEST, .example = "1d", .also = "websocket",
     .doc = "How long a WebSocket or an event stream may be silent."},
    {.name = "drain", .type = &duration_type, INTO(drain), .fallback = "30s", .max = LONGEST,
     .example = "10s", .also = "shutdown graceful",
     .doc = "How long requests under way may take to end once corsd was told to stop."},
    {.name = "drain_delay", .type = &duration_type, INTO(drain_delay), .fallback = "0s",
     .max = LONGEST, .example = "5s",
     .doc = "How long connections are still accepted after that, so that a load balancer can "
            "notice."},
    END,
};
#undef OWNER

#define OWNER written_log
static const struct key log_keys[] = {
    {.name = "level", .type = &choice_type, INTO(level), .choices = "error warn info debug",
     .fallback = "info", .example = "debug", .doc = "The least important lines that are logged."},
    {.name = "access", .type = &choice_type, INTO(access), .choices = "off text json",
     .later = "json", .fallback = "off", .example = "text", .also = "access_log",
     .doc = "Whether each request gets a line, and in which form."},
    {.name = "query", .type = &flag_type, INTO(query), .fallback = "true", .example = "false",
     .doc = "Whether that line holds the query of the URL, which may hold secrets."},
    {.name = "output", .type = &file_type, INTO(output), .fallback = "stderr",
     .example = "/var/log/corsd/corsd.log", .also = "file path",
     .doc = "stderr, or a file."},
    END,
};
#undef OWNER

#define OWNER written_admin
static const struct key admin_keys[] = {
    {.name = "address", .type = &admin_type, INTO(address),
     .fallback = "off", .example = "127.0.0.1:9901", .also = "listen port bind",
     .doc = "host:port or unix:PATH, or off. Whoever reaches it may ask: keep it on loopback or a "
            "private network."},
    {.name = "hosts", .type = &hosts_type, INTO(hosts), .max = 100,
     .example = "[corsd-admin.internal]", .also = "host names",
     .doc = "Names in Host that it answers to, beside IP addresses and localhost: a page of a "
            "stranger's could make its own name lead here."},
    {.name = "token_file", .unbuilt = true, .also = "token password",
     .doc = "A file with a secret that askers have to know."},
    END,
};
#undef OWNER

/* --- the whole -------------------------------------------------------------------------------- */

#define OWNER written
static const struct key root_keys[] = {
    {.name = "listen", .type = &list_type, INTO(listen), .item = &listen_item, .single = true,
     .required = true, .example = "127.0.0.1:8080", .also = "port bind address listeners host",
     .doc = "Where corsd accepts connections: one address, or a list."},
    {.name = "workers", .type = &workers_type, INTO(workers), .fallback = "auto", .min = 1,
     .max = 1024, .example = "4", .also = "threads worker_processes processes",
     .doc = "Event-loop threads. auto: one for each CPU that the process may use, by affinity "
            "and cgroup quota. A change needs a restart."},
    {.name = "upstreams", .type = &named_type, INTO(upstreams), .item = &upstream_item,
     .example = "{api: {url: \"http://127.0.0.1:3000\"}}", .also = "backends services servers",
     .doc = "Backends by name."},
    {.name = "policies", .type = &named_type, INTO(policies), .item = &policy_item,
     .example = "{app: {allow_origins: [\"https://app.example.com\"]}}", .also = "policy",
     .doc = "CORS policies by name: one rule, or a list of rules of which the first whose "
            "origins match decides."},
    {.name = "routes", .type = &list_type, INTO(routes), .item = &route_item,
     .example = "[{path: /api, upstream: api, cors: app}]", .also = "route locations paths",
     .doc = "Which requests go where. Of the routes whose host and path match, the most "
            "specific host wins, then the longest path."},
    {.name = "cors", .type = &cors_type, INTO(cors), .item = &policy_item, .example = "app",
     .doc = "The policy of routes that name none, and of answers that belong to no route: a "
            "name of policies, a policy itself, or off."},
    {.name = "upstream", .type = &upstream_type, INTO(upstream),
     .example = "http://127.0.0.1:3000", .also = "backend proxy_pass target proxy",
     .doc = "A URL, or a name of upstreams: where requests go that no route catches. Short for "
            "a route \"/\" to it."},
    {.name = "trusted_proxies", .type = &cidrs_type, INTO(trusted_proxies), .max = 1000,
     .example = "[10.0.0.0/8]", .also = "trust_proxy set_real_ip_from",
     .doc = "Networks, or unix: for unix sockets, whose X-Forwarded-* headers are believed. The "
            "client is then the rightmost address that is not among them."},
    {.name = "forwarded", .type = &choice_type, INTO(forwarded), .choices = "x rfc7239 both off",
     .fallback = "x", .example = "both", .also = "x_forwarded_for",
     .doc = "Headers that tell the backend about the client: x for X-Forwarded-For, -Proto and "
            "-Host, rfc7239 for Forwarded, both, or off for none. Of trusted_proxies the same kind "
            "is read, and the other removed; with both the two have to agree, else neither is "
            "believed; with off what they sent passes as it came. What untrusted clients sent of "
            "them is removed either way."},
    {.name = "via", .type = &flag_type, INTO(via), .fallback = "true", .example = "false",
     .doc = "Whether Via is added. Some backends do not compress when they see it (nginx: "
            "gzip_proxied)."},
    {.name = "health_path", .type = &path_type, INTO(health_path),
     .example = "/.well-known/corsd", .also = "health healthcheck",
     .doc = "A path that corsd answers itself on the traffic port, for balancers: 200, or 503 "
            "while it drains. It is never proxied."},
    {.name = "public_suffix_list", .type = &file_type, INTO(public_suffix_list),
     .example = "/usr/share/publicsuffix/public_suffix_list.dat",
     .doc = "A newer public suffix list than the one of the system's library."},
    {.name = "resolver", .type = &resolver_type, INTO(resolver),
     .example = "127.0.0.1:53", .also = "dns nameserver nameservers dns_resolver resolvers",
     .doc = "The DNS server to ask instead of those of resolv.conf: an IP address and a port, 53 "
            "where none is given. The hosts file and the search list of resolv.conf count either "
            "way; a name with a final dot is not searched for."},
    {.name = "limits", .type = &section_type, INTO(limits), .keys = limits_keys,
     .example = "{body_size: 10m}", .doc = "What a client may ask for."},
    {.name = "timeouts", .type = &section_type, INTO(timeouts), .keys = timeouts_keys,
     .example = "{header: 5s}", .also = "timeout", .doc = "How long things may take."},
    {.name = "log", .type = &section_type, INTO(log), .keys = log_keys,
     .example = "{access: text}", .also = "logging logs", .doc = "What is logged, and where to."},
    {.name = "decision_header", .type = &flag_type, INTO(decision_header), .fallback = "false",
     .example = "true", .also = "debug",
     .doc = "Whether every response gets a Corsd-Decision header: what was decided, and why."},
    {.name = "admin", .type = &section_type, INTO(admin), .keys = admin_keys, .shorthand = true,
     .title = "admin", .example = "127.0.0.1:9901", .also = "metrics",
     .doc = "The admin listener, on a thread of its own: /healthz says whether every worker turns, "
            "/readyz whether corsd is ready, and 503 while it drains. An address alone, or a map "
            "of these keys."},
    {.name = "watch", .type = &flag_type, INTO(watch), .fallback = "false", .example = "true",
     .also = "auto_reload reload",
     .doc = "Whether corsd reloads when the configuration, a file that it names, or a link on the "
            "way to one of them changes."},
    END,
};
#undef OWNER
const struct key root_key = {.name = "the configuration", .type = &section_type, .keys = root_keys,
                             .title = "top level",
                             .doc = "listen is required, and one of upstream and routes.",
                             .one_of = "upstream routes",
                             .size = sizeof(struct written), .at = offsetof(struct written, at)};

/* Sections that are a key's value: their names for messages, their chapters. */
static const struct key cookies_table = {.name = "cookies", .keys = cookies_keys,
                                         .title = "cookies", .doc = "Below cookies of a policy."};
static const struct key request_edits_table = {.name = "request_headers",
                                               .keys = request_edit_keys,
                                               .title = "request_headers",
                                               .doc = "Below request_headers of a route."};
static const struct key response_edits_table = {.name = "response_headers",
                                                .keys = response_edit_keys,
                                                .title = "response_headers",
                                                .doc = "Below response_headers of a route."};
#if CORSD_TLS
static const struct key trust_table = {.name = "tls", .keys = trust_keys,
                                       .title = "tls of upstreams",
                                       .doc = "Below tls of an upstream.",
                                       .at = offsetof(struct written_trust, at)};
#endif
static const struct key health_table = {.name = "health", .keys = health_keys, .title = "health",
                                        .doc = "Below health of an upstream."};
static const struct key queue_table = {.name = "queue", .keys = queue_keys, .title = "queue",
                                       .doc = "Below queue of an upstream."};
static const struct key limits_table = {.name = "limits", .keys = limits_keys, .title = "limits",
                                        .doc = "Below limits."};
static const struct key timeouts_table = {.name = "timeouts", .keys = timeouts_keys,
                                          .title = "timeouts", .doc = "Below timeouts."};
static const struct key log_table = {.name = "log", .keys = log_keys, .title = "log",
                                     .doc = "Below log."};
const struct key *const key_tables[] = {
    &root_key,
    &listen_item,
#if CORSD_TLS
    &pair_item,
#endif
    &upstream_item,
    &server_item,
    &health_table,
    &queue_table,
#if CORSD_TLS
    &trust_table,
#endif
    &rule_item,
    &cookies_table,
    &route_item,
    &request_edits_table,
    &response_edits_table,
    &limits_table,
    &timeouts_table,
    &log_table,
    NULL};

const struct key *key_named(const struct key *keys, struct str name)
{
    for (; keys->name; keys++)
        if (str_eq(str_of(keys->name), name))
            return keys;
    return NULL;
}

int word_number(const char *words, struct str word)
{
    struct str rest = str_of(words);
    for (int number = 0; rest.n; number++)
        if (str_eq(str_cut(&rest, ' '), word))
            return number;
    return -1;
}
