/* pickle_values.c - functions that look into the values of a pickle, and the check that no value contains itself. */
#include <stdlib.h>
#include <string.h>

#include "weights/pickle.h"

enum { MAX_NESTING = 64, UNSEEN = 0, OPEN = 255 };

static bool is_container(const cvt_pickle_value *v) {
    return v->kind == CVT_PICKLE_TUPLE || v->kind == CVT_PICKLE_LIST || v->kind == CVT_PICKLE_DICT;
}

/* Sets heights[value] to 1 + the greatest height of its items; refuses values that contain themselves, and deep
 * nesting. A value is examined once, however often it appears; the nesting that it adds at `level` is its height. */
static cvt_status check(const cvt_pickle *p, uint32_t value, int level, uint8_t *heights, const char *origin,
                        cvt_error *error) {
    const cvt_pickle_value *v = &p->values[value];
    if (heights[value] == OPEN)
        return cvt_fail(error, CVT_WEIGHTS, "%s: the pickle has a value that contains itself", origin);
    if (level + heights[value] > MAX_NESTING)
        return cvt_fail(error, CVT_WEIGHTS, "%s: the pickle nests values deeper than %d", origin, MAX_NESTING);
    if (heights[value] != UNSEEN) return CVT_OK;
    uint8_t height = 0;
    heights[value] = OPEN;
    uint32_t cell = v->as.cells.first, keys = v->kind == CVT_PICKLE_DICT ? 1 : 0;
    for (uint32_t i = is_container(v) ? v->count : 0; i > 0; i--, cell = p->cells[cell].next) {
        const uint32_t items[] = {p->cells[cell].value, p->cells[cell].key};
        for (uint32_t k = 0; k < 1 + keys; k++) {
            TRY(check(p, items[k], level + 1, heights, origin, error));
            if (heights[items[k]] > height) height = heights[items[k]];
        }
    }
    heights[value] = (uint8_t)(height + 1);
    return CVT_OK;
}

cvt_status cvt_pickle_check(const cvt_pickle *pickle, const char *origin, cvt_error *error) {
    uint8_t *heights = calloc(pickle->n_values, 1);
    if (!heights) return cvt_fail_memory(error);
    cvt_status status = check(pickle, pickle->root, 0, heights, origin, error);
    free(heights);
    return status;
}

void cvt_pickle_free(cvt_pickle *pickle) {
    free(pickle->values);
    free(pickle->cells);
    *pickle = (cvt_pickle){0};
}

uint32_t cvt_pickle_item(const cvt_pickle *pickle, uint32_t tuple, uint32_t index) {
    return pickle->cells[pickle->values[tuple].as.cells.first + index].value; /* a tuple's cells are neighbours */
}

bool cvt_pickle_text_is(const cvt_pickle *pickle, uint32_t value, const char *text) {
    const cvt_pickle_value *v = &pickle->values[value];
    return v->kind == CVT_PICKLE_TEXT && v->count == strlen(text) && memcmp(v->as.bytes, text, v->count) == 0;
}

const cvt_pickle_value *cvt_pickle_get(const cvt_pickle *pickle, const cvt_pickle_value *dict, const char *key) {
    const cvt_pickle_value *found = NULL;
    uint32_t cell = dict->as.cells.first;
    for (uint32_t i = dict->count; i > 0; i--, cell = pickle->cells[cell].next)
        if (cvt_pickle_text_is(pickle, pickle->cells[cell].key, key))
            found = &pickle->values[pickle->cells[cell].value];
    return found;
}
