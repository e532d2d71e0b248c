/* chat_check.h: conversations from JSON and vocabularies for tests of prompts.
 *
 * A vocabulary of chat_vocab_make has a token for each byte and the control
 * tokens that the compiled-in formats use, so that every text has ids and each
 * control token is seen.  The includer defines _POSIX_C_SOURCE 200809L before
 * anything else. */
#ifndef MOE_CHAT_CHECK_H
#define MOE_CHAT_CHECK_H

#include "chat/dialect.h"
#include "token_check.h"

/* ------------------------------------------------------------ vocabulary */

static const char *const chat_controls[] = {"<s>",
                                            "</s>",
                                            "[INST]",
                                            "[/INST]",
                                            "[AVAILABLE_TOOLS]",
                                            "[/AVAILABLE_TOOLS]",
                                            "[TOOL_CALLS]",
                                            "[TOOL_RESULTS]",
                                            "[/TOOL_RESULTS]",
                                            "[PREFIX]",
                                            "[SYSTEM_PROMPT]",
                                            "[/SYSTEM_PROMPT]",
                                            "[TOOL_CONTENT]",
                                            "[CALL_ID]",
                                            "[ARGS]",
                                            "[THINK]",
                                            "[/THINK]",
                                            "<|im_start|>",
                                            "<|im_end|>",
                                            "<|start_header_id|>",
                                            "<|end_header_id|>",
                                            "<|eot_id|>",
                                            "<|end_of_turn|>",
                                            "<start_of_turn>",
                                            "<end_of_turn>",
                                            "<|system|>",
                                            "<|user|>",
                                            "<|assistant|>",
                                            "<|end|>",
                                            "<\xef\xbd\x9cUser\xef\xbd\x9c>",
                                            ("<\xef\xbd\x9c"
                                             "Assistant\xef\xbd\x9c>"),
                                            "<|start|>",
                                            "<|message|>",
                                            "<|channel|>",
                                            "<|call|>",
                                            "<|return|>",
                                            "<|start_of_role|>",
                                            "<|end_of_role|>",
                                            "<|end_of_text|>",
                                            "<|tool_call|>"};

enum {
    CHAT_N_CONTROLS = sizeof chat_controls / sizeof *chat_controls,
    CHAT_N_TOKENS = 1 + 256 + CHAT_N_CONTROLS
};

struct chat_vocab {
    struct gguf_builder builder;
    struct vocab_case file;
    char byte_names[256][8];
    const char *texts[CHAT_N_TOKENS];
    int32_t kinds[CHAT_N_TOKENS];
};

static inline bool chat_is_marker(const struct moe__dialect *dialect,
                                  const char *text)
{
    for (size_t i = 0; dialect != NULL && dialect->markers[i] != NULL; i++)
        if (strcmp(dialect->markers[i], text) == 0)
            return true;
    return false;
}

/* What dialect (or NULL) marks with plain text is no control token. */
static inline const struct moe__vocab *
chat_vocab_make(struct chat_vocab *v, const struct moe__dialect *dialect)
{
    static const float scores[CHAT_N_TOKENS];
    uint64_t n = 0;
    v->texts[n] = "<unk>";
    v->kinds[n++] = MOE_TOKEN_UNKNOWN;
    for (size_t i = 0; i < CHAT_N_CONTROLS; i++) {
        if (chat_is_marker(dialect, chat_controls[i]))
            continue;
        v->texts[n] = chat_controls[i];
        v->kinds[n++] = MOE_TOKEN_CONTROL;
    }
    for (int i = 0; i < 256; i++) {
        snprintf(v->byte_names[i], sizeof v->byte_names[i], "<0x%02X>",
                 (unsigned)i & 255);
        v->texts[n] = v->byte_names[i];
        v->kinds[n++] = MOE_TOKEN_BYTE;
    }
    build_begin(&v->builder, 3);
    build_string(&v->builder, "tokenizer.ggml.model", "llama");
    build_strings(&v->builder, "tokenizer.ggml.tokens", v->texts, n);
    build_array(&v->builder, "tokenizer.ggml.scores", MOE_META_F32, scores, n);
    build_array(&v->builder, "tokenizer.ggml.token_type", MOE_META_I32,
                v->kinds, n);
    build_u32(&v->builder, "tokenizer.ggml.bos_token_id", 1);
    build_u32(&v->builder, "tokenizer.ggml.eos_token_id", 2);
    build_u32(&v->builder, "tokenizer.ggml.unknown_token_id", 0);
    build_bool(&v->builder, "tokenizer.ggml.add_bos_token", 1);
    build_bool(&v->builder, "tokenizer.ggml.add_space_prefix", 0);
    (void)vocab_case_built(&v->file, &v->builder);
    return v->file.vocab;
}

static inline const char *chat_vocab_free(struct chat_vocab *v)
{
    const char *wrong = vocab_case_free(&v->file);
    build_free(&v->builder);
    return wrong;
}

/* ---------------------------------------------------------- conversation */

static inline struct moe__slice chat_text(const struct moe__json *object,
                                          const char *key)
{
    const struct moe__json *value = moe__json_get(object, key);
    if (value == NULL || value->kind != MOE__JSON_STRING)
        return moe__slice_of(NULL, 0);
    return value->text;
}

static inline enum moe__role chat_role(const struct moe__json *message)
{
    static const char *const names[] = {"system", "user", "assistant", "tool"};
    int32_t role = 0;
    while (role < MOE__N_ROLES - 1 &&
           !moe__slice_is(chat_text(message, "role"), names[role]))
        role++;
    return (enum moe__role)role;
}

/* From messages as OpenAI writes them (and "reasoning"); an answer is asked for
 * unless the last message is the assistant's.  All lives in arena. */
static inline bool chat_read(struct moe__arena *arena,
                             const struct moe__json *messages,
                             struct moe__conversation *out)
{
    if (messages == NULL || messages->kind != MOE__JSON_ARRAY)
        return false;
    struct moe__message *list =
        moe__arena_alloc(arena, (size_t)messages->n, sizeof *list);
    for (int32_t i = 0; list != NULL && i < messages->n; i++) {
        const struct moe__json *item = &messages->items[i];
        const struct moe__json *calls = moe__json_get(item, "tool_calls");
        list[i].role = chat_role(item);
        list[i].content = chat_text(item, "content");
        list[i].reasoning = chat_text(item, "reasoning");
        list[i].name = chat_text(item, "name");
        list[i].call_id = chat_text(item, "tool_call_id");
        if (calls == NULL || calls->kind != MOE__JSON_ARRAY)
            continue;
        struct moe__call *made =
            moe__arena_alloc(arena, (size_t)calls->n, sizeof *made);
        for (int32_t k = 0; made != NULL && k < calls->n; k++) {
            const struct moe__json *call = &calls->items[k];
            const struct moe__json *function = moe__json_get(call, "function");
            made[k].id = chat_text(call, "id");
            made[k].name = chat_text(function, "name");
            made[k].arguments = chat_text(function, "arguments");
        }
        list[i].calls = made;
        list[i].n_calls = calls->n;
    }
    *out =
        (struct moe__conversation){.messages = list, .n_messages = messages->n};
    out->asks_for_answer = list != NULL && messages->n > 0 &&
                           list[messages->n - 1].role != MOE__ROLE_ASSISTANT;
    return list != NULL;
}

#endif
