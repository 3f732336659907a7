/* The effective configuration as YAML: defaults filled in, values normalised, secrets hidden. */
#pragma once
#include "corsd/base/buf.h"

struct plan;
/* Reads back as a configuration that means the same, secrets aside. */
void config_show(const struct plan *plan, struct buf *out);
