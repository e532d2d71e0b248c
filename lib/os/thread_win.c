/* thread_win.c: thread_sys.h on Windows. */
#include "os/thread_sys.h"

#if defined(_WIN32)

#define WIN32_LEAN_AND_MEAN
#include <process.h>
#include <windows.h>

/* As in thread_posix.c. */
#define WIN_STACK_BYTES 0x100000u

/* thread_sys.h keeps windows.h out of the pool: both types are one pointer,
 * and start as zero. */
static_assert(sizeof(SRWLOCK) == sizeof(void *), "SRWLOCK is a pointer");
static_assert(sizeof(CONDITION_VARIABLE) == sizeof(void *),
              "CONDITION_VARIABLE is a pointer");

bool moe__mutex_init(struct moe__mutex *mutex)
{
    InitializeSRWLock((SRWLOCK *)&mutex->lock);
    return true;
}

void moe__mutex_destroy(struct moe__mutex *mutex)
{
    (void)mutex;
}

void moe__mutex_lock(struct moe__mutex *mutex)
{
    AcquireSRWLockExclusive((SRWLOCK *)&mutex->lock);
}

void moe__mutex_unlock(struct moe__mutex *mutex)
{
    ReleaseSRWLockExclusive((SRWLOCK *)&mutex->lock);
}

bool moe__cond_init(struct moe__cond *cond)
{
    InitializeConditionVariable((CONDITION_VARIABLE *)&cond->variable);
    return true;
}

void moe__cond_destroy(struct moe__cond *cond)
{
    (void)cond;
}

void moe__cond_wait(struct moe__cond *cond, struct moe__mutex *mutex)
{
    SleepConditionVariableSRW((CONDITION_VARIABLE *)&cond->variable,
                              (SRWLOCK *)&mutex->lock, INFINITE, 0);
}

void moe__cond_wake_all(struct moe__cond *cond)
{
    WakeAllConditionVariable((CONDITION_VARIABLE *)&cond->variable);
}

static unsigned __stdcall win_thread_main(void *arg)
{
    const struct moe__thread *thread = arg;
    thread->run(thread->arg);
    return 0;
}

bool moe__thread_start(struct moe__thread *thread, void (*run)(void *arg),
                       void *arg)
{
    thread->run = run;
    thread->arg = arg;
    thread->handle = (void *)_beginthreadex(NULL, WIN_STACK_BYTES,
                                            win_thread_main, thread, 0, NULL);
    return thread->handle != NULL;
}

void moe__thread_join(struct moe__thread *thread)
{
    WaitForSingleObject(thread->handle, INFINITE);
    CloseHandle(thread->handle);
}

void moe__thread_yield(void)
{
    SwitchToThread();
}

#endif
