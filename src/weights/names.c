/* names.c - translates the names of tensors by the tables of a dialect. */
#include "weights/names.h"

#include <string.h>

/* Compares the native side of a row with a parameter's pattern. Returns what * stands for, or the end of the pattern
 * where the side has no *; NULL if it is another pattern. Both have the same {letters}. */
static const char *pattern_rest(const char *native, const char *pattern) {
    size_t n = strlen(native);
    if (n && native[n - 1] == '*') return strncmp(native, pattern, n - 1) == 0 ? pattern + n - 1 : NULL;
    return strcmp(native, pattern) == 0 ? pattern + n : NULL;
}

/* Does the same for a name, which has numbers in place of {letters}. Returns what * stands for, "" without a *, NULL if
 * it is another name. */
static const char *name_rest(const char *pattern, const char *filler, const char *name) {
    size_t n = filler ? strlen(filler) : 0;
    for (; *pattern; pattern++) {
        if (*pattern == '*') return name;
        if (*pattern != '{') {
            if (*pattern != *name++) return NULL;
        } else if (pattern[1] == '}') {
            if (n && strncmp(filler, name, n) != 0) return NULL;
            name += n;
            pattern++;
        } else {
            size_t digits = strspn(name, "0123456789");
            bool positive = pattern[1] == '+';
            if (!digits || (positive && *name == '0')) return NULL;
            name += digits;
            pattern += positive ? 3 : 2;
        }
    }
    return *name ? NULL : name;
}

static bool append_index(cvt_str *to, const cvt_param *p, char letter) {
    for (int i = p->n_indices - 1; i >= 0; i--) { /* the innermost scope with this letter counts */
        if (p->indices[i].letter != letter) continue;
        cvt_str_print(to, "%d", p->indices[i].value);
        return true;
    }
    return false;
}

/* Appends the file's side of a row up to its *; false if the parameter has no number for a letter. */
static bool append_file(cvt_str *to, const char *s, const char *filler, const cvt_param *p) {
    for (size_t n = strcspn(s, "{*"); n || *s == '{'; n = strcspn(s, "{*")) {
        cvt_str_append(to, s, n);
        s += n;
        if (*s != '{') continue;
        if (s[1] == '}') {
            if (filler) cvt_str_text(to, filler);
            s += 2;
        } else {
            size_t letter = s[1] == '+' ? 2 : 1;
            if (!append_index(to, p, s[letter])) return false;
            s += letter + 2;
        }
    }
    return true;
}

/* Appends the name of a parameter, and returns the row it comes from. `pattern` is the part of the parameter's pattern
 * that is left to translate. */
static const cvt_name_row *expand(cvt_str *to, const cvt_name_row *rows, const char *filler, const char *pattern,
                                  const cvt_param *p) {
    size_t before = to->size;
    for (const cvt_name_row *row = rows; row->file; row++) {
        const char *rest = row->native ? pattern_rest(row->native, pattern) : NULL;
        if (!rest) continue;
        if (!append_file(to, row->file, filler, p)) return NULL;
        if (row->rows) {
            const cvt_name_row *found = expand(to, row->rows, filler, rest, p);
            if (found || to->failed) return found;
            if (to->data) to->data[before] = 0;
            to->size = before;
            continue;
        }
        cvt_str_text(to, rest);
        return to->failed ? NULL : row;
    }
    return NULL;
}

const cvt_name_row *cvt_name_expand(cvt_str *to, const cvt_dialect *dialect, const cvt_param *p) {
    static const cvt_name_row as_it_is = {"*", "*"};
    if (!cvt_dialect_is_native(dialect)) return expand(to, dialect->rows, dialect->filler, p->pattern, p);
    cvt_str_text(to, p->name);
    return to->failed ? NULL : &as_it_is;
}

static int rank_of(const char *axes) {
    int rank = 0;
    for (bool joined = false; *axes; axes++) {
        if (!joined) rank++;
        joined = (joined || *axes == '(') && *axes != ')';
    }
    return rank;
}

/* What a name is compared with: the file's side of all rows, their native side, or the file's side of those rows whose
 * tensors are known and not read. */
typedef enum name_side { IN_FILE, IN_GRAPH, UNREAD } name_side;

/* Does a row cover this name of a tensor of `rank` dimensions? */
static bool covers(const cvt_name_row *rows, const char *filler, name_side side, const char *name, int rank) {
    for (const cvt_name_row *row = rows; row->file; row++) {
        const char *pattern = side == IN_GRAPH ? row->native : row->file;
        const char *rest = pattern ? name_rest(pattern, filler, name) : NULL;
        if (!rest) continue;
        if (row->rows) {
            if (covers(row->rows, filler, side, rest, rank)) return true;
        } else if (side == UNREAD) {
            if (!row->native) return true;
        } else if (side == IN_GRAPH || !row->axes || rank_of(row->axes) == rank) {
            return true;
        }
    }
    return false;
}

bool cvt_name_unread(const cvt_dialect *dialect, const char *name) {
    return !cvt_dialect_is_native(dialect) && covers(dialect->rows, dialect->filler, UNREAD, name, 0);
}

bool cvt_dialect_covers(const cvt_dialect *dialects, const cvt_dialect *d, const char *name, int rank) {
    if (!cvt_dialect_is_native(d)) return covers(d->rows, d->filler, IN_FILE, name, rank);
    for (const cvt_dialect *other = dialects; other->name; other++)
        if (!cvt_dialect_is_native(other) && covers(other->rows, NULL, IN_GRAPH, name, rank)) return true;
    return false;
}

const cvt_dialect *cvt_dialect_detect(const cvt_dialect *dialects, const cvt_weights *weights) {
    const cvt_dialect *best = dialects;
    size_t max = 0, n = cvt_weights_count(weights);
    for (const cvt_dialect *d = dialects; d->name; d++) {
        size_t matches = 0;
        for (size_t i = 0; i < n; i++) {
            const cvt_tensor *t = cvt_weights_at(weights, i);
            matches += cvt_dialect_covers(dialects, d, t->name, t->rank);
        }
        if (matches > max) {
            max = matches;
            best = d;
        }
        if (max == n) break;
    }
    return best;
}

const cvt_dialect *cvt_dialect_find(const cvt_dialect *dialects, const char *name) {
    for (const cvt_dialect *d = dialects; d->name; d++)
        if (strcmp(d->name, name) == 0) return d;
    return NULL;
}
