/* library.c - loads a shared library when it is first needed. */
#include "base/library.h"

#include <dlfcn.h>
#include <string.h>

cvt_status cvt_library_load(const char *name, const cvt_library_function *functions, size_t n, cvt_error *error) {
    void *library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (!library) return cvt_fail(error, CVT_UNSUPPORTED, "%s cannot be loaded", name);
    for (size_t i = 0; i < n; i++) {
        void *found = dlsym(library, functions[i].name);
        if (!found) return cvt_fail(error, CVT_UNSUPPORTED, "%s has no %s", name, functions[i].name);
        memcpy(functions[i].pointer, &found, sizeof found);
    }
    return CVT_OK;
}

void *cvt_library_symbol(const char *name, const char *symbol) {
    void *library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    return library ? dlsym(library, symbol) : NULL;
}
