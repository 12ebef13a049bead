/* layouts.c - where a parameter lies in a tensor whose file orders, joins or stacks the axes in another way. */
#include <string.h>

#include "weights/names.h"

/* Returns the axes that the row says the tensor has, or the parameter's own. */
static const char *axes_of(const cvt_name_row *row, const cvt_param *param) {
    static const char *const own[] = {"", "a", "ab", "abc", "abcd"};
    return row->axes ? row->axes : own[param->rank];
}

static int64_t length_of(const cvt_param *param, const cvt_name_row *row, char letter) {
    int axis = letter - 'a';
    if (letter == '1' || axis >= param->rank) return 1;
    return axis == 0 && row->parts ? param->shape[0] * row->parts : param->shape[axis];
}

cvt_tensor_form cvt_tensor_form_of(const cvt_name_row *row, const cvt_param *param) {
    const char *axes = axes_of(row, param);
    cvt_tensor_form f = {.count = 1, .plain = true};
    bool joined = false;
    for (const char *s = axes; *s; s++) {
        if (*s == ')') {
            joined = false;
            continue;
        }
        bool opens = *s == '(';
        if (opens || !joined) f.shape[f.rank++] = 1;
        joined = joined || opens;
        if (!opens) f.shape[f.rank - 1] *= length_of(param, row, *s);
    }
    char last = 'd';
    for (size_t i = strlen(axes); i-- > 0;) {
        if (axes[i] < 'a' || axes[i] > 'd') continue;
        f.stride[axes[i] - 'a'] = f.count;
        f.count *= (size_t)length_of(param, row, axes[i]);
        if (length_of(param, row, axes[i]) == 1) continue;
        f.plain = f.plain && axes[i] <= last;
        last = axes[i];
    }
    if (row->parts) f.start = (size_t)row->part * (size_t)param->shape[0] * f.stride[0];
    /* a part of the slowest axis lies in one piece; a part of another axis does not */
    if (row->parts && f.stride[0] * (size_t)length_of(param, row, 'a') != f.count) f.plain = false;
    return f;
}

/* Returns where a run of values begins in the tensor: the run along the last axis of the parameter that begins at
 * `first`. */
static size_t place_of(const cvt_tensor_form *form, const cvt_param *param, size_t first) {
    size_t at = form->start;
    for (int axis = param->rank; axis-- > 0;) {
        at += first % (size_t)param->shape[axis] * form->stride[axis];
        first /= (size_t)param->shape[axis];
    }
    return at;
}

static size_t run_of(const cvt_param *param) { return param->rank ? (size_t)param->shape[param->rank - 1] : 1; }

void cvt_tensor_form_read(const cvt_tensor_form *form, const cvt_param *param, void *to, const void *tensor,
                          size_t size) {
    size_t run = run_of(param), step = param->rank ? form->stride[param->rank - 1] * size : size;
    for (size_t i = 0; i < param->count; i += run) {
        const char *from = (const char *)tensor + place_of(form, param, i) * size;
        for (size_t k = 0; k < run; k++) memcpy((char *)to + (i + k) * size, from + k * step, size);
    }
}

void cvt_tensor_form_write(const cvt_tensor_form *form, const cvt_param *param, const void *from, void *tensor,
                           size_t size) {
    size_t run = run_of(param), step = param->rank ? form->stride[param->rank - 1] * size : size;
    for (size_t i = 0; i < param->count; i += run) {
        char *to = (char *)tensor + place_of(form, param, i) * size;
        for (size_t k = 0; k < run; k++) memcpy(to + k * step, (const char *)from + (i + k) * size, size);
    }
}
