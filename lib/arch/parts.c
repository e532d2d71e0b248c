/* parts.c: the tensors of the mechanisms that families are made of.
 *
 * Names and shapes are those of GGUF files (the converter of llama.cpp); a
 * weight with cols inputs and rows outputs is stored row by row. */
#include "arch/arch.h"

#define NET(field) offsetof(struct moe__net, field)
#define LAYER(field) offsetof(struct moe__layer, field)
#define FFN(field) offsetof(struct moe__ffn, field)
#define PART(layered, table) {layered, (int32_t)MOE__COUNT(table), table}

#define D MOE__DIM_MODEL
#define Q MOE__DIM_Q
#define KV MOE__DIM_KV
#define HEAD MOE__DIM_HEAD
#define FF MOE__DIM_FF
#define E MOE__DIM_EXPERTS
#define V MOE__DIM_VOCAB
#define ROT MOE__DIM_HALF_ROT
#define NONE MOE__DIM_NONE

#define VECTOR MOE__RULE_VECTOR
#define MATRIX MOE__RULE_MATRIX
#define EXPERTS MOE__RULE_EXPERTS

#define OPTIONAL MOE__RULE_OPTIONAL
#define DENSE MOE__RULE_DENSE
#define MOE MOE__RULE_MOE

/* output.weight may be missing: then the embedding serves as the head. */
static const struct moe__rule ends_rules[] = {
    {"token_embd.weight", NULL, NET(embed), MATRIX, D, V, 0},
    {"output_norm.weight", NULL, NET(output_norm), VECTOR, D, NONE, 0},
    {"output.weight", NULL, NET(output), MATRIX, D, V, OPTIONAL},
};

static const struct moe__rule attention_rules[] = {
    {"attn_norm.weight", NULL, LAYER(attn_norm), VECTOR, D, NONE, 0},
    {"attn_q.weight", NULL, LAYER(q), MATRIX, D, Q, 0},
    {"attn_k.weight", NULL, LAYER(k), MATRIX, D, KV, 0},
    {"attn_v.weight", NULL, LAYER(v), MATRIX, D, KV, 0},
    {"attn_output.weight", NULL, LAYER(o), MATRIX, Q, D, 0},
};

static const struct moe__rule qkv_bias_rules[] = {
    {"attn_q.bias", NULL, LAYER(q_bias), VECTOR, Q, NONE, 0},
    {"attn_k.bias", NULL, LAYER(k_bias), VECTOR, KV, NONE, 0},
    {"attn_v.bias", NULL, LAYER(v_bias), VECTOR, KV, NONE, 0},
};

static const struct moe__rule any_bias_rules[] = {
    {"attn_q.bias", NULL, LAYER(q_bias), VECTOR, Q, NONE, OPTIONAL},
    {"attn_k.bias", NULL, LAYER(k_bias), VECTOR, KV, NONE, OPTIONAL},
    {"attn_v.bias", NULL, LAYER(v_bias), VECTOR, KV, NONE, OPTIONAL},
    {"attn_output.bias", NULL, LAYER(o_bias), VECTOR, D, NONE, OPTIONAL},
};

static const struct moe__rule head_norm_rules[] = {
    {"attn_q_norm.weight", NULL, LAYER(q_norm), VECTOR, HEAD, NONE, 0},
    {"attn_k_norm.weight", NULL, LAYER(k_norm), VECTOR, HEAD, NONE, 0},
};

static const struct moe__rule post_norm_rules[] = {
    {"post_attention_norm.weight", NULL, LAYER(post_attn_norm), VECTOR, D, NONE,
     0},
    {"post_ffw_norm.weight", NULL, LAYER(post_ffn_norm), VECTOR, D, NONE, 0},
};

static const struct moe__rule ffn_rules[] = {
    {"ffn_norm.weight", NULL, LAYER(ffn_norm), VECTOR, D, NONE, 0},
    {"ffn_gate.weight", NULL, LAYER(ffn.gate), MATRIX, D, FF, DENSE},
    {"ffn_up.weight", NULL, LAYER(ffn.up), MATRIX, D, FF, DENSE},
    {"ffn_down.weight", NULL, LAYER(ffn.down), MATRIX, FF, D, DENSE},
};

/* Since April 2024 files hold all experts of a layer in one tensor; before,
 * one tensor each: blk.0.ffn_gate.7.weight.  Both are read in place. */
static const struct moe__rule experts_rules[] = {
    {"ffn_gate_inp.weight", NULL, LAYER(router), MATRIX, D, E, MOE},
    {"ffn_gate_exps.weight", "ffn_gate", FFN(gate), EXPERTS, D, FF, MOE},
    {"ffn_up_exps.weight", "ffn_up", FFN(up), EXPERTS, D, FF, MOE},
    {"ffn_down_exps.weight", "ffn_down", FFN(down), EXPERTS, FF, D, MOE},
};

static const struct moe__rule rope_rules[] = {
    {"rope_freqs.weight", NULL, NET(rope[MOE__ROPE_GLOBAL].divisor), VECTOR,
     ROT, NONE, OPTIONAL},
    {"rope_factors_long.weight", NULL, NET(rope_long), VECTOR, ROT, NONE,
     OPTIONAL},
    {"rope_factors_short.weight", NULL, NET(rope_short), VECTOR, ROT, NONE,
     OPTIONAL},
};

const struct moe__part moe__part_ends = PART(false, ends_rules);
const struct moe__part moe__part_attention = PART(true, attention_rules);
const struct moe__part moe__part_qkv_bias = PART(true, qkv_bias_rules);
const struct moe__part moe__part_any_bias = PART(true, any_bias_rules);
const struct moe__part moe__part_head_norm = PART(true, head_norm_rules);
const struct moe__part moe__part_post_norm = PART(true, post_norm_rules);
const struct moe__part moe__part_ffn = PART(true, ffn_rules);
const struct moe__part moe__part_experts = PART(true, experts_rules);
const struct moe__part moe__part_rope = PART(false, rope_rules);
