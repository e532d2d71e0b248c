/* The same bits: however the work is cut, by whom it is done, and on which
 * backend.  All logits of all positions are compared with memcmp. */
#include "prop.h"

#include <stdbool.h>

#define N_IDS 90
#define N_LONG 1300 /* more than two spans of attention */

static const char *const models[] = {
    TINY_Q8,
    TINY_Q4,
    "tests/data/stories260K/stories260K-moe8-noisy-Q4_K_M.gguf",
    "tests/data/families/mixtral/model.gguf",
    "tests/data/families/mixtral_split/model.gguf",
    "tests/data/families/gemma3/model.gguf",
    "tests/data/families/qwen2/model.gguf",
    "tests/data/families/qwen3/model.gguf",
};

struct setup {
    moe_backend backend;
    int n_threads;
    int piece; /* tokens a call */
    int n_batch;
};

/* All logits of the ids under a setup; false if it cannot be had. */
static int logits_under(moe_model *model, moe_kv_type kv, struct setup s,
                        const moe_token *ids, int n_ids, float *out)
{
    int n_vocab = prop_n_vocab(model);
    moe_error why = {0};
    moe_context *ctx = NULL;
    moe_context_params params = {.struct_size = sizeof params,
                                 .n_ctx = n_ids + 30,
                                 .n_batch = s.n_batch,
                                 .n_threads = s.n_threads,
                                 .kv = kv,
                                 .backend = s.backend,
                                 .logits = MOE_LOGITS_ALL};
    moe_status status = moe_context_create(model, &params, &ctx, &why);
    if (status == MOE_ERR_UNSUPPORTED)
        return 0;
    CHECK(status == MOE_OK, "%s", why.message);
    for (int at = 0; at < n_ids && ctx != NULL;) {
        int done = 0, n = n_ids - at < s.piece ? n_ids - at : s.piece;
        status = moe_context_eval(ctx, ids + at, n, &done);
        CHECK((status == MOE_OK || status == MOE_MORE) && done > 0, "%s",
              moe_context_error(ctx));
        if (done <= 0)
            break;
        for (int i = 0; i < done; i++)
            memcpy(out + (size_t)(at + i) * (size_t)n_vocab,
                   moe_context_logits(ctx, i), (size_t)n_vocab * sizeof *out);
        at += done;
    }
    moe_context_destroy(ctx);
    return 1;
}

/* Every setup gives the bits of the definition. */
static void check_setups(const char *path, moe_kv_type kv,
                         const struct setup *setups, int n_setups, int n_ids)
{
    moe_model *model = prop_open(path);
    if (model == NULL)
        return;
    static moe_token ids[N_LONG];
    int n_vocab = prop_n_vocab(model);
    size_t bytes = (size_t)n_vocab * (size_t)n_ids * sizeof(float);
    float *want = malloc(bytes), *got = malloc(bytes);
    prop_ids(ids, n_ids, n_vocab, 7);
    const struct setup definition = {MOE_BACKEND_SCALAR, 1, n_ids, n_ids};
    if (logits_under(model, kv, definition, ids, n_ids, want))
        for (int i = 0; i < n_setups; i++) {
            memset(got, 0xff, bytes);
            logits_under(model, kv, setups[i], ids, n_ids, got);
            CHECK(memcmp(want, got, bytes) == 0,
                  "%s, kv %d, backend %d, threads %d, pieces of %d", path, kv,
                  setups[i].backend, setups[i].n_threads, setups[i].piece);
        }
    else
        CHECK(kv == MOE_KV_Q8_0, "%s", path);
    free(want);
    free(got);
    moe_model_close(model);
}

