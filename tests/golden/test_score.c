/* Scores and vectors against what the logits say. */
#include "golden.h"

#define N_TOKENS 40
#define PATH "stories260K/stories260K.gguf"

static moe_token text[N_TOKENS];

static moe_context *open_mode(moe_logits_mode logits, int32_t n_batch)
{
    moe_error why = {0};
    moe_model *model = NULL;
    moe_context *ctx = NULL;
    moe_context_params params = {.struct_size = sizeof params,
                                 .logits = logits,
                                 .n_batch = n_batch,
                                 .kv = MOE_KV_F32};
    for (int i = 0; i < N_TOKENS; i++)
        text[i] = i == 0 ? 1 : 260 + i * 37 % 200;
    if (moe_model_open(test_data(PATH), NULL, &model, &why) == MOE_OK)
        moe_context_create(model, &params, &ctx, &why);
    moe_model_close(model);
    return ctx;
}

static double log_softmax(const float *logits, int n, int at)
{
    double most = (double)logits[golden_argmax(logits, n)], sum = 0;
    for (int i = 0; i < n; i++)
        sum += exp((double)logits[i] - most);
    return (double)logits[at] - most - log(sum);
}

static void a_score_is_the_sum_of_log_probabilities(void)
{
    moe_context *ctx = open_mode(MOE_LOGITS_ALL, 64);
    REQUIRE(ctx != NULL);
    REQUIRE(moe_context_eval(ctx, text, N_TOKENS, NULL) == MOE_OK);
    double want[N_TOKENS] = {0}; /* of the tokens from i on */
    for (int i = N_TOKENS - 1; i > 0; i--)
        want[i] = log_softmax(moe_context_logits(ctx, i - 1), 512, text[i]) +
                  (i + 1 < N_TOKENS ? want[i + 1] : 0);
    for (int given = 1; given < N_TOKENS; given += 6) {
        moe_score score = {.struct_size = sizeof score};
        REQUIRE(moe_context_score(ctx, text, N_TOKENS, given, &score) ==
                MOE_OK);
        CHECK(fabs(score.logprob - want[given]) < 1e-9, "%g", want[given]);
        CHECK(score.n_tokens == N_TOKENS - given);
    }
    CHECK(moe_context_position(ctx) == N_TOKENS);
    moe_context_destroy(ctx);
}

static void a_score_has_the_same_bits_in_every_mode(void)
{
    const struct {
        moe_logits_mode logits;
        int32_t n_batch;
    } modes[] = {
        {MOE_LOGITS_ALL, 64}, {MOE_LOGITS_LAST, 64}, {MOE_LOGITS_LAST, 7}};
    for (int given = 1; given < N_TOKENS; given += 2) {
        moe_score scores[3];
        for (int i = 0; i < 3; i++) {
            moe_context *ctx = open_mode(modes[i].logits, modes[i].n_batch);
            REQUIRE(ctx != NULL);
            scores[i] = (moe_score){.struct_size = sizeof scores[i]};
            REQUIRE(moe_context_score(ctx, text, N_TOKENS, given, &scores[i]) ==
                    MOE_OK);
            CHECK(memcmp(&scores[i], &scores[0], sizeof scores[0]) == 0,
                  "mode %d, %d given", i, given);
            moe_context_destroy(ctx);
        }
    }
}

static void a_greedy_continuation_is_called_so(void)
{
    moe_context *ctx = open_mode(MOE_LOGITS_LAST, 64);
    moe_score score = {.struct_size = sizeof score};
    moe_token ids[12];
    REQUIRE(ctx != NULL && moe_context_eval(ctx, text, 4, NULL) == MOE_OK);
    memcpy(ids, text, sizeof ids);
    for (int i = 4; i < 12; i++)
        REQUIRE(moe_context_generate(ctx, NULL, &ids[i], NULL) == MOE_OK);
    REQUIRE(moe_context_score(ctx, ids, 12, 4, &score) == MOE_OK);
    CHECK(score.is_greedy == 1);
    ids[8] = ids[8] == 300 ? 301 : 300;
    REQUIRE(moe_context_score(ctx, ids, 12, 4, &score) == MOE_OK);
    CHECK(score.is_greedy == 0);
    moe_context_destroy(ctx);
}

