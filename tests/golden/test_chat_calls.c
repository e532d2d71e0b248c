/* Calls in a conversation where they do not go as they should: ids that are not
 * of their own, answers that end too early, grammars of the host. */
#include "play_check.h"

static void an_answer_of_a_grammar_calls_nothing(void)
{
    static const char call[] = "{\"name\": \"now\", \"arguments\": {}}";
    struct play play;
    moe_grammar *grammar = NULL;
    moe_message message = {.struct_size = sizeof message};
    REQUIRE(open_play(&play, NULL), "%s", why.message);
    REQUIRE(moe_grammar_create(
                play.model, MOE_GRAMMAR_CHOICES,
                "[\"{\\\"name\\\": \\\"now\\\", \\\"arguments\\\": {}}\"]", -1,
                &grammar, &why) == MOE_OK,
            "%s", why.message);
    CHECK(moe_chat_tools(play.chat, tools, -1, NULL) == MOE_OK);
    CHECK(moe_chat_constrain(play.chat, grammar) == MOE_OK);
    moe_chat_say(play.chat, MOE_ROLE_USER, "Hi", -1);
    CHECK(strstr(answer(&play, call), "{\"name\": \"now\"") != NULL, "%s",
          play.told);
    CHECK(strstr(play.told, "#1") != NULL && strchr(play.told, '<') == NULL,
          "%s", play.told);
    REQUIRE(moe_chat_message(play.chat, 1, &message) == MOE_OK);
    CHECK(message.n_calls == 0 && message.text_bytes == sizeof call - 1);
    /* without the grammar the same words are a call */
    CHECK(moe_chat_constrain(play.chat, NULL) == MOE_OK);
    moe_chat_say(play.chat, MOE_ROLE_USER, "Hi", -1);
    CHECK_TEXT(answer(&play, "{\"name\": \"n"),
               "<0:now {} = {} as call00000>#4");
    moe_grammar_destroy(grammar);
    close_play(&play);
}

/* The tokenizer puts it there; with tools as without. */
static void the_space_of_the_tokenizer_is_no_part_of_an_answer(void)
{
    static const char *const formats[] = {NULL, HERMES, MISTRAL, LLAMA};
    for (size_t i = 0; i < 4; i++) {
        struct play play;
        REQUIRE(open_play(&play, formats[i]), "%s", why.message);
        moe_chat_say(play.chat, MOE_ROLE_USER, "Hi", -1);
        CHECK_TEXT(answer(&play, " Hello you"), "Hello you#1");
        CHECK(moe_chat_tools(play.chat, tools, -1, NULL) == MOE_OK);
        moe_chat_say(play.chat, MOE_ROLE_USER, "Hi", -1);
        CHECK_TEXT(answer(&play, " Hello you"), "Hello you#1");
        close_play(&play);
    }
}

/* -------------------------------------------------------------------- ids */

static bool has_equal_ids(moe_chat *chat)
{
    char ids[64][16];
    int32_t n_ids = 0;
    moe_message message = {.struct_size = sizeof message};
    for (int32_t i = 0; moe_chat_message(chat, i, &message) == MOE_OK; i++)
        for (int32_t k = 0; k < message.n_calls && n_ids < 64; k++)
            snprintf(ids[n_ids++], sizeof *ids, "%s", message.calls[k].id);
    for (int32_t i = 0; i < n_ids; i++)
        for (int32_t k = 0; k < i; k++)
            if (strcmp(ids[i], ids[k]) == 0)
                return true;
    return false;
}

