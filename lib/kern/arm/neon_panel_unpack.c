/* neon_panel_unpack.c: blocks of every type to panels, by the same code that
 * unpacks them for products of few tokens. */
#include "kern/fill.h"

#if MOE__HAS_NEON
#include "kern/arm/neon_block256.h"
#include "kern/arm/neon_mat32.h"
#include "kern/arm/neon_panel.h"

/* 16 columns from 16 `at` on. */
MOE__INLINE void neon_store_codes(struct neon_panel *panel, int32_t quad,
                                  int32_t at, const int8x16_t row[NEON_ROWS])
{
    neon_store_unit(panel->q[quad / 2][at][quad % 2], row, panel->is_paired);
}

/* ---------------------------------------------------------- blocks of 256 */

/* The steps of eight groups, from `at` on. */
MOE__INLINE void neon_store_steps(struct neon_panel *panel, int32_t quad,
                                  int32_t at, const int16x8_t step[NEON_ROWS])
{
    MOE__UNROLL
    for (int32_t half = 0; half < 2; half++) {
        uint32x4_t v[NEON_ROWS];
        MOE__UNROLL
        for (int32_t r = 0; r < NEON_ROWS; r++)
            v[r] = vreinterpretq_u32_s32(half == 0
                                             ? vmovl_s16(vget_low_s16(step[r]))
                                             : vmovl_high_s16(step[r]));
        neon_transpose(v);
        MOE__UNROLL
        for (int32_t g = 0; g < 4; g++)
            vst1q_s32(&panel->step[at + 4 * half + g][4 * quad],
                      vreinterpretq_s32_u32(v[g]));
    }
}

/* Scales and minimums of eight groups from 8 n on. */
MOE__INLINE void neon_store_groups(struct neon_panel *panel, int32_t quad,
                                   int32_t b, const struct neon_rows256 *rows,
                                   int32_t n, struct neon_type256 type)
{
    int16x8_t step[NEON_ROWS];
    int8x16_t min[NEON_ROWS];
    MOE__UNROLL
    for (int32_t r = 0; r < NEON_ROWS; r++) {
        const int16x8_t scale = rows->scale[r][n];
        const bool is_last = 8 * (n + 1) * type.group == 256;
        const int16x8_t next = is_last ? vdupq_n_s16(0) : rows->scale[r][1];
        step[r] = vsubq_s16(scale, vextq_s16(scale, next, 1));
        if (!type.has_min)
            continue;
        const int8x8_t narrow = vmovn_s16(rows->min[r][n]);
        min[r] = vcombine_s8(narrow, narrow);
    }
    neon_store_steps(panel, quad, b * (256 / type.group) + 8 * n, step);
    if (type.has_min)
        neon_store_unit(panel->min[quad / 2][2 * b + n][quad % 2], min,
                        panel->is_paired);
}

MOE__INLINE void neon_unpack_256(struct neon_panel *panel, int32_t quad,
                                 int32_t b,
                                 const uint8_t *const block[NEON_ROWS],
                                 struct neon_type256 type)
{
    struct neon_rows256 rows;
    MOE__UNROLL
    for (int32_t r = 0; r < NEON_ROWS; r++)
        rows.block[r] = block[r];
    type.open(&rows);
    vst1q_f32(&panel->d[b][4 * quad], rows.d);
    if (type.has_min)
        vst1q_f32(&panel->dmin[b][4 * quad], rows.dmin);
    neon_store_groups(panel, quad, b, &rows, 0, type);
    if (type.group == 16)
        neon_store_groups(panel, quad, b, &rows, 1, type);
    MOE__UNROLL
    for (int32_t p = 0; p < 4; p++) {
        const int32_t i = neon_first_group(type, p);
        const int32_t j = neon_second_group(type, p);
        struct neon_codes64 codes[NEON_ROWS];
        MOE__UNROLL
        for (int32_t r = 0; r < NEON_ROWS; r++)
            codes[r] = type.codes(block[r], p);
        MOE__UNROLL
        for (int32_t n = 0; n < 4; n++) {
            int8x16_t row[NEON_ROWS];
            MOE__UNROLL
            for (int32_t r = 0; r < NEON_ROWS; r++)
                row[r] = vsubq_s8(vreinterpretq_s8_u8(codes[r].v[n]),
                                  vdupq_n_s8((int8_t)type.offset));
            neon_store_codes(panel, quad, 16 * b + 2 * (n < 2 ? i : j) + n % 2,
                             row);
        }
    }
}