static void check_model(const char *path, moe_kv_type kv)
{
    static const struct setup setups[] = {
        {MOE_BACKEND_AUTO, 1, N_IDS, 128}, {MOE_BACKEND_AUTO, 2, N_IDS, 128},
        {MOE_BACKEND_AUTO, 3, N_IDS, 128}, {MOE_BACKEND_AUTO, 8, N_IDS, 128},
        {MOE_BACKEND_AUTO, 2, 1, 128},     {MOE_BACKEND_AUTO, 2, 7, 128},
        {MOE_BACKEND_AUTO, 2, 64, 128},    {MOE_BACKEND_AUTO, 3, N_IDS, 16},
        {MOE_BACKEND_SCALAR, 2, 7, 128},   {MOE_BACKEND_SCALAR, 8, 64, 128},
    };
    check_setups(path, kv, setups, sizeof setups / sizeof *setups, N_IDS);
}

/* Attention sums in spans of 512 positions and merges them; windows begin and
 * end inside them. */
static void same_bits_beyond_a_span(void)
{
    static const struct setup setups[] = {
        {MOE_BACKEND_AUTO, 2, N_LONG, 512},
        {MOE_BACKEND_AUTO, 3, 1, 512},
        {MOE_BACKEND_AUTO, 1, 100, 64},
        {MOE_BACKEND_SCALAR, 3, 333, 512},
    };
    static const char *const paths[] = {
        "tests/data/families/mixtral/model.gguf",
        "tests/data/families/gemma3/model.gguf",
        "tests/data/families/qwen3/model.gguf",
    };
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        check_setups(paths[i], MOE_KV_F16, setups,
                     sizeof setups / sizeof *setups, N_LONG);
}

static void same_bits_with_f32_kv(void)
{
    for (size_t i = 0; i < sizeof models / sizeof *models; i++)
        check_model(models[i], MOE_KV_F32);
}

static void same_bits_with_f16_kv(void)
{
    for (size_t i = 0; i < sizeof models / sizeof *models; i++)
        check_model(models[i], MOE_KV_F16);
}

static void same_bits_with_q8_0_kv(void)
{
    for (size_t i = 0; i < sizeof models / sizeof *models; i++)
        check_model(models[i], MOE_KV_Q8_0);
}

/* Going back and taking another way is as if the first never happened. */
static void rewind_forgets(void)
{
    moe_model *model = prop_open(TINY_Q8);
    moe_context *a = NULL, *b = NULL;
    moe_token ids[80];
    REQUIRE(model != NULL && moe_context_create(model, NULL, &a, NULL) == 0 &&
            moe_context_create(model, NULL, &b, NULL) == 0);
    int n_vocab = prop_n_vocab(model);
    prop_ids(ids, 80, n_vocab, 3);
    CHECK(moe_context_eval(a, ids, 80, NULL) == MOE_OK);
    CHECK(moe_context_rewind(a, 33) == MOE_OK);
    CHECK(moe_context_logits(a, -1) == NULL);
    CHECK(moe_context_position(a) == 33);
    CHECK(moe_context_eval(a, ids + 40, 20, NULL) == MOE_OK);
    CHECK(moe_context_eval(b, ids, 33, NULL) == MOE_OK);
    CHECK(moe_context_eval(b, ids + 40, 20, NULL) == MOE_OK);
    CHECK(memcmp(moe_context_logits(a, -1), moe_context_logits(b, -1),
                 (size_t)n_vocab * sizeof(float)) == 0);
    moe_context_destroy(a);
    moe_context_destroy(b);
    moe_model_close(model);
}

static void check_logits(const moe_context *a, const moe_context *b,
                         int n_vocab, const char *where)
{
    const float *x = moe_context_logits(a, -1), *y = moe_context_logits(b, -1);
    CHECK(x && y && memcmp(x, y, (size_t)n_vocab * sizeof *x) == 0, "%s",
          where);
}

