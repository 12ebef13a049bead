/* list.c - cvt list: lists the families, what they have in common and how they differ, and the models at hand. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/models.h"
#include "cli/text_table.h"
#include "report/json_out.h"

/* What the list shows of a model that a name leads to. */
typedef struct found {
    const char *name, *path;
    cvt_model *model; /* NULL: it cannot be opened, and `error` says why */
    cvt_error error;
} found;

/* One of the two forms of the list. `context` is where it puts its models. */
typedef struct listing {
    const cvt_cli *cli;
    void (*model)(void *context, const found *found);
    void *context;
} listing;

static void each_model(void *context, const char *name, const char *path) {
    const listing *to = context;
    const cvt_settings settings = {.model = path};
    const cvt_options options = {.weights_later = true};
    cvt_str opened = {0};
    found f = {.name = name, .path = path};
    if (cvt_models_try(to->cli, &settings, &options, &f.model, &opened, &f.error) != CVT_OK) f.model = NULL;
    to->model(to->context, &f);
    cvt_str_free(&opened);
    cvt_model_free(f.model);
}

/* ---- text ------------------------------------------------------------------------------------------------------ */

enum { LIST_BELOW = 75 }; /* a terminal of fewer columns gets lists in place of the tables that have titles */

static void add_families(cvt_str *to, int width) {
    static const cvt_column columns[] = {{"", CVT_CELL_FIXED}, {"", CVT_CELL_FIXED}, {"", CVT_CELL_WORDS}};
    cvt_text_table table = {.columns = columns, .n_columns = sizeof columns / sizeof columns[0]};
    for (int i = 0; cvt_arch_name(i); i++) {
        cvt_text_table_add(&table, "family");
        cvt_text_table_add(&table, "%s", cvt_arch_name(i));
        cvt_text_table_add(&table, "%s", cvt_arch_about(i));
    }
    cvt_text_table_print(&table, width, to);
}

static void add_traits(cvt_str *to, int width) {
    static const cvt_column columns[] = {{"", CVT_CELL_FIXED},
                                         {"position encoding", CVT_CELL_WORDS},
                                         {"token embedding", CVT_CELL_WORDS},
                                         {"attention projection", CVT_CELL_WORDS},
                                         {"hierarchical", CVT_CELL_WORDS}};
    cvt_text_table table = {
        .columns = columns, .n_columns = sizeof columns / sizeof columns[0], .list_below = LIST_BELOW};
    for (int i = 0; cvt_arch_name(i); i++) {
        const cvt_arch_traits traits = cvt_arch_compare(i);
        cvt_text_table_add(&table, "%s", cvt_arch_name(i));
        cvt_text_table_add(&table, "%s", traits.position_encoding);
        cvt_text_table_add(&table, "%s", traits.token_embedding);
        cvt_text_table_add(&table, "%s", traits.attention_projection);
        cvt_text_table_add(&table, "%s", traits.hierarchical);
    }
    cvt_str_print(to, "\n");
    cvt_text_table_print(&table, width, to);
}

static void add_bytes(cvt_text_table *table, int64_t bytes) {
    static const char *const units[] = {"kB", "MB", "GB"};
    double n = (double)bytes / 1000;
    size_t i = 0;
    for (; n >= 999.95 && i + 1 < sizeof units / sizeof units[0]; i++) n /= 1000;
    cvt_text_table_add(table, "%.1f %s", n, units[i]);
}

static void add_input(cvt_text_table *table, const cvt_model *model) {
    const cvt_tensor_info in = cvt_model_input(model, 0);
    if (cvt_model_inputs(model) > 1)
        cvt_text_table_add(table, "%d inputs", cvt_model_inputs(model));
    else
        cvt_text_table_add(table, "%" PRId64 " x %" PRId64 " x %" PRId64, in.shape[0], in.shape[1], in.shape[2]);
}

static void text_model(void *context, const found *f) {
    cvt_text_table *table = context;
    cvt_text_table_add(table, "model "); /* as wide as "family" */
    cvt_text_table_add(table, "%s", f->name);
    if (f->model) {
        cvt_text_table_add(table, "%d", cvt_model_classes(f->model));
        add_input(table, f->model);
        add_bytes(table, cvt_model_bytes(f->model));
    } else {
        cvt_text_table_add(table, "-");
        cvt_text_table_add(table, "cannot be opened");
        cvt_text_table_add(table, "-");
        cvt_cli_say(NULL, f->error.message);
    }
    cvt_text_table_add(table, "%s", f->path);
}

