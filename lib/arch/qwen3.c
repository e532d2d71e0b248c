/* qwen3.c: Qwen 3, dense: RMS norm of every query and key head before the
 * rotary embedding, no biases (Yang et al. 2025, 2505.09388). */
#include "arch/families.h"

const struct moe__family moe__family_qwen3 = {
    .name = "qwen3",
    .parts = {&moe__part_ends, &moe__part_attention, &moe__part_head_norm,
              &moe__part_ffn, &moe__part_rope},
    .rope_pairs = MOE__ROPE_HALVES,
    .glu = MOE__GLU_SILU,
};
