/* dialect_tables.c: the compiled-in formats. */
#include "chat/dialect_mistral.h"
#include "chat/dialect_turns.h"

#define S MOE__SYSTEM_BIT
#define U MOE__USER_BIT
#define A MOE__ASSISTANT_BIT
#define T MOE__TOOL_BIT

/* ----------------------------------------------------------------- rules */

/* Mistral's: who may speak after system, user, assistant, tool. */
#define MISTRAL_ORDER(tool)                                            \
    .first = S | U | A,                                                \
    .follows = {S | U | A, S | U | A, U | A | (tool), U | A | (tool)}, \
    .is_never_empty = true

static const struct moe__chat_rules rules_mistral_v1 = {MISTRAL_ORDER(0)};
static const struct moe__chat_rules rules_mistral_v2 = {
    MISTRAL_ORDER(T), .has_calls = true, .is_call_alone = true};
static const struct moe__chat_rules rules_mistral_v3 = {
    MISTRAL_ORDER(T), .has_calls = true, .is_call_alone = true,
    .has_short_ids = true};
static const struct moe__chat_rules rules_mistral_v7 = {
    MISTRAL_ORDER(T), .has_calls = true, .has_short_ids = true};
static const struct moe__chat_rules rules_mistral_v11 = {
    MISTRAL_ORDER(T), .has_calls = true, .has_short_ids = true,
    .has_distinct_ids = true};

/* A system's message at the start, then user and assistant in turn. */
static const struct moe__chat_rules rules_strict = {.first = S | U,
                                                    .follows = {U, A, U, 0}};
/* A system's message at the start, others as they like. */
static const struct moe__chat_rules rules_loose = {
    .first = S | U | A, .follows = {U | A, U | A, U | A, 0}};
static const struct moe__chat_rules rules_loose_calls = {
    .first = S | U | A,
    .follows = {U | A, U | A, U | A | T, U | A | T},
    .has_calls = true};
static const struct moe__chat_rules rules_loose_call = {
    .first = S | U | A,
    .follows = {U | A, U | A, U | A | T, U | A | T},
    .has_calls = true,
    .has_one_call = true};
/* As they like. */
static const struct moe__chat_rules rules_free = {
    .first = S | U | A, .follows = {S | U | A, S | U | A, S | U | A, 0}};
static const struct moe__chat_rules rules_free_calls = {
    .first = S | U | A,
    .follows = {S | U | A, S | U | A, S | U | A | T, S | U | A | T},
    .has_calls = true};
static const struct moe__chat_rules rules_free_call = {
    .first = S | U | A,
    .follows = {S | U | A, S | U | A, S | U | A | T, S | U | A | T},
    .has_calls = true,
    .has_one_call = true};

/* --------------------------------------------------------------- mistral */

static const struct moe__mistral mistral_v1 = {
    .system = MOE__MISTRAL_SYSTEM_FIRST, .has_plain_marks = true};
static const struct moe__mistral mistral_v2 = {
    .system = MOE__MISTRAL_SYSTEM_LAST, .drops_old_calls = true};
static const struct moe__mistral mistral_v3 = {
    .system = MOE__MISTRAL_SYSTEM_LAST, .results = MOE__MISTRAL_RESULTS_OBJECT};
static const struct moe__mistral mistral_v7 = {
    .system = MOE__MISTRAL_SYSTEM_OWN, .results = MOE__MISTRAL_RESULTS_ID};
static const struct moe__mistral mistral_v11 = {
    .system = MOE__MISTRAL_SYSTEM_OWN,
    .calls = MOE__MISTRAL_CALLS_PARTS_ID,
    .results = MOE__MISTRAL_RESULTS_ID};
static const struct moe__mistral mistral_v13 = {
    .system = MOE__MISTRAL_SYSTEM_OWN,
    .calls = MOE__MISTRAL_CALLS_PARTS,
    .results = MOE__MISTRAL_RESULTS_PLAIN,
    .has_tools_first = true};

/* -------------------------------------------------------------- dialects */

#define INST_TOKENS .controls = {"[INST]", "[/INST]"}
#define CHATML_TOKENS                           \
    .controls = {"<|im_start|>", "<|im_end|>"}, \
    .markers = {"<tool_response>", "</tool_response>"}
#define LLAMA3_TOKENS \
    .controls = {"<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"}
#define PLAIN_ROLES .markers = {"<|system|>", "<|user|>", "<|assistant|>"}