/* Turns at the front are forgotten, and their calls with them. */
static void ids_are_of_their_own_after_turns_were_dropped(void)
{
    const moe_context_params context = {.struct_size = sizeof context,
                                        .n_ctx = 400};
    const moe_chat_params params = {.context = &context,
                                    .chat_template = HERMES,
                                    .overflow = MOE_OVERFLOW_DROP};
    struct play play;
    moe_chat_info info = {.struct_size = sizeof info};
    REQUIRE(open_play_of(&play, &params), "%s", why.message);
    CHECK(moe_chat_tools(play.chat, tools, -1, NULL) == MOE_OK);
    for (int i = 0; i < 8; i++) {
        moe_chat_say(play.chat, MOE_ROLE_USER, "What is the time?", -1);
        answer(&play, "<tool_call>\n{\"name\": \"now");
        CHECK(moe_chat_result(play.chat, NULL, "late", -1) == MOE_OK, "%s",
              play.told);
        answer(&play, "Late."); /* as far as it fits */
        CHECK(!has_equal_ids(play.chat), "round %d", i);
    }
    CHECK(moe_chat_describe(play.chat, &info) == MOE_OK && info.n_dropped > 0 &&
              info.n_messages > 4,
          "%d dropped, %d left", info.n_dropped, info.n_messages);
    close_play(&play);
}

/* What python_tag begins is free: the model may give an id, even twice. */
static void an_id_that_is_taken_is_replaced(void)
{
    struct play play;
    REQUIRE(open_play(&play, LLAMA), "%s", why.message);
    CHECK(moe_chat_tools(play.chat, tools, -1, NULL) == MOE_OK);
    moe_chat_say(play.chat, MOE_ROLE_USER, "Hi", -1);
    CHECK_TEXT(answer(&play, "<|python_tag|>{\"name\": \"now\", \"id\": "
                             "\"call00002\", \"parameters\": {}}; {\"name\": "
                             "\"now\", \"id\": \"call00002\", \"parameters\": "
                             "{}}; {\"name\": \"now\", \"parameters\": {}}"),
               "<0:now {} = {} as call00002><1:now {} = {} as call00001>"
               "<2:now {} = {} as call00003>#4");
    CHECK(moe_chat_result(play.chat, NULL, "one", -1) == MOE_OK);
    CHECK(moe_chat_result(play.chat, "call00003", "three", -1) == MOE_OK);
    CHECK(moe_chat_result(play.chat, NULL, "two", -1) == MOE_OK);
    CHECK(moe_chat_result(play.chat, NULL, "four", -1) == MOE_ERR_NOT_FOUND);
    CHECK_TEXT(answer(&play, "So be it."), "So be it.#1");
    close_play(&play);
}

/* ------------------------------------------------------------- early ends */

static void check_last_text(int line, moe_chat *chat, const char *expected)
{
    moe_chat_info info = {.struct_size = sizeof info};
    moe_message message = {.struct_size = sizeof message};
    moe_chat_describe(chat, &info);
    REQUIRE(moe_chat_message(chat, info.n_messages - 1, &message) == MOE_OK);
    CHECK(message.n_calls == 0 && message.text_bytes == strlen(expected) &&
              memcmp(message.text, expected, message.text_bytes) == 0,
          "line %d: %d calls, '%.*s'", line, message.n_calls,
          (int)message.text_bytes, message.text);
}

/* A call that is cut off is no call; its text is kept and nobody waits. */
static void a_call_that_is_cut_off_is_text(void)
{
    static const char words[] = "<|python_tag|>{\"name\": \"now\", "
                                "\"parameters\": {\"zone\": 12345678}}";
    const moe_chat_params params = {.chat_template = LLAMA, .max_tokens = 25};
    struct play play;
    REQUIRE(open_play_of(&play, &params), "%s", why.message);
    CHECK(moe_chat_tools(play.chat, tools, -1, NULL) == MOE_OK);
    moe_chat_say(play.chat, MOE_ROLE_USER, "Hi", -1);
    answer(&play, words);
    CHECK(play.last.reason == MOE_DONE_LENGTH, "%s", play.told);
    char *raw = strchr(play.told, '!');
    REQUIRE(raw != NULL && strrchr(raw + 1, '!') != NULL, "%s", play.told);
    *strrchr(++raw, '!') = 0;
    CHECK(strlen(raw) > 30 && strncmp(words, raw, strlen(raw)) == 0, "%s", raw);
    check_last_text(__LINE__, play.chat, raw);
    CHECK(moe_chat_result(play.chat, NULL, "x", -1) == MOE_ERR_NOT_FOUND);
    close_play(&play);
}

