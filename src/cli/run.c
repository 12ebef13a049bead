/* run.c - cvt run: runs one forward pass over tensors from .npy files. The heights and widths of the model's inputs are
 * those of the files. DIR/output.npy gets the output, and DIR/TAP.npy each tap that is asked for. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/num.h"
#include "batch/input.h"
#include "cli/models.h"
#include "cli/output.h"
#include "cli/threads.h"
#include "report/npy.h"

/* What the steps of the command share. Each step returns an exit status, and the next one runs while that is
 * CVT_EXIT_OK. */
typedef struct pass {
    cvt_cli *cli;
    const cvt_settings *settings;
    cvt_npy *inputs; /* as many as settings->inputs has */
    cvt_model *model;
    cvt_session *session;
    int64_t images;
} pass;

/* ---- inputs ---------------------------------------------------------------------------------------------------- */

static cvt_status require_finite(const cvt_npy *npy, cvt_error *error) {
    for (size_t i = 0; i < npy->count; i++)
        if (!isfinite(npy->data[i])) return cvt_fail(error, CVT_NON_FINITE, "value %zu is not finite", i);
    return CVT_OK;
}

/* Reads on up to the end of the stream. */
static cvt_status read_on(cvt_input *input, int fd, cvt_error *error) {
    for (;;) {
        if (input->size == input->capacity) {
            const size_t capacity = input->capacity ? 2 * input->capacity : 1 << 16;
            unsigned char *data = realloc(input->data, capacity);
            if (!data) return cvt_fail_memory(error);
            input->data = data;
            input->capacity = capacity;
        }
        const ssize_t got = cvt_input_wait_read(fd, input->data + input->size, input->capacity - input->size, -1);
        if (got < 0) return cvt_input_fail(error, errno);
        if (!got) return CVT_OK;
        input->size += (size_t)got;
        if (input->size > CVT_NPY_STREAM) return cvt_fail(error, CVT_TOO_LARGE, "more than %zu bytes", CVT_NPY_STREAM);
    }
}

/* Reads what was named: a file, or a FIFO or another name of standard input, which are read as streams. */
static cvt_status read_input(cvt_npy *out, const char *path, cvt_error *error) {
    struct stat about;
    cvt_input input = {0};
    int fd;
    if (strcmp(path, "-") == 0 || stat(path, &about) != 0 || !S_ISFIFO(about.st_mode))
        return cvt_npy_read(out, path, error);
    TRY(cvt_input_open(&fd, path, &input, -1, error));
    cvt_status status = read_on(&input, fd, error);
    if (fd != STDIN_FILENO) close(fd);
    if (status == CVT_OK) status = cvt_npy_parse(out, input.data, input.size, path, error);
    free(input.data);
    return status;
}

static int read_inputs(pass *p) {
    const cvt_opt_list *files = &p->settings->inputs;
    cvt_error error;
    p->inputs = calloc(files->n, sizeof *p->inputs);
    if (!p->inputs) {
        cvt_fail_memory(&error);
        return cvt_cli_fail(NULL, &error, CVT_EXIT_MODEL);
    }
    for (size_t i = 0; i < files->n; i++)
        if (read_input(&p->inputs[i], files->items[i], &error) != CVT_OK ||
            require_finite(&p->inputs[i], &error) != CVT_OK)
            return cvt_cli_fail(files->items[i], &error, CVT_EXIT_INPUT);
    return CVT_EXIT_OK;
}

/* Opens the model for the sizes of the inputs. If it can be opened, but not for these sizes, the input has failed. */
static int open_model(pass *p) {
    enum { MAX_INPUTS = 64 }; /* no model has so many inputs */
    int sizes[MAX_INPUTS][2] = {{0}};
    size_t n = p->settings->inputs.n < MAX_INPUTS ? p->settings->inputs.n : MAX_INPUTS;
    cvt_options options = {.taps = p->settings->taps.items, .n_taps = p->settings->taps.n}, plain = options;
    cvt_str path = {0}, unused = {0};
    cvt_error error;
    for (size_t i = 0; i < n; i++) {
        const cvt_npy *npy = &p->inputs[i];
        if (npy->rank != 4 || npy->shape[2] > INT32_MAX || npy->shape[3] > INT32_MAX) continue;
        sizes[i][0] = (int)npy->shape[2];
        sizes[i][1] = (int)npy->shape[3];
    }
    options.height = sizes[0][0];
    options.width = sizes[0][1];
    options.sizes = (const int(*)[2])sizes;
    options.n_sizes = n;
    int status = CVT_EXIT_OK;
    if (cvt_models_try(p->cli, p->settings, &options, &p->model, &path, &error) != CVT_OK) {
        bool size = error.status != CVT_NO_MEMORY && error.status != CVT_USAGE &&
                    cvt_models_try(p->cli, p->settings, &plain, &p->model, &unused, NULL) == CVT_OK;
        status = size ? cvt_cli_fail(p->settings->inputs.items[0], &error, CVT_EXIT_INPUT)
                      : cvt_models_fail(p->settings, &path, &error);
    }
    cvt_str_free(&path);
    cvt_str_free(&unused);
    return status;
}