const struct moe__dialect moe__dialects[] = {
    {.name = "mistral-v1",
     .rules = &rules_mistral_v1,
     .mistral = &mistral_v1,
     .traits = {.has_plain_markers = true},
     .markers = {"[INST]", "[/INST]"}},
    {.name = "mistral-v2",
     .rules = &rules_mistral_v2,
     .mistral = &mistral_v2,
     .traits = {.has_tools = true, .call_begin = "[TOOL_CALLS]"},
     INST_TOKENS},
    {.name = "mistral-v3",
     .rules = &rules_mistral_v3,
     .mistral = &mistral_v3,
     .traits = {.has_tools = true, .call_begin = "[TOOL_CALLS]"},
     INST_TOKENS},
    {.name = "mistral-v7",
     .rules = &rules_mistral_v7,
     .mistral = &mistral_v7,
     .traits = {.has_tools = true, .call_begin = "[TOOL_CALLS]"},
     INST_TOKENS},
    {.name = "mistral-v11",
     .rules = &rules_mistral_v11,
     .mistral = &mistral_v11,
     .traits = {.has_tools = true, .call_begin = "[TOOL_CALLS]"},
     INST_TOKENS},
    {.name = "mistral-v13",
     .rules = &rules_mistral_v11,
     .mistral = &mistral_v13,
     .traits = {.has_tools = true,
                .think_begin = "[THINK]",
                .think_end = "[/THINK]",
                .call_begin = "[TOOL_CALLS]"},
     INST_TOKENS},
    {.name = "chatml",
     .rules = &rules_free_calls,
     .turns = &moe__turns_chatml,
     .traits = {.has_tools = true,
                .has_plain_markers = true,
                .call_begin = "<tool_call>"},
     CHATML_TOKENS},
    {.name = "qwen2.5",
     .rules = &rules_free_calls,
     .turns = &moe__turns_qwen2,
     .traits = {.has_tools = true,
                .has_plain_markers = true,
                .call_begin = "<tool_call>"},
     CHATML_TOKENS},
    {.name = "qwen3",
     .rules = &rules_free_calls,
     .turns = &moe__turns_qwen3,
     .traits = {.has_tools = true,
                .has_plain_markers = true,
                .think_begin = "<think>",
                .think_end = "</think>",
                .call_begin = "<tool_call>"},
     CHATML_TOKENS},
    {.name = "llama-2",
     .rules = &rules_strict,
     .turns = &moe__turns_llama2,
     .traits = {.has_plain_markers = true},
     .markers = {"[INST]", "[/INST]", "<<SYS>>", "<</SYS>>"}},
    {.name = "llama-3",
     .rules = &rules_free,
     .turns = &moe__turns_llama3,
     LLAMA3_TOKENS},
    {.name = "llama-3.1",
     .rules = &rules_free_call,
     .turns = &moe__turns_llama31,
     .traits = {.has_tools = true, .call_begin = "{\"name\": \""},
     LLAMA3_TOKENS},
    {.name = "zephyr",
     .rules = &rules_free,
     .turns = &moe__turns_zephyr,
     .traits = {.has_plain_markers = true},
     PLAIN_ROLES},
    {.name = "openchat",
     .rules = &rules_free,
     .turns = &moe__turns_openchat,
     .traits = {.has_plain_markers = true},
     .controls = {"<|end_of_turn|>"},
     .markers = {"GPT4 Correct User:", "GPT4 Correct Assistant:",
                 "GPT4 Correct System:"}},
    {.name = "vicuna",
     .rules = &rules_loose,
     .turns = &moe__turns_vicuna,
     .traits = {.has_plain_markers = true},
     .markers = {"USER:", "ASSISTANT:"}},
    {.name = "gemma",
     .rules = &rules_strict,
     .turns = &moe__turns_gemma,
     .controls = {"<start_of_turn>", "<end_of_turn>"}},
    {.name = "phi-3",
     .rules = &rules_free,
     .turns = &moe__turns_phi3,
     .controls = {"<|user|>", "<|assistant|>", "<|end|>"}},
    {.name = "deepseek-v2",
     .rules = &rules_free,
     .turns = &moe__turns_deepseek2,
     .traits = {.has_plain_markers = true},
     .markers = {"\n\nUser:", "\n\nAssistant:"}},
    {.name = "deepseek-v3",
     .rules = &rules_loose_calls,
     .turns = &moe__turns_deepseek3,
     .traits = {.think_begin = "<think>",
                .think_end = "</think>",
                .call_begin = "<\xef\xbd\x9ctool\xe2\x96\x81"
                              "calls\xe2\x96\x81"
                              "begin\xef\xbd\x9c>"},
     .controls = {"<\xef\xbd\x9cUser\xef\xbd\x9c>", "<\xef\xbd\x9c"
                                                    "Assistant\xef\xbd\x9c>"}},
    {.name = "gpt-oss",
     .rules = &rules_loose_call,
     .turns = &moe__turns_harmony,
     .traits = {.think_begin = "<|channel|>analysis<|message|>",
                .think_end = "<|end|>",
                .call_begin = "<|channel|>commentary to=functions."},
     .controls = {"<|start|>", "<|message|>", "<|channel|>", "<|end|>"}},
    {.name = "olmoe",
     .rules = &rules_free,
     .turns = &moe__turns_olmoe,
     .traits = {.has_plain_markers = true},
     PLAIN_ROLES},
    {.name = "granite-3",
     .rules = &rules_free_calls,
     .turns = &moe__turns_granite3,
     .traits = {.has_tools = true, .call_begin = "<|tool_call|>"},
     .controls = {"<|start_of_role|>", "<|end_of_role|>", "<|end_of_text|>"}},
};

const int32_t moe__n_dialects = (int32_t)MOE__COUNT(moe__dialects);

#undef S
#undef U
#undef A
#undef T
