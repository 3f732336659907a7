/* Flags and CORSD_* variables → the tree that a file with the same meaning would give. */
#pragma once
#include "corsd/config/config.h"
#include "corsd/config/yaml.h"

/* NULL out of memory. Faults are reported, and what is at fault left out. */
MUST_USE struct node *settings_tree(struct reading *reading, const struct config_source *source);
