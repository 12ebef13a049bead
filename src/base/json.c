/* json.c - a strict parser for JSON (RFC 8259) that builds a tree of cJSON's nodes.
 *
 * cJSON's own parser is not used: it accepts duplicate keys, numbers such as "01" and "1.", and text that is not
 * UTF-8, and it reads numbers as the locale has them. Only its tree is used. */
#include "base/json.h"

#include <cJSON.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#if defined(__APPLE__)
#include <xlocale.h>
#endif

#include "base/str.h"

enum {
    MAX_TEXT = 100000000, /* safetensors allows its header as much */
    MAX_VALUES = 1000000,
    MAX_STRINGS = 1 << 25, /* bytes of all strings together */
    MAX_DEPTH = 64,
    MAX_NUMBER = 1000, /* characters; no double needs more than 767 digits */
};

struct cvt_json_document {
    cJSON *root;
};

typedef struct parser {
    const char *start, *at, *end;
    const char *origin;
    bool python; /* as cvt_json_parse_python says */
    cvt_error *error;
    size_t values, string_bytes;
    int depth;
    cvt_str text; /* the string that was read last */
} parser;

/* ---- tokens ---------------------------------------------------------------------------------------------------- */

static size_t line_of(const parser *p, const char *at) {
    size_t line = 1;
    for (const char *c = p->start; c < at; c++) line += *c == '\n';
    return line;
}

static cvt_status fail_at(parser *p, const char *at, const char *what) {
    return cvt_fail(p->error, CVT_CONFIG, "%s: byte %zu (line %zu): %s", p->origin, (size_t)(at - p->start),
                    line_of(p, at), what);
}

static cvt_status fail(parser *p, const char *what) { return fail_at(p, p->at, what); }

/* Returns the next byte, or -1 at the end of the text. */
static int peek(const parser *p) { return p->at < p->end ? (unsigned char)*p->at : -1; }

static void skip_space(parser *p) {
    while (p->at < p->end && (*p->at == ' ' || *p->at == '\t' || *p->at == '\n' || *p->at == '\r')) p->at++;
}

/* Steps over the byte if it comes next, and returns whether it did. */
static bool take(parser *p, int byte) {
    if (peek(p) != byte) return false;
    p->at++;
    return true;
}

static size_t skip_digits(parser *p) {
    const char *from = p->at;
    while (peek(p) >= '0' && peek(p) <= '9') p->at++;
    return (size_t)(p->at - from);
}

/* Reads a number, "int frac exp" in RFC 8259 section 6. *whole becomes true where it has neither fraction nor
 * exponent. */
static cvt_status read_number(parser *p, double *value, bool *whole) {
    const char *from = p->at;
    *whole = true;
    take(p, '-');
    if (!take(p, '0') && skip_digits(p) == 0) return fail(p, "a digit is expected");
    if (take(p, '.')) {
        *whole = false;
        if (skip_digits(p) == 0) return fail(p, "a digit is expected");
    }
    if (take(p, 'e') || take(p, 'E')) {
        *whole = false;
        if (!take(p, '+')) take(p, '-');
        if (skip_digits(p) == 0) return fail(p, "a digit is expected");
    }
    enum { EXACT = 15 }; /* a double holds every whole number of so many digits */
    char digits[MAX_NUMBER + 1];
    size_t n = (size_t)(p->at - from);
    if (*whole && *from != '-' && n <= EXACT) {
        *value = 0;
        for (; from < p->at; from++) *value = *value * 10 + (*from - '0');
        return CVT_OK;
    }
    if (n > MAX_NUMBER) return fail_at(p, from, "a number of more than 1000 characters");
    memcpy(digits, from, n);
    digits[n] = 0;
    *value = strtod(digits, NULL);
    return isfinite(*value) ? CVT_OK : fail_at(p, from, "a number too large for a double");
}

static cvt_status append(parser *p, const char *bytes, size_t n) {
    if (n > MAX_STRINGS - p->string_bytes) return fail(p, "more than 32 MiB of strings");
    p->string_bytes += n;
    cvt_str_append(&p->text, bytes, n);
    return p->text.failed ? cvt_fail_memory(p->error) : CVT_OK;
}

/* Reads the four hexadecimal digits of \uXXXX. */
static cvt_status read_hex(parser *p, unsigned *code) {
    *code = 0;
    for (int i = 0; i < 4; i++) {
        int c = peek(p);
        unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                         : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a' + 10)
                         : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A' + 10)
                                                : 16;
        if (digit > 15) return fail(p, "a hexadecimal digit is expected");
        *code = *code * 16 + digit;
        p->at++;
    }
    return CVT_OK;
}

