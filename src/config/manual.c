/* Tables → the manual page corsd.yaml(5), and the same in Markdown. */
#include "corsd/base/units.h"
#include "corsd/config/describe.h"
#include "corsd/config/keys.h"

/* What the two forms do differently. */
struct form {
    void (*chapter)(struct buf *out, struct str title);
    void (*paragraph)(struct buf *out, struct str text);
    void (*example)(struct buf *out, struct str yaml);
    void (*key)(struct buf *out, const struct key *section, const struct key *key);
};

/* --- words ------------------------------------------------------------------------------------ */

static const char introduction[] =
    "corsd reads one YAML file: the one named by -c, else the one named by the environment "
    "variable CORSD_CONFIG, else /etc/corsd/corsd.yaml. Every key is checked: corsd check says all "
    "that is wrong with a file, with line and column; corsd show prints what it amounts to.";

static const char smallest[] = "listen: 127.0.0.1:8080\n"
                               "upstream: http://127.0.0.1:3000\n"
                               "cors:\n"
                               "  allow_origins: [\"https://app.example.com\"]\n";

static const struct {
    const char *title, *text;
} general[] = {
    {"durations",
     "500ms, 10s, 2m, 2h, 1d, or a bare number of seconds. Whole numbers only."},
    {"sizes", "512, 32k, 10m, 1g: bytes, or units of 1024."},
    {"true and false", "Only these words, without quotes; yes, no, on and off are refused."},
    {"quotes", "YAML wants quotes around a value that begins with *, & or [, or holds \": \": "
               "\"*\", \"[::1]:8080\"."},
    {"variables",
     "A value may hold ${VAR}, ${VAR:-default} or ${VAR:?message}, replaced by an environment "
     "variable: the default holds where it is empty or not set, the message is the fault then. "
     "$${ stands for ${ itself. Values are put in after the YAML was read, so they "
     "never add keys."},
    {"files", "The name of a file starts from the folder of the configuration."},
    {"without a file",
     "Each key can be a flag or a variable instead: --listen :8080 or CORSD_LISTEN=:8080. Keys of "
     "a policy are those of cors: --allow-origin https://app.example.com (several times), or "
     "CORSD_ALLOW_ORIGINS with commas. Others have their section before them: --log-level debug, "
     "CORSD_LIMITS_BODY_SIZE=10m."},
};

/* "off or text", "a duration such as 10s, at least 1ms". */
static void add_type(struct buf *out, const struct key *key)
{
    bool choices = key->type->shape == SHAPE_CHOICE || key->type->shape == SHAPE_CHOICES;
    struct str rest = str_of(key->choices);
    const char *between = key->type->shape == SHAPE_CHOICES ? "a list of " : "";
    if (!choices)
        buf_add(out, str_of(key->type->what));
    while (choices && rest.n) {
        struct str word = str_cut(&rest, ' ');
        if (key->later && word_number(key->later, word) >= 0)
            continue;
        buf_add(out, str_of(between));
        buf_add(out, word);
        between = ", ";
    }
    if (key->type->shape == SHAPE_NUMBER && key->max)
        buf_printf(out, " from %u to %u", (unsigned)key->min, (unsigned)key->max);
}

/* ---- manual page ----------------------------------------------------------------------------- */

static void add_roff(struct buf *out, struct str text)
{
    bool start = true;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (start && (c == '.' || c == '\''))
            buf_add(out, STR("\\&"));
        start = c == '\n';
        if (c == '\\')
            buf_add(out, STR("\\e"));
        else if (c == '-')
            buf_add(out, STR("\\-"));
        else
            buf_add_char(out, c);
    }
}

static void roff_chapter(struct buf *out, struct str title)
{
    buf_add(out, STR(".SH \""));
    for (size_t i = 0; i < title.n; i++)
        buf_add_char(out, ascii_is_alpha(title.p[i]) ? (char)(title.p[i] & ~0x20) : title.p[i]);
    buf_add(out, STR("\"\n"));
}

static void roff_paragraph(struct buf *out, struct str text)
{
    buf_add(out, STR(".PP\n"));
    add_roff(out, text);
    buf_add_char(out, '\n');
}

static void roff_example(struct buf *out, struct str yaml)
{
    buf_add(out, STR(".PP\n.RS 4\n.nf\n"));
    add_roff(out, yaml);
    buf_add(out, STR(".fi\n.RE\n"));
}

