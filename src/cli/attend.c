/* attend.c - cvt attend: what a layer attends to on an image, as numbers over the grid of its keys or as a heat map.
 *
 * Of an attention map [heads, queries, keys] one row is shown: that of the class token, query 0, where there is one,
 * else the mean over all queries; of one head or the mean over heads. Rollout multiplies the layers: with
 * A = (mean over heads + I) / 2, whose rows add up to one again, it is that row of A_L A_L-1 ... A_1. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/npy.h"
#include "base/num.h"
#include "batch/input.h"
#include "cli/models.h"
#include "cli/threads.h"
#include "image/heat.h"

/* What the steps hand on; each returns an exit status, and the next one runs while it is CVT_EXIT_OK. */
typedef struct view {
    cvt_cli *cli;
    const cvt_settings *settings;
    const char *path; /* of the image */
    bool picture;     /* a PNG is wanted, not numbers */
    cvt_model *model;
    cvt_image *image;
    cvt_session *session;
    int tap; /* that is shown */
    cvt_attention_info info;
    int head;      /* -1: the mean of all */
    int *chain, n; /* the taps that are needed, in the order of their product */
    float *values; /* room for the largest of them: */
    size_t room;   /* floats */
    double *row;   /* a row a head, over the columns of the tap in hand; of rollout, one over the tokens */
    double *next;  /* the same, behind the next factor */
    float *map;    /* [height, width] */
} view;

static int fail_memory(void) {
    cvt_error error;
    cvt_fail_memory(&error);
    return cvt_cli_fail(NULL, &error, CVT_EXIT_MODEL);
}

/* ---- what is asked for ----------------------------------------------------------------------------------------- */

/* By the ending of the output's name. */
static int choose_form(view *v) {
    const char *name = v->settings->output, *slash = strrchr(name, '/'), *base = slash ? slash + 1 : name;
    const char *dot = strrchr(base, '.');
    bool png = cvt_opt_is(dot, ".png"), npy = cvt_opt_is(dot, ".npy");
    if (dot && dot > base && !png && !npy)
        return cvt_cli_usage(v->cli, "'%s': the name must end with .png or .npy", name);
    v->picture = !npy;
    return CVT_EXIT_OK;
}

/* A whole number, perhaps with a sign, and nothing else. */
static bool parse_number(const char *text, long *number) {
    char *end;
    errno = 0;
    *number = strtol(text, &end, 10);
    return *text && strchr("+-0123456789", *text) && end != text && !*end && !errno;
}

/* The index-th map, from the end where negative; the tap or -1. *maps: how many there are. */
static int find_map(const cvt_model *model, long index, int *maps) {
    int taps = cvt_model_taps(model), found = -1;
    *maps = 0;
    for (int i = 0; i < taps; i++) *maps += cvt_model_attention(model, i).map;
    long wanted = index < 0 ? index + *maps : index;
    for (int i = 0; i < taps; i++)
        if (cvt_model_attention(model, i).map && wanted-- == 0) found = i;
    return found;
}

/* The last one that can be laid on the image, or just the last one. */
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

/* The last one that ends a rollout, or just the default: what stands in its way will be said. */
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
    if (numbered && maps == 0) return cvt_cli_usage(v->cli, "the model has no attention maps");
    if (!layer) v->tap = v->settings->rollout ? find_rollout(v->model, v->chain) : find_default(v->model);
    if (numbered && v->tap < 0)
        return cvt_cli_usage(v->cli, "option '--layer': '%s' is not from %d to %d", layer, -maps, maps - 1);
    if (v->tap < 0) /* says which name is near */
        return cvt_model_retain(v->model, layer, &error) == CVT_OK ? CVT_EXIT_OK
                                                                   : cvt_cli_usage(v->cli, "%s", error.message);
    v->info = cvt_model_attention(v->model, v->tap);
    const char *name = cvt_model_tap(v->model, v->tap).name;
    if (!v->info.heads) return cvt_cli_usage(v->cli, "'%s' is no attention map", name);
    if (!v->info.height)
        return cvt_cli_usage(v->cli, "where the keys of '%s' lie on the image is not known: choose another --layer",
                             name);
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

/* Which taps the run must keep. */
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

