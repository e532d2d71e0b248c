/* test_sample.c: sampler stages against llama.cpp's cases, and the promises of
 * a pick: pure, reproducible, never out of range, drawn from the right odds. */
#include "chain_check.h"

#include <float.h>
#include <math.h>

/* ------------------------------------------------------- llama.cpp's cases */

struct sampling_case {
    char fn[16];
    double probs[8], args[8], last_tokens[8], expected[8];
    int n_probs, n_args, n_last_tokens, n_expected;
    moe_token breaker; /* or MOE_TOKEN_NONE */
};

/* Reads the numbers of "key": [...] in one object's text; 0 if absent. */
static int case_numbers(const char *object, const char *end, const char *key,
                        double *out)
{
    const char *at = strstr(object, key);
    int n = 0;
    if (at == NULL || at >= end)
        return 0;
    at = strchr(at, '[') + 1;
    while (n < 8 && strchr("]", *at) == NULL) {
        char *after;
        out[n] = strtod(at, &after);
        n += after != at;
        at = after + strspn(after, ", \n");
    }
    return n;
}

/* The next case, or NULL: an object's text goes from its "fn" to the next. */
static const char *case_read(const char *at, struct sampling_case *out)
{
    const char *object = strstr(at, "\"fn\"");
    if (object == NULL)
        return NULL;
    const char *end = strstr(object + 4, "\"fn\"");
    if (end == NULL)
        end = object + strlen(object);
    sscanf(object, "\"fn\": \"%15[a-z_]", out->fn);
    out->n_probs = case_numbers(object, end, "\"probs\"", out->probs);
    out->n_args = case_numbers(object, end, "\"args\"", out->args);
    out->n_expected = case_numbers(object, end, "\"expected\"", out->expected);
    out->n_last_tokens =
        case_numbers(object, end, "\"last_tokens\"", out->last_tokens);
    const char *breakers = strstr(object, "\"breakers\": \"{{");
    out->breaker = MOE_TOKEN_NONE;
    if (breakers != NULL && breakers < end)
        sscanf(breakers, "\"breakers\": \"{{%d}}", &out->breaker);
    return end;
}

static bool case_stage(const struct sampling_case *c, moe_stage *stage)
{
    static const struct {
        const char *fn;
        moe_stage_kind kind;
    } names[] = {
        {"temp", MOE_STAGE_TEMPERATURE},
        {"top_k", MOE_STAGE_TOP_K},
        {"top_p", MOE_STAGE_TOP_P},
        {"min_p", MOE_STAGE_MIN_P},
        {"typical", MOE_STAGE_TYPICAL},
        {"penalties", MOE_STAGE_PENALTIES},
        {"temp_ext", MOE_STAGE_TEMPERATURE},
        {"xtc", MOE_STAGE_XTC},
        {"dry", MOE_STAGE_DRY},
        {"top_n_sigma", MOE_STAGE_TOP_N_SIGMA},
    };
    *stage = (moe_stage){.struct_size = sizeof *stage};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(c->fn, names[i].fn) == 0)
            stage->kind = names[i].kind;
    stage->count =
        stage->kind == MOE_STAGE_TOP_K ? (int32_t)c->args[0] : c->n_last_tokens;
    stage->value = (float)c->args[0];
    stage->value2 = (float)c->args[1];
    stage->value3 = (float)c->args[2];
    if (stage->kind == MOE_STAGE_DRY) {
        stage->count2 = (int32_t)c->args[2];
        stage->count = (int32_t)c->args[3];
        stage->breakers = &c->breaker;
        stage->n_breakers = c->breaker != MOE_TOKEN_NONE;
    }
    return stage->kind != 0;
}

static int more_is_first(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x < y) - (x > y);
}

/* Since llama.cpp's pull request 13345 a width of 0 is off. */
static void case_update(struct sampling_case *c)
{
    if (strcmp(c->fn, "top_n_sigma") != 0 || c->args[0] != 0)
        return;
    memcpy(c->expected, c->probs, sizeof c->expected);
    qsort(c->expected, (size_t)c->n_probs, sizeof(double), more_is_first);
}

