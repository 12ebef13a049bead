/* summary.c - cvt summary: shows a model's layers as a table for people, as torchsummary prints them, as JSON or as
 * CSV. A MAC is one multiply-add. Totals count each parameter once, except in torchsummary's own layout.
 *
 * The names of layers are paths, "stage0.block1.attn.q". With a depth of N the listing is folded: the layers below a
 * scope of N segments become one entry. The scopes of one segment are the model's stages. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/num.h"
#include "cli/models.h"
#include "cli/text_table.h"
#include "report/json_out.h"

/* ---- pieces ---------------------------------------------------------------------------------------------------- */

/* A number with a comma at every thousand. */
typedef struct grouped {
    char text[32];
} grouped;

static grouped group(int64_t value) {
    grouped out;
    char digits[24];
    int n = snprintf(digits, sizeof digits, "%lld", (long long)value), k = 0;
    for (int i = 0; i < n; i++) {
        if (i > 0 && (n - i) % 3 == 0 && digits[i - 1] != '-') out.text[k++] = ',';
        out.text[k++] = digits[i];
    }
    out.text[k] = 0;
    return out;
}

/* The lengths of a shape with a separator between them. */
typedef struct lengths {
    char text[8 * 22];
} lengths;

static lengths join(int rank, const int64_t *shape, const char *separator) {
    lengths out = {""};
    size_t n = 0;
    for (int i = 0; i < rank && n < sizeof out.text; i++)
        n += (size_t)snprintf(out.text + n, sizeof out.text - n, "%s%lld", i ? separator : "", (long long)shape[i]);
    return out;
}

/* ---- entries --------------------------------------------------------------------------------------------------- */

/* An entry: a layer, or a scope with all layers below it. `row` then has the shape of the last layer and the sums of
 * all. */
typedef struct entry {
    cvt_row row;
    char *name;
    int layers; /* how many layers the scope has; 0: the entry is a layer */
} entry;

typedef struct entries {
    entry *at;
    int n;
} entries;

static void free_entries(entries *e) {
    for (int i = 0; i < e->n; i++) free(e->at[i].name);
    free(e->at);
    *e = (entries){0};
}

/* Returns the length of the path's first `depth` segments, or of the whole path with depth 0. */
static size_t length_of_scope(const char *name, int64_t depth) {
    size_t n = strcspn(name, ".");
    for (int64_t i = 1; name[n] && (depth == 0 || i < depth); i++) n += 1 + strcspn(name + n + 1, ".");
    return n;
}

/* Returns the entry of this name, or a new one without a name. */
static entry *find_entry(entries *e, const char *name, size_t length) {
    for (int i = e->n - 1; i >= 0; i--)
        if (strlen(e->at[i].name) == length && memcmp(e->at[i].name, name, length) == 0) return &e->at[i];
    return &e->at[e->n++];
}

/* Adds a layer to the entries. A layer whose name is that of a scope belongs to the scope; one without a name, at the
 * top, is called by its type. */
static bool add_entry(entries *e, const cvt_row *row, int64_t depth) {
    const char *name = depth && !*row->name ? row->type : row->name;
    const size_t length = length_of_scope(name, depth);
    entry *to = depth ? find_entry(e, name, length) : &e->at[e->n++];
    if (to->name)
        to->layers = cvt_max_int(to->layers, 1) + 1;
    else if (name[length])
        to->layers = 1;
    if (!to->name && !(to->name = strndup(name, length))) return false;
    const int64_t parameters = to->row.parameters + row->parameters, macs = to->row.macs + row->macs;
    to->row = *row;
    to->row.parameters = parameters;
    to->row.macs = macs;
    return true;
}

