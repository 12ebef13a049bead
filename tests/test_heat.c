/* test_heat.c - tests the colours and the drawing of heat maps, and PNG files that are written. For test_embed.sh it
 * also computes anew, from the maps of cvt run, what cvt attend must have written:
 *
 *     test_heat layer OUT.npy QUERY HEAD MAP.npy...   QUERY and HEAD are an index, or -1 for the mean; of several maps
 *                                                     it takes the product
 *     test_heat rollout OUT.npy QUERY MAP.npy...      the maps of all layers, first to last
 *     test_heat png FILE.png WIDTH HEIGHT             checks that the file is a PNG of this size */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "report/heat.h"
#include "report/npy.h"
#include "test.h"

/* ---- colours --------------------------------------------------------------------------------------------------- */

static double linear(uint8_t v) {
    double x = v / 255.0;
    return x <= 0.04045 ? x / 12.92 : pow((x + 0.055) / 1.055, 2.4);
}

/* Returns CIE L*, the lightness, of a linear colour. */
static double lightness(const double rgb[3]) {
    double y = 0.2126 * rgb[0] + 0.7152 * rgb[1] + 0.0722 * rgb[2];
    return y > 0.008856 ? 116 * cbrt(y) - 16 : 903.3 * y;
}

/* Converts a colour to what a person without green cones sees: Vienot, Brettel and Mollon 1999, in linear RGB. */
static void without_green(const double rgb[3], double to[3]) {
    to[0] = to[1] = 0.29275 * rgb[0] + 0.70725 * rgb[1];
    to[2] = -0.02234 * rgb[0] + 0.02234 * rgb[1] + rgb[2];
}

static void test_colours(void) {
    bool rises = true, seen = true, even = true;
    double before = -1, weak_before = -1, first = 0;
    for (int i = 0; i <= 16; i++) {
        uint8_t c[3];
        cvt_heat_colour((float)i / 16, c);
        double full[3] = {linear(c[0]), linear(c[1]), linear(c[2])}, weak[3], l = lightness(full);
        without_green(full, weak);
        if (i == 0) first = l;
        if (i > 0) even = even && l - before > 2 && l - before < 9;
        rises = rises && l > before;
        seen = seen && lightness(weak) > weak_before + 1;
        before = l;
        weak_before = lightness(weak);
    }
    test_case(rises, "colours get lighter all the way", "they do not");
    test_case(even && first < 20 && before > 90, "in even steps, from dark to light", "from %g to %g", first, before);
    test_case(seen, "also without green", "they do not");
    uint8_t a[3], b[3];
    cvt_heat_colour(-1, a);
    cvt_heat_colour(NAN, b);
    test_case(memcmp(a, b, 3) == 0, "what lies outside is cut", "%d %d %d", b[0], b[1], b[2]);
}

/* ---- drawing --------------------------------------------------------------------------------------------------- */

static const uint8_t *at(const cvt_pixels *p, int x, int y) {
    return p->data + ((size_t)y * (size_t)p->width + (size_t)x) * 3;
}

/* Is this pixel still grey, as in the image? */
static bool bare(const cvt_pixels *p, int x, int y) {
    const uint8_t grey[] = {128, 128, 128};
    return memcmp(at(p, x, y), grey, 3) == 0;
}

static void draw(cvt_pixels *p, cvt_heat *heat, const float *map, int columns) {
    heat->map = map;
    heat->columns = columns;
    if (cvt_heat_draw(p, heat, NULL) != CVT_OK) abort();
}

static void test_scale(void) {
    const float map[] = {0, 2, 3, 4}, none[] = {-3, -1, -2, -5}, odd[] = {-INFINITY, 0, NAN, 3};
    test_case(cvt_heat_top(map, 4) == 4 && cvt_heat_top(none, 4) == 0 && cvt_heat_top(odd, 4) == 3,
              "the scale ends at the largest finite value, at least at 0", "%g", (double)cvt_heat_top(odd, 4));
    bool grows = cvt_heat_cover(0) == 0;
    for (int i = 1; i <= 16; i++)
        grows = grows && cvt_heat_cover((float)i / 16) > cvt_heat_cover((float)(i - 1) / 16) - (i < 3);
    test_case(grows && cvt_heat_cover(NAN) == 0 && cvt_heat_cover(9) == cvt_heat_cover(1) && cvt_heat_cover(1) < 1,
              "what is large covers more, and the image below is never hidden", "%g", (double)cvt_heat_cover(1));
}

