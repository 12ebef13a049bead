/* eval_report.c - what cvt eval says of the answers: as text, JSON or a table, and the confusion matrix. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/eval.h"
#include "cli/models.h"
#include "cli/text_table.h"
#include "learn/learn.h"
#include "report/confusion.h"
#include "report/json_out.h"

/* ---- numbers --------------------------------------------------------------------------------------------------- */

/* A number of the results that is not of one class. NAN: there is none, as where no image could be read. */
typedef struct figure {
    const char *name;
    double value, low, high; /* low, high: its 95 % interval; NAN: it has none */
} figure;

/* The order in which they are printed. */
enum { IMAGES, FAILED, LEFT_OUT, TOP1, TOP5, ACCURACY, PRECISION, F1, ECE, TEMPERATURE, LOSS, LEAST_LOSS, FIGURES };

static figure number_of(const char *name, double value) { return (figure){name, value, NAN, NAN}; }

static figure share_of(const char *name, size_t right, size_t n) {
    figure of = number_of(name, NAN);
    if (!n) return of;
    of.value = (double)right / (double)n;
    cvt_wilson(&of.low, &of.high, right, n);
    return of;
}

static void find_figures(const eval *e, figure list[FIGURES]) {
    const cvt_measures *m = &e->run->measures;
    const bool any = m->n > 0;
    double loss = NAN, least = NAN, temperature = NAN;
    if (any) temperature = cvt_calibration_temperature(&e->run->calibration, &loss, &least);
    list[IMAGES] = number_of("images", (double)(m->n + e->run->failed));
    list[FAILED] = number_of("failed", (double)e->run->failed);
    list[LEFT_OUT] = number_of("left_out", (double)e->left_out);
    list[TOP1] = share_of("top1", m->right, m->n);
    list[TOP5] = share_of("top5", e->run->among, m->n);
    list[ACCURACY] = number_of("mean_class_accuracy", any ? m->recall : NAN);
    list[PRECISION] = number_of("mean_precision", any ? m->precision : NAN);
    list[F1] = number_of("mean_f1", any ? m->f1 : NAN);
    list[ECE] = number_of("ece", any ? cvt_calibration_error(&e->run->calibration) : NAN);
    list[TEMPERATURE] = number_of("temperature", temperature);
    list[LOSS] = number_of("loss", loss);
    list[LEAST_LOSS] = number_of("loss_at_temperature", least);
}

/* The classes that have images or were answered. */
static bool is_seen(const eval *e, int k) {
    return e->run->measures.classes[k].support > 0 || e->run->measures.classes[k].answered > 0;
}

/* ---- text ------------------------------------------------------------------------------------------------------ */

static void text_share(cvt_str *to, const char *name, const figure *f, size_t right, size_t n) {
    cvt_str_print(to, "%s %zu of %zu, %.2f %% (95 %% interval: %.2f to %.2f %%)\n", name, right, n, 100 * f->value,
                  100 * f->low, 100 * f->high);
}

/* The names of a class in the data, and how they were matched. */
static void append_names(cvt_str *to, const eval *e, int index) {
    for (size_t i = 0; i < e->n_names; i++)
        if (e->names[i].index == index)
            cvt_str_print(to, "%s%s (%s)", to->size ? ", " : "", e->names[i].name, cvt_matched_text(e->names[i].how));
}

/* Lists names with a class and without images too: how they are understood is to be seen. */
static void text_classes(cvt_str *to, const eval *e) {
    static const cvt_column columns[] = {{"images", CVT_CELL_NUMBER},    {"precision", CVT_CELL_NUMBER},
                                         {"recall", CVT_CELL_NUMBER},    {"F1", CVT_CELL_NUMBER},
                                         {"class", CVT_CELL_NUMBER},     {"label", CVT_CELL_WORDS},
                                         {"in the data", CVT_CELL_WORDS}};
    cvt_text_table table = {.columns = columns, .n_columns = sizeof columns / sizeof columns[0]};
    for (int k = 0; k < e->classes; k++) {
        const cvt_class_measures *c = &e->run->measures.classes[k];
        cvt_str names = {0};
        char number[16];
        append_names(&names, e, k);
        to->failed = to->failed || names.failed;
        if (is_seen(e, k) || names.size) {
            cvt_text_table_add(&table, "%zu", c->support);
            cvt_text_table_add(&table, "%.2f %%", 100 * c->precision);
            cvt_text_table_add(&table, "%.2f %%", 100 * c->recall);
            cvt_text_table_add(&table, "%.4f", c->f1);
            cvt_text_table_add(&table, "%d", k);
            cvt_text_table_add(&table, "%s", cvt_eval_class_name(e, k, number));
            cvt_text_table_add(&table, "%s", names.data ? names.data : "-");
        }
        cvt_str_free(&names);
    }
    cvt_text_table_print(&table, cvt_terminal_width(STDOUT_FILENO), to);
}

