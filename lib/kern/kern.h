/* kern.h: math on memory, behind one table of functions.
 *
 * The scalar functions define every result (docs/numerics.md); an overlay for
 * an instruction set replaces slots by faster ones that give the same bits.
 * Kernels are pure: no allocation, locks, messages or policy.  The caller
 * guarantees the shapes; data may have any alignment unless said otherwise;
 * outputs do not overlap inputs unless said otherwise. */
#ifndef MOE_KERN_KERN_H
#define MOE_KERN_KERN_H

#include "quant/quant.h"

/* A matrix as it lies in the file: n_rows rows of n_cols weights. */
struct moe__mat {
    const uint8_t *data;
    uint64_t row_bytes;
    int32_t type; /* enum moe__type, with an operand */
    int32_t n_rows;
    int32_t n_cols;
    int32_t padding;
};

/* Activations for one operand kind, n_rows rows of n_cols.
 * F32:  x  float  [n_rows, stride]
 * A32:  q  int8   [n_rows, stride], scale float [n_rows, stride / 32],
 *       sum int16 [n_rows, stride / 16]: exact sums of 16 q
 * A256: the same with scale float [n_rows, stride / 256]
 * stride is a multiple of 256; q, x, scale, sum are 64-byte aligned. */
struct moe__act {
    float *x;
    int8_t *q;
    float *scale;
    int16_t *sum;
    int32_t stride;
    enum moe__operand operand;
};

/* Memory of one thread that a product may use: 64-byte aligned. */
#define MOE__MATMUL_SCRATCH (384 * 1024)
/* Tokens of one product at most. */
#define MOE__MATMUL_TOKENS 256

/* y[i, row] = sum over k of w[row, k] * x[src[i], k] for i < n_tokens and
 * rows row_begin .. row_end - 1. */
struct moe__matmul {
    const struct moe__mat *w;
    const struct moe__act *x; /* of the operand of w's type */
    const int32_t *src;       /* [n_tokens] row of x, NULL: src[i] = i */
    float *y;                 /* [n_tokens, y_stride] */
    void *scratch;            /* [MOE__MATMUL_SCRATCH] */
    int64_t y_stride;
    int32_t n_tokens;
    int32_t row_begin;
    int32_t row_end;
};

typedef void moe__matmul_fn(const struct moe__matmul *job);

/* Pairs that RoPE turns: (2i, 2i+1) or (i, i + n_rot/2). */
enum moe__rope_pairs { MOE__ROPE_ADJACENT, MOE__ROPE_HALVES };

enum moe__glu { MOE__GLU_SILU, MOE__GLU_GELU, MOE__N_GLUS };

enum moe__kv { MOE__KV_F32, MOE__KV_F16, MOE__KV_Q8_0, MOE__N_KVS };

/* Keys and values live in tiles of 64 consecutive positions, aligned to
 * absolute positions: tile t holds positions 64t .. 64t + 63.  A tile of one
 * layer and one KV head is [64, d_head] of the KV type, rows packed. */
#define MOE__TILE 64
/* A query's positions are cut into spans at absolute multiples of 512; each
 * span is summed on its own, spans are merged in ascending order. */
#define MOE__SPAN 512

/* Queries that share one KV head, over one span: n_q heads each of n_tokens
 * consecutive tokens.  Token i sees the positions [begin_i, end_i) relative to
 * the span's first, which are at least one:
 *     begin_i = max(begin + i * begin_step, 0)
 *     end_i   = min(end + i, MOE__SPAN) */
struct moe__attn {
    const float *q;       /* [n_tokens, q_stride], of which [n_q, d_head] */
    const void *const *k; /* tiles from MOE__SPAN * span on */
    const void *const *v;
    int64_t q_stride;
    int32_t n_tokens;
    int32_t n_q;
    int32_t d_head;
    int32_t begin;
    int32_t end;
    int32_t begin_step; /* 0, or 1 behind the start of a sliding window */
    float scale;
    float softcap; /* 0: none; else s = softcap * tanh(s / softcap) */
    float *max;    /* [n_tokens, n_q] out: largest score */
    float *sum;    /* [n_tokens, n_q] out: sum of exp(score - max) */
    float *acc;    /* [n_tokens, n_q, d_head] out: sum of exp(...) * v */
};

