/* Hosts as the URL Standard serialises them: what stands in an origin that a browser sends.
 * Pure: no allocation, any thread. Source: URL Standard, "host parsing", "host serializing". */
#pragma once
#include "corsd/base/str.h"

enum { HOST_MAX = 253, LABEL_MAX = 63, IPV4_TEXT = 16, IPV6_TEXT = 40 };

enum host_fault {
    HOST_OK,
    HOST_EMPTY,
    HOST_BYTE,        /* not a lower-case letter, digit, '-' or '_' */
    HOST_EMPTY_LABEL, /* two dots, or one at the start */
    HOST_LONG_LABEL,
    HOST_LONG,
    HOST_NUMBER, /* the last label is a number, and all of it is no IPv4 address */
};

/* Whether host is a name or an IPv4 address in its only spelling; a final dot may follow a name. */
enum host_fault host_check(struct str host);
/* Whether a name's last label makes it an IPv4 address or nothing ("ends in a number"). */
bool host_ends_in_number(struct str host);
/* Any spelling the URL Standard takes: 127.1, 0x7f.1, 2130706433. */
MUST_USE bool ipv4_parse(struct str text, uint32_t *out);
struct str ipv4_write(uint32_t address, char out[IPV4_TEXT]);
/* Without brackets. */
MUST_USE bool ipv6_parse(struct str text, uint16_t out[8]);
struct str ipv6_write(const uint16_t pieces[8], char out[IPV6_TEXT]);
/* "[::1]" in its only spelling, brackets included. */
bool ipv6_check(struct str bracketed);
/* localhost, *.localhost, 127.0.0.0/8, [::1]: a host that never leaves the machine. */
bool host_is_loopback(struct str host);
