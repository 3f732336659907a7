/* A head as views into its bytes: parsed by llhttp with every leniency off, after the guard.
 * Pure, no allocation: the caller gives the array of fields. Source: RFC 9112 §3, §4, §5. */
#pragma once
#include "corsd/http/cause.h"
#include "corsd/http/fields.h"

/* Methods that mean something here; every other token is METHOD_OTHER and is proxied as it is. */
#define HTTP_METHODS(METHOD)                                                                       \
    METHOD(GET)                                                                                    \
    METHOD(HEAD)                                                                                   \
    METHOD(POST)                                                                                   \
    METHOD(PUT)                                                                                    \
    METHOD(DELETE)                                                                                 \
    METHOD(PATCH)                                                                                  \
    METHOD(OPTIONS)                                                                                \
    METHOD(CONNECT)                                                                                \
    METHOD(TRACE)

enum http_method {
    METHOD_OTHER,
#define METHOD(name) METHOD_##name,
    HTTP_METHODS(METHOD)
#undef METHOD
};

struct head {
    uint8_t minor;               /* of HTTP/1.x: 0 or 1 */
    uint8_t method_id;           /* enum http_method; requests only */
    uint16_t status;             /* responses only */
    struct str method, target;   /* requests only */
    struct str reason;           /* responses only; may be empty */
    struct field *fields;        /* the caller's array */
    size_t n, cap;               /* fields in use, and room */
    const char *fields_start;    /* the first field line, or the empty line */
    const char *fields_end;      /* the empty line that ends the head */
    uint16_t first[FIELD_COUNT]; /* by field_id: the first such field's position + 1; 0: none */
};

/* head->fields and head->cap are set by the caller; all else is written on CAUSE_NONE only.
 * bytes: the whole head as the guard found it, from its start line to its empty line. */
enum http_cause message_parse_request(struct head *head, struct str bytes);
enum http_cause message_parse_response(struct head *head, struct str bytes);
/* Field lines and the empty line alone. */
enum http_cause message_parse_trailers(struct head *head, struct str bytes);

enum http_method http_method_of(struct str method);
/* RFC 9110 §9.2.2: may be sent again when its connection was lost. */
bool http_method_is_idempotent(enum http_method method);

static inline bool head_has(const struct head *head, enum field_id id)
{
    return head->first[id] != 0;
}
/* The first such field, or NULL. */
static inline struct field *head_field(const struct head *head, enum field_id id)
{
    return head->first[id] ? &head->fields[head->first[id] - 1] : NULL;
}
/* Its value, or an empty str. */
static inline struct str head_value(const struct head *head, enum field_id id)
{
    return head->first[id] ? head->fields[head->first[id] - 1].value : (struct str){0};
}
/* The next field of the same id after this one, or NULL. */
struct field *head_next(const struct head *head, const struct field *after);
/* How many fields of this id there are. */
size_t head_count(const struct head *head, enum field_id id);
/* Whether a list-valued field holds the item in any of its lines, without regard to case. */
bool head_list_has(const struct head *head, enum field_id id, struct str item);
