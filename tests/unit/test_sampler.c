/* test_sampler.c: the public sampler: its usual chain, its parameters by name,
 * breakers that are texts, and what it refuses. */
#include "test.h"

#include <moe.h>

#include <stdbool.h>

enum { n_vocab = 512 };

static moe_sampler *sampler_of(const moe_sampler_params *params)
{
    moe_sampler *sampler = NULL;
    moe_error why = {0};
    CHECK(moe_sampler_create(n_vocab, params, &sampler, &why) == MOE_OK, "%s",
          why.message);
    return sampler;
}

static void fill_logits(float *logits, uint32_t seed)
{
    for (int i = 0; i < n_vocab; i++) {
        seed = seed * 1664525u + 1013904223u;
        logits[i] = (float)(seed >> 20) / 512;
    }
}

/* 60 tokens, as one number. */
static uint64_t story_of(moe_sampler *sampler)
{
    uint64_t story = 0;
    moe_sampler_reset(sampler);
    for (uint32_t i = 0; sampler != NULL && i < 60; i++) {
        float logits[n_vocab];
        moe_token token = MOE_TOKEN_NONE;
        fill_logits(logits, i % 7);
        CHECK(moe_sampler_pick(sampler, logits, n_vocab, &token) == MOE_OK);
        CHECK(moe_sampler_accept(sampler, token) == MOE_OK, "%d", token);
        story = story * 1099511628211u + (uint64_t)token;
    }
    return story;
}

