/* provenance.c - the hashes of a model's files, and its preprocessing as JSON. */
#include "model/provenance.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/model.h"

static void append_three(cvt_str *to, const char *name, const double values[3]) {
    cvt_str_print(to, ",\"%s\":[", name);
    for (int i = 0; i < 3; i++) {
        if (i) cvt_str_print(to, ",");
        cvt_str_real(to, 0, values[i]);
    }
    cvt_str_print(to, "]");
}

/* The geometry in the order in which it is applied, then the arithmetic. */
static void append_preprocess(cvt_str *to, const cvt_preprocess *p) {
    static const char *const resizes[] = {
        [CVT_RESIZE_NONE] = "none", [CVT_RESIZE_SHORTEST] = "shortest", [CVT_RESIZE_SQUASH] = "squash",
        [CVT_RESIZE_KEEP] = "keep", [CVT_RESIZE_BORDER] = "border",     [CVT_RESIZE_HEIGHT] = "height"};
    static const char *const filters[] = {
        [CVT_FILTER_NEAREST] = "nearest", [CVT_FILTER_BOX] = "box",         [CVT_FILTER_BILINEAR] = "bilinear",
        [CVT_FILTER_HAMMING] = "hamming", [CVT_FILTER_BICUBIC] = "bicubic", [CVT_FILTER_LANCZOS] = "lanczos"};
    cvt_str_print(to, "{\"resize\":\"%s\"", resizes[p->resize]);
    if (p->resize != CVT_RESIZE_NONE)
        cvt_str_print(to, ",\"size\":[%d,%d],\"filter\":\"%s\"", p->resize_height, p->resize_width, filters[p->filter]);
    if (p->crop_height)
        cvt_str_print(to, ",\"crop\":[%d,%d],\"crop_half\":\"%s\",\"fill\":[%d,%d,%d]", p->crop_height, p->crop_width,
                      p->crop_half_even ? "even" : "down", p->fill[0], p->fill[1], p->fill[2]);
    cvt_str_print(to, ",\"channels\":%d", p->channels);
    if (p->rescale) {
        cvt_str_print(to, ",\"rescale_factor\":");
        cvt_str_real(to, 0, p->rescale_factor);
    }
    if (p->minus_one) cvt_str_print(to, ",\"minus_one\":true");
    if (p->normalize) {
        append_three(to, "mean", p->mean);
        append_three(to, "std", p->std);
    }
    if (p->divide_again) cvt_str_print(to, ",\"divide_again\":true");
    cvt_str_print(to, "}");
}

void cvt_model_provenance(const cvt_model *m, cvt_str *to) {
    char text[CVT_SHA256_TEXT];
    if (m->files.weights) {
        cvt_weights_sha256(m->files.weights, text);
        cvt_str_print(to, "\"weights_sha256\":\"%s\"", text);
    } else {
        cvt_str_print(to, "\"weights_sha256\":null");
    }
    cvt_sha256_of(m->files.config, strlen(m->files.config), text);
    cvt_str_print(to, ",\"config_sha256\":\"%s\",\"preprocess\":", text);
    if (m->no_preprocess.status == CVT_OK)
        append_preprocess(to, &m->preprocess);
    else
        cvt_str_print(to, "null");
}
