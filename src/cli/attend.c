/* attend.c - cvt attend: shows where a model looks on an image, as numbers over a grid or as a heat map over the
 * image.
 *
 * For a layer of attention this is what it attends to, over the grid of its keys. For a model without attention, or
 * with --class, it is the class activation map.
 *
 * Of an attention map [heads, queries, keys] one row is shown. Its query is the class token, where there is one, else
 * the row is the mean over all queries; it is that of one head, or the mean over heads. Rollout multiplies layers:
 * with A = (mean over heads + I) / 2, whose rows are scaled to add up to one, it shows this row of A_L A_L-1 ... A_1.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/num.h"
#include "batch/input.h"
#include "cli/classes.h"
#include "cli/models.h"
#include "cli/output.h"
#include "cli/threads.h"
#include "model/interleaved.h"
#include "report/heat.h"
#include "report/npy.h"

/* What the steps of the command share. Each step returns an exit status, and the next one runs while that is
 * CVT_EXIT_OK. */
typedef struct view {
    cvt_cli *cli;
    const cvt_settings *settings;
    const char *path; /* the path of the image */
    bool png;         /* write a PNG, not numbers */
    cvt_model *model;
    cvt_input input; /* the bytes of the image */
    cvt_image *image;
    cvt_session *session;
    float *map; /* the result, [height, width] */
    int height, width;
    /* for a class activation map */
    bool by_class;
    int class_index; /* -1: the class with the largest logit */
    /* for attention */
    int tap; /* the tap that is shown */
    cvt_attention_info info;
    int head;      /* -1: the mean of all heads */
    int *chain, n; /* the taps that are multiplied, in this order */
    float *values; /* a buffer for one of these taps */
    size_t room;   /* floats in it */
    double *row;   /* for each head a row over the columns of the last tap; for rollout one over the tokens */
    double *next;  /* the same after the next tap */
} view;

static int fail_memory(void) {
    cvt_error error;
    cvt_fail_memory(&error);
    return cvt_cli_fail(NULL, &error, CVT_EXIT_MODEL);
}

/* ---- what is asked for ----------------------------------------------------------------------------------------- */

/* Chooses the form of the output by the ending of its name. */
static int choose_form(view *v) {
    const char *name = v->settings->output, *base = cvt_file_name(name), *dot = strrchr(base, '.');
    bool png = cvt_opt_is(dot, ".png"), npy = cvt_opt_is(dot, ".npy");
    if (dot && dot > base && !png && !npy)
        return cvt_cli_usage(v->cli, "'%s': the name must end with .png or .npy", name);
    v->png = !npy;
    return CVT_EXIT_OK;
}

/* Reads a whole number, which may have a sign, and nothing else. */
static bool parse_number(const char *text, long *number) {
    char *end;
    errno = 0;
    *number = strtol(text, &end, 10);
    return *text && strchr("+-0123456789", *text) && end != text && !*end && !errno;
}

/* Returns the tap of the index-th map, counted from the end where it is negative, or -1. *maps becomes the number of
 * maps. */
static int find_map(const cvt_model *model, long index, int *maps) {
    int taps = cvt_model_taps(model), found = -1;
    *maps = 0;
    for (int i = 0; i < taps; i++) *maps += cvt_model_attention(model, i).map;
    long wanted = index < 0 ? index + *maps : index;
    for (int i = 0; i < taps; i++)
        if (cvt_model_attention(model, i).map && wanted-- == 0) found = i;
    return found;
}

/* Returns the last map whose keys have places on the image, or else the last map. */
static int find_default(const cvt_model *model) {
    int last = -1;
    bool known = false;
    for (int i = 0; i < cvt_model_taps(model); i++) {
        cvt_attention_info a = cvt_model_attention(model, i);
        if (!a.map || (known && !a.height)) continue;
        last = i;
        known = a.height > 0;
    }
    return last;
}

/* Returns the last map that ends a rollout, or else the default map: opening it will then report what stands in the
 * way. */
static int find_rollout(const cvt_model *model, int *chain) {
    cvt_error error;
    int n, taps = cvt_model_taps(model);
    for (int i = taps - 1; i >= 0; i--) {
        cvt_attention_info a = cvt_model_attention(model, i);
        if (a.map && a.height && cvt_model_rollout(model, i, chain, taps, &n, &error) == CVT_OK) return i;
    }
    return find_default(model);
}