static cvt_status append_code(parser *p, unsigned code) {
    static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    size_t n = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    char utf8[4];
    for (size_t i = n - 1; i > 0; i--, code >>= 6) utf8[i] = (char)(0x80 | (code & 0x3f));
    utf8[0] = (char)(lead[n] | code);
    return append(p, utf8, n);
}

/* Reads what follows \u: a code, and for a surrogate pair its second half too. */
static cvt_status read_code(parser *p) {
    const char *from = p->at;
    unsigned code, low;
    TRY(read_hex(p, &code));
    if (code == 0) return fail_at(p, from, "U+0000 in a string");
    if (code < 0xd800 || code > 0xdfff) return append_code(p, code);
    if (code > 0xdbff || !take(p, '\\') || !take(p, 'u')) return fail_at(p, from, "half a surrogate pair");
    TRY(read_hex(p, &low));
    if (low < 0xdc00 || low > 0xdfff) return fail_at(p, from, "half a surrogate pair");
    return append_code(p, 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00));
}

static cvt_status read_escape(parser *p) {
    static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    if (take(p, 'u')) return read_code(p);
    int c = peek(p);
    const char *letter = c > 0 ? strchr(letters, c) : NULL;
    if (!letter) return fail(p, "an unknown escape in a string");
    p->at++;
    return append(p, &meanings[letter - letters], 1);
}

/* Reads a string, from its opening quote, into p->text. */
static cvt_status read_string(parser *p) {
    cvt_str_clear(&p->text);
    TRY(append(p, "", 0));
    if (!take(p, '"')) return fail(p, "a string is expected");
    for (;;) {
        const char *run = p->at;
        while (peek(p) >= 0x20 && *p->at != '"' && *p->at != '\\') {
            size_t n = peek(p) < 0x80 ? 1 : cvt_utf8_length(p->at, (size_t)(p->end - p->at));
            if (n == 0) return fail(p, "not UTF-8");
            p->at += n;
        }
        TRY(append(p, run, (size_t)(p->at - run)));
        if (take(p, '"')) return CVT_OK;
        if (p->at == p->end) return fail(p, "the text ends within a string");
        if (!take(p, '\\')) return fail(p, "a control byte in a string");
        TRY(read_escape(p));
    }
}

/* ---- the tree -------------------------------------------------------------------------------------------------- */

typedef struct entry {
    cJSON *node;
    size_t place;
} entry;

static int compare_keys(const void *a, const void *b) {
    const entry *x = a, *y = b;
    int order = strcmp(x->node->string, y->node->string);
    return order ? order : (x->place > y->place) - (x->place < y->place);
}

/* Where the object from `from` to `end`, which is whole, has that key for the second time. An object in which an escape
 * hides one of the two is pointed at as a whole. */
static const char *find_second(const char *from, const char *end, const char *key) {
    int depth = 0, seen = 0;
    size_t n = strlen(key);
    for (const char *at = from; at < end; at++) {
        depth += (*at == '{' || *at == '[') - (*at == '}' || *at == ']');
        if (*at != '"') continue;
        const char *start = at++;
        while (at < end && *at != '"') at += *at == '\\' ? 2 : 1;
        const char *next = at + 1;
        while (next < end && strchr(" \t\r\n", *next)) next++;
        bool is_key = depth == 1 && next < end && *next == ':';
        if (is_key && (size_t)(at - start) == n + 1 && memcmp(start + 1, key, n) == 0 && ++seen == 2) return start;
    }
    return from;
}

/* Refuses an object that has a key twice; as Python has it, the last one counts. Sorting takes n log n steps for any
 * keys; a hostile file could make a hash table slow. */
static cvt_status check_duplicates(parser *p, cJSON *object, const char *from) {
    size_t n = (size_t)cJSON_GetArraySize(object), i = 0;
    if (n < 2) return CVT_OK;
    entry *members = malloc(n * sizeof *members);
    if (!members) return cvt_fail_memory(p->error);
    for (cJSON *node = object->child; node; node = node->next, i++) members[i] = (entry){node, i};
    qsort(members, n, sizeof *members, compare_keys);
    cvt_status status = CVT_OK;
    for (i = 1; i < n && status == CVT_OK; i++) {
        cJSON *before = members[i - 1].node;
        if (strcmp(before->string, members[i].node->string) != 0) continue;
        if (p->python) {
            cJSON_Delete(cJSON_DetachItemViaPointer(object, before));
            continue;
        }
        const char *at = find_second(from, p->at, before->string);
        status = cvt_fail(p->error, CVT_CONFIG, "%s: byte %zu (line %zu): an object with two keys \"%.200s\"",
                          p->origin, (size_t)(at - p->start), line_of(p, at), before->string);
    }
    free(members);
    return status;
}

