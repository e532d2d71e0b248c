/* test_pool.c: every chunk runs exactly once, whoever is awake. */
#include "os/thread.h"

#include "os/system.h"
#include "os/thread_sys.h"
#include "test.h"

#define MAX_CHUNKS 1000

struct phase {
    int32_t n_threads;
    int32_t plain[MAX_CHUNKS]; /* written without atomics: TSan watches */
    _Atomic int32_t count[MAX_CHUNKS];
    _Atomic int32_t n_bad_threads;
    _Atomic int32_t n_total;
    _Atomic int32_t stop;
    int32_t stop_after; /* chunks; 0: never */
};

static void count_chunk(void *arg, int32_t chunk, int32_t thread)
{
    struct phase *phase = arg;
    if (thread < 0 || thread >= phase->n_threads)
        atomic_fetch_add(&phase->n_bad_threads, 1);
    phase->plain[chunk]++;
    atomic_fetch_add(&phase->count[chunk], 1);
    const int32_t n = atomic_fetch_add(&phase->n_total, 1) + 1;
    if (phase->stop_after && n >= phase->stop_after)
        atomic_store(&phase->stop, 1);
}

/* Runs n chunks and returns how many did not run exactly once more. */
static int32_t run_and_check(struct moe__pool *pool, struct phase *phase,
                             int32_t n)
{
    int32_t before[MAX_CHUNKS];
    int32_t n_wrong = 0;
    memcpy(before, phase->plain, sizeof before);
    phase->n_threads = moe__pool_threads(pool);
    moe__pool_run(pool, count_chunk, phase, n, NULL);
    for (int32_t i = 0; i < MAX_CHUNKS; i++)
        n_wrong += phase->plain[i] - before[i] != (i < n) ||
                   phase->plain[i] != atomic_load(&phase->count[i]);
    return n_wrong;
}

static void wait_ns(uint64_t ns)
{
    const uint64_t start = moe__clock_ns();
    while (moe__clock_ns() - start < ns)
        ;
}

static void every_chunk_runs_once(void)
{
    static const int32_t n_threads[] = {1, 2, 3, 4, 5, 6, 7, 8, 13};
    static struct phase phase;
    struct moe__mem mem;
    moe__mem_init(&mem, NULL);
    for (size_t t = 0; t < MOE__COUNT(n_threads); t++) {
        struct moe__pool *pool = NULL;
        struct moe__err err;
        moe_status status =
            moe__pool_create(&mem, n_threads[t], NULL, &pool, &err);
        REQUIRE(status == MOE_OK, "%s", err.message);
        for (int32_t n = 0; n <= MAX_CHUNKS; n += n < 40 ? 1 : 60) {
            int32_t n_wrong = run_and_check(pool, &phase, n);
            CHECK(n_wrong == 0, "%d threads, %d chunks: %d wrong", n_threads[t],
                  n, n_wrong);
        }
        moe__pool_destroy(pool);
    }
    CHECK(atomic_load(&phase.n_bad_threads) == 0, "thread out of range");
    CHECK(atomic_load(&mem.live_bytes) == 0, "leak");
}

static void bytes_are_as_planned(void)
{
    struct moe__mem mem;
    moe__mem_init(&mem, NULL);
    for (int32_t n = 1; n <= 5; n++) {
        struct moe__pool *pool = NULL;
        REQUIRE(moe__pool_create(&mem, n, NULL, &pool, NULL) == MOE_OK, " ");
        CHECK(atomic_load(&mem.live_bytes) == moe__pool_bytes(n), "%d", n);
        moe__pool_destroy(pool);
    }
}

