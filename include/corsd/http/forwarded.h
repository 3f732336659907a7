/* The Forwarded header, read strictly and written; and addresses as forwarding headers hold them.
 * Pure, no allocation. Source: RFC 7239 §4–§6. */
#pragma once
#include "corsd/base/address.h"
#include "corsd/base/buf.h"

struct
    forwarded_hop {  /* one element: views into the value read, without quotes; empty: not there */
    struct str node; /* for: an address with or without port, unknown, or an obfuscated one */
    struct str host, proto;
};

enum forwarded_result { FORWARDED_ELEMENT, FORWARDED_END, FORWARDED_FAULT };
/* Takes the next element off *rest. A fault is the whole value's: nothing of it is to be believed.
 * *out is written on FORWARDED_ELEMENT only. */
enum forwarded_result forwarded_next(struct str *rest, struct forwarded_hop *out);
/* "for=…;host=…;proto=…", quoted where it must be; what is empty is left out. An ip that is no
 * address becomes unknown; host and proto hold no quotes. */
void forwarded_add(struct buf *out, struct str ip, struct str host, struct str proto);

/* The IP address in a node, of Forwarded or X-Forwarded-For, without brackets and port; false where
 * it holds none (unknown, obfuscated, nonsense). *ip and *out are written on true only. */
MUST_USE bool node_address(struct str node, struct str *ip, struct address *out);
