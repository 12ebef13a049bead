/* version.c - cvt --version. It includes the headers of the libraries only for their version numbers. */
#include <cjson/cJSON.h>
#include <png.h>
#include <stdio.h>
#include <zlib.h>

/* jpeglib.h does not include what it needs for size_t and FILE. */
#include <jpeglib.h>

#ifdef CVT_WITH_WEBP
#include <webp/decode.h>
#endif
#ifdef CVT_WITH_HEIF
#include <libheif/heif.h>
#endif
#ifdef CVT_WITH_ARCHIVE
#include <archive.h>
#endif

#include "cli/command.h"

#ifndef CVT_GIT_ID /* the commit, which the Makefile passes */
#define CVT_GIT_ID ""
#endif
#ifndef LIBJPEG_TURBO_VERSION
#error "libjpeg-turbo is needed: other libjpegs decode to other pixels"
#endif

#define TEXT(x) TEXT_(x)
#define TEXT_(x) #x

/* The libraries that need not be here, and those that are not. Those that are loaded when they are needed are named by
 * their headers' versions. */
static void print_others(cvt_str *text) {
#ifdef CVT_WITH_WEBP
    const int webp = WebPGetDecoderVersion();
    cvt_str_print(text, "WebP: libwebp %d.%d.%d\n", webp >> 16, webp >> 8 & 255, webp & 255);
#else
    cvt_str_print(text, "WebP: none (libwebp)\n");
#endif
#ifdef CVT_WITH_HEIF
    cvt_str_print(text, "HEIC, AVIF: libheif %s\n", LIBHEIF_VERSION);
#else
    cvt_str_print(text, "HEIC, AVIF: none (libheif)\n");
#endif
#ifdef CVT_WITH_ARCHIVE
    cvt_str_print(text, "tar: %s\n", ARCHIVE_VERSION_STRING);
#else
    cvt_str_print(text, "tar: none (libarchive)\n");
#endif
}

int cvt_help_version(cvt_cli *cli) {
    const char *isa;
    cvt_error error;
    if (cvt_isa(&isa, &error) != CVT_OK) return cvt_cli_fail(NULL, &error, CVT_EXIT_USAGE);
    cvt_str text = {0};
    cvt_str_print(&text, "cvt %s (git %s)\n", CVT_VERSION, CVT_GIT_ID[0] ? CVT_GIT_ID : "unknown");
    cvt_str_print(&text, "copyright 2026 the cvt authors, MIT licence\n");
    cvt_str_print(&text, "libjpeg-turbo %s, libpng %s, zlib %s, cJSON %s\n", TEXT(LIBJPEG_TURBO_VERSION),
                  png_get_libpng_ver(NULL), zlibVersion(), cJSON_Version());
    print_others(&text);
    cvt_str_print(&text, "kernels: %s\n", isa);
#ifdef _OPENMP
    cvt_str_print(&text, "OpenMP: %d\n", _OPENMP);
#else
    cvt_str_print(&text, "OpenMP: none\n");
#endif
    cvt_str_print(&text, "pixels as Pillow 13\n");
    cvt_cli_write_str(cli, &text);
    return CVT_EXIT_OK;
}
