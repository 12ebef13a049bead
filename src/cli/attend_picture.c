/* attend_picture.c - the files that cvt attend makes of an image: its numbers, a picture, a picture with a scale and
 * words, or a sheet of all maps. */
#include "cli/attend_picture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "cli/models.h"
#include "report/figure.h"
#include "report/heat.h"
#include "report/npy.h"

static const cvt_attend_form forms[] = {{"png", ".png", CVT_OUTPUT_PNG},
                                        {"npy", ".npy", CVT_OUTPUT_NPY},
                                        {"svg", ".svg", CVT_OUTPUT_SVG},
                                        {"html", ".html", CVT_OUTPUT_HTML}};
enum { FORMS = sizeof forms / sizeof forms[0] };

const cvt_attend_form *cvt_attend_form_named(const char *name) {
    for (size_t i = 0; i < FORMS; i++)
        if (strcmp(name, forms[i].name) == 0) return &forms[i];
    return NULL;
}

const cvt_attend_form *cvt_attend_form_of(const char *path) {
    const char *base = cvt_file_name(path), *dot = strrchr(base, '.');
    if (!dot || dot == base) return &forms[0];
    for (size_t i = 0; i < FORMS; i++)
        if (strcasecmp(dot, forms[i].ending) == 0) return &forms[i];
    return NULL;
}

void cvt_attend_desk_free(cvt_attend_desk *desk) {
    cvt_attend_room_free(&desk->room);
    cvt_image_free(desk->image);
    cvt_thumbnailer_free(&desk->thumbnailer);
    cvt_pixels_free(&desk->drawn);
    cvt_pixels_free(&desk->sheet);
    cvt_str_free(&desk->png);
    cvt_str_free(&desk->text);
    *desk = (cvt_attend_desk){0};
}

/* ---- one picture ------------------------------------------------------------------------------------------------- */

/* Decodes the image once more, without the changes that the model needs. Its longer side becomes `side` pixels at most;
 * 0: it keeps its size. */
static cvt_status read_photo(const cvt_attend *a, cvt_attend_desk *d, const cvt_batch_image *of, int side,
                             cvt_error *error) {
    int height, width;
    if (!d->image) TRY(cvt_image_new(&d->image, &d->options, error));
    TRY(cvt_image_read_memory(d->image, a->model, of->bytes, of->size, CVT_STOP_ORIENT, error));
    const uint8_t *pixels = cvt_image_pixels(d->image, &height, &width);
    TRY(cvt_model_view(a->model, height, width, &d->view, error));
    /* never written to */
    const cvt_pixels whole = {.data = (uint8_t *)(uintptr_t)pixels, .width = width, .height = height}, *small = &whole;
    if (side) TRY(cvt_thumbnail_shrink(&d->thumbnailer, &small, &whole, side, error));
    const double down = (double)small->height / height, across = (double)small->width / width;
    d->view = (cvt_view){d->view.left * across, d->view.top * down, d->view.width * across, d->view.height * down};
    d->photo = *small;
    return CVT_OK;
}

static cvt_status draw(cvt_attend_desk *d, const cvt_attend_map *map, cvt_error *error) {
    const cvt_heat heat = {.pixels = d->photo.data,
                           .height = d->photo.height,
                           .width = d->photo.width,
                           .map = map->values,
                           .rows = map->height,
                           .columns = map->width,
                           .view = d->view};
    return cvt_heat_draw(&d->drawn, &heat, error);
}

static float top_of(const cvt_attend_map *map) {
    return cvt_heat_top(map->values, (size_t)map->height * (size_t)map->width);
}

cvt_status cvt_attend_thumbnail(const cvt_attend *a, cvt_attend_desk *desk, const cvt_session *session,
                                const cvt_batch_image *of, int side, cvt_str *jpeg, cvt_error *error) {
    TRY(read_photo(a, desk, of, side, error));
    TRY(cvt_attend_compute(a, &desk->room, session, 0, error));
    const cvt_attend_map map = cvt_attend_take(a, &desk->room, session, 0, a->layers[0].first);
    TRY(draw(desk, &map, error));
    return cvt_thumbnail_encode(jpeg, &desk->drawn, error);
}

/* ---- the maps of a file ------------------------------------------------------------------------------------------ */

