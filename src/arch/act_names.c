/* act_names.c - all the names that published configs have for activations. */
#include "arch/act_names.h"

#include <stddef.h>

#define ACTIVATIONS(X)                \
    X("gelu", GELU_ERF)               \
    X("gelu_erf", GELU_ERF)           \
    X("gelu_python", GELU_ERF)        \
    X("gelu_tanh", GELU_TANH)         \
    X("gelu_new", GELU_TANH)          \
    X("gelu_pytorch_tanh", GELU_TANH) \
    X("gelu_python_tanh", GELU_TANH)  \
    X("gelu_fast", GELU_TANH)         \
    X("gelu_accurate", GELU_TANH)     \
    X("quick_gelu", QUICK_GELU)       \
    X("relu", RELU)                   \
    X("relu6", RELU6)                 \
    X("silu", SILU)                   \
    X("swish", SILU)                  \
    X("tanh", TANH)                   \
    X("sigmoid", SIGMOID)             \
    X("linear", NONE)
#define NAME(name, id) name,
#define ACT(name, id) CVT_ACT_##id,
const char *const cvt_act_names[] = {ACTIVATIONS(NAME) NULL};
const cvt_act cvt_acts_named[] = {ACTIVATIONS(ACT)};
