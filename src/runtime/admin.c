/* The table of paths, who may ask, and the accepting. */
#include "admin.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include "corsd/base/owner.h"
#include "corsd/http/target.h"
#include "corsd/observe/log.h"
#include "dialogue.h"
#include "thread.h"
#include "worker.h"

enum {
    DIALOGUES_MAX = 64,
    HUNG_MS = 2000, /* a loop that owes a sign of life for longer hangs */
    NAP_NS = 20 * 1000000,
};

struct admin {
    const struct log *log;
    struct worker *const *workers;
    unsigned n_workers;
    bool ready; /* atomic */
    struct thread *thread;
    struct dialogue_host host;
    struct event accepting;
    struct listen_socket *socket; /* NULL: listens nowhere */
    struct plan *plan;            /* who may ask; NULL until there is a socket */
    int reserve; /* a descriptor that is given up so that one asker gets in; -1: given up */
    /* The mailbox. */
    pthread_mutex_t lock;
    struct listen_socket *next_socket;
    struct plan *next_plan; /* NULL: no mail */
};

/* --- paths ------------------------------------------------------------------------------------ */

static void say(struct reply *reply, unsigned status, const char *text)
{
    reply->status = status;
    buf_printf(&reply->body, "%s\n", text);
}

/* 200 while every loop turns. Each is asked for a sign of life, for those who ask next. */
static void healthz(struct admin *admin, struct reply *reply)
{
    if (workers_owe_ms(admin->workers, admin->n_workers) > HUNG_MS)
        say(reply, 503, "a worker hangs");
    else
        say(reply, 200, "ok");
}

static void readyz(struct admin *admin, struct reply *reply)
{
    if (__atomic_load_n(&admin->ready, __ATOMIC_ACQUIRE))
        say(reply, 200, "ready");
    else
        say(reply, 503, "not ready: starting or draining");
}

static const struct {
    struct str path;
    void (*answer)(struct admin *admin, struct reply *reply);
} paths[] = {
    {STR_INIT("/healthz"), healthz},
    {STR_INIT("/readyz"), readyz},
};

/* --- who may ask ------------------------------------------------------------------------------ */

static bool is_ip(struct str host)
{
    struct address address;
    return address_of_ip(host, 0, &address);
}

/* A page of a stranger's can make its own name lead to this listener (DNS rebinding), but cannot
 * make the browser send another name than its own. */
static bool is_our_name(const struct plan *plan, struct str text)
{
    struct authority authority;
    if (!authority_parse(text, &authority))
        return false;
    struct str host = authority_host(&authority);
    if (is_ip(host) || str_eq(host, STR("localhost")))
        return true;
    for (size_t i = 0; i < plan->admin.n_hosts; i++)
        if (str_eq_nocase(host, plan->admin.hosts[i]))
            return true;
    return false;
}

static void answer(struct dialogue_host *host, const struct head *request, struct str path,
                   struct reply *reply)
{
    struct admin *admin = OWNER_OF(host, struct admin, host);
    if (head_has(request, FIELD_HOST) &&
        !is_our_name(admin->plan, head_value(request, FIELD_HOST))) {
        say(reply, 421, "corsd: this Host is not among admin.hosts");
        return;
    }
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        if (str_eq(paths[i].path, path)) {
            paths[i].answer(admin, reply);
            return;
        }
    say(reply, 404, "corsd: there are /healthz and /readyz here");
}

/* --- accepting -------------------------------------------------------------------------------- */

static void keep_reserve(struct admin *admin)
{
    if (admin->reserve < 0)
        admin->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void on_end(struct dialogue_host *host)
{
    keep_reserve(OWNER_OF(host, struct admin, host));
}

static int accept_one(struct admin *admin)
{
    int fd = accept4(admin->socket->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0 || (errno != EMFILE && errno != ENFILE) || admin->reserve < 0)
        return fd;
    close(admin->reserve);
    admin->reserve = -1;
    return accept4(admin->socket->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

/* Without the reserve, waiting askers would have the loop spin: those inside go, and where there
 * are none, this thread has nothing else to do than to wait. */
static void on_accept(evutil_socket_t fd, short what, void *arg)
{
    struct admin *admin = arg;
    (void)fd;
    (void)what;
    int client = accept_one(admin);
    if (client < 0) {
        bool none_left = errno == EMFILE || errno == ENFILE;
        if (none_left && admin->host.n)
            dialogue_end_all(&admin->host);
        else if (none_left)
            nanosleep(&(struct timespec){.tv_nsec = NAP_NS}, NULL);
        keep_reserve(admin);
        return;
    }
    if (admin->host.n >= DIALOGUES_MAX)
        close(client);
    else
        dialogue_begin(&admin->host, client);
}

static void listen_nowhere(struct admin *admin)
{
    if (!admin->socket)
        return;
    event_del(&admin->accepting);
    listen_socket_unref(admin->socket);
    admin->socket = NULL;
}

static void read_mail(void *owner)
{
    struct admin *admin = owner;
    pthread_mutex_lock(&admin->lock);
    struct listen_socket *socket = admin->next_socket;
    struct plan *plan = admin->next_plan;
    admin->next_socket = NULL;
    admin->next_plan = NULL;
    pthread_mutex_unlock(&admin->lock);
    if (!plan)
        return;
    plan_unref(admin->plan);
    admin->plan = plan;
    listen_nowhere(admin);
    admin->socket = socket;
    if (socket && (event_assign(&admin->accepting, admin->host.base, socket->fd,
                                EV_READ | EV_PERSIST, on_accept, admin) < 0 ||
                   event_add(&admin->accepting, NULL) < 0))
        log_line(admin->log, LOG_ERROR, "out of memory: the admin listener does not answer");
}

/* --- from the main thread --------------------------------------------------------------------- */

struct admin *admin_create(const struct log *log, struct worker *const *workers, unsigned n)
{
    struct admin *admin = calloc(1, sizeof *admin);
    if (!admin)
        return NULL;
    *admin = (struct admin){.log = log,
                            .workers = workers,
                            .n_workers = n,
                            .host = {.answer = answer, .on_end = on_end},
                            .reserve = -1};
    pthread_mutex_init(&admin->lock, NULL);
    admin->thread = thread_create(read_mail, admin);
    if (admin->thread)
        admin->host.base = thread_base(admin->thread);
    keep_reserve(admin);
    if (admin->thread && thread_start(admin->thread, "corsd-admin"))
        return admin;
    admin_destroy(admin);
    return NULL;
}

void admin_take(struct admin *admin, struct listen_socket *socket, struct plan *plan)
{
    pthread_mutex_lock(&admin->lock);
    listen_socket_unref(admin->next_socket);
    plan_unref(admin->next_plan);
    admin->next_socket = socket ? listen_socket_ref(socket) : NULL;
    admin->next_plan = plan_ref(plan);
    pthread_mutex_unlock(&admin->lock);
    thread_ring(admin->thread);
}

void admin_set_ready(struct admin *admin, bool ready)
{
    __atomic_store_n(&admin->ready, ready, __ATOMIC_RELEASE);
}

void admin_destroy(struct admin *admin)
{
    if (!admin)
        return;
    thread_stop(admin->thread);
    dialogue_end_all(&admin->host);
    listen_nowhere(admin);
    listen_socket_unref(admin->next_socket);
    plan_unref(admin->next_plan);
    plan_unref(admin->plan);
    thread_destroy(admin->thread);
    if (admin->reserve >= 0)
        close(admin->reserve);
    pthread_mutex_destroy(&admin->lock);
    free(admin);
}
