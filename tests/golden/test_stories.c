/* Trained models: stories260K against llama.cpp's logits and text, the mixture
 * of experts made from it, and tiny-mixtral against float32 PyTorch
 * (tests/data/stories260K/README.md, examples/models/MODEL_CARD.md). */
#include "golden.h"

static int line_ids(const char *text, const char *key, moe_token *ids)
{
    const char *at = strstr(text, key);
    int n = 0;
    if (at == NULL)
        return 0;
    at += strlen(key);
    while (n < MAX_IDS) {
        char *end;
        long value = strtol(at, &end, 10);
        if (end == at || memchr(at, '\n', (size_t)(end - at)) != NULL)
            break;
        ids[n++] = (moe_token)value;
        at = end;
    }
    return n;
}

static void stories260k_logits_and_text(void)
{
    size_t bytes, text_bytes;
    int n_vocab = 0;
    moe_token prompt[MAX_IDS], greedy[MAX_IDS];
    char *text =
        test_read(test_data("stories260K/stories260K.txt"), &text_bytes);
    float *want =
        test_read(test_data("stories260K/stories260K.logits.f32"), &bytes);
    REQUIRE(text != NULL && want != NULL && bytes == 125 * 512 * 4);
    int n_prompt = line_ids(text, "prompt_ids", prompt);
    int n_greedy = line_ids(text, "greedy_ids", greedy);
    REQUIRE(n_prompt == 5 && n_greedy == 120);
    moe_context *ctx = golden_open(test_data("stories260K/stories260K.gguf"),
                                   NULL, MOE_BACKEND_AUTO, &n_vocab);
    REQUIRE(ctx != NULL && n_vocab == 512);
    memcpy(prompt + n_prompt, greedy, 120 * sizeof *greedy);
    REQUIRE(moe_context_eval(ctx, prompt, 125, NULL) == MOE_OK);
    for (int row = 0; row < 125; row++) {
        const float *got = moe_context_logits(ctx, row);
        double far = golden_distance(got, want + row * 512, 512);
        CHECK(far < 1e-4 * 7.5, "row %d: %g", row, far);
        if (row >= 4 && row < 124)
            CHECK(golden_argmax(got, 512) == greedy[row - 4], "row %d", row);
    }
    REQUIRE(moe_context_rewind(ctx, 0) == MOE_OK);
    REQUIRE(moe_context_eval(ctx, prompt, 5, NULL) == MOE_OK);
    golden_continue(ctx, 512, greedy, n_greedy);
    moe_context_destroy(ctx);
    free(text);
    free(want);
}

/* The text of the file, from the words of the prompt, through the tokenizer. */
static void stories260k_writes_the_reference_text(void)
{
    size_t n_text = 0, text_bytes;
    moe_error why = {0};
    moe_model *model = NULL;
    moe_context *ctx = NULL;
    moe_token_info piece = {.struct_size = sizeof piece};
    char story[2048];
    char *text =
        test_read(test_data("stories260K/stories260K.txt"), &text_bytes);
    const char *path = test_data("stories260K/stories260K.gguf");
    REQUIRE(text != NULL && moe_model_open(path, NULL, &model, &why) == MOE_OK,
            "%s", why.message);
    moe_context_params params = {.struct_size = sizeof params,
                                 .kv = MOE_KV_F32};
    REQUIRE(moe_context_create(model, &params, &ctx, &why) == MOE_OK);
    REQUIRE(moe_context_prompt(ctx, "Once upon a time", -1,
                               MOE_TEXT_SPECIALS) == MOE_OK);
    CHECK(moe_context_position(ctx) == 5);
    for (int i = 0; i < 120; i++) {
        REQUIRE(moe_context_generate(ctx, NULL, NULL, &piece) == MOE_OK);
        REQUIRE(n_text + piece.n_bytes < sizeof story);
        memcpy(story + n_text, piece.bytes, piece.n_bytes);
        n_text += piece.n_bytes;
    }
    const char *want = strstr(text, "\ntext ") + 6;
    size_t n_want = strlen(want);
    n_want -= want[n_want - 1] == '\n';
    CHECK(n_text == n_want && memcmp(story, want, n_want) == 0, "%.*s",
          (int)n_text, story);
    moe_context_destroy(ctx);
    moe_model_close(model);
    free(text);
}

