/* eval_resume.c - counts the records of an earlier run of cvt eval as if their images had been asked about again. With
 * --resume a record holds what that needs: the logits, and of an archive's entry what its label is. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/grow.h"
#include "base/json.h"
#include "cli/eval.h"

/* ---- the inputs of DATA ---------------------------------------------------------------------------------------- */

/* A list may name an image several times; its results come in the same order. */
static cvt_status find_places(eval *e, cvt_error *error) {
    e->heads = cvt_arena_array(&e->arena, e->n + 1, sizeof *e->heads);
    e->next = cvt_arena_array(&e->arena, e->n + 1, sizeof *e->next);
    if (!e->heads || !e->next) return cvt_fail_memory(error);
    for (size_t i = e->n; i-- > 0;) {
        const size_t *known = cvt_table_find(&e->places, e->paths[i]);
        const size_t place = known ? *known : i;
        if (!known && !cvt_table_add(&e->places, e->paths[i], i)) return cvt_fail_memory(error);
        e->next[i] = known ? e->heads[place] : e->n;
        e->heads[place] = i;
    }
    return CVT_OK;
}

int cvt_eval_take(eval *e, const char *path) {
    const size_t *place = cvt_table_find(&e->places, path);
    const size_t i = place ? e->heads[*place] : e->n;
    if (i >= e->n) return -1;
    e->heads[*place] = e->next[i];
    return e->truths[i];
}

/* ---- failures -------------------------------------------------------------------------------------------------- */

/* What an input is called in the table of failures. NULL: no memory. */
static const char *name_of(eval *e, const char *tar, const char *path) {
    return cvt_arena_print(&e->arena, "%s\n%s", tar ? tar : "", path);
}

static cvt_status add_failure(eval *e, const char *name, cvt_error *error) {
    const size_t *known = cvt_table_find(&e->failures, name);
    if (!known) {
        size_t *failed = cvt_grow(e->failed, e->n_failures, sizeof *failed);
        if (!failed) return cvt_fail_memory(error);
        e->failed = failed;
        if (!cvt_table_add(&e->failures, name, e->n_failures)) return cvt_fail_memory(error);
        e->failed[e->n_failures++] = 0;
        known = cvt_table_find(&e->failures, name);
    }
    e->failed[*known]++;
    e->run->failed++;
    return CVT_OK;
}

/* Has an earlier record said of this input that it failed? Then this one counts instead. */
static bool was_retried(eval *e, const char *name) {
    const size_t *known = cvt_table_find(&e->failures, name);
    if (!known || !e->failed[*known]) return false;
    e->failed[*known]--;
    e->run->failed--;
    return true;
}

/* ---- a record -------------------------------------------------------------------------------------------------- */

/* A member that is a text; where it is not UTF-8, its other name with "_b64" has it. `text` holds it. */
static const char *text_of(const cvt_json *record, const char *key, const char *encoded, cvt_str *text) {
    const char *plain = cvt_json_string(cvt_json_get(record, key));
    const char *bytes = cvt_json_string(cvt_json_get(record, encoded));
    if (plain || !bytes) return plain;
    cvt_str_clear(text);
    cvt_str_text(text, bytes);
    return !text->failed && cvt_base64_decode(text) ? text->data : NULL;
}

static bool read_logits(float *to, size_t n, const cvt_json *record) {
    const char *encoded = cvt_json_string(cvt_json_get(record, "logits_b64"));
    cvt_str text = {0};
    if (!encoded) return false;
    cvt_str_text(&text, encoded);
    const bool good = !text.failed && cvt_base64_decode(&text) && text.size == n * sizeof *to;
    if (good) memcpy(to, text.data, text.size);
    cvt_str_free(&text);
    for (size_t i = 0; good && i < n; i++)
        if (!isfinite(to[i])) return false;
    return good;
}

