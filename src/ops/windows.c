/* windows.c - cuts a map into windows side by side, each a run of tokens, and puts windows together again. The map may
 * be rolled first, so that windows lie across the borders of other windows (Swin, arXiv:2103.14030; timm's
 * window_partition, window_reverse and torch.roll), and is filled up with zeros where the windows do not fit. Every row
 * of channels is copied once.
 *
 * Row y of the rolled map is row y + shift of the map, beyond its end row y + shift - H. Rolled before it is filled up
 * (timm), H is the height of the map, and the rows after H are zeros; filled up before it is rolled (Hugging Face), H
 * is the height of the windows, and the rows that come from after the map's end are zeros. The same holds for columns.
 */
#include <string.h>

#include "base/num.h"
#include "ops/ops.h"
#include "ops/rows.h"

typedef struct attr {
    cvt_windows windows;
    int h, w; /* of the map */
} attr;

static int count_along(int n, int window) { return n / window + (n % window != 0); }

int cvt_windows_down(const cvt_windows *windows, int h) { return count_along(h, windows->h); }
int cvt_windows_across(const cvt_windows *windows, int w) { return count_along(w, windows->w); }

/* Returns the row (or column) of the map that is row i of the rolled one, or -1 for zeros. n: rows of the map. */
static int before_rolling(int i, int n, int window, int shift, bool pad_first) {
    int all = pad_first ? count_along(n, window) * window : n;
    if (i >= all) return -1;
    int from = (i + shift) % all;
    return from < n ? from : -1;
}

/* Returns the row of the rolled map that row i of the map has become. */
static int after_rolling(int i, int n, int window, int shift, bool pad_first) {
    int all = pad_first ? count_along(n, window) * window : n;
    return (i - shift % all + all) % all;
}

typedef struct args {
    cvt_rows rows; /* of the output */
    attr of;
    int across; /* windows in a row of them */
    size_t c;
    cvt_ref in, out;
} args;

static args make_args(const cvt_lowering *l, const cvt_plan_node *w) {
    const attr *a = w->node->attr;
    cvt_shape out = l->graph->values[w->out].shape;
    return (args){.rows = cvt_rows_of(out),
                  .of = *a,
                  .across = cvt_windows_across(&a->windows, a->w),
                  .c = (size_t)cvt_shape_cols(out),
                  .in = l->refs[w->node->in[0]],
                  .out = l->refs[w->out]};
}

/* ---- a map -> windows ---- */

static void describe_cut(cvt_describe *d) {
    const attr *a = d->attr;
    const cvt_windows *s = &a->windows;
    cvt_shape map = d->shapes[0];
    bool fits = s->h >= 1 && s->w >= 1 && s->shift_h >= 0 && s->shift_w >= 0 && s->shift_h < s->h && s->shift_w < s->w;
    int64_t rows = fits ? (int64_t)cvt_windows_down(s, a->h) * s->h * cvt_windows_across(s, a->w) * s->w : 0;
    if (!fits || map.layout != CVT_MAP || rows > INT32_MAX) {
        cvtb_fail(d->builder, "windows of %d x %d, rolled by %d and %d, do not fit a map of %d x %d", s->h, s->w,
                  s->shift_h, s->shift_w, a->h, a->w);
        return;
    }
    cvt_describe_output(d, cvt_shape_tokens((int)rows, map.d[0]));
}

static void cut_run(const void *p, const cvt_context *x, int tile) {
    const args *a = p;
    const cvt_windows *s = &a->of.windows;
    cvt_rows_tile t = cvt_rows_at(a->rows, x, tile);
    const float *in = cvt_at(x, a->in, t.image);
    float *out = cvt_at(x, a->out, t.image) + (size_t)t.first * a->c;
    for (int row = t.first; row < t.first + t.count; row++, out += a->c) {
        int window = row / (s->h * s->w), at = row % (s->h * s->w);
        int i = s->columns_first ? at % s->h : at / s->w, j = s->columns_first ? at / s->h : at % s->w;
        int down = window / a->across * s->h + i, right = window % a->across * s->w + j;
        int from_y = before_rolling(down, a->of.h, s->h, s->shift_h, s->pad_first);
        int from_x = before_rolling(right, a->of.w, s->w, s->shift_w, s->pad_first);
        if (from_y < 0 || from_x < 0)
            memset(out, 0, a->c * sizeof *out);
        else
            memcpy(out, in + ((size_t)from_y * (size_t)a->of.w + (size_t)from_x) * a->c, a->c * sizeof *out);
    }
}

