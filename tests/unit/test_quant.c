/* Block formats against vectors of another implementation, and the properties
 * that products rely on (lib/quant/quant.h). */
#include "quant/iq_tables.h"
#include "quant/quant.h"

#include <math.h>

#include "test.h"

static const char *const decoded_types[] = {
    "Q4_0",    "Q4_1",   "Q5_0",  "Q5_1",    "Q8_0",  "Q2_K",
    "Q3_K",    "Q4_K",   "Q5_K",  "Q6_K",    "IQ1_S", "IQ1_M",
    "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ3_XXS", "IQ3_S", "IQ4_NL",
    "IQ4_XS",  "TQ1_0",  "TQ2_0", "BF16",
};

static int32_t type_named(const char *name)
{
    for (int32_t t = 0; t < MOE__N_TYPES; t++)
        if (moe__type_info(t) != NULL &&
            strcmp(moe__type_info(t)->name, name) == 0)
            return t;
    return -1;
}

/* Bytes of T.blocks.bin decode to those of T.f32.bin. */
static int check_vectors(const char *(*find)(const char *), const char *dir)
{
    int n_found = 0;
    for (size_t i = 0; i < MOE__COUNT(decoded_types); i++) {
        char path[200];
        size_t n_packed, n_bytes;
        uint64_t row_bytes;
        const char *name = decoded_types[i];
        int32_t type = type_named(name);
        snprintf(path, sizeof path, "%s/%s.blocks.bin", dir, name);
        void *packed = test_read(find(path), &n_packed);
        snprintf(path, sizeof path, "%s/%s.f32.bin", dir, name);
        float *want = test_read(find(path), &n_bytes);
        if (packed != NULL && want != NULL && type >= 0) {
            float *got = malloc(n_bytes);
            CHECK(moe__row_bytes(type, n_bytes / 4, &row_bytes) &&
                      row_bytes == n_packed,
                  "%s", name);
            moe__decode(type, got, packed, n_bytes / 4);
            CHECK(memcmp(got, want, n_bytes) == 0, "%s", name);
            free(got);
            n_found++;
        }
        free(packed);
        free(want);
    }
    return n_found;
}

static void decoding_equals_gguf_py(void)
{
    CHECK(check_vectors(test_data, "quants") == 22);
}

static void decoding_equals_gguf_py_on_all_vectors(void)
{
    if (test_shared("vectors/quants/manifest.json") == NULL)
        SKIP("shared vectors/quants is absent");
    CHECK(check_vectors(test_shared, "vectors/quants") == 22);
}

/* Sizes by the format, id by id. */
static void the_table_has_the_formats_sizes(void)
{
    static const struct {
        const char *name;
        int32_t id, elems, bytes;
    } rows[] = {
        {"F32", 0, 1, 4},         {"F16", 1, 1, 2},
        {"Q4_0", 2, 32, 18},      {"Q4_1", 3, 32, 20},
        {"Q5_0", 6, 32, 22},      {"Q5_1", 7, 32, 24},
        {"Q8_0", 8, 32, 34},      {"Q8_1", 9, 32, 36},
        {"Q2_K", 10, 256, 84},    {"Q3_K", 11, 256, 110},
        {"Q4_K", 12, 256, 144},   {"Q5_K", 13, 256, 176},
        {"Q6_K", 14, 256, 210},   {"Q8_K", 15, 256, 292},
        {"IQ2_XXS", 16, 256, 66}, {"IQ2_XS", 17, 256, 74},
        {"IQ3_XXS", 18, 256, 98}, {"IQ1_S", 19, 256, 50},
        {"IQ4_NL", 20, 32, 18},   {"IQ3_S", 21, 256, 110},
        {"IQ2_S", 22, 256, 82},   {"IQ4_XS", 23, 256, 136},
        {"I8", 24, 1, 1},         {"I16", 25, 1, 2},
        {"I32", 26, 1, 4},        {"I64", 27, 1, 8},
        {"F64", 28, 1, 8},        {"IQ1_M", 29, 256, 56},
        {"BF16", 30, 1, 2},       {"TQ1_0", 34, 256, 54},
        {"TQ2_0", 35, 256, 66},   {"MXFP4", 39, 32, 17},
        {"NVFP4", 40, 64, 36},    {"Q1_0", 41, 128, 18},
        {"Q2_0", 42, 64, 18},
    };
    int32_t n_types = 0;
    for (int32_t t = -2; t < 200; t++)
        n_types += moe__type_info(t) != NULL;
    CHECK(n_types == (int32_t)MOE__COUNT(rows), "%d", n_types);
    for (size_t i = 0; i < MOE__COUNT(rows); i++) {
        const struct moe__type_info *info = moe__type_info(rows[i].id);
        REQUIRE(info != NULL && strcmp(info->name, rows[i].name) == 0, "%s",
                rows[i].name);
        CHECK(info->block_elems == rows[i].elems &&
                  info->block_bytes == rows[i].bytes,
              "%s", rows[i].name);
    }
}

