/* passes.c - fusion. A node folds into the entry that makes its input when that entry's op can take it, nothing has
 * been folded in that comes later in the order norm, activation, residual, and nobody else reads the value between. */
#include "ops/ops.h"
#include "plan/plan.h"

typedef struct state {
    cvt_works *works;
    const int *uses;
    const bool *retain;
} state;

/* The entry that makes v, if something can be folded in behind it; else NULL. */
static cvt_work *producer(const state *s, cvt_value v, int fuses) {
    int i = s->works->maker[v];
    cvt_work *p = i < 0 ? NULL : &s->works->work[i];
    bool alone = s->uses[v] == 1 && !s->retain[v];
    return p && alone && (p->node->op->fuses & fuses) && p->residual == CVT_NO_VALUE ? p : NULL;
}

/* Entry i is gone; p gives its result. */
static void absorb(const state *s, cvt_work *p, int i) {
    p->out = s->works->work[i].out;
    s->works->maker[p->out] = (int)(p - s->works->work);
    s->works->work[i].node = NULL;
}

static void fold_norm(const state *s, int i) {
    const cvt_node *node = s->works->work[i].node;
    cvt_work *p = producer(s, node->in[0], CVT_FUSES_NORM);
    if (!p || p->norm || p->act != CVT_ACT_NONE) return;
    p->norm = node;
    absorb(s, p, i);
}

static void fold_activation(const state *s, int i) {
    const cvt_node *node = s->works->work[i].node;
    cvt_work *p = producer(s, node->in[0], CVT_FUSES_ACT);
    if (!p || p->act != CVT_ACT_NONE) return;
    p->act = cvt_op_activation_act(node);
    absorb(s, p, i);
}

/* The product moves down to where the sum was: there both operands exist. */
static void fold_residual(const state *s, int i) {
    const cvt_node *node = s->works->work[i].node;
    for (int side = 1; side >= 0; side--) {
        cvt_value other = node->in[1 - side];
        cvt_work *p = other == node->in[side] ? NULL : producer(s, node->in[side], CVT_FUSES_RESIDUAL);
        if (!p) continue;
        cvt_work moved = *p;
        moved.residual = other;
        moved.out = s->works->work[i].out;
        p->node = NULL;
        s->works->work[i] = moved;
        return;
    }
}

void cvt_pass_run(cvt_works *works, const int *uses, const bool *retain) {
    const struct {
        const cvt_op *op;
        void (*fold)(const state *, int);
    } passes[] = {
        {&cvt_op_batch_norm, fold_norm},
        {&cvt_op_activation, fold_activation},
        {&cvt_op_add, fold_residual},
    };
    state s = {works, uses, retain};
    for (size_t k = 0; k < sizeof passes / sizeof passes[0]; k++)
        for (int i = 0; i < works->n; i++)
            if (works->work[i].node && works->work[i].node->op == passes[k].op) passes[k].fold(&s, i);
}

void cvt_pass_precision(cvt_works *works, const cvt_graph *graph, cvt_precision precision) {
    for (int i = 0; i < works->n; i++) {
        cvt_work *w = &works->work[i];
        if (!w->node) continue;
        w->precision = w->node->op->attends ? precision : cvt_node_precision(graph, w->node, precision);
    }
}
