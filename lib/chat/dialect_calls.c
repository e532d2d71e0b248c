/* dialect_calls.c: how families of models write calls.
 *
 * From the models' published templates and documentation; the marks are the
 * texts of control tokens or plain text. */
#include "chat/calls_parser.h"

#define TEXT MOE__CALL_STATE_TEXT
#define AFTER MOE__CALL_STATE_AFTER
#define BROKEN MOE__CALL_STATE_BROKEN

/* Mistral v2 to v7: [TOOL_CALLS][{"name": .., "arguments": .., "id": ..}, ..]
 */
static const struct moe__call_state mistral_list_states[] = {
    [TEXT] = {MOE__CALL_IS_TEXT, TEXT, {{"[TOOL_CALLS]", 3}}},
    [AFTER] = {MOE__CALL_IS_GAP, TEXT, {{"[TOOL_CALLS]", 3}}},
    [BROKEN] = {MOE__CALL_IS_BROKEN, BROKEN, {{"[TOOL_CALLS]", BROKEN}}},
    [3] = {MOE__CALL_IS_OBJECTS, BROKEN, {{NULL, 0}}},
};

/* Mistral v11 on: [TOOL_CALLS]name[CALL_ID]id[ARGS]{..}, v13 without the id. */
static const struct moe__call_state mistral_parts_states[] = {
    [TEXT] = {MOE__CALL_IS_TEXT, TEXT, {{"[TOOL_CALLS]", 3}}},
    [AFTER] = {MOE__CALL_IS_GAP, TEXT, {{"[TOOL_CALLS]", 3}}},
    [BROKEN] = {MOE__CALL_IS_BROKEN, BROKEN, {{"[TOOL_CALLS]", BROKEN}}},
    [3] = {MOE__CALL_IS_NAME, BROKEN, {{"[CALL_ID]", 4}, {"[ARGS]", 5}}},
    [4] = {MOE__CALL_IS_ID, BROKEN, {{"[ARGS]", 5}}},
    [5] = {MOE__CALL_IS_ARGUMENTS, BROKEN, {{NULL, 0}}},
};

/* Hermes, Qwen: <tool_call>{"name": .., "arguments": ..}</tool_call>; small
 * models forget the marks: then an answer that begins with such JSON, perhaps
 * in
 * ```json, is one, too. */
static const struct moe__call_state hermes_states[] = {
    [TEXT] = {MOE__CALL_IS_TEXT, TEXT, {{"<tool_call>", 3}}},
    [AFTER] = {MOE__CALL_IS_GAP,
               TEXT,
               {{"</tool_call>", AFTER}, {"<tool_call>", 3}, {"```", AFTER}}},
    [BROKEN] = {MOE__CALL_IS_BROKEN,
                BROKEN,
                {{"</tool_call>", AFTER}, {"<tool_call>", BROKEN}}},
    [3] = {MOE__CALL_IS_OBJECTS, BROKEN, {{NULL, 0}}},
    [4] = {MOE__CALL_IS_GAP,
           5,
           {{"<tool_call>", 3}, {"```json", 5}, {"```", 5}}},
    [5] = {MOE__CALL_IS_OBJECTS, TEXT, {{NULL, 0}}},
};

/* Llama 3.1: an answer that is {"name": .., "parameters": ..}, more of them
 * behind ';'; what follows <|python_tag|> is a call in any case. */
static const struct moe__call_state llama_states[] = {
    [TEXT] = {MOE__CALL_IS_TEXT, TEXT, {{"<|python_tag|>", 5}}},
    [AFTER] = {MOE__CALL_IS_GAP, 4, {{";", AFTER}, {"<|python_tag|>", 5}}},
    [BROKEN] = {MOE__CALL_IS_BROKEN, BROKEN, {{"<|python_tag|>", BROKEN}}},
    [3] = {MOE__CALL_IS_GAP, 4, {{"<|python_tag|>", 5}}},
    [4] = {MOE__CALL_IS_OBJECTS, TEXT, {{NULL, 0}}},
    [5] = {MOE__CALL_IS_OBJECTS, BROKEN, {{NULL, 0}}},
};

