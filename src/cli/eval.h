/* eval.h - the parts of cvt eval: which class each image shows (eval_truth.c), and what is said of the answers
 * (eval_report.c). */
#ifndef CVT_CLI_EVAL_H
#define CVT_CLI_EVAL_H

#include "base/table.h"
#include "batch/labelled.h"
#include "cli/collection.h"
#include "cli/eval_classes.h"
#include "learn/calibration.h"
#include "learn/measures.h"

enum { EVAL_TOP = 5 };

/* What stands for a class in the data: a directory, or a label of a list or an archive. */
typedef struct eval_name {
    const char *name;
    int index; /* of the class; -1: it is none */
    cvt_matched how;
    size_t images;
} eval_name;

typedef struct eval {
    cvt_collection to;
    cvt_cli *cli;
    const cvt_settings *settings;
    const char *data;   /* NULL: archives */
    const char *called; /* of the data, in messages */
    bool tree;          /* it is a directory */
    cvt_model *model;
    int classes;

    /* which class an image shows */
    cvt_arena arena;
    cvt_labelled set;
    cvt_finder *finder;
    cvt_table table; /* of the names below */
    eval_name *names;
    size_t n_names, names_capacity, n_unmatched;
    char **paths; /* of the data: the n images that are asked about, and NULL */
    int *truths;  /* [n] */
    size_t n, at; /* at: the next result's */
    bool *chosen; /* [classes]: --subset; NULL: the model chooses among all */
    int *numbers; /* [n_chosen]: the classes */
    int n_chosen;
    float *logits; /* [n_chosen] */

    /* answers */
    cvt_answer *answers;
    size_t n_answers, answers_capacity;
    size_t failed, left_out; /* left_out: images of no class */
    size_t among;            /* images whose class is among the EVAL_TOP best */
    cvt_calibration calibration;
    cvt_measures measures;
} eval;

/* Reads the data and finds the class of each name. Says what is odd about them. */
cvt_status cvt_eval_read(eval *e, cvt_error *error);
/* The class that a label of an archive's entry means; -1: none. NULL: no memory. */
const eval_name *cvt_eval_label(eval *e, const char *label);
/* Says which labels are no class. */
void cvt_eval_say_left_out(const eval *e);
/* The label of a class; its number, in `number`, where it has none. */
const char *cvt_eval_class_name(const eval *e, int index, char number[16]);

/* What a confusion matrix is written as, by the ending of the file's name. */
cvt_output_kind cvt_eval_confusion_kind(const char *path);
/* Writes the confusion matrix and prints the results. Returns an exit status. */
int cvt_eval_report(eval *e);

#endif
