/* The admin listener: a thread of its own, so that it answers while workers are busy or out of
 * descriptors. */
#pragma once
#include "corsd/plan/plan.h"
#include "corsd/proxy/listener.h"

struct admin;
struct log;
struct worker;

/* Runs at once, and listens nowhere yet. NULL: out of memory or descriptors. The log and the
 * workers outlive it. */
struct admin *admin_create(const struct log *log, struct worker *const *workers, unsigned n);
void admin_destroy(struct admin *admin);
/* Listens on this socket (NULL: nowhere) as the plan says. Takes references of its own. */
void admin_take(struct admin *admin, struct listen_socket *socket, struct plan *plan);
/* What /readyz says from now on. */
void admin_set_ready(struct admin *admin, bool ready);
