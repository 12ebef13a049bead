/* names.c - names of tensors by table. */
#include "weights/names.h"

#include <string.h>

/* What follows in `name` behind the text that a native side covers (up to its *, or all), NULL if it is another name.
 * Both are patterns with the same {letters}. */
static const char *rest_after(const char *pattern, const char *name) {
    size_t n = strlen(pattern);
    if (n && pattern[n - 1] == '*') return strncmp(pattern, name, n - 1) == 0 ? name + n - 1 : NULL;
    return strcmp(pattern, name) == 0 ? name + n : NULL;
}

static bool append_index(cvt_str *to, const cvt_param *p, char letter) {
    for (int i = p->n_indices - 1; i >= 0; i--) { /* the innermost scope counts */
        if (p->indices[i].letter != letter) continue;
        cvt_str_print(to, "%d", p->indices[i].value);
        return true;
    }
    return false;
}

const cvt_name_row *cvt_name_expand(cvt_str *to, const cvt_dialect *dialect, const cvt_param *p) {
    static const cvt_name_row as_it_is = {"*", "*"};
    if (dialect->identity) {
        cvt_str_append(to, p->name, strlen(p->name));
        return to->failed ? NULL : &as_it_is;
    }
    for (const cvt_name_row *row = dialect->rows; row->file; row++) {
        const char *rest = row->native ? rest_after(row->native, p->pattern) : NULL;
        if (!rest) continue;
        const char *s = row->file;
        for (size_t n = strcspn(s, "{*"); n || *s == '{'; n = strcspn(s, "{*")) {
            cvt_str_append(to, s, n);
            s += n;
            if (*s != '{') continue;
            if (!append_index(to, p, s[1])) return NULL;
            s += 3;
        }
        if (*s == '*') cvt_str_append(to, rest, strlen(rest));
        return to->failed ? NULL : row;
    }
    return NULL;
}

bool cvt_name_match(const char *pattern, const char *name) {
    for (; *pattern; pattern++) {
        if (*pattern == '*') return true;
        if (*pattern == '{') {
            size_t digits = strspn(name, "0123456789");
            if (!digits) return false;
            name += digits;
            pattern += 2;
        } else if (*pattern != *name++) {
            return false;
        }
    }
    return *name == 0;
}

static int rank_of(const char *axes) {
    int rank = 0;
    for (bool joined = false; *axes; axes++) {
        if (!joined) rank++;
        joined = (joined || *axes == '(') && *axes != ')';
    }
    return rank;
}

/* Does a row of the dialect cover this tensor of a file? */
static bool covers(const cvt_dialect *d, const cvt_tensor *t) {
    for (const cvt_name_row *row = d->rows; row->file; row++) {
        const char *pattern = d->identity ? row->native : row->file;
        if (pattern && cvt_name_match(pattern, t->name) && (!row->axes || rank_of(row->axes) == t->rank)) return true;
    }
    return false;
}

const cvt_dialect *cvt_dialect_detect(const cvt_dialect *dialects, const cvt_weights *weights) {
    const cvt_dialect *best = dialects;
    size_t most = 0, n = cvt_weights_count(weights);
    for (const cvt_dialect *d = dialects; d->name; d++) {
        size_t matches = 0;
        for (size_t i = 0; i < n; i++) matches += covers(d, cvt_weights_at(weights, i));
        if (matches > most) {
            most = matches;
            best = d;
        }
        if (most == n) break;
    }
    return best;
}

const cvt_dialect *cvt_dialect_find(const cvt_dialect *dialects, const char *name) {
    for (const cvt_dialect *d = dialects; d->name; d++)
        if (strcmp(d->name, name) == 0) return d;
    return NULL;
}
