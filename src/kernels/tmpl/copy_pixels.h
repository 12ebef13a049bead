/* copy_pixels.h - what the horizontal passes of a resize share. */

/* Copies n > 0 pixels of three bytes between runs of pixels that are `to_step` and `from_step` bytes apart. A fourth
 * byte is copied along but for the last pixel: one move instead of two. */
INLINE void copy_pixels(uint8_t *to, size_t to_step, const uint8_t *from, size_t from_step, size_t n) {
    for (size_t i = 0; i + 1 < n; i++) memcpy(to + i * to_step, from + i * from_step, 4);
    memcpy(to + (n - 1) * to_step, from + (n - 1) * from_step, 3);
}
