/* test_resize.c - tests the tables of weights for resizing along one axis against PyTorch 2.13 in float64:
 * torch.nn.functional.interpolate in the modes bilinear and bicubic, with align_corners and antialias, of the numbers
 * (7 i^2 + 3 i) mod 11 - 4. */
#include <math.h>

#include "ops/axis.h"
#include "test.h"

static const struct {
    cvt_interpolation how;
    int n, m;
    double wanted[8];
} cases[] = {
    {CVT_INTERPOLATE_BILINEAR_CORNERS, 3, 1, {-4}},
    {CVT_INTERPOLATE_BILINEAR_CORNERS, 1, 3, {-4, -4, -4}},
    {CVT_INTERPOLATE_BILINEAR_CORNERS, 4, 7, {-4, 1, 6, 1.5, -3, -0.5, 2}},
    {CVT_INTERPOLATE_BILINEAR_CORNERS, 9, 4, {-4, 0.3333333, -8.881784e-16, 6}},
    {CVT_INTERPOLATE_BILINEAR_CORNERS, 5, 5, {-4, 6, -3, 2, -1}},
    {CVT_INTERPOLATE_BILINEAR_CORNERS, 14, 3, {-4, -0.5, -3}},
    {CVT_INTERPOLATE_BILINEAR, 3, 1, {6}},
    {CVT_INTERPOLATE_BILINEAR, 1, 3, {-4, -4, -4}},
    {CVT_INTERPOLATE_BILINEAR, 4, 7, {-4, -0.4285714, 5.285714, 1.5, -2.642857, 0.2142857, 2}},
    {CVT_INTERPOLATE_BILINEAR, 9, 4, {2.25, 1.375, -0.625, 0.375}},
    {CVT_INTERPOLATE_BILINEAR, 5, 5, {-4, 6, -3, 2, -1}},
    {CVT_INTERPOLATE_BILINEAR, 14, 3, {-1.5, -0.5, -2.333333}},
    {CVT_INTERPOLATE_BICUBIC, 3, 1, {6}},
    {CVT_INTERPOLATE_BICUBIC, 1, 3, {-4, -4, -4}},
    {CVT_INTERPOLATE_BICUBIC, 4, 7, {-4.992165, -0.03908528, 5.843568, 1.96875, -3.129647, -0.2571975, 2.496082}},
    {CVT_INTERPOLATE_BICUBIC, 9, 4, {3.385254, 1.600586, -0.6352539, -0.3061523}},
    {CVT_INTERPOLATE_BICUBIC, 5, 5, {-4, 6, -3, 2, -1}},
    {CVT_INTERPOLATE_BICUBIC, 14, 3, {-1.96875, -1.0625, -2.755787}},
    {CVT_INTERPOLATE_BICUBIC_ANTIALIAS, 3, 1, {0.2173913}},
    {CVT_INTERPOLATE_BICUBIC_ANTIALIAS, 1, 3, {-4, -4, -4}},
    {CVT_INTERPOLATE_BICUBIC_ANTIALIAS, 4, 7, {-4.793269, -0.6358391, 5.82385, 1.8125, -3.050173, 0.1461055, 2.396635}},
    {CVT_INTERPOLATE_BICUBIC_ANTIALIAS, 9, 4, {0.5038027, 0.1008822, -0.3295634, 1.490309}},
    {CVT_INTERPOLATE_BICUBIC_ANTIALIAS, 5, 5, {-4, 6, -3, 2, -1}},
    {CVT_INTERPOLATE_BICUBIC_ANTIALIAS, 14, 3, {0.1474306, 0.1073166, -0.3003398}},
};

static double worst(const cvt_axis *axis, int n, int m, const double *wanted) {
    double most = 0;
    for (int i = 0; i < m; i++) {
        double sum = 0;
        for (int k = 0; k < axis->terms; k++) {
            int at = axis->index[i * axis->terms + k];
            if (at < 0 || at >= n) return INFINITY;
            sum += (double)axis->weight[i * axis->terms + k] * ((7 * at * at + 3 * at) % 11 - 4);
        }
        most = test_larger(most, fabs(sum - wanted[i]));
    }
    return most;
}

int main(void) {
    static const char *const names[] = {"none", "bilinear, corners aligned", "bilinear", "bicubic",
                                        "bicubic with antialias"};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char name[64];
        cvt_arena arena = {0};
        cvt_lowering l = {.arena = &arena};
        cvt_axis axis = cvt_axis_make(&l, cases[i].how, cases[i].n, cases[i].m);
        double most = l.failed ? INFINITY : worst(&axis, cases[i].n, cases[i].m, cases[i].wanted);
        snprintf(name, sizeof name, "%s from %d to %d", names[cases[i].how], cases[i].n, cases[i].m);
        test_case(most < 5e-6, name, "off by %g", most);
        cvt_arena_free(&arena);
    }
    return test_end();
}
