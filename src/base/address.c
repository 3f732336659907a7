/* Socket addresses and blocks of them, read and written. */
#include "corsd/base/address.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/un.h>

static bool ip_bytes(struct str ip, int family, void *out)
{
    char text[INET6_ADDRSTRLEN];
    if (!ip.n || ip.n >= sizeof text)
        return false;
    memcpy(text, ip.p, ip.n);
    text[ip.n] = 0;
    return strlen(text) == ip.n && inet_pton(family, text, out) == 1;
}

bool address_of_ip(struct str ip, uint16_t port, struct address *out)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    if (ip.n > 2 && ip.p[0] == '[' && ip.p[ip.n - 1] == ']')
        ip = (struct str){ip.p + 1, ip.n - 2};
    else if (ip_bytes(ip, AF_INET, &v4.sin_addr)) {
        *out = (struct address){.size = sizeof v4};
        memcpy(&out->at, &v4, sizeof v4);
        return true;
    }
    if (!ip_bytes(ip, AF_INET6, &v6.sin6_addr))
        return false;
    *out = (struct address){.size = sizeof v6};
    memcpy(&out->at, &v6, sizeof v6);
    return true;
}

bool address_of_unix(struct str path, struct address *out)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    if (!path.n || path.n >= sizeof un.sun_path || memchr(path.p, 0, path.n))
        return false;
    memcpy(un.sun_path, path.p, path.n);
    *out =
        (struct address){.size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path.n + 1)};
    memcpy(&out->at, &un, sizeof un);
    return true;
}

static bool looks_like_ip(struct str host)
{
    for (size_t i = 0; i < host.n; i++)
        if (!ascii_is_digit(host.p[i]) && host.p[i] != '.' && host.p[i] != ':')
            return false;
    return true;
}

enum address_fault address_parse(struct str text, struct address *out)
{
    if (!text.n)
        return ADDRESS_EMPTY;
    if (str_starts(text, STR("unix:"))) {
        struct str path = str_from(text, 5);
        if (!path.n)
            return ADDRESS_PATH_EMPTY;
        return address_of_unix(path, out) ? ADDRESS_OK : ADDRESS_PATH_TOO_LONG;
    }
    size_t colon = str_rfind(text, ':');
    if (colon == text.n || (text.p[0] == '[' && text.p[colon ? colon - 1 : 0] != ']'))
        return ADDRESS_NO_PORT;
    struct str host = str_head(text, colon);
    uint64_t port;
    if (!str_to_u64(str_from(text, colon + 1), &port) || port > 65535)
        return ADDRESS_BAD_PORT;
    if (str_find(host, ':') < host.n && host.p[0] != '[')
        return ADDRESS_NO_BRACKETS;
    if (!host.n)
        host = STR("[::]");
    else if (str_eq_nocase(host, STR("localhost")))
        host = STR("127.0.0.1");
    if (address_of_ip(host, (uint16_t)port, out))
        return ADDRESS_OK;
    return looks_like_ip(host) || host.p[0] == '[' ? ADDRESS_BAD_IP : ADDRESS_NAME;
}

const char *address_fault_text(enum address_fault fault)
{
    switch (fault) {
    case ADDRESS_OK: return "fine";
    case ADDRESS_EMPTY: return "the address is empty";
    case ADDRESS_NO_PORT: return "the address has no port";
    case ADDRESS_BAD_PORT: return "the port is not a number from 0 to 65535";
    case ADDRESS_BAD_IP: return "this is not an IP address";
    case ADDRESS_NAME: return "only IP addresses and localhost can stand here, no names";
    case ADDRESS_NO_BRACKETS: return "an IPv6 address stands in brackets";
    case ADDRESS_PATH_TOO_LONG: return "the socket's path is too long (107 bytes at most)";
    case ADDRESS_PATH_EMPTY: return "the socket's path is missing";
    }
    return "";
}

static const struct sockaddr_in *as_v4(const struct sockaddr *at)
{
    return (const struct sockaddr_in *)(const void *)at;
}

static const struct sockaddr_in6 *as_v6(const struct sockaddr *at)
{
    return (const struct sockaddr_in6 *)(const void *)at;
}

