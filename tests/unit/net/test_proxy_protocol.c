#include <criterion/criterion.h>
#include "corsd/net/proxy_protocol.h"

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))
#define V2 "\r\n\r\n\0\r\nQUIT\n"
#define BYTES(literal) STR_INIT(literal)
#define V4_BLOCK \
    "\xc0\x00\x02\x01\x7f\x00\x00\x01\x9c\x40\x01\xbb" /* 192.0.2.1:40000 → 127.0.0.1:443 */
#define V6_HOST "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1"
#define TEN "0123456789"
#define FIFTY TEN TEN TEN TEN TEN

/* want: "more", "fault", "local", "unknown", or the client; a header is followed by "GET /". */
static const struct {
    const char *name;
    struct str bytes;
    const char *want;
} rows[] = {
    {"nothing", BYTES(""), "more"},
    /* version 1 */
    {"v1", BYTES("PROXY TCP4 192.0.2.1 127.0.0.1 40000 443\r\n"), "192.0.2.1:40000"},
    {"v1, IPv6", BYTES("PROXY TCP6 2001:db8::1 ::1 40000 443\r\n"), "[2001:db8::1]:40000"},
    {"v1, mapped", BYTES("PROXY TCP6 ::ffff:192.0.2.1 ::1 1 443\r\n"), "192.0.2.1:1"},
    {"v1, port 0", BYTES("PROXY TCP4 192.0.2.1 127.0.0.1 0 0\r\n"), "192.0.2.1:0"},
    {"v1, unknown", BYTES("PROXY UNKNOWN\r\n"), "unknown"},
    {"v1, unknown with words", BYTES("PROXY UNKNOWN ffff::1 x y z\r\n"), "unknown"},
    {"v1, as long as can be",
     BYTES("PROXY UNKNOWN " FIFTY TEN TEN TEN TEN "0\r\n"), "unknown"},
    {"v1, a byte longer", BYTES("PROXY UNKNOWN " FIFTY TEN TEN TEN TEN "01\r\n"), "fault"},
    {"v1, endless", BYTES("PROXY TCP4 " FIFTY FIFTY), "fault"},
    {"v1, without its line end", BYTES("PROXY TCP4 192.0.2.1 127.0.0.1 40000 443"), "more"},
    {"v1, half a line end", BYTES("PROXY TCP4 192.0.2.1 127.0.0.1 40000 443\r"), "more"},
    {"v1, LF alone", BYTES("PROXY TCP4 192.0.2.1 127.0.0.1 40000 443\n"), "fault"},
    {"v1, LF at once", BYTES("PROXY \n"), "fault"},
    {"v1, its start", BYTES("PRO"), "more"},
    {"v1, no word", BYTES("PROXY \r\n"), "fault"},
    {"v1, small letters", BYTES("proxy TCP4 192.0.2.1 127.0.0.1 40000 443\r\n"), "fault"},
    {"v1, wrong family", BYTES("PROXY TCP4 2001:db8::1 ::1 40000 443\r\n"), "fault"},
    {"v1, the other wrong family", BYTES("PROXY TCP6 192.0.2.1 127.0.0.1 1 2\r\n"), "fault"},
    {"v1, mixed families", BYTES("PROXY TCP4 192.0.2.1 ::1 40000 443\r\n"), "fault"},
    {"v1, another protocol", BYTES("PROXY UDP4 192.0.2.1 127.0.0.1 40000 443\r\n"), "fault"},
    {"v1, UNKNOWNS", BYTES("PROXY UNKNOWNS\r\n"), "fault"},
    {"v1, brackets", BYTES("PROXY TCP6 [2001:db8::1] ::1 40000 443\r\n"), "fault"},
    {"v1, a port too large", BYTES("PROXY TCP4 192.0.2.1 127.0.0.1 65536 443\r\n"), "fault"},
    {"v1, a leading zero", BYTES("PROXY TCP4 192.0.2.1 127.0.0.1 080 443\r\n"), "fault"},
    {"v1, a word too few", BYTES("PROXY TCP4 192.0.2.1 127.0.0.1 40000\r\n"), "fault"},
    {"v1, a word too many", BYTES("PROXY TCP4 192.0.2.1 127.0.0.1 40000 443 1\r\n"), "fault"},
    {"v1, two blanks", BYTES("PROXY TCP4  192.0.2.1 127.0.0.1 40000 443\r\n"), "fault"},
    {"v1, a blank at the end", BYTES("PROXY TCP4 192.0.2.1 127.0.0.1 40000 443 \r\n"), "fault"},
    {"v1, a NUL", BYTES("PROXY TCP4 192.0.2.1\0 127.0.0.1 40000 443\r\n"), "fault"},
    {"v1, an octet with zeros", BYTES("PROXY TCP4 192.0.02.1 127.0.0.1 40000 443\r\n"), "fault"},
    /* version 2 */
    {"v2", BYTES(V2 "\x21\x11\0\x0c" V4_BLOCK), "192.0.2.1:40000"},
    {"v2, datagrams", BYTES(V2 "\x21\x12\0\x0c" V4_BLOCK), "192.0.2.1:40000"},
    {"v2, IPv6", BYTES(V2 "\x21\x21\0\x24" V6_HOST V6_HOST "\x9c\x40\x01\xbb"),
     "[2001:db8::1]:40000"},
    {"v2, local", BYTES(V2 "\x20\0\0\0"), "local"},
    {"v2, local with what is ignored", BYTES(V2 "\x20\xff\0\x05" "12345"), "local"},
    {"v2, unspecified", BYTES(V2 "\x21\0\0\0"), "unknown"},
    {"v2, unspecified with what is ignored", BYTES(V2 "\x21\0\0\x02" "12"), "unknown"},
    {"v2, an unspecified transport", BYTES(V2 "\x21\x10\0\x0c" V4_BLOCK), "unknown"},
    {"v2, a TLV", BYTES(V2 "\x21\x11\0\x11" V4_BLOCK "\x02\0\x02" "h2"), "192.0.2.1:40000"},
    {"v2, an empty TLV", BYTES(V2 "\x21\x11\0\x0f" V4_BLOCK "\x04\0\0"), "192.0.2.1:40000"},
    {"v2, a checksum", BYTES(V2 "\x21\x11\0\x13" V4_BLOCK "\x03\0\x04" "\x0f\xbd\xfe\x91"),
     "192.0.2.1:40000"},
    {"v2, a wrong checksum", BYTES(V2 "\x21\x11\0\x13" V4_BLOCK "\x03\0\x04" "\1\2\3\4"), "fault"},
    {"v2, a short checksum", BYTES(V2 "\x21\x11\0\x11" V4_BLOCK "\x03\0\x02" "\1\2"), "fault"},
    {"v2, a TLV beyond the end", BYTES(V2 "\x21\x11\0\x11" V4_BLOCK "\x02\0\x03" "h2"), "fault"},
    {"v2, a byte that is no TLV", BYTES(V2 "\x21\x11\0\x0d" V4_BLOCK "\x04"), "fault"},
    {"v2, two bytes that are none", BYTES(V2 "\x21\x11\0\x0e" V4_BLOCK "\x04\0"), "fault"},
    {"v2, too short for its family", BYTES(V2 "\x21\x11\0\x0b" "12345678901"), "fault"},
    {"v2, IPv4 said to be IPv6", BYTES(V2 "\x21\x21\0\x0c" V4_BLOCK), "fault"},
    {"v2, a family nobody knows", BYTES(V2 "\x21\x41\0\x0c" V4_BLOCK), "fault"},
    {"v2, a transport nobody knows", BYTES(V2 "\x21\x13\0\x0c" V4_BLOCK), "fault"},
    {"v2, a command nobody knows", BYTES(V2 "\x22\x11\0\x0c" V4_BLOCK), "fault"},
    {"v2, its command at once", BYTES(V2 "\x22"), "fault"},
    {"version 1 in binary", BYTES(V2 "\x11\x11\0\x0c" V4_BLOCK), "fault"},
    {"version 3", BYTES(V2 "\x31\x11\0\x0c" V4_BLOCK), "fault"},
    {"v2, its signature", BYTES(V2), "more"},
    {"v2, without its last byte", BYTES(V2 "\x21\x11\0\x0c" "12345678901"), "more"},
    {"v2, too long, told at once", BYTES(V2 "\x21\x11\x0f\xf1"), "fault"},
    {"v2, as long as can be", BYTES(V2 "\x21\x11\x0f\xf0"), "more"},
    /* neither */
    {"HTTP", BYTES("GET / HTTP/1.1\r\n"), "fault"},
    {"HTTP that begins alike", BYTES("PROPFIND / HTTP/1.1\r\n"), "fault"},
    {"TLS", BYTES("\x16\x03\x01"), "fault"},
    {"a line end", BYTES("\r\n"), "more"},
    {"three line ends", BYTES("\r\n\r\n\r\n"), "fault"},
};

