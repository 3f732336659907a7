/* c-ares asked in the loop: which name stands for a host, its two halves, and when to ask again. */
#include "corsd/net/resolver.h"
#include <arpa/nameser.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#define CARES_NO_DEPRECATED /* what 1.18 has goes on working in those that would have it new */
#include <ares.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include "corsd/base/buf.h"
#include "corsd/net/answer.h"
#include "corsd/net/search.h"

enum {
    TRY_MS = 1000, /* the first try; c-ares doubles it with each */
    TRIES = 3,
    BACK_OFF_MAX_S = 30,
    FILE_MAX = 4 << 20, /* bytes read of resolv.conf and hosts */
    RECORD_MIN = 16,    /* bytes of an address record: RFC 1035 §3.2.1 */
    LINES_A_MINUTE = 6, /* in the log, of one name */
    ADDRESSES_SAID = 8,
    UNUSABLE = 1000, /* beside c-ares' own: addresses were told, and no server can have one */
    UNASKED,
};

enum { V4, V6, HALVES };

struct query { /* belongs to c-ares until it is answered */
    struct half *half; /* NULL: nobody waits for it any more */
};

struct half { /* what is known of a name in one family */
    struct name *name;
    struct query *query;  /* under way; NULL: none */
    struct event due;     /* asks again */
    struct address *at;   /* the last good ones */
    size_t n;
    int status;           /* of the last answer: ARES_*, UNUSABLE, UNASKED */
    unsigned failures;    /* since the last good answer */
    bool absent;          /* it is known that there are none: `at` is what there was before */
};

struct watch {
    struct name *name;
    struct watch *next, **before;
    void (*on_change)(void *ctx);
    void *ctx;
    bool untold;
};

struct name {
    struct resolver *resolver;
    struct name *next, **before;
    struct watch *watches;
    struct half halves[HALVES];
    char host[DNS_NAME_MAX + 2];  /* as configured */
    char asked[DNS_NAME_MAX + 1]; /* what stands for it, or is tried to */
    size_t walked;        /* along the search list */
    bool found;           /* `asked` has addresses, or had when last asked */
    int worst;            /* what the walk has met so far */
    unsigned failures;    /* walks in vain since the last good one */
    struct address *at;   /* both halves, as told to the watches */
    size_t n;
    int said;             /* the failure the log was told of; ARES_SUCCESS: none */
    bool unsaid;          /* a change the log was not told of */
    time_t minute;
    unsigned lines;       /* told in that minute */
};

struct wire { /* a socket of c-ares */
    struct channel *channel;
    struct wire *next, **before;
    int fd;
    struct event event;
};

struct channel {
    ares_channel ares;
    struct event_base *base;
    struct wire *wires;
    struct event timer;
};

struct resolver {
    struct event_base *base;
    const struct log *log;
    struct resolver_files files;
    struct channel *channel; /* NULL: none could be made; tried again with the next question */
    struct stat resolv_conf; /* as it was when the channel was made; zeroed: not there */
    struct search search;
    struct address *servers; /* none: those of resolv.conf */
    size_t n_servers;
    struct name *names;
    struct event tell;
};

/* --- c-ares in the loop ----------------------------------------------------------------------- */

static void arm(struct channel *channel)
{
    struct timeval wait;
    if (ares_timeout(channel->ares, NULL, &wait))
        event_add(&channel->timer, &wait);
    else
        event_del(&channel->timer);
}

