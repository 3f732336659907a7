/* What the parts of policy_create share while a policy is compiled. */
#pragma once
#include "corsd/base/arena.h"
#include "corsd/base/buf.h"
#include "corsd/cors/policy.h"

struct compile {
    policy_report *report;
    void *ctx;
    struct arena *arena; /* the policy's: what is to last goes there */
    size_t errors;
};

/* Reports a fault: the hint may be "", the message is formatted. */
__attribute__((format(printf, 5, 6))) void complain(struct compile *compile, enum fault_level level,
                                                    const void *place, const char *hint,
                                                    const char *message, ...);
void complain_no_memory(struct compile *compile);

/* names.c: the three lists of a rule, checked and copied. False out of memory (reported). */
MUST_USE bool compile_names(struct compile *compile, const struct rule_spec *spec,
                            struct rule *rule);
/* lines.c: the ready lines of a rule whose fields are set. False out of memory (reported). */
MUST_USE bool compile_lines(struct compile *compile, const struct rule_spec *spec,
                            struct rule *rule);
