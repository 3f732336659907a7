/* Sets of places: the one in force, and the one that a reload prepares. */
#include "listening.h"
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include "corsd/net/timer.h"
#include "corsd/proxy/listener.h"
#include "systemd.h"

enum { LEFT_MS = 2000, TRY_AGAIN_MS = 20 };

struct place {
    struct address asked, at; /* port 0 became a number */
    bool passed;
    char name[256];           /* of a passed one; "": all that nobody names */
    struct stat file;         /* of a unix socket, as bound */
    struct listen_socket **sockets;
    size_t n_sockets;
    bool one_each; /* the sockets are one a worker; else all workers accept from all of them */
    unsigned uses; /* sets that hold it */
};

struct set { /* a place for each listener of a plan, in its order */
    struct place **places;
    size_t n;
    struct place *admin; /* NULL: off */
};

struct listening {
    const struct log *log;
    const struct passed_sockets *passed;
    unsigned n_workers;
    struct set now, next;
    const struct plan *next_plan; /* while `next` is prepared */
    uint64_t left_ms; /* when something was let go of: it may need a moment */
};

/* --- places ----------------------------------------------------------------------------------- */

static bool is_unix(const struct place *place)
{
    return place->at.at.ss_family == AF_UNIX;
}

static const char *path_of(const struct place *place)
{
    return ((const struct sockaddr_un *)(const void *)&place->at.at)->sun_path;
}

/* Its file may have been removed, or be a successor's by now. */
static bool has_its_file(const struct place *place)
{
    struct stat now;
    return lstat(path_of(place), &now) == 0 && now.st_dev == place->file.st_dev &&
           now.st_ino == place->file.st_ino;
}

/* Before the sockets close: a successor may bind the same path a moment later. */
static void remove_file(const struct place *place)
{
    if (is_unix(place) && !place->passed && place->n_sockets && has_its_file(place))
        unlink(path_of(place));
}

static void place_drop(struct place *place)
{
    if (!place || --place->uses)
        return;
    remove_file(place);
    for (size_t i = 0; i < place->n_sockets; i++)
        listen_socket_unref(place->sockets[i]);
    free(place->sockets);
    free(place);
}

/* 0 or a negative errno. */
static int add_socket(struct place *place, int fd)
{
    int error;
    struct listen_socket *socket = listen_socket_open(fd, false, &error);
    if (socket)
        place->sockets[place->n_sockets++] = socket;
    return error;
}

/* --- passed sockets --------------------------------------------------------------------------- */

static bool is_named(const struct plan *plan, const char *name)
{
    for (size_t i = 0; i < plan->n_listeners; i++)
        if (plan->listeners[i].passed && str_eq(plan->listeners[i].passed_name, str_of(name)))
            return true;
    return false;
}

static bool find_passed(struct listening *listening, struct place *place, struct str name)
{
    const struct passed_sockets *passed = listening->passed;
    place->sockets = calloc(passed->n + 1, sizeof(struct listen_socket *));
    if (!place->sockets)
        return false;
    for (size_t i = 0; i < passed->n; i++) {
        const struct passed_socket *item = &passed->items[i];
        if (name.n ? str_eq(name, str_of(item->name)) : !is_named(listening->next_plan, item->name))
            place->sockets[place->n_sockets++] = listen_socket_ref(item->socket);
    }
    if (place->n_sockets)
        return true;
    log_line(listening->log, LOG_ERROR,
             name.n ? "listen: systemd passed no socket of the name \"%.*s\""
                    : "listen: systemd passed no socket; is corsd.socket enabled?%.*s",
             STR_ARG(name));
    return false;
}

/* --- own sockets ------------------------------------------------------------------------------ */

static void nap(void)
{
    nanosleep(&(struct timespec){.tv_nsec = TRY_AGAIN_MS * 1000000}, NULL);
}

/* An address that was let go of a moment ago is still being emptied. */
static int bind_patiently(struct listening *listening, const struct listener_spec *spec,
                          const struct address *at)
{
    int fd = listener_bind(spec, at, false);
    while (fd == -EADDRINUSE && listening->left_ms &&
           timer_now_ms() - listening->left_ms < LEFT_MS) {
        nap();
        fd = listener_bind(spec, at, false);
    }
    return fd;
}

