/* test_stages_learn.c: temperature by entropy, mirostat and adaptive-p against
 * their formulas, and when they learn. */
#include "sample_check.h"

/* ------------------------------------------------------------- temperature */

static void dynamic_temperature_follows_the_entropy(void)
{
    float logits[9];
    double wide[9], p[9];
    struct left left;
    for (int round = 0; round < 100; round++) {
        const moe_stage stage = {.kind = MOE_STAGE_TEMPERATURE,
                                 .value = (float)(1 + dice(20)) / 10,
                                 .value2 = (float)(1 + dice(20)) / 10,
                                 .value3 = (float)(5 + dice(20)) / 10};
        roll_logits(logits, 9, false);
        double entropy = 0;
        for (int i = 0; i < 9; i++)
            wide[i] = (double)logits[i];
        plain_softmax(wide, 9, p);
        for (int i = 0; i < 9; i++)
            entropy -= p[i] * log(p[i]);
        const double low = fmax(0, (double)stage.value - (double)stage.value2);
        const double high = (double)stage.value + (double)stage.value2;
        const double t =
            low + (high - low) * pow(entropy / log(9), (double)stage.value3);
        struct moe__chain *chain = chain_of(9, 1, &stage, 1);
        run_chain(chain, logits, &left);
        for (int i = 0; i < 9; i++)
            wide[i] /= t;
        plain_softmax(wide, 9, p);
        for (int i = 0; i < left.n; i++)
            CHECK(fabs((double)left.items[i].p - p[left.items[i].id]) < 1e-5,
                  "t %g: %g, not %g", t, (double)left.items[i].p,
                  p[left.items[i].id]);
        moe__chain_destroy(chain);
    }
}

/* ---------------------------------------------------------------- mirostat */

static int more_is_first(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x < y) - (x > y);
}

/* How many candidates version 1 or 2 leaves of p [n], in order. */
static int mirostat_count(int version, const double *p, int n, double mu)
{
    if (version == 2) {
        int k = 0;
        while (k < n && -log2(p[k]) <= mu)
            k++;
        return k < 1 ? 1 : k;
    }
    double tb = 0, tt = 0;
    for (int i = 0; i < (n < 100 ? n : 100) - 1; i++) {
        const double t = log((i + 2.0) / (i + 1.0));
        tb += t * log(p[i] / p[i + 1]);
        tt += t * t;
    }
    const double s = tb / tt;
    const double k = pow((s - 1) * pow(2, mu) / (1 - pow(n, 1 - s)), 1 / s);
    return k < 1 ? 1 : k < n ? (int)k : n;
}

static void mirostat_steers_to_the_wanted_surprise(void)
{
    static float logits[n_wide];
    static double wide[n_wide], p[n_wide];
    static struct left left;
    for (int version = 1; version <= 2; version++) {
        const moe_stage stage = {.kind = version == 1 ? MOE_STAGE_MIROSTAT_1
                                                      : MOE_STAGE_MIROSTAT_2,
                                 .value = 3,
                                 .value2 = 0.2f};
        struct moe__chain *chain = chain_of(n_wide, 9, &stage, 1);
        double mu = 6;
        double mean = 0;
        for (int step = 0; step < 400; step++) {
            roll_logits(logits, n_wide, false);
            for (int i = 0; i < n_wide; i++) {
                logits[i] *= 0.3f;
                wide[i] = (double)logits[i];
            }
            plain_softmax(wide, n_wide, p);
            qsort(p, n_wide, sizeof *p, more_is_first);
            const int count = mirostat_count(version, p, n_wide, mu);
            const moe_token token = moe__chain_pick(chain, logits);
            CHECK(token == moe__chain_pick(chain, logits), "asked again");
            run_chain(chain, logits, &left);
            CHECK(left.n == count, "version %d, step %d: %d, not %d", version,
                  step, left.n, count);
            double share = 0;
            for (int i = 0; i < left.n; i++)
                share +=
                    left.items[i].id == token ? (double)left.items[i].p : 0;
            mean += -log2(share) / 400;
            mu -= 0.2f * (-log2(share) - 3);
            moe__chain_accept(chain, token);
        }
        CHECK(fabs(mean - 3) < 0.2, "version %d: mean surprise %g", version,
              mean);
        moe__chain_destroy(chain);
    }
}

