/* Compiled-in formats: their text, what they refuse, how they are found. */
#define _POSIX_C_SOURCE 200809L

#include "chat_check.h"
#include "test.h"

#define BAR "\xef\xbd\x9c"
#define LOW "\xe2\x96\x81"
#define USER_BAR "<" BAR "User" BAR ">"
#define ASSISTANT_BAR "<" BAR "Assistant" BAR ">"

/* A conversation rendered by one dialect; its text stays until it is freed. */
struct rendered {
    struct chat_vocab made;
    struct moe__prompt prompt;
    struct moe__arena arena;
    struct moe__conversation conversation;
    const struct moe__vocab *vocab;
    struct moe__err err;
    moe_status status;
};

static void render_open(struct rendered *r, const struct moe__dialect *dialect,
                        const char *messages, const char *tools)
{
    const struct moe__json *value = NULL;
    memset(r, 0, sizeof *r);
    r->vocab = chat_vocab_make(&r->made, dialect);
    struct moe__mem *mem = &r->made.file.file.mem;
    moe__arena_init(&r->arena, mem);
    moe__prompt_init(&r->prompt, mem, 0);
    r->status =
        moe__json_read(&r->arena, moe__slice_str(messages), &value, &r->err);
    if (r->status != MOE_OK || !chat_read(&r->arena, value, &r->conversation))
        return;
    if (tools != NULL)
        r->status = moe__json_read(&r->arena, moe__slice_str(tools),
                                   &r->conversation.tools, &r->err);
}

static void render_run(struct rendered *r, const struct moe__dialect *dialect)
{
    if (r->status == MOE_OK)
        r->status = moe__dialect_render(dialect, &r->conversation, r->vocab,
                                        &r->prompt, &r->err);
}

static void render_close(struct rendered *r)
{
    moe__prompt_free(&r->prompt);
    moe__arena_free(&r->arena);
    const char *wrong = chat_vocab_free(&r->made);
    CHECK(wrong == NULL, "%s", wrong);
}

static void check_text(const char *name, const char *messages,
                       const char *tools, const char *expected)
{
    static struct rendered r;
    const struct moe__dialect *dialect =
        moe__dialect_find(moe__slice_str(name));
    REQUIRE(dialect != NULL, "%s", name);
    render_open(&r, dialect, messages, tools);
    render_run(&r, dialect);
    CHECK(r.status == MOE_OK, "%s: %s", name, r.err.message);
    CHECK(moe__slice_is(moe__text_slice(&r.prompt.text), expected),
          "%s: expected\n# %s\n# found\n# %.*s", name, expected,
          (int)r.prompt.text.n, r.prompt.text.data);
    render_close(&r);
}

/* ------------------------------------------------------------------ texts */

static const char plain[] =
    "[{\"role\": \"system\", \"content\": \"Be brief.\"},"
    "{\"role\": \"user\", \"content\": \" Hi \"},"
    "{\"role\": \"assistant\", \"content\": \" Hello! \"},"
    "{\"role\": \"user\", \"content\": \"Bye\"}]";

