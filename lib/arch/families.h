/* families.h: the list of all families: add a line here and a file beside it.
 * docs/adding-a-model.md tells the whole way. */
#ifndef MOE_ARCH_FAMILIES_H
#define MOE_ARCH_FAMILIES_H

#include "arch/arch.h"

#define MOE__FAMILIES(X) \
    X(llama)             \
    X(smollm3)           \
    X(qwen2)             \
    X(qwen3)             \
    X(gemma3)

#define MOE__DECLARE_FAMILY(name) \
    extern const struct moe__family moe__family_##name;
MOE__FAMILIES(MOE__DECLARE_FAMILY)

#endif
