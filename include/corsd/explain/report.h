/* What was found out, for people and for programs. Appends to a buf whose `failed` tells of
 * trouble. Pure. */
#pragma once
#include "corsd/base/json.h"
#include "corsd/explain/explanation.h"

/* text: the configuration's, for the line that is to change; empty: it is only named. */
void explanation_print(struct buf *out, const struct explanation *explanation, struct str text,
                       struct arena *arena, bool colour);
void explanation_json(struct buf *out, const struct explanation *explanation, struct str text,
                      struct arena *arena);

/* Parts that `corsd probe` shares. `say` writes what a stranger sent: what a terminal would obey
 * becomes "?". */
void say(struct buf *out, struct str text);
void say_request(struct buf *out, const struct page_request *page, bool colour);
void say_head(struct buf *out, const char *mark, struct str head);
void say_steps(struct buf *out, const struct fetch *fetch, bool colour);
void say_verdict(struct buf *out, const struct fetch by[BROWSERS], bool colour);
void say_console(struct buf *out, const struct fetch by[BROWSERS]);
void say_paragraph(struct buf *out, struct str text); /* wrapped, two spaces in */
void json_fetch(struct json *json, const struct fetch by[BROWSERS]); /* members of an open object */
void json_request(struct json *json, const struct page_request *page);
