/* The process as a service: what systemd hears of it, and how often. Main thread. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "corsd/observe/log.h"

struct worker;

struct service {
    const struct log *log;
    int notify;           /* -1: nobody listens */
    uint64_t watchdog_ms; /* 0: none */
    uint64_t fed_ms, told_ms, hung_ms;
    uint64_t exchanges;   /* when last told */
    uint64_t plan_ms;     /* since when the plan is in force */
};

void service_init(struct service *service, const struct log *log);
void service_finish(struct service *service);
void service_ready(struct service *service);     /* also after a reload, good or bad */
void service_reloading(struct service *service);
void service_renewed(struct service *service);   /* a plan is in force from now on */
void service_stopping(struct service *service);
/* Feeds the watchdog where every loop turns, and tells numbers. To be called at least every
 * service_wait_ms. */
void service_turn(struct service *service, struct worker *const *workers, unsigned n);
int service_wait_ms(const struct service *service); /* -1: needs no turn */
