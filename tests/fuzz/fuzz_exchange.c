/* Laws of the whole way of a request: the real loop between two clients and a backend, all of them
 * driven by the input, over unix sockets in this process.
 * What a backend gets is well-framed requests, one after the other, never more than the clients
 * sent and with the same methods and bodies in the same order; what a client gets is well-framed
 * answers, one a request and none behind a close; however a client's bytes are cut, the same
 * comes of them; whatever was done, a client that comes then gets its own answer; and nothing is
 * left behind when the loop ends.
 * The input: two bytes that say how the bytes of clients and of answers are cut (0: whole), then
 * acts, each 0x01 and a letter and its bytes up to the next 0x01:
 *   A, B  these bytes from the first, the second client
 *   a, b  it ends its side                                  x, y  it hangs up
 *   S     the backend's answer to the next request without one; without any it answers well
 *   Z     the same, and it closes behind it                 P     bytes from the backend unasked
 *   K     the backend closes the connection it got last */
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <event2/event.h>
#include "../unit/gate/fixture.h"
#include "corsd/proxy/fleet.h"
#include "corsd/proxy/listener.h"
#include "corsd/proxy/loop.h"
#include "messages.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX = 16 * 1024, CONNS_MAX = 64, CLIENTS = 2, BYTES_MAX = 1 << 20 };

static const char yaml_format[] =
    "listen: unix:%s/l\n"
    "upstreams:\n"
    "  u: {url: 'http+unix:%s/b'}\n"
    "  legacy: {url: 'http+unix:%s/b', accept_bare_lf: true, max_idle: 4}\n"
    "routes:\n"
    "  - {path: /, upstream: u}\n"
    "  - {path: /off, upstream: u, cors: off}\n"
    "  - {path: /legacy, upstream: legacy}\n"
    "  - {path: /small, upstream: u, body_size: 8}\n"
    "limits: {header_size: 2k, headers: 20}\n"
    "log: {level: error}\n"
    "cors: {allow_origins: ['https://a.example'], allow_methods: [PUT]}\n";

/* What goes to the backend and the clients is larger than what came by what corsd adds. */
static const struct guard_limits limits = {2048, 20}, wide_limits = {16384, MESSAGE_FIELDS};

/* --- the stage, built once -------------------------------------------------------------------- */

static struct {
    struct plan *plan;
    struct event_base *base;
    struct crowd *crowd;
    struct fleet *fleet;
    struct log log;
    struct listen_socket *listener, *backend;
    char folder[32], front[48], back[48];
} stage = {.folder = "/tmp/corsd-fuzz-XXXXXX"};

static void unlink_all(void)
{
    unlink(stage.front);
    unlink(stage.back);
    rmdir(stage.folder);
}

static struct listen_socket *listen_at(const char *path)
{
    struct listener_spec spec = {0};
    int error;
    LAW(address_of_unix(str_of(path), &spec.address));
    int fd = listener_bind(&spec, &spec.address, false);
    LAW(fd >= 0);
    struct listen_socket *socket = listen_socket_open(fd, false, &error);
    LAW(socket);
    return socket;
}

static void build_stage(void)
{
    char yaml[2048];
    if (stage.plan)
        return;
    LAW(mkdtemp(stage.folder));
    snprintf(stage.front, sizeof stage.front, "%s/l", stage.folder);
    snprintf(stage.back, sizeof stage.back, "%s/b", stage.folder);
    snprintf(yaml, sizeof yaml, yaml_format, stage.folder, stage.folder, stage.folder);
    stage.plan = plan_of(yaml);
    stage.base = event_base_new();
    stage.crowd = crowd_create();
    LAW(stage.base && stage.crowd);
    stage.log = (struct log){.fd = open("/dev/null", O_WRONLY | O_CLOEXEC), .level = LOG_ERROR};
    stage.fleet = fleet_create(&stage.log);
    LAW(stage.fleet);
    stage.listener = listen_at(stage.front);
    stage.backend = listen_at(stage.back);
    atexit(unlink_all);
}

/* --- the players ------------------------------------------------------------------------------ */

struct player { /* one end of a connection of corsd's, ours */
    int fd;     /* -1: none, or closed */
    bool ended; /* corsd ended its side */
    struct buf got, sent;
    /* of a backend's */
    size_t read;     /* bytes of `got` that were requests */
    bool may_tunnel; /* a 101 was said on it: what comes need be no requests any more */
};

struct answer {
    struct str bytes;
    bool closes;
};

