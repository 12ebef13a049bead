/* heat.c - heat maps over images: their colours, and how much of the image they cover.
 *
 * The colours lie on a line in OKLCh (Ottosson 2020, https://bottosson.github.io/posts/oklab), a space in which equal
 * steps look equal. Lightness and hue change evenly along it. Chroma, the strength of a colour, is as high as sRGB
 * allows, up to a limit. */
#include "report/heat.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/num.h"

/* ---- colours ---------------------------------------------------------------------------------------------------- */

/* Converts OKLCh to linear sRGB. Returns false where a channel is out of range. */
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

/* How much of the image a colour covers where the value is largest, in 256ths. The image below can still be seen. */
enum { MAX_COVER = 176 };

/* A smooth step from 0 to 1. */
static float smooth(float t) { return t * t * (3 - 2 * t); }

/* In 256ths, for t from 0 to 1. */
static int share_at(float t) { return (int)(MAX_COVER * smooth(t)); }

float cvt_heat_cover(float t) { return (float)share_at(t > 1 ? 1 : t > 0 ? t : 0) / 256; }

static uint8_t cover(uint8_t below, uint8_t colour, int share) {
    return (uint8_t)((below * (256 - share) + colour * share + 128) / 256);
}

/* ---- the map ---------------------------------------------------------------------------------------------------- */

float cvt_heat_top(const float *map, size_t n) {
    float top = 0;
    for (size_t i = 0; i < n; i++)
        if (isfinite(map[i])) top = fmaxf(top, map[i]);
    return top;
}

/* A position on a side of the map, which has `n` cells: it lies between the centres of the cells `low` and `high`,
 * `part` of the way. */
typedef struct spot {
    int low, high;
    float part;
} spot;

static spot spot_of(double at, int n) {
    double cell = fmin(fmax(at * n - 0.5, 0), n - 1);
    int low = (int)cell;
    return (spot){low, cvt_min_int(low + 1, n - 1), smooth((float)(cell - low))};
}

static float mix(float a, float b, float part) { return a + (b - a) * part; }

static float map_at(const cvt_heat *h, spot y, spot x) {
    const float *above = h->map + (size_t)y.low * (size_t)h->columns;
    const float *below = h->map + (size_t)y.high * (size_t)h->columns;
    return mix(mix(above[x.low], above[x.high], x.part), mix(below[x.low], below[x.high], x.part), y.part);
}

static int place_in(float top, float value) {
    const float t = top > 0 ? value / top : 0;
    return t >= 1 ? 255 : t > 0 ? (int)(255 * t + 0.5f) : 0; /* NaN gives 0 */
}

/* Returns where the centre of pixel i lies on a side of the view, from 0 to 1. */
static double part_of(int i, double first, double length) { return (i + 0.5 - first) / length; }

static void draw_row(uint8_t *to, const cvt_heat *h, const palette *colours, float top, double down) {
    const spot row = spot_of(down, h->rows);
    for (int x = 0; x < h->width; x++, to += 3) {
        const double across = part_of(x, h->view.left, h->view.width);
        if (!(across >= 0 && across <= 1)) continue;
        const int place = place_in(top, map_at(h, row, spot_of(across, h->columns)));
        const int share = share_at((float)place / 255);
        for (int c = 0; c < 3; c++) to[c] = cover(to[c], colours->rgb[place][c], share);
    }
}

cvt_status cvt_heat_draw(cvt_pixels *out, const cvt_heat *heat, cvt_error *error) {
    palette colours;
    fill_palette(&colours);
    const float top = cvt_heat_top(heat->map, (size_t)heat->rows * (size_t)heat->columns);
    const size_t row = (size_t)heat->width * 3;
    TRY(cvt_pixels_resize(out, heat->width, heat->height, error));
    memcpy(out->data, heat->pixels, row * (size_t)heat->height);
    for (int y = 0; y < heat->height; y++) {
        const double down = part_of(y, heat->view.top, heat->view.height);
        if (down >= 0 && down <= 1) draw_row(out->data + (size_t)y * row, heat, &colours, top, down);
    }
    return CVT_OK;
}