static void run_case(const struct sampling_case *c, const moe_stage *stage,
                     int number)
{
    struct moe__chain *chain = chain_of(c->n_probs, 0, stage, 1);
    float logits[8];
    for (int i = 0; i < c->n_probs; i++)
        logits[i] = (float)log(c->probs[i]);
    for (int i = 0; i < c->n_last_tokens; i++)
        moe__chain_accept(chain, (moe_token)c->last_tokens[i]);
    const struct moe__candidate *left;
    int32_t n;
    moe__chain_apply(chain, logits, &left, &n);
    CHECK(n <= c->n_expected, "case %d %s leaves %d", number, c->fn, n);
    for (int i = 0; i < c->n_expected; i++) {
        double p = i < n ? (double)left[i].p : 0;
        if (i < n &&
            (stage->kind == MOE_STAGE_TYPICAL || stage->kind == MOE_STAGE_XTC))
            p = c->probs[left[i].id]; /* expected is not renormalised */
        CHECK(fabs(p - c->expected[i]) <= 1e-5, "case %d %s, rank %d: %g",
              number, c->fn, i, p);
    }
    moe__chain_destroy(chain);
}

static void stages_match_llamacpp_cases(void)
{
    size_t bytes;
    char *text =
        test_read(test_data("sampling/llamacpp_sampling_cases.json"), &bytes);
    REQUIRE(text != NULL, "the cases are part of the source tree");
    int n_cases = 0;
    int n_run = 0;
    struct sampling_case c = {0};
    for (const char *at = text; (at = case_read(at, &c)) != NULL; n_cases++) {
        moe_stage stage;
        case_update(&c);
        if (case_stage(&c, &stage)) {
            run_case(&c, &stage, n_cases);
            n_run++;
        }
        memset(&c, 0, sizeof c);
    }
    CHECK(n_cases == 40 && n_run == 40, "%d, %d", n_cases, n_run);
    free(text);
}

/* ------------------------------------------------------------------- picks */

enum { n_wide = 5000 };
static float wide[n_wide];

/* Logits as a model has them: a few high ones, a long tail, many equal. */
static void fill_wide(uint32_t seed)
{
    for (int i = 0; i < n_wide; i++) {
        seed = seed * 1664525u + 1013904223u;
        wide[i] = (float)(seed >> 20) / 256.0f - 8.0f;
        wide[i] = floorf(wide[i] * 16.0f) / 16.0f;
    }
}

/* The chain that most programs use, with every kind of stage. */
static const moe_stage usual[] = {
    {.kind = MOE_STAGE_PENALTIES,
     .count = 16,
     .value = 1.1f,
     .value2 = 0.1f,
     .value3 = 0.1f},
    {.kind = MOE_STAGE_TOP_K, .count = 200},
    {.kind = MOE_STAGE_TYPICAL, .value = 0.98f},
    {.kind = MOE_STAGE_TOP_P, .value = 0.95f},
    {.kind = MOE_STAGE_MIN_P, .value = 0.02f},
    {.kind = MOE_STAGE_TEMPERATURE, .value = 0.8f},
};
enum { n_usual = sizeof usual / sizeof *usual };

static void candidates_are_ordered_and_sum_to_one(void)
{
    struct moe__chain *chain = chain_of(n_wide, 1, NULL, 0);
    fill_wide(1);
    const struct moe__candidate *left;
    int32_t n;
    moe__chain_apply(chain, wide, &left, &n);
    REQUIRE(n == n_wide, "%d", n);
    double sum = (double)left[0].p;
    for (int32_t i = 1; i < n; i++) {
        CHECK(left[i - 1].logit > left[i].logit ||
                  (left[i - 1].logit == left[i].logit &&
                   left[i - 1].id < left[i].id),
              "at %d", i);
        sum += (double)left[i].p;
    }
    CHECK(fabs(sum - 1) < 1e-4, "%g", sum);
    moe__chain_destroy(chain);
}

/* What is left of all candidates equals a plain sort cut off at k. */
static void top_k_keeps_the_best_of_equals_by_id(void)
{
    fill_wide(7);
    struct moe__chain *all = chain_of(n_wide, 1, NULL, 0);
    const struct moe__candidate *sorted;
    int32_t n_all;
    moe__chain_apply(all, wide, &sorted, &n_all);
    static const int32_t ks[] = {1, 2, 39, 64, 65, 1000, n_wide, n_wide + 9};
    for (size_t i = 0; i < sizeof ks / sizeof *ks; i++) {
        moe_stage stage = {.kind = MOE_STAGE_TOP_K, .count = ks[i]};
        struct moe__chain *chain = chain_of(n_wide, 1, &stage, 1);
        const struct moe__candidate *left;
        int32_t n;
        moe__chain_apply(chain, wide, &left, &n);
        CHECK(n == (ks[i] < n_wide ? ks[i] : n_wide), "%d", n);
        for (int32_t j = 0; j < n; j++)
            CHECK(left[j].id == sorted[j].id, "k %d rank %d", ks[i], j);
        moe__chain_destroy(chain);
    }
    moe__chain_destroy(all);
}

