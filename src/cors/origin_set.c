/* A perfect hash of keys made of a tag and a text. Each key has its own slot, so a look-up is one
 * hash and one comparison, however many keys there are (hash and displace: Belazzougui, Botelho,
 * Dietzfelbinger, 2009). */
#include "corsd/cors/origin_set.h"
#include <stdlib.h>
#include <sys/random.h>
#define XXH_INLINE_ALL
#include <xxhash.h>
#include "corsd/base/buf.h"
#include "corsd/cors/origin.h"
#include "corsd/cors/pattern.h"
#include "corsd/cors/public_suffix.h"
#include "host.h"

/* What a key says beside its text: the kind, and for all but whole origins scheme and port. */
enum key_kind {
    KEY_ORIGIN, /* text: the whole origin; the tag is 0 */
    KEY_HOST,   /* text: the host; the port is any */
    KEY_LABELS, /* text: the domain behind "*." */
    KEY_PART,   /* text: "pr-*.example.com" */
    KEY_KINDS,
};
enum {
    TAG_KIND = 20, /* shift */
    TAG_HTTPS = 1 << 19,
    TAG_UNBOUNDED = 1 << 18, /* need not be kept within a registrable domain */
    TAG_ANY_PORT = 1 << 17,
    TAG_PORT_MASK = 0xffff,
    TAG_EMPTY = -1, /* of a slot that no key has */
    VARIANTS = 4,   /* of TAG_UNBOUNDED and TAG_ANY_PORT */
    DEPTHS = 64,
    TEXTS_MAX = 1 << 30,
    DISPLACEMENTS_MAX = UINT16_MAX,
    SEEDS_MAX = 16,
};

struct entry {
    uint32_t tag;
    uint32_t at; /* of the text in `texts` */
    uint16_t n;
    uint16_t rule;
};

/* While keys are added: all of them in order, found by open addressing. */
struct draft {
    struct entry *entries;
    size_t n, cap;
    uint32_t *index; /* number of the entry + 1; 0: free */
    size_t index_size; /* a power of two, at least twice n */
};

struct origin_set {
    uint64_t seed;
    struct entry *slots; /* after sealing */
    uint16_t *displacements;
    uint32_t n_slots, n_buckets;
    size_t n;
    struct buf texts;
    uint16_t longest;         /* of the texts */
    uint16_t first_wild_rule; /* lowest rule of a key that is no whole origin */
    uint16_t n_rules;
    uint8_t variants[KEY_KINDS]; /* bits: those of the four variants of a tag in use */
    uint64_t depths;             /* bit n: a KEY_LABELS text has n labels; the last bit: or more */
    uint64_t
        shapes[LABEL_MAX + 1]; /* bit t of [h]: a KEY_PART has a head of h bytes, a tail of t */
    uint8_t *reached;               /* bytes by rule */
    struct public_suffixes *suffixes;
    struct draft draft;
};

/* --- keys ------------------------------------------------------------------------------------- */

static uint64_t key_hash(uint64_t seed, uint32_t tag, struct str text)
{
    return XXH3_64bits_withSeed(text.p, text.n, seed + tag * UINT64_C(0x9e3779b97f4a7c15));
}

static bool key_is(const struct origin_set *set, const struct entry *entry, uint32_t tag,
                   struct str text)
{
    return entry->tag == tag && entry->n == text.n &&
           memcmp(set->texts.p + entry->at, text.p, text.n) == 0;
}

static uint32_t scheme_bit(struct str scheme)
{
    return scheme.n == 5 ? TAG_HTTPS : 0; /* http or https */
}

static uint32_t pattern_tag(const struct origin_set *set, const struct pattern *pattern,
                            bool unbounded)
{
    static const uint32_t kinds[] = {
        [PATTERN_NULL_ORIGIN] = KEY_ORIGIN, [PATTERN_EXACT] = KEY_ORIGIN,
        [PATTERN_ANY_PORT] = KEY_HOST, [PATTERN_LABELS] = KEY_LABELS, [PATTERN_PART] = KEY_PART,
    };
    uint32_t kind = kinds[pattern->kind];
    if (kind == KEY_ORIGIN)
        return 0;
    if (kind != KEY_HOST && set->suffixes && !unbounded)
        unbounded = !public_suffix_may_lie_below(set->suffixes, pattern->host);
    return kind << TAG_KIND | scheme_bit(pattern->scheme) |
           (unbounded && kind != KEY_HOST ? TAG_UNBOUNDED : 0) |
           (pattern->any_port ? TAG_ANY_PORT : pattern->port);
}

