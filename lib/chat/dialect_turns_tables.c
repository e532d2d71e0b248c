/* dialect_turns_tables.c: the rows of formats that write turn after turn.
 *
 * Facts of the chat templates that the models' authors publish. */
#include "chat/dialect_turns.h"

/* What Qwen's and Hermes' models have learnt about tools. */
static const struct moe__tool_form tools_hermes = {
    .place = MOE__DECLARE_SYSTEM,
    .declare = {"# Tools\n\nYou may call one or more functions to assist with "
                "the user query.\n\nYou are provided with function signatures "
                "within <tools></tools> XML tags:\n<tools>",
                "\n</tools>\n\nFor each function call, return a json object "
                "with function name and arguments within "
                "<tool_call></tool_call> XML tags:\n<tool_call>\n{\"name\": "
                "<function-name>, \"arguments\": <args-json-object>}\n"
                "</tool_call>"},
    .declared = {"\n", NULL},
    .indent = -1,
    .call = {"<tool_call>\n{\"name\": \"", "}\n</tool_call>"},
    .call_middle = "\", \"arguments\": ",
    .call_gap = "\n",
    .has_gap_after_text = true,
    .results = {"<|im_start|>user", "<|im_end|>\n"},
    .result = {"\n<tool_response>\n", "\n</tool_response>"}};

#define CHATML_TURNS                                          \
    .begin = MOE__FORM_WANTED_BOS,                            \
    .system = {"<|im_start|>system\n", "<|im_end|>\n"},       \
    .user = {"<|im_start|>user\n", "<|im_end|>\n"},           \
    .assistant = {"<|im_start|>assistant\n", "<|im_end|>\n"}, \
    .ask = "<|im_start|>assistant\n", .tools = &tools_hermes

const struct moe__turns moe__turns_chatml = {CHATML_TURNS};

const struct moe__turns moe__turns_qwen2 = {
    CHATML_TURNS, .default_system =
                      "You are Qwen, created by Alibaba Cloud. You are a "
                      "helpful assistant."};

const struct moe__turns moe__turns_qwen3 = {
    CHATML_TURNS, .has_think_block = true,
    .no_think = "<think>\n\n</think>\n\n"};

const struct moe__turns moe__turns_llama2 = {
    .has_system_inside = true,
    .system = {"<<SYS>>\n", "\n<</SYS>>\n\n"},
    .user = {MOE__FORM_BOS "[INST] ", " [/INST]"},
    .assistant = {" ", " " MOE__FORM_EOS},
    .trims = MOE__USER_BIT | MOE__ASSISTANT_BIT,
    .keeps_left = true};

#define LLAMA3_TURNS                                                        \
    .begin = MOE__FORM_BOS,                                                 \
    .system = {"<|start_header_id|>system<|end_header_id|>\n\n",            \
               "<|eot_id|>"},                                               \
    .user = {"<|start_header_id|>user<|end_header_id|>\n\n", "<|eot_id|>"}, \
    .assistant = {"<|start_header_id|>assistant<|end_header_id|>\n\n",      \
                  "<|eot_id|>"},                                            \
    .ask = "<|start_header_id|>assistant<|end_header_id|>\n\n",             \
    .trims = MOE__SYSTEM_BIT | MOE__USER_BIT | MOE__ASSISTANT_BIT

const struct moe__turns moe__turns_llama3 = {LLAMA3_TURNS};

static const struct moe__tool_form tools_llama31 = {
    .place = MOE__DECLARE_USER,
    .system_note = "Environment: ipython\n",
    .declare = {"Given the following functions, please respond with a JSON for "
                "a function call with its proper arguments that best answers "
                "the given prompt.\n\nRespond in the format {\"name\": "
                "function name, \"parameters\": dictionary of argument name "
                "and its value}.Do not use variables.\n\n",
                NULL},
    .declared = {NULL, "\n\n"},
    .indent = 4,
    .call = {"{\"name\": \"", "}"},
    .call_middle = "\", \"parameters\": ",
    .result = {"<|start_header_id|>ipython<|end_header_id|>\n\n", "<|eot_id|>"},
    .has_json_results = true};

const struct moe__turns moe__turns_llama31 = {
    LLAMA3_TURNS,
    .facts = "Cutting Knowledge Date: December 2023\n"
             "Today Date: " MOE__FORM_DATE "\n\n",
    .default_system = "", .tools = &tools_llama31};

const struct moe__turns moe__turns_zephyr = {
    .begin = MOE__FORM_WANTED_BOS,
    .system = {"<|system|>\n", MOE__FORM_EOS "\n"},
    .user = {"<|user|>\n", MOE__FORM_EOS "\n"},
    .assistant = {"<|assistant|>\n", MOE__FORM_EOS "\n"},
    .ask = "<|assistant|>\n"};

