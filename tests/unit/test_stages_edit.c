/* test_stages_edit.c: DRY against a search for repetitions; biases; stages of
 * the host's, whatever they do. */
#include "sample_check.h"

/* --------------------------------------------------------------------- dry */

/* The longest suffix of text [n] that ends before `at` too, not longer than
 * `reach`. */
static int match_before(const moe_token *text, int n, int at, int reach)
{
    int length = 0;
    while (length < at && length < reach &&
           text[at - 1 - length] == text[n - 1 - length])
        length++;
    return length;
}

/* Tokens after the last place where a breaker begins, the longest one there. */
static int reach_of(const moe_token *text, int n, const moe_token *breakers,
                    int n_breakers)
{
    for (int at = n - 1; at >= 0; at--) {
        int longest = 0;
        for (int b = 0, end; b < n_breakers; b = end + 1) {
            for (end = b; end < n_breakers && breakers[end] >= 0;)
                end++;
            const int length = end - b;
            if (length > longest && at + length <= n &&
                memcmp(text + at, breakers + b,
                       (size_t)length * sizeof *text) == 0)
                longest = length;
        }
        if (longest > 0)
            return n - at - longest;
    }
    return n;
}

/* A breaker of one token is this one. */
static bool is_breaker(moe_token token, const moe_token *breakers, int n)
{
    for (int i = 0; i < n; i++)
        if (breakers[i] == token && (i == 0 || breakers[i - 1] < 0) &&
            (i + 1 == n || breakers[i + 1] < 0))
            return true;
    return false;
}

static void dry_penalises_what_would_repeat(void)
{
    static const moe_token breakers[] = {2, -1, 0,  1,  -1, 0,
                                         1, 1,  -1, -1, 3,  3};
    enum { n_text = 60, n_tokens = 5 };
    moe_token text[n_text];
    float logits[n_tokens];
    struct left left;
    int n_hit = 0;
    for (int round = 0; round < 3000; round++) {
        const int n = 1 + (int)dice(n_text);
        const int window = 1 + (int)dice(n_text);
        const moe_stage stage = {.kind = MOE_STAGE_DRY,
                                 .count = window,
                                 .value = (float)(1 + dice(8)) / 4,
                                 .value2 = 1 + (float)dice(8) / 8,
                                 .count2 = (int32_t)dice(5),
                                 .breakers = breakers,
                                 .n_breakers = dice(13)};
        struct moe__chain *chain = chain_of(n_tokens, 1, &stage, 1);
        const uint32_t n_used = 2 + dice(4); /* few: repetitions are long */
        for (int i = 0; i < n; i++) {
            text[i] = (moe_token)dice(n_used);
            moe__chain_accept(chain, text[i]);
        }
        roll_logits(logits, n_tokens, false);
        run_chain(chain, logits, &left);
        const int seen = n < window ? n : window;
        const moe_token *newest = text + n - seen;
        const int reach =
            reach_of(newest, seen, breakers, (int)stage.n_breakers);
        double penalty[n_tokens] = {0};
        int longest[n_tokens] = {-1, -1, -1, -1, -1};
        for (int at = 1; at < seen; at++) {
            const int length = match_before(newest, seen, at, reach);
            if (length > longest[newest[at]])
                longest[newest[at]] = length;
        }
        for (int i = 0; i < n_tokens; i++) {
            const bool is_single =
                is_breaker(i, breakers, (int)stage.n_breakers);
            if (longest[i] >= stage.count2 && seen > stage.count2 && !is_single)
                penalty[i] =
                    (double)stage.value *
                    pow((double)stage.value2, longest[i] - stage.count2);
            n_hit += penalty[i] > 0;
        }
        for (int i = 0; i < left.n; i++) {
            const moe_token id = left.items[i].id;
            const double expected = (double)logits[id] - penalty[id];
            CHECK(fabs((double)left.items[i].logit - expected) <=
                      1e-6 * (1 + penalty[id]),
                  "round %d, token %d: %g, not %g", round, id,
                  (double)left.items[i].logit, expected);
        }
        moe__chain_destroy(chain);
    }
    CHECK(n_hit > 1000, "%d penalties", n_hit);
}

/* One letter 200,000 times: comparing each place anew would take 2 * 10^10
 * steps, and base ^ length is far beyond any float. */
static void dry_is_linear_and_stays_finite(void)
{
    const moe_stage stage = {.kind = MOE_STAGE_DRY,
                             .count = 200000,
                             .value = 1000,
                             .value2 = 1000,
                             .count2 = 2};
    const float logits[] = {5, 4};
    struct moe__chain *chain = chain_of(2, 1, &stage, 1);
    struct left left;
    for (int i = 0; i < 200001; i++)
        moe__chain_accept(chain, 0);
    run_chain(chain, logits, &left);
    CHECK(left.items[0].id == 1 && left.items[0].p == 1, "%d",
          left.items[0].id);
    CHECK(left.items[1].logit < -1e37f, "%g", (double)left.items[1].logit);
    moe__chain_destroy(chain);
}

