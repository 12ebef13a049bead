/* page.h - one HTML page of records, which needs no other file and no network. page.html is the page; what is written
 * here are the records within it, as JSON. They come from outside: every member is checked, and only those that the
 * page shows are taken.
 *
 * Append cvt_page_begin, then for each record cvt_page_record and cvt_page_end_record, or cvt_page_header, then
 * cvt_page_end. */
#ifndef CVT_REPORT_PAGE_H
#define CVT_REPORT_PAGE_H

#include "base/json.h"
#include "base/str.h"

/* The template, page.html: the Makefile makes an object of it. */
extern const unsigned char cvt_page_html[];
extern const size_t cvt_page_html_size;

enum { CVT_PAGE_RANKS = 20 /* the most classes of a record that are shown */ };

/* What a record says of its image. Zero-initialise it, reuse it, and free both texts at the end. */
typedef struct cvt_page_image {
    cvt_str path;
    cvt_str archive; /* of which the path is that of an entry; empty: it is that of a file */
    bool ok;
} cvt_page_image;

void cvt_page_begin(cvt_str *to);
/* Is this the header of records, which says what made them? */
bool cvt_page_is_header(const cvt_json *value);
/* `file`: the index of the file of records. */
void cvt_page_header(cvt_str *to, const cvt_json *header, size_t file);
/* Appends the beginning of a record. CVT_FORMAT where it is none as cvt writes it, saying what is wrong; nothing is
 * appended then. */
cvt_status cvt_page_record(cvt_str *to, const cvt_json *record, size_t file, cvt_page_image *image, cvt_error *error);
/* Appends the end of it: a thumbnail, and the same under a map of where a model looks; JPEG files, unless they are
 * empty. */
void cvt_page_end_record(cvt_str *to, const cvt_str *jpeg, const cvt_str *map);

/* What the page says of itself. */
typedef struct cvt_page_about {
    const char *const *files; /* of records */
    size_t n_files, bad;      /* bad: lines of them that are no records */
    const char *base;         /* a link from the page to where paths begin: empty, or with a slash at its end */
    size_t without;           /* images that have no thumbnail since there are as many as were asked for */
    const char *attend;       /* the model that maps are of; NULL: there are none */
} cvt_page_about;
void cvt_page_end(cvt_str *to, const cvt_page_about *about);

/* Appends bytes of a path as they stand in a link. */
void cvt_page_link(cvt_str *to, const char *path);

#endif