/* The workers sleep in one part of the runs, spin in another. */
static void many_phases_lose_no_wakeup(void)
{
    static struct phase phase;
    struct moe__mem mem;
    struct moe__pool *pool = NULL;
    int32_t n_wrong = 0;
    moe__mem_init(&mem, NULL);
    for (int32_t n_threads = 2; n_threads <= 5; n_threads++) {
        REQUIRE(moe__pool_create(&mem, n_threads, NULL, &pool, NULL) == MOE_OK,
                "%d", n_threads);
        for (int32_t i = 0; i < 3000; i++) {
            n_wrong += run_and_check(pool, &phase, 1 + i % 37);
            if (i % 7 == 0)
                moe__pool_rest(pool);
            if (i % 50 == 0)
                wait_ns(60000); /* longer than any spin */
            if (i % 11 == 0)
                wait_ns((uint64_t)(i % 30) * 1000);
        }
        moe__pool_destroy(pool);
    }
    CHECK(n_wrong == 0, "%d chunks", n_wrong);
}

static void set_threads_changes_who_works(void)
{
    static struct phase phase;
    struct moe__mem mem;
    struct moe__pool *pool = NULL;
    moe__mem_init(&mem, NULL);
    REQUIRE(moe__pool_create(&mem, 6, NULL, &pool, NULL) == MOE_OK, " ");
    CHECK(moe__pool_threads(pool) == 6, "all at first");
    for (int32_t i = 0; i < 600; i++) {
        const int32_t n = 1 + i * 7 % 6;
        moe__pool_set_threads(pool, n);
        CHECK(moe__pool_threads(pool) == n, "%d", n);
        CHECK(run_and_check(pool, &phase, i % 100) == 0, "%d threads", n);
    }
    CHECK(atomic_load(&phase.n_bad_threads) == 0, "thread out of range");
    moe__pool_destroy(pool);
}

static void stop_skips_chunks_not_begun(void)
{
    struct moe__mem mem;
    moe__mem_init(&mem, NULL);
    for (int32_t n_threads = 1; n_threads <= 4; n_threads++) {
        static struct phase phase;
        struct moe__pool *pool = NULL;
        REQUIRE(moe__pool_create(&mem, n_threads, NULL, &pool, NULL) == MOE_OK,
                " ");
        for (int32_t i = 0; i < 100; i++) {
            memset(&phase, 0, sizeof phase);
            phase.n_threads = n_threads;
            phase.stop_after = 50;
            moe__pool_run(pool, count_chunk, &phase, 500, &phase.stop);
            const int32_t n = atomic_load(&phase.n_total);
            /* each other thread may be between its look and its chunk */
            CHECK(n >= 50 && n < 50 + n_threads, "%d chunks", n);
            /* what the stopped phase left must not run in the next one */
            CHECK(run_and_check(pool, &phase, 20) == 0, "after a stop");
        }
        atomic_store(&phase.stop, 1);
        atomic_store(&phase.n_total, 0);
        moe__pool_run(pool, count_chunk, &phase, 500, &phase.stop);
        CHECK(atomic_load(&phase.n_total) == 0, "stopped before it began");
        moe__pool_destroy(pool);
    }
}

/* Chunk 0 keeps its thread for a while: the others must take its range. */
static void slow_chunk(void *arg, int32_t chunk, int32_t thread)
{
    int32_t *ran_by = arg;
    ran_by[chunk] = thread;
    wait_ns(chunk == 0 ? 30000000 : 100000);
}

/* How many chunks thread `helper` ran.  Some tries, as nothing forces the
 * system to run it. */
static int32_t count_help(struct moe__pool *pool, int32_t helper)
{
    int32_t ran_by[40];
    int32_t n_helped = 0;
    for (int32_t try = 0; try < 10 && n_helped == 0; try++) {
        wait_ns(2000000); /* all fall asleep */
        moe__pool_run(pool, slow_chunk, ran_by, 40, NULL);
        for (int32_t i = 0; i < 40; i++)
            n_helped += ran_by[i] == helper;
    }
    return n_helped;
}

static void sleeping_workers_wake_and_help(void)
{
    struct moe__mem mem;
    struct moe__pool *pool = NULL;
    moe__mem_init(&mem, NULL);
    REQUIRE(moe__pool_create(&mem, 3, NULL, &pool, NULL) == MOE_OK, " ");
    CHECK(count_help(pool, 1) > 0, "first phase");
    CHECK(count_help(pool, 2) > 0, "another phase");
    moe__pool_rest(pool);
    CHECK(count_help(pool, 2) > 0, "after rest");
    moe__pool_set_threads(pool, 2);
    CHECK(count_help(pool, 1) > 20, "takes the range of thread 0 as well");
    CHECK(count_help(pool, 2) == 0, "is not active");
    moe__pool_set_threads(pool, 3);
    CHECK(count_help(pool, 2) > 0, "is active again");
    moe__pool_destroy(pool);
}