/* The class of an image that has been asked about, as the data have it now. */
static cvt_status truth_of(eval *e, int *truth, const cvt_json *record, const char *path, bool retried,
                           cvt_error *error) {
    int64_t told = -1;
    cvt_json_integer(cvt_json_get(cvt_json_get(record, "truth"), "index"), &told);
    if (e->data) {
        *truth = !retried ? cvt_eval_take(e, path) : told >= 0 && told < e->classes ? (int)told : -1;
    } else {
        const char *called = cvt_json_string(cvt_json_get(record, "called"));
        const eval_name *name = called ? cvt_eval_label(e, called) : NULL;
        if (!name)
            return called ? cvt_fail_memory(error)
                          : cvt_fail(error, CVT_USAGE, "its record of %s lacks \"called\"", path);
        *truth = name->index;
        e->left_out += name->index < 0;
    }
    const bool is_class = told >= 0 && told < e->classes && (!e->chosen || e->chosen[told]);
    if (*truth == told && (is_class || (!e->data && told == -1))) return CVT_OK;
    return cvt_fail(error, CVT_USAGE, "its record of %s says another class than %s, or there is one too many", path,
                    e->called);
}

static cvt_status count_record(eval *e, const cvt_json *record, const char *tar, const char *path, cvt_error *error) {
    cvt_score top[EVAL_TOP];
    bool ok = false;
    int n, truth = -1;
    const char *name = name_of(e, tar, path);
    if (!name) return cvt_fail_memory(error);
    if (e->data && !cvt_table_find(&e->places, path))
        return cvt_fail(error, CVT_USAGE, "it has a record of %s, which is not in %s", path, e->called);
    cvt_json_bool(cvt_json_get(record, "ok"), &ok);
    if (!ok) {
        if (e->settings->retry_errors) return CVT_OK; /* it is asked about again */
        const size_t *known = cvt_table_find(&e->failures, name);
        const bool repeated = e->data ? cvt_eval_take(e, path) < 0 : known && e->failed[*known] > 0;
        return repeated ? CVT_OK : add_failure(e, name, error); /* tried again in vain */
    }
    const bool retried = was_retried(e, name);
    TRY(truth_of(e, &truth, record, path, retried, error));
    float *logits = malloc((size_t)e->classes * sizeof *logits);
    if (!logits) return cvt_fail_memory(error);
    cvt_status status = read_logits(logits, (size_t)e->classes, record)
                            ? cvt_eval_count(e, logits, truth, top, &n, error)
                            : cvt_fail(error, CVT_USAGE,
                                       "its record of %s lacks the logits that the results are made of: a run without "
                                       "--resume has written it. Remove it to begin anew",
                                       path);
    free(logits);
    return status;
}

static cvt_status read_record(void *context, const char *text, size_t n, cvt_error *error) {
    eval *e = context;
    cvt_json_document *document;
    cvt_str names[2] = {{0}, {0}};
    if (cvt_json_parse(&document, text, n, "", NULL) != CVT_OK)
        return cvt_fail(error, CVT_USAGE, "a record is not JSON, or too large");
    const cvt_json *record = cvt_json_root(document);
    const char *tar = text_of(record, "tar", "tar_b64", &names[0]);
    const char *path = text_of(record, "path", "path_b64", &names[1]);
    cvt_status status =
        path ? count_record(e, record, tar, path, error) : cvt_fail(error, CVT_USAGE, "a record has no \"path\"");
    cvt_str_free(&names[0]);
    cvt_str_free(&names[1]);
    cvt_json_free(document);
    return status;
}

cvt_status cvt_eval_resume_begin(eval *e, cvt_error *error) {
    e->to.earlier = (cvt_done_listener){read_record, e};
    return e->data ? find_places(e, error) : CVT_OK;
}

void cvt_eval_resume_end(eval *e) {
    cvt_table_free(&e->places);
    cvt_table_free(&e->failures);
    free(e->failed);
}
