/* lines.c - cuts a page into its lines of text, by the projection of its ink on the left edge.
 *
 * Ink and paper are parted by one grey value for the whole page (Otsu 1979: the one that leaves the least variance
 * within both), and the rarer of the two is ink. Rows with ink in a run are a band; bands that are low and near
 * another, as dots, accents and vowel signs are, join it. What is much higher than the other bands is a picture, what
 * is much lower is dirt. A band is parted where no ink is for several times its height: there a column ends. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "image/image.h"

enum {
    LEAST_CONTRAST = 16, /* between the mean of ink and that of paper */
    LEAST_HEIGHT = 6,    /* of a line, in pixels */
    COLUMN_GAP = 4,      /* times the height of a line */
};

typedef struct band {
    int top, bottom; /* rows top to bottom - 1 */
} band;

/* What is known of a page while it is cut. */
typedef struct page {
    const cvt_pixels *pixels;
    int threshold; /* values up to it are dark */
    bool bright;   /* the ink is */
    band *bands;
    int n;
} page;

static int gray_of(const uint8_t *p) { return (p[0] * 19595 + p[1] * 38470 + p[2] * 7471 + 0x8000) >> 16; }

static bool is_ink(const page *pg, int x, int y) {
    const uint8_t *p = pg->pixels->data + ((size_t)y * (size_t)pg->pixels->width + (size_t)x) * 3;
    return (gray_of(p) > pg->threshold) == pg->bright;
}

/* Finds the threshold and which side of it is ink; false if the page has one colour. */
static bool part_ink(page *pg) {
    double count[256] = {0}, all = 0, sum = 0, dark = 0, dark_sum = 0, best = -1;
    const size_t n = (size_t)pg->pixels->width * (size_t)pg->pixels->height;
    for (size_t i = 0; i < n; i++) count[gray_of(pg->pixels->data + 3 * i)]++;
    for (int v = 0; v < 256; v++) {
        all += count[v];
        sum += v * count[v];
    }
    for (int v = 0; v < 255; v++) {
        dark += count[v];
        dark_sum += v * count[v];
        if (dark == 0 || dark == all) continue;
        const double apart = (sum - dark_sum) / (all - dark) - dark_sum / dark,
                     score = dark * (all - dark) * apart * apart;
        if (apart < LEAST_CONTRAST || score <= best) continue;
        best = score;
        pg->threshold = v;
        pg->bright = dark > all / 2;
    }
    return best >= 0;
}

/* Rows that have ink, in runs. A row of a few specks has none. */
static cvt_status find_bands(page *pg, cvt_error *error) {
    const int width = pg->pixels->width, height = pg->pixels->height, specks = cvt_max_int(1, width / 250);
    pg->bands = calloc((size_t)height / 2 + 1, sizeof *pg->bands);
    if (!pg->bands) return cvt_fail_memory(error);
    bool inside = false;
    for (int y = 0; y < height; y++) {
        int ink = 0;
        for (int x = 0; x < width; x++) ink += is_ink(pg, x, y);
        const bool has = ink > specks;
        if (has && !inside) pg->bands[pg->n++] = (band){y, y};
        if (has) pg->bands[pg->n - 1].bottom = y + 1;
        inside = has;
    }
    return CVT_OK;
}

static int height_of(band b) { return b.bottom - b.top; }

static int by_height(const void *a, const void *b) { return height_of(*(const band *)a) - height_of(*(const band *)b); }

/* Returns the height that a usual line has, or 0 where there is no memory: the median of the bands, each of which
 * counts as the root of its height. So neither the many low bands of accents nor the one high band of a picture
 * decides. */
static int usual_height(const page *pg) {
    band *sorted = malloc((size_t)pg->n * sizeof *sorted);
    if (!sorted) return 0;
    memcpy(sorted, pg->bands, (size_t)pg->n * sizeof *sorted);
    qsort(sorted, (size_t)pg->n, sizeof *sorted, by_height);
    double all = 0, sum = 0;
    for (int i = 0; i < pg->n; i++) all += sqrt(height_of(sorted[i]));
    int usual = 0;
    for (int i = 0; i < pg->n && 2 * sum < all; i++) {
        usual = height_of(sorted[i]);
        sum += sqrt(usual);
    }
    free(sorted);
    return usual;
}

