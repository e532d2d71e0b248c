/* Tools in a conversation, through moe_chat_*. */
#include "play_check.h"

/* ------------------------------------------------------------------ calls */

static void a_call_is_told_while_it_is_written(void)
{
    struct play play;
    REQUIRE(open_play(&play, LLAMA), "%s", why.message);
    CHECK(moe_chat_tools(play.chat, tools, -1, NULL) == MOE_OK, "%s",
          moe_chat_error(play.chat));
    CHECK(moe_chat_say(play.chat, MOE_ROLE_USER, "Is it warm?", -1) == MOE_OK);
    CHECK_TEXT(answer(&play, "Let me see.<|python_tag|>{\"name\": "
                             "\"get_weather\", \"parameters\": {\"city\": "
                             "\"Oslo\", \"days\": 3}}"),
               "Let me see.<0:get_weather {\"city\": \"Oslo\", \"days\": "
               "3} = {\"city\": \"Oslo\", \"days\": 3} as call00000>#4");
    CHECK(play.n_arguments > 5, "%d pieces", play.n_arguments);
    moe_message message = {.struct_size = sizeof message};
    REQUIRE(moe_chat_message(play.chat, 1, &message) == MOE_OK);
    CHECK(message.role == MOE_ROLE_ASSISTANT && message.n_calls == 1);
    CHECK_TEXT(message.calls[0].name, "get_weather");
    CHECK_TEXT(message.calls[0].id, "call00000");
    CHECK_TEXT(message.calls[0].arguments, "{\"city\": \"Oslo\", \"days\": 3}");
    close_play(&play);
}

static void results_go_back_and_the_model_goes_on(void)
{
    struct play play;
    moe_message message = {.struct_size = sizeof message};
    REQUIRE(open_play(&play, LLAMA), "%s", why.message);
    CHECK(moe_chat_tools(play.chat, tools, -1, "auto") == MOE_OK);
    moe_chat_say(play.chat, MOE_ROLE_USER, "Is it warm, and late?", -1);
    CHECK_TEXT(answer(&play, "<|python_tag|>{\"name\": \"get_weather\", "
                             "\"parameters\": {\"city\": \"Oslo\", "
                             "\"days\": 1}}; {\"name\": \"now\", "
                             "\"parameters\": {}}"),
               "<0:get_weather {\"city\": \"Oslo\", \"days\": 1} = "
               "{\"city\": \"Oslo\", \"days\": 1} as call00000>"
               "<1:now {} = {} as call00001>#4");
    CHECK(moe_chat_result(play.chat, "call00007", "x", -1) ==
          MOE_ERR_NOT_FOUND);
    CHECK(strstr(moe_chat_error(play.chat), "call00007") != NULL);
    CHECK(moe_chat_result(play.chat, "call00001", "midnight", -1) == MOE_OK);
    CHECK(moe_chat_result(play.chat, NULL, "warm", -1) == MOE_OK);
    CHECK(moe_chat_result(play.chat, NULL, "more", -1) == MOE_ERR_NOT_FOUND);
    REQUIRE(moe_chat_message(play.chat, 3, &message) == MOE_OK);
    CHECK(message.role == MOE_ROLE_TOOL);
    CHECK_TEXT(message.name, "get_weather");
    CHECK_TEXT(message.call_id, "call00000");
    CHECK_TEXT(answer(&play, "Yes, and late."), "Yes, and late.#1");
    CHECK(play.last.n_reused > 20 && play.last.n_reused < play.last.n_total);
    /* ids are of their own in the whole conversation */
    moe_chat_say(play.chat, MOE_ROLE_USER, "And now?", -1);
    CHECK(
        strstr(answer(&play,
                      "<|python_tag|>{\"name\": \"now\", \"parameters\": {}}"),
               "call00002") != NULL);
    close_play(&play);
}

