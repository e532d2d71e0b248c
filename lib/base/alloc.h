/* alloc.h: memory through the host's hook, and a bump arena on top of it.
 *
 * Nothing else in the library gets memory.  moe__mem counts what is out, so
 * that tests can see leaks and plans can be checked. */
#ifndef MOE_BASE_ALLOC_H
#define MOE_BASE_ALLOC_H

#include "base/status.h"

#include <stdatomic.h>

#define MOE__ALIGN ((size_t)64) /* one cache line, one AVX-512 register */

struct moe__mem {
    moe_allocator hook;          /* always complete: defaults filled in */
    _Atomic uint64_t live_bytes; /* handed out and not yet freed */
};

/* hook NULL or with a NULL slot = malloc and free of libc. */
void moe__mem_init(struct moe__mem *mem, const moe_allocator *hook);

/* 64-byte aligned, not cleared; NULL if there is none or bytes is 0. */
void *moe__mem_alloc(struct moe__mem *mem, size_t bytes);
/* n * size bytes, cleared; NULL also if the product overflows. */
void *moe__mem_calloc(struct moe__mem *mem, size_t n, size_t size);
/* memory may be NULL; bytes as asked for. */
void moe__mem_free(struct moe__mem *mem, void *memory, size_t bytes);

/* A growing list of blocks that die together.  Pointers stay valid. */
struct moe__arena_block;
struct moe__arena {
    struct moe__mem *mem;
    struct moe__arena_block *blocks;
    size_t used_bytes; /* of the newest block */
};

void moe__arena_init(struct moe__arena *arena, struct moe__mem *mem);
/* n * size bytes, cleared; aligned to 64 bytes from 256 bytes on, to 16 below.
 * NULL if there is none.  A product of 0 gives a valid pointer. */
void *moe__arena_alloc(struct moe__arena *arena, size_t n, size_t size);
/* A NUL-terminated copy of [bytes]. */
char *moe__arena_string(struct moe__arena *arena, const char *text,
                        size_t bytes);
/* Frees all blocks; the arena is empty and usable again. */
void moe__arena_free(struct moe__arena *arena);

#endif
