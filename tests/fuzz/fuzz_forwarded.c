/* Laws of Forwarded: read from memory of exactly its size; what was read is written so that it
 * reads the same; and a value in two fields, cut between two elements, says the same as in one. */
#include "corsd/http/forwarded.h"
#include "law.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HOPS_MAX = 64 };

static bool same(const struct forwarded_hop *a, const struct forwarded_hop *b)
{
    return str_eq(a->node, b->node) && str_eq(a->host, b->host) && str_eq(a->proto, b->proto);
}

/* The elements up to the end, a fault, or as many as there is room for. */
static enum forwarded_result read_all(struct str value, struct forwarded_hop hops[HOPS_MAX],
                                      size_t *n)
{
    enum forwarded_result result = FORWARDED_ELEMENT;
    for (*n = 0; *n < HOPS_MAX; ++*n)
        if ((result = forwarded_next(&value, &hops[*n])) != FORWARDED_ELEMENT)
            break;
    return result;
}

static void check_cuts(struct str value, const struct forwarded_hop *hops, size_t n)
{
    struct str rest = value;
    struct forwarded_hop hop, again[HOPS_MAX];
    for (size_t i = 0; i < n; i++) {
        LAW(forwarded_next(&rest, &hop) == FORWARDED_ELEMENT && same(&hop, &hops[i]));
        size_t before, behind;
        struct str first = str_head(value, value.n - rest.n);
        LAW(read_all(first, again, &before) == FORWARDED_END && before == i + 1);
        LAW(same(&again[i], &hop));
        LAW(read_all(rest, again, &behind) == FORWARDED_END && behind == n - i - 1);
    }
}

static bool is_plain(struct str text)
{
    return !memchr(text.p ? text.p : "", '"', text.n) &&
           !memchr(text.p ? text.p : "", '\\', text.n);
}

static void check_written(const struct forwarded_hop *hop)
{
    struct str ip;
    struct address address;
    struct buf out = BUF_INIT(1 << 16);
    struct forwarded_hop again[HOPS_MAX];
    size_t n;
    if (!node_address(hop->node, &ip, &address) || !is_plain(hop->host))
        return;
    forwarded_add(&out, ip, hop->host, hop->proto);
    LAW(!out.failed && read_all(buf_str(&out), again, &n) == FORWARDED_END && n == 1);
    struct str read;
    struct address there;
    LAW(node_address(again[0].node, &read, &there) && str_eq(read, ip) &&
        address_eq(&there, &address));
    LAW(str_eq(again[0].host, hop->host) && str_eq(again[0].proto, hop->proto));
    buf_finish(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct forwarded_hop hops[HOPS_MAX];
    size_t n;
    char *bytes = malloc(size ? size : 1);
    LAW(bytes);
    if (size)
        memcpy(bytes, data, size);
    struct str value = {bytes, size};
    if (read_all(value, hops, &n) == FORWARDED_END) {
        check_cuts(value, hops, n);
        for (size_t i = 0; i < n; i++)
            check_written(&hops[i]);
    }
    free(bytes);
    return 0;
}
