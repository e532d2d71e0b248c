/* Texts in one call: moe_complete. */
#include <moe.h>

#include "test.h"

#define TINY "examples/models/tiny-mixtral-q8_0.gguf"
#define ONCE "Once upon a time"

static moe_error why;

static moe_model *open_tiny(void)
{
    moe_model *model = NULL;
    why = (moe_error){0};
    CHECK(moe_model_open(TINY, NULL, &model, &why) == MOE_OK, "%s",
          why.message);
    return model;
}

/* What a context and a loop write. */
static size_t write_by_hand(moe_model *model, char *text, size_t cap)
{
    moe_context *ctx = NULL;
    moe_token_info piece = {.struct_size = sizeof piece};
    size_t n = 0;
    CHECK(moe_context_create(model, NULL, &ctx, &why) == MOE_OK &&
          moe_context_prompt(ctx, ONCE, -1, MOE_TEXT_SPECIALS) == MOE_OK);
    while (moe_context_generate(ctx, NULL, NULL, &piece) == MOE_OK &&
           !piece.is_end && n + piece.n_bytes < cap) {
        memcpy(text + n, piece.bytes, piece.n_bytes);
        n += piece.n_bytes;
    }
    text[n] = 0;
    moe_context_destroy(ctx);
    return n;
}

static void it_writes_what_a_loop_writes(void)
{
    char text[4096], same[4096];
    moe_model *model = open_tiny();
    REQUIRE(model != NULL);
    CHECK(moe_complete(model, ONCE, NULL, text, sizeof text, &why) == MOE_OK,
          "%s", why.message);
    CHECK(write_by_hand(model, same, sizeof same) > 100);
    CHECK(strcmp(text, same) == 0, "'%s' '%s'", text, same);
    moe_model_close(model);
}

static void it_ends_where_the_room_does(void)
{
    char all[4096], text[64];
    moe_model *model = open_tiny();
    moe_complete_params params = {.struct_size = sizeof params};
    const char *const stops[] = {"tiger", "never"};
    REQUIRE(model != NULL);
    CHECK(moe_complete(model, ONCE, NULL, all, sizeof all, &why) == MOE_OK);
    for (size_t cap = 1; cap <= sizeof text; cap += 9) {
        memset(text, 'x', sizeof text);
        CHECK(moe_complete(model, ONCE, NULL, text, cap, &why) == MOE_OK, "%s",
              why.message);
        CHECK(strlen(text) == cap - 1 && strncmp(text, all, cap - 1) == 0,
              "%zu: '%s'", cap, text);
    }
    params.max_tokens = 3;
    CHECK(moe_complete(model, ONCE, &params, text, sizeof text, &why) ==
          MOE_OK);
    CHECK(strlen(text) > 0 && strlen(text) < 30 &&
          strncmp(text, all, strlen(text)) == 0);
    params = (moe_complete_params){
        .struct_size = sizeof params, .stops = stops, .n_stops = 2};
    CHECK(moe_complete(model, ONCE, &params, all, sizeof all, &why) == MOE_OK);
    CHECK(strlen(all) > 10 && strstr(all, "tiger") == NULL, "%s", all);
    const moe_context_params small = {.struct_size = sizeof small, .n_ctx = 20};
    params =
        (moe_complete_params){.struct_size = sizeof params, .context = &small};
    CHECK(moe_complete(model, ONCE, &params, all, sizeof all, &why) == MOE_OK,
          "%s", why.message);
    CHECK(strlen(all) > 10);
    moe_model_close(model);
}

struct seen {
    char text[4096];
    size_t n;
    size_t most;
};

static int32_t see(void *user, const char *text, size_t bytes)
{
    struct seen *seen = user;
    if (seen->n + bytes >= sizeof seen->text)
        return 1;
    memcpy(seen->text + seen->n, text, bytes);
    seen->n += bytes;
    return seen->n > seen->most;
}

