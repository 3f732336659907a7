/* Two names of one place: the public address that the client knows, and the upstream's own that the
 * backend may name. Pure. Source: DESIGN §1 strip_prefix, location. */
#pragma once
#include "corsd/gate/request.h"

/* What of a raw path goes upstream where the route's prefix is stripped: the path behind it,
 * without the slashes (`/`, `\`, %2F, %5C) and dot segments it begins with, so that it is no
 * `//host` once a slash stands before it. A view into raw; all of it where it does not begin with
 * the prefix. */
struct str public_strip(const struct route *route, struct str raw);

/* Whether host and port (of a URL with this scheme; empty: none was written) are the upstream's own
 * or the name it is sent. */
bool public_is_own(const struct decision *decision, const struct authority *authority,
                   struct str scheme);
/* Whether they are the Host that the backend was sent, as the client knows it. */
bool public_is_kept(const struct decision *decision, const struct authority *authority);
/* The client's host and port; nothing where it named none. */
void public_add_host(struct buf *out, const struct decision *decision);
/* Whether a cookie's domain is the backend's own: its host lies in it, the public one does not. */
bool public_is_inner(const struct decision *decision, struct str domain);
