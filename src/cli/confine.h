/* confine.h - --sandbox: what a command over images keeps for itself before the first of them is read. */
#ifndef CVT_CLI_CONFINE_H
#define CVT_CLI_CONFINE_H

#include "cli/command.h"

/* What the command has still to do. */
typedef struct cvt_confinement {
    char *const *operands; /* files and directories that are read; ends with NULL */
    bool lists;            /* they are lists, which may name any file */
    bool recursive;        /* the directories below are read too */
    const char *output;    /* a file that is open, and will be renamed or removed; NULL: none */
    const char *later[2];  /* files that will be opened for writing; NULL: none */
} cvt_confinement;

/* Enters the sandbox as the settings say, before there are threads. With -v it says what holds. Returns CVT_EXIT_OK, or
 * says that the sandbox is required and not to be had, and returns CVT_EXIT_USAGE. */
int cvt_cli_confine(const cvt_settings *settings, const cvt_confinement *confinement);

#endif
