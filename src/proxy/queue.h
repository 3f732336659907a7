/* Requests that wait for a connection under max_connections. Loops take turns: a connection that
 * comes free goes to whoever waits longest, here or elsewhere. */
#pragma once
#include "exchange.h"

/* Queues it last. False: no more may wait. */
MUST_USE bool queue_join(struct exchange *exchange);
/* Where it waits no more; fine for one that does not. */
void queue_leave(struct exchange *exchange);
bool queue_is_first(const struct exchange *exchange); /* of its loop's; others need not look */
/* Whether it may try to get a connection now. */
bool queue_is_turn(const struct exchange *exchange);
/* Whether somebody waits who was there first. */
bool queue_has_others(const struct upstream *upstream);
/* A connection may be had: tells who waits longest. */
void queue_wake(struct upstream *upstream);
/* The bell rang: what waits here looks again, and what is idle here may be wanted elsewhere. */
void queue_look(struct upstream *upstream);
