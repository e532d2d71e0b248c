/* Mistral's formats: the ids that Mistral's own encoder makes of its sample
 * conversations, with the tokenizer's model of each version. */
#define _POSIX_C_SOURCE 200809L

#include "chat_check.h"
#include "test.h"

#define SAMPLES "vectors/mistral/tests/data/samples/"
#define MODELS "vectors/mistral/src/mistral_common/data/"

struct golden_vocab {
    struct moe__mem mem;
    struct moe__arena arena;
    struct moe__vocab *vocab; /* NULL: not there */
    struct moe__err err;
};

static void golden_vocab_open(struct golden_vocab *g, const char *path)
{
    size_t bytes = 0;
    *g = (struct golden_vocab){0};
    moe__mem_init(&g->mem, NULL);
    moe__arena_init(&g->arena, &g->mem);
    char *file = test_read(test_shared(path), &bytes);
    if (file != NULL)
        (void)moe__vocab_read(&g->arena, moe__slice_of(file, bytes), &g->vocab,
                              &g->err);
    free(file);
}

static const struct moe__json *golden_json(struct moe__arena *arena,
                                           const char *path)
{
    const struct moe__json *value = NULL;
    size_t bytes = 0;
    char *file = test_read(test_shared(path), &bytes);
    if (file != NULL)
        (void)moe__json_read(arena, moe__slice_of(file, bytes), &value, NULL);
    free(file);
    return value;
}

/* Returns whether there are golden ids of this version. */
static bool check_sample(struct golden_vocab *g, const char *version,
                         const char *sample)
{
    char path[160];
    struct moe__conversation conversation;
    struct moe__err err = {0};
    struct moe__ids ids;
    snprintf(path, sizeof path, SAMPLES "%s/tokens_%s.json", sample, version);
    const struct moe__json *tokens =
        moe__json_get(golden_json(&g->arena, path), "tokens");
    snprintf(path, sizeof path, SAMPLES "%s/sample.json", sample);
    const struct moe__json *request = golden_json(&g->arena, path);
    if (tokens == NULL ||
        !chat_read(&g->arena, moe__json_get(request, "messages"),
                   &conversation))
        return false;
    conversation.tools = moe__json_get(request, "tools");
    snprintf(path, sizeof path, "mistral-%s", version);
    moe__ids_init(&ids, &g->mem);
    const moe_status status =
        moe__dialect_encode(moe__dialect_find(moe__slice_str(path)),
                            &conversation, g->vocab, &ids, &err);
    CHECK(status == MOE_OK, "%s %s: %s", version, sample, err.message);
    CHECK((size_t)tokens->n == ids.n, "%s %s: %d ids, expected %d", version,
          sample, (int)ids.n, (int)tokens->n);
    for (size_t i = 0; i < ids.n && i < (size_t)tokens->n; i++)
        if (tokens->items[i].integer != ids.ids[i]) {
            CHECK(false, "%s %s: id %d is %d, expected %d", version, sample,
                  (int)i, (int)ids.ids[i], (int)tokens->items[i].integer);
            break;
        }
    moe__ids_free(&ids);
    return true;
}

static void check_version(const char *version, const char *model, int n_samples)
{
    static const char *const samples[] = {"no_tools",
                                          "get_weather_full",
                                          "get_weather_no_history",
                                          "get_weather_no_system_prompt",
                                          "parallel_calls",
                                          "several_calls"};
    struct golden_vocab g;
    int n = 0;
    if (test_shared(model) == NULL)
        SKIP("%s is not there", model);
    golden_vocab_open(&g, model);
    CHECK(g.vocab != NULL, "%s: %s", model, g.err.message);
    for (size_t i = 0; g.vocab != NULL && i < MOE__COUNT(samples); i++)
        n += check_sample(&g, version, samples[i]);
    CHECK(n == n_samples, "%s: %d samples", version, n);
    moe__arena_free(&g.arena);
}

static void ids_of_version_1(void)
{
    check_version("v1", MODELS "tokenizer.model.v1", 1);
}

static void ids_of_version_2(void)
{
    check_version("v2", MODELS "mistral_instruct_tokenizer_240216.model.v2", 6);
}

static void ids_of_version_3(void)
{
    check_version("v3", MODELS "mistral_instruct_tokenizer_240323.model.v3", 6);
}

/* Versions that share a template are told apart by the vocabulary. */
static void templates_are_recognised(void)
{
    static const struct {
        const char *model, *template_, *dialect;
    } cases[] = {
        {"tokenizer.model.v1", "v1_spm", "mistral-v1"},
        {"mistral_instruct_tokenizer_240216.model.v2", "v1_spm", "mistral-v2"},
        {"mistral_instruct_tokenizer_240323.model.v3", "v1_spm", "mistral-v3"},
        {"mistral_instruct_tokenizer_240216.model.v2", "v2_spm", "mistral-v2"},
        {"mistral_instruct_tokenizer_240323.model.v3", "v3_spm", "mistral-v3"},
        {"mistral_instruct_tokenizer_241114.model.v7", "v7_spm", "mistral-v7"},
        {"mistral_instruct_tokenizer_241114.model.v7", "v11", "mistral-v11"},
        {"mistral_instruct_tokenizer_241114.model.v7", "v13", "mistral-v13"},
        {"tokenizer.model.v1", "v3_spm", NULL},
        {"mistral_instruct_tokenizer_241114.model.v7", "v15", NULL},
    };
    if (test_shared(MODELS "tokenizer.model.v1") == NULL)
        SKIP("the tokenizers' models are not there");
    for (size_t i = 0; i < MOE__COUNT(cases); i++) {
        char path[160];
        size_t bytes = 0;
        struct golden_vocab g;
        snprintf(path, sizeof path, MODELS "%s", cases[i].model);
        golden_vocab_open(&g, path);
        snprintf(path, sizeof path,
                 "vectors/mistral/tests/data/chat_templates/%s.jinja",
                 cases[i].template_);
        char *file = test_read(test_shared(path), &bytes);
        const struct moe__dialect *found =
            g.vocab && file
                ? moe__dialect_detect(moe__slice_of(file, bytes), g.vocab)
                : NULL;
        const char *name = found ? moe__dialect_name(found) : "none";
        const char *expected = cases[i].dialect ? cases[i].dialect : "none";
        CHECK(g.vocab != NULL && strcmp(name, expected) == 0, "%s with %s: %s",
              cases[i].template_, cases[i].model, name);
        free(file);
        moe__arena_free(&g.arena);
    }
}

static const struct test tests[] = {
    {"ids_of_version_1", ids_of_version_1},
    {"ids_of_version_2", ids_of_version_2},
    {"ids_of_version_3", ids_of_version_3},
    {"templates_are_recognised", templates_are_recognised},
};

TEST_MAIN(tests)
