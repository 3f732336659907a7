/* Attributes given to the backend's cookies: DESIGN §1 cookies. */
#include <criterion/criterion.h>
#include "corsd/gate/cookie.h"
#include "fixture.h"

static const struct {
    const char *name;
    struct policy_traits traits;
    const char *cookie, *want; /* NULL: stays as it lies */
} rows[] = {
    {"nothing to give", {0}, "a=b; SameSite=Lax", NULL},
    {"none", {.same_site = SAME_SITE_NONE}, "a=b", "a=b; SameSite=None"},
    {"lax", {.same_site = SAME_SITE_LAX}, "a=b", "a=b; SameSite=Lax"},
    {"strict", {.same_site = SAME_SITE_STRICT}, "a=b", "a=b; SameSite=Strict"},
    {"secure", {.cookies_secure = true}, "a=b", "a=b; Secure"},
    {"partitioned", {.cookies_partitioned = true}, "a=b", "a=b; Partitioned"},
    {"all", {.same_site = SAME_SITE_NONE, .cookies_secure = true, .cookies_partitioned = true},
     "a=b; Path=/; HttpOnly", "a=b; Path=/; HttpOnly; SameSite=None; Secure; Partitioned"},
    {"replaced, in any case and number", {.same_site = SAME_SITE_NONE},
     "a=b; samesite=strict; Path=/; SAMESITE; SameSite = Lax", "a=b; Path=/; SameSite=None"},
    {"never twice", {.cookies_secure = true}, "a=b; secure; Secure", "a=b; Secure"},
    {"what is not asked for stays", {.cookies_secure = true}, "a=b; SameSite=Lax; Partitioned",
     "a=b; SameSite=Lax; Partitioned; Secure"},
    {"a name that is an attribute's", {.same_site = SAME_SITE_NONE}, "SameSite=b; Path=/",
     "SameSite=b; Path=/; SameSite=None"},
    {"a value that holds one", {.cookies_secure = true}, "a=Secure", "a=Secure; Secure"},
    {"no value", {.cookies_secure = true}, "a", "a; Secure"},
    {"empty parts", {.cookies_secure = true}, "a=b;;  ; Path=/ ;", "a=b; Path=/; Secure"},
    {"a longer word", {.cookies_secure = true}, "a=b; SecureX", "a=b; SecureX; Secure"},
};

Test(cookie, rows)
{
    static const struct upstream_spec upstream = {.name = STR_INIT("u")};
    static const struct route route = {.upstream = &upstream};
    const struct decision decision = {.route = &route};
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct field fields[4];
        struct head head = {.fields = fields, .cap = 4};
        struct buf out = BUF_INIT(1000);
        char text[512], want[512] = "";
        snprintf(text, sizeof text, "HTTP/1.1 200 OK|Set-Cookie: %s|A: b|set-cookie: %s",
                 rows[i].cookie, rows[i].cookie);
        struct str bytes = head_bytes(text);
        cr_assert_eq(message_parse_response(&head, bytes), CAUSE_NONE);
        gate_cookies(&out, &rows[i].traits, &decision, &head);
        if (rows[i].want)
            snprintf(want, sizeof want, "Set-Cookie: %s\r\nSet-Cookie: %s\r\n", rows[i].want,
                     rows[i].want);
        cr_expect(str_eq(buf_str(&out), str_of(want)), "%s: %.*s", rows[i].name,
                  STR_ARG(buf_str(&out)));
        cr_expect_eq(fields[0].dropped, rows[i].want != NULL, "%s", rows[i].name);
        cr_expect_eq(fields[2].dropped, rows[i].want != NULL, "%s", rows[i].name);
        cr_expect_not(fields[1].dropped);
        buf_finish(&out);
        free((char *)(uintptr_t)bytes.p);
    }
}