/* Makes the entries of a listing folded to a depth; 0: not folded. Returns false where memory runs out. */
static bool make_entries(entries *e, const cvt_model *model, cvt_row_style style, int64_t depth) {
    const int n = cvt_model_rows(model, style);
    *e = (entries){.at = calloc((size_t)n + 1, sizeof *e->at)};
    for (int i = 0; e->at && i < n; i++) {
        const cvt_row row = cvt_model_row(model, style, i);
        if (!add_entry(e, &row, depth)) return false;
    }
    return e->at != NULL;
}

static double share_of(int64_t part, int64_t all) { return all > 0 ? (double)part / (double)all : 0; }

/* ---- text ------------------------------------------------------------------------------------------------------ */

static void add_layers(cvt_str *to, const entries *e, int width) {
    static const cvt_column columns[] = {{"layer", CVT_CELL_NAME},
                                         {"type", CVT_CELL_NAME},
                                         {"output", CVT_CELL_FIXED},
                                         {"parameters", CVT_CELL_NUMBER},
                                         {"MACs", CVT_CELL_NUMBER}};
    cvt_text_table table = {.columns = columns, .n_columns = sizeof columns / sizeof columns[0]};
    for (int i = 0; i < e->n; i++) {
        const cvt_row *row = &e->at[i].row;
        cvt_text_table_add(&table, "%s", e->at[i].name);
        if (e->at[i].layers)
            cvt_text_table_add(&table, "%d layer%s", e->at[i].layers, e->at[i].layers == 1 ? "" : "s");
        else
            cvt_text_table_add(&table, "%s", row->type);
        cvt_text_table_add(&table, "%s", join(row->rank, row->shape, " x ").text);
        cvt_text_table_add(&table, "%s", group(row->parameters).text);
        cvt_text_table_add(&table, "%s", group(row->macs).text);
    }
    cvt_text_table_print(&table, width, to);
}

static void add_stages(cvt_str *to, const cvt_model *model, const entries *stages, int width) {
    static const cvt_column columns[] = {{"stage", CVT_CELL_NAME},
                                         {"parameters", CVT_CELL_NUMBER},
                                         {"share", CVT_CELL_NUMBER},
                                         {"MACs", CVT_CELL_NUMBER},
                                         {"share", CVT_CELL_NUMBER}};
    cvt_text_table table = {.columns = columns, .n_columns = sizeof columns / sizeof columns[0]};
    for (int i = 0; i < stages->n; i++) {
        const cvt_row *row = &stages->at[i].row;
        cvt_text_table_add(&table, "%s", stages->at[i].name);
        cvt_text_table_add(&table, "%s", group(row->parameters).text);
        cvt_text_table_add(&table, "%.1f%%", 100 * share_of(row->parameters, cvt_model_parameters(model)));
        cvt_text_table_add(&table, "%s", group(row->macs).text);
        cvt_text_table_add(&table, "%.1f%%", 100 * share_of(row->macs, cvt_model_macs(model)));
    }
    cvt_str_print(to, "\n");
    cvt_text_table_print(&table, width, to);
}

/* Appends a total and, where there is room, what it counts. */
static void add_total(cvt_str *to, int width, const char *name, int64_t value, const char *meaning) {
    const grouped number = group(value);
    cvt_str_print(to, "%-10s  %s", name, number.text);
    if (width == 0 || 14 + (int)(strlen(number.text) + strlen(meaning)) <= width) cvt_str_print(to, "  %s", meaning);
    cvt_str_print(to, "\n");
}

/* stored: the model has weights, and is not made from a config alone. */
static void write_text(cvt_str *to, const cvt_model *model, const entries *rows, const entries *stages, bool stored) {
    const int width = cvt_terminal_width(STDOUT_FILENO);
    add_layers(to, rows, width);
    add_stages(to, model, stages, width);
    cvt_str_print(to, "\n%s", cvt_model_arch(model));
    for (int i = 0; i < cvt_model_inputs(model); i++) {
        cvt_tensor_info in = cvt_model_input(model, i);
        cvt_str_print(to, ", %s %s", in.name, join(in.rank, in.shape, " x ").text);
    }
    cvt_str_print(to, "\nparameters  %s\n", group(cvt_model_parameters(model)).text);
    add_total(to, width, "buffers", cvt_model_buffers(model), "(stored numbers that are not learned)");
    add_total(to, width, "MACs", cvt_model_macs(model), "(multiply-adds for one image)");
    add_total(to, width, "bytes", cvt_model_bytes(model),
              stored ? "(of the stored weights)" : "(of the weights, if they were stored in f32)");
}