static const char *text_of(struct str bytes, char out[ADDRESS_TEXT])
{
    struct proxy_header header = {.size = SIZE_MAX};
    switch (proxy_header_read(bytes, &header)) {
    case PROXY_MORE: return header.size == SIZE_MAX ? "more" : "more, and written";
    case PROXY_FAULT: return header.size == SIZE_MAX ? "fault" : "fault, and written";
    case PROXY_WHOLE: break;
    }
    cr_expect_leq(header.size, bytes.n);
    switch (header.source) {
    case PROXY_SOURCE_LOCAL: return "local";
    case PROXY_SOURCE_UNKNOWN: return "unknown";
    case PROXY_SOURCE_ADDRESS: break;
    }
    return address_text((const struct sockaddr *)&header.client.at, header.client.size, out);
}

Test(proxy_protocol, read)
{
    char text[ADDRESS_TEXT];
    for (size_t i = 0; i < COUNT(rows); i++)
        cr_expect_str_eq(text_of(rows[i].bytes, text), rows[i].want, "%s: %s, not %s", rows[i].name,
                         text_of(rows[i].bytes, text), rows[i].want);
}

/* A piece of a header wants more; what follows a header is not its. */
Test(proxy_protocol, pieces)
{
    char all[512], text[ADDRESS_TEXT];
    struct proxy_header header;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct str bytes = rows[i].bytes;
        if (strcmp(rows[i].want, "more") == 0 || strcmp(rows[i].want, "fault") == 0)
            continue;
        for (size_t n = 0; n < bytes.n; n++)
            cr_expect_str_eq(text_of(str_head(bytes, n), text), "more", "%s: %zu bytes",
                             rows[i].name, n);
        memcpy(all, bytes.p, bytes.n);
        memcpy(all + bytes.n, "GET /", 5);
        cr_assert_eq(proxy_header_read((struct str){all, bytes.n + 5}, &header), PROXY_WHOLE);
        cr_expect_eq(header.size, bytes.n, "%s", rows[i].name);
    }
}
