/* prefixes.c - takes off the names of tensors what wrappers have put in front of them.
 *
 * torch.compile says "_orig_mod." at any place of a name; DataParallel and its like say "module."; programs that hold
 * the model in an attribute say its name, as Lightning's "model."; transformers says "timm_model.". They nest.
 * torch.compile's word is no part of any model's name and goes. Of the others up to N go in front of every name, for
 * the smallest N with which the dialects of the family cover most tensors. Where two names would be the same, all stay.
 *
 * ema_pytorch keeps two models in one: the mean, "ema_model.", is taken, and the one in training is passed over. */
#include <string.h>

#include "base/table.h"
#include "weights/container.h"
#include "weights/names.h"

static const char compiled[] = "_orig_mod.";
static const char *const words[] = {"module.", "model.", "net.", "backbone.", "timm_model.", "ema_model.", NULL};
enum { MAX_WORDS = 8 };

/* Where the name goes on behind one of the words; NULL: it begins with none. */
static const char *behind_word(const char *name) {
    for (int i = 0; words[i]; i++) {
        size_t n = strlen(words[i]);
        if (strncmp(name, words[i], n) == 0 && name[n]) return name + n;
    }
    return NULL;
}

static const char *behind_words(const char *name, int max) {
    for (const char *rest; max > 0 && (rest = behind_word(name)); max--) name = rest;
    return name;
}

/* The name without torch.compile's words: itself, or a copy in arena; NULL without memory. */
static const char *without_compiled(const char *name, cvt_arena *arena) {
    const size_t n = sizeof compiled - 1;
    if (!strstr(name, compiled)) return name;
    char *copy = cvt_arena_copy(arena, name, strlen(name)), *to = copy;
    if (!copy) return NULL;
    bool begins = true; /* a part of the name */
    for (const char *from = name; *from;) {
        if (begins && strncmp(from, compiled, n) == 0 && from[n]) {
            from += n;
            continue;
        }
        begins = *from == '.';
        *to++ = *from++;
    }
    *to = 0;
    return copy;
}

typedef struct taking {
    cvt_weights *weights;
    const cvt_dialect *dialects;
    const cvt_graph *graph; /* where it is known, its parameters' names count in place of the dialects */
    const char **plain;     /* of every tensor: its name without torch.compile's words */
    const char **names;     /* those to be tried */
} taking;

/* Takes up to `max` words off; true where that changed a name. */
static bool take_words(taking *t, int max) {
    bool changed = false;
    for (size_t i = 0; i < cvt_weights_count(t->weights); i++) {
        t->names[i] = behind_words(t->plain[i], max);
        if (t->names[i] != behind_words(t->plain[i], max - 1)) changed = true;
    }
    return changed;
}

/* How many parameters of the graph have a tensor of their name. */
static size_t found(const taking *t) {
    cvt_table table = {0};
    size_t matches = 0, n = cvt_weights_count(t->weights);
    for (size_t i = 0; i < n; i++)
        if (!cvt_table_find(&table, t->names[i]) && !cvt_table_add(&table, t->names[i], i)) break;
    for (int p = 0; p < t->graph->n_params; p++) matches += cvt_table_find(&table, t->graph->params[p].name) != NULL;
    cvt_table_free(&table);
    return matches;
}

/* How many tensors the dialect that fits the names best has a name for. */
static size_t covered(const taking *t) {
    size_t most = 0, n = cvt_weights_count(t->weights);
    if (t->graph) return found(t);
    for (const cvt_dialect *d = t->dialects; d->name && most < n; d++) {
        size_t matches = 0;
        for (size_t i = 0; i < n; i++)
            matches += cvt_dialect_covers(t->dialects, d, t->names[i], cvt_weights_at(t->weights, i)->rank);
        if (matches > most) most = matches;
    }
    return most;
}