/* Writes the listing as torchsummary 1.5 does. Its totals add up what each call shows. */
static void write_torchsummary(cvt_str *to, const cvt_model *model) {
    static const char thin[] = "----------------------------------------------------------------\n";
    static const char thick[] = "================================================================\n";
    int n = cvt_model_rows(model, CVT_ROWS_TORCHSUMMARY);
    int64_t total = 0;
    double outputs = 0, input = 1;
    cvt_str_print(to, "%s%20s  %25s %15s\n%s", thin, "Layer (type)", "Output Shape", "Param #", thick);
    for (int i = 0; i < n; i++) {
        cvt_row row = cvt_model_row(model, CVT_ROWS_TORCHSUMMARY, i);
        char layer[128], shape[sizeof(lengths) + 8];
        snprintf(layer, sizeof layer, "%s-%d", row.type, i + 1);
        snprintf(shape, sizeof shape, "[-1%s%s]", row.rank ? ", " : "", join(row.rank, row.shape, ", ").text);
        cvt_str_print(to, "%20s  %25s %15s\n", layer, shape, group(row.parameters).text);
        total += row.parameters;
        double size = 1;
        for (int k = 0; k < row.rank; k++) size *= (double)row.shape[k];
        outputs += size;
    }
    cvt_str_print(to, "%sTotal params: %s\nTrainable params: %s\nNon-trainable params: 0\n%s", thick, group(total).text,
                  group(total).text, thin);
    for (int i = 0; i < cvt_model_inputs(model); i++) {
        cvt_tensor_info in = cvt_model_input(model, i);
        for (int k = 0; k < in.rank; k++) input *= (double)in.shape[k];
    }
    const double each = 4.0 / (1024 * 1024), in_mb = input * each, out_mb = 2 * outputs * each;
    const double params_mb = (double)total * each;
    cvt_str_print(to, "Input size (MB): %.2f\nForward/backward pass size (MB): %.2f\nParams size (MB): %.2f\n", in_mb,
                  out_mb, params_mb);
    cvt_str_print(to, "Estimated Total Size (MB): %.2f\n%s", params_mb + out_mb + in_mb, thin);
}

/* ---- for programs ---------------------------------------------------------------------------------------------- */

static const char *type_of(const entry *e) { return e->layers ? "scope" : e->row.type; }

static void write_csv(cvt_str *to, const entries *rows) {
    cvt_str_print(to, "name,type,shape,parameters,macs\n");
    for (int i = 0; i < rows->n; i++) {
        const cvt_row *row = &rows->at[i].row;
        cvt_str_print(to, "%s,%s,%s,%lld,%lld\n", rows->at[i].name, type_of(&rows->at[i]),
                      join(row->rank, row->shape, "x").text, (long long)row->parameters, (long long)row->macs);
    }
}

static void append_shape(cvt_str *to, int rank, const int64_t *shape) {
    cvt_str_print(to, ",\"shape\":[%s]", join(rank, shape, ",").text);
}

static void add_json_rows(cvt_str *to, const entries *rows) {
    for (int i = 0; i < rows->n; i++) {
        const entry *e = &rows->at[i];
        cvt_str_print(to, "%s\n{\"name\":", i ? "," : "");
        cvt_json_out_string(to, e->name);
        cvt_str_print(to, ",\"type\":");
        cvt_json_out_string(to, type_of(e));
        append_shape(to, e->row.rank, e->row.shape);
        cvt_str_print(to, ",\"parameters\":%lld,\"macs\":%lld", (long long)e->row.parameters, (long long)e->row.macs);
        if (e->layers) cvt_str_print(to, ",\"layers\":%d", e->layers);
        cvt_str_print(to, "}");
    }
}

