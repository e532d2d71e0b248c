/* thread.c: the pool.
 *
 * A phase has n chunks; each of the n_active threads gets a contiguous range of
 * them (so that a thread meets the same pages token after token) with a counter
 * on a cache line of its own.  A thread that has emptied its range takes chunks
 * from the fullest other one.
 *
 * Workers are helpers, never needed: the caller of moe__pool_run opens the
 * gate, works until every chunk is claimed, closes the gate and waits only for
 * the workers that came in.  A worker that is asleep, or that the system runs
 * elsewhere, is too late and costs nothing; the others have taken its range.
 *
 * Between phases a worker spins for a bounded time and then sleeps. */
#include "os/thread.h"

#include "base/bytes.h"
#include "os/system.h"
#include "os/thread_sys.h"

/* The gate is one word, written by the caller alone while it is closed:
 *     bits  0 .. 15  workers that came in during this phase
 *     bit   16       open: workers may come in
 *     bit   17       rest: spinning workers go to sleep at once
 *     bit   18       quit: workers end
 *     bits 19 .. 31  n_active of this phase
 *     bits 32 .. 63  number of the phase */
#define GATE_ENTERED ((uint64_t)0xffff)
#define GATE_OPEN ((uint64_t)1 << 16)
#define GATE_REST ((uint64_t)1 << 17)
#define GATE_QUIT ((uint64_t)1 << 18)
#define GATE_ACTIVE_SHIFT 19
#define GATE_PHASE_SHIFT 32
static_assert(MOE__MAX_THREADS < 1 << (GATE_PHASE_SHIFT - GATE_ACTIVE_SHIFT),
              "n_active fits in the gate");

/* Between two phases of a token lie a few microseconds; waking a sleeper takes
 * about fifty.  So the spin is worth some 20 us, and never more. */
#define POOL_SPIN_NS 20000u
/* Where threads outnumber processors a spin only keeps another thread from
 * working: offer the processor some times instead. */
#define POOL_N_YIELDS 8

/* Chunks [next, end) of a thread's range are not yet claimed. */
struct pool_range {
    alignas(MOE__ALIGN) _Atomic int32_t next;
    int32_t end;
};

struct pool_worker {
    struct moe__pool *pool;
    int32_t index;
    void *handle; /* of the host's thread */
    struct moe__thread thread;
};

/* What all threads spin on, what they add to and what they only read lie on
 * lines of their own. */
struct moe__pool {
    alignas(MOE__ALIGN) _Atomic uint64_t gate;
    alignas(MOE__ALIGN) _Atomic int32_t n_left; /* the phase, after entering */

    alignas(MOE__ALIGN) moe__chunk_fn *fn; /* of the phase */
    void *arg;
    const _Atomic int32_t *stop;
    struct pool_range *ranges; /* [n_threads] */

    alignas(MOE__ALIGN) struct moe__mutex mutex; /* held to fall asleep */
    struct moe__cond work;                       /* the gate has changed */
    struct moe__cond done;                       /* n_left has changed */
    _Atomic int32_t n_sleeping;                  /* of the active workers */
    _Atomic int32_t is_caller_sleeping;

    struct moe__mem *mem; /* from here on constant but for n_active */
    bool has_hooks;
    moe_thread_hooks hooks;
    int32_t n_active;
    int32_t n_threads;
    int32_t n_slots; /* threads that the machine can run at once */
    int32_t n_spins; /* worth POOL_SPIN_NS */
    int32_t n_workers;
    struct pool_worker *workers; /* [n_threads - 1]; workers[0] is thread 1 */
};

/* ---------------------------------------------------------------- chunks */

/* The chunks before those of `thread`. */
static int32_t pool_range_start(int32_t n_chunks, int32_t thread,
                                int32_t n_threads)
{
    return (int32_t)((int64_t)n_chunks * thread / n_threads);
}

/* Chunks are claimed by adding to `next`; what is at or past `end` is no chunk.
 * Nothing is published by a claim, and what the phase reads came through the
 * gate: relaxed. */
static void pool_run_range(const struct moe__pool *pool,
                           struct pool_range *range, int32_t thread)
{
    const int32_t end = range->end;
    while (!pool->stop ||
           !atomic_load_explicit(pool->stop, memory_order_relaxed)) {
        const int32_t chunk =
            atomic_fetch_add_explicit(&range->next, 1, memory_order_relaxed);
        if (chunk >= end)
            return;
        pool->fn(pool->arg, chunk, thread);
    }
}

/* The range with the most chunks left, NULL if all are claimed.  The counts may
 * be old, but they only fall: an empty range stays empty. */