static void results_may_come_early(void)
{
    struct play play;
    moe_message message = {.struct_size = sizeof message};
    REQUIRE(open_play(&play, LLAMA), "%s", why.message);
    play.is_early = true;
    CHECK(moe_chat_tools(play.chat, tools, -1, NULL) == MOE_OK);
    moe_chat_say(play.chat, MOE_ROLE_USER, "Hi", -1);
    CHECK(moe_chat_result(play.chat, NULL, "x", -1) == MOE_ERR_NOT_FOUND);
    CHECK_TEXT(answer(&play, "<|python_tag|>{\"name\": \"now\", "
                             "\"parameters\": {}}; {\"name\": \"now\", "
                             "\"parameters\": {}}"),
               "<0:now {} = {} as call00000><1:now {} = {} as call00001>#4");
    for (int i = 2; i < 4; i++) {
        REQUIRE(moe_chat_message(play.chat, i, &message) == MOE_OK);
        CHECK(message.role == MOE_ROLE_TOOL && message.text_bytes == 5);
        CHECK_TEXT(message.call_id, i == 2 ? "call00000" : "call00001");
    }
    CHECK(moe_chat_result(play.chat, NULL, "x", -1) == MOE_ERR_NOT_FOUND);
    CHECK_TEXT(answer(&play, "Now."), "Now.#1");
    close_play(&play);
}

static void no_call_is_lost(void)
{
    struct play play;
    moe_message message = {.struct_size = sizeof message};
    REQUIRE(open_play(&play, HERMES), "%s", why.message);
    CHECK(moe_chat_tools(play.chat, tools, -1, "none") == MOE_OK);
    moe_chat_say(play.chat, MOE_ROLE_USER, "Hi", -1);
    CHECK_TEXT(answer(&play, "<tool_call> is a mark"),
               "<tool_call> is a mark#1");
    moe_chat_destroy(play.chat);
    moe_model_close(play.model);
    /* a call that ends too early: the grammar is not armed by [TOOL_CALLS] of
     * a format without enforcement */
    REQUIRE(open_play(&play, LLAMA), "%s", why.message);
    CHECK(moe_chat_tools(play.chat, tools, -1, NULL) == MOE_OK);
    moe_chat_say(play.chat, MOE_ROLE_USER, "Hi", -1);
    CHECK_TEXT(answer(&play, "<|python_tag|>print(1)"),
               "!<|python_tag|>print(1)!#1");
    REQUIRE(moe_chat_message(play.chat, 1, &message) == MOE_OK);
    CHECK(message.n_calls == 0 && message.text_bytes == 22, "%d",
          (int)message.text_bytes);
    close_play(&play);
}

/* ---------------------------------------------------------------- enforced */

static bool starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

/* The model would rather talk, or write what no schema allows. */
static void what_is_required_is_called(void)
{
    static const char *const formats[] = {HERMES, MISTRAL, LLAMA, NULL};
    for (size_t i = 0; i < 4; i++)
        for (int is_named = 0; is_named < 2; is_named++) {
            struct play play;
            REQUIRE(open_play(&play, formats[i]), "%s", why.message);
            CHECK(moe_chat_tools(play.chat, tools, -1,
                                 is_named ? "get_weather" : "required") ==
                      MOE_OK,
                  "%s", moe_chat_error(play.chat));
            moe_chat_say(play.chat, MOE_ROLE_USER, "Hi", -1);
            const char *told =
                answer(&play, is_named ? "I would rather talk." : "now");
            CHECK(starts_with(told, is_named ? "<0:get_weather {\"city\":"
                                             : "<0:now {"),
                  "%s", told);
            CHECK(strstr(told, ">#4") != NULL, "%s", told);
            close_play(&play);
        }
}