#define NEON_UNPACK256(name, id, ...)                                      \
    static void neon_unpack_##name(struct neon_panel *panel, int32_t quad, \
                                   int32_t b,                              \
                                   const uint8_t *const block[NEON_ROWS])  \
    {                                                                      \
        const struct neon_type256 type = {__VA_ARGS__};                    \
        neon_unpack_256(panel, quad, b, block, type);                      \
    }

NEON_TYPES256(NEON_UNPACK256)

/* Any type with blocks of 256 and without minimums. */
static void neon_unpack_other(struct neon_panel *panel, int32_t quad, int32_t b,
                              const uint8_t *const block[NEON_ROWS])
{
    const struct neon_type256 type = {NEON_EXPANDED};
    struct moe__codes codes[NEON_ROWS];
    const uint8_t *expanded[NEON_ROWS];
    for (int32_t r = 0; r < NEON_ROWS; r++) {
        panel->info->expand(&codes[r], block[r]);
        expanded[r] = (const void *)&codes[r];
    }
    neon_unpack_256(panel, quad, b, expanded, type);
}

/* ----------------------------------------------------------- blocks of 32 */

MOE__INLINE void neon_unpack_32(struct neon_panel *panel, int32_t quad,
                                int32_t b,
                                const uint8_t *const block[NEON_ROWS],
                                struct neon_type32 type)
{
    struct neon_codes32 codes[NEON_ROWS];
    MOE__UNROLL
    for (int32_t r = 0; r < NEON_ROWS; r++)
        codes[r] = type.codes(block[r]);
    MOE__UNROLL
    for (int32_t i = 0; i < 2; i++) {
        int8x16_t row[NEON_ROWS];
        MOE__UNROLL
        for (int32_t r = 0; r < NEON_ROWS; r++)
            row[r] = vsubq_s8(codes[r].v[i], vdupq_n_s8((int8_t)type.offset));
        neon_store_codes(panel, quad, 2 * b + i, row);
    }
    vst1q_f32(&panel->d[b][4 * quad], neon_load_d32(block, type));
    if (type.m_at != 0) /* + m is - (-m) */
        vst1q_f32(&panel->dmin[b][4 * quad],
                  vnegq_f32(neon_gather_f16(block, (size_t)type.m_at)));
}

#define NEON_UNPACK32(name, id, ...)                                           \
    static void neon_unpack_##name(struct neon_panel *panel, int32_t quad,     \
                                   int32_t b,                                  \
                                   const uint8_t *const block[NEON_ROWS])      \
    {                                                                          \
        const struct neon_type32 type = {__VA_ARGS__, .dots = neon_base_dots}; \
        neon_unpack_32(panel, quad, b, block, type);                           \
    }

NEON_TYPES32(NEON_UNPACK32)

/* -------------------------------------------------------------- all types */

struct neon_panel_type moe__neon_panel_type(int32_t type)
{
    static const struct neon_panel_type types[MOE__N_TYPES] = {
        [MOE__Q4_0] = {neon_unpack_q4_0, NEON_BLOCKS_32},
        [MOE__Q4_1] = {neon_unpack_q4_1, NEON_BLOCKS_32_MIN},
        [MOE__Q5_0] = {neon_unpack_q5_0, NEON_BLOCKS_32},
        [MOE__Q5_1] = {neon_unpack_q5_1, NEON_BLOCKS_32_MIN},
        [MOE__Q8_0] = {neon_unpack_q8_0, NEON_BLOCKS_32},
        [MOE__IQ4_NL] = {neon_unpack_iq4_nl, NEON_BLOCKS_32},
        [MOE__MXFP4] = {neon_unpack_mxfp4, NEON_BLOCKS_32},
        [MOE__Q2_K] = {neon_unpack_q2_k, NEON_GROUPS_16_MIN},
        [MOE__Q3_K] = {neon_unpack_q3_k, NEON_GROUPS_16},
        [MOE__Q4_K] = {neon_unpack_q4_k, NEON_GROUPS_32_MIN},
        [MOE__Q5_K] = {neon_unpack_q5_k, NEON_GROUPS_32_MIN},
        [MOE__Q6_K] = {neon_unpack_q6_k, NEON_GROUPS_16},
        [MOE__IQ4_XS] = {neon_unpack_iq4_xs, NEON_GROUPS_32},
    };
    static const struct neon_panel_type other = {neon_unpack_other,
                                                 NEON_GROUPS_16};
    return types[type].unpack != NULL ? types[type] : other;
}

#endif