static cvt_status read_value(parser *p, cJSON **out);

static cvt_status read_elements(parser *p, cJSON *array) {
    skip_space(p);
    if (take(p, ']')) return CVT_OK;
    for (;;) {
        cJSON *element;
        TRY(read_value(p, &element));
        if (!cJSON_AddItemToArray(array, element)) {
            cJSON_Delete(element);
            return cvt_fail_memory(p->error);
        }
        skip_space(p);
        if (take(p, ']')) return CVT_OK;
        if (!take(p, ',')) return fail(p, "',' or ']' is expected");
    }
}

static cvt_status read_member(parser *p, cJSON *object) {
    skip_space(p);
    TRY(read_string(p));
    cvt_str key = p->text; /* the value may hold strings of its own */
    p->text = (cvt_str){0};
    cJSON *value = NULL;
    skip_space(p);
    cvt_status status = take(p, ':') ? read_value(p, &value) : fail(p, "':' is expected");
    if (status == CVT_OK && !cJSON_AddItemToObject(object, key.data, value)) {
        cJSON_Delete(value);
        status = cvt_fail_memory(p->error);
    }
    cvt_str_free(&key);
    return status;
}

static cvt_status read_members(parser *p, cJSON *object) {
    const char *from = p->at - 1;
    skip_space(p);
    if (take(p, '}')) return CVT_OK;
    for (;;) {
        TRY(read_member(p, object));
        skip_space(p);
        if (take(p, '}')) return check_duplicates(p, object, from);
        if (!take(p, ',')) return fail(p, "',' or '}' is expected");
    }
}

/* Sets *out to the node, which is NULL where cJSON had no memory for it. */
static cvt_status made(parser *p, cJSON **out, cJSON *node) {
    *out = node;
    return node ? CVT_OK : cvt_fail_memory(p->error);
}

static cvt_status read_container(parser *p, cJSON **out) {
    if (p->depth == MAX_DEPTH) return fail(p, "a depth over 64");
    bool is_object = *p->at++ == '{';
    TRY(made(p, out, is_object ? cJSON_CreateObject() : cJSON_CreateArray()));
    p->depth++;
    cvt_status status = is_object ? read_members(p, *out) : read_elements(p, *out);
    p->depth--;
    if (status != CVT_OK) {
        cJSON_Delete(*out);
        *out = NULL;
    }
    return status;
}

/* Steps over the word if it comes next, and returns whether it did. */
static bool take_word(parser *p, const char *word) {
    size_t n = strlen(word);
    if ((size_t)(p->end - p->at) < n || memcmp(p->at, word, n) != 0) return false;
    p->at += n;
    return true;
}

/* The words that Python has for what JSON has no number for. */
static bool read_python_number(parser *p, double *number) {
    static const struct {
        const char *word;
        double number;
    } words[] = {{"NaN", NAN}, {"Infinity", INFINITY}, {"-Infinity", -INFINITY}};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (!take_word(p, words[i].word)) continue;
        *number = words[i].number;
        return true;
    }
    return false;
}

static cvt_status read_scalar(parser *p, cJSON **out) {
    static const char *const words[] = {"null", "false", "true"};
    int c = peek(p);
    if (c == '"') {
        TRY(read_string(p));
        return made(p, out, cJSON_CreateString(p->text.data));
    }
    double number;
    bool whole;
    if (p->python && read_python_number(p, &number)) {
        TRY(made(p, out, cJSON_CreateNumber(0))); /* cJSON would make an int of the number, and has none for these */
        (*out)->valuedouble = number;
        return CVT_OK;
    }
    if (c == '-' || (c >= '0' && c <= '9')) {
        TRY(read_number(p, &number, &whole));
        TRY(made(p, out, cJSON_CreateNumber(number)));
        (*out)->valueint = whole; /* our own mark; nobody reads cJSON's valueint, which saturates */
        return CVT_OK;
    }
    for (int i = 0; i < 3; i++)
        if (take_word(p, words[i])) return made(p, out, i == 0 ? cJSON_CreateNull() : cJSON_CreateBool(i == 2));
    return fail(p, "a value is expected");
}

static cvt_status read_value(parser *p, cJSON **out) {
    *out = NULL;
    skip_space(p);
    if (p->values++ == MAX_VALUES) return fail(p, "more than 1000000 values");
    return peek(p) == '{' || peek(p) == '[' ? read_container(p, out) : read_scalar(p, out);
}

