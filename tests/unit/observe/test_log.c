/* Log lines: one line a fact, whatever the text holds. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <criterion/criterion.h>
#include "corsd/observe/log.h"

static char path[] = "/tmp/corsd-test-log-XXXXXX";

static void begin(struct log *log, enum log_level level)
{
    int fd = mkstemp(path);
    cr_assert_geq(fd, 0);
    close(fd);
    cr_assert_eq(log_open(log, str_of(path), level), 0);
}

/* What was written, without the time of its one line. */
static const char *written(struct log *log, char *out, size_t size)
{
    FILE *file = fopen(path, "rb");
    cr_assert_not_null(file);
    size_t n = fread(out, 1, size - 1, file);
    out[n] = 0;
    fclose(file);
    unlink(path);
    log_close(log);
    const char *text = strchr(out, ' ');
    return text ? text + 1 : "";
}

static const struct {
    const char *name, *text, *want;
} rows[] = {
    {"plain", "hello", "info: hello\n"},
    {"empty", "", "info: \n"},
    {"a line end", "a\nb\r\n", "info: a\\x0ab\\x0d\\x0a\n"},
    {"what a terminal obeys", "\x1b[31m\x7f", "info: \\x1b[31m\\x7f\n"},
    {"HTAB", "a\tb", "info: a\\x09b\n"},
    {"UTF-8 stays", "caf\xc3\xa9", "info: caf\xc3\xa9\n"},
    {"a percent", "100%", "info: 100%\n"},
};

Test(log, lines)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct log log;
        char text[8192];
        snprintf(path, sizeof path, "/tmp/corsd-test-log-XXXXXX");
        begin(&log, LOG_INFO);
        log_line(&log, LOG_INFO, "%s", rows[i].text);
        cr_expect_str_eq(written(&log, text, sizeof text), rows[i].want, "%s", rows[i].name);
    }
}

Test(log, begins_with_the_time_in_utc)
{
    struct log log;
    char text[8192];
    int year, month, day, hour, minute, second, ms, n = 0;
    begin(&log, LOG_ERROR);
    log_line(&log, LOG_ERROR, "x");
    cr_expect_str_eq(written(&log, text, sizeof text), "error: x\n");
    cr_expect_eq(sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d.%3dZ%n", &year, &month, &day, &hour, &minute,
                        &second, &ms, &n),
                 7);
    cr_expect_eq(n, 24);
}

Test(log, says_what_its_level_wants)
{
    struct log log;
    char text[8192];
    begin(&log, LOG_WARN);
    log_line(&log, LOG_INFO, "no");
    log_line(&log, LOG_WARN, "yes");
    log_line(&log, LOG_DEBUG, "no");
    cr_expect(log_wants(&log, LOG_ERROR) && log_wants(&log, LOG_WARN));
    cr_expect_not(log_wants(&log, LOG_INFO));
    log_set_level(&log, LOG_DEBUG);
    cr_expect(log_wants(&log, LOG_DEBUG));
    cr_expect_str_eq(written(&log, text, sizeof text), "warn: yes\n");
}

Test(log, a_long_line_is_cut_and_still_ends)
{
    static char escaped[3000], plain[3000];
    memset(escaped, 1, sizeof escaped - 1);
    memset(plain, 'x', sizeof plain - 1);
    for (int i = 0; i < 2; i++) {
        struct log log;
        char text[8192];
        snprintf(path, sizeof path, "/tmp/corsd-test-log-XXXXXX");
        begin(&log, LOG_INFO);
        log_line(&log, LOG_INFO, "%s", i ? escaped : plain);
        const char *line = written(&log, text, sizeof text);
        cr_expect_leq(strlen(text), 2048 + 64);
        cr_expect_gt(strlen(text), 1500);
        cr_expect_eq(strchr(line, '\n'), line + strlen(line) - 1, "one line");
    }
}

Test(log, appends)
{
    struct log log;
    char text[8192];
    begin(&log, LOG_INFO);
    log_line(&log, LOG_INFO, "a");
    log_close(&log);
    cr_assert_eq(log_open(&log, str_of(path), LOG_INFO), 0);
    log_line(&log, LOG_INFO, "b");
    written(&log, text, sizeof text);
    cr_expect_not_null(strstr(text, "info: a\n"));
    cr_expect_not_null(strstr(text, "info: b\n"));
}

Test(log, cannot_be_opened)
{
    static char longer[5000];
    struct log log = {.fd = 77};
    memset(longer, 'a', sizeof longer - 1);
    cr_expect_eq(log_open(&log, STR("/nonexistent/log"), LOG_INFO), -ENOENT);
    cr_expect_eq(log_open(&log, str_of(longer), LOG_INFO), -ENAMETOOLONG);
    cr_expect_eq(log.fd, 77, "written on success only");
}

Test(log, to_a_journal_it_says_its_priority)
{
    struct log log;
    int ends[2];
    char text[100];
    setenv("JOURNAL_STREAM", "1:2", 1);
    cr_assert_eq(log_open(&log, STR("stderr"), LOG_DEBUG), 0);
    cr_expect(log.bare);
    cr_assert_eq(pipe(ends), 0);
    log.fd = ends[1];
    log_line(&log, LOG_WARN, "%s", "a");
    ssize_t n = read(ends[0], text, sizeof text);
    cr_expect(str_eq((struct str){text, (size_t)n}, STR("<4>a\n")));
}