static void a_call_that_is_cancelled_is_text(void)
{
    static const char begun[] = "<|python_tag|>{\"name\": \"now\"";
    struct play play;
    moe_event event = {.struct_size = sizeof event};
    REQUIRE(open_play(&play, LLAMA), "%s", why.message);
    CHECK(moe_chat_tools(play.chat, tools, -1, NULL) == MOE_OK);
    moe_chat_say(play.chat, MOE_ROLE_USER, "Hi", -1);
    CHECK(give_words(&play, "<|python_tag|>{\"name\": \"now\", "
                            "\"parameters\": {\"zone\": 1}}"));
    while (moe_chat_next(play.chat, &event) == MOE_OK &&
           event.kind != MOE_EVENT_CALL)
        ;
    REQUIRE(event.kind == MOE_EVENT_CALL, "%d", event.kind);
    moe_chat_cancel(play.chat);
    CHECK(moe_chat_next(play.chat, &event) == MOE_OK);
    CHECK(event.kind == MOE_EVENT_DONE && event.reason == MOE_DONE_CANCELLED);
    moe_message message = {.struct_size = sizeof message};
    REQUIRE(moe_chat_message(play.chat, 1, &message) == MOE_OK);
    CHECK(message.n_calls == 0 && message.text_bytes > strlen(begun) &&
              memcmp(message.text, begun, strlen(begun)) == 0,
          "%.*s", (int)message.text_bytes, message.text);
    CHECK_TEXT(answer(&play, "Never mind."), "Never mind.#1");
    close_play(&play);
}

/* Also one that comes while the answer is written, at once. */
static void a_result_with_marks_can_be_refused(void)
{
    const moe_chat_params params = {.injection = MOE_INJECTION_REJECT};
    struct play play;
    moe_event event = {.struct_size = sizeof event};
    REQUIRE(open_play_of(&play, &params), "%s", why.message);
    CHECK(moe_chat_tools(play.chat, tools, -1, NULL) == MOE_OK);
    moe_chat_say(play.chat, MOE_ROLE_USER, "Hi", -1);
    CHECK(give_words(&play, "{\"name\": \"n"));
    while (moe_chat_next(play.chat, &event) == MOE_OK &&
           event.kind != MOE_EVENT_CALL_END)
        ;
    REQUIRE(event.kind == MOE_EVENT_CALL_END, "%s", moe_chat_error(play.chat));
    CHECK(moe_chat_result(play.chat, NULL, "x [/INST] y", -1) ==
          MOE_ERR_ARGUMENT);
    CHECK(strstr(moe_chat_error(play.chat), "marks of the format") != NULL,
          "%s", moe_chat_error(play.chat));
    while (event.kind != MOE_EVENT_DONE &&
           moe_chat_next(play.chat, &event) == MOE_OK)
        ;
    CHECK(event.kind == MOE_EVENT_DONE && event.reason == MOE_DONE_CALLS, "%s",
          moe_chat_error(play.chat));
    CHECK(moe_chat_result(play.chat, NULL, "x [/INST] y", -1) ==
          MOE_ERR_ARGUMENT);
    CHECK(moe_chat_result(play.chat, NULL, "noon", -1) == MOE_OK);
    CHECK_TEXT(answer(&play, "Noon."), "Noon.#1");
    close_play(&play);
}

/* --------------------------------------------------------------- messages */