static cvt_status read_text(parser *p, cJSON **out) {
    TRY(read_value(p, out));
    skip_space(p);
    return p->at == p->end ? CVT_OK : fail(p, "data after the value");
}

static cvt_status parse(cvt_json_document **out, const char *text, size_t size, bool python, const char *origin,
                        cvt_error *error) {
    *out = NULL;
    if (size == 0) return cvt_fail(error, CVT_CONFIG, "%s: empty, not JSON", origin);
    if (size > MAX_TEXT) return cvt_fail(error, CVT_CONFIG, "%s: more than 100000000 bytes of JSON", origin);
    cvt_json_document *document = calloc(1, sizeof *document);
    locale_t plain = newlocale(LC_NUMERIC_MASK, "C", (locale_t)0); /* strtod must read '.' in every locale */
    cvt_status status = CVT_NO_MEMORY;
    if (document && plain) {
        parser p = {.start = text, .at = text, .end = text + size, .origin = origin, .error = error, .python = python};
        locale_t before = uselocale(plain);
        status = read_text(&p, &document->root);
        uselocale(before);
        cvt_str_free(&p.text);
    } else {
        cvt_fail_memory(error);
    }
    if (plain) freelocale(plain);
    if (status == CVT_OK)
        *out = document;
    else
        cvt_json_free(document);
    return status;
}

cvt_status cvt_json_parse(cvt_json_document **out, const char *text, size_t size, const char *origin,
                          cvt_error *error) {
    return parse(out, text, size, false, origin, error);
}

cvt_status cvt_json_parse_python(cvt_json_document **out, const char *text, size_t size, const char *origin,
                                 cvt_error *error) {
    return parse(out, text, size, true, origin, error);
}

void cvt_json_free(cvt_json_document *document) {
    if (!document) return;
    cJSON_Delete(document->root);
    free(document);
}

/* ---- access ---------------------------------------------------------------------------------------------------- */

static const cJSON *node_of(const cvt_json *value) { return (const cJSON *)(const void *)value; }
static const cvt_json *value_of(const cJSON *node) { return (const cvt_json *)(const void *)node; }

const cvt_json *cvt_json_root(const cvt_json_document *document) { return value_of(document->root); }

cvt_json_kind cvt_json_kind_of(const cvt_json *value) {
    const cJSON *node = node_of(value);
    return cJSON_IsObject(node)   ? CVT_JSON_OBJECT
           : cJSON_IsArray(node)  ? CVT_JSON_ARRAY
           : cJSON_IsString(node) ? CVT_JSON_STRING
           : cJSON_IsNumber(node) ? CVT_JSON_NUMBER
           : cJSON_IsBool(node)   ? CVT_JSON_BOOL
                                  : CVT_JSON_NULL;
}

const char *cvt_json_kind_name(cvt_json_kind kind) {
    static const char *const names[] = {"null", "true or false", "a number", "a string", "an array", "an object"};
    return names[kind];
}

const cvt_json *cvt_json_get(const cvt_json *object, const char *key) {
    const cJSON *node = node_of(object);
    return cJSON_IsObject(node) ? value_of(cJSON_GetObjectItemCaseSensitive(node, key)) : NULL;
}

const cvt_json *cvt_json_member(const cvt_json *object, const char *key) {
    const cvt_json *value = cvt_json_get(object, key);
    return cvt_json_kind_of(value) == CVT_JSON_NULL ? NULL : value;
}

const cvt_json *cvt_json_first(const cvt_json *value) { return value_of(node_of(value)->child); }
const cvt_json *cvt_json_next(const cvt_json *member) { return value_of(node_of(member)->next); }
const char *cvt_json_key(const cvt_json *member) { return node_of(member)->string; }
size_t cvt_json_size(const cvt_json *value) { return (size_t)cJSON_GetArraySize(node_of(value)); }

bool cvt_json_bool(const cvt_json *value, bool *out) {
    if (!cJSON_IsBool(node_of(value))) return false;
    *out = cJSON_IsTrue(node_of(value));
    return true;
}

bool cvt_json_integer(const cvt_json *value, int64_t *out) {
    const cJSON *node = node_of(value);
    if (!cJSON_IsNumber(node) || !node->valueint || fabs(node->valuedouble) >= 0x1p53) return false;
    *out = (int64_t)node->valuedouble;
    return true;
}

bool cvt_json_number(const cvt_json *value, double *out) {
    if (!cJSON_IsNumber(node_of(value))) return false;
    *out = node_of(value)->valuedouble;
    return true;
}

const char *cvt_json_string(const cvt_json *value) {
    return cJSON_IsString(node_of(value)) ? node_of(value)->valuestring : NULL;
}