/* All eight experts of the mixture are used, and the counts add up. */
static void stories_moe8_uses_all_experts(void)
{
    moe_error why = {0};
    moe_model *model = NULL;
    moe_context *ctx = NULL;
    moe_token ids[MAX_IDS];
    size_t bytes;
    char *text = test_read(test_data("stories260K/stories260K.txt"), &bytes);
    const char *path =
        test_data("stories260K/stories260K-moe8-noisy-Q4_K_M.gguf");
    REQUIRE(text != NULL && moe_model_open(path, NULL, &model, &why) == MOE_OK,
            "%s", why.message);
    moe_context_params params = {.struct_size = sizeof params,
                                 .logits = MOE_LOGITS_ALL};
    REQUIRE(moe_context_create(model, &params, &ctx, &why) == MOE_OK, "%s",
            why.message);
    int n = line_ids(text, "greedy_ids", ids);
    REQUIRE(moe_context_eval(ctx, ids, n, NULL) == MOE_OK);
    for (int layer = 0; layer < 5; layer++) {
        uint64_t counts[8], sum = 0;
        REQUIRE(moe_context_expert_counts(ctx, layer, counts, 8) == MOE_OK);
        for (int e = 0; e < 8; e++) {
            sum += counts[e];
            CHECK(counts[e] > 0, "layer %d, expert %d", layer, e);
        }
        CHECK(sum == (uint64_t)n * 2, "layer %d: %llu", layer,
              (unsigned long long)sum);
    }
    CHECK(moe_context_expert_counts(ctx, 5, NULL, 8) == MOE_ERR_ARGUMENT);
    moe_context_destroy(ctx);
    /* Where one row of logits is wanted, one token goes to the end. */
    params.logits = MOE_LOGITS_LAST;
    REQUIRE(moe_context_create(model, &params, &ctx, &why) == MOE_OK);
    REQUIRE(moe_context_eval(ctx, ids, n, NULL) == MOE_OK);
    for (int layer = 3; layer < 5; layer++) {
        uint64_t counts[8], sum = 0;
        REQUIRE(moe_context_expert_counts(ctx, layer, counts, 8) == MOE_OK);
        for (int e = 0; e < 8; e++)
            sum += counts[e];
        CHECK(sum == (layer == 3 ? (uint64_t)n * 2 : 2), "layer %d: %llu",
              layer, (unsigned long long)sum);
    }
    moe_context_destroy(ctx);
    moe_model_close(model);
    free(text);
}

/* F16 weights, f32 arithmetic: 1e-3 of the deviation, and 100 greedy ids. */
static void check_tiny(const char *golden)
{
    char name[200];
    size_t bytes, json_bytes;
    int n_vocab = 0;
    moe_token prompt[MAX_IDS], ids[MAX_IDS], greedy[MAX_IDS];
    snprintf(name, sizeof name, "models/tiny-mixtral/%s.json", golden);
    char *json = test_read(test_shared(name), &json_bytes);
    snprintf(name, sizeof name, "models/tiny-mixtral/%s.bin", golden);
    float *want = test_read(test_shared(name), &bytes);
    const char *path = test_shared("models/tiny-mixtral/tiny-mixtral-f16.gguf");
    if (json == NULL || want == NULL || path == NULL)
        SKIP("shared models/tiny-mixtral is absent");
    int n_prompt = golden_array(json, "prompt_ids", prompt, NULL);
    int n = golden_array(json, "sequence_ids", ids, NULL);
    int n_greedy = golden_array(json, "greedy_ids", greedy, NULL);
    REQUIRE(n == 64 && n_greedy == 100 && bytes == 64 * 2048 * 4);
    double sum = 0, sum2 = 0;
    for (size_t i = 0; i < bytes / 4; i++) {
        sum += (double)want[i];
        sum2 += (double)want[i] * (double)want[i];
    }
    double count = (double)(bytes / 4);
    double std = sqrt(sum2 / count - sum / count * (sum / count));
    moe_context *ctx = golden_open(path, NULL, MOE_BACKEND_AUTO, &n_vocab);
    REQUIRE(ctx != NULL && n_vocab == 2048);
    REQUIRE(moe_context_eval(ctx, ids, n, NULL) == MOE_OK);
    for (int row = 0; row < n; row++) {
        double far = golden_distance(moe_context_logits(ctx, row),
                                     want + row * 2048, 2048);
        CHECK(far < 1e-3 * std, "row %d: %g of %g", row, far, std);
    }
    REQUIRE(moe_context_rewind(ctx, 0) == MOE_OK);
    REQUIRE(moe_context_eval(ctx, prompt, n_prompt, NULL) == MOE_OK);
    golden_continue(ctx, n_vocab, greedy, n_greedy);
    moe_context_destroy(ctx);
    free(json);
    free(want);
}

static void tiny_mixtral_story(void)
{
    check_tiny("golden_en");
}

static void tiny_mixtral_chat(void)
{
    check_tiny("golden_chat");
}

static const struct test tests[] = {
    {"stories260k_logits_and_text", stories260k_logits_and_text},
    {"stories260k_writes_the_reference_text",
     stories260k_writes_the_reference_text},
    {"stories_moe8_uses_all_experts", stories_moe8_uses_all_experts},
    {"tiny_mixtral_story", tiny_mixtral_story},
    {"tiny_mixtral_chat", tiny_mixtral_chat},
};

TEST_MAIN(tests)
