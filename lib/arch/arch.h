/* arch.h: model families as data, and the network that a file binds to.
 *
 * A family is one const table: which parts its tensors come in, and the few
 * choices in which families differ.  moe__net_bind reads the sizes from the
 * metadata, finds every tensor, checks every shape against the table and fills
 * struct moe__net, which is all that run/ knows of a model.  Owns nothing:
 * weights stay in the file, small vectors go to the caller's arena. */
#ifndef MOE_ARCH_ARCH_H
#define MOE_ARCH_ARCH_H

#include "base/alloc.h"
#include "format/gguf.h"
#include "kern/kern.h"

/* ------------------------------------------------------------- the network */

/* W2 (act(W1 x) * W3 x): one expert, or the whole block of a dense layer. */
struct moe__ffn {
    struct moe__mat gate; /* [d_ff, d_model] */
    struct moe__mat up;   /* [d_ff, d_model] */
    struct moe__mat down; /* [d_model, d_ff] */
};

/* Which rotary table a layer uses. */
enum moe__rope_kind {
    MOE__ROPE_GLOBAL,
    MOE__ROPE_LOCAL,
    MOE__N_ROPES,
    MOE__ROPE_NONE = MOE__N_ROPES
};

struct moe__layer {
    float *attn_norm;         /* [d_model] */
    struct moe__mat q;        /* [q_width, d_model] */
    struct moe__mat k;        /* [kv_width, d_model] */
    struct moe__mat v;        /* [kv_width, d_model] */
    struct moe__mat o;        /* [d_model, q_width] */
    float *q_bias;            /* [q_width] or NULL */
    float *k_bias;            /* [kv_width] or NULL */
    float *v_bias;            /* [kv_width] or NULL */
    float *o_bias;            /* [d_model] or NULL */
    float *q_norm;            /* [d_head] or NULL: RMS norm of each head */
    float *k_norm;            /* [d_head] or NULL */
    float *post_attn_norm;    /* [d_model] or NULL: of the attention's output */
    float *ffn_norm;          /* [d_model] */
    float *post_ffn_norm;     /* [d_model] or NULL: of the block's output */
    struct moe__ffn ffn;      /* dense */
    struct moe__mat router;   /* [n_experts, d_model] */
    struct moe__ffn *experts; /* [n_experts], or NULL: dense */
    int32_t window;           /* positions that attention sees, 0: all */
    enum moe__rope_kind rope;
};

enum moe__rope_scaling {
    MOE__SCALING_NONE,
    MOE__SCALING_LINEAR,
    MOE__SCALING_YARN,
    MOE__SCALING_LONGROPE
};

struct moe__rope_params {
    double base;
    enum moe__rope_scaling scaling;
    double factor;
    double original_ctx;
    double attn_factor; /* multiplies cos and sin */
    double beta_fast;   /* YaRN's ramp, in turns over original_ctx */
    double beta_slow;
    const float *divisor; /* [n_rot / 2] per frequency, or NULL */
};

struct moe__net {
    const struct moe__family *family;
    int32_t n_layers;
    int32_t d_model;
    int32_t n_heads;
    int32_t n_kv_heads;
    int32_t d_head;
    int32_t q_width;  /* n_heads * d_head */
    int32_t kv_width; /* n_kv_heads * d_head */
    int32_t d_ff;     /* width of an expert if n_experts > 0 */
    int32_t n_experts;
    int32_t n_active;
    int32_t n_vocab; /* rows of the embedding */
    int32_t n_ctx_train;
    int32_t n_rot; /* rotated dimensions of a head */
    int32_t window;
    int32_t window_period; /* every window_period-th layer sees all; 0: none */
    float eps;
    float attn_scale;
    float attn_softcap;  /* 0: none */
    float logit_softcap; /* 0: none */
    float embed_scale;
    float expert_scale; /* on the sum of the experts */
    struct moe__rope_params rope[MOE__N_ROPES];
    const float *rope_long; /* [n_rot / 2] or NULL: divisors of LongRoPE */
    const float *rope_short;
    struct moe__mat embed;     /* [n_vocab, d_model] */
    struct moe__mat output;    /* [n_vocab, d_model]; may be embed */
    float *output_norm;        /* [d_model] */
    struct moe__layer *layers; /* [n_layers] */
};

