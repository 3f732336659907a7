/* One request and its response: a state machine whose stages are drawn in docs/architecture.md. */
#pragma once
#include "client.h"
#include "corsd/gate/response.h"
#include "pool.h"

enum occasion { EVENT_ENTER, EVENT_CLIENT, EVENT_SERVER, EVENT_TIMEOUT, EVENT_AGAIN };

enum stage {
    STAGE_START,   /* decided, nothing sent */
    STAGE_ANSWER,  /* corsd's own answer is being written */
    STAGE_QUEUE,   /* every server is at max_connections */
    STAGE_CONNECT, /* the connection to the server is being made */
    STAGE_AWAIT,   /* the request is on its way, the response's head is to come */
    STAGE_RELAY,   /* the response's body is on its way, the rest of the request's too */
    STAGE_TUNNEL,  /* bytes both ways */
    STAGE_DONE,
    STAGES
};

/* What the access log wants to know after the head's bytes are gone. */
struct exchange_facts {
    struct timespec time;      /* wall clock */
    struct timespec began;     /* monotonic */
    struct timespec asked;     /* monotonic: when the server was turned to */
    uint64_t server_us;        /* from then to the head of its response */
    struct str id, trace, client, method, host, path, route, upstream, policy;
};

struct exchange {
    struct exchange *next;      /* in loop->spare */
    struct loop *loop;
    struct client *client;
    struct conn *conn;          /* NULL: not connected */
    struct upstream *upstream;  /* NULL: corsd answers itself */
    struct server *server;      /* that was chosen last; NULL: none yet */
    struct plan_use *use;       /* NULL in a tunnel */
    TAILQ_ENTRY(exchange) in_queue; /* of its upstream, where queued */
    uint64_t queued_ms;         /* since when it waits there */
    uint64_t tried;             /* servers, by their members' bits */
    struct str authority;       /* the server's own that Host says; empty: Host is another's */
    enum stage stage;
    enum http_cause cause;      /* why it ended; CAUSE_NONE: well */
    enum client_end client_end;
    struct response response;
    struct relay up, down;
    struct str head;            /* the request's head as the server gets it, kept for a retry */
    bool head_sent;             /* handed to `up` on this connection */
    bool up_broken;             /* the server takes no more; its answer is read all the same */
    bool answered;              /* a final response's head is on its way to the client */
    bool interim;               /* a 1xx came: the server is at work */
    bool continued;             /* 100 was among them: the client's body is to come */
    bool blamed;                /* a failure of `server` was counted for this attempt */
    bool counted;               /* in its member's requests */
    bool queued;
    bool retried, closing;      /* closing: the client's connection ends after the answer */
    bool wants_access;
    unsigned status, server_status;
    uint64_t sent_ms;           /* when the request's last byte went, for response_timeout */
    uint64_t stage_ms;          /* when the stage began */
    uint64_t probed_ms;         /* the last_move() after which the peers were looked at */
    uint64_t tunnel_ms;         /* timeouts.tunnel, once the plan was let go */
    struct exchange_facts facts;
    struct arena arena;
    struct decision decision;   /* written whole by the gate, so not cleared at birth */
    char first[2048];           /* the arena's first piece: most exchanges need no more */
};

/* A whole head is in the client's inbox, its guard says where. Runs as far as it can. */
void exchange_begin(struct client *client);
/* The head could not be read: corsd answers with the cause's status and closes. */
void exchange_refuse(struct client *client, enum http_cause cause);
/* Something happened on one of its sockets, or its time is up. From an event of the loop: the
 * client is run on where the exchange ended. */
void exchange_event(struct exchange *exchange, enum occasion event);
/* Takes it from the client that is going away, whatever its stage. */
void exchange_abandon(struct exchange *exchange, enum http_cause cause);
extern const char *const exchange_stage_names[STAGES];
