/* What the parts of `corsd demo` share: a small HTTP server, the legacy backend, and the page. */
#pragma once
#include "corsd/base/buf.h"
#include "corsd/http/message.h"

/* --- demo_server.c ----------------------------------------------------------------------------
 * Answers one request a connection, each in a thread of its own, on loopback only. Everything is
 * bounded: threads, heads, bodies and waits. */

struct demo_call { /* one request, read whole; lives as long as its handler runs */
    struct head head;
    struct str path, query; /* of the target, before and behind its `?` */
    struct demo_server *server;
    int fd;
};
typedef void demo_handler(void *ctx, struct demo_call *call);

struct demo_server;
/* Listens on 127.0.0.1 and, where the machine has it, [::1]; port 0: any free one. Who connects now
 * waits for demo_server_start. Both return 0 or a negative errno. */
MUST_USE int demo_server_create(struct demo_server **out, uint16_t port);
/* From now on the handler is called, from many threads at once. */
MUST_USE int demo_server_start(struct demo_server *server, demo_handler *handler, void *ctx);
/* Cuts every wait short, and returns after the last handler is through. */
void demo_server_destroy(struct demo_server *server);
uint16_t demo_server_port(const struct demo_server *server);
/* Whether a server could listen at *port; 0 becomes a port that is free. *ipv6: [::1] too. */
MUST_USE int demo_port_probe(uint16_t *port, bool *ipv6);

/* A whole answer. fields: header lines, each ending in CRLF, without those that frame. */
void demo_answer(struct demo_call *call, unsigned status, struct str fields, struct str body);
/* An answer in parts, which ends where the handler returns. */
void demo_begin(struct demo_call *call, unsigned status, struct str fields);
void demo_part(struct demo_call *call, struct str bytes);
/* Sleeps. False where the server is to end: then the handler should return. */
bool demo_pause(struct demo_call *call, int ms);

/* --- demo_backend.c ---------------------------------------------------------------------------
 * An API as they were before CORS. It notes each request it receives, in a list of bounded length,
 * and prints it. */

struct demo_backend;
MUST_USE struct demo_backend *demo_backend_create(bool colour); /* NULL: out of memory */
void demo_backend_destroy(struct demo_backend *backend);
void demo_backend_answer(void *backend, struct demo_call *call); /* a demo_handler */
/* What it received under `?try=MARK`, as a JSON array in order. Any thread. */
void demo_backend_seen(struct demo_backend *backend, struct str mark, struct buf *out);

/* --- demo_page.c ------------------------------------------------------------------------------
 * The page, what it needs to know, and what the backend saw. */

struct demo_page {
    uint16_t port;     /* its own */
    struct buf config; /* what /config.json answers */
    struct demo_backend *backend;
};
void demo_page_answer(void *page, struct demo_call *call); /* a demo_handler */