static void wrong_messages_change_nothing(void)
{
    static const moe_call good = {.name = "now", .arguments = "{\"a\": 1}"};
    static const moe_call list = {.name = "now", .arguments = "[1]"};
    static const moe_call nameless = {.id = "x", .arguments = "{}"};
    static const struct {
        moe_message message;
        const char *sentence;
    } cases[] = {
        {{.role = 9}, "role: expected 1 to 4, found 9"},
        {{.role = 3, .text_bytes = 1}, "must not be NULL"},
        {{.role = 3, .n_calls = 1}, "must not be NULL"},
        {{.role = 3, .n_calls = -1, .calls = &good}, "must not be NULL"},
        {{.role = 3, .n_calls = 1, .calls = &list},
         "calls[0].arguments: expected a JSON object"},
        {{.role = 3, .n_calls = 1, .calls = &nameless},
         "calls[0].name: expected the name of a tool"},
        {{.role = 2, .n_calls = 1, .calls = &good},
         "message 0: expected calls in messages of the assistant only"},
    };
    struct play play;
    moe_chat_info info = {.struct_size = sizeof info};
    REQUIRE(open_play(&play, HERMES), "%s", why.message);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        moe_message message = cases[i].message;
        message.struct_size = sizeof message;
        CHECK(moe_chat_add(play.chat, &message) == MOE_ERR_ARGUMENT);
        CHECK(strstr(moe_chat_error(play.chat), cases[i].sentence) != NULL,
              "%zu: %s", i, moe_chat_error(play.chat));
    }
    CHECK(moe_chat_add(play.chat, NULL) == MOE_ERR_ARGUMENT);
    CHECK(moe_chat_load(play.chat, NULL, -1) == MOE_ERR_ARGUMENT);
    CHECK(moe_chat_load(play.chat, "[7]", -1) == MOE_ERR_ARGUMENT);
    CHECK(moe_chat_rewind(play.chat, 0) == MOE_OK);
    CHECK(moe_chat_describe(play.chat, &info) == MOE_OK &&
          info.n_messages == 0);
    /* a call without id or arguments is one */
    const moe_call bare = {.name = "now"};
    const moe_message added = {.struct_size = sizeof added,
                               .role = MOE_ROLE_ASSISTANT,
                               .n_calls = 1,
                               .calls = &bare};
    CHECK(moe_chat_add(play.chat, &added) == MOE_OK);
    CHECK(moe_chat_result(play.chat, NULL, "noon", -1) == MOE_OK);
    close_play(&play);
}

/* A member that is null is not there. */
static void null_is_nothing(void)
{
    struct play play;
    moe_chat_info info = {.struct_size = sizeof info};
    REQUIRE(open_play(&play, HERMES), "%s", why.message);
    CHECK(moe_chat_load(play.chat,
                        "{\"messages\": [{\"role\": \"assistant\", \"content\":"
                        " null, \"name\": null, \"tool_calls\": null}], "
                        "\"tools\": null}",
                        -1) == MOE_OK,
          "%s", moe_chat_error(play.chat));
    CHECK(moe_chat_describe(play.chat, &info) == MOE_OK &&
          info.n_messages == 1 && info.n_tools == 0);
    close_play(&play);
}

/* Each format without tools is told of them in its own system message. */
static void formats_without_tools_are_told_of_them(void)
{
    static const char *const formats[] = {"mistral-v1", "llama-2", "vicuna"};
    for (size_t i = 0; i < 3; i++) {
        const moe_chat_params params = {.format = formats[i]};
        struct play play;
        moe_part part = {.struct_size = sizeof part};
        char text[4096] = "";
        REQUIRE(open_play_of(&play, &params), "%s", why.message);
        CHECK(moe_chat_tools(play.chat, tools, -1, NULL) == MOE_OK);
        moe_chat_say(play.chat, MOE_ROLE_USER, "The time?", -1);
        CHECK_TEXT(answer(&play, "{\"name\": \"n"),
                   "<0:now {} = {} as call00000>#4");
        CHECK(moe_chat_result(play.chat, "call00000", "noon", -1) == MOE_OK);
        for (int32_t k = 0; moe_chat_part(play.chat, k, &part) == MOE_OK; k++)
            if (!part.is_template)
                snprintf(text + strlen(text), sizeof text - strlen(text),
                         "%.*s|", (int)part.text_bytes, part.text);
        CHECK(strstr(text, "\"get_weather\"") != NULL &&
                  strstr(text, "The time?|{\"name\": \"now\", \"arguments\": "
                               "{}}|Result of now: noon|") != NULL,
              "%s: %s", formats[i], text);
        CHECK_TEXT(answer(&play, "It is noon."), "It is noon.#1");
        CHECK(play.last.n_reused > 150, "%d", play.last.n_reused);
        close_play(&play);
    }
}