/* The filters look at fronts that grow in leaps: check each against the plain
 * rule on a full sort. */
static void top_p_and_min_p_cut_where_the_rule_says(void)
{
    fill_wide(3);
    struct moe__chain *all = chain_of(n_wide, 1, NULL, 0);
    const struct moe__candidate *sorted;
    int32_t n_all;
    moe__chain_apply(all, wide, &sorted, &n_all);
    for (float p = 0.05f; p < 1; p += 0.09f) {
        moe_stage stages[] = {{.kind = MOE_STAGE_TOP_P, .value = p},
                              {.kind = MOE_STAGE_MIN_P, .value = p}};
        double sum = 0;
        int32_t by_sum = 0;
        while (sum < (double)p)
            sum += (double)sorted[by_sum++].p;
        int32_t by_share = 0;
        while (sorted[by_share].p >= p * sorted[0].p)
            by_share++;
        const int32_t expected[] = {by_sum, by_share};
        for (int i = 0; i < 2; i++) {
            struct moe__chain *chain = chain_of(n_wide, 1, &stages[i], 1);
            const struct moe__candidate *left;
            int32_t n;
            moe__chain_apply(chain, wide, &left, &n);
            CHECK(n == expected[i], "p %g: %d, not %d", (double)p, n,
                  expected[i]);
            CHECK(left[n - 1].id == sorted[n - 1].id, "p %g", (double)p);
            moe__chain_destroy(chain);
        }
    }
    moe__chain_destroy(all);
}

static void min_keep_is_kept_by_every_filter(void)
{
    fill_wide(4);
    const moe_stage stages[] = {
        {.kind = MOE_STAGE_TOP_K, .count = 2, .min_keep = 100},
        {.kind = MOE_STAGE_TOP_P, .value = 0.0f, .min_keep = 100},
        {.kind = MOE_STAGE_MIN_P, .value = 1.0f, .min_keep = 100},
        {.kind = MOE_STAGE_TYPICAL, .value = 0.0f, .min_keep = 100}};
    for (int i = 0; i < 4; i++) {
        struct moe__chain *chain = chain_of(n_wide, 1, &stages[i], 1);
        const struct moe__candidate *left;
        int32_t n;
        moe__chain_apply(chain, wide, &left, &n);
        CHECK(n == 100, "stage %d leaves %d", stages[i].kind, n);
        moe__chain_destroy(chain);
    }
}

static void greedy_takes_the_lower_id_of_equals(void)
{
    moe_stage stage = {.kind = MOE_STAGE_TEMPERATURE};
    struct moe__chain *chain = chain_of(6, 5, &stage, 1);
    const float logits[] = {-1, 3, 2, 3, NAN, 3};
    CHECK(moe__chain_pick(chain, logits) == 1, "first maximum");
    moe__chain_destroy(chain);
}

/* Draws 300 tokens, accepting each, and returns a checksum of them. */
static uint64_t story_of(struct moe__chain *chain)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < 300; i++) {
        fill_wide(i);
        moe_token token = moe__chain_pick(chain, wide);
        CHECK(token >= 0 && token < n_wide, "%d", token);
        CHECK(token == moe__chain_pick(chain, wide), "asked again");
        moe__chain_accept(chain, token);
        sum = sum * 1099511628211u + (uint64_t)token;
    }
    return sum;
}

static void same_seed_gives_the_same_story(void)
{
    struct moe__chain *a = chain_of(n_wide, 42, usual, n_usual);
    struct moe__chain *b = chain_of(n_wide, 42, usual, n_usual);
    struct moe__chain *c = chain_of(n_wide, 43, usual, n_usual);
    uint64_t story = story_of(a);
    CHECK(story == story_of(b), "same seed");
    CHECK(story != story_of(c), "another seed");
    CHECK(story != story_of(a), "the history counts");
    moe__chain_reset(a);
    CHECK(story == story_of(a), "after a reset");
    moe__chain_destroy(a);
    moe__chain_destroy(b);
    moe__chain_destroy(c);
    CHECK(mem.live_bytes == 0, "leak");
}

static void clone_continues_with_the_same_history(void)
{
    struct moe__chain *a = chain_of(n_wide, 42, usual, n_usual);
    story_of(a);
    struct moe__chain *b = NULL;
    REQUIRE(moe__chain_clone(&mem, a, &b, NULL) == MOE_OK, "clone");
    CHECK(moe__chain_vocab(b) == n_wide, "vocab");
    uint64_t story = story_of(a);
    moe__chain_destroy(a);
    CHECK(story == story_of(b), "independent of the original");
    moe__chain_destroy(b);
    CHECK(mem.live_bytes == 0, "leak");
}

