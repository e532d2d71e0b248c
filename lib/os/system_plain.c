/* system_plain.c: any processor that no other file here knows: the scalar
 * backend, in the floating-point state that C programs start with. */
#include "os/system.h"

#if !defined(__x86_64__) && !defined(__i386__) && !defined(_M_X64) && \
    !(defined(__aarch64__) && defined(__GNUC__))

uint32_t moe__cpu_flags(void)
{
    return 0;
}

uint64_t moe__fpu_begin(void)
{
    return 0;
}

void moe__fpu_end(uint64_t saved)
{
    (void)saved;
}

#endif