static int open_model(view *v) {
    cvt_options options = {.weights_later = true};
    int status = cvt_models_open(v->cli, v->settings, &options, &v->model);
    if (status != CVT_EXIT_OK) return status;
    v->chain = calloc((size_t)cvt_model_taps(v->model) + 1, sizeof *v->chain);
    if (!v->chain) return fail_memory();
    if (cvt_model_inputs(v->model) == 1) return CVT_EXIT_OK;
    cvt_error error;
    cvt_fail(&error, CVT_CONFIG, "the model reads %d inputs, not one image", cvt_model_inputs(v->model));
    return cvt_cli_fail(NULL, &error, CVT_EXIT_MODEL);
}

/* ---- the pass -------------------------------------------------------------------------------------------------- */

static int read_image(view *v) {
    cvt_image_options options = cvt_settings_image(v->settings);
    cvt_input input = {0};
    cvt_error error;
    cvt_status status = cvt_image_new(&v->image, &options, &error);
    if (status == CVT_OK) status = cvt_input_read(&input, v->path, -1, &error);
    if (status == CVT_OK)
        status = cvt_image_read_memory(v->image, v->model, input.data, input.size, CVT_STOP_NONE, &error);
    free(input.data);
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

/* A tap as it is: [heads, rows, columns]. */
typedef struct matrix {
    size_t heads, rows, columns;
} matrix;

static matrix matrix_of(const view *v, int tap) {
    cvt_tensor_info t = cvt_model_tap(v->model, tap);
    return (matrix){(size_t)t.shape[0], (size_t)t.shape[1], (size_t)t.shape[2]};
}

static bool reserve(view *v) {
    size_t values = 0, rows = 0, cells = (size_t)v->info.height * (size_t)v->info.width;
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
    v->map = calloc(cells, sizeof *v->map);
    return v->values && v->row && v->next && v->map;
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

/* The rows of the first tap: that of the class token, or the mean of all. */
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

/* The rows times a further tap, for each head. */
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

/* Leaves the mean over the heads, or one of them, in the first row. */
static void take_heads(view *v, matrix m) {
    size_t first = v->head < 0 ? 0 : (size_t)v->head, heads = v->head < 0 ? m.heads : 1;
    for (size_t k = 0; k < m.columns; k++) {
        double sum = 0;
        for (size_t h = first; h < first + heads; h++) sum += v->row[h * m.columns + k];
        v->row[k] = sum / (double)heads; /* what stood there has been read */
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

/* row = row A, with A = (mean over heads + I) / 2 and rows that add up to one. Tokens in front that the layer does not
 * know yet stay as they are. */
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

/* ---- results --------------------------------------------------------------------------------------------------- */

static cvt_status draw(const view *v, cvt_error *error) {
    cvt_heat heat = {.map = v->map, .rows = v->info.height, .columns = v->info.width};
    cvt_pixels pixels = {0};
    heat.picture = cvt_image_pixels(v->image, &heat.height, &heat.width);
    cvt_status status = cvt_heat_draw(&pixels, &heat, error);
    if (status == CVT_OK) status = cvt_png_write(v->settings->output, &pixels, error);
    cvt_pixels_free(&pixels);
    return status;
}

static int write_result(view *v) {
    cvt_error error;
    if (!reserve(v)) return fail_memory();
    cvt_status status = v->settings->rollout ? roll_out(v, &error) : take_layer(v, &error);
    if (status != CVT_OK) return cvt_cli_fail(NULL, &error, CVT_EXIT_MODEL);
    size_t cells = (size_t)v->info.height * (size_t)v->info.width;
    for (size_t i = 0; i < cells; i++) v->map[i] = (float)v->row[(size_t)v->info.prefix + i];
    int64_t shape[] = {v->info.height, v->info.width};
    cvt_cli_stop_softly();
    status = v->picture ? draw(v, &error) : cvt_npy_write(v->settings->output, CVT_NPY_F32, v->map, 2, shape, &error);
    return status == CVT_OK ? CVT_EXIT_OK : cvt_cli_fail(v->settings->output, &error, CVT_EXIT_OUTPUT);
}

int cvt_command_attend(cvt_cli *cli, const cvt_settings *settings, char **operands) {
    view v = {.cli = cli, .settings = settings, .path = operands[0]};
    static int (*const steps[])(view *) = {choose_form, open_model, choose_layer, choose_head,
                                           choose_taps, read_image, run_model,    write_result};
    int status = CVT_EXIT_OK;
    for (size_t i = 0; status == CVT_EXIT_OK && i < sizeof steps / sizeof steps[0]; i++) status = steps[i](&v);
    cvt_session_free(v.session);
    cvt_image_free(v.image);
    cvt_model_free(v.model);
    free(v.chain);
    free(v.values);
    free(v.row);
    free(v.next);
    free(v.map);
    return status;
}