static void write_text(const cvt_cli *cli, cvt_str *to) {
    static const cvt_column columns[] = {{"", CVT_CELL_FIXED},         {"", CVT_CELL_FIXED},
                                         {"classes", CVT_CELL_NUMBER}, {"input", CVT_CELL_FIXED},
                                         {"bytes", CVT_CELL_NUMBER},   {"path", CVT_CELL_NAME}};
    const int width = cvt_terminal_width(STDOUT_FILENO);
    cvt_text_table table = {
        .columns = columns, .n_columns = sizeof columns / sizeof columns[0], .list_below = LIST_BELOW};
    listing models = {cli, text_model, &table};
    add_families(to, width);
    add_traits(to, width);
    cvt_models_list(cli, each_model, &models);
    cvt_str_print(to, "\n");
    if (table.n_cells)
        cvt_text_table_print(&table, width, to);
    else
        cvt_str_print(to, "no models; '%s help list' tells where they are looked for\n", cvt_cli_name(cli));
}

/* ---- JSON ------------------------------------------------------------------------------------------------------ */

/* Appends ,"key":"value". */
static void json_member(cvt_str *to, const char *key, const char *value) {
    cvt_str_print(to, ",\"%s\":", key);
    cvt_json_out_string(to, value);
}

static void json_families(cvt_str *to) {
    for (int i = 0; cvt_arch_name(i); i++) {
        const cvt_arch_traits traits = cvt_arch_compare(i);
        cvt_str_print(to, "%s\n{\"name\":", i ? "," : "");
        cvt_json_out_string(to, cvt_arch_name(i));
        json_member(to, "about", cvt_arch_about(i));
        json_member(to, "position_encoding", traits.position_encoding);
        json_member(to, "token_embedding", traits.token_embedding);
        json_member(to, "attention_projection", traits.attention_projection);
        json_member(to, "hierarchical", traits.hierarchical);
        cvt_str_print(to, "}");
    }
}

static void json_facts(cvt_str *to, const cvt_model *model) {
    json_member(to, "family", cvt_model_arch(model));
    cvt_str_print(to, ",\"classes\":%d,\"inputs\":[", cvt_model_classes(model));
    for (int i = 0; i < cvt_model_inputs(model); i++) {
        const cvt_tensor_info in = cvt_model_input(model, i);
        cvt_str_print(to, "%s[", i ? "," : "");
        for (int k = 0; k < in.rank; k++) cvt_str_print(to, "%s%" PRId64, k ? "," : "", in.shape[k]);
        cvt_str_print(to, "]");
    }
    cvt_str_print(to, "],\"parameters\":%" PRId64 ",\"bytes\":%" PRId64, cvt_model_parameters(model),
                  cvt_model_bytes(model));
    json_member(to, "precision", cvt_model_precision(model));
}

typedef struct json_models {
    cvt_str *to;
    bool any;
} json_models;

static void json_model(void *context, const found *f) {
    json_models *models = context;
    cvt_str *to = models->to;
    cvt_str_print(to, "%s\n{\"name\":", models->any ? "," : "");
    models->any = true;
    cvt_json_out_string(to, f->name);
    cvt_str_print(to, ",");
    cvt_json_out_path(to, "path", f->path);
    if (f->model)
        json_facts(to, f->model);
    else
        json_member(to, "error", f->error.message);
    cvt_str_print(to, "}");
}

static void write_json(const cvt_cli *cli, cvt_str *to) {
    json_models models = {.to = to};
    listing list = {cli, json_model, &models};
    cvt_str_print(to, "{\"families\":[");
    json_families(to);
    cvt_str_print(to, "],\n\"models\":[");
    cvt_models_list(cli, each_model, &list);
    cvt_str_print(to, "]}\n");
}

/* ---------------------------------------------------------------------------------------------------------------- */

int cvt_command_list(cvt_cli *cli, const cvt_settings *settings, char **operands) {
    (void)operands;
    if (settings->schema) return cvt_list_schema(cli);
    if (settings->only) return cvt_list_names(cli, settings);
    if (settings->model || settings->config) return cvt_cli_usage(cli, "-m and -c are for --only");
    cvt_str text = {0};
    if (cvt_opt_is(settings->format, "json"))
        write_json(cli, &text);
    else
        write_text(cli, &text);
    cvt_cli_write_str(cli, &text);
    return CVT_EXIT_OK;
}
