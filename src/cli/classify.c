/* classify.c - cvt classify: tells what is in images. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/collection.h"
#include "cli/models.h"
#include "cli/unknown.h"

/* One run, in which results become records. */
typedef struct run {
    cvt_collection to;
    const cvt_settings *settings;
    const cvt_model *model;
    int k;
    double believed;   /* the least probability of the best class; below it the image is unknown */
    cvt_score *scores; /* room for k */
    cvt_rank *ranks;
} run;

/* Returns how many of the best classes have the least score that is asked for. */
static int enough(const run *r) {
    const cvt_opt_limit least = r->settings->min_score;
    int n = r->k;
    while (least.given && n > 0 && !((double)r->scores[n - 1].score >= least.value)) n--;
    return n;
}

static bool add_result(void *context, const cvt_batch_result *result) {
    run *r = context;
    cvt_record record = {0};
    if (result->status == CVT_OK) {
        cvt_model_top_k(r->model, result->output, r->scores, r->k);
        record.n = enough(r);
        for (int i = 0; i < record.n; i++) {
            int class_index = r->scores[i].index;
            r->ranks[i] = (cvt_rank){class_index, cvt_model_label(r->model, class_index), r->scores[i].score};
        }
        record.ranks = r->ranks;
        record.unknown = r->k > 0 && (double)r->scores[0].score < r->believed;
        record.kind = cvt_model_score(r->model);
    }
    return cvt_collection_add(&r->to, &record, result);
}

/* Bars and colours are for text on a terminal; those who do not want colours say so by NO_COLOR. */
static cvt_record_style style_of(const run *r) {
    const char *terminal = getenv("TERM"), *none = getenv("NO_COLOR");
    const bool always = cvt_opt_is(r->settings->color, "always"), never = cvt_opt_is(r->settings->color, "never");
    cvt_record_style style = {.ranks = r->k, .unknown = r->settings->unknown.given};
    style.bars = always || (!never && !r->to.path && isatty(STDOUT_FILENO));
    style.colour = always || (style.bars && terminal && strcmp(terminal, "dumb") != 0 && !(none && *none));
    return style;
}

static bool prepare(run *r) {
    const int64_t k = r->settings->top_k;
    r->k = (int)(k < cvt_model_classes(r->model) ? k : cvt_model_classes(r->model));
    r->scores = calloc((size_t)r->k, sizeof *r->scores);
    r->ranks = calloc((size_t)r->k, sizeof *r->ranks);
    return r->scores && r->ranks;
}

/* Loads the model's weights while the first images are decoded, and runs all images. */
static int classify(run *r, cvt_batch_options *options, cvt_batch **batch, char **operands, cvt_model *model) {
    cvt_error error;
    r->model = model;
    if (!prepare(r)) {
        cvt_fail_memory(&error);
        return cvt_cli_fail(NULL, &error, CVT_EXIT_MODEL);
    }
    const cvt_record_style style = style_of(r);
    r->to.member = "top";
    int status = cvt_collection_open(&r->to, options, &style, operands, model);
    if (status != CVT_EXIT_OK) return status;
    if (cvt_batch_new(batch, model, options, &error) != CVT_OK || cvt_model_load(model, &error) != CVT_OK)
        return cvt_cli_fail(NULL, &error, CVT_EXIT_MODEL);
    return cvt_collection_run(&r->to, *batch, add_result, r);
}

static int run_model(run *r, cvt_batch_options *options, char **operands, cvt_model *model) {
    cvt_batch *batch = NULL;
    int status = classify(r, options, &batch, operands, model);
    cvt_batch_free(batch);
    cvt_collection_end(&r->to);
    free(r->scores);
    free(r->ranks);
    return status;
}

int cvt_command_classify(cvt_cli *cli, const cvt_settings *settings, char **operands) {
    cvt_error error;
    cvt_batch_options options;
    run r = {.settings = settings};
    const char *format = settings->format ? settings->format : cvt_output_format(settings->output);
    if (cvt_collection_begin(&r.to, cli, settings, settings->output, format ? format : "text", &error) != CVT_OK)
        return cvt_cli_usage(cli, "%s", error.message);
    if (cvt_inputs_choose(&options, settings, operands, &error) != CVT_OK)
        return cvt_cli_fail(NULL, &error, CVT_EXIT_USAGE);
    cvt_options opening = {.images = cvt_inputs_expected(&options), .weights_later = true};
    cvt_model *model = NULL;
    int status = cvt_models_open(cli, settings, &opening, &model);
    if (status != CVT_EXIT_OK) return status;
    if (cvt_model_classes(model) < 1) {
        cvt_fail(&error, CVT_CONFIG, "the model gives no scores of classes; `cvt run` writes what it gives");
        status = cvt_cli_fail(NULL, &error, CVT_EXIT_MODEL);
    }
    if (status == CVT_EXIT_OK && cvt_unknown_choose(&r.believed, settings, model, &error) != CVT_OK)
        status = cvt_cli_fail(NULL, &error, CVT_EXIT_MODEL);
    if (status == CVT_EXIT_OK) status = run_model(&r, &options, operands, model);
    cvt_model_free(model);
    return status;
}
