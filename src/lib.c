/* lib.c - read this first: how a model comes to be.
 *
 *     path -> config (JSON) -> family -> graph -> weights bound to it -> plan -> sessions run it
 *
 * Everything that a model owns is made here, in this order, and freed in cvt_model_free. */
#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"
#include "model/model.h"

/* Finds two dialects (whose names the weights have, see weights/names.h): that of this file, and that of the checkpoint
 * from which the file was converted. The defaults of the second one count. */
static cvt_status find_names(cvt_model *m, const cvt_options *options, cvt_error *error) {
    const cvt_dialect *dialects = m->config.arch->dialects;
    if (!m->files.weights) return CVT_OK;
    TRY(cvt_prefixes_take_off(m->files.weights, dialects, NULL, error));
    for (size_t i = 0; i < options->n_ignore; i++) cvt_weights_ignore(m->files.weights, options->ignore[i]);
    m->origin = m->names = cvt_dialect_detect(dialects, m->files.weights);
    const char *origin = cvt_weights_metadata(m->files.weights, CVT_META_ORIGIN);
    if (origin) m->origin = cvt_dialect_find(dialects, origin);
    if (m->origin) return CVT_OK;
    return cvt_fail(error, CVT_CONFIG, "%s: \"%s\" is \"%s\", no dialect of %s", cvt_weights_path(m->files.weights),
                    CVT_META_ORIGIN, origin, m->config.arch->name);
}

/* Counts the classes where the config does not say how many there are: the last layer has a row for each. */
static void count_classes(cvt_model *m) {
    cvt_base *base = cvt_config_base(&m->config);
    if (base->classes || !m->files.weights || !m->config.arch->classifier) return;
    cvt_hints hints = {.names = m->names, .weights = m->files.weights};
    const cvt_tensor *t = cvt_hints_tensor(&hints, m->config.arch->classifier, 0);
    if (t && t->rank == 2 && t->shape[0] > 0 && t->shape[0] <= 1000000) base->classes = (int)t->shape[0];
}

static cvt_status read_preprocess(cvt_model *m, cvt_error *error) {
    if (!m->files.preprocessor) return CVT_OK;
    cvt_json_document *document;
    const char *text = m->files.preprocessor, *origin = m->files.preprocessor_origin;
    TRY(cvt_json_parse_python(&document, text, strlen(text), origin, error));
    const char *const *types = m->config.arch->hf_types;
    const char *type = m->config.model_type ? m->config.model_type : types ? types[0] : NULL;
    cvt_base *base = cvt_config_base(&m->config);
    cvt_status status =
        cvt_preprocess_read(&base->preprocess, cvt_json_root(document), type, base->channels, origin, error);
    cvt_json_free(document);
    return status;
}

/* Chooses the input size: what the caller says, else the config, else the preprocessing. */
static void resolve_size(cvt_model *m, const cvt_options *options) {
    cvt_base *base = cvt_config_base(&m->config);
    base->asked[0][0] = options->height;
    base->asked[0][1] = options->width;
    for (size_t k = 1; k < options->n_sizes && k < CVT_MAX_INPUTS; k++)
        memcpy(base->asked[k], options->sizes[k], sizeof base->asked[k]);
    for (int i = 0; i < 2; i++) {
        if (base->asked[0][i] > 0) base->size[i] = base->asked[0][i];
        if (!base->size[i]) base->size[i] = base->preprocess.size[i] ? base->preprocess.size[i] : 224;
    }
}

static cvt_status read_config(cvt_model *m, const cvt_options *options, cvt_error *error) {
    const char *origin = m->files.config_origin;
    const size_t n = strlen(m->files.config);
    TRY(cvt_json_parse_python(&m->document, m->files.config, n, origin, error));
    if (cvt_json_get(cvt_json_root(m->document), "arch")) { /* the native dialect is strict */
        cvt_json_free(m->document);
        TRY(cvt_json_parse(&m->document, m->files.config, n, origin, error));
    }
    TRY(cvt_config_open(&m->config, cvt_json_root(m->document), origin, &m->arena, error));
    TRY(find_names(m, options, error));
    count_classes(m);
    TRY(read_preprocess(m, error));
    cvt_hints hints = {m->config.dialect, m->config.model_type, m->origin,
                       m->names,          m->files.weights,     m->config.class_name};
    cvt_status status = cvt_config_resolve(&m->config, &hints, error);
    if (status != CVT_OK) return cvt_fail_in(error, status, "%s", origin);
    resolve_size(m, options);
    TRY(cvt_score_choose(m, options->score, error));
    return cvt_labels_read(m, options, error);
}

