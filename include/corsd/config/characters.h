/* Characters and lines of UTF-8 text, counted as libyaml counts them. Pure. */
#pragma once
#include "corsd/base/str.h"

/* Length of the character at the start of text, which is not empty; 0 where it is not UTF-8
 * (RFC 3629), *out is then unset. */
size_t utf8_read(struct str text, uint32_t *out);
/* C0, DEL and C1, line breaks and tabs included, and what is no character. */
bool is_control(uint32_t c);
bool is_break(uint32_t c); /* YAML 1.1 §5.4 */
/* The line of this number, from 1, without its break; empty where there is none. */
struct str line_of(struct str text, unsigned number);
/* Where the text ends: behind the last character of the last line that is not empty, from 1. */
void end_of(struct str text, unsigned *line, unsigned *column);
/* The position of this character of text, from 0, or the end. */
size_t character_at(struct str text, size_t number);
