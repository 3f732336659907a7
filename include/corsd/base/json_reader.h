/* Reads JSON (RFC 8259) by asking for what is expected, one value after another; what nobody asks
 * for is skipped. Recursion and memory are bounded. Any fault sets `failed`, and all that follows
 * says no. For files of other programs (HAR) and the tests; corsd's own configuration is YAML. */
#pragma once
#include "corsd/base/arena.h"

enum { JSON_READER_DEPTH = 64 };
enum json_kind {
    JSON_NOTHING, /* the end, or a fault */
    JSON_OBJECT,
    JSON_ARRAY,
    JSON_STRING,
    JSON_NUMBER,
    JSON_WORD, /* true, false, null */
};

struct json_reader { /* zero it, and give it a text and an arena */
    struct str rest;
    struct arena *arena; /* of texts that hold escapes; the others are views */
    unsigned depth;      /* of open objects and arrays */
    bool failed;
};

enum json_kind json_peek(struct json_reader *reader);
/* Walks an array or object: open it first, then ask for items until there is none (the bracket is
 * then closed). `first` is true before the first item. */
bool json_enter(struct json_reader *reader, char bracket);
bool json_item(struct json_reader *reader, bool *first);
bool json_member_name(struct json_reader *reader, bool *first, struct str *name);
/* Values. False where something else stands there: then `failed`. */
bool json_read_text(struct json_reader *reader, struct str *out);
bool json_read_u64(struct json_reader *reader, uint64_t *out);
bool json_read_bool(struct json_reader *reader, bool *out);
/* Goes past one value of any kind. */
bool json_skip(struct json_reader *reader);
