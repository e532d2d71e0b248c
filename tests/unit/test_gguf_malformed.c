/* test_gguf_malformed.c: damaged and hostile GGUF files.
 *
 * The tests are named after the defects of other readers that they stand for:
 * counts and sums that wrap, lengths that are believed, divisions by zero. */
#define _POSIX_C_SOURCE 200809L
#include "test.h"

#include "gguf_check.h"

#include <time.h>

static const uint64_t edges[] = {
    0,
    1,
    2,
    0x7fffffff,
    0x80000000,
    0x80000001,
    0xffffffff,
    0x100000000,
    0x100000001,
    UINT64_MAX / 80, /* over the size of a record in memory: wrap partners */
    UINT64_MAX / 48 + 1,
    (uint64_t)1 << 59,
    (uint64_t)1 << 60,
    (uint64_t)1 << 61,
    (uint64_t)1 << 62,
    0x7fffffffffffffff,
    0x8000000000000000,
    0x8000000000000001,
    UINT64_MAX - 31,
    UINT64_MAX - 1,
    UINT64_MAX,
};

/* A small sound file with fields of every kind. */
static void build_small(struct gguf_builder *b, uint32_t version)
{
    static const char *const words[] = {"ab", "", "cde"};
    build_begin(b, version);
    build_string(b, "general.architecture", "llama");
    build_u32(b, "llama.block_count", 2);
    build_strings(b, "tokens", words, 3);
    build_array(b, "scores", MOE_META_F32, NULL, 3);
    build_bool(b, "flag", 1);
    build_tensor(b, "a", MOE__F32, 2, (uint64_t[]){4, 2}, NULL, 32);
    build_tensor(b, "b", MOE__Q8_0, 1, (uint64_t[]){64}, NULL, 68);
}

/* Survives bytes [n] and returns the status; `what` for messages. */
static moe_status survive(const char *what, const void *bytes, size_t n,
                          struct moe__err *err)
{
    struct moe__err local;
    const char *wrong = check_survive(bytes, n, err ? err : &local);
    CHECK(wrong == NULL, "%s: %s", what, wrong ? wrong : "");
    return err ? err->status : local.status;
}

static moe_status survive_built(const char *what, struct gguf_builder *b,
                                struct moe__err *err)
{
    size_t n;
    const uint8_t *bytes = build_finish(b, &n);
    const moe_status status = survive(what, bytes, n, err);
    build_free(b);
    return status;
}

/* The small file with field number i of a kind set to a value. */
static moe_status survive_patched(uint32_t version, const char *kind, size_t i,
                                  uint64_t value, struct moe__err *err)
{
    struct gguf_builder b;
    size_t n;
    char what[96];
    build_small(&b, version);
    uint8_t *bytes = build_finish(&b, &n);
    const struct build_field *field = build_field(&b, kind, i);
    moe_status status = MOE_ERR_INTERNAL;
    CHECK(field, "no field %s %d", kind, (int)i);
    if (field) {
        snprintf(what, sizeof what, "v%d %s %d = %llx", (int)version, kind,
                 (int)i, (unsigned long long)value);
        patch_number(bytes + field->at, value, field->bytes);
        status = survive(what, bytes, n, err);
    }
    build_free(&b);
    return status;
}

/* Every edge value in every field of a kind, all versions.  `sound` is the one
 * value of field 0 that is fine; the others must be refused. */
static void patch_all(const char *kind, size_t n_fields)
{
    for (uint32_t version = 1; version <= 3; version++)
        for (size_t i = 0; i < n_fields; i++)
            for (size_t e = 0; e < MOE__COUNT(edges); e++) {
                const uint64_t value =
                    version == 1 ? edges[e] & 0xffffffff : edges[e];
                const moe_status status =
                    survive_patched(version, kind, i, edges[e], NULL);
                CHECK(status != MOE_OK || value < 3, "%s %d = %llx", kind,
                      (int)i, (unsigned long long)value);
            }
}

