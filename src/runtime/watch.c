/* inotify says when to look, a comparison of what stat(2) tells says whether something changed. */
#include "watch.h"
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>
#include "corsd/base/buf.h"
#include "corsd/net/timer.h"

enum {
    SETTLE_MS = 200,    /* of quiet before files are taken as written */
    SETTLED_MS = 2000,  /* or this long after the first sign, however busy they are */
    POLL_MS = 10000,    /* for NFS, for too few inotify watches, for directories that are renamed */
    LINKS_MAX = 40,     /* as the kernel's own limit */
    FOLDERS_MAX = 1024,
    SIGNS = IN_CLOSE_WRITE | IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ATTRIB |
            IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR,
};

struct stamp { /* zero where there is no such file */
    dev_t dev;
    ino_t ino;
    off_t size;
    struct timespec changed;
};

struct watched {
    char *path;
    struct stamp stamp;
};

struct watch {
    const struct log *log;
    int fd; /* negative errno: polling alone */
    struct watched *files;
    size_t n;
    int folders[FOLDERS_MAX]; /* inotify's numbers */
    size_t n_folders;
    uint64_t sign_ms, due_ms; /* the first sign of a change, and when to compare; 0: none */
    uint64_t poll_ms;         /* when to compare in any case */
    bool bad, touched;
    bool told;                /* that inotify gives out */
};

/* --- files ------------------------------------------------------------------------------------ */

static struct stamp stamp_of(const char *path)
{
    struct stat now;
    if (stat(path, &now) < 0)
        return (struct stamp){0};
    return (struct stamp){now.st_dev, now.st_ino, now.st_size, now.st_ctim};
}

static bool same_stamp(const struct stamp *a, const struct stamp *b)
{
    return a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
           a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec;
}

/* Takes what is there now; whether it is something else than before. */
static bool renew(struct watched *files, size_t n)
{
    bool changed = false;
    for (size_t i = 0; i < n; i++) {
        struct stamp now = stamp_of(files[i].path);
        changed |= !same_stamp(&now, &files[i].stamp);
        files[i].stamp = now;
    }
    return changed;
}

static const struct watched *known(const struct watch *watch, const char *path)
{
    for (size_t i = 0; i < watch->n; i++)
        if (!strcmp(watch->files[i].path, path))
            return &watch->files[i];
    return NULL;
}

static void forget_files(struct watched *files, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(files[i].path);
    free(files);
}

/* --- the folders whose changes matter --------------------------------------------------------- */

static void add_folder(struct watch *watch, const char *path)
{
    int number = -1;
    if (watch->fd < 0 || watch->n_folders == FOLDERS_MAX)
        errno = watch->fd < 0 ? -watch->fd : ENOSPC;
    else
        number = inotify_add_watch(watch->fd, *path ? path : "/", SIGNS);
    if (number >= 0) {
        for (size_t i = 0; i < watch->n_folders; i++)
            if (watch->folders[i] == number)
                return;
        watch->folders[watch->n_folders++] = number;
        return;
    }
    if (watch->told || errno == ENOENT || errno == ENOTDIR)
        return; /* what does not exist yet, polling will find */
    watch->told = true;
    log_line(watch->log, LOG_WARN, "watch: cannot watch %s: %s; looking every %d s instead", path,
             strerror(errno), POLL_MS / 1000);
}

/* What a link means for the rest of the way: its target, and then what was still to go. False where
 * that is too long. */
static bool follow(const char *link, char rest[PATH_MAX])
{
    char target[PATH_MAX], whole[PATH_MAX];
    ssize_t n = readlink(link, target, sizeof target - 1);
    struct buf out = {.p = whole, .cap = sizeof whole, .max = sizeof whole};
    if (n <= 0)
        return false;
    buf_add(&out, (struct str){target, (size_t)n});
    buf_add_char(&out, '/');
    buf_add(&out, str_of(rest));
    buf_add_char(&out, 0);
    if (!out.failed)
        memcpy(rest, whole, out.n);
    return !out.failed;
}

static void parent_of(char *path)
{
    char *slash = strrchr(path, '/');
    if (slash)
        *slash = 0;
}

/* One component at a time, as the kernel walks: each folder with a link in it matters, and the one
 * that holds the file. */