/* How maps lie beside each other: each layer has a row, with a map for each head; layers of one map each, or classes,
 * follow each other in rows of a few. */
typedef struct layout {
    int rows, columns;
    bool list;
} layout;

static layout layout_of(const cvt_attend *a) {
    const int across = a->by_class ? 3 : 4;
    layout l = {.rows = a->n_layers, .columns = 1};
    for (int i = 0; i < a->n_layers; i++) {
        const int n = a->layers[i].last - a->layers[i].first + 1;
        l.columns = n > l.columns ? n : l.columns;
    }
    l.list = l.columns == 1 && a->n_layers > 1;
    if (!l.list) return l;
    l.columns = a->n_layers < across ? a->n_layers : across;
    l.rows = (a->n_layers + l.columns - 1) / l.columns;
    return l;
}

/* The longer side of each picture: those of a sheet are the smaller the more stand in a row. */
static int side_of(const cvt_attend *a) {
    enum { LARGEST = 320, SMALLEST = 112, ROW = 1440 };
    const int side = ROW / layout_of(a).columns;
    if (!a->settings->sheet) return 0;
    return side > LARGEST ? LARGEST : side < SMALLEST ? SMALLEST : side;
}

/* What is done with the maps of a file, one after the other. */
typedef struct making {
    const cvt_attend *a;
    cvt_attend_desk *desk;
    const cvt_session *session;
    cvt_attend_result *result;
    cvt_status (*add)(struct making *m, int layer, int head, const cvt_attend_map *map, cvt_error *error);
    layout layout;
    cvt_figure figure;
} making;

static int row_of(const making *m, int layer) { return m->layout.list ? layer / m->layout.columns : layer; }
static int column_of(const making *m, int layer, int head) {
    return m->layout.list ? layer % m->layout.columns : head - m->a->layers[layer].first;
}

static cvt_status add_all(making *m, cvt_error *error) {
    m->result->bare = true;
    for (int i = 0; i < m->a->n_layers; i++) {
        TRY(cvt_attend_compute(m->a, &m->desk->room, m->session, i, error));
        for (int head = m->a->layers[i].first; head <= m->a->layers[i].last; head++) {
            const cvt_attend_map map = cvt_attend_take(m->a, &m->desk->room, m->session, i, head);
            if (i == 0) m->result->class_index = map.class_index;
            m->result->bare = m->result->bare && !(top_of(&map) > 0);
            TRY(m->add(m, i, head, &map, error));
        }
    }
    return CVT_OK;
}

/* ---- pictures without words -------------------------------------------------------------------------------------- */

enum { GAP = 8 };

static cvt_status add_to_grid(making *m, int layer, int head, const cvt_attend_map *map, cvt_error *error) {
    cvt_pixels *sheet = &m->desk->sheet;
    TRY(draw(m->desk, map, error));
    const int width = m->desk->drawn.width, height = m->desk->drawn.height;
    const int row = row_of(m, layer), column = column_of(m, layer, head);
    for (int y = 0; y < height; y++) {
        const size_t down = (size_t)(row * (height + GAP) + y), across = (size_t)(column * (width + GAP));
        memcpy(sheet->data + 3 * (down * (size_t)sheet->width + across),
               m->desk->drawn.data + 3 * (size_t)y * (size_t)width, 3 * (size_t)width);
    }
    return CVT_OK;
}

static cvt_status write_grid(making *m, const char *to, cvt_error *error) {
    const int columns = m->layout.columns, rows = m->layout.rows;
    cvt_pixels *sheet = &m->desk->sheet;
    TRY(cvt_pixels_resize(sheet, columns * (m->desk->photo.width + GAP) - GAP,
                          rows * (m->desk->photo.height + GAP) - GAP, error));
    memset(sheet->data, 255, 3 * (size_t)sheet->width * (size_t)sheet->height);
    m->add = add_to_grid;
    TRY(add_all(m, error));
    return cvt_png_write(to, sheet, error);
}

static cvt_status write_numbers(making *m, const char *to, cvt_error *error) {
    const cvt_attend_layer *l = &m->a->layers[0];
    const int64_t shape[] = {l->height, l->width};
    TRY(cvt_attend_compute(m->a, &m->desk->room, m->session, 0, error));
    const cvt_attend_map map = cvt_attend_take(m->a, &m->desk->room, m->session, 0, l->first);
    m->result->class_index = map.class_index;
    return cvt_npy_write(to, CVT_NPY_F32, map.values, 2, shape, error);
}

