/* Names and their addresses now: asked for when watched, again as their time to live ends, the last
 * good ones kept while DNS fails. IPv4 and IPv6 addresses are asked for apart: neither waits for
 * the other. One thread: that of the base. Nothing blocks but the reading of two local files.
 * Source: RFC 1034 §4.3, RFC 8020, resolv.conf(5), hosts(5); DESIGN §4. */
#pragma once
#include "corsd/base/address.h"
#include "corsd/observe/log.h"

struct event_base;
struct resolver;
struct watch;

struct resolver_files { /* paths that outlive the resolver */
    const char *resolv_conf, *hosts;
};

/* NULL out of memory. The base and the log outlive it. */
MUST_USE struct resolver *resolver_create(struct event_base *base, const struct log *log,
                                          const struct resolver_files *files);
/* After its watches. */
void resolver_destroy(struct resolver *resolver);
/* Asks these servers from now on; none: those of resolv.conf, whose search list counts either way.
 * Not from within on_change. */
void resolver_use(struct resolver *resolver, const struct address *servers, size_t n);

/* Follows the addresses of a host name (at most 253 bytes and a final dot, which keeps the search
 * list out of it). on_change is called each time they change, from an event of the base of its own.
 * A name watched twice is asked for once: over a reload watch the new before unwatching the old.
 * NULL out of memory. */
MUST_USE struct watch *resolver_watch(struct resolver *resolver, struct str host,
                                      void (*on_change)(void *ctx), void *ctx);
void resolver_unwatch(struct watch *watch); /* also from within on_change; NULL is fine */
/* The addresses now, IPv4 first, each sorted, none twice, port 0; 64 of each family at most. None:
 * not known yet. Valid until the base's next event. */
const struct address *resolver_addresses(const struct watch *watch, size_t *n);
