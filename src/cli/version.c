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

#if defined(__clang__)
#define COMPILER "clang " __clang_version__
#else
#define COMPILER "gcc " __VERSION__
#endif

#define TEXT(x) TEXT_(x)
#define TEXT_(x) #x

/* A library, and its version; NULL: this build has none. Those that are loaded when they are needed are named by the
 * versions of their headers. */
typedef struct library {
    const char *name, *version;
} library;

enum { JPEG, PNG, ZLIB, CJSON, WEBP, HEIF, ARCHIVE, LIBRARIES };

typedef struct versions {
    library list[LIBRARIES];
    char webp[16];
} versions;

static void find_versions(versions *v) {
    *v = (versions){.list = {[JPEG] = {"libjpeg-turbo", TEXT(LIBJPEG_TURBO_VERSION)},
                             [PNG] = {"libpng", png_get_libpng_ver(NULL)},
                             [ZLIB] = {"zlib", zlibVersion()},
                             [CJSON] = {"cJSON", cJSON_Version()},
                             [WEBP] = {"libwebp", NULL},
                             [HEIF] = {"libheif", NULL},
                             [ARCHIVE] = {"libarchive", NULL}}};
#ifdef CVT_WITH_WEBP
    const int webp = WebPGetDecoderVersion();
    snprintf(v->webp, sizeof v->webp, "%d.%d.%d", webp >> 16, webp >> 8 & 255, webp & 255);
    v->list[WEBP].version = v->webp;
#endif
#ifdef CVT_WITH_HEIF
    v->list[HEIF].version = LIBHEIF_VERSION;
#endif
#ifdef CVT_WITH_ARCHIVE
    v->list[ARCHIVE].version = ARCHIVE_VERSION_ONLY_STRING;
#endif
}

/* A format and the library that reads it. */
static void print_format(cvt_str *text, const char *format, const library *l) {
    if (l->version)
        cvt_str_print(text, "%s: %s %s\n", format, l->name, l->version);
    else
        cvt_str_print(text, "%s: none (%s)\n", format, l->name);
}

static void print_text(cvt_str *text, const library *list, const char *isa) {
    cvt_str_print(text, "cvt %s (git %s)\n", CVT_VERSION, CVT_GIT_ID[0] ? CVT_GIT_ID : "unknown");
    cvt_str_print(text, "copyright 2026 the cvt authors, MIT licence\n");
    for (int i = 0; i < WEBP; i++)
        cvt_str_print(text, "%s %s%s", list[i].name, list[i].version, i + 1 < WEBP ? ", " : "\n");
    print_format(text, "WebP", &list[WEBP]);
    print_format(text, "HEIC, AVIF", &list[HEIF]);
    print_format(text, "tar", &list[ARCHIVE]);
    cvt_str_print(text, "kernels: %s\n", isa);
#ifdef _OPENMP
    cvt_str_print(text, "OpenMP: %d\n", _OPENMP);
#else
    cvt_str_print(text, "OpenMP: none\n");
#endif
    cvt_str_print(text, "pixels as Pillow 13\n");
}

/* A member of the object, whose value is text, or null. */
static void print_member(cvt_str *text, const char *name, const char *value, const char *behind) {
    cvt_str_json(text, name, false);
    cvt_str_print(text, ":");
    if (value)
        cvt_str_json(text, value, false);
    else
        cvt_str_print(text, "null");
    cvt_str_text(text, behind);
}

static void print_json(cvt_str *text, const library *list, const char *isa) {
    cvt_str_print(text, "{");
    print_member(text, "cvt", CVT_VERSION, ",");
    print_member(text, "git", CVT_GIT_ID[0] ? CVT_GIT_ID : NULL, ",");
    print_member(text, "licence", "MIT", ",\"libraries\":{");
    for (int i = 0; i < LIBRARIES; i++)
        print_member(text, list[i].name, list[i].version, i + 1 < LIBRARIES ? "," : "},");
    print_member(text, "kernels", isa, ",\"openmp\":");
#ifdef _OPENMP
    cvt_str_print(text, "%d,", _OPENMP);
#else
    cvt_str_print(text, "null,");
#endif
    print_member(text, "pixels", "Pillow 13", ",");
    print_member(text, "compiler", COMPILER, "}\n");
}

int cvt_help_version(cvt_cli *cli, bool json) {
    const char *isa;
    cvt_error error;
    versions v;
    cvt_str text = {0};
    if (cvt_isa(&isa, &error) != CVT_OK) return cvt_cli_fail(NULL, &error, CVT_EXIT_USAGE);
    find_versions(&v);
    if (json)
        print_json(&text, v.list, isa);
    else
        print_text(&text, v.list, isa);
    cvt_cli_write_str(cli, &text);
    return CVT_EXIT_OK;
}
