/* header.c - makes the header of records, and compares two. */
#include "cli/header.h"

#include <string.h>

#include "base/json.h"
#include "cli/models.h"
#include "model/provenance.h"
#include "report/json_out.h"

/* ---- options --------------------------------------------------------------------------------------------------- */

/* Appends "top_k" for --top-k. */
static void append_name(cvt_str *to, const cvt_option *row) {
    for (const char *c = row->name; *c; c++) cvt_str_append(to, *c == '-' ? "_" : c, 1);
}

static void append_text(cvt_str *to, const char *text) {
    if (text)
        cvt_json_out_string(to, text);
    else
        cvt_str_print(to, "null");
}

/* Appends the value of an option; null where it is not given. */
static void append_value(cvt_str *to, const cvt_option *row, const cvt_settings *settings) {
    const void *field = (const char *)settings + row->target;
    switch (row->kind) {
    case CVT_OPT_FLAG: cvt_str_print(to, *(const bool *)field ? "true" : "false"); return;
    case CVT_OPT_INTEGER: cvt_str_print(to, "%lld", (long long)*(const int64_t *)field); return;
    case CVT_OPT_LIMIT:
    case CVT_OPT_RATE:
        if (((const cvt_opt_limit *)field)->given)
            cvt_json_out_number(to, ((const cvt_opt_limit *)field)->value);
        else
            cvt_str_print(to, "null");
        return;
    case CVT_OPT_SIZE: {
        const cvt_opt_size size = *(const cvt_opt_size *)field;
        cvt_str_print(to, size.height ? "[%d,%d]" : "null", size.height, size.width);
        return;
    }
    default: append_text(to, *(const char *const *)field);
    }
}

static const cvt_option *next_recorded(const cvt_option *row, unsigned command) {
    while (row->name && !(row->recorded && (row->commands & command))) row++;
    return row->name ? row : NULL;
}

static void append_options(cvt_str *to, const cvt_settings *settings, unsigned command) {
    const cvt_option *row = next_recorded(cvt_settings_rows, command);
    for (bool first = true; row; row = next_recorded(row + 1, command), first = false) {
        cvt_str_print(to, first ? "\"" : ",\"");
        append_name(to, row);
        cvt_str_print(to, "\":");
        append_value(to, row, settings);
    }
}

void cvt_header_make(cvt_str *to, const cvt_cli *cli, const cvt_settings *settings, const cvt_model *model) {
    cvt_str name = {0};
    cvt_models_name(cli, settings, &name);
    cvt_str_print(to, "{\"cvt\":\"%s\",\"model\":", cvt_version());
    append_text(to, name.data);
    cvt_str_print(to, ",");
    cvt_model_provenance(model, to);
    cvt_str_print(to, ",\"options\":{");
    append_options(to, settings, cli->command->bit);
    cvt_str_print(to, "}}");
    to->failed = to->failed || name.failed;
    cvt_str_free(&name);
}

/* ---- comparison ------------------------------------------------------------------------------------------------ */

static bool equal(const cvt_json *a, const cvt_json *b);

static bool equal_members(const cvt_json *a, const cvt_json *b) {
    const cvt_json *x = cvt_json_first(a), *y = cvt_json_first(b);
    if (cvt_json_size(a) != cvt_json_size(b)) return false;
    if (cvt_json_kind_of(a) == CVT_JSON_OBJECT) {
        for (; x; x = cvt_json_next(x))
            if (!equal(x, cvt_json_get(b, cvt_json_key(x)))) return false;
        return true;
    }
    for (; x && y; x = cvt_json_next(x), y = cvt_json_next(y))
        if (!equal(x, y)) return false;
    return true;
}