/* Pearson's sum over 100,000 draws against softmax; 1e-4 of the chi-square
 * distribution with 6 degrees of freedom lies above 27.9. */
static void draws_follow_the_probabilities(void)
{
    static const float logits[] = {0.5f, -1, 2, 0, 1.25f, -2, 2};
    double total = 0;
    for (int i = 0; i < 7; i++)
        total += exp((double)logits[i]);
    for (uint64_t seed = 0; seed < 3; seed++) {
        struct moe__chain *chain = chain_of(7, seed, NULL, 0);
        int counts[7] = {0};
        for (int i = 0; i < 100000; i++) {
            moe_token token = moe__chain_pick(chain, logits);
            counts[token]++;
            moe__chain_accept(chain, token);
        }
        double chi = 0;
        for (int i = 0; i < 7; i++) {
            double expected = 100000 * exp((double)logits[i]) / total;
            chi += (counts[i] - expected) * (counts[i] - expected) / expected;
        }
        CHECK(chi < 27.9, "seed %d: %g", (int)seed, chi);
        moe__chain_destroy(chain);
    }
}

static void old_tokens_leave_the_penalty_window(void)
{
    moe_stage stage = {.kind = MOE_STAGE_PENALTIES, .count = 2, .value3 = 100};
    struct moe__chain *chain = chain_of(4, 1, &stage, 1);
    const float logits[] = {4, 3, 2, 1};
    const moe_token expected[] = {0, 1, 2, 0, 1, 2, 0};
    for (int i = 0; i < 7; i++) {
        const struct moe__candidate *left;
        int32_t n;
        moe__chain_apply(chain, logits, &left, &n);
        CHECK(left[0].id == expected[i], "step %d: %d", i, left[0].id);
        moe__chain_accept(chain, left[0].id);
    }
    moe__chain_destroy(chain);
}

/* ----------------------------------------------------------- hostile input */

