/* The two protocols as their manual pages tell them. */
#include "systemd.h"
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "corsd/proxy/listener.h"

enum { FIRST_PASSED = 3, PASSED_MAX = 1024 };

/* --- sockets: sd_listen_fds_with_names(3) ----------------------------------------------------- */

static uint64_t number_of(const char *variable)
{
    const char *text = getenv(variable);
    uint64_t number = 0;
    return text && str_to_u64(str_of(text), &number) ? number : 0;
}

static bool is_listening(int fd)
{
    int type = 0, accepts = 0;
    socklen_t type_size = sizeof type, accepts_size = sizeof accepts;
    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_size) == 0 && type == SOCK_STREAM &&
           getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &accepts, &accepts_size) == 0 && accepts;
}

static struct listen_socket *adopt(int fd)
{
    int one = 1, flags = fcntl(fd, F_GETFL), error;
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    fcntl(fd, F_SETFL, flags | O_NONBLOCK);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one); /* no harm on a unix socket */
    return listen_socket_open(fd, true, &error);
}

static bool take_all(struct passed_sockets *out, size_t n, size_t *wrong)
{
    struct str names = str_of(getenv("LISTEN_FDNAMES"));
    for (size_t i = 0; i < n; i++) {
        int fd = FIRST_PASSED + (int)i;
        struct str name = str_cut(&names, ':');
        if (!is_listening(fd)) {
            close(fd);
            ++*wrong;
            continue;
        }
        struct passed_socket *passed = &out->items[out->n];
        passed->socket = adopt(fd);
        if (!passed->socket)
            return false;
        snprintf(passed->name, sizeof passed->name, "%.*s", STR_ARG(name));
        out->n++;
    }
    return true;
}

bool passed_take(struct passed_sockets *out, size_t *wrong)
{
    size_t n = (size_t)number_of("LISTEN_FDS");
    bool ours = number_of("LISTEN_PID") == (uint64_t)getpid();
    *out = (struct passed_sockets){0};
    *wrong = 0;
    if (ours && n && n <= PASSED_MAX) {
        out->items = calloc(n, sizeof *out->items);
        if (!out->items || !take_all(out, n, wrong))
            return false;
    }
    unsetenv("LISTEN_PID"); /* of no meaning to a child */
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    return true;
}

void passed_finish(struct passed_sockets *passed)
{
    for (size_t i = 0; i < passed->n; i++)
        listen_socket_unref(passed->items[i].socket);
    free(passed->items);
    *passed = (struct passed_sockets){0};
}

/* --- news: sd_notify(3) ----------------------------------------------------------------------- */

int notify_open(void)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    if (!path || (*path != '/' && *path != '@'))
        return -1;
    size_t n = strlen(path);
    int fd =
        n < sizeof un.sun_path ? socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0) : -1;
    if (fd < 0)
        return -1;
    memcpy(un.sun_path, path, n);
    if (*path == '@')
        un.sun_path[0] = 0; /* an abstract one: its name has no end but its length */
    if (connect(fd, (const struct sockaddr *)&un,
                (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)) == 0) {
        unsetenv("NOTIFY_SOCKET"); /* of no meaning to a child */
        return fd;
    }
    close(fd);
    return -1;
}

void notify(int fd, const char *format, ...)
{
    char text[512];
    if (fd < 0)
        return;
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (n > 0 && (size_t)n < sizeof text)
        send(fd, text, (size_t)n, MSG_NOSIGNAL); /* systemd waits for it, or nobody does */
}

uint64_t watchdog_ms(void)
{
    uint64_t us = number_of("WATCHDOG_USEC");
    uint64_t pid = getenv("WATCHDOG_PID") ? number_of("WATCHDOG_PID") : (uint64_t)getpid();
    return pid == (uint64_t)getpid() ? us / 1000 : 0;
}
