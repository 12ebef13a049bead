/* names.c - the names of the activations and of the precisions. */
#include <string.h>

#include "kernels/kernels.h"

static const struct {
    const char *name, *torch;
} activations[] = {
#define X(id, name, torch) [id] = {name, torch},
#include "kernels/activations.def"
#undef X
};

cvt_act cvt_act_find(const char *name) {
    int act = 0;
    while (act < CVT_ACT_COUNT && strcmp(name, activations[act].name)) act++;
    return (cvt_act)act;
}

const char *cvt_act_name(cvt_act act) { return activations[act].name; }

const char *cvt_act_torch(cvt_act act) { return activations[act].torch; }

static const char *const precisions[] = {
#define X(id, name) [id] = name,
#include "kernels/precisions.def"
#undef X
};

cvt_precision cvt_precision_find(const char *name) {
    int precision = 0;
    while (precision < CVT_PRECISION_COUNT && strcmp(name, precisions[precision])) precision++;
    return (cvt_precision)precision;
}

const char *cvt_precision_name(cvt_precision precision) { return precisions[precision]; }
