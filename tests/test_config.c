/* test_config.c - tests that the tables of keys, configs/schema.json and man/cvt-config.5 agree: the schema is what the
 * tables make, the page has every key with its range and default. What the schema allows is read; what it forbids is
 * refused with a line that names the key. `test_config --page` prints the page with the index that it should have. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch/arch.h"
#include "arch/layer.h"
#include "arch/schema.h"
#include "base/file.h"
#include "base/str.h"
#include "test.h"

static const char *const frame[] = {"arch", "comment", "input_size", "preprocess", "labels"};
enum { FRAME = sizeof frame / sizeof frame[0] };
static const char *const members[] = {"type", "name", "inputs", "output", "comment"}; /* of every layer */
enum { MEMBERS = sizeof members / sizeof members[0] };

/* ---- reading configs ---- */

static cvt_status open_text(const char *text, cvt_error *error) {
    cvt_json_document *document;
    TRY(cvt_json_parse(&document, text, strlen(text), "c.json", error));
    cvt_arena arena = {0};
    cvt_config config;
    cvt_status status = cvt_config_open(&config, cvt_json_root(document), "c.json", &arena, error);
    cvt_arena_free(&arena);
    cvt_json_free(document);
    return status;
}

static const char *key_of_probe;
static int probes;

/* Reads a config: `format` with `value` in place of %s. A refusal must name the key. */
static void probe(const char *format, const char *value, bool allowed) {
    const char *hole = strstr(format, "%s");
    cvt_str text = {0};
    cvt_str_print(&text, "%.*s%s%s", (int)(hole - format), format, value, hole + 2);
    cvt_error error = {0};
    cvt_status status = open_text(text.data, &error);
    bool named = strstr(error.message, key_of_probe) && !strchr(error.message, '\n');
    bool right = allowed ? status == CVT_OK : status == CVT_CONFIG && named;
    probes++;
    if (!right) test_case(false, key_of_probe, "%s is %s: %s", text.data, allowed ? "refused" : "read", error.message);
    cvt_str_free(&text);
}

static void probe_number(const char *format, double value, bool allowed) {
    char text[64];
    snprintf(text, sizeof text, "%.17g", value);
    probe(format, text, allowed);
}

static const cvt_json *schema_root;

static const cvt_json *resolved(const cvt_json *schema) {
    const char *ref = cvt_json_string(cvt_json_get(schema, "$ref"));
    return ref ? cvt_json_get(cvt_json_get(schema_root, "$defs"), strrchr(ref, '/') + 1) : schema;
}

static bool number_at(const cvt_json *schema, const char *key, double *out) {
    return cvt_json_number(cvt_json_get(schema, key), out);
}

static void probe_scalar(const char *format, const cvt_json *schema, bool integer) {
    double x;
    probe(format, "\"7\"", false);
    probe(format, "null", false);
    if (number_at(schema, "minimum", &x)) probe_number(format, x, true), probe_number(format, x - 1, false);
    if (number_at(schema, "maximum", &x)) probe_number(format, x, true), probe_number(format, x + 1, false);
    if (number_at(schema, "exclusiveMinimum", &x)) probe_number(format, x + 0.5, true), probe_number(format, x, false);
    if (number_at(schema, "exclusiveMaximum", &x)) probe_number(format, x - 0.5, true), probe_number(format, x, false);
    if (integer) probe(format, "1.5", false);
}

static void probe_enum(const char *format, const cvt_json *values) {
    char text[64];
    for (const cvt_json *v = cvt_json_first(values); v; v = cvt_json_next(v)) {
        bool flag;
        double number;
        if (cvt_json_string(v))
            snprintf(text, sizeof text, "\"%s\"", cvt_json_string(v));
        else if (cvt_json_number(v, &number))
            snprintf(text, sizeof text, "%g", number);
        else
            snprintf(text, sizeof text, "%s", !cvt_json_bool(v, &flag) ? "null" : flag ? "true" : "false");
        probe(format, text, true);
    }
    probe(format, "\"no such\"", false);
    probe(format, "1", false);
}

