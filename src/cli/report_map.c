/* report_map.c - for cvt report --attend: small images under the maps of where a model looks. The model is one of cvt
 * attend's, and what is shown is what that command shows by itself: the last layer of attention, or the class
 * activation map of the best class. */
#include "cli/report_map.h"

#include "cli/models.h"
#include "cli/threads.h"
#include "model/interleaved.h"

int cvt_report_map_open(cvt_report_map *map, cvt_cli *cli, const cvt_settings *settings) {
    const cvt_options options = {.weights_later = true};
    cvt_threads threads;
    cvt_error error;
    map->settings = (cvt_settings){.model = settings->attend};
    cvt_image_options images = {.size = sizeof images}; /* the defaults of the library */
    map->desk.options = images;
    map->desk.options.alpha = CVT_ALPHA_WHITE; /* as other thumbnails are drawn */
    map->what = (cvt_attend){.cli = cli, .settings = &map->settings};
    int status = cvt_models_open(cli, &map->settings, &options, &map->what.model);
    if (status != CVT_EXIT_OK) return status;
    if (cvt_model_reads_images(map->what.model, &error) != CVT_OK) return cvt_cli_fail(NULL, &error, CVT_EXIT_MODEL);
    status = cvt_attend_choose(&map->what);
    if (status != CVT_EXIT_OK) return status;
    if (cvt_threads_choose(&map->settings, false, &threads, &error) != CVT_OK)
        return cvt_cli_fail(NULL, &error, CVT_EXIT_USAGE);
    if (cvt_model_load(map->what.model, &error) != CVT_OK ||
        cvt_session_new(&map->session, map->what.model, 1, threads.inside, &error) != CVT_OK ||
        cvt_image_new(&map->image, &images, &error) != CVT_OK)
        return cvt_cli_fail(NULL, &error, CVT_EXIT_MODEL);
    return CVT_EXIT_OK;
}

static cvt_status make(cvt_report_map *map, const cvt_batch_image *of, int side, cvt_str *jpeg, cvt_error *error) {
    TRY(cvt_image_read_memory(map->image, map->what.model, of->bytes, of->size, CVT_STOP_NONE, error));
    const float *input = cvt_image_tensor(map->image);
    if (!input) return cvt_fail_memory(error);
    TRY(cvt_session_run(map->session, &input, 1, error));
    return cvt_attend_thumbnail(&map->what, &map->desk, map->session, of, side, jpeg, error);
}

cvt_status cvt_report_map_make(cvt_report_map *map, const cvt_batch_image *of, int side, cvt_str *jpeg,
                               cvt_error *error) {
    cvt_error why;
    const cvt_status status = make(map, of, side, jpeg, &why);
    if (status == CVT_NO_MEMORY) return cvt_fail_memory(error);
    map->made += status == CVT_OK;
    if (status == CVT_OK) return CVT_OK;
    if (!map->failed++) cvt_str_print(&map->first_failure, "%s: %s", of->path, why.message);
    return CVT_OK;
}

void cvt_report_map_say(const cvt_report_map *map) {
    cvt_str line = {0};
    if (!map->failed) return;
    cvt_str_print(&line, "%zu of %zu thumbnails do not show where the model looks (%s)", map->failed,
                  map->failed + map->made, map->first_failure.data ? map->first_failure.data : "");
    if (!line.failed) cvt_cli_say(NULL, line.data);
    cvt_str_free(&line);
}

void cvt_report_map_free(cvt_report_map *map) {
    cvt_session_free(map->session);
    cvt_image_free(map->image);
    cvt_attend_free(&map->what);
    cvt_attend_desk_free(&map->desk);
    cvt_model_free(map->what.model);
    cvt_str_free(&map->first_failure);
    *map = (cvt_report_map){0};
}
