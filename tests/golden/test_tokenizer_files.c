/* test_tokenizer_files.c: Mistral's SentencePiece models, opened as they are:
 * the golden ids are the pieces of the golden texts, and the texts give the
 * ids again. */
#include <moe.h>
#include <stdbool.h>

#include "test.h"

#define MODELS "vectors/mistral/src/mistral_common/data/"
#define SAMPLES "vectors/mistral/tests/data/samples/"
#define MAX_TEXT 16384
#define MAX_IDS 1024

static const char *const samples[] = {"no_tools",
                                      "get_weather_full",
                                      "get_weather_no_history",
                                      "get_weather_no_system_prompt",
                                      "parallel_calls",
                                      "several_calls"};
#define N_SAMPLES (sizeof samples / sizeof *samples)

static moe_model *open_model(const char *name)
{
    char path[160];
    moe_error why = {0};
    moe_model *model = NULL;
    snprintf(path, sizeof path, MODELS "%s", name);
    const char *found = test_shared(path);
    if (found != NULL)
        CHECK(moe_model_open(found, NULL, &model, &why) == MOE_OK, "%s: %s",
              name, why.message);
    return model;
}

/* The numbers of a file like {"tokens": [1, 2]}. */
static int read_ids(const char *text, moe_token ids[MAX_IDS])
{
    int n = 0;
    while (*(text += strcspn(text, "0123456789")) != 0 && n < MAX_IDS) {
        char *end;
        ids[n++] = (moe_token)strtol(text, &end, 10);
        text = end;
    }
    return n;
}

/* The file's U+2581 as spaces and <0x0A> as newlines, in place. */
static void plain_text(char *text)
{
    char *out = text;
    while (*text != 0) {
        const size_t n = strncmp(text, "\xe2\x96\x81", 3) == 0 ? 3
                         : strncmp(text, "<0x0A>", 6) == 0     ? 6
                                                               : 1;
        *out++ = n == 1 ? *text : n == 3 ? ' ' : '\n';
        text += n;
    }
    *out = 0;
}

/* What the ids decode to, names of control tokens too; without_prefix: as it
 * has to be encoded, without the space that encoding puts after these. */
static size_t join_pieces(const moe_model *model, const moe_token *ids, int n,
                          bool without_prefix, char out[MAX_TEXT])
{
    size_t at = 0;
    bool is_after_control = true;
    for (int i = 0; i < n; i++) {
        moe_token_info info = {.struct_size = sizeof info};
        CHECK(moe_token_describe(model, ids[i], &info) == MOE_OK, "%d",
              (int)ids[i]);
        const bool has_prefix = without_prefix && is_after_control &&
                                info.n_bytes > 0 && info.bytes[0] == ' ';
        if (at + info.n_bytes >= MAX_TEXT)
            break;
        memcpy(out + at, info.bytes + has_prefix, info.n_bytes - has_prefix);
        at += info.n_bytes - has_prefix;
        is_after_control = info.kind == MOE_TOKEN_CONTROL;
    }
    out[at] = 0;
    return at;
}

static void check_encodes(const moe_model *model, const char *text, size_t n,
                          const moe_token *expected, int n_expected)
{
    static moe_token ids[MAX_TEXT];
    size_t n_ids = 0;
    moe_error why = {0};
    CHECK(moe_text_encode(model, text, (int64_t)n, MOE_TEXT_PARSE_CONTROL, ids,
                          MAX_TEXT, &n_ids, &why) == MOE_OK,
          "%s", why.message);
    CHECK(n_ids == (size_t)n_expected, "%zu ids, expected %d", n_ids,
          n_expected);
    for (int i = 0; i < n_expected && (size_t)i < n_ids; i++)
        if (ids[i] != expected[i]) {
            CHECK(false, "id %d is %d, expected %d", i, (int)ids[i],
                  (int)expected[i]);
            break;
        }
}

