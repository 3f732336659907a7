/* What systemd passes and wants to hear: sd_listen_fds(3) and sd_notify(3), without libsystemd. */
#pragma once
#include "corsd/base/str.h"

struct listen_socket;

struct passed_socket {
    struct listen_socket *socket; /* with a reference */
    char name[256];               /* FileDescriptorName=, by default the unit's name */
};
struct passed_sockets {
    struct passed_socket *items;
    size_t n;
};

/* Takes the listening stream sockets passed to this process, once; there may be none. *wrong counts
 * descriptors that are something else: they are closed. False out of memory. */
MUST_USE bool passed_take(struct passed_sockets *out, size_t *wrong);
void passed_finish(struct passed_sockets *passed);

/* A descriptor for notify(); -1 where nobody wants to hear. */
int notify_open(void);
/* Sends one datagram of "NAME=value" lines; fine for -1. */
void notify(int fd, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* How often a sign of life is wanted at least (WATCHDOG_USEC); 0: none is. */
uint64_t watchdog_ms(void);