static void cut_lower(cvt_lowering *l, const cvt_plan_node *w) {
    args a = make_args(l, w);
    cvt_lowering_step(l, w, &a, sizeof a, cvt_cut_by_rows, cut_run);
}

static const cvt_op op_windows = {
    .name = "windows", .attr_size = sizeof(attr), .describe = describe_cut, .lower = cut_lower};

/* Do the windows follow each other as the rows of the map do? */
static bool in_order(const cvt_windows *s, int h, int w) {
    return s->w == w && h % s->h == 0 && !s->shift_h && !s->shift_w && (!s->columns_first || w == 1);
}

cvt_value cvtb_windows(cvt_builder *b, cvt_value map, const cvt_windows *windows) {
    cvt_shape s = cvtb_shape(b, map);
    if (in_order(windows, s.d[1], s.d[2])) return cvtb_tokens(b, map);
    attr a = {*windows, s.d[1], s.d[2]};
    return cvt_graph_add(b, &op_windows, NULL, &a, &map, 1);
}

/* ---- windows -> the map ---- */

static void describe_join(cvt_describe *d) {
    const attr *a = d->attr;
    const cvt_windows *s = &a->windows;
    cvt_shape tokens = d->shapes[0];
    int64_t rows = (int64_t)cvt_windows_down(s, a->h) * s->h * cvt_windows_across(s, a->w) * s->w;
    if (tokens.layout != CVT_TOKENS || tokens.d[0] != rows || s->columns_first) {
        cvtb_fail(d->builder, "%d tokens are no windows of %d x %d of a map of %d x %d", tokens.d[0], s->h, s->w, a->h,
                  a->w);
        return;
    }
    cvt_describe_output(d, cvt_shape_map(tokens.d[1], a->h, a->w));
}

static void join_run(const void *p, const cvt_context *x, int tile) {
    const args *a = p;
    const cvt_windows *s = &a->of.windows;
    cvt_rows_tile t = cvt_rows_at(a->rows, x, tile);
    const float *in = cvt_at(x, a->in, t.image);
    float *out = cvt_at(x, a->out, t.image) + (size_t)t.first * a->c;
    for (int row = t.first; row < t.first + t.count; row++, out += a->c) {
        int y = after_rolling(row / a->of.w, a->of.h, s->h, s->shift_h, s->pad_first);
        int right = after_rolling(row % a->of.w, a->of.w, s->w, s->shift_w, s->pad_first);
        size_t window = (size_t)(y / s->h) * (size_t)a->across + (size_t)(right / s->w);
        size_t at = (window * (size_t)s->h + (size_t)(y % s->h)) * (size_t)s->w + (size_t)(right % s->w);
        memcpy(out, in + at * a->c, a->c * sizeof *out);
    }
}

static void join_lower(cvt_lowering *l, const cvt_plan_node *w) {
    args a = make_args(l, w);
    cvt_lowering_step(l, w, &a, sizeof a, cvt_cut_by_rows, join_run);
}

static const cvt_op op_join = {
    .name = "join_windows", .attr_size = sizeof(attr), .describe = describe_join, .lower = join_lower};

cvt_value cvtb_join_windows(cvt_builder *b, cvt_value tokens, const cvt_windows *windows, int h, int w) {
    if (in_order(windows, h, w)) return cvtb_map(b, tokens, h, w);
    attr a = {*windows, h, w};
    return cvt_graph_add(b, &op_join, NULL, &a, &tokens, 1);
}
