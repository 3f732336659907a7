/* The table of causes, spelled out. */
#include "corsd/http/cause.h"

const struct http_cause_row http_causes[CAUSE_COUNT] = {
#define CAUSE(id, word, status, prose) [CAUSE_##id] = {STR_INIT(word), status, STR_INIT(prose)},
    HTTP_CAUSES(CAUSE)
#undef CAUSE
};

static const struct {
    unsigned status;
    struct str phrase;
} phrases[] = {
    {200, STR_INIT("OK")},
    {202, STR_INIT("Accepted")},
    {204, STR_INIT("No Content")},
    {400, STR_INIT("Bad Request")},
    {403, STR_INIT("Forbidden")},
    {404, STR_INIT("Not Found")},
    {405, STR_INIT("Method Not Allowed")},
    {408, STR_INIT("Request Timeout")},
    {413, STR_INIT("Content Too Large")},
    {414, STR_INIT("URI Too Long")},
    {417, STR_INIT("Expectation Failed")},
    {431, STR_INIT("Request Header Fields Too Large")},
    {500, STR_INIT("Internal Server Error")},
    {501, STR_INIT("Not Implemented")},
    {502, STR_INIT("Bad Gateway")},
    {503, STR_INIT("Service Unavailable")},
    {504, STR_INIT("Gateway Timeout")},
    {508, STR_INIT("Loop Detected")},
};

struct str http_reason_phrase(unsigned status)
{
    for (size_t i = 0; i < sizeof phrases / sizeof *phrases; i++)
        if (phrases[i].status == status)
            return phrases[i].phrase;
    return STR("Unknown");
}
