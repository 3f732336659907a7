/* A DNS server in the test's own event base, which says what the test's table holds now. */
#pragma once
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>
#include <criterion/criterion.h>
#include <event2/event.h>
#include <event2/event_struct.h>

enum { DNS_A = 1, DNS_CNAME = 5, DNS_AAAA = 28 };
enum dns_manner {
    DNS_ANSWERS,   /* with the row's addresses; none: NODATA */
    DNS_NO_NAME,   /* NXDOMAIN */
    DNS_SILENT,
    DNS_FAILS,     /* SERVFAIL */
    DNS_REFUSES,
    DNS_GARBAGE,   /* the head is right, the rest is not */
    DNS_EMPTY,     /* a datagram that ends within its head */
    DNS_WRONG_NAME, /* an address of somebody else */
    DNS_BY_TCP,    /* truncated by UDP */
    DNS_ALIAS,     /* a CNAME and its address */
};

struct dns_row {
    const char *name;
    int type;
    enum dns_manner manner;
    const char *ips; /* parted by spaces */
    uint32_t ttl;
};

struct dns_server {
    int udp, tcp;
    struct event on_udp, on_tcp, on_client;
    struct sockaddr_in at;
    struct dns_row rows[64]; /* a name without a row does not exist */
    size_t n;
    unsigned asked;          /* all questions so far */
    char log[4096];          /* "name/A " for each of them */
};

static inline struct dns_row *dns_row(struct dns_server *server, const char *name, int type)
{
    for (size_t i = 0; i < server->n; i++)
        if (strcasecmp(server->rows[i].name, name) == 0 && server->rows[i].type == type)
            return &server->rows[i];
    return NULL;
}

static inline void dns_set(struct dns_server *server, const char *name, int type,
                           enum dns_manner manner, const char *ips, uint32_t ttl)
{
    struct dns_row *row = dns_row(server, name, type);
    if (!row)
        row = &server->rows[server->n++];
    *row = (struct dns_row){name, type, manner, ips, ttl};
}

static inline size_t dns_put(uint8_t *out, size_t at, unsigned value, int bytes)
{
    for (int i = bytes - 1; i >= 0; i--)
        out[at++] = (uint8_t)(value >> 8 * i);
    return at;
}

static inline size_t dns_name(uint8_t *out, size_t at, const char *name)
{
    while (*name) {
        size_t n = strcspn(name, ".");
        out[at++] = (uint8_t)n;
        memcpy(out + at, name, n);
        at += n;
        name += n + (name[n] == '.');
    }
    out[at++] = 0;
    return at;
}

static inline size_t dns_address(uint8_t *out, size_t at, int type, const char *ip, uint32_t ttl)
{
    size_t n = type == DNS_A ? 4 : 16;
    at = dns_put(out, at, (unsigned)type, 2);
    at = dns_put(out, at, 1, 2);
    at = dns_put(out, at, ttl, 4);
    at = dns_put(out, at, (unsigned)n, 2);
    cr_assert_eq(inet_pton(type == DNS_A ? AF_INET : AF_INET6, ip, out + at), 1, "%s", ip);
    return at + n;
}

