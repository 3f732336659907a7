/* A verdict → header lines, appended to a buf. No allocation beyond the buf's own growth.
 * Source: DESIGN §2, rules 2, 4–9. Nothing is written, and nothing taken out, in report mode, where
 * policy is NULL, or where the verdict gives no right to it: call them without asking first. */
#pragma once
#include "corsd/base/buf.h"
#include "corsd/cors/verdict.h"
#include "corsd/http/fields.h"

/* The lines of a preflight's answer for an allowed origin: Access-Control-* without Vary. */
void cors_preflight_lines(struct buf *out, const struct policy *policy,
                          const struct verdict *verdict, const struct cors_request *request);
/* The lines an actual response (the backend's or corsd's own) gets, without Vary; `request.origin`
 * is what is echoed. `fields` are the response's own (for exposed names under `*`), n may be 0. */
void cors_actual_lines(struct buf *out, const struct policy *policy, const struct verdict *verdict,
                       struct str origin, const struct field *fields, size_t n);
/* Timing-Allow-Origin and Cross-Origin-Resource-Policy, for every final response of the route
 * (preflights aside), CORS-lines kept or not. `fields` are the response's own. */
void cors_resource_lines(struct buf *out, const struct policy *policy,
                         const struct verdict *verdict, struct str origin,
                         const struct field *fields, size_t n);
/* Where the response is the backend's: takes every Access-Control-* out of `fields` by rule 9
 * (marks them dropped). Returns false where `keep` holds and the backend's own stay: then
 * cors_actual_lines is not to be called. */
bool cors_drop_backend_lines(const struct policy *policy, struct field *fields, size_t n);
/* The Vary line by rule 8: what the response's own Vary fields (marked dropped) say, then what is
 * missing. `names` are added in this order: Origin where policy->vary_origin, and for a preflight
 * the two Access-Control-Request-*. Writes nothing where nothing is to be said. */
void cors_vary_line(struct buf *out, const struct policy *policy, bool preflight,
                    struct field *fields, size_t n);
