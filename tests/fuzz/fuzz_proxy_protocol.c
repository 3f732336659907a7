/* Laws of the PROXY header: what it says does not depend on how it was split, nor on what follows
 * it; what wanted more was no fault; and every address reads back from a header made of it. */
#include <netinet/in.h>
#include "corsd/base/buf.h"
#include "corsd/net/proxy_protocol.h"
#include "law.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* From memory of exactly its size, so that a read beyond it is seen. */
static enum proxy_result read_exactly(const uint8_t *data, size_t n, struct proxy_header *out)
{
    char *bytes = malloc(n ? n : 1);
    LAW(bytes);
    if (n)
        memcpy(bytes, data, n);
    enum proxy_result result = proxy_header_read((struct str){bytes, n}, out);
    free(bytes);
    return result;
}

static bool same(const struct proxy_header *a, const struct proxy_header *b)
{
    return a->source == b->source && a->size == b->size && address_eq(&a->client, &b->client);
}

static void check_splits(const uint8_t *data, size_t size)
{
    struct proxy_header whole = {0}, part = {0};
    enum proxy_result result = read_exactly(data, size, &whole);
    size_t step = size > 300 ? size / 100 : 1;
    for (size_t n = 0; n < size; n += step) {
        enum proxy_result early = read_exactly(data, n, &part);
        LAW(early == PROXY_MORE || early == result);
        if (early == PROXY_WHOLE)
            LAW(n >= whole.size && same(&whole, &part));
    }
    if (result != PROXY_WHOLE)
        return;
    LAW(whole.size <= size && whole.size <= PROXY_HEADER_MAX);
    LAW(read_exactly(data, whole.size, &part) == PROXY_WHOLE && same(&whole, &part));
    LAW(read_exactly(data, whole.size - 1, &part) == PROXY_MORE);
}

static void check_round_trip(const struct address *client)
{
    char ip[ADDRESS_TEXT];
    struct buf line = BUF_INIT(256);
    struct proxy_header header;
    const struct sockaddr *at = (const struct sockaddr *)&client->at;
    bool v4 = strchr(address_ip_text(at, ip), ':') == NULL; /* a mapped one is shown as IPv4 */
    buf_printf(&line, "PROXY %s %s %s %u 80\r\n", v4 ? "TCP4" : "TCP6", ip, ip, address_port(at));
    LAW(!line.failed && proxy_header_read(buf_str(&line), &header) == PROXY_WHOLE);
    char again[ADDRESS_TEXT];
    const struct sockaddr *read = (const struct sockaddr *)&header.client.at;
    LAW(header.source == PROXY_SOURCE_ADDRESS && address_port(read) == address_port(at));
    LAW(strcmp(address_ip_text(read, again), ip) == 0);
    buf_finish(&line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct proxy_header header;
    check_splits(data, size);
    if (read_exactly(data, size, &header) == PROXY_WHOLE && header.source == PROXY_SOURCE_ADDRESS)
        check_round_trip(&header.client);
    return 0;
}
