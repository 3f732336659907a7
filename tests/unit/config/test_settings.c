/* Flags and variables: the same plan as a file, the same messages at their names. */
#include <stdlib.h>
#include "corsd/config/effective.h"
#include "load.h"

enum { SETTINGS_MAX = 16 };

static struct loaded load_settings(const char *const *settings)
{
    struct config_source source = {.settings = settings};
    while (settings[source.n_settings])
        source.n_settings++;
    return load_source(source);
}

static const struct {
    const char *name, *settings[SETTINGS_MAX], *file;
} same_rows[] = {
    {"the smallest",
     {"--listen", "127.0.0.1:8080", "--upstream", "http://127.0.0.1:3000", "--allow-origin",
      "https://app.example.com"},
     "listen: 127.0.0.1:8080\nupstream: http://127.0.0.1:3000\n"
     "cors: {allow_origins: [https://app.example.com]}\n"},
    {"with equals signs, a list in two ways",
     {"--listen=:80", "--upstream=http://127.0.0.1:3000", "--allow-origin=https://a.example",
      "--allow-origins=https://b.example, https://c.example", "--allow-methods=GET,PUT"},
     "listen: :80\nupstream: http://127.0.0.1:3000\n"
     "cors: {allow_origins: [https://a.example, https://b.example, https://c.example],\n"
     "  allow_methods: [GET, PUT]}\n"},
    {"variables",
     {"CORSD_LISTEN=:80,:81", "CORSD_UPSTREAM=http://127.0.0.1:3000",
      "CORSD_ALLOW_ORIGINS=https://a.example,https://b.example", "CORSD_ALLOW_CREDENTIALS=true",
      "CORSD_MAX_AGE=600"},
     "listen: [':80', ':81']\nupstream: http://127.0.0.1:3000\n"
     "cors: {allow_origins: [https://a.example, https://b.example], allow_credentials: true,\n"
     "  max_age: 10m}\n"},
    {"flags win over variables",
     {"CORSD_LISTEN=:80", "CORSD_UPSTREAM=http://127.0.0.1:3000", "CORSD_ALLOW_ORIGINS=*",
      "--listen", ":81", "--allow-origin", "https://a.example", "--allow-origin",
      "https://b.example"},
     "listen: :81\nupstream: http://127.0.0.1:3000\n"
     "cors: {allow_origins: [https://a.example, https://b.example]}\n"},
    {"a bare flag, sections, singulars",
     {"--listen", ":80", "--upstream", "http://127.0.0.1:3000", "--allow-origin",
      "https://a.example", "--allow-credentials", "--log-level", "debug",
      "CORSD_LIMITS_BODY_SIZE=10m", "--trusted-proxy", "10.0.0.0/8"},
     "listen: :80\nupstream: http://127.0.0.1:3000\n"
     "cors: {allow_origins: [https://a.example], allow_credentials: true}\n"
     "log: {level: debug}\nlimits: {body_size: 10m}\ntrusted_proxies: [10.0.0.0/8]\n"},
    {"cors off",
     {"--listen", ":80", "--upstream", "http://127.0.0.1:3000", "--cors", "off"},
     "listen: :80\nupstream: http://127.0.0.1:3000\ncors: off\n"},
    {"no variables inside of values",
     {"--listen", ":80", "--upstream", "http://127.0.0.1:3000", "--cors=off",
      "--log-output=/tmp/$x"},
     "listen: :80\nupstream: http://127.0.0.1:3000\ncors: off\nlog: {output: /tmp/$x}\n"},
};

Test(config_settings, same_as_a_file)
{
    for (size_t i = 0; i < sizeof same_rows / sizeof *same_rows; i++) {
        struct loaded settings = load_settings(same_rows[i].settings);
        struct loaded file = load_text(str_of(same_rows[i].file));
        struct buf one = BUF_INIT(1 << 16), other = BUF_INIT(1 << 16);
        cr_assert_not_null(settings.plan, "%s: %s", same_rows[i].name, settings.printed.p);
        cr_assert_not_null(file.plan, "%s: %s", same_rows[i].name, file.printed.p);
        cr_expect_str_eq(settings.printed.p, "", "%s", same_rows[i].name);
        config_show(settings.plan, &one);
        config_show(file.plan, &other);
        cr_expect(str_eq(buf_str(&one), buf_str(&other)), "%s:\n%.*s\n%.*s", same_rows[i].name,
                  STR_ARG(buf_str(&one)), STR_ARG(buf_str(&other)));
        buf_finish(&one);
        buf_finish(&other);
        loaded_finish(&settings);
        loaded_finish(&file);
    }
}

