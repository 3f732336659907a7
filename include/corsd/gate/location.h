/* Where the backend sends the client: an address of its own becomes the public one, and the prefix
 * that was stripped is put back. Source: RFC 9110 §10.2.2, §8.7; DESIGN §1 location. */
#pragma once
#include "corsd/gate/request.h"

/* Drops Location, Content-Location and Refresh of the head where they name another place than the
 * client's, and writes them anew. */
void gate_location(struct buf *out, const struct decision *decision, struct head *head);
