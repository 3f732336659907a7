/* The backend's cookies as the client has to see them: with the attributes that a policy gives,
 * below the prefix that was stripped, and for the public host.
 * Source: RFC 6265bis §5.6, §5.7; DESIGN §1 cookies, strip_prefix, host. */
#pragma once
#include "corsd/gate/request.h"

/* Drops the head's Set-Cookie fields and writes each anew, in order, with SameSite replaced, Secure
 * and Partitioned added as the traits say (NULL: no policy acts), the prefix put before Path, and a
 * Domain that is the backend's own left out. Nothing where nothing is to be changed. */
void gate_cookies(struct buf *out, const struct policy_traits *traits,
                  const struct decision *decision, struct head *head);
