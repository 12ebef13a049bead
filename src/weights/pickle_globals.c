/* pickle_globals.c - every name that a checkpoint's pickle may mention. Names on the first list have a meaning here.
 * Those on the second list become dead values, so that training checkpoints load. All others are refused. Sources: the
 * globals of real state dicts, and those that torch.load(weights_only=True) knows. */
#include <string.h>

#include "weights/pickle.h"

typedef struct row {
    const char *module, *name; /* name NULL: every name in the module and its submodules */
    cvt_global_role role;
    cvt_dtype dtype;
} row;

#define STORAGE(name, dtype) \
    { "torch", name, CVT_GLOBAL_STORAGE, dtype }
#define INERT(module, name) \
    { module, name, CVT_GLOBAL_INERT, CVT_F32 }

static const row rows[] = {
    {"collections", "OrderedDict", CVT_GLOBAL_ORDERED_DICT, CVT_F32},
    {"torch._utils", "_rebuild_tensor_v2", CVT_GLOBAL_TENSOR, CVT_F32},
    {"torch._utils", "_rebuild_parameter", CVT_GLOBAL_PARAMETER, CVT_F32},
    {"torch", "Size", CVT_GLOBAL_SIZE, CVT_F32},
    STORAGE("FloatStorage", CVT_F32),
    STORAGE("HalfStorage", CVT_F16),
    STORAGE("BFloat16Storage", CVT_BF16),
    STORAGE("DoubleStorage", CVT_F64),
    STORAGE("LongStorage", CVT_I64),
    STORAGE("IntStorage", CVT_I32),
    STORAGE("ShortStorage", CVT_I16),
    STORAGE("CharStorage", CVT_I8),
    STORAGE("ByteStorage", CVT_U8),
    STORAGE("BoolStorage", CVT_BOOL),

    /* These hold the arguments of training scripts. */
    INERT("argparse", "Namespace"),
    INERT("types", "SimpleNamespace"),
    INERT("yacs.config", "CfgNode"),
    INERT("easydict", "EasyDict"),
    INERT("omegaconf", NULL),
    INERT("typing", "Any"),
    INERT("pytorch_lightning.utilities.parsing", "AttributeDict"),
    INERT("lightning_fabric.utilities.data", "AttributeDict"),
    INERT("pytorch_lightning.callbacks.model_checkpoint", "ModelCheckpoint"),
    INERT("pytorch_lightning.callbacks.early_stopping", "EarlyStopping"),
    INERT("pathlib", "Path"),
    INERT("pathlib", "PosixPath"),
    INERT("pathlib", "PurePosixPath"),
    INERT("pathlib", "WindowsPath"),
    INERT("pathlib", "PureWindowsPath"),
    INERT("pathlib._local", "PosixPath"),
    INERT("pathlib._local", "PurePosixPath"),
    INERT("pathlib._local", "WindowsPath"),
    INERT("pathlib._local", "PureWindowsPath"),
    INERT("datetime", "date"),
    INERT("datetime", "datetime"),
    INERT("datetime", "time"),
    INERT("datetime", "timedelta"),
    INERT("datetime", "timezone"),
    /* These are optimizers and their state. */
    INERT("torch.optim", NULL),
    INERT("torch", "device"),
    INERT("torch.serialization", "_get_layout"),
    INERT("torch", "float32"),
    INERT("torch", "float16"),
    INERT("torch", "bfloat16"),
    INERT("torch", "float64"),
    INERT("torch", "int64"),
    INERT("torch", "int32"),
    INERT("torch", "int16"),
    INERT("torch", "int8"),
    INERT("torch", "uint8"),
    INERT("torch", "bool"),
    INERT("collections", "defaultdict"),
    INERT("collections", "Counter"),
    INERT("collections", "deque"),
    INERT("builtins", "set"),
    INERT("builtins", "dict"),
    INERT("builtins", "list"),
    INERT("builtins", "int"),
    INERT("builtins", "float"),
    INERT("builtins", "bytes"),
    INERT("__builtin__", "set"), /* protocol 2 calls the module builtins so */
    INERT("__builtin__", "dict"),
    INERT("__builtin__", "list"),
    INERT("__builtin__", "int"),
    INERT("__builtin__", "float"),
    INERT("__builtin__", "bytes"),
    /* These hold scores as NumPy scalars and arrays; protocol 2 writes their bytes through _codecs.encode. */
    INERT("numpy", "dtype"),
    INERT("numpy", "ndarray"),
    INERT("numpy.core.multiarray", "scalar"),
    INERT("numpy.core.multiarray", "_reconstruct"),
    INERT("numpy._core.multiarray", "scalar"),
    INERT("numpy._core.multiarray", "_reconstruct"),
    INERT("_codecs", "encode"),
};

/* If the n bytes begin with the whole of `text`, returns its length, else -1. */
static ptrdiff_t match(const char *text, const char *bytes, size_t n) {
    size_t i = 0;
    while (i < n && text[i] && text[i] == bytes[i]) i++;
    return text[i] ? -1 : (ptrdiff_t)i;
}

static bool same(const char *text, const char *bytes, size_t n) { return match(text, bytes, n) == (ptrdiff_t)n; }

/* Is the module `package` or one of its submodules? */
static bool within(const char *package, const char *module, size_t n) {
    ptrdiff_t k = match(package, module, n);
    return k >= 0 && ((size_t)k == n || module[k] == '.');
}

cvt_global cvt_global_find(const char *module, size_t module_size, const char *name, size_t name_size) {
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const row *r = &rows[i];
        /* A dotted name is refused: it would reach through the member to what its module imports. */
        bool found = r->name ? same(r->module, module, module_size) && same(r->name, name, name_size)
                             : within(r->module, module, module_size) && !memchr(name, '.', name_size);
        if (found) return (cvt_global){.role = r->role, .dtype = r->dtype};
    }
    return (cvt_global){.role = CVT_GLOBAL_REFUSED};
}