/* Once a call has begun it is one of the tools with arguments of its schema. */
static void a_trigger_arms_the_grammar(void)
{
    static const struct {
        const char *format;
        const char *words;
    } cases[] = {
        {HERMES, "Well. <tool_call>get_weather Bergen 77"},
        {MISTRAL, "[TOOL_CALLS]get_weather Bergen 77"},
        {LLAMA, "{\"name\": \"get_weather Bergen 77"},
        {NULL, "{\"name\": \"get_weather Bergen 77"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct play play;
        REQUIRE(open_play(&play, cases[i].format), "%s", why.message);
        CHECK(moe_chat_tools(play.chat, tools, -1, NULL) == MOE_OK);
        moe_chat_say(play.chat, MOE_ROLE_USER, "Hi", -1);
        const char *told = answer(&play, cases[i].words);
        const char *call = strstr(told, "<0:get_weather {\"city\":");
        CHECK(call != NULL && strstr(told, "\"days\":") != NULL &&
                  strstr(told, ">#4") != NULL,
              "%zu: %s", i, told);
        close_play(&play);
    }
}

static void answers_can_be_bound_to_a_grammar(void)
{
    struct play play;
    moe_grammar *grammar = NULL;
    REQUIRE(open_play(&play, NULL), "%s", why.message);
    REQUIRE(moe_grammar_create(play.model, MOE_GRAMMAR_CHOICES,
                               "[\"warm\", \"cold\"]", -1, &grammar,
                               &why) == MOE_OK,
            "%s", why.message);
    CHECK(moe_chat_constrain(play.chat, grammar) == MOE_OK);
    moe_grammar_destroy(grammar);
    moe_chat_say(play.chat, MOE_ROLE_USER, "Hi", -1);
    CHECK_TEXT(answer(&play, "cold"), "cold#1");
    moe_chat_say(play.chat, MOE_ROLE_USER, "Hi", -1);
    CHECK_TEXT(answer(&play, "warm"), "warm#1");
    CHECK(moe_chat_constrain(play.chat, NULL) == MOE_OK);
    moe_chat_say(play.chat, MOE_ROLE_USER, "Hi", -1);
    CHECK_TEXT(answer(&play, "It is cold."), "It is cold.#1");
    close_play(&play);
}

/* Reasoning that the template opens is free, what follows is not. */
static void reasoning_is_free_of_the_grammar(void)
{
    struct play play;
    moe_grammar *grammar = NULL;
    REQUIRE(open_play(&play, "{% for m in messages %}{{ m.content }}\n"
                             "{% endfor %}<think>\n"),
            "%s", why.message);
    REQUIRE(moe_grammar_create(play.model, MOE_GRAMMAR_REGEX, "[0-9]{2}", -1,
                               &grammar, &why) == MOE_OK);
    CHECK(moe_chat_constrain(play.chat, grammar) == MOE_OK);
    moe_grammar_destroy(grammar);
    moe_chat_say(play.chat, MOE_ROLE_USER, "Hi", -1);
    CHECK_TEXT(answer(&play, "It is hard to say.</think>42 or so"), "42#1");
    moe_message message = {.struct_size = sizeof message};
    REQUIRE(moe_chat_message(play.chat, 1, &message) == MOE_OK);
    CHECK(message.reasoning_bytes == 18, "%d", (int)message.reasoning_bytes);
    close_play(&play);
}

/* ---------------------------------------------------------------- history */

static const char history[] =
    "[{\"role\": \"system\", \"content\": \"Be kind.\"},\n"
    " {\"role\": \"user\", \"content\": \"\xc3\xa9 \\\"quoted\\\"\"},\n"
    " {\"role\": \"assistant\", \"content\": \"\", \"reasoning_content\": "
    "\"Hm.\", \"tool_calls\": [{\"type\": \"function\", \"id\": "
    "\"abcdefghi\", \"function\": {\"name\": \"now\", \"arguments\": "
    "\"{\\\"zone\\\": 1}\"}}]},\n"
    " {\"role\": \"tool\", \"content\": \"late\", \"name\": \"now\", "
    "\"tool_call_id\": \"abcdefghi\"}]\n";

static void messages_are_json_and_back(void)
{
    struct play play;
    char json[1024];
    size_t n = 0;
    moe_chat_info info = {.struct_size = sizeof info};
    REQUIRE(open_play(&play, HERMES), "%s", why.message);
    CHECK(moe_chat_load(play.chat, history, -1) == MOE_OK, "%s",
          moe_chat_error(play.chat));
    CHECK(moe_chat_save(play.chat, NULL, 0, &n) == MOE_ERR_BUFFER);
    CHECK(n == sizeof history - 1, "%zu", n);
    CHECK(moe_chat_save(play.chat, json, sizeof json, &n) == MOE_OK);
    json[n] = 0;
    CHECK_TEXT(json, history);
    CHECK_TEXT(answer(&play, "It is late."), "It is late.#1");
    /* other spellings of the same, and tools beside the messages */
    CHECK(moe_chat_rewind(play.chat, 0) == MOE_OK);
    CHECK(moe_chat_load(
              play.chat,
              "{\"messages\": [{\"role\": \"developer\", \"content\": "
              "\"Be kind.\"}, {\"role\": \"user\", \"content\": [{\"type\": "
              "\"text\", \"text\": \"\xc3\xa9 \"}, {\"type\": \"text\", "
              "\"text\": \"\\\"quoted\\\"\"}]}, {\"role\": \"assistant\", "
              "\"content\": null, \"reasoning_content\": \"Hm.\", "
              "\"tool_calls\": [{\"id\": \"abcdefghi\", \"function\": "
              "{\"name\": \"now\", \"arguments\": {\"zone\":1}}}]}, "
              "{\"role\": \"tool\", \"content\": \"late\", \"name\": "
              "\"now\", \"tool_call_id\": \"abcdefghi\"}], \"tools\": "
              "[{\"type\": \"function\", \"function\": {\"name\": "
              "\"now\"}}]}",
              -1) == MOE_OK,
          "%s", moe_chat_error(play.chat));
    CHECK(moe_chat_save(play.chat, json, sizeof json, &n) == MOE_OK);
    json[n] = 0;
    CHECK_TEXT(json, history);
    CHECK(moe_chat_describe(play.chat, &info) == MOE_OK && info.n_tools == 1);
    CHECK(!info.has_emulated_tools);
    close_play(&play);
}

static void wrong_json_changes_nothing(void)
{
    static const char *const cases[][2] = {
        {"[{\"role\": \"user\"", "line 1, column"},
        {"3", "messages: expected an array, found a number"},
        {"[{\"role\": \"user\", \"content\": \"a\"}, 7]",
         "messages[1]: expected an object, found a number"},
        {"[{\"role\": \"owner\", \"content\": \"a\"}]",
         "messages[0].role: expected system, developer, user, assistant or "
         "tool, found 'owner'"},
        {"[{\"role\": \"user\", \"content\": 1}]",
         "messages[0].content: expected a string, found a number"},
        {"[{\"role\": \"user\", \"content\": [{\"type\": \"image\"}]}]",
         "messages[0].content[0]: expected {\"type\""},
        {"[{\"role\": \"assistant\", \"tool_calls\": [{}]}]",
         "messages[0].tool_calls[0].function: expected an object, found "
         "nothing"},
        {"[{\"role\": \"assistant\", \"tool_calls\": [{\"function\": "
         "{\"name\": \"a\", \"arguments\": \"[]\"}}]}]",
         "messages[0].tool_calls[0].function.arguments: expected a JSON "
         "object"},
        {"{\"messages\": [], \"tools\": [{\"function\": {\"name\": \"a "
         "b\"}}]}",
         "tools[0].function.name: expected"},
        {"\xff", "line 1"},
    };
    struct play play;
    moe_chat_info info = {.struct_size = sizeof info};
    REQUIRE(open_play(&play, HERMES), "%s", why.message);
    moe_chat_say(play.chat, MOE_ROLE_USER, "Hi", -1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const moe_status status = moe_chat_load(play.chat, cases[i][0], -1);
        CHECK(status == MOE_ERR_ARGUMENT || status == MOE_ERR_FORMAT);
        CHECK(strstr(moe_chat_error(play.chat), cases[i][1]) != NULL, "%s: %s",
              cases[i][0], moe_chat_error(play.chat));
        CHECK(moe_chat_describe(play.chat, &info) == MOE_OK &&
              info.n_messages == 1 && info.n_tools == 0);
    }
    CHECK_TEXT(answer(&play, "Hello."), "Hello.#1");
    close_play(&play);
}

static void wrong_tools_change_nothing(void)
{
    static const char *const cases[][3] = {
        {"[", NULL, "line 1"},
        {"{}", NULL, "tools: expected an array"},
        {"[{\"function\": {}}]", NULL, "tools[0].function.name"},
        {"[{\"function\": {\"name\": \"a\"}}, {\"function\": {\"name\": "
         "\"a\"}}]",
         NULL, "found 'a' twice"},
        {"[{\"function\": {\"name\": \"a\", \"parameters\": 1}}]", NULL,
         "tools[0].function.parameters"},
        {"[{\"function\": {\"name\": \"a\"}}]", "b", "found 'b'"},
        {NULL, "required", "there are no tools"},
        {"[{\"function\": {\"name\": \"a\", \"parameters\": {\"type\": "
         "\"object\", \"properties\": {\"x\": {\"pattern\": \"(?=a)\"}}}}}]",
         "required", "tool 'a': "},
    };
    struct play play;
    moe_chat_info info = {.struct_size = sizeof info};
    REQUIRE(open_play(&play, HERMES), "%s", why.message);
    CHECK(moe_chat_tools(play.chat, tools, -1, NULL) == MOE_OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const moe_status status =
            moe_chat_tools(play.chat, cases[i][0], -1, cases[i][1]);
        CHECK(status == MOE_ERR_ARGUMENT || status == MOE_ERR_FORMAT, "%zu: %d",
              i, status);
        CHECK(strstr(moe_chat_error(play.chat), cases[i][2]) != NULL, "%zu: %s",
              i, moe_chat_error(play.chat));
        CHECK(moe_chat_describe(play.chat, &info) == MOE_OK &&
              info.n_tools == 2);
    }
    CHECK(moe_chat_tools(play.chat, cases[7][0], -1, NULL) == MOE_OK);
    CHECK(moe_chat_describe(play.chat, &info) == MOE_OK &&
          info.n_loose_tools == 1);
    CHECK(moe_chat_tools(play.chat, NULL, 0, NULL) == MOE_OK);
    CHECK(moe_chat_describe(play.chat, &info) == MOE_OK && info.n_tools == 0);
    close_play(&play);
}

/* ------------------------------------------------------------------ prompt */

static void parts_tell_who_wrote_them(void)
{
    struct play play;
    moe_part part = {.struct_size = sizeof part};
    char text[256] = "";
    REQUIRE(open_play(&play, "<s>{% for m in messages %}[{{ m.role }}]"
                             "{{ m.content }}{% endfor %}"),
            "%s", why.message);
    moe_chat_say(play.chat, MOE_ROLE_USER, "<s>[user]", -1);
    moe_chat_say(play.chat, MOE_ROLE_ASSISTANT, "", -1);
    moe_chat_say(play.chat, MOE_ROLE_USER, "b", -1);
    int32_t i = 0;
    moe_status status;
    while ((status = moe_chat_part(play.chat, i++, &part)) == MOE_OK)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%.*s|",
                 part.is_template ? "+" : "-", (int)part.text_bytes, part.text);
    CHECK(status == MOE_ERR_NOT_FOUND, "%s", moe_chat_error(play.chat));
    CHECK_TEXT(text, "+<s>[user]|-<s>[user]|+[assistant][user]|-b|");
    close_play(&play);
}