static void roff_key(struct buf *out, const struct key *section, const struct key *key)
{
    (void)section;
    buf_add(out, STR(".TP\n.B "));
    add_roff(out, str_of(key->name));
    buf_add_char(out, '\n');
    add_roff(out, str_of(key->doc));
    buf_add(out, STR("\n.br\nTakes: "));
    struct buf type = BUF_INIT(1024);
    add_type(&type, key);
    add_roff(out, buf_str(&type));
    buf_finish(&type);
    buf_add(out, STR(".\n.br\n"));
    if (key->required)
        buf_add(out, STR("Required.\n.br\n"));
    if (key->fallback) {
        buf_add(out, STR("Default: "));
        add_roff(out, str_of(key->fallback));
        buf_add(out, STR(".\n.br\n"));
    }
    buf_add(out, STR("Example: \\fI"));
    add_roff(out, str_of(key->name));
    buf_add(out, STR(": "));
    add_roff(out, str_of(key->example));
    buf_add(out, STR("\\fR\n"));
}

static const struct form roff = {roff_chapter, roff_paragraph, roff_example, roff_key};

/* --- Markdown --------------------------------------------------------------------------------- */

static void add_markdown(struct buf *out, struct str text)
{
    for (size_t i = 0; i < text.n; i++) {
        if (strchr("*_<>[]`\\", text.p[i]))
            buf_add_char(out, '\\');
        buf_add_char(out, text.p[i]);
    }
}

static void markdown_chapter(struct buf *out, struct str title)
{
    buf_add(out, STR("\n## "));
    buf_add(out, title);
    buf_add_char(out, '\n');
}

static void markdown_paragraph(struct buf *out, struct str text)
{
    buf_add_char(out, '\n');
    add_markdown(out, text);
    buf_add_char(out, '\n');
}

static void markdown_example(struct buf *out, struct str yaml)
{
    buf_add(out, STR("\n```yaml\n"));
    buf_add(out, yaml);
    buf_add(out, STR("```\n"));
}

static void markdown_key(struct buf *out, const struct key *section, const struct key *key)
{
    bool top = section == &root_key;
    buf_printf(out, "\n### `%s%s%s`\n\n", top ? "" : section->title, top ? "" : ": ", key->name);
    add_markdown(out, str_of(key->doc));
    buf_add(out, STR("\n\n- takes "));
    add_type(out, key);
    buf_add(out, STR("\n- "));
    if (key->required)
        buf_add(out, STR("required"));
    else if (key->fallback)
        buf_printf(out, "default `%s`", key->fallback);
    else
        buf_add(out, STR("absent by default"));
    buf_printf(out, "\n- example `%s: %s`\n", key->name, key->example);
}

static const struct form markdown = {markdown_chapter, markdown_paragraph, markdown_example,
                                     markdown_key};

/* --- the whole -------------------------------------------------------------------------------- */

static bool has_keys(const struct key *section)
{
    for (const struct key *key = section->keys; key->name; key++)
        if (!key->unbuilt)
            return true;
    return false;
}

/* A chapter of keys whose section cannot be written yet would mislead. */
static bool is_reachable(const struct key *section)
{
    for (size_t i = 0; key_tables[i]; i++)
        for (const struct key *key = key_tables[i]->keys; key->name; key++)
            if (key->keys == section->keys && key->unbuilt)
                return false;
    return has_keys(section);
}

static void describe(struct buf *out, const struct form *form)
{
    form->paragraph(out, str_of(introduction));
    form->paragraph(out, STR("The smallest file that is useful:"));
    form->example(out, str_of(smallest));
    for (size_t i = 0; i < sizeof general / sizeof *general; i++) {
        form->chapter(out, str_of(general[i].title));
        form->paragraph(out, str_of(general[i].text));
    }
    for (size_t i = 0; key_tables[i]; i++) {
        const struct key *section = key_tables[i];
        if (!is_reachable(section))
            continue;
        form->chapter(out, str_of(section->title));
        form->paragraph(out, str_of(section->doc));
        for (const struct key *key = section->keys; key->name; key++)
            if (!key->unbuilt)
                form->key(out, section, key);
    }
}

void describe_manual(struct buf *out)
{
    buf_add(out, STR(".TH CORSD.YAML 5 \"\" \"corsd " CORSD_VERSION "\"\n"
                     ".SH NAME\ncorsd.yaml \\- configuration of corsd\n.SH DESCRIPTION\n"));
    describe(out, &roff);
    buf_add(out, STR(".SH \"SEE ALSO\"\n.BR corsd (1)\n"));
}

void describe_markdown(struct buf *out)
{
    buf_add(out, STR("# corsd.yaml\n\n<!-- printed by `corsd schema --markdown` -->\n"));
    describe(out, &markdown);
}