static struct pool_range *pool_fullest(const struct moe__pool *pool,
                                       int32_t n_active)
{
    struct pool_range *fullest = NULL;
    int32_t most = 0;
    for (int32_t i = 0; i < n_active; i++) {
        struct pool_range *range = &pool->ranges[i];
        const int32_t left =
            range->end -
            atomic_load_explicit(&range->next, memory_order_relaxed);
        if (left > most) {
            most = left;
            fullest = range;
        }
    }
    return fullest;
}

static void pool_work(const struct moe__pool *pool, int32_t thread,
                      int32_t n_active)
{
    struct pool_range *range = &pool->ranges[thread];
    do {
        pool_run_range(pool, range, thread);
        if (pool->stop &&
            atomic_load_explicit(pool->stop, memory_order_relaxed))
            return;
        range = pool_fullest(pool, n_active);
    } while (range);
}

/* --------------------------------------------------------------- workers */

static int32_t gate_active(uint64_t gate)
{
    const uint64_t mask = (1u << (GATE_PHASE_SHIFT - GATE_ACTIVE_SHIFT)) - 1;
    return (int32_t)(gate >> GATE_ACTIVE_SHIFT & mask);
}

/* Whether a worker whose last phase was `seen` has something to do. */
static bool gate_calls(uint64_t gate, int32_t index, uint32_t seen)
{
    if (gate & GATE_QUIT)
        return true;
    return (gate & GATE_OPEN) && index < gate_active(gate) &&
           (uint32_t)(gate >> GATE_PHASE_SHIFT) != seen;
}

/* Waits a little and says true, or says false when it is time to sleep. */
static bool pool_linger(const struct moe__pool *pool, int32_t n_active,
                        int32_t turn)
{
    if (n_active > pool->n_slots) {
        moe__thread_yield();
        return turn < POOL_N_YIELDS;
    }
    moe__thread_pause();
    return turn < pool->n_spins;
}

/* Sleeps until the gate calls.
 *
 * No wake-up is lost.  This thread adds to n_sleeping and then reads the gate;
 * the caller writes the gate and then reads n_sleeping; all four operations are
 * sequentially consistent, so at least one of the two sees the other.  If it is
 * the caller, it locks the mutex, which it gets only when this thread is inside
 * moe__cond_wait, and wakes it.  What is written before something is read is
 * written by an exchange or an addition: a plain store would do by C11, but
 * qemu (7.2, AArch64 on x86-64) lets the load overtake it.  A worker that is
 * not active is not counted (it would make each phase wake everybody): the
 * caller always wakes when n_active grows. */
static uint64_t pool_sleep(struct moe__pool *pool, int32_t index, uint32_t seen)
{
    uint64_t gate;
    moe__mutex_lock(&pool->mutex);
    for (;;) {
        atomic_fetch_add(&pool->n_sleeping, 1);
        gate = atomic_load(&pool->gate);
        const bool is_called = gate_calls(gate, index, seen);
        const bool is_counted = !is_called && index < gate_active(gate);
        if (!is_counted)
            atomic_fetch_sub(&pool->n_sleeping, 1);
        if (is_called)
            break;
        moe__cond_wait(&pool->work, &pool->mutex);
        if (is_counted)
            atomic_fetch_sub(&pool->n_sleeping, 1);
    }
    moe__mutex_unlock(&pool->mutex);
    return gate;
}

static uint64_t pool_wait(struct moe__pool *pool, int32_t index, uint32_t seen)
{
    for (int32_t turn = 0;; turn++) {
        const uint64_t gate =
            atomic_load_explicit(&pool->gate, memory_order_relaxed);
        if (gate_calls(gate, index, seen))
            return gate;
        const int32_t n_active = gate_active(gate);
        if ((gate & GATE_REST) || index >= n_active ||
            !pool_linger(pool, n_active, turn))
            return pool_sleep(pool, index, seen);
    }
}

/* Adds this worker to those inside, unless the phase is over; *gate is the last
 * one seen.  Acquire pairs with the release that opened the gate (additions of
 * other workers do not break the release sequence), so that the phase's data is
 * seen. */
static bool pool_enter(struct moe__pool *pool, int32_t index, uint32_t seen,
                       uint64_t *gate)
{
    while (gate_calls(*gate, index, seen) && !(*gate & GATE_QUIT))
        if (atomic_compare_exchange_weak_explicit(&pool->gate, gate, *gate + 1,
                                                  memory_order_acquire,
                                                  memory_order_relaxed))
            return true;
    return false;
}

/* The addition releases this worker's results to the caller.  It and the load
 * are sequentially consistent, as in pool_sleep with the roles exchanged. */
