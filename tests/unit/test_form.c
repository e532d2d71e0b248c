/* Which form a model's conversations have, with and without tools. */
#define _POSIX_C_SOURCE 200809L
#include "test.h"

#include "chat_check.h"

#include "chat/form.h"

/* Words that only the template of gpt-oss has; tools are declared in it, not in
 * the compiled-in form. */
#define OSS                                                                  \
    "{# <|channel|>analysis<|message|> You are ChatGPT to=functions. #}"     \
    "{% for m in messages %}<|start|>{{ m.role }}<|message|>{{ m.content }}" \
    "<|end|>{% endfor %}"

static const struct moe__message question = {
    .role = MOE__ROLE_USER, .content = {(const uint8_t *)"Hi", 2}};

/* The prompt of one question as text, or the sentence. */
static const char *prompt_of(const struct moe__form *form,
                             const struct moe__vocab *vocab,
                             struct moe__mem *mem,
                             const struct moe__json *tools)
{
    static char kept[4096];
    struct moe__prompt prompt;
    struct moe__err why = {0};
    const struct moe__conversation conversation = {
        .messages = &question,
        .n_messages = 1,
        .asks_for_answer = true,
        .tools = tools,
    };
    moe__prompt_init(&prompt, mem, sizeof kept - 1);
    if (moe__form_render(form, &conversation, vocab, &prompt, &why) == MOE_OK)
        snprintf(kept, sizeof kept, "%.*s", (int)prompt.text.n,
                 prompt.text.data);
    else
        snprintf(kept, sizeof kept, "%s", why.message);
    moe__prompt_free(&prompt);
    return kept;
}

static void check_form(const char *source, const char *without,
                       const char *with, bool has_tools)
{
    struct chat_vocab made;
    struct moe__form form, copy;
    struct moe__arena arena;
    struct moe__err why = {0};
    const struct moe__json *tools = NULL;
    const struct moe__vocab *vocab = chat_vocab_make(&made, NULL);
    struct moe__mem *mem = &made.file.file.mem;
    moe__arena_init(&arena, mem);
    REQUIRE(vocab != NULL &&
            moe__json_read(&arena,
                           moe__slice_str("[{\"type\": \"function\", "
                                          "\"function\": {\"name\": "
                                          "\"now\"}}]"),
                           &tools, &why) == MOE_OK);
    REQUIRE(moe__form_open(&form, mem, moe__slice_of("", 0),
                           moe__slice_str(source), vocab, &why) == MOE_OK,
            "%s", why.message);
    CHECK(strcmp(form.name, "gpt-oss") == 0, "%s", form.name);
    CHECK(form.has_tools == has_tools);
    const char *text = prompt_of(&form, vocab, mem, NULL);
    CHECK(strstr(text, without) != NULL, "%s", text);
    REQUIRE(moe__form_copy(&copy, mem, &form, &why) == MOE_OK);
    moe__form_close(&form);
    text = prompt_of(&copy, vocab, mem, tools);
    CHECK(strstr(text, with) != NULL, "%s", text);
    moe__form_close(&copy);
    moe__arena_free(&arena);
    const char *wrong = chat_vocab_free(&made);
    CHECK(wrong == NULL, "%s", wrong);
}

static void tools_are_told_by_the_files_template(void)
{
    check_form(OSS "{% if tools %}namespace functions {{ tools | length }}"
                   "{% endif %}",
               "Knowledge cutoff", "<|end|>namespace functions 1", true);
}

/* It does not run, or has no tools: they are told in words. */
static void tools_are_told_in_words_otherwise(void)
{
    check_form(OSS "{% if tools %}namespace functions{% do x %}{% endif %}",
               "Knowledge cutoff", "You can call these functions", false);
    check_form(OSS "{# namespace functions #}", "Knowledge cutoff",
               "You can call these functions", false);
}

static const struct test tests[] = {
    {"tools_are_told_by_the_files_template",
     tools_are_told_by_the_files_template},
    {"tools_are_told_in_words_otherwise", tools_are_told_in_words_otherwise},
};

TEST_MAIN(tests)