static cvt_status build_graph(cvt_model *m, cvt_error *error) {
    cvt_builder *b = cvt_builder_new();
    if (!b) return cvt_fail_memory(error);
    cvt_value output = m->config.arch->build(b, m->config.values);
    cvt_status status = cvt_builder_finish(b, &m->graph, output, error);
    if (status != CVT_OK) return cvt_fail_in(error, status, "%s", m->files.config_origin);
    bool by_graph = m->files.weights && !m->config.arch->dialects[1].name; /* there is no dialect but the native one */
    return by_graph ? cvt_prefixes_take_off(m->files.weights, NULL, m->graph, error) : CVT_OK;
}

static cvt_status list_taps(cvt_model *m, cvt_error *error) {
    const cvt_graph *g = m->graph;
    m->taps = cvt_arena_array(&m->arena, (size_t)g->n_values + 1, sizeof *m->taps);
    m->retain = cvt_arena_array(&m->arena, (size_t)g->n_values + 1, sizeof *m->retain);
    if (!m->taps || !m->retain) return cvt_fail_memory(error);
    for (int v = 0; v < g->n_values; v++)
        if (g->values[v].tap) m->taps[m->n_taps++] = v;
    return CVT_OK;
}

static cvt_status unknown_tap(const cvt_model *m, const char *name, cvt_error *error) {
    cvt_nearest nearest = cvt_nearest_to(name, 32);
    for (int i = 0; i < m->n_taps; i++) cvt_nearest_try(&nearest, m->graph->values[m->taps[i]].tap);
    if (!nearest.name)
        return cvt_fail(error, CVT_USAGE, "no tap is called \"%s\"; `cvt summary -f json` lists them", name);
    return cvt_fail(error, CVT_USAGE, "no tap is called \"%s\"; the nearest is \"%s\"", name, nearest.name);
}

cvt_status cvt_model_retain(cvt_model *m, const char *tap, cvt_error *error) {
    int index = cvt_model_find_tap(m, tap);
    if (index < 0) return unknown_tap(m, tap, error);
    if (m->plan) return cvt_fail(error, CVT_USAGE, "the model is loaded: what its runs retain can no longer change");
    m->retain[m->taps[index]] = true;
    return CVT_OK;
}

static cvt_status choose_taps(cvt_model *m, const cvt_options *options, cvt_error *error) {
    for (size_t i = 0; i < options->n_taps; i++) {
        bool all = strcmp(options->taps[i], "all") == 0;
        for (int k = 0; all && k < m->n_taps; k++) m->retain[m->taps[k]] = true;
        if (!all) TRY(cvt_model_retain(m, options->taps[i], error));
    }
    if (!options->embedding) return CVT_OK;
    if (m->graph->embedding == CVT_NO_VALUE)
        return cvt_fail(error, CVT_UNSUPPORTED, "the model has no last linear layer whose input could be retained");
    m->retain[m->graph->embedding] = true;
    return CVT_OK;
}

/* Packing every weight while loading takes as long as packing them during so many images. */
enum { IMAGES_THAT_PAY = 16 };

/* Once a weight is packed, its bytes in the file need not stay in memory. */
static void drop_source(void *owner, int param) {
    const cvt_model *m = owner;
    if (m->tensors) cvt_weights_drop(m->files.weights, m->tensors[param]);
}

static cvt_status bind_weights(cvt_model *m, const cvt_kernels *kernels, cvt_error *error) {
    cvt_stored_form *forms;
    TRY(cvt_stored_forms(&forms, m, kernels, error));
    TRY(cvt_prefixes_refuse(m->files.weights, m->config.arch->dialects, error));
    return cvt_bind(&m->sources, &m->tensors, m->graph, m->files.weights, m->names, forms, &m->arena, error);
}

cvt_status cvt_model_load(cvt_model *m, cvt_error *error) {
    const cvt_options *options = &m->options;
    const cvt_kernels *kernels = &cvt_kernels_ref;
    if (m->plan) return cvt_fail(error, CVT_USAGE, "the model is loaded already");
    if (options->no_weights || !(m->files.weights || options->random_weights))
        return cvt_fail(error, CVT_USAGE, "the model was opened without weights");
    if (!options->reference) TRY(cvt_kernels_find(&kernels, m->isa, error));
    kernels = cvt_kernels_for(kernels, m->precision);
    if (options->random_weights)
        TRY(cvt_bind_random(&m->sources, m->graph, options->seed, &m->arena, error));
    else
        TRY(bind_weights(m, kernels, error));
    cvt_plan_options plan = {
        .kernels = kernels, .retain = m->retain, .fuse = !options->reference, .precision = m->precision};
    plan.pack_ahead = options->images >= IMAGES_THAT_PAY;
    plan.threads = options->threads;
    plan.drop = drop_source;
    plan.owner = m;
    return cvt_plan_new(&m->plan, m->graph, m->sources, &plan, error);
}