/* A tokenizer has no answers, but it has prompts. */
static void a_vocabulary_renders(void)
{
    const moe_model_params mp = {.struct_size = sizeof mp, .is_vocab_only = 1};
    moe_model *model = NULL;
    moe_chat *chat = NULL;
    moe_event event = {.struct_size = sizeof event};
    moe_chat_info info = {.struct_size = sizeof info};
    moe_token ids[64], same[64];
    size_t n = 0, n_same = 0;
    struct play play;
    REQUIRE(moe_model_open(TINY, &mp, &model, &why) == MOE_OK &&
                moe_chat_create(model, NULL, &chat, &why) == MOE_OK &&
                open_play(&play, NULL),
            "%s", why.message);
    moe_chat_say(chat, MOE_ROLE_USER, "Hi", -1);
    moe_chat_say(play.chat, MOE_ROLE_USER, "Hi", -1);
    CHECK(moe_chat_render(chat, ids, 64, &n) == MOE_OK && n > 2);
    CHECK(moe_chat_render(play.chat, same, 64, &n_same) == MOE_OK);
    CHECK(n == n_same && memcmp(ids, same, n * sizeof *ids) == 0);
    CHECK(moe_chat_next(chat, &event) == MOE_ERR_UNSUPPORTED);
    CHECK(strstr(moe_chat_error(chat), "vocabulary") != NULL);
    CHECK(moe_chat_describe(chat, &info) == MOE_OK && info.n_ctx == 0);
    CHECK(moe_chat_sampler(chat) == NULL);
    moe_chat_cancel(chat);
    moe_chat_destroy(chat);
    moe_model_close(model);
    close_play(&play);
}

