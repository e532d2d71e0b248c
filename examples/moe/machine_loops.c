/* machine_loops.c: the bare reader and the bare 8-bit multiply-add loops.
 *
 * Products are summed in as few instructions as the instruction set allows and
 * nothing else is done: the rate is a limit that no real kernel reaches. */
#include "machine.h"

#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#endif

#define CHAINS 12   /* independent sums: latency 4..6 times 2 a cycle */
#define CHAINS_16 8 /* where 16 registers hold products, too */

/* The compiler must take the value for changed, and as used. */
#define OPAQUE_X86(x) __asm__ volatile("" : "+x"(x))
#define OPAQUE_V512(x) __asm__ volatile("" : "+v"(x))
#define OPAQUE_ARM(x) __asm__ volatile("" : "+w"(x))

#if defined(__GNUC__)
typedef uint64_t read_lane __attribute__((vector_size(16), aligned(16)));
#define FETCH(address) __builtin_prefetch(address)
#else
typedef uint64_t read_lane;
#define FETCH(address) ((void)(address))
#endif

uint64_t read_loop(const void *data, size_t bytes)
{
    enum { lanes = 256 / sizeof(read_lane), ahead = 2048 };
    const char *at = data;
    const char *end = at + bytes;
    read_lane sums[8];
    memset(sums, 0, sizeof sums);
    for (; at != end; at += 256) {
        const read_lane *lane = (const void *)at;
        for (int i = 0; i < 256; i += 64)
            FETCH(at + ahead + i);
        for (int i = 0; i < lanes; i++)
            sums[i % 8] ^= lane[i];
    }
    uint64_t words[sizeof sums / 8];
    memcpy(words, sums, sizeof words);
    for (size_t i = 1; i < sizeof words / 8; i++)
        words[0] ^= words[i];
    return words[0];
}

static uint64_t mac_loop_plain(uint64_t n)
{
    volatile int8_t seed = 3;
    int32_t sums[CHAINS] = {0};
    int8_t a = seed;
    uint64_t rounds = n / CHAINS;
    for (uint64_t r = 0; r < rounds; r++) {
        for (int i = 0; i < CHAINS; i++)
            sums[i] += (int32_t)a * (int8_t)((r + (uint64_t)i) & 127);
    }
    for (int i = 1; i < CHAINS; i++)
        sums[0] ^= sums[i];
    seed = (int8_t)sums[0];
    return rounds * CHAINS;
}

#if defined(__x86_64__)
/* 32 products and 16 sums of pairs, then 16 additions, each one instruction.
 * Two products, then two sums: alternating, Zen 3 is a tenth slower. */
__attribute__((target("avx2"))) static uint64_t mac_loop_avx2(uint64_t n)
{
    __m256i a = _mm256_set1_epi8(1);
    __m256i b = _mm256_set1_epi8(2);
    __m256i sums[CHAINS_16];
    uint64_t rounds = n / (32 * CHAINS_16);
    for (int i = 0; i < CHAINS_16; i++)
        sums[i] = _mm256_setzero_si256();
    for (uint64_t r = 0; r < rounds; r++) {
#pragma GCC unroll 8
        for (int i = 0; i < CHAINS_16; i += 2) {
            __m256i first = _mm256_maddubs_epi16(a, b);
            OPAQUE_X86(a);
            __m256i second = _mm256_maddubs_epi16(a, b);
            OPAQUE_X86(a);
            sums[i] = _mm256_add_epi16(sums[i], first);
            sums[i + 1] = _mm256_add_epi16(sums[i + 1], second);
            OPAQUE_X86(sums[i]);
            OPAQUE_X86(sums[i + 1]);
        }
    }
    return rounds * 32 * CHAINS_16;
}

/* 32 products, pairs to 16 bits, pairs to 32 bits, added: exact for any bytes
 * that vpmaddubsw does not saturate. */
__attribute__((target("avx2"))) static uint64_t mac_loop_wide(uint64_t n)
{
    __m256i a = _mm256_set1_epi8(1);
    __m256i b = _mm256_set1_epi8(2);
    __m256i one = _mm256_set1_epi16(1);
    __m256i sums[CHAINS_16];
    uint64_t rounds = n / (32 * CHAINS_16);
    for (int i = 0; i < CHAINS_16; i++)
        sums[i] = _mm256_setzero_si256();
    for (uint64_t r = 0; r < rounds; r++) {
#pragma GCC unroll 8
        for (int i = 0; i < CHAINS_16; i++) {
            OPAQUE_X86(a);
            sums[i] = _mm256_add_epi32(
                sums[i], _mm256_madd_epi16(_mm256_maddubs_epi16(a, b), one));
            OPAQUE_X86(sums[i]);
        }
    }
    return rounds * 32 * CHAINS_16;
}

__attribute__((target("avx2,fma"))) static uint64_t mac_loop_fma(uint64_t n)
{
    __m256 a = _mm256_set1_ps(1);
    __m256 sums[CHAINS];
    uint64_t rounds = n / (8 * CHAINS);
    for (int i = 0; i < CHAINS; i++)
        sums[i] = _mm256_setzero_ps();
    for (uint64_t r = 0; r < rounds; r++) {
#pragma GCC unroll 12
        for (int i = 0; i < CHAINS; i++) {
            sums[i] = _mm256_fmadd_ps(a, a, sums[i]);
            OPAQUE_X86(sums[i]);
        }
    }
    return rounds * 8 * CHAINS;
}