static int choose_layer(view *v) {
    const char *layer = v->settings->layer;
    long index = -1;
    int maps = 0;
    cvt_error error;
    bool numbered = !layer || parse_number(layer, &index);
    v->tap = !numbered ? cvt_model_find_tap(v->model, layer) : find_map(v->model, index, &maps);
    if (!layer) v->tap = v->settings->rollout ? find_rollout(v->model, v->chain) : find_default(v->model);
    if (numbered && v->tap < 0)
        return cvt_cli_usage(v->cli, "option '--layer': '%s' is not from %d to %d", layer, -maps, maps - 1);
    if (v->tap < 0) /* this reports the nearest name */
        return cvt_model_retain(v->model, layer, &error) == CVT_OK ? CVT_EXIT_OK
                                                                   : cvt_cli_usage(v->cli, "%s", error.message);
    v->info = cvt_model_attention(v->model, v->tap);
    const char *name = cvt_model_tap(v->model, v->tap).name;
    if (!v->info.heads) return cvt_cli_usage(v->cli, "'%s' is no attention map", name);
    if (!v->info.height)
        return cvt_cli_usage(v->cli, "where the keys of '%s' lie on the image is not known: choose another --layer",
                             name);
    v->height = v->info.height;
    v->width = v->info.width;
    return CVT_EXIT_OK;
}

static int choose_head(view *v) {
    const char *head = v->settings->head;
    long number = -1;
    v->head = -1;
    if (!head) return CVT_EXIT_OK;
    if (v->settings->rollout)
        return cvt_cli_usage(v->cli, "--rollout takes the mean over the heads: no --head beside it");
    if (!parse_number(head, &number) || number < 0 || number >= v->info.heads)
        return cvt_cli_usage(v->cli, "option '--head': '%s' is not a whole number from 0 to %d", head,
                             v->info.heads - 1);
    v->head = (int)number;
    return CVT_EXIT_OK;
}

/* Chooses the taps that the run must retain. */
static int choose_taps(view *v) {
    cvt_error error;
    v->chain[v->n++] = v->tap;
    for (int i = 0; i < 2 && v->info.factors[i] >= 0; i++) v->chain[v->n++] = v->info.factors[i];
    cvt_status status = CVT_OK;
    if (v->settings->rollout)
        status = cvt_model_rollout(v->model, v->tap, v->chain, cvt_model_taps(v->model), &v->n, &error);
    for (int i = 0; status == CVT_OK && i < v->n; i++)
        status = cvt_model_retain(v->model, cvt_model_tap(v->model, v->chain[i]).name, &error);
    return status == CVT_OK ? CVT_EXIT_OK : cvt_cli_fail(NULL, &error, CVT_EXIT_MODEL);
}

static int choose_attention(view *v) {
    static int (*const steps[])(view *) = {choose_layer, choose_head, choose_taps};
    int status = CVT_EXIT_OK;
    for (size_t i = 0; status == CVT_EXIT_OK && i < sizeof steps / sizeof steps[0]; i++) status = steps[i](v);
    return status;
}

static int choose_class_map(view *v) {
    const cvt_tensor_info map = cvt_model_class_map(v->model);
    cvt_error error;
    v->height = (int)map.shape[0];
    v->width = (int)map.shape[1];
    if (cvt_model_retain_class_map(v->model, &error) != CVT_OK) return cvt_cli_fail(NULL, &error, CVT_EXIT_MODEL);
    const char *name = v->settings->class_name;
    if (!name || cvt_class_find(v->model, name, &v->class_index, &error) == CVT_OK) return CVT_EXIT_OK;
    return cvt_cli_usage(v->cli, "%s", error.message);
}

/* Chooses attention where the model has any that has a place on the image and no class is named, else the class
 * activation map. */
