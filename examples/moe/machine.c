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

enum { max_threads = 256 };
static const double least_seconds = 0.5; /* of all rounds together */

/* Rounds of one loop in several threads that start together. */
struct race {
    const char *data; /* NULL: multiply-adds */
    size_t bytes;
    const char *backend;
    uint64_t n_macs;
    int32_t n_threads;
    atomic_int round; /* the threads work on this one; -1: go home */
    atomic_int n_done;
    atomic_ullong work; /* bytes or multiply-adds of the round */
};

struct racer {
    struct race *race;
    int32_t index;
};

static void race_part(struct race *race, int32_t index)
{
    uint64_t work;
    if (race->data == NULL) {
        work = mac_loop(race->backend, race->n_macs);
    } else {
        size_t blocks = race->bytes / 256;
        size_t n_threads = (size_t)race->n_threads;
        size_t first = blocks * (size_t)index / n_threads * 256;
        size_t last = blocks * ((size_t)index + 1) / n_threads * 256;
        volatile uint64_t sink = read_loop(race->data + first, last - first);
        (void)sink;
        work = last - first;
    }
    atomic_fetch_add(&race->work, work);
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
        race_part(race, racer->index);
        atomic_fetch_add(&race->n_done, 1);
    }
}

/* Units a second of the best round; the first one only warms up. */
static double race_best(struct race *race)
{
    double best = 0;
    double spent = 0;
    for (int round = 1;
         (round <= 4 || spent < least_seconds) && !interrupt_seen(); round++) {
        atomic_store(&race->n_done, 0);
        atomic_store(&race->work, 0);
        double start = seconds_now();
        atomic_store(&race->round, round);
        race_part(race, 0);
        while (atomic_load(&race->n_done) < race->n_threads - 1)
            sched_yield();
        double seconds = seconds_now() - start;
        double rate = (double)atomic_load(&race->work) / seconds;
        if (round > 1 && rate > best)
            best = rate;
        spent += seconds;
    }
    return best;
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
    struct race race = {.data = data, .bytes = bytes};
    return race_run(&race, n_threads);
}

double machine_mac_rate(const char *backend, int32_t n_threads)
{
    struct race race = {.backend = backend, .n_macs = 1 << 16};
    double start = seconds_now(); /* rounds of 20 ms */
    uint64_t done = mac_loop(backend, race.n_macs);
    while (seconds_now() - start < 0.01)
        done += mac_loop(backend, race.n_macs);
    race.n_macs = done * 2;
    return race_run(&race, n_threads);
}

/* The best of many short runs: the loops know no other cost. */
static double loop_rate(uint64_t (*loop)(uint64_t n), uint64_t n)
{
    double best = 0;
    for (int i = 0; i < 400; i++) {
        double start = seconds_now();
        double rate = (double)loop(n) / (seconds_now() - start);
        if (rate > best)
            best = rate;
    }
    return best;
}

double machine_tier_rate(int32_t i)
{
    return loop_rate(mac_tiers[i].loop, 1 << 22);
}

double machine_hertz(void)
{
    return loop_rate(chain_loop, 200000);
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

int32_t machine_cpus(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? (int32_t)n : 1;
}