static void pool_leave(struct moe__pool *pool)
{
    atomic_fetch_add(&pool->n_left, 1);
    if (atomic_load(&pool->is_caller_sleeping)) {
        moe__mutex_lock(&pool->mutex);
        moe__cond_wake_all(&pool->done);
        moe__mutex_unlock(&pool->mutex);
    }
}

static void pool_worker_run(void *arg)
{
    const struct pool_worker *worker = arg;
    struct moe__pool *pool = worker->pool;
    const uint64_t saved = moe__fpu_begin();
    uint32_t seen = 0; /* phases count from 1 */
    for (;;) {
        uint64_t gate = pool_wait(pool, worker->index, seen);
        if (gate & GATE_QUIT)
            break;
        if (!pool_enter(pool, worker->index, seen, &gate))
            continue;
        seen = (uint32_t)(gate >> GATE_PHASE_SHIFT);
        pool_work(pool, worker->index, gate_active(gate));
        pool_leave(pool);
    }
    moe__fpu_end(saved);
}

/* ---------------------------------------------------------------- caller */

/* No worker is inside: only the gate is shared.  Its store releases the fields
 * written before it. */
static void pool_open(struct moe__pool *pool, int32_t n_chunks)
{
    const int32_t n_active = pool->n_active;
    for (int32_t i = 0; i < n_active; i++) {
        struct pool_range *range = &pool->ranges[i];
        range->end = pool_range_start(n_chunks, i + 1, n_active);
        atomic_store_explicit(&range->next,
                              pool_range_start(n_chunks, i, n_active),
                              memory_order_relaxed);
    }
    atomic_store_explicit(&pool->n_left, 0, memory_order_relaxed);
    const uint64_t old =
        atomic_load_explicit(&pool->gate, memory_order_relaxed);
    const uint64_t phase = (old >> GATE_PHASE_SHIFT) + 1;
    atomic_exchange(&pool->gate, phase << GATE_PHASE_SHIFT |
                                     (uint64_t)n_active << GATE_ACTIVE_SHIFT |
                                     GATE_OPEN);
    if (n_active > gate_active(old) || atomic_load(&pool->n_sleeping) > 0) {
        moe__mutex_lock(&pool->mutex);
        moe__cond_wake_all(&pool->work);
        moe__mutex_unlock(&pool->mutex);
    }
}

/* Closes the gate and waits for the workers that came in.  The closing itself
 * orders nothing; acquiring n_left makes the workers' results visible. */
static void pool_close(struct moe__pool *pool)
{
    const uint64_t gate = atomic_fetch_and_explicit(&pool->gate, ~GATE_OPEN,
                                                    memory_order_relaxed);
    const int32_t n_entered = (int32_t)(gate & GATE_ENTERED);
    int32_t turn = 0;
    while (atomic_load_explicit(&pool->n_left, memory_order_acquire) !=
           n_entered)
        if (!pool_linger(pool, pool->n_active, turn++))
            break;
    if (atomic_load_explicit(&pool->n_left, memory_order_acquire) == n_entered)
        return;
    moe__mutex_lock(&pool->mutex);
    atomic_exchange(&pool->is_caller_sleeping, 1);
    while (atomic_load(&pool->n_left) != n_entered)
        moe__cond_wait(&pool->done, &pool->mutex);
    atomic_store(&pool->is_caller_sleeping, 0);
    moe__mutex_unlock(&pool->mutex);
}

void moe__pool_run(struct moe__pool *pool, moe__chunk_fn *fn, void *arg,
                   int32_t n_chunks, const _Atomic int32_t *stop)
{
    if (pool->n_active == 1 || n_chunks <= 1) {
        for (int32_t i = 0; i < n_chunks; i++) {
            if (stop && atomic_load_explicit(stop, memory_order_relaxed))
                return;
            fn(arg, i, 0);
        }
        return;
    }
    pool->fn = fn;
    pool->arg = arg;
    pool->stop = stop;
    pool_open(pool, n_chunks);
    pool_work(pool, 0, pool->n_active);
    pool_close(pool);
}

void moe__pool_rest(struct moe__pool *pool)
{
    atomic_fetch_or_explicit(&pool->gate, GATE_REST, memory_order_relaxed);
}

void moe__pool_set_threads(struct moe__pool *pool, int32_t n)
{
    assert(n >= 1 && n <= pool->n_threads);
    pool->n_active = n;
}

int32_t moe__pool_threads(const struct moe__pool *pool)
{
    return pool->n_active;
}

/* ------------------------------------------------------- create, destroy */

/* Turns of the spin in pool_wait that take POOL_SPIN_NS.  The best of three: a
 * measurement can be interrupted. */
