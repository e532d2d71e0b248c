/* qwen2.c: Qwen 1.5, 2, 2.5 and their fine-tunes, dense: biases on q, k and v
 * (Yang et al. 2024, 2407.10671). */
#include "arch/families.h"

const struct moe__family moe__family_qwen2 = {
    .name = "qwen2",
    .parts = {&moe__part_ends, &moe__part_attention, &moe__part_qkv_bias,
              &moe__part_ffn, &moe__part_rope},
    .rope_pairs = MOE__ROPE_HALVES,
    .glu = MOE__GLU_SILU,
};