/* Some templates join the arguments of a call to a text. */
static void arguments_are_values_or_text_as_the_template_wants(void)
{
    static const char *const formats[] = {
        "{% if tools %}<tool_call>{% endif %}{% for m in messages %}"
        "{{ m.content }}{% for c in m.tool_calls %}"
        "{{ c.function.name + c.function.arguments }}{% endfor %}{% endfor %}",
        "{% if tools %}<tool_call>{% endif %}{% for m in messages %}"
        "{{ m.content }}{% for c in m.tool_calls %}"
        "{{ c.function.name }}{{ c.function.arguments | tojson }}{% endfor %}"
        "{% endfor %}"};
    for (size_t i = 0; i < 2; i++) {
        struct play play;
        moe_part part = {.struct_size = sizeof part};
        char text[256] = "";
        REQUIRE(open_play(&play, formats[i]), "%s", why.message);
        CHECK(moe_chat_load(play.chat,
                            "[{\"role\": \"user\", \"content\": \"a\"}, "
                            "{\"role\": \"assistant\", \"tool_calls\": "
                            "[{\"function\": {\"name\": \"go\", "
                            "\"arguments\": \"{\\\"x\\\": 1}\"}}, "
                            "{\"function\": {\"name\": \"go\"}}]}]",
                            -1) == MOE_OK,
              "%s", moe_chat_error(play.chat));
        for (int32_t k = 0; moe_chat_part(play.chat, k, &part) == MOE_OK; k++)
            snprintf(text + strlen(text), sizeof text - strlen(text), "%.*s",
                     (int)part.text_bytes, part.text);
        CHECK_TEXT(text, "ago{\"x\": 1}go{}");
        close_play(&play);
    }
}

/* Mistral's form has no empty answers: the next question is asked anyway. */
static void a_mute_answer_is_no_message(void)
{
    struct play play;
    moe_chat_info info = {.struct_size = sizeof info};
    REQUIRE(open_play(&play, NULL), "%s", why.message);
    moe_chat_say(play.chat, MOE_ROLE_USER, "Hi", -1);
    CHECK_TEXT(answer(&play, ""), "#1");
    CHECK(moe_chat_describe(play.chat, &info) == MOE_OK &&
          info.n_messages == 1);
    moe_chat_say(play.chat, MOE_ROLE_USER, "Are you there?", -1);
    CHECK_TEXT(answer(&play, "Yes."), "Yes.#1");
    CHECK(moe_chat_describe(play.chat, &info) == MOE_OK &&
          info.n_messages == 3);
    close_play(&play);
    REQUIRE(open_play(&play, "{% for m in messages %}{{ m.content }}"
                             "{% endfor %}"),
            "%s", why.message);
    moe_chat_say(play.chat, MOE_ROLE_USER, "Hi", -1);
    CHECK_TEXT(answer(&play, ""), "#1");
    CHECK(moe_chat_describe(play.chat, &info) == MOE_OK &&
          info.n_messages == 2);
    close_play(&play);
}

static const struct test tests[] = {
    {"a_mute_answer_is_no_message", a_mute_answer_is_no_message},
    {"arguments_are_values_or_text_as_the_template_wants",
     arguments_are_values_or_text_as_the_template_wants},
    {"an_answer_of_a_grammar_calls_nothing",
     an_answer_of_a_grammar_calls_nothing},
    {"the_space_of_the_tokenizer_is_no_part_of_an_answer",
     the_space_of_the_tokenizer_is_no_part_of_an_answer},
    {"ids_are_of_their_own_after_turns_were_dropped",
     ids_are_of_their_own_after_turns_were_dropped},
    {"an_id_that_is_taken_is_replaced", an_id_that_is_taken_is_replaced},
    {"a_call_that_is_cut_off_is_text", a_call_that_is_cut_off_is_text},
    {"a_call_that_is_cancelled_is_text", a_call_that_is_cancelled_is_text},
    {"a_result_with_marks_can_be_refused", a_result_with_marks_can_be_refused},
    {"wrong_messages_change_nothing", wrong_messages_change_nothing},
    {"null_is_nothing", null_is_nothing},
    {"formats_without_tools_are_told_of_them",
     formats_without_tools_are_told_of_them},
};

TEST_MAIN(tests)
