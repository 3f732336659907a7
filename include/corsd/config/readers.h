/* One reader a value type: a node of the tree → a field of struct written. Scalars are in
 * readers.c, what has keys or items inside in sections.c. */
#pragma once
#include "corsd/config/keys.h"

extern const struct value_type flag_type, choice_type, choices_type, number_type, workers_type,
    duration_type, size_type, file_mode_type, text_type, file_type, address_type, admin_type,
    hosts_type, url_type, upstream_type, host_type, path_type, target_type, origins_type,
    methods_type, headers_type, cidrs_type, resolver_type, pairs_type, section_type, list_type,
    policy_type, named_type, cors_type;

/* For readers: each reports and returns false. A hint of NULL is the key's own, or its example. */
bool wrong_kind(struct reading *reading, const struct key *key, const struct node *node,
                const char *hint);
bool value_is_empty(struct reading *reading, const struct key *key, const struct node *node);
/* "a, b" of a setting or default as a list node; NULL out of memory. */
const struct node *split_commas(struct reading *reading, const struct node *node);
/* The node, or NULL for a default, which nobody wrote. */
const struct node *written_by_user(const struct node *node);

/* The readers of pairs_type, list_type, policy_type, named_type and cors_type. */
bool read_pairs(struct reading *reading, const struct key *key, const struct node *node,
                void *into);
bool read_list(struct reading *reading, const struct key *key, const struct node *node, void *into);
bool read_named(struct reading *reading, const struct key *key, const struct node *node,
                void *into);
bool read_cors(struct reading *reading, const struct key *key, const struct node *node, void *into);
/* Reads a map by a table of keys, reporting unknown, unbuilt and missing ones. `owner` is the
 * struct the rows point into, `what` how messages call it: "a route". */
bool read_section(struct reading *reading, const struct key *section, const struct node *node,
                  void *owner);
/* Whether a key is to be called missing: it is not there, nor an unknown one that stands for it,
 * and nothing of the map was lost. */
bool is_missing(const struct key *section, const struct node *map, const char *name);
/* Sets what nobody wrote to its default. */
MUST_USE bool read_defaults(struct reading *reading, const struct key *section, void *owner);