/* Random bytes in every block: codes stay in range, and every product of the
 * decoding is exact, which a product in double shows. */
static void codes_decode_with_one_rounding(void)
{
    uint32_t seed = 1;
    for (int32_t t = 0; t < MOE__N_TYPES; t++) {
        const struct moe__type_info *info = moe__type_info(t);
        if (info == NULL || info->expand == NULL)
            continue;
        for (int round = 0; round < 300; round++) {
            uint8_t block[512];
            struct moe__codes codes;
            float x[MOE__MAX_BLOCK];
            for (int32_t i = 0; i < info->block_bytes; i++) {
                seed = seed * 1664525u + 1013904223u;
                block[i] = (uint8_t)(seed >> 24);
            }
            info->expand(&codes, block);
            moe__decode(t, x, block, (size_t)info->block_elems);
            bool is_finite = fabsf(codes.d) < 1e30f && isfinite(codes.dmin);
            for (int32_t i = 0; i < info->block_elems && is_finite; i++) {
                double product =
                    (double)codes.d * codes.scale[i / 16] * codes.q[i];
                double min = (double)codes.dmin * codes.min[i / 16];
                CHECK((double)(float)product == product &&
                          (double)(float)min == min,
                      "%s", info->name);
                CHECK(x[i] == (float)(product - min), "%s", info->name);
            }
            if (!info->has_min)
                CHECK(codes.dmin == 0, "%s", info->name);
        }
    }
}

/* Every exponent of MXFP4 against the formula value * 2^(e - 128). */
static void mxfp4_has_every_exponent(void)
{
    static const double e2m1[8] = {0, 0.5, 1, 1.5, 2, 3, 4, 6};
    for (int e = 0; e < 255; e++) {
        uint8_t block[17];
        float x[32];
        block[0] = (uint8_t)e;
        for (int j = 0; j < 16; j++)
            block[1 + j] = (uint8_t)(j | (15 - j) << 4);
        moe__decode(MOE__MXFP4, x, block, 32);
        for (int i = 0; i < 32; i++) {
            int nibble = i < 16 ? i : 15 - (i - 16);
            double want = ldexp(e2m1[nibble & 7], e - 127);
            CHECK(x[i] == (float)(nibble & 8 ? -want : want),
                  "e %d, element %d: %g", e, i, (double)x[i]);
        }
    }
}

/* Every scale of NVFP4 against the definition of UE4M3. */
static void nvfp4_has_every_scale(void)
{
    for (int s = 0; s < 128; s++) {
        uint8_t block[36] = {0};
        float x[64];
        for (int g = 0; g < 4; g++)
            block[g] = (uint8_t)s;
        memset(block + 4, 0x72, 32); /* low: 1.0, high: 6.0 */
        moe__decode(MOE__NVFP4, x, block, 64);
        double scale =
            s >> 3 ? ldexp(8 + (s & 7), (s >> 3) - 10) : ldexp(s & 7, -9);
        if (s == 127)
            scale = 0;
        CHECK((double)x[0] == scale && (double)x[8] == scale * 6, "%d: %g", s,
              (double)x[0]);
    }
}

