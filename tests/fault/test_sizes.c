/* Hostile sizes: each number of the metadata replaced by values that have
 * broken other engines.  A status and a sentence, or a model that runs. */
#include <moe.h>

#include "test.h"

#define MOE_MODEL "tests/data/families/mixtral/model.gguf"
#define DENSE_MODEL "tests/data/families/mistral/model.gguf"

static struct outcome {
    moe_status status;
    char message[252];
} last;

/* Opens with one override and, if that works, evaluates three tokens. */
static moe_status try_override(const char *path, const char *override)
{
    moe_error why = {0};
    moe_model *model = NULL;
    moe_context *ctx = NULL;
    moe_token ids[3] = {1, 2, 3};
    moe_model_params mp = {
        .struct_size = sizeof mp, .meta = &override, .n_meta = 1};
    moe_context_params cp = {
        .struct_size = sizeof cp, .n_ctx = 32, .n_threads = 1};
    last.status = moe_model_open(path, &mp, &model, &why);
    if (last.status == MOE_OK)
        last.status = moe_context_create(model, &cp, &ctx, &why);
    if (last.status == MOE_OK)
        CHECK(moe_context_eval(ctx, ids, 3, NULL) == MOE_OK, "%s",
              moe_context_error(ctx));
    snprintf(last.message, sizeof last.message, "%s", why.message);
    moe_context_destroy(ctx);
    moe_model_close(model);
    return last.status;
}

static void sentences_name_the_key_and_both_values(void)
{
    static const struct {
        const char *override;
        moe_status status;
        const char *message;
    } cases[] = {
        {"general.architecture=nosuch", MOE_ERR_UNSUPPORTED,
         "model family 'nosuch' is not supported (supported: llama smollm3 "
         "qwen2 qwen3 gemma3)"},
        {"llama.block_count=0", MOE_ERR_FORMAT,
         "llama.block_count: expected 1 to 16384, found 0"},
        {"llama.block_count=513", MOE_ERR_TENSOR,
         "llama.block_count is 513, the file has 23 tensors"},
        {"llama.block_count=3", MOE_ERR_TENSOR,
         "the file has no tensor 'blk.2.attn_norm.weight'"},
        {"llama.block_count=1", MOE_ERR_TENSOR,
         "the file has 23 tensors, a model of family 'llama' with its sizes "
         "has 13"},
        {"llama.attention.head_count=3", MOE_ERR_FORMAT,
         "llama.attention: 3 query heads cannot share 2 key/value heads "
         "evenly"},
        {"llama.expert_used_count=0", MOE_ERR_FORMAT,
         "llama.expert_used_count: expected 1 to 8 (expert_count), found 0"},
        {"llama.expert_used_count=9", MOE_ERR_FORMAT,
         "llama.expert_used_count: expected 1 to 8 (expert_count), found 9"},
        {"llama.expert_count=7", MOE_ERR_TENSOR,
         "blk.0.ffn_gate_inp.weight: expected [64, 7, 1], the file has [64, "
         "8, 1, 1]"},
        {"llama.embedding_length=128", MOE_ERR_TENSOR,
         "token_embd.weight: expected [128, 288, 1], the file has [64, 288, "
         "1, 1]"},
        {"llama.rope.dimension_count=7", MOE_ERR_FORMAT,
         "llama.rope.dimension_count: expected an even number up to the head "
         "size 16, found 7"},
        {"llama.rope.scaling.type=magic", MOE_ERR_UNSUPPORTED,
         "llama.rope.scaling.type: expected none, linear, yarn or longrope, "
         "found 'magic'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        try_override(MOE_MODEL, cases[i].override);
        CHECK(last.status == cases[i].status, "%s: %s", cases[i].override,
              moe_status_name(last.status));
        CHECK(strcmp(last.message, cases[i].message) == 0, "%s: %s",
              cases[i].override, last.message);
    }
}

static const char *const keys[] = {
    "block_count",
    "embedding_length",
    "feed_forward_length",
    "context_length",
    "attention.head_count",
    "attention.head_count_kv",
    "attention.key_length",
    "attention.value_length",
    "rope.dimension_count",
    "expert_count",
    "expert_used_count",
    "expert_feed_forward_length",
    "attention.sliding_window",
    "attention.sliding_window_pattern",
    "attention.layer_norm_rms_epsilon",
    "attention.scale",
    "rope.freq_base",
    "rope.scaling.factor",
    "rope.scaling.original_context_length",
    "rope.scaling.attn_factor",
    "attn_logit_softcapping",
    "final_logit_softcapping",
    "expert_weights_scale",
};

/* Every key at every edge: nothing but a status and a sentence may come out. */
static void every_size_at_every_edge(void)
{
    static const char *const values[] = {
        "0",
        "1",
        "2",
        "3",
        "-1",
        "255",
        "65536",
        "2147483647",
        "2147483648",
        "4294967295",
        "4294967296",
        "9223372036854775807",
        "-9223372036854775808",
        "1e30",
        "-1e30",
        "0.5",
        "1e-30",
        "true",
        "text",
        "",
    };
    static const char *const paths[] = {MOE_MODEL, DENSE_MODEL};
    int n_refused = 0, n_ran = 0;
    for (size_t p = 0; p < 2; p++)
        for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
            for (size_t v = 0; v < sizeof values / sizeof *values; v++) {
                char override[128];
                snprintf(override, sizeof override, "llama.%s=%s", keys[k],
                         values[v]);
                moe_status status = try_override(paths[p], override);
                n_ran += status == MOE_OK;
                n_refused += status != MOE_OK;
                CHECK(status == MOE_OK || strlen(last.message) > 15, "%s: '%s'",
                      override, last.message);
            }
    CHECK(n_ran > 50 && n_refused > 300, "%d ran, %d refused", n_ran,
          n_refused);
}

static void yarn_and_linear_scaling_run(void)
{
    CHECK(try_override(DENSE_MODEL, "llama.rope.scaling.type=yarn") == MOE_OK,
          "%s", last.message);
    CHECK(try_override(DENSE_MODEL, "llama.rope.scaling.factor=4") == MOE_OK,
          "%s", last.message);
}

static const struct test tests[] = {
    {"sentences_name_the_key_and_both_values",
     sentences_name_the_key_and_both_values},
    {"every_size_at_every_edge", every_size_at_every_edge},
    {"yarn_and_linear_scaling_run", yarn_and_linear_scaling_run},
};

TEST_MAIN(tests)
