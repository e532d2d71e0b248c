/* test_file.c: what is mapped or read is what the file holds; all else is
 * refused by name. */
#include "os/file.h"

#include "test.h"

#define FILE_BYTES 300000 /* some pages and a piece */

static char path[64];

static unsigned char byte_at(size_t i)
{
    return (unsigned char)(i * 7 + (i >> 8));
}

/* Writes n bytes to a new file in the working directory; false if it cannot. */
static bool write_file(size_t n)
{
    snprintf(path, sizeof path, "test_file.%u.tmp",
             (unsigned)(uintptr_t)&path ^ (unsigned)n);
    FILE *f = fopen(path, "wb");
    if (f == NULL)
        return false;
    for (size_t i = 0; i < n; i++)
        fputc(byte_at(i), f);
    return fclose(f) == 0;
}

static void map_holds_the_file(void)
{
    struct moe__map map;
    struct moe__err err = {0, ""};
    if (!write_file(FILE_BYTES))
        SKIP("no file can be written here");
    moe_status status = moe__map_open(&map, path, &err);
    remove(path); /* the mapping needs no name */
    REQUIRE(status == MOE_OK, "%s", err.message);
    REQUIRE(map.bytes == FILE_BYTES, "%llu", (unsigned long long)map.bytes);
    moe__map_prefetch(&map, 0, map.bytes);
    moe__map_prefetch(&map, 5001, UINT64_MAX);
    moe__map_prefetch(&map, UINT64_MAX, 1);
    moe__map_prefetch(&map, map.bytes - 1, 1);
    for (size_t i = 0; i < FILE_BYTES; i++)
        REQUIRE(map.data[i] == byte_at(i), "byte %zu", i);
    moe__map_close(&map);
    CHECK(map.data == NULL && map.bytes == 0, "closed");
    moe__map_close(&map);
}

static void source_reads_any_part(void)
{
    struct moe__mem mem;
    moe_source source = {0};
    static unsigned char part[FILE_BYTES];
    moe__mem_init(&mem, NULL);
    if (!write_file(FILE_BYTES))
        SKIP("no file can be written here");
    moe_status status = moe__source_open(&mem, path, &source, NULL);
    if (status != MOE_OK)
        remove(path);
    REQUIRE(status == MOE_OK, "%d", status);
    CHECK(source.struct_size == sizeof source, " ");
    CHECK(source.size_bytes == FILE_BYTES, " ");
    static const size_t spans[][2] = {
        {0, FILE_BYTES}, {1, 1}, {4095, 2}, {FILE_BYTES - 1, 1}, {77, 0}};
    for (size_t i = 0; i < MOE__COUNT(spans); i++) {
        const size_t at = spans[i][0], n = spans[i][1];
        memset(part, 0, sizeof part);
        CHECK(source.read_at(source.user, at, part, n) == 0, "%zu+%zu", at, n);
        for (size_t k = 0; k < n; k++)
            REQUIRE(part[k] == byte_at(at + k), "byte %zu", at + k);
    }
    CHECK(source.read_at(source.user, FILE_BYTES - 1, part, 2) != 0,
          "past the end");
    CHECK(source.read_at(source.user, (uint64_t)1 << 62, part, 1) != 0,
          "far past the end");
    source.close(source.user);
    remove(path);
    CHECK(atomic_load(&mem.live_bytes) == 0, "leak");
}

/* Both ways to open must refuse `name` with this status and sentence. */
static void check_refused(const char *name, moe_status want,
                          const char *sentence)
{
    struct moe__mem mem;
    struct moe__map map = {(const uint8_t *)name, 77};
    moe_source source = {.size_bytes = 77};
    moe__mem_init(&mem, NULL);
    for (int is_source = 0; is_source < 2; is_source++) {
        struct moe__err err = {0, ""};
        moe_status found = is_source
                               ? moe__source_open(&mem, name, &source, &err)
                               : moe__map_open(&map, name, &err);
        CHECK(found == want && err.status == want, "%d: %s", found,
              err.message);
        CHECK(strcmp(err.message, sentence) == 0, "%s", err.message);
    }
    CHECK(map.data == NULL && map.bytes == 0, "map is empty");
    CHECK(source.size_bytes == 77 && source.user == NULL, "untouched");
    CHECK(atomic_load(&mem.live_bytes) == 0, "leak");
    moe__map_close(&map);
}

static void missing_files_are_named(void)
{
    check_refused("no/such/dir/a.gguf", MOE_ERR_NOT_FOUND,
                  "no such file: no/such/dir/a.gguf");
    check_refused("lib/base/math.h/x", MOE_ERR_NOT_FOUND,
                  "no such file: lib/base/math.h/x");
    check_refused("", MOE_ERR_NOT_FOUND, "no such file: ");
    check_refused("no\nsuch\xff", MOE_ERR_NOT_FOUND,
#if defined(_WIN32)
                  "the path is not UTF-8 or above 4095 characters: "
#else
                  "no such file: "
#endif
                  "no\\x0asuch\\xff");
}

static void directories_are_refused(void)
{
    check_refused("lib", MOE_ERR_IO, "expected a file, found a directory: lib");
}

static void empty_files_are_refused(void)
{
    char sentence[128];
    if (!write_file(0))
        SKIP("no file can be written here");
    snprintf(sentence, sizeof sentence, "the file is empty: %s", path);
    check_refused(path, MOE_ERR_TRUNCATED, sentence);
    remove(path);
}

#if !defined(_WIN32)
static void devices_are_refused(void)
{
    check_refused("/dev/null", MOE_ERR_IO,
                  "expected a file, found a device or pipe: /dev/null");
}
#endif

static void *no_alloc(void *user, size_t bytes, size_t align)
{
    (void)user, (void)bytes, (void)align;
    return NULL;
}

static void no_free(void *user, void *memory, size_t bytes)
{
    (void)user, (void)memory, (void)bytes;
}

static void no_memory_for_a_source(void)
{
    const moe_allocator none = {sizeof none, NULL, no_alloc, no_free};
    struct moe__mem mem;
    moe_source source = {0};
    struct moe__err err = {0, ""};
    moe__mem_init(&mem, &none);
    if (!write_file(10))
        SKIP("no file can be written here");
    CHECK(moe__source_open(&mem, path, &source, &err) == MOE_ERR_NO_MEMORY,
          " ");
    CHECK(source.close == NULL, "untouched");
    remove(path);
}

static const struct test tests[] = {
    {"map_holds_the_file", map_holds_the_file},
    {"source_reads_any_part", source_reads_any_part},
    {"missing_files_are_named", missing_files_are_named},
    {"directories_are_refused", directories_are_refused},
    {"empty_files_are_refused", empty_files_are_refused},
#if !defined(_WIN32)
    {"devices_are_refused", devices_are_refused},
#endif
    {"no_memory_for_a_source", no_memory_for_a_source},
};

TEST_MAIN(tests)
