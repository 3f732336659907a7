/* listen, trusted_proxies and resolver: addresses as such. */
#include <netinet/in.h>
#include "compiler.h"

enum { PASSED_NAME_MAX = 255 }; /* sd_listen_fds_with_names(3) */

static bool is_digits(struct str text)
{
    uint64_t number;
    return str_to_u64(text, &number);
}

/* What is no address but looks like one: a message of its own. */
static bool report_special(struct reading *reading, const struct spec_text *text)
{
    char hint[PHRASE];
    size_t scheme = str_find(text->text, ':');
    if (str_starts(str_from(text->text, scheme), STR("://"))) {
        phrase(hint, sizeof hint, "write %.*s", EXCERPT_ARG(str_from(text->text, scheme + 3)));
        fault(reading, text->place, hint, "an address to listen on has no scheme");
        return true;
    }
    return false;
}

static void report_address(struct reading *reading, const struct spec_text *text,
                           enum address_fault why)
{
    char hint[PHRASE];
    struct str host = str_head(text->text, str_rfind(text->text, ':'));
    struct str port = str_from(text->text, host.n + 1);
    if (report_special(reading, text))
        return;
    hint[0] = 0;
    if (why == ADDRESS_NO_PORT && is_digits(text->text))
        phrase(hint, sizeof hint, "write 127.0.0.1:%.*s for this machine only, :%.*s for all",
               EXCERPT_ARG(text->text), EXCERPT_ARG(text->text));
    else if (why == ADDRESS_NO_PORT && text->text.p[0] == '/')
        phrase(hint, sizeof hint, "a unix socket is written unix:%.*s", EXCERPT_ARG(text->text));
    else if (why == ADDRESS_NO_PORT)
        phrase(hint, sizeof hint, "write %.*s:8080", EXCERPT_ARG(text->text));
    else if (why == ADDRESS_NAME)
        phrase(hint, sizeof hint, "write 127.0.0.1:%.*s for this machine only, :%.*s for all",
               EXCERPT_ARG(port), EXCERPT_ARG(port));
    else if (why == ADDRESS_NO_BRACKETS)
        phrase(hint, sizeof hint, "write \"[%.*s]:%.*s\"", EXCERPT_ARG(host), EXCERPT_ARG(port));
    fault(reading, text->place, hint, "\"%.*s\": %s", EXCERPT_ARG(text->text),
          address_fault_text(why));
}

static bool is_taken(const struct plan *plan, const struct address *address)
{
    for (size_t i = 0; i < plan->n_listeners; i++)
        if (address_eq(&plan->listeners[i].address, address) &&
            (address->at.ss_family == AF_UNIX ||
             address_port((const struct sockaddr *)&address->at)))
            return true;
    return false;
}

/* Nobody could connect to it: whoever may send the PROXY header is to be named. */
static void check_proxies(struct compiler *compiler, const struct written_listen *written,
                          const struct listener_spec *spec)
{
    const struct plan *plan = compiler->plan;
    bool is_unix = spec->address.at.ss_family == AF_UNIX;
    bool faulty = plan->n_trusted + plan->trust_unix < compiler->written->trusted_proxies.n;
    bool named = is_unix ? plan->trust_unix : plan->n_trusted > 0;
    if (spec->passed) /* of either kind: systemd's unit says which */
        named = plan->trust_unix || plan->n_trusted > 0;
    if (!spec->proxy_protocol || faulty || named)
        return;
    fault(compiler->reading, written->proxy_protocol.at,
          is_unix ? "name the balancers: trusted_proxies: [\"unix:\"]"
                  : "name the balancers: trusted_proxies: [10.0.0.0/8]",
          "\"proxy_protocol\" needs \"trusted_proxies\": nobody else may say who the client is");
}

static bool is_passed(struct str text)
{
    return str_eq(text, STR("systemd")) || str_starts(text, STR("systemd:"));
}