static void text_calibration(cvt_str *to, const figure *f) {
    const double ece = f[ECE].value, temperature = f[TEMPERATURE].value;
    cvt_str_print(to, "expected calibration error: %.2f %% (15 bins); ", 100 * ece);
    if (isnan(temperature))
        cvt_str_print(to, "no temperature from 1/64 to 64 is best\n");
    else
        cvt_str_print(to, "logits divided by the temperature %.4f would mend it: the model is too %s\n", temperature,
                      temperature > 1 ? "sure" : "cautious");
}

static void text_summary(cvt_str *to, const eval *e, const figure *f) {
    const cvt_measures *m = &e->run->measures;
    cvt_str_print(to, "%zu image%s of %d class%s; %zu failed; %zu left out, of no class of the model\n",
                  m->n + e->run->failed, m->n + e->run->failed == 1 ? "" : "s", m->present, m->present == 1 ? "" : "es",
                  e->run->failed, e->left_out);
    if (!m->n) return;
    text_share(to, "top-1:", &f[TOP1], m->right, m->n);
    text_share(to, "top-5:", &f[TOP5], e->run->among, m->n);
    cvt_str_print(to, "mean per-class accuracy: %.2f %%\n", 100 * m->recall);
    text_calibration(to, f);
}

static void write_text(cvt_str *to, const eval *e, const figure *f) {
    text_classes(to, e);
    cvt_str_print(to, "\n");
    text_summary(to, e, f);
}

/* ---- JSON ------------------------------------------------------------------------------------------------------ */

static void json_number(cvt_str *to, const char *before, double value) {
    cvt_str_text(to, before);
    cvt_json_out_number(to, value);
}

static void json_label(cvt_str *to, const eval *e, int index) {
    char number[16];
    cvt_str_print(to, "\"index\":%d,\"label\":", index);
    cvt_json_out_string(to, cvt_eval_class_name(e, index, number));
}

static void json_mapping(cvt_str *to, const eval *e) {
    cvt_str_print(to, ",\n\"mapping\":[");
    for (size_t i = 0; i < e->n_names; i++) {
        const eval_name *name = &e->names[i];
        cvt_str_print(to, "%s\n{\"name\":", i ? "," : "");
        cvt_json_out_string(to, name->name);
        cvt_str_print(to, ",\"images\":%zu,", name->images);
        if (name->index >= 0)
            json_label(to, e, name->index);
        else
            cvt_str_print(to, "\"index\":null,\"label\":null");
        cvt_str_print(to, ",\"by\":");
        if (*cvt_matched_word(name->how))
            cvt_json_out_string(to, cvt_matched_word(name->how));
        else
            cvt_str_print(to, "null");
        cvt_str_print(to, "}");
    }
    cvt_str_print(to, "]");
}

static void json_classes(cvt_str *to, const eval *e) {
    bool any = false;
    cvt_str_print(to, ",\n\"classes\":[");
    for (int k = 0; k < e->classes; k++) {
        const cvt_class_measures *c = &e->run->measures.classes[k];
        if (!is_seen(e, k)) continue;
        cvt_str_print(to, "%s\n{", any ? "," : "");
        json_label(to, e, k);
        cvt_str_print(to, ",\"support\":%zu,\"answered\":%zu,\"right\":%zu", c->support, c->answered, c->right);
        json_number(to, ",\"precision\":", c->precision);
        json_number(to, ",\"recall\":", c->recall);
        json_number(to, ",\"f1\":", c->f1);
        cvt_str_print(to, "}");
        any = true;
    }
    cvt_str_print(to, "]");
}

static void json_bins(cvt_str *to, const eval *e) {
    const cvt_calibration *of = &e->run->calibration;
    cvt_str_print(to, ",\n\"bins\":[");
    for (int i = 0; i < CVT_BINS; i++) {
        const double n = (double)of->images[i];
        json_number(to, i ? ",\n{\"from\":" : "\n{\"from\":", (double)i / CVT_BINS);
        json_number(to, ",\"to\":", (double)(i + 1) / CVT_BINS);
        cvt_str_print(to, ",\"images\":%zu", of->images[i]);
        json_number(to, ",\"accuracy\":", of->images[i] ? (double)of->right[i] / n : NAN);
        json_number(to, ",\"confidence\":", of->images[i] ? of->confidence[i] / n : NAN);
        cvt_str_print(to, "}");
    }
    cvt_str_print(to, "]");
}

