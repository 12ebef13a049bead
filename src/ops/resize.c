/* resize.c - resizes maps, and adds tables of positions to tokens: stored ones, which are resized to the grid in use,
 * or sinusoids. */
#include <math.h>
#include <string.h>

#include "base/elementary.h"
#include "ops/axis.h"
#include "ops/rows.h"

/* Writes row `y` of the result, [to_w, c], of a map [h * w, c]: first along y into `line` [w, c], then along x. */
static void resize_row(float *to, const float *map, const cvt_axis *rows, const cvt_axis *columns, int y, int w,
                       int to_w, int c, float *line) {
    size_t width = (size_t)w * (size_t)c, channels = (size_t)c;
    memset(line, 0, width * sizeof *line);
    for (int k = 0; k < rows->terms; k++) {
        size_t at = (size_t)y * (size_t)rows->terms + (size_t)k;
        const float *from = map + (size_t)rows->index[at] * width;
        for (size_t i = 0; i < width; i++) line[i] += rows->weight[at] * from[i];
    }
    memset(to, 0, (size_t)to_w * channels * sizeof *to);
    for (int x = 0; x < to_w; x++, to += channels) {
        for (int k = 0; k < columns->terms; k++) {
            size_t at = (size_t)x * (size_t)columns->terms + (size_t)k;
            const float *from = line + (size_t)columns->index[at] * channels;
            for (size_t i = 0; i < channels; i++) to[i] += columns->weight[at] * from[i];
        }
    }
}

static bool resize_into(float *to, cvt_lowering *l, cvt_interpolation how, const float *table,
                        const cvt_resize_sizes *s) {
    cvt_axis rows = cvt_axis_make(l, how, s->h, s->to_h), columns = cvt_axis_make(l, how, s->w, s->to_w);
    float *line = cvt_lowering_floats(l, (size_t)s->w * (size_t)s->c);
    if (l->failed) return false;
    for (int y = 0; y < s->to_h; y++)
        resize_row(to + (size_t)y * (size_t)s->to_w * (size_t)s->c, table, &rows, &columns, y, s->w, s->to_w, s->c,
                   line);
    return true;
}

const float *cvt_resize_table(cvt_lowering *l, cvt_interpolation how, const float *table,
                              const cvt_resize_sizes *sizes) {
    float *to = cvt_lowering_floats(l, (size_t)sizes->to_h * (size_t)sizes->to_w * (size_t)sizes->c);
    return to && resize_into(to, l, how, table, sizes) ? to : NULL;
}

/* ---- a map ---- */

typedef struct resize_attr {
    int h, w;
    cvt_interpolation how;
} resize_attr;

static void describe_resize(cvt_describe *d) {
    const resize_attr *a = d->attr;
    cvt_describe_output(d, cvt_shape_map(d->shapes[0].d[0], a->h, a->w));
}

typedef struct resize_args {
    cvt_axis rows, columns;
    int c, w, to_h, to_w;
    cvt_ref in, out;
} resize_args;

static cvt_cut resize_cut(const void *p, int n, int threads) {
    (void)threads;
    return (cvt_cut){.tiles = n * ((const resize_args *)p)->to_h};
}

static void resize_run(const void *p, const cvt_context *x, int tile) {
    const resize_args *a = p;
    int image = tile / a->to_h, y = tile % a->to_h;
    float *to = cvt_at(x, a->out, image) + (size_t)y * (size_t)a->to_w * (size_t)a->c;
    resize_row(to, cvt_at(x, a->in, image), &a->rows, &a->columns, y, a->w, a->to_w, a->c, x->scratch);
}

static void resize_lower(cvt_lowering *l, const cvt_plan_node *w) {
    const resize_attr *r = w->node->attr;
    cvt_shape in = l->graph->values[w->node->in[0]].shape;
    resize_args a = {
        .rows = cvt_axis_make(l, r->how, in.d[1], r->h),
        .columns = cvt_axis_make(l, r->how, in.d[2], r->w),
        .c = in.d[0],
        .w = in.d[2],
        .to_h = r->h,
        .to_w = r->w,
        .in = l->refs[w->node->in[0]],
        .out = l->refs[w->out],
    };
    cvt_lowering_scratch(l, (size_t)in.d[2] * (size_t)in.d[0]);
    cvt_lowering_step(l, w, &a, sizeof a, resize_cut, resize_run);
}

static const cvt_op op_resize = {
    .name = "resize", .attr_size = sizeof(resize_attr), .describe = describe_resize, .lower = resize_lower};

cvt_value cvtb_resize(cvt_builder *b, cvt_value map, int h, int w, cvt_interpolation how) {
    cvt_shape s = cvtb_shape(b, map);
    if (s.d[1] == h && s.d[2] == w) return map;
    resize_attr a = {h, w, how};
    return cvt_graph_add(b, &op_resize, NULL, &a, &map, 1);
}

/* ---- a table of positions, added ---- */

typedef struct position_attr {
    const char *name;
    cvt_position p;
} position_attr;

static bool same_grid(const cvt_position *p) { return p->h == p->to_h && p->w == p->to_w; }

/* Returns how many rows of the table a sequence gets. */
static int rows_of(const cvt_position *p) { return p->prefix + p->to_h * p->to_w; }

