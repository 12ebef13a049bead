/* library.h - loads a shared library when it is first needed. Linking it would make every start of the program load it,
 * and all that it needs itself: tens of milliseconds for a format that most runs never meet. */
#ifndef CVT_BASE_LIBRARY_H
#define CVT_BASE_LIBRARY_H

#include "base/error.h"

/* A function of a library, and where the pointer to it goes. */
typedef struct cvt_library_function {
    const char *name;
    void *pointer; /* to a pointer to the function */
} cvt_library_function;

/* Loads the library and finds its n functions, as dlopen(3) and dlsym(3) do; it stays loaded. CVT_UNSUPPORTED, naming
 * it, where it is not there or lacks one of them. Call it once for each library: pthread_once(3). */
cvt_status cvt_library_load(const char *name, const cvt_library_function *functions, size_t n, cvt_error *error);

#endif
