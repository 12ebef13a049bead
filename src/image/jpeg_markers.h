/* jpeg_markers.h - the markers of a JPEG that the walks over its segments tell apart. */
#ifndef CVT_IMAGE_JPEG_MARKERS_H
#define CVT_IMAGE_JPEG_MARKERS_H

#include <stdbool.h>

enum {
    CVT_JPEG_TEM = 0x01,
    CVT_JPEG_SOF0 = 0xc0,
    CVT_JPEG_DHT = 0xc4,
    CVT_JPEG_JPG = 0xc8,
    CVT_JPEG_DAC = 0xcc,
    CVT_JPEG_SOF15 = 0xcf,
    CVT_JPEG_RST0 = 0xd0,
    CVT_JPEG_SOI = 0xd8,
    CVT_JPEG_EOI = 0xd9,
    CVT_JPEG_SOS = 0xda,
    CVT_JPEG_DQT = 0xdb,
    CVT_JPEG_DRI = 0xdd,
    CVT_JPEG_APP1 = 0xe1,
    CVT_JPEG_COM = 0xfe
};

/* TEM, RSTn and SOI. The others but EOI have a segment behind them, of the length that it begins with. */
static inline bool cvt_jpeg_stands_alone(int code) {
    return code == CVT_JPEG_TEM || (code >= CVT_JPEG_RST0 && code <= CVT_JPEG_SOI);
}

/* SOFn: its segment has the size of the image. */
static inline bool cvt_jpeg_begins_frame(int code) {
    return code >= CVT_JPEG_SOF0 && code <= CVT_JPEG_SOF15 && code != CVT_JPEG_DHT && code != CVT_JPEG_JPG &&
           code != CVT_JPEG_DAC;
}

#endif