static void probe_schema(const char *format, const cvt_json *schema);

/* Appends an object in which all required members have their smallest values; `skip` is left out, and `hole` becomes
 * "%s". */
static void append_object(cvt_str *s, const cvt_json *properties, const char *skip, const char *hole) {
    const char *comma = "";
    cvt_str_print(s, "{");
    for (const cvt_json *p = cvt_json_first(properties); p; p = cvt_json_next(p)) {
        const char *name = cvt_json_key(p);
        double least = 0;
        number_at(p, "minimum", &least);
        if (skip && strcmp(skip, name) == 0) continue;
        cvt_str_print(s, "%s\"%s\": ", comma, name);
        if (hole && strcmp(hole, name) == 0)
            cvt_str_append(s, "%s", 2);
        else
            cvt_str_print(s, "%g", least);
        comma = ", ";
    }
    cvt_str_print(s, "}");
}

static void probe_members(const char *format, const cvt_json *schema) {
    const cvt_json *properties = cvt_json_get(schema, "properties");
    const cvt_json *list = cvt_json_get(schema, "required");
    bool required = list && cvt_json_size(list) == cvt_json_size(properties);
    const char *at = strstr(format, "%s");
    for (const cvt_json *p = cvt_json_first(properties); p; p = cvt_json_next(p)) {
        cvt_str inner = {0}, without = {0};
        cvt_str_print(&inner, "%.*s", (int)(at - format), format);
        if (required)
            append_object(&inner, properties, NULL, cvt_json_key(p));
        else
            cvt_str_print(&inner, "{\"%s\": %%s}", cvt_json_key(p));
        cvt_str_print(&inner, "%s", at + 2);
        probe_schema(inner.data, p);
        append_object(&without, properties, cvt_json_key(p), NULL);
        if (required) probe(format, without.data, false);
        cvt_str_free(&inner);
        cvt_str_free(&without);
    }
    probe(format, "{\"no_such_key\": 1}", false);
}

/* Appends a list of n equal values. */
static void append_list(cvt_str *s, int n, const char *value) {
    cvt_str_print(s, "[");
    for (int i = 0; i < n; i++) cvt_str_print(s, "%s%s", i ? ", " : "", value);
    cvt_str_print(s, "]");
}

static void probe_array(const char *format, const cvt_json *schema) {
    double least = 0, most = -1; /* of no limit: nothing is too few or too many */
    const cvt_json *items = resolved(cvt_json_get(schema, "items"));
    number_at(schema, "minItems", &least);
    number_at(schema, "maxItems", &most);
    const char *at = strstr(format, "%s");
    cvt_str inner = {0}, few = {0}, many = {0};
    cvt_str_print(&inner, "%.*s[%%s", (int)(at - format), format);
    for (int i = 1; i < (int)least; i++) cvt_str_print(&inner, ", 1");
    cvt_str_print(&inner, "]%s", at + 2);
    probe_schema(inner.data, items);
    if (least > 0) append_list(&few, (int)least - 1, "1");
    if (most >= 0) append_list(&many, (int)most + 1, "1");
    if (few.data) probe(format, few.data, false);
    if (many.data) probe(format, many.data, false);
    probe(format, "{}", false);
    cvt_str_free(&inner);
    cvt_str_free(&few);
    cvt_str_free(&many);
}

static void probe_schema(const char *format, const cvt_json *unresolved) {
    const cvt_json *schema = resolved(unresolved), *any = cvt_json_get(schema, "anyOf"),
                   *values = cvt_json_get(schema, "enum");
    const char *type = cvt_json_string(cvt_json_get(schema, "type"));
    for (const cvt_json *s = any ? cvt_json_first(any) : NULL; s; s = cvt_json_next(s)) probe_schema(format, s);
    if (values) probe_enum(format, values);
    if (!type) return;
    if (strcmp(type, "integer") == 0) probe_scalar(format, schema, true);
    if (strcmp(type, "number") == 0) probe_scalar(format, schema, false);
    if (strcmp(type, "array") == 0) probe_array(format, schema);
    if (strcmp(type, "object") == 0) probe_members(format, schema);
    if (strcmp(type, "boolean") == 0)
        probe(format, "true", true), probe(format, "false", true), probe(format, "0", false);
}