struct moe__kern {
    const char *name;

    /* y = x / sqrt(mean(x^2) + eps) * w; y may be x.  w NULL: no weight. */
    void (*rms_norm)(float *y, const float *x, const float *w, int32_t n,
                     float eps);

    /* One row of n floats (n a multiple of 32 or 256) to int8, with scales and
     * sums: see struct moe__act. */
    void (*quantize_a32)(int8_t *q, float *scale, int16_t *sum, const float *x,
                         int32_t n);
    void (*quantize_a256)(int8_t *q, float *scale, int16_t *sum, const float *x,
                          int32_t n);

    /* Products, for few tokens and for panels of expanded rows.  panel is used
     * from panel_from tokens on; NULL: never.  Both give the same bits. */
    moe__matmul_fn *matmul[MOE__N_TYPES]; /* NULL: not runnable */
    moe__matmul_fn *panel[MOE__N_TYPES];
    int16_t panel_from[MOE__N_TYPES];
    int32_t piece_tokens; /* tokens a product should get at once, so that one
                             call takes some milliseconds at most */

    /* Turns the first n_rot dimensions of each of n_heads heads in place.
     * cosine, sine [n_rot / 2]. */
    void (*rope)(float *x, const float *cosine, const float *sine,
                 int32_t n_heads, int32_t d_head, int32_t n_rot,
                 enum moe__rope_pairs pairs);

    /* y = act(gate) * up; y may be gate or up. */
    void (*glu[MOE__N_GLUS])(float *y, const float *gate, const float *up,
                             int32_t n);

    void (*add)(float *y, const float *x, int32_t n);           /* y += x */
    void (*scale)(float *y, float s, int32_t n);                /* y *= s */
    void (*axpy)(float *y, float a, const float *x, int32_t n); /* y += a x */

    /* x = cap * tanh(x / cap) */
    void (*softcap)(float *x, float cap, int32_t n);

    /* In place: x = exp(x - max) / sum.  NaN or +inf gives NaN throughout. */
    void (*softmax)(float *x, int32_t n);

    /* A row of n floats (n a multiple of 32 for Q8_0) to the KV type. */
    void (*kv_put[MOE__N_KVS])(void *dst, const float *src, int32_t n);
    /* One span: see struct moe__attn. */
    void (*attend[MOE__N_KVS])(const struct moe__attn *job);
    /* Merges spans in ascending order into y [d_head]; max, sum [n_spans],
     * acc [n_spans, d_head] at the given strides (in elements). */
    void (*attend_merge)(float *y, const float *max, const float *sum,
                         int64_t stride, const float *acc, int64_t acc_stride,
                         int32_t n_spans, int32_t d_head);
};

/* Fills the table: scalar first, then the overlays that `backend` names and
 * the machine has.  MOE_BACKEND_AUTO takes the best; a backend that is not
 * available is MOE_ERR_UNSUPPORTED with the reason. */
moe_status moe__kern_init(struct moe__kern *kern, moe_backend backend,
                          struct moe__err *err);

/* The product by the function that is best for its tokens. */
void moe__kern_multiply(const struct moe__kern *kern,
                        const struct moe__matmul *job);

/* As the public moe_backend_at, without the struct_size rule. */
bool moe__kern_backend(int32_t index, moe_backend_info *info);

/* Row of the largest values first, ties to the lower index, NaN last:
 * ids [k] receives the k best of x [n], k <= n. */
void moe__top_k(int32_t *ids, int32_t k, const float *x, int32_t n);

#endif
