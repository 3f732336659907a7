/* The log: one line a fact, written whole by one write(2), so that threads need no lock. */
#pragma once
#include "corsd/base/level.h"
#include "corsd/base/str.h"

struct log {
    int fd;      /* a number of its own: what is behind it may change while threads write */
    int level;   /* enum log_level, atomic: what is more than this is not said */
    bool bare;   /* atomic: no time and level before the line: a journal adds its own */
};

/* output: "stderr", or a path that is appended to. Negative errno; *out on 0 only. */
MUST_USE int log_open(struct log *out, struct str output, enum log_level level);
void log_close(struct log *log);
/* What was opened takes the place of what is there; `fresh` is used up. Threads may write then. */
void log_replace(struct log *log, struct log *fresh);
/* Control bytes in the text become \xNN; the line ends at 2 KiB. Any thread. */
void log_line(const struct log *log, enum log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Whole lines as they are. A sink that takes nothing now loses them: a loop never waits for it. */
void log_lines(const struct log *log, struct str lines);
static inline bool log_wants(const struct log *log, enum log_level level)
{
    return (int)level <= __atomic_load_n(&log->level, __ATOMIC_RELAXED);
}
static inline void log_set_level(struct log *log, enum log_level level)
{
    __atomic_store_n(&log->level, (int)level, __ATOMIC_RELAXED);
}
