/* Names, their twins and families, and lists: RFC 9110 §5; DESIGN §3 "Hop-by-hop". */
#include <ctype.h>
#include <stdio.h>
#include <criterion/criterion.h>
#include "corsd/http/fields.h"

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))

static const struct {
    const char *name;
    enum field_id id;
} known[] = {
#define FIELD(id, name) {name, FIELD_##id},
    HTTP_FIELDS(FIELD)
#undef FIELD
};

Test(fields, each_known_name_is_found_in_any_case)
{
    for (size_t i = 0; i < COUNT(known); i++) {
        char upper[64], mixed[64];
        size_t n = strlen(known[i].name);
        for (size_t j = 0; j <= n; j++) {
            upper[j] = (char)toupper((unsigned char)known[i].name[j]);
            mixed[j] = j % 2 ? upper[j] : known[i].name[j];
        }
        cr_expect_eq(field_id(str_of(known[i].name)), known[i].id, "%s", known[i].name);
        cr_expect_eq(field_id(str_of(upper)), known[i].id, "%s", upper);
        cr_expect_eq(field_id(str_of(mixed)), known[i].id, "%s", mixed);
        cr_expect(str_eq(field_name(known[i].id), str_of(known[i].name)), "%s", known[i].name);
    }
}

Test(fields, nearly_known_names_are_others)
{
    for (size_t i = 0; i < COUNT(known); i++) {
        char text[64];
        size_t n = strlen(known[i].name);
        bool family = !strncmp(known[i].name, "access-control-", 15) ||
                      !strncmp(known[i].name, "x-forwarded-", 12);
        for (size_t j = 0; j < n; j++) { /* one byte another */
            snprintf(text, sizeof text, "%s", known[i].name);
            text[j] = '!';
            enum field_id id = field_id(str_of(text));
            cr_expect(id == FIELD_OTHER || (family && id != known[i].id), "%s", text);
        }
        snprintf(text, sizeof text, "%s!", known[i].name);
        cr_expect_neq(field_id(str_of(text)), known[i].id, "%s", text);
        cr_expect_neq(field_id((struct str){known[i].name, n - 1}), known[i].id, "%s less a byte",
                      known[i].name);
    }
}

static const struct {
    const char *name;
    enum field_id want;
} id_rows[] = {
    {"", FIELD_OTHER},
    {"x", FIELD_OTHER},
    {"accept", FIELD_OTHER},
    {"accept-encoding", FIELD_OTHER},
    {"a-name-that-is-longer-than-any-that-is-known-here", FIELD_OTHER},
    /* families */
    {"Access-Control-Allow-Methods", FIELD_ACCESS_CONTROL},
    {"access-control-expose-headers", FIELD_ACCESS_CONTROL},
    {"ACCESS-CONTROL-MAX-AGE", FIELD_ACCESS_CONTROL},
    {"access-control-allow-private-network", FIELD_ACCESS_CONTROL},
    {"access-control-something-that-nobody-has-thought-of-yet", FIELD_ACCESS_CONTROL},
    {"access-control-x", FIELD_ACCESS_CONTROL},
    {"access-control-", FIELD_OTHER},
    {"access-control", FIELD_OTHER},
    {"access-controls-x", FIELD_OTHER},
    {"X-Forwarded-Port", FIELD_X_FORWARDED},
    {"x-forwarded-prefix", FIELD_X_FORWARDED},
    {"X-FORWARDED-SERVER", FIELD_X_FORWARDED},
    {"x-forwarded-something-that-nobody-has-thought-of-yet", FIELD_X_FORWARDED},
    {"x-forwarded-", FIELD_OTHER},
    {"x-forwarded", FIELD_OTHER},
    /* twins: what a backend that reads `_` as `-` takes for ours */
    {"X_Forwarded_For", FIELD_TWIN},
    {"x-forwarded_for", FIELD_TWIN},
    {"X_FORWARDED-FOR", FIELD_TWIN},
    {"x_forwarded_proto", FIELD_TWIN},
    {"x_forwarded_host", FIELD_TWIN},
    {"x_forwarded_port", FIELD_TWIN},
    {"x_forwarded_something_that_nobody_has_thought_of_yet", FIELD_TWIN},
    {"x_real_ip", FIELD_TWIN},
    {"x_original_url", FIELD_TWIN},
    {"x_rewrite-url", FIELD_TWIN},
    {"x_request_id", FIELD_TWIN},
    {"content_length", FIELD_TWIN},
    {"Content_Length", FIELD_TWIN},
    {"transfer_encoding", FIELD_TWIN},
    {"max_forwards", FIELD_TWIN},
    {"keep_alive", FIELD_TWIN},
    {"proxy_connection", FIELD_TWIN},
    {"proxy_authorization", FIELD_TWIN},
    {"http2_settings", FIELD_TWIN},
    {"Sec_Fetch_Site", FIELD_TWIN},
    {"proxy_authentication_info", FIELD_TWIN},
    {"access_control_request_method", FIELD_TWIN},
    {"access_control-request-headers", FIELD_TWIN},
    {"access_control_request_private_network", FIELD_TWIN},
    /* and what is nobody's twin */
    {"x_custom", FIELD_OTHER},
    {"content_type", FIELD_OTHER},
    {"set_cookie", FIELD_OTHER},
    {"_", FIELD_OTHER},
    {"te_", FIELD_OTHER},
    {"_host", FIELD_OTHER},
    {"x_forwarded_", FIELD_OTHER},
    {"content__length", FIELD_OTHER},
    {"a_name_that_is_longer_than_any_that_is_known_here_x", FIELD_OTHER},
};