static void plain_conversations_have_the_text_of_their_models(void)
{
    static const struct {
        const char *name, *expected;
    } cases[] = {
        {"mistral-v1", "<s>[INST] Be brief.\n\n Hi  [/INST] Hello! </s>"
                       "[INST] Bye [/INST]"},
        {"mistral-v2", "<s>[INST] Hi [/INST] Hello!</s>"
                       "[INST]Be brief.\n\nBye[/INST]"},
        {"mistral-v3", "<s>[INST] Hi [/INST] Hello!</s>"
                       "[INST]Be brief.\n\nBye[/INST]"},
        {"mistral-v7", "<s>[SYSTEM_PROMPT]Be brief.[/SYSTEM_PROMPT]"
                       "[INST] Hi [/INST] Hello!</s>[INST]Bye[/INST]"},
        {"mistral-v11", "<s>[SYSTEM_PROMPT]Be brief.[/SYSTEM_PROMPT]"
                        "[INST] Hi [/INST] Hello!</s>[INST]Bye[/INST]"},
        {"mistral-v13", "<s>[SYSTEM_PROMPT]Be brief.[/SYSTEM_PROMPT]"
                        "[INST] Hi [/INST] Hello!</s>[INST]Bye[/INST]"},
        {"chatml", "<s><|im_start|>system\nBe brief.<|im_end|>\n"
                   "<|im_start|>user\n Hi <|im_end|>\n"
                   "<|im_start|>assistant\n Hello! <|im_end|>\n"
                   "<|im_start|>user\nBye<|im_end|>\n<|im_start|>assistant\n"},
        {"qwen2.5", "<s><|im_start|>system\nBe brief.<|im_end|>\n"
                    "<|im_start|>user\n Hi <|im_end|>\n"
                    "<|im_start|>assistant\n Hello! <|im_end|>\n"
                    "<|im_start|>user\nBye<|im_end|>\n<|im_start|>assistant\n"},
        {"qwen3", "<s><|im_start|>system\nBe brief.<|im_end|>\n"
                  "<|im_start|>user\n Hi <|im_end|>\n"
                  "<|im_start|>assistant\n Hello! <|im_end|>\n"
                  "<|im_start|>user\nBye<|im_end|>\n<|im_start|>assistant\n"},
        {"llama-2", "<s>[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\n Hi [/INST] "
                    "Hello! </s><s>[INST] Bye [/INST]"},
        {"llama-3",
         "<s><|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|>"
         "<|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>"
         "<|start_header_id|>assistant<|end_header_id|>\n\nHello!<|eot_id|>"
         "<|start_header_id|>user<|end_header_id|>\n\nBye<|eot_id|>"
         "<|start_header_id|>assistant<|end_header_id|>\n\n"},
        {"llama-3.1",
         "<s><|start_header_id|>system<|end_header_id|>\n\nCutting Knowledge "
         "Date: December 2023\nToday Date: 26 Jul 2024\n\nBe brief.<|eot_id|>"
         "<|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>"
         "<|start_header_id|>assistant<|end_header_id|>\n\nHello!<|eot_id|>"
         "<|start_header_id|>user<|end_header_id|>\n\nBye<|eot_id|>"
         "<|start_header_id|>assistant<|end_header_id|>\n\n"},
        {"zephyr", "<s><|system|>\nBe brief.</s>\n<|user|>\n Hi </s>\n"
                   "<|assistant|>\n Hello! </s>\n<|user|>\nBye</s>\n"
                   "<|assistant|>\n"},
        {"openchat", "<s>GPT4 Correct System: Be brief.<|end_of_turn|>"
                     "GPT4 Correct User:  Hi <|end_of_turn|>"
                     "GPT4 Correct Assistant:  Hello! <|end_of_turn|>"
                     "GPT4 Correct User: Bye<|end_of_turn|>"
                     "GPT4 Correct Assistant:"},
        {"vicuna", "<s>Be brief. USER:  Hi  ASSISTANT:  Hello! </s>"
                   "USER: Bye ASSISTANT:"},
        {"gemma", "<s><start_of_turn>user\nBe brief.\n\nHi<end_of_turn>\n"
                  "<start_of_turn>model\nHello!<end_of_turn>\n"
                  "<start_of_turn>user\nBye<end_of_turn>\n"
                  "<start_of_turn>model\n"},
        {"phi-3", "<s><|system|>\nBe brief.<|end|>\n<|user|>\n Hi <|end|>\n"
                  "<|assistant|>\n Hello! <|end|>\n<|user|>\nBye<|end|>\n"
                  "<|assistant|>\n"},
        {"deepseek-v2", "<s>Be brief.\n\nUser:  Hi \n\nAssistant:  Hello! </s>"
                        "User: Bye\n\nAssistant:"},
        {"deepseek-v3", "<s>Be brief." USER_BAR " Hi " ASSISTANT_BAR
                        " Hello! </s>" USER_BAR "Bye" ASSISTANT_BAR},
        {"gpt-oss",
         "<|start|>system<|message|>You are ChatGPT, a large language model "
         "trained by OpenAI.\nKnowledge cutoff: 2024-06\n\nReasoning: medium"
         "\n\n# Valid channels: analysis, commentary, final. Channel must be "
         "included for every message.<|end|>"
         "<|start|>developer<|message|># Instructions\n\nBe brief.<|end|>"
         "<|start|>user<|message|> Hi <|end|>"
         "<|start|>assistant<|channel|>final<|message|> Hello! <|end|>"
         "<|start|>user<|message|>Bye<|end|><|start|>assistant"},
        {"olmoe", "<s><|system|>\nBe brief.\n<|user|>\n Hi \n<|assistant|>\n "
                  "Hello! </s>\n<|user|>\nBye\n<|assistant|>\n"},
        {"granite-3",
         "<s><|start_of_role|>system<|end_of_role|>Be brief.<|end_of_text|>\n"
         "<|start_of_role|>user<|end_of_role|> Hi <|end_of_text|>\n"
         "<|start_of_role|>assistant<|end_of_role|> Hello! <|end_of_text|>\n"
         "<|start_of_role|>user<|end_of_role|>Bye<|end_of_text|>\n"
         "<|start_of_role|>assistant<|end_of_role|>"},
    };
    for (size_t i = 0; i < MOE__COUNT(cases); i++)
        check_text(cases[i].name, plain, NULL, cases[i].expected);
    CHECK(moe__dialect_at((int32_t)MOE__COUNT(cases)) == NULL,
          "a dialect has no case here");
}

