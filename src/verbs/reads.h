/* What verbs that read a configuration share: `VERB [FILE] [-c FILE] [--json] [--strict]`. */
#pragma once
#include "corsd/base/buf.h"

struct diagnostics;
struct plan;

struct reads {
    const char *file;
    bool json, strict;
};
enum { OUTPUT_MAX = 1 << 30 };
static const int WRONG_USAGE = 2;

/* Prints the help's first line on stderr; returns WRONG_USAGE. */
int wrong_usage(const char *help);
/* -1: go on; else the exit code. `help` is printed for --help, its first line for wrong usage. */
int reads_parse(struct reads *reads, int argc, char **argv, const char *help);
/* The plan of reads->file (NULL: faults). */
struct plan *reads_load(const struct reads *reads, struct diagnostics *diagnostics);
/* Whether text for this descriptor may have colours: a terminal, and no NO_COLOR. */
bool wants_colour(int fd);
/* Writes a buffer to a descriptor and frees it; false where it did not get there whole. */
bool write_out(int fd, struct buf *out);
