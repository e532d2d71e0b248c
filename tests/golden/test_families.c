/* Logits of tiny models of every family against the publishers' own code
 * (tests/data/families/README.md): within 1e-4 of the logits' deviation, and
 * the same greedy continuation.  f32 weights, f32 KV. */
#include "golden.h"

static void check_family(const char *family, const char *meta,
                         moe_backend backend)
{
    char name[200];
    size_t bytes, json_bytes;
    int n_vocab = 0;
    snprintf(name, sizeof name, "families/%s/golden.json", family);
    char *json = test_read(test_data(name), &json_bytes);
    snprintf(name, sizeof name, "families/%s/logits.bin", family);
    float *logits = test_read(test_data(name), &bytes);
    snprintf(name, sizeof name, "families/%s/model.gguf", family);
    moe_context *ctx = golden_open(test_data(name), meta, backend, &n_vocab);
    REQUIRE(json != NULL && logits != NULL && ctx != NULL, "%s", family);
    double std = golden_number(json, "logits_std");
    const char *at = strstr(json, "\"sequences\"");

    for (int s = 0; s < 2; s++) {
        moe_token ids[MAX_IDS], next[MAX_IDS];
        const char *rest = at;
        int n = golden_array(at, "ids", ids, &rest);
        int first = (int)golden_number(rest, "logits_first_pos");
        int rows = (int)golden_number(rest, "logits_rows");
        size_t offset = (size_t)golden_number(rest, "offset");
        REQUIRE(n == first + rows && rows > 0 &&
                    golden_number(rest, "logits_cols") == n_vocab &&
                    offset + (size_t)rows * (size_t)n_vocab * 4 <= bytes,
                "golden.json of %s", family);
        REQUIRE(moe_context_rewind(ctx, 0) == MOE_OK);
        REQUIRE(moe_context_eval(ctx, ids, n, NULL) == MOE_OK, "%s",
                moe_context_error(ctx));
        for (int r = 0; r < rows; r++) {
            const float *want =
                logits + offset / 4 + (size_t)r * (size_t)n_vocab;
            double far = golden_distance(moe_context_logits(ctx, first + r),
                                         want, (size_t)n_vocab) /
                         std;
            CHECK(far < 1e-4, "%s, sequence %d, row %d: %g of the deviation",
                  family, s, r, far);
        }
        int n_next = golden_array(rest, "argmax_continuation", next, &at);
        REQUIRE(n_next == 16);
        golden_continue(ctx, n_vocab, next, n_next);
    }
    moe_context_destroy(ctx);
    free(json);
    free(logits);
}

/* Each family on the definition and on the fastest backend. */
#define FAMILY(name, meta)                             \
    static void name##_equals_its_publisher(void)      \
    {                                                  \
        check_family(#name, meta, MOE_BACKEND_SCALAR); \
        check_family(#name, meta, MOE_BACKEND_AUTO);   \
    }

FAMILY(mixtral, NULL)
FAMILY(mixtral_split, NULL)
/* Files of this family carry no key for the window: it is set by hand. */
FAMILY(mistral, "llama.attention.sliding_window=16")
FAMILY(llama31, NULL)
FAMILY(llama2_70b, NULL)
FAMILY(yi, NULL)
FAMILY(smollm3, NULL)
FAMILY(qwen2, NULL)
FAMILY(qwen25_tied, NULL)
FAMILY(qwen3, NULL)
FAMILY(gemma3, NULL)

/* The override does something: without it the logits must differ. */
static void mistral_needs_its_window(void)
{
    int n_vocab = 0;
    float row[2][512];
    const char *meta[2] = {NULL, "llama.attention.sliding_window=16"};
    moe_token ids[24];
    for (int i = 0; i < 24; i++)
        ids[i] = 3 + i;
    for (int m = 0; m < 2; m++) {
        moe_context *ctx = golden_open(test_data("families/mistral/model.gguf"),
                                       meta[m], MOE_BACKEND_AUTO, &n_vocab);
        REQUIRE(ctx != NULL && n_vocab <= 512);
        REQUIRE(moe_context_eval(ctx, ids, 24, NULL) == MOE_OK);
        memcpy(row[m], moe_context_logits(ctx, -1),
               (size_t)n_vocab * sizeof(float));
        moe_context_destroy(ctx);
    }
    CHECK(golden_distance(row[0], row[1], (size_t)n_vocab) > 0.1);
}

/* logits = cap tanh(logits / cap), where the metadata has a cap. */
static void final_softcap_bounds_the_logits(void)
{
    int n_vocab = 0;
    static float row[2][512];
    const char *meta[2] = {NULL, "gemma3.final_logit_softcapping=2"};
    moe_token ids[3] = {2, 40, 50};
    for (int m = 0; m < 2; m++) {
        moe_context *ctx = golden_open(test_data("families/gemma3/model.gguf"),
                                       meta[m], MOE_BACKEND_AUTO, &n_vocab);
        REQUIRE(ctx != NULL && n_vocab <= 512);
        REQUIRE(moe_context_eval(ctx, ids, 3, NULL) == MOE_OK);
        memcpy(row[m], moe_context_logits(ctx, -1),
               (size_t)n_vocab * sizeof(float));
        moe_context_destroy(ctx);
    }
    for (int i = 0; i < n_vocab; i++) {
        double want = 2 * tanh((double)row[0][i] / 2);
        CHECK(fabs((double)row[1][i] - want) < 1e-5, "%d: %g, expected %g", i,
              (double)row[1][i], want);
    }
}

static const struct test tests[] = {
    {"mixtral", mixtral_equals_its_publisher},
    {"mixtral_split", mixtral_split_equals_its_publisher},
    {"mistral", mistral_equals_its_publisher},
    {"mistral_needs_its_window", mistral_needs_its_window},
    {"llama31", llama31_equals_its_publisher},
    {"llama2_70b", llama2_70b_equals_its_publisher},
    {"yi", yi_equals_its_publisher},
    {"smollm3", smollm3_equals_its_publisher},
    {"qwen2", qwen2_equals_its_publisher},
    {"qwen25_tied", qwen25_tied_equals_its_publisher},
    {"qwen3", qwen3_equals_its_publisher},
    {"gemma3", gemma3_equals_its_publisher},
    {"final_softcap_bounds_the_logits", final_softcap_bounds_the_logits},
};

TEST_MAIN(tests)
