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
#define IGNORED(module, name) \
    { module, name, CVT_GLOBAL_IGNORED, CVT_F32 }

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
    IGNORED("argparse", "Namespace"),
    IGNORED("types", "SimpleNamespace"),
    IGNORED("yacs.config", "CfgNode"),
    IGNORED("easydict", "EasyDict"),
    IGNORED("omegaconf", NULL),
    IGNORED("typing", "Any"),
    IGNORED("pytorch_lightning.utilities.parsing", "AttributeDict"),
    IGNORED("lightning_fabric.utilities.data", "AttributeDict"),
    IGNORED("pytorch_lightning.callbacks.model_checkpoint", "ModelCheckpoint"),
    IGNORED("pytorch_lightning.callbacks.early_stopping", "EarlyStopping"),
    IGNORED("pathlib", "Path"),
    IGNORED("pathlib", "PosixPath"),
    IGNORED("pathlib", "PurePosixPath"),
    IGNORED("pathlib", "WindowsPath"),
    IGNORED("pathlib", "PureWindowsPath"),
    IGNORED("pathlib._local", "PosixPath"),
    IGNORED("pathlib._local", "PurePosixPath"),
    IGNORED("pathlib._local", "WindowsPath"),
    IGNORED("pathlib._local", "PureWindowsPath"),
    IGNORED("datetime", "date"),
    IGNORED("datetime", "datetime"),
    IGNORED("datetime", "time"),
    IGNORED("datetime", "timedelta"),
    IGNORED("datetime", "timezone"),
    /* These are optimizers and their state. */
    IGNORED("torch.optim", NULL),
    IGNORED("torch", "device"),
    IGNORED("torch.serialization", "_get_layout"),
    IGNORED("torch", "float32"),
    IGNORED("torch", "float16"),
    IGNORED("torch", "bfloat16"),
    IGNORED("torch", "float64"),
    IGNORED("torch", "int64"),
    IGNORED("torch", "int32"),
    IGNORED("torch", "int16"),
    IGNORED("torch", "int8"),
    IGNORED("torch", "uint8"),
    IGNORED("torch", "bool"),
    IGNORED("collections", "defaultdict"),
    IGNORED("collections", "Counter"),
    IGNORED("collections", "deque"),
    IGNORED("builtins", "set"),
    IGNORED("builtins", "dict"),
    IGNORED("builtins", "list"),
    IGNORED("builtins", "int"),
    IGNORED("builtins", "float"),
    IGNORED("builtins", "bytes"),
    IGNORED("__builtin__", "set"), /* protocol 2 calls the module builtins so */
    IGNORED("__builtin__", "dict"),
    IGNORED("__builtin__", "list"),
    IGNORED("__builtin__", "int"),
    IGNORED("__builtin__", "float"),
    IGNORED("__builtin__", "bytes"),
    /* These hold scores as NumPy scalars and arrays; protocol 2 writes their bytes through _codecs.encode. */
    IGNORED("numpy", "dtype"),
    IGNORED("numpy", "ndarray"),
    IGNORED("numpy.core.multiarray", "scalar"),
    IGNORED("numpy.core.multiarray", "_reconstruct"),
    IGNORED("numpy._core.multiarray", "scalar"),
    IGNORED("numpy._core.multiarray", "_reconstruct"),
    IGNORED("_codecs", "encode"),
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