static void test_drawing(void) {
    enum { H = 48, W = 96, LEFT = 16, RIGHT = 80 };
    static uint8_t pixels[H * W * 3];
    const float map[] = {0, 2, 3, 4}, flat[] = {0.25f}, below[] = {-9, -1, 0, 4}, odd[] = {-INFINITY, 0, NAN, 3};
    const float least[] = {2, 2, 2, 4}, none[] = {-3, -1, -2, -5};
    cvt_heat heat = {.pixels = pixels, .height = H, .width = W, .rows = 1};
    cvt_pixels p = {0};
    cvt_error error = {0};
    uint8_t most[3];
    memset(pixels, 128, sizeof pixels);
    heat.view = (cvt_view){LEFT, -4, RIGHT - LEFT, H};
    draw(&p, &heat, map, 4);
    test_case(p.height == H && p.width == W, "as large as the picture", "%d x %d", p.height, p.width);
    test_case(bare(&p, LEFT - 1, 0) && bare(&p, RIGHT, 0) && bare(&p, RIGHT - 1, H - 1) && !bare(&p, RIGHT - 1, H - 5),
              "where the model does not look the picture is as it was", "it is not");
    test_case(bare(&p, LEFT, 0) && bare(&p, LEFT + 8, H - 5), "at 0 too", "it is not");
    test_case(memcmp(at(&p, RIGHT - 8, 0), at(&p, RIGHT - 1, H - 5), 3) == 0,
              "half a cell at the edge has the colour of the cell", "it changes");
    cvt_heat_colour(1, most);
    bool covered = true;
    for (int c = 0; c < 3; c++)
        covered = covered && abs(at(&p, RIGHT - 1, 0)[c] - (80 * 128 + 176 * most[c]) / 256) < 2;
    test_case(covered, "at the largest value the lightest colour covers most of it", "%d", at(&p, RIGHT - 1, 0)[0]);
    int green[3];
    for (int i = 0; i < 3; i++) green[i] = at(&p, LEFT + 24 + 16 * i, 0)[1];
    test_case(green[0] < green[1] && green[1] < green[2], "larger is lighter", "%d %d %d", green[0], green[1],
              green[2]);
    draw(&p, &heat, below, 4);
    test_case(bare(&p, LEFT, 0) && bare(&p, LEFT + 24, 0) && bare(&p, LEFT + 39, 0) && !bare(&p, RIGHT - 8, 0),
              "values below zero are not shown beside those above", "they are");
    draw(&p, &heat, least, 4);
    test_case(!bare(&p, LEFT, 0), "the scale begins at 0, not at the least value", "%d", at(&p, LEFT, 0)[0]);
    draw(&p, &heat, flat, 1);
    test_case(!bare(&p, LEFT, 0) && memcmp(at(&p, LEFT, 0), at(&p, RIGHT - 1, H - 5), 3) == 0,
              "a map of one value covers all alike", "%d", at(&p, LEFT, 0)[0]);
    draw(&p, &heat, none, 4);
    test_case(bare(&p, LEFT, 0) && bare(&p, LEFT + 24, 0) && bare(&p, RIGHT - 1, 0),
              "a map of numbers below 0 has no colours", "it has");
    draw(&p, &heat, odd, 4);
    test_case(bare(&p, LEFT, 0) && bare(&p, LEFT + 40, 0) && !bare(&p, RIGHT - 1, 0),
              "values that are not finite do not set the scale", "they do");
    heat = (cvt_heat){.pixels = pixels, .height = 1, .width = 1, .map = map, .rows = 2, .columns = 2};
    heat.view = (cvt_view){0, 0, 1, 1};
    bool drawn = cvt_heat_draw(&p, &heat, &error) == CVT_OK;
    test_case(drawn && p.height == 1 && p.width == 1 && !bare(&p, 0, 0), "a picture of one pixel", "%s", error.message);
    cvt_pixels_free(&p);
}

/* ---- PNG ------------------------------------------------------------------------------------------------------- */

