/* compiler.h: the only home of compiler extensions and build checks. */
#ifndef MOE_BASE_COMPILER_H
#define MOE_BASE_COMPILER_H

#include <assert.h>
#include <float.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Products and sums must round separately: the bits are the promise.  Both
 * pragmas last to the end of the source, which includes this header before its
 * first expression; gcc would contract by default in its gnu modes. */
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#elif defined(__GNUC__)
#pragma GCC optimize("fp-contract=off")
#endif
#if defined(__FAST_MATH__) || defined(__ASSOCIATIVE_MATH__) || \
    defined(__RECIPROCAL_MATH__)
#error "libmoe must not be compiled with -ffast-math or a part of it"
#endif
#if defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__
#error "libmoe must not be compiled with -ffinite-math-only"
#endif
#if FLT_EVAL_METHOD < 0 || FLT_EVAL_METHOD == 1 || FLT_EVAL_METHOD == 2
#error "libmoe needs float arithmetic in float: on 32-bit x86, -mfpmath=sse"
#endif

#if defined(__clang__)
#define MOE__PRINTF printf
#else
#define MOE__PRINTF gnu_printf /* gcc's "printf" on Windows knows no %zu */
#endif
#if defined(__GNUC__)
#define MOE__INLINE static inline __attribute__((always_inline))
#define MOE__FORMAT(string_at, first_at) \
    __attribute__((format(MOE__PRINTF, string_at, first_at)))
#define MOE__LIKELY(x) __builtin_expect(!!(x), 1)
#else
#define MOE__INLINE static inline
#define MOE__FORMAT(string_at, first_at)
#define MOE__LIKELY(x) (x)
#endif

/* Code for another instruction set inside an ordinary source file:
 *     MOE__TARGET_BEGIN("avx2,fma,f16c") ... MOE__TARGET_END
 * The file is wrapped in an #if on the architecture. */
#define MOE__PRAGMA(x) _Pragma(#x)
#if defined(__clang__)
#define MOE__TARGET_BEGIN(isa)                                     \
    MOE__PRAGMA(clang attribute push(__attribute__((target(isa))), \
                                     apply_to = function))
#define MOE__TARGET_END MOE__PRAGMA(clang attribute pop)
#elif defined(__GNUC__)
#define MOE__TARGET_BEGIN(isa)    \
    MOE__PRAGMA(GCC push_options) \
    MOE__PRAGMA(GCC target(isa))
#define MOE__TARGET_END MOE__PRAGMA(GCC pop_options)
#else
#define MOE__TARGET_BEGIN(isa) /* the compiler takes any intrinsic anywhere */
#define MOE__TARGET_END
#endif

/* Before a loop over registers with few steps: it must be unrolled, or the
 * registers become an array.  clang 14 takes a number for a limit that inlined
 * loops miss, and an array costs more than half of the speed. */
#if defined(__clang__)
#define MOE__UNROLL MOE__PRAGMA(clang loop unroll(full))
#else
#define MOE__UNROLL MOE__PRAGMA(GCC unroll 16)
#endif

/* Optional instructions of AArch64 for MOE__TARGET_BEGIN.  gcc inlines a
 * function only into one that has all of its features, the command line's, and
 * its assembler wants ARMv8.2 for these instructions. */
#if defined(__clang__)
#define MOE__ISA_DOTPROD "dotprod"
#define MOE__ISA_I8MM "dotprod,i8mm"
#elif defined(__ARM_FEATURE_DOTPROD) || \
    defined(__ARM_FEATURE_FP16_VECTOR_ARITHMETIC) /* 8.2 or later */
#define MOE__ISA_DOTPROD "+dotprod"
#define MOE__ISA_I8MM "+dotprod+i8mm"
#else
#define MOE__ISA_DOTPROD "arch=armv8.2-a+crypto+dotprod"
#define MOE__ISA_I8MM "arch=armv8.2-a+crypto+dotprod+i8mm"
#endif

/* Code that is written for gcc's and clang's dialect of AArch64. */
#if defined(__aarch64__) && defined(__GNUC__)
#define MOE__HAS_NEON 1
#else
#define MOE__HAS_NEON 0
#endif

/* Names for moe_build_info. */
#if defined(__clang__)
#define MOE__COMPILER "clang " __clang_version__
#elif defined(__GNUC__)
#define MOE__COMPILER "gcc " __VERSION__
#else
#define MOE__COMPILER "unknown"
#endif

#if defined(__x86_64__) || defined(_M_X64)
#define MOE__ARCHITECTURE "x86-64"
#elif defined(__aarch64__) || defined(_M_ARM64)
#define MOE__ARCHITECTURE "arm64"
#else
#define MOE__ARCHITECTURE "other"
#endif

#define MOE__COUNT(array) (sizeof(array) / sizeof((array)[0]))

#endif