/* DeepSeek's marks have a full-width bar and the block U+2581 for a space. */
#define BAR "\xef\xbd\x9c"
#define LOW "\xe2\x96\x81"
#define DEEPSEEK_CALLS_BEGIN "<" BAR "tool" LOW "calls" LOW "begin" BAR ">"
#define DEEPSEEK_CALLS_END "<" BAR "tool" LOW "calls" LOW "end" BAR ">"
#define DEEPSEEK_CALL_BEGIN "<" BAR "tool" LOW "call" LOW "begin" BAR ">"
#define DEEPSEEK_CALL_END "<" BAR "tool" LOW "call" LOW "end" BAR ">"
#define DEEPSEEK_SEP "<" BAR "tool" LOW "sep" BAR ">"

/* DeepSeek, each call between marks: V3 and R1 write function, sep, name and
 * arguments in ```json; V3.1 writes name, sep, arguments. */
static const struct moe__call_state deepseek_states[] = {
    [TEXT] = {MOE__CALL_IS_TEXT,
              TEXT,
              {{DEEPSEEK_CALLS_BEGIN, 3}, {DEEPSEEK_CALL_BEGIN, 4}}},
    [AFTER] = {MOE__CALL_IS_GAP,
               TEXT,
               {{"```", AFTER},
                {DEEPSEEK_CALL_END, AFTER},
                {DEEPSEEK_CALLS_END, AFTER},
                {DEEPSEEK_CALL_BEGIN, 4},
                {DEEPSEEK_CALLS_BEGIN, 3}}},
    [BROKEN] = {MOE__CALL_IS_BROKEN,
                BROKEN,
                {{DEEPSEEK_CALL_END, AFTER},
                 {DEEPSEEK_CALLS_END, AFTER},
                 {DEEPSEEK_CALL_BEGIN, BROKEN},
                 {DEEPSEEK_CALLS_BEGIN, BROKEN}}},
    [3] = {MOE__CALL_IS_GAP, BROKEN, {{DEEPSEEK_CALL_BEGIN, 4}}},
    [4] = {MOE__CALL_IS_GAP, 6, {{"function" DEEPSEEK_SEP, 5}}},
    [5] = {MOE__CALL_IS_NAME, BROKEN, {{"```json", 7}, {"```", 7}}},
    [6] = {MOE__CALL_IS_NAME, BROKEN, {{DEEPSEEK_SEP, 7}}},
    [7] = {MOE__CALL_IS_ARGUMENTS, BROKEN, {{NULL, 0}}},
};

/* Harmony: a message to functions.name, who is named in the channel or in the
 * role; headers of other messages are not shown.  The prompt ends with
 * <|start|>assistant. */
#define HARMONY_ROLE "<|start|>assistant"

static const struct moe__call_state harmony_states[] = {
    [TEXT] = {MOE__CALL_IS_TEXT,
              TEXT,
              {{"<|channel|>commentary to=functions.", 4},
               {"<|channel|>analysis to=functions.", 4},
               {HARMONY_ROLE " to=functions.", 4},
               {HARMONY_ROLE, TEXT},
               {"<|channel|>final<|message|>", TEXT},
               {"<|channel|>commentary<|message|>", TEXT},
               {"<|end|>", TEXT}}},
    [AFTER] = {MOE__CALL_IS_GAP,
               TEXT,
               {{"<|call|>", AFTER}, {"<|end|>", AFTER}}},
    [BROKEN] = {MOE__CALL_IS_BROKEN,
                BROKEN,
                {{"<|call|>", AFTER},
                 {"<|end|>", AFTER},
                 {"<|start|>", BROKEN}}},
    [3] = {MOE__CALL_IS_GAP, TEXT, {{"to=functions.", 4}}},
    [4] = {MOE__CALL_IS_NAME,
           BROKEN,
           {{" ", 5},
            {"<|channel|>", 5},
            {"<|constrain|>", 5},
            {"<|message|>", 6}}},
    [5] = {MOE__CALL_IS_PASSED, BROKEN, {{"<|message|>", 6}}},
    [6] = {MOE__CALL_IS_ARGUMENTS, BROKEN, {{NULL, 0}}},
};

