/* A client's connection: heads come in, exchanges take turns on it, one at a time and in order. */
#pragma once
#include <netinet/in.h>
#include "loop_state.h"

struct client {
    struct stream stream;
    struct timer timer;        /* of its head, of its exchange, of its idleness, of its lingering */
    struct inbox inbox;
    struct guard guard;        /* of the request head that comes in */
    struct loop *loop;
    struct exchange *exchange; /* NULL: none runs */
    struct client *next, **before; /* in loop->clients */
    TAILQ_ENTRY(client) again; /* in loop->waiting, where waits_again */
    bool waits_again;
    struct retired retired;
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } address;
    char ip[INET6_ADDRSTRLEN];
    struct tls_server *awaits_tls; /* to begin; NULL: nothing; a reference */
    bool tls, counted_alone;
    bool awaits_proxy; /* its PROXY header is still to come */
    bool unknown;      /* a balancer did not say who it is: `address` is the balancer's */
    bool reading;   /* a head has begun */
    bool served;    /* an exchange was had */
    bool lingering; /* all was said; what still comes is dropped */
    uint64_t linger_end_ms;
    uint32_t lingered, unsent; /* bytes dropped so; bytes in the kernel when last looked at */
};

/* Takes over an accepted socket; closes it where that fails. */
void client_create(struct loop *loop, int fd, const struct sockaddr *address,
                   const struct listener_spec *spec, bool counted_alone);
/* Goes on reading heads and running exchanges until it must wait; the client may be gone then. */
void client_run(struct client *client);
enum client_end { CLIENT_KEEPS, CLIENT_CLOSES, CLIENT_LINGERS, CLIENT_ABORTS };
/* The exchange is over; what becomes of the connection. */
void client_exchange_ended(struct client *client, enum client_end end);
void client_close(struct client *client);
