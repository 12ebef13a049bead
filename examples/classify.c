/* classify.c - what is on a picture: classify MODEL PICTURE
 * Build: cc classify.c -o classify $(pkg-config --cflags --libs cvt) */
#include <cvt.h>
#include <stdio.h>

int main(int argc, char **argv) {
    cvt_model *model = NULL;
    cvt_session *session = NULL;
    cvt_image *image = NULL;
    cvt_error error = {.status = CVT_USAGE, .message = "usage: classify MODEL PICTURE"};
    if (argc == 3 && cvt_model_open(&model, argv[1], NULL, &error) == CVT_OK &&
        cvt_session_new(&session, model, 1, 1, &error) == CVT_OK && cvt_image_new(&image, NULL, &error) == CVT_OK &&
        cvt_image_read(image, model, argv[2], CVT_STOP_NONE, &error) == CVT_OK) {
        const float *input = cvt_image_tensor(image);
        error.status = cvt_session_run(session, &input, 1, &error);
    }
    if (error.status == CVT_OK) {
        cvt_score top[5];
        int n = cvt_model_top_k(model, cvt_session_output(session), top, 5);
        for (int i = 0; i < n; i++) {
            const char *label = cvt_model_label(model, top[i].index);
            printf("%5.1f %%  %s\n", 100.0 * top[i].score, label ? label : "(no name)");
        }
    } else {
        fprintf(stderr, "%s\n", error.message);
    }
    cvt_image_free(image);
    cvt_session_free(session);
    cvt_model_free(model);
    return error.status != CVT_OK;
}
