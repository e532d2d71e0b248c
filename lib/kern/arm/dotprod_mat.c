/* dotprod_mat.c: products of few tokens by NEON's dot product instruction
 * (FEAT_DotProd): the bodies of neon_mat32.h and neon_mat256.h, with sdot. */
#include "kern/fill.h"

#if MOE__HAS_NEON
#include "kern/arm/neon_mat256.h"
#include "kern/arm/neon_mat32.h"
#include "kern/arm/neon_panel.h"

MOE__TARGET_BEGIN(MOE__ISA_DOTPROD)

/* The instruction itself: the intrinsic is there only in some compilers, with
 * some flags. */
MOE__INLINE int32x4_t dotprod_dot16(int32x4_t sum, int8x16_t w, int8x16_t a)
{
    __asm__("sdot %0.4s, %1.16b, %2.16b" : "+w"(sum) : "w"(w), "w"(a));
    return sum;
}

MOE__INLINE int32x4_t dotprod_dot32(int32x4_t sum, const int8x16_t w[2],
                                    const int8x16_t a[2])
{
    return dotprod_dot16(dotprod_dot16(sum, w[0], a[0]), w[1], a[1]);
}

static const struct neon_dots dotprod_dots = {dotprod_dot16, dotprod_dot32,
                                              dotprod_dot32};

#define DOTPROD_MATMUL(name, id, body, type_of, ...)                           \
    static float32x4_t dotprod_multiply_##name(const struct neon_group *group) \
    {                                                                          \
        const struct type_of type = {__VA_ARGS__, .dots = dotprod_dots};       \
        return body(group, type);                                              \
    }                                                                          \
    static void dotprod_matmul_##name(const struct moe__matmul *job)           \
    {                                                                          \
        neon_matmul(job, dotprod_multiply_##name);                             \
    }
#define DOTPROD_MATMUL32(name, id, ...) \
    DOTPROD_MATMUL(name, id, neon_multiply_32, neon_type32, __VA_ARGS__)
#define DOTPROD_MATMUL256(name, id, ...) \
    DOTPROD_MATMUL(name, id, neon_multiply_256, neon_type256, __VA_ARGS__)

NEON_TYPES32(DOTPROD_MATMUL32)
NEON_TYPES256(DOTPROD_MATMUL256)

static void dotprod_matmul_other(const struct moe__matmul *job)
{
    neon_matmul_expanded(job, dotprod_dots);
}

MOE__TARGET_END

#define DOTPROD_SET(name, id, ...) \
    kern->matmul[MOE__##id] = dotprod_matmul_##name;

void moe__dotprod_fill_mat(struct moe__kern *kern)
{
    neon_set_expanded(kern, dotprod_matmul_other);
    NEON_TYPES32(DOTPROD_SET)
    NEON_TYPES256(DOTPROD_SET)
    moe__dotprod_fill_panel(kern);
}

#endif
