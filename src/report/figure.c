/* figure.c - pictures with a scale and a caption, as SVG or HTML. In an SVG the place of everything is computed here,
 * in pixels of the pictures; lines of text are broken by the usual width of letters, since no font is known. */
#include "report/figure.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/base64.h"
#include "report/heat.h"
#include "report/markup.h"

enum { STOPS = 16 }; /* of a colour bar */

static void append_text(cvt_str *to, const char *text) { cvt_markup_text(to, text, 0); }

static void append_png(cvt_str *to, const cvt_str *png) {
    cvt_str_text(to, "data:image/png;base64,");
    cvt_base64_append(to, png->data, png->size);
}

/* Where the level lies on the scale, from 0 to 1; below 0: it is not marked. */
static double mark_of(const cvt_figure_panel *p) { return p->level > 0 && p->level <= p->top ? p->level / p->top : -1; }

/* What the scale means, for who does not see it. */
static void append_scale(cvt_str *to, const cvt_figure_panel *p) {
    cvt_str_print(to, "colours from 0 to %.3g", p->top);
    if (p->level > 0) cvt_str_print(to, "; %s: %.3g", p->level_name, p->level);
}

/* ---- SVG: places and lines of text ------------------------------------------------------------------------------- */

/* Lengths are written in tenths of a pixel, so that no decimal point is needed. */
static int tenths(double length) { return (int)lround(10 * length); }

static void svg_text(cvt_str *to, double x, double y, double size, const char *more) {
    cvt_str_print(to, "<text x=\"%d\" y=\"%d\" font-size=\"%d\"%s>", tenths(x), tenths(y), tenths(size), more);
}

/* How many bytes of the text fit into a line so many ems wide; it is broken behind a blank where there is one. */
static size_t line_of(const char *text, double room) {
    size_t n = 0, blank = 0;
    const size_t size = strlen(text);
    for (double wide = 0; n < size;) {
        const size_t length = cvt_utf8_length(text + n, size - n);
        wide += length >= 3 ? 1 : 0.58;
        if (wide > room && n > 0) return blank ? blank : n;
        if (text[n] == ' ') blank = n + 1;
        n += length ? length : 1;
    }
    return n;
}

/* Writes the text as lines, or only counts them (to NULL). Returns the height that they take. */
static double svg_lines(cvt_str *to, const cvt_figure *f, const char *text, double y, const char *more) {
    const double room = (f->whole - 2 * f->em) / f->em, step = 1.4 * f->em;
    double height = 0;
    while (*text) {
        cvt_str line = {0};
        const size_t n = line_of(text, room);
        cvt_str_append(&line, text, n);
        height += step;
        if (to) svg_text(to, f->em, y + height - 0.4 * f->em, f->em, more);
        if (to && line.data) append_text(to, line.data);
        if (to) cvt_str_text(to, "</text>\n");
        if (to) to->failed = to->failed || line.failed;
        cvt_str_free(&line);
        text += n;
    }
    return height;
}

static double svg_caption(cvt_str *to, const cvt_figure *f, double y) {
    const double from = y;
    y += svg_lines(to, f, f->title, y, " font-weight=\"bold\"");
    for (size_t i = 0; i < f->n_facts; i++) {
        cvt_str line = {0};
        cvt_str_print(&line, "%s: %s", f->facts[i].name, f->facts[i].value);
        if (line.data) y += svg_lines(to, f, line.data, y, "");
        if (to) to->failed = to->failed || line.failed;
        cvt_str_free(&line);
    }
    y += svg_lines(to, f, f->note, y, " fill=\"#555\"");
    return y - from;
}

/* One picture has its number and words beside its scale; of several, each has only the numbers. */
static bool is_single(const cvt_figure *f) { return f->rows == 1 && f->columns == 1; }
static double bar_width(const cvt_figure *f) { return is_single(f) ? fmax(f->width, 16 * f->em) : f->width; }
static double gap_of(const cvt_figure *f) { return 0.8 * f->em; }
/* The room above the picture, for a title, and that below it, for the scale. */
static double head_of(const cvt_figure *f) { return is_single(f) ? 0 : 1.3 * f->em; }
static double foot_of(const cvt_figure *f) { return (is_single(f) ? 4.6 : 2.4) * f->em; }

