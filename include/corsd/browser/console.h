/* What the browser's console would say about a fetch that was blocked, to the letter. Texts were
 * taken from the browsers in browsers[] and are held against them by tests/browser. Pure. */
#pragma once
#include "corsd/browser/fetch.h"

/* Appends nothing where the fetch is allowed, or the browser has no words for it of its own. */
void console_say(struct buf *out, enum browser_name browser, const struct fetch *fetch);