static struct str pattern_key(const struct pattern *pattern)
{
    switch (pattern->kind) {
    case PATTERN_ANY_PORT:
    case PATTERN_LABELS: return pattern->host;
    case PATTERN_PART: { /* head, "*", tail, ".", host lie in the text one behind the other */
        const char *from = pattern->head.p;
        return (struct str){from, (size_t)(pattern->host.p + pattern->host.n - from)};
    }
    default: return pattern->text;
    }
}

/* Labels of a domain; a final dot is none. */
static unsigned depth_of(struct str domain)
{
    unsigned depth = 1;
    for (size_t i = 0; i + 1 < domain.n; i++)
        depth += domain.p[i] == '.';
    return depth < DEPTHS ? depth : DEPTHS - 1;
}

/* --- adding ----------------------------------------------------------------------------------- */

struct origin_set *origin_set_create(const struct public_suffixes *suffixes)
{
    struct origin_set *set = calloc(1, sizeof *set);
    if (!set)
        return NULL;
    set->texts = BUF_INIT(TEXTS_MAX);
    set->first_wild_rule = ORIGIN_SET_NO_RULE;
    set->suffixes = public_suffixes_ref(suffixes);
    if (getrandom(&set->seed, sizeof set->seed, GRND_NONBLOCK) != sizeof set->seed)
        set->seed = (uintptr_t)set; /* early at boot: no secret, and no harm, for keys are ours */
    return set;
}

static void draft_finish(struct draft *draft)
{
    free(draft->entries);
    free(draft->index);
    *draft = (struct draft){0};
}

void origin_set_destroy(struct origin_set *set)
{
    if (!set)
        return;
    draft_finish(&set->draft);
    free(set->slots);
    free(set->displacements);
    free(set->reached);
    buf_finish(&set->texts);
    public_suffixes_unref(set->suffixes);
    free(set);
}

static struct str entry_text(const struct origin_set *set, const struct entry *entry)
{
    return (struct str){set->texts.p + entry->at, entry->n};
}

/* The place of this key in the index: its own, or the free one where it belongs. */
static uint32_t *draft_place(const struct origin_set *set, uint32_t tag, struct str text)
{
    const struct draft *draft = &set->draft;
    size_t mask = draft->index_size - 1;
    size_t i = key_hash(set->seed, tag, text) & mask;
    while (draft->index[i] && !key_is(set, &draft->entries[draft->index[i] - 1], tag, text))
        i = (i + 1) & mask;
    return &draft->index[i];
}

static bool draft_grow(struct origin_set *set)
{
    struct draft *draft = &set->draft;
    if (draft->n < draft->cap)
        return true;
    size_t cap = draft->cap ? draft->cap * 2 : 16;
    struct entry *entries = realloc(draft->entries, cap * sizeof *entries);
    if (!entries)
        return false;
    draft->entries = entries;
    uint32_t *index = calloc(cap * 2, sizeof *index);
    if (!index)
        return false;
    free(draft->index);
    draft->index = index;
    draft->index_size = cap * 2;
    draft->cap = cap;
    for (size_t i = 0; i < draft->n; i++)
        *draft_place(set, entries[i].tag, entry_text(set, &entries[i])) = (uint32_t)i + 1;
    return true;
}

/* What a look-up may skip, it knows by these. */
static void note_shape(struct origin_set *set, const struct pattern *pattern, uint32_t tag,
                       uint16_t rule)
{
    uint32_t kind = tag >> TAG_KIND;
    if (kind == KEY_ORIGIN)
        return;
    if (rule < set->first_wild_rule)
        set->first_wild_rule = rule;
    set->variants[kind] |= (uint8_t)(1 << (tag / TAG_ANY_PORT % VARIANTS));
    if (kind == KEY_LABELS)
        set->depths |= UINT64_C(1) << depth_of(pattern->host);
    if (kind == KEY_PART)
        set->shapes[pattern->head.n] |= UINT64_C(1) << pattern->tail.n;
}

