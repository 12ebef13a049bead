/* test_json.c - tests what RFC 8259 allows and forbids, and the limits that json.h promises. */
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/str.h"
#include "test.h"

/* Parses a copy of exactly n bytes, so that a sanitizer sees a read beyond them. */
static cvt_status parse(cvt_json_document **out, const char *text, size_t n, cvt_error *error) {
    char *exact = malloc(n ? n : 1);
    if (!exact) abort();
    memcpy(exact, text, n);
    cvt_status status = cvt_json_parse(out, exact, n, "x.json", error);
    free(exact);
    return status;
}

static void accepts(const char *text) {
    cvt_json_document *document;
    cvt_error error = {0};
    char name[256];
    cvt_str_escape(name, sizeof name, text, strlen(text));
    cvt_status status = parse(&document, text, strlen(text), &error);
    test_case(status == CVT_OK && document, name, "refused: %s", error.message);
    cvt_json_free(document);
}

/* Tests that a text is refused with a message that holds `why`. */
static void refuses_bytes(const char *name, const char *text, size_t n, const char *why) {
    cvt_json_document *document;
    cvt_error error = {0};
    cvt_status status = parse(&document, text, n, &error);
    bool ok = status == CVT_CONFIG && error.status == CVT_CONFIG && !document && strstr(error.message, why) &&
              strncmp(error.message, "x.json: ", 8) == 0;
    test_case(ok, name, "status %d, message \"%s\"", (int)status, error.message);
    cvt_json_free(document);
}

static void refuses(const char *text, const char *why) {
    char name[256];
    cvt_str_escape(name, sizeof name, text, strlen(text));
    refuses_bytes(name, text, strlen(text), why);
}