static void texts_that_end_with_an_answer_are_closed(void)
{
    static const char messages[] =
        "[{\"role\": \"user\", \"content\": \"Hi\"},"
        "{\"role\": \"assistant\", \"content\": \"Hello!\"}]";
    check_text("mistral-v1", messages, NULL, "<s>[INST] Hi [/INST]Hello!</s>");
    check_text("phi-3", messages, NULL,
               "<s><|user|>\nHi<|end|>\n<|assistant|>\nHello!<|end|>\n</s>");
    check_text("olmoe", messages, NULL,
               "<s><|user|>\nHi\n<|assistant|>\nHello!</s>");
    check_text("qwen3", messages, NULL,
               "<s><|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
               "<think>\n\n</think>\n\nHello!<|im_end|>\n");
}

static const char with_calls[] =
    "[{\"role\": \"user\", \"content\": \"Sum?\"},"
    "{\"role\": \"assistant\", \"tool_calls\": [{\"id\": \"abcdefgh1\","
    "\"function\": {\"name\": \"add\", \"arguments\": \"{\\\"a\\\":[1,2.0]}\"}}"
    "]},{\"role\": \"tool\", \"tool_call_id\": \"abcdefgh1\", \"name\": "
    "\"add\", \"content\": \"3\"}]";

static const char one_tool[] =
    "[{\"type\":\"function\",\"function\":{\"name\":\"add\",\"extra\":1,"
    "\"parameters\":{\"type\":\"object\"}}}]";

#define MISTRAL_TOOL                                                       \
    "[AVAILABLE_TOOLS][{\"type\": \"function\", \"function\": {\"name\": " \
    "\"add\", \"description\": \"\", \"parameters\": {\"type\": "          \
    "\"object\"}}}][/AVAILABLE_TOOLS]"