static void add_folders_to(struct watch *watch, const char *file)
{
    char at[PATH_MAX] = "", rest[PATH_MAX], next[2 * PATH_MAX];
    struct stat about;
    if (*file != '/' && !getcwd(at, sizeof at))
        return;
    memccpy(rest, file, 0, sizeof rest - 1);
    rest[sizeof rest - 1] = 0;
    for (int links = 0; links <= LINKS_MAX && *rest;) {
        struct str way = str_of(rest), name = str_cut(&way, '/');
        bool last = !way.n;
        size_t n = strlen(at);
        memcpy(next, at, n);
        next[n] = '/';
        memcpy(next + n + 1, name.p, name.n);
        next[n + 1 + name.n] = 0;
        bool up = str_eq(name, STR("..")), here = !name.n || str_eq(name, STR("."));
        memmove(rest, way.n ? way.p : "", way.n);
        rest[way.n] = 0;
        if (up)
            parent_of(at);
        if (up || here)
            continue;
        bool is_link = lstat(next, &about) == 0 && S_ISLNK(about.st_mode);
        if (last || is_link)
            add_folder(watch, at);
        if (is_link && follow(next, rest)) {
            links++;
            if (*rest == '/')
                *at = 0;
        } else if (strlen(next) < sizeof at)
            memcpy(at, next, strlen(next) + 1);
        else
            return;
    }
}

/* Links may lead elsewhere by now. Numbers that are not given again are let go of. */
static void renew_folders(struct watch *watch)
{
    int before[FOLDERS_MAX];
    size_t n = watch->n_folders;
    memcpy(before, watch->folders, n * sizeof *before);
    watch->n_folders = 0;
    for (size_t i = 0; i < watch->n; i++)
        add_folders_to(watch, watch->files[i].path);
    for (size_t i = 0; i < n; i++) {
        bool kept = false;
        for (size_t k = 0; k < watch->n_folders; k++)
            kept |= watch->folders[k] == before[i];
        if (!kept)
            inotify_rm_watch(watch->fd, before[i]);
    }
}

/* --- what the server asks --------------------------------------------------------------------- */

struct watch *watch_create(const struct log *log)
{
    struct watch *watch = calloc(1, sizeof *watch);
    if (!watch)
        return NULL;
    watch->log = log;
    watch->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (watch->fd < 0)
        watch->fd = -errno;
    return watch;
}

void watch_destroy(struct watch *watch)
{
    if (!watch)
        return;
    forget_files(watch->files, watch->n);
    if (watch->fd >= 0)
        close(watch->fd);
    free(watch);
}

void watch_files(struct watch *watch, const struct str *files, size_t n)
{
    struct watched *next = calloc(n + 1, sizeof *next);
    size_t done = 0;
    for (size_t i = 0; next && i < n; i++) {
        char *path = strndup(files[i].p, files[i].n);
        if (!path)
            continue;
        const struct watched *before = known(watch, path);
        next[done++] = (struct watched){path, before ? before->stamp : stamp_of(path)};
    }
    if (!next)
        return; /* out of memory: as before */
    forget_files(watch->files, watch->n);
    watch->files = next;
    watch->n = done;
    watch->poll_ms = timer_now_ms() + POLL_MS;
    renew_folders(watch);
}

void watch_note(struct watch *watch)
{
    renew(watch->files, watch->n);
    watch->due_ms = 0;
}

void watch_is_bad(struct watch *watch, bool bad)
{
    watch->bad = bad;
    watch->touched = false;
}

int watch_fd(const struct watch *watch)
{
    return watch->n ? watch->fd : -1;
}

int watch_wait_ms(const struct watch *watch)
{
    uint64_t now = timer_now_ms(), at = watch->due_ms ? watch->due_ms : watch->poll_ms;
    if (!watch->n)
        return -1;
    return at > now ? (int)(at - now) : 0;
}

/* Something happened in a folder: compare once that is over. */
static void take_signs(struct watch *watch, uint64_t now)
{
    char events[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
    bool any = false;
    while (watch->fd >= 0 && read(watch->fd, events, sizeof events) > 0)
        any = true;
    if (!any)
        return;
    watch->touched = true;
    if (!watch->due_ms)
        watch->sign_ms = now;
    watch->due_ms = now + SETTLE_MS < watch->sign_ms + SETTLED_MS ? now + SETTLE_MS
                                                                  : watch->sign_ms + SETTLED_MS;
}

bool watch_changed(struct watch *watch)
{
    uint64_t now = timer_now_ms();
    if (!watch->n)
        return false;
    take_signs(watch, now);
    bool due = watch->due_ms && now >= watch->due_ms;
    if (!due && now < watch->poll_ms)
        return false;
    bool changed = renew(watch->files, watch->n) || (due && watch->bad && watch->touched);
    watch->touched = false;
    watch->due_ms = 0;
    watch->poll_ms = now + POLL_MS;
    renew_folders(watch); /* also where nothing changed: a folder may be another one by now */
    return changed;
}
