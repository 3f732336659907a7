/* Writes a head anew: the start line, the kept fields as they lie, what is added, the empty line.
 * Appends to a buf whose `failed` tells that it did not fit. Any thread. */
#pragma once
#include "corsd/base/buf.h"
#include "corsd/http/message.h"

/* Marks the fields that Connection names as dropped, where `may` says so of their id: they are this
 * connection's alone (RFC 9110 §7.6.1). */
void edit_drop_named(struct head *head, bool (*may)(enum field_id id));
/* More options in Connection than anybody means; dropping each costs a look at every field. */
enum { CONNECTION_OPTIONS_MAX = 64 };
bool edit_names_too_many(const struct head *head);
/* "HTTP/1.1 status reason". */
void edit_status_line(struct buf *out, unsigned status, struct str reason);
/* The fields that are not dropped, byte for byte, in order, in as few runs as there are gaps. */
void edit_kept_fields(struct buf *out, const struct head *head);
/* What frames has one spelling: a Content-Length with leading zeros (RFC 9110 §8.6) or odd blanks
 * around it, which some read otherwise, is dropped and appended anew. */
void edit_length(struct buf *out, struct head *head);
/* "name: value". */
void edit_field(struct buf *out, struct str name, struct str value);
void edit_field_u64(struct buf *out, struct str name, uint64_t value);
/* The empty line. */
void edit_end(struct buf *out);