const struct moe__turns moe__turns_openchat = {
    .begin = MOE__FORM_BOS,
    .system = {"GPT4 Correct System: ", "<|end_of_turn|>"},
    .user = {"GPT4 Correct User: ", "<|end_of_turn|>"},
    .assistant = {"GPT4 Correct Assistant: ", "<|end_of_turn|>"},
    .ask = "GPT4 Correct Assistant:"};

const struct moe__turns moe__turns_vicuna = {
    .begin = MOE__FORM_BOS,
    .system = {NULL, " "},
    .default_system = "A chat between a curious user and an artificial "
                      "intelligence assistant. The assistant gives helpful, "
                      "detailed, and polite answers to the user's questions.",
    .user = {"USER: ", " "},
    .assistant = {"ASSISTANT: ", MOE__FORM_EOS},
    .ask = "ASSISTANT:"};

const struct moe__turns moe__turns_gemma = {
    .begin = MOE__FORM_BOS,
    .has_system_inside = true,
    .system = {NULL, "\n\n"},
    .user = {"<start_of_turn>user\n", "<end_of_turn>\n"},
    .assistant = {"<start_of_turn>model\n", "<end_of_turn>\n"},
    .ask = "<start_of_turn>model\n",
    .trims = MOE__USER_BIT | MOE__ASSISTANT_BIT};

const struct moe__turns moe__turns_phi3 = {
    .begin = MOE__FORM_WANTED_BOS,
    .system = {"<|system|>\n", "<|end|>\n"},
    .user = {"<|user|>\n", "<|end|>\n"},
    .assistant = {"<|assistant|>\n", "<|end|>\n"},
    .ask = "<|assistant|>\n",
    .close = MOE__FORM_EOS};

const struct moe__turns moe__turns_deepseek2 = {
    .begin = MOE__FORM_BOS,
    .system = {NULL, "\n\n"},
    .user = {"User: ", "\n\n"},
    .assistant = {"Assistant: ", MOE__FORM_EOS},
    .ask = "Assistant:"};

/* The vertical bars are U+FF5C, the low lines U+2581. */
#define BAR "\xef\xbd\x9c"
#define LOW "\xe2\x96\x81"

static const struct moe__tool_form tools_deepseek3 = {
    .calls = {"<" BAR "tool" LOW "calls" LOW "begin" BAR ">",
              "<" BAR "tool" LOW "calls" LOW "end" BAR ">"},
    .call = {"<" BAR "tool" LOW "call" LOW "begin" BAR ">function<" BAR
             "tool" LOW "sep" BAR ">",
             "\n```<" BAR "tool" LOW "call" LOW "end" BAR ">"},
    .call_middle = "\n```json\n",
    .call_gap = "\n",
    .results = {"<" BAR "tool" LOW "outputs" LOW "begin" BAR ">",
                "<" BAR "tool" LOW "outputs" LOW "end" BAR ">"},
    .result = {"<" BAR "tool" LOW "output" LOW "begin" BAR ">",
               "<" BAR "tool" LOW "output" LOW "end" BAR ">"}};

const struct moe__turns moe__turns_deepseek3 = {
    .begin = MOE__FORM_BOS,
    .user = {"<" BAR "User" BAR ">", NULL},
    .assistant = {"<" BAR "Assistant" BAR ">", MOE__FORM_EOS},
    .ask = "<" BAR "Assistant" BAR ">",
    .is_open_after_tool = true,
    .tools = &tools_deepseek3};

const struct moe__turns moe__turns_harmony = {.write = moe__harmony_write};

const struct moe__turns moe__turns_olmoe = {
    .begin = MOE__FORM_BOS,
    .system = {"<|system|>\n", "\n"},
    .user = {"<|user|>\n", "\n"},
    .assistant = {"<|assistant|>\n", MOE__FORM_EOS},
    .between = "\n",
    .ask = "<|assistant|>\n"};

static const struct moe__tool_form tools_granite3 = {
    .place = MOE__DECLARE_FIRST,
    .declare = {"<|start_of_role|>available_tools<|end_of_role|>\n",
                "<|end_of_text|>\n"},
    .declare_gap = "\n\n",
    .indent = 4,
    .calls = {"<|tool_call|>[", "]"},
    .call = {"{\"name\": \"", "}"},
    .call_middle = "\", \"arguments\": ",
    .call_gap = ", ",
    .result = {"<|start_of_role|>tool_response<|end_of_role|>",
               "<|end_of_text|>\n"}};

const struct moe__turns moe__turns_granite3 = {
    .begin = MOE__FORM_WANTED_BOS,
    .system = {"<|start_of_role|>system<|end_of_role|>", "<|end_of_text|>\n"},
    .user = {"<|start_of_role|>user<|end_of_role|>", "<|end_of_text|>\n"},
    .assistant = {"<|start_of_role|>assistant<|end_of_role|>",
                  "<|end_of_text|>\n"},
    .ask = "<|start_of_role|>assistant<|end_of_role|>",
    .tools = &tools_granite3};

#undef BAR
#undef LOW
