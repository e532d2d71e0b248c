/* test_rng.c: pinned values, and streams that look independent. */
#include "base/rng.h"

#include "test.h"

#include <math.h>

/* SplitMix64 with state 0 and 1234567: the published sequences start so. */
static void mixing_is_splitmix64(void)
{
    CHECK(moe__rng_mix(0) == 0xe220a8397b1dcdafu, " ");
    CHECK(moe__rng_mix(0x9e3779b97f4a7c15u) == 0x6e789e6aa1b965f4u, " ");
    CHECK(moe__rng_mix(1234567) == 6457827717110365317u, " ");
}

static void numbers_depend_on_seed_and_counter_only(void)
{
    CHECK(moe__rng_u64(1, 2) == moe__rng_u64(1, 2), " ");
    CHECK(moe__rng_u64(1, 2) != moe__rng_u64(2, 1), " ");
    CHECK(moe__rng_u64(0, 0) == moe__rng_mix(moe__rng_mix(0)), " ");
}

/* One changed bit of seed or counter must change half of the output. */
static void one_bit_changes_half_of_the_output(void)
{
    for (int is_seed = 0; is_seed < 2; is_seed++)
        for (int bit = 0; bit < 64; bit++) {
            int n_changed = 0;
            for (uint64_t i = 0; i < 200; i++) {
                const uint64_t flip = (uint64_t)1 << bit;
                const uint64_t a = moe__rng_u64(i, i * 3);
                const uint64_t b = is_seed ? moe__rng_u64(i ^ flip, i * 3)
                                           : moe__rng_u64(i, (i * 3) ^ flip);
                for (uint64_t x = a ^ b; x; x &= x - 1)
                    n_changed++;
            }
            /* 12,800 fair coins: 6400 +- 57; allow 6 sigma */
            CHECK(abs(n_changed - 6400) < 340, "%d of 12800, bit %d", n_changed,
                  bit);
        }
}

static void doubles_are_uniform_below_one(void)
{
    static int n_in[64];
    const int n_bins = 64, n = 640000;
    double lowest = 1, highest = 0;
    for (uint64_t i = 0; i < (uint64_t)n; i++) {
        const double u = moe__rng_f64(42, i);
        REQUIRE(u >= 0 && u < 1, "%a", u);
        n_in[(int)(u * n_bins)]++;
        lowest = u < lowest ? u : lowest;
        highest = u > highest ? u : highest;
    }
    double chi_squared = 0; /* 63 degrees of freedom: 63 +- 11.2 */
    for (int i = 0; i < n_bins; i++)
        chi_squared += pow(n_in[i] - n / n_bins, 2) / (n / n_bins);
    CHECK(chi_squared > 25 && chi_squared < 120, "%g", chi_squared);
    CHECK(lowest < 1e-4 && highest > 1 - 1e-4, "%g %g", lowest, highest);
    /* the largest possible value */
    CHECK((double)(UINT64_MAX >> 11) * 0x1p-53 < 1, " ");
}

static const struct test tests[] = {
    {"mixing_is_splitmix64", mixing_is_splitmix64},
    {"numbers_depend_on_seed_and_counter_only",
     numbers_depend_on_seed_and_counter_only},
    {"one_bit_changes_half_of_the_output", one_bit_changes_half_of_the_output},
    {"doubles_are_uniform_below_one", doubles_are_uniform_below_one},
};

TEST_MAIN(tests)
