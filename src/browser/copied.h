/* What the readers of curl commands and HAR files share. */
#pragma once
#include "corsd/browser/copied.h"

/* Notes a header of the request: the page's own is kept; Origin and Cookie are facts; what the
 * browser added goes. False: too many. */
bool copied_header(struct copied *copied, struct str name, struct str value);