static void odd_logits_give_a_token_and_finite_odds(void)
{
    static const struct {
        float logits[4];
        moe_token greedy;
    } cases[] = {
        {{NAN, NAN, NAN, NAN}, 0},
        {{NAN, -INFINITY, NAN, -INFINITY}, 1},
        {{-INFINITY, -INFINITY, -INFINITY, -INFINITY}, 0},
        {{INFINITY, 1, INFINITY, NAN}, 0},
        {{NAN, 1, INFINITY, -INFINITY}, 2},
        {{2, 2, 2, 2}, 0},
        {{-FLT_MAX, FLT_MAX, NAN, 0}, 1},
        {{-0.0f, 0.0f, NAN, -1}, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct moe__chain *chain = chain_of(4, i, usual, n_usual);
        moe_stage cold = {.kind = MOE_STAGE_TEMPERATURE, .value = -1};
        const struct moe__candidate *left;
        int32_t n;
        moe__chain_accept(chain, 3);
        moe__chain_apply(chain, cases[i].logits, &left, &n);
        double sum = 0;
        for (int32_t j = 0; j < n; j++)
            sum += (double)left[j].p;
        CHECK(n >= 1 && fabs(sum - 1) < 1e-6, "case %d: %d, %g", (int)i, n,
              sum);
        moe_token token = moe__chain_pick(chain, cases[i].logits);
        CHECK(token >= 0 && token < 4, "case %d", (int)i);
        CHECK(moe__chain_add(chain, &cold, NULL) == MOE_OK, "add");
        CHECK(moe__chain_pick(chain, cases[i].logits) == cases[i].greedy,
              "case %d", (int)i);
        moe__chain_destroy(chain);
    }
}

static void vocabulary_of_one_has_one_answer(void)
{
    struct moe__chain *chain = chain_of(1, 3, usual, n_usual);
    const float logits[] = {-3};
    CHECK(moe__chain_pick(chain, logits) == 0, "pick");
    moe__chain_accept(chain, 0);
    CHECK(moe__chain_pick(chain, logits) == 0, "pick");
    moe__chain_destroy(chain);
}

static void values_out_of_bounds_are_refused_by_name(void)
{
    static const struct {
        moe_stage stage;
        const char *sentence;
    } cases[] = {
        {{.kind = 0}, "sampler stage: kind must be 1 to 14, is 0"},
        {{.kind = 15}, "sampler stage: kind must be 1 to 14, is 15"},
        {{.kind = -1}, "sampler stage: kind must be 1 to 14, is -1"},
        {{.kind = MOE_STAGE_TOP_P, .value = NAN},
         "sampler stage top-p: p must be 0 to 1, is nan"},
        {{.kind = MOE_STAGE_MIN_P, .value = 1.5f},
         "sampler stage min-p: p must be 0 to 1, is 1.5"},
        {{.kind = MOE_STAGE_TYPICAL, .value = -0.5f},
         "sampler stage typical: p must be 0 to 1, is -0.5"},
        {{.kind = MOE_STAGE_TEMPERATURE, .value = INFINITY},
         "sampler stage temperature: t must be -1000 to 1000, is inf"},
        {{.kind = MOE_STAGE_PENALTIES, .count = 1, .value = -1},
         "sampler stage penalties: repeat must be 0 to 1000, is -1"},
        {{.kind = MOE_STAGE_TOP_K, .count = 1, .min_keep = -2}, "min_keep"},
        {{.kind = MOE_STAGE_TOP_K, .count = -1}, "top-k: k must be 0 to"},
        {{.kind = MOE_STAGE_PENALTIES, .count = (1 << 24) + 1}, "window"},
    };
    struct moe__chain *chain = chain_of(4, 3, NULL, 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct moe__err err = {0};
        moe_status status = moe__chain_add(chain, &cases[i].stage, &err);
        CHECK(status == MOE_ERR_ARGUMENT, "case %d: %d", (int)i, status);
        CHECK(strstr(err.message, cases[i].sentence) != NULL, "case %d: %s",
              (int)i, err.message);
    }
    moe__chain_destroy(chain);
    struct moe__err err = {0};
    CHECK(moe__chain_create(&mem, 0, 0, &chain, &err) == MOE_ERR_ARGUMENT &&
              chain == NULL,
          "%s", err.message);
}

static void seventeenth_stage_is_refused(void)
{
    struct moe__chain *chain = chain_of(4, 3, NULL, 0);
    moe_stage stage = {.kind = MOE_STAGE_TOP_K, .count = 2};
    for (int i = 0; i < MOE__MAX_STAGES; i++)
        CHECK(moe__chain_add(chain, &stage, NULL) == MOE_OK, "stage %d", i);
    CHECK(moe__chain_add(chain, &stage, NULL) == MOE_ERR_STATE, "one more");
    moe__chain_destroy(chain);
}

static void lack_of_memory_leaves_nothing_behind(void)
{
    const moe_allocator hook = {sizeof hook, NULL, scarce_alloc, scarce_free};
    struct moe__mem scarce;
    moe__mem_init(&scarce, &hook);
    struct moe__chain *source = chain_of(50, 1, usual, n_usual);
    moe_status status = MOE_ERR_NO_MEMORY;
    for (int n = 0; n < 8 && status != MOE_OK; n++) {
        struct moe__chain *copy = source;
        allowance = n;
        status = moe__chain_clone(&scarce, source, &copy, NULL);
        CHECK(status == (n < 4 ? MOE_ERR_NO_MEMORY : MOE_OK), "%d: %d", n,
              status);
        CHECK((copy == NULL) == (status != MOE_OK), "%d", n);
        moe__chain_destroy(copy);
        CHECK(scarce.live_bytes == 0, "%d", n);
    }
    moe__chain_destroy(source);
}

static const struct test tests[] = {
    {"stages_match_llamacpp_cases", stages_match_llamacpp_cases},
    {"candidates_are_ordered_and_sum_to_one",
     candidates_are_ordered_and_sum_to_one},
    {"top_k_keeps_the_best_of_equals_by_id",
     top_k_keeps_the_best_of_equals_by_id},
    {"top_p_and_min_p_cut_where_the_rule_says",
     top_p_and_min_p_cut_where_the_rule_says},
    {"min_keep_is_kept_by_every_filter", min_keep_is_kept_by_every_filter},
    {"greedy_takes_the_lower_id_of_equals",
     greedy_takes_the_lower_id_of_equals},
    {"same_seed_gives_the_same_story", same_seed_gives_the_same_story},
    {"clone_continues_with_the_same_history",
     clone_continues_with_the_same_history},
    {"draws_follow_the_probabilities", draws_follow_the_probabilities},
    {"old_tokens_leave_the_penalty_window",
     old_tokens_leave_the_penalty_window},
    {"odd_logits_give_a_token_and_finite_odds",
     odd_logits_give_a_token_and_finite_odds},
    {"vocabulary_of_one_has_one_answer", vocabulary_of_one_has_one_answer},
    {"values_out_of_bounds_are_refused_by_name",
     values_out_of_bounds_are_refused_by_name},
    {"seventeenth_stage_is_refused", seventeenth_stage_is_refused},
    {"lack_of_memory_leaves_nothing_behind",
     lack_of_memory_leaves_nothing_behind},
};

TEST_MAIN(tests)
