/* tiles.h - the micro-kernels for each number of rows up to MR by ACROSS vectors; gemm.h includes it for each
 * width. */

#define ROWS 1
#include "kernels/tmpl/tile.h"
#define ROWS 2
#include "kernels/tmpl/tile.h"
#define ROWS 3
#include "kernels/tmpl/tile.h"
#define ROWS 4
#include "kernels/tmpl/tile.h"
#if MR == 6
#define ROWS 5
#include "kernels/tmpl/tile.h"
#define ROWS 6
#include "kernels/tmpl/tile.h"
#endif

#undef ACROSS