/* Bytes of the reply in out; 0: none. */
static inline size_t dns_reply(struct dns_server *server, const uint8_t *question, size_t size,
                               bool tcp, uint8_t *out)
{
    char name[300] = "", ip[64];
    size_t at = 12, records = 0;
    while (at < size && question[at]) {
        snprintf(name + strlen(name), sizeof name - strlen(name), "%s%.*s", *name ? "." : "",
                 question[at], question + at + 1);
        at += question[at] + 1u;
    }
    at++;
    int type = question[at] << 8 | question[at + 1];
    at += 4;
    server->asked++;
    snprintf(server->log + strlen(server->log), sizeof server->log - strlen(server->log), "%s/%s ",
             name, type == DNS_A ? "A" : "AAAA");
    struct dns_row *row = dns_row(server, name, type);
    enum dns_manner manner = row ? row->manner : DNS_NO_NAME;
    unsigned rcode = manner == DNS_NO_NAME   ? 3
                     : manner == DNS_FAILS   ? 2
                     : manner == DNS_REFUSES ? 5
                                             : 0;
    bool cut = manner == DNS_BY_TCP && !tcp;
    if (manner == DNS_SILENT)
        return 0;
    memcpy(out, question, at);
    if (manner == DNS_EMPTY)
        return 5;
    dns_put(out, 2, 0x8180u | rcode | (cut ? 0x0200 : 0), 2);
    dns_put(out, 6, 0, 2);
    dns_put(out, 8, 0, 4);
    if (manner == DNS_GARBAGE) {
        dns_put(out, 6, 3, 2);
        memset(out + at, 0xc0, 40);
        return at + 40;
    }
    if (manner == DNS_ALIAS) {
        at = dns_put(out, at, 0xc00c, 2);
        at = dns_put(out, at, DNS_CNAME, 2);
        at = dns_put(out, at, 1, 2);
        at = dns_put(out, at, row->ttl, 4);
        at = dns_put(out, at, sizeof "real.test" + 1, 2);
        at = dns_name(out, at, "real.test");
        records++;
    }
    for (const char *rest = row && !cut && !rcode ? row->ips : NULL; rest && *rest;) {
        size_t n = strcspn(rest, " ");
        snprintf(ip, sizeof ip, "%.*s", (int)n, rest);
        rest += n + (rest[n] == ' ');
        at = manner == DNS_WRONG_NAME ? dns_name(out, at, "other.test")
             : manner == DNS_ALIAS    ? dns_name(out, at, "real.test")
                                      : dns_put(out, at, 0xc00c, 2);
        at = dns_address(out, at, type, ip, manner == DNS_ALIAS ? 3600 : row->ttl);
        records++;
    }
    dns_put(out, 6, (unsigned)records, 2);
    return at;
}

static inline void dns_on_udp(evutil_socket_t fd, short what, void *arg)
{
    uint8_t question[4096], reply[65536];
    struct sockaddr_storage from;
    socklen_t size = sizeof from;
    (void)what;
    ssize_t n = recvfrom(fd, question, sizeof question, 0, (struct sockaddr *)&from, &size);
    if (n < 17)
        return;
    struct dns_server *server = arg;
    size_t bytes = dns_reply(server, question, (size_t)n, false, reply);
    if (bytes)
        sendto(fd, reply, bytes, 0, (struct sockaddr *)&from, size);
}

static inline void dns_on_client(evutil_socket_t fd, short what, void *arg)
{
    static uint8_t question[4096], reply[65536 + 2];
    struct dns_server *server = arg;
    (void)what;
    ssize_t n = recv(fd, question, sizeof question, 0);
    if (n > 19) {
        size_t bytes = dns_reply(server, question + 2, (size_t)n - 2, true, reply + 2);
        dns_put(reply, 0, (unsigned)bytes, 2);
        cr_assert_eq(send(fd, reply, bytes + 2, MSG_NOSIGNAL), (ssize_t)bytes + 2);
    }
    event_del(&server->on_client);
    close(fd);
}

static inline void dns_on_tcp(evutil_socket_t fd, short what, void *arg)
{
    struct dns_server *server = arg;
    (void)what;
    int client = accept(fd, NULL, NULL); /* one at a time is enough here */
    event_assign(&server->on_client, event_get_base(&server->on_tcp), client, EV_READ,
                 dns_on_client, server);
    event_add(&server->on_client, NULL);
}

static inline void dns_start(struct dns_server *server, struct event_base *base)
{
    socklen_t size = sizeof server->at;
    memset(server, 0, sizeof *server);
    server->at = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    for (server->tcp = -1; server->tcp < 0;) { /* the same number in both, by chance */
        server->udp = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
        server->at.sin_port = 0;
        cr_assert_eq(bind(server->udp, (struct sockaddr *)&server->at, sizeof server->at), 0);
        getsockname(server->udp, (struct sockaddr *)&server->at, &size);
        server->tcp = socket(AF_INET, SOCK_STREAM, 0);
        if (bind(server->tcp, (struct sockaddr *)&server->at, sizeof server->at) == 0)
            break;
        close(server->udp);
        close(server->tcp);
        server->tcp = -1;
    }
    listen(server->tcp, 8);
    event_assign(&server->on_udp, base, server->udp, EV_READ | EV_PERSIST, dns_on_udp, server);
    event_assign(&server->on_tcp, base, server->tcp, EV_READ | EV_PERSIST, dns_on_tcp, server);
    event_add(&server->on_udp, NULL);
    event_add(&server->on_tcp, NULL);
}

static inline void dns_stop(struct dns_server *server)
{
    event_del(&server->on_udp);
    event_del(&server->on_tcp);
    close(server->udp);
    close(server->tcp);
}