/* A host that starts the threads itself. */
struct host {
    int32_t n_created;
    int32_t n_joined;
    int32_t fail_at; /* this creation fails; -1: none */
};

static int32_t host_create(void *user, void **handle, void (*run)(void *arg),
                           void *arg)
{
    struct host *host = user;
    struct moe__thread *thread = malloc(sizeof *thread);
    if (host->n_created == host->fail_at || thread == NULL ||
        !moe__thread_start(thread, run, arg)) {
        free(thread);
        return -1;
    }
    *handle = thread;
    host->n_created++;
    return 0;
}

static void host_join(void *user, void *handle)
{
    struct host *host = user;
    moe__thread_join(handle);
    free(handle);
    host->n_joined++;
}

static void host_threads_are_used_and_joined(void)
{
    static struct phase phase;
    struct host host = {0, 0, -1};
    const moe_thread_hooks hooks = {sizeof hooks, &host, host_create,
                                    host_join};
    struct moe__mem mem;
    struct moe__pool *pool = NULL;
    moe__mem_init(&mem, NULL);
    REQUIRE(moe__pool_create(&mem, 4, &hooks, &pool, NULL) == MOE_OK, " ");
    CHECK(host.n_created == 3, "%d", host.n_created);
    for (int32_t i = 0; i < 100; i++)
        CHECK(run_and_check(pool, &phase, i) == 0, "%d chunks", i);
    moe__pool_destroy(pool);
    CHECK(host.n_joined == 3, "%d", host.n_joined);
    CHECK(atomic_load(&mem.live_bytes) == 0, "leak");
}

static void failed_start_joins_the_others(void)
{
    struct moe__mem mem;
    moe__mem_init(&mem, NULL);
    for (int32_t fail_at = 0; fail_at < 5; fail_at++) {
        struct host host = {0, 0, fail_at};
        const moe_thread_hooks hooks = {sizeof hooks, &host, host_create,
                                        host_join};
        struct moe__err err = {0, ""};
        int32_t dummy;
        struct moe__pool *pool = (struct moe__pool *)(void *)&dummy;
        moe_status status = moe__pool_create(&mem, 6, &hooks, &pool, &err);
        CHECK(status == MOE_ERR_THREAD && pool == NULL, "%d", status);
        CHECK(host.n_joined == fail_at, "%d joined", host.n_joined);
        char want[80];
        snprintf(want, sizeof want, "expected 6 threads, the system gave %d",
                 fail_at + 1);
        CHECK(strcmp(err.message, want) == 0, "%s", err.message);
    }
    CHECK(atomic_load(&mem.live_bytes) == 0, "leak");
}

static void *no_alloc(void *user, size_t bytes, size_t align)
{
    (void)user, (void)bytes, (void)align;
    return NULL;
}

static void no_free(void *user, void *memory, size_t bytes)
{
    (void)user, (void)memory, (void)bytes;
}

static void bad_arguments_and_no_memory_are_refused(void)
{
    const moe_allocator none = {sizeof none, NULL, no_alloc, no_free};
    struct moe__mem mem;
    struct moe__pool *pool;
    struct moe__err err;
    moe__mem_init(&mem, NULL);
    CHECK(moe__pool_create(&mem, 0, NULL, &pool, NULL) == MOE_ERR_ARGUMENT,
          " ");
    CHECK(moe__pool_create(&mem, 257, NULL, &pool, &err) == MOE_ERR_ARGUMENT,
          " ");
    CHECK(!strcmp(err.message, "expected 1 .. 256 threads, found 257"), "%s",
          err.message);
    moe__mem_init(&mem, &none);
    CHECK(moe__pool_create(&mem, 2, NULL, &pool, &err) == MOE_ERR_NO_MEMORY,
          " ");
    CHECK(pool == NULL, " ");
    moe__pool_destroy(NULL);
}

