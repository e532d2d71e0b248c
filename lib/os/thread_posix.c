/* thread_posix.c: thread_sys.h on pthreads. */
#define _POSIX_C_SOURCE 200809L

#include "os/thread_sys.h"

#if !defined(_WIN32)

#include <sched.h>

/* Systems give between 128 KiB and 8 MiB; kernels keep tiles on the stack. */
#define THREAD_STACK_BYTES ((size_t)1 << 20)

bool moe__mutex_init(struct moe__mutex *mutex)
{
    return pthread_mutex_init(&mutex->lock, NULL) == 0;
}

void moe__mutex_destroy(struct moe__mutex *mutex)
{
    pthread_mutex_destroy(&mutex->lock);
}

void moe__mutex_lock(struct moe__mutex *mutex)
{
    pthread_mutex_lock(&mutex->lock);
}

void moe__mutex_unlock(struct moe__mutex *mutex)
{
    pthread_mutex_unlock(&mutex->lock);
}

bool moe__cond_init(struct moe__cond *cond)
{
    return pthread_cond_init(&cond->variable, NULL) == 0;
}

void moe__cond_destroy(struct moe__cond *cond)
{
    pthread_cond_destroy(&cond->variable);
}

void moe__cond_wait(struct moe__cond *cond, struct moe__mutex *mutex)
{
    pthread_cond_wait(&cond->variable, &mutex->lock);
}

void moe__cond_wake_all(struct moe__cond *cond)
{
    pthread_cond_broadcast(&cond->variable);
}

static void *thread_main(void *arg)
{
    const struct moe__thread *thread = arg;
    thread->run(thread->arg);
    return NULL;
}

bool moe__thread_start(struct moe__thread *thread, void (*run)(void *arg),
                       void *arg)
{
    pthread_attr_t attributes;
    thread->run = run;
    thread->arg = arg;
    if (pthread_attr_init(&attributes) != 0)
        return false;
    const bool is_started =
        pthread_attr_setstacksize(&attributes, THREAD_STACK_BYTES) == 0 &&
        pthread_create(&thread->id, &attributes, thread_main, thread) == 0;
    pthread_attr_destroy(&attributes);
    return is_started;
}

void moe__thread_join(struct moe__thread *thread)
{
    pthread_join(thread->id, NULL);
}

void moe__thread_yield(void)
{
    sched_yield();
}

#endif