static void tools_have_the_text_of_their_models(void)
{
    check_text("mistral-v2", with_calls, one_tool,
               "<s>" MISTRAL_TOOL "[INST]Sum?[/INST][TOOL_CALLS][{\"name\": "
               "\"add\", \"arguments\": {\"a\": [1, 2.0]}}]</s>[TOOL_RESULTS]"
               "[{\"name\": \"add\", \"content\": 3}][/TOOL_RESULTS]");
    check_text("mistral-v3", with_calls, one_tool,
               "<s>" MISTRAL_TOOL "[INST]Sum?[/INST][TOOL_CALLS][{\"name\": "
               "\"add\", \"arguments\": {\"a\": [1, 2.0]}, \"id\": "
               "\"abcdefgh1\"}]</s>[TOOL_RESULTS]{\"content\": 3, \"call_id\": "
               "\"abcdefgh1\"}[/TOOL_RESULTS]");
    check_text("mistral-v11", with_calls, one_tool,
               "<s>" MISTRAL_TOOL "[INST]Sum?[/INST][TOOL_CALLS]add[CALL_ID]"
               "abcdefgh1[ARGS]{\"a\": [1, 2.0]}</s>[TOOL_RESULTS]abcdefgh1"
               "[TOOL_CONTENT]3[/TOOL_RESULTS]");
    check_text("mistral-v13", with_calls, one_tool,
               "<s>" MISTRAL_TOOL "[INST]Sum?[/INST][TOOL_CALLS]add[ARGS]"
               "{\"a\": [1, 2.0]}</s>[TOOL_RESULTS]3[/TOOL_RESULTS]");
    check_text("gpt-oss", with_calls, NULL,
               "<|start|>system<|message|>You are ChatGPT, a large language "
               "model trained by OpenAI.\nKnowledge cutoff: 2024-06\n\n"
               "Reasoning: medium\n\n# Valid channels: analysis, commentary, "
               "final. Channel must be included for every message.<|end|>"
               "<|start|>user<|message|>Sum?<|end|><|start|>assistant "
               "to=functions.add<|channel|>commentary json<|message|>{\"a\": "
               "[1, 2.0]}<|call|><|start|>functions.add to=assistant<|channel|>"
               "commentary<|message|>3<|end|><|start|>assistant");
    check_text("granite-3", with_calls, NULL,
               "<s><|start_of_role|>user<|end_of_role|>Sum?<|end_of_text|>\n"
               "<|start_of_role|>assistant<|end_of_role|><|tool_call|>"
               "[{\"name\": \"add\", \"arguments\": {\"a\": [1, 2.0]}}]"
               "<|end_of_text|>\n<|start_of_role|>tool_response<|end_of_role|>"
               "3<|end_of_text|>\n<|start_of_role|>assistant<|end_of_role|>");
    check_text(
        "deepseek-v3", with_calls, NULL,
        "<s>" USER_BAR "Sum?" ASSISTANT_BAR "<" BAR "tool" LOW "calls" LOW
        "begin" BAR "><" BAR "tool" LOW "call" LOW "begin" BAR ">function<" BAR
        "tool" LOW "sep" BAR ">add\n```json\n{\"a\": [1, 2.0]}\n```<" BAR
        "tool" LOW "call" LOW "end" BAR "><" BAR "tool" LOW "calls" LOW
        "end" BAR "></s><" BAR "tool" LOW "outputs" LOW "begin" BAR "><" BAR
        "tool" LOW "output" LOW "begin" BAR ">3<" BAR "tool" LOW "output" LOW
        "end" BAR "><" BAR "tool" LOW "outputs" LOW "end" BAR ">");
}

/* Version 13 writes results in the order of their calls. */
static void results_are_put_in_order(void)
{
    static const char messages[] =
        "[{\"role\": \"user\", \"content\": \"?\"},"
        "{\"role\": \"assistant\", \"tool_calls\": ["
        "{\"id\": \"aaaaaaaaa\", \"function\": {\"name\": \"f\"}},"
        "{\"id\": \"bbbbbbbbb\", \"function\": {\"name\": \"g\"}},"
        "{\"id\": \"ccccccccc\", \"function\": {\"name\": \"h\"}}]},"
        "{\"role\": \"tool\", \"tool_call_id\": \"ccccccccc\", "
        "\"content\": \"C\"},"
        "{\"role\": \"tool\", \"tool_call_id\": \"aaaaaaaaa\", "
        "\"content\": \"A\"},"
        "{\"role\": \"tool\", \"tool_call_id\": \"bbbbbbbbb\", "
        "\"content\": \"B\"}]";
    check_text("mistral-v13", messages, NULL,
               "<s>[INST]?[/INST][TOOL_CALLS]f[ARGS]{}[TOOL_CALLS]g[ARGS]{}"
               "[TOOL_CALLS]h[ARGS]{}</s>[TOOL_RESULTS]A[/TOOL_RESULTS]"
               "[TOOL_RESULTS]B[/TOOL_RESULTS][TOOL_RESULTS]C[/TOOL_RESULTS]");
}

static void reasoning_is_written_where_the_format_keeps_it(void)
{
    static const char messages[] =
        "[{\"role\": \"user\", \"content\": \"Hi\"},{\"role\": \"assistant\","
        "\"reasoning\": \"Hm.\", \"content\": \"Hello!\"}]";
    check_text("mistral-v13", messages, NULL,
               "<s>[INST]Hi[/INST][THINK]Hm.[/THINK]Hello!</s>");
    check_text("mistral-v3", messages, NULL, "<s>[INST]Hi[/INST]Hello!</s>");
    check_text("qwen3", messages, NULL,
               "<s><|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
               "<think>\nHm.\n</think>\n\nHello!<|im_end|>\n");
}

