/* test_alloc.c: alignment, counting, hooks, and an arena that may run dry. */
#include "base/alloc.h"

#include "test.h"

static bool is_aligned(const void *p, size_t align)
{
    return (uintptr_t)p % align == 0;
}

/* Whether all n bytes are zero. */
static bool is_clear(const void *p, size_t n)
{
    const unsigned char *bytes = p;
    for (size_t i = 0; i < n; i++)
        if (bytes[i] != 0)
            return false;
    return true;
}

static void memory_is_aligned_and_counted(void)
{
    static const size_t sizes[] = {1, 7, 63, 64, 65, 4096, 100001};
    void *p[MOE__COUNT(sizes)];
    struct moe__mem mem;
    size_t total = 0;
    moe__mem_init(&mem, NULL);
    for (size_t i = 0; i < MOE__COUNT(sizes); i++) {
        p[i] = moe__mem_alloc(&mem, sizes[i]);
        REQUIRE(p[i] && is_aligned(p[i], MOE__ALIGN), "%zu", sizes[i]);
        memset(p[i], 0xa5, sizes[i]);
        total += sizes[i];
        CHECK(atomic_load(&mem.live_bytes) == total, "%zu", sizes[i]);
    }
    for (size_t i = 0; i < MOE__COUNT(sizes); i++)
        moe__mem_free(&mem, p[i], sizes[i]);
    moe__mem_free(&mem, NULL, 5);
    CHECK(atomic_load(&mem.live_bytes) == 0, "all is back");
}

static void impossible_sizes_give_null(void)
{
    struct moe__mem mem;
    moe__mem_init(&mem, NULL);
    const volatile size_t most = SIZE_MAX;
    CHECK(moe__mem_alloc(&mem, 0) == NULL, "0");
    CHECK(moe__mem_alloc(&mem, most) == NULL, "SIZE_MAX");
    CHECK(moe__mem_alloc(&mem, most - 70) == NULL, "wraps with padding");
    CHECK(moe__mem_calloc(&mem, most / 2, 3) == NULL, "product");
    CHECK(moe__mem_calloc(&mem, 0, 8) == NULL, "product 0");
    CHECK(atomic_load(&mem.live_bytes) == 0, "nothing counted");
}

static void calloc_clears(void)
{
    struct moe__mem mem;
    moe__mem_init(&mem, NULL);
    for (int i = 0; i < 20; i++) {
        unsigned char *p = moe__mem_calloc(&mem, 33, 11);
        REQUIRE(p && is_clear(p, 33 * 11), "dirty");
        memset(p, 0xff, 33 * 11);
        moe__mem_free(&mem, p, 33 * 11);
    }
}

/* A host that counts, and has no memory after `left` calls. */
struct host {
    struct moe__mem libc;
    int left;
    int n_alloc, n_free;
    size_t live_bytes;
    size_t last_align;
};

static struct host host_new(int left)
{
    struct host host = {.left = left};
    moe__mem_init(&host.libc, NULL);
    return host;
}

static void *host_alloc(void *user, size_t bytes, size_t align)
{
    struct host *host = user;
    if (host->left-- <= 0)
        return NULL;
    host->n_alloc++;
    host->live_bytes += bytes;
    host->last_align = align;
    void *memory = moe__mem_alloc(&host->libc, bytes);
    return memory ? memset(memory, 0xcd, bytes) : NULL;
}

static void host_free(void *user, void *memory, size_t bytes)
{
    struct host *host = user;
    host->n_free++;
    host->live_bytes -= bytes;
    moe__mem_free(&host->libc, memory, bytes);
}

static void hook_gets_sizes_and_alignment(void)
{
    struct host host = host_new(1);
    const moe_allocator hook = {sizeof hook, &host, host_alloc, host_free};
    struct moe__mem mem;
    moe__mem_init(&mem, &hook);
    void *p = moe__mem_calloc(&mem, 10, 10);
    REQUIRE(p && is_clear(p, 100), "cleared");
    CHECK(host.n_alloc == 1 && host.live_bytes == 100, "%zu", host.live_bytes);
    CHECK(host.last_align == MOE__ALIGN, "%zu", host.last_align);
    CHECK(moe__mem_alloc(&mem, 8) == NULL, "the host has no more");
    CHECK(atomic_load(&mem.live_bytes) == 100, "failure is not counted");
    moe__mem_free(&mem, p, 100);
    CHECK(host.n_free == 1 && host.live_bytes == 0, "%zu", host.live_bytes);
}

static void incomplete_hook_means_libc(void)
{
    struct host host = host_new(9);
    const moe_allocator hook = {sizeof hook, &host, host_alloc, NULL};
    struct moe__mem mem;
    moe__mem_init(&mem, &hook);
    void *p = moe__mem_alloc(&mem, 10);
    CHECK(p && host.n_alloc == 0, "half a hook was used");
    moe__mem_free(&mem, p, 10);
}

