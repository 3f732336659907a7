/* Notices that files have changed, whoever changed them and however: written in place, renamed
 * over, or reached by a symbolic link that now leads elsewhere. Main thread. Source: inotify(7). */
#pragma once
#include "corsd/observe/log.h"

struct watch;

/* NULL out of memory. Without inotify it polls. The log outlives it. */
struct watch *watch_create(const struct log *log);
void watch_destroy(struct watch *watch);

/* Watches exactly these from now on; none: rests. What it knew of a file before still counts, so
 * that no change between two calls is missed. */
void watch_files(struct watch *watch, const struct str *files, size_t n);
/* The files are about to be read: changes until now are known. */
void watch_note(struct watch *watch);
/* What was read was no good: any change beside the files is worth another try. */
void watch_is_bad(struct watch *watch, bool bad);

/* To poll for reading; -1: none. */
int watch_fd(const struct watch *watch);
/* When watch_changed is to be asked at the latest, in ms from now; -1: it need not. */
int watch_wait_ms(const struct watch *watch);
/* Whether files have changed, and then been quiet for a moment. */
bool watch_changed(struct watch *watch);
