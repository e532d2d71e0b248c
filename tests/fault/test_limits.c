/* Legal and illegal values of every number of a context, in pairs, and ids at
 * their edges: a status and a sentence, or a context that works. */
#include <moe.h>

#include "test.h"

#define MODEL "tests/data/families/mixtral/model.gguf"

static const int32_t edges[] = {
    INT32_MIN,     -1,      0,         1, 2, 63, 64, 65, 512, (1 << 16),
    (1 << 16) + 1, 1 << 24, INT32_MAX,
};

#define N_EDGES (sizeof edges / sizeof *edges)

/* Plans always; creates and evaluates where the plan is small. */
static moe_status try_params(moe_model *model, moe_context_params *params)
{
    moe_error why = {0};
    moe_context *ctx = NULL;
    moe_plan plan = {.struct_size = sizeof plan};
    moe_token id = 5;
    moe_status status = moe_context_plan(model, params, &plan, &why);
    CHECK(status == MOE_OK || strlen(why.message) > 15, "'%s'", why.message);
    if (status != MOE_OK || plan.anonymous_bytes > 32 << 20 ||
        plan.n_threads > 8)
        return status;
    status = moe_context_create(model, params, &ctx, &why);
    CHECK(status == MOE_OK, "%s", why.message);
    if (ctx != NULL)
        CHECK(moe_context_eval(ctx, &id, 1, NULL) == MOE_OK, "%s",
              moe_context_error(ctx));
    moe_context_destroy(ctx);
    return status;
}

static void context_numbers_at_their_edges_in_pairs(void)
{
    moe_model *model = NULL;
    int n_ok = 0, n_refused = 0;
    REQUIRE(moe_model_open(MODEL, NULL, &model, NULL) == MOE_OK);
    for (int pair = 0; pair < 3; pair++)
        for (size_t i = 0; i < N_EDGES; i++)
            for (size_t j = 0; j < N_EDGES; j++) {
                moe_context_params p = {.struct_size = sizeof p,
                                        .n_threads = 1};
                int32_t *numbers[] = {&p.n_ctx, &p.n_batch, &p.n_threads};
                *numbers[pair] = edges[i];
                *numbers[(pair + 1) % 3] = edges[j];
                p.logits = (moe_logits_mode)(j % 2);
                moe_status status = try_params(model, &p);
                CHECK((edges[i] >= 0 && edges[j] >= 0) || status != MOE_OK);
                n_ok += status == MOE_OK;
                n_refused += status != MOE_OK;
            }
    CHECK(n_ok > 100 && n_refused > 100, "%d, %d", n_ok, n_refused);
    moe_model_close(model);
}

/* Products of sizes do not wrap: more positions never cost less. */
static void plans_grow_with_the_context(void)
{
    moe_model *model = NULL;
    uint64_t before = 0;
    REQUIRE(moe_model_open(MODEL, NULL, &model, NULL) == MOE_OK);
    for (int32_t n_ctx = 1; n_ctx <= 1 << 24; n_ctx *= 2) {
        moe_plan plan = {.struct_size = sizeof plan};
        moe_context_params p = {.struct_size = sizeof p,
                                .n_ctx = n_ctx,
                                .n_batch = 1 << 16,
                                .n_threads = 256,
                                .kv = MOE_KV_F32,
                                .logits = MOE_LOGITS_ALL};
        CHECK(moe_context_plan(model, &p, &plan, NULL) == MOE_OK);
        CHECK(plan.anonymous_bytes >= before, "%d", n_ctx);
        /* f32 keys and values of 2 layers, 2 heads of 16 */
        CHECK(plan.kv_bytes >= (uint64_t)n_ctx * 2 * 2 * 2 * 16 * 4);
        before = plan.anonymous_bytes;
    }
    moe_model_close(model);
}

/* The embedding's rows are the bound, not the vocabulary's size. */
static void token_ids_at_their_edges(void)
{
    static const moe_token ids[] = {INT32_MIN, -1, 288, 289, INT32_MAX};
    moe_model *model = NULL;
    moe_context *ctx = NULL;
    moe_token last = 287;
    REQUIRE(moe_model_open(MODEL, NULL, &model, NULL) == MOE_OK &&
            moe_context_create(model, NULL, &ctx, NULL) == MOE_OK);
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
        CHECK(moe_context_eval(ctx, &ids[i], 1, NULL) == MOE_ERR_ARGUMENT &&
                  strstr(moe_context_error(ctx), "outside the vocabulary"),
              "%d: %s", ids[i], moe_context_error(ctx));
    CHECK(moe_context_position(ctx) == 0);
    CHECK(moe_context_eval(ctx, &last, 1, NULL) == MOE_OK);
    moe_context_destroy(ctx);
    moe_model_close(model);
}

static const struct test tests[] = {
    {"context_numbers_at_their_edges_in_pairs",
     context_numbers_at_their_edges_in_pairs},
    {"plans_grow_with_the_context", plans_grow_with_the_context},
    {"token_ids_at_their_edges", token_ids_at_their_edges},
};

TEST_MAIN(tests)