static void choose(taking *t) {
    size_t n = cvt_weights_count(t->weights);
    take_words(t, 0);
    size_t best = covered(t);
    int words_off = 0;
    for (int max = 1; max <= MAX_WORDS && best < n && take_words(t, max); max++) {
        size_t matches = covered(t);
        if (matches <= best) continue;
        best = matches;
        words_off = max;
    }
    take_words(t, words_off);
    cvt_weights_rename(t->weights, t->names);
}

/* Marks what ema_pytorch has beside the mean: the model in training, and two counters. */
static void pass_over_online(cvt_weights *weights) {
    bool mean = false, online = false;
    for (size_t i = 0; i < cvt_weights_count(weights); i++) {
        const char *name = cvt_weights_at(weights, i)->name;
        mean = mean || strstr(name, "ema_model.");
        online = online || strstr(name, "online_model.");
    }
    if (!mean) return;
    static const char *const others[] = {"online_model.*", "*.online_model.*", "initted", "*.initted", "step",
                                         "*.step"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) cvt_weights_ignore(weights, others[i]);
    if (!online) return;
    cvt_weights_remark_on(weights, "%s: its \"ema_model\" is taken, not online_model", cvt_weights_path(weights));
}

cvt_status cvt_prefixes_take_off(cvt_weights *weights, const cvt_dialect *dialects, const cvt_graph *graph,
                                 cvt_error *error) {
    cvt_arena *arena = cvt_weights_arena(weights);
    size_t n = cvt_weights_count(weights);
    bool changed = false;
    taking t = {.weights = weights, .dialects = dialects, .graph = graph};
    t.plain = cvt_arena_array(arena, n + 1, sizeof *t.plain);
    t.names = cvt_arena_array(arena, n + 1, sizeof *t.names);
    if (!t.plain || !t.names) return cvt_fail_memory(error);
    for (size_t i = 0; i < n; i++) {
        const char *name = cvt_weights_at(weights, i)->name;
        t.plain[i] = without_compiled(name, arena);
        if (!t.plain[i]) return cvt_fail_memory(error);
        changed = changed || t.plain[i] != name || behind_word(name);
    }
    pass_over_online(weights);
    if (changed) choose(&t);
    return CVT_OK;
}

/* Has any dialect a name like this? */
static bool is_known(const char *name, int rank, const cvt_dialect *dialects) {
    for (const cvt_dialect *d = dialects; d->name; d++)
        if (cvt_dialect_covers(dialects, d, name, rank)) return true;
    return false;
}

/* How much of a name stands in front of what a dialect has a name for; 0: nothing, or no dialect has one. */
static size_t front_of(const cvt_tensor *t, const cvt_dialect *dialects) {
    for (const char *rest = t->name; (rest = strchr(rest, '.')) != NULL;) {
        rest++;
        if (is_known(rest, t->rank, dialects)) return (size_t)(rest - t->name);
    }
    return 0;
}

cvt_status cvt_prefixes_refuse(cvt_weights *weights, const cvt_dialect *dialects, cvt_error *error) {
    enum { LOOKED_AT = 100 };
    const size_t n = cvt_weights_count(weights);
    for (size_t i = 0; i < n; i++) {
        const cvt_tensor *t = cvt_weights_at(weights, i);
        if (is_known(t->name, t->rank, dialects)) return CVT_OK;
    }
    for (size_t i = 0; i < n && i < LOOKED_AT; i++) {
        const cvt_tensor *t = cvt_weights_at(weights, i);
        const size_t front = front_of(t, dialects);
        size_t same = 0;
        for (size_t k = 0; front && k < n; k++) same += strncmp(cvt_weights_at(weights, k)->name, t->name, front) == 0;
        if (2 * same > n)
            return cvt_fail(
                error, CVT_WEIGHTS,
                "%s: no tensor has a name of this model, but %zu of %zu have \"%.*s\" in front of one: take "
                "that off before saving",
                cvt_weights_path(weights), same, n, (int)front, t->name);
    }
    return CVT_OK;
}
