/* system_arm.c: instruction sets and floating-point state of 64-bit ARM.
 *
 * Whether an optional extension is there only the system can tell. */
#include "os/system.h"

#if defined(__aarch64__) && defined(__GNUC__)

#if defined(__linux__)

#include <sys/auxv.h>

/* Bits of the Linux ABI (arch/arm64/include/uapi/asm/hwcap.h). */
static uint32_t arm_extensions(void)
{
    const unsigned long asimddp = 1ul << 20; /* in AT_HWCAP */
    const unsigned long i8mm = 1ul << 13;    /* in AT_HWCAP2 */
    return (getauxval(AT_HWCAP) & asimddp ? MOE__CPU_DOTPROD : 0u) |
           (getauxval(AT_HWCAP2) & i8mm ? MOE__CPU_I8MM : 0u);
}

#elif defined(__APPLE__)

#include <sys/sysctl.h>

static bool arm_has(const char *name)
{
    int value = 0;
    size_t bytes = sizeof value;
    return sysctlbyname(name, &value, &bytes, NULL, 0) == 0 && value != 0;
}

static uint32_t arm_extensions(void)
{
    return (arm_has("hw.optional.arm.FEAT_DotProd") ? MOE__CPU_DOTPROD : 0u) |
           (arm_has("hw.optional.arm.FEAT_I8MM") ? MOE__CPU_I8MM : 0u);
}

#elif defined(_WIN32)

#define WIN32_LEAN_AND_MEAN
#include <windows.h>

static uint32_t arm_extensions(void)
{
    const DWORD v82_dotprod = 43; /* PF_ARM_V82_DP_INSTRUCTIONS_AVAILABLE */
    return IsProcessorFeaturePresent(v82_dotprod) ? MOE__CPU_DOTPROD : 0u;
}

#else

static uint32_t arm_extensions(void)
{
    return 0;
}

#endif

uint32_t moe__cpu_flags(void)
{
    return MOE__CPU_NEON | arm_extensions();
}

/* FPCR 0: nearest even, no traps, no flush to zero, NaNs kept. */
uint64_t moe__fpu_begin(void)
{
    uint64_t saved;
    __asm__ volatile("mrs %0, fpcr" : "=r"(saved) : : "memory");
    __asm__ volatile("msr fpcr, %0" : : "r"((uint64_t)0) : "memory");
    return saved;
}

void moe__fpu_end(uint64_t saved)
{
    __asm__ volatile("msr fpcr, %0" : : "r"(saved) : "memory");
}

#endif
