/* Laws of targets, authorities and path readings: DESIGN §2 rule 16, §3 "Host". What is parsed can
 * be put together again; what is in normal form stays as it is; and each reading is what its name
 * says, the one that routes compared with a plain reading by hand. */
#include <stdlib.h>
#include "corsd/http/target.h"
#include "law.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX = 4096 };

/* --- targets and authorities ---------------------------------------------------------------------
 */

static void check_target(struct str text)
{
    struct target target;
    if (!target_parse(text, &target))
        return;
    size_t between = target.form == TARGET_ABSOLUTE ? 3 : 0;
    LAW(target.scheme.n + between + target.authority.n + target.path.n + target.query.n == text.n);
    LAW(!target.query.n || target.query.p[0] == '?');
    LAW(str_find(target.path, '?') == target.path.n);
    LAW(str_ends(text, target.query));
    LAW(str_ends(str_head(text, text.n - target.query.n), target.path));
    switch (target.form) {
    case TARGET_ORIGIN: LAW(target.path.p[0] == '/' && !target.authority.n); break;
    case TARGET_ASTERISK: LAW(str_eq(text, STR("*"))); break;
    case TARGET_ABSOLUTE:
        LAW(!target.path.n || target.path.p[0] == '/');
        LAW(str_find(target.authority, '/') == target.authority.n);
        break;
    }
    for (size_t i = 0; i < text.n; i++)
        LAW(text.p[i] > ' ' && text.p[i] != 0x7f && text.p[i] != '#');
}

static void check_authority(struct str text)
{
    struct authority first, second;
    if (!authority_parse(text, &first))
        return;
    struct str host = authority_host(&first);
    LAW(host.n && (first.has_port || !first.port));
    LAW(authority_parse(host, &second) && !second.has_port);
    LAW(str_eq(authority_host(&second), host));
    for (size_t i = 0; i < host.n; i++) {
        char c = host.p[i];
        LAW((c >= 'a' && c <= 'z') || ascii_is_digit(c) || (c && strchr("-._[]:", c)));
    }
    for (size_t i = 0; i < text.n; i++)
        LAW(text.p[i] > ' ' && text.p[i] < 0x7f && !strchr("/\\@?#%,", text.p[i]));
}

/* --- paths ---------------------------------------------------------------------------------------
 */

/* The reading that routes, by hand: decode, then a stack of segments. False: no path. */
static bool by_hand(struct str raw, char *out, size_t *n)
{
    char decoded[MAX + 1];
    size_t from[MAX + 1], depth = 0, size = 0;
    if (!raw.n || raw.p[0] != '/')
        decoded[size++] = '/';
    for (size_t i = 0; i < raw.n; i++) {
        char c = raw.p[i];
        if (c == '%') {
            if (raw.n - i < 3 || ascii_hex(raw.p[i + 1]) < 0 || ascii_hex(raw.p[i + 2]) < 0)
                return false;
            c = (char)(ascii_hex(raw.p[i + 1]) * 16 + ascii_hex(raw.p[i + 2]));
            i += 2;
        }
        if (!c)
            return false;
        decoded[size++] = c;
    }
    *n = 0;
    struct str rest = {decoded + 1, size - 1};
    bool more = true;
    while (more) {
        size_t end = str_find(rest, '/');
        struct str segment = str_head(rest, end);
        more = end < rest.n;
        rest = str_from(rest, end + 1);
        if (str_eq(segment, STR("..")) && depth)
            *n = from[--depth];
        if (str_eq(segment, STR("..")) || str_eq(segment, STR(".")))
            continue;
        from[depth++] = *n;
        out[(*n)++] = '/';
        if (segment.n)
            memcpy(out + *n, segment.p, segment.n);
        *n += segment.n;
    }
    while (*n && out[*n - 1] == '/')
        --*n;
    if (!*n)
        out[(*n)++] = '/';
    return true;
}

static bool has_dots(struct str path)
{
    while (path.n) {
        struct str segment = str_cut(&path, '/');
        if (str_eq(segment, STR("..")) || str_eq(segment, STR(".")))
            return true;
    }
    return false;
}

static bool has_upper(struct str path)
{
    for (size_t i = 0; i < path.n; i++)
        if (ascii_lower(path.p[i]) != path.p[i])
            return true;
    return false;
}

static bool has(struct str path, char c)
{
    return str_find(path, c) < path.n;
}

static void check_reading(unsigned steps, struct str raw, struct str path)
{
    LAW(path.n && path.p[0] == '/' && path.n <= raw.n + 1);
    LAW(path.n == 1 || path.p[path.n - 1] != '/');
    LAW(!has(path, 0));
    LAW(steps == PATH_RAW || !has_dots(path));
    if (steps & PATH_BACKSLASH)
        LAW(!has(path, '\\'));
    if (steps & PATH_CUT)
        LAW(!has(path, ';'));
    if (steps & PATH_MERGE)
        LAW(!memmem(path.p, path.n, "//", 2));
    if (steps & PATH_FOLD)
        LAW(!has_upper(path));
    if (steps == PATH_RAW || has(path, '%') || (steps & PATH_CUT_FIRST && has(path, ';')))
        return; /* may be read further */
    struct buf again = BUF_INIT(MAX * 2);
    LAW(path_read(steps, path, &again) && str_eq(buf_str(&again), path));
    buf_finish(&again);
}

static void check_path(struct str raw)
{
    static const char before[] = "before";
    char want[MAX + 1];
    size_t n;
    bool known = by_hand(raw, want, &n), plain = path_is_plain(raw);
    for (unsigned steps = 0; steps <= PATH_RAW; steps++) {
        struct buf out = BUF_INIT(sizeof before - 1 + raw.n + 1);
        buf_add(&out, (struct str){before, sizeof before - 1});
        bool ok = path_read(steps, raw, &out);
        LAW(str_starts(buf_str(&out), (struct str){before, sizeof before - 1}));
        struct str path = str_from(buf_str(&out), sizeof before - 1);
        LAW(!out.failed && (!ok || known || steps & PATH_CUT_FIRST)); /* cuts bad encodings too */
        if (ok)
            check_reading(steps, raw, path);
        if (steps == PATH_ONCE)
            LAW(ok == known && (!ok || str_eq(path, (struct str){want, n})));
        if (plain && !(steps & PATH_FOLD))
            LAW(ok && str_eq(path, (struct str){want, n}));
        if (plain)
            LAW(ok && str_eq_nocase(path, (struct str){want, n}));
        buf_finish(&out);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > MAX - 1)
        return 0;
    char *exact = malloc(size ? size : 1);
    LAW(exact);
    if (size)
        memcpy(exact, data, size);
    struct str text = {exact, size};
    check_target(text);
    check_authority(text);
    if ((!size || *exact == '/') && !memchr(exact, 0, size))
        check_path(text);
    free(exact);
    return 0;
}