/* ------------------------------------------------------ counts and lengths */

static void count_wrap(void)
{
    patch_all("n_tensors", 1);
    patch_all("n_entries", 1);
    CHECK(survive_patched(3, "n_entries", 0, UINT64_MAX, NULL) ==
          MOE_ERR_FORMAT);
    CHECK(survive_patched(3, "n_tensors", 0, (uint64_t)1 << 63, NULL) ==
          MOE_ERR_FORMAT);
    CHECK(survive_patched(3, "n_entries", 0, 1000, NULL) == MOE_ERR_TRUNCATED);
    CHECK(survive_patched(3, "n_tensors", 0, 1000, NULL) == MOE_ERR_TRUNCATED);
}

static void strlen_wrap(void)
{
    patch_all("key_length", 5);
    patch_all("string_length", 4);
    patch_all("name_length", 2);
    for (uint32_t version = 2; version < 4; version++) {
        CHECK(survive_patched(version, "key_length", 1, UINT64_MAX, NULL) ==
              MOE_ERR_FORMAT);
        CHECK(survive_patched(version, "string_length", 0, UINT64_MAX, NULL) ==
              MOE_ERR_FORMAT);
        CHECK(survive_patched(version, "string_length", 2, UINT64_MAX, NULL) ==
              MOE_ERR_FORMAT);
        CHECK(survive_patched(version, "name_length", 0, UINT64_MAX, NULL) ==
              MOE_ERR_FORMAT);
    }
}

static void len_signed(void)
{
    /* Negative as i32 or i64: */
    static const uint64_t lengths[] = {0xffffffff, 0x80000000,
                                       0xffffffff80000000, UINT64_MAX};
    for (size_t i = 0; i < MOE__COUNT(lengths); i++) {
        CHECK(survive_patched(3, "key_length", 0, lengths[i], NULL) ==
              MOE_ERR_FORMAT);
        CHECK(survive_patched(3, "array_length", 1, lengths[i], NULL) ==
              MOE_ERR_FORMAT);
    }
}

static void v1_zero(void)
{
    for (size_t i = 0; i < 5; i++)
        CHECK(survive_patched(1, "key_length", i, 0, NULL) == MOE_ERR_FORMAT);
    CHECK(survive_patched(1, "name_length", 0, 0, NULL) == MOE_ERR_FORMAT);
    struct gguf_builder b;
    build_begin(&b, 1);
    build_string(&b, "empty", "");
    CHECK(survive_built("v1 empty string", &b, NULL) == MOE_OK);
}

static void ndims_type(void)
{
    static const uint64_t dims[] = {5, 0x7fffffff, 0x80000000, 0xffffffff};
    static const uint64_t types[] = {
        4, 5, 31, 36, 38, 43, 255, 0x7fffffff, 0x80000000, 0xffffffff};
    for (size_t i = 0; i < MOE__COUNT(dims); i++)
        CHECK(survive_patched(3, "n_dims", 1, dims[i], NULL) == MOE_ERR_FORMAT);
    for (size_t i = 0; i < MOE__COUNT(types); i++) {
        CHECK(survive_patched(3, "tensor_type", 0, types[i], NULL) ==
              MOE_ERR_UNSUPPORTED);
    }
    for (size_t i = 0; i < 7; i++) {
        CHECK(survive_patched(3, "value_type", i % 5, 13 + i, NULL) ==
              MOE_ERR_FORMAT);
        CHECK(survive_patched(3, "element_type", 1, 0xffffffff - i, NULL) ==
              MOE_ERR_FORMAT);
    }
}

static void array_count(void)
{
    patch_all("array_length", 2);
    CHECK(survive_patched(3, "array_length", 0, (uint64_t)1 << 61, NULL) ==
          MOE_ERR_FORMAT);
    CHECK(survive_patched(3, "array_length", 1, (uint64_t)1 << 62, NULL) ==
          MOE_ERR_FORMAT);
    CHECK(survive_patched(3, "array_length", 0, 1 << 20, NULL) ==
          MOE_ERR_TRUNCATED);
    CHECK(survive_patched(3, "element_type", 0, MOE_META_ARRAY, NULL) ==
          MOE_ERR_UNSUPPORTED);
}

