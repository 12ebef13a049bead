/* schema.c - prints the JSON schema of configs. What no table of keys has is a text here. */
#include "arch/schema.h"

#include <string.h>

#include "arch/arch.h"
#include "arch/layer.h"

/* Appends JSON in which ' stands for ", as in the tables. */
static void append_text(cvt_str *to, const char *text) {
    for (; *text; text++) cvt_str_append(to, *text == '\'' ? "\"" : text, 1);
}

/* What no table of keys has: preprocess.c reads how images are prepared, network.c reads names. */
static const char definitions[] =
    "    'input_size': {\n"
    "      'description': 'height and width; one number stands for both',\n"
    "      'anyOf': [\n"
    "        {'type': 'integer', 'minimum': 1, 'maximum': 65535},\n"
    "        {'type': 'array', 'items': {'type': 'integer', 'minimum': 1, 'maximum': 65535}, 'minItems': 2, "
    "'maxItems': 2}\n"
    "      ]\n"
    "    },\n"
    "    'mean': {\n"
    "      'anyOf': [\n"
    "        {'type': 'number', 'exclusiveMinimum': -1000000, 'exclusiveMaximum': 1000000},\n"
    "        {'type': 'array', 'items': {'type': 'number', 'exclusiveMinimum': -1000000, 'exclusiveMaximum': 1000000}, "
    "'minItems': 1, 'maxItems': 1},\n"
    "        {'type': 'array', 'items': {'type': 'number', 'exclusiveMinimum': -1000000, 'exclusiveMaximum': 1000000}, "
    "'minItems': 3, 'maxItems': 3}\n"
    "      ]\n"
    "    },\n"
    "    'std': {\n"
    "      'anyOf': [\n"
    "        {'type': 'number', 'exclusiveMinimum': 0, 'exclusiveMaximum': 1000000},\n"
    "        {'type': 'array', 'items': {'type': 'number', 'exclusiveMinimum': 0, 'exclusiveMaximum': 1000000}, "
    "'minItems': 1, 'maxItems': 1},\n"
    "        {'type': 'array', 'items': {'type': 'number', 'exclusiveMinimum': 0, 'exclusiveMaximum': 1000000}, "
    "'minItems': 3, 'maxItems': 3}\n"
    "      ]\n"
    "    },\n"
    "    'preprocess': {\n"
    "      'description': 'how images become the input, in the terms of pretrained_cfg of timm',\n"
    "      'type': 'object',\n"
    "      'additionalProperties': false,\n"
    "      'properties': {\n"
    "        'input_size': {'description': '[channels, height, width]', 'type': 'array', 'items': {'type': 'integer', "
    "'minimum': 1, 'maximum': 65535}, 'minItems': 3, 'maxItems': 3},\n"
    "        'crop_pct': {'type': 'number', 'minimum': 0.01, 'maximum': 100, 'default': 0.875},\n"
    "        'crop_mode': {'enum': ['center', 'squash', 'border', 'windows'], 'default': 'center'},\n"
    "        'crop_rounding': {'enum': ['floor', 'half_even'], 'default': 'half_even'},\n"
    "        'interpolation': {'enum': ['nearest', 'box', 'bilinear', 'hamming', 'bicubic', 'lanczos'], 'default': "
    "'bicubic'},\n"
    "        'mean': {'$ref': '#/$defs/mean', 'default': [0.485, 0.456, 0.406]},\n"
    "        'std': {'$ref': '#/$defs/std', 'default': [0.229, 0.224, 0.225]}\n"
    "      }\n"
    "    },\n"
    "    'labels': {'description': 'the name of every class', 'type': 'array', 'items': {'type': 'string'}},\n"
    "    'name': {'type': 'string', 'pattern': '^([A-Za-z0-9_-]+([.][A-Za-z0-9_-]+)*)?$', 'maxLength': 200},\n"
    "    'network_input': {\n"
    "      'allOf': [{'type': 'object', 'required': ['name']}],\n"
    "      'additionalProperties': false,\n"
    "      'properties': {\n"
    "        'name': {'$ref': '#/$defs/name'},\n"
    "        'channels': {'type': 'integer', 'minimum': 1, 'maximum': 65536, 'default': 3},\n"
    "        'size': {'$ref': '#/$defs/input_size'}\n"
    "      }\n"
    "    },\n"
    "    'layer_inputs': {\n"
    "      'description': 'the values it reads; default of a layer that reads one: the layer before, the first input "
    "for the first',\n"
    "      'anyOf': [{'$ref': '#/$defs/name'}, {'type': 'array', 'items': {'$ref': '#/$defs/name'}, 'minItems': 1, "
    "'maxItems': 8}]\n"
    "    }";