/* What is not there is as good as null. */
static bool equal(const cvt_json *a, const cvt_json *b) {
    const cvt_json_kind kind = cvt_json_kind_of(a);
    double x, y;
    bool p, q;
    if (kind != cvt_json_kind_of(b)) return false;
    switch (kind) {
    case CVT_JSON_OBJECT:
    case CVT_JSON_ARRAY: return equal_members(a, b);
    case CVT_JSON_STRING: return strcmp(cvt_json_string(a), cvt_json_string(b)) == 0;
    case CVT_JSON_NUMBER: return cvt_json_number(a, &x) && cvt_json_number(b, &y) && x == y;
    case CVT_JSON_BOOL: return cvt_json_bool(a, &p) && cvt_json_bool(b, &q) && p == q;
    default: return true;
    }
}

/* A header of an earlier version may lack an option; then the default held. */
static bool equal_option(const cvt_option *row, const cvt_json *old, const cvt_json *ours, const char *key) {
    const cvt_json *before = cvt_json_get(old, key);
    if (before) return equal(before, cvt_json_get(ours, key));
    cvt_settings defaults = {0};
    cvt_str value = {0};
    cvt_json_document *document = NULL;
    bool same = cvt_opt_initial(cvt_settings_rows, row->commands, &defaults, NULL) == CVT_OK;
    append_value(&value, row, &defaults);
    same = same && value.data && cvt_json_parse(&document, value.data, value.size, "", NULL) == CVT_OK &&
           equal(cvt_json_root(document), cvt_json_get(ours, key));
    cvt_json_free(document);
    cvt_str_free(&value);
    return same;
}

/* Has the command an option, on which records depend, that a header calls so? */
static bool has_option(unsigned command, const char *key) {
    const cvt_option *row = next_recorded(cvt_settings_rows, command);
    bool has = false;
    for (; row && !has; row = next_recorded(row + 1, command)) {
        cvt_str name = {0};
        append_name(&name, row);
        has = name.failed || strcmp(name.data, key) == 0;
        cvt_str_free(&name);
    }
    return has;
}

static cvt_status compare_options(const cvt_json *old, const cvt_json *ours, unsigned command, cvt_error *error) {
    const cvt_option *row = next_recorded(cvt_settings_rows, command);
    if (!old || cvt_json_kind_of(old) != CVT_JSON_OBJECT)
        return cvt_fail(error, CVT_USAGE, "its header cannot be read: it has no \"options\"");
    for (; row; row = next_recorded(row + 1, command)) {
        cvt_str key = {0};
        append_name(&key, row);
        bool same = key.data && equal_option(row, old, ours, key.data);
        cvt_str_free(&key);
        if (!same) return cvt_fail(error, CVT_USAGE, "its records were made with another --%s", row->name);
    }
    for (const cvt_json *option = cvt_json_first(old); option; option = cvt_json_next(option))
        if (!has_option(command, cvt_json_key(option)))
            return cvt_fail(error, CVT_USAGE, "its records were made by another command: their header has \"%.64s\"",
                            cvt_json_key(option));
    return CVT_OK;
}

static cvt_status compare(const cvt_json *old, const cvt_json *ours, unsigned command, cvt_error *error) {
    static const struct {
        const char *key, *what;
    } parts[] = {
        {"weights_sha256", "another model: the weights differ"},
        {"config_sha256", "another model: the config differs"},
        {"preprocess", "another preprocessing"},
    };
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (!equal(cvt_json_get(old, parts[i].key), cvt_json_get(ours, parts[i].key)))
            return cvt_fail(error, CVT_USAGE, "its records were made by %s", parts[i].what);
    return compare_options(cvt_json_get(old, "options"), cvt_json_get(ours, "options"), command, error);
}

cvt_status cvt_header_compare(const char *old, const char *ours, unsigned command, cvt_error *error) {
    cvt_json_document *a = NULL, *b = NULL;
    cvt_status status = CVT_OK;
    if (cvt_json_parse(&a, old, strlen(old), "header", NULL) != CVT_OK)
        status = cvt_fail(error, CVT_USAGE, "its header cannot be read");
    if (status == CVT_OK) status = cvt_json_parse(&b, ours, strlen(ours), "header", error);
    if (status == CVT_OK) status = compare(cvt_json_root(a), cvt_json_root(b), command, error);
    cvt_json_free(a);
    cvt_json_free(b);
    return status;
}
