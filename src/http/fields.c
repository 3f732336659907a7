/* Known header names by length and bytes; lists. */
#include "corsd/http/fields.h"

enum { LONGEST = 38 };

static const struct str names[FIELD_COUNT] = {
#define FIELD(id, name) [FIELD_##id] = STR_INIT(name),
    HTTP_FIELDS(FIELD)
#undef FIELD
};

/* Each length's first id; the rows of HTTP_FIELDS stand by length, so the next entry is its end. */
static const uint8_t by_length[LONGEST + 2] = {
    [0] = FIELD_TE,
    [1] = FIELD_TE,
    [2] = FIELD_TE,
    [3] = FIELD_VIA,
    [4] = FIELD_DATE,
    [5] = FIELD_ALLOW,
    [6] = FIELD_COOKIE,
    [7] = FIELD_REFRESH,
    [8] = FIELD_CDN_LOOP,
    [9] = FIELD_FORWARDED,
    [10] = FIELD_CONNECTION,
    [11] = FIELD_TRACEPARENT,
    [12] = FIELD_CONTENT_TYPE,
    [13] = FIELD_AUTHORIZATION,
    [14] = FIELD_CONTENT_LENGTH,
    [15] = FIELD_X_FORWARDED_FOR,
    [16] = FIELD_CONTENT_LOCATION,
    [17] = FIELD_SEC_WEBSOCKET_KEY,
    [18] = FIELD_PROXY_AUTHENTICATE,
    [19] = FIELD_PROXY_AUTHORIZATION,
    [20] = FIELD_PROXY_AUTHENTICATION_INFO,
    [21] = FIELD_PROXY_AUTHENTICATION_INFO,
    [22] = FIELD_PROXY_AUTHENTICATION_INFO,
    [23] = FIELD_PROXY_AUTHENTICATION_INFO,
    [24] = FIELD_PROXY_AUTHENTICATION_INFO,
    [25] = FIELD_PROXY_AUTHENTICATION_INFO,
    [26] = FIELD_ACCESS_CONTROL_ALLOW_ORIGIN,
    [27] = FIELD_ACCESS_CONTROL_ALLOW_ORIGIN,
    [28] = FIELD_CROSS_ORIGIN_RESOURCE_POLICY,
    [29] = FIELD_ACCESS_CONTROL_REQUEST_METHOD,
    [30] = FIELD_ACCESS_CONTROL_REQUEST_HEADERS,
    [31] = FIELD_ACCESS_CONTROL_REQUEST_PRIVATE_NETWORK,
    [32] = FIELD_ACCESS_CONTROL_REQUEST_PRIVATE_NETWORK,
    [33] = FIELD_ACCESS_CONTROL_REQUEST_PRIVATE_NETWORK,
    [34] = FIELD_ACCESS_CONTROL_REQUEST_PRIVATE_NETWORK,
    [35] = FIELD_ACCESS_CONTROL_REQUEST_PRIVATE_NETWORK,
    [36] = FIELD_ACCESS_CONTROL_REQUEST_PRIVATE_NETWORK,
    [37] = FIELD_ACCESS_CONTROL_REQUEST_PRIVATE_NETWORK,
    [38] = FIELD_ACCESS_CONTROL_REQUEST_PRIVATE_NETWORK,
    [39] = FIELD_ACCESS_CONTROL,
};

/* RFC 9110 §5.6.2; '-' and '_' among them. */
static const bool tchars[256] = {
    ['!'] = true, ['#'] = true, ['$'] = true, ['%'] = true, ['&'] = true, ['\''] = true,
    ['*'] = true, ['+'] = true, ['-'] = true, ['.'] = true, ['^'] = true, ['_'] = true,
    ['`'] = true, ['|'] = true, ['~'] = true, ['0' ... '9'] = true, ['A' ... 'Z'] = true,
    ['a' ... 'z'] = true,
};

bool is_tchar(char c)
{
    return tchars[(unsigned char)c];
}

bool is_token(struct str text)
{
    for (size_t i = 0; i < text.n; i++)
        if (!is_tchar(text.p[i]))
            return false;
    return text.n > 0;
}