static int32_t pool_calibrate(const struct moe__pool *pool)
{
    const int32_t n_turns = 256;
    uint64_t best_ns = UINT64_MAX;
    for (int32_t i = 0; i < 3; i++) {
        const uint64_t start = moe__clock_ns();
        for (int32_t turn = 0; turn < n_turns; turn++) {
            const uint64_t gate =
                atomic_load_explicit(&pool->gate, memory_order_relaxed);
            if (gate_calls(gate, 0, 0))
                break;
            moe__thread_pause();
        }
        const uint64_t ns = moe__clock_ns() - start;
        best_ns = ns < best_ns ? ns : best_ns;
    }
    const uint64_t n = POOL_SPIN_NS * (uint64_t)n_turns / (best_ns | 1);
    return n < 64 ? 64 : n > 20000 ? 20000 : (int32_t)n;
}

static bool pool_start_worker(struct moe__pool *pool)
{
    struct pool_worker *worker = &pool->workers[pool->n_workers];
    worker->pool = pool;
    worker->index = pool->n_workers + 1;
    const bool is_started =
        pool->has_hooks
            ? pool->hooks.create(pool->hooks.user, &worker->handle,
                                 pool_worker_run, worker) == 0
            : moe__thread_start(&worker->thread, pool_worker_run, worker);
    pool->n_workers += is_started;
    return is_started;
}

static bool pool_init_locks(struct moe__pool *pool)
{
    if (!moe__mutex_init(&pool->mutex))
        return false;
    if (!moe__cond_init(&pool->work))
        goto destroy_mutex;
    if (!moe__cond_init(&pool->done))
        goto destroy_work;
    return true;

destroy_work:
    moe__cond_destroy(&pool->work);
destroy_mutex:
    moe__mutex_destroy(&pool->mutex);
    return false;
}

size_t moe__pool_bytes(int32_t n_threads)
{
    const size_t n = (size_t)n_threads;
    return sizeof(struct moe__pool) + n * sizeof(struct pool_range) +
           n * sizeof(struct pool_worker);
}

moe_status moe__pool_create(struct moe__mem *mem, int32_t n_threads,
                            const moe_thread_hooks *hooks,
                            struct moe__pool **out, struct moe__err *err)
{
    *out = NULL;
    if (n_threads < 1 || n_threads > MOE__MAX_THREADS)
        return moe__fail(err, MOE_ERR_ARGUMENT,
                         "expected 1 .. %d threads, found %d", MOE__MAX_THREADS,
                         n_threads);
    struct moe__pool *pool =
        moe__mem_calloc(mem, 1, moe__pool_bytes(n_threads));
    if (pool == NULL)
        return moe__fail(err, MOE_ERR_NO_MEMORY,
                         "no memory for a pool of %d threads", n_threads);
    if (!pool_init_locks(pool)) {
        moe__mem_free(mem, pool, moe__pool_bytes(n_threads));
        return moe__fail(err, MOE_ERR_THREAD, "the system gave no lock");
    }
    pool->ranges = (struct pool_range *)(pool + 1);
    pool->workers = (struct pool_worker *)(pool->ranges + n_threads);
    pool->mem = mem;
    pool->has_hooks = hooks && hooks->create && hooks->join;
    if (pool->has_hooks)
        pool->hooks = *hooks;
    pool->n_active = pool->n_threads = n_threads;
    pool->n_slots = moe__cpu_slots();
    pool->n_spins = pool_calibrate(pool);
    while (pool->n_workers < n_threads - 1)
        if (!pool_start_worker(pool)) {
            const int32_t n_running = pool->n_workers + 1;
            moe__pool_destroy(pool);
            return moe__fail(err, MOE_ERR_THREAD,
                             "expected %d threads, the system gave %d",
                             n_threads, n_running);
        }
    *out = pool;
    return MOE_OK;
}

void moe__pool_destroy(struct moe__pool *pool)
{
    if (pool == NULL)
        return;
    atomic_store(&pool->gate, GATE_QUIT);
    moe__mutex_lock(&pool->mutex);
    moe__cond_wake_all(&pool->work);
    moe__mutex_unlock(&pool->mutex);
    for (int32_t i = 0; i < pool->n_workers; i++) {
        if (pool->has_hooks)
            pool->hooks.join(pool->hooks.user, pool->workers[i].handle);
        else
            moe__thread_join(&pool->workers[i].thread);
    }
    moe__cond_destroy(&pool->done);
    moe__cond_destroy(&pool->work);
    moe__mutex_destroy(&pool->mutex);
    moe__mem_free(pool->mem, pool, moe__pool_bytes(pool->n_threads));
}
