/* The tables of keys for readers other than the configuration's: editors and people. Built keys
 * only. */
#pragma once
#include "corsd/base/buf.h"

/* JSON Schema, draft-07, ending in a line feed. What a schema cannot judge passes. */
void describe_schema(struct buf *out);
/* The manual page corsd.yaml(5), for man -l. */
void describe_manual(struct buf *out);
/* The same reference in Markdown. */
void describe_markdown(struct buf *out);
