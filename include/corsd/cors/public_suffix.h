/* Domains under which anyone may register: the public suffix list, ICANN and private sections.
 * Immutable once loaded, any thread; owners are counted. Names are in lower case and ASCII; a final
 * dot is ignored. Source: publicsuffix.org/list, "algorithm". */
#pragma once
#include "corsd/base/str.h"

struct public_suffixes;

/* From file (text or DAFSA), or where it is NULL the machine's packaged list, or else the one built
 * into libpsl. NULL where the file cannot be read as a list, or memory ran out. */
MUST_USE struct public_suffixes *public_suffixes_load(const char *file);
/* Whether it is the list and not some other text: with a wrong one every pattern would pass. */
bool public_suffixes_are_plausible(const struct public_suffixes *list);
struct public_suffixes *public_suffixes_ref(const struct public_suffixes *list);
void public_suffixes_unref(struct public_suffixes *list);

enum suffix_kind {
    SUFFIX_NOT,      /* a registrable domain, or a name under one */
    SUFFIX_LISTED,   /* com, github.io */
    SUFFIX_UNLISTED, /* a single label that no list knows, which counts as one: corp */
};
enum suffix_kind public_suffix_kind(const struct public_suffixes *list, struct str name);
/* Whether a public suffix may lie below name, as s3.amazonaws.com does below amazonaws.com. False
 * means that all names below it are of its own registrable domain. */
bool public_suffix_may_lie_below(const struct public_suffixes *list, struct str name);
/* Whether name and its parent `domain` (name ends in "." domain) belong to one registrable domain:
 * no name from `name` up to below `domain` is a public suffix. */
bool public_suffix_same_site(const struct public_suffixes *list, struct str name,
                             struct str domain);
