/* The only file that knows llhttp. */
#include "corsd/http/message.h"
#include <llhttp.h>

struct parse {
    llhttp_t llhttp; /* first: the callbacks get a pointer to it */
    struct head *head;
    bool complete;
};

static struct parse *of(llhttp_t *llhttp)
{
    return (struct parse *)llhttp;
}

static int on_field(llhttp_t *llhttp, const char *at, size_t n)
{
    struct head *head = of(llhttp)->head;
    if (head->n == head->cap)
        return HPE_USER;
    head->fields[head->n++] = (struct field){.name = {at, n}, .value = {at + n, 0}};
    return 0;
}

static int on_value(llhttp_t *llhttp, const char *at, size_t n)
{
    struct head *head = of(llhttp)->head;
    head->fields[head->n - 1].value = (struct str){at, n};
    return 0;
}

/* The body is not llhttp's: it stops where the head ends. */
static int on_complete(llhttp_t *llhttp)
{
    of(llhttp)->complete = true;
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_header_field = on_field,
    .on_header_value = on_value,
    .on_headers_complete = on_complete,
};

/* Cuts the first line off *rest, without its CRLF. The guard has seen the CRLF. */
static struct str cut_line(struct str *rest)
{
    struct str line = str_cut(rest, '\n');
    line.n--;
    return line;
}

/* llhttp says that the framing is wrong, in words that change with its versions. */
static enum http_cause framing_fault(struct str fields)
{
    bool length = false, coding = false;
    while (fields.n) {
        struct str line = cut_line(&fields);
        enum field_id id = field_id(str_cut(&line, ':'));
        length = length || id == FIELD_CONTENT_LENGTH;
        coding = coding || id == FIELD_TRANSFER_ENCODING;
    }
    if (length && coding)
        return CAUSE_LENGTH_AND_CODING;
    return coding ? CAUSE_BAD_CODING : CAUSE_BAD_LENGTH;
}

static enum http_cause cause_of(llhttp_errno_t error, struct str fields)
{
    switch (error) {
    case HPE_INVALID_CONTENT_LENGTH:
    case HPE_UNEXPECTED_CONTENT_LENGTH:
    case HPE_INVALID_TRANSFER_ENCODING: return framing_fault(fields);
    case HPE_INVALID_HEADER_TOKEN: return CAUSE_BAD_FIELD_VALUE;
    case HPE_INVALID_VERSION: return CAUSE_BAD_VERSION;
    case HPE_INVALID_URL: return CAUSE_BAD_TARGET;
    default: return CAUSE_MALFORMED;
    }
}

/* Runs llhttp over a start line and the field lines, which need not lie together. */
static enum http_cause run(struct head *head, llhttp_type_t type, struct str start,
                           struct str fields)
{
    struct parse parse = {.head = head};
    head->n = 0;
    llhttp_init(&parse.llhttp, type, &settings);
    llhttp_errno_t error = HPE_OK;
    if (start.n)
        error = llhttp_execute(&parse.llhttp, start.p, start.n);
    if (error == HPE_OK)
        error = llhttp_execute(&parse.llhttp, fields.p, fields.n);
    if (!parse.complete || error != HPE_PAUSED)
        return error == HPE_OK ? CAUSE_MALFORMED : cause_of(error, fields);
    memset(head->first, 0, sizeof head->first);
    for (size_t i = 0; i < head->n; i++) {
        struct field *field = &head->fields[i];
        field->value = str_trim(field->value);
        field->id = (uint16_t)field_id(field->name);
        if (!head->first[field->id])
            head->first[field->id] = (uint16_t)(i + 1);
    }
    head->fields_start = fields.p;
    head->fields_end = fields.p + fields.n - 2;
    return CAUSE_NONE;
}

static enum http_cause parse_version(struct str text, uint8_t *minor)
{
    if (text.n != 8 || !str_starts(text, STR("HTTP/")))
        return CAUSE_BAD_START_LINE;
    if (!str_starts(text, STR("HTTP/1.")) || (text.p[7] != '0' && text.p[7] != '1'))
        return CAUSE_BAD_VERSION;
    *minor = (uint8_t)(text.p[7] - '0');
    return CAUSE_NONE;
}

