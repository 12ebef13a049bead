/* header.h - the record that says what made the others. */
#ifndef CVT_CLI_HEADER_H
#define CVT_CLI_HEADER_H

#include "cli/command.h"

/* Appends {"cvt":VERSION,"model":NAME,"weights_sha256":...,"config_sha256":...,"preprocess":{...},"options":{...}}.
 * Options are the rows of settings.c that are `recorded`. Reads all weights of the model. */
void cvt_header_make(cvt_str *to, const cvt_cli *cli, const cvt_settings *settings, const cvt_model *model);

/* May records that `ours` is the header of stand behind those of `old`? CVT_USAGE says why not: another model, other
 * preprocessing, other options. The version, and what the model is called, may differ. */
cvt_status cvt_header_compare(const char *old, const char *ours, unsigned command, cvt_error *error);

#endif
