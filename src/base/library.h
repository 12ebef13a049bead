/* library.h - loads a shared library when it is first needed. Linking it would make every start of the program load it,
 * and all that it needs itself: tens of milliseconds for a format that most runs never meet. */
#ifndef CVT_BASE_LIBRARY_H
#define CVT_BASE_LIBRARY_H

#include <pthread.h>

#include "base/error.h"

/* A function of a library, and where the pointer to it goes. */
typedef struct cvt_library_function {
    const char *name;
    void *pointer; /* to a pointer to the function */
} cvt_library_function;

/* Loads the library and finds its n functions, as dlopen(3) and dlsym(3) do; it stays loaded. CVT_UNSUPPORTED, naming
 * it, where it is not there or lacks one of them. Call it once for each library: pthread_once(3). */
cvt_status cvt_library_load(const char *name, const cvt_library_function *functions, size_t n, cvt_error *error);

/* What the library calls so, or one of those that it needs itself; NULL where there is no such thing. It stays
 * loaded. */
void *cvt_library_symbol(const char *name, const char *symbol);

/* For the one file that uses a library: `lib`, pointers to the functions that FUNCTIONS(F) lists as F(name), under
 * their own names, and need(error), which loads the library at its first call. */
#define CVT_LIBRARY_POINTER(name) __typeof__(name) *name;
#define CVT_LIBRARY_ROW(name) {#name, &lib.name},
#define CVT_LIBRARY(file, FUNCTIONS)                                                        \
    static struct { FUNCTIONS(CVT_LIBRARY_POINTER) } lib;                                   \
    static pthread_once_t loading = PTHREAD_ONCE_INIT;                                      \
    static cvt_error loaded;                                                                \
    static void load(void) {                                                                \
        static const cvt_library_function functions[] = {FUNCTIONS(CVT_LIBRARY_ROW)};       \
        cvt_library_load(file, functions, sizeof functions / sizeof functions[0], &loaded); \
    }                                                                                       \
    static cvt_status need(cvt_error *error) {                                              \
        pthread_once(&loading, load);                                                       \
        if (loaded.status != CVT_OK && error) *error = loaded;                              \
        return loaded.status;                                                               \
    }

#endif