/* ---- tables against the manual ---- */

/* Finds the manual's item for a key under the heading of the family (NULL: of all layers), as one line without markup.
 * The text is "" if there is none. */
static void read_item(cvt_str *to, const char *manual, const char *family, const char *key) {
    cvt_str heading = {0}, item = {0};
    cvt_str_clear(to);
    cvt_str_append(to, "", 0);
    cvt_str_print(&heading, family ? "\n.Ss %s\n" : "\n.Sh LAYERS\n", family);
    cvt_str_print(&item, "\n.It Va %s", key);
    const char *at = strstr(manual, heading.data);
    bool found = false;
    while (at && !found && (at = strstr(at + 1, "\n.")) && strncmp(at, "\n.Ss", 4) != 0 && strncmp(at, "\n.Sh", 4) != 0)
        found = strncmp(at, item.data, item.size) == 0 && strchr(" \n", at[item.size]);
    const char *end = found ? at + item.size : NULL;
    for (const char *c = end; c && *c; c++) {
        if (!to->size && !strncmp(c, "\n.It Va", 7)) { /* one text for several keys */
            c += 1 + strcspn(c + 1, "\n") - 1;
            continue;
        }
        if (*c == '\n' && (!strncmp(c, "\n.It Va", 7) || !strncmp(c, "\n.Ss", 4) || !strncmp(c, "\n.Sh", 4))) break;
        if (*c == '\n' && c[1] == '.') c += 3; /* .Li: the words behind count */
        if (strncmp(c, "\\(dq", 4) == 0) {
            cvt_str_append(to, "\"", 1);
            c += 3;
        } else {
            cvt_str_append(to, *c == '\n' ? " " : c, 1);
        }
    }
    cvt_str_free(&heading);
    cvt_str_free(&item);
}

static bool in_manual(const char *manual, const char *family, const char *key) {
    cvt_str text = {0};
    read_item(&text, manual, family, key);
    bool found = text.size > 0;
    cvt_str_free(&text);
    return found;
}

/* Finds what the item lacks: the range, the default or the other name of the key; "" if nothing. */
static void find_lack(cvt_str *lack, const cvt_key *keys, const cvt_key *key, bool stage, const char *item) {
    const cvt_key *row = cvt_key_row(keys, key);
    cvt_str_clear(lack);
    cvt_str_append(lack, "", 0);
    if (!*item) cvt_str_print(lack, "the item");
    if (key->same) {
        if (!strstr(item, key->same)) cvt_str_print(lack, "the name %s", key->same);
        return;
    }
    if (strstr(item, "he same as")) return; /* another key's item says it */
    char range[64], value[256];
    snprintf(range, sizeof range, "%.10g to %.10g", row->min, row->max);
    if (row->max > row->min && !strstr(item, range)) cvt_str_print(lack, " the range %s", range);
    const char *text = stage && row->stage_initial ? row->stage_initial : row->initial;
    if (!text) return;
    bool entry = stage && !row->stage_initial && *text == '[';
    bool word = row->type == CVT_KEY_CHOICE || (entry && row->type == CVT_KEY_CHOICES);
    if (entry) text += strcspn(text, ",") + 2;
    size_t n = entry ? strcspn(text, ",]") : strlen(text);
    snprintf(value, sizeof value, "%.*s", (int)n - 2 * word, text + word);
    for (char *c = value; *c; c++) *c = *c == '\'' ? '"' : *c;
    const char *at = strstr(item, "efault");
    while (at && !strstr(at, value)) at = strstr(at + 1, "efault");
    if (!at && !(word && strstr(item, value))) cvt_str_print(lack, " the default %s", value);
}