/* A socket that systemd opens: what it is called, and that it does not stand here twice. */
static void compile_passed(struct compiler *compiler, struct listener_spec *spec)
{
    const struct plan *plan = compiler->plan;
    spec->passed = true;
    spec->passed_name = str_from(spec->text, strlen("systemd:"));
    if (str_eq(spec->text, STR("systemd:")) || spec->passed_name.n > PASSED_NAME_MAX)
        fault(compiler->reading, spec->place, "write systemd, or systemd:corsd.socket",
              "\"%.*s\" names no socket", EXCERPT_ARG(spec->text));
    for (size_t i = 0; i < plan->n_listeners; i++)
        if (plan->listeners[i].passed && str_eq(plan->listeners[i].passed_name, spec->passed_name))
            fault(compiler->reading, spec->place, NULL, "\"%.*s\" stands in listen twice",
                  EXCERPT_ARG(spec->text));
}

/* False where a fault was reported. */
static bool read_address(struct compiler *compiler, const struct spec_text *text,
                         struct listener_spec *spec)
{
    enum address_fault why = address_parse(text->text, &spec->address);
    if (why != ADDRESS_OK)
        report_address(compiler->reading, text, why);
    return why == ADDRESS_OK;
}

static void compile_listener(struct compiler *compiler, const struct written_listen *written)
{
    struct plan *plan = compiler->plan;
    struct listener_spec spec = {.text = written->address.text, .place = written->address.place};
    if (!written->address.place)
        return; /* reported when it was read */
    if (is_passed(spec.text))
        compile_passed(compiler, &spec);
    else if (!read_address(compiler, &written->address, &spec))
        return;
    spec.has_mode = written->mode.at != NULL;
    spec.mode = (unsigned)written->mode.value;
    if (spec.has_mode && spec.address.at.ss_family != AF_UNIX)
        fault(compiler->reading, written->mode.at, "delete it, or listen on unix:/run/corsd.sock",
              "\"mode\" is for unix sockets only");
    spec.proxy_protocol = written->proxy_protocol.value;
    if (!spec.passed && is_taken(plan, &spec.address))
        fault(compiler->reading, spec.place, NULL, "\"%.*s\" stands in listen twice",
              EXCERPT_ARG(spec.text));
    check_proxies(compiler, written, &spec);
    if (written->tls.n)
        compile_listener_tls(compiler, written, &spec);
    plan->listeners[plan->n_listeners++] = spec;
}

/* The network that an address with bits behind its mask lies in, e.g. 10.0.0.0/8 of 10.1.2.3/8. */
static bool masked(struct str text, char out[ADDRESS_TEXT + 8])
{
    char ip[ADDRESS_TEXT];
    struct address address;
    size_t slash = str_find(text, '/');
    uint64_t bits;
    if (!address_of_ip(str_head(text, slash), 0, &address) ||
        !str_to_u64(str_from(text, slash + 1), &bits))
        return false;
    bool v4 = address.at.ss_family == AF_INET;
    char *bytes = (char *)&address.at + (v4 ? offsetof(struct sockaddr_in, sin_addr)
                                            : offsetof(struct sockaddr_in6, sin6_addr));
    if (bits > (v4 ? 32 : 128))
        return false;
    for (uint64_t bit = bits; bit < (v4 ? 32 : 128); bit++)
        bytes[bit / 8] = (char)(bytes[bit / 8] & ~(0x80 >> bit % 8));
    phrase(out, ADDRESS_TEXT + 8, "%s/%u",
           address_ip_text((const struct sockaddr *)&address.at, ip), (unsigned)bits);
    return true;
}

