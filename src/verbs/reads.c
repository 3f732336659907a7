/* Options and files of the verbs that read a configuration. */
#include "reads.h"
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "corsd/config/config.h"
#include "corsd/config/diagnostic.h"
#include "corsd/verbs/verbs.h"

int wrong_usage(const char *help)
{
    fprintf(stderr, "%.*s\n", (int)strcspn(help, "\n"), help);
    return WRONG_USAGE;
}

int reads_parse(struct reads *reads, int argc, char **argv, const char *help)
{
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'},
        {"json", no_argument, NULL, 'j'},
        {"strict", no_argument, NULL, 's'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    bool takes_json = strstr(help, "--json") != NULL;
    optind = 0; /* begin anew */
    for (int option; (option = getopt_long(argc, argv, "c:h", options, NULL)) != -1;) {
        switch (option) {
        case 'c': reads->file = optarg; break;
        case 's': reads->strict = true; break;
        case 'h': fputs(help, stdout); return 0;
        case 'j':
            reads->json = true;
            if (takes_json)
                break;
            return wrong_usage(help);
        default: return wrong_usage(help);
        }
    }
    if (optind < argc && !reads->file)
        reads->file = argv[optind++];
    if (optind < argc) {
        fprintf(stderr, "corsd %s: one file at a time: %s\n", argv[0], argv[optind]);
        return wrong_usage(help);
    }
    if (!reads->file)
        reads->file = default_config_file();
    return -1;
}

struct plan *reads_load(const struct reads *reads, struct diagnostics *diagnostics)
{
    struct config_source source = {.file = reads->file, .strict = reads->strict};
    return config_load(&source, diagnostics);
}

bool wants_colour(int fd)
{
    return isatty(fd) && !getenv("NO_COLOR");
}

bool write_out(int fd, struct buf *out)
{
    size_t done = 0;
    bool ok = !out->failed;
    while (ok && done < out->n) {
        ssize_t n = write(fd, out->p + done, out->n - done);
        if (n > 0)
            done += (size_t)n;
        else if (n == 0 || errno != EINTR)
            ok = false;
    }
    if (!ok)
        perror("corsd: cannot write");
    buf_finish(out);
    return ok;
}