Test(fields, id)
{
    for (size_t i = 0; i < COUNT(id_rows); i++)
        cr_expect_eq(field_id(str_of(id_rows[i].name)), id_rows[i].want, "%s: %d", id_rows[i].name,
                     field_id(str_of(id_rows[i].name)));
}

Test(fields, tokens)
{
    for (int c = 0; c < 256; c++) {
        char byte = (char)c;
        bool want = (c < 128 && isalnum(c)) || (c && c < 128 && strchr("!#$%&'*+-.^_`|~", c));
        cr_expect_eq(is_tchar(byte), want, "%02x", (unsigned)c);
        cr_expect_eq(is_token((struct str){&byte, 1}), want, "%02x", (unsigned)c);
        cr_expect_eq(is_field_value((struct str){&byte, 1}), c == '\t' || (c >= 0x20 && c != 0x7f),
                     "%02x", (unsigned)c);
    }
    cr_expect_not(is_token(STR("")));
    cr_expect(is_token(STR("GET")));
    cr_expect_not(is_token(STR("a b")));
    cr_expect(is_field_value(STR("")));
    cr_expect_not(is_field_value(STR("a\r\nb")));
}

static const struct {
    const char *name, *list, *want;
} list_rows[] = {
    {"nothing", "", ""},
    {"one", "a", "[a]"},
    {"two", "a,b", "[a][b]"},
    {"blanks", " a \t,\t b ", "[a][b]"},
    {"blanks inside stay", "a b , c", "[a b][c]"},
    {"empty items", ",,a,, ,b,", "[a][b]"},
    {"only commas", ", ,,", ""},
    {"a comma in quotes", "\"a,b\",c", "[\"a,b\"][c]"},
    {"a parameter in quotes", "a;x=\"1,2\", b", "[a;x=\"1,2\"][b]"},
    {"an escaped quote in quotes", "\"a\\\",b\",c", "[\"a\\\",b\"][c]"},
    {"an escaped backslash in quotes", "\"a\\\\\",b", "[\"a\\\\\"][b]"},
    {"a backslash outside quotes", "a\\,b", "[a\\][b]"},
    {"quotes that do not end", "\"a,b", "[\"a,b]"},
    {"a backslash as the last byte", "\"a\\", "[\"a\\]"},
};

Test(fields, list_next)
{
    for (size_t i = 0; i < COUNT(list_rows); i++) {
        struct str rest = str_of(list_rows[i].list), item;
        char got[256] = "";
        size_t n = 0;
        while (list_next(&rest, &item))
            n += (size_t)snprintf(got + n, sizeof got - n, "[%.*s]", STR_ARG(item));
        cr_expect_str_eq(got, list_rows[i].want, "%s", list_rows[i].name);
    }
}

Test(fields, list_has)
{
    cr_expect(list_has(STR("keep-alive, Upgrade"), STR("upgrade")));
    cr_expect(list_has(STR("UPGRADE"), STR("upgrade")));
    cr_expect_not(list_has(STR("upgrades, up grade, \"upgrade\""), STR("upgrade")));
    cr_expect_not(list_has(STR(""), STR("upgrade")));
}