enum origin_set_added origin_set_add(struct origin_set *set, const struct pattern *pattern,
                                     uint16_t rule, bool unbounded, uint16_t *earlier)
{
    if (pattern->kind == PATTERN_ANY_ORIGIN)
        return ORIGIN_SET_ADDED;
    struct str text = pattern_key(pattern);
    uint32_t tag = pattern_tag(set, pattern, unbounded);
    struct draft *draft = &set->draft;
    if (!draft_grow(set))
        return ORIGIN_SET_NO_MEMORY;
    uint32_t *place = draft_place(set, tag, text);
    if (*place) {
        *earlier = draft->entries[*place - 1].rule;
        return ORIGIN_SET_TWICE;
    }
    size_t at = set->texts.n;
    if (draft->n >= UINT32_MAX / 4 || !buf_add(&set->texts, text))
        return ORIGIN_SET_NO_MEMORY;
    draft->entries[draft->n++] = (struct entry){tag, (uint32_t)at, (uint16_t)text.n, rule};
    *place = (uint32_t)draft->n;
    if (text.n > set->longest)
        set->longest = (uint16_t)text.n;
    if (rule >= set->n_rules)
        set->n_rules = (uint16_t)(rule + 1);
    note_shape(set, pattern, tag, rule);
    return ORIGIN_SET_ADDED;
}

/* --- sealing ---------------------------------------------------------------------------------- */

static uint32_t reduce(uint32_t hash, uint32_t n) /* to 0 … n - 1 */
{
    return (uint32_t)((uint64_t)hash * n >> 32);
}

static uint32_t bucket_of(const struct origin_set *set, uint64_t hash)
{
    return reduce((uint32_t)hash, set->n_buckets);
}

static uint32_t slot_of(const struct origin_set *set, uint64_t hash, uint16_t displacement)
{
    uint64_t mixed =
        (hash ^ displacement * UINT64_C(0x9e3779b97f4a7c15)) * UINT64_C(0xd6e8feb86659fd93);
    return reduce((uint32_t)(mixed >> 32), set->n_slots);
}

struct packing { /* of n keys in buckets, the fullest first */
    uint64_t *hashes;  /* by entry */
    uint32_t *members; /* entries, bucket by bucket */
    uint32_t *starts;  /* by bucket: its first in members; one more at the end */
    uint32_t *order;   /* buckets by falling size */
};

static bool packing_init(struct packing *packing, const struct origin_set *set)
{
    size_t n = set->draft.n, buckets = set->n_buckets;
    *packing = (struct packing){
        .hashes = malloc((n + 1) * sizeof *packing->hashes),
        .members = malloc((n + 1) * sizeof *packing->members),
        .starts = calloc(buckets + 2, sizeof *packing->starts),
        .order = malloc(buckets * sizeof *packing->order),
    };
    return packing->hashes && packing->members && packing->starts && packing->order;
}

static void packing_finish(struct packing *packing)
{
    free(packing->hashes);
    free(packing->members);
    free(packing->starts);
    free(packing->order);
}

static uint32_t bucket_size(const struct packing *packing, uint32_t bucket)
{
    return packing->starts[bucket + 1] - packing->starts[bucket];
}

static void fill_buckets(struct packing *packing, const struct origin_set *set)
{
    const struct draft *draft = &set->draft;
    uint32_t *fill = packing->starts + 1; /* counts, then ends, one bucket further on */
    memset(packing->starts, 0, (set->n_buckets + 2) * sizeof *packing->starts);
    for (size_t i = 0; i < draft->n; i++) {
        const struct entry *entry = &draft->entries[i];
        packing->hashes[i] = key_hash(set->seed, entry->tag, entry_text(set, entry));
        fill[bucket_of(set, packing->hashes[i]) + 1]++;
    }
    for (uint32_t b = 0; b < set->n_buckets; b++)
        fill[b + 1] += fill[b];
    for (size_t i = 0; i < draft->n; i++)
        packing->members[fill[bucket_of(set, packing->hashes[i])]++] = (uint32_t)i;
}

/* Buckets by falling size: there are few sizes, so each is a pass. */
static uint32_t order_buckets(struct packing *packing, const struct origin_set *set)
{
    uint32_t largest = 0, n = 0;
    for (uint32_t b = 0; b < set->n_buckets; b++)
        if (bucket_size(packing, b) > largest)
            largest = bucket_size(packing, b);
    for (uint32_t size = largest; size; size--)
        for (uint32_t b = 0; b < set->n_buckets; b++)
            if (bucket_size(packing, b) == size)
                packing->order[n++] = b;
    return n;
}

