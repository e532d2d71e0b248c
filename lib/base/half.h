/* half.h: binary16 and bfloat16 <-> binary32, exact; rounding to nearest even
 * (IEEE 754-2019, 3.4 and 4.3.1).  The same results as F16C and NEON. */
#ifndef MOE_BASE_HALF_H
#define MOE_BASE_HALF_H

#include "base/bytes.h"

MOE__INLINE float moe__f16_to_f32(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000u) << 16;
    uint32_t exponent = h >> 10 & 31u;
    uint32_t fraction = h & 1023u;
    if (exponent == 31) /* infinity; NaN made quiet, as hardware does */
        return moe__bits_to_f32(sign | 0x7f800000u | fraction << 13 |
                                (fraction != 0 ? 0x400000u : 0u));
    if (exponent == 0) { /* zero and subnormal: fraction * 2^-24, exact */
        float f = (float)fraction * 0x1p-24f;
        return sign ? -f : f;
    }
    return moe__bits_to_f32(sign | (exponent + 112) << 23 | fraction << 13);
}

MOE__INLINE uint16_t moe__f32_to_f16(float f)
{
    uint32_t bits = moe__f32_to_bits(f);
    uint32_t sign = bits >> 16 & 0x8000u;
    uint32_t a = bits & 0x7fffffffu;
    if (a > 0x7f800000u) /* NaN: quiet, payload kept */
        return (uint16_t)(sign | 0x7e00u | (a >> 13 & 0x3ffu));
    if (a >= 0x477ff000u) /* rounds to 65536 or more */
        return (uint16_t)(sign | 0x7c00u);
    if (a < 0x38800000u) { /* below 2^-14: subnormal, step 2^-24 */
        uint32_t shift = 126 - (a >> 23); /* of the 24-bit significand */
        if (shift > 24)
            return (uint16_t)sign;
        uint32_t significand = (a & 0x7fffffu) | 0x800000u;
        uint32_t kept = significand >> shift;
        uint32_t rest = significand & ((1u << shift) - 1);
        uint32_t halfway = 1u << (shift - 1);
        kept += rest > halfway || (rest == halfway && (kept & 1));
        return (uint16_t)(sign | kept);
    }
    uint32_t rounded = a + 0xfffu + (a >> 13 & 1);
    return (uint16_t)(sign | (rounded - 0x38000000u) >> 13);
}

MOE__INLINE float moe__bf16_to_f32(uint16_t h)
{
    return moe__bits_to_f32((uint32_t)h << 16);
}

MOE__INLINE uint16_t moe__f32_to_bf16(float f)
{
    uint32_t bits = moe__f32_to_bits(f);
    if ((bits & 0x7fffffffu) > 0x7f800000u)
        return (uint16_t)(bits >> 16 | 64);
    return (uint16_t)((bits + 0x7fffu + (bits >> 16 & 1)) >> 16);
}

#endif
