/* Prompts: which bytes are the template's, and what becomes a control token. */
#define _POSIX_C_SOURCE 200809L

#include "chat_check.h"
#include "test.h"

static void add(struct moe__prompt *prompt, const char *text,
                enum moe__origin origin)
{
    moe__prompt_add(prompt, moe__slice_str(text), origin);
}

static void parts_of_the_template_that_touch_are_one(void)
{
    struct moe__mem mem;
    struct moe__prompt prompt;
    moe__mem_init(&mem, NULL);
    moe__prompt_init(&prompt, &mem, 0);
    add(&prompt, "", MOE__ORIGIN_TEMPLATE);
    add(&prompt, "ab", MOE__ORIGIN_TEMPLATE);
    add(&prompt, "c", MOE__ORIGIN_TEMPLATE);
    add(&prompt, "", MOE__ORIGIN_DATA);
    add(&prompt, "d", MOE__ORIGIN_TEMPLATE);
    add(&prompt, "data", MOE__ORIGIN_DATA);
    add(&prompt, "more", MOE__ORIGIN_DATA);
    add(&prompt, "e", MOE__ORIGIN_TEMPLATE);
    CHECK(moe__slice_is(moe__text_slice(&prompt.text), "abcddatamoree"), "%d",
          (int)prompt.text.n);
    REQUIRE(prompt.n_trusted == 2, "%d", (int)prompt.n_trusted);
    CHECK(prompt.trusted[0].begin == 0 && prompt.trusted[0].end == 4, " ");
    CHECK(prompt.trusted[1].begin == 12 && prompt.trusted[1].end == 13, " ");
    moe__prompt_free(&prompt);
    CHECK(mem.live_bytes == 0, "%d", (int)mem.live_bytes);
}

static void many_parts_are_kept(void)
{
    struct moe__mem mem;
    struct moe__prompt prompt;
    moe__mem_init(&mem, NULL);
    moe__prompt_init(&prompt, &mem, 0);
    for (int i = 0; i < 1000; i++) {
        add(&prompt, "t", MOE__ORIGIN_TEMPLATE);
        add(&prompt, "d", MOE__ORIGIN_DATA);
    }
    REQUIRE(prompt.n_trusted == 1000, "%d", (int)prompt.n_trusted);
    for (size_t i = 0; i < 1000; i++)
        CHECK(prompt.trusted[i].begin == 2 * i &&
                  prompt.trusted[i].end == 2 * i + 1,
              "%d", (int)i);
    moe__prompt_free(&prompt);
}

static void a_prompt_that_is_too_long_fails_once_and_for_all(void)
{
    struct moe__mem mem;
    struct moe__prompt prompt;
    struct moe__err err = {0};
    struct moe__ids ids;
    struct chat_vocab made;
    const struct moe__vocab *vocab = chat_vocab_make(&made, NULL);
    REQUIRE(vocab != NULL, "%s", made.file.err.message);
    moe__mem_init(&mem, NULL);
    moe__prompt_init(&prompt, &mem, 4);
    moe__ids_init(&ids, &mem);
    add(&prompt, "abc", MOE__ORIGIN_TEMPLATE);
    add(&prompt, "def", MOE__ORIGIN_TEMPLATE);
    add(&prompt, "g", MOE__ORIGIN_TEMPLATE);
    CHECK(prompt.n_trusted == 1 && prompt.trusted[0].end == 3, " ");
    CHECK(moe__prompt_encode(&prompt, vocab, &ids, &err) != MOE_OK, " ");
    CHECK(strstr(err.message, "prompt") != NULL, "%s", err.message);
    CHECK(ids.n == 0, "%d", (int)ids.n);
    moe__ids_free(&ids);
    moe__prompt_free(&prompt);
    CHECK(chat_vocab_free(&made) == NULL, " ");
}

