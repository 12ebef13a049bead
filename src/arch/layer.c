/* layer.c - lists the kinds of layers, and turns maps and tokens into each other between them. */
#include "arch/layer.h"

#include "ops/ops.h"

#define LAYER(symbol) extern const cvt_layer symbol;
#include "arch/layers.def"
#undef LAYER

static const cvt_layer *const layers[] = {
#define LAYER(symbol) &symbol,
#include "arch/layers.def"
#undef LAYER
};

const cvt_layer *cvt_layer_at(int index) {
    int n = (int)(sizeof layers / sizeof layers[0]);
    return index >= 0 && index < n ? layers[index] : NULL;
}

/* Fails if v is neither a map nor tokens: features are neither. */
static void check_layout(cvt_builder *b, cvt_value v) {
    char text[48];
    cvt_shape s = cvtb_shape(b, v);
    if (s.layout != CVT_MAP && s.layout != CVT_TOKENS)
        cvtb_fail(b, "reads a map or tokens; \"inputs\" names a value of shape %s", cvt_shape_text(s, text));
}

cvt_value cvtb_as_tokens(cvt_builder *b, cvt_value v, cvt_grid *grid) {
    check_layout(b, v);
    *grid = cvtb_placed(b, v);
    if (cvtb_failed(b) || cvtb_shape(b, v).layout == CVT_TOKENS) return v;
    return cvtb_place(b, cvtb_tokens(b, v), *grid);
}

cvt_value cvtb_as_map(cvt_builder *b, cvt_value v) {
    check_layout(b, v);
    if (cvtb_failed(b) || cvtb_shape(b, v).layout == CVT_MAP) return v;
    cvt_grid g = cvtb_placed(b, v);
    char text[48];
    if (g.h < 1) {
        cvtb_fail(b, "reads a map; \"inputs\" names tokens %s that lie on no known grid",
                  cvt_shape_text(cvtb_shape(b, v), text));
        return CVT_NO_VALUE;
    }
    return cvtb_map(b, g.prefix ? cvtb_slice(b, v, g.prefix, g.h * g.w) : v, g.h, g.w);
}

cvt_value cvtb_like(cvt_builder *b, cvt_value y, cvt_value v) {
    if (cvtb_failed(b)) return CVT_NO_VALUE;
    cvt_shape was = cvtb_shape(b, v), is = cvtb_shape(b, y);
    if (was.layout == CVT_MAP) return is.layout == CVT_MAP ? y : cvtb_map(b, y, was.d[1], was.d[2]);
    if (was.layout != CVT_TOKENS) return y;
    if (is.layout == CVT_MAP) y = cvtb_tokens(b, y);
    return cvtb_place(b, y, cvtb_placed(b, v));
}

void cvtb_check_channels(cvt_builder *b, cvt_value v, const char *key, int said) {
    char text[48];
    cvt_shape s = cvtb_shape(b, v);
    if (said && said != cvt_shape_cols(s))
        cvtb_fail(b, "\"%s\" = %d does not fit its input, %s", key, said, cvt_shape_text(s, text));
}

void cvtb_check_class_token(cvt_builder *b, cvt_value v) {
    char text[48];
    cvt_shape s = cvtb_shape(b, v);
    if (s.layout != CVT_TOKENS || s.d[0] < 2 || cvtb_placed(b, v).prefix != 1)
        cvtb_fail(b,
                  "reads tokens with one class token; \"inputs\" names %s %s: a layer of type "
                  "\"class_token\" adds one",
                  s.layout == CVT_MAP ? "a map" : "a value", cvt_shape_text(s, text));
}

void cvtb_check_heads(cvt_builder *b, const char *heads_key, int heads, const char *channels_key, int channels) {
    if (heads < 1 || channels % heads)
        cvtb_fail(b, "\"%s\" = %d does not divide \"%s\" = %d", heads_key, heads, channels_key, channels);
}

void cvtb_check_placed(cvt_builder *b, cvt_value tokens, cvt_grid grid) {
    char text[48];
    if (grid.h < 1)
        cvtb_fail(b, "\"inputs\" names tokens %s that lie on no known grid",
                  cvt_shape_text(cvtb_shape(b, tokens), text));
}

void cvtb_check_hidden(cvt_builder *b, double mlp_ratio, int hidden) {
    if (hidden < 1) cvtb_fail(b, "\"mlp_ratio\" = %g leaves no hidden channel", mlp_ratio);
}
