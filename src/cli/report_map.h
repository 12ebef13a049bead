/* report_map.h - for cvt report --attend: small images under the maps of where a model looks. */
#ifndef CVT_CLI_REPORT_MAP_H
#define CVT_CLI_REPORT_MAP_H

#include "cli/attend_picture.h"

/* Zero-initialise it. */
typedef struct cvt_report_map {
    cvt_settings settings; /* of cvt attend, as if nothing but the model were given */
    cvt_attend what;
    cvt_image *image;
    cvt_session *session;
    cvt_attend_desk desk;
    size_t made, failed;
    cvt_str first_failure;
} cvt_report_map;

/* Opens the model. Returns an exit status; what is wrong has been said. */
int cvt_report_map_open(cvt_report_map *map, cvt_cli *cli, const cvt_settings *settings);
/* Appends a JPEG of the image whose longer side has at most `side` pixels. An image that the model cannot take leaves
 * *jpeg as it is, and is counted; the only error is CVT_NO_MEMORY. */
cvt_status cvt_report_map_make(cvt_report_map *map, const cvt_batch_image *of, int side, cvt_str *jpeg,
                               cvt_error *error);
/* Says how many images have no map. */
void cvt_report_map_say(const cvt_report_map *map);
void cvt_report_map_free(cvt_report_map *map);

#endif
