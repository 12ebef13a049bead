/* heat.c - heat maps over pictures: the scale of colours, the overlay, the bar with its numbers.
 *
 * The colours lie on a line in OKLCh (Ottosson 2020, https://bottosson.github.io/posts/oklab), a space in which equal
 * steps look equal: lightness and hue move evenly, and colourfulness is as high as sRGB allows up to a limit. */
#include "image/heat.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/num.h"

/* ---- colours ---------------------------------------------------------------------------------------------------- */

/* OKLCh to linear sRGB; false where a channel lies outside of it. */
static bool to_linear(double lightness, double chroma, double hue, double rgb[3]) {
    double a = chroma * cos(hue), b = chroma * sin(hue);
    double l = lightness + 0.3963377774 * a + 0.2158037573 * b;
    double m = lightness - 0.1055613458 * a - 0.0638541728 * b;
    double s = lightness - 0.0894841775 * a - 1.2914855480 * b;
    l = l * l * l;
    m = m * m * m;
    s = s * s * s;
    rgb[0] = 4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s;
    rgb[1] = -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s;
    rgb[2] = -0.0041960863 * l - 0.7034186147 * m + 1.7076147010 * s;
    bool inside = true;
    for (int c = 0; c < 3; c++) inside = inside && rgb[c] >= 0 && rgb[c] <= 1;
    return inside;
}

static uint8_t to_byte(double linear) {
    double v = linear <= 0.0031308 ? 12.92 * linear : 1.055 * pow(linear, 1 / 2.4) - 0.055;
    return (uint8_t)(255 * fmin(fmax(v, 0), 1) + 0.5);
}

void cvt_heat_colour(float t, uint8_t rgb[3]) {
    const double degree = 3.14159265358979323846 / 180, darkest = 0.27, lightest = 0.95, first = 285, last = 105;
    const double x = t > 1 ? 1 : t > 0 ? (double)t : 0;
    double linear[3] = {0}, chroma = 0.16;
    while (!to_linear(darkest + (lightest - darkest) * x, chroma, (first + (last - first) * x) * degree, linear) &&
           chroma > 0)
        chroma -= 0.002;
    for (int c = 0; c < 3; c++) rgb[c] = to_byte(linear[c]);
}

typedef struct palette {
    uint8_t rgb[256][3];
} palette;

static void fill_palette(palette *p) {
    for (int i = 0; i < 256; i++) cvt_heat_colour((float)i / 255, p->rgb[i]);
}

/* The colour with the grey of the picture shining through. */
static void blend(uint8_t *to, const uint8_t colour[3], int grey) {
    enum { COLOUR = 11, GREY = 5 }; /* sixteenths */
    for (int c = 0; c < 3; c++) to[c] = (uint8_t)((COLOUR * colour[c] + GREY * grey + 8) / 16);
}

/* ---- the map ---------------------------------------------------------------------------------------------------- */

typedef struct range {
    float least, most;
} range;

static range range_of(const float *map, size_t n) {
    range r = {INFINITY, -INFINITY};
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(map[i])) continue;
        r.least = fminf(r.least, map[i]);
        r.most = fmaxf(r.most, map[i]);
    }
    return r.least <= r.most ? r : (range){0, 0};
}

/* Where output o of `to` positions falls among `from`: between cells `low` and `high`, `part` of the way. */
typedef struct spot {
    int low, high;
    float part;
} spot;

static spot spot_of(int o, int from, int to) {
    double at = fmin(fmax((o + 0.5) * from / to - 0.5, 0), from - 1);
    int low = (int)at;
    return (spot){low, cvt_min_int(low + 1, from - 1), (float)(at - low)};
}

static float mix(float a, float b, float part) { return a + (b - a) * part; }

static float map_at(const cvt_heat *h, spot y, spot x) {
    const float *above = h->map + (size_t)y.low * (size_t)h->columns;
    const float *below = h->map + (size_t)y.high * (size_t)h->columns;
    return mix(mix(above[x.low], above[x.high], x.part), mix(below[x.low], below[x.high], x.part), y.part);
}

static int place_in(range r, float value) {
    float width = r.most - r.least, t = width > 0 ? (value - r.least) / width : 0;
    return t >= 1 ? 255 : t > 0 ? (int)(255 * t + 0.5f) : 0; /* NaN: 0 */
}

static int grey_of(const uint8_t *p) { return (p[0] * 19595 + p[1] * 38470 + p[2] * 7471 + 0x8000) >> 16; }

static void draw_map(cvt_pixels *out, const cvt_heat *h, const palette *colours, range r) {
    for (int y = 0; y < h->height; y++) {
        spot row = spot_of(y, h->rows, h->height);
        const uint8_t *from = h->picture + (size_t)y * (size_t)h->width * 3;
        uint8_t *to = out->data + (size_t)y * (size_t)out->width * 3;
        for (int x = 0; x < h->width; x++, from += 3, to += 3) {
            float value = map_at(h, row, spot_of(x, h->columns, h->width));
            blend(to, colours->rgb[place_in(r, value)], grey_of(from));
        }
    }
}