static void make_preprocess(cvt_model *m) {
    const cvt_base *base = cvt_config_base(&m->config);
    if (m->graph->n_inputs != 1) {
        cvt_fail(&m->no_preprocess, CVT_UNSUPPORTED, "a model of %d inputs reads no images", m->graph->n_inputs);
        return;
    }
    m->no_preprocess.status = cvt_preprocess_resolve(&m->preprocess, &base->preprocess, base->size[0], base->size[1],
                                                     base->channels, &m->no_preprocess);
}

/* Chooses the precision: what the caller says, else int8 for a file of int8 weights, else f32. */
static cvt_status choose_precision(cvt_model *m, const char *asked, cvt_error *error) {
    const char *name = asked;
    if (!name && m->files.weights) name = cvt_weights_metadata(m->files.weights, CVT_META_PRECISION);
    if (!name) name = cvt_precision_name(CVT_PRECISION_F32);
    m->precision = cvt_precision_find(name);
    if (m->precision < CVT_PRECISION_COUNT) return CVT_OK;
    if (asked) return cvt_fail(error, CVT_USAGE, "there is no precision called \"%s\"", name);
    return cvt_fail(error, CVT_CONFIG, "%s: \"%s\" is \"%s\", which is no precision",
                    cvt_weights_path(m->files.weights), CVT_META_PRECISION, name);
}

/* Keeps the options. Their numbers and flags stay; of what they point to only the name of the kernels is needed
 * later. */
static cvt_status keep_options(cvt_model *m, const cvt_options *options, cvt_error *error) {
    m->options = *options;
    m->options.config = m->options.labels = m->options.default_labels = m->options.precision = m->options.isa = NULL;
    m->options.preprocess = m->options.score = NULL;
    m->options.taps = m->options.ignore = NULL;
    m->options.sizes = NULL;
    if (options->isa) m->isa = cvt_arena_copy(&m->arena, options->isa, strlen(options->isa));
    return m->isa || !options->isa ? CVT_OK : cvt_fail_memory(error);
}

static cvt_status open_files(cvt_model *m, const cvt_options *options, cvt_error *error) {
    if (!m->files.config) return cvt_fail(error, CVT_USAGE, "no model and no config given");
    TRY(read_config(m, options, error));
    TRY(build_graph(m, error));
    TRY(list_taps(m, error));
    TRY(cvt_listing_make(m, error));
    TRY(choose_taps(m, options, error));
    TRY(choose_precision(m, options->precision, error));
    make_preprocess(m);
    TRY(cvt_remarks_make(m, options->height || options->n_sizes, error));
    TRY(keep_options(m, options, error));
    return options->no_weights || options->weights_later ? CVT_OK : cvt_model_load(m, error);
}

/* files: the model's from here on. */
static cvt_status open_bundle(cvt_model **out, cvt_bundle *files, const cvt_options *options, cvt_error *error) {
    cvt_model *m = calloc(1, sizeof *m);
    *out = NULL;
    if (!m) {
        cvt_bundle_close(files);
        return cvt_fail_memory(error);
    }
    m->files = *files;
    cvt_status status = open_files(m, options, error);
    if (status == CVT_OK)
        *out = m;
    else
        cvt_model_free(m);
    return status;
}

cvt_status cvt_model_open_bundle(cvt_model **out, cvt_bundle *files, const cvt_options *given, cvt_error *error) {
    cvt_options options;
    TRY(cvt_options_take(&options, given, error));
    return open_bundle(out, files, &options, error);
}

static cvt_status open_place(cvt_model **out, const cvt_place *place, const cvt_options *given, cvt_error *error) {
    cvt_options options;
    cvt_bundle files = {0};
    *out = NULL;
    TRY(cvt_options_take(&options, given, error));
    cvt_status status = cvt_bundle_open(&files, place, &options, error);
    if (status == CVT_OK) return open_bundle(out, &files, &options, error);
    cvt_bundle_close(&files);
    return status;
}

cvt_status cvt_model_open(cvt_model **out, const char *path, const cvt_options *options, cvt_error *error) {
    return open_place(out, &(cvt_place){.path = path, .fd = -1}, options, error);
}

cvt_status cvt_model_open_memory(cvt_model **out, const void *bytes, size_t size, const cvt_options *options,
                                 cvt_error *error) {
    static const char none[1]; /* the place of an empty file's bytes must not be NULL */
    return open_place(out, &(cvt_place){.bytes = size ? bytes : none, .size = size, .fd = -1}, options, error);
}

cvt_status cvt_model_open_fd(cvt_model **out, int fd, const cvt_options *options, cvt_error *error) {
    *out = NULL;
    if (fd < 0) return cvt_fail(error, CVT_USAGE, "%d is no file descriptor", fd);
    return open_place(out, &(cvt_place){.fd = fd}, options, error);
}

void cvt_model_free(cvt_model *m) {
    if (!m) return;
    cvt_plan_free(m->plan);
    cvt_graph_free(m->graph);
    cvt_json_free(m->document);
    cvt_bundle_close(&m->files);
    cvt_arena_free(&m->arena);
    free(m);
}