/* ---- pictures with words ----------------------------------------------------------------------------------------- */

/* Appends "tabby, tabby cat (class 281), 91.4 %", as far as it is known. */
static void append_class(const cvt_attend *a, const cvt_session *session, int index, cvt_str *to) {
    enum { MOST = 100 };
    cvt_score scores[MOST];
    const int classes = cvt_model_classes(a->model);
    const char *label = cvt_model_label(a->model, index);
    const bool share = cvt_model_score(a->model) != CVT_SCORE_NONE;
    const int n = cvt_model_top_k(a->model, cvt_session_output(session), scores, classes < MOST ? classes : MOST);
    cvt_str_print(to, label ? "%s (class %d)" : "%sclass %d", label ? label : "", index);
    for (int i = 0; i < n; i++)
        if (scores[i].index == index)
            cvt_str_print(to, share ? ", %.1f %%" : ", %.4g", (share ? 100 : 1) * (double)scores[i].score);
}

static const char *layer_name(const cvt_attend *a, int layer) {
    return cvt_model_tap(a->model, a->layers[layer].tap).name;
}

static const char *level_name(const cvt_attend *a) { return a->by_class ? "mean" : "uniform"; }

static void append_layer(const cvt_attend *a, int layer, cvt_str *to) {
    cvt_str_print(to, "layer %d: %s", a->layers[layer].number, layer_name(a, layer));
}

/* The title of a map on a sheet, where a row is a layer or not. */
static void append_title(const making *m, int layer, int head, const cvt_attend_map *map, cvt_str *to) {
    const cvt_attend *a = m->a;
    if (a->by_class)
        append_class(a, m->session, map->class_index, to);
    else if (m->layout.list)
        append_layer(a, layer, to);
    else if (head < 0 && a->layers[layer].info.heads == 1)
        cvt_str_print(to, "the only head");
    else if (head < 0)
        cvt_str_print(to, "mean of %d heads", a->layers[layer].info.heads);
    else
        cvt_str_print(to, "head %d", head);
}

static cvt_status add_to_figure(making *m, int layer, int head, const cvt_attend_map *map, cvt_error *error) {
    const cvt_attend *a = m->a;
    cvt_attend_desk *d = m->desk;
    cvt_str title = {0}, row = {0};
    append_title(m, layer, head, map, &title);
    if (!a->by_class) append_layer(a, layer, &row);
    if (column_of(m, layer, head) == 0) cvt_figure_row(&d->text, &m->figure, m->figure.titled ? row.data : NULL);
    const cvt_figure_panel panel = {.title = a->settings->sheet ? title.data : NULL,
                                    .top = (double)top_of(map),
                                    .level = map->level,
                                    .level_name = level_name(a)};
    cvt_str_clear(&d->png);
    cvt_status status = title.failed || row.failed ? cvt_fail_memory(error) : draw(d, map, error);
    if (status == CVT_OK) status = cvt_png_encode(&d->png, &d->drawn, error);
    if (status == CVT_OK) cvt_figure_panel_add(&d->text, &m->figure, &panel, &d->png);
    cvt_str_free(&title);
    cvt_str_free(&row);
    return status;
}

/* How to read the colours. */
static void append_note(const cvt_attend *a, cvt_str *to) {
    if (a->by_class)
        cvt_str_print(to, "The colours tell how much each place speaks for the class, from 0 up; places that speak "
                          "against it are bare. Mean: what each place has on average, which is the class's logit "
                          "without the classifier's bias.");
    else if (a->settings->rollout)
        cvt_str_print(to, "The colours tell how much of each place reaches the layer through all layers before it, "
                          "from 0 up. Uniform: what each has where all places count alike.");
    else
        cvt_str_print(to, "The colours tell how the layer shares its attention among the places of the image, from 0 "
                          "up. Uniform: what each has where all get the same.");
    if (cvt_attend_spreads(a))
        cvt_str_print(to, " Where a layer has fewer keys than tokens, each key is spread evenly over the tokens that "
                          "it is made from, an extension of cvt.");
    if (a->settings->sheet)
        cvt_str_print(to,
                      " Each picture has a scale of its own: its end is below it on the right, and the mark on it "
                      "is the %s.",
                      a->by_class ? "mean" : "uniform level");
    if (a->left_out)
        cvt_str_print(to, " %d layers are left out, whose %s not known.", a->left_out,
                      a->settings->rollout ? "product is" : "keys have places on the image that are");
}

