/* A heartbeat of all loops is one datagram: each is asked for a sign of life, and while one owes
 * it nothing is said. */
#include "service.h"
#include <time.h>
#include <unistd.h>
#include "corsd/net/timer.h"
#include "corsd/observe/counters.h"
#include "systemd.h"
#include "worker.h"

enum { STATUS_MS = 10000, HUNG_SAY_MS = 10000 };

/* A loop may be late by one turn without harm. */
static uint64_t feed_every_ms(const struct service *service)
{
    return service->watchdog_ms / 3 ? service->watchdog_ms / 3 : 1;
}

void service_init(struct service *service, const struct log *log)
{
    uint64_t now = timer_now_ms();
    *service = (struct service){.log = log,
                                .notify = notify_open(),
                                .watchdog_ms = watchdog_ms(),
                                .plan_ms = now,
                                .told_ms = now};
}

void service_finish(struct service *service)
{
    if (service->notify >= 0)
        close(service->notify);
    service->notify = -1;
}

void service_ready(struct service *service)
{
    notify(service->notify, "READY=1\nSTATUS=serving");
}

void service_reloading(struct service *service)
{
    /* systemd compares it with its own clock: the time of READY must not be older. */
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    notify(service->notify, "RELOADING=1\nSTATUS=reloading\nMONOTONIC_USEC=%llu",
           (unsigned long long)now.tv_sec * 1000000 + (unsigned long long)now.tv_nsec / 1000);
}

void service_renewed(struct service *service)
{
    service->plan_ms = timer_now_ms();
}

void service_stopping(struct service *service)
{
    notify(service->notify, "STOPPING=1\nSTATUS=draining");
}

static void feed(struct service *service, struct worker *const *workers, unsigned n, uint64_t now)
{
    uint64_t longest = workers_owe_ms(workers, n);
    service->fed_ms = now;
    if (!longest) {
        notify(service->notify, "WATCHDOG=1");
        return;
    }
    if (now - service->hung_ms < HUNG_SAY_MS && service->hung_ms)
        return;
    service->hung_ms = now;
    log_line(service->log, LOG_ERROR,
             "a worker has not turned for %llu ms: the watchdog is not fed",
             (unsigned long long)longest);
}

static void tell_status(struct service *service, struct worker *const *workers, unsigned n,
                        uint64_t now)
{
    uint64_t open = 0, exchanges = 0, since = now - service->told_ms;
    for (unsigned i = 0; i < n; i++) {
        const struct counters *counters = worker_counters(workers[i]);
        open += __atomic_load_n(&counters->connections_open, __ATOMIC_RELAXED);
        exchanges += __atomic_load_n(&counters->exchanges, __ATOMIC_RELAXED);
    }
    notify(service->notify, "STATUS=%llu connections, %.1f requests/s, configuration of %llu s ago",
           (unsigned long long)open,
           since ? (double)(exchanges - service->exchanges) * 1000 / (double)since : 0.0,
           (unsigned long long)(now - service->plan_ms) / 1000);
    service->exchanges = exchanges;
    service->told_ms = now;
}

void service_turn(struct service *service, struct worker *const *workers, unsigned n)
{
    uint64_t now = timer_now_ms();
    if (service->notify < 0)
        return;
    if (service->watchdog_ms && now - service->fed_ms >= feed_every_ms(service))
        feed(service, workers, n, now);
    if (now - service->told_ms >= STATUS_MS)
        tell_status(service, workers, n, now);
}

int service_wait_ms(const struct service *service)
{
    uint64_t now = timer_now_ms(), at = service->told_ms + STATUS_MS;
    if (service->notify < 0)
        return -1;
    if (service->watchdog_ms && service->fed_ms + feed_every_ms(service) < at)
        at = service->fed_ms + feed_every_ms(service);
    return at > now ? (int)(at - now) : 0;
}
