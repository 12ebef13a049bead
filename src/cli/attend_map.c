/* attend_map.c - chooses and computes the maps that cvt attend shows: one, or with --sheet those of all layers and
 * heads.
 *
 * For a layer of attention this is what it attends to, over the grid of its keys. For a model without attention, or
 * with --class, it is the class activation map.
 *
 * Of an attention map [heads, queries, keys] one row is shown. Its query is the class token, where there is one, else
 * the row is the mean over all queries; it is that of one head, or the mean over heads. Rollout multiplies layers:
 * with A = (mean over heads + I) / 2, whose rows are scaled to add up to one, it shows this row of A_L A_L-1 ... A_1.
 * Where a layer has fewer keys than tokens, what a key gets is spread over the tokens that it is made from
 * (model/key_cells.h); the paper knows no such layers.
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
        if (a.map && a.height && cvt_rollout_find(model, i, chain, taps, &n, &error) == CVT_OK) return i;
    }
    return find_default(model);
}

/* Finds what a rollout multiplies. Its map lies over the tokens of the layer, not over its keys. */
static cvt_status find_factors(const cvt_attend *a, cvt_attend_layer *to, cvt_error *error) {
    TRY(cvt_rollout_find(a->model, to->tap, to->chain, cvt_model_taps(a->model), &to->n, error));
    to->cells = calloc((size_t)to->n + 1, sizeof *to->cells);
    if (!to->cells) return cvt_fail_memory(error);
    to->tokens = to->info.queries;
    for (int i = 0; i < to->n; i++) {
        TRY(cvt_key_cells_find(&to->cells[i], a->model, to->chain[i], error));
        to->spreads = to->spreads || to->cells[i].rows;
    }
    const cvt_key_cells *last = &to->cells[to->n - 1];
    if (!last->rows) return CVT_OK;
    to->prefix = last->prefix;
    to->height = last->rows;
    to->width = last->columns;
    return CVT_OK;
}

/* Finds the taps that a layer's map is the product of. */
static cvt_status find_chain(const cvt_attend *a, cvt_attend_layer *to, cvt_error *error) {
    const int taps = cvt_model_taps(a->model);
    to->chain = calloc((size_t)taps + 1, sizeof *to->chain);
    if (!to->chain) return cvt_fail_memory(error);
    if (a->settings->rollout) return find_factors(a, to, error);
    to->chain[to->n++] = to->tap;
    for (int i = 0; i < 2 && to->info.factors[i] >= 0; i++) to->chain[to->n++] = to->info.factors[i];
    return CVT_OK;
}

/* The layer whose map has this tap, with the mean of all heads. */
static cvt_attend_layer layer_of(const cvt_model *model, int tap) {
    const cvt_attention_info info = cvt_model_attention(model, tap);
    cvt_attend_layer layer = {
        .height = info.height, .width = info.width, .tap = tap, .info = info, .prefix = info.prefix};
    layer.first = layer.last = -1;
    for (int i = 0; i < tap; i++) layer.number += cvt_model_attention(model, i).map;
    return layer;
}

static int choose_layer(cvt_attend *a) {
    const char *layer = a->settings->layer;
    long index = -1;
    int maps = 0;
    cvt_error error;
    bool numbered = !layer || parse_number(layer, &index);
    int tap = !numbered ? cvt_model_find_tap(a->model, layer) : find_map(a->model, index, &maps);
    if (!layer && !a->settings->rollout) tap = find_default(a->model);
    if (!layer && a->settings->rollout) {
        int *chain = calloc((size_t)cvt_model_taps(a->model) + 1, sizeof *chain);
        tap = chain ? find_rollout(a->model, chain) : find_default(a->model);
        free(chain);
    }
    if (numbered && tap < 0)
        return cvt_cli_usage(a->cli, "option '--layer': '%s' is not from %d to %d", layer, -maps, maps - 1);
    if (tap < 0) /* this reports the nearest name */
        return cvt_model_retain(a->model, layer, &error) == CVT_OK ? CVT_EXIT_OK
                                                                   : cvt_cli_usage(a->cli, "%s", error.message);
    a->layers[0] = layer_of(a->model, tap);
    a->n_layers = 1;
    const char *name = cvt_model_tap(a->model, tap).name;
    if (!a->layers[0].info.heads) return cvt_cli_usage(a->cli, "'%s' is no attention map", name);
    if (!a->layers[0].height && !layer) { /* of all maps: the model cannot, however it is asked */
        cvt_fail(&error, CVT_UNSUPPORTED, "where the keys of its attention lie on the image is not known");
        return cvt_cli_fail(NULL, &error, CVT_EXIT_MODEL);
    }
    if (!a->layers[0].height)
        return cvt_cli_usage(a->cli, "where the keys of '%s' lie on the image is not known: choose another --layer",
                             name);
    const cvt_status status = find_chain(a, &a->layers[0], &error);
    if (status == CVT_OK) return CVT_EXIT_OK;
    if (status == CVT_USAGE && !layer) error.status = CVT_UNSUPPORTED; /* no layer of the model has one */
    return cvt_cli_fail(NULL, &error, CVT_EXIT_MODEL);
}

