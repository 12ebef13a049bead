/* shard_index.c - weights in several files (shards) with an index: `model.safetensors.index.json` or
 * `pytorch_model.bin.index.json`.
 *
 *     {"metadata": {...}, "weight_map": {TENSOR: FILE, ...}}
 *
 * As in transformers, every tensor of every file in the index is taken, even one that the map does not list: whether
 * the model has a place for it is checked when weights are bound. A tensor that is not in the file where the map puts
 * it is an error. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "weights/container.h"

typedef struct placed {
    const char *tensor, *shard;
} placed;

static int compare_shards(const void *a, const void *b) {
    const placed *x = a, *y = b;
    int order = strcmp(x->shard, y->shard);
    return order ? order : strcmp(x->tensor, y->tensor);
}

/* Is this the name of a file beside the index? A name must not lead anywhere else. */
static bool is_plain_name(const char *name) {
    return *name && !strchr(name, '/') && strcmp(name, ".") && strcmp(name, "..");
}

static cvt_status read_map(placed *places, const char *index, const cvt_json *map, cvt_error *error) {
    size_t n = 0;
    for (const cvt_json *item = cvt_json_first(map); item; item = cvt_json_next(item), n++) {
        places[n] = (placed){.tensor = cvt_json_key(item), .shard = cvt_json_string(item)};
        if (!places[n].shard || !is_plain_name(places[n].shard))
            return cvt_fail(error, CVT_WEIGHTS, "%s: tensor \"%.200s\": the map gives no plain file name", index,
                            places[n].tensor);
    }
    return CVT_OK;
}

/* Reads one shard and looks for the tensors that the index expects in it. */
static cvt_status read_shard(cvt_weights *weights, const char *index, const placed *places, size_t count,
                             cvt_error *error) {
    char *path = cvt_arena_print(cvt_weights_arena(weights), "%.*s%s", (int)(cvt_file_name(index) - index), index,
                                 places->shard);
    if (!path) return cvt_fail_memory(error);
    cvt_status status = cvt_weights_read_file(weights, path, true, error);
    if (status == CVT_NOT_FOUND)
        return cvt_fail(error, CVT_WEIGHTS, "%s: its file %s is missing", index, places->shard);
    if (status != CVT_OK) return cvt_weights_fail_as(error, status);
    for (size_t i = 0; i < count; i++) {
        const cvt_tensor *tensor = cvt_weights_find(weights, places[i].tensor);
        if (!tensor || strcmp(tensor->file, path))
            return cvt_fail(error, CVT_WEIGHTS, "%s: tensor \"%.200s\" is not in %s", index, places[i].tensor,
                            places->shard);
    }
    return CVT_OK;
}

static cvt_status read_shards(cvt_weights *weights, const char *index, placed *places, size_t count, cvt_error *error) {
    qsort(places, count, sizeof *places, compare_shards);
    for (size_t i = 0, n; i < count; i += n) {
        for (n = 1; i + n < count && strcmp(places[i].shard, places[i + n].shard) == 0;) n++;
        TRY(read_shard(weights, index, places + i, n, error));
    }
    return CVT_OK;
}

/* Whether it describes an architecture, in any dialect. */
static bool is_config(const cvt_json *root) {
    return cvt_json_get(root, "arch") || cvt_json_get(root, "architecture") || cvt_json_get(root, "model_type") ||
           cvt_json_get(root, "layers");
}

cvt_status cvt_shard_index_read(cvt_weights *weights, const cvt_file *file, cvt_error *error) {
    cvt_json_document *document;
    cvt_status status = cvt_json_parse(&document, (const char *)file->data, file->size, file->path, error);
    if (status != CVT_OK) return cvt_weights_fail_as(error, status);
    const cvt_json *map = cvt_json_get(cvt_json_root(document), "weight_map");
    placed *places = NULL;
    if (cvt_json_kind_of(map) != CVT_JSON_OBJECT) {
        status =
            is_config(cvt_json_root(document))
                ? cvt_fail(error, CVT_WEIGHTS,
                           "%s: a config, no weights: name its directory, or the weights with -m and it with -c",
                           file->path)
                : cvt_fail(error, CVT_WEIGHTS, "%s: JSON without a weight_map, so no index of weights", file->path);
    } else if (!(places = malloc((cvt_json_size(map) + 1) * sizeof *places))) {
        status = cvt_fail_memory(error);
    } else {
        status = read_map(places, file->path, map, error);
        if (status == CVT_OK) status = read_shards(weights, file->path, places, cvt_json_size(map), error);
    }
    free(places);
    cvt_json_free(document);
    return status;
}
