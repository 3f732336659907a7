#include "corsd/verbs/verbs.h"
int verb_schema(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return 0;
}