static void describe_position(cvt_describe *d) {
    const position_attr *a = d->attr;
    const cvt_position *p = &a->p;
    int rows = cvt_shape_rows(d->shapes[0]);
    int64_t c = cvt_shape_cols(d->shapes[0]), stored = p->prefix + (int64_t)p->h * p->w;
    int64_t list[] = {1, stored, c}, map[] = {p->h, p->w, c};
    if (p->resize == CVT_INTERPOLATE_NONE && rows_of(p) > stored)
        cvtb_fail(d->builder, "%d tokens are more than the %lld positions of \"%s\"", rows_of(p), (long long)stored,
                  a->name);
    else if (rows % rows_of(p))
        cvtb_fail(d->builder, "%d tokens do not fit the %d positions of \"%s\"", rows, rows_of(p), a->name);
    cvt_describe_param(d, a->name, CVT_PARAMETER, 3, p->map ? map : list);
    cvt_describe_output(d, d->shapes[0]);
}

typedef struct position_args {
    cvt_rows rows;
    int c, period;
    const float *table;
    cvt_ref in, out;
} position_args;

static void position_run(const void *p, const cvt_context *x, int tile) {
    const position_args *a = p;
    cvt_rows_tile t = cvt_rows_at(a->rows, x, tile);
    size_t c = (size_t)a->c;
    const float *in = cvt_at(x, a->in, t.image);
    float *out = cvt_at(x, a->out, t.image);
    for (int row = t.first, count; row < t.first + t.count; row += count) {
        int at = row % a->period, left = t.first + t.count - row;
        count = left < a->period - at ? left : a->period - at;
        x->kernels->add(out + (size_t)row * c, c, in + (size_t)row * c, c, a->table + (size_t)at * c, c, count, a->c);
    }
}

/* Returns the table for the grid in use. */
static const float *fit_table(cvt_lowering *l, const cvt_position *p, const float *stored, int c) {
    if (p->resize == CVT_INTERPOLATE_NONE || same_grid(p) || l->failed) return stored;
    size_t prefix = (size_t)p->prefix * (size_t)c;
    cvt_resize_sizes sizes = {p->h, p->w, p->to_h, p->to_w, c};
    float *table = cvt_lowering_floats(l, (size_t)rows_of(p) * (size_t)c);
    if (!table) return NULL;
    memcpy(table, stored, prefix * sizeof *table);
    return resize_into(table + prefix, l, p->resize, stored + prefix, &sizes) ? table : NULL;
}

static void position_lower(cvt_lowering *l, const cvt_plan_node *w) {
    const position_attr *a = w->node->attr;
    cvt_shape s = l->graph->values[w->out].shape;
    int c = cvt_shape_cols(s);
    position_args x = {.rows = cvt_rows_of(s),
                       .c = c,
                       .period = rows_of(&a->p),
                       .table = fit_table(l, &a->p, cvt_lowering_param(l, w->node->params[0]), c),
                       .in = l->refs[w->node->in[0]],
                       .out = l->refs[w->out]};
    cvt_lowering_step(l, w, &x, sizeof x, cvt_cut_by_rows, position_run);
}

static const cvt_op op_position = {.name = "position",
                                   .attr_size = sizeof(position_attr),
                                   .describe = describe_position,
                                   .lower = position_lower,
                                   .in_place = true};

cvt_value cvtb_position(cvt_builder *b, cvt_value x, const char *name, const cvt_position *position) {
    position_attr a = {name, *position};
    return cvt_graph_add(b, &op_position, NULL, &a, &x, 1);
}

/* ---- sinusoids, added ---- */

static void describe_sinusoid(cvt_describe *d) { cvt_describe_output(d, d->shapes[0]); }

/* The logarithm of 10000, as the sum of two. */
static const double log_10000[2] = {0x1.26bb1bbb55516p+3, -0x1.f48ad494ea3e9p-51};

static void sinusoid_lower(cvt_lowering *l, const cvt_plan_node *w) {
    cvt_shape s = l->graph->values[w->out].shape;
    int rows = cvt_shape_rows(s), c = cvt_shape_cols(s);
    float *table = cvt_lowering_floats(l, (size_t)rows * (size_t)c);
    if (!table) return;
    position_args x = {.rows = cvt_rows_of(s),
                       .c = c,
                       .period = rows,
                       .table = table,
                       .in = l->refs[w->node->in[0]],
                       .out = l->refs[w->out]};
    for (int p = 0; p < rows; p++) {
        for (int j = 0; j < c; j++) {
            double angle = p / cvt_power(2.0 * (j / 2) / c, log_10000[0], log_10000[1]);
            *table++ = (float)(j % 2 ? cvt_cos(angle) : cvt_sin(angle));
        }
    }
    cvt_lowering_step(l, w, &x, sizeof x, cvt_cut_by_rows, position_run);
}

static const cvt_op op_sinusoid = {
    .name = "sinusoid", .describe = describe_sinusoid, .lower = sinusoid_lower, .in_place = true};

cvt_value cvtb_sinusoid(cvt_builder *b, cvt_value x) { return cvt_graph_add(b, &op_sinusoid, NULL, NULL, &x, 1); }
