/* test_layouts.c - tests how a parameter of the graph lies in a file's tensor: axes transposed, joined, of length 1,
 * stacked in parts. Expected values are worked out by hand, and reading and writing undo each other. */
#include <string.h>

#include "test.h"
#include "weights/names.h"

static cvt_param make_param(int rank, int a, int b, int c, int d) {
    cvt_param p = {.name = "p", .pattern = "p", .rank = rank, .shape = {a, b, c, d}, .count = 1};
    for (int i = 0; i < rank; i++) p.count *= (size_t)p.shape[i];
    return p;
}

/* Returns what is wrong with the form, or NULL. `wanted_shape` ends with 0. `wanted` is the parameter's values when the
 * tensor holds 0, 1, 2 ... */
static const char *fault(const cvt_name_row *row, const cvt_param *p, const int *wanted_shape, const int *wanted,
                         bool plain) {
    enum { MOST = 64 };
    int tensor[MOST], got[MOST], back[MOST] = {0}, rank = 0;
    cvt_tensor_form f = cvt_tensor_form_of(row, p);
    for (; wanted_shape[rank]; rank++)
        if (rank >= f.rank || f.shape[rank] != wanted_shape[rank]) return "the shape is wrong";
    if (rank != f.rank || f.count > MOST) return "the rank is wrong";
    if (f.plain != plain) return "taken for plain, or not";
    for (int i = 0; i < MOST; i++) tensor[i] = i;
    cvt_tensor_form_read(&f, p, got, tensor, sizeof *got);
    if (memcmp(got, wanted, p->count * sizeof *got) != 0) return "values are not those wanted";
    for (size_t i = 0; plain && i < p->count; i++)
        if (got[i] != (int)(f.start + i)) return "plain, but the values do not follow each other";
    cvt_tensor_form_write(&f, p, got, back, sizeof *got);
    for (size_t i = 0; i < p->count; i++)
        if (back[got[i]] != got[i]) return "what was written is not what was read";
    return NULL;
}

static void check(const char *name, cvt_name_row row, cvt_param p, const int *wanted_shape, const int *wanted,
                  bool plain) {
    const char *why = fault(&row, &p, wanted_shape, wanted, plain);
    test_case(!why, name, "%s", why ? why : "");
}

#define INTS(...) ((const int[]){__VA_ARGS__})

int main(void) {
    check("as it is", (cvt_name_row){"p", "p"}, make_param(2, 2, 3, 0, 0), INTS(2, 3, 0), INTS(0, 1, 2, 3, 4, 5), true);
    check("a scalar", (cvt_name_row){"p", "p"}, make_param(0, 0, 0, 0, 0), INTS(0), INTS(0), true);
    check("transposed", (cvt_name_row){"p", "p", .axes = "ba"}, make_param(2, 2, 3, 0, 0), INTS(3, 2, 0),
          INTS(0, 2, 4, 1, 3, 5), false);
    check("axes of length 1", (cvt_name_row){"p", "p", .axes = "1a11"}, make_param(1, 3, 0, 0, 0), INTS(1, 3, 1, 1, 0),
          INTS(0, 1, 2), true);
    check("an axis of length 1 left out", (cvt_name_row){"p", "p", .axes = "bc"}, make_param(3, 1, 2, 2, 0),
          INTS(2, 2, 0), INTS(0, 1, 2, 3), true);
    check("an axis of length 1 elsewhere", (cvt_name_row){"p", "p", .axes = "cab"}, make_param(3, 2, 2, 1, 0),
          INTS(1, 2, 2, 0), INTS(0, 1, 2, 3), true);
    /* W[o][i][h][w] = T[h][w][i][o] */
    check("HWIO", (cvt_name_row){"p", "p", .axes = "cdba"}, make_param(4, 2, 3, 1, 2), INTS(1, 2, 3, 2, 0),
          INTS(0, 6, 2, 8, 4, 10, 1, 7, 3, 9, 5, 11), false);
    /* a linear layer over patches, (y x c): W[d][c][y][x] = T[d][(y * 2 + x) * 2 + c] */
    check("patches, channels fastest", (cvt_name_row){"p", "p", .axes = "a(cdb)"}, make_param(4, 1, 2, 2, 2),
          INTS(1, 8, 0), INTS(0, 2, 4, 6, 1, 3, 5, 7), false);
    check("joined axes in their order", (cvt_name_row){"p", "p", .axes = "a(bcd)"}, make_param(4, 2, 1, 1, 2),
          INTS(2, 2, 0), INTS(0, 1, 2, 3), true);
    check("the second of three parts", (cvt_name_row){"p", "p", .part = 1, .parts = 3}, make_param(2, 2, 2, 0, 0),
          INTS(6, 2, 0), INTS(4, 5, 6, 7), true);
    check("a part of biases", (cvt_name_row){"p", "p", .part = 2, .parts = 3}, make_param(1, 2, 0, 0, 0), INTS(6, 0),
          INTS(4, 5), true);
    /* k and v side by side in the last axis of a HWIO kernel: W[o][i] = T[i][2 + o] */
    check("a part of the last axis", (cvt_name_row){"p", "p", .axes = "cdba", .part = 1, .parts = 2},
          make_param(4, 2, 2, 1, 1), INTS(1, 1, 2, 4, 0), INTS(2, 6, 3, 7), false);
    return test_end();
}