/* Joins what is low to the nearer neighbour, if that is near, and drops what is no line. */
static void settle_bands(page *pg, int usual) {
    band *b = pg->bands;
    for (int i = 0; i < pg->n;) {
        const int over = i > 0 ? b[i].top - b[i - 1].bottom : INT32_MAX;
        const int under = i + 1 < pg->n ? b[i + 1].top - b[i].bottom : INT32_MAX;
        const int gap = cvt_min_int(over, under);
        if (2 * height_of(b[i]) > usual || 3 * gap > usual) {
            i++;
            continue;
        }
        const int first = over <= under ? i - 1 : i;
        b[first].bottom = b[first + 1].bottom;
        memmove(b + first + 1, b + first + 2, (size_t)(pg->n - first - 2) * sizeof *b);
        pg->n--;
        i = first;
    }
    int kept = 0;
    for (int i = 0; i < pg->n; i++) {
        const int h = height_of(b[i]);
        if (h >= LEAST_HEIGHT && 5 * h >= 2 * usual && h <= 3 * usual) b[kept++] = b[i];
    }
    pg->n = kept;
}

static bool column_has_ink(const page *pg, band b, int x) {
    int ink = 0;
    for (int y = b.top; y < b.bottom; y++) ink += is_ink(pg, x, y);
    return ink > 0;
}

/* A line with the margin that its readers are used to. */
static cvt_line with_margin(const page *pg, band b, int left, int right) {
    const int h = height_of(b), dy = (h + 4) / 8, dx = (h + 2) / 4;
    const int x = cvt_max_int(0, left - dx), y = cvt_max_int(0, b.top - dy);
    return (cvt_line){x, y, cvt_min_int(pg->pixels->width, right + dx) - x,
                      cvt_min_int(pg->pixels->height, b.bottom + dy) - y};
}

/* A stretch of ink in a band, its number among `of`. Some of them, evenly spread, go to `out`, if there is one. Returns
 * whether it is a line. */
static bool take_stretch(const page *pg, band b, int left, int right, int number, cvt_lines *out, int of) {
    if (right - left < height_of(b)) return false; /* a page number, a bullet or dirt */
    if (out && (int64_t)number * CVT_MAX_LINES / of == out->n && out->n < CVT_MAX_LINES)
        out->line[out->n++] = with_margin(pg, b, left, right);
    return true;
}

/* Goes through the lines of every band. Returns how many there are. */
static int walk(const page *pg, cvt_lines *out, int of) {
    int n = 0;
    for (int i = 0; i < pg->n; i++) {
        const int h = height_of(pg->bands[i]);
        int left = -1, last = -1;
        for (int x = 0; x <= pg->pixels->width; x++) {
            const bool end = x == pg->pixels->width, ink = !end && column_has_ink(pg, pg->bands[i], x);
            if (left >= 0 && (end || (ink && x - last > COLUMN_GAP * h))) {
                n += take_stretch(pg, pg->bands[i], left, last + 1, n, out, of);
                left = -1;
            }
            if (!ink) continue;
            if (left < 0) left = x;
            last = x;
        }
    }
    return n;
}

cvt_status cvt_lines_find(cvt_lines *out, const cvt_pixels *pixels, cvt_error *error) {
    page pg = {.pixels = pixels};
    out->n = 0;
    cvt_status status = CVT_OK;
    if (part_ink(&pg)) status = find_bands(&pg, error);
    if (status == CVT_OK && pg.n > 0) {
        const int usual = usual_height(&pg);
        if (!usual) status = cvt_fail_memory(error);
        if (usual) settle_bands(&pg, usual);
    }
    if (status == CVT_OK) {
        const int n = walk(&pg, NULL, 1);
        walk(&pg, out, cvt_max_int(n, CVT_MAX_LINES));
    }
    free(pg.bands);
    if (status != CVT_OK) return status;
    return out->n ? CVT_OK : cvt_fail(error, CVT_UNSUPPORTED, "no line of text was found on the page");
}