/* Tests the keys of a table. `path` leads to the object that has them, `heading` is theirs in the manual. Returns how
 * many there are. */
static size_t test_keys(const cvt_key *keys, bool stage, const char *path, const char *heading, const char *manual) {
    size_t n = 0;
    char name[256];
    cvt_str item = {0}, lack = {0};
    for (const cvt_key *k = keys; k && k->name; k++) {
        if (stage && !k->stage) continue;
        n++;
        bool there = !k->same;
        for (const cvt_key *row = keys; row->name && !there; row++) there = !strcmp(row->name, k->same) && !row->same;
        snprintf(name, sizeof name, "%s.%s stands for a key", path, k->name);
        if (!there) {
            test_case(false, name, "there is no %s", k->same);
            continue;
        }
        read_item(&item, manual, heading, k->name);
        find_lack(&lack, keys, k, stage, item.data);
        snprintf(name, sizeof name, "cvt-config(5) has %s.%s as the table has it", path, k->name);
        test_case(lack.size == 0, name, "it lacks %s", lack.data);
        if (k->type != CVT_KEY_OBJECT) continue;
        snprintf(name, sizeof name, "%s.%s", path, k->name);
        test_keys(k->keys, false, name, heading, manual);
    }
    cvt_str_free(&item);
    cvt_str_free(&lack);
    return n;
}

static void test_family(const cvt_arch *arch, const char *manual) {
    const cvt_json *properties =
        cvt_json_get(cvt_json_get(cvt_json_get(schema_root, "$defs"), arch->name), "properties");
    char name[256], format[256];
    size_t n = test_keys(arch->keys, false, arch->name, arch->name, manual);
    for (size_t i = 0; i < FRAME; i++) {
        snprintf(name, sizeof name, "schema.json and cvt-config(5) have %s of %s", frame[i], arch->name);
        bool there = cvt_json_get(properties, frame[i]) && in_manual(manual, "Keys of every family", frame[i]);
        test_case(there, name, "missing in one");
    }
    snprintf(name, sizeof name, "schema.json has no other keys of %s", arch->name);
    test_case(cvt_json_size(properties) == n + FRAME, name, "%zu of %zu", cvt_json_size(properties), n + FRAME);
    int before = test_failures;
    snprintf(format, sizeof format, "{\"arch\": \"%s\", \"no_such_key\": %%s}", arch->name);
    key_of_probe = "no_such_key";
    probe(format, "1", false);
    for (const cvt_json *p = cvt_json_first(properties); p; p = cvt_json_next(p)) {
        key_of_probe = cvt_json_key(p);
        if (strcmp(key_of_probe, "labels") == 0 || strcmp(key_of_probe, "arch") == 0)
            continue; /* it is read elsewhere */
        snprintf(format, sizeof format, "{\"arch\": \"%s\", \"%s\": %%s}", arch->name, key_of_probe);
        probe_schema(format, p);
    }
    snprintf(name, sizeof name, "%s reads what the schema allows and refuses the rest", arch->name);
    test_case(before == test_failures, name, "see above");
}

