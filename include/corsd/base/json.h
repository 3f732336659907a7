/* Writes JSON (RFC 8259) into a buf: commas, nesting and escapes are its business. Never reads. */
#pragma once
#include "corsd/base/buf.h"

enum { JSON_DEPTH = 32 };
struct json {
    struct buf *out;   /* the caller's; out->failed tells of trouble */
    unsigned depth;    /* of open objects and arrays; at most JSON_DEPTH */
    uint32_t started;  /* bit per depth: a member was written, the next needs a comma */
    bool after_key;
    bool pretty;       /* two spaces a level */
};

void json_open(struct json *json, char bracket); /* '{' or '[' */
void json_close(struct json *json, char bracket); /* '}' or ']' */
void json_key(struct json *json, struct str name);
/* Bytes that are not UTF-8 are written as U+FFFD, so that the output is always valid. */
void json_str(struct json *json, struct str value);
void json_u64(struct json *json, uint64_t value);
void json_bool(struct json *json, bool value);
void json_null(struct json *json);
/* A value already in JSON. */
void json_raw(struct json *json, struct str value);
/* key and value in one. */
void json_member(struct json *json, const char *name, struct str value);
