/* Reads resolv.conf's words about searching, and walks the list. */
#include "corsd/net/search.h"

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The next word of *rest, cut off it; empty at the end. */
static struct str next_word(struct str *rest)
{
    size_t from = 0, to;
    while (from < rest->n && is_space(rest->p[from]))
        from++;
    for (to = from; to < rest->n && !is_space(rest->p[to]);)
        to++;
    struct str word = {rest->p + from, to - from};
    *rest = str_from(*rest, to);
    return word;
}

static void add_domain(struct search *search, size_t *used, struct str domain)
{
    if (domain.n && domain.p[domain.n - 1] == '.')
        domain.n--;
    if (!domain.n || domain.n > DNS_NAME_MAX || search->n == SEARCH_DOMAINS_MAX ||
        domain.n + 1 > sizeof search->text - *used || memchr(domain.p, 0, domain.n))
        return;
    search->from[search->n++] = (uint16_t)*used;
    memcpy(search->text + *used, domain.p, domain.n);
    search->text[*used + domain.n] = 0;
    *used += domain.n + 1;
}

static void read_domains(struct search *search, struct str list, size_t max)
{
    size_t used = 0;
    search->n = 0;
    for (struct str word; max-- && (word = next_word(&list)).n;)
        add_domain(search, &used, word);
}

static void read_options(struct search *search, struct str list)
{
    uint64_t ndots;
    for (struct str word; (word = next_word(&list)).n;)
        if (str_starts(word, STR("ndots:")) && str_to_u64(str_from(word, 6), &ndots))
            search->ndots = (uint8_t)(ndots < NDOTS_MAX ? ndots : NDOTS_MAX);
}

void search_read(struct search *out, struct str resolv_conf, const struct search_words *words)
{
    *out = (struct search){.ndots = 1};
    bool named = false;
    while (resolv_conf.n) {
        struct str line = str_cut(&resolv_conf, '\n');
        struct str word = next_word(&line);
        bool domain = str_eq(word, STR("domain")), search = str_eq(word, STR("search"));
        if (domain || search) { /* the last of them holds */
            read_domains(out, line, domain ? 1 : SEARCH_DOMAINS_MAX);
            named = true;
        } else if (str_eq(word, STR("options")))
            read_options(out, line);
    }
    size_t dot = str_find(words->hostname, '.');
    if (words->localdomain.n)
        read_domains(out, words->localdomain, SEARCH_DOMAINS_MAX);
    else if (!named)
        read_domains(out, str_from(words->hostname, dot + 1), 1);
    read_options(out, words->res_options);
}

static size_t dots_in(struct str host)
{
    size_t dots = 0;
    for (size_t i = 0; i < host.n; i++)
        dots += host.p[i] == '.';
    return dots;
}

static bool join(struct str host, struct str domain, char out[DNS_NAME_MAX + 1])
{
    size_t n = host.n + (domain.n ? domain.n + 1 : 0);
    if (n > DNS_NAME_MAX)
        return false;
    memcpy(out, host.p, host.n);
    if (domain.n) {
        out[host.n] = '.';
        memcpy(out + host.n + 1, domain.p, domain.n);
    }
    out[n] = 0;
    return true;
}

bool search_next(const struct search *search, struct str host, size_t *at,
                 char out[DNS_NAME_MAX + 1])
{
    bool rooted = host.n && host.p[host.n - 1] == '.';
    size_t n = rooted ? 0 : search->n;
    size_t itself = rooted || dots_in(host) >= search->ndots ? 0 : n; /* its place in the order */
    if (rooted)
        host.n--;
    while (host.n && *at <= n) {
        size_t place = (*at)++;
        struct str domain = {0};
        if (place != itself)
            domain = str_of(search->text + search->from[place - (place > itself)]);
        if (join(host, domain, out))
            return true;
    }
    return false;
}