enum { FACTS = 4 };

/* The lines of the caption, whose texts the caller frees. */
static size_t list_facts(const making *m, cvt_figure_fact *facts, cvt_str *texts) {
    const cvt_attend *a = m->a;
    const cvt_attend_layer *l = &a->layers[0];
    const bool one = a->n_layers == 1, has_class = a->by_class ? one : cvt_model_classes(a->model) > 0;
    static const char *const names[] = {"Model", "Layer", "Head", "Class"};
    cvt_score best = {.index = a->class_index};
    cvt_models_name(a->cli, a->settings, &texts[0]);
    if (a->by_class)
        cvt_str_print(&texts[1], "class activation map of the last features");
    else if (one)
        cvt_str_print(&texts[1], a->settings->rollout ? "rollout up to %s (layer %d)" : "%s (layer %d)",
                      layer_name(a, 0), l->number);
    else
        cvt_str_print(&texts[1], a->settings->rollout ? "rollout up to each of %d layers" : "all %d", a->n_layers);
    if (!a->by_class && l->first != l->last)
        cvt_str_print(&texts[2], "the mean of all, then each");
    else if (!a->by_class && l->first < 0)
        cvt_str_print(&texts[2], one ? "mean of all %d" : "mean of all", l->info.heads);
    else if (!a->by_class)
        cvt_str_print(&texts[2], "%d", l->first);
    if (best.index < 0 && has_class) cvt_top_k(cvt_session_output(m->session), cvt_model_classes(a->model), &best, 1);
    if (has_class) append_class(a, m->session, best.index, &texts[3]);
    size_t n = 0;
    for (size_t i = 0; i < FACTS; i++)
        if (texts[i].size) facts[n++] = (cvt_figure_fact){names[i], texts[i].data};
    return n;
}

static cvt_status write_figure(making *m, bool html, const char *title, const char *to, cvt_error *error) {
    const cvt_attend *a = m->a;
    cvt_figure_fact facts[FACTS];
    cvt_str texts[FACTS] = {{0}}, note = {0};
    cvt_str *text = &m->desk->text;
    append_note(a, &note);
    m->figure = (cvt_figure){.html = html,
                             .width = m->desk->photo.width,
                             .height = m->desk->photo.height,
                             .rows = m->layout.rows,
                             .titled = a->settings->sheet && !m->layout.list && !a->by_class ? m->layout.rows : 0,
                             .columns = m->layout.columns,
                             .title = title,
                             .facts = facts,
                             .n_facts = list_facts(m, facts, texts),
                             .note = note.data ? note.data : ""};
    m->add = add_to_figure;
    cvt_str_clear(text);
    cvt_figure_begin(text, &m->figure);
    cvt_status status = add_all(m, error);
    cvt_figure_end(text, &m->figure);
    for (size_t i = 0; i < FACTS; i++) {
        text->failed = text->failed || texts[i].failed;
        cvt_str_free(&texts[i]);
    }
    text->failed = text->failed || note.failed;
    cvt_str_free(&note);
    return status == CVT_OK ? cvt_out_save(to, text, error) : status;
}

/* ---- the file ---------------------------------------------------------------------------------------------------- */

cvt_status cvt_attend_write(const cvt_attend *a, const cvt_attend_form *form, cvt_attend_desk *desk,
                            const cvt_session *session, const cvt_batch_image *of, const char *to,
                            cvt_attend_result *result, cvt_error *error) {
    making m = {.a = a, .desk = desk, .session = session, .result = result, .layout = layout_of(a)};
    *result = (cvt_attend_result){.class_index = -1};
    if (form->kind == CVT_OUTPUT_NPY) return write_numbers(&m, to, error);
    TRY(read_photo(a, desk, of, side_of(a), error));
    if (form->kind == CVT_OUTPUT_PNG) return write_grid(&m, to, error);
    return write_figure(&m, form->kind == CVT_OUTPUT_HTML, of->path, to, error);
}
