/* The reasons as a table. */
#include "corsd/cors/reason.h"

const struct cors_reason_row cors_reasons[REASON_COUNT] = {
#define REASON(id, word, allowed, prose)                                                           \
    [REASON_##id] = {STR_INIT(word), allowed, STR_INIT(prose)},
    CORS_REASONS(REASON)
#undef REASON
};
