/* corsd schema: what a configuration may hold, for editors and for people. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "corsd/config/describe.h"
#include "corsd/verbs/verbs.h"
#include "reads.h"

static const char help[] = "usage: corsd schema [--man | --markdown]\n"
                           "\n"
                           "Prints the JSON Schema (draft-07) of corsd.yaml. An editor that is\n"
                           "given it completes keys and marks mistakes; with the YAML language\n"
                           "server:\n"
                           "\n"
                           "  corsd schema > corsd.schema.json\n"
                           "  and as the first line of corsd.yaml:\n"
                           "  # yaml-language-server: $schema=corsd.schema.json\n"
                           "\n"
                           "      --man        the manual page corsd.yaml(5) instead: | man -l -\n"
                           "      --markdown   the same reference in Markdown\n"
                           "  -h, --help       this text\n";

int verb_schema(int argc, char **argv)
{
    static const struct {
        const char *flag;
        void (*describe)(struct buf *out);
    } forms[] = {{"--man", describe_manual}, {"--markdown", describe_markdown}};
    void (*describe)(struct buf * out) = argc < 2 ? describe_schema : NULL;
    struct buf out = BUF_INIT(OUTPUT_MAX);
    if (argc == 2 && (strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0)) {
        fputs(help, stdout);
        return 0;
    }
    for (size_t i = 0; argc == 2 && i < sizeof forms / sizeof *forms; i++)
        if (strcmp(argv[1], forms[i].flag) == 0)
            describe = forms[i].describe;
    if (!describe)
        return wrong_usage(help);
    describe(&out);
    return write_out(STDOUT_FILENO, &out) ? 0 : 1;
}
