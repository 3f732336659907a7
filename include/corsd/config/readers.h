/* One reader a value type: a node of the tree → a field of struct written. */
#pragma once
#include "corsd/config/keys.h"

extern const struct value_type flag_type, choice_type, choices_type, number_type, workers_type,
    duration_type, size_type, file_mode_type, text_type, file_type, address_type, url_type,
    upstream_type, host_type, path_type, origins_type, methods_type, headers_type, cidrs_type,
    section_type, list_type, policy_type, named_type, cors_type;

/* Reads a map by a table of keys, reporting unknown, unbuilt and missing ones. `owner` is the struct
 * the rows point into, `what` how messages call it: "a route". */
bool read_section(struct reading *reading, const struct key *section, const struct node *node,
                  void *owner);
/* Whether a key is to be called missing: it is not there, nor an unknown one that stands for it, and
 * nothing of the map was lost. */
bool is_missing(const struct key *section, const struct node *map, const char *name);
/* Sets what nobody wrote to its default. */
MUST_USE bool read_defaults(struct reading *reading, const struct key *section, void *owner);