static bool fits(const cvt_npy *npy, const cvt_tensor_info *wanted) {
    return npy->rank == wanted->rank + 1 &&
           memcmp(npy->shape + 1, wanted->shape, (size_t)wanted->rank * sizeof *wanted->shape) == 0;
}

static cvt_status fail_shape(const cvt_npy *npy, const cvt_tensor_info *wanted, cvt_error *error) {
    cvt_str is = {0}, must = {0};
    for (int i = 0; i < npy->rank; i++) cvt_str_print(&is, "%s%lld", i ? ", " : "", (long long)npy->shape[i]);
    for (int i = 0; i < wanted->rank; i++) cvt_str_print(&must, ", %lld", (long long)wanted->shape[i]);
    cvt_status status = cvt_fail(error, CVT_FORMAT, "the tensor is [%s], the model's input \"%s\" is [N%s]",
                                 is.data ? is.data : "", wanted->name, must.data ? must.data : "");
    cvt_str_free(&is);
    cvt_str_free(&must);
    return status;
}

/* Checks that every input has the shape that the model wants, and that all have the same number of images. */
static int check_inputs(pass *p) {
    const cvt_opt_list *files = &p->settings->inputs;
    int wanted = cvt_model_inputs(p->model);
    if (files->n != (size_t)wanted)
        return cvt_cli_usage(p->cli, "the model has %d input%s, not %zu", wanted, wanted == 1 ? "" : "s", files->n);
    p->images = p->inputs[0].shape[0];
    for (int i = 0; i < wanted; i++) {
        const cvt_npy *npy = &p->inputs[i];
        cvt_tensor_info info = cvt_model_input(p->model, i);
        cvt_error error;
        cvt_status status = CVT_OK;
        if (!fits(npy, &info))
            status = fail_shape(npy, &info, &error);
        else if (p->images < 1 || p->images > INT32_MAX)
            status = cvt_fail(&error, CVT_FORMAT, "%lld images cannot be run", (long long)p->images);
        else if (npy->shape[0] != p->images)
            status = cvt_fail(&error, CVT_FORMAT, "%lld images, the first input has %lld", (long long)npy->shape[0],
                              (long long)p->images);
        if (status != CVT_OK) return cvt_cli_fail(files->items[i], &error, CVT_EXIT_INPUT);
    }
    return CVT_EXIT_OK;
}

/* ---- the pass -------------------------------------------------------------------------------------------------- */

static int run_model(pass *p) {
    cvt_error error;
    cvt_threads threads;
    if (cvt_threads_choose(p->settings, false, &threads, &error) != CVT_OK)
        return cvt_cli_fail(NULL, &error, CVT_EXIT_USAGE);
    const float **data = calloc(p->settings->inputs.n, sizeof *data);
    cvt_status status =
        data ? cvt_session_new(&p->session, p->model, (int)p->images, threads.inside, &error) : cvt_fail_memory(&error);
    int exit_status = CVT_EXIT_OK;
    if (status != CVT_OK) {
        exit_status = cvt_cli_fail(NULL, &error, CVT_EXIT_MODEL);
    } else {
        for (size_t i = 0; i < p->settings->inputs.n; i++) data[i] = p->inputs[i].data;
        if (cvt_session_run(p->session, data, (int)p->images, &error) != CVT_OK)
            exit_status = cvt_cli_fail(p->settings->inputs.items[0], &error, CVT_EXIT_INPUT);
    }
    free(data);
    return exit_status;
}

/* ---- results --------------------------------------------------------------------------------------------------- */

