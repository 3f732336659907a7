/* The signals a process obeys, as bytes of a descriptor. */
#pragma once

/* Blocks them for this thread and those it will start, ignores SIGPIPE; returns a signalfd or a
 * negative errno. */
int signals_open(void);
/* The next signal's number, or 0 where there is none now. */
int signals_next(int fd);