struct request {
    enum http_method method;
    uint64_t digest;
    size_t size;
};

static bool is_same(const struct request *a, const struct request *b)
{
    return a->method == b->method && a->digest == b->digest && a->size == b->size;
}

struct scene {
    struct loop *loop;
    struct player clients[CLIENTS], conns[CONNS_MAX];
    size_t n_conns;
    struct answer answers[MESSAGES_MAX];
    size_t n_answers, next_answer;
    struct request arrived[MESSAGES_MAX]; /* whole requests at the backend, in their order */
    size_t n_arrived;
    size_t client_step, answer_step; /* bytes at once; 0: all */
    bool scripted;  /* the backend answered as it was told */
    bool unordered; /* what comes of it hangs on when it was done */
};

static void say(struct player *player, struct str bytes)
{
    if (player->fd < 0 || !bytes.n)
        return;
    ssize_t n = send(player->fd, bytes.p, bytes.n, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n > 0)
        buf_add(&player->sent, str_head(bytes, (size_t)n));
}

static void hang_up(struct player *player)
{
    if (player->fd >= 0)
        close(player->fd);
    player->fd = -1;
}

/* False: nothing new. */
static bool hear(struct player *player)
{
    char bytes[16384];
    bool any = false;
    while (player->fd >= 0 && !player->ended) {
        ssize_t n = recv(player->fd, bytes, sizeof bytes, MSG_DONTWAIT);
        if (n < 0 && errno == EAGAIN)
            return any;
        any = true;
        player->ended = n <= 0;
        if (n > 0)
            LAW(buf_add(&player->got, (struct str){bytes, (size_t)n}));
    }
    return any;
}

static bool accept_conn(struct scene *scene)
{
    int fd = accept4(stage.backend->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return false;
    if (scene->n_conns == CONNS_MAX) {
        close(fd);
        return true;
    }
    scene->conns[scene->n_conns++] = (struct player){
        .fd = fd, .got = BUF_INIT(BYTES_MAX), .sent = BUF_INIT(BYTES_MAX)};
    return true;
}

/* --- the backend ------------------------------------------------------------------------------ */

/* As a worker does. */
static void turn(struct scene *scene)
{
    ++*loop_turns(scene->loop);
    event_base_loop(stage.base, EVLOOP_NONBLOCK);
}

/* What no backend may get, whatever a client sent. */
static void check_request(const struct message *request)
{
    const struct head *head = &request->head;
    LAW(head->minor == 1 && head_count(head, FIELD_HOST) == 1);
    LAW(head->method_id != METHOD_CONNECT && head->method_id != METHOD_TRACE);
    LAW(head->target.p[0] == '/' ||
        (str_eq(head->target, STR("*")) && head->method_id == METHOD_OPTIONS));
    LAW(!head_has(head, FIELD_TWIN) && !head_has(head, FIELD_KEEP_ALIVE) &&
        !head_has(head, FIELD_PROXY_CONNECTION) && !head_has(head, FIELD_HTTP2_SETTINGS));
    LAW(!head_has(head, FIELD_TE) || str_eq(head_value(head, FIELD_TE), STR("trailers")));
    LAW(head_has(head, FIELD_UPGRADE) == head_has(head, FIELD_CONNECTION));
    if (head_has(head, FIELD_UPGRADE))
        LAW(str_eq(head_value(head, FIELD_UPGRADE), STR("websocket")));
    if (request->body.kind == BODY_CHUNKED)
        LAW(str_eq(head_value(head, FIELD_TRANSFER_ENCODING), STR("chunked")));
}

static bool said_101(const struct player *conn)
{
    return conn->sent.n && memmem(conn->sent.p, conn->sent.n, "101", 3);
}

static void answer(struct scene *scene, struct player *conn, const struct message *request)
{
    char text[128];
    if (scene->next_answer < scene->n_answers) {
        const struct answer *given = &scene->answers[scene->next_answer++];
        for (struct str rest = given->bytes; rest.n;) {
            struct str piece = scene->answer_step ? str_head(rest, scene->answer_step) : rest;
            say(conn, piece);
            rest = str_from(rest, piece.n);
            if (rest.n)
                turn(scene);
        }
        conn->may_tunnel = said_101(conn);
        if (given->closes)
            hang_up(conn);
        return;
    }
    /* Good answers tell which request they belong to. */
    int n =
        snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\nX-N: %zu\r\nContent-Length: %d\r\n\r\n%s",
                 scene->n_arrived, 4, request->head.method_id == METHOD_HEAD ? "" : "good");
    say(conn, (struct str){text, (size_t)n});
}

