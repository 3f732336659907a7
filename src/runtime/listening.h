/* Where the process listens: sockets that are kept over reloads by their address. Main thread. */
#pragma once
#include "corsd/plan/plan.h"
#include "corsd/proxy/loop.h"

struct listening;
struct passed_sockets;

/* NULL out of memory. The log and the passed sockets outlive it. */
struct listening *listening_create(const struct log *log, const struct passed_sockets *passed,
                                   unsigned n_workers);
void listening_destroy(struct listening *listening); /* files of unix sockets go too */

/* Opens what the plan adds; nothing else changes yet. False where something cannot be opened: the
 * log says what, and all is as before. */
MUST_USE bool listening_prepare(struct listening *listening, const struct plan *plan);
/* What was prepared holds; what the plan does not have is let go of. Tell the workers after it, so
 * that the last references are theirs. */
void listening_settle(struct listening *listening);
void listening_forget(struct listening *listening); /* or does not */

/* What worker `number` accepts from: *items is the caller's to free, but holds no references. False
 * out of memory. */
MUST_USE bool listening_items(const struct listening *listening, unsigned number,
                              struct listen_item **items, size_t *n);
/* Whether anything in force accepts from it. */
bool listening_has(const struct listening *listening, const struct listen_socket *socket);
/* Where the admin listener is; NULL: off. */
struct listen_socket *listening_admin(const struct listening *listening);
/* Lets go of all but admin's: the sockets end with the workers' references. */
void listening_leave(struct listening *listening);
