/* Laws of the readers of curl commands and HAR files: the first byte chooses. What they take is a
 * request with an address and a method, its headers bounded. */
#include <stdlib.h>
#include "corsd/browser/copied.h"
#include "law.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct page_request page;
    struct copied copied;
    struct arena arena;
    if (!size)
        return 0;
    struct str text = {(const char *)data + 1, size - 1};
    arena_init(&arena, NULL, 0);
    memset(&page, 0, sizeof page);
    enum copied_fault fault = data[0] & 1 ? copied_from_har(text, (struct str){0}, &arena, &copied)
                                          : copied_from_curl(text, &arena, &copied);
    if (fault == COPIED_OK) {
        LAW(copied.url.n && copied.n_headers <= PAGE_HEADERS_MAX);
        for (size_t i = 0; i < copied.n_headers; i++)
            (void)page_add_header(&page, &arena, copied.headers[i].name, copied.headers[i].value);
        LAW(page.n_headers <= copied.n_headers);
    }
    arena_finish(&arena);
    return 0;
}