/* A copy goes on like the original, and neither feels the other. */
static void check_fork(moe_model *model, moe_kv_type kv, int n_before)
{
    moe_context *a = NULL, *b = NULL, *one = NULL;
    moe_token ids[150];
    const int n_vocab = prop_n_vocab(model);
    const moe_context_params params = {
        .struct_size = sizeof params, .n_ctx = 200, .n_threads = 2, .kv = kv};
    prop_ids(ids, 150, n_vocab, 17);
    REQUIRE(moe_context_create(model, &params, &a, NULL) == MOE_OK);
    if (n_before > 0)
        CHECK(moe_context_eval(a, ids, n_before, NULL) == MOE_OK);
    REQUIRE(moe_context_fork(a, &b, NULL) == MOE_OK);
    CHECK(moe_context_position(b) == n_before);
    if (n_before > 0)
        check_logits(a, b, n_vocab, "as they were");
    CHECK(moe_context_eval(a, ids + 100, 9, NULL) == MOE_OK);
    CHECK(moe_context_eval(b, ids + 120, 20, NULL) == MOE_OK);
    CHECK(moe_context_rewind(a, n_before) == MOE_OK);
    CHECK(moe_context_eval(a, ids + 120, 20, NULL) == MOE_OK);
    check_logits(a, b, n_vocab, "the same way");
    moe_context_destroy(a);
    CHECK(moe_context_fork(b, &one, NULL) == MOE_OK);
    CHECK(moe_context_eval(b, ids, 1, NULL) == MOE_OK);
    CHECK(moe_context_eval(one, ids, 1, NULL) == MOE_OK);
    check_logits(b, one, n_vocab, "a copy of a copy");
    moe_context_destroy(b);
    moe_context_destroy(one);
}

static void a_fork_goes_its_own_way(void)
{
    static const int n_before[] = {0, 1, 63, 64, 65, 100};
    moe_model *model = prop_open(TINY_Q8);
    REQUIRE(model != NULL);
    for (size_t i = 0; i < sizeof n_before / sizeof *n_before; i++)
        for (moe_kv_type kv = MOE_KV_F32; kv <= MOE_KV_Q8_0; kv++)
            check_fork(model, kv, n_before[i]);
    CHECK(moe_context_fork(NULL, NULL, NULL) == MOE_ERR_ARGUMENT);
    moe_model_close(model);
}

/* All logits of ids [n], in pieces; false if the context cannot be had. */
static bool logits_in_pieces(moe_model *model, int n_batch, int has_rings,
                             int n, float *out)
{
    moe_context *ctx = NULL;
    moe_token ids[N_LONG];
    const int n_vocab = prop_n_vocab(model);
    const moe_context_params params = {.struct_size = sizeof params,
                                       .n_ctx = n + 3,
                                       .n_batch = n_batch,
                                       .n_threads = 2,
                                       .logits = MOE_LOGITS_ALL,
                                       .has_rings = has_rings};
    prop_ids(ids, n, n_vocab, 9);
    if (moe_context_create(model, &params, &ctx, NULL) != MOE_OK)
        return false;
    for (int at = 0, done; at < n; at += done) {
        done = 0;
        moe_context_eval(ctx, ids + at, n - at, &done);
        for (int i = 0; i < done; i++)
            memcpy(out + (size_t)(at + i) * (size_t)n_vocab,
                   moe_context_logits(ctx, i), (size_t)n_vocab * sizeof *out);
    }
    moe_context_destroy(ctx);
    return true;
}

