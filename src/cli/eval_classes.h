/* eval_classes.h - which class of a model a name means: that of a directory, or a label in a list or an archive. */
#ifndef CVT_CLI_EVAL_CLASSES_H
#define CVT_CLI_EVAL_CLASSES_H

#include "cli/command.h"

/* How a name was matched. */
typedef enum cvt_matched {
    CVT_MATCHED_NOT,     /* it is no class */
    CVT_MATCHED_TWICE,   /* several classes have this name */
    CVT_MATCHED_NAME,    /* it is the whole label */
    CVT_MATCHED_SYNONYM, /* it is one of the names in the label */
    CVT_MATCHED_ID,      /* it is the WordNet id of an ImageNet class that has a name in common with the label */
    CVT_MATCHED_NUMBER,  /* it is the number of the class */
    CVT_MATCHED_WORD,    /* it is the first word of the label */
    CVT_MATCHED_ORDER,   /* by its place among the directories */
    CVT_MATCHED_FILE,    /* --classes says so */
} cvt_matched;

/* For programs, "name", "synonym", ...; and for people. "" where nothing matched. */
const char *cvt_matched_word(cvt_matched how);
const char *cvt_matched_text(cvt_matched how);

typedef struct cvt_finder cvt_finder;

/* The model must outlive it. Errors: CVT_NO_MEMORY; those of the files imagenet-1k.txt and imagenet-1k-ids.txt where
 * they are there but cannot be read. */
cvt_status cvt_finder_new(cvt_finder **out, const cvt_cli *cli, const cvt_model *model, cvt_error *error);
void cvt_finder_free(cvt_finder *finder);

/* The class that the name means, or -1. numbers: the name may be the number of a class. */
int cvt_finder_find(const cvt_finder *finder, const char *name, bool numbers, cvt_matched *how);

/* The only class whose label begins with the name and a space, or -1. */
int cvt_finder_first_word(const cvt_finder *finder, const char *name);

/* Orders names as timm does: digits by their number, letters without regard to case. As for qsort, of char *. */
int cvt_compare_natural(const void *a, const void *b);

#endif
