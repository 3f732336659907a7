/* A blocked fetch in a newcomer's words: what happened, and what the server has to send. Pure. */
#pragma once
#include "corsd/browser/fetch.h"

/* Appends sentences; nothing where the fetch is allowed. */
void advice_what(struct buf *out, const struct fetch *fetch);
void advice_fix(struct buf *out, const struct fetch *fetch);
