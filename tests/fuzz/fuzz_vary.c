/* Vary merges by the laws of ../unit/cors/laws.h. The input is a byte of choices and then one Vary
 * value a line, such as the guard lets pass. */
#include <stdlib.h>
#include "../unit/cors/fixture.h"
#include "../unit/cors/laws.h"
#include "corsd/cors/headers.h"
#include "law.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct policy *policies[2];
    static struct sent before, after;
    struct field fields[FIELDS];
    struct str rest = {(const char *)data + 1, size - 1};
    struct buf none = {0}, out = BUF_INIT(1 << 20), again = BUF_INIT(1 << 20);
    size_t n = 0;
    if (!size)
        return 0;
    if (!policies[0]) {
        policies[0] = policy_of("origins=https://a.example", NULL, NULL);
        policies[1] = policy_of("origins=*", NULL, NULL);
    }
    const struct policy *policy = policies[data[0] & 1];
    bool preflight = data[0] & 2;
    while (rest.n && n < FIELDS) {
        struct str value = str_trim(str_cut(&rest, '\n'));
        if (is_field_value(value))
            fields[n++] = (struct field){STR("Vary"), value, FIELD_VARY, false};
    }
    LAW(read_sent(&none, fields, n, &before));
    cors_vary_line(&out, policy, preflight, fields, n);
    LAW(!out.failed && read_sent(&out, fields, n, &after));
    LAW(!broken_vary_law(policy, preflight, &before, &after));
    cors_vary_line(&again, policy, preflight, after.fields, after.n);
    LAW(!again.n); /* what was said needs no saying */
    buf_finish(&out);
    buf_finish(&again);
    return 0;
}
