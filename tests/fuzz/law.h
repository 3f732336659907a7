/* A law of a fuzz target: where it does not hold, the input is a finding. */
#pragma once
#include <stdlib.h>

#define LAW(holds)                                                                                 \
    do                                                                                             \
        if (!(holds))                                                                              \
            abort();                                                                               \
    while (0)
