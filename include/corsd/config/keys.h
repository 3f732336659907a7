/* The tables of keys: one row feeds the reader, the default, did-you-mean, `corsd show`, the JSON
 * Schema and the manual. Constant data. */
#pragma once
#include "corsd/config/written.h"

struct key;

/* What a type's JSON Schema, manual text and `show` are made after. */
enum shape {
    SHAPE_FLAG,
    SHAPE_CHOICE,
    SHAPE_CHOICES, /* a list of choices: a bit each */
    SHAPE_NUMBER,
    SHAPE_COUNT_OR_AUTO,
    SHAPE_DURATION,
    SHAPE_SIZE,
    SHAPE_FILE_MODE,
    SHAPE_TEXT,
    SHAPE_TEXTS,   /* a list of texts */
    SHAPE_PAIRS,   /* a map of names to texts */
    SHAPE_SECTION, /* a map of known keys */
    SHAPE_LIST,    /* of sections or lists: `item` */
    SHAPE_NAMED,   /* a map of names, each with an `item` */
    SHAPE_CORS,    /* off, a name, or an `item` */
};

struct value_type {
    const char *what; /* "a duration such as 10s": in messages and the manual */
    enum shape shape;
    /* Reads into the owner's field; false where something was reported. */
    bool (*read)(struct reading *reading, const struct key *key, const struct node *node,
                 void *into);
    const char *pattern; /* of a text, for the JSON Schema; NULL: any */
};

struct key {
    const char *name;
    const struct value_type *type;
    size_t into;             /* offset in the owner's struct */
    const char *choices;     /* words parted by spaces, numbered from 0 */
    const char *later;       /* choices that are not built yet */
    const char *fallback;    /* the default: text, read like the user's own; NULL: absent */
    uint64_t min, max;       /* of numbers, durations (ms), sizes, items; max 0: none */
    const struct key *keys;  /* of a section; ends with a row without name */
    const struct key *item;  /* of a list, a map of names, and cors */
    size_t size;             /* of a section's or item's struct */
    size_t at;               /* offset of its node in that struct; 0: it keeps none */
    const char *doc;         /* sentences for the manual */
    const char *title;       /* of a section's chapter there */
    const char *example;     /* a value in YAML */
    const char *also;        /* words that people try instead */
    const char *hint;        /* where the value has a wrong type */
    const char *one_of;      /* of a section: at least one of these has to be there */
    bool required;
    bool unbuilt;   /* refused by name, and in neither schema nor manual */
    bool single;    /* a list: one item may stand alone */
    bool shorthand; /* a section: a scalar alone is the value of its first key */
    bool wide;      /* holds for the whole policy: its rules must agree */
    bool secret;    /* of a map of texts: `show` hides them */
};

extern const struct key root_key;     /* a section: the whole configuration */
extern const struct key upstream_item, route_item;
extern const struct key rule_item;    /* a section: one rule of a policy */
extern const struct key
    *const key_tables[]; /* every section, as the manual's chapters; NULL ends */

/* NULL where no key has this name. */
const struct key *key_named(const struct key *keys, struct str name);
/* The number of a word among words parted by spaces, or -1. */
int word_number(const char *words, struct str word);
