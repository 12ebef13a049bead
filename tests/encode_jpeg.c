/* encode_jpeg.c - writes those kinds of JPEG that Pillow cannot write. Only make_images.py uses it.
 *
 *     encode_jpeg WIDTH HEIGHT COMPONENTS SPACE QUALITY FLAGS FACTORS... <raw >jpeg
 *
 * SPACE is ycc, rgb, gray, cmyk or ycck, or unknown for two components. FLAGS are letters, or "-": p(rogressive),
 * a(rithmetic), r(estart every 5 MCUs), n(o Adobe or JFIF marker), s(cans: more than 200 of them). FACTORS are sampling
 * factors such as 2x1, one for each component. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

static J_COLOR_SPACE space(const char *name) {
    static const struct {
        const char *name;
        J_COLOR_SPACE space;
    } spaces[] = {
        {"ycc", JCS_YCbCr}, {"rgb", JCS_RGB}, {"gray", JCS_GRAYSCALE}, {"cmyk", JCS_CMYK}, {"ycck", JCS_YCCK}};
    for (size_t i = 0; i < sizeof spaces / sizeof *spaces; i++)
        if (strcmp(name, spaces[i].name) == 0) return spaces[i].space;
    return JCS_UNKNOWN;
}

/* DC, then the AC bands one by one: a legal script of very many scans */
static jpeg_scan_info *many_scans(int components, int *n) {
    jpeg_scan_info *scans = calloc((size_t)(1 + 63 * 4), sizeof *scans);
    scans[0] = (jpeg_scan_info){.comps_in_scan = components, .component_index = {0, 1, 2, 3}};
    *n = 1;
    for (int c = 0; c < components; c++)
        for (int k = 1; k < 64 && *n < 250; k++)
            for (int low = 1; low >= 0; low--)
                if (*n < 250) scans[(*n)++] = (jpeg_scan_info){1, {c}, k, k, low ? 0 : 1, low};
    return scans;
}

int main(int argc, char **argv) {
    if (argc < 8) return 2;
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    const unsigned width = (unsigned)atoi(argv[1]), height = (unsigned)atoi(argv[2]);
    const int components = atoi(argv[3]);
    const char *flags = argv[6];
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    jpeg_stdio_dest(&jpeg, stdout);
    jpeg.image_width = width;
    jpeg.image_height = height;
    jpeg.input_components = components;
    jpeg.in_color_space = components == 1   ? JCS_GRAYSCALE
                          : components == 3 ? JCS_RGB
                          : components == 4 ? JCS_CMYK
                                            : JCS_UNKNOWN;
    jpeg_set_defaults(&jpeg);
    jpeg_set_colorspace(&jpeg, space(argv[4]));
    jpeg_set_quality(&jpeg, atoi(argv[5]), TRUE);
    for (int i = 0; i < components; i++)
        sscanf(argv[7 + i], "%dx%d", &jpeg.comp_info[i].h_samp_factor, &jpeg.comp_info[i].v_samp_factor);
    if (strchr(flags, 'p')) jpeg_simple_progression(&jpeg);
    if (strchr(flags, 's')) jpeg.scan_info = many_scans(components, &jpeg.num_scans);
    if (strchr(flags, 'a')) jpeg.arith_code = TRUE;
    if (strchr(flags, 'r')) jpeg.restart_interval = 5;
    if (strchr(flags, 'n')) jpeg.write_Adobe_marker = jpeg.write_JFIF_header = FALSE;
    jpeg_start_compress(&jpeg, TRUE);
    JSAMPLE *row = malloc((size_t)width * (size_t)components);
    while (jpeg.next_scanline < height) {
        if (fread(row, (size_t)components, width, stdin) != width) return 1;
        jpeg_write_scanlines(&jpeg, &row, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    return 0;
}