static void append_list(cvt_str *to, const char *const *words) {
    for (int i = 0; words[i]; i++) {
        cvt_str_print(to, i ? ", " : "[");
        cvt_str_json(to, words[i], false);
    }
    cvt_str_print(to, "]");
}

static void append_properties(cvt_str *to, const cvt_key *keys, bool stage, const char *indent);

/* Appends what one value of a key may be. */
static void append_type(cvt_str *to, const cvt_key *row) {
    switch (row->type) {
    case CVT_KEY_INT:
    case CVT_KEY_INTS:
    case CVT_KEY_SIZE:
        cvt_str_print(to, "\"type\": \"integer\", \"minimum\": %.0f, \"maximum\": %.0f", row->min, row->max);
        break;
    case CVT_KEY_NUMBER:
    case CVT_KEY_NUMBERS:
        cvt_str_print(to, "\"type\": \"number\", \"minimum\": %.10g, \"maximum\": %.10g", row->min, row->max);
        break;
    case CVT_KEY_CHOICE:
    case CVT_KEY_CHOICES:
        cvt_str_print(to, "\"enum\": ");
        append_list(to, row->choices);
        break;
    case CVT_KEY_LISTS:
        cvt_str_print(to,
                      "\"type\": \"array\", \"minItems\": 1, \"maxItems\": %d, \"items\": {\"type\": \"array\", "
                      "\"minItems\": %d, \"maxItems\": %d, \"items\": {\"type\": \"integer\", \"minimum\": %.0f, "
                      "\"maximum\": %.0f}}",
                      CVT_MAX_LIST, row->entries, row->entries, row->min, row->max);
        break;
    case CVT_KEY_READER:
        append_text(to, row->schema ? row->schema : "");
        if (!row->keys) break;
        cvt_str_print(to, ", \"items\": {\"type\": \"object\", \"additionalProperties\": false");
        append_properties(to, row->keys, false, "          ");
        cvt_str_print(to, "}");
        break;
    case CVT_KEY_OBJECT:
        cvt_str_print(to, "\"type\": \"object\", \"additionalProperties\": false");
        append_properties(to, row->keys, false, "          ");
        break;
    default: cvt_str_print(to, "\"type\": \"boolean\""); break;
    }
}

/* Appends the default. For a single stage, that of a list is the second entry of the family's. */
static void append_default(cvt_str *to, const cvt_key *row, bool stage) {
    const char *text = stage && row->stage_initial ? row->stage_initial : row->initial;
    if (!text) return;
    size_t n = strlen(text);
    if (stage && !row->stage_initial && *text == '[') {
        text += strcspn(text, ",") + 2;
        n = strcspn(text, ",]");
    }
    cvt_str_print(to, ", \"default\": ");
    for (size_t i = 0; i < n; i++) cvt_str_append(to, text[i] == '\'' ? "\"" : text + i, 1);
}

static void append_key(cvt_str *to, const cvt_key *keys, const cvt_key *key, bool stage) {
    const cvt_key *row = cvt_key_row(keys, key);
    cvt_str_json(to, key->name, false);
    cvt_str_print(to, ": {");
    if (key->same) {
        cvt_str_print(to, "\"description\": \"the same as %s\", ", key->same);
    } else if (row->about) {
        cvt_str_print(to, "\"description\": ");
        cvt_str_json(to, row->about, false);
        cvt_str_print(to, ", ");
    }
    bool list = cvt_key_is_list(row) && !stage;
    if (list)
        cvt_str_print(to, "\"type\": \"array\", \"minItems\": %d, \"maxItems\": %d, \"items\": {",
                      row->entries ? row->entries : 1, row->entries ? row->entries : CVT_MAX_LIST);
    if (row->type == CVT_KEY_SIZE) cvt_str_print(to, "\"anyOf\": [{");
    append_type(to, row);
    if (row->type == CVT_KEY_SIZE) {
        cvt_str_print(to, "}, {\"type\": \"array\", \"minItems\": 2, \"maxItems\": 2, \"items\": {");
        append_type(to, row);
        cvt_str_print(to, "}}]");
    }
    if (list) cvt_str_print(to, "}");
    append_default(to, row, stage);
    cvt_str_print(to, "}");
}