/* The whole matrix, over the classes that are seen; "labels" are their numbers. */
static void json_confusion(cvt_str *to, const eval *e) {
    const cvt_measures *m = &e->run->measures;
    bool any = false;
    size_t at = 0;
    cvt_str_print(to, ",\n\"confusion\":{\"labels\":[");
    for (int k = 0; k < e->classes; k++) {
        if (!is_seen(e, k)) continue;
        cvt_str_print(to, "%s%d", any ? "," : "", k);
        any = true;
    }
    cvt_str_print(to, "],\"matrix\":[");
    any = false;
    for (int truth = 0; truth < e->classes; truth++) {
        if (!is_seen(e, truth)) continue;
        cvt_str_print(to, "%s\n[", any ? "," : "");
        bool first = true;
        for (int answer = 0; answer < e->classes; answer++) {
            if (!is_seen(e, answer)) continue;
            const cvt_answer_count *cell = at < m->n_cells ? &m->cells[at] : NULL;
            const bool here = cell && cell->truth == truth && cell->answer == answer;
            cvt_str_print(to, "%s%zu", first ? "" : ",", here ? cell->n : 0);
            first = false;
            at += here;
        }
        cvt_str_print(to, "]");
        any = true;
    }
    cvt_str_print(to, "]}");
}

static void write_json(cvt_str *to, const eval *e, const figure *f) {
    cvt_str name = {0};
    cvt_models_name(e->cli, e->settings, &name);
    cvt_str_print(to, "{");
    cvt_json_out_path(to, "model", name.data ? name.data : "");
    cvt_str_print(to, ",");
    cvt_json_out_path(to, "data", e->called);
    to->failed = to->failed || name.failed;
    if (e->n_runs > 1) cvt_str_print(to, ",\n\"precision\":\"%s\"", cvt_model_precision(e->model));
    cvt_str_free(&name);
    for (int i = 0; i < FIGURES; i++) {
        cvt_str_print(to, ",\n\"%s\":", f[i].name);
        cvt_json_out_number(to, f[i].value);
        if (isnan(f[i].low)) continue;
        cvt_str_print(to, ",\"%s_interval\":[", f[i].name);
        cvt_json_out_number(to, f[i].low);
        json_number(to, ",", f[i].high);
        cvt_str_print(to, "]");
    }
    json_mapping(to, e);
    json_classes(to, e);
    json_bins(to, e);
    json_confusion(to, e);
    cvt_str_print(to, "}");
}

/* ---- a table --------------------------------------------------------------------------------------------------- */

static void csv_value(cvt_str *to, double value) {
    cvt_str_print(to, ",");
    if (!isnan(value)) cvt_json_out_number(to, value);
}

/* A label between quotes. */
static void csv_text(cvt_str *to, const char *text) {
    cvt_str safe = {0};
    cvt_record_escape(&safe, text);
    cvt_str_print(to, "\"");
    for (size_t i = 0; i < safe.size; i++)
        cvt_str_append(to, safe.data[i] == '"' ? "\"\"" : safe.data + i, safe.data[i] == '"' ? 2 : 1);
    cvt_str_print(to, "\"");
    to->failed = to->failed || safe.failed;
    cvt_str_free(&safe);
}

/* One number a line: what it is, of which class, and its interval; of several runs, first in which precision. */
static void write_csv(cvt_str *to, const eval *e, const figure *f) {
    const bool several = e->n_runs > 1;
    const char *precision = several ? cvt_model_precision(e->model) : "", *comma = several ? "," : "";
    if (e->run == e->runs) cvt_str_print(to, "%smeasure,index,label,value,low,high\n", several ? "precision," : "");
    for (int i = 0; i < FIGURES; i++) {
        cvt_str_print(to, "%s%s%s,,", precision, comma, f[i].name);
        csv_value(to, f[i].value);
        csv_value(to, f[i].low);
        csv_value(to, f[i].high);
        cvt_str_print(to, "\n");
    }
    for (int k = 0; k < e->classes; k++) {
        const cvt_class_measures *c = &e->run->measures.classes[k];
        const figure of[] = {number_of("support", (double)c->support), number_of("answered", (double)c->answered),
                             number_of("precision", c->precision), share_of("recall", c->right, c->support),
                             number_of("f1", c->f1)};
        for (size_t i = 0; is_seen(e, k) && i < sizeof of / sizeof of[0]; i++) {
            char number[16];
            cvt_str_print(to, "%s%s%s,%d,", precision, comma, of[i].name, k);
            csv_text(to, cvt_eval_class_name(e, k, number));
            csv_value(to, isnan(of[i].value) ? 0 : of[i].value);
            csv_value(to, of[i].low);
            csv_value(to, of[i].high);
            cvt_str_print(to, "\n");
        }
    }
}

/* ---- the confusion matrix -------------------------------------------------------------------------------------- */

