/* test_bytes.c: checked arithmetic at its edges, loads at any address. */
#include "base/bytes.h"

#include "test.h"

/* Powers of two and their neighbours, and the edges of 64 bits. */
static size_t edge_values(uint64_t *out)
{
    size_t n = 0;
    for (int bit = 0; bit < 64; bit++)
        for (int d = -1; d <= 1; d++)
            out[n++] = ((uint64_t)1 << bit) + (uint64_t)(int64_t)d;
    out[n++] = UINT64_MAX;
    out[n++] = UINT64_MAX - 1;
    out[n++] = UINT64_MAX / 3;
    out[n++] = UINT64_MAX / 3 + 1;
    out[n++] = 0x5555555555555556u;
    return n;
}

/* The oracle: schoolbook in 32-bit halves. */
static bool mul_fits(uint64_t a, uint64_t b)
{
    const uint64_t a1 = a >> 32, a0 = a & 0xffffffffu;
    const uint64_t b1 = b >> 32, b0 = b & 0xffffffffu;
    const uint64_t middle = a1 * b0 + (a0 * b0 >> 32);
    const uint64_t carry = (a0 * b1 + (middle & 0xffffffffu)) >> 32;
    return a1 * b1 + (middle >> 32) + carry == 0;
}

static void products_and_sums_at_every_edge(void)
{
    uint64_t v[256];
    const size_t n = edge_values(v);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < n; k++) {
            const uint64_t a = v[i], b = v[k];
            uint64_t out = 77;
            bool fits = moe__mul_u64(a, b, &out);
            CHECK(fits == mul_fits(a, b), "%llx * %llx", (unsigned long long)a,
                  (unsigned long long)b);
            CHECK(out == (fits ? a * b : 77), "value");
            out = 77;
            fits = moe__add_u64(a, b, &out);
            CHECK(fits == (a + b >= a), "%llx + %llx", (unsigned long long)a,
                  (unsigned long long)b);
            CHECK(out == (fits ? a + b : 77), "value");
            size_t size = 77;
            const size_t sa = (size_t)a, sb = (size_t)b;
            if (sizeof size < sizeof a)
                continue;
            CHECK(moe__mul_size(sa, sb, &size) == mul_fits(a, b), "size");
            CHECK(size == (mul_fits(a, b) ? sa * sb : 77), "value");
            size = 77;
            CHECK(moe__add_size(sa, sb, &size) == (a + b >= a), "size");
            CHECK(size == (a + b >= a ? sa + sb : 77), "value");
        }
}

static void rounding_up_is_checked(void)
{
    uint64_t out = 0;
    for (uint64_t align = 1; align <= 4096; align *= 2) {
        for (uint64_t a = 0; a < 300; a++) {
            const uint64_t want = (a + align - 1) / align * align;
            CHECK(moe__align_u64(a, align, &out) && out == want, " ");
            CHECK(moe__align_size((size_t)a, (size_t)align) == want, " ");
        }
        const uint64_t last = UINT64_MAX - (align - 1); /* a multiple */
        CHECK(moe__align_u64(last, align, &out) && out == last, " ");
        out = 77;
        CHECK(align == 1 || !moe__align_u64(last + 1, align, &out), " ");
        CHECK(align == 1 || out == 77, " ");
    }
}

static void small_integer_helpers(void)
{
    CHECK(moe__ceil_div(0, 7) == 0 && moe__ceil_div(1, 7) == 1 &&
              moe__ceil_div(7, 7) == 1 && moe__ceil_div(8, 7) == 2 &&
              moe__ceil_div(INT32_MAX, 2) == 1 << 30,
          "ceil_div");
    CHECK(moe__min_i32(-1, 1) == -1 && moe__max_i32(-1, 1) == 1, " ");
    CHECK(moe__min_i32(2, 1) == 1 && moe__max_i32(2, 1) == 2, " ");
}

static void loads_are_little_endian_anywhere(void)
{
    unsigned char b[24];
    for (size_t i = 0; i < sizeof b; i++)
        b[i] = (unsigned char)(0x81 + i * 5);
    for (size_t i = 0; i < 8; i++) {
        uint64_t want = 0;
        for (size_t k = 8; k-- > 0;)
            want = want << 8 | b[i + k];
        CHECK(moe__load_u64(b + i) == want, "u64 at %zu", i);
        CHECK(moe__load_u32(b + i) == (uint32_t)want, "u32 at %zu", i);
        CHECK(moe__load_u16(b + i) == (uint16_t)want, "u16 at %zu", i);
        unsigned char copy[2];
        moe__store_u16(copy, (uint16_t)want);
        CHECK(memcmp(copy, b + i, 2) == 0, "store at %zu", i);
    }
}

static void bits_and_floats(void)
{
    CHECK(moe__f32_to_bits(1.0f) == 0x3f800000u, " ");
    CHECK(moe__bits_to_f32(0xc0490fdbu) == -0x1.921fb6p+1f, " ");
    CHECK(moe__bits_to_f64(0x3ff0000000000001u) == 0x1.0000000000001p0, " ");
    CHECK(moe__f64_to_bits(-0.0) == 0x8000000000000000u, " ");
    const unsigned char two[5] = {9, 0, 0, 0, 0x40};
    CHECK(moe__load_f32(two + 1) == 2.0f, " ");
}

static void slices_compare_by_length_and_bytes(void)
{
    const struct moe__slice abc = moe__slice_str("abc");
    CHECK(abc.n == 3 && moe__slice_is(abc, "abc"), " ");
    CHECK(!moe__slice_is(abc, "ab") && !moe__slice_is(abc, "abcd"), " ");
    CHECK(!moe__slice_is(abc, "abd"), " ");
    CHECK(moe__slice_equal(moe__slice_of(NULL, 0), moe__slice_str("")), " ");
}

static const struct test tests[] = {
    {"products_and_sums_at_every_edge", products_and_sums_at_every_edge},
    {"rounding_up_is_checked", rounding_up_is_checked},
    {"small_integer_helpers", small_integer_helpers},
    {"loads_are_little_endian_anywhere", loads_are_little_endian_anywhere},
    {"bits_and_floats", bits_and_floats},
    {"slices_compare_by_length_and_bytes", slices_compare_by_length_and_bytes},
};

TEST_MAIN(tests)
