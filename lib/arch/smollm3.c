/* smollm3.c: SmolLM3: as llama, but every fourth layer has no rotary embedding
 * (Yang et al. 2025, "RNoPE", 2501.18795). */
#include "arch/families.h"

const struct moe__family moe__family_smollm3 = {
    .name = "smollm3",
    .parts = {&moe__part_ends, &moe__part_attention, &moe__part_any_bias,
              &moe__part_ffn, &moe__part_rope},
    .rope_pairs = MOE__ROPE_ADJACENT,
    .glu = MOE__GLU_SILU,
    .no_rope_period = 4,
};
