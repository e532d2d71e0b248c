/* test_stages.c: what all stages promise: masks, the same before and after a
 * list is made, resets, clones, bounds; and log-probabilities. */
#include "sample_check.h"

/* ------------------------------------------------ all logits and the list */

/* The quick ways through all logits give what a list gives: every length around
 * the width of a scan, ties, NaN and infinities. */
static void stages_do_the_same_before_and_after_a_list_is_made(void)
{
    static const moe_bias biases[] = {{0, 2}, {3, -INFINITY}, {5, -1}};
    static float logits[n_wide];
    static struct left quick, slow;
    for (int round = 0; round < 600; round++) {
        const int32_t n =
            round < 140 ? 6 + round : 6 + (int32_t)dice(n_wide - 6);
        const moe_stage stages[] = {
            {.kind = MOE_STAGE_TOP_K, .count = 1 + (int32_t)dice(80)},
            {.kind = MOE_STAGE_MIN_P, .value = (float)(1 + dice(99)) / 100},
            {.kind = MOE_STAGE_TEMPERATURE, .value = 0},
            {.kind = MOE_STAGE_PENALTIES,
             .count = 8,
             .value = 1.5f,
             .value3 = 1},
            {.kind = MOE_STAGE_DRY,
             .count = 30,
             .value = 1,
             .value2 = 1.2f,
             .count2 = 1},
            {.kind = MOE_STAGE_BIAS, .biases = biases, .n_biases = 3},
        };
        const moe_stage stage = stages[round % 6];
        const moe_stage listed[] = {plain_list, stage};
        struct moe__chain *a = chain_of(n, 1, &stage, 1);
        struct moe__chain *b = chain_of(n, 1, listed, 2);
        roll_logits(logits, n, true);
        for (int i = 0; i < 12; i++) {
            const moe_token token = (moe_token)dice(6);
            moe__chain_accept(a, token);
            moe__chain_accept(b, token);
        }
        run_chain(a, logits, &quick);
        run_chain(b, logits, &slow);
        CHECK(same_left(&quick, &slow), "stage %d, vocabulary %d: %d, %d left",
              stage.kind, n, quick.n, slow.n);
        moe__chain_destroy(a);
        moe__chain_destroy(b);
    }
}

/* A mask gives what NaN in place of the other logits gives. */
static void mask_hides_tokens_from_every_stage(void)
{
    static float logits[n_wide], hidden[n_wide];
    static struct left masked, plain;
    uint64_t mask[n_wide / 64 + 1];
    for (int round = 0; round < 300; round++) {
        const int32_t n = 1 + (int32_t)dice(n_wide - 1);
        const moe_stage stages[] = {
            {.kind = MOE_STAGE_TOP_K, .count = 1 + (int32_t)dice(50)},
            {.kind = MOE_STAGE_TOP_P, .value = 0.9f},
            {.kind = MOE_STAGE_TEMPERATURE, .value = (float)dice(2)},
        };
        struct moe__chain *chain = chain_of(n, 7, stages, (int)dice(4));
        roll_logits(logits, n, true);
        memset(mask, 0, sizeof mask);
        const uint32_t density = 1 + dice(9);
        const int32_t always = (int32_t)dice((uint32_t)n);
        for (int32_t i = 0; i < n; i++) {
            const bool is_in = i == always || dice(10) < density;
            mask[i / 64] |= (uint64_t)is_in << i % 64;
            hidden[i] = is_in ? logits[i] : NAN;
        }
        hidden[always] = logits[always] = 1;
        run_chain(chain, hidden, &plain);
        moe__chain_set_mask(chain, mask);
        run_chain(chain, logits, &masked);
        CHECK(same_left(&masked, &plain), "vocabulary %d: %d, %d", n, masked.n,
              plain.n);
        moe__chain_set_mask(chain, NULL);
        run_chain(chain, hidden, &masked);
        CHECK(same_left(&masked, &plain), "the mask is taken off");
        moe__chain_destroy(chain);
    }
}

static void mask_over_nothing_but_nan_gives_an_allowed_token(void)
{
    float logits[200];
    uint64_t mask[4] = {0, 0, (uint64_t)1 << 5, 1};
    struct left left;
    struct moe__chain *chain = chain_of(200, 1, NULL, 0);
    for (int i = 0; i < 200; i++)
        logits[i] = i == 133 ? NAN : 1;
    logits[192] = NAN;
    moe__chain_set_mask(chain, mask);
    CHECK(moe__chain_pick(chain, logits) == 133, "the first that is allowed");
    run_chain(chain, logits, &left);
    CHECK(left.n == 1 && left.items[0].p == 1, "%d", left.n);
    moe__chain_destroy(chain);
}