__attribute__((target("avx512f,avx512vl,avx512vnni"))) static uint64_t
mac_loop_vnni256(uint64_t n)
{
    __m256i a = _mm256_set1_epi8(1);
    __m256i b = _mm256_set1_epi8(2);
    __m256i sums[CHAINS];
    uint64_t rounds = n / (32 * CHAINS);
    for (int i = 0; i < CHAINS; i++)
        sums[i] = _mm256_setzero_si256();
    for (uint64_t r = 0; r < rounds; r++) {
#pragma GCC unroll 12
        for (int i = 0; i < CHAINS; i++)
            sums[i] = _mm256_dpbusd_epi32(sums[i], a, b);
        OPAQUE_X86(a);
    }
    for (int i = 0; i < CHAINS; i++)
        OPAQUE_X86(sums[i]);
    return rounds * 32 * CHAINS;
}

/* 64 products, summed by fours into 32 bits, in one instruction. */
__attribute__((target("avx512f,avx512vnni"))) static uint64_t
mac_loop_vnni(uint64_t n)
{
    __m512i a = _mm512_set1_epi8(1);
    __m512i b = _mm512_set1_epi8(2);
    __m512i sums[CHAINS];
    uint64_t rounds = n / (64 * CHAINS);
    for (int i = 0; i < CHAINS; i++)
        sums[i] = _mm512_setzero_si512();
    for (uint64_t r = 0; r < rounds; r++) {
#pragma GCC unroll 12
        for (int i = 0; i < CHAINS; i++)
            sums[i] = _mm512_dpbusd_epi32(sums[i], a, b);
        OPAQUE_V512(a);
    }
    for (int i = 0; i < CHAINS; i++)
        OPAQUE_V512(sums[i]);
    return rounds * 64 * CHAINS;
}
#elif defined(__ARM_NEON)
static uint64_t mac_loop_neon(uint64_t n)
{
    int8x16_t a = vdupq_n_s8(1);
    int8x16_t b = vdupq_n_s8(2);
#if defined(__ARM_FEATURE_DOTPROD)
    int32x4_t sums[CHAINS];
    const uint64_t width = 16; /* products of one instruction */
#else
    int16x8_t sums[CHAINS];
    const uint64_t width = 8;
#endif
    uint64_t rounds = n / (width * CHAINS);
    memset(sums, 0, sizeof sums);
    for (uint64_t r = 0; r < rounds; r++) {
        for (int i = 0; i < CHAINS; i++) {
            OPAQUE_ARM(a);
#if defined(__ARM_FEATURE_DOTPROD)
            sums[i] = vdotq_s32(sums[i], a, b);
#else
            sums[i] = vmlal_s8(sums[i], vget_low_s8(a), vget_low_s8(b));
#endif
        }
    }
    for (int i = 0; i < CHAINS; i++)
        OPAQUE_ARM(sums[i]);
    return rounds * width * CHAINS;
}
#endif

uint64_t chain_loop(uint64_t n)
{
    uint64_t x = 1;
    for (uint64_t i = 0; i < n; i += 8) {
#if defined(__x86_64__)
        __asm__ volatile("add $1, %0; add $1, %0; add $1, %0; add $1, %0;"
                         "add $1, %0; add $1, %0; add $1, %0; add $1, %0"
                         : "+r"(x));
#elif defined(__aarch64__)
        __asm__ volatile("add %0, %0, 1; add %0, %0, 1; add %0, %0, 1;"
                         "add %0, %0, 1; add %0, %0, 1; add %0, %0, 1;"
                         "add %0, %0, 1; add %0, %0, 1"
                         : "+r"(x));
#else
        for (int k = 0; k < 8; k++) {
            volatile uint64_t step = 1;
            x += step;
        }
#endif
    }
    volatile uint64_t sink = x;
    (void)sink;
    return n;
}

#if !defined(__x86_64__)
static bool has_nothing(void)
{
    return true;
}
#else
static bool has_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

static bool has_vnni(void)
{
    return __builtin_cpu_supports("avx512vnni") != 0;
}
#endif

const struct mac_tier mac_tiers[] = {
#if defined(__x86_64__)
    {"f32 fma, 256 bits", "FMA", has_avx2, mac_loop_fma},
    {"vpmaddubsw + vpmaddwd + vpaddd", "AVX2", has_avx2, mac_loop_wide},
    {"vpmaddubsw + vpaddw", "AVX2", has_avx2, mac_loop_avx2},
    {"vpdpbusd, 256 bits", "AVX-512 VNNI", has_vnni, mac_loop_vnni256},
    {"vpdpbusd, 512 bits", "AVX-512 VNNI", has_vnni, mac_loop_vnni},
#else
    {"plain", "", has_nothing, mac_loop_plain},
#endif
};
const int32_t n_mac_tiers = sizeof mac_tiers / sizeof *mac_tiers;

uint64_t mac_loop(const char *backend, uint64_t n)
{
#if defined(__x86_64__)
    if (strcmp(backend, "avx512") == 0)
        return mac_loop_vnni(n);
    if (strcmp(backend, "avx2") == 0)
        return mac_loop_avx2(n);
#elif defined(__ARM_NEON)
    if (strncmp(backend, "neon", 4) == 0)
        return mac_loop_neon(n);
#endif
    (void)backend;
    return mac_loop_plain(n);
}
