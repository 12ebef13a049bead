/* attend.c - cvt attend: shows where a model looks on an image, as numbers over a grid or as a heat map over the
 * image. One image gives the file that -o names; a collection of images gives a file for each in the directory that -o
 * names, and a record for each in records.jsonl there. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/sha256.h"
#include "batch/input.h"
#include "cli/attend_picture.h"
#include "cli/collection.h"
#include "cli/models.h"
#include "cli/threads.h"
#include "model/interleaved.h"

static int fail_memory(void) {
    cvt_error error;
    cvt_fail_memory(&error);
    return cvt_cli_fail(NULL, &error, CVT_EXIT_MODEL);
}

/* Opens the model, of which one value is read and an image is the input. */
static int open_model(cvt_attend *a) {
    cvt_options options = {.weights_later = true};
    cvt_error error;
    int status = cvt_models_open(a->cli, a->settings, &options, &a->model);
    if (status != CVT_EXIT_OK) return status;
    if (cvt_model_inputs(a->model) == 1) {
        if (cvt_model_reads_images(a->model, &error) == CVT_OK) return CVT_EXIT_OK;
        return cvt_cli_fail(NULL, &error, CVT_EXIT_MODEL);
    }
    cvt_fail(&error, CVT_CONFIG, "the model reads %d inputs, not one image", cvt_model_inputs(a->model));
    return cvt_cli_fail(NULL, &error, CVT_EXIT_MODEL);
}

/* A sheet has many maps, which numbers alone would not tell apart. */
static int check_sheet(const cvt_attend *a, const cvt_attend_form *form) {
    if (!a->settings->sheet || form->kind != CVT_OUTPUT_NPY) return CVT_EXIT_OK;
    return cvt_cli_usage(a->cli,
                         "--sheet is a picture of many maps: .svg, .html or .png; .npy holds the numbers of one");
}

/* Chooses what is shown, and says where that is not as the paper on attention rollout has it. */
static int choose(cvt_attend *a) {
    const int status = cvt_attend_choose(a);
    if (status == CVT_EXIT_OK && cvt_attend_spreads(a))
        cvt_cli_say(NULL,
                    "rollout: where a layer has fewer keys than tokens, each key is spread evenly over the tokens "
                    "that it is made from; this is an extension of this program");
    return status;
}

/* ---- one image ------------------------------------------------------------------------------------------------- */

/* What the steps share. Each returns an exit status, and the next one runs while that is CVT_EXIT_OK. */
typedef struct view {
    cvt_attend what;
    const char *path; /* the path of the image */
    const cvt_attend_form *form;
    cvt_input input; /* the bytes of the image */
    cvt_image *image;
    cvt_session *session;
    cvt_attend_desk desk;
} view;

/* Chooses the form of the output by the ending of its name. */
static int choose_form(view *v) {
    const char *name = v->what.settings->output;
    v->form = cvt_attend_form_of(name);
    if (!v->form) return cvt_cli_usage(v->what.cli, "'%s': the name must end with .png, .svg, .html or .npy", name);
    return check_sheet(&v->what, v->form);
}

static int open_one(view *v) {
    const cvt_settings *s = v->what.settings;
    cvt_error error;
    int status = open_model(&v->what);
    if (status != CVT_EXIT_OK) return status;
    char *const operands[] = {(char *)(uintptr_t)v->path, NULL};
    if (cvt_output_check(s->output, v->form->kind, NULL, s, operands, v->what.model, &error) != CVT_OK)
        return cvt_cli_fail(NULL, &error, CVT_EXIT_USAGE);
    return choose(&v->what);
}

static int read_image(view *v) {
    cvt_image_options options = cvt_settings_image(v->what.settings);
    cvt_error error;
    cvt_status status = cvt_image_new(&v->image, &options, &error);
    v->input.max_pixels = options.max_pixels;
    if (status == CVT_OK) status = cvt_input_read(&v->input, v->path, true, -1, &error);
    if (status == CVT_OK)
        status = cvt_image_read_memory(v->image, v->what.model, v->input.data, v->input.size, CVT_STOP_NONE, &error);
    if (status != CVT_OK) return cvt_cli_fail(v->path, &error, CVT_EXIT_INPUT);
    if (cvt_image_warning(v->image)) cvt_cli_say(v->path, cvt_image_warning(v->image));
    return CVT_EXIT_OK;
}

