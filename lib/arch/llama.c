/* llama.c: Llama 1, 2, 3.x, Mistral 7B, Mixtral 8x7B and 8x22B, Yi, TinyLlama,
 * SmolLM 1 and 2, the Llama-2-70B shape of Miqu, and their fine-tunes.
 *
 * Papers: Touvron et al. 2023 (2302.13971, 2307.09288), Jiang et al. 2023
 * (2310.06825: the sliding window) and 2024 (2401.04088: the experts).
 * Converters permute the rows of q and k so that adjacent pairs are rotated. */
#include "arch/families.h"

const struct moe__family moe__family_llama = {
    .name = "llama",
    .parts = {&moe__part_ends, &moe__part_attention, &moe__part_any_bias,
              &moe__part_ffn, &moe__part_experts, &moe__part_rope},
    .rope_pairs = MOE__ROPE_ADJACENT,
    .glu = MOE__GLU_SILU,
    .window = MOE__WINDOW_ALWAYS,
};
