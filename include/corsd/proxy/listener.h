/* Listening sockets: opened by the main thread, accepted from by the loops. */
#pragma once
#include "corsd/plan/plan.h"

/* A socket, shared by the main thread and the loops that accept from it; closed with the last
 * reference. */
struct listen_socket {
    int fd;
    bool passed; /* somebody else's (systemd's): its queue is left alone when corsd goes */
    int refs;    /* atomic */
};

/* Binds a socket (non-blocking), which does not listen yet. `share`: SO_REUSEPORT, one such socket
 * a worker. A stale unix socket file is replaced. Returns the descriptor or a negative errno. */
int listener_bind(const struct listener_spec *spec, const struct address *address, bool share);
/* Listens, unless it was passed and does so already; one reference. The descriptor is its own from
 * here on. NULL: *error is a negative errno, and it is closed. */
MUST_USE struct listen_socket *listen_socket_open(int fd, bool passed, int *error);
struct listen_socket *listen_socket_ref(struct listen_socket *socket); /* any thread */
void listen_socket_unref(struct listen_socket *socket); /* any thread; fine for NULL */