/* Without SO_REUSEPORT: a port in use must be seen. */
static int bind_first(struct listening *listening, const struct listener_spec *spec,
                      struct place *place)
{
    int fd = bind_patiently(listening, spec, &place->at);
    if (fd == -EAFNOSUPPORT && place->at.at.ss_family == AF_INET6 && spec->text.n &&
        spec->text.p[0] == ':') {
        uint16_t port = address_port((struct sockaddr *)&place->at.at);
        if (address_of_ip(STR("0.0.0.0"), port, &place->at))
            fd = bind_patiently(listening, spec, &place->at); /* a machine without IPv6 */
    }
    if (fd < 0)
        return fd;
    if (is_unix(place))
        lstat(path_of(place), &place->file);
    else if (!address_port((struct sockaddr *)&place->at.at))
        getsockname(fd, (struct sockaddr *)&place->at.at, &place->at.size);
    return fd;
}

/* One socket for each of n threads; unix sockets know no SO_REUSEPORT and have one for all. 0 or a
 * negative errno. */
static int open_sockets(struct listening *listening, const struct listener_spec *spec,
                        struct place *place, unsigned n)
{
    n = is_unix(place) ? 1 : n;
    place->sockets = calloc(n, sizeof(struct listen_socket *));
    if (!place->sockets)
        return -ENOMEM;
    int fd = bind_first(listening, spec, place);
    if (fd < 0)
        return fd;
    if (n == 1)
        return add_socket(place, fd);
    close(fd); /* it did not listen: nobody has connected to it */
    place->one_each = true;
    int error = 0;
    for (unsigned i = 0; i < n && !error; i++) {
        fd = listener_bind(spec, &place->at, true);
        error = fd < 0 ? fd : add_socket(place, fd);
    }
    return error;
}

static struct place *open_place(struct listening *listening, const struct listener_spec *spec,
                                unsigned n_threads)
{
    struct place *place = calloc(1, sizeof *place);
    if (!place) {
        log_line(listening->log, LOG_ERROR, "out of memory");
        return NULL;
    }
    *place = (struct place){
        .asked = spec->address, .at = spec->address, .passed = spec->passed, .uses = 1};
    if (spec->passed) {
        memcpy(place->name, spec->passed_name.p, spec->passed_name.n);
        if (find_passed(listening, place, spec->passed_name))
            return place;
    } else {
        int error = open_sockets(listening, spec, place, n_threads);
        if (!error)
            return place;
        log_line(listening->log, LOG_ERROR, "cannot listen on %.*s: %s", STR_ARG(spec->text),
                 strerror(-error));
    }
    place_drop(place);
    return NULL;
}

/* --- sets ------------------------------------------------------------------------------------- */

static void set_drop(struct set *set)
{
    for (size_t i = 0; i < set->n; i++)
        place_drop(set->places[i]);
    place_drop(set->admin);
    free(set->places);
    *set = (struct set){0};
}

static bool holds(const struct set *set, const struct place *place)
{
    for (size_t i = 0; i < set->n; i++)
        if (set->places[i] == place)
            return true;
    return false;
}

/* Plain `systemd` is looked up anew: what it means depends on what others name. */
static bool is_same(const struct place *place, const struct listener_spec *spec)
{
    if (spec->passed || place->passed)
        return false;
    return address_eq(&place->asked, &spec->address) && (!is_unix(place) || has_its_file(place));
}

static struct place *kept_place(const struct listening *listening, const struct listener_spec *spec)
{
    for (size_t i = 0; i < listening->now.n; i++) {
        struct place *place = listening->now.places[i];
        if (is_same(place, spec) && !holds(&listening->next, place)) {
            place->uses++;
            return place;
        }
    }
    return NULL;
}

/* False where it cannot be opened. */
static bool prepare_admin(struct listening *listening, const struct plan *plan)
{
    struct place *now = listening->now.admin;
    if (!plan->admin.on)
        return true;
    if (now && is_same(now, &plan->admin.listener)) {
        now->uses++;
        listening->next.admin = now;
    } else
        listening->next.admin = open_place(listening, &plan->admin.listener, 1);
    return listening->next.admin;
}

bool listening_prepare(struct listening *listening, const struct plan *plan)
{
    struct set *next = &listening->next;
    next->places = calloc(plan->n_listeners + 1, sizeof *next->places);
    if (!next->places)
        return false;
    listening->next_plan = plan;
    for (size_t i = 0; i < plan->n_listeners; i++) {
        struct place *place = kept_place(listening, &plan->listeners[i]);
        if (!place)
            place = open_place(listening, &plan->listeners[i], listening->n_workers);
        if (!place) {
            listening_forget(listening);
            return false;
        }
        next->places[next->n++] = place;
    }
    if (prepare_admin(listening, plan))
        return true;
    listening_forget(listening);
    return false;
}

