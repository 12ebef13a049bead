/* learn.c - cvt learn: makes a model for labels of one's own. It reads the features of labelled images, fits a last
 * layer to them, and writes the model with that layer. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "cli/learn.h"
#include "cli/models.h"
#include "cli/output.h"

/* ---- options --------------------------------------------------------------------------------------------------- */

/* The views of an image that are learned from besides the image itself. */
static const cvt_batch_view mirrored[] = {{0, 0, 1, true}};
static const cvt_batch_view crops[] = {
    {0, 0, 0.8, false}, {0.2, 0, 0.8, false}, {0, 0.2, 0.8, false}, {0.2, 0.2, 0.8, false}, {0.1, 0.1, 0.8, false}};

static cvt_status read_penalty(double *l2, const char *text, cvt_error *error) {
    char *end;
    *l2 = 0;
    if (strcmp(text, "auto") == 0) return CVT_OK;
    *l2 = strtod(text, &end);
    if (end != text && !*end && *l2 >= 1e-12 && *l2 <= 1e12) return CVT_OK;
    return cvt_fail(error, CVT_USAGE, "--l2: '%s' is neither auto nor a number from 1e-12 to 1e12", text);
}

static cvt_status read_options(learn *l, cvt_error *error) {
    const cvt_settings *s = l->settings;
    TRY(read_penalty(&l->l2, s->l2, error));
    if (cvt_opt_is(s->augment, "flip")) {
        l->views = mirrored;
        l->n_views = sizeof mirrored / sizeof *mirrored;
    } else if (cvt_opt_is(s->augment, "crops")) {
        l->views = crops;
        l->n_views = sizeof crops / sizeof *crops;
    }
    if (s->val && s->val_share > 0) return cvt_fail(error, CVT_USAGE, "--val and --val-share: give one of them");
    if (s->val_share > 0.9) return cvt_fail(error, CVT_USAGE, "--val-share: must be from 0 to 0.9");
    if (cvt_opt_is(s->output, "-"))
        return cvt_fail(error, CVT_USAGE, "-: the model is a file: name one that ends with .safetensors");
    return CVT_OK;
}

/* ---- the images ------------------------------------------------------------------------------------------------ */

/* Each label needs two images: one to learn from while the other is asked about. count: how many there are. */
static cvt_status check_counts(const learn *l, const char *what, cvt_error *error) {
    const cvt_labelled *set = &l->images;
    cvt_str names = {0};
    int n = 0;
    for (int k = 0; k < set->n_names; k++)
        if (l->counts[k] < 2 && n++ < 5)
            cvt_str_print(&names, "%s\"%s\" (%zu)", names.size ? ", " : "", set->names[k], l->counts[k]);
    cvt_status status = CVT_OK;
    if (set->n_names < 2)
        status =
            cvt_fail(error, CVT_USAGE, "%s: has one label, \"%s\": there must be two at least", l->data, set->names[0]);
    else if (n)
        status = cvt_fail(error, CVT_USAGE, "%s: %d label%s fewer than two images%s: %s%s", l->data, n,
                          n == 1 ? " has" : "s have", what, names.data ? names.data : "", n > 5 ? ", ..." : "");
    cvt_str_free(&names);
    return status;
}

static cvt_status read_images(learn *l, cvt_error *error) {
    TRY(cvt_labelled_read(&l->images, l->data, l->settings->recursive, false, error));
    cvt_inputs_say_beside(l->data, l->images.beside, "labels");
    l->counts = l->images.counts;
    TRY(check_counts(l, "", error));
    if (!l->settings->val) return CVT_OK;
    TRY(cvt_labelled_read(&l->others, l->settings->val, l->settings->recursive, false, error));
    return l->others.n ? CVT_OK : cvt_fail(error, CVT_USAGE, "%s: its directories have no images", l->settings->val);
}

/* ---- the end --------------------------------------------------------------------------------------------------- */

static cvt_status save(learn *l, cvt_error *error) {
    cvt_str about = {0};
    cvt_learn_describe(l, &about);
    cvt_status status = about.failed
                            ? cvt_fail_memory(error)
                            : cvt_model_set_last_layer(l->made, l->learned.weight, l->learned.bias, about.data, error);
    cvt_str_free(&about);
    TRY(status);
    cvt_cli_stop_softly(); /* a signal leaves either the whole file or none */
    return cvt_model_save(l->made, l->settings->output, NULL, NULL, false, error);
}

/* With -v: the penalty, and what took how long, of all processors together. */
static void say_fit(const learn *l, clock_t start, clock_t between, clock_t end) {
    const double second = CLOCKS_PER_SEC;
    char line[128];
    if (!l->settings->verbose) return;
    snprintf(line, sizeof line, "l2 %.3g; time of the processors: features %.2f s, fit %.2f s", l->learned.l2,
             (double)(between - start) / second, (double)(end - between) / second);
    cvt_cli_say(NULL, line);
}

static int run_loaded(learn *l, char *const *operands) {
    cvt_error error;
    const clock_t start = clock();
    const cvt_settings *s = l->settings;
    if (cvt_output_check(s->output, CVT_OUTPUT_SAFETENSORS, NULL, s, operands, l->base, &error) != CVT_OK)
        return cvt_cli_fail(NULL, &error, CVT_EXIT_USAGE);
    if (cvt_model_load(l->base, &error) != CVT_OK ||
        cvt_model_relabel(&l->made, l->base, l->images.names, l->images.n_names, &error) != CVT_OK)
        return cvt_cli_fail(error.status == CVT_USAGE ? NULL : s->model, &error, CVT_EXIT_MODEL);
    int status = cvt_learn_features(l);
    if (status != CVT_EXIT_OK) return status;
    if (check_counts(l, " that can be read", &error) != CVT_OK) return cvt_cli_fail(NULL, &error, CVT_EXIT_USAGE);
    const clock_t between = clock();
    if (cvt_learn_fit(l, &error) != CVT_OK) return cvt_cli_fail(NULL, &error, CVT_EXIT_MODEL);
    say_fit(l, start, between, clock());
    if (save(l, &error) != CVT_OK) return cvt_cli_fail(s->output, &error, CVT_EXIT_OUTPUT);
    cvt_learn_report(l);
    return l->failed ? CVT_EXIT_INPUT : CVT_EXIT_OK;
}

static void release(learn *l) {
    cvt_learned_free(&l->learned);
    cvt_model_free(l->made);
    cvt_model_free(l->base);
    cvt_labelled_free(&l->images);
    cvt_labelled_free(&l->others);
    cvt_arena_free(&l->arena);
    free(l->features);
}

int cvt_command_learn(cvt_cli *cli, const cvt_settings *settings, char **operands) {
    learn l = {.cli = cli, .settings = settings, .data = operands[0]};
    const cvt_options opening = {.images = CVT_MANY_IMAGES, .weights_later = true, .embedding = true};
    cvt_error error;
    l.start = cvt_clock_ms();
    int status = CVT_EXIT_OK;
    if (read_options(&l, &error) != CVT_OK || read_images(&l, &error) != CVT_OK)
        status = cvt_cli_fail(NULL, &error, CVT_EXIT_USAGE);
    if (status == CVT_EXIT_OK) status = cvt_models_open(cli, settings, &opening, &l.base);
    if (status == CVT_EXIT_OK) status = run_loaded(&l, operands);
    release(&l);
    return status;
}
