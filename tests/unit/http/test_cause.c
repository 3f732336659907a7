#include <criterion/criterion.h>
#include "corsd/http/cause.h"
#include "corsd/http/fields.h"

Test(cause, every_row_is_fit_to_be_said)
{
    for (int i = 0; i < CAUSE_COUNT; i++) {
        const struct http_cause_row *row = &http_causes[i];
        cr_expect(is_token(row->word), "%d: a log word and a metric's label", i);
        cr_expect_gt(row->prose.n, 0, "%s", row->word.p);
        cr_expect_neq(row->prose.p[row->prose.n - 1], '.', "%s: no final dot", row->word.p);
        cr_expect(row->status == 0 || (row->status >= 400 && row->status < 600), "%s", row->word.p);
        if (row->status)
            cr_expect_not(str_eq(http_reason_phrase(row->status), STR("Unknown")), "%s: %u",
                          row->word.p, row->status);
        for (int j = 0; j < i; j++)
            cr_expect_not(str_eq(row->word, http_causes[j].word), "%s twice", row->word.p);
    }
}

Test(cause, statuses_of_preflights_have_phrases)
{
    cr_expect(str_eq(http_reason_phrase(200), STR("OK")));
    cr_expect(str_eq(http_reason_phrase(202), STR("Accepted")));
    cr_expect(str_eq(http_reason_phrase(204), STR("No Content")));
    cr_expect(str_eq(http_reason_phrase(299), STR("Unknown")));
}