/* --------------------------------------------------------------- refusals */

#define U_HI "{\"role\": \"user\", \"content\": \"Hi\"}"
#define A_OK "{\"role\": \"assistant\", \"content\": \"Ok\"}"
#define S_OK "{\"role\": \"system\", \"content\": \"Ok\"}"
#define CALL(id, name, arguments)                                            \
    "{\"role\": \"assistant\", \"tool_calls\": [{\"id\": \"" id              \
    "\", \"function\": {\"name\": \"" name "\", \"arguments\": \"" arguments \
    "\"}}]}"
#define RESULT(id) \
    "{\"role\": \"tool\", \"tool_call_id\": \"" id "\", \"content\": \"1\"}"
#define ID "abcdefgh1"

static void bad_conversations_are_refused_with_their_message(void)
{
    static const struct {
        const char *name, *messages, *tools;
        moe_status status;
        const char *words;
    } cases[] = {
        {"chatml", "[]", NULL, MOE_ERR_ARGUMENT, "at least one message"},
        {"gemma", "[" U_HI "," U_HI "]", NULL, MOE_ERR_ARGUMENT,
         "message 1: after the role user gemma expects assistant, found user"},
        {"gemma", "[" A_OK "," U_HI "]", NULL, MOE_ERR_ARGUMENT,
         "message 0: gemma expects the role system or user first"},
        {"llama-2", "[" U_HI "," A_OK "," S_OK "," U_HI "]", NULL,
         MOE_ERR_ARGUMENT, "message 2:"},
        {"chatml", "[" U_HI "," RESULT(ID) "]", NULL, MOE_ERR_ARGUMENT,
         "message 1: after the role user chatml expects system, user or "
         "assistant, found tool"},
        {"chatml", "[" U_HI "," A_OK "," RESULT(ID) "]", NULL, MOE_ERR_ARGUMENT,
         "message 2: expected a call before the result"},
        {"mistral-v3", "[" U_HI "," CALL(ID, "f", "{}") "]", NULL, MOE_OK, ""},
        {"mistral-v3", "[" U_HI "," CALL(ID, "f", "{}") "," U_HI "]", NULL,
         MOE_ERR_ARGUMENT,
         "message 1: expected 1 results of its calls, found 0"},
        {"mistral-v3",
         "[" U_HI "," CALL(ID, "f", "{}") "," RESULT(ID) "," RESULT(ID) "]",
         NULL, MOE_ERR_ARGUMENT, "message 3: expected a call before"},
        {"mistral-v3", "[" U_HI "," CALL("call_1", "f", "{}") "]", NULL,
         MOE_ERR_ARGUMENT,
         "message 1: expected the id of a call, 9 letters or digits, found "
         "\"call_1\""},
        {"mistral-v3",
         "[" U_HI "," CALL(ID, "f", "{}") "," RESULT("abcdefg-1") "]", NULL,
         MOE_ERR_ARGUMENT, "message 2: expected the id of a call"},
        {"mistral-v13",
         "[" U_HI "," CALL(ID, "f", "{}") "," RESULT("zzzzzzzzz") "]", NULL,
         MOE_ERR_ARGUMENT,
         "message 2: expected the id of a call of message 1, found "
         "\"zzzzzzzzz\""},
        {"mistral-v2", "[" U_HI "," CALL("", "no spaces", "{}") "]", NULL,
         MOE_ERR_ARGUMENT, "message 1: expected a function's name"},
        {"mistral-v2", "[" U_HI "," CALL("", "f", "[1]") "]", NULL,
         MOE_ERR_ARGUMENT,
         "message 1: expected a call's arguments to be a JSON object, found "
         "\"[1]\""},
        {"mistral-v2", "[" U_HI "," CALL("", "f", "{x") "]", NULL,
         MOE_ERR_ARGUMENT, "message 1: expected a call's arguments"},
        {"mistral-v1", "[" U_HI "," CALL(ID, "f", "{}") "]", NULL,
         MOE_ERR_UNSUPPORTED, "message 1: mistral-v1 has no form for calls"},
        {"mistral-v1", "[" U_HI "]", one_tool, MOE_ERR_UNSUPPORTED,
         "mistral-v1 has no form to declare tools"},
        {"mistral-v3", "[" U_HI "]",
         "[{\"type\": \"function\", \"function\": {\"name\": \"a b\"}}]",
         MOE_ERR_ARGUMENT, "tool 0: expected a function's name"},
        {"mistral-v3", "[" U_HI "]", "[{}]", MOE_ERR_ARGUMENT,
         "tool 0: expected {\"type\""},
        {"mistral-v1", "[" A_OK "]", NULL, MOE_ERR_ARGUMENT,
         "message 0: mistral-v1 expects the role system or user"},
        {"mistral-v3",
         "[" U_HI ",{\"role\": \"assistant\", \"content\": \"\"}," U_HI "]",
         NULL, MOE_ERR_ARGUMENT, "message 1: mistral-v3 expects text or calls"},
        {"llama-3.1",
         "[" U_HI ",{\"role\": \"assistant\", \"tool_calls\": [{\"function\": "
         "{\"name\": \"f\"}}, {\"function\": {\"name\": \"f\"}}]}]",
         NULL, MOE_ERR_UNSUPPORTED,
         "message 1: llama-3.1 has one call in a message, found 2"},
    };
    static struct rendered r;
    for (size_t i = 0; i < MOE__COUNT(cases); i++) {
        const struct moe__dialect *dialect =
            moe__dialect_find(moe__slice_str(cases[i].name));
        render_open(&r, dialect, cases[i].messages, cases[i].tools);
        render_run(&r, dialect);
        CHECK(r.status == cases[i].status, "case %d: %d: %s", (int)i,
              (int)r.status, r.err.message);
        CHECK(strstr(r.err.message, cases[i].words) != NULL, "case %d: %s",
              (int)i, r.err.message);
        render_close(&r);
    }
}