static void bool_values(void)
{
    CHECK(survive_patched(3, "value", 2, 0, NULL) == MOE_OK);
    CHECK(survive_patched(3, "value", 2, 2, NULL) == MOE_ERR_FORMAT);
    CHECK(survive_patched(3, "value", 2, 255, NULL) == MOE_ERR_FORMAT);
    struct gguf_builder b;
    build_begin(&b, 3);
    build_array(&b, "k", MOE_META_BOOL, "\1\0\2", 3);
    CHECK(survive_built("bool array", &b, NULL) == MOE_ERR_FORMAT);
}

/* ----------------------------------------------------------------- tensors */

/* One tensor of a type and dims at an offset, in a file with 64 data bytes. */
static moe_status survive_tensor(uint32_t type, uint32_t n_dims,
                                 const uint64_t *dims, uint64_t offset)
{
    struct gguf_builder b;
    build_begin(&b, 3);
    build_info(&b, "t", type, n_dims, dims, offset);
    build_append(&b.parts[BUILD_DATA], NULL, 64);
    return survive_built("tensor", &b, NULL);
}

/* Two tensors whose sizes add past 2^64, and alone are past the file. */
static void sum_wrap(void)
{
    static const uint64_t sizes[] = {(uint64_t)1 << 63,
                                     ((uint64_t)1 << 63) - 32, UINT64_MAX - 31,
                                     UINT64_MAX - 63};
    for (size_t i = 0; i < MOE__COUNT(sizes); i++)
        for (size_t k = 0; k < MOE__COUNT(sizes); k++) {
            struct gguf_builder b;
            build_begin(&b, 3);
            build_info(&b, "a", MOE__I8, 1, &sizes[i], 0);
            build_info(&b, "b", MOE__I8, 1, &sizes[k], sizes[i]);
            build_append(&b.parts[BUILD_DATA], NULL, 64);
            const moe_status status = survive_built("sum", &b, NULL);
            CHECK(status == MOE_ERR_FORMAT || status == MOE_ERR_TRUNCATED);
        }
}

/* So many records that their size in memory wraps. */
static void overhead_wrap(void)
{
    for (uint64_t record = 16; record <= 512; record += 8) {
        const uint64_t n = UINT64_MAX / record + 1;
        CHECK(survive_patched(3, "n_tensors", 0, n, NULL) == MOE_ERR_FORMAT);
        CHECK(survive_patched(3, "n_entries", 0, n, NULL) == MOE_ERR_FORMAT);
    }
}

/* Elements that fit in 64 bits, bytes that do not or wrap to few. */
static void nbytes_wrap(void)
{
    for (uint32_t type = 0; type < MOE__N_TYPES; type++) {
        const struct moe__type_info *info = moe__type_info(type);
        if (info == NULL)
            continue;
        const uint64_t elems = (uint64_t)info->block_elems;
        for (size_t i = 0; i < MOE__COUNT(edges); i++)
            for (int at = 0; at < 4; at++) {
                uint64_t dims[4] = {elems, 1, 1, 1};
                dims[at] = at == 0 ? edges[i] / elems * elems : edges[i];
                const moe_status status = survive_tensor(type, 4, dims, 0);
                const bool is_small = dims[at] > 0 &&
                                      (at > 0 ? dims[at] : dims[at] / elems) *
                                              (uint64_t)info->block_bytes <=
                                          64 &&
                                      edges[i] < 0x7fffffff;
                CHECK((status == MOE_OK) == is_small, "%s dim %d %llx",
                      info->name, at, (unsigned long long)edges[i]);
            }
        /* Products of two and three dims that wrap to 0 or to few: */
        for (int shift = 16; shift < 64; shift++) {
            const uint64_t two[2] = {elems * ((uint64_t)1 << (64 - shift) / 2),
                                     (uint64_t)1 << shift};
            CHECK(survive_tensor(type, 2, two, 0) != MOE_OK);
            const uint64_t three[3] = {elems, (uint64_t)1 << (64 - shift),
                                       (uint64_t)1 << shift};
            CHECK(survive_tensor(type, 3, three, 0) == MOE_ERR_FORMAT ||
                  info->block_bytes == 1);
        }
    }
}

