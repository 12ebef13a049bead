/* keys.h - short names for the rows of a table of keys: see the example in config.h. Only .c files that have such a
 * table include it. First they name the struct whose fields the rows fill:
 *
 *     #define KEYS_OF config
 *
 * For a second table, of another struct, they write #undef KEYS_OF, then #define KEYS_OF again. GIVEN and NAMED belong
 * to the struct that KEYS_OF names where they stand.
 *
 * The last argument of a row is `about`; further fields may follow it: INT("depth", depth, 1, 1000, "12", "blocks",
 * .stage = true). Rows that fill no field, CVT_DROPOUT_KEY and CVT_OFF_KEY, are in config.h. */
#ifndef CVT_ARCH_KEYS_H
#define CVT_ARCH_KEYS_H

#include "arch/config.h"

#define KEY_AT(field) offsetof(KEYS_OF, field)

/* clang-format off */
#define KEY_ROW(key, kind, field, default_, ...) \
    .name = key, .type = kind, .offset = KEY_AT(field), .initial = default_, .about = __VA_ARGS__
#define INT(key, field, low, high, default_, ...) \
    {KEY_ROW(key, CVT_KEY_INT, field, default_, __VA_ARGS__), .min = low, .max = high}
#define INTS(key, field, low, high, default_, ...) \
    {KEY_ROW(key, CVT_KEY_INTS, field, default_, __VA_ARGS__), .min = low, .max = high}
#define NUM(key, field, low, high, default_, ...) \
    {KEY_ROW(key, CVT_KEY_NUMBER, field, default_, __VA_ARGS__), .min = low, .max = high}
#define NUMS(key, field, low, high, default_, ...) \
    {KEY_ROW(key, CVT_KEY_NUMBERS, field, default_, __VA_ARGS__), .min = low, .max = high}
#define LISTS(key, field, length, low, high, default_, ...) \
    {KEY_ROW(key, CVT_KEY_LISTS, field, default_, __VA_ARGS__), .entries = length, .min = low, .max = high}
#define SIZE(key, field, low, high, default_, ...) \
    {KEY_ROW(key, CVT_KEY_SIZE, field, default_, __VA_ARGS__), .min = low, .max = high}
#define BOOL(key, field, default_, ...) {KEY_ROW(key, CVT_KEY_BOOL, field, default_, __VA_ARGS__)}
#define BOOLS(key, field, default_, ...) {KEY_ROW(key, CVT_KEY_BOOLS, field, default_, __VA_ARGS__)}
/* list: the words; it ends with NULL. The field becomes the index of the word. */
#define CHOICE(key, field, list, default_, ...) \
    {KEY_ROW(key, CVT_KEY_CHOICE, field, default_, __VA_ARGS__), .choices = list}
#define CHOICES(key, field, list, default_, ...) \
    {KEY_ROW(key, CVT_KEY_CHOICES, field, default_, __VA_ARGS__), .choices = list}
/* table: the keys of the object. The field is its struct. */
#define OBJECT(key, field, table, ...) {KEY_ROW(key, CVT_KEY_OBJECT, field, NULL, __VA_ARGS__), .keys = table}
/* reader: the function that fills the field. schema_: members of the schema of what it reads. */
#define READER(key, field, reader, schema_, ...) \
    {KEY_ROW(key, CVT_KEY_READER, field, NULL, __VA_ARGS__), .read = reader, .schema = schema_}
/* A second name of the key called `row`: files of the dialect `whose` (a cvt_config_dialect) use it. */
#define SAME(key, row, whose) {.name = key, .same = row, .dialect = whose}
/* Keys whose values are checked and not stored. */
#define UNUSED_NUM(key, low, high, ...) \
    {.name = key, .type = CVT_KEY_NUMBER, .min = low, .max = high, .ignored = true, .about = __VA_ARGS__}
#define UNUSED_BOOL(key, ...) \
    { .name = key, .type = CVT_KEY_BOOL, .ignored = true, .about = __VA_ARGS__ }
#define UNUSED_NUMS(key, low, high, ...) \
    {.name = key, .type = CVT_KEY_NUMBERS, .min = low, .max = high, .ignored = true, .about = __VA_ARGS__}
/* clang-format on */

/* For a config c, which begins with a cvt_base. GIVEN is the name of the key by which the file fills a field, or NULL
 * if it does not. NAMED is the name that messages use for that key. */
#define GIVEN(c, field) cvt_given_as(&(c)->base.given, KEY_AT(field))
#define NAMED(c, field) cvt_key_named(&(c)->base.given, KEY_AT(field))

#endif
