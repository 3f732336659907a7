/* What was written → a plan, in three parts that share this state. */
#pragma once
#include "corsd/config/names.h"
#include "corsd/config/written.h"
#include "corsd/plan/plan.h"

struct compiler {
    struct reading *reading;
    const struct written *written;
    struct plan *plan;
    struct names upstreams; /* names and URLs → struct upstream_spec; a faulty one → NULL */
    struct names policies;  /* names → struct named_policy */
    struct named_policy *named; /* in the order of the file */
    size_t n_named;
    struct tls_trust *system; /* the system's authorities; NULL until an upstream needs them */
    struct public_suffixes *suffixes; /* NULL until a pattern needs them */
};

struct named_policy {
    const struct written_policy *written;
    const struct policy *compiled; /* NULL: faulty */
    bool used;
};

/* Each reports its faults and goes on; what is faulty is left out. False out of memory. */
MUST_USE bool compile_upstreams(struct compiler *compiler);
MUST_USE bool compile_policies(struct compiler *compiler);
MUST_USE bool compile_routes(struct compiler *compiler);
MUST_USE bool compile_listeners(struct compiler *compiler);

/* The edits of a route, for requests or for responses; NULL: none, or out of memory. */
const struct header_edits *compile_edits(struct reading *reading,
                                         const struct written_edits *written, bool request);

/* certificates.c: fill in spec->tls; it stays NULL where a fault was reported. */
void compile_listener_tls(struct compiler *compiler, const struct written_listen *written,
                          struct listener_spec *spec);
void compile_upstream_tls(struct compiler *compiler, const struct written_trust *written,
                          const void *place, struct upstream_spec *spec);

/* What `upstream:` names, made from the URL where it is one; NULL and a fault where nothing is. */
const struct upstream_spec *find_upstream(struct compiler *compiler, const struct spec_text *what);
/* The policy that `cors:` means, compiled where it stands there itself; NULL: off, or a fault. */
const struct policy *find_policy(struct compiler *compiler, const struct written_cors *cors,
                                 struct str name_inline);
