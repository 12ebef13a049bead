/* test_precisions.c - tests which products run in which precision: a small network of convolutions, with a product for
 * each sentence that ops/precision.h and man/cvt.1 have about it. */
#include "graph/op.h"
#include "ops/ops.h"
#include "ops/precision.h"
#include "test.h"

enum { SIDE = 16, CHANNELS = 64, MOST = 16 };

/* A product, and what it is to run in where bf16 and where int8 are asked for. */
typedef struct expected {
    cvt_value out;
    const char *name;
    cvt_precision bf16, int8;
} expected;

typedef struct list {
    cvt_builder *b;
    expected of[MOST];
    int n;
} list;

static cvt_value note(list *l, cvt_value out, const char *name, cvt_precision bf16, cvt_precision int8) {
    l->of[l->n++] = (expected){out, name, bf16, int8};
    return out;
}

static cvt_value convolve(list *l, cvt_value x, const char *name, int kernel, cvt_precision bf16, cvt_precision int8) {
    const cvt_conv conv = cvt_conv_square(CHANNELS, kernel, 1, kernel / 2, false);
    return note(l, cvtb_conv2d(l->b, x, name, &conv), name, bf16, int8);
}

static cvt_value relu(list *l, cvt_value x) {
    static int norms;
    char name[16];
    snprintf(name, sizeof name, "norm%d", norms++);
    return cvtb_activation(l->b, cvtb_batch_norm(l->b, x, name, 1e-5f), CVT_ACT_RELU);
}

static cvt_value build(list *l) {
    const cvt_precision f32 = CVT_PRECISION_F32, f16 = CVT_PRECISION_F16, bf16 = CVT_PRECISION_BF16,
                        int8 = CVT_PRECISION_INT8;
    cvt_value x = cvtb_input(l->b, 8, SIDE, SIDE);
    x = relu(l, convolve(l, x, "what reads the image", 3, f32, f32));
    x = relu(l, convolve(l, x, "the second convolution behind the image", 3, f16, f16));
    x = cvtb_max_pool(l->b, x, 3, 2, 1);
    x = convolve(l, x, "1x1 behind a pool", 1, f16, int8);
    cvt_value sum = x;
    x = relu(l, x);
    x = relu(l, convolve(l, x, "3x3 behind a convolution and ReLU", 3, bf16, int8));
    x = convolve(l, x, "1x1 behind a convolution and ReLU", 1, bf16, int8);
    x = cvtb_alias(l->b, cvtb_activation(l->b, cvtb_add(l->b, x, sum), CVT_ACT_RELU));
    x = convolve(l, x, "1x1 behind a sum and ReLU", 1, bf16, int8);
    x = convolve(l, x, "3x3 behind a convolution alone", 3, bf16, int8);
    const cvt_conv each = cvt_conv_square(CHANNELS, 3, 1, 1, false);
    x = relu(l, cvtb_dwconv2d(l->b, x, "depthwise", &each));
    x = convolve(l, x, "1x1 behind a depth-wise convolution and ReLU", 1, f16, f16);
    x = relu(l, convolve(l, x, "1x1 behind a convolution alone", 1, f16, int8));
    x = cvtb_tokens(l->b, x);
    x = note(l, cvtb_linear(l->b, x, "linear", CHANNELS, true), "a linear layer behind ReLU", f16, f16);
    x = note(l, cvtb_linear(l->b, x, "short", 32, true), "a linear layer", bf16, int8);
    x = note(l, cvtb_linear(l->b, x, "narrow", CHANNELS, true), "sums of 32 terms", f32, f32);
    x = cvtb_mean(l->b, x);
    return note(l, cvtb_linear(l->b, x, "classes", 10, true), "what gives the classes", f32, f32);
}

static void check(const cvt_graph *graph, const expected *e) {
    const cvt_node *node = cvt_graph_producer(graph, e->out);
    const cvt_precision asked[] = {CVT_PRECISION_F32, CVT_PRECISION_BF16, CVT_PRECISION_INT8};
    const cvt_precision right[] = {CVT_PRECISION_F32, e->bf16, e->int8};
    for (int i = 0; i < 3; i++) {
        const cvt_precision got = cvt_node_precision(graph, node, asked[i]);
        char name[120];
        snprintf(name, sizeof name, "%s, asked for in %s", e->name, cvt_precision_name(asked[i]));
        test_case(got == right[i], name, "it runs in %s, not %s", cvt_precision_name(got),
                  cvt_precision_name(right[i]));
    }
}

int main(void) {
    list l = {.b = cvt_builder_new()};
    cvt_graph *graph;
    cvt_error error;
    const cvt_value out = build(&l);
    if (cvt_builder_finish(l.b, &graph, out, &error) != CVT_OK) {
        test_case(false, "the network is built", "%s", error.message);
        return test_end();
    }
    for (int i = 0; i < l.n; i++) check(graph, &l.of[i]);
    cvt_graph_free(graph);
    return test_end();
}
