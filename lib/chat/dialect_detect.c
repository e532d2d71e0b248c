/* dialect_detect.c: which compiled-in format a file's chat template is.
 *
 * Knows some published templates by a hash of their bytes, others by words
 * that they have and words that they do not have.  Says nothing when in doubt:
 * then the template itself is interpreted, which is never wrong. */
#include "chat/dialect.h"

/* ----------------------------------------------------------------- tables */

/* Mistral's versions, which the vocabulary and more words tell apart. */
#define DETECT_MISTRAL "mistral"

/* FNV-1a, 64 bits, of templates in ../shared/vectors/jinja. */
static const struct {
    uint64_t hash;
    const char *dialect;
} detect_exact[] = {
    {0xcd8b49000db02c2cu, "zephyr"},       /* zephyr-7b-beta */
    {0xc730acc029ce6ee0u, DETECT_MISTRAL}, /* Mistral-7B-Instruct-v0.1 */
    {0x8c734b90b4f8d84du, DETECT_MISTRAL}, /* Mixtral-8x7B-Instruct-v0.1 */
    {0x773d13e188afc917u, "chatml"},       /* dolphin-2.5-mixtral-8x7b */
    {0x88bf4138d5c826f0u, "chatml"},       /* transformers' default */
    {0x51c8c94545ac4017u, "openchat"},     /* openchat-3.5-0106 */
    {0x5111253f4aa4a502u, "deepseek-v2"},  /* deepseek-llm-7b-chat */
    {0xb9eb54d150716a7du, "deepseek-v3"},  /* DeepSeek-R1 */
    {0x60848a05837ce656u, "llama-3.1"},    /* Llama-3.1-8B-Instruct */
    {0x2bb17d55e56025e2u, "llama-2"},      /* transformers' for Llama */
    {0xc2b27ee60f1b8775u, "qwen2.5"},      /* Qwen2.5-7B-Instruct */
    {0x2bfdb7aa9754484eu, "qwen3"},        /* Qwen3-0.6B */
};

/* All of `has` and none of `lacks`; the first row that fits counts. */
static const struct detect_words {
    const char *dialect;
    const char *has[5];
    const char *lacks[9];
} detect_words[] = {
    {DETECT_MISTRAL,
     {"[INST]", "[/INST]"},
     {"<<SYS>>", "###", "[RESP]", "<|im_start|>", "<|start_header_id|>",
      "[MODEL_SETTINGS]", "tool_call>"}},
    {"chatml",
     {"<|im_start|>", "<|im_end|>", "message['role']", "message['content']"},
     {"tool", "think", "You are", "raise_exception", "trim", "strip", "_token",
      "<|im_sep|>"}},
    {"qwen2.5",
     {"You are Qwen, created by Alibaba Cloud. You are a helpful assistant.",
      "<tool_response>", "# Tools"},
     {"image", "video", "think", "<function="}},
    {"qwen3",
     {"<|im_start|>", "multi_step_tool", "enable_thinking",
      "reasoning_content"},
     {"image", "video", "<function=", "You are"}},
    {"llama-3",
     {"<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>",
      "message['content'] | trim"},
     {"tool", "date", "You are", "Cutting", "system_message", "think"}},
    {"llama-3.1",
     {"Cutting Knowledge Date: December 2023", "tools_in_user_message",
      "26 Jul 2024", "ipython"},
     {"image", "think"}},
    {"gemma",
     {"<start_of_turn>", "<end_of_turn>", "'model'", "message['content']"},
     {"tool", "think", "[INST]"}},
    {"phi-3",
     {"<|user|>", "<|assistant|>", "<|end|>"},
     {"tool", "<|start|>", "<|channel|>", "You are", "think", "trim",
      "raise_exception"}},
    {"openchat", {"GPT4 Correct ", "<|end_of_turn|>"}, {"Code", "tool"}},
    {"deepseek-v2",
     {"'User: ' + message['content']",
      "'Assistant: ' + message['content'] + eos_token"},
     {"tool", "###", "strip"}},
    {"deepseek-v3",
     {"<\xef\xbd\x9cUser\xef\xbd\x9c>",
      "<\xef\xbd\x9c"
      "Assistant\xef\xbd\x9c>",
      "tool\xe2\x96\x81outputs\xe2\x96\x81"
      "begin"},
     {"<think>", "thinking", "## Tools"}},
    {"gpt-oss",
     {"<|channel|>analysis<|message|>", "You are ChatGPT",
      "namespace functions"},
     {NULL}},
    {"olmoe",
     {"bos_token", "<|user|>", "<|assistant|>", "not loop.last",
      "eos_token + '"},
     {"tool", "You are", "trim", "strip", "<|end|>"}},
    {"granite-3",
     {"<|start_of_role|>available_tools<|end_of_role|>", "assistant_tool_call"},
     {"You are", "document", "think"}},
};

/* ----------------------------------------------------------------- search */

static bool detect_has(struct moe__slice text, const char *word)
{
    return moe__slice_has(text, moe__slice_str(word));
}

static uint64_t detect_hash(struct moe__slice text)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < text.n; i++)
        hash = (hash ^ text.data[i]) * 0x100000001b3u;
    return hash;
}

static bool detect_fits(struct moe__slice text,
                        const struct detect_words *words)
{
    for (size_t i = 0; i < MOE__COUNT(words->has) && words->has[i]; i++)
        if (!detect_has(text, words->has[i]))
            return false;
    for (size_t i = 0; i < MOE__COUNT(words->lacks) && words->lacks[i]; i++)
        if (detect_has(text, words->lacks[i]))
            return false;
    return true;
}

static const char *detect_name(struct moe__slice text)
{
    const uint64_t hash = detect_hash(text);
    for (size_t i = 0; i < MOE__COUNT(detect_exact); i++)
        if (detect_exact[i].hash == hash)
            return detect_exact[i].dialect;
    for (size_t i = 0; i < MOE__COUNT(detect_words); i++)
        if (detect_fits(text, &detect_words[i]))
            return detect_words[i].dialect;
    return NULL;
}

/* Templates of versions 1 to 3 without tools are alike; [PREFIX] came with
 * version 3. */
static const char *detect_mistral(struct moe__slice text,
                                  const struct moe__vocab *vocab)
{
    const bool has_calls = detect_has(text, "[TOOL_CALLS]");
    if (!moe__dialect_has_control(vocab, "[INST]"))
        return has_calls || detect_has(text, "[SYSTEM_PROMPT]") ? NULL
                                                                : "mistral-v1";
    if (detect_has(text, "[ARGS]"))
        return detect_has(text, "[CALL_ID]") ? "mistral-v11" : "mistral-v13";
    if (detect_has(text, "[SYSTEM_PROMPT]"))
        return "mistral-v7";
    if (has_calls)
        return detect_has(text, "call_id") ? "mistral-v3" : "mistral-v2";
    return moe__dialect_has_control(vocab, "[PREFIX]") ? "mistral-v3"
                                                       : "mistral-v2";
}

const struct moe__dialect *moe__dialect_detect(struct moe__slice template_,
                                               const struct moe__vocab *vocab)
{
    const char *name = detect_name(template_);
    if (name != NULL && strcmp(name, DETECT_MISTRAL) == 0)
        name = detect_mistral(template_, vocab);
    if (name == NULL)
        return NULL;
    const struct moe__dialect *dialect =
        moe__dialect_find(moe__slice_str(name));
    for (size_t i = 0; dialect->controls[i] != NULL; i++)
        if (!moe__dialect_has_control(vocab, dialect->controls[i]))
            return NULL;
    return dialect;
}