#define GOOD "--listen", ":80", "--upstream", "http://127.0.0.1:3000", "--cors", "off"
static const struct {
    const char *settings[SETTINGS_MAX], *says;
} fault_rows[] = {
    {{NULL},
     "corsd: error: \"listen\" is missing\n"
     "  hint: give --listen 127.0.0.1:8080, or a file: -c FILE\n"
     "corsd: warning: \"cors\" is missing: no answer gets CORS headers\n"
     "  hint: give --allow-origin https://app.example.com, or --cors off\n"
     "corsd: error: nothing to proxy to: \"upstream\" is missing\n"
     "  hint: give --upstream http://127.0.0.1:3000, or a file: -c FILE\n"},
    {{"--listen", ":80", "--upstream", "http://127.0.0.1:3000", "--allow-origin",
      "https://a.example/"},
     "--allow-origin: error: \"https://a.example/\" ends in a slash\n"
     "  hint: an origin has no path: write https://a.example\n"},
    {{"CORSD_LISTEN=8080", "CORSD_UPSTREAM=http://127.0.0.1:3000", "CORSD_CORS=off"},
     "CORSD_LISTEN: error: \"8080\": the address has no port\n"
     "  hint: write 127.0.0.1:8080 for this machine only, :8080 for all\n"},
    {{GOOD, "--alow-origin", "x"},
     "--alow-origin: error: this is no setting\n  hint: did you mean --allow-origins?\n"},
    {{GOOD, "CORSD_LOG_LEVLE=debug"},
     "CORSD_LOG_LEVLE: error: this is no setting\n  hint: did you mean CORSD_LOG_LEVEL?\n"},
    {{GOOD, "--log-level"}, "--log-level: error: it needs a value\n"},
    {{GOOD, "--log-level", "debug", "--log-level=info"},
     "--log-level: error: it was given before\n"},
    {{GOOD, "--workers="},
     "--workers: error: \"workers\" takes auto or a number, not \"\"\n"},
    {{GOOD, "--via=no"},
     "--via: error: \"via\" takes true or false, not \"no\"\n  hint: write false\n"},
    {{GOOD, "--allow-origin", "*"}, "--allow-origin: error: a policy is given by --cors already\n"},
    {{"--listen", ":80", "--upstream", "http://127.0.0.1:3000", "--allow-origin", "*", "--cors",
      "off"},
     "--cors: error: a policy is given by --allow-origin already\n"},
    {{GOOD, "--log-output", "a\nb"},
     "--log-output: error: a value cannot hold a line break or control character\n"},
    {{GOOD, "--admin-token-file", "x"},
     "--admin-token-file: error: \"token_file\" is not supported by this version\n"},
    {{GOOD, "--"}, "--: error: this is no setting\n"},
    {{GOOD, "="}, "error: this is no setting\n"},
};

Test(config_settings, faults)
{
    for (size_t i = 0; i < sizeof fault_rows / sizeof *fault_rows; i++) {
        struct loaded loaded = load_settings(fault_rows[i].settings);
        cr_expect_null(loaded.plan, "%s", fault_rows[i].says);
        cr_expect_str_eq(loaded.printed.p, fault_rows[i].says);
        loaded_finish(&loaded);
    }
}

static const struct {
    const char *flag;
    int words;
} word_rows[] = {
    {"--listen", 2},          {"--listen=:80", 1},  {"--allow-origin", 2}, {"--allow-origins", 2},
    {"--allow-credentials", 1}, {"--via=false", 1}, {"--log-level", 2},
    {"--limits-body-size", 2},
    {"--trusted-proxy", 2},   {"--cors", 2},        {"--tls", 0},          {"--routes", 0},
    {"--policies", 0},        {"--log", 0},         {"--config", 0},       {"--", 0},
    {"-c", 0},                {"listen", 0},        {"", 0},
};

Test(config_settings, words_of_a_flag)
{
    for (size_t i = 0; i < sizeof word_rows / sizeof *word_rows; i++)
        cr_expect_eq(config_flag_words(word_rows[i].flag), word_rows[i].words, "%s",
                     word_rows[i].flag);
}

Test(config_settings, variables_of_others)
{
    cr_expect(config_is_variable("CORSD_LISTEN=:80"));
    cr_expect(config_is_variable("CORSD_ALLOW_ORIGINS="));
    cr_expect_not(config_is_variable("CORSD_CONFIG=/etc/x"));
    cr_expect_not(config_is_variable("CORSD_SERVICE_HOST=10.0.0.1"), "Kubernetes sets these for a");
    cr_expect_not(config_is_variable("CORSD_PORT=tcp://10.0.0.1:80"), "service called corsd");
    cr_expect_not(config_is_variable("CORSD_PORT_80_TCP_ADDR=10.0.0.1"));
    cr_expect_not(config_is_variable("CORSD_LISTEN"));
    cr_expect_not(config_is_variable("LISTEN=:80"));
}