static int choose_kind(view *v) {
    const cvt_settings *s = v->settings;
    const bool of_attention = s->layer || s->head || s->rollout;
    int maps;
    find_map(v->model, 0, &maps);
    const bool placed = maps && cvt_model_attention(v->model, find_default(v->model)).height;
    const bool has_class_map = cvt_model_class_map(v->model).rank;
    if (s->class_name && of_attention)
        return cvt_cli_usage(v->cli, "--class takes no --layer, --head or --rollout beside it: those are of attention");
    v->by_class = s->class_name || !maps || (!placed && !of_attention && has_class_map);
    if (!v->by_class) return choose_attention(v);
    cvt_error error;
    if (of_attention)
        cvt_fail(&error, CVT_UNSUPPORTED,
                 "the model has no attention maps that --layer, --head or --rollout could show");
    else if (!maps && !has_class_map)
        cvt_fail(&error, CVT_UNSUPPORTED,
                 "the model has no attention maps, nor class activation maps: its classifier "
                 "does not read the mean of a map");
    else
        return choose_class_map(v);
    return cvt_cli_fail(NULL, &error, CVT_EXIT_MODEL);
}

static int open_model(view *v) {
    cvt_options options = {.weights_later = true};
    cvt_error error;
    int status = cvt_models_open(v->cli, v->settings, &options, &v->model);
    if (status != CVT_EXIT_OK) return status;
    v->chain = calloc((size_t)cvt_model_taps(v->model) + 1, sizeof *v->chain);
    if (!v->chain) return fail_memory();
    const cvt_output_kind kind = v->png ? CVT_OUTPUT_PNG : CVT_OUTPUT_NPY;
    char *const operands[] = {(char *)(uintptr_t)v->path, NULL};
    if (cvt_output_check(v->settings->output, kind, NULL, v->settings, operands, v->model, &error) != CVT_OK)
        return cvt_cli_fail(NULL, &error, CVT_EXIT_USAGE);
    if (cvt_model_inputs(v->model) == 1) {
        if (cvt_model_reads_images(v->model, &error) == CVT_OK) return CVT_EXIT_OK;
        return cvt_cli_fail(NULL, &error, CVT_EXIT_MODEL);
    }
    cvt_fail(&error, CVT_CONFIG, "the model reads %d inputs, not one image", cvt_model_inputs(v->model));
    return cvt_cli_fail(NULL, &error, CVT_EXIT_MODEL);
}

/* ---- the pass -------------------------------------------------------------------------------------------------- */

static cvt_status read_pixels(view *v, cvt_image_stop stop, cvt_error *error) {
    return cvt_image_read_memory(v->image, v->model, v->input.data, v->input.size, stop, error);
}

static int read_image(view *v) {
    cvt_image_options options = cvt_settings_image(v->settings);
    cvt_error error;
    cvt_status status = cvt_image_new(&v->image, &options, &error);
    v->input.max_pixels = options.max_pixels;
    if (status == CVT_OK) status = cvt_input_read(&v->input, v->path, true, -1, &error);
    if (status == CVT_OK) status = read_pixels(v, CVT_STOP_NONE, &error);
    if (status != CVT_OK) return cvt_cli_fail(v->path, &error, CVT_EXIT_INPUT);
    if (cvt_image_warning(v->image)) cvt_cli_say(v->path, cvt_image_warning(v->image));
    return CVT_EXIT_OK;
}

static int run_model(view *v) {
    cvt_error error;
    cvt_threads threads;
    if (cvt_threads_choose(v->settings, false, &threads, &error) != CVT_OK)
        return cvt_cli_fail(NULL, &error, CVT_EXIT_USAGE);
    if (cvt_model_load(v->model, &error) != CVT_OK ||
        cvt_session_new(&v->session, v->model, 1, threads.inside, &error) != CVT_OK)
        return cvt_cli_fail(NULL, &error, CVT_EXIT_MODEL);
    const float *input = cvt_image_tensor(v->image);
    if (cvt_session_run(v->session, &input, 1, &error) != CVT_OK) return cvt_cli_fail(v->path, &error, CVT_EXIT_INPUT);
    return CVT_EXIT_OK;
}

/* ---- arithmetic ------------------------------------------------------------------------------------------------ */

/* A tap as a matrix for each head: [heads, rows, columns]. */
typedef struct matrix {
    size_t heads, rows, columns;
} matrix;

static matrix matrix_of(const view *v, int tap) {
    cvt_tensor_info t = cvt_model_tap(v->model, tap);
    return (matrix){(size_t)t.shape[0], (size_t)t.shape[1], (size_t)t.shape[2]};
}

