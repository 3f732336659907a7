/* Version 1 is a line of text, version 2 a binary block with a length. */
#include "corsd/net/proxy_protocol.h"
#include <arpa/inet.h>
#include <netinet/in.h>

static const struct str v1_start = STR_INIT("PROXY ");
static const struct str v2_start = STR_INIT("\r\n\r\n\0\r\nQUIT\n");

/* Whether bytes begin as `start` does, as far as either goes. */
static bool may_start(struct str bytes, struct str start)
{
    size_t n = bytes.n < start.n ? bytes.n : start.n;
    return memcmp(bytes.p, start.p, n) == 0;
}

/* --- version 1 -------------------------------------------------------------------------------- */

/* §2.1: decimal, no leading zeros. */
static bool read_port(struct str text, uint16_t *out)
{
    uint64_t port;
    if (!str_to_u64(text, &port) || port > UINT16_MAX || (text.n > 1 && text.p[0] == '0'))
        return false;
    *out = (uint16_t)port;
    return true;
}

/* An address without brackets, of this family. */
static bool read_ip(struct str text, int family, uint16_t port, struct address *out)
{
    return text.n && text.p[0] != '[' && address_of_ip(text, port, out) &&
           out->at.ss_family == family;
}

/* "TCP4 SOURCE DESTINATION PORT PORT": one blank between, nothing else. */
static bool read_words(struct str rest, struct proxy_header *out)
{
    struct str protocol = str_cut(&rest, ' ');
    struct str source = str_cut(&rest, ' '), destination = str_cut(&rest, ' ');
    struct str source_port = str_cut(&rest, ' ');
    struct address there;
    uint16_t from, to;
    int family = str_eq(protocol, STR("TCP4")) ? AF_INET : AF_INET6;
    if (family == AF_INET6 && !str_eq(protocol, STR("TCP6")))
        return false;
    out->source = PROXY_SOURCE_ADDRESS;
    return read_port(source_port, &from) && read_port(rest, &to) &&
           read_ip(source, family, from, &out->client) && read_ip(destination, family, to, &there);
}

static enum proxy_result read_v1(struct str bytes, struct proxy_header *out)
{
    struct proxy_header header = {.source = PROXY_SOURCE_UNKNOWN};
    struct str line = str_head(bytes, PROXY_V1_MAX);
    size_t end = str_find(line, '\n');
    if (end == line.n)
        return line.n < PROXY_V1_MAX ? PROXY_MORE : PROXY_FAULT;
    header.size = end + 1;
    if (line.p[end - 1] != '\r')
        return PROXY_FAULT;
    struct str words = str_from(str_head(line, end - 1), v1_start.n);
    /* What stands behind UNKNOWN is to be ignored. */
    bool unknown = str_eq(words, STR("UNKNOWN")) || str_starts(words, STR("UNKNOWN "));
    if (!unknown && !read_words(words, &header))
        return PROXY_FAULT;
    *out = header;
    return PROXY_WHOLE;
}

/* --- version 2 -------------------------------------------------------------------------------- */

enum {
    V2_FIXED = 16, /* signature, command, family, length */
    V2_COMMAND = 12,
    V2_FAMILY = 13,
    V2_LENGTH = 14,
    TLV_FIXED = 3,
    TLV_CRC32C = 3,
};

static const struct { /* by the family's half byte (§2.2) */
    size_t size;      /* both addresses and ports */
    int family;       /* AF_UNSPEC: no address that could be judged */
} families[] = {{0, AF_UNSPEC}, {12, AF_INET}, {36, AF_INET6}, {216, AF_UNSPEC}};

static unsigned byte_at(struct str bytes, size_t at)
{
    return (unsigned char)bytes.p[at];
}

static unsigned u16_at(struct str bytes, size_t at)
{
    return byte_at(bytes, at) << 8 | byte_at(bytes, at + 1);
}

/* RFC 4960 appendix B, a bit at a time: some hundred bytes once a connection. */
static uint32_t crc32c_add(uint32_t crc, unsigned byte)
{
    crc ^= byte;
    for (int bit = 0; bit < 8; bit++)
        crc = crc & 1 ? crc >> 1 ^ 0x82f63b78 : crc >> 1;
    return crc;
}