enum http_method http_method_of(struct str method)
{
    static const struct str names[] = {
#define METHOD(name) [METHOD_##name] = STR_INIT(#name),
        HTTP_METHODS(METHOD)
#undef METHOD
    };
    for (size_t i = 1; i < sizeof names / sizeof *names; i++)
        if (str_eq(method, names[i]))
            return (enum http_method)i;
    return METHOD_OTHER;
}

bool http_method_is_idempotent(enum http_method method)
{
    return method != METHOD_OTHER && method != METHOD_POST && method != METHOD_PATCH &&
           method != METHOD_CONNECT;
}

enum http_cause message_parse_request(struct head *head, struct str bytes)
{
    /* RFC 9112 §3: method SP request-target SP HTTP-version, single spaces. */
    struct str rest = bytes;
    struct str line = cut_line(&rest), whole = {line.p, line.n + 2};
    struct str method = str_cut(&line, ' '), target = str_cut(&line, ' ');
    uint8_t minor;
    if (!is_token(method) || !target.n)
        return CAUSE_BAD_START_LINE;
    enum http_cause cause = parse_version(line, &minor);
    if (cause == CAUSE_BAD_VERSION && str_eq(method, STR("PRI")))
        return CAUSE_HTTP2_PREFACE;
    if (cause)
        return cause;
    enum http_method id = http_method_of(method);
    /* llhttp has a closed list of methods, and reads more into some of them; RFC 9110 §9.1 has
     * neither. It is shown a plain request line where the method is none of the common ones. */
    bool common = id != METHOD_OTHER && id != METHOD_CONNECT;
    cause = run(head, HTTP_REQUEST, common ? whole : STR("GET / HTTP/1.1\r\n"), rest);
    if (cause)
        return cause;
    head->minor = minor;
    head->method_id = (uint8_t)id;
    head->method = method;
    head->target = target;
    head->status = 0;
    head->reason = (struct str){0};
    return CAUSE_NONE;
}

enum http_cause message_parse_response(struct head *head, struct str bytes)
{
    /* RFC 9112 §4: HTTP-version SP status-code SP [reason-phrase]; servers leave the last SP out.
     */
    struct str rest = bytes;
    struct str line = cut_line(&rest), whole = {line.p, line.n + 2};
    uint8_t minor;
    uint64_t status;
    enum http_cause cause = parse_version(str_cut(&line, ' '), &minor);
    if (cause)
        return cause;
    struct str code = str_cut(&line, ' ');
    if (code.n != 3 || !str_to_u64(code, &status) || status < 100)
        return CAUSE_BAD_START_LINE;
    cause = run(head, HTTP_RESPONSE, whole, rest);
    if (cause)
        return cause;
    head->minor = minor;
    head->status = (uint16_t)status;
    head->reason = line;
    head->method_id = METHOD_OTHER;
    head->method = head->target = (struct str){0};
    return CAUSE_NONE;
}

enum http_cause message_parse_trailers(struct head *head, struct str bytes)
{
    /* Trailers are field lines like others (RFC 9112 §7.1.2): the plainest request carries them. */
    return run(head, HTTP_REQUEST, STR("GET / HTTP/1.1\r\n"), bytes);
}

struct field *head_next(const struct head *head, const struct field *after)
{
    for (size_t i = (size_t)(after - head->fields) + 1; i < head->n; i++)
        if (head->fields[i].id == after->id)
            return &head->fields[i];
    return NULL;
}

size_t head_count(const struct head *head, enum field_id id)
{
    size_t n = 0;
    for (const struct field *field = head_field(head, id); field; field = head_next(head, field))
        n++;
    return n;
}

bool head_list_has(const struct head *head, enum field_id id, struct str item)
{
    for (const struct field *field = head_field(head, id); field; field = head_next(head, field))
        if (list_has(field->value, item))
            return true;
    return false;
}