static bool decode(const char *path, cvt_pixels *pixels, cvt_error *error) {
    cvt_file file;
    cvt_decoded info;
    cvt_decode_options options = {0};
    if (cvt_file_read(&file, path, 1 << 26, error) != CVT_OK) return false;
    bool ok = cvt_png_decode(pixels, &info, file.data, file.size, &options, error) == CVT_OK && !info.warning[0];
    cvt_file_close(&file);
    return ok;
}

static void test_png(void) {
    char path[] = "build/test_heat.XXXXXX";
    enum { W = 67, H = 31 };
    cvt_pixels in = {0}, out = {0};
    cvt_error error = {0};
    int fd = mkstemp(path);
    if (fd < 0 || cvt_pixels_resize(&in, W, H, &error) != CVT_OK) abort();
    close(fd);
    for (size_t i = 0; i < W * H * 3; i++) in.data[i] = (uint8_t)(i * i / 7 + i);
    bool ok = cvt_png_write(path, &in, &error) == CVT_OK && decode(path, &out, &error);
    ok = ok && out.width == W && out.height == H && memcmp(in.data, out.data, W * H * 3) == 0;
    test_case(ok, "a PNG is read as it was written", "%s", error.message);
    cvt_file file;
    cvt_str encoded = {0};
    ok = cvt_png_encode(&encoded, &in, &error) == CVT_OK && cvt_file_read(&file, path, 1 << 20, &error) == CVT_OK;
    test_case(ok && encoded.size == file.size && memcmp(encoded.data, file.data, file.size) == 0,
              "a PNG in memory has the same bytes", "%zu", encoded.size);
    if (ok) cvt_file_close(&file);
    cvt_str_free(&encoded);
    test_case(cvt_png_write("/dev/full", &in, &error) == CVT_OUTPUT && strstr(error.message, "/dev/full: "),
              "a PNG onto a full device", "%s", error.message);
    unlink(path);
    cvt_pixels_free(&in);
    cvt_pixels_free(&out);
}

/* ---- what cvt attend must have written ------------------------------------------------------------------------- */

static cvt_npy load(const char *path) {
    cvt_npy npy;
    cvt_error error;
    if (cvt_npy_read(&npy, path, &error) == CVT_OK) return npy;
    printf("%s\n", error.message);
    exit(1);
}

/* Compares an output with a row over all keys, of which the last ones are the grid. */
static int compare(const cvt_npy *out, const double *row, size_t keys, double relative) {
    double sum = 0;
    if (out->rank != 2 || out->count > keys) return printf("not the shape of a grid of %zu keys\n", keys), 1;
    for (size_t i = 0; i < out->count; i++) {
        double e = row[keys - out->count + i], got = out->data[i];
        if (!(fabs(got - e) <= relative * (fabs(e) + 1e-3)))
            return printf("cell %zu is %.9g, not %.9g\n", i, got, e), 1;
        sum += got;
    }
    if (!(sum > 0 && sum < 1.01)) return printf("the cells add up to %g\n", sum), 1;
    return 0;
}

static float value(const cvt_npy *map, int64_t h, int64_t q, int64_t k) {
    return map->data[(h * map->shape[2] + q) * map->shape[3] + k];
}

/* Multiplies [H, T, S] by [H, S, U], head by head. */
static cvt_npy product_of(const cvt_npy *a, const cvt_npy *b) {
    cvt_npy out = {.rank = 4, .shape = {1, a->shape[1], a->shape[2], b->shape[3]}};
    out.count = (size_t)(out.shape[1] * out.shape[2] * out.shape[3]);
    out.data = calloc(out.count, sizeof *out.data);
    if (!out.data || a->shape[3] != b->shape[2]) exit(1);
    size_t i = 0;
    for (int64_t h = 0; h < out.shape[1]; h++)
        for (int64_t q = 0; q < out.shape[2]; q++)
            for (int64_t k = 0; k < out.shape[3]; k++) {
                double sum = 0;
                for (int64_t j = 0; j < a->shape[3]; j++) sum += (double)value(a, h, q, j) * (double)value(b, h, j, k);
                out.data[i++] = (float)sum;
            }
    return out;
}

