/* amx_tiles.h - how all products by AMX use the tiles: 0 to 3 hold sums, 4 and 5 rows of A, 6 and 7 columns of B. */

enum { TILE = 16 }; /* rows of a full tile, of 64 bytes */

/* The operand of ldtilecfg: bytes of a row and rows of each tile. */
typedef struct tile_config {
    uint8_t palette, start, reserved[14];
    uint16_t bytes[16];
    uint8_t rows[16];
} tile_config;

/* Configures the tiles for `upper` + `lower` rows of A; lower may be 0. */
static void set_tiles(size_t upper, size_t lower) {
    tile_config c = {.palette = 1};
    c.rows[0] = c.rows[1] = c.rows[4] = (uint8_t)upper;
    c.rows[2] = c.rows[3] = c.rows[5] = (uint8_t)lower;
    c.rows[6] = c.rows[7] = TILE;
    for (int i = 0; i < 8; i++) c.bytes[i] = c.rows[i] ? 64 : 0;
    /* As assembly: the intrinsic of gcc 12 names 8 bytes as read, and the writes of the others may go. */
    __asm__ volatile("ldtilecfg %0" : : "m"(c));
}