static void pad_wrap(void)
{
    /* Sizes that rounding up to the alignment would turn into 0: */
    const uint64_t sizes[] = {UINT64_MAX / 4, UINT64_MAX / 4 - 7,
                              UINT64_MAX / 4 + 1};
    for (size_t i = 0; i < MOE__COUNT(sizes); i++) {
        const moe_status status = survive_tensor(MOE__F32, 1, &sizes[i], 0);
        CHECK(status == MOE_ERR_FORMAT || status == MOE_ERR_TRUNCATED);
    }
    /* The checked function itself, over all pairs of edges: */
    for (size_t i = 0; i < MOE__COUNT(edges); i++)
        for (int shift = 0; shift < 64; shift++) {
            const uint64_t align = (uint64_t)1 << shift;
            const uint64_t over = edges[i] & (align - 1);
            const uint64_t need = over ? align - over : 0;
            uint64_t out = 77;
            const bool fits = moe__align_u64(edges[i], align, &out);
            CHECK(!fits || out == edges[i] + need);
            CHECK(fits || (edges[i] > UINT64_MAX - (align - 1) && out == 77));
        }
}

static void zero_dim(void)
{
    for (int at = 0; at < 4; at++) {
        uint64_t dims[4] = {2, 2, 2, 2};
        dims[at] = 0;
        CHECK(survive_tensor(MOE__F32, 4, dims, 0) == MOE_ERR_FORMAT);
    }
    CHECK(survive_tensor(MOE__F32, 4, (uint64_t[]){0, 0, 0, 0}, 0) ==
          MOE_ERR_FORMAT);
}

/* A tensor of 32 bytes in a data section of 64. */
static void offset_edges(void)
{
    const uint64_t dims[1] = {8};
    CHECK(survive_tensor(MOE__F32, 1, dims, 0) == MOE_OK);
    CHECK(survive_tensor(MOE__F32, 1, dims, 32) == MOE_OK);
    CHECK(survive_tensor(MOE__F32, 1, dims, 64) == MOE_ERR_TRUNCATED);
    CHECK(survive_tensor(MOE__F32, 1, dims, 96) == MOE_ERR_TRUNCATED);
    for (uint64_t offset = 1; offset < 32; offset++)
        CHECK(survive_tensor(MOE__F32, 1, dims, offset) == MOE_ERR_FORMAT);
    for (size_t i = 3; i < MOE__COUNT(edges); i++)
        CHECK(survive_tensor(MOE__F32, 1, dims, edges[i]) != MOE_OK);
    CHECK(survive_tensor(MOE__F32, 1, dims, UINT64_MAX - 31) == MOE_ERR_FORMAT);
}

/* Two tensors of 4 bytes at every distance. */
static void overlap(void)
{
    for (uint64_t a = 0; a <= 12; a++)
        for (uint64_t c = 0; c <= 12; c++) {
            struct gguf_builder b;
            build_begin(&b, 3);
            b.alignment = 1;
            build_u32(&b, "general.alignment", 1);
            build_info(&b, "a", MOE__I8, 1, (uint64_t[]){4}, a);
            build_info(&b, "c", MOE__I8, 1, (uint64_t[]){4}, c);
            build_append(&b.parts[BUILD_DATA], NULL, 16);
            const uint64_t distance = a > c ? a - c : c - a;
            CHECK(survive_built("overlap", &b, NULL) ==
                  (distance < 4 ? MOE_ERR_FORMAT : MOE_OK));
        }
}