/* -------------------------------------------------------------------- fork */

static void a_fork_goes_its_own_way(void)
{
    struct play play;
    moe_chat *original, *copy = NULL;
    moe_chat_info info = {.struct_size = sizeof info};
    REQUIRE(open_play(&play, HERMES), "%s", why.message);
    original = play.chat;
    CHECK(moe_chat_tools(original, tools, -1, NULL) == MOE_OK);
    moe_chat_say(original, MOE_ROLE_USER, "Hi", -1);
    CHECK_TEXT(answer(&play, "Hello, what can I do?"),
               "Hello, what can I do?#1");
    REQUIRE(moe_chat_fork(original, &copy, &why) == MOE_OK, "%s", why.message);
    moe_chat_say(original, MOE_ROLE_USER, "Nothing", -1);
    CHECK_TEXT(answer(&play, "Well."), "Well.#1");
    const int32_t n_reused = play.last.n_reused;
    play.chat = copy;
    moe_chat_say(copy, MOE_ROLE_USER, "The time", -1);
    CHECK(strstr(answer(&play, "<tool_call>now"), "<0:now {}") != NULL, "%s",
          play.told);
    CHECK(play.last.n_reused == n_reused && n_reused > 50, "%d", n_reused);
    CHECK(moe_chat_describe(original, &info) == MOE_OK && info.n_messages == 4);
    moe_chat_destroy(original);
    CHECK(moe_chat_result(copy, NULL, "noon", -1) == MOE_OK);
    CHECK_TEXT(answer(&play, "Noon."), "Noon.#1");
    CHECK(moe_chat_describe(copy, &info) == MOE_OK && info.n_messages == 6 &&
          info.n_tools == 2);
    close_play(&play);
}