static int run_model(view *v) {
    cvt_error error;
    cvt_threads threads;
    if (cvt_threads_choose(v->what.settings, false, &threads, &error) != CVT_OK)
        return cvt_cli_fail(NULL, &error, CVT_EXIT_USAGE);
    if (cvt_model_load(v->what.model, &error) != CVT_OK ||
        cvt_session_new(&v->session, v->what.model, 1, threads.inside, &error) != CVT_OK)
        return cvt_cli_fail(NULL, &error, CVT_EXIT_MODEL);
    const float *input = cvt_image_tensor(v->image);
    if (cvt_session_run(v->session, &input, 1, &error) != CVT_OK) return cvt_cli_fail(v->path, &error, CVT_EXIT_INPUT);
    return CVT_EXIT_OK;
}

/* Reports what no option has said: that a class activation map is shown, and of which class. */
static void say_class(const view *v, int class_index) {
    const char *label = cvt_model_label(v->what.model, class_index);
    char message[CVT_MESSAGE_MAX];
    snprintf(message, sizeof message, "class activation map for class %d%s%.500s%s", class_index, label ? " (" : "",
             label ? label : "", label ? ")" : "");
    cvt_cli_say(v->path, message);
}

static int write_one(view *v) {
    const char *to = v->what.settings->output;
    const cvt_batch_image of = {v->path, v->input.data, v->input.size};
    cvt_attend_result result;
    cvt_error error;
    cvt_cli_stop_softly();
    v->desk.options = cvt_settings_image(v->what.settings);
    if (cvt_attend_write(&v->what, v->form, &v->desk, v->session, &of, to, &result, &error) != CVT_OK)
        return cvt_cli_fail(to, &error, CVT_EXIT_OUTPUT);
    if (result.class_index >= 0 && v->what.n_layers == 1) say_class(v, result.class_index);
    if (result.bare) cvt_cli_say(v->path, "no number of the map is above 0: the picture has no colours");
    return CVT_EXIT_OK;
}

/* Options that only records have. */
static bool wants_records(const cvt_settings *s) {
    return s->resume || s->header || s->retry_errors || s->zero || s->exif_fields || s->shard.count || s->recursive ||
           s->null || s->files_from.n || s->tars.n || !cvt_opt_is(s->format, "png");
}

static int attend_one(cvt_cli *cli, const cvt_settings *settings, char **operands) {
    view v = {.what = {.cli = cli, .settings = settings}, .path = operands[0]};
    static int (*const steps[])(view *) = {choose_form, open_one, read_image, run_model, write_one};
    if (wants_records(settings) || (operands[0] && operands[1]) || (operands[0] && cvt_file_is_directory(operands[0])))
        return cvt_cli_usage(cli, "'%s' is a file for a single image: name a directory, with a slash behind it: -o %s/",
                             settings->output, settings->output);
    if (!operands[0]) return cvt_cli_usage(cli, "an operand is missing: %s", cli->command->operands);
    int status = CVT_EXIT_OK;
    for (size_t i = 0; status == CVT_EXIT_OK && i < sizeof steps / sizeof steps[0]; i++) status = steps[i](&v);
    cvt_session_free(v.session);
    cvt_image_free(v.image);
    cvt_model_free(v.what.model);
    cvt_attend_free(&v.what);
    cvt_attend_desk_free(&v.desk);
    free(v.input.data);
    return status;
}

/* ---- a collection ---------------------------------------------------------------------------------------------- */

typedef struct gallery {
    cvt_collection to;
    cvt_attend what;
    const cvt_attend_form *form;
    cvt_str folder, records; /* the directory, with a slash behind it; the file of records in it */
    cvt_attend_desk *desks;  /* for each runner */
    int n;
    cvt_batch_maker maker;
} gallery;

