/* The inside of a loop, for the files of this folder. */
#pragma once
#include <sys/queue.h>
#include "corsd/gate/request.h"
#include "corsd/net/timer.h"
#include "corsd/observe/once.h"
#include "corsd/proxy/loop.h"
#include "relay.h"

struct client;
struct conn;
struct exchange;
struct fleet;
struct listener;
struct upstream;

/* A plan in use by this loop: the loop's one reference, and how many exchanges began with it. */
struct plan_use {
    struct plan *plan;
    size_t exchanges;
};

/* What was closed while an event is handled may still be on the stack: freed before the next. */
struct retired {
    struct retired *next;
    void (*release)(struct retired *);
};

struct loop {
    struct event_base *base;
    uint64_t turn;           /* counted by who runs the base, from 1 */
    const struct log *log;
    struct crowd *crowd;
    struct fleet *fleet;
    struct bell *bell;       /* rings this loop */
    unsigned number;         /* among the fleet's loops */
    struct timers *timers;
    struct gate gate;        /* gate.plan is use->plan */
    struct plan_use *use;    /* of exchanges that begin now */
    struct counters counters;
    struct buf out;          /* a head being composed; empty between uses */
    struct buf trailers;
    struct buf repaired;     /* a head whose lone LFs became CRLFs */
    struct buf access;       /* access lines not yet written */
    struct field *fields;    /* of the head being parsed */
    size_t n_fields;
    struct scratch from_clients, from_servers;
    struct listener *listeners;
    struct client *clients;  /* all of them */
    size_t n_clients;
    struct upstream **upstreams; /* by their index in use->plan */
    size_t n_upstreams;
    struct conn *leaving;    /* servers' ends that are waited for */
    struct exchange *spare;  /* finished ones, to be used again */
    size_t n_spare;
    struct retired *retired;
    struct event again;      /* fires at once while somebody waits */
    TAILQ_HEAD(, client) waiting; /* clients that have more to do, in the order they asked */
    size_t n_waiting;
    struct once refusals;    /* told to the log */
    struct timer date_timer, access_timer;
    char date_line[40];
    bool draining;
};

/* To be called first in every event: frees what earlier ones retired. */
void loop_enter(struct loop *loop);
void loop_retire(struct loop *loop, struct retired *retired, void (*release)(struct retired *));
/* The client is run again after other events had their turn. */
void loop_again(struct loop *loop, struct client *client);
void loop_forget_again(struct loop *loop, struct client *client);
struct plan_use *plan_use_take(struct loop *loop);
void plan_use_drop(struct loop *loop, struct plan_use *use);
struct relay_tools loop_tools(struct loop *loop, struct scratch *scratch);

/* The Date line is renewed only while somebody is connected: an idle process sleeps. */
void loop_wake_clock(struct loop *loop);
/* listener.c. Each is shut, emptied and let go; at once, with whoever waits. */
void listeners_leave(struct loop *loop);
void listeners_stop(struct loop *loop);
/* crowd.c. Counts a new connection; false: its client has too many (it is not counted then). */
bool crowd_enter(struct crowd *crowd, const struct plan *plan, const struct sockaddr *peer,
                 bool *counted_alone);
/* Counts a connection whose client is not known yet, and later its client. */
void crowd_enter_unknown(struct crowd *crowd);
bool crowd_enter_known(struct crowd *crowd, const struct plan *plan, const struct sockaddr *peer,
                       bool *counted_alone);
void crowd_leave(struct crowd *crowd, const struct sockaddr *peer, bool counted_alone);
/* What one loop takes for news may have been told by another. */
bool crowd_is_news(struct crowd *crowd, struct str a, struct str b, uint64_t now_ms);
/* A number at random by which this process knows its own requests. */
uint64_t crowd_identity(const struct crowd *crowd);
bool crowd_is_full(struct crowd *crowd, const struct plan *plan);
/* There are no descriptors left: the next that is free goes to the reserve, where it is wanting. */
void crowd_fill_reserve(struct crowd *crowd);
bool crowd_lends_reserve(struct crowd *crowd);