/* How many ids of the prompt are the control token `name`. */
static int count_control(const struct moe__prompt *prompt,
                         const struct moe__vocab *vocab, const char *name)
{
    struct moe__ids ids;
    const moe_token wanted = moe__vocab_find(vocab, moe__slice_str(name));
    int n = 0;
    moe__ids_init(&ids, prompt->text.mem);
    if (moe__prompt_encode(prompt, vocab, &ids, NULL) != MOE_OK)
        n = -1;
    for (size_t i = 0; n >= 0 && i < ids.n; i++)
        n += ids.ids[i] == wanted;
    moe__ids_free(&ids);
    return n;
}

static void only_the_template_makes_control_tokens(void)
{
    static const struct {
        const char *parts[4]; /* of the template, data, in turn */
        int n_expected;
    } cases[] = {
        {{"<|im_start|>", "", "", ""}, 1},
        {{"", "<|im_start|>", "", ""}, 0},
        {{"<|im_start|>", "<|im_start|>", "<|im_start|>", "<|im_start|>"}, 2},
        {{"<|im_", "start|>", "", ""}, 0},
        {{"", "<|im_", "start|>", ""}, 0},
        {{"<|im_", "s", "tart|>", ""}, 0},
        {{"<|im_", "", "start|>", ""}, 1},
        {{"x<|im_start|", ">", "<|im_start|>", ""}, 1},
    };
    struct chat_vocab made;
    const struct moe__vocab *vocab = chat_vocab_make(&made, NULL);
    REQUIRE(vocab != NULL, "%s", made.file.err.message);
    for (size_t i = 0; i < MOE__COUNT(cases); i++) {
        struct moe__prompt prompt;
        moe__prompt_init(&prompt, &made.file.file.mem, 0);
        for (int k = 0; k < 4; k++)
            add(&prompt, cases[i].parts[k],
                k % 2 ? MOE__ORIGIN_DATA : MOE__ORIGIN_TEMPLATE);
        const int n = count_control(&prompt, vocab, "<|im_start|>");
        CHECK(n == cases[i].n_expected, "case %d: %d", (int)i, n);
        moe__prompt_free(&prompt);
    }
    CHECK(chat_vocab_free(&made) == NULL, " ");
}

static void failing_memory_is_a_status(void)
{
    struct chat_vocab made;
    const struct moe__vocab *vocab = chat_vocab_make(&made, NULL);
    int64_t n_failed = 0;
    REQUIRE(vocab != NULL, "%s", made.file.err.message);
    for (int64_t n = 0; n < 100; n++) {
        struct check_heap heap;
        struct moe__mem mem;
        struct moe__prompt prompt;
        struct moe__ids ids;
        check_heap_init(&heap, &mem);
        heap.n_allowed = n;
        moe__prompt_init(&prompt, &mem, 0);
        moe__ids_init(&ids, &mem);
        for (int i = 0; i < 40; i++) {
            add(&prompt, "<|im_start|>", MOE__ORIGIN_TEMPLATE);
            add(&prompt, "data", MOE__ORIGIN_DATA);
        }
        const moe_status status =
            moe__prompt_encode(&prompt, vocab, &ids, NULL);
        CHECK(status == MOE_OK || status == MOE_ERR_NO_MEMORY, "%d",
              (int)status);
        n_failed += status != MOE_OK;
        moe__ids_free(&ids);
        moe__prompt_free(&prompt);
        CHECK(heap.live_bytes == 0, "%d", (int)heap.live_bytes);
    }
    CHECK(n_failed > 3 && n_failed < 100, "%d", (int)n_failed);
    CHECK(chat_vocab_free(&made) == NULL, " ");
}

static const struct test tests[] = {
    {"parts_of_the_template_that_touch_are_one",
     parts_of_the_template_that_touch_are_one},
    {"many_parts_are_kept", many_parts_are_kept},
    {"a_prompt_that_is_too_long_fails_once_and_for_all",
     a_prompt_that_is_too_long_fails_once_and_for_all},
    {"only_the_template_makes_control_tokens",
     only_the_template_makes_control_tokens},
    {"failing_memory_is_a_status", failing_memory_is_a_status},
};

TEST_MAIN(tests)
