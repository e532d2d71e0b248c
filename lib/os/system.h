/* system.h: what the machine is: instruction sets, cores, time, pages. */
#ifndef MOE_OS_SYSTEM_H
#define MOE_OS_SYSTEM_H

#include "base/compiler.h"

enum moe__cpu_flag {
    MOE__CPU_AVX2 = 1 << 0,   /* AVX2, FMA and F16C, enabled by the system */
    MOE__CPU_AVX512 = 1 << 1, /* F, BW, DQ, VL and VNNI */
    MOE__CPU_NEON = 1 << 2,
    MOE__CPU_DOTPROD = 1 << 3,
    MOE__CPU_I8MM = 1 << 4
};

uint32_t moe__cpu_flags(void);
/* Cores that are worth a thread each: physical, not SMT siblings, not the
 * little ones, and not more than the process may use.  At least 1. */
int32_t moe__cpu_cores(void);
/* Threads that the process may run at the same time, SMT siblings and little
 * cores included.  At least moe__cpu_cores. */
int32_t moe__cpu_slots(void);
uint64_t moe__clock_ns(void); /* monotonic */

/* Puts the floating-point unit into the state that results are defined in:
 * round to nearest, no flush to zero, no traps.  end() restores the host's. */
uint64_t moe__fpu_begin(void);
void moe__fpu_end(uint64_t saved);

#endif
