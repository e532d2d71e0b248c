/* block_ffn.c: out = W_down (act(W_gate x) * W_up x), for groups of tokens.
 *
 * A dense layer is one group of all tokens; a layer of experts has a group for
 * each expert (block_moe.c).  Gate, up, activation and quantisation happen in
 * one phase over (group, block of rows): the hidden row never exists as floats
 * unless W_down wants floats (Shazeer 2020, 2002.05202). */
#include "run/run.h"

struct ffn_phase {
    const struct moe__step *step;
    const int32_t *src; /* [rows] or NULL */
    int32_t block_rows;
    bool is_late; /* hidden is quantised in a phase of its own */
};

/* Finds the group of a chunk: groups are few, and most are empty in decode. */
static int32_t group_of_chunk(const struct moe__engine *e, int32_t chunk)
{
    int32_t g = 0;
    while (chunk >= e->group_chunk[g + 1])
        g++;
    return g;
}

/* Cuts the rows of all groups into blocks; returns the number of chunks. */
static int32_t number_chunks(const struct moe__engine *e, int32_t n_rows,
                             int32_t block_rows)
{
    int32_t n_blocks = moe__ceil_div(n_rows, block_rows);
    e->group_chunk[0] = 0;
    for (int32_t g = 0; g < e->n_groups; g++)
        e->group_chunk[g + 1] =
            e->group_chunk[g] + (e->groups[g].n > 0 ? n_blocks : 0);
    return e->group_chunk[e->n_groups];
}

/* Rows [row, row + n) of a matrix, as a matrix. */
static struct moe__mat mat_rows(const struct moe__mat *mat, int32_t row,
                                int32_t n)
{
    struct moe__mat part = *mat;
    part.data += (uint64_t)row * mat->row_bytes;
    part.n_rows = n;
    return part;
}

/* y [n_tokens, MOE__FFN_ROWS] = part of gate or up times the tokens of rows
 * [first, first + n_tokens). */
static void project_part(const struct ffn_phase *phase,
                         const struct moe__mat *part, int32_t first,
                         int32_t n_tokens, float *y, void *scratch)
{
    const struct moe__engine *e = phase->step->engine;
    struct moe__matmul job = moe__run_job(part, &e->in, y, 0);
    struct moe__act x;
    job.src = phase->src;
    job = moe__run_tokens(&job, &x, first, n_tokens);
    job.y_stride = MOE__FFN_ROWS;
    job.scratch = scratch;
    moe__kern_multiply(&e->kern, &job);
}

/* A block of rows of gate and up for all tokens of a group, through the
 * activation, into the same columns of hidden. */
static void gate_up_chunk(void *arg, int32_t chunk, int32_t thread)
{
    const struct ffn_phase *phase = arg;
    const struct moe__engine *e = phase->step->engine;
    const struct moe__lane *lane = &e->lanes[thread];
    int32_t g = group_of_chunk(e, chunk);
    const struct moe__group *group = &e->groups[g];
    int32_t row = (chunk - e->group_chunk[g]) * phase->block_rows;
    int32_t n = moe__min_i32(e->net->d_ff - row, phase->block_rows);
    const struct moe__mat gate = mat_rows(&group->ffn->gate, row, n);
    const struct moe__mat up = mat_rows(&group->ffn->up, row, n);
    enum moe__glu glu = e->net->family->glu;

    int32_t end = group->first + group->n;
    int32_t piece = moe__step_piece(phase->step, group->n);
    for (int32_t t = group->first; t < end; t += piece) {
        if (moe__step_is_stopped(phase->step))
            return;
        int32_t n_tokens = moe__min_i32(piece, end - t);
        project_part(phase, &gate, t, n_tokens, lane->gate, lane->scratch);
        project_part(phase, &up, t, n_tokens, lane->up, lane->scratch);
        for (int32_t i = 0; i < n_tokens; i++) {
            float *x = lane->gate + i * MOE__FFN_ROWS;
            float *y =
                phase->is_late ? e->hidden_x + (t + i) * e->net->d_ff + row : x;
            e->kern.glu[glu](y, x, lane->up + i * MOE__FFN_ROWS, n);
            if (!phase->is_late)
                moe__acts_put_part(e, &e->hidden, t + i, row, y, n);
        }
    }
}

