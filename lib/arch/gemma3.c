/* gemma3.c: Gemma 3, text: five windowed layers with their own rotary base to
 * one that sees everything, norms of query and key heads, norms after both
 * blocks, GELU gate, scaled embeddings that are also the head (Gemma Team 2025,
 * 2503.19786).  Files hold norm weights with the 1 already added. */
#include "arch/families.h"

const struct moe__family moe__family_gemma3 = {
    .name = "gemma3",
    .parts = {&moe__part_ends, &moe__part_attention, &moe__part_head_norm,
              &moe__part_post_norm, &moe__part_ffn, &moe__part_rope},
    .rope_pairs = MOE__ROPE_HALVES,
    .glu = MOE__GLU_GELU,
    .window = MOE__WINDOW_PERIOD,
    .window_period = 6,
    .local_rope_base = 10000.0,
    .is_embed_scaled = true,
    .wide_scale_n_layers = 62, /* the 27B: query_pre_attn_scalar 168 */
};