/* Granite 3: <|tool_call|>[{"name": .., "arguments": ..}, ..] */
static const struct moe__call_state granite_states[] = {
    [TEXT] = {MOE__CALL_IS_TEXT, TEXT, {{"<|tool_call|>", 3}}},
    [AFTER] = {MOE__CALL_IS_GAP, TEXT, {{"<|tool_call|>", 3}}},
    [BROKEN] = {MOE__CALL_IS_BROKEN, BROKEN, {{"<|tool_call|>", BROKEN}}},
    [3] = {MOE__CALL_IS_OBJECTS, BROKEN, {{NULL, 0}}},
};

/* An answer that is {"name": .., "arguments": ..} or a list of such, perhaps
 * in ```json. */
static const struct moe__call_state emulated_states[] = {
    [TEXT] = {MOE__CALL_IS_TEXT, TEXT, {{NULL, 0}}},
    [AFTER] = {MOE__CALL_IS_GAP, 4, {{"```", AFTER}}},
    [BROKEN] = {MOE__CALL_IS_BROKEN, BROKEN, {{"```", AFTER}}},
    [3] = {MOE__CALL_IS_GAP, 4, {{"```json", 4}, {"```", 4}}},
    [4] = {MOE__CALL_IS_OBJECTS, TEXT, {{NULL, 0}}},
};

/* The JSON of a call. */
#define OPEN "{\"name\": \""
#define MIDDLE "\", \"arguments\": "

#define STATES(table) .states = table, .n_states = (int32_t)MOE__COUNT(table)

const struct moe__call_format moe__call_formats[] = {
    {.name = "mistral-list",
     .sign = "[TOOL_CALLS]",
     .dialects = {"mistral-v2", "mistral-v3", "mistral-v7"},
     STATES(mistral_list_states),
     .shape = {"[TOOL_CALLS]", "[", OPEN, MIDDLE, "}", ", ", "]", NULL}},
    {.name = "mistral-parts",
     .sign = "[ARGS]",
     .dialects = {"mistral-v11", "mistral-v13"},
     STATES(mistral_parts_states),
     .shape = {"[TOOL_CALLS]", "", "", "[ARGS]", "", NULL, "", ""}},
    {.name = "hermes",
     .sign = "<tool_call>",
     .dialects = {"chatml", "qwen2.5", "qwen3"},
     .start = 4,
     STATES(hermes_states),
     .shape = {"<tool_call>", "\n", OPEN, MIDDLE, "}", NULL, "\n</tool_call>",
               "\n"}},
    {.name = "llama",
     .sign = "<|python_tag|>",
     .dialects = {"llama-3.1"},
     .start = 3,
     STATES(llama_states),
     .shape = {"", "", OPEN, "\", \"parameters\": ", "}", "; ", "", NULL}},
    {.name = "deepseek",
     .sign = DEEPSEEK_CALLS_BEGIN,
     .dialects = {"deepseek-v3"},
     STATES(deepseek_states),
     .shape = {DEEPSEEK_CALLS_BEGIN, "",
               DEEPSEEK_CALL_BEGIN "function" DEEPSEEK_SEP, "\n```json\n",
               "\n```" DEEPSEEK_CALL_END, "\n", DEEPSEEK_CALLS_END, NULL}},
    {.name = "harmony",
     .sign = "to=functions.",
     .dialects = {"gpt-oss"},
     .start = 3,
     STATES(harmony_states),
     .shape = {"<|channel|>commentary to=functions.", "", "",
               " <|constrain|>json<|message|>", "", NULL, "", NULL}},
    {.name = "granite",
     .sign = "<|tool_call|>",
     .dialects = {"granite-3"},
     STATES(granite_states),
     .shape = {"<|tool_call|>", "[", OPEN, MIDDLE, "}", ", ", "]", NULL}},
    {.name = "emulated",
     .is_emulated = true,
     .start = 3,
     STATES(emulated_states),
     .shape = {"", "", OPEN, MIDDLE, "}", NULL, "", NULL}},
};

const int32_t moe__n_call_formats = (int32_t)MOE__COUNT(moe__call_formats);

#undef TEXT
#undef AFTER
#undef BROKEN
#undef BAR
#undef LOW
#undef OPEN
#undef MIDDLE
#undef STATES
