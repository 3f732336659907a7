/* From a member back to the object it is embedded in. */
#pragma once
#include <stddef.h>

#define OWNER_OF(member_pointer, type, member)                                                     \
    ((type *)(void *)((char *)(member_pointer)-offsetof(type, member)))
