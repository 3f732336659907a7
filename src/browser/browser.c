/* The table of browsers. */
#include "corsd/browser/browser.h"

static bool is_number(struct str value, bool fraction)
{
    bool point = false;
    for (size_t i = 0; i < value.n; i++) {
        bool here = value.p[i] == '.' && fraction && !point && i > 0;
        if (!here && !ascii_is_digit(value.p[i]))
            return false;
        point = point || here;
    }
    return value.n > 0 && value.p[value.n - 1] != '.';
}

static bool is_effective_type(struct str value)
{
    return str_eq(value, STR("slow-2g")) || str_eq(value, STR("2g")) || str_eq(value, STR("3g")) ||
           str_eq(value, STR("4g"));
}

/* Chromium's client hints of old, and User-Agent, which it keeps to itself. */
static bool chromium_sends_freely(struct str name, struct str value)
{
    static const struct str whole[] = {STR_INIT("rtt"), STR_INIT("viewport-width"),
                                       STR_INIT("width")};
    static const struct str fraction[] = {STR_INIT("device-memory"), STR_INIT("downlink"),
                                          STR_INIT("dpr")};
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++)
        if (str_eq_nocase(name, whole[i]))
            return is_number(value, false);
    for (size_t i = 0; i < sizeof fraction / sizeof *fraction; i++)
        if (str_eq_nocase(name, fraction[i]))
            return is_number(value, true);
    if (str_eq_nocase(name, STR("save-data")))
        return str_eq_nocase(value, STR("on"));
    if (str_eq_nocase(name, STR("ect")))
        return is_effective_type(value);
    return str_eq_nocase(name, STR("user-agent"));
}

const struct browser browsers[BROWSERS] = {
    [BROWSER_STANDARD] = {.name = STR_INIT("the Fetch standard")},
    [BROWSER_CHROMIUM] =
        {
            .name = STR_INIT("Chromium"),
            .version = STR_INIT("156.0.8078.114"),
            .max_age_cap_s = 7200,
            .star_covers_authorization = true,
            .sends_freely = chromium_sends_freely,
            .departs = STR_INIT("Access-Control-Allow-Headers: * lets Authorization through too"),
        },
    [BROWSER_FIREFOX] =
        {
            .name = STR_INIT("Firefox"),
            .version = STR_INIT("153.8.0esr"),
            .max_age_cap_s = 86400,
            .star_covers_authorization = true,
            .keeps_authorization = true,
            .asks_untainted = true,
            .departs = STR_INIT("Access-Control-Allow-Headers: * lets Authorization through too, "
                                "with a warning"),
        },
};