static void svg_begin(cvt_str *to, cvt_figure *f) {
    f->em = fmax(14, f->width / 48.0);
    const double pictures = f->columns * f->width + (f->columns - 1) * gap_of(f);
    f->whole = ceil(fmax(fmax(pictures, bar_width(f)), 30 * f->em) + 2 * f->em);
    const double caption = svg_caption(NULL, f, 0);
    const double rows = f->rows * (head_of(f) + f->height + foot_of(f)) + f->titled * 2 * f->em;
    const int wide = (int)f->whole, high = (int)ceil(caption + rows + 2.5 * f->em);
    cvt_str_print(to,
                  "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" "
                  "font-family=\"sans-serif\" fill=\"#111\">\n<title>",
                  wide, high, 10 * wide, 10 * high);
    append_text(to, f->title);
    cvt_str_text(to, "</title>\n<defs><linearGradient id=\"heat\">\n");
    for (int i = 0; i <= STOPS; i++) {
        uint8_t c[3];
        const float t = (float)i / STOPS;
        cvt_heat_colour(t, c);
        cvt_str_print(to, "<stop offset=\"%d%%\" stop-color=\"#%02x%02x%02x\" stop-opacity=\"%d%%\"/>\n",
                      100 * i / STOPS, c[0], c[1], c[2], (int)lroundf(100 * cvt_heat_cover(t)));
    }
    cvt_str_text(to, "</linearGradient></defs>\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n");
    svg_caption(to, f, f->em / 2);
    f->y = caption + 1.5 * f->em;
}

static void svg_row(cvt_str *to, cvt_figure *f, const char *title) {
    if (f->x > 0) f->y += head_of(f) + f->height + foot_of(f);
    if (title) {
        f->y += 2 * f->em;
        svg_text(to, f->em, f->y - 0.6 * f->em, f->em, " font-weight=\"bold\"");
        append_text(to, title);
        cvt_str_text(to, "</text>\n");
    }
    f->x = f->em;
}

/* The words of the mark stand above the bar, on the side where there is room. */
static void svg_mark(cvt_str *to, const cvt_figure *f, const cvt_figure_panel *p, double y, double bar) {
    const double mark = mark_of(p), x = f->x + mark * bar_width(f);
    if (mark < 0) return;
    cvt_str_print(to, "<path d=\"M%d %dV%d\" stroke=\"#fff\" stroke-width=\"%d\"/>", tenths(x), tenths(y),
                  tenths(y + bar), tenths(0.24 * f->em));
    cvt_str_print(to, "<path d=\"M%d %dV%d\" stroke=\"#000\" stroke-width=\"%d\"/>\n", tenths(x),
                  tenths(y - 0.25 * f->em), tenths(y + bar + 0.25 * f->em), tenths(0.12 * f->em));
    if (!is_single(f)) return;
    svg_text(to, x, y - 0.45 * f->em, f->em,
             mark < 0.3   ? " text-anchor=\"start\""
             : mark > 0.7 ? " text-anchor=\"end\""
                          : " text-anchor=\"middle\"");
    cvt_str_print(to, "%s %.3g</text>\n", p->level_name, p->level);
}

