/* request_headers and response_headers of a route: names and values checked, lines made. */
#include "compiler.h"
#include "corsd/http/fields.h"

enum { VALUE_MAX = 8192 };

/* What corsd frames a message by, or decides by: the key that is about it instead, or NULL. */
struct own_field {
    uint16_t id;
    const char *instead;
};

static const struct own_field of_both[] = {
    {FIELD_CONTENT_LENGTH, NULL}, {FIELD_TRANSFER_ENCODING, NULL}, {FIELD_TRAILER, NULL},
    {FIELD_TE, NULL}, {FIELD_CONNECTION, NULL}, {FIELD_KEEP_ALIVE, NULL}, {FIELD_UPGRADE, NULL},
    {FIELD_PROXY_CONNECTION, NULL}, {FIELD_HTTP2_SETTINGS, NULL}, {FIELD_SEC_WEBSOCKET_KEY, NULL},
    {FIELD_VIA, "via"}, {FIELD_CORSD_DECISION, "decision_header"},
    {FIELD_PROXY_AUTHENTICATE, NULL}, {FIELD_PROXY_AUTHORIZATION, NULL},
    {FIELD_PROXY_AUTHENTICATION_INFO, NULL},
};
static const struct own_field of_requests[] = {
    {FIELD_HOST, "host"}, {FIELD_ORIGIN, "origin"}, {FIELD_EXPECT, NULL},
    {FIELD_MAX_FORWARDS, NULL}, {FIELD_X_REQUEST_ID, NULL}, {FIELD_FORWARDED, "forwarded"},
    {FIELD_X_FORWARDED_FOR, "forwarded"}, {FIELD_X_FORWARDED_HOST, "forwarded"},
    {FIELD_X_FORWARDED_PROTO, "forwarded"}, {FIELD_ACCESS_CONTROL_REQUEST_METHOD, "origin"},
    {FIELD_ACCESS_CONTROL_REQUEST_HEADERS, "origin"},
    {FIELD_ACCESS_CONTROL_REQUEST_PRIVATE_NETWORK, "origin"}, {FIELD_TWIN, NULL},
};
static const struct own_field of_responses[] = {
    {FIELD_VARY, "cors"}, {FIELD_ACCESS_CONTROL, "cors"},
    {FIELD_ACCESS_CONTROL_ALLOW_ORIGIN, "cors"}, {FIELD_TIMING_ALLOW_ORIGIN, "timing_allow_origin"},
    {FIELD_CROSS_ORIGIN_RESOURCE_POLICY, "resource_policy"},
};

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))

static const struct own_field *find(const struct own_field *rows, size_t n, enum field_id id)
{
    for (size_t i = 0; i < n; i++)
        if (rows[i].id == id)
            return &rows[i];
    return NULL;
}

static const struct own_field *own_field(struct str name, bool request)
{
    enum field_id id = field_id(name);
    const struct own_field *own = find(of_both, COUNT(of_both), id);
    if (own)
        return own;
    return request ? find(of_requests, COUNT(of_requests), id)
                   : find(of_responses, COUNT(of_responses), id);
}

static bool is_websocket(struct str name)
{
    return name.n > 14 && str_eq_nocase(str_head(name, 14), STR("sec-websocket-"));
}

/* Whether a route may edit the field; else a fault that says which key is about it. */
static bool may_edit(struct reading *reading, const struct spec_text *name, struct str folded,
                     bool request)
{
    char hint[PHRASE];
    if (!is_token(name->text)) {
        fault(reading, name->place, "letters, digits and -", "\"%.*s\" is no header name",
              EXCERPT_ARG(name->text));
        return false;
    }
    const struct own_field *own = own_field(name->text, request);
    if (!own) /* gate_edit takes both spellings for one */
        own = own_field(folded, request);
    if (!own && !is_websocket(folded))
        return true;
    if (own && own->instead)
        phrase(hint, sizeof hint, "the key \"%s\" is about it", own->instead);
    fault(reading, name->place, own && own->instead ? hint : NULL,
          "corsd itself frames or decides by \"%.*s\": it cannot be edited",
          EXCERPT_ARG(name->text));
    return false;
}

static bool check_value(struct reading *reading, const struct spec_text *name,
                        const struct spec_text *value)
{
    bool bytes = is_field_value(value->text);
    bool blank = !str_eq(str_trim(value->text), value->text);
    if (bytes && !blank && value->text.n <= VALUE_MAX)
        return true;
    fault(reading, value->place, NULL, "the value of \"%.*s\" %s", EXCERPT_ARG(name->text),
          !bytes  ? "holds a control character"
          : blank ? "begins or ends with a blank"
                  : "is longer than 8192 bytes");
    return false;
}

/* In lower case, with `-` for `_`: how names are compared. */
static struct str folded(struct reading *reading, struct str name)
{
    char *p = take(reading, name.n + 1);
    for (size_t i = 0; p && i < name.n; i++)
        p[i] = name.p[i] == '_' ? '-' : ascii_lower(name.p[i]);
    return (struct str){p, p ? name.n : 0};
}

/* Notes the name; a fault where it was named before. */
static void add_name(struct reading *reading, struct header_edits *edits,
                     const struct spec_text *name, struct str text)
{
    for (size_t i = 0; i < edits->n; i++)
        if (str_eq(edits->names[i], text)) {
            fault(reading, name->place, "a header is set, which replaces it, or removed",
                  "\"%.*s\" is named twice", EXCERPT_ARG(name->text));
            return;
        }
    edits->names[edits->n++] = text;
}

static void add_line(struct buf *lines, const struct written_pair *pair)
{
    buf_printf(lines, "%.*s: %.*s\r\n", STR_ARG(pair->name.text), STR_ARG(pair->value.text));
}

const struct header_edits *compile_edits(struct reading *reading,
                                         const struct written_edits *written, bool request)
{
    const struct written_pair *set = written->set.first;
    size_t n = written->set.n + written->remove.n;
    struct header_edits *edits = n ? take(reading, sizeof *edits) : NULL;
    struct buf lines = BUF_INIT((VALUE_MAX + 256) * (written->set.n + 1));
    if (!edits || !(edits->names = take(reading, n * sizeof *edits->names)))
        return NULL;
    for (size_t i = 0; i < written->set.n; i++) {
        struct str text = folded(reading, set[i].name.text);
        if (text.p && may_edit(reading, &set[i].name, text, request) &&
            check_value(reading, &set[i].name, &set[i].value)) {
            add_name(reading, edits, &set[i].name, text);
            add_line(&lines, &set[i]);
        }
    }
    edits->n_set = edits->n;
    for (size_t i = 0; i < written->remove.n; i++) {
        struct str text = folded(reading, written->remove.items[i].text);
        if (text.p && may_edit(reading, &written->remove.items[i], text, request))
            add_name(reading, edits, &written->remove.items[i], text);
    }
    edits->lines = keep(reading, buf_str(&lines));
    reading->out_of_memory |= lines.failed;
    buf_finish(&lines);
    return edits;
}