static void compile_network(struct compiler *compiler, const struct spec_text *text)
{
    struct plan *plan = compiler->plan;
    struct cidr cidr;
    char hint[PHRASE], network[ADDRESS_TEXT + 8];
    if (cidr_parse(text->text, &cidr)) {
        if (cidr.unix_peers)
            plan->trust_unix = true;
        else
            plan->trusted[plan->n_trusted++] = cidr;
        if (!cidr.unix_peers && str_ends(text->text, STR("/0")))
            warn(compiler->reading, text->place, "name the addresses of your proxies only",
                 "every client is believed, so each can pretend to be another");
        return;
    }
    bool near = masked(text->text, network);
    if (near)
        phrase(hint, sizeof hint, "write %s", network);
    fault(compiler->reading, text->place,
          near ? hint : "write an IP address, a network such as 10.0.0.0/8, or unix:",
          near ? "\"%.*s\" has bits behind its mask" : "\"%.*s\" is not a network",
          EXCERPT_ARG(text->text));
}

static void compile_resolver(struct compiler *compiler, const struct spec_text *text)
{
    struct address address;
    bool bare = address_of_ip(text->text, 53, &address);
    enum address_fault why = bare ? ADDRESS_OK : address_parse(text->text, &address);
    bool nowhere = why == ADDRESS_OK && !bare &&
                   (!address_port((struct sockaddr *)&address.at) || text->text.p[0] == ':');
    if (why == ADDRESS_OK && !nowhere) {
        compiler->plan->resolver = address;
        compiler->plan->has_resolver = true;
    } else
        fault(compiler->reading, text->place, "write 127.0.0.1:53, or [::1]:53",
              "\"%.*s\" is not the address of a DNS server%s%s", EXCERPT_ARG(text->text),
              nowhere ? "" : ": ", nowhere ? "" : address_fault_text(why));
}

static bool is_name(struct str text)
{
    for (size_t i = 0; i < text.n; i++)
        if (!ascii_is_alpha(text.p[i]) && !ascii_is_digit(text.p[i]) && !strchr("-._", text.p[i]))
            return false;
    return text.n && text.n <= 253;
}

static bool compile_admin(struct compiler *compiler)
{
    const struct written_admin *written = &compiler->written->admin;
    struct plan *plan = compiler->plan;
    struct admin_spec *admin = &plan->admin;
    struct reading *reading = compiler->reading;
    admin->hosts = take(reading, (written->hosts.n + 1) * sizeof *admin->hosts);
    if (!admin->hosts)
        return false;
    for (size_t i = 0; i < written->hosts.n; i++) {
        struct str name = written->hosts.items[i].text;
        if (!is_name(name))
            fault(reading, written->hosts.items[i].place, "write admin.example.internal",
                  "\"%.*s\" is not a host name", EXCERPT_ARG(name));
        admin->hosts[admin->n_hosts++] = name;
    }
    if (!written->address.text.n || str_eq(written->address.text, STR("off")))
        return true;
    admin->listener.text = written->address.text;
    admin->listener.place = written->address.place;
    admin->on = read_address(compiler, &written->address, &admin->listener);
    if (admin->on && is_taken(plan, &admin->listener.address))
        fault(reading, written->address.place, "write another port",
              "\"%.*s\" is an address of listen too", EXCERPT_ARG(written->address.text));
    return true;
}

bool compile_listeners(struct compiler *compiler)
{
    const struct written *written = compiler->written;
    const struct written_listen *listen = written->listen.first;
    struct plan *plan = compiler->plan;
    plan->listeners = take(compiler->reading, (written->listen.n + 1) * sizeof *plan->listeners);
    plan->trusted =
        take(compiler->reading, (written->trusted_proxies.n + 1) * sizeof *plan->trusted);
    if (!plan->listeners || !plan->trusted)
        return false;
    for (size_t i = 0; i < written->trusted_proxies.n; i++)
        compile_network(compiler, &written->trusted_proxies.items[i]);
    if (written->resolver.place)
        compile_resolver(compiler, &written->resolver);
    for (size_t i = 0; i < written->listen.n; i++)
        compile_listener(compiler, &listen[i]);
    return compile_admin(compiler);
}
