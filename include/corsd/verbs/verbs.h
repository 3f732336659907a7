/* What a person types: one function a verb, argv[0] its name. Each returns the exit code: 0 fine,
 * 1 configuration or start failure (or "no" where the verb asks a question), 2 wrong usage. */
#pragma once

int verb_run(int argc, char **argv);
int verb_check(int argc, char **argv);
int verb_show(int argc, char **argv);
int verb_probe(int argc, char **argv);
int verb_explain(int argc, char **argv);
int verb_schema(int argc, char **argv);
int verb_health(int argc, char **argv);
int verb_demo(int argc, char **argv);

/* The file to read where none was named: CORSD_CONFIG, or /etc/corsd/corsd.yaml. */
const char *default_config_file(void);
