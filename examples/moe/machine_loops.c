/* machine_loops.c: bare multiply-add loops, and a chain that shows the clock.
 *
 * Products are summed in as few instructions as the instruction set allows and
 * nothing else is done: the rate is a limit that no real kernel reaches.  They
 * are assembly, because a compiler that keeps one sum in memory halves it, and
 * run wherever their caller has found the instructions to be there. */
#include "machine.h"

#include <string.h>

#if defined(__GNUC__) && defined(__x86_64__)
#define IS_X86 1
#elif defined(__GNUC__) && defined(__aarch64__)
#define IS_ARM 1
#endif

/* Independent sums: latency 4..6 times 2 a cycle. */
#define CHAINS 12
#define TWELVE(one)                                                       \
    one(0) one(1) one(2) one(3) one(4) one(5) one(6) one(7) one(8) one(9) \
        one(10) one(11)

/* The compiler must take the value for changed. */
#if defined(__GNUC__)
#define HIDE(x) __asm__ volatile("" : "+r"(x))
#else
#define HIDE(x) ((x) = *(volatile uint32_t *)&(x))
#endif

static uint64_t mac_loop_plain(uint64_t n)
{
    uint32_t a = 3, b = 5;
    uint32_t w = 0, x = 0, y = 0, z = 0;
    uint64_t rounds = n / 4 + 1;
    for (uint64_t r = 0; r < rounds; r++) {
        HIDE(a);
        w += a * b;
        HIDE(b);
        x += a * b;
        HIDE(a);
        y += a * b;
        HIDE(b);
        z += a * b;
        HIDE(w);
        HIDE(x);
        HIDE(y);
        HIDE(z);
    }
    return rounds * 4;
}

#if defined(IS_X86)
/* Registers 0 .. 11 are sums, 12 and 13 products, 14 and 15 what is multiplied.
 */
#define ZERO(i) "vpxor %%xmm" #i ", %%xmm" #i ", %%xmm" #i "\n\t"
#define LOOP(rounds, body)                                                     \
    __asm__ volatile(TWELVE(ZERO) ZERO(14) ZERO(15) "1:\n\t" body "dec %0\n\t" \
                                                    "jnz 1b\n\t"               \
                                                    "vzeroupper"               \
                     : "+r"(rounds)                                            \
                     :                                                         \
                     : "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5",   \
                       "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11",       \
                       "xmm12", "xmm13", "xmm14", "xmm15")
#define THREE(name, a, b, c) name " %%" a ", %%" b ", %%" c "\n\t"

/* Runs a loop of `per_round` multiply-adds a round about n times. */
#define DEFINE_LOOP(name, per_round, body)          \
    static uint64_t name(uint64_t n)                \
    {                                               \
        uint64_t rounds = n / (per_round) + 1;      \
        const uint64_t done = rounds * (per_round); \
        LOOP(rounds, body);                         \
        return done;                                \
    }

/* 8 products and sums in one instruction. */
#define FMA(i) THREE("vfmadd231ps", "ymm14", "ymm15", "ymm" #i)
DEFINE_LOOP(mac_loop_fma, 8 * CHAINS, TWELVE(FMA))

/* 32 products, pairs to 16 bits, pairs to 32 bits, added: exact for any bytes
 * that vpmaddubsw does not saturate. */