/* ------------------------------------------------------- log-probabilities */

static void logprobs_are_those_of_all_logits(void)
{
    static float logits[n_wide];
    static double wide[n_wide], p[n_wide];
    const moe_stage stage = {.kind = MOE_STAGE_TOP_K, .count = 2};
    struct moe__chain *chain = chain_of(n_wide, 1, &stage, 1);
    struct moe__chain *all = chain_of(n_wide, 1, NULL, 0);
    struct left left;
    moe_logprob top[20];
    for (int round = 0; round < 20; round++) {
        roll_logits(logits, n_wide, false);
        logits[5] = NAN;
        logits[6] = -INFINITY;
        for (int i = 0; i < n_wide; i++)
            wide[i] = i == 5 ? -INFINITY : (double)logits[i];
        plain_softmax(wide, n_wide, p);
        run_chain(all, logits, &left);
        moe_logprob chosen = {.token = (moe_token)dice(n_wide)};
        moe__chain_logprobs(chain, logits, &chosen, top, round);
        CHECK(chosen.token == 5 || chosen.token == 6 ||
                  fabs((double)chosen.logprob - log(p[chosen.token])) < 1e-5,
              "%g, not %g", (double)chosen.logprob, log(p[chosen.token]));
        for (int i = 0; i < round; i++)
            CHECK(top[i].token == left.items[i].id &&
                      fabs((double)top[i].logprob - log(p[top[i].token])) <
                          1e-5,
                  "rank %d: token %d, %g", i, top[i].token,
                  (double)top[i].logprob);
        for (chosen.token = 5; chosen.token <= 6; chosen.token++) {
            moe__chain_logprobs(chain, logits, &chosen, NULL, 0);
            CHECK(chosen.logprob == -INFINITY, "%g", (double)chosen.logprob);
        }
    }
    moe__chain_destroy(chain);
    moe__chain_destroy(all);
}

static void logprobs_of_odd_logits_are_no_nan(void)
{
    static const float cases[][3] = {{NAN, NAN, NAN},
                                     {NAN, 1, NAN},
                                     {-INFINITY, -INFINITY, NAN},
                                     {INFINITY, 2, INFINITY}};
    struct moe__chain *chain = chain_of(3, 1, NULL, 0);
    for (size_t i = 0; i < 4; i++) {
        moe_logprob top[3];
        moe_logprob chosen = {.token = 2};
        moe__chain_logprobs(chain, cases[i], &chosen, top, 3);
        CHECK(chosen.logprob <= 0, "case %d: %g", (int)i,
              (double)chosen.logprob);
        double sum = 0;
        for (int j = 0; j < 3; j++)
            sum += exp((double)top[j].logprob);
        CHECK(fabs(sum - 1) < 1e-6, "case %d: %g", (int)i, sum);
    }
    moe__chain_destroy(chain);
}

/* --------------------------------------------------------------- promises */

static const moe_bias some_biases[] = {{7, 1}, {9, -2}};
static const moe_token some_breakers[] = {4, -1, 1, 2};

/* Two chains with every kind of stage between them, but the host's. */
static const moe_stage one_of_each[][8] = {
    {{.kind = MOE_STAGE_BIAS, .biases = some_biases, .n_biases = 2},
     {.kind = MOE_STAGE_PENALTIES, .count = 16, .value = 1.1f},
     {.kind = MOE_STAGE_DRY,
      .count = 30,
      .value = 1,
      .value2 = 1.5f,
      .count2 = 1,
      .breakers = some_breakers,
      .n_breakers = 4},
     {.kind = MOE_STAGE_TOP_N_SIGMA, .value = 2},
     {.kind = MOE_STAGE_TYPICAL, .value = 0.98f},
     {.kind = MOE_STAGE_XTC, .value = 0.5f, .value2 = 0.05f},
     {.kind = MOE_STAGE_TEMPERATURE, .value = 0.9f, .value2 = 0.4f},
     {.kind = MOE_STAGE_MIROSTAT_2, .value = 3, .value2 = 0.1f}},
    {{.kind = MOE_STAGE_TOP_K, .count = 300},
     {.kind = MOE_STAGE_TOP_P, .value = 0.99f},
     {.kind = MOE_STAGE_MIN_P, .value = 0.001f},
     {.kind = MOE_STAGE_ADAPTIVE_P, .value = 0.2f, .value2 = 0.8f}},
    {{.kind = MOE_STAGE_MIROSTAT_1, .value = 3, .value2 = 0.1f}},
};
static const int n_of_each[] = {8, 4, 1};

