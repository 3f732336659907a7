/* The line of the configuration that would have to change, and the change itself. Pure. */
#pragma once
#include "corsd/base/arena.h"
#include "corsd/plan/plan.h"

enum change_kind {
    CHANGE_NONE,
    CHANGE_ADD, /* item to the list `key` */
    CHANGE_SET, /* key: item */
};

struct change {
    enum change_kind kind;
    const char *key;  /* as in the configuration */
    struct str item;  /* as YAML writes it */
    const char *also; /* a line more that the rule then needs; NULL: none */
    struct str file;  /* empty: nobody wrote it */
    unsigned line, column;   /* of the key's value; or of the rule, where the key is not there */
    bool is_there;    /* the key stands in the file */
};

/* Finds where `key` of a rule or policy stands. */
void change_place(struct change *change, const struct plan *plan, const struct rule *rule);
/* The line as it stands in the file's text, and what it becomes: a line or two. False where
 * the text is not what it was when the plan was made. */
MUST_USE bool change_lines(const struct change *change, struct str text, struct arena *arena,
                           struct str *before, struct str *after);