/* Tests a kind of layer like a family: its keys are added to those of every layer. */
static void test_layer(const cvt_layer *layer, const char *manual) {
    char name[256], format[256], heading[64];
    snprintf(name, sizeof name, "layer_%s", layer->type);
    snprintf(heading, sizeof heading, "Layer %s", layer->type);
    const cvt_json *properties = cvt_json_get(cvt_json_get(cvt_json_get(schema_root, "$defs"), name), "properties");
    size_t n = MEMBERS + test_keys(layer->keys, layer->stage, name, heading, manual);
    int before = test_failures;
    for (const cvt_key *k = layer->keys; k && k->name; k++) {
        const cvt_json *p = cvt_json_get(properties, k->name);
        key_of_probe = k->name;
        snprintf(format, sizeof format, "{\"arch\": \"network\", \"layers\": [{\"type\": \"%s\", \"%s\": %%s}]}",
                 layer->type, k->name);
        if (p) probe_schema(format, p);
    }
    for (size_t i = 0; i < MEMBERS; i++)
        test_case(cvt_json_get(properties, members[i]) && in_manual(manual, NULL, members[i]), members[i],
                  "missing in layer_%s of schema.json, or under LAYERS in cvt-config(5)", layer->type);
    snprintf(name, sizeof name, "layer %s reads what the schema allows, and there are no other keys", layer->type);
    test_case(before == test_failures && cvt_json_size(properties) == n, name, "%zu keys of %zu",
              cvt_json_size(properties), n);
}

/* Tests the models of timm's registry: each is a config that its family reads, and is found by its name. */
static void test_presets(void) {
    char text[256];
    for (const cvt_preset *p = cvt_presets; p->name; p++) {
        cvt_error error = {0};
        snprintf(text, sizeof text, "{\"architecture\": \"%s\"}", p->name);
        bool family = false;
        for (int i = 0; cvt_arch_at(i); i++) family = family || strcmp(cvt_arch_at(i)->name, p->arch) == 0;
        test_case(family && open_text(text, &error) == CVT_OK, p->name, "%s, a config of \"%s\"", error.message,
                  p->arch);
    }
}

/* ---- the index of keys ---- */

enum { MOST_KEYS = 512, MOST_COLUMNS = 79 };
static struct {
    const char *key;
    cvt_str places; /* "cvt, vit, layer norm" */
} indexed[MOST_KEYS];
static size_t n_indexed;

static void index_key(const char *key, const char *place) {
    size_t i = 0;
    while (i < n_indexed && strcmp(indexed[i].key, key) != 0) i++;
    if (i == MOST_KEYS) return;
    if (i == n_indexed) indexed[n_indexed++].key = key;
    cvt_str_print(&indexed[i].places, "%s%s", indexed[i].places.size ? ", " : "", place);
}

static void index_keys(const cvt_key *keys, bool stage, const char *place) {
    for (const cvt_key *k = keys; k && k->name; k++) {
        if (stage && !k->stage) continue;
        index_key(k->name, place);
        cvt_str inner = {0};
        cvt_str_print(&inner, "%s (in %s)", place, k->name);
        index_keys(k->keys, false, inner.data);
        cvt_str_free(&inner);
    }
}

static int by_key(const void *a, const void *b) {
    const char *const *x = a, *const *y = b; /* the first member of each is its key */
    return strcmp(*x, *y);
}

/* A list of words with commas, broken so that lines fit the page. */
static void append_lines(cvt_str *to, const char *words) {
    size_t column = 0;
    for (const char *w = words; *w;) {
        size_t n = strcspn(w, ","), more = w[n] == ',';
        if (column && column + 1 + n + more > MOST_COLUMNS) cvt_str_append(to, "\n", 1), column = 0;
        if (column) cvt_str_append(to, " ", 1), column++;
        cvt_str_append(to, w, n + more);
        column += n + more;
        w += n + 2 * more;
    }
    cvt_str_append(to, "\n", 1);
}

/* The section of the page, as it should be. */
static void make_index(cvt_str *to) {
    char place[64];
    for (size_t i = 0; i < FRAME; i++) index_key(frame[i], "every family");
    for (int i = 0; cvt_arch_at(i); i++) index_keys(cvt_arch_at(i)->keys, false, cvt_arch_at(i)->name);
    for (size_t i = 0; i < MEMBERS; i++) index_key(members[i], "every layer");
    for (int i = 0; cvt_layer_at(i); i++) {
        snprintf(place, sizeof place, "layer %s", cvt_layer_at(i)->type);
        index_keys(cvt_layer_at(i)->keys, cvt_layer_at(i)->stage, place);
    }
    qsort(indexed, n_indexed, sizeof *indexed, by_key);
    cvt_str_append(to, "", 0);
    for (size_t i = 0; i < n_indexed; i++) {
        cvt_str_print(to, ".It Va %s\n", indexed[i].key);
        append_lines(to, indexed[i].places.data);
        cvt_str_free(&indexed[i].places);
    }
    cvt_str_print(to, ".El\n");
}

