/* cuts_bytes.h - the part of test_cuts.c that looks at results: whatever the number of threads for which a pass is cut,
 * and whatever the order of the tiles, the same bytes come out. */
#ifndef CVT_TESTS_CUTS_BYTES_H
#define CVT_TESTS_CUTS_BYTES_H

#include <string.h>

#include "cuts.h"
#include "model/model.h"
#include "networks.h"
#include "test.h"

enum { BYTES_IMAGES = 3 };

/* Networks whose products are wide enough to be cut by rows and panels, and heads long enough to be split. */
static const char *const wide_networks[] = {
    "{\"arch\":\"vit\",\"variant\":\"timm\",\"num_classes\":1000,\"img_size\":112,\"patch_size\":8,\"embed_dim\":192,"
    "\"depth\":1,\"num_heads\":3,\"mlp_ratio\":4}",
    "{\"arch\":\"cvt\",\"num_labels\":300,\"embed_dim\":[64,192],\"num_heads\":[1,3],\"depth\":[1,1],"
    "\"patch_sizes\":[7,3],\"patch_stride\":[4,2],\"patch_padding\":[2,1],\"mlp_ratio\":[4,4],\"qkv_bias\":[true,true],"
    "\"cls_token\":[false,true],\"qkv_projection_method\":[\"dw_bn\",\"dw_bn\"],\"kernel_qkv\":[3,3],"
    "\"padding_kv\":[1,1],\"stride_kv\":[2,2],\"padding_q\":[1,1],\"stride_q\":[1,1],\"input_size\":[58,90]}",
};

/* Sets all bits: NaN wherever a float is read that nobody has written. */
static void poison(float *x, size_t floats) { memset(x, 0xff, floats * sizeof *x); }

/* Runs a pass of n images cut for so many threads, last to first the tiles of all steps that may run at the same time,
 * and copies the output. */
static void run_backwards(rig *r, int n, int threads, float *out) {
    const cvt_graph *g = r->plan->graph;
    const size_t each = cvt_shape_count(g->values[g->output].shape);
    r->x.n = n;
    r->x.threads = threads;
    poison(r->x.arena, r->plan->floats * (size_t)n);
    for (int i = 0, end; i < r->plan->n_steps; i = end) {
        end = cvt_plan_joined(r->plan, i, false);
        for (int k = end; k-- > i;) {
            const cvt_step *s = &r->plan->steps[k];
            r->x.cut = s->cut(s->args, n, threads);
            for (int t = r->x.cut.tiles; t-- > 0;) {
                poison(r->x.scratch, r->plan->scratch);
                s->run(s->args, &r->x, t);
            }
        }
    }
    for (int i = 0; i < n; i++)
        memcpy(out + (size_t)i * each, cvt_at(&r->x, r->plan->refs[g->output], i), each * sizeof *out);
}

/* Tests one plan. */
static void check_cuts(const cvt_plan *plan, const char *name) {
    static const int counts[] = {2, 3, 8, 16, 64};
    const cvt_graph *g = plan->graph;
    const size_t each = cvt_shape_count(g->values[g->output].shape);
    float *alone = malloc(BYTES_IMAGES * each * sizeof *alone), *got = malloc(BYTES_IMAGES * each * sizeof *got);
    rig r;
    bool ready = alone && got && rig_new(&r, plan, BYTES_IMAGES);
    int differ = ready ? 0 : -1;
    for (int n = 1; ready && n <= BYTES_IMAGES; n += BYTES_IMAGES - 1) {
        run_backwards(&r, n, 1, alone);
        for (size_t i = 0; i < sizeof counts / sizeof *counts && !differ; i++) {
            run_backwards(&r, n, counts[i], got);
            if (memcmp(alone, got, (size_t)n * each * sizeof *got) != 0) differ = counts[i];
        }
        for (size_t i = 0; i < (size_t)n * each && !differ; i++)
            if (!isfinite(alone[i])) differ = 1;
    }
    test_case(!differ, name, "not the same bytes, or not finite, cut for %d threads", differ);
    if (ready) rig_free(&r);
    free(alone);
    free(got);
}

/* On the best kernels that run here: that those of every instruction set keep rows and columns apart is tested in
 * test_kernels.c, test_products.c, test_attention.c and, by threads, in test_plan.c. */
static void check_network(const char *config, int index) {
    char path[] = "/tmp/cvt-cuts-XXXXXX", name[120];
    int fd = mkstemp(path);
    FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
    if (!test_case(f != NULL, "a config is written", "it is not")) return;
    fputs(config, f);
    fclose(f);
    cvt_options options = {
        .size = sizeof options, .config = path, .random_weights = true, .seed = 7, .reference = true};
    cvt_error error;
    cvt_model *m;
    cvt_status status = cvt_model_open(&m, NULL, &options, &error);
    remove(path);
    if (!test_case(status == CVT_OK, "a random model opens", "%s", error.message)) return;
    for (int i = 0; cvt_kernels_at(i); i++) {
        if (cvt_kernels_at(i + 1)) continue;
        for (int p = 0; p <= CVT_PRECISION_COUNT; p++) { /* the last: f32 again, packed in every pass */
            const cvt_precision precision = (cvt_precision)(p % CVT_PRECISION_COUNT);
            const cvt_kernels *kernels = cvt_kernels_for(cvt_kernels_at(i), precision);
            cvt_plan_options plan_options = {
                .kernels = kernels, .fuse = true, .precision = precision, .pack_ahead = p < CVT_PRECISION_COUNT};
            cvt_plan *plan = NULL;
            if (precision && kernels->product[precision] == kernels->product[CVT_PRECISION_F32]) continue;
            snprintf(name, sizeof name, "any cut of network %d, %s on %s%s", index, cvt_precision_name(precision),
                     kernels->name, p == CVT_PRECISION_COUNT ? ", packing" : "");
            if (cvt_plan_new(&plan, m->graph, m->sources, &plan_options, &error) == CVT_OK)
                check_cuts(plan, name);
            else
                test_case(false, name, "%s", error.message);
            cvt_plan_free(plan);
        }
    }
    cvt_model_free(m);
}

static void test_bytes(void) {
    const int small = (int)(sizeof networks / sizeof *networks),
              wide = (int)(sizeof wide_networks / sizeof *wide_networks);
    for (int i = 0; i < small; i++) check_network(networks[i], i);
    for (int i = 0; i < wide; i++) check_network(wide_networks[i], small + i);
}

#endif