static void add_json_stages(cvt_str *to, const cvt_model *model, const entries *stages) {
    for (int i = 0; i < stages->n; i++) {
        const cvt_row *row = &stages->at[i].row;
        cvt_str_print(to, "%s\n{\"name\":", i ? "," : "");
        cvt_json_out_string(to, stages->at[i].name);
        cvt_str_print(to, ",\"parameters\":%lld,\"parameters_share\":", (long long)row->parameters);
        cvt_json_out_number(to, share_of(row->parameters, cvt_model_parameters(model)));
        cvt_str_print(to, ",\"macs\":%lld,\"macs_share\":", (long long)row->macs);
        cvt_json_out_number(to, share_of(row->macs, cvt_model_macs(model)));
        cvt_str_print(to, "}");
    }
}

static void write_json(cvt_str *to, const cvt_model *model, const entries *rows, const entries *stages) {
    cvt_str_print(to, "{\"rows\":[");
    add_json_rows(to, rows);
    cvt_str_print(to, "],\n\"parameters\":%lld,\"buffers\":%lld,\"macs\":%lld,\"bytes\":%lld,\n\"stages\":[",
                  (long long)cvt_model_parameters(model), (long long)cvt_model_buffers(model),
                  (long long)cvt_model_macs(model), (long long)cvt_model_bytes(model));
    add_json_stages(to, model, stages);
    cvt_str_print(to, "],\n\"taps\":[");
    for (int i = 0; i < cvt_model_taps(model); i++) {
        cvt_tensor_info tap = cvt_model_tap(model, i);
        cvt_str_print(to, "%s\n{\"name\":", i ? "," : "");
        cvt_json_out_string(to, tap.name);
        append_shape(to, tap.rank, tap.shape);
        cvt_str_print(to, "}");
    }
    cvt_str_print(to, "]}\n");
}

/* ---------------------------------------------------------------------------------------------------------------- */

static bool has_config_only(const cvt_settings *settings) { return settings->config && !settings->model; }

static void write_summary(cvt_str *to, const cvt_model *model, const cvt_settings *settings) {
    const bool torchsummary = cvt_opt_is(settings->style, "torchsummary");
    const cvt_row_style style = torchsummary ? CVT_ROWS_TORCHSUMMARY : CVT_ROWS_CVT;
    const bool stored = !has_config_only(settings);
    entries rows = {0}, stages = {0};
    if (!make_entries(&rows, model, style, settings->depth) || !make_entries(&stages, model, CVT_ROWS_CVT, 1))
        to->failed = true;
    else if (cvt_opt_is(settings->format, "json"))
        write_json(to, model, &rows, &stages);
    else if (cvt_opt_is(settings->format, "csv"))
        write_csv(to, &rows);
    else if (torchsummary)
        write_torchsummary(to, model);
    else
        write_text(to, model, &rows, &stages, stored);
    free_entries(&rows);
    free_entries(&stages);
}

int cvt_command_summary(cvt_cli *cli, const cvt_settings *settings, char **operands) {
    (void)operands;
    cvt_options options = {.no_weights = has_config_only(settings)};
    cvt_model *model = NULL;
    if (settings->depth && cvt_opt_is(settings->style, "torchsummary"))
        return cvt_cli_usage(cli, "--depth folds the rows of --style=cvt: those of torchsummary are as that program "
                                  "has them");
    int status = cvt_models_open(cli, settings, &options, &model);
    if (status != CVT_EXIT_OK) return status;
    cvt_str text = {0};
    write_summary(&text, model, settings);
    cvt_cli_write_str(cli, &text);
    cvt_model_free(model);
    return CVT_EXIT_OK;
}
