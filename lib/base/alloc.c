/* alloc.c: the library's memory, and the only callers of malloc and free.
 *
 * Owns the default hook, the count of live bytes and the arena.  Sizes may be
 * anything a caller computed: they are checked, and too much is NULL. */
#include "base/alloc.h"

#include "base/bytes.h"

#include <stdlib.h>

/* Over-allocates and keeps malloc's pointer just below the aligned memory:
 * aligned_alloc is missing on Windows and on older phones. */
static void *libc_alloc(void *user, size_t bytes, size_t align)
{
    (void)user;
    size_t total;
    if (!moe__add_size(bytes, sizeof(void *) + align - 1, &total))
        return NULL;
    char *raw = malloc(total);
    if (raw == NULL)
        return NULL;
    const uintptr_t lowest = (uintptr_t)(raw + sizeof(void *));
    const size_t gap = (size_t)(-lowest & (align - 1));
    char *memory = raw + sizeof(void *) + gap;
    memcpy(memory - sizeof raw, &raw, sizeof raw);
    return memory;
}

static void libc_free(void *user, void *memory, size_t bytes)
{
    (void)user;
    (void)bytes;
    char *raw;
    memcpy(&raw, (char *)memory - sizeof raw, sizeof raw);
    free(raw);
}

void moe__mem_init(struct moe__mem *mem, const moe_allocator *hook)
{
    const moe_allocator libc = {
        .struct_size = sizeof libc, .alloc = libc_alloc, .free = libc_free};
    const bool is_complete = hook && hook->alloc && hook->free;
    mem->hook = is_complete ? *hook : libc;
    atomic_init(&mem->live_bytes, 0);
}

void *moe__mem_alloc(struct moe__mem *mem, size_t bytes)
{
    if (bytes == 0)
        return NULL;
    void *memory = mem->hook.alloc(mem->hook.user, bytes, MOE__ALIGN);
    /* A count that orders nothing: relaxed. */
    if (memory)
        atomic_fetch_add_explicit(&mem->live_bytes, bytes,
                                  memory_order_relaxed);
    return memory;
}

void *moe__mem_calloc(struct moe__mem *mem, size_t n, size_t size)
{
    size_t bytes;
    if (!moe__mul_size(n, size, &bytes))
        return NULL;
    void *memory = moe__mem_alloc(mem, bytes);
    return memory ? memset(memory, 0, bytes) : NULL;
}

void moe__mem_free(struct moe__mem *mem, void *memory, size_t bytes)
{
    if (memory == NULL)
        return;
    atomic_fetch_sub_explicit(&mem->live_bytes, bytes, memory_order_relaxed);
    mem->hook.free(mem->hook.user, memory, bytes);
}

/* ----------------------------------------------------------------- arena */

/* A block is one allocation: this header, padded to MOE__ALIGN, then
 * cap_bytes of room. */
struct moe__arena_block {
    struct moe__arena_block *next; /* older */
    size_t cap_bytes;
};

#define ARENA_HEADER_BYTES \
    moe__align_size(sizeof(struct moe__arena_block), MOE__ALIGN)
/* With its header a block is 64 KiB: a vocabulary of 150,000 words takes some
 * fifty of them.  Requests that would waste more than a quarter of it get a
 * block of their own. */
#define ARENA_ROOM_BYTES ((size_t)65536 - ARENA_HEADER_BYTES)
#define ARENA_OWN_BYTES (ARENA_ROOM_BYTES / 4)
/* From here on arrays are aligned for vectors, below only for scalars. */
#define ARENA_BIG_BYTES ((size_t)256)
#define ARENA_SMALL_ALIGN ((size_t)16)

void moe__arena_init(struct moe__arena *arena, struct moe__mem *mem)
{
    arena->mem = mem;
    arena->blocks = NULL;
    arena->used_bytes = 0;
}

static struct moe__arena_block *arena_block_new(struct moe__mem *mem,
                                                size_t cap_bytes)
{
    size_t total;
    if (!moe__add_size(cap_bytes, ARENA_HEADER_BYTES, &total))
        return NULL;
    struct moe__arena_block *block = moe__mem_alloc(mem, total);
    if (block) {
        block->next = NULL;
        block->cap_bytes = cap_bytes;
    }
    return block;
}

/* Room for `bytes` in a block of its own; the newest block stays in use. */
static void *arena_alloc_own(struct moe__arena *arena, size_t bytes)
{
    struct moe__arena_block *block = arena_block_new(arena->mem, bytes);
    if (block == NULL)
        return NULL;
    if (arena->blocks) {
        block->next = arena->blocks->next;
        arena->blocks->next = block;
    } else {
        arena->blocks = block;
        arena->used_bytes = bytes;
    }
    return memset((char *)block + ARENA_HEADER_BYTES, 0, bytes);
}

void *moe__arena_alloc(struct moe__arena *arena, size_t n, size_t size)
{
    size_t bytes;
    if (!moe__mul_size(n, size, &bytes))
        return NULL;
    if (bytes > ARENA_OWN_BYTES)
        return arena_alloc_own(arena, bytes);
    const size_t align =
        bytes >= ARENA_BIG_BYTES ? MOE__ALIGN : ARENA_SMALL_ALIGN;
    size_t start = moe__align_size(arena->used_bytes, align);
    struct moe__arena_block *block = arena->blocks;
    if (block == NULL || start > block->cap_bytes ||
        bytes > block->cap_bytes - start) {
        block = arena_block_new(arena->mem, ARENA_ROOM_BYTES);
        if (block == NULL)
            return NULL;
        block->next = arena->blocks;
        arena->blocks = block;
        start = 0;
    }
    arena->used_bytes = start + bytes;
    return memset((char *)block + ARENA_HEADER_BYTES + start, 0, bytes);
}

char *moe__arena_string(struct moe__arena *arena, const char *text,
                        size_t bytes)
{
    size_t with_nul;
    if (!moe__add_size(bytes, 1, &with_nul))
        return NULL;
    char *copy = moe__arena_alloc(arena, with_nul, 1);
    if (copy && bytes > 0)
        memcpy(copy, text, bytes);
    return copy;
}

void moe__arena_free(struct moe__arena *arena)
{
    for (struct moe__arena_block *block = arena->blocks, *next; block;
         block = next) {
        next = block->next;
        moe__mem_free(arena->mem, block, ARENA_HEADER_BYTES + block->cap_bytes);
    }
    moe__arena_init(arena, arena->mem);
}
