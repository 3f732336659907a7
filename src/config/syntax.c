/* Characters that are none, and libyaml's problems by their words. */
#include "corsd/config/syntax.h"
#include "corsd/config/characters.h"

/* --- characters ------------------------------------------------------------------------------- */

bool syntax_check_characters(struct reading *reading, const struct place_file *file)
{
    struct place at = {file, 1, 1};
    struct str rest = file->text;
    uint32_t c = 0, before = 0;
    if (str_starts(rest, STR("\xff\xfe")) || str_starts(rest, STR("\xfe\xff"))) {
        fault(reading, &at, "save it as UTF-8", "the file is UTF-16");
        return false;
    }
    for (size_t n; rest.n; rest = str_from(rest, n), before = c) {
        n = utf8_read(rest, &c);
        if (!n) {
            fault(reading, &at, "save the file as UTF-8", "byte 0x%02x is not UTF-8",
                  (unsigned char)rest.p[0]);
            return false;
        }
        if (is_control(c) && c != '\t' && !is_break(c)) {
            fault(reading, &at, "delete it", "there is a control character here (U+%04X)",
                  (unsigned)c);
            return false;
        }
        if (c == '\n' && before == '\r')
            continue; /* one break of two characters */
        at.line += is_break(c);
        at.column = is_break(c) ? 1 : at.column + 1;
    }
    return true;
}

/* --- syntax faults ---------------------------------------------------------------------------- */

static const struct {
    const char *problem; /* libyaml's words, or their start */
    bool at_context;     /* where the construct began tells more than where it broke */
    const char *message, *hint;
} syntax_rows[] = {
    {"could not find expected ':'", true, "a key without a colon",
     "write \"key: value\", with a space behind the colon"},
    {"block sequence entries are not allowed", false, "a list cannot begin here",
     "begin it on the next line, each item with \"- \", or write it in brackets: [a, b]"},
    {"mapping values are not allowed", false, "a second colon in one line, or a wrong indentation",
     "put a value that holds \": \" in quotes; indent what belongs to a key by two spaces"},
    {"mapping keys are not allowed", false, "a key cannot stand here", NULL},
    {"did not find expected alphabetic or numeric character", true,
     "YAML takes this for an alias or an anchor",
     "put a value that begins with * or & in quotes: \"*\""},
    {"found unexpected end of stream", true, "a quote that never ends",
     "close it with the quote it begins with"},
    {"found unexpected document indicator", true, "a quote that never ends",
     "close it with the quote it begins with"},
    {"found unknown escape character", false, "a backslash that escapes nothing known",
     "use single quotes: in these a backslash is only a backslash"},
    {"found character that cannot start any token", false,
     "a value cannot begin with this character", "put the value in quotes"},
    {"found a tab character", false, "a tab where YAML wants spaces",
     "indent with spaces only"},
    {"did not find expected ',' or ']'", true, "a list in brackets that is not closed",
     "separate the items by commas and end the list with ]"},
    {"did not find expected ',' or '}'", true, "a map in braces that is not closed",
     "separate the pairs by commas and end the map with }"},
    {"did not find expected '-' indicator", false, "a list item was expected here",
     "begin each item with \"- \", all in the same column"},
    {"did not find expected key", false, "a key was expected here",
     "keys of one map stand in the same column; text behind a closing quote or bracket needs "
     "quotes around all of it"},
    {"did not find expected <document start>", false, "more text behind the end of the document",
     "the whole file is one map of \"key: value\" lines"},
    {"did not find expected node content", false, "a value was expected here", NULL},
    {"found undefined tag handle", false, "YAML tags are not taken", "delete the tag"},
    {"found incompatible YAML document", false, "this is not YAML 1.1 or 1.2", NULL},
};

/* An IPv6 address without quotes: YAML reads a list. */
static bool is_bare_ipv6(struct str text)
{
    size_t open = str_find(text, '[');
    struct str inside = str_from(text, open + 1);
    size_t n = 0;
    while (n < inside.n && (ascii_hex(inside.p[n]) >= 0 || inside.p[n] == ':'))
        n++;
    return n > 1 && str_starts(str_from(inside, n), STR("]:"));
}

/* A line that YAML joined with the next one, since its key has no colon and space. */
static bool is_without_colon(struct str line)
{
    struct str text = str_trim(line);
    return text.n && text.p[0] != '#' && text.p[0] != '-' && !str_ends(text, STR(":")) &&
           !memmem(text.p, text.n, ": ", 2);
}

static bool is_first_colon(struct str line, size_t column)
{
    return column < line.n && str_find(line, ':') == column;
}

struct words {
    const char *message, *hint;
    struct place at;
};

static struct words words_of(const struct syntax_fault *syntax)
{
    const char *problem = syntax->problem ? syntax->problem : "broken YAML";
    for (size_t i = 0; i < sizeof syntax_rows / sizeof *syntax_rows; i++)
        if (str_starts(str_of(problem), str_of(syntax_rows[i].problem)))
            return (struct words){syntax_rows[i].message, syntax_rows[i].hint,
                                  syntax_rows[i].at_context && syntax->start.file ? syntax->start
                                                                                  : syntax->at};
    return (struct words){problem, NULL, syntax->at};
}

/* Where libyaml's words mislead: it names what it noticed, not what was written wrong. */
static void look_closer(const struct syntax_fault *syntax, struct words *words)
{
    struct str text = syntax->at.file->text, problem = str_of(syntax->problem);
    struct str line = line_of(text, syntax->at.line);
    struct str before = line_of(text, syntax->at.line - 1);
    struct str rest = str_from(line, character_at(line, syntax->at.column - 1));
    if (syntax->at.line > 1 && str_starts(problem, STR("mapping values")) &&
        is_first_colon(line, syntax->at.column - 1) && is_without_colon(before)) {
        words->message = syntax_rows[0].message;
        words->hint = syntax_rows[0].hint;
        words->at.line = syntax->at.line - 1;
        words->at.column = (unsigned)(str_trim(before).p - before.p) + 1;
    }
    if (str_starts(rest, STR("\t")) && str_starts(problem, STR("found character"))) {
        words->message = "a tab where YAML wants spaces";
        words->hint = "indent with spaces only";
    }
    if (is_bare_ipv6(line))
        words->hint = "put an address that begins with [ in quotes: \"[::1]:8080\"";
}

void syntax_report(struct reading *reading, const struct syntax_fault *syntax)
{
    struct words words = words_of(syntax);
    struct place end = {.file = syntax->at.file};
    look_closer(syntax, &words);
    end_of(syntax->at.file->text, &end.line, &end.column);
    /* libyaml puts the end of a file on a line of its own. */
    fault(reading, words.at.line > end.line ? &end : &words.at, words.hint, "%s", words.message);
}