/* ---- numbers ---------------------------------------------------------------------------------------------------- */

enum { GLYPH_W = 5, GLYPH_H = 7, ADVANCE = GLYPH_W + 1, LONGEST = 16 };

/* A row of a glyph is the low five bits of a number, the left pixel in the highest. */
static const struct {
    char character;
    uint8_t rows[GLYPH_H];
} glyphs[] = {
    {'0', {14, 17, 19, 21, 25, 17, 14}}, {'1', {4, 12, 4, 4, 4, 4, 14}},  {'2', {14, 17, 1, 2, 4, 8, 31}},
    {'3', {31, 2, 4, 2, 1, 17, 14}},     {'4', {2, 6, 10, 18, 31, 2, 2}}, {'5', {31, 16, 30, 1, 1, 17, 14}},
    {'6', {6, 8, 16, 30, 17, 17, 14}},   {'7', {31, 1, 2, 4, 8, 8, 8}},   {'8', {14, 17, 17, 14, 17, 17, 14}},
    {'9', {14, 17, 17, 15, 1, 2, 12}},   {'.', {0, 0, 0, 0, 0, 12, 12}},  {'e', {0, 0, 14, 17, 31, 16, 14}},
    {'-', {0, 0, 0, 31, 0, 0, 0}},       {'+', {0, 4, 4, 31, 4, 4, 0}},
};

static const uint8_t *glyph_of(char c) {
    for (size_t i = 0; i < sizeof glyphs / sizeof glyphs[0]; i++)
        if (glyphs[i].character == c) return glyphs[i].rows;
    return NULL;
}

static void fill_box(cvt_pixels *out, int left, int top, int width, int height, const uint8_t rgb[3]) {
    for (int y = top; y < top + height; y++)
        for (int x = left; x < left + width; x++)
            memcpy(out->data + ((size_t)y * (size_t)out->width + (size_t)x) * 3, rgb, 3);
}

/* Text whose pixels are squares of `unit`. */
static void draw_text(cvt_pixels *out, const char *text, int left, int top, int unit) {
    static const uint8_t black[3] = {0, 0, 0};
    for (; *text; text++, left += ADVANCE * unit) {
        const uint8_t *rows = glyph_of(*text);
        for (int y = 0; rows && y < GLYPH_H; y++)
            for (int x = 0; x < GLYPH_W; x++)
                if (rows[y] >> (GLYPH_W - 1 - x) & 1) fill_box(out, left + x * unit, top + y * unit, unit, unit, black);
    }
}

/* ---- the bar ---------------------------------------------------------------------------------------------------- */

/* From top to bottom: the largest value, the middle, the least; only the outer two where there is no room. */
enum { LABELS = 3 };

typedef struct layout {
    int unit, bar, text, width, height; /* bar, text: where they begin */
    char labels[LABELS][LONGEST];
} layout;

static layout make_layout(const cvt_heat *h, range r) {
    layout l = {.unit = cvt_max_int(cvt_min_int(h->height, h->width) / 112, 1)};
    size_t longest = 0;
    for (int i = 0; i < LABELS; i++) {
        double share = (double)(LABELS - 1 - i) / (LABELS - 1);
        snprintf(l.labels[i], LONGEST, "%.3g", (double)r.least + ((double)r.most - (double)r.least) * share);
        if (strlen(l.labels[i]) > longest) longest = strlen(l.labels[i]);
    }
    l.bar = h->width + 4 * l.unit;
    l.text = l.bar + 10 * l.unit;
    l.width = l.text + ((int)longest * ADVANCE + 1) * l.unit;
    l.height = cvt_max_int(h->height, (2 * GLYPH_H + 2) * l.unit);
    return l;
}

static void draw_bar(cvt_pixels *out, const layout *l, const palette *colours) {
    enum { MIDDLE_GREY = 128 };
    const int room = l->height - GLYPH_H * l->unit;
    for (int y = 0; y < l->height; y++) {
        uint8_t rgb[3];
        int place = l->height > 1 ? (l->height - 1 - y) * 255 / (l->height - 1) : 0;
        blend(rgb, colours->rgb[place], MIDDLE_GREY);
        fill_box(out, l->bar, y, 8 * l->unit, 1, rgb);
    }
    for (int i = 0; i < LABELS; i++)
        if (i % 2 == 0 || room >= 3 * GLYPH_H * l->unit)
            draw_text(out, l->labels[i], l->text, room * i / (LABELS - 1), l->unit);
}

cvt_status cvt_heat_draw(cvt_pixels *out, const cvt_heat *heat, cvt_error *error) {
    palette colours;
    fill_palette(&colours);
    const range r = range_of(heat->map, (size_t)heat->rows * (size_t)heat->columns);
    const layout l = make_layout(heat, r);
    TRY(cvt_pixels_resize(out, l.width, l.height, error));
    memset(out->data, 255, (size_t)l.width * (size_t)l.height * 3);
    draw_map(out, heat, &colours, r);
    draw_bar(out, &l, &colours);
    return CVT_OK;
}
