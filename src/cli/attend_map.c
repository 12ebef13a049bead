/* attend_map.c - chooses and computes the map that cvt attend shows.
 *
 * For a layer of attention this is what it attends to, over the grid of its keys. For a model without attention, or
 * with --class, it is the class activation map.
 *
 * Of an attention map [heads, queries, keys] one row is shown. Its query is the class token, where there is one, else
 * the row is the mean over all queries; it is that of one head, or the mean over heads. Rollout multiplies layers:
 * with A = (mean over heads + I) / 2, whose rows are scaled to add up to one, it shows this row of A_L A_L-1 ... A_1.
 */
#include "cli/attend_map.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "cli/classes.h"

/* ---- what is asked for ----------------------------------------------------------------------------------------- */

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

static int choose_layer(cvt_attend *a) {
    const char *layer = a->settings->layer;
    long index = -1;
    int maps = 0;
    cvt_error error;
    bool numbered = !layer || parse_number(layer, &index);
    a->tap = !numbered ? cvt_model_find_tap(a->model, layer) : find_map(a->model, index, &maps);
    if (!layer) a->tap = a->settings->rollout ? find_rollout(a->model, a->chain) : find_default(a->model);
    if (numbered && a->tap < 0)
        return cvt_cli_usage(a->cli, "option '--layer': '%s' is not from %d to %d", layer, -maps, maps - 1);
    if (a->tap < 0) /* this reports the nearest name */
        return cvt_model_retain(a->model, layer, &error) == CVT_OK ? CVT_EXIT_OK
                                                                   : cvt_cli_usage(a->cli, "%s", error.message);
    a->info = cvt_model_attention(a->model, a->tap);
    const char *name = cvt_model_tap(a->model, a->tap).name;
    if (!a->info.heads) return cvt_cli_usage(a->cli, "'%s' is no attention map", name);
    if (!a->info.height)
        return cvt_cli_usage(a->cli, "where the keys of '%s' lie on the image is not known: choose another --layer",
                             name);
    a->height = a->info.height;
    a->width = a->info.width;
    return CVT_EXIT_OK;
}

static int choose_head(cvt_attend *a) {
    const char *head = a->settings->head;
    long number = -1;
    a->head = -1;
    if (!head) return CVT_EXIT_OK;
    if (a->settings->rollout)
        return cvt_cli_usage(a->cli, "--rollout takes the mean over the heads: no --head beside it");
    if (!parse_number(head, &number) || number < 0 || number >= a->info.heads)
        return cvt_cli_usage(a->cli, "option '--head': '%s' is not a whole number from 0 to %d", head,
                             a->info.heads - 1);
    a->head = (int)number;
    return CVT_EXIT_OK;
}

/* Chooses the taps that the run must retain. */
static int choose_taps(cvt_attend *a) {
    cvt_error error;
    a->chain[a->n++] = a->tap;
    for (int i = 0; i < 2 && a->info.factors[i] >= 0; i++) a->chain[a->n++] = a->info.factors[i];
    cvt_status status = CVT_OK;
    if (a->settings->rollout)
        status = cvt_model_rollout(a->model, a->tap, a->chain, cvt_model_taps(a->model), &a->n, &error);
    for (int i = 0; status == CVT_OK && i < a->n; i++)
        status = cvt_model_retain(a->model, cvt_model_tap(a->model, a->chain[i]).name, &error);
    return status == CVT_OK ? CVT_EXIT_OK : cvt_cli_fail(NULL, &error, CVT_EXIT_MODEL);
}

static int choose_attention(cvt_attend *a) {
    static int (*const steps[])(cvt_attend *) = {choose_layer, choose_head, choose_taps};
    int status = CVT_EXIT_OK;
    for (size_t i = 0; status == CVT_EXIT_OK && i < sizeof steps / sizeof steps[0]; i++) status = steps[i](a);
    return status;
}

static int choose_class_map(cvt_attend *a) {
    const cvt_tensor_info map = cvt_model_class_map(a->model);
    cvt_error error;
    a->height = (int)map.shape[0];
    a->width = (int)map.shape[1];
    if (cvt_model_retain_class_map(a->model, &error) != CVT_OK) return cvt_cli_fail(NULL, &error, CVT_EXIT_MODEL);
    const char *name = a->settings->class_name;
    if (!name || cvt_class_find(a->model, name, &a->class_index, &error) == CVT_OK) return CVT_EXIT_OK;
    return cvt_cli_usage(a->cli, "%s", error.message);
}

