/* How many CPUs this process may really use: affinity and cgroup quota. */
#pragma once

/* At least 1. */
unsigned cpus_usable(void);