/* --------------------------------------------------------------- the table */

/* Sizes by name, so that shapes can be data. */
enum moe__dim {
    MOE__DIM_NONE,
    MOE__DIM_MODEL,
    MOE__DIM_Q,
    MOE__DIM_KV,
    MOE__DIM_HEAD,
    MOE__DIM_FF,
    MOE__DIM_EXPERTS,
    MOE__DIM_VOCAB,
    MOE__DIM_HALF_ROT,
    MOE__N_DIMS
};

enum moe__rule_kind {
    MOE__RULE_VECTOR, /* decoded to float *, [dim 0] */
    MOE__RULE_MATRIX, /* struct moe__mat, rows dim 1 of dim 0 columns */
    MOE__RULE_EXPERTS /* one struct moe__mat in each of layer->experts: a
                         tensor with a third dimension, or one tensor each */
};

enum moe__rule_flag {
    MOE__RULE_OPTIONAL = 1,
    MOE__RULE_DENSE = 2, /* only if n_experts is 0 */
    MOE__RULE_MOE = 4    /* only if n_experts is not 0 */
};

/* One tensor: where it is in the file and where it goes. */
struct moe__rule {
    const char *name;  /* "attn_q.weight"; blk.N. is put before it in layers */
    const char *split; /* of experts: the form "ffn_gate.%d.weight" as prefix
                          and suffix around the number, "ffn_gate" here */
    size_t offset;     /* in struct moe__net, moe__layer or moe__ffn */
    enum moe__rule_kind kind;
    enum moe__dim cols;
    enum moe__dim rows;
    uint32_t flags;
};

/* Rules that belong together: one mechanism. */
struct moe__part {
    bool is_per_layer;
    int32_t n_rules;
    const struct moe__rule *rules; /* [n_rules] */
};

enum moe__window_kind {
    MOE__WINDOW_NEVER,  /* a window in the metadata is not this family's */
    MOE__WINDOW_ALWAYS, /* all layers, if the metadata gives a window */
    MOE__WINDOW_PERIOD  /* all but every window_period-th layer */
};

#define MOE__MAX_PARTS 8

struct moe__family {
    const char *name; /* general.architecture */
    const struct moe__part *parts[MOE__MAX_PARTS];
    enum moe__rope_pairs rope_pairs;
    enum moe__glu glu;
    enum moe__window_kind window;
    int32_t window_period;       /* default of the metadata's pattern */
    double local_rope_base;      /* of windowed layers; 0: as the others */
    int32_t no_rope_period;      /* every n-th layer has no rotary; 0: none */
    bool is_embed_scaled;        /* embeddings times sqrt(d_model) */
    int32_t wide_scale_n_layers; /* at this depth the attention's scale is
                                    1/sqrt(d_model / n_heads) */
};

/* Parts that several families share (arch/parts.c). */
extern const struct moe__part moe__part_ends;      /* embedding, head */
extern const struct moe__part moe__part_attention; /* norm, q, k, v, o */
extern const struct moe__part moe__part_qkv_bias;  /* required q, k, v biases */
extern const struct moe__part moe__part_any_bias;  /* optional q, k, v, o */
extern const struct moe__part moe__part_head_norm; /* q and k norms */
extern const struct moe__part moe__part_post_norm; /* norms after the blocks */
extern const struct moe__part moe__part_ffn;       /* dense gated block */
extern const struct moe__part moe__part_experts;   /* router and experts */
extern const struct moe__part moe__part_rope;      /* frequency divisors */

/* NULL if no family has this name. */
const struct moe__family *moe__family_find(struct moe__slice name);
/* "llama, qwen2, ...": for messages and documentation. */
const char *moe__family_names(void);

/* Reads the sizes of a net from the metadata; no tensors are needed. */
moe_status moe__net_sizes(struct moe__net *net, const struct moe__gguf *gguf,
                          struct moe__err *err);
/* moe__net_sizes, then every tensor.  If the file was opened header-only,
 * shapes are checked and data stays NULL. */
moe_status moe__net_bind(struct moe__net *net, const struct moe__gguf *gguf,
                         struct moe__arena *arena, struct moe__err *err);

#endif