static void it_shows_the_text_while_it_is_written(void)
{
    char text[4096];
    struct seen seen = {.most = 4000};
    moe_model *model = open_tiny();
    const moe_complete_params params = {
        .struct_size = sizeof params, .show = see, .user = &seen};
    REQUIRE(model != NULL);
    CHECK(moe_complete(model, ONCE, &params, text, sizeof text, &why) ==
          MOE_OK);
    CHECK(strcmp(seen.text, text) == 0 && seen.n > 100);
    seen = (struct seen){.most = 20};
    CHECK(moe_complete(model, ONCE, &params, NULL, 0, &why) ==
          MOE_ERR_CANCELLED);
    CHECK(seen.n > 20 && seen.n < 60, "%zu", seen.n);
    moe_model_close(model);
}

static void mistakes_are_told(void)
{
    char text[64];
    static char prompt[8000];
    moe_model *model = open_tiny(), *words = NULL;
    moe_complete_params params = {.struct_size = sizeof params,
                                  .max_tokens = -1};
    const moe_model_params mp = {.struct_size = sizeof mp, .is_vocab_only = 1};
    REQUIRE(model != NULL && moe_model_open(TINY, &mp, &words, &why) == MOE_OK);
    CHECK(moe_complete(NULL, ONCE, NULL, text, 64, &why) == MOE_ERR_ARGUMENT);
    CHECK(moe_complete(model, NULL, NULL, text, 64, &why) == MOE_ERR_ARGUMENT);
    CHECK(moe_complete(model, ONCE, NULL, NULL, 64, &why) == MOE_ERR_ARGUMENT);
    CHECK(moe_complete(model, ONCE, &params, text, 64, &why) ==
              MOE_ERR_ARGUMENT &&
          strstr(why.message, "max_tokens") != NULL);
    CHECK(moe_complete(words, ONCE, NULL, text, 64, &why) ==
              MOE_ERR_UNSUPPORTED &&
          strstr(why.message, "weights") != NULL);
    memset(prompt, 'a', sizeof prompt - 1);
    CHECK(moe_complete(model, prompt, NULL, text, 64, &why) ==
                  MOE_ERR_CONTEXT_FULL &&
              strstr(why.message, "512") != NULL,
          "%s", why.message);
    moe_model_close(words);
    moe_model_close(model);
}

/* With a grammar, a text that is not whole is an error. */
static void half_a_text_of_a_grammar_is_an_error(void)
{
    char text[64];
    moe_model *model = open_tiny();
    moe_complete_params params = {.struct_size = sizeof params};
    REQUIRE(model != NULL);
    CHECK(moe_grammar_create(model, MOE_GRAMMAR_REGEX, "[ab]{20}", -1,
                             &params.grammar, &why) == MOE_OK);
    CHECK(moe_complete(model, ONCE, &params, text, 64, &why) == MOE_OK);
    CHECK(strspn(text, "ab") == 20 && text[20] == 0, "%s", text);
    CHECK(moe_complete(model, ONCE, &params, text, 9, &why) == MOE_ERR_BUFFER);
    CHECK(strlen(text) == 8 && strstr(why.message, "8 bytes") != NULL, "%s",
          why.message);
    params.max_tokens = 2;
    CHECK(moe_complete(model, ONCE, &params, text, 64, &why) == MOE_ERR_BUFFER);
    CHECK(strstr(why.message, "2 tokens") != NULL, "%s", why.message);
    moe_grammar_destroy(params.grammar);
    moe_model_close(model);
}

static const struct test tests[] = {
    {"it_writes_what_a_loop_writes", it_writes_what_a_loop_writes},
    {"it_ends_where_the_room_does", it_ends_where_the_room_does},
    {"it_shows_the_text_while_it_is_written",
     it_shows_the_text_while_it_is_written},
    {"half_a_text_of_a_grammar_is_an_error",
     half_a_text_of_a_grammar_is_an_error},
    {"mistakes_are_told", mistakes_are_told},
};

TEST_MAIN(tests)
