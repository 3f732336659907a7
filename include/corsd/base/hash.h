/* FNV-1a, 64 bits: for tables of the administrator's words and for telling news from old. Its seed
 * is known to everybody: what strangers fill is hashed by XXH3 (cors/origin_set). Pure. */
#pragma once
#include "corsd/base/str.h"

#define HASH_START UINT64_C(0xcbf29ce484222325)

static inline uint64_t hash_byte(uint64_t hash, char byte)
{
    return (hash ^ (unsigned char)byte) * UINT64_C(0x100000001b3);
}

static inline uint64_t hash_add(uint64_t hash, struct str bytes)
{
    for (size_t i = 0; i < bytes.n; i++)
        hash = hash_byte(hash, bytes.p[i]);
    return hash;
}

/* A place in a table of mask + 1 entries: FNV's upper bits are the better ones. */
static inline size_t hash_slot(uint64_t hash, size_t mask)
{
    return (size_t)(hash ^ hash >> 32) & mask;
}
