/* The decision header, from the same tables as the log. */
#include "corsd/gate/decision.h"

static void item(struct buf *out, const char *name, struct str value)
{
    buf_add(out, str_of(name));
    for (size_t i = 0; i < value.n; i++) /* a name may hold what a header cannot */
        buf_add_char(out,
                     value.p[i] > ' ' && value.p[i] < 0x7f && value.p[i] != ';' ? value.p[i] : '?');
}

void gate_decision_line(struct buf *out, const struct gate *gate, const struct decision *decision)
{
    const struct verdict *verdict = &decision->verdict;
    const struct cors_reason_row *reason = &cors_reasons[verdict->reason];
    if (!gate->plan->decision_header)
        return;
    buf_add(out, STR("Corsd-Decision: "));
    item(out, "kind=", cors_kind_words[verdict->kind]);
    item(out, "; result=", reason->allowed ? STR("allowed") : STR("refused"));
    item(out, "; reason=", reason->word);
    if (verdict->missing.n && verdict->kind == CORS_PREFLIGHT)
        item(out, "; missing=", verdict->missing);
    if (decision->policy) {
        item(out, "; policy=", decision->policy->name);
        item(out, "; mode=",
             decision->policy->traits.mode == MODE_REPORT ? STR("report") : STR("enforce"));
    }
    if (verdict->rule) {
        buf_add(out, STR("; rule="));
        buf_add_u64(out, verdict->rule->index + 1u);
    }
    if (decision->route)
        item(out, "; route=", decision->route->name);
    if (decision->cause)
        item(out, "; cause=", http_causes[decision->cause].word);
    buf_add(out, STR("\r\n"));
}
