/* run.h: the forward pass.
 *
 * An engine owns the kernels' table, the thread pool, the KV store and all
 * scratch memory of one context; a step moves up to n_batch tokens through the
 * layers.  All memory is taken by moe__engine_create and a step allocates
 * nothing.  Where things are:
 *
 *     forward.c     embedding, layers, head: the order of everything
 *     block_attn.c  norm, q k v, rotary embedding, attention, projection
 *     block_ffn.c   gated feed-forward over groups of tokens
 *     block_moe.c   router, tokens grouped by expert, weighted sum
 *     route.c       scores -> experts, weights; counting sort
 *     rope.c        frequencies and angles
 *     engine.c      sizes, memory, life and death */
#ifndef MOE_RUN_RUN_H
#define MOE_RUN_RUN_H

#include "arch/arch.h"
#include "kern/kern.h"
#include "mem/kv.h"
#include "os/thread.h"

struct moe__run_params {
    int32_t n_ctx;
    int32_t n_batch;
    int32_t n_threads;        /* that exist */
    int32_t n_threads_prompt; /* that work on steps of several tokens */
    int32_t n_threads_decode; /* and of one token */
    enum moe__kv kv;
    moe_backend backend;
    bool wants_all_logits; /* of every token of a step, else of its last */
    bool has_rings;        /* layers with a window keep what they see only */
    const moe_thread_hooks *threads;
};

/* Activations in every form that their readers need. */
struct moe__acts {
    struct moe__act by[MOE__OPERAND_A256 + 1]; /* index: enum moe__operand */
    uint32_t mask;                             /* 1 << operand, if in use */
};

/* Rotary frequencies of one kind of layer. */
struct moe__rope {
    double *omega; /* [n_rot / 2] radians a position */
    double scale;  /* of cosine and sine */
};

/* Tokens that go through the same weights. */
struct moe__group {
    const struct moe__ffn *ffn;
    int32_t first; /* row in hidden and out */
    int32_t n;     /* tokens */
};

/* Scratch of one thread. */
struct moe__lane {
    void *scratch; /* of products */
    float *row;    /* [max(d_model, q_width)] a normalised row */
    float *gate;   /* [MATMUL_TOKENS, FFN_ROWS] see block_ffn.c */
    float *up;
};

struct moe__engine {
    const struct moe__net *net;
    struct moe__mem *mem;
    struct moe__run_params params;
    struct moe__kern kern;
    struct moe__pool *pool;
    struct moe__kv_store kv;
    uint8_t *memory; /* everything below */
    size_t memory_bytes;

    struct moe__rope rope[MOE__N_ROPES];
    float *cosine[MOE__N_ROPES]; /* [n_batch, n_rot / 2] of the step */
    float *sine[MOE__N_ROPES];

    float *x;                /* [n_batch, d_model] the residual stream */
    int32_t n_dropped;       /* tokens of the last step that x has no more */
    struct moe__acts in;     /* [n_batch, d_model] normed input of a block */
    float *q;                /* [n_batch, q_width] */
    float *k;                /* [n_batch, kv_width] */
    float *v;                /* [n_batch, kv_width] */
    float *mixed;            /* [n_batch, q_width] attention's result */
    struct moe__acts mid;    /* the same, for the projection */
    float *attn;             /* [n_threads, attn_floats] attention by span */
    size_t attn_floats;      /* those of some queries: see engine.c */
    struct moe__acts hidden; /* [n_rows, d_ff], n_rows = n_batch * n_active */
    float *hidden_x;         /* [max(1, n_active), d_ff] of one token */
    float *out;              /* [n_rows, d_model] a block's result */
    float *logits;           /* [n_batch or 1, n_vocab] */

    float *route_p;            /* [n_batch, n_experts] */
    int32_t *route_id;         /* [n_batch, n_active] best first */
    float *route_w;            /* [n_batch, n_active] */
    int32_t *route_row;        /* [n_batch, n_active] row in hidden and out */
    int32_t *group_src;        /* [n_rows] token of each row */
    struct moe__group *groups; /* [max(1, n_experts)] */
    int32_t *group_chunk;      /* [max(1, n_experts) + 1] first chunk of each */
    int32_t n_groups;
    uint64_t *expert_count; /* [n_layers, n_experts] since creation */

    struct moe__lane *lanes; /* [n_threads] */
};

/* Positions that a layer with a ring keeps, or n_ctx: one without. */
int32_t moe__engine_keeps(const struct moe__net *net,
                          const struct moe__run_params *params, int32_t layer);
/* Bytes that moe__engine_create takes beside the KV store and the threads. */
moe_status moe__engine_plan(const struct moe__net *net,
                            const struct moe__run_params *params,
                            uint64_t *scratch_bytes, uint64_t *kv_bytes,
                            struct moe__err *err);
moe_status moe__engine_create(struct moe__engine *engine,
                              const struct moe__net *net, struct moe__mem *mem,
                              const struct moe__run_params *params,
                              struct moe__err *err);