static void the_last_message_decides_what_comes_next(void)
{
    static struct rendered r;
    const struct moe__dialect *dialect =
        moe__dialect_find(moe__slice_str("chatml"));
    render_open(&r, dialect, "[" U_HI "," A_OK "]", NULL);
    r.conversation.asks_for_answer = true;
    render_run(&r, dialect);
    CHECK(r.status == MOE_ERR_ARGUMENT &&
              strstr(r.err.message, "message 1: expected the last message"),
          "%s", r.err.message);
    render_close(&r);
    render_open(&r, dialect, "[" U_HI "]", NULL);
    r.conversation.is_continued = true;
    render_run(&r, dialect);
    CHECK(r.status == MOE_ERR_ARGUMENT &&
              strstr(r.err.message, "message 0: expected one of the assistant"),
          "%s", r.err.message);
    render_close(&r);
    render_open(&r, dialect, "[" U_HI "," A_OK "]", NULL);
    r.conversation.is_continued = true;
    render_run(&r, dialect);
    CHECK(r.prompt.text.n > 2 &&
              memcmp(r.prompt.text.data + r.prompt.text.n - 2, "Ok", 2) == 0,
          "%s", r.err.message);
    render_close(&r);
}

static void an_unknown_role_is_refused(void)
{
    static struct rendered r;
    const struct moe__dialect *dialect =
        moe__dialect_find(moe__slice_str("chatml"));
    const struct moe__message message = {.role = (enum moe__role)7};
    render_open(&r, dialect, "[" U_HI "]", NULL);
    r.conversation.messages = &message;
    render_run(&r, dialect);
    CHECK(r.status == MOE_ERR_ARGUMENT && strstr(r.err.message, "message 0:"),
          "%s", r.err.message);
    render_close(&r);
}

static void a_vocabulary_without_the_tokens_is_refused(void)
{
    static struct rendered r;
    const struct moe__dialect *v1 =
        moe__dialect_find(moe__slice_str("mistral-v1"));
    const struct moe__dialect *v3 =
        moe__dialect_find(moe__slice_str("mistral-v3"));
    render_open(&r, v1, "[" U_HI "]", NULL); /* [INST] is no token there */
    render_run(&r, v3);
    CHECK(r.status == MOE_ERR_UNSUPPORTED &&
              strstr(r.err.message, "control token [INST]"),
          "%s", r.err.message);
    CHECK(moe__dialect_detect(moe__slice_str("[INST] [/INST] [TOOL_CALLS]"),
                              r.vocab) == NULL,
          " ");
    CHECK(moe__dialect_detect(moe__slice_str("[INST] [/INST]"), r.vocab) == v1,
          " ");
    render_close(&r);
}