/* --------------------------------------------------------------- alignment */

static moe_status survive_alignment(uint64_t alignment, uint64_t at)
{
    struct gguf_builder b;
    build_begin(&b, 3);
    b.alignment =
        alignment > 0 && alignment <= 65536 ? (uint32_t)alignment : 32;
    build_u32(&b, "general.alignment", (uint32_t)alignment);
    build_info(&b, "t", MOE__I8, 1, (uint64_t[]){4}, at);
    build_append(&b.parts[BUILD_DATA], NULL, 1 << 17);
    return survive_built("alignment", &b, NULL);
}

static void align_range(void)
{
    for (int shift = 0; shift < 32; shift++) {
        const uint64_t power = (uint64_t)1 << shift;
        CHECK(survive_alignment(power, 0) ==
              (shift <= 16 ? MOE_OK : MOE_ERR_FORMAT));
        if (shift <= 16) {
            CHECK(survive_alignment(power, power) == MOE_OK);
            CHECK(survive_alignment(power, power / 2) ==
                  (power == 1 ? MOE_OK : MOE_ERR_FORMAT));
        }
        if (shift > 1)
            CHECK(survive_alignment(power - 1, 0) == MOE_ERR_FORMAT);
        if (shift > 0)
            CHECK(survive_alignment(power + 1, 0) == MOE_ERR_FORMAT);
    }
    CHECK(survive_alignment(0, 0) == MOE_ERR_FORMAT);
    CHECK(survive_alignment(UINT32_MAX, 0) == MOE_ERR_FORMAT);
}

static void align_type(void)
{
    for (moe_meta_type type = 0; type <= MOE_META_F64; type++) {
        struct gguf_builder b;
        build_begin(&b, 3);
        if (type == MOE_META_STRING)
            build_string(&b, "general.alignment", "32");
        else if (type == MOE_META_ARRAY)
            build_array(&b, "general.alignment", MOE_META_U32, "\x20\0\0", 1);
        else
            build_bits(&b, "general.alignment", type,
                       type == MOE_META_BOOL ? 1 : 32);
        CHECK(survive_built("align_type", &b, NULL) ==
              (type == MOE_META_U32 ? MOE_OK : MOE_ERR_FORMAT));
    }
}

/* ------------------------------------------------------------------- names */

static void empty_key(void)
{
    struct gguf_builder b;
    build_begin(&b, 3);
    build_string(&b, "", "");
    CHECK(survive_built("empty key", &b, NULL) == MOE_ERR_FORMAT);
    build_begin(&b, 3);
    build_tensor(&b, "", MOE__F32, 1, (uint64_t[]){8}, NULL, 32);
    CHECK(survive_built("empty name", &b, NULL) == MOE_ERR_FORMAT);
}

/* A name with a zero byte would be another one for readers of C strings. */
static void zero_byte_in_name(void)
{
    for (size_t at = 0; at < 3; at++) {
        char name[3] = {'a', 'b', 'c'};
        name[at] = 0;
        struct gguf_builder b;
        build_begin(&b, 3);
        build_text(&b, BUILD_ENTRIES, "key_length", name, 3);
        build_number(&b, BUILD_ENTRIES, "value_type", MOE_META_U8, 4);
        build_number(&b, BUILD_ENTRIES, "value", 0, 1);
        b.n_entries = 1;
        CHECK(survive_built("zero in key", &b, NULL) == MOE_ERR_FORMAT);
    }
}

static void dup_names(void)
{
    for (int distance = 1; distance < 9; distance++)
        for (int is_tensor = 0; is_tensor < 2; is_tensor++) {
            struct gguf_builder b;
            build_begin(&b, 3);
            for (int i = 0; i < 12; i++) {
                char name[16];
                snprintf(name, sizeof name, "n%d",
                         (i == 11 ? 11 - distance : i));
                if (is_tensor)
                    build_tensor(&b, name, MOE__F32, 1, (uint64_t[]){8}, NULL,
                                 32);
                else
                    build_u32(&b, name, 1);
            }
            struct moe__err err;
            CHECK(survive_built("dup", &b, &err) == MOE_ERR_FORMAT);
            CHECK(strncmp(err.message, "two ", 4) == 0, "%s", err.message);
        }
}

