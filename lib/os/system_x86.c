/* system_x86.c: instruction sets and floating-point state of x86. */
#include "os/system.h"

#if defined(__x86_64__) || defined(__i386__) || defined(_M_X64)

#include <immintrin.h>
#if defined(_MSC_VER) && !defined(__clang__)
#include <intrin.h>
#else
#include <cpuid.h>
#endif

struct cpuid_result {
    uint32_t eax, ebx, ecx, edx;
};

/* All zero for a leaf that the processor does not have. */
static struct cpuid_result cpuid_leaf(uint32_t leaf)
{
    struct cpuid_result r = {0, 0, 0, 0};
#if defined(_MSC_VER) && !defined(__clang__)
    int out[4];
    __cpuid(out, 0);
    if ((uint32_t)out[0] < leaf)
        return r;
    __cpuidex(out, (int)leaf, 0);
    r.eax = (uint32_t)out[0];
    r.ebx = (uint32_t)out[1];
    r.ecx = (uint32_t)out[2];
    r.edx = (uint32_t)out[3];
#else
    __get_cpuid_count(leaf, 0, &r.eax, &r.ebx, &r.ecx, &r.edx);
#endif
    return r;
}

/* Register states that the system saves (XCR0); only if OSXSAVE is set. */
MOE__TARGET_BEGIN("xsave")
static uint64_t cpu_saved_states(void)
{
    return (uint64_t)_xgetbv(0);
}
MOE__TARGET_END

static bool has_bits(uint64_t value, uint64_t bits)
{
    return (value & bits) == bits;
}

uint32_t moe__cpu_flags(void)
{
    /* Intel SDM volume 2, CPUID: leaf 1 ecx and leaf 7 ebx, ecx. */
    const uint32_t osxsave = 1u << 27;
    const uint32_t fma_avx_f16c = 1u << 12 | 1u << 28 | 1u << 29;
    const uint32_t avx2 = 1u << 5;
    const uint32_t avx512_f_dq_bw_vl =
        1u << 16 | 1u << 17 | 1u << 30 | 1u << 31;
    const uint32_t avx512_vnni = 1u << 11;
    /* XCR0: 2 = xmm, 4 = ymm; 0x20, 0x40, 0x80 = mask registers and zmm. */
    const uint64_t ymm_states = 0x06;
    const uint64_t zmm_states = 0xe6;

    const struct cpuid_result basic = cpuid_leaf(1);
    const struct cpuid_result extended = cpuid_leaf(7);
    if (!has_bits(basic.ecx, osxsave | fma_avx_f16c) ||
        !has_bits(extended.ebx, avx2))
        return 0;
    const uint64_t saved = cpu_saved_states();
    if (!has_bits(saved, ymm_states))
        return 0;
    if (has_bits(saved, zmm_states) &&
        has_bits(extended.ebx, avx512_f_dq_bw_vl) &&
        has_bits(extended.ecx, avx512_vnni))
        return MOE__CPU_AVX2 | MOE__CPU_AVX512;
    return MOE__CPU_AVX2;
}

/* MXCSR after reset: nearest even, all traps masked, no FTZ, no DAZ. */
uint64_t moe__fpu_begin(void)
{
    const uint64_t saved = _mm_getcsr();
    _mm_setcsr(0x1f80);
    return saved;
}

void moe__fpu_end(uint64_t saved)
{
    _mm_setcsr((unsigned)saved);
}

#endif
