/* count.c - a second walk over the inputs, which reads no image. */
#include "cli/count.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct cvt_count {
    cvt_list_options inputs;
    cvt_shard shard;
    atomic_size_t n;
    atomic_bool all, ending;
    pthread_t thread;
};

static void *walk(void *argument) {
    cvt_count *count = argument;
    cvt_list *list = NULL;
    cvt_str path = {0};
    cvt_error problem;
    if (cvt_list_new(&list, &count->inputs, &problem) == CVT_OK) {
        while (!atomic_load(&count->ending) && cvt_list_next(list, &path, &problem))
            if (path.data && cvt_shard_has(count->shard, NULL, path.data)) atomic_fetch_add(&count->n, 1);
        atomic_store(&count->all, !atomic_load(&count->ending));
    }
    cvt_list_free(list);
    cvt_str_free(&path);
    return NULL;
}

static bool are_files(const cvt_list_options *inputs) {
    struct stat info;
    for (size_t i = 0; i < inputs->n_lists; i++)
        if (strcmp(inputs->lists[i], "-") == 0 || stat(inputs->lists[i], &info) != 0 || !S_ISREG(info.st_mode))
            return false;
    return true;
}

cvt_count *cvt_count_start(const cvt_batch_options *options) {
    cvt_count *count = are_files(&options->inputs) && !options->inputs.n_tars ? calloc(1, sizeof *count) : NULL;
    if (!count) return NULL;
    count->inputs = options->inputs;
    count->inputs.wake = -1;
    count->inputs.remarks = false;
    count->inputs.ending = &count->ending;
    count->shard = options->shard;
    if (pthread_create(&count->thread, NULL, walk, count) == 0) return count;
    free(count);
    return NULL;
}

size_t cvt_count_so_far(const cvt_count *count, bool *all) {
    *all = atomic_load(&count->all);
    return atomic_load(&count->n);
}

void cvt_count_end(cvt_count *count) {
    if (!count) return;
    atomic_store(&count->ending, true);
    pthread_join(count->thread, NULL);
    free(count);
}
