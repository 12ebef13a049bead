/* group.h - the images of tar archives together with their labels, which stand in .cls, .txt and .json entries of the
 * same key, before an image or behind it (archive.h says what a key is). */
#ifndef CVT_BATCH_GROUP_H
#define CVT_BATCH_GROUP_H

#include "batch/archive.h"

typedef struct cvt_groups cvt_groups;

/* Takes its entries from the archives, which were made with labels and must outlive it. max_pixels: as in cvt_input.
 * NULL: no memory. */
cvt_groups *cvt_groups_new(cvt_archives *archives, uint64_t max_pixels);
void cvt_groups_free(cvt_groups *groups);

/* As cvt_archives_next and cvt_archives_take, but that images were read already. */
cvt_archive_item cvt_groups_next(cvt_groups *groups, cvt_str *path, cvt_error *problem);
bool cvt_groups_take(cvt_groups *groups, cvt_input *input, cvt_error *error);
/* As cvt_archives_name, of the image that was given last. */
const char *cvt_groups_name(const cvt_groups *groups);

/* The label of the image that was given last: what its .cls has, else its .txt, without spaces around it; else its
 * .json, which is a text or a number, or an object that has one of these as "label", "cls" or "class". NULL: none. */
const char *cvt_groups_label(const cvt_groups *groups);

#endif