static uint64_t story_of(struct moe__chain *chain, uint32_t seed)
{
    static float logits[n_wide];
    uint64_t sum = 0;
    dice_state = seed;
    for (uint32_t i = 0; i < 100; i++) {
        roll_logits(logits, n_wide, true);
        const moe_token token = moe__chain_pick(chain, logits);
        CHECK(token >= 0 && token < n_wide, "%d", token);
        moe__chain_accept(chain, token);
        sum = sum * 1099511628211u + (uint64_t)token;
    }
    return sum;
}

/* Also a clone that is made between a pick and its accept. */
static void every_stage_is_reset_and_cloned_with_its_state(void)
{
    static float logits[n_wide];
    for (int which = 0; which < 3; which++) {
        struct moe__chain *a =
            chain_of(n_wide, 42, one_of_each[which], n_of_each[which]);
        struct moe__chain *b = NULL;
        const uint64_t story = story_of(a, 1);
        CHECK(story != story_of(a, 1), "chain %d: the history counts", which);
        roll_logits(logits, n_wide, false);
        const moe_token token = moe__chain_pick(a, logits);
        REQUIRE(moe__chain_clone(&mem, a, &b, NULL) == MOE_OK, "clone");
        moe__chain_accept(a, token);
        moe__chain_accept(b, token);
        CHECK(story_of(a, 2) == story_of(b, 2), "chain %d: clone", which);
        moe__chain_destroy(b);
        moe__chain_reset(a);
        CHECK(story == story_of(a, 1), "chain %d: after a reset", which);
        moe__chain_destroy(a);
        CHECK(mem.live_bytes == 0, "leak");
    }
}

static void one_token_and_no_numbers_are_survived_by_every_stage(void)
{
    static const float cases[][4] = {
        {NAN, NAN, NAN, NAN},
        {-INFINITY, -INFINITY, -INFINITY, -INFINITY},
        {INFINITY, INFINITY, -INFINITY, 0},
        {0, 0, 0, 0},
        {3e38f, -3e38f, 0, NAN},
        {NAN, NAN, 1, NAN}};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        for (int which = 0; which < 3; which++) {
            for (int32_t n_vocab = which == 0 ? 10 : 1; n_vocab < 12;
                 n_vocab += 9) {
                float logits[10];
                for (int i = 0; i < 10; i++)
                    logits[i] = cases[c][i % 4];
                struct moe__chain *chain =
                    chain_of(n_vocab, 1, one_of_each[which], n_of_each[which]);
                struct left left;
                for (int step = 0; step < 5; step++) {
                    run_chain(chain, logits, &left);
                    double sum = 0;
                    for (int i = 0; i < left.n; i++)
                        sum += (double)left.items[i].p;
                    CHECK(left.n >= 1 && fabs(sum - 1) < 1e-6,
                          "case %d chain %d: %d, %g", (int)c, which, left.n,
                          sum);
                    const moe_token token = moe__chain_pick(chain, logits);
                    CHECK(token >= 0 && token < n_vocab, "%d", token);
                    moe__chain_accept(chain, token);
                }
                moe__chain_destroy(chain);
            }
        }
    }
}

static void quiet_stage(void *user, const moe_token *tokens, float *logits,
                        int32_t n)
{
    (void)user, (void)tokens, (void)logits, (void)n;
}