static int check_layer(const char *out_path, int64_t query, int64_t head, char **maps, int factors) {
    cvt_npy out = load(out_path), map = load(maps[0]);
    for (int i = 1; i < factors; i++) {
        cvt_npy next = load(maps[i]), product = product_of(&map, &next);
        cvt_npy_free(&map);
        cvt_npy_free(&next);
        map = product;
    }
    int64_t keys = map.shape[3];
    double *row = calloc((size_t)keys, sizeof *row);
    for (int64_t k = 0; row && k < keys; k++) {
        int64_t n = 0;
        for (int64_t h = 0; h < map.shape[1]; h++)
            for (int64_t q = 0; q < map.shape[2]; q++) {
                if ((head >= 0 && h != head) || (query >= 0 && q != query)) continue;
                row[k] += (double)value(&map, h, q, k);
                n++;
            }
        row[k] /= (double)n;
    }
    int status = compare(&out, row, (size_t)keys, factors > 1 ? 1e-5 : 1e-6);
    free(row);
    cvt_npy_free(&out);
    cvt_npy_free(&map);
    return status;
}

/* Computes the whole product as the paper has it, R = A_L ... A_1, [T, T], and compares. */
static int check_rollout(const char *out_path, int64_t query, char **maps, int n) {
    cvt_npy out = load(out_path), last = load(maps[n - 1]);
    size_t t = (size_t)last.shape[3];
    double *product = calloc(t * t, sizeof *product), *a = calloc(t * t, sizeof *a);
    double *next = calloc(t * t, sizeof *next);
    if (!product || !a || !next) return 1;
    for (size_t i = 0; i < t; i++) product[i * t + i] = 1;
    for (int l = 0; l < n; l++) {
        cvt_npy map = load(maps[l]);
        size_t own = (size_t)map.shape[3], skip = t - own;
        memset(a, 0, t * t * sizeof *a);
        for (size_t i = 0; i < t; i++) a[i * t + i] = 1;
        for (size_t q = 0; q < own; q++) {
            double sum = 0;
            for (size_t k = 0; k < own; k++) {
                double mean = 0;
                for (int64_t h = 0; h < map.shape[1]; h++) mean += (double)value(&map, h, (int64_t)q, (int64_t)k);
                a[(skip + q) * t + skip + k] = (mean / (double)map.shape[1] + (q == k)) / 2;
                sum += a[(skip + q) * t + skip + k];
            }
            for (size_t k = 0; k < own; k++) a[(skip + q) * t + skip + k] /= sum;
        }
        memset(next, 0, t * t * sizeof *next);
        for (size_t i = 0; i < t; i++)
            for (size_t j = 0; j < t; j++)
                for (size_t k = 0; k < t; k++) next[i * t + k] += a[i * t + j] * product[j * t + k];
        memcpy(product, next, t * t * sizeof *next);
        cvt_npy_free(&map);
    }
    for (size_t k = 0; k < t; k++) {
        double sum = 0;
        for (size_t q = 0; q < t; q++) sum += product[q * t + k];
        next[k] = query < 0 ? sum / (double)t : product[(size_t)query * t + k];
    }
    int status = compare(&out, next, t, 1e-6);
    free(product);
    free(a);
    free(next);
    cvt_npy_free(&out);
    cvt_npy_free(&last);
    return status;
}

static int check_png(const char *path, int width, int height) {
    cvt_pixels pixels = {0};
    cvt_error error = {0};
    bool read = decode(path, &pixels, &error), ok = read && pixels.width == width && pixels.height == height;
    if (!ok) printf("%s: %s %d x %d\n", path, error.message, pixels.width, pixels.height);
    cvt_pixels_free(&pixels);
    return !ok;
}

static int run(int argc, char **argv) {
    if (argc > 5 && strcmp(argv[1], "layer") == 0)
        return check_layer(argv[2], atoi(argv[3]), atoi(argv[4]), argv + 5, argc - 5);
    if (argc > 4 && strcmp(argv[1], "rollout") == 0) return check_rollout(argv[2], atoi(argv[3]), argv + 4, argc - 4);
    if (argc == 5 && strcmp(argv[1], "png") == 0) return check_png(argv[2], atoi(argv[3]), atoi(argv[4]));
    printf("usage: see the head of the source\n");
    return 2;
}

int main(int argc, char **argv) {
    if (argc > 1) return run(argc, argv);
    test_colours();
    test_scale();
    test_drawing();
    test_png();
    return test_end();
}
