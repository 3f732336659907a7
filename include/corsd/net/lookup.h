/* One address of a host name, waited for: for verbs that ask once and have no loop. */
#pragma once
#include "corsd/base/address.h"

/* The first address by the resolver's order, with the port given. False where none came in time. */
MUST_USE bool lookup(struct str host, uint16_t port, unsigned timeout_ms, struct address *out);