static void down_chunk(void *arg, int32_t chunk, int32_t thread)
{
    const struct ffn_phase *phase = arg;
    const struct moe__engine *e = phase->step->engine;
    int32_t g = group_of_chunk(e, chunk);
    const struct moe__group *group = &e->groups[g];
    const struct moe__mat *down = &group->ffn->down;
    size_t at = (size_t)group->first * (size_t)e->net->d_model;
    struct moe__matmul job =
        moe__run_job(down, &e->hidden, e->out + at, group->n);
    struct moe__act x = moe__act_from(job.x, group->first);
    job.x = &x;
    job.row_begin = (chunk - e->group_chunk[g]) * phase->block_rows;
    job.row_end = moe__min_i32(down->n_rows, job.row_begin + phase->block_rows);
    moe__step_multiply(phase->step, &job, thread);
}

/* The hidden rows of one token: one chunk, so that it needs no other thread. */
static void quantize_hidden(void *arg, int32_t chunk, int32_t thread)
{
    const struct ffn_phase *phase = arg;
    const struct moe__engine *e = phase->step->engine;
    const int32_t d_ff = e->net->d_ff, n_active = e->net->n_active;
    (void)chunk;
    (void)thread;
    for (int32_t i = 0; i < moe__max_i32(1, n_active); i++)
        moe__acts_put(e, &e->hidden, i, e->hidden_x + (size_t)i * (size_t)d_ff,
                      d_ff);
}

#define FFN_SMALL_ROWS 64
#define FFN_CHUNKS 16 /* for each thread: fewer are shared unevenly */

/* A block of rows of gate and up becomes a block of columns of hidden: whole
 * blocks of 256 if W_down wants those.  One token of a small model gives too
 * few of them to share, so it has smaller ones and is quantised afterwards. */
void moe__ffn_groups(const struct moe__step *step, const int32_t *src)
{
    struct moe__engine *e = step->engine;
    bool is_a256 = e->hidden.mask & 1u << MOE__OPERAND_A256;
    struct ffn_phase phase = {.step = step, .src = src};
    phase.block_rows = is_a256 ? MOE__FFN_ROWS : FFN_SMALL_ROWS;
    int32_t n = number_chunks(e, e->net->d_ff, phase.block_rows);
    int32_t n_threads = moe__pool_threads(e->pool);
    if (is_a256 && step->n == 1 && n_threads > 1 &&
        n < FFN_CHUNKS * n_threads) {
        phase.is_late = true;
        phase.block_rows = FFN_SMALL_ROWS;
        n = number_chunks(e, e->net->d_ff, phase.block_rows);
    }
    moe__step_run(step, gate_up_chunk, &phase, n);
    if (phase.is_late)
        moe__step_run(step, quantize_hidden, &phase, 1);
    phase.block_rows = FFN_SMALL_ROWS;
    n = number_chunks(e, e->net->d_model, phase.block_rows);
    moe__step_run(step, down_chunk, &phase, n);
}

static void ffn_norm_token(void *arg, int32_t token, int32_t thread)
{
    const struct moe__step *step = arg;
    moe__acts_norm(step->engine, thread, token, token, step->layer->ffn_norm);
}

static void ffn_add_token(void *arg, int32_t token, int32_t thread)
{
    const struct moe__step *step = arg;
    const struct moe__engine *e = step->engine;
    const float *norm = step->layer->post_ffn_norm;
    int32_t d_model = e->net->d_model;
    size_t at = (size_t)token * (size_t)d_model;
    (void)thread;
    if (norm != NULL)
        e->kern.rms_norm(e->out + at, e->out + at, norm, d_model, e->net->eps);
    e->kern.add(e->x + at, e->out + at, d_model);
}

void moe__block_ffn(const struct moe__step *step)
{
    struct moe__engine *e = step->engine;
    void *arg = (void *)(uintptr_t)step;
    e->groups[0] = (struct moe__group){&step->layer->ffn, 0, step->n};
    e->n_groups = 1;
    moe__step_run(step, ffn_norm_token, arg, step->n);
    moe__ffn_groups(step, NULL);
    moe__step_run(step, ffn_add_token, arg, step->n);
}