static void test_grammar(void) {
    static const char *const good[] = {
        "null",
        "true",
        "false",
        "0",
        "-0",
        "12",
        "-1.5",
        "1e5",
        "1E+5",
        "2.5e-3",
        "1e-400",
        "\"\"",
        "\"a\"",
        "[]",
        "{}",
        " [ ] ",
        "\t{\r\n}\n",
        "[1,2]",
        "[ 1 , [ ] , { } ]",
        "{\"a\":1,\"A\":2}",
        "{\"\":0}",
        "{\"a\":{\"a\":{\"a\":null}}}",
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\"",
        "\"\\ud83d\\ude00\"",
        "\"\x7f\"",
        "\"\xc3\xa9\xf0\x9f\x98\x80\"",
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) accepts(good[i]);
    static const char *const bad[][2] = {
        {" ", "byte 1"},
        {"nul", "a value"},
        {"True", "a value"},
        {"NaN", "a value"},
        {"Infinity", "a value"},
        {"-Infinity", "a digit"},
        {"truefalse", "data after"},
        {"1 2", "data after"},
        {"{}}", "data after"},
        {"01", "data after"},
        {"-01", "data after"},
        {"1.", "a digit"},
        {".5", "a value"},
        {"+1", "a value"},
        {"-", "a digit"},
        {"1e", "a digit"},
        {"1e+", "a digit"},
        {"0x10", "data after"},
        {"1,5", "data after"},
        {"1e999", "too large"},
        {"-1e999", "too large"},
        {"[1,]", "a value"},
        {"[,1]", "a value"},
        {"[1 2]", "',' or ']'"},
        {"[1", "',' or ']'"},
        {"[", "a value"},
        {"{", "a string"},
        {"{\"a\"}", "':'"},
        {"{\"a\":}", "a value"},
        {"{\"a\":1,}", "a string"},
        {"{a:1}", "a string"},
        {"{'a':1}", "a string"},
        {"{1:2}", "a string"},
        {"{\"a\":1 \"b\":2}", "',' or '}'"},
        {"[1}", "',' or ']'"},
        {"\"", "ends within"},
        {"\"a", "ends within"},
        {"\"\\", "escape"},
        {"\"\\x41\"", "escape"},
        {"\"\\u12\"", "hexadecimal"},
        {"\"\\u12g4\"", "hexadecimal"},
        {"\"\\u0000\"", "U+0000"},
        {"\"\\ud800\"", "surrogate"},
        {"\"\\ud800x\"", "surrogate"},
        {"\"\\ud800\\n\"", "surrogate"},
        {"\"\\ud800\\u0041\"", "surrogate"},
        {"\"\\udc00\"", "surrogate"},
        {"\"\\udc00\\udc00\"", "surrogate"},
        {"\"a\nb\"", "control"},
        {"\"\t\"", "control"},
        {"\"\xff\"", "UTF-8"},
        {"\"\xc3\"", "UTF-8"},
        {"\"\xc0\xaf\"", "UTF-8"},
        {"\"\xed\xa0\x80\"", "UTF-8"},
        {"\"\xf4\x90\x80\x80\"", "UTF-8"},
        {"\xef\xbb\xbf{}", "byte 0"},
        {"// c\n1", "a value"},
        {"[1]//", "data after"},
        {"{\"a\":1,\"a\":2}", "two keys \"a\""},
        {"{\"a\":1,\"\\u0061\":2}", "two keys \"a\""},
        {"[{},{\"b\":{\"c\":1,\"d\":2,\"c\":3}}]", "byte 22 (line 1)"},
        {"[1,\n2,\n3 4]", "byte 9 (line 3)"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) refuses(bad[i][0], bad[i][1]);
    refuses_bytes("no text", "", 0, "empty");
    refuses_bytes("NUL after the value", "{}\0", 3, "data after");
    refuses_bytes("NUL in a string", "\"a\0b\"", 5, "control");
    refuses_bytes("NUL before the value", "\0{}", 3, "a value");
}

/* Tests that no beginning of a text is accepted. */
static void test_prefixes(void) {
    static const char text[] = "{\"a\\u00e9\xc3\xa9\":[1.5e-3,true,null,{\"b\":\"\\ud83d\\ude00\"},-20],\"c\":false}";
    size_t accepted = 0;
    for (size_t n = 0; n < sizeof text - 1; n++) {
        cvt_json_document *document;
        accepted += parse(&document, text, n, NULL) == CVT_OK;
        cvt_json_free(document);
    }
    test_case(accepted == 0, "every prefix is refused", "%zu were accepted", accepted);
    accepts(text);
}

/* Returns n repetitions of `unit` between two ends. */
static char *repeat(const char *before, const char *unit, size_t n, const char *after) {
    size_t length = strlen(unit), head = strlen(before);
    char *text = malloc(head + n * length + strlen(after) + 1);
    if (!text) abort();
    strcpy(text, before);
    for (size_t i = 0; i < n; i++) memcpy(text + head + i * length, unit, length);
    strcpy(text + head + n * length, after);
    return text;
}

static void limit_case(const char *name, char *text, const char *why) {
    cvt_json_document *document;
    cvt_error error = {0};
    cvt_status status = cvt_json_parse(&document, text, strlen(text), "x.json", &error);
    bool ok = why ? status == CVT_CONFIG && strstr(error.message, why) : status == CVT_OK;
    test_case(ok, name, "status %d, message \"%s\"", (int)status, error.message);
    cvt_json_free(document);
    free(text);
}

static void test_limits(void) {
    char *closing = repeat("", "]", 64, "");
    limit_case("depth 64", repeat("", "[", 64, closing), NULL);
    limit_case("depth 65", repeat("", "[", 65, closing), "depth");
    limit_case("depth 100000", repeat("", "[", 100000, ""), "depth");
    limit_case("100 arrays side by side", repeat("[[]", ",[]", 99, "]"), NULL);
    limit_case("depth 100000 of objects", repeat("", "{\"a\":", 100000, ""), "depth");
    free(closing);
    limit_case("1000000 values", repeat("[0", ",0", 999998, "]"), NULL);
    limit_case("1000001 values", repeat("[0", ",0", 999999, "]"), "more than 1000000 values");
    limit_case("32 MiB of strings", repeat("\"", "aaaaaaaa", 1 << 22, "\""), NULL);
    limit_case("32 MiB of strings and one", repeat("\"", "aaaaaaaa", 1 << 22, "a\""), "32 MiB");
    limit_case("strings that are long together",
               repeat("{\"a\":[\"", "0123456789012345678901234567890123456789\",\"", 900000, "\"]}"), "32 MiB");
    limit_case("a number of 1000 characters", repeat("0.", "1", 998, ""), NULL);
    limit_case("a number of 1001 characters", repeat("0.", "1", 999, ""), "1000 characters");
    limit_case("a million spaces", repeat("[", " ", 1000000, "]"), NULL);
    cvt_error error;
    cvt_json_document *document;
    cvt_status status = cvt_json_parse(&document, "[]", 100000001, "x.json", &error); /* it looks at no byte */
    test_case(status == CVT_CONFIG && !document, "text over 100000000 bytes", "status %d", (int)status);
}

/* Tests that 150,000 different keys do not take a time that grows with the square of their number. */
static void test_many_keys(void) {
    enum { KEYS = 150000 };
    char *text = malloc(KEYS * 16 + 32), *at = text;
    if (!text) abort();
    at += sprintf(at, "{\"k\":0");
    for (int i = 0; i < KEYS; i++) at += sprintf(at, ",\"k%d\":0", i);
    strcpy(at, "}");
    cvt_json_document *document;
    cvt_status status = cvt_json_parse(&document, text, strlen(text), "x.json", NULL);
    test_case(status == CVT_OK && cvt_json_size(cvt_json_root(document)) == KEYS + 1, "150000 keys", "status %d",
              (int)status);
    cvt_json_free(document);
    strcpy(at, ",\"k77777\":0}");
    limit_case("150000 keys, one twice", text, "two keys \"k77777\"");
}

static double number_in(const char *text) {
    cvt_json_document *document;
    double value = NAN;
    if (parse(&document, text, strlen(text), NULL) == CVT_OK) cvt_json_number(cvt_json_root(document), &value);
    cvt_json_free(document);
    return value;
}

static void test_numbers(const char *where) {
    static const struct {
        const char *text;
        double value;
    } numbers[] = {
        {"0.1", 0x1.999999999999ap-4},
        {"0.485", 0x1.f0a3d70a3d70ap-2},
        {"-1.5", -1.5},
        {"1e-12", 0x1.19799812dea11p-40},
        {"123456789012345678", 0x1.b69b4ba630f35p+56},
        {"1.7976931348623157e308", 0x1.fffffffffffffp+1023},
        {"5e-324", 0x1p-1074},
        {"9007199254740993", 0x1p53},
        {"100000000000000000000000", 0x1.52d02c7e14af6p+76},
        {"0.1000000000000000055511151231257827021181583404541015625000000000000000000000001", 0x1.999999999999ap-4},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        char name[160];
        snprintf(name, sizeof name, "%s, in %s", numbers[i].text, where);
        double value = number_in(numbers[i].text);
        test_case(value == numbers[i].value, name, "read as %a", value);
    }
}

static bool comma_locale(void) {
    static const char *const names[] = {"", "de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "fr_FR.utf8", "ru_RU.UTF-8"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (setlocale(LC_ALL, names[i]) && strcmp(localeconv()->decimal_point, ",") == 0) return true;
    return false;
}

static void test_locale(void) {
    if (comma_locale()) {
        test_numbers("a locale with a decimal comma");
        refuses("1,5", "data after");
        test_case(strtod("0,5", NULL) == 0.5, "the caller's locale is left as it was", "it is not");
    } else {
        printf("skip numbers in a locale with a decimal comma: this system has none\n");
    }
    setlocale(LC_ALL, "C");
}

static void test_integers(void) {
    static const struct {
        const char *text;
        bool is_integer;
        int64_t value;
    } cases[] = {
        {"0", true, 0},
        {"-0", true, 0},
        {"-7", true, -7},
        {"4096", true, 4096},
        {"9007199254740991", true, 9007199254740991},
        {"-9007199254740991", true, -9007199254740991},
        {"9007199254740992", false, 0},
        {"-9007199254740992", false, 0},
        {"9007199254740993", false, 0},
        {"18446744073709551616", false, 0},
        {"1.0", false, 0},
        {"1e2", false, 0},
        {"0.5", false, 0},
        {"\"1\"", false, 0},
        {"true", false, 0},
        {"null", false, 0},
        {"[1]", false, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char name[80];
        snprintf(name, sizeof name, "integer %s", cases[i].text);
        cvt_json_document *document;
        int64_t value = 0;
        bool is_integer = false;
        if (parse(&document, cases[i].text, strlen(cases[i].text), NULL) == CVT_OK)
            is_integer = cvt_json_integer(cvt_json_root(document), &value);
        test_case(document && is_integer == cases[i].is_integer && value == cases[i].value, name, "%d, %lld",
                  (int)is_integer, (long long)value);
        cvt_json_free(document);
    }
}

static bool is_string(const cvt_json *value, const char *expected) {
    const char *text = cvt_json_string(value);
    return text && strcmp(text, expected) == 0;
}

static void test_access(void) {
    static const char text[] =
        "{\"s\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u00e9\\u20ac\\ud83d\\ude00\",\"S\":\"\",\"t\":true,\"f\":false,"
        "\"n\":null,\"a\":[1,\"x\",{}],\"o\":{\"k\":2.5},\"\":7}";
    cvt_json_document *document;
    cvt_error error = {0};
    bool parsed = parse(&document, text, sizeof text - 1, &error) == CVT_OK;
    if (!test_case(parsed, "access: parse", "%s", error.message)) return;
    const cvt_json *root = cvt_json_root(document), *array = cvt_json_get(root, "a");
    test_case(is_string(cvt_json_get(root, "s"), "\"\\/\b\f\n\r\tA\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"), "escapes",
              "\"%s\"", cvt_json_string(cvt_json_get(root, "s")));
    test_case(is_string(cvt_json_get(root, "S"), ""), "keys differ by case, empty string", "it does not");
    bool t = false, f = true;
    test_case(cvt_json_bool(cvt_json_get(root, "t"), &t) && t && cvt_json_bool(cvt_json_get(root, "f"), &f) && !f,
              "booleans", "%d %d", t, f);
    double number = 0;
    test_case(cvt_json_number(cvt_json_get(cvt_json_get(root, "o"), "k"), &number) && number == 2.5, "nested number",
              "%g", number);
    test_case(cvt_json_get(root, "") && cvt_json_size(root) == 8 && cvt_json_size(array) == 3,
              "sizes and the empty key", "%zu %zu", cvt_json_size(root), cvt_json_size(array));
    test_case(!cvt_json_get(root, "x") && !cvt_json_get(array, "a") && !cvt_json_get(NULL, "a") &&
                  !cvt_json_get(cvt_json_get(root, "s"), "a") && !cvt_json_string(array) && !cvt_json_string(NULL) &&
                  !cvt_json_bool(NULL, &t) && !cvt_json_number(NULL, &number) && !cvt_json_bool(array, &t),
              "what is absent or of another kind", "taken");
    static const char *const keys[] = {"s", "S", "t", "f", "n", "a", "o", ""};
    static const cvt_json_kind kinds[] = {CVT_JSON_STRING, CVT_JSON_STRING, CVT_JSON_BOOL,   CVT_JSON_BOOL,
                                          CVT_JSON_NULL,   CVT_JSON_ARRAY,  CVT_JSON_OBJECT, CVT_JSON_NUMBER};
    size_t i = 0, right = 0;
    for (const cvt_json *m = cvt_json_first(root); m; m = cvt_json_next(m), i++)
        right += i < 8 && strcmp(cvt_json_key(m), keys[i]) == 0 && cvt_json_kind_of(m) == kinds[i];
    test_case(i == 8 && right == 8, "members in order, with key and kind", "%zu of %zu right", right, i);
    const cvt_json *first = cvt_json_first(array);
    test_case(!cvt_json_key(first) && is_string(cvt_json_next(first), "x") && !cvt_json_first(cvt_json_next(first)),
              "elements of an array have no key", "they have");
    test_case(strcmp(cvt_json_kind_name(CVT_JSON_NUMBER), "a number") == 0, "kind names", "wrong");
    cvt_json_free(document);
}

int main(void) {
    test_grammar();
    test_prefixes();
    test_limits();
    test_many_keys();
    test_numbers("the C locale");
    test_locale();
    test_integers();
    test_access();
    return test_end();
}