static double seconds_of_opening(const uint8_t *bytes, size_t n,
                                 moe_status *status)
{
    const struct moe__gguf_options options = {.is_header_only = true};
    struct opened o;
    const clock_t start = clock();
    *status = open_with(&o, bytes, n, &options);
    const double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
    CHECK(o.heap.peak_bytes <= 16 * (uint64_t)n + (1 << 20));
    close_opened(&o);
    return seconds;
}

/* 10^5 tensors in at most 1 s, in file order, in reverse, and shuffled, with a
 * long common beginning. */
static void many_names(void)
{
    const uint32_t n_names = 100000;
    for (int order = 0; order < 3; order++) {
        struct gguf_builder b;
        size_t n;
        moe_status status;
        build_begin(&b, 3);
        for (uint32_t i = 0; i < n_names; i++) {
            char name[64];
            const uint32_t k = order == 0   ? i
                               : order == 1 ? n_names - i
                                            : i * 2654435761u;
            snprintf(name, sizeof name, "a.common.beginning.of.all.names.%010u",
                     (unsigned)k);
            build_info(&b, name, MOE__F32, 1, (uint64_t[]){8},
                       (uint64_t)(order == 1 ? n_names - 1 - i : i) * 32);
        }
        build_append(&b.parts[BUILD_DATA], NULL, (size_t)n_names * 32);
        const uint8_t *bytes = build_finish(&b, &n);
        const double seconds = seconds_of_opening(bytes, n, &status);
        CHECK(status == MOE_OK && seconds <= 1, "%g s", seconds);
        build_free(&b);
    }
}

/* ----------------------------------------------------------------- amounts */

/* Files that make a reader allocate the most for their bytes. */
static void amplify(void)
{
    for (uint32_t version = 1; version <= 3; version++) {
        struct gguf_builder b;
        build_begin(&b, version); /* entries of a short key and one byte */
        for (uint32_t i = 0; i < 50000; i++) {
            char key[8];
            snprintf(key, sizeof key, "%x", (unsigned)i);
            build_bits(&b, key, MOE_META_U8, 1);
        }
        CHECK(survive_built("entries", &b, NULL) == MOE_OK);
        build_begin(&b, version); /* empty strings */
        build_array_head(&b, "k", MOE_META_STRING, 200000);
        build_append(&b.parts[BUILD_ENTRIES], NULL,
                     (size_t)200000 * (version == 1 ? 4 : 8));
        CHECK(survive_built("strings", &b, NULL) == MOE_OK);
        build_begin(&b, version); /* arrays of one empty string */
        for (uint32_t i = 0; i < 30000; i++) {
            char key[8];
            snprintf(key, sizeof key, "%x", (unsigned)i);
            build_strings(&b, key, (const char *[]){""}, 1);
        }
        CHECK(survive_built("arrays", &b, NULL) == MOE_OK);
        build_begin(&b, version); /* tensors of no dims and one byte */
        b.alignment = 1;
        build_u32(&b, "general.alignment", 1);
        for (uint32_t i = 0; i < 30000; i++) {
            char name[8];
            snprintf(name, sizeof name, "%x", (unsigned)i);
            build_tensor(&b, name, MOE__I8, 0, NULL, "", 1);
        }
        CHECK(survive_built("tensors", &b, NULL) == MOE_OK);
    }
}

/* More records than are taken, all of them there. */
static void records_limit(void)
{
    struct gguf_builder b;
    struct moe__err err;
    build_begin(&b, 3);
    b.n_entries = ((uint64_t)1 << 20) + 1;
    build_append(&b.parts[BUILD_ENTRIES], NULL, (size_t)b.n_entries * 14);
    CHECK(survive_built("records", &b, &err) == MOE_ERR_FORMAT);
    CHECK(strstr(err.message, "1048577 entries, expected 1048576 at most"),
          "%s", err.message);
}