/* ------------------------------------------------------- bias and custom */

static void bias_is_added_and_bans(void)
{
    static const moe_bias biases[] = {{1, -INFINITY}, {2, 5}};
    static const float logits[] = {0, 9, 0, 1};
    const moe_stage stage = {
        .kind = MOE_STAGE_BIAS, .biases = biases, .n_biases = 2};
    struct moe__chain *chain = chain_of(4, 1, &stage, 1);
    struct left left;
    run_chain(chain, logits, &left);
    CHECK(left.items[0].id == 2 && left.items[0].logit == 5, "%d",
          left.items[0].id);
    CHECK(left.items[3].id == 1 && left.items[3].p == 0, "banned");
    for (int i = 0; i < 1000; i++) {
        CHECK(moe__chain_pick(chain, logits) != 1, "drawn at %d", i);
        moe__chain_accept(chain, 0);
    }
    moe__chain_destroy(chain);
}

struct seen {
    int n_calls;
    int32_t n;
    int behaviour;
};

static void host_stage(void *user, const moe_token *tokens, float *logits,
                       int32_t n)
{
    struct seen *seen = user;
    seen->n_calls++;
    seen->n = n;
    for (int32_t i = 0; i < n; i++) {
        if (seen->behaviour ==
            0) /* odd tokens go, even ones are turned round */
            logits[i] = tokens[i] % 2 ? NAN : -logits[i];
        if (seen->behaviour == 1) /* all go */
            logits[i] = NAN;
        if (seen->behaviour == 2) { /* writes where it must not */
            ((moe_token *)(uintptr_t)tokens)[i] = 1 << 30;
            logits[i] = i % 3 ? INFINITY : -INFINITY;
        }
        if (seen->behaviour == 3)
            logits[i] = -INFINITY;
    }
}

static void host_stage_changes_and_removes(void)
{
    static const float logits[] = {0, 1, 2, 3, NAN, 5, 6};
    struct seen seen = {0};
    const moe_stage stage = {
        .kind = MOE_STAGE_CUSTOM, .fn = host_stage, .user = &seen};
    struct moe__chain *chain = chain_of(7, 1, &stage, 1);
    struct left left;
    run_chain(chain, logits, &left);
    CHECK(seen.n_calls == 1 && seen.n == 6, "%d, %d", seen.n_calls, seen.n);
    REQUIRE(left.n == 3, "%d", left.n);
    for (int i = 0; i < 3; i++)
        CHECK(left.items[i].id == i * 2 + (i == 2 ? 2 : 0), "rank %d: %d", i,
              left.items[i].id);
    moe__chain_destroy(chain);
}

/* Whatever it does, a pick is one of the candidates, and odds sum to 1. */
static void host_stage_cannot_break_the_chain(void)
{
    static const float logits[] = {0, 1, 7, 3, NAN, 5, 6};
    for (int behaviour = 1; behaviour < 4; behaviour++) {
        struct seen seen = {.behaviour = behaviour};
        const moe_stage stages[] = {
            {.kind = MOE_STAGE_TOP_K, .count = 4},
            {.kind = MOE_STAGE_CUSTOM, .fn = host_stage, .user = &seen},
            {.kind = MOE_STAGE_TOP_P, .value = 0.9f}};
        struct moe__chain *chain = chain_of(7, 1, stages, 3);
        struct left left;
        run_chain(chain, logits, &left);
        double sum = 0;
        for (int i = 0; i < left.n; i++) {
            const moe_token id = left.items[i].id;
            CHECK(id == 2 || id == 3 || id == 5 || id == 6, "%d", id);
            sum += (double)left.items[i].p;
        }
        CHECK(fabs(sum - 1) < 1e-6, "behaviour %d: %g", behaviour, sum);
        CHECK(behaviour != 1 || (left.n == 1 && left.items[0].id == 2),
              "all removed: the best stays");
        const moe_token token = moe__chain_pick(chain, logits);
        CHECK(token >= 0 && token < 7, "%d", token);
        moe__chain_destroy(chain);
    }
}

static const struct test tests[] = {
    {"dry_penalises_what_would_repeat", dry_penalises_what_would_repeat},
    {"dry_is_linear_and_stays_finite", dry_is_linear_and_stays_finite},
    {"bias_is_added_and_bans", bias_is_added_and_bans},
    {"host_stage_changes_and_removes", host_stage_changes_and_removes},
    {"host_stage_cannot_break_the_chain", host_stage_cannot_break_the_chain},
};

TEST_MAIN(tests)