void moe__engine_free(struct moe__engine *engine);
/* Threads of all steps from now on, 1 .. params.n_threads. */
void moe__engine_set_threads(struct moe__engine *engine, int32_t n);

/* One step: n <= n_batch tokens at positions pos ..., pos + n <= n_ctx, ids
 * checked by the caller.  Of the last n_wanted = 0 .. n the results are wanted:
 * the logits of all of them, or of the last one (wants_all_logits), and what
 * the two functions below give.  *stop != 0 ends it early: then the result is
 * false and positions from pos on hold nothing. */
bool moe__engine_step(struct moe__engine *engine, const moe_token *tokens,
                      int32_t n, int32_t n_wanted, int32_t pos,
                      const _Atomic int32_t *stop);
/* After a step: the logits of its token `token` (counted in the step), one of
 * those that were wanted, as row 0; false if stopped. */
bool moe__engine_head(struct moe__engine *engine, int32_t token,
                      const _Atomic int32_t *stop);
/* After a step: what the head sees of such a token, normalised: out
 * [d_model]. */
void moe__engine_hidden(const struct moe__engine *engine, int32_t token,
                        float *out);

/* ------------------------------------------------ between the files of run */

/* What the chunks of a phase need to know of the running step. */
struct moe__step {
    struct moe__engine *engine;
    const struct moe__layer *layer;
    int32_t i_layer;
    const moe_token *tokens; /* [n] */
    int32_t n;
    int32_t pos;
    const _Atomic int32_t *stop;
};

/* Whether the step has been cancelled: asked between pieces of work that take
 * some milliseconds. */
bool moe__step_is_stopped(const struct moe__step *step);
/* Runs fn for chunks [0, n); arg is passed on. */
void moe__step_run(const struct moe__step *step, moe__chunk_fn *fn, void *arg,
                   int32_t n_chunks);
/* All products of the jobs in one phase, cut into blocks of rows. */
#define MOE__MAX_JOBS 3
void moe__step_matmul(const struct moe__step *step,
                      const struct moe__matmul *jobs, int32_t n_jobs);

/* Into how many tokens a product of n is cut: even pieces of what the kernels
 * want at most. */
int32_t moe__step_piece(const struct moe__step *step, int32_t n);
/* A product piece by piece, until the step is stopped. */
void moe__step_multiply(const struct moe__step *step,
                        const struct moe__matmul *job, int32_t thread);

/* The part of a job for n tokens from `first` on, but for its y; *x is its
 * memory. */
struct moe__matmul moe__run_tokens(const struct moe__matmul *job,
                                   struct moe__act *x, int32_t first,
                                   int32_t n);
/* y [n, mat->n_rows] = rows of acts times mat, as a job. */
struct moe__matmul moe__run_job(const struct moe__mat *mat,
                                const struct moe__acts *acts, float *y,
                                int32_t n);
/* Puts a row into every form of acts that is in use. */
void moe__acts_put(const struct moe__engine *engine,
                   const struct moe__acts *acts, int32_t row, const float *x,
                   int32_t n);
/* Columns [col, col + n) of a row; col and n multiples of the block. */
void moe__acts_put_part(const struct moe__engine *engine,
                        const struct moe__acts *acts, int32_t row, int32_t col,
                        const float *x, int32_t n);
/* RMS norm of a token of x, with weights w [d_model], to row `row` of in. */
void moe__acts_norm(const struct moe__engine *engine, int32_t thread,
                    int32_t row, int32_t token, const float *w);
/* The activations from a row on. */
struct moe__act moe__act_from(const struct moe__act *act, int32_t row);

void moe__rope_init(struct moe__rope *rope, const struct moe__net *net,
                    enum moe__rope_kind kind, int32_t n_ctx);
/* cosine, sine [n_rot / 2] of a position. */
void moe__rope_angles(const struct moe__rope *rope, int32_t n_rot, int32_t pos,
                      float *cosine, float *sine);

/* Experts of one token: p [n_experts] router logits in, probabilities out;
 * id, w [n_active]. */
void moe__route_token(const struct moe__engine *engine, float *p, int32_t *id,
                      float *w);
/* Fills groups, group_src and route_row from route_id of n tokens. */
void moe__route_group(struct moe__engine *engine,
                      const struct moe__layer *layer, int32_t n);

/* hidden -> out for all groups; src [rows] maps rows to tokens of `in`, NULL =
 * the same. */
void moe__ffn_groups(const struct moe__step *step, const int32_t *src);

/* Stores the keys and values of a step's tokens, and nothing else. */
void moe__block_keys(const struct moe__step *step);
/* The blocks: each leaves its result added to x.  They expect `in` to hold
 * nothing and start with the norm. */
void moe__block_attn(const struct moe__step *step);
void moe__block_ffn(const struct moe__step *step);
void moe__block_moe(const struct moe__step *step);

/* Queries that attend together: one each of tokens times heads. */
#define MOE__ATTN_ROWS 64

/* Rows of gate and up that one piece of work multiplies. */
#define MOE__FFN_ROWS 256

#endif