static void serve(struct scene *scene, struct player *conn)
{
    while (!conn->may_tunnel && conn->read < conn->got.n) {
        struct message request;
        struct str bytes = str_from(buf_str(&conn->got), conn->read);
        LAW(bytes.p[0] != '\r');
        enum found found =
            read_message(&request, GUARD_REQUEST, bytes, METHOD_OTHER, false, &wide_limits);
        LAW(found != FOUND_BAD);
        if (request.parsed)
            check_request(&request);
        if (request.parsed && request.body.kind == BODY_CHUNKED)
            LAW(are_plain_chunks(
                (struct str){request.head.fields_end + 2,
                             (size_t)(bytes.p + bytes.n - (request.head.fields_end + 2))}));
        if (found == FOUND_PART)
            return;
        conn->read += request.used;
        LAW(scene->n_arrived < MESSAGES_MAX);
        scene->arrived[scene->n_arrived++] = (struct request){
            (enum http_method)request.head.method_id, request.digest, request.size};
        answer(scene, conn, &request);
    }
}

/* Until nobody has anything more to do. */
static void play(struct scene *scene)
{
    for (int quiet = 0; quiet < 3; quiet++) {
        turn(scene);
        while (accept_conn(scene))
            quiet = 0;
        for (size_t i = 0; i < scene->n_conns; i++)
            if (hear(&scene->conns[i])) {
                quiet = 0;
                serve(scene, &scene->conns[i]);
            }
        for (size_t i = 0; i < CLIENTS; i++)
            if (hear(&scene->clients[i]))
                quiet = 0;
    }
}

/* --- the clients ------------------------------------------------------------------------------ */

static int connect_client(void)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    memcpy(at.sun_path, stage.front, strlen(stage.front));
    LAW(fd >= 0 && connect(fd, (const struct sockaddr *)&at, sizeof at) == 0);
    return fd;
}

static void client_says(struct scene *scene, size_t who, struct str bytes)
{
    while (bytes.n) {
        struct str piece = scene->client_step ? str_head(bytes, scene->client_step) : bytes;
        say(&scene->clients[who], piece);
        bytes = str_from(bytes, piece.n);
        play(scene);
    }
}

/* The requests in what a client sent, as far as they can be told apart; `cut`: the head of one more
 * was read. */
static size_t requests_of(struct str bytes, struct request out[MESSAGES_MAX], uint8_t *minors,
                          bool *cut)
{
    size_t n = 0;
    struct message message;
    enum found found = FOUND_WHOLE;
    while (found == FOUND_WHOLE && bytes.n && n < MESSAGES_MAX) {
        found = read_message(&message, GUARD_REQUEST, bytes, METHOD_OTHER, false, &limits);
        *cut = found != FOUND_WHOLE && message.parsed;
        if (found != FOUND_WHOLE && !message.parsed)
            break;
        minors[n] = message.head.minor;
        out[n++] = (struct request){(enum http_method)message.head.method_id, message.digest,
                                    message.size};
        bytes = str_from(bytes, message.used);
    }
    return n;
}

struct outcome { /* what a client got, answer by answer */
    unsigned status[MESSAGES_MAX];
    uint64_t digest[MESSAGES_MAX];
    size_t n;
};

/* Whether this client's answers are well-framed, and no more than it asked for. */
static void check_client(const struct player *client, struct outcome *out)
{
    struct request requests[MESSAGES_MAX];
    uint8_t minors[MESSAGES_MAX];
    bool cut = false, closed = false;
    size_t n = requests_of(buf_str(&client->sent), requests, minors, &cut);
    struct str bytes = buf_str(&client->got);
    uint64_t before = 0, number;
    *out = (struct outcome){.n = 0};
    while (bytes.n && out->n < MESSAGES_MAX) {
        struct message answer;
        enum http_method method = out->n < n ? requests[out->n].method : METHOD_OTHER;
        LAW(!closed && out->n <= n);
        enum found found = read_message(&answer, GUARD_RESPONSE, bytes, method,
                                        client->ended || client->fd < 0, &wide_limits);
        LAW(found != FOUND_BAD);
        if (found == FOUND_PART && !answer.parsed)
            return;
        unsigned status = answer.head.status;
        bytes = str_from(bytes, answer.used);
        LAW(!head_has(&answer.head, FIELD_KEEP_ALIVE));
        if (status < 200) {
            LAW(out->n < n && minors[out->n] == 1);
            LAW(!head_has(&answer.head, FIELD_CONTENT_LENGTH) &&
                !head_has(&answer.head, FIELD_TRANSFER_ENCODING));
            if (status == 101)
                return; /* a tunnel: what follows is not ours to judge */
            continue;
        }
        if (answer.body.kind == BODY_CHUNKED)
            LAW(minors[out->n] == 1);
        const struct field *x_n = head_count(&answer.head, FIELD_OTHER) ? answer.head.fields : NULL;
        for (size_t i = 0; x_n && i < answer.head.n; i++)
            if (str_eq(x_n[i].name, STR("X-N")) && str_to_u64(x_n[i].value, &number)) {
                LAW(number >= before);
                before = number;
            }
        closed = head_list_has(&answer.head, FIELD_CONNECTION, STR("close")) ||
                 answer.body.kind == BODY_UNTIL_CLOSE;
        out->status[out->n] = status;
        out->digest[out->n++] = found == FOUND_WHOLE ? answer.digest : 0;
        if (found == FOUND_PART)
            return;
    }
}