bool is_field_value(struct str text)
{
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

struct str field_name(enum field_id id)
{
    return names[id];
}

/* Names are tokens, so setting bit 5 folds letters and at worst makes two token bytes that are not
 * letters look alike ('^' and '~', '@' is none): none of them is in a known name. */
static bool same(const char *name, struct str known)
{
    for (size_t i = 0; i < known.n; i++)
        if ((name[i] | 0x20) != known.p[i])
            return false;
    return true;
}

static enum field_id known_id(struct str name)
{
    if (name.n > LONGEST)
        return FIELD_OTHER;
    for (unsigned id = by_length[name.n]; id < by_length[name.n + 1]; id++)
        if (same(name.p, names[id]))
            return (enum field_id)id;
    return FIELD_OTHER;
}

static enum field_id family_id(struct str name)
{
    static const struct str access_control = STR_INIT("access-control-");
    static const struct str x_forwarded = STR_INIT("x-forwarded-");
    if (name.n > access_control.n && same(name.p, access_control))
        return FIELD_ACCESS_CONTROL;
    if (name.n > x_forwarded.n && same(name.p, x_forwarded))
        return FIELD_X_FORWARDED;
    return FIELD_OTHER;
}

/* What corsd sets, removes, decides or frames by: a backend that reads `_` as `-` must not find a
 * second one (CGI's HTTP_X_FORWARDED_FOR is both spellings). */
static bool has_twin(enum field_id id)
{
    static const bool guarded[FIELD_COUNT] = {
        [FIELD_TE] = true,
        [FIELD_VIA] = true,
        [FIELD_HOST] = true,
        [FIELD_EXPECT] = true,
        [FIELD_ORIGIN] = true,
        [FIELD_UPGRADE] = true,
        [FIELD_TRAILER] = true,
        [FIELD_CDN_LOOP] = true,
        [FIELD_FORWARDED] = true,
        [FIELD_X_REAL_IP] = true,
        [FIELD_CONNECTION] = true,
        [FIELD_KEEP_ALIVE] = true,
        [FIELD_MAX_FORWARDS] = true,
        [FIELD_X_REQUEST_ID] = true,
        [FIELD_X_REWRITE_URL] = true,
        [FIELD_CONTENT_LENGTH] = true,
        [FIELD_HTTP2_SETTINGS] = true,
        [FIELD_SEC_FETCH_SITE] = true,
        [FIELD_X_ORIGINAL_URL] = true,
        [FIELD_X_FORWARDED_FOR] = true,
        [FIELD_PROXY_CONNECTION] = true,
        [FIELD_X_FORWARDED_HOST] = true,
        [FIELD_TRANSFER_ENCODING] = true,
        [FIELD_X_FORWARDED_PROTO] = true,
        [FIELD_PROXY_AUTHENTICATE] = true,
        [FIELD_PROXY_AUTHORIZATION] = true,
        [FIELD_PROXY_AUTHENTICATION_INFO] = true,
        [FIELD_ACCESS_CONTROL_REQUEST_METHOD] = true,
        [FIELD_ACCESS_CONTROL_REQUEST_HEADERS] = true,
        [FIELD_ACCESS_CONTROL_REQUEST_PRIVATE_NETWORK] = true,
        [FIELD_X_FORWARDED] = true,
    };
    return guarded[id];
}

enum field_id field_id(struct str name)
{
    char dashed[LONGEST + 1];
    enum field_id id = known_id(name);
    if (id == FIELD_OTHER)
        id = family_id(name);
    if (id != FIELD_OTHER || str_find(name, '_') == name.n)
        return id;
    struct str twin = {dashed, name.n < sizeof dashed ? name.n : sizeof dashed};
    for (size_t i = 0; i < twin.n; i++)
        dashed[i] = name.p[i] == '_' ? '-' : name.p[i];
    /* Cut at LONGEST + 1 bytes it equals no known name any more, yet keeps its family. */
    return has_twin(known_id(twin)) || has_twin(family_id(twin)) ? FIELD_TWIN : FIELD_OTHER;
}

/* Length of the item at the start of list: to the next comma outside a quoted string. */
static size_t item_length(struct str list)
{
    bool quoted = false;
    for (size_t i = 0; i < list.n; i++) {
        if (list.p[i] == '"')
            quoted = !quoted;
        else if (quoted && list.p[i] == '\\')
            i++;
        else if (!quoted && list.p[i] == ',')
            return i;
    }
    return list.n;
}

bool list_next(struct str *rest, struct str *item)
{
    while (rest->n) {
        size_t n = item_length(*rest);
        struct str part = str_trim(str_head(*rest, n));
        *rest = str_from(*rest, n + 1);
        if (part.n) {
            *item = part;
            return true;
        }
    }
    return false;
}

bool list_has(struct str list, struct str name)
{
    struct str item;
    while (list_next(&list, &item))
        if (str_eq_nocase(item, name))
            return true;
    return false;
}
