/* Listening sockets: opened by the main thread, accepted from by the loops. */
#pragma once
#include "corsd/plan/plan.h"

/* Opens, binds and listens (non-blocking). `share`: SO_REUSEPORT, one such socket a worker. A stale
 * unix socket file is replaced. Returns the descriptor or a negative errno. */
int listener_open(const struct listener_spec *spec, bool share);