/* One client's requests arrive in their order; what corsd answers itself is not among them. What
 * was sent again is counted. */
static void check_arrivals(const struct scene *scene)
{
    struct request sent[CLIENTS][MESSAGES_MAX];
    uint8_t minors[MESSAGES_MAX];
    size_t n[CLIENTS], at[CLIENTS] = {0}, missing = 0, retries;
    for (size_t i = 0; i < CLIENTS; i++) {
        bool cut = false;
        n[i] = requests_of(buf_str(&scene->clients[i].sent), sent[i], minors, &cut);
    }
    retries = loop_counters(scene->loop)->retries;
    LAW(scene->n_arrived <= n[0] + n[1] + retries);
    if (scene->clients[1].sent.n)
        return; /* two in any order of theirs */
    for (size_t k = 0; k < scene->n_arrived; k++) {
        size_t from = at[0];
        while (from < n[0] && !is_same(&sent[0][from], &scene->arrived[k]))
            from++;
        if (from < n[0])
            at[0] = from + 1;
        else
            missing++;
    }
    LAW(missing <= retries);
}

/* --- the play --------------------------------------------------------------------------------- */

static void act(struct scene *scene, char what, struct str bytes)
{
    struct player *last = scene->n_conns ? &scene->conns[scene->n_conns - 1] : NULL;
    switch (what) {
    case 'A':
    case 'B': client_says(scene, what == 'B', bytes); break;
    case 'a':
    case 'b':
        if (scene->clients[what == 'b'].fd >= 0)
            shutdown(scene->clients[what == 'b'].fd, SHUT_WR);
        break;
    case 'x':
    case 'y': hang_up(&scene->clients[what == 'y']); break;
    case 'S':
    case 'Z':
        if (scene->n_answers < MESSAGES_MAX)
            scene->answers[scene->n_answers++] = (struct answer){bytes, what == 'Z'};
        break;
    case 'P':
        if (last) {
            say(last, bytes);
            last->may_tunnel = said_101(last);
        }
        break;
    case 'K':
        if (last)
            hang_up(last);
        break;
    default: break;
    }
    scene->scripted = scene->scripted || strchr("SZ", what);
    scene->unordered = scene->unordered || strchr("PKBxyb", what);
    play(scene);
}

/* Whoever comes after all that gets its own answer. */
static void check_control(struct scene *scene)
{
    static const struct str ask = STR_INIT("GET /control HTTP/1.1\r\nHost: c.example\r\n\r\n");
    struct player *client = &scene->clients[0];
    struct message message;
    scene->next_answer = scene->n_answers;
    for (size_t i = 0; i < CLIENTS; i++)
        hang_up(&scene->clients[i]);
    play(scene);
    for (size_t i = 0; i < scene->n_conns; i++)
        if (scene->conns[i].may_tunnel) { /* over by now, or it was none */
            scene->conns[i].read = scene->conns[i].got.n;
            scene->conns[i].may_tunnel = false;
        }
    size_t before = scene->n_arrived;
    buf_clear(&client->got);
    client->ended = false;
    client->fd = connect_client();
    say(client, ask);
    play(scene);
    LAW(read_message(&message, GUARD_RESPONSE, buf_str(&client->got), METHOD_GET, false,
                     &wide_limits) == FOUND_WHOLE);
    LAW(message.used == client->got.n && message.head.status == 200);
    LAW(scene->n_arrived == before + 1);
    char number[32];
    snprintf(number, sizeof number, "%zu", scene->n_arrived);
    bool own = false;
    for (size_t i = 0; i < message.head.n; i++)
        own = own || (str_eq(message.head.fields[i].name, STR("X-N")) &&
                      str_eq(message.head.fields[i].value, str_of(number)));
    LAW(own);
}