/* A state that rounds towards zero and flushes subnormals: what a host may have
 * set, and what new threads inherit. */
#if defined(__aarch64__)
#define ODD_FLOAT_STATE (3u << 22 | 1u << 24)
#elif defined(__x86_64__)
#define ODD_FLOAT_STATE 0xffc0u
#else
#define ODD_FLOAT_STATE 0u
#endif

static bool is_float_state_odd(void)
{
    const volatile float tiny = 0x1p-149f, one = 1.0f, above_half = 0x1.8p-24f;
    return tiny * one == 0.0f || one + above_half == 1.0f;
}

static void read_float_state(void *arg, int32_t chunk, int32_t thread)
{
    _Atomic int32_t *n_wrong = arg;
    (void)chunk;
    if (thread > 0 && is_float_state_odd())
        atomic_fetch_add(n_wrong, 1);
    wait_ns(20000);
}

static void workers_have_the_defined_float_state(void)
{
    struct moe__mem mem;
    struct moe__pool *pool = NULL;
    _Atomic int32_t n_wrong = 0;
    moe__mem_init(&mem, NULL);
    const uint64_t saved = moe__fpu_begin();
    moe__fpu_end(ODD_FLOAT_STATE);
    CHECK(is_float_state_odd() == (ODD_FLOAT_STATE != 0), "host's state");
    moe_status status = moe__pool_create(&mem, 3, NULL, &pool, NULL);
    for (int32_t i = 0; status == MOE_OK && i < 20; i++)
        moe__pool_run(pool, read_float_state, &n_wrong, 30, NULL);
    moe__fpu_end(saved);
    CHECK(status == MOE_OK && !is_float_state_odd(), "%d", status);
    moe__pool_destroy(pool);
    CHECK(atomic_load(&n_wrong) == 0, "%d", atomic_load(&n_wrong));
}

static void machine_is_described(void)
{
    CHECK(moe__cpu_cores() >= 1, "%d", moe__cpu_cores());
    CHECK(moe__cpu_slots() >= moe__cpu_cores(), "%d < %d", moe__cpu_slots(),
          moe__cpu_cores());
    const uint64_t saved = moe__fpu_begin();
    moe__fpu_end(saved);
    CHECK(moe__fpu_begin() == saved, "state not restored");
    moe__fpu_end(saved);
    const uint64_t start = moe__clock_ns();
    wait_ns(1000000);
    CHECK(moe__clock_ns() - start >= 1000000, "clock stands still");
#if defined(__x86_64__) && defined(__GNUC__)
    const bool has_avx2 =
        __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    const bool has_avx512 = __builtin_cpu_supports("avx512vnni") &&
                            __builtin_cpu_supports("avx512bw") &&
                            __builtin_cpu_supports("avx512dq") &&
                            __builtin_cpu_supports("avx512vl");
    const uint32_t flags = moe__cpu_flags();
    CHECK(!(flags & MOE__CPU_AVX2) == !has_avx2, "%x", flags);
    CHECK(!(flags & MOE__CPU_AVX512) == !has_avx512, "%x", flags);
#endif
}

static const struct test tests[] = {
    {"every_chunk_runs_once", every_chunk_runs_once},
    {"bytes_are_as_planned", bytes_are_as_planned},
    {"many_phases_lose_no_wakeup", many_phases_lose_no_wakeup},
    {"set_threads_changes_who_works", set_threads_changes_who_works},
    {"stop_skips_chunks_not_begun", stop_skips_chunks_not_begun},
    {"sleeping_workers_wake_and_help", sleeping_workers_wake_and_help},
    {"host_threads_are_used_and_joined", host_threads_are_used_and_joined},
    {"failed_start_joins_the_others", failed_start_joins_the_others},
    {"bad_arguments_and_no_memory_are_refused",
     bad_arguments_and_no_memory_are_refused},
    {"workers_have_the_defined_float_state",
     workers_have_the_defined_float_state},
    {"machine_is_described", machine_is_described},
};

TEST_MAIN(tests)