/* -------------------------------------------------------------- truncation */

static void truncate_each(void)
{
    for (uint32_t version = 1; version <= 3; version++) {
        struct gguf_builder b;
        size_t n;
        build_small(&b, version);
        const uint8_t *bytes = build_finish(&b, &n);
        CHECK(survive("whole", bytes, n, NULL) == MOE_OK);
        for (size_t cut = 0; cut < n; cut++) {
            uint8_t *part = malloc(cut > 0 ? cut : 1);
            memcpy(part, bytes, cut);
            CHECK(survive("cut", part, cut, NULL) == MOE_ERR_TRUNCATED,
                  "v%d cut at %d", (int)version, (int)cut);
            free(part);
        }
        /* Bytes after the last tensor are nobody's. */
        build_append(&b.file, NULL, 4096);
        CHECK(survive("longer by 1", b.file.data, n + 1, NULL) == MOE_OK);
        CHECK(survive("longer", b.file.data, b.file.n, NULL) == MOE_OK);
        build_free(&b);
    }
}

/* All files of 0 .. 64 bytes made of magic, version and a filler. */
static void tiny(void)
{
    static const uint8_t fillers[] = {0, 1, 3, 8, 9, 0x7f, 0x80, 0xff};
    for (uint32_t version = 0; version < 5; version++)
        for (size_t f = 0; f < MOE__COUNT(fillers); f++)
            for (size_t n = 0; n <= 64; n++) {
                uint8_t bytes[64];
                memset(bytes, fillers[f], sizeof bytes);
                memcpy(bytes, "GGUF", 4);
                patch_number(bytes + 4, version, 4);
                const moe_status status = survive("tiny", bytes, n, NULL);
                CHECK(n >= 8 || status == MOE_ERR_TRUNCATED);
                const bool is_empty = fillers[f] == 0 && version > 0 &&
                                      version < 4 &&
                                      n >= (version == 1 ? 16 : 24);
                CHECK((status == MOE_OK) == is_empty, "v%d %x %d", (int)version,
                      fillers[f], (int)n);
            }
}

/* --------------------------------------------------------------- sentences */

struct sentence {
    const char *kind; /* of the field that is patched */
    size_t i;
    uint64_t value;
    moe_status status;
    const char *message;
};