#define WIDE(i)                                    \
    THREE("vpmaddubsw", "ymm14", "ymm15", "ymm12") \
    THREE("vpmaddwd", "ymm12", "ymm15", "ymm12")   \
    THREE("vpaddd", "ymm12", "ymm" #i, "ymm" #i)
DEFINE_LOOP(mac_loop_wide, 32 * CHAINS, TWELVE(WIDE))

/* 32 products and 16 sums of pairs, then 16 additions.  Two products, then two
 * sums: alternating, Zen 3 is a tenth slower. */
#define NARROW(i, j)                               \
    THREE("vpmaddubsw", "ymm14", "ymm15", "ymm12") \
    THREE("vpmaddubsw", "ymm14", "ymm15", "ymm13") \
    THREE("vpaddw", "ymm12", "ymm" #i, "ymm" #i)   \
    THREE("vpaddw", "ymm13", "ymm" #j, "ymm" #j)
DEFINE_LOOP(mac_loop_narrow, 32 * CHAINS,
            NARROW(0, 1) NARROW(2, 3) NARROW(4, 5) NARROW(6, 7) NARROW(8, 9)
                NARROW(10, 11))

/* 32 or 64 products, summed by fours into 32 bits, in one instruction. */
#define VNNI256(i) THREE("vpdpbusd", "ymm14", "ymm15", "ymm" #i)
#define VNNI512(i) THREE("vpdpbusd", "zmm14", "zmm15", "zmm" #i)
DEFINE_LOOP(mac_loop_vnni256, 32 * CHAINS, TWELVE(VNNI256))
DEFINE_LOOP(mac_loop_vnni512, 64 * CHAINS, TWELVE(VNNI512))
#elif defined(IS_ARM)
/* v0 .. v11 are the sums, v30 and v31 what is multiplied.  The newer ones are
 * numbers, so that the assembler need not know them. */
#define SMLAL(i) "smlal v" #i ".8h, v30.8b, v31.8b\n\t"
#define SDOT(i) ".inst 0x4e9f97c0 + " #i "\n\t"  /* v#i.4s, v30.16b, v31.16b */
#define SMMLA(i) ".inst 0x4e9fa7c0 + " #i "\n\t" /* the same */
#define DEFINE_LOOP(name, per_round, body)                                     \
    static uint64_t name(uint64_t n)                                           \
    {                                                                          \
        const uint64_t rounds = n / (per_round) + 1;                           \
        for (uint64_t r = 0; r < rounds; r++)                                  \
            __asm__ volatile(body                                              \
                             :                                                 \
                             :                                                 \
                             : "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", \
                               "v8", "v9", "v10", "v11");                      \
        return rounds * (per_round);                                           \
    }

DEFINE_LOOP(mac_loop_smlal, 8 * CHAINS, TWELVE(SMLAL))
DEFINE_LOOP(mac_loop_sdot, 16 * CHAINS, TWELVE(SDOT))
DEFINE_LOOP(mac_loop_smmla, 32 * CHAINS, TWELVE(SMMLA)) /* 2 x 8 by 8 x 2 */
#endif

uint64_t chain_loop(uint64_t n)
{
    /* Of a register: newer processors add constants while they rename. */
#if defined(IS_X86)
#define ADD "add %0, %0\n\t"
#elif defined(IS_ARM)
#define ADD "add %0, %0, %0\n\t"
#endif
#ifdef ADD
    uint64_t x = n;
    for (uint64_t i = 0; i < n; i += 8)
        __asm__ volatile(ADD ADD ADD ADD ADD ADD ADD ADD : "+r"(x));
    return (n + 7) / 8 * 8;
#else
    (void)n;
    return 0;
#endif
}

/* ORDER moe_backend_at, and the best of a backend last. */
const struct mac_loop mac_loops[] = {
    {"plain C", "scalar", mac_loop_plain},
#if defined(IS_X86)
    {"f32 vfmadd, 256 bits", "avx2", mac_loop_fma},
    {"vpmaddubsw + vpmaddwd + vpaddd", "avx2", mac_loop_wide},
    {"vpmaddubsw + vpaddw", "avx2", mac_loop_narrow},
    {"vpdpbusd, 256 bits", "avx512", mac_loop_vnni256},
    {"vpdpbusd, 512 bits", "avx512", mac_loop_vnni512},
#elif defined(IS_ARM)
    {"smlal", "neon", mac_loop_smlal},
    {"sdot", "neon_dotprod", mac_loop_sdot},
    {"smmla", "neon_i8mm", mac_loop_smmla},
#endif
};
const int32_t n_mac_loops = sizeof mac_loops / sizeof *mac_loops;

const struct mac_loop *mac_loop_of(const char *backend)
{
    const struct mac_loop *best = &mac_loops[0];
    for (int32_t i = 1; i < n_mac_loops; i++)
        if (strcmp(mac_loops[i].backend, backend) == 0)
            best = &mac_loops[i];
    return best;
}