static void adaptive_p_equals_its_formula(void)
{
    float logits[20];
    double wide[20], p[20], q[20];
    struct left left;
    const moe_stage stage = {
        .kind = MOE_STAGE_ADAPTIVE_P, .value = 0.3f, .value2 = 0.9f};
    struct moe__chain *chain = chain_of(20, 3, &stage, 1);
    double sum = (double)0.3f / (1 - (double)0.9f);
    double weight = 1 / (1 - (double)0.9f);
    for (int step = 0; step < 200; step++) {
        roll_logits(logits, 20, false);
        for (int i = 0; i < 20; i++)
            wide[i] = (double)(logits[i] *= 0.2f);
        plain_softmax(wide, 20, p);
        const double aim = fmin(fmax(2 * (double)0.3f - sum / weight, 0), 1);
        for (int i = 0; i < 20; i++) {
            const double d = fabs(p[i] - aim) / 0.3;
            wide[i] = 5 - 10 * d * d / (1 + d);
        }
        plain_softmax(wide, 20, q);
        run_chain(chain, logits, &left);
        REQUIRE(left.n == 20, "%d", left.n);
        for (int i = 0; i < 20; i++)
            CHECK(fabs((double)left.items[i].p - q[left.items[i].id]) < 1e-5,
                  "step %d: %g, not %g", step, (double)left.items[i].p,
                  q[left.items[i].id]);
        const moe_token token = moe__chain_pick(chain, logits);
        moe__chain_accept(chain, token);
        sum = p[token] + (double)0.9f * sum;
        weight = 1 + (double)0.9f * weight;
    }
    moe__chain_destroy(chain);
}

/* Tokens that are forced, and odds that are of another step, teach nothing. */
static void only_tokens_that_were_picked_teach(void)
{
    static const float logits[] = {2, 1, 0, -1, -8};
    const moe_stage stages[] = {
        {.kind = MOE_STAGE_MIROSTAT_2, .value = 0.5f, .value2 = 0.9f}};
    struct left first, now;
    struct moe__chain *chain = chain_of(5, 1, stages, 1);
    run_chain(chain, logits, &first);
    REQUIRE(first.n > 0 && first.n < 4, "%d", first.n);
    moe__chain_accept(chain, 4); /* was no candidate */
    run_chain(chain, logits, &now);
    CHECK(same_left(&first, &now), "a token that was dropped");
    for (int i = 0; i < 4; i++) {
        moe__chain_accept(chain, 0);
        run_chain(chain, logits, &now);
    }
    CHECK(now.n > first.n, "likely tokens: %d, %d", now.n, first.n);
    moe__chain_reset(chain);
    run_chain(chain, logits, &now);
    CHECK(same_left(&first, &now), "after a reset");
    moe__chain_reset(chain);
    for (int i = 0; i < 9; i++)
        moe__chain_accept(chain, 0);
    run_chain(chain, logits, &now);
    CHECK(same_left(&first, &now), "without a pick");
    moe__chain_destroy(chain);
}

static void nothing_follows_a_stage_that_learns(void)
{
    static const moe_stage_kind kinds[] = {
        MOE_STAGE_MIROSTAT_1, MOE_STAGE_MIROSTAT_2, MOE_STAGE_ADAPTIVE_P};
    for (size_t i = 0; i < 3; i++) {
        const moe_stage stage = {.kind = kinds[i], .value = 0.5f};
        struct moe__chain *chain = chain_of(4, 1, &stage, 1);
        struct moe__err err = {0};
        CHECK(moe__chain_add(chain, &plain_list, &err) == MOE_ERR_STATE, "%d",
              kinds[i]);
        CHECK(strcmp(err.message, "sampler: nothing may follow mirostat or "
                                  "adaptive-p") == 0,
              "%s", err.message);
        moe__chain_destroy(chain);
    }
}

static const struct test tests[] = {
    {"dynamic_temperature_follows_the_entropy",
     dynamic_temperature_follows_the_entropy},
    {"mirostat_steers_to_the_wanted_surprise",
     mirostat_steers_to_the_wanted_surprise},
    {"adaptive_p_equals_its_formula", adaptive_p_equals_its_formula},
    {"only_tokens_that_were_picked_teach", only_tokens_that_were_picked_teach},
    {"nothing_follows_a_stage_that_learns",
     nothing_follows_a_stage_that_learns},
};

TEST_MAIN(tests)
