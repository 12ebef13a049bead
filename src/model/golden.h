/* golden.h - golden inputs: what a model gives for some inputs that are made from a seed. `cvt convert --golden` stores
 * them in the file of the model, and `cvt verify` asks whether this machine, this build and these bytes still give
 * them. */
#ifndef CVT_MODEL_GOLDEN_H
#define CVT_MODEL_GOLDEN_H

#include "cvt.h"

enum { CVT_GOLDEN_MAX = 64 };

/* What golden data are to be made. */
typedef struct cvt_golden_plan {
    int n; /* inputs, 1 to CVT_GOLDEN_MAX */
    uint64_t seed;
    int threads;          /* for each run */
    int (*stopped)(void); /* asked after each input: not 0 ends the work, with CVT_OUTPUT. NULL: nothing does */
} cvt_golden_plan;

/* As cvt_model_save without packing, with golden data: what the reference kernels, node by node, give for the weights
 * as they are written. Errors: those of cvt_model_save; CVT_NON_FINITE where the weights give no finite output. */
cvt_status cvt_model_save_golden(const cvt_model *model, const char *path, const char *dtype, const char *names,
                                 const cvt_golden_plan *plan, cvt_error *error);

/* What a comparison found. */
typedef struct cvt_golden_found {
    int inputs;          /* that the file has */
    int differences;     /* lines that were said */
    double largest;      /* the largest difference of an output value */
    const char *kernels; /* what the model ran on */
} cvt_golden_found;

/* Compares a loaded model with the golden data of its file. Each thing that differs is said by a call of `say`, one
 * line each. Where the bytes of the file differ nothing is run, since nothing can be said of the rest then. exact:
 * outputs must be the same to the bit, as they are of a model that was opened with options.reference; else they may be
 * off by as much as rounding makes, see golden_verify.c. CVT_UNSUPPORTED where the file has no golden data, CVT_WEIGHTS
 * where it has some that cannot be read. */
cvt_status cvt_golden_verify(cvt_golden_found *found, const cvt_model *model, int threads, bool exact,
                             void (*say)(void *context, const char *line), void *context, cvt_error *error);

#endif