/* Each parameter does what the stage that it stands for does, at its place. */
static void parameters_make_the_chain_that_the_header_tells(void)
{
    static const moe_bias bias[] = {{9, 3}};
    const struct {
        moe_sampler_params params;
        moe_stage stages[4];
    } cases[] = {
        {{.temperature = 0.8f}, {{.value = 0.8f}}},
        {{.temperature = 1, .biases = bias, .n_biases = 1},
         {{.kind = MOE_STAGE_BIAS, .biases = bias, .n_biases = 1},
          {.value = 1}}},
        {{.temperature = 1, .top_n_sigma = 1, .top_k = 9},
         {{.kind = MOE_STAGE_TOP_N_SIGMA, .value = 1},
          {.kind = MOE_STAGE_TOP_K, .count = 9},
          {.value = 1}}},
        {{.temperature = 1, .min_p = 0.1f, .xtc_probability = 0.5f},
         {{.kind = MOE_STAGE_MIN_P, .value = 0.1f},
          {.kind = MOE_STAGE_XTC, .value = 0.5f, .value2 = 0.1f},
          {.value = 1}}},
        {{.temperature = 1, .dynatemp_range = 0.5f, .dynatemp_exponent = 2},
         {{.value = 1, .value2 = 0.5f, .value3 = 2}}},
        {{.temperature = 1, .repeat_penalty = 1.5f, .dry_multiplier = 2},
         {{.kind = MOE_STAGE_PENALTIES, .count = 64, .value = 1.5f},
          {.kind = MOE_STAGE_DRY,
           .count = 1024,
           .value = 2,
           .value2 = 1.75f,
           .count2 = 2},
          {.value = 1}}},
        {{.temperature = 0.9f, .mirostat = 1, .top_k = 3},
         {{.value = 0.9f},
          {.kind = MOE_STAGE_MIROSTAT_1, .value = 5, .value2 = 0.1f}}},
        {{.temperature = 0.9f,
          .mirostat = 2,
          .top_k = 3,
          .mirostat_tau = 3,
          .mirostat_eta = 0.5f},
         {{.value = 0.9f},
          {.kind = MOE_STAGE_MIROSTAT_2, .value = 3, .value2 = 0.5f}}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        moe_sampler_params params = cases[i].params;
        moe_sampler_params empty = {
            .struct_size = sizeof empty, .seed = 5, .is_empty = 1};
        params.struct_size = sizeof params;
        params.seed = 5;
        moe_sampler *usual = sampler_of(&params);
        moe_sampler *built = sampler_of(&empty);
        for (int s = 0; s < 4; s++) {
            moe_stage stage = cases[i].stages[s];
            moe_error why = {0};
            stage.struct_size = sizeof stage;
            if (stage.kind == 0 && stage.value != 0)
                stage.kind = MOE_STAGE_TEMPERATURE;
            if (stage.kind != 0)
                CHECK(moe_sampler_add(built, &stage, &why) == MOE_OK, "%s",
                      why.message);
        }
        CHECK(story_of(usual) == story_of(built), "case %d", (int)i);
        moe_sampler_destroy(usual);
        moe_sampler_destroy(built);
    }
}

static void every_parameter_is_set_by_name(void)
{
    static const struct {
        const char *name, *value, *too_much;
    } cases[] = {
        {"top_n_sigma", "1.5", "-1"},       {"xtc_probability", "0.5", "2"},
        {"xtc_threshold", "0.2", "1.1"},    {"dynatemp_range", "0.5", "-1"},
        {"dynatemp_exponent", "2", "-0.1"}, {"dry_multiplier", "0.8", "1e9"},
        {"dry_base", "1.75", "-1"},         {"dry_allowed_length", "3", "-1"},
        {"dry_window", "99", "2000000"},    {"mirostat", "2", "3"},
        {"mirostat_tau", "4", "-4"},        {"mirostat_eta", "0.2", "nan"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        moe_sampler_params params = {.struct_size = sizeof params};
        moe_sampler_params old = {.struct_size = 64};
        moe_error why = {0};
        CHECK(moe_params_set(MOE_PARAMS_SAMPLER, &params, cases[i].name,
                             cases[i].value, &why) == MOE_OK,
              "%s: %s", cases[i].name, why.message);
        moe_sampler_destroy(sampler_of(&params));
        CHECK(moe_params_set(MOE_PARAMS_SAMPLER, &params, cases[i].name,
                             cases[i].too_much, &why) == MOE_ERR_ARGUMENT,
              "%s", cases[i].name);
        CHECK(strstr(why.message, cases[i].name) != NULL, "%s", why.message);
        CHECK(moe_params_set(MOE_PARAMS_SAMPLER, &old, cases[i].name,
                             cases[i].value, NULL) == MOE_ERR_NOT_FOUND,
              "%s in a structure that ends before it", cases[i].name);
    }
}

/* A program that was compiled when the structures ended earlier. */
static void shorter_structures_mean_what_they_meant(void)
{
    moe_sampler_params params = {.struct_size = 64,
                                 .seed = 3,
                                 .temperature = 1,
                                 .top_n_sigma = 0.5f,
                                 .mirostat = 77};
    moe_sampler_params same = {
        .struct_size = sizeof same, .seed = 3, .temperature = 1};
    moe_stage stage = {.struct_size = 32,
                       .kind = MOE_STAGE_TOP_K,
                       .count = 5,
                       .n_biases = 12345};
    moe_sampler *a = sampler_of(&params);
    moe_sampler *b = sampler_of(&same);
    CHECK(story_of(a) == story_of(b), "the rest is not read");
    CHECK(moe_sampler_add(a, &stage, NULL) == MOE_OK, "nor of a stage");
    moe_sampler_destroy(a);
    moe_sampler_destroy(b);
}

/* ---------------------------------------------------------------- breakers */

static moe_model *open_stories(void)
{
    moe_model *model = NULL;
    moe_error why = {0};
    const char *path = test_data("stories260K/stories260K.gguf");
    CHECK(path != NULL && moe_model_open(path, NULL, &model, &why) == MOE_OK,
          "%s", why.message);
    return model;
}

/* Accepts a text twice and says whether the token after its first copy is
 * penalised at the end of the second one. */
static bool repeats_are_seen(const moe_model *model, const char *text,
                             const char *const *breakers, size_t n_breakers)
{
    moe_sampler_params params = {.struct_size = sizeof params,
                                 .temperature = 1,
                                 .dry_multiplier = 1000,
                                 .model = model,
                                 .dry_breakers = breakers,
                                 .n_dry_breakers = n_breakers};
    moe_sampler *sampler = sampler_of(&params);
    moe_token ids[64];
    size_t n = 0;
    moe_token best = MOE_TOKEN_NONE;
    float logits[n_vocab] = {0};
    CHECK(moe_text_encode(model, text, -1, 0, ids, 64, &n, NULL) == MOE_OK);
    for (int copy = 0; copy < 2; copy++)
        for (size_t i = 0; i < n; i++)
            moe_sampler_accept(sampler, ids[i]);
    logits[ids[0]] = 50;
    CHECK(moe_sampler_pick(sampler, logits, n_vocab, &best) == MOE_OK);
    moe_sampler_destroy(sampler);
    return best != ids[0];
}

/* "went away" ends with the breaker, so that nothing newer can repeat; a text
 * that stands elsewhere leaves all after it. */
static void texts_break_repetitions_in_any_tokens(void)
{
    moe_model *model = open_stories();
    REQUIRE(model != NULL, "no model");
    static const char *const none[] = {""};
    static const char *const away[] = {"way"};
    static const char *const whole[] = {"went away"};
    static const char *const usual_text = "he said:";
    CHECK(repeats_are_seen(model, "Lily went away", none, 1), "none");
    CHECK(!repeats_are_seen(model, "Lily went away", away, 1), "a part");
    CHECK(!repeats_are_seen(model, "Lily went away", whole, 1), "two words");
    CHECK(repeats_are_seen(model, "Lily went to see", whole, 1), "another");
    CHECK(!repeats_are_seen(model, usual_text, NULL, 0), "the usual ones");
    CHECK(repeats_are_seen(model, usual_text, none, 1), "not the usual ones");
    moe_model_close(model);
}

static void breakers_are_refused_by_name(void)
{
    moe_model *model = open_stories();
    REQUIRE(model != NULL, "no model");
    static const char *const texts[] = {
        "fine", "12345678901234567890123456789012345678901"};
    static const char *const hole[] = {NULL};
    const struct {
        moe_sampler_params params;
        const char *sentence;
    } cases[] = {
        {{.dry_breakers = texts, .n_dry_breakers = 1},
         "dry_breakers: expected texts and a model with a vocabulary, found "
         "no model"},
        {{.model = model, .n_dry_breakers = 1}, "found no texts"},
        {{.model = model, .dry_breakers = texts, .n_dry_breakers = 2},
         "dry_breakers[1]: expected at most 40 bytes, found 41"},
        {{.model = model, .dry_breakers = hole, .n_dry_breakers = 1},
         "dry_breakers[0]: expected a text, found NULL"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        moe_sampler_params params = cases[i].params;
        moe_sampler *sampler = NULL;
        moe_error why = {0};
        params.struct_size = sizeof params;
        CHECK(moe_sampler_create(n_vocab, &params, &sampler, &why) ==
                  MOE_ERR_ARGUMENT,
              "case %d", (int)i);
        CHECK(strstr(why.message, cases[i].sentence) != NULL && !sampler,
              "case %d: %s", (int)i, why.message);
    }
    moe_model_close(model);
}

/* --------------------------------------------------------------- logprobs */

/* Asking between a pick and its accept changes nothing. */
static void logprobs_are_a_getter(void)
{
    moe_sampler_params params = {.struct_size = sizeof params,
                                 .seed = 8,
                                 .temperature = 1,
                                 .mirostat = 2,
                                 .mirostat_tau = 2};
    moe_sampler *asked = sampler_of(&params);
    moe_sampler *other = sampler_of(&params);
    for (uint32_t i = 0; i < 40; i++) {
        float logits[n_vocab];
        moe_token a = 0, b = 0;
        moe_logprob top[3];
        fill_logits(logits, i);
        moe_sampler_pick(asked, logits, n_vocab, &a);
        moe_sampler_pick(other, logits, n_vocab, &b);
        CHECK(a == b, "step %d: %d, %d", (int)i, a, b);
        moe_logprob chosen = {.token = a};
        CHECK(moe_sampler_logprobs(asked, logits, n_vocab, &chosen, top, 3) ==
              MOE_OK);
        CHECK(chosen.logprob <= top[0].logprob && top[0].logprob < 0 &&
                  top[0].logprob >= top[1].logprob,
              "%g", (double)chosen.logprob);
        moe_sampler_accept(asked, a);
        moe_sampler_accept(other, b);
    }
    moe_sampler_destroy(asked);
    moe_sampler_destroy(other);
}

static void logprobs_refuse_what_is_out_of_bounds(void)
{
    moe_sampler *sampler = sampler_of(NULL);
    const float logits[n_vocab] = {0};
    moe_logprob top[2];
    moe_logprob chosen = {.token = n_vocab};
    moe_logprob low = {.token = -1};
    const moe_status refused = MOE_ERR_ARGUMENT;
    CHECK(moe_sampler_logprobs(NULL, logits, n_vocab, NULL, top, 2) == refused);
    CHECK(moe_sampler_logprobs(sampler, NULL, n_vocab, NULL, top, 2) ==
          refused);
    CHECK(moe_sampler_logprobs(sampler, logits, 3, NULL, top, 2) == refused);
    CHECK(moe_sampler_logprobs(sampler, logits, n_vocab, &chosen, top, 2) ==
          refused);
    CHECK(moe_sampler_logprobs(sampler, logits, n_vocab, &low, top, 2) ==
          refused);
    CHECK(moe_sampler_logprobs(sampler, logits, n_vocab, NULL, NULL, 2) ==
          refused);
    CHECK(moe_sampler_logprobs(sampler, logits, n_vocab, NULL, top, -1) ==
          refused);
    CHECK(moe_sampler_logprobs(sampler, logits, n_vocab, NULL, top,
                               n_vocab + 1) == refused);
    CHECK(moe_sampler_logprobs(sampler, logits, n_vocab, NULL, NULL, 0) ==
          MOE_OK);
    moe_sampler_destroy(sampler);
}

static const struct test tests[] = {
    {"parameters_make_the_chain_that_the_header_tells",
     parameters_make_the_chain_that_the_header_tells},
    {"every_parameter_is_set_by_name", every_parameter_is_set_by_name},
    {"shorter_structures_mean_what_they_meant",
     shorter_structures_mean_what_they_meant},
    {"texts_break_repetitions_in_any_tokens",
     texts_break_repetitions_in_any_tokens},
    {"breakers_are_refused_by_name", breakers_are_refused_by_name},
    {"logprobs_are_a_getter", logprobs_are_a_getter},
    {"logprobs_refuse_what_is_out_of_bounds",
     logprobs_refuse_what_is_out_of_bounds},
};

TEST_MAIN(tests)
