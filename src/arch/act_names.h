/* act_names.h - the names that published configs have for activations: keys "hidden_act" of Hugging Face, "act_layer"
 * of timm. */
#ifndef CVT_ARCH_ACT_NAMES_H
#define CVT_ARCH_ACT_NAMES_H

#include "kernels/kernels.h"

/* The names, which end with NULL, for a row of a table of keys; and, in the same order, what they mean. */
extern const char *const cvt_act_names[];
extern const cvt_act cvt_acts_named[];

#endif