static void plain_numbers_convert_by_value(void)
{
    const int16_t i16[2] = {-32768, 77};
    const int64_t i64[2] = {-5, (int64_t)1 << 40};
    const double f64[2] = {0.1, -1e300};
    float x[2];
    moe__decode(MOE__I16, x, i16, 2);
    CHECK(x[0] == -32768.0f && x[1] == 77.0f);
    moe__decode(MOE__I64, x, i64, 2);
    CHECK(x[0] == -5.0f && x[1] == 1099511627776.0f);
    moe__decode(MOE__F64, x, f64, 2);
    CHECK(x[0] == 0.1f && isinf(x[1]));
}

static void rows_are_whole_blocks_and_do_not_overflow(void)
{
    uint64_t bytes = 7;
    CHECK(!moe__row_bytes(MOE__Q4_K, 255, &bytes) && bytes == 7);
    CHECK(!moe__row_bytes(MOE__Q4_0, 33, &bytes) && bytes == 7);
    CHECK(!moe__row_bytes(4, 32, &bytes) && bytes == 7);
    CHECK(!moe__row_bytes(-1, 32, &bytes) && bytes == 7);
    CHECK(!moe__row_bytes(MOE__F64, UINT64_MAX, &bytes) && bytes == 7);
    CHECK(moe__row_bytes(MOE__Q4_K, 512, &bytes) && bytes == 288);
}

/* Every entry of every book: FNV-1a, 64 bits, over the values as the package
 * gguf unpacks them (tests/tools/make_iq_tables.py --hashes). */
static void every_book_entry_is_the_formats(void)
{
    static const struct {
        const char *name;
        const uint64_t *eights; /* [n], or: */
        const uint32_t *fours;
        int32_t n;
        uint64_t want;
    } rows[] = {
        {"iq1", moe__quant_iq1_book, NULL, 2048, 0x6703ed863501ae2eu},
        {"iq2_xxs", moe__quant_iq2_xxs_book, NULL, 256, 0xbb4ee025b5ac6e8eu},
        {"iq2_xs", moe__quant_iq2_xs_book, NULL, 512, 0xc9b1ee61e79909bdu},
        {"iq2_s", moe__quant_iq2_s_book, NULL, 1024, 0x123edd38a3b62b90u},
        {"iq3_xxs", NULL, moe__quant_iq3_xxs_book, 256, 0xdfa5dc83d6a155d5u},
        {"iq3_s", NULL, moe__quant_iq3_s_book, 512, 0xfa37020c25b44829u},
    };
    for (size_t r = 0; r < MOE__COUNT(rows); r++) {
        uint64_t hash = 0xcbf29ce484222325u;
        for (int32_t i = 0; i < rows[r].n; i++)
            for (int32_t k = 0; k < (rows[r].eights != NULL ? 8 : 4); k++) {
                uint64_t entry = rows[r].eights != NULL ? rows[r].eights[i]
                                                        : rows[r].fours[i];
                int32_t v = (int8_t)(entry >> 8 * k & 255);
                v = r == 0 ? (v - 1) / 8 : v; /* IQ1's are 8 v + 1 */
                hash = (hash ^ (uint8_t)v) * 0x100000001b3u;
            }
        CHECK(hash == rows[r].want, "%s", rows[r].name);
    }
}

static const struct test tests[] = {
    {"decoding_equals_gguf_py", decoding_equals_gguf_py},
    {"decoding_equals_gguf_py_on_all_vectors",
     decoding_equals_gguf_py_on_all_vectors},
    {"the_table_has_the_formats_sizes", the_table_has_the_formats_sizes},
    {"every_book_entry_is_the_formats", every_book_entry_is_the_formats},
    {"codes_decode_with_one_rounding", codes_decode_with_one_rounding},
    {"mxfp4_has_every_exponent", mxfp4_has_every_exponent},
    {"nvfp4_has_every_scale", nvfp4_has_every_scale},
    {"plain_numbers_convert_by_value", plain_numbers_convert_by_value},
    {"rows_are_whole_blocks_and_do_not_overflow",
     rows_are_whole_blocks_and_do_not_overflow},
};

TEST_MAIN(tests)