/* Puts all of a bucket in free slots, or none of it. */
static bool place_bucket(struct origin_set *set, const struct packing *packing, uint32_t bucket,
                         uint16_t displacement)
{
    uint32_t from = packing->starts[bucket], to = packing->starts[bucket + 1], i = from;
    for (; i < to; i++) {
        uint32_t member = packing->members[i];
        struct entry *slot = &set->slots[slot_of(set, packing->hashes[member], displacement)];
        if (slot->tag != (uint32_t)TAG_EMPTY)
            break;
        *slot = set->draft.entries[member];
    }
    if (i == to)
        return true;
    while (i-- > from)
        set->slots[slot_of(set, packing->hashes[packing->members[i]], displacement)].tag =
            (uint32_t)TAG_EMPTY;
    return false;
}

static bool place_all(struct origin_set *set, struct packing *packing)
{
    for (uint32_t i = 0; i < set->n_slots; i++)
        set->slots[i].tag = (uint32_t)TAG_EMPTY;
    fill_buckets(packing, set);
    uint32_t n = order_buckets(packing, set);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t bucket = packing->order[i], displacement = 0;
        while (!place_bucket(set, packing, bucket, (uint16_t)displacement))
            if (++displacement > DISPLACEMENTS_MAX)
                return false;
        set->displacements[bucket] = (uint16_t)displacement;
    }
    return true;
}

static bool pack(struct origin_set *set)
{
    struct packing packing = {0};
    bool ok = false;
    set->n = set->draft.n;
    set->n_slots = (uint32_t)(set->n + set->n / 4 + 1);
    set->n_buckets = (uint32_t)(set->n / 4 + 1);
    set->slots = malloc(set->n_slots * sizeof *set->slots);
    set->displacements = calloc(set->n_buckets, sizeof *set->displacements);
    if (!set->slots || !set->displacements || !packing_init(&packing, set))
        goto out;
    /* A seed under which some bucket finds no place is as rare as two equal 64-bit hashes. */
    for (int tries = 0; tries < SEEDS_MAX && !ok; tries++) {
        set->seed = set->seed * UINT64_C(0xd6e8feb86659fd93) + 1;
        ok = place_all(set, &packing);
    }
out:
    packing_finish(&packing);
    return ok;
}

/* --- look-up ---------------------------------------------------------------------------------- */

static const struct entry *find_key(const struct origin_set *set, uint32_t tag, struct str text)
{
    if (text.n > set->longest)
        return NULL;
    uint64_t hash = key_hash(set->seed, tag, text);
    uint16_t displacement = set->displacements[bucket_of(set, hash)];
    const struct entry *entry = &set->slots[slot_of(set, hash, displacement)];
    return key_is(set, entry, tag, text) ? entry : NULL;
}

struct search { /* of one origin among the wildcards */
    const struct origin_set *set;
    struct str host;
    uint32_t scheme, port; /* as in a tag */
    uint32_t required;     /* bits of the variants that count: 0 for an origin */
    uint16_t best;
};

/* One text under each variant of the tag in use. `domain` is what stands behind the wildcard, empty
 * for a whole host. */
static void try_key(struct search *search, enum key_kind kind, struct str text, struct str domain)
{
    const struct origin_set *set = search->set;
    for (uint32_t variant = 0; variant < VARIANTS; variant++) {
        if (!(set->variants[kind] >> variant & 1))
            continue;
        uint32_t tag = (uint32_t)kind << TAG_KIND | search->scheme | variant * TAG_ANY_PORT;
        if ((tag & search->required) != search->required)
            continue;
        if (!(tag & TAG_ANY_PORT))
            tag |= search->port;
        const struct entry *entry = find_key(set, tag, text);
        if (!entry || entry->rule >= search->best)
            continue;
        if (domain.n && !(tag & TAG_UNBOUNDED) && set->suffixes &&
            !public_suffix_same_site(set->suffixes, search->host, domain))
            continue;
        search->best = entry->rule;
    }
}

/* Whole labels: each suffix of the host that has as many labels as some pattern. */
static void try_labels(struct search *search)
{
    struct str host = search->host;
    unsigned depth = 1;
    for (size_t i = host.n - 1; i-- > 1;) {
        if (host.p[i] != '.')
            continue;
        if (search->set->depths >> depth & 1) {
            struct str domain = str_from(host, i + 1);
            try_key(search, KEY_LABELS, domain, domain);
        }
        depth += depth < DEPTHS - 1;
    }
}