static bool reserve(view *v) {
    size_t values = 0, rows = 0;
    for (int i = 0; i < v->n; i++) {
        matrix m = matrix_of(v, v->chain[i]);
        size_t count, row;
        if (!cvt_mul_size(m.heads, m.columns, &row) || !cvt_mul_size(row, m.rows, &count) ||
            count > SIZE_MAX / sizeof *v->values)
            return false;
        values = count > values ? count : values;
        rows = row > rows ? row : rows;
    }
    v->room = values;
    v->values = malloc(values * sizeof *v->values);
    v->row = calloc(rows, sizeof *v->row);
    v->next = calloc(rows, sizeof *v->next);
    return v->values && v->row && v->next;
}

static cvt_status fetch(view *v, int tap, matrix *m, cvt_error *error) {
    *m = matrix_of(v, tap);
    return cvt_session_tap(v->session, cvt_model_tap(v->model, tap).name, v->values, v->room, error);
}

static void swap_rows(view *v) {
    double *swapped = v->row;
    v->row = v->next;
    v->next = swapped;
}

/* Takes the rows to begin with from the first tap: those of the class token, or the mean of all. */
static void take_queries(view *v, matrix m) {
    size_t first = v->info.class_query < 0 ? 0 : (size_t)v->info.class_query;
    size_t queries = v->info.class_query < 0 ? m.rows : 1;
    for (size_t h = 0; h < m.heads; h++)
        for (size_t k = 0; k < m.columns; k++) {
            double sum = 0;
            for (size_t q = first; q < first + queries; q++) sum += (double)v->values[(h * m.rows + q) * m.columns + k];
            v->row[h * m.columns + k] = sum / (double)queries;
        }
}

/* Multiplies the rows by a further tap, for each head. */
static void take_factor(view *v, matrix m) {
    for (size_t h = 0; h < m.heads; h++)
        for (size_t k = 0; k < m.columns; k++) {
            double sum = 0;
            for (size_t j = 0; j < m.rows; j++)
                sum += v->row[h * m.rows + j] * (double)v->values[(h * m.rows + j) * m.columns + k];
            v->next[h * m.columns + k] = sum;
        }
    swap_rows(v);
}

/* Puts the mean over the heads, or one head, into the first row. */
static void take_heads(view *v, matrix m) {
    size_t first = v->head < 0 ? 0 : (size_t)v->head, heads = v->head < 0 ? m.heads : 1;
    for (size_t k = 0; k < m.columns; k++) {
        double sum = 0;
        for (size_t h = first; h < first + heads; h++) sum += v->row[h * m.columns + k];
        v->row[k] = sum / (double)heads; /* the number that stood there was read before */
    }
}

static cvt_status take_layer(view *v, cvt_error *error) {
    matrix m = {0};
    for (int i = 0; i < v->n; i++) {
        TRY(fetch(v, v->chain[i], &m, error));
        if (i == 0)
            take_queries(v, m);
        else
            take_factor(v, m);
    }
    take_heads(v, m);
    return CVT_OK;
}

/* Computes row = row A, where A = (mean over heads + I) / 2 with rows that add up to one. The first tokens are left as
 * they are where the layer has fewer tokens: these are class tokens, which join later. */
static void multiply(view *v, matrix m) {
    size_t tokens = (size_t)v->info.keys, skipped = tokens - m.columns;
    double *to = v->next + skipped;
    memset(v->next, 0, tokens * sizeof *v->next);
    memcpy(v->next, v->row, skipped * sizeof *v->next);
    for (size_t q = 0; q < m.rows; q++) {
        double sum = 1, weight = v->row[skipped + q], share;
        for (size_t h = 0; h < m.heads; h++) {
            const float *from = v->values + (h * m.rows + q) * m.columns;
            for (size_t k = 0; k < m.columns; k++) sum += (double)from[k] / (double)m.heads;
        }
        share = weight / sum;
        for (size_t h = 0; h < m.heads; h++) {
            const float *from = v->values + (h * m.rows + q) * m.columns;
            for (size_t k = 0; k < m.columns; k++) to[k] += share * (double)from[k] / (double)m.heads;
        }
        to[q] += share;
    }
    swap_rows(v);
}