/* Where the index begins in the page; NULL if there is none. */
static const char *find_index(const char *manual) {
    const char *at = strstr(manual, "\n.Sh INDEX OF KEYS\n");
    at = at ? strstr(at, "\n.It ") : NULL;
    return at ? at + 1 : NULL;
}

static void test_index(const char *manual, const char *index) {
    const char *at = find_index(manual);
    if (!test_case(at && n_indexed > 150 && n_indexed < MOST_KEYS, "cvt-config(5) has an index", "%zu keys", n_indexed))
        return;
    size_t same = 0, line = 0; /* where they begin to differ, and where that line begins */
    for (; index[same] && at[same] == index[same]; same++)
        if (at[same] == '\n') line = same + 1;
    test_case(!index[same], "the index of cvt-config(5) has every key, and where it is one",
              "it should go on with \"%.*s\"; test_config --page prints the page with the index that it should have",
              (int)strcspn(index + line, "\n"), index + line);
}

/* The page, with the index that it should have. */
static int print_page(const char *index) {
    cvt_file manual;
    cvt_error error;
    if (cvt_file_read(&manual, "man/cvt-config.5", 1 << 20, &error) != CVT_OK) return 1;
    cvt_str text = {0};
    cvt_str_append(&text, (const char *)manual.data, manual.size);
    const char *at = find_index(text.data), *end = at ? strstr(at, ".El\n") : NULL;
    if (end) printf("%.*s%s%s", (int)(at - text.data), text.data, index, end + strlen(".El\n"));
    cvt_str_free(&text);
    cvt_file_close(&manual);
    return end ? 0 : 1;
}

int main(int argc, char **argv) {
    cvt_str index = {0};
    make_index(&index);
    if (argc == 2 && strcmp(argv[1], "--page") == 0) {
        int result = print_page(index.data);
        cvt_str_free(&index);
        return result;
    }
    cvt_file schema, manual;
    cvt_error error;
    cvt_json_document *document = NULL;
    if (!test_case(cvt_file_read(&schema, "configs/schema.json", 1 << 20, &error) == CVT_OK, "schema.json is there",
                   "%s", error.message))
        return test_end();
    if (!test_case(cvt_file_read(&manual, "man/cvt-config.5", 1 << 20, &error) == CVT_OK, "cvt-config.5 is there", "%s",
                   error.message))
        return test_end();
    cvt_status status = cvt_json_parse(&document, (const char *)schema.data, schema.size, "schema.json", &error);
    if (!test_case(status == CVT_OK, "schema.json is JSON", "%s", error.message)) return test_end();
    schema_root = cvt_json_root(document);
    cvt_str made = {0};
    cvt_schema_print(&made);
    test_case(made.size == schema.size && memcmp(made.data, schema.data, made.size) == 0,
              "configs/schema.json is what the tables make", "cvt list --schema >configs/schema.json");
    cvt_str_free(&made);
    cvt_str text = {0};
    cvt_str_append(&text, (const char *)manual.data, manual.size);
    test_presets();
    for (int i = 0; cvt_arch_at(i); i++) test_family(cvt_arch_at(i), text.data);
    for (int i = 0; cvt_layer_at(i); i++) test_layer(cvt_layer_at(i), text.data);
    test_index(text.data, index.data);
    test_case(probes > 400, "values on both sides of every bound", "only %d", probes);
    cvt_str_free(&index);
    cvt_str_free(&text);
    cvt_json_free(document);
    cvt_file_close(&schema);
    cvt_file_close(&manual);
    return test_end();
}
