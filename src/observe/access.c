/* The fields of an access line, in their one order. */
#include "corsd/observe/access.h"
#include <stdio.h>
#include "corsd/base/json.h"

enum { TIME_TEXT = 32 };

static struct str time_text(struct timespec time, char out[TIME_TEXT])
{
    struct tm utc;
    gmtime_r(&time.tv_sec, &utc);
    size_t n = strftime(out, TIME_TEXT, "%Y-%m-%dT%H:%M:%S", &utc);
    n += (size_t)snprintf(out + n, TIME_TEXT - n, ".%03ldZ", time.tv_nsec / 1000000);
    return (struct str){out, n};
}

/* name=value, quoted where it holds a space, a quote or a byte that does not print. */
static void pair(struct buf *out, const char *name, struct str value)
{
    bool quote = !value.n;
    for (size_t i = 0; i < value.n; i++) {
        unsigned char c = (unsigned char)value.p[i];
        quote = quote || c <= ' ' || c >= 0x7f || c == '"' || c == '\\' || c == '=';
    }
    buf_add_char(out, ' ');
    buf_add(out, str_of(name));
    buf_add_char(out, '=');
    if (!value.n)
        buf_add_char(out, '-');
    else if (!quote)
        buf_add(out, value);
    else {
        buf_add_char(out, '"');
        for (size_t i = 0; i < value.n; i++) {
            unsigned char c = (unsigned char)value.p[i];
            if (c == '"' || c == '\\') {
                buf_add_char(out, '\\');
                buf_add_char(out, (char)c);
            } else if (c < ' ' || c >= 0x7f)
                buf_printf(out, "\\x%02x", c);
            else
                buf_add_char(out, (char)c);
        }
        buf_add_char(out, '"');
    }
}

static void number(struct buf *out, const char *name, uint64_t value)
{
    buf_add_char(out, ' ');
    buf_add(out, str_of(name));
    buf_add_char(out, '=');
    buf_add_u64(out, value);
}

static void seconds(struct buf *out, const char *name, uint64_t us)
{
    buf_printf(out, " %s=%llu.%06llu", name, (unsigned long long)(us / 1000000),
               (unsigned long long)(us % 1000000));
}

void access_text(struct buf *out, const struct access_record *record)
{
    char time[TIME_TEXT];
    buf_add(out, time_text(record->time, time));
    pair(out, "request_id", record->request_id);
    pair(out, "trace_id", record->trace_id);
    pair(out, "client", record->client);
    pair(out, "method", record->method);
    pair(out, "host", record->host);
    pair(out, "path", record->path);
    pair(out, "protocol", record->protocol);
    number(out, "status", record->status);
    number(out, "bytes_in", record->bytes_in);
    number(out, "bytes_out", record->bytes_out);
    seconds(out, "duration", record->duration_us);
    pair(out, "route", record->route);
    pair(out, "upstream", record->upstream);
    pair(out, "server", record->server);
    number(out, "upstream_status", record->upstream_status);
    seconds(out, "upstream_time", record->upstream_us);
    pair(out, "origin", record->origin);
    pair(out, "policy", record->policy);
    pair(out, "cors_kind", record->cors_kind);
    pair(out, "cors_result", record->cors_result);
    pair(out, "cors_reason", record->cors_reason);
    pair(out, "close", record->close_reason);
    buf_add_char(out, '\n');
}

static void member_seconds(struct json *json, const char *name, uint64_t us)
{
    char text[32];
    int n = snprintf(text, sizeof text, "%llu.%06llu", (unsigned long long)(us / 1000000),
                     (unsigned long long)(us % 1000000));
    json_key(json, str_of(name));
    json_raw(json, (struct str){text, (size_t)n});
}

static void member_u64(struct json *json, const char *name, uint64_t value)
{
    json_key(json, str_of(name));
    json_u64(json, value);
}

static void member(struct json *json, const char *name, struct str value)
{
    json_key(json, str_of(name));
    if (value.n)
        json_str(json, value);
    else
        json_null(json);
}

void access_json(struct buf *out, const struct access_record *record)
{
    char time[TIME_TEXT];
    struct json json = {.out = out};
    json_open(&json, '{');
    member(&json, "time", time_text(record->time, time));
    member(&json, "request_id", record->request_id);
    member(&json, "trace_id", record->trace_id);
    member(&json, "client", record->client);
    member(&json, "method", record->method);
    member(&json, "host", record->host);
    member(&json, "path", record->path);
    member(&json, "protocol", record->protocol);
    member_u64(&json, "status", record->status);
    member_u64(&json, "bytes_in", record->bytes_in);
    member_u64(&json, "bytes_out", record->bytes_out);
    member_seconds(&json, "duration", record->duration_us);
    member(&json, "route", record->route);
    member(&json, "upstream", record->upstream);
    member(&json, "server", record->server);
    member_u64(&json, "upstream_status", record->upstream_status);
    member_seconds(&json, "upstream_time", record->upstream_us);
    member(&json, "origin", record->origin);
    member(&json, "policy", record->policy);
    member(&json, "cors_kind", record->cors_kind);
    member(&json, "cors_result", record->cors_result);
    member(&json, "cors_reason", record->cors_reason);
    member(&json, "close", record->close_reason);
    json_close(&json, '}');
    buf_add_char(out, '\n');
}
