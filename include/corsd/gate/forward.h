/* The request's head as the backend gets it: hop-by-hop fields out, forwarding fields in.
 * Source: RFC 9110 §7.6, RFC 9112 §3.2; DESIGN §3. */
#pragma once
#include "corsd/gate/request.h"

enum { REQUEST_ID_MAX = 128 };

/* Appends the head to out and marks fields of `head` as dropped on the way. `authority`: what Host
 * says where none came, or where the upstream wants its own. *id (optional) gets the request id
 * within out's bytes. */
void gate_forward(struct buf *out, struct gate *gate, const struct peer *peer, struct head *head,
                  const struct decision *decision, struct str authority, struct str *id);
/* The client's address by trusted_proxies: the rightmost untrusted one, else the peer's own. A view
 * into the head or peer. */
struct str gate_client(const struct decision *decision, const struct peer *peer);
/* Takes trailers out that frame, route or authenticate (RFC 9110 §6.5.1), and those that the edits
 * (NULL: none) set or remove. */
void gate_trailers(struct head *trailers, const struct header_edits *edits);

/* What CDN-Loop (RFC 8586) says of a request that this process sends along this route. */
enum { LOOP_MARK_MAX = 64 };
struct str loop_mark(const struct gate *gate, const struct route *route, char out[LOOP_MARK_MAX]);