static void arena_memory_is_clear_aligned_and_apart(void)
{
    enum { N = 3000 };
    static unsigned char *p[N];
    static size_t sizes[N];
    struct moe__mem mem;
    struct moe__arena arena;
    moe__mem_init(&mem, NULL);
    moe__arena_init(&arena, &mem);
    for (size_t i = 0; i < N; i++) {
        sizes[i] = i % 100 == 99 ? 20000 + i * 30 : i * i % 701;
        p[i] = moe__arena_alloc(&arena, sizes[i], 1);
        REQUIRE(p[i] && is_clear(p[i], sizes[i]), "%zu", sizes[i]);
        CHECK(is_aligned(p[i], sizes[i] >= 256 ? 64 : 16), "%zu", sizes[i]);
        memset(p[i], (int)(i % 255 + 1), sizes[i]);
    }
    for (size_t i = 0; i < N; i++) /* nobody wrote over anybody */
        for (size_t k = 0; k < sizes[i]; k++)
            REQUIRE(p[i][k] == i % 255 + 1, "%zu at %zu", i, k);
    moe__arena_free(&arena);
    CHECK(atomic_load(&mem.live_bytes) == 0, "leak");
    CHECK(moe__arena_alloc(&arena, 1, 1) != NULL, "usable again");
    moe__arena_free(&arena);
}

static void arena_fills_its_blocks(void)
{
    struct host host = host_new(1000);
    const moe_allocator hook = {sizeof hook, &host, host_alloc, host_free};
    struct moe__mem mem;
    struct moe__arena arena;
    moe__mem_init(&mem, &hook);
    moe__arena_init(&arena, &mem);
    for (int i = 0; i < 16000; i++) { /* of 64 bytes: a million in all */
        REQUIRE(moe__arena_alloc(&arena, 4, 16), "%d", i);
        if (i % 4000 == 0) /* a big one must not end the block in use */
            REQUIRE(moe__arena_alloc(&arena, 50000, 1), "%d", i);
    }
    CHECK(host.n_alloc <= 16 + 4 + 1, "%d blocks", host.n_alloc);
    moe__arena_free(&arena);
    CHECK(host.live_bytes == 0, "leak");
}

static void arena_survives_a_dry_host(void)
{
    for (int left = 0; left < 5; left++) {
        struct host host = host_new(left);
        const moe_allocator hook = {sizeof hook, &host, host_alloc, host_free};
        struct moe__mem mem;
        struct moe__arena arena;
        int n_got = 0;
        moe__mem_init(&mem, &hook);
        moe__arena_init(&arena, &mem);
        for (int i = 0; i < 10; i++)
            n_got += moe__arena_alloc(&arena, i % 2 ? 40000 : 16000, 1) != NULL;
        CHECK(left > 0 || n_got == 0, "%d", n_got);
        CHECK(moe__arena_alloc(&arena, SIZE_MAX, 1) == NULL, " ");
        CHECK(moe__arena_alloc(&arena, SIZE_MAX - 64, 1) == NULL, " ");
        CHECK(moe__arena_alloc(&arena, SIZE_MAX / 4, 8) == NULL, " ");
        CHECK(moe__arena_string(&arena, "", SIZE_MAX) == NULL, " ");
        moe__arena_free(&arena);
        CHECK(host.n_alloc == host.n_free && host.live_bytes == 0, "leak");
    }
}

static void arena_strings_end_in_nul(void)
{
    struct moe__mem mem;
    struct moe__arena arena;
    moe__mem_init(&mem, NULL);
    moe__arena_init(&arena, &mem);
    const char *s = moe__arena_string(&arena, "hello world", 5);
    CHECK(s && strcmp(s, "hello") == 0, "%s", s);
    const char *empty = moe__arena_string(&arena, NULL, 0);
    CHECK(empty && *empty == 0, "empty");
    CHECK(moe__arena_alloc(&arena, 0, 8) != NULL, "product 0");
    moe__arena_free(&arena);
}

static const struct test tests[] = {
    {"memory_is_aligned_and_counted", memory_is_aligned_and_counted},
    {"impossible_sizes_give_null", impossible_sizes_give_null},
    {"calloc_clears", calloc_clears},
    {"hook_gets_sizes_and_alignment", hook_gets_sizes_and_alignment},
    {"incomplete_hook_means_libc", incomplete_hook_means_libc},
    {"arena_memory_is_clear_aligned_and_apart",
     arena_memory_is_clear_aligned_and_apart},
    {"arena_fills_its_blocks", arena_fills_its_blocks},
    {"arena_survives_a_dry_host", arena_survives_a_dry_host},
    {"arena_strings_end_in_nul", arena_strings_end_in_nul},
};

TEST_MAIN(tests)