/* Parts: each way to cut the leftmost label that some pattern has. */
static void try_parts(struct search *search)
{
    char bytes[HOST_MAX + 4];
    struct str host = search->host;
    size_t dot = str_find(host, '.');
    if (dot > LABEL_MAX || dot + 1 >= host.n)
        return;
    struct str rest = str_from(host, dot);
    for (size_t head = 0; head < dot; head++) {
        uint64_t tails = search->set->shapes[head];
        if (!tails || (head && host.p[head - 1] != '-'))
            continue;
        memcpy(bytes, host.p, head);
        bytes[head] = '*';
        for (; tails; tails &= tails - 1) {
            size_t tail = (size_t)__builtin_ctzll(tails);
            if (head + tail >= dot || (tail && host.p[dot - tail] != '-'))
                continue;
            memcpy(bytes + head + 1, host.p + dot - tail, tail + rest.n);
            try_key(search, KEY_PART, (struct str){bytes, head + 1 + tail + rest.n},
                    str_from(rest, 1));
        }
    }
}

static uint16_t search_wildcards(struct search *search)
{
    const struct origin_set *set = search->set;
    if (set->variants[KEY_HOST])
        try_key(search, KEY_HOST, search->host, (struct str){NULL, 0});
    if (set->variants[KEY_PART])
        try_parts(search);
    if (set->depths)
        try_labels(search);
    return search->best;
}

/* The wildcards below rule `best` that match an origin. */
static uint16_t find_wild(const struct origin_set *set, struct str text, uint16_t best)
{
    struct origin origin;
    if (set->first_wild_rule >= best || origin_parse(text, &origin) != ORIGIN_OK ||
        !origin_default_port(origin.scheme))
        return best;
    struct search search = {
        .set = set,
        .host = origin.host,
        .scheme = scheme_bit(origin.scheme),
        .port = origin.port,
        .best = best,
    };
    return search_wildcards(&search);
}

uint16_t origin_set_find(const struct origin_set *set, struct str origin)
{
    const struct entry *entry = find_key(set, KEY_ORIGIN, origin);
    /* An exact entry already knows of the wildcards of earlier rules: see settle(). */
    return entry ? entry->rule : find_wild(set, origin, ORIGIN_SET_NO_RULE);
}

/* --- rules that never decide ------------------------------------------------------------------ */

/* The first rule that covers all of a wildcard key: looked up as if it were an origin, with a byte
 * that no host holds in the place of the star. */
static uint16_t find_cover(const struct origin_set *set, const struct entry *entry)
{
    char bytes[HOST_MAX + 4];
    struct str text = entry_text(set, entry);
    struct search search = {
        .set = set,
        .scheme = entry->tag & TAG_HTTPS,
        .port = entry->tag & TAG_PORT_MASK,
        .required = entry->tag & (TAG_ANY_PORT | TAG_UNBOUNDED),
        .best = entry->rule,
    };
    size_t n = 0;
    if (entry->tag >> TAG_KIND == KEY_LABELS) {
        memcpy(bytes, "\1.", 2);
        n = 2;
    }
    for (size_t i = 0; i < text.n && n < sizeof bytes; i++)
        bytes[n++] = text.p[i] == '*' ? '\1' : text.p[i];
    search.host = (struct str){bytes, n};
    return search_wildcards(&search);
}

/* Gives each exact entry the first rule that matches it, so that finding it ends the look-up, and
 * notes which rules decide for anything. */
static void settle(struct origin_set *set)
{
    for (uint32_t i = 0; i < set->n_slots; i++) {
        struct entry *entry = &set->slots[i];
        if (entry->tag == (uint32_t)TAG_EMPTY)
            continue;
        uint16_t rule = entry->tag ? find_cover(set, entry)
                                   : find_wild(set, entry_text(set, entry), entry->rule);
        set->reached[rule] = true;
        if (!entry->tag)
            entry->rule = rule;
    }
}

bool origin_set_seal(struct origin_set *set)
{
    set->reached = calloc((size_t)set->n_rules + 1, 1);
    if (!set->reached || !pack(set))
        return false;
    draft_finish(&set->draft);
    settle(set);
    return true;
}

bool origin_set_reaches(const struct origin_set *set, uint16_t rule)
{
    return rule < set->n_rules && set->reached[rule];
}

size_t origin_set_count(const struct origin_set *set)
{
    return set->n;
}