static void scores_refuse_what_cannot_be_scored(void)
{
    moe_context *ctx = open_mode(MOE_LOGITS_LAST, 64);
    moe_score score = {.struct_size = sizeof score};
    const moe_token bad[2] = {1, 512};
    REQUIRE(ctx != NULL);
    CHECK(moe_context_score(ctx, text, 4, 0, &score) == MOE_ERR_ARGUMENT);
    CHECK(moe_context_score(ctx, text, 4, 4, &score) == MOE_ERR_ARGUMENT);
    CHECK(strstr(moe_context_error(ctx), "1 to n - 1 = 3, found 4") != NULL);
    CHECK(moe_context_score(ctx, bad, 2, 1, &score) == MOE_ERR_ARGUMENT);
    CHECK(moe_context_score(ctx, text, 4, 1, NULL) == MOE_ERR_ARGUMENT);
    moe_context_cancel(ctx);
    CHECK(moe_context_score(ctx, text, 4, 1, &score) == MOE_ERR_CANCELLED);
    CHECK(moe_context_score(ctx, text, 4, 1, &score) == MOE_OK);
    moe_context_destroy(ctx);
}

static const char words[] = "the cat and the dog ran to a big red house "
                            "and sat by the door all day";

/* The first n bytes of words. */
static moe_status embed(moe_context *ctx, size_t n, moe_pooling pooling,
                        int keeps_length, float *vector)
{
    const moe_embed_params params = {.struct_size = sizeof params,
                                     .pooling = pooling,
                                     .keeps_length = keeps_length};
    return moe_context_embed(ctx, words, (int64_t)n, &params, vector, 64);
}

/* A token's state does not know what comes after it: the mean of n tokens times
 * n, less the mean of fewer times fewer, is what those between add. */
static void the_mean_is_that_of_the_states_of_all_tokens(void)
{
    moe_context *ctx = open_mode(MOE_LOGITS_LAST, 7);
    float first[64], vector[64], mean[64];
    double sum[64] = {0};
    int n_before = 0;
    REQUIRE(ctx != NULL);
    for (size_t n = 0; n <= strlen(words); n++) {
        REQUIRE(embed(ctx, n, MOE_POOLING_LAST, 1, vector) == MOE_OK, "%s",
                moe_context_error(ctx));
        const int n_tokens = moe_context_position(ctx);
        if (n == 0)
            memcpy(first, vector, sizeof first);
        if (n > 0 && words[n] != ' ' && words[n] != 0)
            continue; /* a part of a word */
        REQUIRE(embed(ctx, n, MOE_POOLING_MEAN, 1, mean) == MOE_OK);
        for (int i = 0; i < 64; i++) {
            const double more = (double)mean[i] * n_tokens - sum[i];
            if (n_tokens == n_before + 1)
                CHECK(fabs(more - (double)vector[i]) < 1e-4, "%zu %d", n, i);
            sum[i] += more;
        }
        n_before = n_tokens;
        REQUIRE(embed(ctx, n, MOE_POOLING_FIRST, 1, vector) == MOE_OK);
        CHECK(memcmp(vector, first, sizeof first) == 0, "%zu", n);
    }
    CHECK(n_before > 10, "%d", n_before);
    moe_context_destroy(ctx);
}

static void vectors_have_length_one_also_when_cut(void)
{
    moe_context *ctx = open_mode(MOE_LOGITS_LAST, 64);
    float whole[64], part[64];
    REQUIRE(ctx != NULL);
    for (int n_dims = 1; n_dims <= 64; n_dims *= 4) {
        double square = 0;
        REQUIRE(moe_context_embed(ctx, words, 19, NULL, part, n_dims) ==
                MOE_OK);
        for (int i = 0; i < n_dims; i++)
            square += (double)part[i] * (double)part[i];
        CHECK(fabs(square - 1) < 1e-6, "%d: %g", n_dims, square);
    }
    REQUIRE(embed(ctx, 19, MOE_POOLING_AUTO, 0, whole) == MOE_OK);
    CHECK(memcmp(whole, part, sizeof whole) == 0, "the mean by default");
    CHECK(moe_context_embed(ctx, words, 19, NULL, part, 65) ==
          MOE_ERR_ARGUMENT);
    CHECK(strstr(moe_context_error(ctx), "n_dims: expected 1 to 64") != NULL);
    CHECK(embed(ctx, 19, 7, 0, whole) == MOE_ERR_ARGUMENT);
    moe_context_destroy(ctx);
}

static const struct test tests[] = {
    {"a_score_is_the_sum_of_log_probabilities",
     a_score_is_the_sum_of_log_probabilities},
    {"a_score_has_the_same_bits_in_every_mode",
     a_score_has_the_same_bits_in_every_mode},
    {"a_greedy_continuation_is_called_so", a_greedy_continuation_is_called_so},
    {"scores_refuse_what_cannot_be_scored",
     scores_refuse_what_cannot_be_scored},
    {"the_mean_is_that_of_the_states_of_all_tokens",
     the_mean_is_that_of_the_states_of_all_tokens},
    {"vectors_have_length_one_also_when_cut",
     vectors_have_length_one_also_when_cut},
};

TEST_MAIN(tests)
