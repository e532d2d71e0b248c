/* acts.c: activations in the forms that weights want, and products with them.
 */
#include "run/run.h"

void moe__acts_put_part(const struct moe__engine *engine,
                        const struct moe__acts *acts, int32_t row, int32_t col,
                        const float *x, int32_t n)
{
    for (int32_t o = MOE__OPERAND_F32; o <= MOE__OPERAND_A256; o++) {
        if (!(acts->mask & 1u << o))
            continue;
        const struct moe__act *act = &acts->by[o];
        size_t at = (size_t)row * (size_t)act->stride + (size_t)col;
        if (o == MOE__OPERAND_F32)
            memcpy(act->x + at, x, (size_t)n * sizeof *x);
        else if (o == MOE__OPERAND_A32)
            engine->kern.quantize_a32(act->q + at, act->scale + at / 32,
                                      act->sum + at / 16, x, n);
        else
            engine->kern.quantize_a256(act->q + at, act->scale + at / 256,
                                       act->sum + at / 16, x, n);
    }
}

void moe__acts_put(const struct moe__engine *engine,
                   const struct moe__acts *acts, int32_t row, const float *x,
                   int32_t n)
{
    moe__acts_put_part(engine, acts, row, 0, x, n);
}

void moe__acts_norm(const struct moe__engine *engine, int32_t thread,
                    int32_t row, int32_t token, const float *w)
{
    int32_t d_model = engine->net->d_model;
    float *y = engine->lanes[thread].row;
    engine->kern.rms_norm(y, engine->x + (size_t)token * (size_t)d_model, w,
                          d_model, engine->net->eps);
    moe__acts_put(engine, &engine->in, row, y, d_model);
}

struct moe__act moe__act_from(const struct moe__act *act, int32_t row)
{
    struct moe__act from = *act;
    size_t at = (size_t)row * (size_t)act->stride;
    if (act->operand == MOE__OPERAND_F32) {
        from.x += at;
        return from;
    }
    from.q += at;
    from.sum += at / 16;
    from.scale += act->operand == MOE__OPERAND_A32 ? at / 32 : at / 256;
    return from;
}

struct moe__matmul moe__run_job(const struct moe__mat *mat,
                                const struct moe__acts *acts, float *y,
                                int32_t n)
{
    return (struct moe__matmul){
        .w = mat,
        .x = &acts->by[moe__type_info(mat->type)->operand],
        .y = y,
        .y_stride = mat->n_rows,
        .n_tokens = n,
        .row_end = mat->n_rows,
    };
}

bool moe__step_is_stopped(const struct moe__step *step)
{
    return step->stop != NULL && *step->stop != 0;
}

void moe__step_run(const struct moe__step *step, moe__chunk_fn *fn, void *arg,
                   int32_t n_chunks)
{
    moe__pool_run(step->engine->pool, fn, arg, n_chunks, step->stop);
}

struct moe__matmul moe__run_tokens(const struct moe__matmul *job,
                                   struct moe__act *x, int32_t first, int32_t n)
{
    struct moe__matmul part = *job;
    part.n_tokens = n;
    if (job->src != NULL) {
        part.src += first;
        return part;
    }
    *x = moe__act_from(job->x, first);
    part.x = x;
    return part;
}

int32_t moe__step_piece(const struct moe__step *step, int32_t n)
{
    const int32_t most = step->engine->kern.piece_tokens;
    const int32_t n_pieces = moe__max_i32(moe__ceil_div(n, most), 1);
    return moe__min_i32((moe__ceil_div(n, n_pieces) + 3) / 4 * 4, most);
}

void moe__step_multiply(const struct moe__step *step,
                        const struct moe__matmul *job, int32_t thread)
{
    const int32_t n = job->n_tokens, piece = moe__step_piece(step, n);
    for (int32_t t = 0; t < n && !moe__step_is_stopped(step); t += piece) {
        struct moe__act x;
        struct moe__matmul part =
            moe__run_tokens(job, &x, t, moe__min_i32(piece, n - t));
        part.y = job->y + t * job->y_stride;
        part.scratch = step->engine->lanes[thread].scratch;
        moe__kern_multiply(&step->engine->kern, &part);
    }
}

/* A chunk should be worth some microseconds: 256 KiB of weights for one token,
 * since each chunk begins new streams of memory.  For many tokens 64 rows share
 * what is read of the activations. */
#define CHUNK_BYTES (256 * 1024)
#define CHUNK_ROWS 16 /* a multiple of what any kernel takes at once */
#define CHUNK_MOST_ROWS 64
#define CHUNKS_PER_THREAD 8 /* so that threads end together */

struct matmul_phase {
    const struct moe__step *step;
    const struct moe__matmul *jobs;
    int32_t n_jobs;
    int32_t block_rows[MOE__MAX_JOBS];
    int32_t first_chunk[MOE__MAX_JOBS + 1];
};

static void matmul_chunk(void *arg, int32_t chunk, int32_t thread)
{
    const struct matmul_phase *phase = arg;
    int32_t j = 0;
    while (chunk >= phase->first_chunk[j + 1])
        j++;
    struct moe__matmul job = phase->jobs[j];
    int32_t block = phase->block_rows[j];
    job.row_begin = (chunk - phase->first_chunk[j]) * block;
    job.row_end = moe__min_i32(job.row_end, job.row_begin + block);
    moe__step_multiply(phase->step, &job, thread);
}

/* Rows of a chunk. */
static int32_t chunk_rows(const struct moe__step *step,
                          const struct moe__matmul *job)
{
    const uint64_t rows = CHUNK_BYTES / job->w->row_bytes;
    const int32_t n_chunks =
        CHUNKS_PER_THREAD * moe__pool_threads(step->engine->pool);
    int32_t block = CHUNK_ROWS;
    if (job->n_tokens >= CHUNK_ROWS)
        block = CHUNK_MOST_ROWS;
    else if (rows > CHUNK_ROWS)
        block = (int32_t)rows;
    while (block > CHUNK_ROWS && job->row_end < block * n_chunks)
        block /= 2;
    return moe__max_i32(block / CHUNK_ROWS, 1) * CHUNK_ROWS;
}

void moe__step_matmul(const struct moe__step *step,
                      const struct moe__matmul *jobs, int32_t n_jobs)
{
    struct matmul_phase phase = {.step = step, .jobs = jobs, .n_jobs = n_jobs};
    for (int32_t j = 0; j < n_jobs; j++) {
        int32_t block = chunk_rows(step, &jobs[j]);
        phase.block_rows[j] = block;
        phase.first_chunk[j + 1] =
            phase.first_chunk[j] + moe__ceil_div(jobs[j].row_end, block);
    }
    moe__step_run(step, matmul_chunk, &phase, phase.first_chunk[n_jobs]);
}
