/* Elements parted by commas, pairs by semicolons; one spelling, nothing repaired. */
#include "corsd/http/forwarded.h"
#include "corsd/http/fields.h"

enum { INET6_TEXT = 46 }; /* the longest address in text */

/* --- nodes ------------------------------------------------------------------------------------ */

/* RFC 7239 §6: 1*5DIGIT or an obfuscated one, which begins with an underscore. */
static bool is_obfuscated(struct str text)
{
    for (size_t i = 1; i < text.n; i++)
        if (!ascii_is_alpha(text.p[i]) && !ascii_is_digit(text.p[i]) && !strchr("._-", text.p[i]))
            return false;
    return text.n > 1 && text.p[0] == '_';
}

static bool is_port(struct str text)
{
    uint64_t port;
    return is_obfuscated(text) || (text.n <= 5 && str_to_u64(text, &port));
}

/* Where the port's colon stands, or node.n. An IPv6 address without brackets has none. */
static size_t port_at(struct str node)
{
    size_t close = node.n && node.p[0] == '[' ? str_find(node, ']') : 0;
    size_t colon = close + str_find(str_from(node, close), ':');
    bool bare = !close && colon < node.n && str_rfind(node, ':') != colon;
    return bare ? node.n : colon;
}

/* Before the port, and the port's word. False where a colon is followed by no port. */
static bool split_port(struct str node, struct str *name)
{
    size_t at = port_at(node);
    *name = str_head(node, at);
    return at == node.n || is_port(str_from(node, at + 1));
}

bool node_address(struct str node, struct str *ip, struct address *out)
{
    struct str name;
    struct address address;
    if (!split_port(node, &name) || !address_of_ip(name, 0, &address))
        return false;
    *ip = name.p[0] == '[' ? (struct str){name.p + 1, name.n - 2} : name;
    *out = address;
    return true;
}

/* RFC 7239 §6: IPv6 in brackets only. */
static bool is_node(struct str node)
{
    struct str name, ip;
    struct address address;
    if (!split_port(node, &name))
        return false;
    if (str_eq_nocase(name, STR("unknown")) || is_obfuscated(name))
        return true;
    return node_address(node, &ip, &address) && (name.p[0] == '[') == (str_find(ip, ':') < ip.n);
}

/* --- elements --------------------------------------------------------------------------------- */

/* Takes a token off *rest; empty where none stands there. */
static struct str take_token(struct str *rest)
{
    size_t n = 0;
    while (n < rest->n && is_tchar(rest->p[n]))
        n++;
    struct str token = str_head(*rest, n);
    *rest = str_from(*rest, n);
    return token;
}

/* A token or a quoted string, whose inside is given. An escape is taken in words nobody reads. */
static bool take_value(struct str *rest, struct str *out, bool *escaped)
{
    *escaped = false;
    if (!rest->n || rest->p[0] != '"') {
        *out = take_token(rest);
        return out->n > 0;
    }
    size_t i = 1;
    for (; i < rest->n && rest->p[i] != '"'; i++)
        if (rest->p[i] == '\\') {
            *escaped = true;
            i++;
        }
    if (i >= rest->n)
        return false;
    *out = (struct str){rest->p + 1, i - 1};
    *rest = str_from(*rest, i + 1);
    return true;
}

/* Each may stand there once. NULL: a word that is not ours. */
static struct str *place_of_name(struct forwarded_hop *element, struct str *by, struct str name)
{
    if (str_eq_nocase(name, STR("for")))
        return &element->node;
    if (str_eq_nocase(name, STR("host")))
        return &element->host;
    if (str_eq_nocase(name, STR("proto")))
        return &element->proto;
    return str_eq_nocase(name, STR("by")) ? by : NULL;
}

/* token=value */
static bool take_pair(struct str *rest, struct forwarded_hop *element, struct str *by)
{
    struct str name = take_token(rest), value;
    bool escaped;
    if (!name.n || !rest->n || rest->p[0] != '=')
        return false;
    *rest = str_from(*rest, 1);
    if (!take_value(rest, &value, &escaped))
        return false;
    struct str *place = place_of_name(element, by, name);
    if (!place)
        return true;
    if (place->p || escaped || !value.n)
        return false;
    *place = value;
    return true;
}

static struct str skip_blanks(struct str rest)
{
    size_t n = 0;
    while (n < rest.n && (rest.p[n] == ' ' || rest.p[n] == '\t'))
        n++;
    return str_from(rest, n);
}

static bool holds(const struct forwarded_hop *element, struct str by)
{
    return (!element->node.p || is_node(element->node)) && (!by.p || is_node(by)) &&
           (!element->proto.p || is_token(element->proto));
}

/* Pairs up to the comma or the end (RFC 7239 §4: no blanks within). */
static bool take_element(struct str *rest, struct forwarded_hop *element)
{
    struct str by = {0};
    for (;;) {
        if (rest->n && is_tchar(rest->p[0]) && !take_pair(rest, element, &by))
            return false;
        if (!rest->n || rest->p[0] != ';')
            break;
        *rest = str_from(*rest, 1);
    }
    *rest = skip_blanks(*rest);
    return (!rest->n || rest->p[0] == ',') && holds(element, by);
}

enum forwarded_result forwarded_next(struct str *rest, struct forwarded_hop *out)
{
    struct forwarded_hop element = {0};
    *rest = skip_blanks(*rest);
    while (rest->n && rest->p[0] == ',') /* RFC 9110 §5.6.1: empty members do not count */
        *rest = skip_blanks(str_from(*rest, 1));
    if (!rest->n)
        return FORWARDED_END;
    if (!take_element(rest, &element))
        return FORWARDED_FAULT;
    *out = element;
    return FORWARDED_ELEMENT;
}

/* --- writing ---------------------------------------------------------------------------------- */

static void add_pair(struct buf *out, struct str name, struct str value)
{
    bool quoted = !is_token(value);
    if (!value.n)
        return;
    buf_add(out, name);
    buf_add(out, quoted ? STR("=\"") : STR("="));
    buf_add(out, value);
    buf_add(out, quoted ? STR("\"") : STR(""));
}

void forwarded_add(struct buf *out, struct str ip, struct str host, struct str proto)
{
    char text[INET6_TEXT + 2];
    struct buf node = {.p = text, .cap = sizeof text, .max = sizeof text};
    struct address address;
    bool known = ip.n < INET6_TEXT && address_of_ip(ip, 0, &address), v6 = str_find(ip, ':') < ip.n;
    buf_add(&node, known && v6 ? STR("[") : STR(""));
    buf_add(&node, known ? ip : STR("unknown"));
    buf_add(&node, known && v6 ? STR("]") : STR(""));
    add_pair(out, STR("for"), buf_str(&node));
    add_pair(out, STR(";host"), host);
    add_pair(out, STR(";proto"), proto);
}
