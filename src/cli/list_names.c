/* list_names.c - cvt list --only: names of one kind, a line each. Shells complete the values of options from them. */
#include <string.h>

#include "arch/arch.h"
#include "cli/configs.h"
#include "cli/models.h"
#include "report/record.h"

/* What the names are appended to. */
typedef struct listing {
    cvt_cli *cli;
    const cvt_settings *settings;
    cvt_str *to;
} listing;

/* Adds the name of a file. One with control bytes is left out: it would be no line, or could not be shown as it is. */
static void add_name(cvt_str *to, const char *name) {
    cvt_str shown = {0};
    cvt_record_escape(&shown, name);
    if (shown.failed || strcmp(shown.data ? shown.data : "", name) == 0) cvt_str_print(to, "%s\n", name);
    cvt_str_free(&shown);
}

static void add_model(void *to, const char *name, const char *path) {
    (void)path;
    add_name(to, name);
}

static int list_models(const listing *l) {
    cvt_models_list(l->cli, add_model, l->to);
    return CVT_EXIT_OK;
}

static void add_config(void *to, const char *name) { add_name(to, name); }

static int list_configs(const listing *l) {
    cvt_configs_list(l->cli, add_config, l->to);
    return CVT_EXIT_OK;
}

/* Opens the model that the settings name, without its weights. */
static int open_model(const listing *l, cvt_model **model) {
    const bool config_only = l->settings->config && !l->settings->model;
    const cvt_options options = {.no_weights = config_only, .weights_later = !config_only};
    return cvt_models_open(l->cli, l->settings, &options, model);
}

/* Has the dialect a namesake in a family before this one, or before it in the same family? */
static bool is_known(int family, const cvt_dialect *dialect) {
    for (int i = 0; i <= family; i++)
        for (const cvt_dialect *d = cvt_arch_at(i)->dialects; d->name && d != dialect; d++)
            if (strcmp(d->name, dialect->name) == 0) return true;
    return false;
}

/* Lists the dialects of the family of the model that the settings name, or, where they name none, of all families. */
static int list_dialects(const listing *l) {
    cvt_model *model = NULL;
    const bool one = l->settings->model || l->settings->config;
    const int status = one ? open_model(l, &model) : CVT_EXIT_OK;
    for (int i = 0; status == CVT_EXIT_OK && cvt_arch_at(i); i++)
        for (const cvt_dialect *d = cvt_arch_at(i)->dialects; d->name; d++)
            if (one ? strcmp(cvt_arch_name(i), cvt_model_arch(model)) == 0 : !is_known(i, d))
                cvt_str_print(l->to, "%s\n", d->name);
    if (one) cvt_model_free(model);
    return status;
}

/* Lists the taps of the model that the settings name; only those that are attention maps, or all. */
static int list_taps_of(const listing *l, bool maps) {
    cvt_model *model = NULL;
    const int status = open_model(l, &model);
    if (status != CVT_EXIT_OK) return status;
    for (int i = 0; i < cvt_model_taps(model); i++)
        if (!maps || cvt_model_attention(model, i).map) cvt_str_print(l->to, "%s\n", cvt_model_tap(model, i).name);
    cvt_model_free(model);
    return CVT_EXIT_OK;
}

static int list_taps(const listing *l) { return list_taps_of(l, false); }

static int list_layers(const listing *l) { return list_taps_of(l, true); }

/* The kinds; --only has their names as its choices. */
static const struct kind {
    const char *name;
    int (*list)(const listing *l);
} kinds[] = {{"models", list_models},
             {"configs", list_configs},
             {"dialects", list_dialects},
             {"taps", list_taps},
             {"layers", list_layers}};

int cvt_list_names(cvt_cli *cli, const cvt_settings *settings) {
    cvt_str text = {0};
    const listing l = {cli, settings, &text};
    int status = CVT_EXIT_OK;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(settings->only, kinds[i].name) == 0) status = kinds[i].list(&l);
    cvt_cli_write_str(cli, &text);
    return status;
}
