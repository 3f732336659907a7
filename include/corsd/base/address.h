/* Where a socket is: host:port of an IP address, a unix path; and blocks of addresses (CIDR).
 * Pure but for reading no file and asking no name server: names other than localhost are refused.
 */
#pragma once
#include <sys/socket.h>
#include "corsd/base/str.h"

enum address_fault {
    ADDRESS_OK,
    ADDRESS_EMPTY,
    ADDRESS_NO_PORT,
    ADDRESS_BAD_PORT,
    ADDRESS_BAD_IP,       /* digits, dots and colons that make no address */
    ADDRESS_NAME,         /* a host name where only addresses stand */
    ADDRESS_NO_BRACKETS,  /* ::1:80 */
    ADDRESS_PATH_TOO_LONG, /* a unix path beyond sun_path */
    ADDRESS_PATH_EMPTY,
};

struct address {
    socklen_t size; /* of the sockaddr below */
    struct sockaddr_storage at;
};

/* "127.0.0.1:80", ":80" (every address, IPv6 with IPv4), "[::1]:80", "localhost:80", "unix:/path".
 * *out on ADDRESS_OK only. */
enum address_fault address_parse(struct str text, struct address *out);
/* An IP literal without port ("10.0.0.1", "::1", "[::1]") with the given port. */
MUST_USE bool address_of_ip(struct str ip, uint16_t port, struct address *out);
MUST_USE bool address_of_unix(struct str path, struct address *out);
/* A sentence for people; static. */
const char *address_fault_text(enum address_fault fault);

enum { ADDRESS_TEXT = 128 };
/* "127.0.0.1:80", "[::1]:80", "unix:/path" into out[ADDRESS_TEXT]; returns out. */
char *address_text(const struct sockaddr *at, socklen_t size, char out[ADDRESS_TEXT]);
/* The IP alone, as X-Forwarded-For writes it ("::1", IPv4-mapped as IPv4); "unix" for a unix peer.
 */
char *address_ip_text(const struct sockaddr *at, char out[ADDRESS_TEXT]);
bool address_eq(const struct address *a, const struct address *b);
uint16_t address_port(const struct sockaddr *at); /* host byte order; 0 for unix */
void address_set_port(struct address *address, uint16_t port); /* of an IP address */

struct cidr {
    uint8_t bytes[16]; /* IPv4 as ::ffff:a.b.c.d */
    uint8_t bits;      /* of the 128 */
    bool unix_peers;   /* "unix:": every peer on a unix socket; the rest unused */
};
/* "10.0.0.0/8", "::1", "unix:". Bits set behind the mask are a fault. */
MUST_USE bool cidr_parse(struct str text, struct cidr *out);
bool cidr_has(const struct cidr *cidr, const struct sockaddr *at);