static void finish(struct player *player)
{
    hang_up(player);
    buf_finish(&player->got);
    buf_finish(&player->sent);
}

/* What came of one play. */
struct result {
    struct outcome client; /* the first one */
    struct request arrived[MESSAGES_MAX];
    size_t n_arrived;
    bool scripted, unordered;
};

static void act_all(struct scene *scene, struct str input, const char *which)
{
    for (struct str rest = input; rest.n;) {
        struct str piece = str_cut(&rest, 1);
        if (piece.n && piece.p[0] && strchr(which, piece.p[0]))
            act(scene, piece.p[0], str_from(piece, 1));
    }
}

/* One loop alone: nobody else frees what it waits for. */
static void ring(struct bell *bell)
{
    (void)bell;
}

static void run(struct str input, size_t client_step, size_t answer_step, struct result *out)
{
    static const uint64_t seed[2] = {1, 2};
    static struct bell bell = {.ring = ring};
    struct outcome other;
    struct scene *scene = calloc(1, sizeof *scene);
    LAW(scene);
    scene->client_step = client_step;
    scene->answer_step = answer_step;
    scene->loop =
        loop_create(stage.base, &stage.log, stage.crowd, stage.fleet, &bell, stage.plan, seed);
    struct listen_item front = {.socket = stage.listener, .spec = 0};
    LAW(scene->loop && loop_listen(scene->loop, &front, 1, stage.plan));
    for (size_t i = 0; i < CLIENTS; i++)
        scene->clients[i] = (struct player){
            .fd = connect_client(), .got = BUF_INIT(BYTES_MAX), .sent = BUF_INIT(BYTES_MAX)};
    play(scene);
    act_all(scene, input, "SZ"); /* what answers lies ready before anything is asked */
    act_all(scene, input, "ABabxyPK");
    check_client(&scene->clients[0], &out->client);
    check_client(&scene->clients[1], &other);
    check_arrivals(scene);
    out->scripted = scene->scripted;
    out->unordered = scene->unordered;
    out->n_arrived = scene->n_arrived;
    memcpy(out->arrived, scene->arrived, scene->n_arrived * sizeof *out->arrived);
    check_control(scene);
    for (size_t i = 0; i < CLIENTS; i++)
        finish(&scene->clients[i]);
    loop_destroy(scene->loop);
    while (accept_conn(scene))
        ;
    for (size_t i = 0; i < scene->n_conns; i++)
        finish(&scene->conns[i]);
    free(scene);
}

static bool is_bad_body(unsigned status)
{
    return status == 400 || status == 413;
}

/* However the bytes were cut. A backend that answers as it was told may be found out too late for a
 * 502, and what it sends too much may come before or after the next request: then only the first
 * answer is looked at, where it is the backend's. */
static void compare(const struct result *cut, const struct result *whole)
{
    size_t n = whole->client.n;
    if (whole->scripted) {
        if (!n || whole->client.status[0] == 502 || !whole->client.digest[0])
            return;
        n = 1;
    } else {
        LAW(cut->client.n == n && cut->n_arrived == whole->n_arrived);
        for (size_t i = 0; i < whole->n_arrived; i++)
            LAW(is_same(&cut->arrived[i], &whole->arrived[i]));
    }
    LAW(cut->client.n >= n);
    for (size_t i = 0; i < n; i++) {
        /* A body may be too large and malformed: which is found first hangs on the cuts. */
        if (!whole->scripted && whole->client.status[i] >= 400 && cut->client.status[i] >= 400)
            continue;
        if (is_bad_body(whole->client.status[i]) && is_bad_body(cut->client.status[i]))
            continue;
        LAW(cut->client.status[i] == whole->client.status[i] &&
            cut->client.digest[i] == whole->client.digest[i]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct result cut, whole;
    if (size < 4 || size > INPUT_MAX)
        return 0;
    build_stage();
    struct str input = {(const char *)data + 2, size - 2};
    int before = dup(stage.backend->fd);
    close(before);
    run(input, data[0], data[1], &cut);
    if (!cut.unordered && (data[0] || data[1])) {
        run(input, 0, 0, &whole);
        compare(&cut, &whole);
    }
    int after = dup(stage.backend->fd);
    LAW(after == before);
    close(after);
    return 0;
}
