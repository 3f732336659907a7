/* The public suffix list that a suite compiles its policies with: TestSuite(…, .init =
 * load_suffixes, .fini = unload_suffixes). */
#pragma once
#include <criterion/criterion.h>
#include "corsd/cors/public_suffix.h"

static struct public_suffixes *suffixes;

static inline void load_suffixes(void)
{
    suffixes = public_suffixes_load(NULL);
    cr_assert(suffixes);
}

static inline void unload_suffixes(void)
{
    public_suffixes_unref(suffixes);
}