/* Appends the name of an image's file. No two paths have the same: what a path may not have in a name, and what the
 * name has of its own, becomes %XX; of a long path the beginning is left, and a hash of all stands behind it. */
static void append_name(cvt_str *to, const char *path, const char *ending) {
    enum { LONGEST = 200 };
    const size_t from = to->size;
    for (const char *c = path; *c; c++) {
        const unsigned char byte = (unsigned char)*c;
        if (byte < 0x20 || byte == 0x7f || byte == '/' || byte == '%' || byte == '\\' || (byte == '.' && c == path))
            cvt_str_print(to, "%%%02X", byte);
        else
            cvt_str_append(to, c, 1);
    }
    if (to->size - from > LONGEST) {
        char text[CVT_SHA256_TEXT];
        cvt_sha256_of(path, strlen(path), text);
        size_t keep = LONGEST - 40;
        while (keep > 0 && ((unsigned char)to->data[from + keep] & 0xc0) == 0x80) keep--;
        to->size = from + keep;
        cvt_str_print(to, "%%-%.32s", text);
    }
    cvt_str_text(to, ending);
}

/* The path of an image's file. */
static void form_path(const gallery *g, cvt_str *to, const char *path) {
    cvt_str_append(to, g->folder.data, g->folder.size);
    append_name(to, path, g->form->ending);
}

/* The result of an image is the class that its map is of, or -1. */
static cvt_status make(void *context, int runner, const cvt_session *session, const cvt_batch_image *image,
                       float *result, cvt_error *error) {
    gallery *g = context;
    const cvt_attend *a = &g->what;
    cvt_str to = {0};
    cvt_attend_result made = {.class_index = -1};
    form_path(g, &to, image->path);
    cvt_status status = to.failed ? cvt_fail_memory(error) : CVT_OK;
    if (status == CVT_OK) status = cvt_output_check(to.data, g->form->kind, NULL, a->settings, NULL, NULL, error);
    if (status == CVT_OK)
        status = cvt_attend_write(a, g->form, &g->desks[runner], session, image, to.data, &made, error);
    *result = (float)made.class_index;
    cvt_str_free(&to);
    return status;
}

static bool add_record(void *context, const cvt_batch_result *result) {
    gallery *g = context;
    cvt_record record = {0};
    cvt_rank shown = {0};
    cvt_str file = {0};
    if (result->status == CVT_OUTPUT || result->status == CVT_USAGE) {
        cvt_fail(&g->to.error, result->status, "%s", result->message);
        return false;
    }
    if (result->status == CVT_OK) {
        form_path(g, &file, result->path);
        if (file.failed) {
            cvt_fail_memory(&g->to.error);
            cvt_str_free(&file);
            return false;
        }
        record.file = file.data;
        shown.index = (int)result->output[0];
        shown.label = cvt_model_label(g->what.model, shown.index);
        if (shown.index >= 0) record.shown = &shown;
    }
    const bool goes_on = cvt_collection_add(&g->to, &record, result);
    cvt_str_free(&file);
    return goes_on;
}

/* Is the directory in one that is searched, or the same? Then maps would be taken for images. */
static bool lies_in(const char *folder, const char *operand, bool recursive) {
    enum { DEEPEST = 256 };
    struct stat here, above = {0}, searched;
    cvt_str path = {0};
    bool is = false, root = false;
    cvt_str_text(&path, folder);
    bool known = stat(operand, &searched) == 0 && S_ISDIR(searched.st_mode);
    for (int i = 0; known && !is && !root && (i == 0 || recursive) && i < DEEPEST; i++) {
        known = path.data && stat(path.data, &here) == 0;
        is = known && here.st_ino == searched.st_ino && here.st_dev == searched.st_dev;
        root = i > 0 && known && here.st_ino == above.st_ino && here.st_dev == above.st_dev;
        above = here;
        cvt_str_print(&path, "/..");
    }
    cvt_str_free(&path);
    return is;
}