static cvt_status roll_out(view *v, cvt_error *error) {
    int keys = v->info.keys, asks = v->info.class_query;
    for (int q = 0; q < keys; q++) v->row[q] = asks < 0 ? 1.0 / keys : q == asks;
    for (int i = v->n - 1; i >= 0; i--) {
        matrix m;
        TRY(fetch(v, v->chain[i], &m, error));
        multiply(v, m);
    }
    return CVT_OK;
}

static int take_attention(view *v) {
    cvt_error error;
    if (!reserve(v)) return fail_memory();
    cvt_status status = v->settings->rollout ? roll_out(v, &error) : take_layer(v, &error);
    if (status != CVT_OK) return cvt_cli_fail(NULL, &error, CVT_EXIT_MODEL);
    size_t cells = (size_t)v->height * (size_t)v->width;
    for (size_t i = 0; i < cells; i++) v->map[i] = (float)v->row[(size_t)v->info.prefix + i];
    return CVT_EXIT_OK;
}

static int take_class(view *v) {
    cvt_error error;
    cvt_score best = {.index = v->class_index};
    if (v->class_index < 0) cvt_top_k(cvt_session_output(v->session), cvt_model_classes(v->model), &best, 1);
    v->class_index = best.index;
    size_t cells = (size_t)v->height * (size_t)v->width;
    if (cvt_session_class_map(v->session, v->class_index, v->map, cells, &error) == CVT_OK) return CVT_EXIT_OK;
    return cvt_cli_fail(NULL, &error, CVT_EXIT_MODEL);
}

static int take_map(view *v) {
    v->map = calloc((size_t)v->height * (size_t)v->width, sizeof *v->map);
    if (!v->map) return fail_memory();
    return v->by_class ? take_class(v) : take_attention(v);
}

/* ---- results --------------------------------------------------------------------------------------------------- */

/* Draws over the image in its own size. It is decoded once more, without the changes that the model needs. */
static cvt_status draw(view *v, cvt_error *error) {
    cvt_heat heat = {.map = v->map, .rows = v->height, .columns = v->width};
    cvt_pixels pixels = {0};
    TRY(read_pixels(v, CVT_STOP_ORIENT, error));
    heat.pixels = cvt_image_pixels(v->image, &heat.height, &heat.width);
    TRY(cvt_model_view(v->model, heat.height, heat.width, &heat.view, error));
    cvt_status status = cvt_heat_draw(&pixels, &heat, error);
    if (status == CVT_OK) status = cvt_png_write(v->settings->output, &pixels, error);
    cvt_pixels_free(&pixels);
    return status;
}

/* Reports what no option has said: that a class activation map is shown, and of which class. */
static void say_class(const view *v) {
    const char *label = cvt_model_label(v->model, v->class_index);
    char message[CVT_MESSAGE_MAX];
    snprintf(message, sizeof message, "class activation map for class %d%s%.500s%s", v->class_index, label ? " (" : "",
             label ? label : "", label ? ")" : "");
    cvt_cli_say(v->path, message);
}

static int write_result(view *v) {
    cvt_error error;
    const int64_t shape[] = {v->height, v->width};
    const char *to = v->settings->output;
    cvt_cli_stop_softly();
    cvt_status status = v->png ? draw(v, &error) : cvt_npy_write(to, CVT_NPY_F32, v->map, 2, shape, &error);
    if (status != CVT_OK) return cvt_cli_fail(to, &error, CVT_EXIT_OUTPUT);
    if (v->by_class) say_class(v);
    return CVT_EXIT_OK;
}

int cvt_command_attend(cvt_cli *cli, const cvt_settings *settings, char **operands) {
    view v = {.cli = cli, .settings = settings, .path = operands[0], .class_index = -1};
    static int (*const steps[])(view *) = {choose_form, open_model, choose_kind, read_image,
                                           run_model,   take_map,   write_result};
    int status = CVT_EXIT_OK;
    for (size_t i = 0; status == CVT_EXIT_OK && i < sizeof steps / sizeof steps[0]; i++) status = steps[i](&v);
    cvt_session_free(v.session);
    cvt_image_free(v.image);
    cvt_model_free(v.model);
    free(v.input.data);
    free(v.chain);
    free(v.values);
    free(v.row);
    free(v.next);
    free(v.map);
    return status;
}
