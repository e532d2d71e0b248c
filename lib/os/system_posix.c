/* system_posix.c: cores and clock of Linux, Android, macOS, iOS and other
 * systems with POSIX.  What cannot be found out counts as "no limit". */
#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE /* sched_getaffinity */
#endif
#define _DARWIN_C_SOURCE /* sysctlbyname */

#include "os/system.h"

#if !defined(_WIN32)

#include "base/bytes.h"
#include "base/math.h"
#include "base/status.h"

#include <time.h>
#include <unistd.h>

uint64_t moe__clock_ns(void)
{
    struct timespec now = {0, 0};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

#if defined(__linux__)

#include <fcntl.h>
#include <sched.h>

/* The start of a small file of the kernel, NUL-terminated; "" if there is
 * none. */
static void kernel_file_read(const char *path, char *text, size_t cap)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = 0;
    if (fd >= 0) {
        n = read(fd, text, cap - 1);
        close(fd);
    }
    text[n > 0 ? n : 0] = 0;
}

/* The number at *at, which moves behind it; -1 if there is none. */
static int64_t kernel_number(const char **at)
{
    int64_t value = -1;
    const size_t n = strspn(*at, "0123456789");
    if (moe__parse_i64(*at, n, &value))
        *at += n;
    return value;
}

/* Compute capacity relative to the fastest core (1024); equal if unknown. */
static int64_t cpu_capacity(int32_t cpu)
{
    char path[64];
    char text[32];
    moe__format(path, sizeof path, "/sys/devices/system/cpu/cpu%d/cpu_capacity",
                cpu);
    kernel_file_read(path, text, sizeof text);
    const char *at = text;
    const int64_t capacity = kernel_number(&at);
    return capacity > 0 ? capacity : 1024;
}

/* Whether no lower CPU of the set shares this one's core.  The kernel lists
 * siblings as "0,64" or "0-1". */
static bool cpu_is_first_of_core(int32_t cpu, const cpu_set_t *usable)
{
    char path[96];
    char text[128];
    moe__format(path, sizeof path,
                "/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list",
                cpu);
    kernel_file_read(path, text, sizeof text);
    const char *at = text;
    for (int64_t first; (first = kernel_number(&at)) >= 0; at += *at == ',') {
        int64_t last = first;
        if (*at == '-') {
            at++;
            last = kernel_number(&at);
        }
        for (int64_t i = first; i <= last && i < cpu; i++)
            if (CPU_ISSET((size_t)i, usable))
                return false;
    }
    return true;
}

/* CPUs' worth of time that the container may use: "200000 100000" is two of
 * them, "max 100000" no limit (cgroup v2). */
static int32_t container_cpus(void)
{
    char text[64];
    kernel_file_read("/sys/fs/cgroup/cpu.max", text, sizeof text);
    const char *at = text;
    const int64_t quota = kernel_number(&at);
    at += *at == ' ';
    const int64_t period = kernel_number(&at);
    if (quota <= 0 || period <= 0 || quota / period >= CPU_SETSIZE)
        return CPU_SETSIZE;
    return (int32_t)((quota + period - 1) / period);
}

static bool cpu_usable(cpu_set_t *usable)
{
    CPU_ZERO(usable);
    return sched_getaffinity(0, sizeof *usable, usable) == 0;
}

int32_t moe__cpu_cores(void)
{
    cpu_set_t usable;
    int64_t most = 0;
    int32_t n = 0;
    if (!cpu_usable(&usable))
        return moe__cpu_slots();
    for (int32_t cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET((size_t)cpu, &usable) && cpu_capacity(cpu) > most)
            most = cpu_capacity(cpu);
    /* A core below 60 % of the fastest would hold the others up. */
    for (int32_t cpu = 0; cpu < CPU_SETSIZE; cpu++)
        n += CPU_ISSET((size_t)cpu, &usable) &&
             cpu_capacity(cpu) * 100 >= most * 60 &&
             cpu_is_first_of_core(cpu, &usable);
    return moe__max_i32(moe__min_i32(n, container_cpus()), 1);
}

int32_t moe__cpu_slots(void)
{
    cpu_set_t usable;
    const int32_t n = cpu_usable(&usable)
                          ? CPU_COUNT(&usable)
                          : (int32_t)sysconf(_SC_NPROCESSORS_ONLN);
    return moe__max_i32(moe__min_i32(n, container_cpus()), 1);
}

#elif defined(__APPLE__)

#include <sys/sysctl.h>

static int32_t sysctl_count(const char *name)
{
    int32_t value = 0;
    size_t bytes = sizeof value;
    return sysctlbyname(name, &value, &bytes, NULL, 0) == 0 ? value : 0;
}

int32_t moe__cpu_cores(void)
{
    const int32_t n_fast = sysctl_count("hw.perflevel0.physicalcpu");
    const int32_t n_all = sysctl_count("hw.physicalcpu");
    return moe__max_i32(n_fast > 0 ? n_fast : n_all, 1);
}

int32_t moe__cpu_slots(void)
{
    return moe__max_i32(sysctl_count("hw.logicalcpu"), moe__cpu_cores());
}

#else

int32_t moe__cpu_slots(void)
{
    return moe__max_i32((int32_t)sysconf(_SC_NPROCESSORS_ONLN), 1);
}

int32_t moe__cpu_cores(void)
{
    return moe__cpu_slots();
}

#endif
#endif