/* Layers with a window keep what they see, and give the same bits. */
static void rings_change_no_bit(void)
{
    static const char *const paths[] = {
        "tests/data/families/mixtral/model.gguf",
        "tests/data/families/gemma3/model.gguf",
    };
    static const int batches[] = {1, 7, 64, 100, 512};
    static const char *const meta[] = {"llama.attention.sliding_window=100"};
    for (size_t i = 0; i < 2; i++) {
        moe_model *model = NULL;
        const moe_model_params mp = {
            .struct_size = sizeof mp, .meta = meta, .n_meta = i == 0};
        moe_model_open(paths[i], &mp, &model, NULL);
        moe_model_info info = {.struct_size = sizeof info};
        REQUIRE(model != NULL && moe_model_describe(model, &info) == MOE_OK);
        const size_t bytes =
            (size_t)prop_n_vocab(model) * N_LONG * sizeof(float);
        float *want = malloc(bytes), *got = malloc(bytes);
        CHECK(info.window > 0, "%s: %d", paths[i], info.window);
        CHECK(logits_in_pieces(model, 512, 0, N_LONG, want));
        for (size_t b = 0; b < sizeof batches / sizeof *batches; b++) {
            moe_plan all = {.struct_size = sizeof all};
            moe_plan ring = {.struct_size = sizeof ring};
            moe_context_params params = {.struct_size = sizeof params,
                                         .n_ctx = N_LONG,
                                         .n_batch = batches[b]};
            memset(got, 0xff, bytes);
            CHECK(logits_in_pieces(model, batches[b], 1, N_LONG, got));
            CHECK(memcmp(want, got, bytes) == 0, "%s, batch %d", paths[i],
                  batches[b]);
            CHECK(moe_context_plan(model, &params, &all, NULL) == MOE_OK);
            params.has_rings = 1;
            CHECK(moe_context_plan(model, &params, &ring, NULL) == MOE_OK);
            CHECK(ring.kv_bytes < all.kv_bytes || batches[b] > 500,
                  "batch %d: %llu of %llu bytes", batches[b],
                  (unsigned long long)ring.kv_bytes,
                  (unsigned long long)all.kv_bytes);
        }
        free(want);
        free(got);
        moe_model_close(model);
    }
}

static void rings_lead_back_a_batch(void)
{
    moe_model *model = prop_open("tests/data/families/gemma3/model.gguf");
    moe_context *a = NULL, *b = NULL, *copy = NULL;
    moe_token ids[700];
    moe_context_params params = {.struct_size = sizeof params,
                                 .n_ctx = 800,
                                 .n_batch = 50,
                                 .has_rings = 1};
    REQUIRE(model != NULL &&
            moe_context_create(model, &params, &a, NULL) == MOE_OK);
    params.has_rings = 0;
    REQUIRE(moe_context_create(model, &params, &b, NULL) == MOE_OK);
    const int n_vocab = prop_n_vocab(model);
    prop_ids(ids, 700, n_vocab, 4);
    CHECK(moe_context_eval(a, ids, 600, NULL) == MOE_OK);
    CHECK(moe_context_rewind(a, 549) == MOE_ERR_STATE);
    CHECK(strcmp(moe_context_error(a),
                 "position: the rings lead back to 550 and to 0, not to 549") ==
              0,
          "%s", moe_context_error(a));
    CHECK(moe_context_rewind(a, 550) == MOE_OK);
    CHECK(moe_context_eval(a, ids + 600, 30, NULL) == MOE_OK);
    CHECK(moe_context_rewind(a, 549) == MOE_ERR_STATE);
    CHECK(moe_context_fork(a, &copy, NULL) == MOE_OK);
    CHECK(moe_context_eval(b, ids, 550, NULL) == MOE_OK);
    CHECK(moe_context_eval(b, ids + 600, 30, NULL) == MOE_OK);
    check_logits(a, b, n_vocab, "back in the ring");
    CHECK(moe_context_eval(copy, ids + 630, 9, NULL) == MOE_OK);
    CHECK(moe_context_eval(b, ids + 630, 9, NULL) == MOE_OK);
    check_logits(copy, b, n_vocab, "a copy of it");
    CHECK(moe_context_rewind(a, 0) == MOE_OK);
    CHECK(moe_context_rewind(b, 0) == MOE_OK);
    CHECK(moe_context_eval(a, ids + 3, 20, NULL) == MOE_OK);
    CHECK(moe_context_rewind(a, 4) == MOE_OK); /* nothing is lost yet */
    CHECK(moe_context_eval(a, ids + 9, 20, NULL) == MOE_OK);
    CHECK(moe_context_eval(b, ids + 3, 4, NULL) == MOE_OK);
    CHECK(moe_context_eval(b, ids + 9, 20, NULL) == MOE_OK);
    check_logits(a, b, n_vocab, "from the start");
    moe_context_destroy(copy);
    moe_context_destroy(a);
    moe_context_destroy(b);
    moe_model_close(model);
}

