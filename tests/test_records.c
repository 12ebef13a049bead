/* test_records.c - tests the output formats of cvt classify: escapes as in RFC 8259, base64 as in RFC 4648, quotes as
 * in RFC 4180, and numbers in a locale with a decimal comma. */
#define _XOPEN_SOURCE 700
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "report/json_out.h"
#include "report/record.h"
#include "test.h"

static void expect(cvt_str *got, const char *want, const char *name) {
    const char *text = got->data ? got->data : "";
    test_case(!got->failed && strcmp(text, want) == 0, name, "got %s, want %s", text, want);
    cvt_str_free(got);
}

static void string_case(const char *name, const char *text, const char *want) {
    cvt_str got = {0};
    cvt_json_out_string(&got, text);
    expect(&got, want, name);
}

static void strings(void) {
    string_case("json: plain", "tabby, tabby cat", "\"tabby, tabby cat\"");
    string_case("json: empty", "", "\"\"");
    string_case("json: quote and backslash", "a\"b\\c/", "\"a\\\"b\\\\c/\"");
    string_case("json: C0 and DEL", "a\nb\tc\rd\x01\x1f\x7f", "\"a\\nb\\tc\\rd\\u0001\\u001f\\u007f\"");
    string_case("json: C1", "\xc2\x80\xc2\x9b\xc2\xa0", "\"\\u0080\\u009b\xc2\xa0\"");
    string_case("json: beyond ASCII", "caf\xc3\xa9 \xe7\x8c\xab \xf0\x9f\x90\x88",
                "\"caf\xc3\xa9 \xe7\x8c\xab \xf0\x9f\x90\x88\"");
    string_case("json: no UTF-8", "a\xff\xc3(\xed\xa0\x80",
                "\"a\xef\xbf\xbd\xef\xbf\xbd(\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
}

static void path_case(const char *name, const char *path, const char *want) {
    cvt_str got = {0};
    cvt_json_out_path(&got, "path", path);
    expect(&got, want, name);
}

static void paths(void) {
    path_case("path: UTF-8", "a/\xc3\xa9.jpg", "\"path\":\"a/\xc3\xa9.jpg\"");
    path_case("path: one byte", "\xff", "\"path_b64\":\"/w==\"");
    path_case("path: two bytes", "\xff\xfe", "\"path_b64\":\"//4=\"");
    path_case("path: three bytes", "\xfb\xef\xff", "\"path_b64\":\"++//\"");
    path_case("path: eight bytes", "\xff\xff\xff-foo-", "\"path_b64\":\"////LWZvby0=\"");
}

static void number_case(const char *name, double value, const char *want) {
    cvt_str got = {0};
    cvt_json_out_number(&got, value);
    expect(&got, want, name);
}

static void numbers(const char *where) {
    static const struct {
        double value;
        const char *want;
    } cases[] = {{0.9136, "0.9136"},   {1, "1"},         {0, "0"},          {(double)0.1f, "0.100000001"},
                 {1.5e-12, "1.5e-12"}, {-2.25, "-2.25"}, {1e300, "1e+300"}, {(double)INFINITY, "null"},
                 {(double)NAN, "null"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char name[64];
        snprintf(name, sizeof name, "number %s, %s", cases[i].want, where);
        number_case(name, cases[i].value, cases[i].want);
    }
}

/* Sets a locale whose decimal point is a comma: an installed one, or else one that is made in `folder`. */
static bool comma_locale(const char *folder) {
    static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "de_DE"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (setlocale(LC_NUMERIC, names[i])) return true;
    char command[256];
    snprintf(command, sizeof command, "localedef --no-archive -i de_DE -f UTF-8 %s/de_DE.UTF-8 >%s/log 2>&1", folder,
             folder);
    if (system(command) != 0) return false;
    setenv("LOCPATH", folder, 1);
    return setlocale(LC_NUMERIC, "de_DE.UTF-8") != NULL;
}

static void numbers_under_comma(void) {
    char folder[] = "/tmp/cvt-records-XXXXXX", command[64], half[16];
    if (!mkdtemp(folder)) abort();
    bool set = comma_locale(folder);
    snprintf(half, sizeof half, "%.1f", 0.5);
    if (set && test_case(strcmp(half, "0,5") == 0, "the locale has a comma", "it prints %s", half))
        numbers("in a comma locale");
    else
        printf("skip numbers in a comma locale: none is installed and localedef cannot make one\n");
    setlocale(LC_NUMERIC, "C");
    snprintf(command, sizeof command, "rm -rf %s", folder);
    if (system(command) != 0) printf("# %s is left behind\n", folder);
}

/* ---- whole outputs --------------------------------------------------------------------------------------------- */

static void style_case(const char *name, const char *format, const cvt_record_style *style, const cvt_record *records,
                       size_t n, const char *want) {
    cvt_records run;
    cvt_str got = {0};
    cvt_records_begin(&run, cvt_format_find(format), style, &got);
    for (size_t i = 0; i < n; i++) cvt_records_add(&run, &records[i], &got);
    cvt_records_end(&run, &got);
    for (size_t i = 0; style->zero && i < got.size; i++) /* NUL is shown as 0x01 */
        if (!got.data[i]) got.data[i] = 1;
    expect(&got, want, name);
}

static void formats_case(const char *format, const cvt_record *records, size_t n, const char *want) {
    char name[64];
    snprintf(name, sizeof name, "%s of %zu", format, n);
    style_case(name, format, &(cvt_record_style){.ranks = 2}, records, n, want);
}

static void formats(void) {
    static const cvt_rank cat[] = {{281, "tabby, tabby cat", 0.9136f}, {7, NULL, 0.0625f}};
    static const cvt_rank odd[] = {{0, "a \"b\"\n\x1b[31m\xff", 1.0f}};
    const cvt_record records[] = {
        {.path = "a/b.jpg", .ranks = cat, .n = 2},
        {.path = "c,\"d\".jpg", .status = CVT_TRUNCATED, .message = "JPEG data ends early"},
        {.path = "e\tf\xfe", .ranks = odd, .n = 1},
    };
    formats_case("jsonl", records, 3,
                 "{\"path\":\"a/b.jpg\",\"ok\":true,\"top\":[{\"index\":281,\"label\":\"tabby, tabby "
                 "cat\",\"score\":0.913600028},"
                 "{\"index\":7,\"label\":\"7\",\"score\":0.0625}]}\n"
                 "{\"path\":\"c,\\\"d\\\".jpg\",\"ok\":false,\"error\":{\"code\":\"truncated\",\"message\":\"JPEG data "
                 "ends early\"}}\n"
                 "{\"path_b64\":\"ZQlm/g==\",\"ok\":true,\"top\":[{\"index\":0,"
                 "\"label\":\"a \\\"b\\\"\\n\\u001b[31m\xef\xbf\xbd\",\"score\":1}]}\n");
    formats_case("json", records + 1, 2,
                 "[{\"path\":\"c,\\\"d\\\".jpg\",\"ok\":false,\"error\":{\"code\":\"truncated\",\"message\":\"JPEG "
                 "data ends early\"}}\n"
                 ",{\"path_b64\":\"ZQlm/g==\",\"ok\":true,\"top\":[{\"index\":0,"
                 "\"label\":\"a \\\"b\\\"\\n\\u001b[31m\xef\xbf\xbd\",\"score\":1}]}\n]\n");
    formats_case("csv", records, 3,
                 "path,ok,error,rank,index,label,score\n"
                 "a/b.jpg,true,,1,281,\"tabby, tabby cat\",0.913600028\n"
                 "a/b.jpg,true,,2,7,7,0.0625\n"
                 "\"c,\"\"d\"\".jpg\",false,truncated,,,,\n"
                 "e\\x09f\\xfe,true,,1,0,\"a \"\"b\"\"\n\\x1b[31m\\xff\",1\n");
    formats_case("tsv", records, 3,
                 "path\tok\terror\trank\tindex\tlabel\tscore\n"
                 "a/b.jpg\ttrue\t\t1\t281\ttabby, tabby cat\t0.913600028\n"
                 "a/b.jpg\ttrue\t\t2\t7\t7\t0.0625\n"
                 "c,\"d\".jpg\tfalse\ttruncated\t\t\t\t\n"
                 "e\\x09f\\xfe\ttrue\t\t1\t0\ta \"b\"\\x0a\\x1b[31m\\xff\t1\n");
    formats_case("text", records, 2,
                 "a/b.jpg\n"
                 "   91.36%  tabby, tabby cat\n"
                 "    6.25%  7\n");
    style_case("text of one rank", "text", &(cvt_record_style){.ranks = 1}, records + 1, 2,
               "e\\x09f\\xfe: a \"b\"\\x0a\\x1b[31m\\xff (100.00%)\n");
    cvt_str escaped = {0};
    cvt_record_escape(&escaped, "\xc2\x9b \xc2\xa0 \x7f");
    const char *want = "\\xc2\\x9b \xc2\xa0 \\x7f";
    test_case(escaped.data && strcmp(escaped.data, want) == 0, "text: C1", "got %s", escaped.data);
    cvt_str_free(&escaped);
    const cvt_record twice[] = {records[1], records[0], records[0]};
    formats_case("text", twice, 2, "a/b.jpg\n   91.36%  tabby, tabby cat\n    6.25%  7\n");
    formats_case("json", NULL, 0, "[]\n");
    formats_case("jsonl", NULL, 0, "");
    formats_case("csv", NULL, 0, "path,ok,error,rank,index,label,score\n");
    test_case(!cvt_format_find("xml") && !cvt_format_find(""), "an unknown format is not found", "it was");
}

/* What options add to records. */
static void styles(void) {
    static const cvt_rank cat[] = {{281, "tabby", 0.75f}, {7, NULL, 0.25f}};
    static const float values[] = {0.5f, -1, 2};
    static const cvt_tensor_info shape = {.rank = 2, .shape = {1, 3}};
    const cvt_record_style plain = {.ranks = 2}, exif = {.ranks = 2, .exif = true}, zero = {.ranks = 2, .zero = true},
                           bars = {.ranks = 2, .bars = true}, columns = {.ranks = 1, .bars = true},
                           colour = {.ranks = 1, .bars = true, .colour = true};
    const cvt_record both[] = {
        {.path = "a.jpg", .ranks = cat, .n = 2, .taken = "2026-11-30T12:34:56", .orientation = 6},
        {.path = "b.jpg", .status = CVT_FORMAT, .message = "no"},
        {.path = "c.jpg", .n = 0, .orientation = 1},
    };
    style_case(
        "exif in jsonl", "jsonl", &exif, both, 3,
        "{\"path\":\"a.jpg\",\"ok\":true,\"top\":[{\"index\":281,\"label\":\"tabby\",\"score\":0.75},{\"index\":7,"
        "\"label\":\"7\",\"score\":0.25}],\"taken\":\"2026-11-30T12:34:56\",\"orientation\":6}\n"
        "{\"path\":\"b.jpg\",\"ok\":false,\"error\":{\"code\":\"format\",\"message\":\"no\"}}\n"
        "{\"path\":\"c.jpg\",\"ok\":true,\"top\":[],\"taken\":null,\"orientation\":1}\n");
    style_case("exif in csv", "csv", &exif, both, 3,
               "path,ok,error,rank,index,label,score,taken,orientation\n"
               "a.jpg,true,,1,281,tabby,0.75,2026-11-30T12:34:56,6\na.jpg,true,,2,7,7,0.25,2026-11-30T12:34:56,6\n"
               "b.jpg,false,format,,,,,,\nc.jpg,true,,,,,,,1\n");
    style_case("NUL in tsv", "tsv", &zero, both, 3,
               "path\tok\terror\trank\tindex\tlabel\tscore\x01"
               "a.jpg\ttrue\t\t1\t281\ttabby\t0.75\x01"
               "a.jpg\ttrue\t\t2\t7\t7\t0.25\x01"
               "b.jpg\tfalse\tformat\t\t\t\t\x01"
               "c.jpg\ttrue\t\t\t\t\t\x01");
    style_case("NUL in jsonl", "jsonl", &zero, both + 2, 1, "{\"path\":\"c.jpg\",\"ok\":true,\"top\":[]}\x01");
    style_case("bars", "text", &bars, both, 3,
               "a.jpg\n   75.00%  ########    tabby\n   25.00%  ###         7\n"
               "\nc.jpg\n  no class has the least score\n");
    const cvt_record lines[] = {{.path = "a.jpg", .ranks = cat, .n = 1},
                                {.path = "long\xc3\xa9.jpg", .ranks = cat, .n = 1},
                                {.path = "b.jpg", .ranks = cat + 1, .n = 1}};
    style_case("columns", "text", &columns, lines, 3,
               "a.jpg   75.00%  ########    tabby\nlong\xc3\xa9.jpg   75.00%  ########    tabby\n"
               "b.jpg       25.00%  ###         7\n");
    style_case("colours", "text", &colour, lines, 1,
               "\x1b[1ma.jpg\x1b[0m   75.00%  \x1b[36m########\x1b[0m    tabby\n");
    const cvt_record_style unknown = {.ranks = 2, .unknown = true},
                           both_more = {.ranks = 1, .unknown = true, .exif = true}, one = {.ranks = 1, .unknown = true},
                           barred = {.ranks = 1, .unknown = true, .bars = true};
    const cvt_record strange[] = {{.path = "a", .ranks = cat, .n = 1, .unknown = true},
                                  {.path = "b", .ranks = cat, .n = 1},
                                  {.path = "c", .status = CVT_FORMAT, .message = "no"},
                                  {.path = "d", .unknown = true}};
    style_case(
        "unknown in jsonl", "jsonl", &unknown, strange, 4,
        "{\"path\":\"a\",\"ok\":true,\"top\":[{\"index\":281,\"label\":\"tabby\",\"score\":0.75}],\"unknown\":true}\n"
        "{\"path\":\"b\",\"ok\":true,\"top\":[{\"index\":281,\"label\":\"tabby\",\"score\":0.75}],\"unknown\":false}\n"
        "{\"path\":\"c\",\"ok\":false,\"error\":{\"code\":\"format\",\"message\":\"no\"}}\n"
        "{\"path\":\"d\",\"ok\":true,\"top\":[],\"unknown\":true}\n");
    style_case("unknown in csv", "csv", &unknown, strange, 4,
               "path,ok,error,rank,index,label,score,unknown\na,true,,1,281,tabby,0.75,true\n"
               "b,true,,1,281,tabby,0.75,false\nc,false,format,,,,,\nd,true,,,,,,true\n");
    style_case("unknown and exif in tsv", "tsv", &both_more, strange, 1,
               "path\tok\terror\trank\tindex\tlabel\tscore\tunknown\ttaken\torientation\n"
               "a\ttrue\t\t1\t281\ttabby\t0.75\ttrue\t\t0\n");
    style_case("unknown in text", "text", &unknown, strange, 4,
               "a: unknown\n   75.00%  tabby\n\nb\n   75.00%  tabby\n\nd: unknown\n  no class has the least score\n");
    style_case("unknown in text of one rank", "text", &one, strange, 4,
               "a: unknown, most like tabby (75.00%)\nb: tabby (75.00%)\nd: unknown\n");
    style_case("unknown in columns", "text", &barred, strange, 4,
               "a   75.00%  ########    unknown, most like tabby\nb   75.00%  ########    tabby\nd  unknown\n");
    const cvt_record other[] = {
        {.path = "a", .values = values, .n_values = 3, .values_name = "embedding"},
        {.path = "a", .values = values, .n_values = 3, .values_name = "values", .values_shape = &shape},
        {.path = "a", .file = "out/a.png", .shown = cat},
    };
    style_case("numbers and files", "jsonl", &plain, other, 3,
               "{\"path\":\"a\",\"ok\":true,\"embedding\":[0.5,-1,2]}\n"
               "{\"path\":\"a\",\"ok\":true,\"shape\":[1,3],\"values\":[0.5,-1,2]}\n"
               "{\"path\":\"a\",\"ok\":true,\"file\":\"out/a.png\",\"class\":{\"index\":281,\"label\":\"tabby\"}}\n");
    cvt_records run;
    cvt_str got = {0};
    cvt_records_begin(&run, cvt_format_find("json"), &plain, &got);
    cvt_records_head(&run, "{\"cvt\":\"1\"}", &got);
    cvt_records_add(&run, &both[2], &got);
    cvt_records_end(&run, &got);
    expect(&got, "[{\"cvt\":\"1\"}\n,{\"path\":\"c.jpg\",\"ok\":true,\"top\":[]}\n]\n", "a head in json");
}

/* Tests every byte that a name can hold, in every format: none that a terminal would obey comes out. */
static void no_control_bytes(void) {
    char every[256];
    for (int i = 1; i < 256; i++) every[i - 1] = (char)i;
    every[255] = 0;
    const cvt_rank rank = {1, every, 0.5f};
    const cvt_record record = {.path = every, .ranks = &rank, .n = 1};
    const cvt_record failed = {.path = every, .status = CVT_CORRUPT, .message = every};
    for (int i = 0; cvt_format_at(i); i++) {
        const cvt_format *format = cvt_format_at(i);
        cvt_records run;
        cvt_str got = {0};
        cvt_records_begin(&run, format, &(cvt_record_style){.ranks = 2}, &got);
        cvt_records_add(&run, &record, &got);
        cvt_records_add(&run, &failed, &got);
        cvt_records_end(&run, &got);
        size_t bad = 0;
        for (size_t k = 0; k < got.size; k++) {
            unsigned char c = (unsigned char)got.data[k];
            bool separator = c == '\n' || (c == '\t' && strcmp(format->name, "tsv") == 0);
            bad += (c < 0x20 && !separator) || c == 0x7f;
        }
        test_case(got.size > 0 && bad == 0 && cvt_utf8_valid(got.data, got.size), format->name,
                  "%zu control bytes in %zu, or no UTF-8", bad, got.size);
        cvt_str_free(&got);
    }
}

int main(void) {
    strings();
    paths();
    numbers("in the C locale");
    numbers_under_comma();
    formats();
    styles();
    no_control_bytes();
    return test_end();
}