/* §2.2.3: of the whole header, its own four bytes taken for zero. */
static bool checksum_holds(struct str header, size_t at)
{
    uint32_t crc = UINT32_MAX, told = (uint32_t)u16_at(header, at) << 16 | u16_at(header, at + 2);
    for (size_t i = 0; i < header.n; i++)
        crc = crc32c_add(crc, i >= at && i < at + 4 ? 0 : byte_at(header, i));
    return ~crc == told;
}

/* Type, length, value, up to the header's last byte; nothing in them is used but the checksum. */
static bool tlvs_hold(struct str header, size_t at)
{
    while (at < header.n) {
        if (header.n - at < TLV_FIXED)
            return false;
        unsigned type = byte_at(header, at);
        size_t size = u16_at(header, at + 1);
        at += TLV_FIXED;
        if (size > header.n - at)
            return false;
        if (type == TLV_CRC32C && (size != 4 || !checksum_holds(header, at)))
            return false;
        at += size;
    }
    return true;
}

static void take_address(struct str block, int family, struct address *out)
{
    if (family == AF_INET) {
        struct sockaddr_in v4 = {.sin_family = AF_INET,
                                 .sin_port = htons((uint16_t)u16_at(block, 8))};
        memcpy(&v4.sin_addr, block.p, 4);
        *out = (struct address){.size = sizeof v4};
        memcpy(&out->at, &v4, sizeof v4);
    } else {
        struct sockaddr_in6 v6 = {.sin6_family = AF_INET6,
                                  .sin6_port = htons((uint16_t)u16_at(block, 32))};
        memcpy(&v6.sin6_addr, block.p, 16);
        *out = (struct address){.size = sizeof v6};
        memcpy(&out->at, &v6, sizeof v6);
    }
}

/* The command PROXY: an address of a known family and transport, then TLVs. */
static bool read_proxied(struct str header, struct proxy_header *out)
{
    unsigned family = byte_at(header, V2_FAMILY) >> 4;
    unsigned transport = byte_at(header, V2_FAMILY) & 0xf;
    if (family >= sizeof families / sizeof *families || transport > 2)
        return false;
    out->source = PROXY_SOURCE_UNKNOWN;
    if (!family || !transport)
        return true; /* unspecified: all that follows is to be ignored */
    size_t size = families[family].size;
    if (header.n - V2_FIXED < size || !tlvs_hold(header, V2_FIXED + size))
        return false;
    if (families[family].family == AF_UNSPEC)
        return true;
    out->source = PROXY_SOURCE_ADDRESS;
    take_address(str_from(header, V2_FIXED), families[family].family, &out->client);
    return true;
}

static enum proxy_result read_v2(struct str bytes, struct proxy_header *out)
{
    struct proxy_header header = {.source = PROXY_SOURCE_LOCAL};
    unsigned command = bytes.n > V2_COMMAND ? byte_at(bytes, V2_COMMAND) : 0x20;
    if (command != 0x20 && command != 0x21)
        return PROXY_FAULT;
    if (bytes.n < V2_FIXED)
        return PROXY_MORE;
    header.size = V2_FIXED + (size_t)u16_at(bytes, V2_LENGTH);
    if (header.size > PROXY_HEADER_MAX)
        return PROXY_FAULT;
    if (bytes.n < header.size)
        return PROXY_MORE;
    if (command == 0x21 && !read_proxied(str_head(bytes, header.size), &header))
        return PROXY_FAULT;
    *out = header;
    return PROXY_WHOLE;
}

enum proxy_result proxy_header_read(struct str bytes, struct proxy_header *out)
{
    if (!bytes.n)
        return PROXY_MORE;
    if (may_start(bytes, v2_start))
        return read_v2(bytes, out);
    if (!may_start(bytes, v1_start))
        return PROXY_FAULT;
    return bytes.n < v1_start.n ? PROXY_MORE : read_v1(bytes, out);
}
