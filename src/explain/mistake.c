/* The table of mistakes. */
#include "corsd/explain/mistake.h"

const struct mistake_row mistakes[MISTAKES] = {
#define MISTAKE(id, word, level, what, consequence)                                                \
    [MISTAKE_##id] = {STR_INIT(word), MISTAKE_LEVEL_##level, STR_INIT(what), STR_INIT(consequence)},
    CORS_MISTAKES(MISTAKE)
#undef MISTAKE
};