/* Makes the directory, and names the file of records in it. */
static cvt_status make_folder(gallery *g, char *const *operands, cvt_error *error) {
    const char *name = g->what.settings->output;
    cvt_str_print(&g->folder, "%s%s", name, name[strlen(name) - 1] == '/' ? "" : "/");
    cvt_str_print(&g->records, "%srecords.jsonl", g->folder.data ? g->folder.data : "");
    if (g->folder.failed || g->records.failed) return cvt_fail_memory(error);
    if (mkdir(g->folder.data, 0777) != 0 && !(errno == EEXIST && cvt_file_is_directory(name)))
        return cvt_fail(error, CVT_OUTPUT, "%s: %s", name, strerror(errno));
    for (size_t i = 0; operands[i]; i++)
        if (lies_in(name, operands[i], g->what.settings->recursive))
            return cvt_fail(error, CVT_USAGE, "%s: it lies in %s, which is read here: choose another directory", name,
                            operands[i]);
    return CVT_OK;
}

static bool prepare(gallery *g, cvt_batch_options *options) {
    g->n = options->jobs;
    g->desks = calloc((size_t)g->n, sizeof *g->desks);
    for (int i = 0; g->desks && i < g->n; i++) g->desks[i].options = options->image;
    g->maker = (cvt_batch_maker){1, make, g};
    options->maker = &g->maker;
    return g->desks != NULL;
}

static int attend(gallery *g, cvt_batch **batch, char **operands) {
    const cvt_settings *settings = g->what.settings;
    cvt_model **model = &g->what.model;
    cvt_batch_options options;
    cvt_error error;
    if (cvt_inputs_choose(&options, settings, operands, &error) != CVT_OK)
        return cvt_cli_fail(NULL, &error, CVT_EXIT_USAGE);
    options.images = 1;
    int status = check_sheet(&g->what, g->form);
    if (status == CVT_EXIT_OK) status = open_model(&g->what);
    if (status == CVT_EXIT_OK) status = choose(&g->what);
    if (status != CVT_EXIT_OK) return status;
    if (make_folder(g, operands, &error) != CVT_OK) return cvt_cli_fail(NULL, &error, CVT_EXIT_OUTPUT);
    if (cvt_collection_begin(&g->to, g->what.cli, settings, g->records.data, "jsonl", &error) != CVT_OK)
        return cvt_cli_usage(g->what.cli, "%s", error.message);
    g->to.headed = true;
    g->to.member = "file";
    if (!prepare(g, &options)) return fail_memory();
    status = cvt_collection_open(&g->to, &options, NULL, operands, *model);
    if (status != CVT_EXIT_OK) return status;
    if (cvt_batch_new(batch, *model, &options, &error) != CVT_OK || cvt_model_load(*model, &error) != CVT_OK)
        return cvt_cli_fail(NULL, &error, CVT_EXIT_MODEL);
    return cvt_collection_run(&g->to, *batch, add_record, g);
}

static int attend_many(cvt_cli *cli, const cvt_settings *settings, char **operands) {
    gallery g = {.what = {.cli = cli, .settings = settings}, .form = cvt_attend_form_named(settings->format)};
    cvt_batch *batch = NULL;
    int status = attend(&g, &batch, operands);
    cvt_batch_free(batch);
    cvt_collection_end(&g.to);
    for (int i = 0; g.desks && i < g.n; i++) cvt_attend_desk_free(&g.desks[i]);
    free(g.desks);
    cvt_attend_free(&g.what);
    cvt_model_free(g.what.model);
    cvt_str_free(&g.folder);
    cvt_str_free(&g.records);
    return status;
}

int cvt_command_attend(cvt_cli *cli, const cvt_settings *settings, char **operands) {
    const char *output = settings->output;
    const size_t n = strlen(output);
    const bool folder = (n > 0 && output[n - 1] == '/') || cvt_file_is_directory(output);
    return folder ? attend_many(cli, settings, operands) : attend_one(cli, settings, operands);
}
