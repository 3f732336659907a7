/* Durations and sizes as people write them: 500ms 10s 2m 2h 1d, 512 32k 10m 1g. Pure. */
#pragma once
#include "corsd/base/str.h"

enum unit_fault { UNIT_OK, UNIT_EMPTY, UNIT_NOT_A_NUMBER, UNIT_UNKNOWN, UNIT_TOO_LARGE };

/* A bare number is seconds. Fractions are not taken. At most 10 years. *out on UNIT_OK only. */
enum unit_fault duration_parse(struct str text, uint64_t *out_ms);
/* A bare number is bytes; k, m, g are 1024-based, either case. *out on UNIT_OK only. */
enum unit_fault size_parse(struct str text, uint64_t *out_bytes);

enum { UNIT_TEXT = 32 };
/* The shortest spelling that reads back as the same value, into out[UNIT_TEXT]; returns out. */
char *duration_text(uint64_t ms, char out[UNIT_TEXT]);
char *size_text(uint64_t bytes, char out[UNIT_TEXT]);
