/* What is no YAML, said in words that tell what to change. */
#pragma once
#include "corsd/config/reading.h"

/* The text is characters that YAML takes (YAML 1.1 §5.1); else a fault at the first that is not. */
MUST_USE bool syntax_check_characters(struct reading *reading, const struct place_file *file);

struct syntax_fault {
    const char *problem; /* libyaml's words; may be NULL */
    struct place at;     /* where it broke */
    struct place start;  /* where the construct began; its file is NULL where libyaml tells none */
};
void syntax_report(struct reading *reading, const struct syntax_fault *syntax);