/* Chooses attention where the model has any that has a place on the image and no class is named, else the class
 * activation map. */
int cvt_attend_choose(cvt_attend *a) {
    const cvt_settings *s = a->settings;
    const bool of_attention = s->layer || s->head || s->rollout;
    cvt_error error;
    int maps;
    a->class_index = -1;
    a->chain = calloc((size_t)cvt_model_taps(a->model) + 1, sizeof *a->chain);
    if (!a->chain) {
        cvt_fail_memory(&error);
        return cvt_cli_fail(NULL, &error, CVT_EXIT_MODEL);
    }
    find_map(a->model, 0, &maps);
    if (s->class_name && of_attention)
        return cvt_cli_usage(a->cli, "--class takes no --layer, --head or --rollout beside it: those are of attention");
    const bool placed = maps && cvt_model_attention(a->model, find_default(a->model)).height;
    const bool has_class_map = cvt_model_class_map(a->model).rank;
    a->by_class = s->class_name || !maps || (!placed && !of_attention && has_class_map);
    if (!a->by_class) return choose_attention(a);
    if (of_attention)
        cvt_fail(&error, CVT_UNSUPPORTED,
                 "the model has no attention maps that --layer, --head or --rollout could show");
    else if (!maps && !has_class_map)
        cvt_fail(&error, CVT_UNSUPPORTED,
                 "the model has no attention maps, nor class activation maps: its classifier "
                 "does not read the mean of a map");
    else
        return choose_class_map(a);
    return cvt_cli_fail(NULL, &error, CVT_EXIT_MODEL);
}

/* ---- arithmetic ------------------------------------------------------------------------------------------------ */

/* One map in the making. */
typedef struct making {
    const cvt_attend *a;
    cvt_attend_room *room;
    const cvt_session *session;
} making;

/* A tap as a matrix for each head: [heads, rows, columns]. */
typedef struct matrix {
    size_t heads, rows, columns;
} matrix;

static matrix matrix_of(const cvt_attend *a, int tap) {
    cvt_tensor_info t = cvt_model_tap(a->model, tap);
    return (matrix){(size_t)t.shape[0], (size_t)t.shape[1], (size_t)t.shape[2]};
}

static bool reserve(const cvt_attend *a, cvt_attend_room *to) {
    if (to->values) return true;
    size_t values = 0, rows = 0;
    for (int i = 0; i < a->n; i++) {
        matrix m = matrix_of(a, a->chain[i]);
        size_t count, row;
        if (!cvt_mul_size(m.heads, m.columns, &row) || !cvt_mul_size(row, m.rows, &count) ||
            count > SIZE_MAX / sizeof *to->values)
            return false;
        values = count > values ? count : values;
        rows = row > rows ? row : rows;
    }
    to->room = values;
    to->values = malloc(values * sizeof *to->values);
    to->row = calloc(rows, sizeof *to->row);
    to->next = calloc(rows, sizeof *to->next);
    if (to->values && to->row && to->next) return true;
    cvt_attend_room_free(to);
    return false;
}

static cvt_status fetch(const making *v, int tap, matrix *m, cvt_error *error) {
    *m = matrix_of(v->a, tap);
    return cvt_session_tap(v->session, cvt_model_tap(v->a->model, tap).name, v->room->values, v->room->room, error);
}

static void swap_rows(const making *v) {
    double *swapped = v->room->row;
    v->room->row = v->room->next;
    v->room->next = swapped;
}

/* Takes the rows to begin with from the first tap: those of the class token, or the mean of all. */
static void take_queries(const making *v, matrix m) {
    size_t first = v->a->info.class_query < 0 ? 0 : (size_t)v->a->info.class_query;
    size_t queries = v->a->info.class_query < 0 ? m.rows : 1;
    for (size_t h = 0; h < m.heads; h++)
        for (size_t k = 0; k < m.columns; k++) {
            double sum = 0;
            for (size_t q = first; q < first + queries; q++)
                sum += (double)v->room->values[(h * m.rows + q) * m.columns + k];
            v->room->row[h * m.columns + k] = sum / (double)queries;
        }
}

