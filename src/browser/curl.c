/* "Copy as cURL": a shell command back into a request. */
#include "copied.h"

struct words { /* of a command line */
    struct str rest;
    struct arena *arena;
    char *word; /* room for the longest one */
    bool failed;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Skips blanks and continued lines. */
static void skip_blanks(struct words *words)
{
    struct str *rest = &words->rest;
    for (;;) {
        if (rest->n && is_blank(rest->p[0]))
            *rest = str_from(*rest, 1);
        else if (rest->n > 1 && rest->p[0] == '\\' && (rest->p[1] == '\n' || rest->p[1] == '\r'))
            *rest = str_from(*rest, 2);
        else
            return;
    }
}

/* One escape of $'…' behind its backslash: appended to out; returns the bytes used. */
static size_t ansi_escape(struct str text, char *out, size_t *n)
{
    static const char letters[] = "nrtabfve\\'\"", bytes[] = "\n\r\t\a\b\f\v\033\\'\"";
    const char *at = text.n ? memchr(letters, text.p[0], sizeof letters - 1) : NULL;
    if (at) {
        out[(*n)++] = bytes[at - letters];
        return 1;
    }
    int wide = text.n && (text.p[0] == 'u' || text.p[0] == 'x') ? (text.p[0] == 'u' ? 4 : 2) : 0;
    unsigned value = 0;
    size_t used = 1;
    for (; wide && used <= (size_t)wide && used < text.n && ascii_hex(text.p[used]) >= 0; used++)
        value = value << 4 | (unsigned)ascii_hex(text.p[used]);
    if (!wide || used == 1) {
        out[(*n)++] = '\\';
        return 0;
    }
    out[(*n)++] = value < 0x80 ? (char)value : '?';
    return used;
}

/* The part in quotes from rest's start on, without them; rest goes behind. */
static void quoted(struct words *words, char quote, bool ansi, char *out, size_t *n)
{
    struct str *rest = &words->rest;
    while (rest->n && rest->p[0] != quote) {
        char c = rest->p[0];
        *rest = str_from(*rest, 1);
        if (c == '\\' && ansi)
            *rest = str_from(*rest, ansi_escape(*rest, out, n));
        else if (c == '\\' && quote == '"' && rest->n && memchr("\"\\$`", rest->p[0], 4)) {
            out[(*n)++] = rest->p[0];
            *rest = str_from(*rest, 1);
        } else
            out[(*n)++] = c;
    }
    words->failed = words->failed || !rest->n;
    *rest = str_from(*rest, 1);
}

static void bare(struct words *words, char *out, size_t *n)
{
    struct str *rest = &words->rest;
    bool escaped = rest->p[0] == '\\' && rest->n > 1;
    if (escaped)
        *rest = str_from(*rest, 1);
    out[(*n)++] = rest->p[0];
    *rest = str_from(*rest, 1);
}

static bool next_word(struct words *words, struct str *out)
{
    struct str *rest = &words->rest;
    skip_blanks(words);
    if (!rest->n || words->failed)
        return false;
    char *p = words->word;
    size_t n = 0;
    while (rest->n && !is_blank(rest->p[0])) {
        bool ansi = rest->n > 1 && rest->p[0] == '$' && rest->p[1] == '\'';
        char c = rest->p[ansi];
        if (c == '\'' || c == '"') {
            *rest = str_from(*rest, ansi ? 2u : 1u);
            quoted(words, c, ansi, p, &n);
        } else
            bare(words, p, &n);
    }
    *out = arena_copy(words->arena, (struct str){p, n});
    words->failed = words->failed || !out->p;
    return !words->failed;
}

/* --- options ---------------------------------------------------------------------------------- */

enum option {
    OPTION_METHOD,
    OPTION_HEADER,
    OPTION_COOKIE,
    OPTION_DATA,
    OPTION_URL,
    OPTION_USER,
    OPTION_JSON,
    OPTION_OTHER
};
static const struct {
    const char *name;
    enum option option;
} options[] = {
    /* those that take a word */
    {"-X", OPTION_METHOD},
    {"--request", OPTION_METHOD},
    {"-H", OPTION_HEADER},
    {"--header", OPTION_HEADER},
    {"-b", OPTION_COOKIE},
    {"--cookie", OPTION_COOKIE},
    {"-d", OPTION_DATA},
    {"--data", OPTION_DATA},
    {"--data-raw", OPTION_DATA},
    {"--data-binary", OPTION_DATA},
    {"--data-ascii", OPTION_DATA},
    {"--data-urlencode", OPTION_DATA},
    {"-F", OPTION_DATA},
    {"--form", OPTION_DATA},
    {"--json", OPTION_JSON},
    {"--url", OPTION_URL},
    {"-u", OPTION_USER},
    {"--user", OPTION_USER},
    {"-A", OPTION_OTHER},
    {"--user-agent", OPTION_OTHER},
    {"-e", OPTION_OTHER},
    {"--referer", OPTION_OTHER},
    {"-o", OPTION_OTHER},
    {"--output", OPTION_OTHER},
    {"-m", OPTION_OTHER},
    {"--max-time", OPTION_OTHER},
    {"-x", OPTION_OTHER},
    {"--proxy", OPTION_OTHER},
    {"--connect-timeout", OPTION_OTHER},
    {"--cacert", OPTION_OTHER},
    {"--resolve", OPTION_OTHER},
};

static bool take_header(struct copied *out, struct str line)
{
    struct str name = str_cut(&line, ':');
    return copied_header(out, str_trim(name), line);
}

static bool apply(struct copied *out, enum option option, struct str word)
{
    switch (option) {
    case OPTION_METHOD: out->method = word; return true;
    case OPTION_HEADER: return take_header(out, word);
    case OPTION_COOKIE: out->cookies = word.n > 0; return true;
    case OPTION_URL: out->url = word; return true;
    case OPTION_USER: return copied_header(out, STR("Authorization"), STR("Basic …"));
    case OPTION_JSON:
        if (!copied_header(out, STR("Content-Type"), STR("application/json")))
            return false;
        break;
    case OPTION_DATA: break;
    case OPTION_OTHER: return true;
    }
    if (!out->method.n)
        out->method = STR("POST");
    return true;
}

/* The option's row, or -1; *attached is what stands behind it in the same word: -XPUT, --url=…. */
static int option_of(struct str word, struct str *attached)
{
    for (int i = 0; i < (int)(sizeof options / sizeof *options); i++) {
        struct str name = str_of(options[i].name);
        *attached = str_from(word, name.n);
        if (!str_starts(word, name))
            continue;
        bool is_long = name.n > 2;
        if (!attached->n || !is_long)
            return i;
        if (attached->p[0] == '=') {
            *attached = str_from(*attached, 1);
            return i;
        }
    }
    return -1;
}

static bool take(struct words *words, struct copied *out, struct str word)
{
    struct str value;
    int row = option_of(word, &value);
    if (str_eq(word, STR("-I")) || str_eq(word, STR("--head")))
        out->method = STR("HEAD");
    if (row < 0) {
        if ((!word.n || word.p[0] != '-') && !out->url.n)
            out->url = word;
        return true;
    }
    if (!value.n && !next_word(words, &value))
        return false;
    return apply(out, options[row].option, value);
}

enum copied_fault copied_from_curl(struct str text, struct arena *arena, struct copied *out)
{
    static const struct copied none;
    struct words words = {.rest = text, .arena = arena, .word = arena_alloc(arena, text.n + 1)};
    struct copied copied = none;
    struct str word;
    if (!words.word || !next_word(&words, &word))
        return COPIED_UNREADABLE;
    if (!str_eq(word, STR("curl")) && !take(&words, &copied, word))
        return COPIED_UNREADABLE;
    while (next_word(&words, &word))
        if (!take(&words, &copied, word))
            return COPIED_UNREADABLE;
    if (words.failed)
        return COPIED_UNREADABLE;
    if (!copied.url.n)
        return COPIED_NOT_THERE;
    if (!copied.method.n)
        copied.method = STR("GET");
    *out = copied;
    return COPIED_OK;
}
