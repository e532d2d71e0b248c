/* fill.h: the parts that a table of kernels is put together from. */
#ifndef MOE_KERN_FILL_H
#define MOE_KERN_FILL_H

#include "kern/kern.h"

/* Sets the slots of one file: all of them for scalar, which comes first, and
 * those that it does faster for an overlay. */
typedef void moe__kern_fill_fn(struct moe__kern *kern);

/* A product by panels, and from how many tokens on it is taken. */
struct moe__panel {
    int32_t type;
    int16_t from;
    moe__matmul_fn *multiply;
};

static inline void moe__set_panels(struct moe__kern *kern,
                                   const struct moe__panel *panels, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        kern->panel[panels[i].type] = panels[i].multiply;
        kern->panel_from[panels[i].type] = panels[i].from;
    }
}

moe__kern_fill_fn moe__scalar_fill_mat;
moe__kern_fill_fn moe__scalar_fill_misc;
moe__kern_fill_fn moe__scalar_fill_attn;

/* attend of any KV type, for overlays that do not take a shape. */
void moe__scalar_attend(const struct moe__attn *job, enum moe__kv type);

#if defined(__x86_64__)
#define MOE__HAS_AVX2 1
moe__kern_fill_fn moe__avx2_fill_mat;
moe__kern_fill_fn moe__avx2_fill_mat32;
moe__kern_fill_fn moe__avx2_fill_mat256;
moe__kern_fill_fn moe__avx2_fill_mat_iq;
moe__kern_fill_fn moe__avx2_fill_misc;
moe__kern_fill_fn moe__avx2_fill_attn;
moe__kern_fill_fn moe__avx2_fill_panel256;
moe__kern_fill_fn moe__avx2_fill_panel32;
moe__kern_fill_fn moe__avx2_fill_panel_words;
moe__kern_fill_fn moe__avx2_fill_panel_float;
moe__kern_fill_fn moe__avx512_fill_panel;
#else
#define MOE__HAS_AVX2 0
#endif

#if MOE__HAS_NEON
moe__kern_fill_fn moe__neon_fill_mat;
moe__kern_fill_fn moe__neon_fill_misc;
moe__kern_fill_fn moe__neon_fill_attn;
moe__kern_fill_fn moe__dotprod_fill_mat;
moe__kern_fill_fn moe__i8mm_fill_mat;
#endif

#endif
