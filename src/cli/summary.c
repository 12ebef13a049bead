/* summary.c - cvt summary: a model's layers as a table for people, as torchsummary prints them, as JSON or as CSV.
 * A MAC is one multiply-add; the totals are true ones (each parameter once), except in torchsummary's own layout. */
#include <stdio.h>
#include <string.h>

#include "base/num.h"
#include "cli/models.h"
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

/* ---- text ------------------------------------------------------------------------------------------------------ */

static void write_text(cvt_str *to, const cvt_model *model, cvt_row_style style) {
    int n = cvt_model_rows(model, style), name = 5, type = 4, shape = 6;
    for (int i = 0; i < n; i++) {
        cvt_row row = cvt_model_row(model, style, i);
        name = cvt_max_int(name, (int)strlen(row.name));
        type = cvt_max_int(type, (int)strlen(row.type));
        shape = cvt_max_int(shape, (int)strlen(join(row.rank, row.shape, " x ").text));
    }
    cvt_str_print(to, "%-*s  %-*s  %-*s  %13s  %17s\n", name, "layer", type, "type", shape, "output", "parameters",
                  "MACs");
    for (int i = 0; i < n; i++) {
        cvt_row row = cvt_model_row(model, style, i);
        cvt_str_print(to, "%-*s  %-*s  %-*s  %13s  %17s\n", name, row.name, type, row.type, shape,
                      join(row.rank, row.shape, " x ").text, group(row.parameters).text, group(row.macs).text);
    }
    cvt_str_print(to, "\n%s", cvt_model_arch(model));
    for (int i = 0; i < cvt_model_inputs(model); i++) {
        cvt_tensor_info in = cvt_model_input(model, i);
        cvt_str_print(to, ", %s %s", in.name, join(in.rank, in.shape, " x ").text);
    }
    cvt_str_print(to, "\nparameters  %s\nbuffers     %s\nMACs        %s\n", group(cvt_model_parameters(model)).text,
                  group(cvt_model_buffers(model)).text, group(cvt_model_macs(model)).text);
}

/* The layout of torchsummary 1.5, whose totals add what each call shows. */
static void write_torchsummary(cvt_str *to, const cvt_model *model) {
    static const char thin[] = "----------------------------------------------------------------\n";
    static const char thick[] = "================================================================\n";
    int n = cvt_model_rows(model, CVT_ROWS_TORCHSUMMARY);
    int64_t total = 0;
    cvt_str_print(to, "%s%20s  %25s %15s\n%s", thin, "Layer (type)", "Output Shape", "Param #", thick);
    for (int i = 0; i < n; i++) {
        cvt_row row = cvt_model_row(model, CVT_ROWS_TORCHSUMMARY, i);
        char layer[128], shape[sizeof(lengths) + 8];
        snprintf(layer, sizeof layer, "%s-%d", row.type, i + 1);
        snprintf(shape, sizeof shape, "[-1%s%s]", row.rank ? ", " : "", join(row.rank, row.shape, ", ").text);
        cvt_str_print(to, "%20s  %25s %15s\n", layer, shape, group(row.parameters).text);
        total += row.parameters;
    }
    cvt_str_print(to, "%sTotal params: %s\nTrainable params: %s\nNon-trainable params: 0\n%s", thick, group(total).text,
                  group(total).text, thin);
}

/* ---- for programs ---------------------------------------------------------------------------------------------- */

static void write_csv(cvt_str *to, const cvt_model *model, cvt_row_style style) {
    cvt_str_print(to, "name,type,shape,parameters,macs\n");
    for (int i = 0; i < cvt_model_rows(model, style); i++) {
        cvt_row row = cvt_model_row(model, style, i);
        cvt_str_print(to, "%s,%s,%s,%lld,%lld\n", row.name, row.type, join(row.rank, row.shape, "x").text,
                      (long long)row.parameters, (long long)row.macs);
    }
}

static void append_shape(cvt_str *to, int rank, const int64_t *shape) {
    cvt_str_print(to, ",\"shape\":[%s]", join(rank, shape, ",").text);
}

static void write_json(cvt_str *to, const cvt_model *model, cvt_row_style style) {
    cvt_str_print(to, "{\"rows\":[");
    for (int i = 0; i < cvt_model_rows(model, style); i++) {
        cvt_row row = cvt_model_row(model, style, i);
        cvt_str_print(to, "%s\n{\"name\":", i ? "," : "");
        cvt_json_out_string(to, row.name);
        cvt_str_print(to, ",\"type\":");
        cvt_json_out_string(to, row.type);
        append_shape(to, row.rank, row.shape);
        cvt_str_print(to, ",\"parameters\":%lld,\"macs\":%lld}", (long long)row.parameters, (long long)row.macs);
    }
    cvt_str_print(to, "],\n\"parameters\":%lld,\"buffers\":%lld,\"macs\":%lld,\n\"taps\":[",
                  (long long)cvt_model_parameters(model), (long long)cvt_model_buffers(model),
                  (long long)cvt_model_macs(model));
    for (int i = 0; i < cvt_model_taps(model); i++) {
        cvt_tensor_info tap = cvt_model_tap(model, i);
        cvt_str_print(to, "%s\n{\"name\":", i ? "," : "");
        cvt_json_out_string(to, tap.name);
        append_shape(to, tap.rank, tap.shape);
        cvt_str_print(to, "}");
    }
    cvt_str_print(to, "]}\n");
}

int cvt_command_summary(cvt_cli *cli, const cvt_settings *settings, char **operands) {
    (void)operands;
    cvt_options options = {.no_weights = settings->config && !settings->model};
    cvt_model *model = NULL;
    int status = cvt_models_open(cli, settings, &options, &model);
    if (status != CVT_EXIT_OK) return status;
    bool torchsummary = cvt_opt_is(settings->style, "torchsummary");
    cvt_row_style style = torchsummary ? CVT_ROWS_TORCHSUMMARY : CVT_ROWS_CVT;
    cvt_str text = {0};
    if (cvt_opt_is(settings->format, "json"))
        write_json(&text, model, style);
    else if (cvt_opt_is(settings->format, "csv"))
        write_csv(&text, model, style);
    else if (torchsummary)
        write_torchsummary(&text, model);
    else
        write_text(&text, model, style);
    cvt_cli_write_str(cli, &text);
    cvt_model_free(model);
    return CVT_EXIT_OK;
}
