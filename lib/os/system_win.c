/* system_win.c: cores and clock of Windows. */
#include "os/system.h"

#if defined(_WIN32)

#include "base/bytes.h"

#define WIN32_LEAN_AND_MEAN
#if !defined(_WIN32_WINNT) || _WIN32_WINNT < 0x0601
#undef _WIN32_WINNT
#define _WIN32_WINNT 0x0601 /* Windows 7: processor groups */
#endif
#include <windows.h>

uint64_t moe__clock_ns(void)
{
    LARGE_INTEGER ticks;
    LARGE_INTEGER frequency;
    QueryPerformanceCounter(&ticks);
    QueryPerformanceFrequency(&frequency);
    const uint64_t t = (uint64_t)ticks.QuadPart;
    const uint64_t f = (uint64_t)frequency.QuadPart; /* about 10^7 */
    return t / f * 1000000000u + t % f * 1000000000u / f;
}

/* CPUs of a processor group that the process may use.  With more than one
 * group Windows reports no affinity: all. */
static uint64_t win_group_usable(const GROUP_AFFINITY *group)
{
    DWORD_PTR process = 0;
    DWORD_PTR machine = 0;
    if (GetActiveProcessorGroupCount() > 1 ||
        !GetProcessAffinityMask(GetCurrentProcess(), &process, &machine))
        process = ~(DWORD_PTR)0;
    return (uint64_t)(group->Mask & process);
}

int32_t moe__cpu_cores(void)
{
    /* One record of some 48 bytes per core: room for 680 cores. */
    static_assert(sizeof(SYSTEM_LOGICAL_PROCESSOR_INFORMATION_EX) <= 128,
                  "records are small");
    uint64_t buffer[4096];
    DWORD bytes = sizeof buffer;
    if (!GetLogicalProcessorInformationEx(
            RelationProcessorCore,
            (SYSTEM_LOGICAL_PROCESSOR_INFORMATION_EX *)buffer, &bytes))
        return moe__cpu_slots();
    int32_t n = 0;
    BYTE best = 0; /* the fastest cores have the highest class */
    for (DWORD at = 0; at < bytes;) {
        const SYSTEM_LOGICAL_PROCESSOR_INFORMATION_EX *record =
            (const void *)((const char *)buffer + at);
        const PROCESSOR_RELATIONSHIP *core = &record->Processor;
        /* EfficiencyClass; headers before Windows 10 do not name it. */
        const BYTE speed = ((const BYTE *)core)[1];
        if (speed > best)
            n = 0;
        if (speed >= best) {
            best = speed;
            n += win_group_usable(&core->GroupMask[0]) != 0;
        }
        at += record->Size;
    }
    return moe__max_i32(n, 1);
}

int32_t moe__cpu_slots(void)
{
    const DWORD n = GetActiveProcessorCount(ALL_PROCESSOR_GROUPS);
    return moe__max_i32((int32_t)n, 1);
}

#endif
