/* Attributes that a policy gives to the backend's cookies, so that a page of another site may send
 * them. Source: RFC 6265bis §5.6, §5.7; DESIGN §1 cookies. */
#pragma once
#include "corsd/base/buf.h"
#include "corsd/cors/policy.h"
#include "corsd/http/message.h"

/* Drops the head's Set-Cookie fields and writes each anew, in order, with SameSite replaced, Secure
 * and Partitioned added, as the traits say. Nothing where they say nothing. */
void gate_cookies(struct buf *out, const struct policy_traits *traits, struct head *head);
