/* Laws of the browser model, whatever a page asks and a server says. The input is lines: method,
 * URL and origin; then 'c' credentials, 'h' a header of the page, 'p' and 'a' begin an answer (to
 * a preflight, to a request) with its status, 'f' is a field of it. */
#include <stdlib.h>
#include "corsd/browser/advice.h"
#include "corsd/browser/console.h"
#include "law.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ANSWERS = 8, FIELDS = 16 };

struct replies {
    struct answer answers[ANSWERS];
    struct field fields[ANSWERS][FIELDS];
    size_t n;
};
struct input {
    struct page_request page;
    struct replies preflight, actual;
    struct replies *last; /* the one that fields go to */
};

static void begin_answer(struct input *input, struct replies *replies, struct str status)
{
    uint64_t number = 0;
    input->last = NULL;
    if (replies->n == ANSWERS || !str_to_u64(status, &number) || number > 599)
        return;
    replies->answers[replies->n] =
        (struct answer){(unsigned)number, replies->fields[replies->n], 0};
    replies->n++;
    input->last = replies;
}

static void add_field(struct input *input, struct str line)
{
    struct str name = str_cut(&line, ':');
    if (!input->last || !is_token(name) || !is_field_value(line))
        return;
    size_t i = input->last->n - 1;
    struct answer *answer = &input->last->answers[i];
    if (answer->n < FIELDS)
        input->last->fields[i][answer->n++] =
            (struct field){name, str_trim(line), (uint16_t)field_id(name), false};
}

static void add_header(struct input *input, struct arena *arena, struct str line)
{
    struct str name = str_cut(&line, ':');
    (void)page_add_header(&input->page, arena, name, line);
}

static void read_line(struct input *input, struct arena *arena, struct str line)
{
    struct str rest = str_from(line, 1);
    switch (line.n ? line.p[0] : 0) {
    case 'c': input->page.credentials = CREDENTIALS_INCLUDE; break;
    case 'h': add_header(input, arena, rest); break;
    case 'p': begin_answer(input, &input->preflight, rest); break;
    case 'a': begin_answer(input, &input->actual, rest); break;
    case 'f': add_field(input, rest); break;
    default: break;
    }
}

static bool read_input(struct input *input, struct arena *arena, struct str rest)
{
    struct str line = str_cut(&rest, '\n'), method = str_cut(&line, ' '), url = str_cut(&line, ' ');
    if (page_set_method(&input->page, arena, method) != PAGE_OK ||
        url_parse(arena, url, NULL, &input->page.url) != URL_OK || !is_field_value(line))
        return false;
    input->page.origin = line;
    while (rest.n)
        read_line(input, arena, str_cut(&rest, '\n'));
    return true;
}

/* What the standard asks of the answer that a page was given. */
static void check_allowed(const struct fetch *fetch, const struct answer *answer,
                          struct arena *arena)
{
    struct str origin = {0}, credentials = {0};
    bool include = fetch->page->credentials == CREDENTIALS_INCLUDE;
    if (!fetch->cross_origin)
        return;
    LAW(answer_value(answer, arena, STR("Access-Control-Allow-Origin"), &origin));
    LAW(str_eq(origin, fetch->origin) || (!include && str_eq(origin, STR("*"))));
    LAW(!include ||
        (answer_value(answer, arena, STR("Access-Control-Allow-Credentials"), &credentials) &&
         str_eq(credentials, STR("true"))));
}

static void check_steps(const struct fetch *fetch)
{
    for (size_t i = 0; i < fetch->n_steps; i++)
        LAW(fetch->steps[i].passed || (i + 1 == fetch->n_steps && fetch->block != BLOCK_NONE));
}

static void check_words(const struct fetch *fetch, enum browser_name browser)
{
    struct buf text = BUF_INIT(1 << 20);
    console_say(&text, browser, fetch);
    LAW(fetch->block || !text.n);
    buf_clear(&text);
    advice_what(&text, fetch);
    LAW(!fetch->block == !text.n);
    buf_finish(&text);
}

static bool run(struct input *input, enum browser_name browser, struct arena *arena)
{
    static struct fetch fetch;
    static const struct answer none;
    const struct answer *answer = &none;
    unsigned turns = 0;
    fetch_begin(&fetch, &browsers[browser], &input->page, arena);
    while (fetch.want != WANT_NOTHING) {
        struct buf head = BUF_INIT(1 << 20);
        const struct replies *replies =
            fetch.want == WANT_PREFLIGHT ? &input->preflight : &input->actual;
        fetch_write(&fetch, &head);
        LAW(head.failed || str_ends(buf_str(&head), STR("\r\n\r\n")));
        buf_finish(&head);
        answer = fetch.redirects < replies->n ? &replies->answers[fetch.redirects] : &none;
        fetch_take(&fetch, answer);
        LAW(++turns <= 2 * (REDIRECTS_MAX + 2));
    }
    if (!fetch.block)
        check_allowed(&fetch, answer, arena);
    check_steps(&fetch);
    check_words(&fetch, browser);
    return !fetch.block;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct input input;
    struct arena arena;
    arena_init(&arena, NULL, 0);
    memset(&input, 0, sizeof input);
    if (read_input(&input, &arena, (struct str){(const char *)data, size})) {
        bool standard = run(&input, BROWSER_STANDARD, &arena);
        bool chromium = run(&input, BROWSER_CHROMIUM, &arena);
        run(&input, BROWSER_FIREFOX, &arena);
        LAW(!standard || chromium); /* it departs to the lax side only */
    }
    arena_finish(&arena);
    return 0;
}
