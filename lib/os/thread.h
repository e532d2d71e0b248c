/* thread.h: threads, and one pool of them that runs chunks of a phase.
 *
 * moe__pool_run(pool, fn, arg, n) calls fn(arg, i, t) once for every i in
 * [0, n), t in [0, n_threads) being the thread that runs it, and returns when
 * all are done.  Which thread gets which chunk is decided while running, so no
 * result may depend on t (t is for private scratch only).  fn sees what the
 * caller wrote before the run; the caller sees after it what fn wrote. */
#ifndef MOE_OS_THREAD_H
#define MOE_OS_THREAD_H

#include "base/alloc.h"

typedef void moe__chunk_fn(void *arg, int32_t chunk, int32_t thread);

struct moe__pool;

#define MOE__MAX_THREADS 256

/* Starts n_threads - 1 workers; the caller of moe__pool_run is thread 0.
 * n_threads is 1 .. MOE__MAX_THREADS.  hooks NULL or with a NULL slot = the
 * system's threads.  Workers set the floating-point state of kernels themselves
 * (moe__fpu_begin).  If one cannot be started, the others are joined and the
 * result is MOE_ERR_THREAD. */
moe_status moe__pool_create(struct moe__mem *mem, int32_t n_threads,
                            const moe_thread_hooks *hooks,
                            struct moe__pool **out, struct moe__err *err);
void moe__pool_destroy(struct moe__pool *pool); /* may be NULL */
/* What moe__pool_create takes from `mem`. */
size_t moe__pool_bytes(int32_t n_threads);

/* Uses n of the threads from now on, 1 .. n_threads at creation; not during a
 * run. */
void moe__pool_set_threads(struct moe__pool *pool, int32_t n);
int32_t moe__pool_threads(const struct moe__pool *pool);

/* Runs a phase; not reentrant.  If *stop (may be NULL) becomes non-zero, the
 * chunks not yet begun are skipped. */
void moe__pool_run(struct moe__pool *pool, moe__chunk_fn *fn, void *arg,
                   int32_t n_chunks, const _Atomic int32_t *stop);

/* Lets idle workers sleep; the next run wakes them.  Between two runs workers
 * spin for a bounded time (about 20 microseconds) and then sleep anyway. */
void moe__pool_rest(struct moe__pool *pool);

#endif
