/* passes.c - the plan passes, which walk over the plan's nodes before they get their places: fusion, the choice of
 * precision, pairs of products, and rows that are packed for products as they are made. Fusion folds a node into the
 * plan node that makes its input if three things hold: that node's op can take it; nothing is folded in there that
 * comes later in the order affine (batch norm, LayerScale), activation, residual, last activation; and nobody else
 * reads the value between them. */
#include <stdlib.h>

#include "ops/ops.h"
#include "ops/precision.h"
#include "plan/plan.h"

typedef struct state {
    cvt_plan_nodes *nodes;
    const int *uses;
    const bool *retain;
} state;

/* Returns the plan node that makes v, if a node of this kind can be folded in behind it; else NULL. */
static cvt_plan_node *producer(const state *s, cvt_value v, int fuses) {
    int i = s->nodes->producer[v];
    cvt_plan_node *p = i < 0 ? NULL : &s->nodes->node[i];
    bool alone = s->uses[v] == 1 && !s->retain[v];
    return p && alone && (p->node->op->fuses & fuses) ? p : NULL;
}

/* Removes plan node i; p makes its result from now on. */
static void absorb(const state *s, cvt_plan_node *p, int i) {
    p->out = s->nodes->node[i].out;
    s->nodes->producer[p->out] = (int)(p - s->nodes->node);
    s->nodes->node[i].node = NULL;
}

static void fold_affine(const state *s, int i) {
    const cvt_node *node = s->nodes->node[i].node;
    cvt_plan_node *p = producer(s, node->in[0], CVT_FUSES_AFFINE);
    if (!p || p->affine || p->act != CVT_ACT_NONE) return;
    p->affine = node;
    absorb(s, p, i);
}

static void fold_activation(const state *s, int i) {
    const cvt_node *node = s->nodes->node[i].node;
    cvt_plan_node *p = producer(s, node->in[0], CVT_FUSES_ACT);
    if (!p) return;
    cvt_act *act = p->residual == CVT_NO_VALUE ? &p->act : &p->last;
    if (*act != CVT_ACT_NONE) return;
    *act = cvt_op_activation_act(node);
    absorb(s, p, i);
}

/* Folds in a residual. The product moves down to where the sum was: only there both operands exist. */
static void fold_residual(const state *s, int i) {
    const cvt_node *node = s->nodes->node[i].node;
    for (int side = 1; side >= 0; side--) {
        cvt_value other = node->in[1 - side];
        cvt_plan_node *p = other == node->in[side] ? NULL : producer(s, node->in[side], CVT_FUSES_RESIDUAL);
        if (!p || p->residual != CVT_NO_VALUE) continue;
        cvt_plan_node moved = *p;
        moved.residual = other;
        moved.out = s->nodes->node[i].out;
        p->node = NULL;
        s->nodes->node[i] = moved;
        return;
    }
}

static bool is_affine(const cvt_op *op) { return op->fold != NULL; }
static bool is_activation(const cvt_op *op) { return op == &cvt_op_activation; }
static bool is_sum(const cvt_op *op) { return op == &cvt_op_add; }

void cvt_plan_fuse(cvt_plan_nodes *nodes, const int *uses, const bool *retain) {
    const struct {
        bool (*takes)(const cvt_op *);
        void (*fold)(const state *, int);
    } passes[] = {
        {is_affine, fold_affine},
        {is_activation, fold_activation},
        {is_sum, fold_residual},
        {is_activation, fold_activation}, /* those of sums */
    };
    state s = {nodes, uses, retain};
    for (size_t k = 0; k < sizeof passes / sizeof passes[0]; k++)
        for (int i = 0; i < nodes->n; i++)
            if (nodes->node[i].node && passes[k].takes(nodes->node[i].node->op)) passes[k].fold(&s, i);
}

void cvt_plan_choose_precision(cvt_plan_nodes *nodes, const cvt_graph *graph, cvt_precision precision) {
    for (int i = 0; i < nodes->n; i++) {
        cvt_plan_node *w = &nodes->node[i];
        if (!w->node) continue;
        w->precision = w->node->op->attends ? precision : cvt_node_precision(graph, w->node, precision);
    }
}

void cvt_plan_pair(cvt_plan_nodes *nodes, const cvt_graph *graph, const int *uses, const bool *retain) {
    const state s = {nodes, uses, retain};
    for (int i = 0; i < nodes->n; i++) {
        cvt_plan_node *w = &nodes->node[i];
        if (!w->node || !w->node->op->product || w->precision == CVT_PRECISION_F32) continue;
        cvt_plan_node *p = producer(&s, w->node->in[0], CVT_FUSES_ACT);
        if (!p || !p->node->op->product || p->residual != CVT_NO_VALUE || p->precision != w->precision) continue;
        if (p->from) continue; /* it is the second of a pair */
        const cvt_value in = p->node->in[0], between = p->out, out = w->out;
        const int rows = cvt_shape_rows(graph->values[between].shape);
        if (cvt_shape_rows(graph->values[in].shape) == rows && cvt_shape_rows(graph->values[out].shape) == rows)
            w->from = p;
    }
}

/* What reads a value. */
typedef struct readers {
    const cvt_product_kernels *kernels; /* of products that take its rows packed; NULL: there are none */
    bool others;                        /* something else reads it, or products by other kernels */
} readers;

/* Notes what plan node w reads. */
static void note_reads(readers *all, const cvt_plan_node *w, const cvt_kernels *kernels) {
    const cvt_product_kernels *own = kernels->product[w->precision];
    const bool takes = w->node->op->reads_rows && own->pack_a;
    if (w->residual != CVT_NO_VALUE) all[w->residual].others = true;
    for (int k = 0; k < w->node->n_in; k++) {
        readers *of = &all[w->node->in[k]];
        if (k > 0 || !takes || (of->kernels && of->kernels != own))
            of->others = true;
        else
            of->kernels = own;
    }
}

bool cvt_plan_ready(cvt_plan_nodes *nodes, int n_values, const bool *retain, const cvt_kernels *kernels) {
    readers *all = calloc((size_t)n_values + 1, sizeof *all);
    if (!all) return false;
    for (int i = 0; i < nodes->n; i++)
        if (nodes->node[i].node) note_reads(all, &nodes->node[i], kernels);
    for (int i = 0; i < nodes->n; i++) {
        cvt_plan_node *w = &nodes->node[i];
        if (!w->node || retain[w->out] || all[w->out].others) continue;
        const cvt_product_kernels *own = kernels->product[w->precision];
        const bool product = w->node->op->product && own->readies && all[w->out].kernels == own;
        if (product || w->node->op->writes_rows) w->readies = all[w->out].kernels;
    }
    for (int i = 0; i < nodes->n; i++) {
        cvt_plan_node *w = &nodes->node[i];
        if (w->node && w->node->op->reads_rows) w->given = cvt_plan_packed_for(nodes, w->node->in[0]) != NULL;
    }
    free(all);
    return true;
}