/* Returns whether the sample has golden ids of this version. */
static bool check_sample(const moe_model *model, const char *version,
                         const char *sample)
{
    static char joined[MAX_TEXT];
    moe_token ids[MAX_IDS];
    char path[160];
    size_t bytes;
    snprintf(path, sizeof path, SAMPLES "%s/tokens_%s.json", sample, version);
    char *tokens = test_read(test_shared(path), &bytes);
    snprintf(path, sizeof path, SAMPLES "%s/text_%s.txt", sample, version);
    char *text = test_read(test_shared(path), &bytes);
    const bool is_there = tokens != NULL && text != NULL;
    if (is_there) {
        const int n = read_ids(tokens, ids);
        plain_text(text);
        (void)join_pieces(model, ids, n, false, joined);
        CHECK(n > 0 && strcmp(text, joined) == 0, "%s %s:\n# %s\n# %s", sample,
              version, text, joined);
        const size_t n_joined = join_pieces(model, ids, n, true, joined);
        check_encodes(model, joined, n_joined, ids, n);
    }
    free(tokens);
    free(text);
    return is_there;
}

static void check_version(const char *name, const char *version, int n_samples)
{
    moe_model *model = open_model(name);
    int n = 0;
    if (model == NULL)
        SKIP("%s is not there", name);
    for (size_t i = 0; i < N_SAMPLES; i++)
        n += check_sample(model, version, samples[i]);
    CHECK(n == n_samples, "%d samples", n);
    moe_model_close(model);
}

static void ids_of_version_1(void)
{
    check_version("tokenizer.model.v1", "v1", 1);
}

static void ids_of_version_2(void)
{
    check_version("mistral_instruct_tokenizer_240216.model.v2", "v2", 6);
}

static void ids_of_version_3(void)
{
    check_version("mistral_instruct_tokenizer_240323.model.v3", "v3", 6);
}

/* Sizes, special ids and kinds, as the vectors' README lists them. */
static void models_are_what_they_say(void)
{
    static const struct {
        const char *name;
        int32_t n_vocab, n_control, n_user_defined;
    } models[] = {
        {"tokenizer.model.v1", 32000, 2, 0},
        {"mistral_instruct_tokenizer_240216.model.v2", 32768, 770, 0},
        {"mistral_instruct_tokenizer_240323.model.v3", 32768, 750, 20},
        {"mistral_instruct_tokenizer_241114.model.v7", 32768, 748, 22},
        {"mistral_instruct_tokenizer_241114.model.v7m1", 32768, 748, 22},
    };
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        moe_model_info info = {.struct_size = sizeof info};
        int32_t counts[MOE_TOKEN_BYTE + 1] = {0};
        moe_model *model = open_model(models[i].name);
        if (model == NULL)
            SKIP("%s is not there", models[i].name);
        moe_model_describe(model, &info);
        CHECK(info.n_vocab == models[i].n_vocab, "%d", (int)info.n_vocab);
        for (moe_token id = 0; id < info.n_vocab; id++) {
            moe_token_info token = {.struct_size = sizeof token};
            moe_token_describe(model, id, &token);
            counts[token.kind]++;
        }
        CHECK(counts[MOE_TOKEN_CONTROL] == models[i].n_control &&
                  counts[MOE_TOKEN_USER_DEFINED] == models[i].n_user_defined &&
                  counts[MOE_TOKEN_BYTE] == 256 &&
                  counts[MOE_TOKEN_UNKNOWN] == 1,
              "%s: %d control, %d user-defined", models[i].name,
              (int)counts[MOE_TOKEN_CONTROL],
              (int)counts[MOE_TOKEN_USER_DEFINED]);
        CHECK(moe_token_special(model, MOE_SPECIAL_BOS) == 1 &&
              moe_token_special(model, MOE_SPECIAL_EOS) == 2 &&
              moe_token_special(model, MOE_SPECIAL_UNK) == 0 &&
              moe_token_special(model, MOE_SPECIAL_PAD) == MOE_TOKEN_NONE);
        moe_model_close(model);
    }
}

static const struct test tests[] = {
    {"ids_of_version_1", ids_of_version_1},
    {"ids_of_version_2", ids_of_version_2},
    {"ids_of_version_3", ids_of_version_3},
    {"models_are_what_they_say", models_are_what_they_say},
};

TEST_MAIN(tests)