static void arrays_are_checked_by_name(void)
{
    static const moe_bias twice[] = {{1, 2}, {1, 3}};
    static const moe_bias outside[] = {{4, 2}};
    static const moe_bias endless[] = {{0, INFINITY}};
    static const moe_bias no_number[] = {{0, NAN}};
    static const moe_token far[] = {1, -1, 4};
    static const moe_token low[] = {-2};
    static const struct {
        moe_stage stage;
        const char *sentence;
    } cases[] = {
        {{.kind = MOE_STAGE_BIAS, .biases = twice, .n_biases = 2},
         "sampler stage bias: token 1 is listed twice"},
        {{.kind = MOE_STAGE_BIAS, .biases = outside, .n_biases = 1},
         "sampler stage bias: biases[0].token must be 0 to 3, is 4"},
        {{.kind = MOE_STAGE_BIAS, .biases = endless, .n_biases = 1},
         "biases[0].bias must be below infinity, is inf"},
        {{.kind = MOE_STAGE_BIAS, .biases = no_number, .n_biases = 1},
         "biases[0].bias must be below infinity, is nan"},
        {{.kind = MOE_STAGE_BIAS, .n_biases = 1},
         "expected an array of at most 2^24 biases, found NULL with 1"},
        {{.kind = MOE_STAGE_TOP_K, .biases = outside, .n_biases = 1},
         "sampler stage top-k: has no biases, 1 are given"},
        {{.kind = MOE_STAGE_BIAS, .breakers = far, .n_breakers = 3},
         "sampler stage bias: has no breakers, 3 are given"},
        {{.kind = MOE_STAGE_DRY,
          .value2 = 1,
          .breakers = far,
          .n_breakers = SIZE_MAX},
         "expected an array of at most 2^24 breakers"},
        {{.kind = MOE_STAGE_DRY, .value2 = 1, .breakers = far, .n_breakers = 3},
         "sampler stage dry: breakers[2] must be -1 to 3, is 4"},
        {{.kind = MOE_STAGE_DRY, .value2 = 1, .breakers = low, .n_breakers = 1},
         "sampler stage dry: breakers[0] must be -1 to 3, is -2"},
        {{.kind = MOE_STAGE_DRY}, "sampler stage dry: base must be 1 to 1000"},
        {{.kind = MOE_STAGE_CUSTOM},
         "sampler stage custom: fn must not be NULL"},
        {{.kind = MOE_STAGE_TOP_K, .fn = quiet_stage},
         "sampler stage top-k: fn must be NULL"},
        {{.kind = MOE_STAGE_ADAPTIVE_P, .value2 = 1},
         "sampler stage adaptive-p: decay must be 0 to 0.99, is 1"},
        {{.kind = MOE_STAGE_XTC, .value = 1.1f},
         "sampler stage xtc: probability must be 0 to 1, is 1.1"},
        {{.kind = MOE_STAGE_MIROSTAT_2, .value = NAN},
         "sampler stage mirostat 2: tau must be 0 to 1000, is nan"},
    };
    struct moe__chain *chain = chain_of(4, 1, NULL, 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct moe__err err = {0};
        CHECK(moe__chain_add(chain, &cases[i].stage, &err) == MOE_ERR_ARGUMENT,
              "case %d", (int)i);
        CHECK(strstr(err.message, cases[i].sentence) != NULL, "case %d: %s",
              (int)i, err.message);
    }
    moe__chain_destroy(chain);
    CHECK(mem.live_bytes == 0, "leak");
}

static void lack_of_memory_in_any_stage_leaves_nothing_behind(void)
{
    const moe_allocator hook = {sizeof hook, NULL, scarce_alloc, scarce_free};
    struct moe__mem scarce;
    moe__mem_init(&scarce, &hook);
    /* So wide that every array is an allocation of its own. */
    struct moe__chain *source =
        chain_of(20000, 1, one_of_each[0], n_of_each[0]);
    moe_status status = MOE_ERR_NO_MEMORY;
    int n = 0;
    for (; n < 99 && status != MOE_OK; n++) {
        struct moe__chain *copy = source;
        struct moe__err err = {0};
        allowance = n;
        status = moe__chain_clone(&scarce, source, &copy, &err);
        CHECK(status == MOE_OK || (status == MOE_ERR_NO_MEMORY &&
                                   copy == NULL && err.message[0] != 0),
              "%d: %d %s", n, status, err.message);
        moe__chain_destroy(copy);
        CHECK(scarce.live_bytes == 0, "%d", n);
    }
    CHECK(status == MOE_OK && n > 8, "%d allocations", n);
    moe__chain_destroy(source);
}

static const struct test tests[] = {
    {"stages_do_the_same_before_and_after_a_list_is_made",
     stages_do_the_same_before_and_after_a_list_is_made},
    {"mask_hides_tokens_from_every_stage", mask_hides_tokens_from_every_stage},
    {"mask_over_nothing_but_nan_gives_an_allowed_token",
     mask_over_nothing_but_nan_gives_an_allowed_token},
    {"logprobs_are_those_of_all_logits", logprobs_are_those_of_all_logits},
    {"logprobs_of_odd_logits_are_no_nan", logprobs_of_odd_logits_are_no_nan},
    {"every_stage_is_reset_and_cloned_with_its_state",
     every_stage_is_reset_and_cloned_with_its_state},
    {"one_token_and_no_numbers_are_survived_by_every_stage",
     one_token_and_no_numbers_are_survived_by_every_stage},
    {"arrays_are_checked_by_name", arrays_are_checked_by_name},
    {"lack_of_memory_in_any_stage_leaves_nothing_behind",
     lack_of_memory_in_any_stage_leaves_nothing_behind},
};

TEST_MAIN(tests)
