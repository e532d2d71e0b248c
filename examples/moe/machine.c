/* machine.c: the limits of this machine, measured and asked for. */
#define _POSIX_C_SOURCE 200809L
#define _DEFAULT_SOURCE
#include "machine.h"
#include "cli.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { max_threads = 256, max_rounds = 1024, least_rounds = 10 };
static const double least_seconds = 0.25; /* of all rounds together */
static const double round_seconds = 0.002;
/* More than a cache holds: what a round reads was not read for some rounds. */
static const size_t slice_bytes = (size_t)64 << 20;

/* Rounds of one loop in several threads that start together. */
struct race {
    const char *data; /* [bytes] for `read` */
    size_t bytes;
    void (*read)(const void *data, size_t bytes); /* or NULL, then */
    uint64_t (*loop)(uint64_t n);
    uint64_t n;
    int32_t n_threads;
    atomic_int round; /* the threads work on this one; -1: go home */
    atomic_int n_done;
    atomic_ullong work; /* bytes, or what the loop counts, of the round */
};

struct racer {
    struct race *race;
    int32_t index;
};

static size_t race_slices(const struct race *race)
{
    return race->bytes > slice_bytes ? race->bytes / slice_bytes : 1;
}

/* The part of one thread in a round that reads. */
static uint64_t race_read(const struct race *race, int32_t index, int round)
{
    size_t n_slices = race_slices(race);
    size_t slice = race->bytes / n_slices / 256;
    size_t n_threads = (size_t)race->n_threads;
    size_t first = slice * (size_t)index / n_threads * 256;
    size_t last = slice * ((size_t)index + 1) / n_threads * 256;
    const char *data = race->data + (size_t)round % n_slices * slice * 256;
    race->read(data + first, last - first);
    return last - first;
}

static void race_part(struct race *race, int32_t index, int round)
{
    atomic_fetch_add(&race->work, race->read != NULL
                                      ? race_read(race, index, round)
                                      : race->loop(race->n));
}

static void *race_thread(void *arg)
{
    struct racer *racer = arg;
    struct race *race = racer->race;
    for (int round = 1;; round++) {
        int now;
        while ((now = atomic_load(&race->round)) != round && now >= 0)
            sched_yield();
        if (now < 0)
            return NULL;
        race_part(race, racer->index, round);
        atomic_fetch_add(&race->n_done, 1);
    }
}

static double race_round(struct race *race, int round)
{
    atomic_store(&race->n_done, 0);
    atomic_store(&race->work, 0);
    double start = seconds_now();
    atomic_store(&race->round, round);
    race_part(race, 0, round);
    while (atomic_load(&race->n_done) < race->n_threads - 1)
        sched_yield();
    return (double)atomic_load(&race->work) / (seconds_now() - start);
}

static int compare_rates(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Units a second: one round in ten is faster.  So what else the machine does is
 * left out, and a single odd reading of the clock, too. */
static double race_best(struct race *race)
{
    double rates[max_rounds];
    int least = race->read != NULL ? 2 * (int)race_slices(race) : 0;
    int n = 0;
    if (least < least_rounds)
        least = least_rounds;
    for (double start = seconds_now(); n < max_rounds && !interrupt_seen();
         n++) {
        if (n >= least && seconds_now() - start > least_seconds)
            break;
        rates[n] = race_round(race, n + 1);
    }
    if (n == 0)
        return 0;
    qsort(rates, (size_t)n, sizeof *rates, compare_rates);
    return rates[n - 1 - n / 10];
}

static double race_run(struct race *race, int32_t n_threads)
{
    pthread_t threads[max_threads];
    struct racer racers[max_threads];
    int32_t n = 1;
    if (n_threads > max_threads)
        n_threads = max_threads;
    for (; n < n_threads; n++) {
        racers[n] = (struct racer){race, n};
        if (pthread_create(&threads[n], NULL, race_thread, &racers[n]) != 0)
            break;
    }
    race->n_threads = n;
    double best = race_best(race);
    atomic_store(&race->round, -1);
    for (int32_t i = 1; i < n; i++)
        pthread_join(threads[i], NULL);
    return best;
}

double machine_read_rate(const void *data, size_t bytes, int32_t n_threads)
{
    double best = 0;
    for (int32_t i = 0; i < n_read_loops; i++) {
        struct race race = {
            .data = data, .bytes = bytes, .read = read_loops[i].run};
        double rate = race_run(&race, n_threads);
        if (rate > best)
            best = rate;
    }
    return best;
}

double machine_loop_rate(uint64_t (*loop)(uint64_t n), int32_t n_threads)
{
    struct race race = {.loop = loop, .n = 1 << 16};
    double start = seconds_now();
    uint64_t done = loop(race.n);
    while (done > 0 && seconds_now() - start < round_seconds)
        done += loop(race.n);
    if (done == 0)
        return 0;
    race.n = done;
    return race_run(&race, n_threads);
}

double machine_mac_rate(const char *backend, int32_t n_threads)
{
    return machine_loop_rate(mac_loop_of(backend)->run, n_threads);
}

double machine_hertz(void)
{
    return machine_loop_rate(chain_loop, 1);
}

const void *machine_map(const char *path, size_t *bytes)
{
    struct stat info;
    int file = open(path, O_RDONLY);
    void *data = MAP_FAILED;
    if (file >= 0 && fstat(file, &info) == 0 && info.st_size > 0) {
        *bytes = (size_t)info.st_size;
        data = mmap(NULL, *bytes, PROT_READ, MAP_SHARED, file, 0);
    }
    if (file >= 0)
        close(file);
    return data == MAP_FAILED ? NULL : data;
}

void *machine_scratch(size_t bytes)
{
    void *data = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (data == MAP_FAILED)
        return NULL;
    memset(data, 1, bytes);
    return data;
}

void machine_release(const void *data, size_t bytes)
{
    if (data != NULL)
        munmap((void *)(uintptr_t)data, bytes);
}

uint64_t machine_memory_bytes(void)
{
    long pages = sysconf(_SC_PHYS_PAGES);
    long page = sysconf(_SC_PAGESIZE);
    return pages > 0 && page > 0 ? (uint64_t)pages * (uint64_t)page : 0;
}

uint64_t machine_peak_bytes(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
#if defined(__APPLE__)
    return (uint64_t)usage.ru_maxrss;
#else
    return (uint64_t)usage.ru_maxrss * 1024;
#endif
}

double machine_cpu_seconds(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
}

int32_t machine_cpus(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? (int32_t)n : 1;
}