static void on_time(evutil_socket_t fd, short what, void *arg)
{
    struct channel *channel = arg;
    (void)fd;
    (void)what;
    ares_process_fd(channel->ares, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    arm(channel);
}

static void on_wire(evutil_socket_t fd, short what, void *arg)
{
    struct wire *wire = arg;
    struct channel *channel = wire->channel;
    ares_process_fd(channel->ares, what & EV_READ ? fd : ARES_SOCKET_BAD,
                    what & EV_WRITE ? fd : ARES_SOCKET_BAD);
    arm(channel); /* the wire may be gone */
}

static struct wire *wire_of(struct channel *channel, int fd)
{
    struct wire *wire = channel->wires;
    while (wire && wire->fd != fd)
        wire = wire->next;
    if (wire || !(wire = calloc(1, sizeof *wire)))
        return wire;
    *wire = (struct wire){.channel = channel, .fd = fd, .before = &channel->wires};
    event_assign(&wire->event, channel->base, fd, 0, on_wire, wire);
    wire->next = channel->wires;
    if (wire->next)
        wire->next->before = &wire->next;
    channel->wires = wire;
    return wire;
}

/* Without memory for it the socket is not heard, and its questions time out. */
static void on_wire_state(void *ctx, ares_socket_t fd, int readable, int writable)
{
    struct channel *channel = ctx;
    struct wire *wire = wire_of(channel, fd);
    short what = (short)((readable ? EV_READ : 0) | (writable ? EV_WRITE : 0));
    if (!wire)
        return;
    event_del(&wire->event);
    if (what) {
        event_assign(&wire->event, channel->base, fd, (short)(what | EV_PERSIST), on_wire, wire);
        event_add(&wire->event, NULL);
        return;
    }
    *wire->before = wire->next;
    if (wire->next)
        wire->next->before = wire->before;
    free(wire);
}

static void channel_destroy(struct channel *channel)
{
    if (!channel)
        return;
    if (channel->ares)
        ares_destroy(channel->ares); /* answers what waits by ARES_EDESTRUCTION, closes the wires */
    event_del(&channel->timer);
    free(channel);
}

static bool use_servers(struct channel *channel, const struct address *servers, size_t n)
{
    struct ares_addr_port_node *nodes = calloc(n, sizeof *nodes);
    if (!nodes)
        return false;
    for (size_t i = 0; i < n; i++) {
        const struct sockaddr *at = (const struct sockaddr *)&servers[i].at;
        nodes[i].next = i + 1 < n ? &nodes[i + 1] : NULL;
        nodes[i].family = at->sa_family;
        nodes[i].udp_port = nodes[i].tcp_port = address_port(at);
        if (at->sa_family == AF_INET)
            nodes[i].addr.addr4 = ((const struct sockaddr_in *)(const void *)at)->sin_addr;
        else
            memcpy(&nodes[i].addr.addr6,
                   &((const struct sockaddr_in6 *)(const void *)at)->sin6_addr,
                   sizeof nodes[i].addr.addr6);
    }
    bool used = ares_set_servers_ports(channel->ares, nodes) == ARES_SUCCESS;
    free(nodes);
    return used;
}

static struct channel *channel_create(struct resolver *resolver)
{
    struct channel *channel = calloc(1, sizeof *channel);
    union { /* c-ares asks for a path it may write to, and does not */
        const char *const_path;
        char *path;
    } conf = {resolver->files.resolv_conf};
    if (!channel)
        return NULL;
    struct ares_options options = {
        .timeout = TRY_MS,
        .tries = TRIES,
        .sock_state_cb = on_wire_state,
        .sock_state_cb_data = channel,
        .resolvconf_path = conf.path,
    };
    int given = ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB | ARES_OPT_RESOLVCONF;
#ifdef ARES_OPT_QUERY_CACHE
    given |= ARES_OPT_QUERY_CACHE; /* of size 0: what is asked is asked */
#endif
    channel->base = resolver->base;
    event_assign(&channel->timer, channel->base, -1, 0, on_time, channel);
    if (ares_init_options(&channel->ares, &options, given) != ARES_SUCCESS ||
        (resolver->n_servers && !use_servers(channel, resolver->servers, resolver->n_servers))) {
        channel_destroy(channel);
        return NULL;
    }
    return channel;
}

/* --- files ------------------------------------------------------------------------------------ */

/* The file's bytes, or none. */
static struct buf file_bytes(const char *path)
{
    struct buf bytes = BUF_INIT(FILE_MAX);
    FILE *file = fopen(path, "re");
    while (file && bytes.n < FILE_MAX && buf_reserve(&bytes, 1)) {
        size_t n = fread(bytes.p + bytes.n, 1, bytes.cap - bytes.n, file);
        if (!n)
            break;
        bytes.n += n;
    }
    if (file)
        fclose(file);
    return bytes;
}

static struct stat file_state(const char *path)
{
    struct stat state;
    return stat(path, &state) == 0 ? state : (struct stat){0};
}

static bool same_state(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static void read_search(struct resolver *resolver)
{
    char hostname[DNS_NAME_MAX + 1] = "";
    struct buf text = file_bytes(resolver->files.resolv_conf);
    if (gethostname(hostname, sizeof hostname - 1) < 0)
        *hostname = 0;
    const struct search_words words = {str_of(getenv("LOCALDOMAIN")), str_of(getenv("RES_OPTIONS")),
                                       str_of(hostname)};
    search_read(&resolver->search, buf_str(&text), &words);
    buf_finish(&text);
}

/* --- what the log is told --------------------------------------------------------------------- */

static const char *failure_text(int status)
{
    switch (status) {
    case ARES_ENOTFOUND: return "the name does not exist";
    case ARES_ENODATA: return "the name has no address";
    case UNUSABLE: return "its addresses are none that a server can have";
    case ARES_ETIMEOUT: return "no DNS server answered in time";
    case ARES_ECONNREFUSED: return "no DNS server could be reached";
    case ARES_ESERVFAIL: return "the DNS server failed (SERVFAIL)";
    case ARES_EREFUSED: return "the DNS server refused to answer (REFUSED)";
    case ARES_EFORMERR:
    case ARES_EBADRESP: return "the DNS server's answer is malformed";
    case ARES_ENOMEM: return "out of memory";
    default: return ares_strerror(status);
    }
}

static bool may_say(struct name *name)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    if (now.tv_sec - name->minute >= 60) {
        name->minute = now.tv_sec;
        name->lines = 0;
    }
    return name->lines++ < LINES_A_MINUTE;
}

static void say_addresses(struct name *name)
{
    char text[ADDRESSES_SAID * (INET6_ADDRSTRLEN + 2) + 32] = "", ip[ADDRESS_TEXT];
    size_t at = 0;
    name->unsaid = !may_say(name);
    if (name->unsaid)
        return;
    for (size_t i = 0; i < name->n && i < ADDRESSES_SAID; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, "%s%s", i ? ", " : "",
                               address_ip_text((const struct sockaddr *)&name->at[i].at, ip));
    if (name->n > ADDRESSES_SAID)
        snprintf(text + at, sizeof text - at, " and %zu more", name->n - ADDRESSES_SAID);
    log_line(name->resolver->log, LOG_INFO, "name %s: %s", name->host, text);
    name->said = ARES_SUCCESS;
}

static void say_failure(struct name *name, int status)
{
    if (status == name->said || !may_say(name))
        return;
    name->said = status;
    log_line(name->resolver->log, LOG_WARN, "name %s: %s; %s", name->host, failure_text(status),
             name->n ? "its last addresses stay in use"
                     : "no address is known, requests get a 503");
}

/* --- what is known ---------------------------------------------------------------------------- */

static bool is_there(const struct half *half)
{
    return half->n && !half->absent;
}

static struct half *other(const struct half *half)
{
    return &half->name->halves[half == &half->name->halves[V4] ? V6 : V4];
}

/* The kernel has a way there: asked by a connect() that sends nothing. */
static bool has_route(const struct address *address)
{
    struct address to = *address;
    address_set_port(&to, 9);
    int fd = socket(to.at.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool way = fd >= 0 && connect(fd, (const struct sockaddr *)&to.at, to.size) == 0;
    if (fd >= 0)
        close(fd);
    return way;
}

/* Both halves together; what the machine has no route to is left out, unless that were all. */
static size_t merge(const struct name *name, struct address out[HALVES * ANSWER_MAX])
{
    size_t n = 0, routed = 0;
    for (const struct half *half = name->halves; half < name->halves + HALVES; half++)
        for (size_t i = 0; i < half->n && (is_there(half) || !is_there(other(half))); i++)
            out[n++] = half->at[i];
    for (size_t i = 0; i < n; i++)
        if (has_route(&out[i])) {
            struct address address = out[i];
            out[i] = out[routed];
            out[routed++] = address;
        }
    return routed ? routed : n;
}

static void take_over(struct name *name)
{
    struct address now[HALVES * ANSWER_MAX];
    static const struct timeval at_once = {0, 0};
    size_t n = merge(name, now);
    if (answer_same(now, n, name->at, name->n))
        return;
    struct address *at = malloc(n * sizeof *at);
    if (!at)
        return; /* the old ones stay, and the next answer is another chance */
    memcpy(at, now, n * sizeof *at);
    free(name->at);
    name->at = at;
    name->n = n;
    name->unsaid = true;
    for (struct watch *watch = name->watches; watch; watch = watch->next)
        watch->untold = true;
    event_add(&name->resolver->tell, &at_once);
}

static void ask_in(struct half *half, uint32_t seconds)
{
    const struct timeval wait = {.tv_sec = seconds};
    event_add(&half->due, &wait);
}

static uint32_t back_off(unsigned failures)
{
    return failures > 5 ? BACK_OFF_MAX_S : UINT32_C(1) << (failures - 1);
}

static bool is_asking(const struct name *name)
{
    return name->halves[V4].query || name->halves[V6].query;
}

static void forget_query(struct half *half)
{
    if (half->query)
        half->query->half = NULL;
    half->query = NULL;
}

/* Nothing stands for the host: from the start of the search list again, after a while. */
static void give_up(struct name *name, int status)
{
    name->found = false;
    name->failures++;
    event_del(&name->halves[V6].due);
    ask_in(&name->halves[V4], back_off(name->failures));
    say_failure(name, status);
}

/* Both halves have said something, or one has while the other is under way. */
static void conclude(struct name *name)
{
    const struct half *v4 = &name->halves[V4], *v6 = &name->halves[V6];
    take_over(name);
    if (name->unsaid || (name->said && (v4->status == ARES_SUCCESS || v6->status == ARES_SUCCESS)))
        say_addresses(name);
    if (is_asking(name))
        return;
    if (!is_there(v4) && !is_there(v6))
        give_up(name, v4->status);
    else if (v4->status != ARES_SUCCESS && v6->status != ARES_SUCCESS)
        say_failure(name, is_there(v4) ? v4->status : v6->status);
}

static bool is_absence(int status)
{
    return status == ARES_ENODATA || status == ARES_ENOTFOUND;
}

/* Of a name that is found: this half has no address now, or could not be asked. */
static void half_failed(struct half *half)
{
    half->absent |= is_absence(half->status);
    half->failures = is_absence(half->status) ? 0 : half->failures + 1;
    ask_in(half, half->failures ? back_off(half->failures) : TTL_UNKNOWN_S);
}

static bool half_answered(struct half *half, const struct answer *answer)
{
    struct address *at = malloc(answer->n * sizeof *at);
    if (!at)
        return false;
    memcpy(at, answer->at, answer->n * sizeof *at);
    free(half->at);
    half->at = at;
    half->n = answer->n;
    half->absent = false;
    half->failures = 0;
    half->status = ARES_SUCCESS;
    ask_in(half, answer_ttl(answer));
    return true;
}

/* --- asking ----------------------------------------------------------------------------------- */

/* What says more about why a walk was in vain: trouble, addresses of no use, none, no such name. */
static int worse(int a, int b)
{
    static const int least[] = {UNASKED, ARES_ENOTFOUND, ARES_ENODATA, UNUSABLE};
    for (size_t i = 0; i < sizeof least / sizeof *least; i++) {
        if (a == least[i])
            return b;
        if (b == least[i])
            return a;
    }
    return a;
}

static void answered(struct half *half, int status, const struct answer *answer);

static int read_v4(const unsigned char *bytes, int size, struct answer *out)
{
    int n = size / RECORD_MIN + 1;
    struct ares_addrttl *records = calloc((size_t)n, sizeof *records);
    int status = records ? ares_parse_a_reply(bytes, size, NULL, records, &n) : ARES_ENOMEM;
    for (int i = 0; status == ARES_SUCCESS && i < n; i++)
        answer_add(out, AF_INET, &records[i].ipaddr,
                   records[i].ttl > 0 ? (uint32_t)records[i].ttl : 0);
    free(records);
    return status == ARES_SUCCESS && !n ? ARES_ENODATA : status;
}

static int read_v6(const unsigned char *bytes, int size, struct answer *out)
{
    int n = size / RECORD_MIN + 1;
    struct ares_addr6ttl *records = calloc((size_t)n, sizeof *records);
    int status = records ? ares_parse_aaaa_reply(bytes, size, NULL, records, &n) : ARES_ENOMEM;
    for (int i = 0; status == ARES_SUCCESS && i < n; i++)
        answer_add(out, AF_INET6, &records[i].ip6addr,
                   records[i].ttl > 0 ? (uint32_t)records[i].ttl : 0);
    free(records);
    return status == ARES_SUCCESS && !n ? ARES_ENODATA : status;
}

static void on_answer(void *ctx, int status, int timeouts, unsigned char *bytes, int size)
{
    struct query *query = ctx;
    struct half *half = query->half;
    struct answer answer = ANSWER_NONE;
    (void)timeouts;
    free(query);
    if (!half)
        return;
    half->query = NULL;
    if (status == ARES_EDESTRUCTION)
        return; /* the names are asked for by another channel */
    if (status == ARES_SUCCESS)
        status = half == &half->name->halves[V4] ? read_v4(bytes, size, &answer)
                                                 : read_v6(bytes, size, &answer);
    if (status == ARES_SUCCESS && !answer.n)
        status = UNUSABLE;
    answered(half, status, &answer);
}

static void ask(struct half *half)
{
    struct resolver *resolver = half->name->resolver;
    struct query *query = malloc(sizeof *query);
    event_del(&half->due);
    if (!query || !resolver->channel) {
        free(query);
        answered(half, ARES_ENOMEM, NULL);
        return;
    }
    query->half = half;
    half->query = query;
    ares_query(resolver->channel->ares, half->name->asked, ns_c_in,
               half == &half->name->halves[V4] ? ns_t_a : ns_t_aaaa, on_answer, query);
    arm(resolver->channel);
}

/* --- which name stands for the host ----------------------------------------------------------- */

/* The next name of the search list, in both families. */
static void walk(struct name *name)
{
    forget_query(&name->halves[V4]);
    forget_query(&name->halves[V6]);
    if (!search_next(&name->resolver->search, str_of(name->host), &name->walked, name->asked)) {
        give_up(name, name->worst);
        return;
    }
    size_t here = name->walked;
    name->halves[V4].status = name->halves[V6].status = UNASKED;
    ask(&name->halves[V4]);
    if (name->walked == here && !name->halves[V6].query) /* it may have failed at once */
        ask(&name->halves[V6]);
}

static void walk_from_start(struct name *name)
{
    event_del(&name->halves[V4].due);
    event_del(&name->halves[V6].due);
    name->found = false;
    name->walked = 0;
    name->worst = UNASKED;
    walk(name);
}

/* The first addresses: this name stands for the host. What its other half has said counts too. */
static void found(struct half *half)
{
    struct name *name = half->name;
    struct half *late = other(half);
    name->found = true;
    name->failures = 0;
    if (!late->query && late->status != UNASKED)
        half_failed(late);
}

static void answered(struct half *half, int status, const struct answer *answer)
{
    struct name *name = half->name;
    half->status = status;
    if (status == ARES_SUCCESS && half_answered(half, answer)) {
        if (!name->found)
            found(half);
    } else if (!name->found) {
        name->worst = worse(name->worst, status);
        /* RFC 8020: no such name, whatever is asked for. But some say so of IPv6 alone. */
        bool no_such_name = half == &name->halves[V4] && status == ARES_ENOTFOUND;
        if (no_such_name || (!other(half)->query && other(half)->status != UNASKED))
            walk(name);
        return;
    } else
        half_failed(half);
    conclude(name);
}

/* --- when to ask ------------------------------------------------------------------------------ */

static bool is_in_hosts(struct name *name)
{
    struct answer answers[HALVES] = {ANSWER_NONE, ANSWER_NONE};
    struct buf text = file_bytes(name->resolver->files.hosts);
    bool named = answer_from_hosts(buf_str(&text), str_of(name->host), &answers[V4], &answers[V6]);
    buf_finish(&text);
    if (!named)
        return false;
    name->found = true;
    name->failures = 0;
    for (int i = 0; i < HALVES; i++) {
        struct half *half = &name->halves[i];
        forget_query(half);
        if (answers[i].n && half_answered(half, &answers[i]))
            continue;
        half->status = ARES_ENODATA;
        half_failed(half);
    }
    conclude(name);
    return true;
}

static void ask_all(struct resolver *resolver);

/* A channel as resolv.conf and `servers` say now. The old one stays where none can be made. */
static void renew_channel(struct resolver *resolver)
{
    struct stat now = file_state(resolver->files.resolv_conf);
    struct channel *fresh = channel_create(resolver), *old = resolver->channel;
    if (!fresh) {
        log_line(resolver->log, LOG_ERROR, "names: no DNS channel could be made");
        return;
    }
    resolver->resolv_conf = now;
    resolver->channel = fresh;
    read_search(resolver);
    channel_destroy(old);
}

static bool is_stale(const struct resolver *resolver)
{
    struct stat now = file_state(resolver->files.resolv_conf);
    return !resolver->channel || !same_state(&now, &resolver->resolv_conf);
}

static void refresh(struct half *half)
{
    struct name *name = half->name;
    if (is_in_hosts(name))
        return;
    if (name->found)
        ask(half);
    else if (!is_asking(name))
        walk_from_start(name);
}

static void on_due(evutil_socket_t fd, short what, void *arg)
{
    struct half *half = arg;
    struct resolver *resolver = half->name->resolver;
    (void)fd;
    (void)what;
    if (is_stale(resolver)) {
        renew_channel(resolver);
        ask_all(resolver);
    } else
        refresh(half);
}

static void begin(struct name *name)
{
    if (!is_in_hosts(name))
        walk_from_start(name);
}

static void ask_all(struct resolver *resolver)
{
    for (struct name *name = resolver->names; name; name = name->next)
        begin(name);
}

/* --- watches ---------------------------------------------------------------------------------- */

static struct watch *next_untold(const struct resolver *resolver)
{
    for (struct name *name = resolver->names; name; name = name->next)
        for (struct watch *watch = name->watches; watch; watch = watch->next)
            if (watch->untold)
                return watch;
    return NULL;
}

/* From the start each time: who is told may unwatch what he likes. */
static void on_tell(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    for (struct watch *watch; (watch = next_untold(arg));) {
        watch->untold = false;
        watch->on_change(watch->ctx);
    }
}

static struct name *name_create(struct resolver *resolver, struct str host)
{
    struct name *name = host.n < sizeof name->host ? calloc(1, sizeof *name) : NULL;
    if (!name)
        return NULL;
    name->resolver = resolver;
    memcpy(name->host, host.p, host.n);
    for (int i = 0; i < HALVES; i++) {
        struct half *half = &name->halves[i];
        half->name = name;
        half->status = UNASKED;
        event_assign(&half->due, resolver->base, -1, 0, on_due, half);
    }
    name->before = &resolver->names;
    name->next = resolver->names;
    if (name->next)
        name->next->before = &name->next;
    resolver->names = name;
    return name;
}

static void name_destroy(struct name *name)
{
    for (struct half *half = name->halves; half < name->halves + HALVES; half++) {
        forget_query(half);
        event_del(&half->due);
        free(half->at);
    }
    *name->before = name->next;
    if (name->next)
        name->next->before = name->before;
    free(name->at);
    free(name);
}

static struct name *find_name(const struct resolver *resolver, struct str host)
{
    struct name *name = resolver->names;
    while (name && !str_eq(str_of(name->host), host))
        name = name->next;
    return name;
}

struct watch *resolver_watch(struct resolver *resolver, struct str host,
                             void (*on_change)(void *ctx), void *ctx)
{
    struct watch *watch = calloc(1, sizeof *watch);
    struct name *name = find_name(resolver, host);
    bool fresh = !name;
    if (!watch || (fresh && !(name = name_create(resolver, host)))) {
        free(watch);
        return NULL;
    }
    *watch = (struct watch){.name = name,
                            .next = name->watches,
                            .before = &name->watches,
                            .on_change = on_change,
                            .ctx = ctx};
    if (watch->next)
        watch->next->before = &watch->next;
    name->watches = watch;
    if (fresh)
        begin(name);
    return watch;
}

void resolver_unwatch(struct watch *watch)
{
    if (!watch)
        return;
    struct name *name = watch->name;
    *watch->before = watch->next;
    if (watch->next)
        watch->next->before = watch->before;
    free(watch);
    if (!name->watches)
        name_destroy(name);
}

const struct address *resolver_addresses(const struct watch *watch, size_t *n)
{
    *n = watch->name->n;
    return watch->name->at;
}

/* --- birth and end ---------------------------------------------------------------------------- */

struct resolver *resolver_create(struct event_base *base, const struct log *log,
                                 const struct resolver_files *files)
{
    struct resolver *resolver = calloc(1, sizeof *resolver);
    if (!resolver)
        return NULL;
    if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS) {
        free(resolver);
        return NULL;
    }
    *resolver = (struct resolver){.base = base, .log = log, .files = *files};
    event_assign(&resolver->tell, base, -1, 0, on_tell, resolver);
    renew_channel(resolver);
    return resolver;
}

void resolver_use(struct resolver *resolver, const struct address *servers, size_t n)
{
    if (answer_same(servers, n, resolver->servers, resolver->n_servers))
        return;
    struct address *copy = n ? malloc(n * sizeof *copy) : NULL;
    if (n && !copy) {
        log_line(resolver->log, LOG_ERROR, "out of memory: the old resolver stays in use");
        return;
    }
    if (n)
        memcpy(copy, servers, n * sizeof *copy);
    free(resolver->servers);
    resolver->servers = copy;
    resolver->n_servers = n;
    renew_channel(resolver);
    ask_all(resolver);
}

void resolver_destroy(struct resolver *resolver)
{
    if (!resolver)
        return;
    while (resolver->names)
        name_destroy(resolver->names);
    channel_destroy(resolver->channel);
    event_del(&resolver->tell);
    ares_library_cleanup();
    free(resolver->servers);
    free(resolver);
}