/* Creates the directory and those above it. */
static cvt_status make_folder(const char *folder, cvt_error *error) {
    if (cvt_opt_is(folder, "-")) return cvt_fail(error, CVT_OUTPUT, "-: several files cannot go to standard output");
    cvt_str path = {0};
    cvt_str_text(&path, folder);
    if (path.failed) return cvt_fail_memory(error);
    for (char *slash = path.data + strspn(path.data, "/"); (slash = strchr(slash, '/')); *slash++ = '/') {
        *slash = 0;
        mkdir(path.data, 0777); /* a failure here shows below */
    }
    bool made = mkdir(path.data, 0777) == 0;
    int number = errno;
    cvt_str_free(&path);
    if (made || (number == EEXIST && cvt_file_is_directory(folder))) return CVT_OK;
    return cvt_fail(error, CVT_OUTPUT, "%s: %s", folder, strerror(number));
}

/* Writes DIR/NAME.npy, [N, shape]. */
static cvt_status write_value(const pass *p, const char *name, const cvt_tensor_info *info, const float *data,
                              cvt_error *error) {
    int64_t shape[1 + CVT_NPY_MAX_RANK] = {p->images};
    if (info->rank + 1 > CVT_NPY_MAX_RANK || strchr(name, '/'))
        return cvt_fail(error, CVT_UNSUPPORTED, "tap \"%s\" cannot be written as a file", name);
    memcpy(shape + 1, info->shape, (size_t)info->rank * sizeof *shape);
    cvt_str path = {0};
    cvt_str_print(&path, "%s/%s.npy", p->settings->output, name);
    cvt_status status = path.failed ? cvt_fail_memory(error) : CVT_OK;
    if (status == CVT_OK)
        status = cvt_output_check(path.data, CVT_OUTPUT_NPY, NULL, p->settings, NULL, p->model, error);
    if (status == CVT_OK) status = cvt_npy_write(path.data, CVT_NPY_F32, data, info->rank + 1, shape, error);
    cvt_str_free(&path);
    return status;
}

static cvt_status write_tap(const pass *p, const cvt_tensor_info *tap, cvt_error *error) {
    int64_t count = p->images;
    for (int i = 0; i < tap->rank; i++)
        if (!cvt_mul_i64(count, tap->shape[i], &count)) return cvt_fail_memory(error);
    float *data = (uint64_t)count <= SIZE_MAX / sizeof *data ? malloc((size_t)count * sizeof *data) : NULL;
    if (!data) return cvt_fail_memory(error);
    cvt_status status = cvt_session_tap(p->session, tap->name, data, (size_t)count, error);
    if (status == CVT_OK) status = write_value(p, tap->name, tap, data, error);
    free(data);
    return status;
}

static bool is_asked(const cvt_opt_list *taps, const char *name) {
    for (size_t i = 0; i < taps->n; i++)
        if (cvt_opt_is(taps->items[i], name) || cvt_opt_is(taps->items[i], "all")) return true;
    return false;
}

static int write_results(const pass *p) {
    cvt_error error;
    cvt_tensor_info output = cvt_model_output(p->model);
    cvt_cli_stop_softly();
    cvt_status status = make_folder(p->settings->output, &error);
    if (status == CVT_OK) status = write_value(p, "output", &output, cvt_session_output(p->session), &error);
    for (int i = 0; status == CVT_OK && !cvt_cli_stopped() && i < cvt_model_taps(p->model); i++) {
        cvt_tensor_info tap = cvt_model_tap(p->model, i);
        if (is_asked(&p->settings->taps, tap.name)) status = write_tap(p, &tap, &error);
    }
    return status == CVT_OK ? CVT_EXIT_OK : cvt_cli_fail(NULL, &error, CVT_EXIT_OUTPUT);
}

int cvt_command_run(cvt_cli *cli, const cvt_settings *settings, char **operands) {
    (void)operands;
    pass p = {.cli = cli, .settings = settings};
    int status = read_inputs(&p);
    if (status == CVT_EXIT_OK) status = open_model(&p);
    if (status == CVT_EXIT_OK) status = check_inputs(&p);
    if (status == CVT_EXIT_OK) status = run_model(&p);
    if (status == CVT_EXIT_OK) status = write_results(&p);
    cvt_session_free(p.session);
    cvt_model_free(p.model);
    for (size_t i = 0; p.inputs && i < settings->inputs.n; i++) cvt_npy_free(&p.inputs[i]);
    free(p.inputs);
    return status;
}
