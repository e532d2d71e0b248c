/* No text of a user, a model or a tool becomes a control token: hostile
 * conversations have the control tokens of harmless ones, and each stands
 * where the format wrote it. */
#define _POSIX_C_SOURCE 200809L

#include "base/rng.h"
#include "chat_check.h"
#include "test.h"

enum {
    N_CONVERSATIONS = 5000,
    MOST_MESSAGES = 16,
    TEXT_BYTES = 120,
    MOST_CONTROLS = 512
};

/* What hostile texts are made of, besides the control tokens' names. */
static const char *const hostile_pieces[] = {"<|im_",
                                             "start|>",
                                             "<|",
                                             "|>",
                                             "<|im_start",
                                             "[/IN",
                                             "ST]",
                                             "<s",
                                             ">",
                                             "</",
                                             "s>",
                                             "system\n",
                                             "assistant\n",
                                             "\n\n",
                                             " ",
                                             "<<SYS>>",
                                             "<</SYS>>",
                                             "GPT4 Correct User:",
                                             "USER:",
                                             "ASSISTANT:",
                                             "\n\nUser: ",
                                             "<0x3C>",
                                             "1",
                                             "32000",
                                             "\xef\xbc\x9c",
                                             "\xef\xbd\x9c",
                                             "\xe2\x96\x81",
                                             "\x80",
                                             "\xff",
                                             "\xed\xa0\x80",
                                             "\xef\xb7\x90",
                                             "\xee\x80\x80",
                                             "\t",
                                             "{{ bos_token }}",
                                             "{% raw %}",
                                             "<tool_call>",
                                             "</tool_response>",
                                             "<think>",
                                             "</think>",
                                             "\\u003c",
                                             "&lt;s&gt;",
                                             "x"};

struct chat {
    uint64_t seed;
    uint64_t n_drawn;
    bool is_hostile; /* otherwise every text is one x */
    char texts[4 * MOST_MESSAGES][TEXT_BYTES];
    int n_texts;
    struct moe__message messages[MOST_MESSAGES];
    struct moe__call calls[MOST_MESSAGES];
    struct moe__conversation conversation;
};

static uint32_t chat_pick(struct chat *chat, uint32_t n)
{
    return (uint32_t)(moe__rng_u64(chat->seed, chat->n_drawn++) >> 33) % n;
}

/* A text without space around it.  The same random numbers are drawn for a
 * hostile and for a harmless one. */
static struct moe__slice chat_write(struct chat *chat, const char *before,
                                    const char *after, bool is_plain)
{
    char *text = chat->texts[chat->n_texts++];
    const uint32_t n_pieces = 1 + chat_pick(chat, 4);
    size_t n = 0;
    n += (size_t)snprintf(text, TEXT_BYTES, "%sx", before);
    for (uint32_t i = 0; i < n_pieces; i++) {
        const uint32_t control = chat_pick(chat, CHAT_N_CONTROLS);
        const uint32_t piece =
            chat_pick(chat, (uint32_t)MOE__COUNT(hostile_pieces));
        const bool is_control = is_plain || chat_pick(chat, 2) == 0;
        const char *words =
            is_control ? chat_controls[control] : hostile_pieces[piece];
        if (chat->is_hostile && n + strlen(words) + 8 < TEXT_BYTES)
            n += (size_t)snprintf(text + n, TEXT_BYTES - n, "%s", words);
    }
    n += (size_t)snprintf(text + n, TEXT_BYTES - n, "x%s", after);
    return moe__slice_of(text, n);
}

static struct moe__message *chat_add(struct chat *chat, enum moe__role role)
{
    struct moe__message *message =
        &chat->messages[chat->conversation.n_messages++];
    *message = (struct moe__message){.role = role};
    message->content = chat_write(chat, "", "", false);
    return message;
}

/* A call with a result. */
static void chat_add_call(struct chat *chat)
{
    struct moe__call *call = &chat->calls[chat->conversation.n_messages];
    struct moe__message *message = chat_add(chat, MOE__ROLE_ASSISTANT);
    message->content.n = 0;
    call->id = moe__slice_str("abcdefgh1");
    call->name = moe__slice_str("f");
    call->arguments = chat_write(chat, "{\"a\": \"", "\"}", true);
    message->calls = call;
    message->n_calls = 1;
    message = chat_add(chat, MOE__ROLE_TOOL);
    message->call_id = call->id;
    message->name = call->name;
}