static void svg_scale(cvt_str *to, const cvt_figure *f, const cvt_figure_panel *p, double y) {
    const double bar = is_single(f) ? f->em : 0.6 * f->em, size = is_single(f) ? f->em : 0.8 * f->em;
    const double below = y + bar + 1.2 * size;
    cvt_str_text(to, "<g><title>");
    append_scale(to, p);
    cvt_str_print(to,
                  "</title><rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"url(#heat)\" stroke=\"#777\" "
                  "stroke-width=\"%d\"/>\n",
                  tenths(f->x), tenths(y), tenths(bar_width(f)), tenths(bar), tenths(0.06 * f->em));
    svg_mark(to, f, p, y, bar);
    svg_text(to, f->x, below, size, "");
    cvt_str_text(to, "0</text>\n");
    svg_text(to, f->x + bar_width(f), below, size, " text-anchor=\"end\"");
    cvt_str_print(to, "%.3g</text></g>\n", p->top);
}

static void svg_panel(cvt_str *to, cvt_figure *f, const cvt_figure_panel *p, const cvt_str *png) {
    const double top = f->y + head_of(f);
    if (p->title && !is_single(f)) {
        svg_text(to, f->x, top - 0.4 * f->em, 0.85 * f->em, "");
        /* as much as fits above the picture */
        cvt_markup_text(to, p->title, (size_t)fmax(4, f->width / (0.85 * 0.58 * f->em) - 3));
        cvt_str_text(to, "</text>\n");
    }
    cvt_str_print(to, "<image x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" href=\"", tenths(f->x), tenths(top),
                  10 * f->width, 10 * f->height);
    append_png(to, png);
    cvt_str_text(to, "\"/>\n");
    svg_scale(to, f, p, top + f->height + (is_single(f) ? 1.8 : 0.5) * f->em);
    f->x += f->width + gap_of(f);
}

/* ---- HTML -------------------------------------------------------------------------------------------------------- */

static const char html_head[] =
    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; "
    "style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    "<link rel=\"icon\" href=\"data:,\">\n<style>\n"
    ":root { color-scheme: light dark; }\n"
    "body { margin: 0 auto; max-width: 90rem; padding: 1rem; background: #fff; color: #1b1f24; "
    "font: 16px/1.4 system-ui, sans-serif; }\n"
    "h1 { font-size: 1.3rem; margin: 0 0 .5rem; overflow-wrap: anywhere; }\n"
    "h2 { font-size: 1rem; margin: 1rem 0 .25rem; overflow-wrap: anywhere; }\n"
    "dl { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: .1rem 1rem; margin: 0; }\n"
    "dt { color: #59636e; } dd { margin: 0; overflow-wrap: anywhere; }\n"
    ".row { display: flex; flex-wrap: wrap; gap: .75rem; }\n"
    "figure { margin: .5rem 0; min-width: 0; max-width: 100%; }\n"
    "figcaption { font-size: .85rem; overflow-wrap: anywhere; }\n"
    "img { display: block; max-width: 100%; height: auto; }\n"
    ".bar { position: relative; height: .8rem; margin-top: .4rem; border: 1px solid #777; "
    "background-color: #fff; }\n"
    ".bar i { position: absolute; top: -.25rem; bottom: -.25rem; width: 3px; margin-left: -1px; "
    "background: #000; border: solid #fff; border-width: 0 1px; }\n"
    ".ends { display: flex; justify-content: space-between; gap: 1rem; font-size: .85rem; "
    "font-variant-numeric: tabular-nums; }\n"
    ".one .bar, .one .ends { min-width: min(18rem, 90vw); }\n"
    ".note { color: #59636e; }\n"
    "@media (prefers-color-scheme: dark) { body { background: #0d1117; color: #e6edf3; } "
    "dt, .note { color: #9da7b3; } }\n";

static void html_begin(cvt_str *to, const cvt_figure *f) {
    cvt_str_text(to, html_head);
    cvt_str_text(to, ".bar { background-image: linear-gradient(to right");
    for (int i = 0; i <= STOPS; i++) {
        uint8_t c[3];
        const float t = (float)i / STOPS;
        cvt_heat_colour(t, c);
        cvt_str_print(to, ", rgb(%d %d %d / %d%%)", c[0], c[1], c[2], (int)lroundf(100 * cvt_heat_cover(t)));
    }
    cvt_str_text(to, "); }\n</style>\n<title>");
    append_text(to, f->title);
    cvt_str_text(to, "</title>\n</head>\n<body>\n<main>\n<h1>");
    append_text(to, f->title);
    cvt_str_text(to, "</h1>\n<dl>\n");
    for (size_t i = 0; i < f->n_facts; i++) {
        cvt_str_print(to, "<dt>%s</dt><dd>", f->facts[i].name);
        append_text(to, f->facts[i].value);
        cvt_str_text(to, "</dd>\n");
    }
    cvt_str_text(to, "</dl>\n<p class=\"note\">");
    append_text(to, f->note);
    cvt_str_text(to, "</p>\n");
}

static void html_row(cvt_str *to, cvt_figure *f, const char *title) {
    if (f->x > 0) cvt_str_text(to, "</div>\n");
    f->x = 1;
    if (title) {
        cvt_str_text(to, "<h2>");
        append_text(to, title);
        cvt_str_text(to, "</h2>\n");
    }
    cvt_str_text(to, is_single(f) ? "<div class=\"row one\">\n" : "<div class=\"row\">\n");
}

static void html_panel(cvt_str *to, const cvt_figure *f, const cvt_figure_panel *p, const cvt_str *png) {
    const double mark = mark_of(p);
    cvt_str_print(to, "<figure style=\"width: %dpx\">", is_single(f) && f->width < 288 ? 288 : f->width);
    if (p->title) {
        cvt_str_text(to, "<figcaption>");
        append_text(to, p->title);
        cvt_str_text(to, "</figcaption>");
    }
    cvt_str_print(to, "<img width=\"%d\" height=\"%d\" alt=\"where the model looks; ", f->width, f->height);
    append_scale(to, p);
    cvt_str_text(to, "\" src=\"");
    append_png(to, png);
    cvt_str_text(to, "\">\n<div class=\"bar\">");
    if (mark >= 0) cvt_str_print(to, "<i style=\"left: %d%%\"></i>", (int)lround(100 * mark));
    cvt_str_text(to, "</div><div class=\"ends\"><span>0</span>");
    if (mark >= 0) cvt_str_print(to, "<span>%s %.3g</span>", p->level_name, p->level);
    cvt_str_print(to, "<span>%.3g</span></div></figure>\n", p->top);
}

/* ---- either ------------------------------------------------------------------------------------------------------ */

void cvt_figure_begin(cvt_str *to, cvt_figure *f) {
    f->x = f->y = 0;
    if (f->html)
        html_begin(to, f);
    else
        svg_begin(to, f);
}

void cvt_figure_row(cvt_str *to, cvt_figure *f, const char *title) {
    if (f->html)
        html_row(to, f, title);
    else
        svg_row(to, f, title);
}

void cvt_figure_panel_add(cvt_str *to, cvt_figure *f, const cvt_figure_panel *panel, const cvt_str *png) {
    if (f->html)
        html_panel(to, f, panel, png);
    else
        svg_panel(to, f, panel, png);
}

void cvt_figure_end(cvt_str *to, const cvt_figure *f) {
    cvt_str_text(to, f->html ? "</div>\n</main>\n</body>\n</html>\n" : "</svg>\n");
}
