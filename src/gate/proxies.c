/* The chain of proxies from left to right: what stands left of somebody untrusted is forgotten. */
#include "corsd/gate/proxies.h"
#include "corsd/gate/request.h"
#include "corsd/http/forwarded.h"

/* What a chain says so far. */
struct word {
    bool any;
    struct str client, host, proto;
};

static struct str scheme_of(struct str text)
{
    static const struct str schemes[] = {STR_INIT("https"), STR_INIT("http")};
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
        if (str_eq_nocase(text, schemes[i]))
            return schemes[i];
    return (struct str){0};
}

static struct str host_of(struct str text)
{
    struct authority authority;
    return authority_parse(text, &authority) ? text : (struct str){0};
}

/* The next hop to the right. Its neighbour further right is trusted, or is looked at next, and then
 * makes this one forgotten. A hop without an address is a client nobody can name: then the proxy
 * that spoke to it stands for it. */
static void add_hop(const struct plan *plan, struct word *word, const struct forwarded_hop *hop)
{
    struct str ip;
    struct address address;
    bool known = node_address(hop->node, &ip, &address);
    if (known && word->any && plan_trusts(plan, (const struct sockaddr *)&address.at)) {
        if (!word->client.n)
            word->client = ip;
        return;
    }
    *word = (struct word){true, known ? ip : (struct str){0}, host_of(hop->host),
                          scheme_of(hop->proto)};
}

/* False: malformed, so nothing of it is anybody's word. */
static bool read_forwarded(const struct plan *plan, const struct head *head, struct word *word)
{
    const struct field *field = head_field(head, FIELD_FORWARDED);
    for (; field; field = head_next(head, field)) {
        struct str rest = field->value;
        struct forwarded_hop element;
        enum forwarded_result result;
        while ((result = forwarded_next(&rest, &element)) == FORWARDED_ELEMENT)
            add_hop(plan, word, &element);
        if (result == FORWARDED_FAULT)
            return false;
    }
    return true;
}

/* The value of a field that has to be alone. */
static struct str sole_value(const struct head *head, enum field_id id)
{
    return head_count(head, id) == 1 ? head_value(head, id) : (struct str){0};
}

static struct str last_item(struct str *rest)
{
    size_t comma = str_rfind(*rest, ',');
    struct str item = comma < rest->n ? str_from(*rest, comma + 1) : *rest;
    rest->n = comma < rest->n ? comma : 0;
    return str_trim(item);
}

/* The next hop to the left; false: nobody's word stands left of it. An attacker's long chain costs
 * one look: a proxy appends who spoke to it. */
static bool add_left_hop(const struct plan *plan, struct word *word, struct str node)
{
    struct str ip;
    struct address address;
    word->any = true;
    if (!node_address(node, &ip, &address))
        return false;
    word->client = ip;
    return plan_trusts(plan, (const struct sockaddr *)&address.at);
}

static void read_x(const struct plan *plan, const struct head *head, struct word *word)
{
    bool believed = true;
    for (size_t i = head->n; believed && head_has(head, FIELD_X_FORWARDED_FOR) && i-- > 0;) {
        struct str rest = head->fields[i].value;
        if (head->fields[i].id != FIELD_X_FORWARDED_FOR)
            continue;
        while (believed && rest.n) {
            struct str node = last_item(&rest);
            if (node.n)
                believed = add_left_hop(plan, word, node);
        }
    }
    word->host = host_of(sole_value(head, FIELD_X_FORWARDED_HOST));
    word->proto = scheme_of(sole_value(head, FIELD_X_FORWARDED_PROTO));
    word->any = word->any || word->host.n || word->proto.n;
}

static bool same(struct str a, struct str b)
{
    return !a.n || !b.n || str_eq_nocase(a, b);
}

static bool agree(const struct word *x, const struct word *rfc7239)
{
    return !x->any || !rfc7239->any ||
           (str_eq_nocase(x->client, rfc7239->client) && same(x->host, rfc7239->host) &&
            same(x->proto, rfc7239->proto));
}

static struct str either(struct str a, struct str b)
{
    return a.n ? a : b;
}

void gate_proxies(const struct plan *plan, const struct peer *peer, const struct head *head,
                  struct proxies *out)
{
    struct word x = {0}, rfc7239 = {0};
    bool reads_x = plan->forwarded != FORWARDED_RFC7239, reads_rfc7239 = false, holds = true;
    *out = (struct proxies){0};
    if (!peer->trusted)
        return;
    if (reads_x)
        read_x(plan, head, &x);
    if (plan->forwarded == FORWARDED_RFC7239 || plan->forwarded == FORWARDED_BOTH) {
        reads_rfc7239 = true;
        holds = read_forwarded(plan, head, &rfc7239);
    }
    if (!holds || !agree(&x, &rfc7239))
        return;
    *out = (struct proxies){
        .x = reads_x,
        .rfc7239 = reads_rfc7239,
        .client = either(x.client, rfc7239.client),
        .host = either(x.host, rfc7239.host),
        .proto = either(x.proto, rfc7239.proto),
    };
}
