/* eval.h - the parts of cvt eval: which class each image shows (eval_truth.c), and what is said of the answers
 * (eval_report.c), and of two runs over the same images (eval_compare.c). */
#ifndef CVT_CLI_EVAL_H
#define CVT_CLI_EVAL_H

#include "base/table.h"
#include "batch/labelled.h"
#include "cli/collection.h"
#include "cli/eval_classes.h"
#include "learn/calibration.h"
#include "learn/measures.h"
#include "learn/pairs.h"

enum { EVAL_TOP = 5 };

/* What stands for a class in the data: a directory, or a label of a list or an archive. */
typedef struct eval_name {
    const char *name;
    int index; /* of the class; -1: it is none */
    cvt_matched how;
    size_t images;
} eval_name;

/* What became of an input. */
typedef struct eval_outcome {
    int truth, answer; /* truth -1: it is of no class */
    bool failed;
} eval_outcome;

/* The answers of a model in one precision. */
typedef struct eval_run {
    cvt_model *model;
    cvt_answer *answers;
    size_t n_answers;
    eval_outcome *outcomes; /* of all inputs in their order; where two precisions are compared */
    size_t n_outcomes;
    size_t failed;
    size_t among; /* images whose class is among the EVAL_TOP best */
    cvt_calibration calibration;
    cvt_measures measures;
} eval_run;

typedef struct eval {
    cvt_collection to;
    cvt_cli *cli;
    const cvt_settings *settings;
    const char *data;       /* NULL: archives */
    const char *called;     /* of the data, in messages */
    bool tree;              /* it is a directory */
    const cvt_model *model; /* that of the run */
    int classes;

    /* which class an image shows */
    cvt_arena arena;
    cvt_labelled set;
    cvt_finder *finder;
    cvt_table table; /* of the names below */
    eval_name *names;
    size_t n_names, n_unmatched;
    cvt_matched first; /* of an archive: how the first label that means a class was matched */
    char **paths;      /* of the data: the n images that are asked about, and NULL */
    int *truths;       /* [n] */
    size_t n, at;      /* at: the next result's */
    bool *chosen;      /* [classes]: --subset; NULL: the model chooses among all */
    int *numbers;      /* [n_chosen]: the classes */
    int n_chosen;
    float *logits; /* [n_chosen] */

    /* answers */
    eval_run runs[2], *run; /* run: the one that goes on, or that is spoken of */
    int n_runs;
    size_t left_out;    /* images of no class */
    cvt_table places;   /* with --resume: where the inputs of DATA stand by their paths, or rather in the two below */
    size_t *heads;      /* [n]: the first input of a path that has no result yet; n: there is none */
    size_t *next;       /* [n]: the next one of the same path */
    cvt_table failures; /* with --resume: inputs of which a record said that they failed, */
    size_t *failed;     /* and how often */
    size_t n_failures;
    const char *precisions[2]; /* NULL: the model's own */
} eval;

/* Reads the data and finds the class of each name. Says what is odd about them. */
cvt_status cvt_eval_read(eval *e, cvt_error *error);
/* The class that a label of an archive's entry means; -1: none. NULL: no memory. */
const eval_name *cvt_eval_label(eval *e, const char *label);
/* eval_resume.c: goes on behind the records of an earlier run. Prepares for that. */
cvt_status cvt_eval_resume_begin(eval *e, cvt_error *error);
/* The class of an input of DATA, of which this is the next result. */
int cvt_eval_take(eval *e, const char *path);
void cvt_eval_resume_end(eval *e);
/* Counts the answer to an image of the class `truth`, or of none where that is -1. *n: how many of `top` there are. */
cvt_status cvt_eval_count(eval *e, const float *output, int truth, cvt_score top[EVAL_TOP], int *n, cvt_error *error);
/* Says which labels are no class, and of archives whether labels are first words. */
void cvt_eval_say_matched(const eval *e);
/* The label of a class; its number, in `number`, where it has none. */
const char *cvt_eval_class_name(const eval *e, int index, char number[16]);

/* What a confusion matrix is written as, by the ending of the file's name. */
cvt_output_kind cvt_eval_confusion_kind(const char *path);
/* Appends how the answers of two runs differ (eval_compare.c), in the format asked for; in JSON as a last member. */
void cvt_eval_compare(cvt_str *to, const eval *e);
/* Writes the confusion matrix and prints the results; of two runs, also how they differ. Returns an exit status. */
int cvt_eval_report(eval *e);

#endif
