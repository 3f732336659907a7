/* The process: workers started, signals obeyed, plans reloaded, drained and stopped. */
#pragma once
#include "corsd/config/config.h"

struct plan;

/* Runs until told to stop. Takes over the plan's reference. `source` is read again on HUP.
 * `on_ready` (optional) is called once everything listens. Returns the process's exit code; what is
 * wrong is said on the log. Main thread only. */
int server_run(struct plan *plan, const struct config_source *source, void (*on_ready)(void *),
               void *ctx);