void listening_forget(struct listening *listening)
{
    set_drop(&listening->next);
    listening->next_plan = NULL;
}

static void say(const struct listening *listening, const struct place *place, const char *what)
{
    for (size_t i = 0; i < (place->passed ? place->n_sockets : 1); i++) {
        struct address at = place->at;
        char text[ADDRESS_TEXT];
        if (place->passed) {
            at.size = sizeof at.at;
            getsockname(place->sockets[i]->fd, (struct sockaddr *)&at.at, &at.size);
        }
        log_line(listening->log, LOG_INFO, "%s %s%s", what,
                 address_text((const struct sockaddr *)&at.at, at.size, text),
                 place->passed ? " (passed by systemd)" : "");
    }
}

/* A file's mode is taken without binding anew. */
static void set_mode(const struct listening *listening, const struct place *place,
                     const struct listener_spec *spec)
{
    if (!place->passed && is_unix(place) && spec->has_mode && chmod(path_of(place), spec->mode) < 0)
        log_line(listening->log, LOG_ERROR, "cannot set the mode of %.*s: %s", STR_ARG(spec->text),
                 strerror(errno));
}

static bool is_passed_before(const struct set *set, const struct place *place)
{
    for (size_t i = 0; i < set->n && place->passed; i++)
        if (set->places[i]->passed && !strcmp(set->places[i]->name, place->name))
            return true;
    return false;
}

void listening_settle(struct listening *listening)
{
    struct set before = listening->now;
    listening->now = listening->next;
    listening->next = (struct set){0};
    for (size_t i = 0; i < listening->now.n; i++) {
        struct place *place = listening->now.places[i];
        if (holds(&before, place))
            set_mode(listening, place, &listening->next_plan->listeners[i]);
        else if (!is_passed_before(&before, place))
            say(listening, place, "listening on");
    }
    for (size_t i = 0; i < before.n; i++)
        if (!holds(&listening->now, before.places[i]) &&
            !is_passed_before(&listening->now, before.places[i])) {
            say(listening, before.places[i], "no longer listening on");
            listening->left_ms = timer_now_ms();
        }
    if (before.admin && before.admin != listening->now.admin)
        say(listening, before.admin, "admin: no longer listening on");
    if (listening->now.admin && before.admin != listening->now.admin)
        say(listening, listening->now.admin, "admin: listening on");
    set_drop(&before);
    listening->next_plan = NULL;
}

/* --- what others see -------------------------------------------------------------------------- */

bool listening_items(const struct listening *listening, unsigned number, struct listen_item **items,
                     size_t *n)
{
    size_t most = 1;
    for (size_t i = 0; i < listening->now.n; i++)
        most += listening->now.places[i]->n_sockets;
    *n = 0;
    *items = calloc(most, sizeof **items);
    for (size_t i = 0; *items && i < listening->now.n; i++) {
        const struct place *place = listening->now.places[i];
        for (size_t k = 0; k < place->n_sockets; k++)
            if (!place->one_each || k == number)
                (*items)[(*n)++] = (struct listen_item){place->sockets[k], i};
    }
    return *items;
}

bool listening_has(const struct listening *listening, const struct listen_socket *socket)
{
    for (size_t i = 0; i < listening->now.n; i++) {
        const struct place *place = listening->now.places[i];
        for (size_t k = 0; k < place->n_sockets; k++)
            if (place->sockets[k] == socket)
                return true;
    }
    return false;
}

struct listening *listening_create(const struct log *log, const struct passed_sockets *passed,
                                   unsigned n_workers)
{
    struct listening *listening = calloc(1, sizeof *listening);
    if (listening)
        *listening = (struct listening){.log = log, .passed = passed, .n_workers = n_workers};
    return listening;
}

struct listen_socket *listening_admin(const struct listening *listening)
{
    return listening->now.admin ? listening->now.admin->sockets[0] : NULL;
}

void listening_leave(struct listening *listening)
{
    struct place *admin = listening->now.admin; /* answers to the end */
    listening->now.admin = NULL;
    set_drop(&listening->now);
    listening->now.admin = admin;
}

void listening_destroy(struct listening *listening)
{
    if (!listening)
        return;
    set_drop(&listening->next);
    set_drop(&listening->now);
    free(listening);
}
