/* thread_sys.h: the system's threads, locks and waiting, for thread.c only. */
#ifndef MOE_OS_THREAD_SYS_H
#define MOE_OS_THREAD_SYS_H

#include "base/compiler.h"

#if defined(_WIN32)
struct moe__mutex {
    void *lock; /* an SRWLOCK */
};
struct moe__cond {
    void *variable; /* a CONDITION_VARIABLE */
};
struct moe__thread {
    void *handle;
    void (*run)(void *arg);
    void *arg;
};
#else
#include <pthread.h>
struct moe__mutex {
    pthread_mutex_t lock;
};
struct moe__cond {
    pthread_cond_t variable;
};
struct moe__thread {
    pthread_t id;
    void (*run)(void *arg);
    void *arg;
};
#endif

bool moe__mutex_init(struct moe__mutex *mutex);
void moe__mutex_destroy(struct moe__mutex *mutex);
void moe__mutex_lock(struct moe__mutex *mutex);
void moe__mutex_unlock(struct moe__mutex *mutex);

bool moe__cond_init(struct moe__cond *cond);
void moe__cond_destroy(struct moe__cond *cond);
/* Unlocks, sleeps, locks.  May return for no reason. */
void moe__cond_wait(struct moe__cond *cond, struct moe__mutex *mutex);
void moe__cond_wake_all(struct moe__cond *cond);

/* *thread must stay where it is until it is joined. */
bool moe__thread_start(struct moe__thread *thread, void (*run)(void *arg),
                       void *arg);
void moe__thread_join(struct moe__thread *thread);
/* Lets another thread of the machine run, if one is ready. */
void moe__thread_yield(void);

/* Tells the core that this is a spin: saves power, frees an SMT sibling. */
MOE__INLINE void moe__thread_pause(void)
{
#if defined(__GNUC__) && (defined(__x86_64__) || defined(__i386__))
    __builtin_ia32_pause();
#elif defined(__GNUC__) && defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

#endif