static void free_layer(cvt_attend_layer *layer) {
    for (int i = 0; layer->cells && i < layer->n; i++) cvt_key_cells_free(&layer->cells[i]);
    free(layer->cells);
    free(layer->chain);
}

/* Chooses all layers for a sheet: all that have a place on the image and, with --rollout, whose product exists. */
static int choose_layers(cvt_attend *a) {
    cvt_error error;
    if (a->settings->layer) return choose_layer(a);
    for (int i = 0; i < cvt_model_taps(a->model); i++) {
        if (!cvt_model_attention(a->model, i).map) continue;
        cvt_attend_layer layer = layer_of(a->model, i);
        const cvt_status status = layer.height ? find_chain(a, &layer, &error) : CVT_USAGE;
        if (status == CVT_NO_MEMORY) return cvt_cli_fail(NULL, &error, CVT_EXIT_MODEL);
        if (status == CVT_OK)
            a->layers[a->n_layers++] = layer;
        else
            free_layer(&layer);
        a->left_out += status != CVT_OK;
    }
    return a->n_layers ? CVT_EXIT_OK : choose_layer(a); /* which reports what stands in the way */
}

/* Leaves out the layers of a sheet that have no such head. */
static int count_with_head(cvt_attend *a, long head) {
    int n = 0;
    for (int i = 0; i < a->n_layers; i++) {
        if (head < a->layers[i].info.heads)
            a->layers[n++] = a->layers[i];
        else
            free_layer(&a->layers[i]);
    }
    return n;
}

static int choose_head(cvt_attend *a) {
    const char *head = a->settings->head;
    long number = -1;
    int most = 0;
    for (int i = 0; i < a->n_layers; i++) {
        if (a->layers[i].info.heads > most) most = a->layers[i].info.heads;
        const bool several = a->layers[i].info.heads > 1;
        if (a->settings->sheet && !a->settings->rollout && several) a->layers[i].last = a->layers[i].info.heads - 1;
    }
    if (!head) return CVT_EXIT_OK;
    if (!parse_number(head, &number) || number < 0 || number >= most)
        return cvt_cli_usage(a->cli, "option '--head': '%s' is not a whole number from 0 to %d", head, most - 1);
    a->n_layers = count_with_head(a, number);
    for (int i = 0; i < a->n_layers; i++) a->layers[i].first = a->layers[i].last = (int)number;
    return CVT_EXIT_OK;
}

static int retain_taps(cvt_attend *a) {
    cvt_error error;
    for (int k = 0; k < a->n_layers; k++)
        for (int i = 0; i < a->layers[k].n; i++)
            if (cvt_model_retain(a->model, cvt_model_tap(a->model, a->layers[k].chain[i]).name, &error) != CVT_OK)
                return cvt_cli_fail(NULL, &error, CVT_EXIT_MODEL);
    return CVT_EXIT_OK;
}

static int choose_attention(cvt_attend *a) {
    int (*const steps[])(cvt_attend *) = {a->settings->sheet ? choose_layers : choose_layer, choose_head, retain_taps};
    int status = CVT_EXIT_OK;
    for (size_t i = 0; status == CVT_EXIT_OK && i < sizeof steps / sizeof steps[0]; i++) status = steps[i](a);
    return status;
}

enum { CLASSES = 6 /* of a sheet */ };