/* Appends the keys of an object, and which of them must be there. */
static void append_properties(cvt_str *to, const cvt_key *keys, bool stage, const char *indent) {
    bool required = false;
    for (const cvt_key *k = keys; k && k->name; k++) {
        if (!k->required || (stage && !k->stage)) continue;
        cvt_str_print(to, required ? ", " : ", \"required\": [");
        cvt_str_json(to, k->name, false);
        required = true;
    }
    cvt_str_print(to, "%s, \"properties\": {", required ? "]" : "");
    const char *comma = "";
    for (const cvt_key *k = keys; k && k->name; k++) {
        if (stage && !k->stage) continue;
        cvt_str_print(to, "%s\n%s", comma, indent);
        append_key(to, keys, k, stage);
        comma = ",";
    }
    cvt_str_print(to, "}");
}

/* Appends the object of a family or a layer. frame: the members that all have. */
static void append_object(cvt_str *to, const char *prefix, const char *name, const char *about, const char *more,
                          const char *frame, const cvt_key *keys, bool stage) {
    cvt_str_print(to, ",\n    \"%s%s\": {\n      \"description\": ", prefix, name);
    cvt_str_json(to, about, false);
    cvt_str_print(to, ",\n      \"additionalProperties\": false");
    append_text(to, more ? more : "");
    cvt_str properties = {0};
    append_properties(&properties, keys, stage, "        ");
    /* the frame goes first into "properties" */
    const char *open = properties.data ? strstr(properties.data, "\"properties\": {") + 15 : "";
    cvt_str_append(to, properties.data ? properties.data : "", properties.data ? (size_t)(open - properties.data) : 0);
    cvt_str_print(to, "\n        \"%s\": {\"const\": \"%s\"}", *prefix ? "type" : "arch", name);
    append_text(to, frame);
    cvt_str_print(to, "%s%s\n    }", *open == '}' ? "" : ",", open);
    if (properties.failed) to->failed = true;
    cvt_str_free(&properties);
}

/* Appends which definition counts for each value of a member. */
static void append_cases(cvt_str *to, const char *member, const char *prefix, const char *const *names, size_t n) {
    for (size_t i = 0; i < n; i++)
        cvt_str_print(to,
                      "%s\n    {\"if\": {\"properties\": {\"%s\": {\"const\": \"%s\"}}}, \"then\": {\"$ref\": "
                      "\"#/$defs/%s%s\"}}",
                      i ? "," : "", member, names[i], prefix, names[i]);
}

void cvt_schema_print(cvt_str *to) {
    enum { MAX_KINDS = 128 };
    const char *families[MAX_KINDS + 1] = {0}, *layers[MAX_KINDS + 1] = {0};
    size_t n = 0, m = 0;
    for (; n < MAX_KINDS && cvt_arch_at((int)n); n++) families[n] = cvt_arch_at((int)n)->name;
    for (; m < MAX_KINDS && cvt_layer_at((int)m); m++) layers[m] = cvt_layer_at((int)m)->type;
    append_text(to, "{\n  '$schema': 'https://json-schema.org/draft/2020-12/schema',\n"
                    "  'title': 'A model configuration of cvt in the native dialect; see cvt-config(5)',\n"
                    "  'type': 'object',\n  'required': ['arch'],\n  'properties': {'arch': {'enum': ");
    append_list(to, families);
    append_text(to, "}},\n  'allOf': [");
    append_cases(to, "arch", "", families, n);
    append_text(to, "\n  ],\n  '$defs': {\n");
    append_text(to, definitions);
    append_text(to, ",\n    'layer': {'type': 'object', 'required': ['type'], 'properties': {'type': {'enum': ");
    append_list(to, layers);
    append_text(to, "}}, 'allOf': [");
    append_cases(to, "type", "layer_", layers, m);
    append_text(to, "\n    ]}");
    for (int i = 0; cvt_arch_at(i); i++) {
        const cvt_arch *a = cvt_arch_at(i);
        append_object(to, "", a->name, a->about, a->schema,
                      ",\n        'comment': {},\n        'input_size': {'$ref': '#/$defs/input_size'},\n"
                      "        'preprocess': {'$ref': '#/$defs/preprocess'},\n"
                      "        'labels': {'$ref': '#/$defs/labels'}",
                      a->keys, false);
    }
    for (int i = 0; cvt_layer_at(i); i++) {
        const cvt_layer *l = cvt_layer_at(i);
        append_object(
            to, "layer_", l->type, l->about, NULL,
            ",\n        'name': {'$ref': '#/$defs/name'},\n        'inputs': {'$ref': '#/$defs/layer_inputs'},\n"
            "        'output': {'$ref': '#/$defs/name'},\n        'comment': {}",
            l->keys, l->stage);
    }
    cvt_str_print(to, "\n  }\n}\n");
}
