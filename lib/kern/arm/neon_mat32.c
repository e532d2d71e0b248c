/* neon_mat32.c: the types with 32-blocks, baseline NEON. */
#include "kern/fill.h"

#if MOE__HAS_NEON
#include "kern/arm/neon_mat32.h"

#define NEON_MATMUL32(name, id, ...)                                           \
    static float32x4_t neon_multiply_##name(const struct neon_group *group)    \
    {                                                                          \
        const struct neon_type32 type = {__VA_ARGS__, .dots = neon_base_dots}; \
        return neon_multiply_32(group, type);                                  \
    }                                                                          \
    static void neon_matmul_##name(const struct moe__matmul *job)              \
    {                                                                          \
        neon_matmul(job, neon_multiply_##name);                                \
    }

NEON_TYPES32(NEON_MATMUL32)

#define NEON_SET32(name, id, ...) kern->matmul[MOE__##id] = neon_matmul_##name;

void moe__neon_fill_mat32(struct moe__kern *kern)
{
    NEON_TYPES32(NEON_SET32)
}

#endif