static int choose_class_map(cvt_attend *a) {
    const cvt_tensor_info map = cvt_model_class_map(a->model);
    cvt_error error;
    if (cvt_model_retain_class_map(a->model, &error) != CVT_OK) return cvt_cli_fail(NULL, &error, CVT_EXIT_MODEL);
    const char *name = a->settings->class_name;
    if (name && cvt_class_find(a->model, name, &a->class_index, &error) != CVT_OK)
        return cvt_cli_usage(a->cli, "%s", error.message);
    a->n_layers = a->settings->sheet && !name ? cvt_min_int(CLASSES, cvt_model_classes(a->model)) : 1;
    for (int i = 0; i < a->n_layers; i++)
        a->layers[i] = (cvt_attend_layer){
            .height = (int)map.shape[0], .width = (int)map.shape[1], .number = i, .first = -1, .last = -1};
    return CVT_EXIT_OK;
}

/* Chooses attention where the model has any that has a place on the image and no class is named, else the class
 * activation map. */
int cvt_attend_choose(cvt_attend *a) {
    const cvt_settings *s = a->settings;
    const bool of_attention = s->layer || s->head || s->rollout;
    cvt_error error;
    int maps;
    a->class_index = -1;
    a->layers = calloc((size_t)cvt_model_taps(a->model) + CLASSES, sizeof *a->layers);
    if (!a->layers) {
        cvt_fail_memory(&error);
        return cvt_cli_fail(NULL, &error, CVT_EXIT_MODEL);
    }
    find_map(a->model, 0, &maps);
    if (s->class_name && of_attention)
        return cvt_cli_usage(a->cli, "--class takes no --layer, --head or --rollout beside it: those are of attention");
    if (s->head && s->rollout)
        return cvt_cli_usage(a->cli, "--rollout takes the mean over the heads: no --head beside it");
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

/* The maps of a layer in the making. */
typedef struct making {
    const cvt_attend *a;
    const cvt_attend_layer *layer;
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

typedef struct sizes {
    size_t values, rows, cells;
} sizes;

/* Makes sizes large enough for a layer. False where they are too large. */
static bool add_sizes(sizes *to, const cvt_attend *a, const cvt_attend_layer *layer) {
    const size_t cells = (size_t)layer->height * (size_t)layer->width;
    to->cells = cells > to->cells ? cells : to->cells;
    for (int i = 0; i < layer->n; i++) {
        matrix m = matrix_of(a, layer->chain[i]);
        size_t count, row;
        if (!cvt_mul_size(m.heads, m.columns, &row) || !cvt_mul_size(row, m.rows, &count) ||
            count > SIZE_MAX / sizeof(float))
            return false;
        to->values = count > to->values ? count : to->values;
        to->rows = row > to->rows ? row : to->rows;
        to->rows = m.rows > to->rows ? m.rows : to->rows;
    }
    return true;
}

static bool reserve(const cvt_attend *a, cvt_attend_room *to) {
    sizes n = {1, 1, 1};
    if (to->map) return true;
    for (int i = 0; i < a->n_layers; i++)
        if (!add_sizes(&n, a, &a->layers[i])) return false;
    to->room = n.values;
    to->values = malloc(n.values * sizeof *to->values);
    to->row = calloc(n.rows, sizeof *to->row);
    to->next = calloc(n.rows, sizeof *to->next);
    to->keys = calloc(n.rows, sizeof *to->keys);
    to->map = calloc(n.cells, sizeof *to->map);
    if (to->values && to->row && to->next && to->keys && to->map) return true;
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
    size_t first = v->layer->info.class_query < 0 ? 0 : (size_t)v->layer->info.class_query;
    size_t queries = v->layer->info.class_query < 0 ? m.rows : 1;
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

static cvt_status take_layer(const making *v, cvt_error *error) {
    matrix m = {0};
    for (int i = 0; i < v->layer->n; i++) {
        TRY(fetch(v, v->layer->chain[i], &m, error));
        if (i == 0)
            take_queries(v, m);
        else
            take_factor(v, m);
    }
    return CVT_OK;
}

/* Computes row = row A, where A = (mean over heads + I) / 2 with rows that add up to one. The first tokens are left as
 * they are where the layer has fewer tokens: these are class tokens, which join later. What keys get that are made from
 * several tokens is spread over these. */
static void multiply(const making *v, matrix m, const cvt_key_cells *cells) {
    size_t tokens = (size_t)v->layer->tokens, skipped = tokens - m.rows;
    double *to = v->room->next + skipped, *keys = cells->rows ? v->room->keys : to;
    memset(v->room->keys, 0, m.columns * sizeof *v->room->keys);
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
            for (size_t k = 0; k < m.columns; k++) keys[k] += share * (double)from[k] / (double)m.heads;
        }
        to[q] += share;
    }
    if (cells->rows) cvt_key_cells_spread(to, cells, keys);
    swap_rows(v);
}

static cvt_status roll_out(const making *v, cvt_error *error) {
    int tokens = v->layer->tokens, asks = v->layer->info.class_query;
    for (int q = 0; q < tokens; q++) v->room->row[q] = asks < 0 ? 1.0 / tokens : q == asks;
    for (int i = v->layer->n - 1; i >= 0; i--) {
        matrix m;
        TRY(fetch(v, v->layer->chain[i], &m, error));
        multiply(v, m, &v->layer->cells[i]);
    }
    return CVT_OK;
}

/* The class that a class activation map is of: the one that was named, or the one with the largest logit but so many.
 */
static int class_of(const cvt_attend *a, const cvt_session *session, int layer) {
    cvt_score best[CLASSES];
    if (a->class_index >= 0) return a->class_index;
    cvt_top_k(cvt_session_output(session), cvt_model_classes(a->model), best, a->n_layers);
    return best[a->layers[layer].number].index;
}

cvt_status cvt_attend_compute(const cvt_attend *a, cvt_attend_room *room, const cvt_session *session, int layer,
                              cvt_error *error) {
    const making v = {a, &a->layers[layer], room, session};
    if (!reserve(a, room)) return cvt_fail_memory(error);
    if (!a->by_class) return a->settings->rollout ? roll_out(&v, error) : take_layer(&v, error);
    const size_t cells = (size_t)v.layer->height * (size_t)v.layer->width;
    return cvt_session_class_map(session, class_of(a, session, layer), room->map, cells, error);
}

/* The mean over the heads, or one head, of column k of the rows that were computed. */
static double number_of(const cvt_attend *a, const cvt_attend_room *room, const cvt_attend_layer *layer, int head,
                        size_t k) {
    if (a->settings->rollout) return room->row[k];
    const size_t columns = (size_t)layer->info.keys, first = head < 0 ? 0 : (size_t)head;
    const size_t heads = head < 0 ? (size_t)layer->info.heads : 1;
    double sum = 0;
    for (size_t h = first; h < first + heads; h++) sum += room->row[h * columns + k];
    return sum / (double)heads;
}

static bool are_shares(const cvt_attend *a, int tap) {
    const char *name = cvt_model_tap(a->model, tap).name, *dot = strrchr(name, '.');
    return strcmp(dot ? dot + 1 : name, "scores") != 0; /* what is before the softmax */
}

cvt_attend_map cvt_attend_take(const cvt_attend *a, cvt_attend_room *room, const cvt_session *session, int layer,
                               int head) {
    const cvt_attend_layer *l = &a->layers[layer];
    const size_t cells = (size_t)l->height * (size_t)l->width;
    cvt_attend_map map = {.values = room->map, .height = l->height, .width = l->width, .class_index = -1};
    if (a->by_class) {
        map.class_index = class_of(a, session, layer);
        for (size_t i = 0; i < cells; i++) map.level += (double)room->map[i] / (double)cells;
        return map;
    }
    for (size_t i = 0; i < cells; i++) room->map[i] = (float)number_of(a, room, l, head, (size_t)l->prefix + i);
    map.level = are_shares(a, l->tap) ? 1.0 / (a->settings->rollout ? l->tokens : l->info.keys) : 0;
    return map;
}

void cvt_attend_room_free(cvt_attend_room *room) {
    free(room->values);
    free(room->row);
    free(room->next);
    free(room->keys);
    free(room->map);
    *room = (cvt_attend_room){0};
}

void cvt_attend_free(cvt_attend *a) {
    for (int i = 0; i < a->n_layers; i++) free_layer(&a->layers[i]);
    free(a->layers);
}

bool cvt_attend_spreads(const cvt_attend *a) {
    bool spreads = false;
    for (int i = 0; i < a->n_layers; i++) spreads = spreads || a->layers[i].spreads;
    return spreads;
}
