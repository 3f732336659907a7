/* YAML text → a tree that knows where everything stands. Pure but for memory.
 * Bounded: depth, size, and the number of values once aliases are written out. Refused: several
 * documents, tags, merge keys, keys that are not words, the same key twice, control characters. */
#pragma once
#include "corsd/config/reading.h"

enum node_kind {
    NODE_SCALAR,
    NODE_LIST,
    NODE_MAP,
    NODE_BAD, /* its fault was reported: no more is said about it */
};

struct pair;
struct node {
    struct place place; /* first: a node is a place */
    uint8_t kind;
    bool plain;    /* a scalar without quotes */
    bool expanded; /* `${…}` was looked at */
    bool foreign;  /* a setting, a default or a variable: no YAML type; a list has commas */
    bool partial;  /* a map that lost pairs, reported: nothing is called missing */
    unsigned n;    /* items or pairs */
    union {
        struct str text; /* ends with a NUL that does not count */
        struct node **items;
        struct pair *pairs;
    };
};
struct pair {
    struct node *key, *value; /* the key is a scalar */
};

enum {
    YAML_SIZE_MAX = 4 << 20,
    YAML_DEPTH_MAX = 16,
    YAML_NODES_MAX = 500000, /* aliases written out */
    YAML_ANCHORS_MAX = 1000,
};

/* The file's one document; NULL where there is none or its syntax is broken (reported). Other
 * faults are reported and left out of the tree. */
MUST_USE struct node *yaml_parse(struct reading *reading, const struct place_file *file);
/* The value of a key of a map; NULL where there is none, or node is no map. */
const struct node *node_value(const struct node *node, const char *name);
/* Nothing, `~` or `null`, without quotes. */
bool node_is_null(const struct node *node);
