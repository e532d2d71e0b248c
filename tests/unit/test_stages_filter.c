/* test_stages_filter.c: what is dropped, against each filter's formula. */
#include "sample_check.h"

/* ---------------------------------------------------------------- filters */

static void top_n_sigma_cuts_at_standard_deviations(void)
{
    static float logits[n_wide];
    static struct left left;
    for (float n = 0.25f; n < 4; n += 0.25f) {
        const moe_stage stage = {.kind = MOE_STAGE_TOP_N_SIGMA, .value = n};
        struct moe__chain *chain = chain_of(n_wide, 1, &stage, 1);
        roll_logits(logits, n_wide, false);
        logits[3] = -INFINITY; /* does not count */
        double mean = 0, square = 0, max = -INFINITY;
        for (int i = 0; i < n_wide; i++) {
            if (i == 3)
                continue;
            mean += (double)logits[i] / (n_wide - 1);
            max = fmax(max, (double)logits[i]);
        }
        for (int i = 0; i < n_wide; i++)
            if (i != 3)
                square += pow((double)logits[i] - mean, 2) / (n_wide - 1);
        int expected = 0;
        for (int i = 0; i < n_wide; i++)
            expected += (double)logits[i] >= max - (double)n * sqrt(square);
        run_chain(chain, logits, &left);
        CHECK(left.n == expected, "n %g: %d, not %d", (double)n, left.n,
              expected);
        moe__chain_destroy(chain);
    }
}

static void xtc_drops_all_top_choices_but_the_last(void)
{
    static const float logits[] = {0, 3, 2, 3, 1, -4};
    double wide[6], p[6];
    struct left left;
    for (int i = 0; i < 6; i++)
        wide[i] = (double)logits[i];
    plain_softmax(wide, 6, p);
    for (float bar = 0.005f; bar < 0.6f; bar += 0.013f) {
        const moe_stage stage = {
            .kind = MOE_STAGE_XTC, .value = 1, .value2 = bar};
        int n_above = 0;
        for (int i = 0; i < 6; i++)
            n_above += p[i] >= (double)bar;
        const bool is_on = bar <= 0.5f && n_above > 1;
        struct moe__chain *chain = chain_of(6, 1, &stage, 1);
        run_chain(chain, logits, &left);
        CHECK(left.n == (is_on ? 7 - n_above : 6), "bar %g: %d left of %d",
              (double)bar, left.n, n_above);
        const moe_token order[] = {1, 3, 2, 4, 0, 5};
        CHECK(left.items[0].id == order[is_on ? n_above - 1 : 0], "bar %g",
              (double)bar);
        moe__chain_destroy(chain);
    }
}

/* 10,000 tokens: the binomial distribution's standard deviation is 46. */
static void xtc_strikes_as_often_as_it_is_told(void)
{
    static const float logits[] = {1, 1, 1};
    const moe_stage stage = {
        .kind = MOE_STAGE_XTC, .value = 0.3f, .value2 = 0.1f};
    struct moe__chain *chain = chain_of(3, 5, &stage, 1);
    struct left left;
    int n_struck = 0;
    for (int i = 0; i < 10000; i++) {
        run_chain(chain, logits, &left);
        n_struck += left.n == 1;
        moe__chain_accept(chain, 0);
    }
    CHECK(n_struck > 2770 && n_struck < 3230, "%d", n_struck);
    moe__chain_destroy(chain);
}

static void min_keep_holds_in_every_filter(void)
{
    static float logits[n_wide];
    struct left left;
    const moe_stage stages[] = {
        {.kind = MOE_STAGE_TOP_N_SIGMA, .value = 0.01f, .min_keep = 50},
        {.kind = MOE_STAGE_MIN_P, .value = 1, .min_keep = 50},
        {.kind = MOE_STAGE_TOP_K, .count = 3, .min_keep = 50},
        {.kind = MOE_STAGE_MIROSTAT_2, .value = 0, .value2 = 1, .min_keep = 50},
        {.kind = MOE_STAGE_MIROSTAT_1, .value = 0, .value2 = 1, .min_keep = 50},
    };
    roll_logits(logits, n_wide, false);
    for (size_t i = 0; i < sizeof stages / sizeof *stages; i++) {
        struct moe__chain *chain = chain_of(n_wide, 1, &stages[i], 1);
        run_chain(chain, logits, &left);
        CHECK(left.n == 50, "stage %d leaves %d", stages[i].kind, left.n);
        moe__chain_destroy(chain);
    }
    const float equal[] = {1, 1, 1};
    const moe_stage xtc = {
        .kind = MOE_STAGE_XTC, .value = 1, .value2 = 0.1f, .min_keep = 2};
    struct moe__chain *chain = chain_of(3, 1, &xtc, 1);
    run_chain(chain, equal, &left);
    CHECK(left.n == 3, "xtc would leave one: %d", left.n);
    moe__chain_destroy(chain);
}

static const struct test tests[] = {
    {"top_n_sigma_cuts_at_standard_deviations",
     top_n_sigma_cuts_at_standard_deviations},
    {"xtc_drops_all_top_choices_but_the_last",
     xtc_drops_all_top_choices_but_the_last},
    {"xtc_strikes_as_often_as_it_is_told", xtc_strikes_as_often_as_it_is_told},
    {"min_keep_holds_in_every_filter", min_keep_holds_in_every_filter},
};

TEST_MAIN(tests)
