/* query_rows.h - how many rows of queries attention takes at a time. */

enum { QUERIES = 4 * MR, SCORES_FLOATS = 12800 }; /* rows of scores at a time, and about how many scores */

/* How many query rows are taken at a time: whole tiles, whose scores stay in L1 beside a panel. */
static size_t query_rows(size_t t, size_t lds) {
    size_t rows = QUERIES;
    while (rows > MR && rows * lds > SCORES_FLOATS) rows -= MR;
    return t < rows ? t : rows;
}