/* ---------------------------------------------------------------- finding */

static void every_dialect_is_found_by_its_name(void)
{
    int32_t n = 0;
    for (; moe__dialect_at(n) != NULL; n++) {
        const struct moe__dialect *dialect = moe__dialect_at(n);
        const char *name = moe__dialect_name(dialect);
        CHECK(moe__dialect_find(moe__slice_str(name)) == dialect, "%s", name);
        CHECK((dialect->mistral != NULL) != (dialect->turns != NULL), "%s",
              name);
        CHECK((dialect->markers[0] != NULL) ==
                  moe__dialect_traits(dialect)->has_plain_markers,
              "%s", name);
    }
    CHECK(n == moe__n_dialects && moe__dialect_at(-1) == NULL, "%d", (int)n);
    CHECK(moe__dialect_find(moe__slice_str("chatml2")) == NULL, " ");
}

static void published_templates_are_recognised(void)
{
    static const struct {
        const char *model, *dialect;
    } cases[] = {
        {"HuggingFaceH4/zephyr-7b-beta (add_generation_prompt=true)", "zephyr"},
        {"TheBloke/Mistral-7B-Instruct-v0.1-GPTQ", "mistral-v1"},
        {"mistralai/Mixtral-8x7B-Instruct-v0.1", "mistral-v1"},
        {"cognitivecomputations/dolphin-2.5-mixtral-8x7b", "chatml"},
        {"openchat/openchat-3.5-0106", "openchat"},
        {"deepseek-ai/deepseek-llm-7b-chat", "deepseek-v2"},
        {"deepseek-ai/DeepSeek-R1", "deepseek-v3"},
        {"meta-llama/Llama-3.1-8B-Instruct", "llama-3.1"},
        {"Qwen/Qwen2.5-7B-Instruct", "qwen2.5"},
        {"Qwen/Qwen3-0.6B", "qwen3"},
        {"default:llama", "llama-2"},
        {"default:_base", "chatml"},
        {"Qwen/Qwen1.5-72B-Chat", NULL},
        {"Qwen/Qwen2.5-VL-7B-Instruct", NULL},
        {"Qwen/Qwen3.5-4B", NULL},
        {"internlm/internlm2-chat-7b", NULL},
        {"abacusai/Smaug-34B-v0.1", NULL},
        {"maywell/Synatra-Mixtral-8x7B", NULL},
        {"ericzzz/falcon-rw-1b-chat", NULL},
        {"CohereForAI/c4ai-command-r-v01", NULL},
        {"meta-llama/Llama-3.2-11B-Vision-Instruct", NULL},
        {"NousResearch/Hermes-2-Pro-Llama-3-8B (JSON Schema)", NULL},
        {"codellama/CodeLlama-70b-Instruct-hf", NULL},
        {"zai-org/GLM-5.1", NULL},
    };
    size_t bytes = 0;
    struct moe__mem mem;
    struct moe__arena arena;
    const struct moe__json *list = NULL;
    static struct chat_vocab made;
    char *file = test_read(
        test_shared("vectors/jinja/hf_e2e_chat_templates_agreed.json"), &bytes);
    if (file == NULL)
        SKIP("vectors/jinja is not there");
    moe__mem_init(&mem, NULL);
    moe__arena_init(&arena, &mem);
    REQUIRE(moe__json_read(&arena, moe__slice_of(file, bytes), &list, NULL) ==
                MOE_OK,
            " ");
    for (size_t i = 0; i < MOE__COUNT(cases); i++) {
        const struct moe__dialect *expected =
            cases[i].dialect
                ? moe__dialect_find(moe__slice_str(cases[i].dialect))
                : NULL;
        const struct moe__vocab *vocab = chat_vocab_make(&made, expected);
        bool is_there = false;
        for (int32_t k = 0; k < list->n; k++) {
            const struct moe__json *entry = &list->items[k];
            if (!moe__slice_is(chat_text(entry, "name"), cases[i].model))
                continue;
            const struct moe__dialect *found =
                moe__dialect_detect(chat_text(entry, "template"), vocab);
            CHECK(found == expected, "%s: %s", cases[i].model,
                  found ? moe__dialect_name(found) : "none");
            is_there = true;
        }
        CHECK(is_there, "%s", cases[i].model);
        chat_vocab_free(&made);
    }
    moe__arena_free(&arena);
    free(file);
}