/* Tokens whose logits nobody can ask for leave the last layer early: those that
 * are asked for do not feel it, nor does what comes after. */
static void last_logits_have_the_same_bits(void)
{
    static const int ends[] = {1, 2, 3, 40, 41, 170, 171, 290, 300};
    static const int batches[] = {1, 7, 64, 512};
    enum { N_ENDS = sizeof ends / sizeof *ends, N = 300 };
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        moe_model *model = prop_open(models[i]);
        moe_token ids[N];
        REQUIRE(model != NULL);
        const int n_vocab = prop_n_vocab(model);
        const size_t row = (size_t)n_vocab * sizeof(float);
        float *want = malloc(N * row);
        prop_ids(ids, N, n_vocab, 9);
        CHECK(logits_in_pieces(model, 512, 0, N, want));
        for (size_t b = 0; b < sizeof batches / sizeof *batches; b++) {
            moe_context *ctx = NULL;
            const moe_context_params params = {.struct_size = sizeof params,
                                               .n_ctx = N,
                                               .n_batch = batches[b],
                                               .n_threads = 2,
                                               .has_rings = b % 2};
            REQUIRE(moe_context_create(model, &params, &ctx, NULL) == MOE_OK);
            for (int e = 0, at = 0; e < N_ENDS; at = ends[e++]) {
                CHECK(moe_context_eval(ctx, ids + at, ends[e] - at, NULL) ==
                      MOE_OK);
                const float *got = moe_context_logits(ctx, -1);
                CHECK(got != NULL &&
                          memcmp(got, want + (ends[e] - 1) * n_vocab, row) == 0,
                      "%s, batches of %d, %d to %d", models[i], batches[b], at,
                      ends[e]);
            }
            moe_context_destroy(ctx);
        }
        free(want);
        moe_model_close(model);
    }
}

/* The number of threads may change between calls. */
static void threads_change_while_running(void)
{
    moe_model *model = prop_open(TINY_Q4);
    moe_context *a = NULL, *b = NULL;
    moe_token ids[40];
    moe_context_params params = {.struct_size = sizeof params, .n_threads = 4};
    REQUIRE(model != NULL &&
            moe_context_create(model, &params, &a, NULL) == MOE_OK &&
            moe_context_create(model, &params, &b, NULL) == MOE_OK);
    prop_ids(ids, 40, prop_n_vocab(model), 5);
    for (int i = 0; i < 40; i++) {
        CHECK(moe_context_set_threads(a, 1 + i % 4) == MOE_OK);
        CHECK(moe_context_eval(a, ids + i, 1, NULL) == MOE_OK);
    }
    CHECK(moe_context_set_threads(a, 5) == MOE_ERR_ARGUMENT);
    CHECK(strcmp(moe_context_error(a), "n_threads: expected 1 to 4, found 5") ==
              0,
          "%s", moe_context_error(a));
    CHECK(moe_context_eval(b, ids, 40, NULL) == MOE_OK);
    CHECK(memcmp(moe_context_logits(a, -1), moe_context_logits(b, -1),
                 (size_t)prop_n_vocab(model) * sizeof(float)) == 0);
    moe_context_destroy(a);
    moe_context_destroy(b);
    moe_model_close(model);
}

static const struct test tests[] = {
    {"same_bits_with_f32_kv", same_bits_with_f32_kv},
    {"same_bits_with_f16_kv", same_bits_with_f16_kv},
    {"same_bits_with_q8_0_kv", same_bits_with_q8_0_kv},
    {"same_bits_beyond_a_span", same_bits_beyond_a_span},
    {"rewind_forgets", rewind_forgets},
    {"a_fork_goes_its_own_way", a_fork_goes_its_own_way},
    {"rings_change_no_bit", rings_change_no_bit},
    {"rings_lead_back_a_batch", rings_lead_back_a_batch},
    {"last_logits_have_the_same_bits", last_logits_have_the_same_bits},
    {"threads_change_while_running", threads_change_while_running},
};

TEST_MAIN(tests)
