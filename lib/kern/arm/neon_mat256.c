/* neon_mat256.c: the types with 256-blocks, baseline NEON. */
#include "kern/fill.h"

#if MOE__HAS_NEON
#include "kern/arm/neon_mat256.h"

#define NEON_MATMUL256(name, id, ...)                                       \
    static float32x4_t neon_multiply_##name(const struct neon_group *group) \
    {                                                                       \
        const struct neon_type256 type = {__VA_ARGS__,                      \
                                          .dots = neon_base_dots};          \
        return neon_multiply_256(group, type);                              \
    }                                                                       \
    static void neon_matmul_##name(const struct moe__matmul *job)           \
    {                                                                       \
        neon_matmul(job, neon_multiply_##name);                             \
    }

NEON_TYPES256(NEON_MATMUL256)

static void neon_matmul_other(const struct moe__matmul *job)
{
    neon_matmul_expanded(job, neon_base_dots);
}

#define NEON_SET256(name, id, ...) kern->matmul[MOE__##id] = neon_matmul_##name;

void moe__neon_fill_mat256(struct moe__kern *kern)
{
    neon_set_expanded(kern, neon_matmul_other);
    NEON_TYPES256(NEON_SET256)
}

#endif