static const struct sentence sentences[] = {
    {"version", 0, 0x03000000, MOE_ERR_UNSUPPORTED,
     "a big-endian GGUF file (version reads as 50331648); only little-endian "
     "ones can be used"},
    {"version", 0, 4, MOE_ERR_UNSUPPORTED, "GGUF version 4, expected 1 to 3"},
    {"n_tensors", 0, 1000000, MOE_ERR_TRUNCATED,
     "header at byte 16: 1000000 tensors of 25 bytes or more in a file of 420"},
    {"n_entries", 0, UINT64_MAX, MOE_ERR_FORMAT,
     "header at byte 24: 18446744073709551615 entries, expected 1048576 at "
     "most"},
    {"key_length", 1, 0, MOE_ERR_FORMAT,
     "entry 2 at byte 77: name of 0 bytes, expected 1 to 65535"},
    {"key_length", 1, (uint64_t)1 << 63, MOE_ERR_FORMAT,
     "entry 2 at byte 77: string of 9223372036854775808 bytes in a file of "
     "420"},
    {"key_length", 1, 4096, MOE_ERR_TRUNCATED,
     "entry 2 at byte 77: string of 4096 bytes in a file of 420"},
    {"value_type", 1, 13, MOE_ERR_FORMAT,
     "entry 2 ('llama.block_count') at byte 98: value type 13, expected 0 to "
     "12"},
    {"string_length", 0, (uint64_t)1 << 63, MOE_ERR_FORMAT,
     "entry 1 ('general.architecture') at byte 64: string of "
     "9223372036854775808 bytes in a file of 420"},
    {"element_type", 0, MOE_META_ARRAY, MOE_ERR_UNSUPPORTED,
     "entry 3 ('tokens') at byte 124: an array of arrays"},
    {"array_length", 1, (uint64_t)1 << 61, MOE_ERR_FORMAT,
     "entry 4 ('scores') at byte 191: array of 2305843009213693952 f32 values "
     "in a file of 420 bytes"},
    {"value", 2, 7, MOE_ERR_FORMAT,
     "entry 5 ('flag') at byte 220: bool of value 7, expected 0 or 1"},
    {"n_dims", 0, 5, MOE_ERR_FORMAT,
     "tensor 1 ('a') at byte 233: 5 dims, expected 4 at most"},
    {"dim", 1, 0, MOE_ERR_FORMAT, "tensor 'a': dim 1 is 0"},
    {"dim", 2, 65, MOE_ERR_FORMAT,
     "tensor 'b': rows of 65 elements, but Q8_0 comes in blocks of 32"},
    {"dim", 1, (uint64_t)1 << 62, MOE_ERR_FORMAT,
     "tensor 'a': 4 x 4611686018427387904 x 1 x 1 elements are too many"},
    {"tensor_type", 0, 31, MOE_ERR_UNSUPPORTED,
     "tensor 'a': type 31 is not a GGUF type libmoe knows"},
    {"tensor_offset", 1, 33, MOE_ERR_FORMAT,
     "tensor 'b': offset 33 is not a multiple of the alignment 32"},
    {"tensor_offset", 1, 1 << 20, MOE_ERR_TRUNCATED,
     "tensor 'b' ends at byte 1048964, but the file has 420"},
    {"tensor_offset", 1, 0, MOE_ERR_FORMAT,
     "tensor 'b' at byte 320 lies inside tensor 'a' (32 bytes at 320)"},
};

static void golden_sentences(void)
{
    for (size_t i = 0; i < MOE__COUNT(sentences); i++) {
        const struct sentence *s = &sentences[i];
        struct moe__err err;
        CHECK(survive_patched(3, s->kind, s->i, s->value, &err) == s->status);
        CHECK(strcmp(err.message, s->message) == 0, "%s %d: '%s'", s->kind,
              (int)s->i, err.message);
    }
    struct moe__err err;
    CHECK(survive("zip", "PK\3\4..", 6, &err) == MOE_ERR_FORMAT);
    CHECK(strcmp(err.message,
                 "not a GGUF file: it begins with 'PK\\x03\\x04'") == 0,
          "'%s'", err.message);
    CHECK(survive("cut", "GGU", 3, &err) == MOE_ERR_TRUNCATED);
    CHECK(strcmp(err.message,
                 "header at byte 0: magic of 4 bytes in a file of 3") == 0,
          "'%s'", err.message);
}

static const struct test tests[] = {
    {"count_wrap", count_wrap},
    {"strlen_wrap", strlen_wrap},
    {"len_signed", len_signed},
    {"v1_zero", v1_zero},
    {"ndims_type", ndims_type},
    {"array_count", array_count},
    {"bool_values", bool_values},
    {"sum_wrap", sum_wrap},
    {"overhead_wrap", overhead_wrap},
    {"nbytes_wrap", nbytes_wrap},
    {"pad_wrap", pad_wrap},
    {"zero_dim", zero_dim},
    {"offset_edges", offset_edges},
    {"overlap", overlap},
    {"align_range", align_range},
    {"align_type", align_type},
    {"empty_key", empty_key},
    {"zero_byte_in_name", zero_byte_in_name},
    {"dup_names", dup_names},
    {"many_names", many_names},
    {"amplify", amplify},
    {"records_limit", records_limit},
    {"truncate_each", truncate_each},
    {"tiny", tiny},
    {"golden_sentences", golden_sentences},
};

TEST_MAIN(tests)
