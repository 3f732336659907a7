/* A request's head in, a decision out: target → route → verdict. Decides and never acts.
 * No sockets; one thread a gate. Source: DESIGN §2, §3. */
#pragma once
#include "corsd/base/arena.h"
#include "corsd/cors/verdict.h"
#include "corsd/gate/proxies.h"
#include "corsd/http/framing.h"
#include "corsd/http/target.h"
#include "corsd/plan/plan.h"

/* What a worker lends to every decision. */
struct gate {
    const struct plan *plan;
    bool draining;       /* health_path says so */
    struct str date;     /* "Date: …" with CRLF, renewed each second by the worker */
    uint64_t id_state[2]; /* of request ids: seeded at random, unique rather than secret */
    uint64_t identity;   /* of this process, at random; 0: loops are not looked for */
    struct buf scratch;  /* for the readings of a path */
    uint64_t twins;      /* fields dropped because a backend could take them for ours */
};

/* Who asks, as far as the connection tells. */
struct peer {
    const struct sockaddr *address; /* of the connection; outlives the exchange */
    const char *ip;                 /* the same in text, no port; "unix" for a unix socket */
    bool trusted;                   /* its forwarding headers are believed */
    bool tls;                       /* it spoke TLS to us */
};

enum decision_kind {
    DECISION_ANSWER,  /* corsd answers itself: cause says what; CAUSE_NONE: see `own` */
    DECISION_FORWARD, /* to decision.route->upstream */
    DECISION_TUNNEL,  /* the same, and a 101 makes it a tunnel */
};
enum own_answer { OWN_ERROR, OWN_PREFLIGHT, OWN_OPTIONS /* Max-Forwards: 0 */, OWN_HEALTH };

struct decision {
    enum decision_kind kind;
    enum own_answer own;
    enum http_cause cause;
    const struct route *route;   /* NULL where none matched, or none was looked for */
    const struct policy *policy; /* the route's, else the default one; NULL: off */
    struct verdict verdict;
    struct body body;            /* of the request */
    uint8_t method;              /* enum http_method */
    uint8_t minor;               /* the client's HTTP/1.x */
    bool keep_alive;             /* the client's connection may live on */
    bool expects_continue;
    bool websocket;
    bool https;                  /* how the client speaks, as far as is known */
    struct str public_host;      /* as a trusted proxy tells it, in the arena; empty: as `host` */
    struct str origin;           /* copied into the arena: outlives the head; empty: none */
    /* Views into the head's bytes: gone with them. */
    struct cors_request cors;
    struct target target;
    struct authority host;       /* size 0: none came */
    struct str host_text;        /* as it came: Host's or the absolute form's authority */
    struct proxies proxies;      /* whom the peer speaks for; only a trusted one does */
};

void gate_init(struct gate *gate, const uint64_t seed[2]);
void gate_finish(struct gate *gate);

/* Decides about a parsed head. The arena is the exchange's. */
void gate_request(struct gate *gate, const struct peer *peer, struct head *head,
                  struct arena *arena, struct decision *out);
/* The decision for a head that could not be read at all. */
void gate_unreadable(const struct gate *gate, enum http_cause cause, struct decision *out);