/* Multiplies the rows by a further tap, for each head. */
static void take_factor(const making *v, matrix m) {
    for (size_t h = 0; h < m.heads; h++)
        for (size_t k = 0; k < m.columns; k++) {
            double sum = 0;
            for (size_t j = 0; j < m.rows; j++)
                sum += v->room->row[h * m.rows + j] * (double)v->room->values[(h * m.rows + j) * m.columns + k];
            v->room->next[h * m.columns + k] = sum;
        }
    swap_rows(v);
}

/* Puts the mean over the heads, or one head, into the first row. */
static void take_heads(const making *v, matrix m) {
    size_t first = v->a->head < 0 ? 0 : (size_t)v->a->head, heads = v->a->head < 0 ? m.heads : 1;
    for (size_t k = 0; k < m.columns; k++) {
        double sum = 0;
        for (size_t h = first; h < first + heads; h++) sum += v->room->row[h * m.columns + k];
        v->room->row[k] = sum / (double)heads; /* the number that stood there was read before */
    }
}

static cvt_status take_layer(const making *v, cvt_error *error) {
    matrix m = {0};
    for (int i = 0; i < v->a->n; i++) {
        TRY(fetch(v, v->a->chain[i], &m, error));
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
static void multiply(const making *v, matrix m) {
    size_t tokens = (size_t)v->a->info.keys, skipped = tokens - m.columns;
    double *to = v->room->next + skipped;
    memset(v->room->next, 0, tokens * sizeof *v->room->next);
    memcpy(v->room->next, v->room->row, skipped * sizeof *v->room->next);
    for (size_t q = 0; q < m.rows; q++) {
        double sum = 1, weight = v->room->row[skipped + q], share;
        for (size_t h = 0; h < m.heads; h++) {
            const float *from = v->room->values + (h * m.rows + q) * m.columns;
            for (size_t k = 0; k < m.columns; k++) sum += (double)from[k] / (double)m.heads;
        }
        share = weight / sum;
        for (size_t h = 0; h < m.heads; h++) {
            const float *from = v->room->values + (h * m.rows + q) * m.columns;
            for (size_t k = 0; k < m.columns; k++) to[k] += share * (double)from[k] / (double)m.heads;
        }
        to[q] += share;
    }
    swap_rows(v);
}

static cvt_status roll_out(const making *v, cvt_error *error) {
    int keys = v->a->info.keys, asks = v->a->info.class_query;
    for (int q = 0; q < keys; q++) v->room->row[q] = asks < 0 ? 1.0 / keys : q == asks;
    for (int i = v->a->n - 1; i >= 0; i--) {
        matrix m;
        TRY(fetch(v, v->a->chain[i], &m, error));
        multiply(v, m);
    }
    return CVT_OK;
}

static cvt_status make_attention(const making *v, float *map, cvt_error *error) {
    if (!reserve(v->a, v->room)) return cvt_fail_memory(error);
    TRY(v->a->settings->rollout ? roll_out(v, error) : take_layer(v, error));
    const size_t cells = (size_t)v->a->height * (size_t)v->a->width;
    for (size_t i = 0; i < cells; i++) map[i] = (float)v->room->row[(size_t)v->a->info.prefix + i];
    return CVT_OK;
}

cvt_status cvt_attend_make(const cvt_attend *a, cvt_attend_room *room, const cvt_session *session, float *map,
                           int *class_index, cvt_error *error) {
    const making v = {a, room, session};
    cvt_score best = {.index = a->class_index};
    *class_index = -1;
    if (!a->by_class) return make_attention(&v, map, error);
    if (best.index < 0) cvt_top_k(cvt_session_output(session), cvt_model_classes(a->model), &best, 1);
    *class_index = best.index;
    const size_t cells = (size_t)a->height * (size_t)a->width;
    return cvt_session_class_map(session, best.index, map, cells, error);
}

void cvt_attend_room_free(cvt_attend_room *room) {
    free(room->values);
    free(room->row);
    free(room->next);
    *room = (cvt_attend_room){0};
}

void cvt_attend_free(cvt_attend *a) { free(a->chain); }
