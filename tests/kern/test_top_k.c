/* The k largest, in an order that is total. */
#include "kern_test.h"

static void expect_ids(const float *x, int32_t n, int32_t k,
                       const int32_t *want)
{
    int32_t ids[8];
    moe__top_k(ids, k, x, n);
    for (int32_t i = 0; i < k; i++)
        CHECK(ids[i] == want[i], "place %d: %d, not %d", (int)i, (int)ids[i],
              (int)want[i]);
}

static void largest_come_first_and_ties_by_index(void)
{
    const float x[] = {1, 3, 2, 3, -1, 3};
    const int32_t want[] = {1, 3, 5, 2, 0, 4};
    for (int32_t k = 0; k <= 6; k++)
        expect_ids(x, 6, k, want);
}

static void nan_comes_last_by_index(void)
{
    const float x[] = {NAN, -INFINITY, -NAN, INFINITY, 0x1p-149f, 0, -0.0f};
    const int32_t want[] = {3, 4, 5, 6, 1, 0, 2};
    for (int32_t k = 1; k <= 7; k++)
        expect_ids(x, 7, k, want);
}

static bool stays_before(const float *x, int32_t a, int32_t b)
{
    if (x[a] != x[a] || x[b] != x[b])
        return x[a] == x[a] || (x[b] != x[b] && a < b);
    return x[a] > x[b] || (x[a] == x[b] && a < b);
}

static void any_row_gives_k_distinct_ids_in_order(void)
{
    struct dice dice = {1};
    for (int32_t round = 0; round < 4000; round++) {
        int32_t n = 1 + dice_below(&dice, 130), k = 1 + dice_below(&dice, n);
        float x[130];
        int32_t ids[131], rank[130] = {0};
        fill_floats(x, n, (enum fill)(round % N_FILLS), &dice);
        for (int32_t i = 0; round % 3 == 0 && i < n; i++)
            x[i] = (float)dice_below(&dice, 4); /* many ties */
        ids[k] = -7;
        moe__top_k(ids, k, x, n);
        REQUIRE(ids[k] == -7, "wrote past k");
        for (int32_t i = 0; i < n; i++)
            for (int32_t j = 0; j < n; j++)
                rank[i] += stays_before(x, j, i);
        for (int32_t i = 0; i < k; i++)
            REQUIRE(ids[i] >= 0 && ids[i] < n && rank[ids[i]] == i,
                    "place %d of %d in %d", (int)i, (int)k, (int)n);
    }
}

static const struct test tests[] = {
    {"largest_come_first_and_ties_by_index",
     largest_come_first_and_ties_by_index},
    {"nan_comes_last_by_index", nan_comes_last_by_index},
    {"any_row_gives_k_distinct_ids_in_order",
     any_row_gives_k_distinct_ids_in_order},
};

TEST_MAIN(tests)