/* ------------------------------------------------------------------ flags */

static void control_like_words_are_counted(void)
{
    static struct rendered r;
    const struct moe__dialect *v1 =
        moe__dialect_find(moe__slice_str("mistral-v1"));
    struct moe__flags flags[3] = {{0}};
    render_open(&r, v1,
                "[{\"role\": \"system\", \"content\": \"clean [INST\"},"
                "{\"role\": \"user\", \"content\": \"</s>[INST][/INST] x "
                "[/INST]\"},{\"role\": \"assistant\", \"tool_calls\": "
                "[{\"function\": {\"name\": \"[INST]\", \"arguments\": "
                "\"<s> <|im_end|>\"}}]}]",
                NULL);
    for (size_t i = 0; i < 3; i++)
        flags[i] = moe__message_flag(v1, r.vocab, &r.conversation.messages[i]);
    CHECK(flags[0].n_controls == 0 && flags[0].n_markers == 0, " ");
    CHECK(flags[1].n_controls == 1 && flags[1].n_markers == 3, "%d %d",
          (int)flags[1].n_controls, (int)flags[1].n_markers);
    CHECK(flags[2].n_controls == 2 && flags[2].n_markers == 1, "%d %d",
          (int)flags[2].n_controls, (int)flags[2].n_markers);
    flags[1] = moe__message_flag(NULL, r.vocab, &r.conversation.messages[1]);
    CHECK(flags[1].n_controls == 1 && flags[1].n_markers == 0, " ");
    render_close(&r);
}

static void failing_memory_is_a_status(void)
{
    static struct rendered r;
    static const char *const names[] = {"mistral-v3", "mistral-v11", "chatml",
                                        "llama-3.1", "gpt-oss"};
    for (size_t i = 0; i < MOE__COUNT(names); i++) {
        const struct moe__dialect *dialect =
            moe__dialect_find(moe__slice_str(names[i]));
        int n_failed = 0;
        render_open(&r, dialect, with_calls, NULL);
        for (int64_t n = 0; n < 200; n++) {
            struct check_heap heap;
            struct moe__mem mem;
            struct moe__ids ids;
            check_heap_init(&heap, &mem);
            heap.n_allowed = n;
            moe__ids_init(&ids, &mem);
            const moe_status status = moe__dialect_encode(
                dialect, &r.conversation, r.vocab, &ids, NULL);
            CHECK(status == MOE_OK || status == MOE_ERR_NO_MEMORY, "%s: %d",
                  names[i], (int)status);
            n_failed += status != MOE_OK;
            moe__ids_free(&ids);
            CHECK(heap.live_bytes == 0, "%s: %d", names[i],
                  (int)heap.live_bytes);
        }
        CHECK(n_failed > 3 && n_failed < 200, "%s: %d", names[i], n_failed);
        render_close(&r);
    }
}

static const struct test tests[] = {
    {"plain_conversations_have_the_text_of_their_models",
     plain_conversations_have_the_text_of_their_models},
    {"texts_that_end_with_an_answer_are_closed",
     texts_that_end_with_an_answer_are_closed},
    {"tools_have_the_text_of_their_models",
     tools_have_the_text_of_their_models},
    {"results_are_put_in_order", results_are_put_in_order},
    {"reasoning_is_written_where_the_format_keeps_it",
     reasoning_is_written_where_the_format_keeps_it},
    {"bad_conversations_are_refused_with_their_message",
     bad_conversations_are_refused_with_their_message},
    {"the_last_message_decides_what_comes_next",
     the_last_message_decides_what_comes_next},
    {"an_unknown_role_is_refused", an_unknown_role_is_refused},
    {"a_vocabulary_without_the_tokens_is_refused",
     a_vocabulary_without_the_tokens_is_refused},
    {"every_dialect_is_found_by_its_name", every_dialect_is_found_by_its_name},
    {"published_templates_are_recognised", published_templates_are_recognised},
    {"control_like_words_are_counted", control_like_words_are_counted},
    {"failing_memory_is_a_status", failing_memory_is_a_status},
};

TEST_MAIN(tests)