char *address_ip_text(const struct sockaddr *at, char out[ADDRESS_TEXT])
{
    if (at->sa_family == AF_INET)
        inet_ntop(AF_INET, &as_v4(at)->sin_addr, out, ADDRESS_TEXT);
    else if (at->sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&as_v6(at)->sin6_addr))
        inet_ntop(AF_INET, as_v6(at)->sin6_addr.s6_addr + 12, out, ADDRESS_TEXT);
    else if (at->sa_family == AF_INET6)
        inet_ntop(AF_INET6, &as_v6(at)->sin6_addr, out, ADDRESS_TEXT);
    else
        snprintf(out, ADDRESS_TEXT, "unix");
    return out;
}

uint16_t address_port(const struct sockaddr *at)
{
    if (at->sa_family == AF_INET)
        return ntohs(as_v4(at)->sin_port);
    return at->sa_family == AF_INET6 ? ntohs(as_v6(at)->sin6_port) : 0;
}

void address_set_port(struct address *address, uint16_t port)
{
    void *at = &address->at;
    if (address->at.ss_family == AF_INET)
        ((struct sockaddr_in *)at)->sin_port = htons(port);
    else if (address->at.ss_family == AF_INET6)
        ((struct sockaddr_in6 *)at)->sin6_port = htons(port);
}

char *address_text(const struct sockaddr *at, socklen_t size, char out[ADDRESS_TEXT])
{
    char ip[ADDRESS_TEXT];
    if (at->sa_family == AF_UNIX) {
        const struct sockaddr_un *un = (const struct sockaddr_un *)(const void *)at;
        size_t base = offsetof(struct sockaddr_un, sun_path);
        snprintf(out, ADDRESS_TEXT, "unix:%.*s", (int)(size > base ? size - base : 0),
                 un->sun_path);
        return out;
    }
    address_ip_text(at, ip);
    snprintf(out, ADDRESS_TEXT, strchr(ip, ':') ? "[%.60s]:%u" : "%.60s:%u", ip, address_port(at));
    return out;
}

bool address_eq(const struct address *a, const struct address *b)
{
    return a->size == b->size && memcmp(&a->at, &b->at, a->size) == 0;
}

bool cidr_parse(struct str text, struct cidr *out)
{
    struct cidr cidr = {.bits = 128};
    if (str_eq(text, STR("unix:"))) {
        *out = (struct cidr){.unix_peers = true};
        return true;
    }
    size_t slash = str_find(text, '/');
    struct str ip = str_head(text, slash);
    uint64_t bits = 0;
    bool v4 = ip_bytes(ip, AF_INET, cidr.bytes + 12);
    if (v4)
        memset(cidr.bytes + 10, 0xff, 2);
    else if (!ip_bytes(ip, AF_INET6, cidr.bytes))
        return false;
    if (slash < text.n) {
        if (!str_to_u64(str_from(text, slash + 1), &bits) || bits > (v4 ? 32 : 128))
            return false;
        cidr.bits = (uint8_t)(v4 ? bits + 96 : bits);
    }
    for (unsigned bit = cidr.bits; bit < 128; bit++)
        if (cidr.bytes[bit / 8] & (0x80 >> bit % 8))
            return false;
    *out = cidr;
    return true;
}

bool cidr_has(const struct cidr *cidr, const struct sockaddr *at)
{
    uint8_t bytes[16] = {[10] = 0xff, [11] = 0xff};
    if (at->sa_family == AF_UNIX || cidr->unix_peers)
        return at->sa_family == AF_UNIX && cidr->unix_peers;
    if (at->sa_family == AF_INET)
        memcpy(bytes + 12, &as_v4(at)->sin_addr, 4);
    else
        memcpy(bytes, &as_v6(at)->sin6_addr, 16);
    unsigned whole = cidr->bits / 8, rest = cidr->bits % 8;
    if (memcmp(bytes, cidr->bytes, whole) != 0)
        return false;
    return !rest || ((bytes[whole] ^ cidr->bytes[whole]) & (uint8_t)(0xff << (8 - rest))) == 0;
}
