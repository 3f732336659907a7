/* Formats a line on the stack and writes it at once. */
#include "corsd/observe/log.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 2048 };

int log_open(struct log *out, struct str output, enum log_level level)
{
    char path[4096];
    struct log log = {.level = level};
    if (str_eq(output, STR("stderr"))) {
        log.fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
        if (log.fd < 0 && errno == EBADF) /* started without: nobody listens */
            log.fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
        log.bare = getenv("JOURNAL_STREAM") != NULL;
    } else {
        if (output.n >= sizeof path)
            return -ENAMETOOLONG;
        memcpy(path, output.p, output.n);
        path[output.n] = 0;
        log.fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
    }
    if (log.fd < 0)
        return -errno;
    *out = log;
    return 0;
}

void log_close(struct log *log)
{
    if (log->fd > STDERR_FILENO)
        close(log->fd);
    log->fd = STDERR_FILENO;
}

void log_replace(struct log *log, struct log *fresh)
{
    if (log->fd > STDERR_FILENO)
        dup3(fresh->fd, log->fd, O_CLOEXEC);
    __atomic_store_n(&log->bare, fresh->bare, __ATOMIC_RELAXED);
    log_set_level(log, (enum log_level)fresh->level);
    log_close(fresh);
}

/* Up to PIPE_BUF bytes a pipe takes whole or not at all (pipe(7)), so threads do not mix. */
static struct str cut_lines(struct str *rest)
{
    struct str part = str_head(*rest, PIPE_BUF);
    size_t last = str_rfind(part, '\n');
    if (part.n < rest->n && last < part.n)
        part.n = last + 1;
    *rest = str_from(*rest, part.n);
    return part;
}

void log_lines(const struct log *log, struct str lines)
{
    while (lines.n) {
        struct str part = cut_lines(&lines);
        struct pollfd sink = {.fd = log->fd, .events = POLLOUT};
        if (poll(&sink, 1, 0) == 1 && !(sink.revents & POLLOUT))
            return;
        if (!sink.revents || write(log->fd, part.p, part.n) < 0)
            return; /* a log that cannot be written has nobody to tell */
    }
}

static size_t prefix(char *out, size_t size, enum log_level level, bool bare)
{
    static const char *const words[] = {"error", "warn", "info", "debug"};
    static const char *const priorities[] = {"<3>", "<4>", "<6>", "<7>"}; /* sd-daemon(3) */
    struct timespec now;
    struct tm utc;
    if (bare)
        return (size_t)snprintf(out, size, "%s", priorities[level]);
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    size_t n = strftime(out, size, "%Y-%m-%dT%H:%M:%S", &utc);
    return n +
           (size_t)snprintf(out + n, size - n, ".%03ldZ %s: ", now.tv_nsec / 1000000, words[level]);
}

void log_line(const struct log *log, enum log_level level, const char *format, ...)
{
    char text[LINE_MAX_BYTES], line[LINE_MAX_BYTES + 64];
    if (!log_wants(log, level))
        return;
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (n < 0)
        return;
    size_t to = prefix(line, sizeof line, level, __atomic_load_n(&log->bare, __ATOMIC_RELAXED));
    for (const char *p = text; *p && to + 6 < sizeof line; p++) {
        unsigned char c = (unsigned char)*p;
        if (c < 0x20 || c == 0x7f)
            to += (size_t)snprintf(line + to, 5, "\\x%02x", c);
        else
            line[to++] = (char)c;
    }
    line[to++] = '\n';
    log_lines(log, (struct str){line, to});
}