/* The format of the tiny model has no tools: they are told in words. */
static void tools_can_be_emulated(void)
{
    struct play play;
    moe_part part = {.struct_size = sizeof part};
    moe_chat_info info = {.struct_size = sizeof info};
    char text[4096] = "";
    REQUIRE(open_play(&play, NULL), "%s", why.message);
    CHECK(moe_chat_tools(play.chat, tools, -1, NULL) == MOE_OK);
    CHECK(moe_chat_describe(play.chat, &info) == MOE_OK &&
          info.has_emulated_tools);
    moe_chat_say(play.chat, MOE_ROLE_SYSTEM, "Be kind.", -1);
    moe_chat_say(play.chat, MOE_ROLE_USER, "Hi", -1);
    CHECK_TEXT(answer(&play, "```json\n{\"name\": \"now\", \"arguments\": "
                             "{}}\n```"),
               "<0:now {} = {} as call00000>#4");
    CHECK(moe_chat_result(play.chat, NULL, "noon", -1) == MOE_OK);
    for (int32_t i = 0; moe_chat_part(play.chat, i, &part) == MOE_OK; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%.*s",
                 (int)part.text_bytes, part.text);
    CHECK(strstr(text, "\"get_weather\"") != NULL &&
              strstr(text, "Be kind.") != NULL &&
              strstr(text, "{\"name\": \"now\", \"arguments\": {}}") != NULL &&
              strstr(text, "Result of now: noon") != NULL,
          "%s", text);
    CHECK_TEXT(answer(&play, "It is noon."), "It is noon.#1");
    close_play(&play);
}

static const struct test tests[] = {
    {"a_call_is_told_while_it_is_written", a_call_is_told_while_it_is_written},
    {"results_go_back_and_the_model_goes_on",
     results_go_back_and_the_model_goes_on},
    {"results_may_come_early", results_may_come_early},
    {"no_call_is_lost", no_call_is_lost},
    {"what_is_required_is_called", what_is_required_is_called},
    {"a_trigger_arms_the_grammar", a_trigger_arms_the_grammar},
    {"tools_can_be_emulated", tools_can_be_emulated},
    {"answers_can_be_bound_to_a_grammar", answers_can_be_bound_to_a_grammar},
    {"reasoning_is_free_of_the_grammar", reasoning_is_free_of_the_grammar},
    {"messages_are_json_and_back", messages_are_json_and_back},
    {"wrong_json_changes_nothing", wrong_json_changes_nothing},
    {"wrong_tools_change_nothing", wrong_tools_change_nothing},
    {"parts_tell_who_wrote_them", parts_tell_who_wrote_them},
    {"a_vocabulary_renders", a_vocabulary_renders},
    {"a_fork_goes_its_own_way", a_fork_goes_its_own_way},
};

TEST_MAIN(tests)
