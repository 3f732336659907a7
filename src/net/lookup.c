/* A loop of its own around the resolver, until it tells or time is up. */
#include "corsd/net/lookup.h"
#include <unistd.h>
#include <event2/event.h>
#include "corsd/net/resolver.h"

static void stop(void *base)
{
    event_base_loopbreak(base);
}

static bool wait_for(struct event_base *base, struct resolver *resolver, struct str host,
                     unsigned timeout_ms, struct address *out)
{
    struct timeval limit = {.tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000L};
    struct watch *watch = resolver_watch(resolver, host, stop, base);
    size_t n = 0;
    if (!watch)
        return false;
    event_base_loopexit(base, &limit);
    event_base_dispatch(base);
    const struct address *addresses = resolver_addresses(watch, &n);
    if (n)
        *out = addresses[0];
    resolver_unwatch(watch);
    return n > 0;
}

bool lookup(struct str host, uint16_t port, unsigned timeout_ms, struct address *out)
{
    static const struct log quiet = {.fd = STDERR_FILENO, .level = LOG_ERROR};
    static const struct resolver_files files = {"/etc/resolv.conf", "/etc/hosts"};
    struct event_base *base = event_base_new();
    struct resolver *resolver = base ? resolver_create(base, &quiet, &files) : NULL;
    bool found = resolver && wait_for(base, resolver, host, timeout_ms, out);
    if (resolver)
        resolver_destroy(resolver);
    if (base)
        event_base_free(base);
    if (found)
        address_set_port(out, port);
    return found;
}
