/* kern.c: which backends there are, and the table of the one in use. */
#include "kern/fill.h"
#include "os/system.h"

#define MAX_FILLS 11
#define AVX2_FILLS                                                       \
    moe__avx2_fill_mat, moe__avx2_fill_mat32, moe__avx2_fill_mat256,     \
        moe__avx2_fill_mat_iq, moe__avx2_fill_misc, moe__avx2_fill_attn, \
        moe__avx2_fill_panel32, moe__avx2_fill_panel256,                 \
        moe__avx2_fill_panel_words, moe__avx2_fill_panel_float

/* ORDER moe_backend_at: from slow to fast. */
static const struct backend {
    moe_backend id;
    const char *name;
    uint32_t needs;     /* moe__cpu_flag */
    const char *reason; /* why `needs` is not met */
    moe__kern_fill_fn *fill[MAX_FILLS];
} backends[] = {
    {MOE_BACKEND_SCALAR,
     "scalar",
     0,
     "",
     {moe__scalar_fill_mat, moe__scalar_fill_misc, moe__scalar_fill_attn}},
#if MOE__HAS_AVX2
    {MOE_BACKEND_AVX2,
     "avx2",
     MOE__CPU_AVX2,
     "the processor or the system lacks AVX2, FMA or F16C",
     {AVX2_FILLS}},
    {MOE_BACKEND_AVX512,
     "avx512",
     MOE__CPU_AVX2 | MOE__CPU_AVX512,
     "the processor or the system lacks AVX-512 F, BW, DQ, VL or VNNI",
     {AVX2_FILLS, moe__avx512_fill_panel}},
#endif
#if MOE__HAS_NEON
    {MOE_BACKEND_NEON,
     "neon",
     MOE__CPU_NEON,
     "the processor lacks NEON",
     {moe__neon_fill_mat, moe__neon_fill_misc, moe__neon_fill_attn}},
    {MOE_BACKEND_NEON_DOTPROD,
     "neon_dotprod",
     MOE__CPU_NEON | MOE__CPU_DOTPROD,
     "the processor lacks the dot product instructions (FEAT_DotProd)",
     {moe__neon_fill_mat, moe__neon_fill_misc, moe__neon_fill_attn,
      moe__dotprod_fill_mat}},
    {MOE_BACKEND_NEON_I8MM,
     "neon_i8mm",
     MOE__CPU_NEON | MOE__CPU_DOTPROD | MOE__CPU_I8MM,
     "the processor lacks the int8 matrix instructions (FEAT_I8MM)",
     {moe__neon_fill_mat, moe__neon_fill_misc, moe__neon_fill_attn,
      moe__dotprod_fill_mat, moe__i8mm_fill_mat}},
#endif
};

static bool has_needs(const struct backend *backend)
{
    return (moe__cpu_flags() & backend->needs) == backend->needs;
}

/* The row to use, or NULL with the reason in err. */
static const struct backend *find_backend(moe_backend id, struct moe__err *err)
{
    const struct backend *best = NULL;
    for (size_t i = 0; i < MOE__COUNT(backends); i++) {
        const struct backend *backend = &backends[i];
        if (id == MOE_BACKEND_AUTO && has_needs(backend))
            best = backend;
        if (id != backend->id)
            continue;
        if (has_needs(backend))
            return backend;
        moe__fail(err, MOE_ERR_UNSUPPORTED, "backend %s: %s", backend->name,
                  backend->reason);
        return NULL;
    }
    if (best == NULL)
        moe__fail(err, MOE_ERR_UNSUPPORTED,
                  "backend %d is not part of this build", (int)id);
    return best;
}

static void fill_from(struct moe__kern *kern, const struct backend *backend)
{
    for (int32_t i = 0; i < MAX_FILLS && backend->fill[i] != NULL; i++)
        backend->fill[i](kern);
}

moe_status moe__kern_init(struct moe__kern *kern, moe_backend backend,
                          struct moe__err *err)
{
    const struct backend *found = find_backend(backend, err);
    if (found == NULL)
        return MOE_ERR_UNSUPPORTED;
    fill_from(kern, &backends[0]);
    if (found != &backends[0])
        fill_from(kern, found);
    kern->name = found->name;
    return MOE_OK;
}

void moe__kern_multiply(const struct moe__kern *kern,
                        const struct moe__matmul *job)
{
    const int32_t type = job->w->type;
    bool is_panel =
        kern->panel[type] != NULL && job->n_tokens >= kern->panel_from[type];
    (is_panel ? kern->panel : kern->matmul)[type](job);
}

bool moe__kern_backend(int32_t index, moe_backend_info *info)
{
    if (index < 0 || (size_t)index >= MOE__COUNT(backends))
        return false;
    const struct backend *backend = &backends[index];
    bool is_available = has_needs(backend);
    info->backend = backend->id;
    info->is_available = is_available;
    info->name = backend->name;
    info->reason = is_available ? "" : backend->reason;
    return true;
}
