/* `${VAR}`, `${VAR:-default}`, `${VAR:?message}` in values, from the process's environment.
 * `$${` stands for `${`. Done once the tree is made, so that a value never becomes YAML. */
#pragma once
#include "corsd/config/yaml.h"

enum { EXPANDED_MAX = 64 * 1024 }; /* bytes of one value */
/* Reports what cannot be expanded, and leaves that value as it is. */
void expand_variables(struct reading *reading, struct node *root);