static cvt_status write_picture(const char *path, const cvt_confusion *of, cvt_error *error) {
    cvt_pixels pixels = {0};
    cvt_status status = cvt_confusion_draw(&pixels, of, error);
    if (status == CVT_OK) status = cvt_png_write(path, &pixels, error);
    cvt_pixels_free(&pixels);
    return status;
}

/* The matrix of the classes that are seen, with their labels. */
static cvt_status make_confusion(cvt_confusion *of, const eval *e, cvt_arena *arena, cvt_error *error) {
    const cvt_measures *m = &e->run->measures;
    int *places = cvt_arena_array(arena, (size_t)e->classes, sizeof *places);
    const char **labels = cvt_arena_array(arena, (size_t)e->classes, sizeof *labels);
    cvt_confusion_cell *cells = cvt_arena_array(arena, m->n_cells + 1, sizeof *cells);
    *of = (cvt_confusion){.labels = labels, .cells = cells, .n_cells = m->n_cells};
    if (!places || !labels || !cells) return cvt_fail_memory(error);
    for (int k = 0; k < e->classes; k++) {
        char number[16];
        if (!is_seen(e, k)) continue;
        const char *name = cvt_eval_class_name(e, k, number);
        places[k] = of->n;
        labels[of->n] = cvt_arena_copy(arena, name, strlen(name));
        if (!labels[of->n++]) return cvt_fail_memory(error);
    }
    for (size_t i = 0; i < m->n_cells; i++)
        cells[i] = (cvt_confusion_cell){places[m->cells[i].truth], places[m->cells[i].answer], m->cells[i].n};
    return CVT_OK;
}

cvt_output_kind cvt_eval_confusion_kind(const char *path) {
    const char *dot = strrchr(cvt_file_name(path), '.');
    return cvt_opt_is(dot, ".png") ? CVT_OUTPUT_PNG : cvt_opt_is(dot, ".svg") ? CVT_OUTPUT_SVG : CVT_OUTPUT_CONFUSION;
}

static cvt_status write_confusion(const eval *e, cvt_error *error) {
    const char *path = e->settings->confusion;
    const cvt_output_kind kind = cvt_eval_confusion_kind(path);
    cvt_arena arena = {0};
    cvt_confusion of;
    cvt_str text = {0};
    cvt_status status = make_confusion(&of, e, &arena, error);
    if (status == CVT_OK && kind == CVT_OUTPUT_PNG) {
        status = write_picture(path, &of, error);
    } else if (status == CVT_OK) {
        if (kind == CVT_OUTPUT_SVG)
            cvt_confusion_svg(&text, &of);
        else
            cvt_confusion_csv(&text, &of);
        status = cvt_out_save(path, &text, error);
    }
    cvt_str_free(&text);
    cvt_arena_free(&arena);
    return status;
}

/* ---- all of it ------------------------------------------------------------------------------------------------- */

/* Appends what the run e->run found. */
static void write_run(cvt_str *to, const eval *e) {
    figure figures[FIGURES];
    find_figures(e, figures);
    if (cvt_opt_is(e->settings->format, "json")) {
        write_json(to, e, figures);
    } else if (cvt_opt_is(e->settings->format, "csv")) {
        write_csv(to, e, figures);
    } else if (e->n_runs > 1) {
        cvt_str_print(to, "%s: ", cvt_model_precision(e->model));
        text_summary(to, e, figures);
        cvt_str_print(to, "\n");
    } else {
        write_text(to, e, figures);
    }
}

/* Appends what all runs found, and how they differ. */
static cvt_status write_runs(cvt_str *to, eval *e, cvt_error *error) {
    const bool json = cvt_opt_is(e->settings->format, "json"), several = e->n_runs > 1;
    if (json && several) cvt_str_print(to, "{\"runs\":[\n");
    for (int i = 0; i < e->n_runs; i++) {
        eval_run *run = e->run = &e->runs[i];
        e->model = run->model;
        TRY(cvt_measure(&run->measures, run->answers, run->n_answers, e->classes, error));
        if (i && json) cvt_str_print(to, ",\n");
        write_run(to, e);
    }
    if (several) cvt_eval_compare(to, e);
    if (json) cvt_str_print(to, several ? "}\n" : "\n");
    return CVT_OK;
}

int cvt_eval_report(eval *e) {
    cvt_error error;
    cvt_str text = {0};
    int status = CVT_EXIT_OK;
    if (write_runs(&text, e, &error) != CVT_OK)
        status = cvt_cli_fail(NULL, &error, CVT_EXIT_MODEL);
    else if (e->settings->confusion && write_confusion(e, &error) != CVT_OK)
        status = cvt_cli_fail(e->settings->confusion, &error, CVT_EXIT_OUTPUT);
    else
        cvt_cli_write_str(e->cli, &text);
    if (status != CVT_EXIT_OK) cvt_str_free(&text);
    return status;
}
