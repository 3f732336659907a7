/* The smaller of the affinity mask and the cgroup v2 quota, of all groups up to the root. */
#include "corsd/runtime/cpus.h"
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include "corsd/base/str.h"

static unsigned by_affinity(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) < 0)
        return 1;
    return (unsigned)CPU_COUNT(&set);
}

/* Rounded up: a quota of 1.5 CPUs is used by two threads. 0: no quota here. */
static unsigned quota_of(const char *group)
{
    char path[4096 + 64];
    char line[128];
    uint64_t quota, period;
    snprintf(path, sizeof path, "/sys/fs/cgroup%s/cpu.max", group);
    FILE *file = fopen(path, "re");
    if (!file)
        return 0;
    bool read = fgets(line, sizeof line, file) != NULL;
    fclose(file);
    struct str rest = str_of(read ? line : "");
    rest = str_head(rest, str_find(rest, '\n'));
    struct str quota_text = str_cut(&rest, ' '); /* "max" where there is none */
    if (!str_to_u64(quota_text, &quota) || !str_to_u64(rest, &period) || !period)
        return 0;
    return (unsigned)((quota + period - 1) / period);
}

/* This process's group, as "0::/path" of /proc/self/cgroup; "" for the root. */
static void own_group(char *out, size_t size)
{
    char line[4096];
    FILE *file = fopen("/proc/self/cgroup", "re");
    *out = 0;
    if (!file)
        return;
    while (fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = 0;
        if (strncmp(line, "0::/", 4) == 0 && line[4])
            snprintf(out, size, "%s", line + 3);
    }
    fclose(file);
}

unsigned cpus_usable(void)
{
    char group[4096];
    unsigned cpus = by_affinity();
    own_group(group, sizeof group);
    for (;;) {
        unsigned quota = quota_of(group);
        if (quota && quota < cpus)
            cpus = quota;
        char *slash = strrchr(group, '/');
        if (!slash)
            break;
        *slash = 0;
    }
    return cpus ? cpus : 1;
}