static void chat_make(struct chat *chat, const struct moe__dialect *dialect)
{
    chat->n_texts = 0;
    chat->conversation = (struct moe__conversation){.messages = chat->messages,
                                                    .asks_for_answer = true};
    if (chat_pick(chat, 2) == 0)
        chat_add(chat, MOE__ROLE_SYSTEM);
    for (uint32_t n = chat_pick(chat, 3); n > 0; n--) {
        chat_add(chat, MOE__ROLE_USER);
        if (dialect->rules->has_calls && chat_pick(chat, 2) == 0)
            chat_add_call(chat);
        struct moe__message *answer = chat_add(chat, MOE__ROLE_ASSISTANT);
        if (chat_pick(chat, 2) == 0)
            answer->reasoning = chat_write(chat, "", "", false);
    }
    chat_add(chat, MOE__ROLE_USER);
    if (chat_pick(chat, 4) == 0)
        chat->conversation.date = chat_write(chat, "", "", false);
}

/* The control tokens of a conversation. */
struct found {
    moe_token ids[MOST_CONTROLS];
    int n;
    bool is_foreign; /* one lies outside the template's bytes */
    struct moe__err err;
};

static bool trust_covers(const struct moe__prompt *prompt, size_t begin,
                         size_t end)
{
    for (int32_t i = 0; i < prompt->n_trusted; i++)
        if (prompt->trusted[i].begin <= begin && end <= prompt->trusted[i].end)
            return true;
    return false;
}

static void find_controls(const struct chat *chat,
                          const struct moe__dialect *dialect,
                          const struct moe__vocab *vocab, struct moe__mem *mem,
                          struct found *found)
{
    struct moe__prompt prompt;
    struct moe__ids ids;
    size_t at = 0;
    *found = (struct found){0};
    moe__prompt_init(&prompt, mem, 0);
    moe__ids_init(&ids, mem);
    if (moe__dialect_render(dialect, &chat->conversation, vocab, &prompt,
                            &found->err) != MOE_OK ||
        moe__prompt_encode(&prompt, vocab, &ids, &found->err) != MOE_OK)
        found->n = -1;
    for (size_t i = 0; i < ids.n && found->n >= 0; i++) {
        const moe_token id = ids.ids[i];
        const size_t n = moe__vocab_piece(vocab, id).n;
        if (moe__vocab_kind(vocab, id) == MOE_TOKEN_CONTROL &&
            found->n < MOST_CONTROLS) {
            found->ids[found->n++] = id;
            found->is_foreign =
                found->is_foreign || !trust_covers(&prompt, at, at + n);
        }
        at += n;
    }
    /* One token for each byte of data: the ids are those of the text. */
    found->is_foreign = found->is_foreign || at != prompt.text.n;
    moe__ids_free(&ids);
    moe__prompt_free(&prompt);
}

static void hostile_texts_have_the_control_tokens_of_harmless_ones(void)
{
    static struct chat_vocab made;
    static struct chat hostile, harmless;
    static struct found found, expected;
    for (int32_t d = 0; moe__dialect_at(d) != NULL; d++) {
        const struct moe__dialect *dialect = moe__dialect_at(d);
        const char *name = moe__dialect_name(dialect);
        const struct moe__vocab *vocab = chat_vocab_make(&made, dialect);
        REQUIRE(vocab != NULL, "%s: %s", name, made.file.err.message);
        for (int i = 0; i < N_CONVERSATIONS; i++) {
            hostile = (struct chat){.seed = (uint64_t)i, .is_hostile = true};
            harmless = (struct chat){.seed = (uint64_t)i};
            chat_make(&hostile, dialect);
            chat_make(&harmless, dialect);
            struct moe__mem *mem = &made.file.file.mem;
            find_controls(&hostile, dialect, vocab, mem, &found);
            find_controls(&harmless, dialect, vocab, mem, &expected);
            REQUIRE(found.n > 0 && expected.n > 0, "%s %d: %s%s", name, i,
                    found.err.message, expected.err.message);
            REQUIRE(!found.is_foreign, "%s %d", name, i);
            REQUIRE(found.n == expected.n &&
                        memcmp(found.ids, expected.ids,
                               (size_t)found.n * sizeof *found.ids) == 0,
                    "%s %d: %d control tokens, expected %d", name, i, found.n,
                    expected.n);
        }
        CHECK(chat_vocab_free(&made) == NULL, "%s", name);
    }
}

static const struct test tests[] = {
    {"hostile_texts_have_the_control_tokens_of_harmless_ones",
     hostile_texts_have_the_control_tokens_of_harmless_ones},
};

TEST_MAIN(tests)
