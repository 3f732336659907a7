/* Reads files to their end. */
#include "corsd/config/file.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PIECE = 64 * 1024 };

/* 0, or an errno; EFBIG beyond the buffer's maximum. */
static int read_all(int fd, struct buf *out)
{
    for (;;) {
        size_t room = out->max - out->n < PIECE ? out->max - out->n : PIECE;
        char end;
        if (room && !buf_reserve(out, room))
            return ENOMEM;
        ssize_t n = read(fd, room ? out->p + out->n : &end, room ? room : 1);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? errno : 0;
        if (!room)
            return EFBIG;
        out->n += (size_t)n;
    }
}

static int open_and_read(const char *path, struct buf *out)
{
    struct stat about;
    int fd = open(path, O_RDONLY | O_CLOEXEC), error;
    if (fd < 0)
        return errno;
    error = fstat(fd, &about) < 0 ? errno : S_ISDIR(about.st_mode) ? EISDIR : read_all(fd, out);
    close(fd);
    return error;
}

bool file_read(struct reading *reading, const void *place, struct str path, struct buf *out)
{
    struct str text = keep(reading, path);
    struct place_file file = {.name = path};
    struct place whole = {.file = &file};
    int error = text.p ? open_and_read(text.p, out) : ENOMEM;
    if (place && text.p)
        rest_on(reading, text);
    if (!error) {
        if (str_starts(buf_str(out), STR("\xef\xbb\xbf")))
            buf_drop(out, 3);
        return true;
    }
    if (error == EFBIG)
        fault(reading, place ? place : &whole, NULL, "%.*s is larger than %zu bytes", STR_ARG(path),
              out->max);
    else
        fault(reading, place ? place : &whole, NULL, "cannot read %.*s: %s", STR_ARG(path),
              strerror(error));
    return false;
}

struct str file_path(struct reading *reading, struct str path)
{
    struct buf out = BUF_INIT(reading->folder.n + path.n);
    if (path.n && path.p[0] != '/')
        buf_add(&out, reading->folder);
    buf_add(&out, path);
    struct str copy = out.failed ? (struct str){0} : keep(reading, buf_str(&out));
    reading->out_of_memory |= !copy.p;
    buf_finish(&out);
    return copy;
}
